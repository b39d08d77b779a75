//! What a calendar says about people here: whose shift an event is, and which days are holidays.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::limits::quote;
use super::{Calendar, CalendarEvent, IcalError, When, read};
use crate::domain::calendar::window;
use crate::domain::civil_time;
use crate::domain::roster::User;
use crate::domain::schedule::Event;
use crate::domain::stretch::Stretch;

/// Who can be meant by an event.
#[derive(Debug, Clone, Copy)]
pub struct People<'a> {
    /// People by name.
    pub users: &'a BTreeMap<String, User>,
    /// Their names by what a calendar calls them, that in lower case; an empty name is nobody, on purpose.
    pub named: &'a BTreeMap<String, String>,
}

/// What a calendar says about who is on call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duty {
    /// The shifts.
    pub events: Vec<Event>,
    /// What could not be understood, as sentences.
    pub problems: Vec<String>,
    /// Names of shifts to come that mean nobody here, with the start of the first such shift.
    pub strangers: BTreeMap<String, Timestamp>,
}

/// Reads a calendar as shifts, for the time around `now` that [`window`] gives. Whole days are days in `zone`.
///
/// An event names its people by attendees, else by its title. Whom a shift that is over meant is not asked any more:
/// people leave.
///
/// # Errors
///
/// As [`read`], and when reading it fails inside.
pub fn shifts(text: &str, now: Timestamp, zone: &TimeZone, people: People<'_>) -> Result<Duty, IcalError> {
    let Calendar { events, problems } = guarded(text, window(now), zone)?;
    let mut duty = Duty { problems, ..Duty::default() };
    for event in &events {
        let (starts_at, ends_at) = (instant(event.start, zone), instant(event.end, zone));
        let meant = people.meant(event);
        let user = |user: &str| Event { user: user.to_owned(), starts_at, ends_at };
        duty.events.extend(meant.users.into_iter().filter(|_| starts_at < ends_at).map(user));
        if ends_at > now {
            for stranger in meant.strangers {
                duty.strangers.entry(stranger).or_insert(starts_at);
            }
        }
    }
    Ok(duty)
}

/// Reads a calendar of holidays: the days of its whole-day events.
///
/// # Errors
///
/// As [`read`], and when reading it fails inside.
pub fn holidays(text: &str, now: Timestamp, zone: &TimeZone) -> Result<(BTreeSet<Date>, Vec<String>), IcalError> {
    let (from, to) = window(now);
    let (first, last) = (zone.to_datetime(from).date(), zone.to_datetime(to).date());
    let Calendar { events, problems } = guarded(text, (from, to), zone)?;
    let mut days = BTreeSet::new();
    for event in events {
        if let (When::Day(start), When::Day(end)) = (event.start, event.end) {
            let all = std::iter::successors(Some(start.max(first)), |day| day.tomorrow().ok());
            days.extend(all.take_while(|day| *day < end && *day <= last));
        }
    }
    Ok((days, problems))
}

/// A text from elsewhere must not end the gateway, whatever the parser makes of it.
fn guarded(text: &str, window: Stretch, zone: &TimeZone) -> Result<Calendar, IcalError> {
    catch_unwind(AssertUnwindSafe(|| read(text, window, zone))).unwrap_or(Err(IcalError::Failed))
}

/// Whom one event means.
#[derive(Default)]
struct Meant<'a> {
    users: BTreeSet<&'a str>,
    strangers: Vec<String>,
}

impl<'a> People<'a> {
    fn meant(self, event: &CalendarEvent) -> Meant<'a> {
        let mut meant = Meant::default();
        let mut any_known = false;
        for attendee in &event.attendees {
            let names = [&attendee.address, &attendee.name].into_iter().flatten();
            match names.filter_map(|name| self.user(name)).next() {
                Some(user) => {
                    any_known = true;
                    meant.users.extend(Some(user).filter(|user| !user.is_empty()));
                }
                None => meant.strangers.push(quote(&attendee.to_string())),
            }
        }
        if any_known {
            return meant;
        }
        match self.user(&event.summary) {
            Some(user) => {
                let users = Some(user).filter(|user| !user.is_empty()).into_iter().collect();
                Meant { users, strangers: Vec::new() }
            }
            None if event.attendees.is_empty() => {
                Meant { users: BTreeSet::new(), strangers: vec![quote(event.summary.trim())] }
            }
            None => meant,
        }
    }

    /// The user whom a calendar calls so; empty if it is nobody on purpose.
    fn user(self, name: &str) -> Option<&'a str> {
        let name = name.trim();
        let own = self.users.get_key_value(name).map(|(name, _)| name);
        own.or_else(|| self.named.get(&name.to_lowercase())).map(String::as_str)
    }
}

fn instant(when: When, zone: &TimeZone) -> Timestamp {
    match when {
        When::Instant(instant) => instant,
        When::Day(day) => civil_time::first(zone, day.to_datetime(Time::midnight())),
    }
}
