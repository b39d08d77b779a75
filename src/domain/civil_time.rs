//! From civil time to instants.
//!
//! The only place that decides what a civil time means which occurs twice or not at all. Everything recurring is kept
//! as civil time and a zone, and resolved here when somebody asks: an instant computed today is wrong once the zone's
//! rules change.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

/// What is planned for a date goes on into the next one at most, and no clock was ever put back by more than a day: so
/// many days after the date of its start something may still matter.
const DATE_SLACK: usize = 2;

/// When this civil time is reached first: where something starts, and where one shift hands over to the next. A time
/// in a gap is the first instant after the gap.
///
/// A later civil time never gives an earlier instant. Times too far away for an instant give the nearest one.
pub fn first(zone: &TimeZone, time: DateTime) -> Timestamp {
    resolve(zone, time, |before, _| before)
}

/// When this civil time is reached for the last time: where something ends. A time in a gap is the first instant
/// after the gap.
///
/// With [`first`] for the start, what meets in civil time overlaps in a repeated hour and never leaves a gap.
pub fn last(zone: &TimeZone, time: DateTime) -> Timestamp {
    resolve(zone, time, |_, after| after)
}

/// Midnight at the end of this day.
pub fn end_of(date: Date) -> DateTime {
    date.tomorrow().map_or(DateTime::MAX, |next| next.to_datetime(jiff::civil::Time::midnight()))
}

/// Every civil date on which something may have been planned that matters between two instants, in order.
pub fn dates(zone: &TimeZone, from: Timestamp, to: Timestamp) -> impl Iterator<Item = Date> {
    let back = |date: Date| date.yesterday().unwrap_or(date);
    let first = (0..DATE_SLACK).fold(zone.to_datetime(from).date(), |date, _| back(date));
    let last = zone.to_datetime(to).date().tomorrow().unwrap_or(Date::MAX);
    std::iter::successors(Some(first), |date| date.tomorrow().ok()).take_while(move |date| *date <= last)
}

fn resolve(zone: &TimeZone, time: DateTime, of_two: impl Fn(Offset, Offset) -> Offset) -> Timestamp {
    match zone.to_ambiguous_timestamp(time).offset() {
        AmbiguousOffset::Unambiguous { offset } => instant(time, offset),
        AmbiguousOffset::Fold { before, after } => instant(time, of_two(before, after)),
        AmbiguousOffset::Gap { before, after } => end_of_gap(zone, time, before, after),
    }
}

/// The transition lies between what the time would be under the new offset and under the old one.
fn end_of_gap(zone: &TimeZone, time: DateTime, before: Offset, after: Offset) -> Timestamp {
    let (not_yet, done) = (instant(time, after), instant(time, before));
    let mut transitions = zone.following(not_yet).map(|transition| transition.timestamp());
    let passes = |at: &Timestamp| *at >= done || zone.to_datetime(*at) > time;
    transitions.find(passes).map_or(done, |at| at.min(done))
}

fn instant(time: DateTime, offset: Offset) -> Timestamp {
    let nearest = if time.year() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    offset.to_timestamp(time).unwrap_or(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(zone: &str, time: &str, expected: [&str; 2]) {
        let zone = TimeZone::get(zone).unwrap();
        let time = time.parse().unwrap();
        let found = [first(&zone, time), last(&zone, time)].map(|at| at.to_string());
        assert_eq!(found, expected);
    }

    #[test]
    fn a_time_that_exists_once() {
        check("Europe/Berlin", "2026-07-01T12:00", ["2026-07-01T10:00:00Z"; 2]);
    }

    #[test]
    fn a_time_in_a_gap_is_the_first_instant_after_it() {
        for time in ["2026-03-29T02:00", "2026-03-29T02:30", "2026-03-29T02:59:59.999999999", "2026-03-29T03:00"] {
            check("Europe/Berlin", time, ["2026-03-29T01:00:00Z"; 2]);
        }
        // Half an hour on Lord Howe Island, a whole day in Samoa.
        check("Australia/Lord_Howe", "2026-10-04T02:10", ["2026-10-03T15:30:00Z"; 2]);
        check("Pacific/Apia", "2011-12-30T09:00", ["2011-12-30T10:00:00Z"; 2]);
    }

    #[test]
    fn a_time_that_occurs_twice_has_two_instants() {
        check("Europe/Berlin", "2026-10-25T02:00", ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"]);
        check("Europe/Berlin", "2026-10-25T02:59", ["2026-10-25T00:59:00Z", "2026-10-25T01:59:00Z"]);
        check("Europe/Berlin", "2026-10-25T03:00", ["2026-10-25T02:00:00Z"; 2]);
        check("America/Havana", "2026-11-01T00:00", ["2026-11-01T04:00:00Z", "2026-11-01T05:00:00Z"]);
    }

    #[test]
    fn the_ends_of_time_are_harmless() {
        for zone in ["Europe/Berlin", "Pacific/Kiritimati", "America/New_York"] {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(first(&zone, DateTime::MIN), Timestamp::MIN);
            assert_eq!(last(&zone, end_of(Date::MAX)), Timestamp::MAX);
            assert!(dates(&zone, Timestamp::MAX, Timestamp::MAX).count() >= 2);
            assert!(dates(&zone, Timestamp::MIN, Timestamp::MIN).count() >= 2);
        }
    }
}
