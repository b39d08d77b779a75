//! Mails: listed, shown, printed as they came, judged again.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, LIMIT_MAX, Queried, actor, bad_cursor, given, limit, page, queried};
use crate::http::Error;
use crate::http::auth::Caller;
use crate::http::view::{AlertView, MailView, SenderView, UnmatchedView};

/// Query of `GET /mails`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailsQuery {
    limit: Option<String>,
    cursor: Option<String>,
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
    let actor = actor(&caller);
    let done = if is_mail_id(&id) { app.engine.reprocess(&id, &actor).await? } else { None };
    let alerts: Vec<AlertView> = done.ok_or_else(|| no_mail(&id))?.into_iter().map(AlertView::from).collect();
    Ok(Json(json!({ "alerts": alerts })))
}

/// `GET /quarantined`: mails of which something is kept aside because of its sender, newest first.
pub async fn quarantined(State(app): App, _: Caller) -> Result<Json<Value>, Error> {
    let found = app.engine.store().quarantined(LIMIT_MAX).await?;
    let mails: Vec<MailView> = found.into_iter().map(|(mail, alerts)| MailView::listed(mail, alerts)).collect();
    Ok(Json(json!({ "mails": mails })))
}

/// `POST /mails/{id}/release`: lets it act although its sender is not listed.
pub async fn release(State(app): App, caller: Caller, Path(id): Path<String>) -> Result<Json<Value>, Error> {
    let actor = actor(&caller);
    let done = if is_mail_id(&id) { app.engine.release(&id, &actor).await? } else { None };
    let alerts: Vec<AlertView> = done.ok_or_else(|| no_mail(&id))?.into_iter().map(AlertView::from).collect();
    Ok(Json(json!({ "alerts": alerts })))
}

/// `GET /unmatched`: who sends mail that no rule knows, most first.
pub async fn unmatched(State(app): App, _: Caller) -> Result<Json<Value>, Error> {
    let found = app.engine.store().unmatched(Timestamp::UNIX_EPOCH, LIMIT_MAX).await?;
    let senders: Vec<UnmatchedView> = found.into_iter().map(UnmatchedView::from).collect();
    Ok(Json(json!({ "senders": senders })))
}

/// Query of `GET /senders`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendersQuery {
    service: Option<String>,
}

/// `GET /senders`: who writes to which service, the one not heard of for longest first.
pub async fn senders(State(app): App, _: Caller, query: Queried<SendersQuery>) -> Result<Json<Value>, Error> {
    let service = given(queried(query)?.service);
    let found = app.engine.store().senders(service.as_deref(), LIMIT_MAX).await?;
    let senders: Vec<SenderView> = found.into_iter().map(SenderView::from).collect();
    Ok(Json(json!({ "senders": senders })))
}

fn is_mail_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn no_mail(id: &str) -> Error {
    Error::NotFound(format!("there is no mail {id:?}"))
}
