//! When windows are open.

use jiff::ToSpan;
use proptest::prelude::*;

use super::*;

fn windows(texts: &[&str]) -> Windows {
    let window = |text: &&str| {
        let (days, times) = text.split_once(' ').unwrap();
        let (from, to) = times.split_once('-').unwrap();
        Window { days: days.parse().unwrap(), from: from.parse().unwrap(), to: to.parse().unwrap() }
    };
    Windows::new(texts.iter().map(window).collect())
}

fn at(zone: &TimeZone, text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| zone.to_timestamp(text.parse().unwrap()).unwrap())
}

/// Occurrences between two times as "Mon 02 09:00 - 17:00", ends in UTC where `utc` says so.
#[track_caller]
fn check(zone: &str, texts: &[&str], range: [&str; 2], expected: &[[&str; 2]]) {
    let zone = TimeZone::get(zone).unwrap();
    let [from, to] = range.map(|text| at(&zone, text));
    let expected: Vec<_> = expected.iter().map(|[from, to]| (at(&zone, from), at(&zone, to))).collect();
    assert_eq!(windows(texts).occurrences(&zone, from, to), expected);
}

#[test]
fn windows_recur_on_their_days_and_are_cut_to_the_range() {
    check(
        "Europe/Berlin",
        &["mon-fri 09:00-17:00"],
        ["2026-03-05T12:00", "2026-03-09T10:00"],
        &[
            ["2026-03-05T12:00", "2026-03-05T17:00"],
            ["2026-03-06T09:00", "2026-03-06T17:00"],
            ["2026-03-09T09:00", "2026-03-09T10:00"],
        ],
    );
}

#[test]
fn over_midnight_the_day_is_the_one_it_starts_on() {
    let night = windows(&["fri 22:00-06:00"]);
    check(
        "Asia/Tokyo",
        &["fri 22:00-06:00"],
        ["2026-03-01T00:00", "2026-03-08T00:00"],
        &[["2026-03-06T22:00", "2026-03-07T06:00"]],
    );
    let zone = TimeZone::get("Asia/Tokyo").unwrap();
    assert!(night.contains(&zone, at(&zone, "2026-03-07T05:59:59")));
    assert!(!night.contains(&zone, at(&zone, "2026-03-06T05:59:59")));
    assert!(!night.contains(&zone, at(&zone, "2026-03-07T06:00")));
}

#[test]
fn touching_and_overlapping_windows_are_one() {
    check(
        "Europe/Berlin",
        &["sat 08:00-08:00", "sun 08:00-12:00", "sun 11:00-13:00", "sun 14:00-15:00"],
        ["2026-03-06T00:00", "2026-03-10T00:00"],
        &[["2026-03-07T08:00", "2026-03-08T13:00"], ["2026-03-08T14:00", "2026-03-08T15:00"]],
    );
}

#[test]
fn a_change_of_the_clock_makes_windows_longer_never_shorter_than_their_civil_time() {
    let range = ["2026-10-24T12:00", "2026-10-25T12:00"];
    // The repeated hour belongs to a window at whose edge it lies.
    check("Europe/Berlin", &["daily 02:30-04:00"], range, &[["2026-10-25T00:30Z", "2026-10-25T03:00Z"]]);
    check("Europe/Berlin", &["daily 01:00-02:30"], range, &[["2026-10-24T23:00Z", "2026-10-25T01:30Z"]]);
    let range = ["2026-03-28T12:00", "2026-03-29T12:00"];
    check("Europe/Berlin", &["daily 02:30-04:00"], range, &[["2026-03-29T01:00Z", "2026-03-29T02:00Z"]]);
    check("Europe/Berlin", &["daily 01:00-02:30"], range, &[["2026-03-29T00:00Z", "2026-03-29T01:00Z"]]);
    // It lies in the gap as a whole.
    check("Europe/Berlin", &["daily 02:00-02:30"], range, &[]);
}

#[test]
fn the_ends_of_stretches() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let at = |text| at(&zone, text);
    let office = windows(&["mon-fri 09:00-17:00"]);
    assert_eq!(office.end_after(&zone, at("2026-03-06T09:00")), Some(at("2026-03-06T17:00")));
    assert_eq!(office.end_after(&zone, at("2026-03-06T17:00")), None);
    assert_eq!(office.start_after(&zone, at("2026-03-06T09:00")), Some(at("2026-03-09T09:00")));
    assert_eq!(office.start_after(&zone, at("2026-03-06T08:59:59")), Some(at("2026-03-06T09:00")));
    let always = windows(&["daily 02:30-02:30"]);
    assert_eq!(
        (always.end_after(&zone, at("2026-03-06T09:00")), always.start_after(&zone, at("2026-03-06T09:00"))),
        (None, None)
    );
    let nearly = windows(&["mon 00:00-00:00", "tue-sun 00:00-00:00", "mon 12:00-13:00"]);
    assert_eq!(nearly.end_after(&zone, at("2026-03-06T09:00")), None);
    // A pause once a week, which the change of the clock swallows on 29 March.
    let paused = windows(&["sun 02:30-02:00", "mon-sat 02:00-02:00"]);
    assert_eq!(paused.end_after(&zone, at("2026-03-22T02:30")), Some(at("2026-04-05T02:00")));
    assert_eq!(paused.start_after(&zone, at("2026-03-22T02:30")), Some(at("2026-04-05T02:30")));
    let never = Windows::default();
    assert!(never.is_empty() && !never.contains(&zone, at("2026-03-06T09:00")));
    assert_eq!(
        (never.end_after(&zone, at("2026-03-06T09:00")), never.start_after(&zone, at("2026-03-06T09:00"))),
        (None, None)
    );
}

#[test]
fn the_ends_of_time_are_harmless() {
    let zone = TimeZone::get("America/New_York").unwrap();
    let windows = windows(&["daily 12:00-11:59", "sat,sun 00:00-00:00"]);
    for at in [Timestamp::MIN, Timestamp::MAX] {
        windows.contains(&zone, at);
        windows.end_after(&zone, at);
        windows.start_after(&zone, at);
    }
    assert!(!windows.occurrences(&zone, Timestamp::MIN, Timestamp::MAX).is_empty());
    assert_eq!(windows.occurrences(&zone, Timestamp::MAX, Timestamp::MIN), []);
}

fn any_window() -> impl Strategy<Value = Window> {
    let days = prop::collection::vec(0_i8..7, 1..4).prop_map(|days| {
        Weekdays::new(days.into_iter().map(|day| jiff::civil::Weekday::from_monday_zero_offset(day).unwrap())).unwrap()
    });
    let time = || {
        (0_i8..24, prop::sample::select(vec![0_i8, 1, 30, 59]))
            .prop_map(|(hour, minute)| jiff::civil::time(hour, minute, 0, 0))
    };
    (days, time(), time()).prop_map(|(days, from, to)| Window { days, from, to })
}

proptest! {
    /// Days with changes of the clock and days without, in zones where they are odd.
    #[test]
    fn occurrences_ends_and_starts_agree_with_contains(
        zone in prop::sample::select(vec!["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Pacific/Apia", "Antarctica/Troll", "UTC"]),
        list in prop::collection::vec(any_window(), 0..4),
        day in prop::sample::select(vec!["2026-03-29", "2026-10-25", "2011-12-30", "2026-04-05", "2026-11-01", "2026-07-01"]),
        minutes in prop::collection::vec(-3000_i64..3000, 20),
    ) {
        let zone = TimeZone::get(zone).unwrap();
        let windows = Windows::new(list);
        let middle = civil_time::first(&zone, day.parse::<Date>().unwrap().to_datetime(Time::midnight()));
        let (from, to) = (middle - 60.hours(), middle + 60.hours());
        let found = windows.occurrences(&zone, from, to);
        prop_assert!(found.windows(2).all(|pair| pair[0].1 < pair[1].0));
        let ends = found.iter().flat_map(|(start, end)| [*start, *start - 1.nanosecond(), *end, *end - 1.nanosecond()]);
        let probes = minutes.into_iter().map(|minute| middle + minute.minutes()).chain(ends);
        for at in probes.filter(|at| from <= *at && *at < to) {
            let around = found.iter().find(|(start, end)| *start <= at && at < *end);
            prop_assert_eq!(windows.contains(&zone, at), around.is_some(), "{}", at);
            match (around, windows.end_after(&zone, at)) {
                (Some((_, end)), Some(found)) if *end < to => prop_assert_eq!(found, *end),
                (Some((_, end)), None) => prop_assert_eq!(*end, to),
                (Some(_), Some(found)) => prop_assert!(found >= to),
                (None, found) => prop_assert_eq!(found, None),
            }
            let next = found.iter().map(|(start, _)| *start).find(|start| *start > at);
            let start = windows.start_after(&zone, at);
            prop_assert!(next.is_none() || start == next);
            prop_assert!(next.is_some() || start.is_none_or(|start| start >= to));
        }
    }
}
