//! Whatever the schedule, what is drawn is what it says, and fits.

use jiff::civil::{Date, DateTime, Time};
use jiff::{SignedDuration, ToSpan as _};
use proptest::prelude::*;
use unicode_width::UnicodeWidthStr as _;

use super::super::day::{self, Mark};
use super::super::share::{Load, Shares};
use super::*;
use crate::domain::schedule::{HolidayRule, Length};

/// Clocks that change by half an hour, by two, at midnight, just after it, or by a whole day.
const ZONES: [&str; 9] = [
    "Europe/Berlin",
    "America/Havana",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Antarctica/Troll",
    "Pacific/Apia",
    "Asia/Beirut",
    "Asia/Kolkata",
    "UTC",
];

const DAYS: [&str; 9] = [
    "2026-03-28",
    "2026-10-24",
    "2026-11-01",
    "2026-04-04",
    "2026-10-03",
    "2011-12-29",
    "2010-11-06",
    "1867-10-18",
    "2024-02-29",
];

const NAMES: [&str; 9] = [
    "ann",
    "bob",
    "Ann B.",
    "田中さん",
    "zoe\u{301}",
    "a\x1b[31m\n",
    "",
    "👩‍🚒 fire",
    "Bartholomäus von und zu Hohenfels",
];

fn any_user() -> impl Strategy<Value = String> {
    prop_oneof![8 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn any_time() -> impl Strategy<Value = Time> {
    let minute = prop::sample::select(vec![0_i8, 0, 30, 59]);
    (0_i8..24, minute).prop_map(|(hour, minute)| jiff::civil::time(hour, minute, 0, 0))
}

fn any_layer(day: Date) -> impl Strategy<Value = Layer> {
    let every = prop_oneof![
        (1_u32..30).prop_map(Length::Hours),
        (1_u32..5).prop_map(Length::Days),
        (1_u32..3).prop_map(Length::Weeks),
        Just(Length::Days(0)),
    ];
    let only = prop::option::of((prop::sample::select(vec!["daily", "mon-fri", "sun"]), any_time(), any_time()));
    let turns = prop::collection::vec(prop::collection::vec(any_user(), 0..6), 0..4);
    (-20_i64..3, any_time(), any_user(), every, turns, only).prop_map(move |(start, time, name, every, turns, only)| {
        let starts = day.checked_add(start.days()).unwrap().to_datetime(time);
        let only = only.map(|(days, from, to)| Windows::new(vec![Window { days: days.parse().unwrap(), from, to }]));
        Layer { name, starts, ends: None, every, turns, only, holidays: HolidayRule::Ignore }
    })
}

/// Some minutes around the day looked at.
fn any_stretch(day: Date) -> impl Strategy<Value = Stretch> {
    let start = TimeZone::UTC.to_timestamp(DateTime::from(day)).unwrap();
    (-2000_i64..6000, -10_i64..3000)
        .prop_map(move |(from, length)| (start + from.minutes(), start + (from + length).minutes()))
}

type Case = (Schedule, Vec<Override>, Timestamp);

fn any_case() -> impl Strategy<Value = Case> {
    let (zones, days) = (prop::sample::select(ZONES.to_vec()), prop::sample::select(DAYS.to_vec()));
    (zones, days).prop_flat_map(|(zone, day)| {
        let zone = TimeZone::get(zone).unwrap();
        let day: Date = day.parse().unwrap();
        let from = TimeZone::UTC.to_timestamp(DateTime::from(day)).unwrap();
        let layers = prop::collection::vec(any_layer(day), 0..3);
        let events = prop::collection::vec((any_user(), any_stretch(day)), 0..3);
        let overrides = prop::collection::vec((any_user(), prop::option::of(any_user()), any_stretch(day)), 0..4);
        (any_user(), layers, events, overrides, -1000_i64..3000).prop_map(
            move |(name, layers, events, overrides, minute)| {
                let events = events.into_iter().map(|(user, (starts_at, ends_at))| Event { user, starts_at, ends_at });
                let overrides = overrides.into_iter().enumerate().map(|(id, (user, replaces, when))| Override {
                    id: id.to_string(),
                    user,
                    replaces,
                    starts_at: when.0,
                    ends_at: when.1,
                });
                let (zone, holidays) = (zone.clone(), Default::default());
                let schedule = Schedule { name, zone, layers, holidays, events: events.collect() };
                (schedule, overrides.collect(), from + minute.minutes())
            },
        )
    })
}

fn length(list: impl IntoIterator<Item = Stretch>) -> SignedDuration {
    list.into_iter().map(|(from, to)| from.duration_until(to)).sum()
}

/// Without escape sequences of colours.
fn plain(line: &str) -> String {
    let pieces = line.split('\x1b').enumerate();
    pieces.map(|(number, piece)| if number == 0 { piece } else { piece.split_once('m').unwrap().1 }).collect()
}

proptest! {
    #[test]
    fn lines_fit_and_colours_change_nothing(
        (schedule, overrides, from) in any_case(),
        width in prop_oneof![40_usize..130, 0_usize..300],
        days in 1_u32..9,
    ) {
        let render = |colour| render(&schedule, &overrides, from, &Look { width, colour, days });
        let text = render(false);
        for line in text.lines() {
            prop_assert!(line.width() <= width.max(WIDTH_MIN), "{} columns: {}", line.width(), line);
            prop_assert!(!line.ends_with(' ') && !line.contains(char::is_control));
        }
        prop_assert!(text.lines().filter(|line| line.contains('v') && line.contains("now")).count() >= 1, "{}", text);
        prop_assert_eq!(text, render(true).split_inclusive('\n').map(plain).collect::<String>());
    }

    #[test]
    fn hours_of_people_and_gaps_are_the_whole((schedule, overrides, from) in any_case(), days in 1_u32..9) {
        let plan = Plan::new(&schedule, &overrides, from, days);
        let (start, end) = plan.range;
        let shares = Shares::new(&plan);
        let shifts = schedule.shifts(&overrides, start, end);
        for (person, load) in plan.people.iter().zip(&shares.people) {
            let own = shifts.iter().filter(|shift| shift.user == person.name);
            prop_assert_eq!(load.whole, length(own.map(|shift| (shift.starts_at, shift.ends_at))));
            prop_assert!(load.night <= load.whole && load.weekend <= load.whole);
        }
        let at_work = stretch::merged(shifts.iter().map(|shift| (shift.starts_at, shift.ends_at)).collect());
        prop_assert_eq!(shares.gaps.whole, length(schedule.gaps(&overrides, start, end)));
        prop_assert_eq!(plan.gaps().collect::<Vec<_>>(), schedule.gaps(&overrides, start, end));
        prop_assert_eq!(length(at_work) + shares.gaps.whole, shares.period.whole);
        prop_assert_eq!(shares.period.whole, start.duration_until(end));
        // Several at once count each in full.
        let kinds: [fn(&Load) -> SignedDuration; 3] = [|load| load.whole, |load| load.night, |load| load.weekend];
        for kind in kinds {
            let people: SignedDuration = shares.people.iter().map(kind).sum();
            let is_single = plan.parts.iter().all(|part| part.lanes.len() <= 1);
            prop_assert!(people + kind(&shares.gaps) >= kind(&shares.period));
            prop_assert!(!is_single || people + kind(&shares.gaps) == kind(&shares.period));
        }
    }

    #[test]
    fn bars_say_what_the_schedule_says((schedule, overrides, from) in any_case(), days in 1_u32..5, width in 40_usize..130) {
        let plan = Plan::new(&schedule, &overrides, from, days);
        let layout = Layout::new(&columns(width, days));
        let who = |at| -> Vec<String> {
            schedule.on_call(&overrides, at).into_iter().map(|on_call| on_call.user).collect()
        };
        let name = |number: usize| plan.people[number].name.clone();
        let first = plan.days[0].when;
        prop_assert!(first.0 <= from && from < first.1);
        let mut at = first.0;
        for day in &plan.days {
            for column in day::columns(&schedule.zone, *day, &layout).into_iter().flatten() {
                prop_assert!(column.0 == at && column.0 < column.1);
                at = column.1;
                let ends = [column.0, column.1 - 1.nanosecond()];
                let parts = plan.parts_in(column);
                match day::mark_of(parts, 0) {
                    Mark::Person(number) => prop_assert!(ends.iter().all(|at| who(*at).contains(&name(number)))),
                    Mark::Nobody => prop_assert!(ends.iter().all(|at| who(*at).is_empty())),
                    Mark::PartlyNobody => {
                        let gaps = schedule.gaps(&overrides, column.0, column.1);
                        prop_assert!(!gaps.is_empty() && gaps != [column]);
                    }
                    Mark::Change => prop_assert!(schedule.gaps(&overrides, column.0, column.1).is_empty()),
                    mark @ (Mark::More | Mark::Blank) => prop_assert!(false, "{mark:?} on the first line"),
                }
                for part in parts {
                    let mut drawn: Vec<_> = part.lanes.iter().map(|number| name(*number)).collect();
                    drawn.sort();
                    prop_assert_eq!(drawn, who(part.when.0));
                }
            }
            prop_assert_eq!(at, day.when.1);
        }
    }

    #[test]
    fn the_ends_of_time_are_harmless((mut schedule, overrides, _) in any_case(), fixed in any::<bool>(), width in 0_usize..200) {
        if fixed {
            schedule.zone = TimeZone::fixed(jiff::tz::offset(-11));
        }
        for at in [Timestamp::MIN, Timestamp::MAX, Timestamp::MAX - 30.hours()] {
            let text = render(&schedule, &overrides, at, &columns(width, 3));
            prop_assert!(text.lines().all(|line| line.width() <= width.max(WIDTH_MIN)));
            now_line(&[(&schedule, schedule.on_call(&overrides, at), schedule.next_handoff(&overrides, at))], at);
        }
    }
}
