//! Incidents: listed, shown, and acted on by people's scripts.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::asked::{Asked, Number, unless_known};
use super::extract::{Body, MaybeBody, NoBody, Query};
use super::{App, bad_cursor, end, given, instant_given, limit, looked_for, text_looked_for};
use crate::domain::act::Act;
use crate::domain::alert::Severity;
use crate::domain::incident::Status;
use crate::engine::act::NotDone;
use crate::http::Error;
use crate::http::auth::Caller;
use crate::http::pages::report_of;
use crate::http::view::IncidentView;
use crate::http::view::lists::{CallView, CallsView, EvidenceView, EvidencesView, IncidentsView};
use crate::store::board::Past;
use crate::store::incident::Filter;

/// Notifications of an incident that are told, of the newest pages.
const CALLS_MAX: i64 = 500;

/// Query of `GET /incidents`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentsQuery {
    /// triggered, acknowledged, resolved; several with commas.
    #[param(example = "triggered,acknowledged")]
    status: Option<String>,
    /// Only of this service.
    service: Option<String>,
    /// Only of this severity: critical, error, warning or info.
    severity: Option<String>,
    /// Only those whose summary or key has this text, as it stands; 200 bytes at most.
    #[param(max_length = 200)]
    text: Option<String>,
    /// Only those opened at this instant or later (RFC 3339).
    from: Option<String>,
    /// Only those opened before this instant (RFC 3339).
    to: Option<String>,
    /// Rows of a page: 1 to 500.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, example = 50)]
    limit: Option<String>,
    /// The next_cursor of the page before.
    cursor: Option<String>,
}

/// Until when it is to be quiet: one of the two.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SnoozeBody {
    /// RFC 3339.
    until: Option<String>,
    /// A length such as 2h or 1d 12h.
    #[serde(rename = "for")]
    after: Option<String>,
}

/// Who is to be called.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetsBody {
    /// ann, schedule:primary, everyone:ops or room:ops; 1 to 50.
    targets: Vec<String>,
}

/// A remark.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
    /// What is worth writing down.
    text: String,
}

/// Who takes it.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TakeBody {
    /// The person who has it from now on; the token itself where nobody is named.
    #[serde(rename = "as")]
    user: Option<String>,
}

/// Incidents, newest first
///
/// A text, a severity and times are looked for among 50,000 numbers at a time, so a page may have fewer rows than asked
/// for, or none, and go on: next_cursor is null where there are no more. Open ones alone are looked at as a whole.
#[utoipa::path(get, path = "/incidents", tag = "incidents", params(IncidentsQuery),
    responses((status = 200, body = IncidentsView)))]
pub async fn incidents(
    State(app): App,
    caller: Caller,
    Query(query): Query<IncidentsQuery>,
) -> Result<Json<IncidentsView>, Error> {
    let limit = limit(query.limit)?;
    let words = query.status.iter().flat_map(|list| list.split(',')).map(str::trim).filter(|word| !word.is_empty());
    let statuses = words
        .map(|word| word.parse::<Status>().map_err(|_| unknown_status(word)))
        .collect::<Result<Vec<Status>, Error>>()?;
    let service = looked_for("service", query.service)?;
    if service.as_deref().is_some_and(|service| !caller.is_for(service)) {
        return Ok(Json(IncidentsView { incidents: Vec::new(), next_cursor: None }));
    }
    let severity = given(query.severity).map(|word| word.parse::<Severity>().map_err(|_| unknown_severity(&word)));
    let filter = Filter {
        statuses,
        services: service.map_or_else(|| caller.services.clone(), |service| vec![service]),
        severity: severity.transpose()?,
        text: text_looked_for(query.text)?,
        opened_from: instant_given("from", query.from)?,
        opened_to: instant_given("to", query.to)?,
        before: given(query.cursor).map(|cursor| cursor.parse().map_err(|_| bad_cursor())).transpose()?,
        limit,
    };
    let Past { incidents, looked_back_to } = app.engine.store().find_incidents(&filter).await?;
    let incidents = incidents.into_iter().map(IncidentView::from).collect();
    Ok(Json(IncidentsView { incidents, next_cursor: looked_back_to.map(|number| number.to_string()) }))
}

/// One incident with its timeline
///
/// Its ETag may be sent as If-Match with what is done to it.
#[utoipa::path(get, path = "/incidents/{number}", tag = "incidents",
    params(Number,
        ("If-None-Match" = Option<String>, Header, description = "An ETag given before: 304 if nothing has changed since")),
    responses((status = 200, body = IncidentView, headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "Nothing has changed")))]
pub async fn incident(State(app): App, _: Caller, number: Number, headers: HeaderMap) -> Result<Response, Error> {
    unless_known(number.shown(&app).await?, &headers)
}

/// Who is and was called for an incident, the newest page first
#[utoipa::path(get, path = "/incidents/{number}/calls", tag = "incidents", params(Number),
    responses((status = 200, body = CallsView)))]
pub async fn calls(State(app): App, _: Caller, number: Number) -> Result<Json<CallsView>, Error> {
    let calls = app.engine.store().calls(number.existing(&app).await?, CALLS_MAX).await?;
    Ok(Json(CallsView { calls: calls.into_iter().map(CallView::from).collect() }))
}

/// The alerts of an incident with their mails, newest first
#[utoipa::path(get, path = "/incidents/{number}/mails", tag = "incidents", params(Number),
    responses((status = 200, body = EvidencesView)))]
pub async fn mails(State(app): App, _: Caller, number: Number) -> Result<Json<EvidencesView>, Error> {
    let found = app.engine.store().evidence(number.existing(&app).await?, super::LIMIT_MAX).await?;
    Ok(Json(EvidencesView { mails: found.into_iter().map(EvidenceView::from).collect() }))
}

/// What happened, as Markdown with times in UTC
#[utoipa::path(get, path = "/incidents/{number}/report", tag = "incidents", params(Number),
    responses((status = 200, body = String, content_type = "text/markdown")))]
pub async fn report(State(app): App, _: Caller, Number(number): Number) -> Result<Response, Error> {
    let text = report_of(&app, number, &TimeZone::UTC).await?.ok_or(NotDone::Missing(number))?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// Somebody has it: calling stops
#[utoipa::path(post, path = "/incidents/{number}/acknowledge", tag = "incidents", params(Asked),
    responses((status = 200, body = IncidentView)))]
pub async fn acknowledge(asked: Asked, NoBody: NoBody) -> Result<Response, Error> {
    asked.act(&Act::Acknowledge).await
}

/// It is over
#[utoipa::path(post, path = "/incidents/{number}/resolve", tag = "incidents", params(Asked),
    responses((status = 200, body = IncidentView)))]
pub async fn resolve(asked: Asked, NoBody: NoBody) -> Result<Response, Error> {
    asked.act(&Act::Resolve).await
}

/// Whoever asks has it, and it is quiet until then
#[utoipa::path(post, path = "/incidents/{number}/snooze", tag = "incidents", request_body = SnoozeBody, params(Asked),
    responses((status = 200, body = IncidentView)))]
pub async fn snooze(asked: Asked, Body(body): Body<SnoozeBody>) -> Result<Response, Error> {
    let until = end(body.until.as_deref(), body.after.as_deref(), asked.app.engine.clock().now())?;
    asked.act(&Act::Snooze(until)).await
}

/// Give it to others: they are called first, the policy follows
#[utoipa::path(post, path = "/incidents/{number}/reassign", tag = "incidents", request_body = TargetsBody,
    params(Asked), responses((status = 200, body = IncidentView)))]
pub async fn reassign(asked: Asked, Body(body): Body<TargetsBody>) -> Result<Response, Error> {
    asked.act(&Act::Reassign(body.targets)).await
}

/// Call others in as well
#[utoipa::path(post, path = "/incidents/{number}/responders", tag = "incidents", request_body = TargetsBody,
    params(Asked), responses((status = 200, body = IncidentView)))]
pub async fn responders(asked: Asked, Body(body): Body<TargetsBody>) -> Result<Response, Error> {
    asked.act(&Act::AddResponders(body.targets)).await
}

/// Take it over, whoever has it
#[utoipa::path(post, path = "/incidents/{number}/take", tag = "incidents", params(Asked),
    request_body(content = Option<TakeBody>, description = "May be left out"),
    responses((status = 200, body = IncidentView)))]
pub async fn take(asked: Asked, MaybeBody(body): MaybeBody<TakeBody>) -> Result<Response, Error> {
    asked.act(&Act::Take(body.user)).await
}

/// Write something on its timeline
#[utoipa::path(post, path = "/incidents/{number}/note", tag = "incidents", request_body = NoteBody, params(Asked),
    responses((status = 200, body = IncidentView)))]
pub async fn note(asked: Asked, Body(body): Body<NoteBody>) -> Result<Response, Error> {
    asked.act(&Act::Note(body.text)).await
}

/// Call the next step now
#[utoipa::path(post, path = "/incidents/{number}/escalate", tag = "incidents", params(Asked),
    responses((status = 200, body = IncidentView)))]
pub async fn escalate(asked: Asked, NoBody: NoBody) -> Result<Response, Error> {
    asked.act(&Act::Escalate).await
}

fn unknown_status(word: &str) -> Error {
    Error::BadRequest(format!("unknown status {word:?}; known are triggered, acknowledged, resolved"))
}

fn unknown_severity(word: &str) -> Error {
    Error::BadRequest(format!("unknown severity {word:?}; known are critical, error, warning, info"))
}
