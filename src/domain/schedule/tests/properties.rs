//! Whatever the schedule, all questions about it have the same answer.

use jiff::ToSpan;
use jiff::civil::{DateTime, Time, Weekday};
use proptest::prelude::*;

use super::*;
use crate::domain::window::Weekdays;

const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "America/Havana",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Asia/Beirut",
    "UTC",
];

/// Days on which a clock somewhere changes, the day that Samoa left out, and a leap day.
const DAYS: [&str; 8] =
    ["2026-03-08", "2026-03-29", "2026-10-25", "2026-11-01", "2026-04-05", "2026-10-04", "2011-12-30", "2024-02-29"];

fn any_time() -> impl Strategy<Value = Time> {
    let minute = prop::sample::select(vec![0_i8, 30, 59]);
    (0_i8..24, minute).prop_map(|(hour, minute)| jiff::civil::time(hour, minute, 0, 0))
}

fn any_windows() -> impl Strategy<Value = Windows> {
    let days = prop::collection::vec(0_i8..7, 1..5).prop_map(|days| {
        Weekdays::new(days.into_iter().map(|day| Weekday::from_monday_zero_offset(day).unwrap())).unwrap()
    });
    let window = (days, any_time(), any_time()).prop_map(|(days, from, to)| Window { days, from, to });
    prop::collection::vec(window, 0..3).prop_map(Windows::new)
}

fn any_length() -> impl Strategy<Value = Length> {
    prop_oneof![
        (1_u32..30).prop_map(Length::Hours),
        (1_u32..5).prop_map(Length::Days),
        (1_u32..3).prop_map(Length::Weeks),
        (1_u32..3).prop_map(Length::Months),
        Just(Length::Days(0)),
    ]
}

fn any_user() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["ann", "bob", "cid", "dan"]).prop_map(str::to_owned)
}

/// Starts and ends are hours after some day before the one looked at.
fn any_layer(day: Date) -> impl Strategy<Value = Layer> {
    let rule =
        prop::sample::select(vec![HolidayRule::Ignore, HolidayRule::Ignore, HolidayRule::Only, HolidayRule::Except]);
    let turns = prop::collection::vec(prop::collection::vec(any_user(), 0..3), 1..4);
    let ends = prop::option::weighted(0.3, -50_i64..150);
    (-100_i64..40, any_time(), ends, any_length(), turns, prop::option::of(any_windows()), rule).prop_map(
        move |(starts, time, ends, every, turns, only, holidays)| {
            let starts = day.checked_add(starts.days()).unwrap().to_datetime(time);
            let ends = ends.map(|hours| DateTime::from(day).checked_add(hours.hours()).unwrap());
            Layer { name: String::new(), starts, ends, every, turns, only, holidays }
        },
    )
}

/// Half hours around the day looked at.
fn any_stretch(day: Date) -> impl Strategy<Value = Stretch> {
    let start = civil_start(day);
    (-200_i64..200, -10_i64..200)
        .prop_map(move |(from, length)| (start + (from * 30).minutes(), start + ((from + length) * 30).minutes()))
}

fn civil_start(day: Date) -> Timestamp {
    TimeZone::UTC.to_timestamp(day.into()).unwrap()
}

fn any_case() -> impl Strategy<Value = (Schedule, Vec<Override>, Timestamp)> {
    let day = prop::sample::select(DAYS.to_vec()).prop_map(|day| day.parse::<Date>().unwrap());
    (prop::sample::select(ZONES.to_vec()), day).prop_flat_map(|(zone_name, day)| {
        let layers = prop::collection::vec(any_layer(day), 0..4);
        let events = prop::collection::vec((any_user(), any_stretch(day)), 0..3);
        let overrides = prop::collection::vec((any_user(), prop::option::of(any_user()), any_stretch(day)), 0..4);
        let holidays =
            prop::collection::btree_set((-3_i64..4).prop_map(move |days| day.checked_add(days.days()).unwrap()), 0..4);
        (layers, events, overrides, holidays).prop_map(move |(mut layers, events, overrides, holidays)| {
            for (number, layer) in layers.iter_mut().enumerate() {
                layer.name = number.to_string();
            }
            let event = |(user, (starts_at, ends_at))| Event { user, starts_at, ends_at };
            let over =
                |(number, (user, replaces, (starts_at, ends_at))): (usize, (String, Option<String>, Stretch))| {
                    Override { id: number.to_string(), user, replaces, starts_at, ends_at }
                };
            let (name, zone) = (String::new(), zone(zone_name));
            let events = events.into_iter().map(event).collect();
            let overrides = overrides.into_iter().enumerate().map(over).collect();
            (Schedule { name, zone, layers, holidays, events }, overrides, civil_start(day))
        })
    })
}

/// What the shifts say of one instant.
fn on_call_by(shifts: &[Shift], at: Timestamp) -> Vec<OnCall> {
    let now = shifts.iter().filter(|shift| shift.starts_at <= at && at < shift.ends_at);
    let mut found: Vec<_> =
        now.map(|shift| OnCall { user: shift.user.clone(), source: shift.source.clone() }).collect();
    found.sort_by(|one, other| one.user.cmp(&other.user));
    found
}

fn clip(shifts: &[Shift], range: Stretch) -> Vec<Shift> {
    let cut = |shift: &Shift| {
        let (starts_at, ends_at) = stretch::clipped((shift.starts_at, shift.ends_at), range)?;
        Some(Shift { starts_at, ends_at, ..shift.clone() })
    };
    let mut cut: Vec<_> = shifts.iter().filter_map(cut).collect();
    cut.sort_by(|one, other| (one.starts_at, &one.user).cmp(&(other.starts_at, &other.user)));
    cut
}

/// Everything that must agree, in a range and at some instants in it.
pub(super) fn agree(schedule: &Schedule, overrides: &[Override], range: Stretch, probes: &[Timestamp]) -> Vec<Shift> {
    let shifts = schedule.shifts(overrides, range.0, range.1);
    let gaps = schedule.gaps(overrides, range.0, range.1);
    assert_eq!(clip(&shifts, range), shifts, "sorted, within the range and not empty");
    let ends = shifts.iter().flat_map(|shift| [shift.starts_at, shift.ends_at]).collect::<BTreeSet<_>>();
    let around = |at: &Timestamp| [*at - 1.nanosecond(), *at];
    let probes: BTreeSet<_> =
        probes.iter().chain(&ends).flat_map(around).filter(|at| range.0 <= *at && *at < range.1).collect();
    for at in &probes {
        let on_call = schedule.on_call(overrides, *at);
        assert_eq!(on_call, on_call_by(&shifts, *at), "at {at}");
        let gap = gaps.iter().any(|(from, to)| from <= at && at < to);
        assert_eq!(gap, on_call.is_empty(), "at {at}");
    }
    for pair in shifts.iter().flat_map(|one| shifts.iter().map(move |other| (one, other))) {
        let same = pair.0.user == pair.1.user && pair.0.source == pair.1.source;
        assert!(!same || pair.0.ends_at != pair.1.starts_at, "touching shifts are one");
    }
    // The same answer, whatever else is asked for.
    let middle = range.0 + (range.1.duration_since(range.0) / 3);
    for part in [(range.0, middle), (middle, range.1), (middle, middle + 1.nanosecond())] {
        assert_eq!(schedule.shifts(overrides, part.0, part.1), clip(&shifts, part));
    }
    shifts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn all_questions_have_the_same_answer((schedule, overrides, day) in any_case(), minutes in prop::collection::vec(-9000_i64..9000, 20)) {
        let probes: Vec<_> = minutes.into_iter().map(|minute| day + minute.minutes()).collect();
        agree(&schedule, &overrides, (day - 160.hours(), day + 160.hours()), &probes);
    }

    #[test]
    fn the_next_handoff_is_the_next_change_of_people((schedule, overrides, day) in any_case(), minute in -9000_i64..9000) {
        let after = day + minute.minutes();
        let names = |at| schedule.on_call(&overrides, at).into_iter().map(|on_call| on_call.user).collect::<BTreeSet<_>>();
        let horizon = after + 500.hours();
        let ends = schedule.shifts(&overrides, after, horizon).into_iter().flat_map(|shift| [shift.starts_at, shift.ends_at]);
        let ends: BTreeSet<_> = ends.filter(|at| *at < horizon).collect();
        let expected = ends.into_iter().find(|at| names(*at) != names(after));
        let found = schedule.next_handoff(&overrides, after).filter(|handoff| handoff.at < horizon);
        prop_assert_eq!(found.as_ref().map(|handoff| handoff.at), expected);
        if let Some(Handoff { at, on, off }) = found {
            let (before, now) = (names(after), names(at));
            prop_assert_eq!(on, now.difference(&before).cloned().collect::<Vec<_>>());
            prop_assert_eq!(off, before.difference(&now).cloned().collect::<Vec<_>>());
        }
    }
}
