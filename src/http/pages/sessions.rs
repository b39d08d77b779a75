//! Sessions: where somebody has signed in, and how to end that. Admins see everybody's.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Redirect, Response};

use super::access::{self, Viewer};
use super::escaped;
use super::frame::{Fault, Frame, page};
use super::words::{At, Teller};
use crate::domain::role::Role;
use crate::http::Shared;
use crate::store::access::Session;

#[derive(Template)]
#[template(path = "sessions.html", config = "src/http/pages/askama.toml")]
struct SessionsPage {
    frame: Frame,
    mine: Vec<Shown>,
    /// Other people's, by person; for admins.
    others: Vec<(String, String, Vec<Shown>)>,
}

struct Shown {
    id: String,
    way: String,
    agent: String,
    origin: String,
    since: At,
    seen: At,
    seen_origin: String,
    ends: At,
    is_this: bool,
}

/// `GET /sessions`.
pub(super) async fn show(State(app): State<Arc<Shared>>, viewer: Viewer) -> Result<Response, Fault> {
    let frame = Frame { stamp: String::new(), ..Frame::of(&app, &viewer, "/sessions").await? };
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let is_admin = viewer.role >= Role::Admin;
    let whose = if is_admin { None } else { Some(viewer.name.as_str()) };
    let mut mine = Vec::new();
    let mut others: Vec<(String, String, Vec<Shown>)> = Vec::new();
    let mut known = app.engine.store().sessions(whose, frame.now).await?;
    // Steady: each person's by their last use.
    known.sort_by(|a, b| a.user.cmp(&b.user));
    for session in known {
        let shown = Shown::of(&session, &viewer, &teller);
        if session.user == viewer.name {
            mine.push(shown);
        } else if let Some((_, _, theirs)) = others.last_mut().filter(|(user, ..)| *user == session.user) {
            theirs.push(shown);
        } else {
            others.push((session.user.clone(), escaped(&session.user).replace('+', "%20"), vec![shown]));
        }
    }
    Ok(page(&SessionsPage { frame, mine, others }))
}

/// `POST /sessions/{id}/end`: one of one's own; an admin may end anybody's.
pub(super) async fn end(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let of = if viewer.role >= Role::Admin { None } else { Some(viewer.name.as_str()) };
    let now = app.engine.clock().now();
    let ended = app.engine.store().end_session(&id, of, &viewer.actor(), now).await?;
    ended.ok_or_else(|| Fault::missing("This session is over already.").back("/sessions"))?;
    if viewer.session.starts_with(&id) {
        return Ok(([(header::SET_COOKIE, access::no_session(&app))], Redirect::to("/sign-in")).into_response());
    }
    Ok(Redirect::to("/sessions").into_response())
}

/// `POST /sessions/others/end`: all of one's own but this one.
pub(super) async fn end_others(State(app): State<Arc<Shared>>, viewer: Viewer) -> Result<Response, Fault> {
    let now = app.engine.clock().now();
    app.engine.store().end_sessions(&viewer.name, Some(&viewer.session), &viewer.actor(), now).await?;
    Ok(Redirect::to("/sessions").into_response())
}

/// `POST /people/{person}/sessions/end`: all of somebody's; one's own stays.
pub(super) async fn end_all(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(person): Path<String>,
) -> Result<Response, Fault> {
    let now = app.engine.clock().now();
    app.engine.store().end_sessions(&person, Some(&viewer.session), &viewer.actor(), now).await?;
    Ok(Redirect::to("/sessions").into_response())
}

impl Shown {
    fn of(session: &Session, viewer: &Viewer, teller: &Teller) -> Self {
        let known = |text: &str| if text.is_empty() { "not known".to_owned() } else { text.to_owned() };
        Self {
            id: session.id().to_owned(),
            way: known(&session.way),
            agent: known(&session.agent),
            origin: known(&session.origin),
            since: teller.at(session.created_at),
            seen: teller.at(session.seen_at.max(session.created_at)),
            seen_origin: known(&session.seen_origin),
            ends: teller.at(session.expires_at),
            is_this: session.hash == viewer.session,
        }
    }
}
