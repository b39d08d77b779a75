//! Incidents: listed, shown, and acted on by people's scripts.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, MaybeBody, NoBody, Path, Query};
use super::{App, bad_cursor, end, given, instant_given, limit, looked_for, page};
use crate::domain::actor::Actor;
use crate::domain::alert::Severity;
use crate::domain::incident::{Cause, Event, Status};
use crate::domain::request;
use crate::domain::target::Target;
use crate::engine::version::{IfSo, version};
use crate::http::auth::Caller;
use crate::http::pages::report_of;
use crate::http::view::IncidentView;
use crate::http::view::lists::{CallView, CallsView, EvidenceView, EvidencesView, IncidentsView};
use crate::http::{Error, Shared};
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
    /// Only those whose summary or key has this text.
    text: Option<String>,
    /// Only those opened at this instant or later (RFC 3339).
    from: Option<String>,
    /// Only those opened before this instant (RFC 3339).
    to: Option<String>,
    /// Rows of a page: 1 to 500.
    #[param(example = "50")]
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
        text: looked_for("incident", query.text)?,
        opened_from: instant_given("from", query.from)?,
        opened_to: instant_given("to", query.to)?,
        before: given(query.cursor).map(|cursor| cursor.parse().map_err(|_| bad_cursor())).transpose()?,
        limit: limit + 1,
    };
    let found = app.engine.store().incidents(&filter).await?;
    let (found, next_cursor) = page(found, limit, |last| last.number.to_string());
    Ok(Json(IncidentsView { incidents: found.into_iter().map(IncidentView::from).collect(), next_cursor }))
}

/// One incident with its timeline
///
/// Its ETag may be sent as If-Match with what is done to it.
#[utoipa::path(get, path = "/incidents/{number}", tag = "incidents",
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-None-Match" = Option<String>, Header, description = "An ETag given before: 304 if nothing has changed since")),
    responses((status = 200, body = IncidentView, headers(("ETag" = String, description = "Its version"))),
        (status = 304, description = "Nothing has changed")))]
pub async fn incident(
    State(app): App,
    _: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    let response = shown(&app, parse_number(&number)?).await?;
    let known = tags(&headers, "If-None-Match")?;
    let current = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    match (known, current) {
        (Some(known), Some(current)) if known.is_empty() || known.iter().any(|tag| current == format!("\"{tag}\"")) => {
            Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, current)]).into_response())
        }
        _ => Ok(response),
    }
}

/// Who is and was called for an incident, the newest page first
#[utoipa::path(get, path = "/incidents/{number}/calls", tag = "incidents",
    params(("number" = String, Path, description = "Its number", example = "1")), responses((status = 200, body = CallsView)))]
pub async fn calls(State(app): App, _: Caller, Path(number): Path<String>) -> Result<Json<CallsView>, Error> {
    let number = existing(&app, &number).await?;
    let calls = app.engine.store().calls(number, CALLS_MAX).await?;
    Ok(Json(CallsView { calls: calls.into_iter().map(CallView::from).collect() }))
}

/// The alerts of an incident with their mails, newest first
#[utoipa::path(get, path = "/incidents/{number}/mails", tag = "incidents",
    params(("number" = String, Path, description = "Its number", example = "1")), responses((status = 200, body = EvidencesView)))]
pub async fn mails(State(app): App, _: Caller, Path(number): Path<String>) -> Result<Json<EvidencesView>, Error> {
    let number = existing(&app, &number).await?;
    let found = app.engine.store().evidence(number, super::LIMIT_MAX).await?;
    Ok(Json(EvidencesView { mails: found.into_iter().map(EvidenceView::from).collect() }))
}

/// What happened, as Markdown with times in UTC
#[utoipa::path(get, path = "/incidents/{number}/report", tag = "incidents",
    params(("number" = String, Path, description = "Its number", example = "1")),
    responses((status = 200, body = String, content_type = "text/markdown")))]
pub async fn report(State(app): App, _: Caller, Path(number): Path<String>) -> Result<Response, Error> {
    let number = existing(&app, &number).await?;
    let text = report_of(&app, number, &TimeZone::UTC).await?.ok_or_else(|| no_incident(number))?;
    Ok(([(header::CONTENT_TYPE, "text/markdown; charset=utf-8")], text).into_response())
}

/// Somebody has it: calling stops
#[utoipa::path(post, path = "/incidents/{number}/acknowledge", tag = "incidents",
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-Match" = Option<String>, Header, description = "ETags: only if it is one of these versions")),
    responses((status = 200, body = IncidentView)))]
pub async fn acknowledge(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Error> {
    act(&app, &caller, (number.as_str(), &headers), Event::Acknowledged { origin_at: None }).await
}

/// It is over
#[utoipa::path(post, path = "/incidents/{number}/resolve", tag = "incidents",
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-Match" = Option<String>, Header, description = "ETags: only if it is one of these versions")),
    responses((status = 200, body = IncidentView)))]
pub async fn resolve(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Error> {
    act(&app, &caller, (number.as_str(), &headers), Event::Resolved { origin_at: None }).await
}

/// Whoever asks has it, and it is quiet until then
#[utoipa::path(post, path = "/incidents/{number}/snooze", tag = "incidents", request_body = SnoozeBody,
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-Match" = Option<String>, Header, description = "ETags: only if it is one of these versions")),
    responses((status = 200, body = IncidentView)))]
pub async fn snooze(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
    Body(body): Body<SnoozeBody>,
) -> Result<Response, Error> {
    let now = app.engine.clock().now();
    let until = end(body.until.as_deref(), body.after.as_deref(), now)?;
    request::check_snooze(until, now)?;
    act(&app, &caller, (number.as_str(), &headers), Event::Snoozed { until }).await
}

/// Give it to others: they are called first, the policy follows
#[utoipa::path(post, path = "/incidents/{number}/reassign", tag = "incidents", request_body = TargetsBody,
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-Match" = Option<String>, Header, description = "ETags: only if it is one of these versions")),
    responses((status = 200, body = IncidentView)))]
pub async fn reassign(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
    Body(body): Body<TargetsBody>,
) -> Result<Response, Error> {
    let targets = targets(&app, &body)?;
    act(&app, &caller, (number.as_str(), &headers), Event::Reassigned { targets }).await
}

/// Call others in as well
#[utoipa::path(post, path = "/incidents/{number}/responders", tag = "incidents", request_body = TargetsBody,
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-Match" = Option<String>, Header, description = "ETags: only if it is one of these versions")),
    responses((status = 200, body = IncidentView)))]
pub async fn responders(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
    Body(body): Body<TargetsBody>,
) -> Result<Response, Error> {
    let targets = targets(&app, &body)?;
    act(&app, &caller, (number.as_str(), &headers), Event::RespondersAdded { targets }).await
}

/// Take it over, whoever has it
#[utoipa::path(post, path = "/incidents/{number}/take", tag = "incidents",
    request_body(content = Option<TakeBody>, description = "May be left out"),
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-Match" = Option<String>, Header, description = "ETags: only if it is one of these versions")),
    responses((status = 200, body = IncidentView)))]
pub async fn take(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
    MaybeBody(body): MaybeBody<TakeBody>,
) -> Result<Response, Error> {
    let actor = match &body.user {
        Some(user) => {
            request::check_user(user, &app.engine.definitions().roster)?;
            let by = caller.actor();
            let name = format!("{user} by {by}");
            by.named(name)
        }
        None => caller.actor(),
    };
    act_as(&app, actor, (number.as_str(), &headers), Event::TakenOver).await
}

/// Write something on its timeline
#[utoipa::path(post, path = "/incidents/{number}/note", tag = "incidents", request_body = NoteBody,
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-Match" = Option<String>, Header, description = "ETags: only if it is one of these versions")),
    responses((status = 200, body = IncidentView)))]
pub async fn note(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
    Body(body): Body<NoteBody>,
) -> Result<Response, Error> {
    let text = request::remark(&body.text)?;
    act(&app, &caller, (number.as_str(), &headers), Event::Remarked { text }).await
}

/// Call the next step now
#[utoipa::path(post, path = "/incidents/{number}/escalate", tag = "incidents",
    params(("number" = String, Path, description = "Its number", example = "1"),
        ("If-Match" = Option<String>, Header, description = "ETags: only if it is one of these versions")),
    responses((status = 200, body = IncidentView)))]
pub async fn escalate(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Response, Error> {
    act(&app, &caller, (number.as_str(), &headers), Event::EscalationAsked).await
}

fn targets(app: &Shared, body: &TargetsBody) -> Result<Vec<Target>, Error> {
    Ok(request::targets(&body.targets, &app.engine.definitions().roster)?)
}

async fn act(app: &Shared, caller: &Caller, asked: (&str, &HeaderMap), event: Event) -> Result<Response, Error> {
    act_as(app, caller.actor(), asked, event).await
}

async fn act_as(
    app: &Shared,
    actor: Actor,
    (number, headers): (&str, &HeaderMap),
    event: Event,
) -> Result<Response, Error> {
    let number = parse_number(number)?;
    let is_for_any = matches!(event, Event::Resolved { .. } | Event::Remarked { .. });
    let cause = Cause { actor, mail_id: None };
    let versions = tags(headers, "If-Match")?.filter(|tags| !tags.is_empty());
    let handled = match versions {
        None => app.engine.handle(number, event, cause).await?.ok_or_else(|| no_incident(number))?,
        Some(versions) => match app.engine.handle_if(number, versions, event, cause).await? {
            IfSo::Handled(handled) => *handled,
            IfSo::Missing => return Err(no_incident(number)),
            IfSo::Changed => {
                let why = format!("incident #{number} has changed since this ETag: GET it again, and decide anew");
                return Err(Error::Changed(why));
            }
        },
    };
    if !is_for_any && handled.incident.status == Status::Resolved {
        return Err(Error::Conflict(format!("incident #{number} is resolved already")));
    }
    shown(app, number).await
}

/// The entity tags of a header, without their quotes (RFC 9110, section 8.8.3); none for `*`. A weak one is never the
/// same as ours.
fn tags(headers: &HeaderMap, name: &str) -> Result<Option<Vec<String>>, Error> {
    let mut all = Vec::new();
    let mut is_there = false;
    for value in headers.get_all(name) {
        is_there = true;
        let text = value.to_str().ok().map(str::trim);
        if text == Some("*") {
            return Ok(Some(Vec::new()));
        }
        for tag in text.unwrap_or_default().split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            all.push(inner.unwrap_or(tag).to_owned());
        }
    }
    if is_there && all.is_empty() {
        return Err(Error::BadRequest(format!("{name} must be *, or ETags in quotes as they were given")));
    }
    Ok(is_there.then_some(all))
}

async fn existing(app: &Arc<Shared>, number: &str) -> Result<i64, Error> {
    let number = parse_number(number)?;
    app.engine.store().incident(number).await?.map(|incident| incident.number).ok_or_else(|| no_incident(number))
}

async fn shown(app: &Shared, number: i64) -> Result<Response, Error> {
    let store = app.engine.store();
    let incident = store.incident(number).await?.ok_or_else(|| no_incident(number))?;
    let timeline = store.timeline(number).await?;
    let version = version(&incident, i64::try_from(timeline.len()).unwrap_or(i64::MAX));
    let mut response = Json(IncidentView::from(incident).with_timeline(timeline)).into_response();
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

pub(super) fn parse_number(text: &str) -> Result<i64, Error> {
    text.parse().map_err(|_| Error::NotFound(format!("{text:?} is not an incident number")))
}

fn unknown_status(word: &str) -> Error {
    Error::BadRequest(format!("unknown status {word:?}; known are triggered, acknowledged, resolved"))
}

fn unknown_severity(word: &str) -> Error {
    Error::BadRequest(format!("unknown severity {word:?}; known are critical, error, warning, info"))
}

pub(super) fn no_incident(number: i64) -> Error {
    Error::NotFound(format!("there is no incident #{number}"))
}
