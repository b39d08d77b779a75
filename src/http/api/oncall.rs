//! On-call: who is, final schedules, overrides and silences.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::extract::{Body, NoBody, Path, Query};
use super::mails::PageQuery;
use super::{App, end, instant, instant_given, slice, sortable};
use crate::domain::alert::Severity;
use crate::domain::matcher::Wanted;
use crate::domain::request::{self, SilenceAsked};
use crate::domain::schedule::Override;
use crate::domain::silence::Silence;
use crate::domain::situation::{Swap, overrides_of};
use crate::domain::stretch::Stretch;
use crate::engine::{Arrangement, arrangement_id};
use crate::http::auth::Caller;
use crate::http::view::lists::{OnCallsView, OverridesView, SilencesView};
use crate::http::view::oncall::{OnCallView, OverrideView, ScheduleView, SilenceView};
use crate::http::view::schema::severity_or_null;
use crate::http::{Error, Shared};
use crate::store::oncall::StoredOverride;

/// How much of a schedule is shown unless the caller says.
const SHOWN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Longest stretch of a schedule that is shown at once.
const SHOWN_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Query of `GET /oncall`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AtQuery {
    /// Another instant than now (RFC 3339).
    at: Option<String>,
}

/// Query of `GET /schedules/{name}`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RangeQuery {
    /// From when (RFC 3339); now where it is left out.
    from: Option<String>,
    /// Until when (RFC 3339), 366 days later at most; 14 days later where it is left out.
    to: Option<String>,
}

/// Who takes over, and when.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideBody {
    /// Of which schedule.
    schedule: String,
    /// Who takes over.
    user: String,
    /// Whose shifts; everybody's where it is left out, and also the time in which nobody is on call.
    replaces: Option<String>,
    /// RFC 3339.
    starts_at: String,
    /// RFC 3339.
    ends_at: String,
}

/// Which incidents call nobody for a while. What is given must all hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SilenceBody {
    /// Only of this service.
    service: Option<String>,
    /// Only keys that this regex matches.
    key: Option<String>,
    /// Only summaries that this regex matches.
    summary: Option<String>,
    /// Only up to this severity.
    #[schema(schema_with = severity_or_null)]
    severity: Option<Severity>,
    /// Every incident is meant.
    #[serde(default)]
    everything: bool,
    /// From when (RFC 3339); now where it is left out.
    from: Option<String>,
    /// Until when (RFC 3339): either this or `for`.
    until: Option<String>,
    /// For how long: 2h, 90m, 1d 12h.
    #[serde(rename = "for")]
    after: Option<String>,
    /// Why; people will read it.
    reason: String,
}

/// Who is on call now, by each schedule
#[utoipa::path(get, path = "/oncall", tag = "on-call", params(AtQuery), responses((status = 200, body = OnCallsView)))]
pub async fn now(State(app): App, _: Caller, Query(query): Query<AtQuery>) -> Result<Json<OnCallsView>, Error> {
    let at = instant_given("at", query.at)?.unwrap_or_else(|| app.engine.clock().now());
    let (definitions, overrides) = (app.engine.definitions(), overrides_since(&app, at).await?);
    let view = |schedule| OnCallView::of(schedule, &overrides_of(&overrides, &schedule.name), at);
    Ok(Json(OnCallsView { at, schedules: definitions.roster.schedules.values().map(view).collect() }))
}

/// The final schedule: 14 days, unless the caller says
#[utoipa::path(get, path = "/schedules/{name}", tag = "on-call",
    params(("name" = String, Path, description = "Its name"), RangeQuery),
    responses((status = 200, body = ScheduleView)))]
pub async fn schedule(
    State(app): App,
    _: Caller,
    Path(name): Path<String>,
    Query(query): Query<RangeQuery>,
) -> Result<Json<ScheduleView>, Error> {
    let definitions = app.engine.definitions();
    let Some(schedule) = definitions.roster.schedules.get(&name) else {
        let names: Vec<&str> = definitions.roster.schedules.keys().map(String::as_str).collect();
        let known = if names.is_empty() { "there are none".to_owned() } else { names.join(", ") };
        return Err(Error::NotFound(format!("there is no schedule {name:?}; known: {known}")));
    };
    let (from, to) = span(&app, query.from, query.to)?;
    let overrides = overrides_since(&app, from).await?;
    Ok(Json(ScheduleView::of(schedule, &overrides_of(&overrides, &name), (from, to))))
}

/// The stretch that is asked for.
pub(super) fn span(app: &Shared, from: Option<String>, to: Option<String>) -> Result<Stretch, Error> {
    let from = instant_given("from", from)?.unwrap_or_else(|| app.engine.clock().now());
    let to = instant_given("to", to)?.unwrap_or_else(|| from.checked_add(SHOWN).unwrap_or(Timestamp::MAX));
    if to <= from || from.duration_until(to) > SHOWN_MAX {
        return Err(Error::BadRequest("to must be after from, by 366 days at most".to_owned()));
    }
    Ok((from, to))
}

/// Overrides that are not over, oldest first
#[utoipa::path(get, path = "/overrides", tag = "on-call", params(PageQuery),
    responses((status = 200, body = OverridesView)))]
pub async fn overrides(
    State(app): App,
    _: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<OverridesView>, Error> {
    let found = app.engine.store().overrides_since(app.engine.clock().now()).await?;
    let key = |row: &StoredOverride| format!("{}/{}", sortable(row.created_at.as_millisecond()), row.swap.shift.id);
    let (found, next_cursor) = slice(found, (query.limit, query.cursor), key)?;
    Ok(Json(OverridesView { overrides: found.into_iter().map(OverrideView::from).collect(), next_cursor }))
}

/// Somebody takes over shifts
#[utoipa::path(post, path = "/overrides", tag = "on-call", request_body = OverrideBody,
    responses((status = 201, body = OverrideView)))]
pub async fn add_override(
    State(app): App,
    caller: Caller,
    Body(body): Body<OverrideBody>,
) -> Result<(StatusCode, Json<OverrideView>), Error> {
    let now = app.engine.clock().now();
    let (starts_at, ends_at) = (instant("starts_at", &body.starts_at)?, instant("ends_at", &body.ends_at)?);
    let shift = Override { id: arrangement_id(), user: body.user, replaces: body.replaces, starts_at, ends_at };
    let swap = Swap { schedule: body.schedule, shift };
    request::check_takeover(&swap, &app.engine.definitions().roster, now)?;
    let stored = StoredOverride { swap, author: caller.actor().to_string(), created_at: now };
    app.engine.arrange(Arrangement::Override(stored.clone()), &caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(OverrideView::from(stored))))
}

/// Take an override back, as if it had never been
#[utoipa::path(delete, path = "/overrides/{id}", tag = "on-call",
    params(("id" = String, Path, description = "Its id")), responses((status = 204, description = "It is gone")))]
pub async fn remove_override(State(app): App, caller: Caller, Path(id): Path<String>) -> Result<StatusCode, Error> {
    arranged(&app, &caller, &id, "override", Arrangement::WithdrawOverride(id.clone())).await
}

/// Silences that are not over, oldest first
#[utoipa::path(get, path = "/silences", tag = "silences", params(PageQuery),
    responses((status = 200, body = SilencesView)))]
pub async fn silences(
    State(app): App,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<SilencesView>, Error> {
    let mut found = app.engine.store().silences_since(app.engine.clock().now()).await?;
    found.retain(|silence| is_own(&caller, silence));
    let key = |row: &Silence| format!("{}/{}", sortable(row.starts_at.as_millisecond()), row.id);
    let (found, next_cursor) = slice(found, (query.limit, query.cursor), key)?;
    Ok(Json(SilencesView { silences: found.into_iter().map(SilenceView::from).collect(), next_cursor }))
}

/// Let the pages of some incidents wait
///
/// They open and are seen, and what is open at the end pages then.
#[utoipa::path(post, path = "/silences", tag = "silences", request_body = SilenceBody,
    responses((status = 201, body = SilenceView)))]
pub async fn add_silence(
    State(app): App,
    caller: Caller,
    Body(body): Body<SilenceBody>,
) -> Result<(StatusCode, Json<SilenceView>), Error> {
    caller.check_service(body.service.as_deref())?;
    let now = app.engine.clock().now();
    let starts_at = body.from.as_deref().map(|from| instant("from", from)).transpose()?.unwrap_or(now);
    let asked = SilenceAsked {
        starts_at,
        ends_at: end(body.until.as_deref(), body.after.as_deref(), starts_at)?,
        wanted: Wanted { service: body.service, key: body.key, summary: body.summary, severity: body.severity },
        everything: body.everything,
        reason: body.reason,
    };
    let silence = asked.checked(&app.engine.definitions(), &arrangement_id(), caller.actor().name(), now)?;
    app.engine.arrange(Arrangement::Silence(Box::new(silence.clone())), &caller.actor()).await?;
    Ok((StatusCode::CREATED, Json(SilenceView::from(silence))))
}

/// End a silence: what is still open pages now
#[utoipa::path(post, path = "/silences/{id}/end", tag = "silences",
    params(("id" = String, Path, description = "Its id")), responses((status = 204, description = "It is over")))]
pub async fn end_silence(
    State(app): App,
    caller: Caller,
    Path(id): Path<String>,
    NoBody: NoBody,
) -> Result<StatusCode, Error> {
    let what = "silence that lasts";
    if !caller.is_for_all() {
        let known = app.engine.store().silences_since(app.engine.clock().now()).await?;
        if !known.iter().any(|silence| silence.id == id && is_own(&caller, silence)) {
            return Err(unknown(what, &id));
        }
    }
    arranged(&app, &caller, &id, what, Arrangement::EndSilence(id.clone())).await
}

fn is_own(caller: &Caller, silence: &Silence) -> bool {
    caller.check_service(silence.matcher.wanted().service.as_deref()).is_ok()
}

async fn arranged(
    app: &Shared,
    caller: &Caller,
    id: &str,
    what: &str,
    arrangement: Arrangement,
) -> Result<StatusCode, Error> {
    let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id && app.engine.arrange(arrangement, &caller.actor()).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(unknown(what, id))
}

fn unknown(what: &str, id: &str) -> Error {
    Error::NotFound(format!("there is no {what} with the id {id:?}"))
}

pub(super) async fn overrides_since(app: &Shared, at: Timestamp) -> Result<Vec<Swap>, Error> {
    let found = app.engine.store().overrides_since(at).await?;
    Ok(found.into_iter().map(|stored| stored.swap).collect())
}
