//! The days shown, the people in them, and who is on call when.

use jiff::Timestamp;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::words;
use crate::domain::civil_time;
use crate::domain::schedule::{Override, Schedule, Shift};
use crate::domain::stretch::{self, Stretch};

/// What people are drawn with once the letters of their names are taken: capitals late, as others' names begin with
/// them. Who comes after all of these has [`SHARED`].
const LETTERS: [std::ops::RangeInclusive<char>; 4] = ['1'..='9', 'a'..='z', 'A'..='Z', '\u{100}'..='\u{17f}'];

/// Drawn for those who came too late to have a letter of their own.
const SHARED: char = '?';

/// What is to be drawn.
#[derive(Debug)]
pub(super) struct Plan<'a> {
    /// The schedule's.
    pub(super) zone: &'a TimeZone,
    /// In order, each starting where the one before ends.
    pub(super) days: Vec<Day>,
    /// From the start of the first day to the end of the last.
    pub(super) range: Stretch,
    /// By first appearance.
    pub(super) people: Vec<Person>,
    /// They fill the range; the next one always has other people.
    pub(super) parts: Vec<Part>,
    /// Who is on call just before the range, by name.
    pub(super) before: Vec<String>,
    /// What put people on call in the range.
    pub(super) shifts: Vec<Shift>,
}

/// A civil day: from its first 00:00 to just before the next day's. Empty if the clock jumps over it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day {
    pub(super) date: Date,
    pub(super) when: Stretch,
}

/// Somebody who is on call in the range.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: String,
    /// Drawn for them.
    pub(super) letter: char,
}

/// A stretch of time in which the same people are on call.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) when: Stretch,
    /// Numbers of people, one to a line of the bar. Empty if there is nobody.
    pub(super) lanes: Vec<usize>,
}

impl<'a> Plan<'a> {
    /// So many days from the one in which `from` is.
    pub(super) fn new(schedule: &'a Schedule, overrides: &[Override], from: Timestamp, days: u32) -> Self {
        let zone = &schedule.zone;
        let days = days_from(zone, from, days);
        let range = match (days.first(), days.last()) {
            (Some(first), Some(last)) => (first.when.0, last.when.1),
            _ => (from, from),
        };
        let shifts = schedule.shifts(overrides, range.0, range.1);
        let on_call = schedule.on_call(overrides, words::just_before(range.0));
        let before = on_call.into_iter().map(|on_call| on_call.user).collect();
        let people = people(&shifts);
        let parts = parts(&shifts, &people, range);
        Self { zone, days, range, people, parts, before, shifts }
    }

    /// The parts that lie in a stretch of time or reach into it.
    pub(super) fn parts_in(&self, (from, to): Stretch) -> &[Part] {
        let first = self.parts.partition_point(|part| part.when.1 <= from);
        let end = self.parts.partition_point(|part| part.when.0 < to);
        self.parts.get(first..end).unwrap_or_default()
    }

    /// When nobody is on call, in order.
    pub(super) fn gaps(&self) -> impl Iterator<Item = Stretch> {
        self.parts.iter().filter(|part| part.lanes.is_empty()).map(|part| part.when)
    }

    /// The names of people on call in a part, in order.
    pub(super) fn names(&self, part: &Part) -> Vec<&str> {
        let mut names: Vec<_> = part.lanes.iter().filter_map(|number| Some(&*self.people.get(*number)?.name)).collect();
        names.sort_unstable();
        names
    }
}

/// So many days from the one in which the instant is.
fn days_from(zone: &TimeZone, from: Timestamp, count: u32) -> Vec<Day> {
    let midnight = |date: Date| civil_time::first(zone, date.to_datetime(Time::midnight()));
    let of = |date| Day { date, when: (midnight(date), civil_time::first(zone, civil_time::end_of(date))) };
    let shown = zone.to_datetime(from).date();
    // Where a clock is put back over midnight, the day before comes again; its hours are then the new day's.
    let first = if from < of(shown).when.1 { shown } else { civil_time::end_of(shown).date() };
    let dates = std::iter::successors(Some(first), |date| date.tomorrow().ok());
    dates.map(of).take(usize::try_from(count).unwrap_or(usize::MAX)).collect()
}

/// Everybody in these shifts, by first appearance, then by name. A person gets a letter of the name if one is free.
fn people(shifts: &[Shift]) -> Vec<Person> {
    let mut people: Vec<Person> = Vec::new();
    for shift in shifts {
        if people.iter().any(|person| person.name == shift.user) {
            continue;
        }
        let is_free = |letter: &char| !people.iter().any(|person| person.letter == *letter);
        let own = shift.user.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase());
        let letter = own.chain(LETTERS.into_iter().flatten()).find(is_free).unwrap_or(SHARED);
        people.push(Person { name: shift.user.clone(), letter });
    }
    people
}

/// Cuts the range where people change.
fn parts(shifts: &[Shift], people: &[Person], range: Stretch) -> Vec<Part> {
    let mut cuts: Vec<_> = shifts.iter().flat_map(|shift| [shift.starts_at, shift.ends_at]).collect();
    cuts.extend([range.0, range.1]);
    cuts.sort_unstable();
    cuts.dedup();
    let mut parts: Vec<Part> = Vec::new();
    let mut ahead = shifts.iter().peekable();
    let mut running: Vec<(&str, usize, Timestamp)> = Vec::new();
    for when in cuts.windows(2).filter_map(|pair| Some((*pair.first()?, *pair.last()?))) {
        running.retain(|(.., ends_at)| *ends_at > when.0);
        while let Some(shift) = ahead.next_if(|shift| shift.starts_at <= when.0) {
            let number = people.iter().position(|person| person.name == shift.user);
            running.extend(number.map(|number| (&*shift.user, number, shift.ends_at)));
        }
        running.sort_unstable();
        let now: Vec<usize> = running.iter().map(|(_, number, _)| *number).collect();
        match parts.last_mut() {
            Some(last) if last.lanes.len() == now.len() && now.iter().all(|one| last.lanes.contains(one)) => {
                last.when.1 = when.1;
            }
            last => {
                let lanes = lanes(last.map_or(&[], |last| &last.lanes), &now);
                parts.push(Part { when, lanes });
            }
        }
    }
    parts.retain(|part| stretch::range(part.when.0, part.when.1).is_some());
    parts
}

/// Who goes on stays on the line where they are, as far as there are so many lines; the others fill up.
fn lanes(before: &[usize], now: &[usize]) -> Vec<usize> {
    let kept: Vec<_> = before.iter().take(now.len()).map(|one| Some(*one).filter(|one| now.contains(one))).collect();
    let mut others = now.iter().copied().filter(|one| !kept.contains(&Some(*one)));
    let none = std::iter::repeat(None);
    let lanes = kept.iter().copied().chain(none).take(now.len());
    lanes.filter_map(|lane| lane.or_else(|| others.next())).collect()
}
