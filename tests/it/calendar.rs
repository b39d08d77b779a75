//! Calendars in and out: files that schedules name, calendars at a URL, and our own feeds.

use jiff::Timestamp;

mod commands;
mod feeds;
mod files;
mod urls;

/// Some Saturday, 11:00 in Berlin.
const NOW: &str = "2026-11-21T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

/// A calendar of these events, each the lines between its BEGIN and END.
fn calendar(events: &[&str]) -> String {
    let event = |(number, lines): (usize, &&str)| {
        format!("BEGIN:VEVENT\r\nUID:{number}\r\n{}\r\nEND:VEVENT\r\n", lines.replace('\n', "\r\n"))
    };
    let events: String = events.iter().enumerate().map(event).collect();
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n")
}
