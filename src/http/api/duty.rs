//! On-call by person, and the addresses of feeds.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::extract::{Path, Query};
use super::oncall::{overrides_since, span};
use crate::domain::situation::overrides_of;
use crate::domain::stretch::{self, Stretch};
use crate::http::auth::Caller;
use crate::http::feeds::{self, Feed};
use crate::http::view::lists::{DutiesView, DutyView, FeedView, OwnShiftView};
use crate::http::{Error, Shared};

/// Query of `GET /oncall/people`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DutyQuery {
    /// Only of this person.
    user: Option<String>,
    /// From when (RFC 3339); now where it is left out.
    from: Option<String>,
    /// Until when (RFC 3339), 366 days later at most; 14 days later where it is left out.
    to: Option<String>,
}

/// Everybody's shifts by all schedules: 14 days, unless the caller says
#[utoipa::path(get, path = "/oncall/people", tag = "on-call", params(DutyQuery),
    responses((status = 200, body = DutiesView)))]
pub async fn people(State(app): App, _: Caller, Query(query): Query<DutyQuery>) -> Result<Json<DutiesView>, Error> {
    let (from, to) = span(&app, query.from, query.to)?;
    let (definitions, swaps) = (app.engine.definitions(), overrides_since(&app, from).await?);
    let mut found: BTreeMap<String, Vec<(Stretch, String)>> = BTreeMap::new();
    for (name, schedule) in &definitions.roster.schedules {
        for shift in schedule.shifts(&overrides_of(&swaps, name), from, to) {
            let clipped = stretch::clipped((shift.starts_at, shift.ends_at), (from, to));
            found.entry(shift.user).or_default().extend(clipped.map(|when| (when, name.clone())));
        }
    }
    let wanted = super::given(query.user);
    let people = found.into_iter().filter(|(name, _)| wanted.as_ref().is_none_or(|wanted| wanted == name));
    Ok(Json(DutiesView { from, to, people: people.map(|(user, shifts)| duty(user, shifts)).collect() }))
}

fn duty(user: String, mut shifts: Vec<(Stretch, String)>) -> DutyView {
    shifts.sort();
    let on_call = stretch::merged(shifts.iter().map(|(when, _)| *when).collect());
    let seconds = |(from, to): &(Timestamp, Timestamp)| from.duration_until(*to).as_secs();
    let shift = |((starts_at, ends_at), schedule)| OwnShiftView { schedule, starts_at, ends_at };
    DutyView {
        user,
        on_call_seconds: on_call.iter().map(seconds).sum(),
        shifts: shifts.into_iter().map(shift).collect(),
    }
}

/// The address by which calendar programs subscribe to a schedule
///
/// Whoever has it reads the schedule, also when the token is gone.
#[utoipa::path(get, path = "/schedules/{name}/feed", tag = "on-call",
    params(("name" = String, Path, description = "Its name")), responses((status = 200, body = FeedView)))]
pub async fn schedule_feed(State(app): App, _: Caller, Path(name): Path<String>) -> Result<Json<FeedView>, Error> {
    if !app.engine.definitions().roster.schedules.contains_key(&name) {
        return Err(Error::NotFound(format!("there is no schedule {name:?}; GET /oncall lists those that there are")));
    }
    feed(&app, &Feed::Schedule(name)).await
}

/// The address by which calendar programs subscribe to somebody's shifts
///
/// Whoever has it reads them, also when the token is gone.
#[utoipa::path(get, path = "/people/{name}/feed", tag = "on-call",
    params(("name" = String, Path, description = "Whose")), responses((status = 200, body = FeedView)))]
pub async fn person_feed(State(app): App, _: Caller, Path(name): Path<String>) -> Result<Json<FeedView>, Error> {
    if !app.engine.definitions().roster.users.contains_key(&name) {
        return Err(Error::NotFound(format!("there is no {name:?}; GET /people lists everybody")));
    }
    feed(&app, &Feed::Person(name)).await
}

async fn feed(app: &Shared, feed: &Feed) -> Result<Json<FeedView>, Error> {
    let unknown = || Error::Conflict("the gateway does not know its own address: set http.public_url".to_owned());
    let base = app.pages.public_url.as_deref().ok_or_else(unknown)?;
    let secret = app.engine.store().secret(feeds::SECRET).await?.ok_or(Error::Unavailable)?;
    let address = feed.address(base, &secret).map_err(Error::Conflict)?;
    Ok(Json(FeedView { address }))
}
