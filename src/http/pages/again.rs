//! Sending a mail through the rules again: first what that would do, then the button.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::mail::no_mail;
use crate::engine::Foreseen;
use crate::http::{Shared, is_mail_id};

/// Query of `GET /mails/{mail}/again`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    /// Anything: although its sender is not listed.
    release: Option<String>,
}

#[derive(Template)]
#[template(path = "again.html", config = "src/http/pages/askama.toml")]
struct AgainPage {
    frame: Frame,
    id: String,
    subject: String,
    is_release: bool,
    foreseen: Vec<Foreseen>,
}

/// `GET /mails/{mail}/again`: what it would do. Releasing is for those who may.
pub(super) async fn show(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/mails").await?;
    let is_release = asked.release.is_some() && frame.may_overrule();
    let found = if is_mail_id(&id) { app.engine.store().mail(&id).await? } else { None };
    let (mail, _) = found.ok_or_else(no_mail)?;
    let (foreseen, _) = app.engine.foresee(&id, is_release).await?.ok_or_else(no_mail)?;
    Ok(page(&AgainPage { frame, id, subject: mail.subject, is_release, foreseen }))
}

/// `POST /mails/{mail}/judge`: judged again with the definitions in force, and it acts.
pub(super) async fn judge(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let done = if is_mail_id(&id) { app.engine.reprocess(&id, &viewer.actor()).await? } else { None };
    done.ok_or_else(no_mail)?;
    Ok(Redirect::to(&format!("/mails/{id}")).into_response())
}

/// `POST /mails/{mail}/release`: it acts although its sender is not listed.
pub(super) async fn release(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let done = if is_mail_id(&id) { app.engine.release(&id, &viewer.actor()).await? } else { None };
    done.ok_or_else(no_mail)?;
    Ok(Redirect::to(&format!("/mails/{id}")).into_response())
}
