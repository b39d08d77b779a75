//! iCalendar (RFC 5545) in and out: shifts and holidays from somebody else's calendar, our shifts as a feed.
//!
//! The text is parsed and written by `calcard`. Recurrences are expanded here, in civil time and only inside the
//! window that is asked for, so that a text from elsewhere cannot cost more than the limits below. Reads no clock and
//! no file, but for the time zone database, which `jiff` keeps.

use std::fmt;

use calcard::{Entry, Parser};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use series::{Found, Window};
use zones::Zones;

pub use feed::{FeedShift, write};
pub use limits::{MAX_OCCURRENCES, MAX_PROBLEMS, MAX_TEXT_BYTES};
pub use shifts::{Duty, People, holidays, shifts};

mod component;
mod feed;
mod limits;
mod rule;
mod series;
mod shifts;
#[cfg(test)]
mod tests;
mod zones;

/// What a text says for a window of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calendar {
    /// Events that overlap the window, recurrences expanded, by start, then UID.
    pub events: Vec<CalendarEvent>,
    /// What could not be understood and was left out or guessed, as sentences for the calendar's owner; at most
    /// [`MAX_PROBLEMS`] and one that counts the rest.
    pub problems: Vec<String>,
}

/// One occurrence of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEvent {
    /// Its UID, the same for all occurrences of a series; empty where the text has none.
    pub uid: String,
    /// Its title; may be empty.
    pub summary: String,
    /// Its attendees without rooms and resources. Those who declined are among them, because a page to them is better
    /// than a page to nobody.
    pub attendees: Vec<Attendee>,
    /// When it begins.
    pub start: When,
    /// When it ends, exclusive: the instant, or the day after the last. Never before the start; equal to it only for
    /// an event without length.
    pub end: When,
}

/// Whom an event names; one of the two is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attendee {
    /// The mail address.
    pub address: Option<String>,
    /// The common name.
    pub name: Option<String>,
}

impl fmt::Display for Attendee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.address.as_ref().or(self.name.as_ref()).map_or("", String::as_str))
    }
}

/// A point in a calendar. An event has two of the same kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum When {
    /// A point in time.
    Instant(Timestamp),
    /// A whole day, in whichever zone the reader lives.
    Day(Date),
}

/// Why a text gives no calendar. The caller keeps the one it had: half a calendar would leave shifts uncovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IcalError {
    /// The text is longer than [`MAX_TEXT_BYTES`].
    #[error("the calendar is larger than 5 MiB")]
    TooLarge,
    /// There is no VCALENDAR in it: a login page, perhaps.
    #[error("this is not an iCalendar text: it has no BEGIN:VCALENDAR")]
    NotCalendar,
    /// The last line is not END:VCALENDAR: a download was cut off.
    #[error("the calendar is cut off: it does not end with END:VCALENDAR")]
    Truncated,
    /// More than [`MAX_OCCURRENCES`] in the window.
    #[error("the calendar has more than 10,000 occurrences in the window")]
    TooManyOccurrences,
    /// The recurrence rules ask for more days to be looked at than any honest calendar does.
    #[error("the recurrence rules of the calendar are too costly to expand")]
    TooCostly,
    /// Our own fault, found while reading shifts or holidays.
    #[error("reading the calendar failed inside")]
    Failed,
}

/// Reads a calendar: what happens from `window.0` up to, not including, `window.1`.
///
/// Recurrences keep their civil time in the zone of their DTSTART (RFC 5545, section 3.3.10), and so does their end: a
/// week from Monday 09:00 to Monday 09:00 stays one when the clocks change. A civil time that a clock change skips is
/// moved forward, one that comes twice means the first. Times without a zone are in `default_zone`; whole days are
/// laid against the window there.
///
/// # Errors
///
/// See [`IcalError`]. A single event that makes no sense is a problem, not an error.
pub fn read(text: &str, window: (Timestamp, Timestamp), default_zone: &TimeZone) -> Result<Calendar, IcalError> {
    if text.len() > MAX_TEXT_BYTES {
        return Err(IcalError::TooLarge);
    }
    limits::check_frame(text)?;
    let mut found = Found::default();
    let span = Window { from: window.0, to: window.1, zone: default_zone };
    let mut parser = Parser::new(text);
    loop {
        match parser.entry() {
            Entry::ICalendar(calendar) => {
                series::collect(&calendar, Zones::new(&calendar, default_zone), &span, &mut found)?;
            }
            Entry::Eof => break,
            _ => found.problems.add("something outside of the calendar cannot be read".to_owned()),
        }
    }
    let Found { mut events, problems, .. } = found;
    let begin = |event: &CalendarEvent| match event.start {
        When::Instant(instant) => instant,
        When::Day(day) => series::midnight(day, default_zone),
    };
    events.sort_by(|a, b| begin(a).cmp(&begin(b)).then_with(|| a.uid.cmp(&b.uid)));
    // Some servers list an event twice.
    events.dedup();
    Ok(Calendar { events, problems: problems.into_sentences() })
}
