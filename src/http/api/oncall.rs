//! On-call: who is, final schedules, overrides and silences.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Queried, Sent, actor, end, given, instant, queried, refused, sent};
use crate::domain::alert::Severity;
use crate::domain::matcher::Wanted;
use crate::domain::request::{self, SilenceAsked};
use crate::domain::schedule::Override;
use crate::domain::situation::{Swap, overrides_of};
use crate::engine::{Arrangement, arrangement_id};
use crate::http::auth::Caller;
use crate::http::view::oncall::{OnCallView, OverrideView, ScheduleView, SilenceView};
use crate::http::{Error, Shared};
use crate::store::oncall::StoredOverride;

/// How much of a schedule is shown unless the caller says.
const SHOWN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Longest stretch of a schedule that is shown at once.
const SHOWN_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Query of `GET /oncall`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AtQuery {
    at: Option<String>,
}

/// Query of `GET /schedules/{name}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RangeQuery {
    from: Option<String>,
    to: Option<String>,
}

/// Body of `POST /overrides`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideBody {
    schedule: String,
    user: String,
    replaces: Option<String>,
    starts_at: String,
    ends_at: String,
}

/// Body of `POST /silences`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SilenceBody {
    service: Option<String>,
    key: Option<String>,
    summary: Option<String>,
    severity: Option<Severity>,
    #[serde(default)]
    everything: bool,
    from: Option<String>,
    until: Option<String>,
    #[serde(rename = "for")]
    after: Option<String>,
    reason: String,
}

/// `GET /oncall`: all schedules.
pub async fn now(State(app): App, _: Caller, query: Queried<AtQuery>) -> Result<Json<Value>, Error> {
    let at = given(queried(query)?.at).map(|at| instant("at", &at)).transpose()?;
    let at = at.unwrap_or_else(|| app.engine.clock().now());
    let (definitions, overrides) = (app.engine.definitions(), overrides_since(&app, at).await?);
    let view = |schedule| OnCallView::of(schedule, &overrides_of(&overrides, &schedule.name), at);
    let schedules: Vec<OnCallView> = definitions.roster.schedules.values().map(view).collect();
    Ok(Json(json!({ "at": format!("{at:.3}"), "schedules": schedules })))
}

/// `GET /schedules/{name}`: the final schedule, 14 days unless the caller says.
pub async fn schedule(
    State(app): App,
    _: Caller,
    Path(name): Path<String>,
    query: Queried<RangeQuery>,
) -> Result<Json<ScheduleView>, Error> {
    let query = queried(query)?;
    let definitions = app.engine.definitions();
    let Some(schedule) = definitions.roster.schedules.get(&name) else {
        let names: Vec<&str> = definitions.roster.schedules.keys().map(String::as_str).collect();
        let known = if names.is_empty() { "there are none".to_owned() } else { names.join(", ") };
        return Err(Error::NotFound(format!("there is no schedule {name:?}; known: {known}")));
    };
    let from = given(query.from).map(|from| instant("from", &from)).transpose()?;
    let from = from.unwrap_or_else(|| app.engine.clock().now());
    let to = given(query.to).map(|to| instant("to", &to)).transpose()?;
    let to = to.unwrap_or_else(|| from.checked_add(SHOWN).unwrap_or(Timestamp::MAX));
    if to <= from || from.duration_until(to) > SHOWN_MAX {
        return Err(Error::BadRequest("to must be after from, by 366 days at most".to_owned()));
    }
    let overrides = overrides_since(&app, from).await?;
    Ok(Json(ScheduleView::of(schedule, &overrides_of(&overrides, &name), (from, to))))
}

/// `GET /overrides`: those that are not over, oldest first.
pub async fn overrides(State(app): App, _: Caller) -> Result<Json<Value>, Error> {
    let found = app.engine.store().overrides_since(app.engine.clock().now()).await?;
    let overrides: Vec<OverrideView> = found.into_iter().map(OverrideView::from).collect();
    Ok(Json(json!({ "overrides": overrides })))
}

/// `POST /overrides`: somebody takes over.
pub async fn add_override(
    State(app): App,
    caller: Caller,
    body: Sent<OverrideBody>,
) -> Result<(StatusCode, Json<OverrideView>), Error> {
    let (body, now) = (sent(body)?, app.engine.clock().now());
    let (starts_at, ends_at) = (instant("starts_at", &body.starts_at)?, instant("ends_at", &body.ends_at)?);
    let shift = Override { id: arrangement_id(), user: body.user, replaces: body.replaces, starts_at, ends_at };
    let swap = Swap { schedule: body.schedule, shift };
    request::check_takeover(&swap, &app.engine.definitions().roster, now).map_err(refused)?;
    let stored = StoredOverride { swap, author: actor(&caller).to_string(), created_at: now };
    app.engine.arrange(Arrangement::Override(stored.clone()), &actor(&caller)).await?;
    Ok((StatusCode::CREATED, Json(OverrideView::from(stored))))
}

/// `DELETE /overrides/{id}`: taken back, as if it had never been.
pub async fn remove_override(State(app): App, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Error> {
    arranged(&app, &caller, &id, "override", Arrangement::WithdrawOverride(id.clone())).await
}

/// `GET /silences`: those that are not over, oldest first.
pub async fn silences(State(app): App, _: Caller) -> Result<Json<Value>, Error> {
    let found = app.engine.store().silences_since(app.engine.clock().now()).await?;
    let silences: Vec<SilenceView> = found.into_iter().map(SilenceView::from).collect();
    Ok(Json(json!({ "silences": silences })))
}

/// `POST /silences`: some incidents are known for a while.
pub async fn add_silence(
    State(app): App,
    caller: Caller,
    body: Sent<SilenceBody>,
) -> Result<(StatusCode, Json<SilenceView>), Error> {
    let (body, now) = (sent(body)?, app.engine.clock().now());
    let starts_at = body.from.as_deref().map(|from| instant("from", from)).transpose()?.unwrap_or(now);
    let asked = SilenceAsked {
        starts_at,
        ends_at: end(body.until.as_deref(), body.after.as_deref(), starts_at)?,
        wanted: Wanted { service: body.service, key: body.key, summary: body.summary, severity: body.severity },
        everything: body.everything,
        reason: body.reason,
    };
    let silence =
        asked.checked(&app.engine.definitions(), &arrangement_id(), actor(&caller).name(), now).map_err(refused)?;
    app.engine.arrange(Arrangement::Silence(Box::new(silence.clone())), &actor(&caller)).await?;
    Ok((StatusCode::CREATED, Json(SilenceView::from(silence))))
}

/// `POST /silences/{id}/end`: what is still open pages now.
pub async fn end_silence(State(app): App, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Error> {
    arranged(&app, &caller, &id, "silence that lasts", Arrangement::EndSilence(id.clone())).await
}

async fn arranged(
    app: &Shared,
    caller: &Caller,
    id: &str,
    what: &str,
    arrangement: Arrangement,
) -> Result<StatusCode, Error> {
    let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id && app.engine.arrange(arrangement, &actor(caller)).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::NotFound(format!("there is no {what} with the id {id:?}")))
}

async fn overrides_since(app: &Shared, at: Timestamp) -> Result<Vec<Swap>, Error> {
    let found = app.engine.store().overrides_since(at).await?;
    Ok(found.into_iter().map(|stored| stored.swap).collect())
}
