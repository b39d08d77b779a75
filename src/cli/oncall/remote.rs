//! `oncall now` and `oncall show` of a running gateway: what its API tells, drawn as what is computed here is.

use anyhow::bail;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::times::{self, Edge};
use super::{Now, Show, calendar, look};
use crate::cli::gateway::Remote;
use crate::cli::print_json;
use crate::clock::Clock;
use crate::domain::schedule::{Event, Handoff, OnCall, Override, Schedule};
use crate::http::view::oncall::{OnCallView, PersonView};

/// The longest stretch that the API tells at once.
const ASKED_MAX: SignedDuration = SignedDuration::from_hours(366 * 24);

/// The first civil day is drawn as a whole, and so is the last: a day more at both ends holds them in every zone.
const AROUND: SignedDuration = SignedDuration::from_hours(26);

pub(super) async fn now(args: &Now, there: &Remote) -> anyhow::Result<()> {
    let now = Clock::System.now();
    let mut told = there.on_call(None).await?;
    if let Some(text) = &args.at {
        let mut zones = told.schedules.iter().map(|schedule| schedule.zone.as_str());
        let first = zones.next().unwrap_or("UTC");
        let zone = if zones.all(|zone| zone == first) { zone(first) } else { TimeZone::UTC };
        told = there.on_call(Some(times::instant(text, &zone, now, Edge::Start)?)).await?;
    }
    if args.json {
        let at = format!("{:.3}", told.at);
        return print_json(&json!({ "at": at, "schedules": told.schedules, "unread": null }));
    }
    if told.schedules.is_empty() {
        println!("there are no schedules; policies name people themselves");
    }
    let schedules = told.schedules.iter().map(|view| empty(&view.schedule, &view.zone));
    let schedules = schedules.collect::<anyhow::Result<Vec<Schedule>>>()?;
    let lines: Vec<_> =
        schedules.iter().zip(&told.schedules).map(|(schedule, view)| (schedule, people(view), handoff(view))).collect();
    print!("{}", calendar::now_line(&lines, told.at));
    Ok(())
}

fn people(view: &OnCallView) -> Vec<OnCall> {
    let person = |person: &PersonView| OnCall { user: person.user.clone(), source: person.source() };
    view.on_call.iter().map(person).collect()
}

fn handoff(view: &OnCallView) -> Option<Handoff> {
    let without = |people: &[PersonView], others: &[PersonView]| {
        let names = people.iter().filter(|person| !others.iter().any(|other| other.user == person.user));
        names.map(|person| person.user.clone()).collect::<Vec<_>>()
    };
    let (on, off) = (without(&view.next, &view.on_call), without(&view.on_call, &view.next));
    view.until.map(|at| Handoff { at, on, off })
}

pub(super) async fn show(args: &Show, there: &Remote) -> anyhow::Result<()> {
    let (now, schedules) = (Clock::System.now(), there.on_call(None).await?.schedules);
    let names: Vec<&str> = schedules.iter().map(|schedule| schedule.schedule.as_str()).collect();
    if let Some(name) = args.schedule.as_deref().filter(|name| !names.contains(name)) {
        bail!("there is no schedule {name:?}; known are {}", names.join(", "));
    }
    if schedules.is_empty() {
        bail!("there are no schedules; policies name people themselves");
    }
    let overrides = there.overrides().await?;
    let wanted = |view: &&OnCallView| args.schedule.as_ref().is_none_or(|name| *name == view.schedule);
    let mut views = Vec::new();
    for (nth, OnCallView { schedule: name, zone: zone_name, .. }) in schedules.iter().filter(wanted).enumerate() {
        let from = match &args.from {
            Some(text) => times::instant(text, &zone(zone_name), now, Edge::Start)?,
            None => now,
        };
        let to = later(from, SignedDuration::from_hours(24 * i64::from(args.days)));
        if args.json {
            views.push(there.schedule(name, from, to).await?);
            continue;
        }
        let schedule = drawn(there, name, zone_name, (later(from, -AROUND), later(to, AROUND))).await?;
        let own = overrides.iter().filter(|made| made.schedule == *name);
        let own: Vec<Override> = own.map(crate::http::view::oncall::OverrideView::shift).collect();
        if nth > 0 {
            println!();
        }
        print!("{}", calendar::render(&schedule, &own, from, &look(args)));
    }
    if args.json {
        return print_json(&json!({ "schedules": views, "unread": null }));
    }
    Ok(())
}

/// A schedule that has the shifts of the final one, whatever they come from.
async fn drawn(
    there: &Remote,
    name: &str,
    zone_name: &str,
    (from, to): (Timestamp, Timestamp),
) -> anyhow::Result<Schedule> {
    let mut events = Vec::new();
    let mut start = from;
    while start < to {
        let end = later(start, ASKED_MAX).min(to);
        let told = there.schedule(name, start, end).await?;
        events.extend(told.shifts.into_iter().map(|shift| Event {
            user: shift.person.user,
            starts_at: shift.starts_at,
            ends_at: shift.ends_at,
        }));
        start = end;
    }
    let mut schedule = empty(name, zone_name)?;
    schedule.events = events.into();
    Ok(schedule)
}

fn empty(name: &str, zone_name: &str) -> anyhow::Result<Schedule> {
    Ok(Schedule::new(name, zone(zone_name), Vec::new())?)
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}

fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}
