//! Sessions: where people have signed in, and ending that. A token is nobody, so it takes one that may do everything.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::{Path, Query};
use super::{App, looked_for, slice, sortable};
use crate::http::Error;
use crate::http::auth::Caller;
use crate::http::view::access::{EndedView, SessionView, SessionsView};

/// Query of `GET /sessions`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SessionsQuery {
    /// Only of this person.
    user: Option<String>,
    /// Rows of a page: 1 to 500.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, example = 50)]
    limit: Option<String>,
    /// The next_cursor of the page before.
    cursor: Option<String>,
}

/// Where people have signed in: the 1,000 used last
#[utoipa::path(get, path = "/sessions", tag = "access", params(SessionsQuery),
    responses((status = 200, body = SessionsView)))]
pub async fn sessions(
    State(app): App,
    _: Caller,
    Query(query): Query<SessionsQuery>,
) -> Result<Json<SessionsView>, Error> {
    let user = looked_for("user", query.user)?;
    let known = app.engine.store().sessions(user.as_deref(), app.engine.clock().now()).await?;
    let known: Vec<SessionView> = known.into_iter().map(SessionView::from).collect();
    let key = |row: &SessionView| format!("{}\n{}/{}", row.user, sortable(row.created_at.as_millisecond()), row.id);
    let (sessions, next_cursor) = slice(known, (query.limit, query.cursor), key)?;
    Ok(Json(SessionsView { sessions, next_cursor }))
}

/// End a session: its browser has to sign in anew
#[utoipa::path(delete, path = "/sessions/{id}", tag = "access", params(("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is over")))]
pub async fn end(State(app): App, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Error> {
    let now = app.engine.clock().now();
    let ended = app.engine.store().end_session(&id, None, &caller.actor(), now).await?;
    ended.map(|_| StatusCode::NO_CONTENT).ok_or_else(|| Error::NotFound(format!("no session {id:?} lasts")))
}

/// End all sessions of a person
#[utoipa::path(delete, path = "/people/{name}/sessions", tag = "access",
    params(("name" = String, Path, description = "Whose")), responses((status = 200, body = EndedView)))]
pub async fn end_all(State(app): App, caller: Caller, Path(name): Path<String>) -> Result<Json<EndedView>, Error> {
    let now = app.engine.clock().now();
    let ended = app.engine.store().end_sessions(&name, None, &caller.actor(), now).await?;
    Ok(Json(EndedView { ended }))
}
