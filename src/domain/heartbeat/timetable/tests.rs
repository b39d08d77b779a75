use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::Timetable;
use crate::domain::heartbeat::expression::Expression;
use crate::domain::heartbeat::expression::tests::{expression, expressions};

/// Zones that change their clocks, have done so since 2015, or do it oddly.
pub(in crate::domain::heartbeat) const ZONES: [&str; 20] = [
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "America/New_York",
    "America/Los_Angeles",
    "America/St_Johns",
    "America/Havana",
    "America/Santiago",
    "America/Sao_Paulo",
    "America/Nuuk",
    "Atlantic/Azores",
    "Africa/Casablanca",
    "Africa/Cairo",
    "Asia/Beirut",
    "Asia/Tehran",
    "Asia/Gaza",
    "Australia/Sydney",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
];

pub(in crate::domain::heartbeat) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn start_of(year: i16) -> Timestamp {
    date(year, 1, 1).at(0, 0, 0, 0).to_zoned(TimeZone::UTC).unwrap().timestamp()
}

/// All expected times after `from` and before `until`.
fn times(expression: &Expression, zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let timetable = Timetable { expression, zone };
    let next = |time: &Timestamp| timetable.after(*time);
    std::iter::successors(timetable.after(from), next).take_while(|time| *time < until).collect()
}

/// What a cron daemon that wakes up every minute would do: it runs what the clock shows; a fixed time it runs when the
/// clock first shows that time or a later one.
fn woken_every_minute(expression: &Expression, zone: &TimeZone, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let minute = SignedDuration::from_mins(1);
    let mut furthest: DateTime = zone.to_datetime(from);
    let mut out = Vec::new();
    let mut now = from + minute;
    while now < until {
        let clock = zone.to_datetime(now);
        let next_minute = clock.saturating_add(minute);
        let seen_from = if expression.is_running() { clock } else { furthest.saturating_add(minute) };
        if expression.first(seen_from, next_minute).is_some() {
            out.push(now);
        }
        furthest = furthest.max(clock);
        now += minute;
    }
    out
}

#[test]
fn around_every_change_of_the_clock_it_does_what_a_daemon_would() {
    let texts =
        ["30 2 * * *", "0 0 * * *", "*/15 * * * *", "30 * * * *", "0,30 0-3,22,23 * * *", "59 23 * * *", "5 */2 * * 0"];
    let expressions = texts.map(expression);
    let around = SignedDuration::from_hours(3);
    let mut count = 0;
    for name in ZONES {
        let zone = zone(name);
        for change in changes(&zone) {
            // A daemon wakes up at full minutes, wherever the change is.
            let change = change.round(jiff::Unit::Minute).unwrap();
            let (from, until) = (change - around, change + around);
            count += 1;
            for expression in &expressions {
                let found = times(expression, &zone, from, until);
                assert_eq!(found, woken_every_minute(expression, &zone, from, until), "{name} {expression} {from}");
                let timetable = Timetable { expression, zone: &zone };
                let back = |time: &Timestamp| timetable.before(*time);
                let mut backwards: Vec<_> =
                    std::iter::successors(timetable.before(until), back).take_while(|time| *time > from).collect();
                backwards.reverse();
                assert_eq!(found, backwards, "{name} {expression} {from}");
            }
        }
    }
    assert!(count > 700, "{count}");
}

/// Changes of the clock from 2015 to 2040.
fn changes(zone: &TimeZone) -> impl Iterator<Item = Timestamp> {
    let changes = zone.following(start_of(2015)).map(|change| change.timestamp());
    changes.take_while(|change| *change < start_of(2041))
}

#[test]
fn daily_means_once_for_every_day() {
    let day = jiff::Span::new().days(1);
    let texts = ["@daily", "30 0 * * *", "30 1 * * *", "0 2 * * *", "30 2 * * *", "0 3 * * *", "30 23 * * *"];
    let expressions = texts.map(expression);
    for name in ZONES {
        let zone = zone(name);
        for change in changes(&zone) {
            let first = zone.to_datetime(change).date().saturating_sub(day * 3);
            let days: Vec<Date> = first.series(day).take(6).collect();
            // Noon to noon: no clock is changed by so much that a run would leave its day's noons.
            let noon = |date: Date| zone.to_zoned(date.at(12, 0, 0, 0)).unwrap().timestamp();
            for expression in &expressions {
                let per_day = days.windows(2).map(|pair| times(expression, &zone, noon(pair[0]), noon(pair[1])).len());
                assert_eq!(per_day.collect::<Vec<_>>(), [1; 5], "{name} {expression} {change}");
            }
        }
    }
}

#[test]
fn hourly_leaves_no_hour_out() {
    let hour = SignedDuration::from_hours(1);
    let hourly = expression("@hourly");
    for name in ZONES {
        let zone = zone(name);
        // Clocks that are changed by half an hour show the full hour half an hour earlier or later.
        let odd = name == "Australia/Lord_Howe";
        for change in changes(&zone) {
            let found = times(&hourly, &zone, change - 12 * hour, change + 12 * hour);
            for pair in found.windows(2) {
                let distance = pair[1].duration_since(pair[0]);
                let good = distance == hour || odd && (distance == hour / 2 || distance == hour * 3 / 2);
                assert!(good, "{name} {} {distance:#}", pair[0]);
            }
            assert!((23..=25).contains(&found.len()), "{name} {change} {}", found.len());
        }
    }
}

#[track_caller]
fn check(text: &str, name: &str, from: &str, expected: &[&str]) {
    let from: Timestamp = from.parse().unwrap();
    let zone = zone(name);
    let found = times(&expression(text), &zone, from, Timestamp::MAX.min(from + SignedDuration::from_hours(2400)));
    let found: Vec<String> =
        found.iter().take(expected.len()).map(|time| zone.to_datetime(*time).to_string()).collect();
    assert_eq!(found, expected, "{text} {name}");
}

#[test]
fn changes_of_the_clock_by_name() {
    let (spring, autumn) = ("2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z");
    // Skipped: at the first instant after; once, even if two times fall on it.
    check("30 2 * * *", "Europe/Berlin", spring, &["2026-03-29T03:00:00", "2026-03-30T02:30:00"]);
    check(
        "0,30 2,3 * * *",
        "Europe/Berlin",
        spring,
        &["2026-03-29T03:00:00", "2026-03-29T03:30:00", "2026-03-30T02:00:00"],
    );
    // A running clock does not show it, so nobody sends it.
    check("30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", &["2026-03-29T01:30:00", "2026-03-29T03:30:00"]);
    // Shown twice: the first time.
    check("30 2 * * *", "Europe/Berlin", autumn, &["2026-10-25T02:30:00", "2026-10-26T02:30:00"]);
    check("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", &["2026-10-26T02:30:00"]);
    check("30 * * * *", "Europe/Berlin", "2026-10-25T00:00:00Z", &["2026-10-25T02:30:00", "2026-10-25T02:30:00"]);
    // Midnight is skipped, and shown twice.
    check("@daily", "America/Havana", "2026-03-07T12:00:00Z", &["2026-03-08T01:00:00", "2026-03-09T00:00:00"]);
    check("@daily", "America/Havana", "2026-10-31T12:00:00Z", &["2026-11-01T00:00:00", "2026-11-02T00:00:00"]);
    // Half an hour.
    check("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", &["2026-10-04T02:30:00", "2026-10-05T02:15:00"]);
    // A whole day was skipped, 30 December 2011.
    check(
        "0 3 * * *",
        "Pacific/Apia",
        "2011-12-29T09:00:00Z",
        &["2011-12-29T03:00:00", "2011-12-31T00:00:00", "2011-12-31T03:00:00"],
    );
}

#[test]
fn a_change_that_changes_nothing_does_not_turn_the_search_back() {
    // 2038-01-19T03:14:07Z in the zone file of Nuuk.
    check("0 0 1 2 *", "America/Nuuk", "2037-11-01T00:00:00Z", &["2038-02-01T00:00:00"]);
    check("30 1 * * *", "America/Nuuk", "2038-01-18T12:00:00Z", &["2038-01-19T01:30:00", "2038-01-20T01:30:00"]);
}

#[test]
fn a_time_that_is_skipped_year_after_year_ends_the_search() {
    // The Sunday between 25 and 31 March, within the hour that Berlin skips on that very day.
    let (never, berlin) = (expression("*/10 2 25-31 3 */7"), zone("Europe/Berlin"));
    let timetable = Timetable { expression: &never, zone: &berlin };
    assert_eq!(timetable.after(start_of(2026)), None);
    let before = timetable.before(start_of(2026)).unwrap();
    assert!(before < start_of(1996));
}

#[test]
fn the_first_and_the_last_instant_are_no_danger() {
    for name in ZONES {
        for text in ["* * * * *", "0 3 * * *", "0 0 29 2 */7"] {
            let (expression, zone) = (expression(text), zone(name));
            let timetable = Timetable { expression: &expression, zone: &zone };
            assert_eq!(timetable.after(Timestamp::MAX), None);
            assert_eq!(timetable.before(Timestamp::MIN), None);
            assert!(timetable.after(Timestamp::MIN).is_some());
            assert!(timetable.before(Timestamp::MAX).is_some());
        }
    }
}

proptest! {
    #[test]
    fn after_and_before_mirror_each_other(
        expression in expressions(), name in proptest::sample::select(&ZONES[..]),
        seconds in 0..4_000_000_000_i64,
    ) {
        let zone = zone(name);
        let timetable = Timetable { expression: &expression, zone: &zone };
        let instant = Timestamp::from_second(seconds).unwrap();
        if let Some(next) = timetable.after(instant) {
            prop_assert!(next > instant);
            let before = timetable.before(next);
            prop_assert!(before.is_none_or(|before| before <= instant));
            if let Some(before) = before {
                prop_assert_eq!(timetable.after(before), Some(next));
            }
        }
    }
}
