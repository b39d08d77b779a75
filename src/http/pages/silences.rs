//! Silences: what is known for a while and calls nobody.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::words::{At, Count, Teller};
use crate::domain::matcher::Wanted;
use crate::domain::request::{self, SilenceAsked};
use crate::domain::silence::Silence;
use crate::engine::{Arrangement, arrangement_id};
use crate::http::Shared;

#[derive(Template)]
#[template(path = "silences.html", config = "src/http/pages/askama.toml")]
struct SilencesPage {
    frame: Frame,
    silences: Vec<Shown>,
    services: Vec<String>,
}

struct Shown {
    id: String,
    what: String,
    reason: String,
    author: String,
    from: At,
    to: At,
    left: Count,
    has_begun: bool,
}

/// Form of `POST /silences`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    service: String,
    #[serde(default)]
    key: String,
    #[serde(default)]
    summary: String,
    #[serde(rename = "for")]
    length: String,
    reason: String,
    #[serde(default)]
    everything: Option<String>,
}

/// `GET /silences`.
pub(super) async fn list(State(app): State<Arc<Shared>>, viewer: Viewer) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/silences").await?;
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let shown = |silence: Silence| Shown {
        what: silence.matcher.wanted().to_string(),
        from: teller.at(silence.starts_at),
        to: teller.at(silence.ends_at),
        left: teller.until(silence.ends_at),
        has_begun: silence.starts_at <= frame.now,
        id: silence.id,
        reason: silence.reason,
        author: silence.author,
    };
    let silences = app.engine.store().silences_since(frame.now).await?.into_iter().map(shown).collect();
    let services = app.engine.definitions().rulebook.services.iter().map(|service| service.name.clone()).collect();
    Ok(page(&SilencesPage { frame, silences, services }))
}

/// `POST /silences`: some incidents are known for a while.
pub(super) async fn add(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Form(form): Form<Asked>,
) -> Result<Response, Fault> {
    let now = app.engine.clock().now();
    let back = |fault: Fault| fault.back("/silences");
    let given = |text: String| Some(text).filter(|text| !text.trim().is_empty());
    let length = request::length(&form.length).map_err(|refused| back(refused.into()))?;
    let asked = SilenceAsked {
        wanted: Wanted {
            service: given(form.service),
            key: given(form.key),
            summary: given(form.summary),
            severity: None,
        },
        everything: form.everything.is_some(),
        starts_at: now,
        ends_at: now.checked_add(length).unwrap_or(Timestamp::MAX),
        reason: form.reason,
    };
    let silence = asked.checked(&app.engine.definitions(), &arrangement_id(), viewer.actor().name(), now);
    let silence = silence.map_err(|refused| back(refused.into()))?;
    app.engine.arrange(Arrangement::Silence(Box::new(silence)), &viewer.actor()).await?;
    Ok(Redirect::to("/silences").into_response())
}

/// `POST /silences/{id}/end`: what is still open pages now.
pub(super) async fn end(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id && app.engine.arrange(Arrangement::EndSilence(id), &viewer.actor()).await? {
        return Ok(Redirect::to("/silences").into_response());
    }
    Err(Fault::missing("This silence is over already.").back("/silences"))
}
