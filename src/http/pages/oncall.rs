//! On call: who is, the next 14 days, gaps, and taking or giving a shift.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde::Deserialize;

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::words::{At, Count, Teller};
use crate::domain::civil_time;
use crate::domain::request;
use crate::domain::rulebook::PROBE;
use crate::domain::schedule::{Override, Schedule, Shift, Source};
use crate::domain::situation::{Swap, overrides_of};
use crate::domain::stretch::{self, Stretch};
use crate::engine::{Arrangement, arrangement_id};
use crate::http::Shared;
use crate::http::feeds::{self, Feed};
use crate::store::oncall::StoredOverride;

/// Days shown.
const DAYS: i32 = 14;

/// Shifts listed for taking, of one schedule.
const SHIFTS_MAX: usize = 20;

#[derive(Template)]
#[template(path = "oncall.html", config = "src/http/pages/askama.toml")]
struct OnCallPage {
    frame: Frame,
    zone: String,
    schedules: Vec<Shown>,
    overrides: Vec<Arranged>,
    persons: Vec<Person>,
    /// The address by which a calendar program subscribes to the viewer's own shifts.
    my_feed: Option<String>,
    people: Vec<String>,
    from: String,
    to: String,
}

struct Shown {
    name: String,
    zone: String,
    now: Vec<String>,
    until: Option<(At, Count)>,
    next: Vec<String>,
    days: Vec<Day>,
    gaps: usize,
    turns: Vec<Turn>,
    /// The address by which a calendar program subscribes to it.
    feed: Option<String>,
}

/// All shifts of a person in these days, by the clock of who looks.
struct Person {
    name: String,
    /// Where they lie in the days shown: left and width, in thousandths.
    bars: Vec<(i64, i64)>,
    hours: i64,
    shifts: Vec<(String, At, At)>,
}

/// A civil day in the schedule's zone.
struct Day {
    label: String,
    is_weekend: bool,
    /// By start; who it is empty for has nobody.
    parts: Vec<Part>,
}

struct Part {
    who: String,
    hours: String,
    /// Where it lies in the day: in thousandths.
    left: i64,
    width: i64,
    /// Which colour: nobody's, or one of eight.
    colour: String,
}

/// A shift to come, or a gap.
struct Turn {
    who: String,
    why: String,
    from: At,
    to: At,
    starts_at: String,
    ends_at: String,
    is_mine: bool,
}

struct Arranged {
    id: String,
    schedule: String,
    who: String,
    replaces: String,
    from: At,
    to: At,
    author: String,
}

/// Form of `POST /on-call/take` and `/on-call/give`. Instants are RFC 3339, or civil times of who asks.
#[derive(Debug, Deserialize)]
pub(super) struct Swapped {
    schedule: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    replaces: String,
    from: String,
    to: String,
}

/// `GET /on-call`.
pub(super) async fn show(State(app): State<Arc<Shared>>, viewer: Viewer) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/on-call").await?;
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let stored = app.engine.store().overrides_since(frame.now).await?;
    let swaps: Vec<Swap> = stored.iter().map(|stored| stored.swap.clone()).collect();
    let definitions = app.engine.definitions();
    let roster = &definitions.roster;
    let secret = app.engine.store().secret(feeds::SECRET).await?;
    let public = app.pages.public_url.as_deref();
    let feed = |feed: &Feed| public.zip(secret.as_deref()).and_then(|(base, secret)| feed.address(base, secret).ok());
    let shown = |schedule: &Schedule| Shown {
        feed: feed(&Feed::Schedule(schedule.name.clone())),
        ..shown(schedule, &overrides_of(&swaps, &schedule.name), &teller, &viewer.name)
    };
    let schedules = roster.schedules.values().map(shown).collect();
    let arranged = |stored: StoredOverride| Arranged {
        id: stored.swap.shift.id,
        schedule: stored.swap.schedule,
        who: stored.swap.shift.user,
        replaces: stored.swap.shift.replaces.unwrap_or_else(|| "everybody".to_owned()),
        from: teller.at(stored.swap.shift.starts_at),
        to: teller.at(stored.swap.shift.ends_at),
        author: stored.author,
    };
    Ok(page(&OnCallPage {
        zone: zone(&viewer.zone),
        schedules,
        overrides: stored.into_iter().map(arranged).collect(),
        persons: persons(roster.schedules.values(), &swaps, &teller),
        my_feed: feed(&Feed::Person(viewer.name.clone())).filter(|_| !roster.schedules.is_empty()),
        people: roster.users.keys().filter(|name| *name != PROBE).cloned().collect(),
        from: teller.field(frame.now),
        to: teller.field(stretch::later(frame.now, SignedDuration::from_hours(4))),
        frame,
    }))
}

/// `POST /on-call/take`: whoever asks takes these hours, from now on at the earliest.
pub(super) async fn take(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Form(form): Form<Swapped>,
) -> Result<Response, Fault> {
    let user = viewer.name.clone();
    swap(&app, &viewer, Swapped { user, ..form }).await
}

/// `POST /on-call/give`: somebody takes over.
pub(super) async fn give(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Form(form): Form<Swapped>,
) -> Result<Response, Fault> {
    swap(&app, &viewer, form).await
}

/// `POST /on-call/overrides/{id}/remove`: taken back, as if it had never been.
pub(super) async fn remove(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let is_id = id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id && app.engine.arrange(Arrangement::WithdrawOverride(id), &viewer.actor()).await? {
        return Ok(Redirect::to("/on-call").into_response());
    }
    Err(Fault::missing("This was taken back already.").back("/on-call"))
}

async fn swap(app: &Shared, viewer: &Viewer, form: Swapped) -> Result<Response, Fault> {
    let now = app.engine.clock().now();
    let back = |fault: Fault| fault.back("/on-call");
    let starts_at = instant(&form.from, &viewer.zone).map_err(back)?.max(now);
    let ends_at = instant(&form.to, &viewer.zone).map_err(back)?;
    let replaces = Some(form.replaces).filter(|name| !name.is_empty());
    let shift = Override { id: arrangement_id(), user: form.user, replaces, starts_at, ends_at };
    let swap = Swap { schedule: form.schedule, shift };
    request::check_takeover(&swap, &app.engine.definitions().roster, now).map_err(|refused| back(refused.into()))?;
    let stored = StoredOverride { swap, author: viewer.actor().to_string(), created_at: now };
    app.engine.arrange(Arrangement::Override(stored), &viewer.actor()).await?;
    Ok(Redirect::to("/on-call").into_response())
}

fn instant(text: &str, zone: &TimeZone) -> Result<Timestamp, Fault> {
    let civil = || text.parse().ok().map(|civil| civil_time::first(zone, civil));
    let found = text.parse().ok().or_else(civil);
    found.ok_or_else(|| Fault::refused(format!("{text:?} is no time: write it like 2026-11-23T08:00.")))
}

fn shown(schedule: &Schedule, overrides: &[Override], teller: &Teller, viewer: &str) -> Shown {
    let now = teller.now;
    let names = |at| schedule.on_call(overrides, at).into_iter().map(|on_call| on_call.user).collect::<Vec<_>>();
    let until = schedule.next_handoff(overrides, now).map(|handoff| handoff.at);
    let days = days(schedule, now);
    let range = days.first().zip(days.last()).map_or((now, now), |((_, first), (_, last))| (first.0, last.1));
    let shifts = schedule.shifts(overrides, range.0, range.1);
    let gaps = schedule.gaps(overrides, range.0, range.1);
    let people = schedule.people();
    let colour = |who: &str| match people.iter().position(|name| name == who) {
        Some(at) => format!("p{}", at % 8),
        None => "other".to_owned(),
    };
    let mut all: Vec<(Stretch, String)> =
        shifts.iter().map(|shift| ((shift.starts_at, shift.ends_at), shift.user.clone())).collect();
    all.extend(gaps.iter().map(|gap| (*gap, String::new())));
    all.sort();
    let zone = &schedule.zone;
    let part = |within: Stretch, (when, who): &(Stretch, String)| {
        let clipped = stretch::clipped(*when, within)?;
        let colour = if who.is_empty() { "nobody".to_owned() } else { colour(who) };
        Some(part(who, clipped, within, zone, colour))
    };
    let day = |(label, within, is_weekend): (String, Stretch, bool)| Day {
        label,
        is_weekend,
        parts: all.iter().filter_map(|one| part(within, one)).collect(),
    };
    let is_weekend = |at| matches!(zone.to_datetime(at).weekday().to_monday_zero_offset(), 5 | 6);
    let of_days = days.into_iter().map(|(label, when)| (label, when, is_weekend(when.0)));
    let coming = (now, range.1);
    Shown {
        name: schedule.name.clone(),
        zone: self::zone(zone),
        now: names(now),
        until: until.map(|at| (teller.at(at), teller.until(at))),
        next: until.map(names).unwrap_or_default(),
        days: of_days.map(day).collect(),
        gaps: gaps.iter().filter(|gap| stretch::clipped(**gap, coming).is_some()).count(),
        turns: turns(&shifts, &gaps, coming, teller, viewer),
        feed: None,
    }
}

/// Everybody who has a shift in the days shown, by name.
fn persons<'a>(schedules: impl Iterator<Item = &'a Schedule>, swaps: &[Swap], teller: &Teller) -> Vec<Person> {
    let today = teller.zone.to_datetime(teller.now).date();
    let midnight = |day: i32| {
        let date = today.checked_add(day.days()).unwrap_or(today);
        civil_time::first(&teller.zone, date.at(0, 0, 0, 0))
    };
    let within = (midnight(0), midnight(DAYS));
    let mut found: BTreeMap<String, Vec<(Stretch, String)>> = BTreeMap::new();
    for schedule in schedules {
        for shift in schedule.shifts(&overrides_of(swaps, &schedule.name), within.0, within.1) {
            let clipped = stretch::clipped((shift.starts_at, shift.ends_at), within);
            found.entry(shift.user).or_default().extend(clipped.map(|when| (when, schedule.name.clone())));
        }
    }
    let length = within.0.duration_until(within.1).as_secs().max(1);
    let at = |instant: Timestamp| within.0.duration_until(instant).as_secs() * 1000 / length;
    let person = |(name, mut shifts): (String, Vec<(Stretch, String)>)| {
        shifts.sort();
        let on_call = stretch::merged(shifts.iter().map(|(when, _)| *when).collect());
        let seconds: i64 = on_call.iter().map(|(from, to)| from.duration_until(*to).as_secs()).sum();
        shifts.truncate(SHIFTS_MAX);
        Person {
            name,
            bars: on_call.iter().map(|(from, to)| (at(*from), (at(*to) - at(*from)).max(1))).collect(),
            hours: (seconds + 1800) / 3600,
            shifts: shifts.into_iter().map(|((from, to), by)| (by, teller.at(from), teller.at(to))).collect(),
        }
    };
    found.into_iter().map(person).collect()
}

/// The days from today on, each from its first midnight to the next one's.
fn days(schedule: &Schedule, now: Timestamp) -> Vec<(String, Stretch)> {
    let today = schedule.zone.to_datetime(now).date();
    let midnight = |day: i32| {
        let date = today.checked_add(day.days()).unwrap_or(today);
        (date, civil_time::first(&schedule.zone, date.at(0, 0, 0, 0)))
    };
    let day = |day: i32| {
        let ((date, from), (_, to)) = (midnight(day), midnight(day + 1));
        (date.strftime("%a %-d %b").to_string(), (from, to))
    };
    (0..DAYS).map(day).collect()
}

fn part(who: &str, (from, to): Stretch, within: Stretch, zone: &TimeZone, colour: String) -> Part {
    let length = within.0.duration_until(within.1).as_secs().max(1);
    let at = |instant: Timestamp| within.0.duration_until(instant).as_secs() * 1000 / length;
    let clock = |instant: Timestamp| zone.to_datetime(instant).strftime("%H:%M").to_string();
    let hours = match (from == within.0, to == within.1) {
        (true, true) => "all day".to_owned(),
        (true, false) => format!("until {}", clock(to)),
        (false, true) => format!("from {}", clock(from)),
        (false, false) => format!("{}–{}", clock(from), clock(to)),
    };
    let who = if who.is_empty() { "nobody" } else { who };
    Part { who: who.to_owned(), hours, left: at(from), width: at(to) - at(from), colour }
}

fn turns(shifts: &[Shift], gaps: &[Stretch], coming: Stretch, teller: &Teller, viewer: &str) -> Vec<Turn> {
    let why = |source: &Source| match source {
        Source::Layer(name) => name.clone(),
        Source::Calendar => "calendar".to_owned(),
        Source::Override(_) => "taken over".to_owned(),
    };
    let mut found: Vec<(Stretch, String, String)> = shifts
        .iter()
        .map(|shift| ((shift.starts_at, shift.ends_at), shift.user.clone(), why(&shift.source)))
        .chain(gaps.iter().map(|gap| (*gap, String::new(), "gap".to_owned())))
        .filter_map(|(when, who, why)| Some((stretch::clipped(when, coming)?, who, why)))
        .collect();
    found.sort();
    found.truncate(SHIFTS_MAX);
    let turn = |((from, to), who, why): (Stretch, String, String)| Turn {
        is_mine: who == viewer,
        who,
        why,
        from: teller.at(from),
        to: teller.at(to),
        starts_at: from.to_string(),
        ends_at: to.to_string(),
    };
    found.into_iter().map(turn).collect()
}

fn zone(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}
