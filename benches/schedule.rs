//! What schedules cost, a thousand of them at once. `cargo bench --bench schedule`.

use divan::{Bencher, black_box};
use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use nightcall::domain::schedule::{Event, HolidayRule, Layer, Length, Override, Schedule};
use nightcall::domain::window::{Window, Windows};

const SCHEDULES: i64 = 1000;

const ZONES: [&str; 5] = ["Europe/Berlin", "America/New_York", "Asia/Tokyo", "Australia/Sydney", "UTC"];

fn main() {
    divan::main();
}

/// A team's: six people by the week, two others in office hours, another pair on holidays, three overrides.
fn schedule(number: i64, every: Length) -> (Schedule, Vec<Override>) {
    let people = |names: &[&str]| names.iter().map(|name| vec![(*name).to_owned()]).collect();
    let starts = date(2020, 1, 6).at(9, 0, 0, 0);
    let base = Layer::new("base", starts, every, people(&["a", "b", "c", "d", "e", "f"])).expect("valid");
    let mut office = Layer::new("office", starts, Length::Days(1), people(&["g", "h"])).expect("valid");
    let (from, to) = ("09:00".parse().expect("valid"), "17:00".parse().expect("valid"));
    office.only = Some(Windows::new(vec![Window { days: "mon-fri".parse().expect("valid"), from, to }]));
    let mut holidays = Layer::new("holidays", starts, Length::Days(1), people(&["i", "j"])).expect("valid");
    holidays.holidays = HolidayRule::Only;
    let zone = TimeZone::get(ZONES[number as usize % ZONES.len()]).expect("valid");
    let mut schedule = Schedule::new(&number.to_string(), zone, vec![base, office, holidays]).expect("valid");
    schedule.holidays = (1..=12).map(|month| date(2026, month, 24)).collect();
    let over = |id: i64| {
        let starts_at = from_instant() + ((number % 50 + id * 90) * 24).hours();
        let replaces = (id == 1).then(|| "a".to_owned());
        Override { id: id.to_string(), user: "k".to_owned(), replaces, starts_at, ends_at: starts_at + 30.hours() }
    };
    (schedule, (0..3).map(over).collect())
}

fn thousand(every: Length) -> Vec<(Schedule, Vec<Override>)> {
    (0..SCHEDULES).map(|number| schedule(number, every)).collect()
}

fn from_instant() -> Timestamp {
    "2026-01-01T00:00Z".parse().expect("valid")
}

#[divan::bench]
fn on_call_of_1000(bencher: Bencher<'_, '_>) {
    let schedules = thousand(Length::Weeks(1));
    let at = from_instant() + 4001.hours();
    bencher
        .bench(|| schedules.iter().map(|(schedule, over)| schedule.on_call(over, black_box(at)).len()).sum::<usize>());
}

#[divan::bench]
fn next_handoff_of_1000(bencher: Bencher<'_, '_>) {
    let schedules = thousand(Length::Weeks(1));
    let at = from_instant() + 4001.hours();
    bencher
        .bench(|| schedules.iter().filter_map(|(schedule, over)| schedule.next_handoff(over, black_box(at))).count());
}

#[divan::bench]
fn gaps_of_1000_in_7_days(bencher: Bencher<'_, '_>) {
    let schedules = thousand(Length::Weeks(1));
    let (from, to) = (from_instant(), from_instant() + 168.hours());
    bencher.bench(|| {
        schedules.iter().map(|(schedule, over)| schedule.gaps(over, black_box(from), to).len()).sum::<usize>()
    });
}

#[divan::bench(args = ["weekly", "12h", "1h"], sample_count = 20)]
fn year_of_1000(bencher: Bencher<'_, '_>, every: &str) {
    let every = if every == "weekly" { Length::Weeks(1) } else { every.parse().expect("valid") };
    let schedules = thousand(every);
    let (from, to) = (from_instant(), from_instant() + (365 * 24).hours());
    bencher.bench(|| {
        schedules.iter().map(|(schedule, over)| schedule.shifts(over, black_box(from), to).len()).sum::<usize>()
    });
}

/// Shifts of four hours, one after another, as a calendar for a year has them.
fn with_calendar(count: i64) -> Schedule {
    let mut schedule = schedule(0, Length::Weeks(1)).0;
    let event = |number: i64| {
        let starts_at = from_instant() + (number * 4).hours();
        Event { user: (number % 6).to_string(), starts_at, ends_at: starts_at + 4.hours() }
    };
    schedule.events = (0..count).map(event).collect();
    schedule
}

#[divan::bench(args = [20, 2000, 10_000])]
fn on_call_by_a_calendar(bencher: Bencher<'_, '_>, events: i64) {
    let schedule = with_calendar(events);
    let at = from_instant() + (events * 2).hours();
    bencher.bench(|| schedule.on_call(&[], black_box(at)).len());
}

#[divan::bench(args = [20, 2000, 10_000])]
fn next_handoff_by_a_calendar(bencher: Bencher<'_, '_>, events: i64) {
    let schedule = with_calendar(events);
    let at = from_instant() + (events * 2).hours();
    bencher.bench(|| schedule.next_handoff(&[], black_box(at)).is_some());
}
