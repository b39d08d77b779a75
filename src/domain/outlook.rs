//! What will go wrong with on-call as it is planned: for the person who checks a configuration, while there is time.
//!
//! A warning is no mistake: a schedule may well have nobody on Sundays. It says what a night would show otherwise.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use super::civil_time;
use super::handling::{Handling, Urgency};
use super::notification;
use super::roster::{Channel, Roster, User};
use super::rulebook::Service;
use super::schedule::Schedule;
use super::situation::Situation;
use super::stretch;
use super::target::Target;
use super::window::Windows;

/// How far gaps are looked for.
const GAPS_WITHIN: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How far changes of the clock are looked for.
const CLOCK_WITHIN: SignedDuration = SignedDuration::from_hours(366 * 24);

/// So many names are told.
const NAMES_TOLD: usize = 10;

/// Something that will be missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What, in one sentence.
    pub what: String,
    /// What to do about it.
    pub hint: &'static str,
}

/// What will go wrong by these people, schedules and policies. Overrides are not looked at: what only they mend is
/// told. Of a schedule whose calendar is elsewhere and not read, nothing is known.
pub fn outlook(roster: &Roster, now: Timestamp) -> Vec<Warning> {
    let mut warnings = Vec::new();
    for schedule in roster.schedules.values().filter(|schedule| !is_unread(roster, &schedule.name)) {
        warnings.extend(gaps(schedule, now));
    }
    warnings.extend(empty_steps(roster, now));
    warnings.extend(single_channels(roster));
    for schedule in roster.schedules.values() {
        for layer in &schedule.layers {
            let what = format!("schedule {}, layer {}", schedule.name, layer.name);
            // A handoff to oneself, or at an hour in which the layer has nobody, changes nothing.
            let matters = |time: &DateTime| {
                let at = civil_time::first(&schedule.zone, *time);
                layer.turns.len() > 1 && layer.only.as_ref().is_none_or(|only| only.contains(&schedule.zone, at))
            };
            for change in changes(&schedule.zone, now) {
                let handoff = layer.handoffs(change.from, change.to).find(matters);
                warnings.extend(handoff.map(|time| change.warning(&what, "the handoff", time, &change.handoff_is())));
                warnings.extend(layer.only.as_ref().and_then(|only| change.hits(&what, only)));
            }
        }
    }
    for window in &roster.maintenance {
        warnings.extend(clock(&format!("maintenance {}", window.name), &window.zone, &window.windows, now));
    }
    for user in roster.users.values() {
        warnings.extend(clock(&format!("quiet hours of {}", user.name), &user.zone, &user.quiet, now));
    }
    warnings
}

/// What will go wrong with the hours of one service.
pub fn of_service(service: &Service, now: Timestamp) -> Vec<Warning> {
    let Some(support) = &service.handling.support else { return Vec::new() };
    clock(&format!("support hours of {}", service.name), &support.zone, &support.windows, now)
}

fn is_unread(roster: &Roster, schedule: &str) -> bool {
    let is_empty = roster.schedules.get(schedule).is_some_and(|schedule| schedule.events.is_empty());
    is_empty && roster.calendars.contains_key(schedule)
}

fn gaps(schedule: &Schedule, now: Timestamp) -> Option<Warning> {
    let gaps = schedule.gaps(&[], now, stretch::later(now, GAPS_WITHIN));
    let (from, to) = gaps.first()?;
    let minutes: i64 = gaps.iter().map(|(from, to)| from.duration_until(*to).as_mins()).sum();
    let civil = |at: Timestamp| schedule.zone.to_datetime(at).strftime("%a %Y-%m-%d %H:%M").to_string();
    let first = format!("{} to {}", civil(*from), civil(*to));
    let which = match gaps.len() {
        1 => first,
        count => format!("{count} times, first {first}"),
    };
    let (name, hours) = (&schedule.name, SignedDuration::from_mins(minutes));
    Some(Warning {
        what: format!("schedule {name} has nobody for {hours:#} within 14 days: {which}"),
        hint: "add a layer or an override, or let a policy's next step name somebody who is always there",
    })
}

fn empty_steps(roster: &Roster, now: Timestamp) -> Vec<Warning> {
    let handling = Handling::default();
    let situation = Situation::quiet(roster, &handling, now);
    let mut warnings = Vec::new();
    for policy in roster.policies.values() {
        for (number, step) in (1..).zip(&policy.steps) {
            let unread = |target: &Target| match target {
                Target::Schedule(name) | Target::Everyone(name) => is_unread(roster, name),
                Target::User(_) | Target::Room(_) => false,
            };
            let reaches = !notification::plan(&situation, &step.targets, Urgency::High).is_empty();
            if reaches || step.targets.iter().any(unread) {
                continue;
            }
            let targets = step.targets.iter().map(Target::to_string).collect::<Vec<_>>().join(", ");
            warnings.push(Warning {
                what: format!("policy {}, step {number} can reach nobody now: {targets}", policy.name),
                hint: "the step is passed over at once while that is so; name somebody who can always be called",
            });
        }
    }
    warnings
}

/// Two numbers with one provider fail together, and what a gateway prints wakes nobody.
fn single_channels(roster: &Roster) -> Vec<Warning> {
    let mut by_channels: BTreeMap<Vec<Channel>, Vec<&str>> = BTreeMap::new();
    for user in roster.users.values() {
        let channels = waking(user);
        if channels.len() < 2 {
            by_channels.entry(channels.into_iter().collect()).or_default().push(&user.name);
        }
    }
    let warning = |(channels, names): (Vec<Channel>, Vec<&str>)| {
        let by = channels.first().map_or("no channel that wakes anybody".to_owned(), |one| format!("{one} only"));
        let mut told = names.iter().take(NAMES_TOLD).copied().collect::<Vec<_>>().join(", ");
        if let Some(more) = names.len().checked_sub(NAMES_TOLD).filter(|more| *more > 0) {
            told.push_str(&format!(" and {more} more"));
        }
        Warning {
            what: format!("reached by {by}: {told}"),
            hint: "a second, independent channel (voice and webhook) still works when a provider is down",
        }
    };
    by_channels.into_iter().map(warning).collect()
}

/// The channels that are used for somebody when it is urgent.
fn waking(user: &User) -> BTreeSet<Channel> {
    let methods = user.high.iter().filter_map(|rule| user.methods.get(rule.method));
    methods.map(|method| method.channel).filter(|channel| *channel != Channel::Console).collect()
}

fn clock(what: &str, zone: &TimeZone, windows: &Windows, now: Timestamp) -> Vec<Warning> {
    if windows.is_empty() {
        return Vec::new();
    }
    changes(zone, now).into_iter().filter_map(|change| change.hits(what, windows)).collect()
}

/// A change of the clock: civil times from one to just before another do not occur, or occur twice.
struct ClockChange {
    from: DateTime,
    to: DateTime,
    is_gap: bool,
    zone: String,
}

fn changes(zone: &TimeZone, now: Timestamp) -> Vec<ClockChange> {
    let end = stretch::later(now, CLOCK_WITHIN);
    let transitions = zone.following(now).map(|transition| transition.timestamp()).take_while(|at| *at <= end);
    let change = |at: Timestamp| {
        let before = zone.to_datetime(at.checked_sub(1.nanosecond()).ok()?);
        // The last nanosecond before, and one more.
        let before = before.checked_add(1.nanosecond()).ok()?;
        let after = zone.to_datetime(at);
        let (from, to) = (before.min(after), before.max(after));
        let name = zone.iana_name().unwrap_or("its zone").to_owned();
        (from < to).then_some(ClockChange { from, to, is_gap: before < after, zone: name })
    };
    transitions.filter_map(change).collect()
}

impl ClockChange {
    fn handoff_is(&self) -> String {
        if self.is_gap {
            format!("made at {}", self.to.time().strftime("%H:%M"))
        } else {
            "made the first time".to_owned()
        }
    }

    /// The first start or end of a window that falls into it.
    fn hits(&self, what: &str, windows: &Windows) -> Option<Warning> {
        let within = |time: &DateTime| self.from <= *time && *time < self.to;
        let last = self.to.checked_sub(1.nanosecond()).unwrap_or(self.to).date();
        let days = std::iter::successors(Some(self.from.date()), |day| day.tomorrow().ok());
        for day in days.take_while(|day| *day <= last) {
            for window in windows.iter() {
                let starts = Some(day.to_datetime(window.from)).filter(within);
                if let Some(time) = starts.filter(|_| window.days.contains(day.weekday())) {
                    let is = if self.is_gap { "later" } else { "the first time" };
                    return Some(self.warning(what, "the start", time, is));
                }
                let started_on = if window.to > window.from { day } else { day.yesterday().unwrap_or(Date::MIN) };
                let ends = Some(day.to_datetime(window.to)).filter(within);
                if let Some(time) = ends.filter(|_| window.days.contains(started_on.weekday())) {
                    let is = if self.is_gap { "later" } else { "the second time" };
                    return Some(self.warning(what, "the end", time, is));
                }
            }
        }
        None
    }

    fn warning(&self, what: &str, edge: &str, time: DateTime, is: &str) -> Warning {
        let (at, day, zone) = (time.strftime("%H:%M"), time.strftime("%a %Y-%m-%d"), &self.zone);
        let how = if self.is_gap { "does not exist" } else { "comes twice" };
        Warning {
            what: format!("{what}: {edge} at {at} {how} on {day} in {zone}; it is {is}"),
            hint: "choose a time that every day has once, such as 04:00 or 09:00",
        }
    }
}

#[cfg(test)]
mod tests;
