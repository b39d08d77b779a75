//! Calendars as others write them, and what is read from them.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::*;

mod feeds;
mod hostile;
mod recurrences;
mod samples;

/// The window from one civil date to another in a zone.
fn window(from: &str, to: &str, zone: &TimeZone) -> (Timestamp, Timestamp) {
    let instant = |date: &str| zone.to_timestamp(date.parse::<Date>().unwrap().at(0, 0, 0, 0)).unwrap();
    (instant(from), instant(to))
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// What is read, one line for each event and problem, times in `name`.
fn shown(text: &str, from: &str, to: &str, name: &str) -> Vec<String> {
    let zone = zone(name);
    let calendar = read(text, window(from, to, &zone), &zone).unwrap();
    let when = |when: When| match when {
        When::Instant(instant) => instant.to_zoned(zone.clone()).strftime("%m-%d %H:%M").to_string(),
        When::Day(day) => day.to_string(),
    };
    let event = |event: &CalendarEvent| {
        let names: Vec<_> = event.attendees.iter().map(Attendee::to_string).collect();
        let line = format!("{}..{} {} <{}>", when(event.start), when(event.end), event.summary, names.join(" "));
        line.trim_end_matches(" <>").to_owned()
    };
    let problems = calendar.problems.iter().map(|problem| format!("! {problem}"));
    calendar.events.iter().map(event).chain(problems).collect()
}

/// A calendar around the lines of one event.
fn around(lines: &str) -> String {
    format!(
        "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:one\r\nSUMMARY:x\r\n{}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        lines.trim()
    )
}
