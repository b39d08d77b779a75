//! `/api/v1`: incidents and mails for scripts. Every handler takes a [`Caller`]: no token, no data.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::auth::Caller;
use super::view::{AlertView, IncidentView, MailView, UnmatchedView};
use super::{Error, Shared};
use crate::domain::incident::{Cause, Event, Status};
use crate::store::incident::Filter;

/// Rows of a list, unless the caller asks for fewer or more.
const LIMIT_DEFAULT: i64 = 50;

/// Most rows of a list.
const LIMIT_MAX: i64 = 500;

/// Query of `GET /incidents`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentsQuery {
    status: Option<String>,
    service: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Query of `GET /mails`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailsQuery {
    limit: Option<String>,
    cursor: Option<String>,
}

type App = State<Arc<Shared>>;
type Queried<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

/// `GET /incidents`: newest first.
pub async fn incidents(State(app): App, _: Caller, query: Queried<IncidentsQuery>) -> Result<Json<Value>, Error> {
    let query = queried(query)?;
    let limit = limit(given(query.limit))?;
    let words = query.status.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|word| !word.is_empty());
    let statuses = words
        .map(|word| word.parse::<Status>().map_err(|_| unknown_status(word)))
        .collect::<Result<Vec<Status>, Error>>()?;
    let service = given(query.service);
    if service.as_ref().is_some_and(|service| service.contains('\0')) {
        return Err(Error::BadRequest("no service has such a name".to_owned()));
    }
    let before = given(query.cursor).map(|cursor| cursor.parse().map_err(|_| bad_cursor())).transpose()?;
    let filter = Filter { statuses, service, before, limit: limit + 1 };
    let found = app.engine.store().incidents(&filter).await?;
    let (found, next_cursor) = page(found, limit, |last| last.number.to_string());
    let incidents: Vec<IncidentView> = found.into_iter().map(IncidentView::from).collect();
    Ok(Json(json!({ "incidents": incidents, "next_cursor": next_cursor })))
}

/// `GET /incidents/{number}`: with its timeline.
pub async fn incident(State(app): App, _: Caller, Path(number): Path<String>) -> Result<Json<IncidentView>, Error> {
    shown(&app, parse_number(&number)?).await.map(Json)
}

/// `POST /incidents/{number}/acknowledge`.
pub async fn acknowledge(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
) -> Result<Json<IncidentView>, Error> {
    act(&app, &caller, &number, Event::Acknowledged { origin_at: None }).await
}

/// `POST /incidents/{number}/resolve`.
pub async fn resolve(State(app): App, caller: Caller, Path(number): Path<String>) -> Result<Json<IncidentView>, Error> {
    act(&app, &caller, &number, Event::Resolved { origin_at: None }).await
}

/// `GET /mails`: newest first.
pub async fn mails(State(app): App, _: Caller, query: Queried<MailsQuery>) -> Result<Json<Value>, Error> {
    let query = queried(query)?;
    let limit = limit(given(query.limit))?;
    let cursor = given(query.cursor);
    if cursor.as_deref().is_some_and(|cursor| !is_mail_id(cursor)) {
        return Err(bad_cursor());
    }
    let found = app.engine.store().mails(cursor.as_deref(), limit + 1).await?;
    let (found, next_cursor) = page(found, limit, |(last, _)| last.id.clone());
    let mails: Vec<MailView> = found.into_iter().map(|(mail, alerts)| MailView::listed(mail, alerts)).collect();
    Ok(Json(json!({ "mails": mails, "next_cursor": next_cursor })))
}

/// `GET /mails/{id}`: with the decision trace.
pub async fn mail(State(app): App, _: Caller, Path(id): Path<String>) -> Result<Json<MailView>, Error> {
    let found = if is_mail_id(&id) { app.engine.store().mail(&id).await? } else { None };
    let (mail, alerts) = found.ok_or_else(|| no_mail(&id))?;
    Ok(Json(MailView::detailed(mail, alerts)))
}

/// `GET /mails/{id}/raw`: the bytes exactly as they came. As a download that no browser interprets.
pub async fn mail_raw(State(app): App, _: Caller, Path(id): Path<String>) -> Result<Response, Error> {
    let found = if is_mail_id(&id) { app.engine.store().mail_raw(&id).await? } else { None };
    let raw = found.ok_or_else(|| no_mail(&id))?;
    let headers = [
        (header::CONTENT_TYPE, "message/rfc822"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mail.eml\""),
    ];
    Ok((headers, raw).into_response())
}

/// `POST /mails/{id}/reprocess`: judges it again with the definitions in force and lets it act.
pub async fn reprocess(State(app): App, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    let actor = format!("token {}", caller.name);
    let done = if is_mail_id(&id) { app.engine.reprocess(&id, &actor).await? } else { None };
    let alerts: Vec<AlertView> = done.ok_or_else(|| no_mail(&id))?.into_iter().map(AlertView::from).collect();
    Ok(Json(json!({ "alerts": alerts })))
}

/// `GET /unmatched`: who sends mail that no rule knows, most first.
pub async fn unmatched(State(app): App, _: Caller) -> Result<Json<Value>, Error> {
    let found = app.engine.store().unmatched(Timestamp::UNIX_EPOCH, LIMIT_MAX).await?;
    let senders: Vec<UnmatchedView> = found.into_iter().map(UnmatchedView::from).collect();
    Ok(Json(json!({ "senders": senders })))
}

async fn act(app: &Shared, caller: &Caller, number: &str, event: Event) -> Result<Json<IncidentView>, Error> {
    let number = parse_number(number)?;
    let resolving = matches!(event, Event::Resolved { .. });
    let cause = Cause { actor: format!("token {}", caller.name), mail_id: None };
    let handled = app.engine.handle(number, event, cause).await?.ok_or_else(|| no_incident(number))?;
    if !resolving && handled.incident.status == Status::Resolved {
        return Err(Error::Conflict(format!("incident #{number} is resolved already")));
    }
    shown(app, number).await.map(Json)
}

async fn shown(app: &Shared, number: i64) -> Result<IncidentView, Error> {
    let store = app.engine.store();
    let incident = store.incident(number).await?.ok_or_else(|| no_incident(number))?;
    Ok(IncidentView::from(incident).with_timeline(store.timeline(number).await?))
}

fn queried<T>(query: Queried<T>) -> Result<T, Error> {
    query.map(|Query(query)| query).map_err(|rejection| Error::BadRequest(rejection.body_text()))
}

/// A parameter that is there but empty is not given.
fn given(parameter: Option<String>) -> Option<String> {
    parameter.filter(|text| !text.is_empty())
}

fn limit(limit: Option<String>) -> Result<i64, Error> {
    let Some(text) = limit else { return Ok(LIMIT_DEFAULT) };
    let number = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    number.ok_or_else(|| Error::BadRequest(format!("limit must be 1 to {LIMIT_MAX}")))
}

/// Of one row more than asked for: the rows, and where the next page begins if there is one.
fn page<T>(mut found: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_cursor = found.last().filter(|_| more).map(cursor);
    (found, next_cursor)
}

fn bad_cursor() -> Error {
    Error::BadRequest("cursor must be a next_cursor given before".to_owned())
}

fn is_mail_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn parse_number(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|_| Error::NotFound(format!("{text:?} is not an incident number")))
}

fn unknown_status(word: &str) -> Error {
    Error::BadRequest(format!("unknown status {word:?}; known are triggered, acknowledged, resolved"))
}

fn no_incident(number: i64) -> Error {
    Error::NotFound(format!("there is no incident #{number}"))
}

fn no_mail(id: &str) -> Error {
    Error::NotFound(format!("there is no mail {id:?}"))
}
