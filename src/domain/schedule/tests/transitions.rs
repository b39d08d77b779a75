//! T18: every change of every clock of the IANA database from 2015 to 2040, with a shift's start and end, handoffs and
//! restrictions put before it, at it, inside it and after it.
//!
//! Zones with equal transitions are one case, and so are parts of them: what happens around a transition depends on
//! its instant, its two offsets and nothing else unless another one is near, which is then part of the case.

use std::collections::BTreeMap;

use jiff::civil::{DateTime, Time};
use jiff::{SignedDuration, ToSpan};

use super::properties::agree;
use super::*;
use crate::domain::window::{Weekdays, Window};

/// One change of a clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    at: Timestamp,
    /// Seconds east of UTC.
    before: i32,
    after: i32,
}

impl Change {
    /// Every instant near the change at which the clock shows this time.
    fn occurrences(self, time: DateTime) -> Vec<Timestamp> {
        let instant = |offset| TimeZone::UTC.to_timestamp(time).unwrap() - i64::from(offset).seconds();
        let (before, after) = (instant(self.before), instant(self.after));
        let possible = [(before < self.at).then_some(before), (after >= self.at).then_some(after)];
        possible.into_iter().flatten().collect()
    }

    fn first(self, time: DateTime) -> Timestamp {
        self.occurrences(time).first().copied().unwrap_or(self.at)
    }

    fn last(self, time: DateTime) -> Timestamp {
        self.occurrences(time).last().copied().unwrap_or(self.at)
    }

    /// The greatest time the clock has shown: how many handoffs are over is told by it, not by what it shows now.
    fn reached(self, zone: &TimeZone, at: Timestamp) -> (DateTime, Option<DateTime>) {
        let turned_back = (at >= self.at).then(|| zone_time(self.at, self.before));
        (zone.to_datetime(at), turned_back)
    }

    /// Civil times before, at, inside and after it.
    fn places(self) -> [DateTime; 5] {
        let (before, after) = (zone_time(self.at, self.before), zone_time(self.at, self.after));
        let (low, high) = (before.min(after), before.max(after));
        let half = high.duration_since(low) / 2;
        [low - 45.minutes(), low, low + half, high, high + 45.minutes()]
    }
}

fn zone_time(at: Timestamp, offset: i32) -> DateTime {
    TimeZone::UTC.to_datetime(at + i64::from(offset).seconds())
}

fn changes(zone: &TimeZone) -> Vec<Change> {
    let [from, to] = ["2015-01-01T00:00Z", "2041-01-01T00:00Z"].map(|text| text.parse::<Timestamp>().unwrap());
    let mut before = zone.to_offset(from).seconds();
    let mut changes = Vec::new();
    for transition in zone.following(from).take_while(|transition| transition.timestamp() < to) {
        let (at, after) = (transition.timestamp(), transition.offset().seconds());
        changes.push(Change { at, before: std::mem::replace(&mut before, after), after });
    }
    changes
}

/// Every change with all others within four weeks of it, and one of the zones that have them.
fn cases() -> (usize, BTreeMap<(Change, Vec<Change>), TimeZone>) {
    let mut cases = BTreeMap::new();
    let mut zones = 0;
    // The system's copies of the database with and without leap seconds.
    let doubles = |name: &str| name.starts_with("posix/") || name.starts_with("right/");
    for name in jiff::tz::db().available().filter(|name| !doubles(name.as_str())) {
        let Ok(zone) = TimeZone::get(name.as_str()) else { continue };
        let changes = changes(&zone);
        for change in &changes {
            let is_near =
                |other: &&Change| other.at.duration_since(change.at).abs() < SignedDuration::from_hours(28 * 24);
            let near = changes.iter().filter(is_near).copied().collect();
            cases.entry((*change, near)).or_insert_with(|| zone.clone());
        }
        zones += 1;
    }
    (zones, cases)
}

fn around(change: Change, hours: i64) -> Stretch {
    (change.at - hours.hours(), change.at + hours.hours())
}

fn probes(change: Change, place: DateTime) -> Vec<Timestamp> {
    let mut probes = vec![change.at, change.at - 1.second(), change.at + 1.second(), change.at + 26.hours()];
    probes.extend(change.occurrences(place));
    probes
}

fn only_layer(zone: &TimeZone, base: Layer) -> Schedule {
    let (name, holidays) = (String::new(), BTreeSet::new());
    Schedule { name, zone: zone.clone(), layers: vec![base], holidays, events: Events::default() }
}

fn rotation(starts: DateTime, every: Length, turns: usize) -> Layer {
    let turns = (0..turns).map(|turn| vec![turn.to_string()]).collect();
    Layer::new("base", starts, every, turns).unwrap()
}

fn shift_start_and_end(zone: &TimeZone, change: Change, place: DateTime) {
    let range = around(change, 40);
    let starting = only_layer(zone, rotation(place, Length::Weeks(1), 2));
    let shifts = agree(&starting, &[], range, &probes(change, place));
    assert_eq!((shifts.len(), shifts[0].starts_at, shifts[0].ends_at), (1, change.first(place), range.1));
    let mut base = rotation(place - 3.days(), Length::Weeks(1), 2);
    base.ends = Some(place);
    let shifts = agree(&only_layer(zone, base), &[], range, &probes(change, place));
    assert_eq!((shifts.len(), shifts[0].starts_at, shifts[0].ends_at), (1, range.0, change.last(place)));
}

fn handoffs(zone: &TimeZone, change: Change, place: DateTime) {
    for (every, back) in [
        (Length::Days(1), 10.days()),
        (Length::Weeks(1), 21.days()),
        (Length::Hours(1), 50.hours()),
        (Length::Hours(12), 96.hours()),
    ] {
        // More turns than one range has: each shift is one turn of its own.
        let (starts, turns) = (place - back, 101);
        let schedule = only_layer(zone, rotation(starts, every, turns));
        let range = around(change, if every == Length::Hours(1) { 8 } else { 40 });
        let shifts = agree(&schedule, &[], range, &probes(change, place));
        assert_eq!((shifts[0].starts_at, shifts[shifts.len() - 1].ends_at), range, "no gap at the ends");
        for pair in shifts.windows(2) {
            assert_eq!(pair[0].ends_at, pair[1].starts_at, "neither gap nor overlap");
        }
        assert!(shifts.iter().any(|shift| shift.starts_at == change.first(place)), "the handoff is where it was put");
        for shift in &shifts {
            let (now, turned_back) = change.reached(zone, shift.starts_at);
            let handoff = |number: i32| starts + length_times(every, number);
            let handed_over = |time: DateTime| time <= now || turned_back.is_some_and(|back| time < back);
            let number = (1..).take_while(|number| handed_over(handoff(*number))).last().unwrap_or(0);
            assert_eq!(shift.user, (number as usize % turns).to_string(), "counts civil handoffs");
        }
    }
}

fn length_times(every: Length, number: i32) -> jiff::Span {
    match every {
        Length::Hours(hours) => (number * hours as i32).hours(),
        Length::Days(days) => (number * days as i32).days(),
        Length::Weeks(weeks) => (number * weeks as i32).weeks(),
        Length::Months(months) => (number * months as i32).months(),
    }
}

fn restrictions(zone: &TimeZone, change: Change, place: DateTime) {
    let window = |from: Time, to: Time| Some(Windows::new(vec![Window { days: Weekdays::DAILY, from, to }]));
    let range = around(change, 40);
    let probes = probes(change, place);
    let mut base = rotation(place - 10.days(), Length::Weeks(1), 1);
    base.only = window(place.time(), (place + 8.hours()).time());
    let shifts = agree(&only_layer(zone, base.clone()), &[], range, &probes);
    assert!(shifts.iter().any(|shift| shift.starts_at == change.first(place)), "starts at the first occurrence");
    base.only = window((place - 8.hours()).time(), place.time());
    let shifts = agree(&only_layer(zone, base.clone()), &[], range, &probes);
    assert!(shifts.iter().any(|shift| shift.ends_at == change.last(place)), "ends at the last occurrence");
    // Windows that touch in civil time leave no gap, one of 24 hours neither.
    let (from, to) = (place.time(), (place + 8.hours()).time());
    let days = Weekdays::DAILY;
    for list in
        [vec![Window { days, from, to }, Window { days, from: to, to: from }], vec![Window { days, from, to: from }]]
    {
        base.only = Some(Windows::new(list));
        let schedule = only_layer(zone, base.clone());
        assert_eq!(schedule.gaps(&[], range.0, range.1), []);
        agree(&schedule, &[], range, &probes);
    }
}

#[test]
fn every_change_of_every_clock_from_2015_to_2040() {
    let (zones, cases) = cases();
    println!("{} cases from {zones} zones", cases.len());
    assert!(zones > 300 && cases.len() > 1000, "no zone data?");
    for ((change, _), zone) in &cases {
        for place in change.places() {
            let check = || {
                shift_start_and_end(zone, *change, place);
                handoffs(zone, *change, place);
                restrictions(zone, *change, place);
            };
            if let Err(panic) = std::panic::catch_unwind(check) {
                eprintln!("in {:?}, {change:?}, at {place}", zone.iana_name());
                std::panic::resume_unwind(panic);
            }
        }
    }
}
