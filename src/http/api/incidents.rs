//! Incidents: listed, shown, and acted on by people's scripts.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Queried, Sent, actor, bad_cursor, end, given, limit, page, queried, refused, sent, sent_or_nothing};
use crate::domain::incident::{Cause, Event, Status};
use crate::domain::request;
use crate::domain::target::Target;
use crate::http::auth::Caller;
use crate::http::view::IncidentView;
use crate::http::{Error, Shared};
use crate::store::incident::Filter;

/// Query of `GET /incidents`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IncidentsQuery {
    status: Option<String>,
    service: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

/// Body of `POST /incidents/{number}/snooze`: one of the two.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SnoozeBody {
    until: Option<String>,
    #[serde(rename = "for")]
    after: Option<String>,
}

/// Body of `POST /incidents/{number}/reassign` and `/responders`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetsBody {
    targets: Vec<String>,
}

/// Body of `POST /incidents/{number}/note`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoteBody {
    text: String,
}

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

/// `POST /incidents/{number}/snooze`: whoever asks has it, and it is quiet until then.
pub async fn snooze(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    body: Sent<SnoozeBody>,
) -> Result<Json<IncidentView>, Error> {
    let (body, now) = (sent(body)?, app.engine.clock().now());
    let until = end(body.until.as_deref(), body.after.as_deref(), now)?;
    request::check_snooze(until, now).map_err(refused)?;
    act(&app, &caller, &number, Event::Snoozed { until }).await
}

/// `POST /incidents/{number}/reassign`: the targets are called first, the policy follows.
pub async fn reassign(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    body: Sent<TargetsBody>,
) -> Result<Json<IncidentView>, Error> {
    let targets = targets(&app, body)?;
    act(&app, &caller, &number, Event::Reassigned { targets }).await
}

/// `POST /incidents/{number}/responders`: the targets are called as well.
pub async fn responders(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    body: Sent<TargetsBody>,
) -> Result<Json<IncidentView>, Error> {
    let targets = targets(&app, body)?;
    act(&app, &caller, &number, Event::RespondersAdded { targets }).await
}

/// `POST /incidents/{number}/take`: whoever asks has it now, whoever had it before.
pub async fn take(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    body: Bytes,
) -> Result<Json<IncidentView>, Error> {
    sent_or_nothing(&body)?;
    act(&app, &caller, &number, Event::TakenOver).await
}

/// `POST /incidents/{number}/note`: a remark on the timeline.
pub async fn note(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    body: Sent<NoteBody>,
) -> Result<Json<IncidentView>, Error> {
    let text = request::remark(&sent(body)?.text).map_err(refused)?;
    act(&app, &caller, &number, Event::Remarked { text }).await
}

/// `POST /incidents/{number}/escalate`: the next step is called now.
pub async fn escalate(
    State(app): App,
    caller: Caller,
    Path(number): Path<String>,
    body: Bytes,
) -> Result<Json<IncidentView>, Error> {
    sent_or_nothing(&body)?;
    act(&app, &caller, &number, Event::EscalationAsked).await
}

fn targets(app: &Shared, body: Sent<TargetsBody>) -> Result<Vec<Target>, Error> {
    request::targets(&sent(body)?.targets, &app.engine.definitions().roster).map_err(refused)
}

async fn act(app: &Shared, caller: &Caller, number: &str, event: Event) -> Result<Json<IncidentView>, Error> {
    let number = parse_number(number)?;
    let is_for_any = matches!(event, Event::Resolved { .. } | Event::Remarked { .. });
    let cause = Cause { actor: actor(caller), mail_id: None };
    let handled = app.engine.handle(number, event, cause).await?.ok_or_else(|| no_incident(number))?;
    if !is_for_any && handled.incident.status == Status::Resolved {
        return Err(Error::Conflict(format!("incident #{number} is resolved already")));
    }
    shown(app, number).await.map(Json)
}

async fn shown(app: &Shared, number: i64) -> Result<IncidentView, Error> {
    let store = app.engine.store();
    let incident = store.incident(number).await?.ok_or_else(|| no_incident(number))?;
    Ok(IncidentView::from(incident).with_timeline(store.timeline(number).await?))
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
