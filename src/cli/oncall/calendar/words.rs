//! Times in words, as people in the schedule's zone read them off the wall.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

use crate::domain::civil_time;
use crate::domain::stretch::Stretch;

const MINUTES_OF_HOUR: i64 = 60;
const MINUTES_OF_DAY: i64 = 24 * MINUTES_OF_HOUR;

/// "Mon 2026-11-23".
pub(super) fn day(date: Date) -> String {
    date.strftime("%a %Y-%m-%d").to_string()
}

/// "09:00"; with seconds where there are some, and as "02:30 CET" where the clock shows the same twice.
pub(super) fn clock(zone: &TimeZone, at: Timestamp) -> String {
    let time = zone.to_datetime(at);
    let mut text = time.strftime(if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string();
    if zone.to_ambiguous_timestamp(time).is_ambiguous() {
        text.push_str(&format!(" {}", zone.to_offset_info(at).abbreviation()));
    }
    text
}

/// "Sat 2026-11-28 00:00–09:00", "Fri 2026-11-27 22:00 – Sat 2026-11-28 24:00".
pub(super) fn stretch(zone: &TimeZone, (from, to): Stretch) -> String {
    let first = zone.to_datetime(from).date();
    let (last, end) = end(zone, to);
    let start = clock(zone, from);
    if first == last {
        format!("{} {start}–{end}", day(first))
    } else {
        format!("{} {start} – {} {end}", day(first), day(last))
    }
}

/// The day on which something ends and when: midnight is 24:00 of the day before.
fn end(zone: &TimeZone, at: Timestamp) -> (Date, String) {
    let before = zone.to_datetime(just_before(at)).date();
    if at == civil_time::first(zone, civil_time::end_of(before)) {
        return (before, "24:00".to_owned());
    }
    (zone.to_datetime(at).date(), clock(zone, at))
}

/// The last instant before this one.
pub(super) fn just_before(at: Timestamp) -> Timestamp {
    at.checked_sub(1.nanosecond()).unwrap_or(at)
}

/// "168 h", "24:30 h".
pub(super) fn hours(duration: SignedDuration) -> String {
    let minutes = duration.as_mins();
    match (minutes / MINUTES_OF_HOUR, minutes % MINUTES_OF_HOUR) {
        (0, 0) if duration.is_positive() => "<1 min".to_owned(),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours}:{minutes:02} h"),
    }
}

/// "2 d 3 h", "3 h 5 min", "5 min": how long until something happens. A day is 24 hours.
pub(super) fn away(duration: SignedDuration) -> String {
    let minutes = duration.as_mins().max(0);
    let (days, hours) = (minutes / MINUTES_OF_DAY, minutes % MINUTES_OF_DAY / MINUTES_OF_HOUR);
    match (days, hours, minutes % MINUTES_OF_HOUR) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: &str, range: [&str; 2], expected: &str) {
        let [from, to] = range.map(|text| text.parse().unwrap());
        assert_eq!(stretch(&TimeZone::get(zone).unwrap(), (from, to)), expected);
    }

    #[test]
    fn stretches_name_a_day_once() {
        check("UTC", ["2026-11-28T00:00Z", "2026-11-28T09:00Z"], "Sat 2026-11-28 00:00–09:00");
        check("UTC", ["2026-11-28T00:00Z", "2026-11-29T00:00Z"], "Sat 2026-11-28 00:00–24:00");
        check("UTC", ["2026-11-27T22:00:30Z", "2026-11-28T06:00Z"], "Fri 2026-11-27 22:00:30 – Sat 2026-11-28 06:00");
    }

    #[test]
    fn the_clock_says_which_of_two_hours() {
        check("Europe/Berlin", ["2026-10-25T00:30Z", "2026-10-25T01:30Z"], "Sun 2026-10-25 02:30 CEST–02:30 CET");
        check(
            "Australia/Lord_Howe",
            ["2026-04-04T14:45Z", "2026-04-04T15:15Z"],
            "Sun 2026-04-05 01:45 +11–01:45 +1030",
        );
        // The day that Samoa left out.
        check("Pacific/Apia", ["2011-12-30T00:00Z", "2011-12-30T10:00Z"], "Thu 2011-12-29 14:00–24:00");
    }

    #[test]
    fn durations() {
        let minutes = SignedDuration::from_mins;
        let found = [0, 59, 60, 1470, 43_200].map(|count| hours(minutes(count)));
        assert_eq!(found, ["0 h", "0:59 h", "1 h", "24:30 h", "720 h"]);
        assert_eq!(hours(SignedDuration::from_secs(59)), "<1 min");
        let found = [-5, 0, 5, 60, 185, 1440, 1441, 3060].map(|count| away(minutes(count)));
        let soon = "less than a minute";
        assert_eq!(found, [soon, soon, "5 min", "1 h", "3 h 5 min", "1 d", "1 d", "2 d 3 h"]);
    }
}
