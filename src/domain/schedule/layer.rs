//! One rotation of a schedule.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::super::civil_time;
use super::super::stretch::{self, Stretch};
use super::super::window::Windows;
use super::{Invalid, Length};

/// Most turns a rotation may have.
pub const TURNS_MAX: usize = 1000;

/// Most people one turn may have.
pub const PEOPLE_MAX: usize = 100;

/// No clock was ever put back by more than this many hours: an hourly rotation repeats no more handoffs.
const HANDOFFS_REPEATED_MAX: usize = 26;

/// People who take turns.
///
/// A handoff is one instant: one turn ends and the next begins there, so a layer has neither gaps nor overlaps of its
/// own. If its civil time occurs twice, it is the first occurrence, so that whoever takes over has the repeated
/// hour; if it lies in a gap, it is the first instant after the gap. Turns between two handoffs in the same gap are
/// skipped, and the rotation goes on as if they had been served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Unique in the schedule.
    pub name: String,
    /// The first handoff, to the first turn: gives time of day, weekday and day of the month of those to come. Before
    /// it the layer has nobody.
    pub starts: DateTime,
    /// From its last occurrence on the layer has nobody.
    pub ends: Option<DateTime>,
    /// The time from one handoff to the next.
    pub every: Length,
    /// Each turn has one person, or several at once.
    pub turns: Vec<Vec<String>>,
    /// Outside these windows the layer has nobody. The rotation goes on meanwhile.
    pub only: Option<Windows>,
    /// What holidays do to it.
    pub holidays: HolidayRule,
}

/// What a holiday does to a layer. A holiday is the civil day from the first 00:00 to the last 24:00 in the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HolidayRule {
    /// Nothing.
    #[default]
    Ignore,
    /// The layer has somebody on holidays only.
    Only,
    /// The layer has nobody on holidays.
    Except,
}

impl Layer {
    /// A rotation without end, restrictions and regard for holidays. Refuses what [`check`](Self::check) refuses.
    pub fn new(name: &str, starts: DateTime, every: Length, turns: Vec<Vec<String>>) -> Result<Self, Invalid> {
        let (name, holidays) = (name.to_owned(), HolidayRule::Ignore);
        let layer = Self { name, starts, ends: None, every, turns, only: None, holidays };
        layer.check()?;
        Ok(layer)
    }

    /// Refuses a rotation without turns, turns without people, too many of them, and turns without a sensible length.
    ///
    /// A layer that was never checked does no harm: where it has no turn or nobody in it, it has nobody.
    pub fn check(&self) -> Result<(), Invalid> {
        let invalid = |what: String| Err(Invalid(format!("Layer {:?} {what}.", self.name)));
        if self.turns.is_empty() {
            return invalid("has no turns".to_owned());
        }
        if self.turns.len() > TURNS_MAX {
            return invalid(format!("has {} turns; {TURNS_MAX} are the most", self.turns.len()));
        }
        if let Some(number) = self.turns.iter().position(Vec::is_empty) {
            return invalid(format!("has nobody in turn {}", number + 1));
        }
        if let Some(number) = self.turns.iter().position(|turn| turn.len() > PEOPLE_MAX) {
            return invalid(format!("has too many people in turn {}; {PEOPLE_MAX} are the most", number + 1));
        }
        if self.ends.is_some_and(|ends| ends <= self.starts) {
            return invalid("ends before it starts".to_owned());
        }
        self.every.check()
    }

    /// The handoffs from one civil time to just before another, as the calendar has them: whether that time occurs
    /// once, twice or not at all is left to the caller.
    pub fn handoffs(&self, from: DateTime, to: DateTime) -> impl Iterator<Item = DateTime> {
        let first = self.every.number_at(self.starts, from).max(0);
        let times = (first..).map_while(|number| self.every.handoff(self.starts, number));
        let ends = self.ends.unwrap_or(DateTime::MAX);
        times.skip_while(move |time| *time < from).take_while(move |time| *time < to.min(ends))
    }

    /// Who has the turn at this instant; empty if nobody. Costs the same however long ago the rotation started.
    pub(super) fn turn_at(&self, zone: &TimeZone, holidays: &BTreeSet<Date>, at: Timestamp) -> &[String] {
        let nobody = at < civil_time::first(zone, self.starts)
            || self.ends.is_some_and(|ends| at >= civil_time::last(zone, ends))
            || self.only.as_ref().is_some_and(|only| !only.contains(zone, at))
            || match self.holidays {
                HolidayRule::Ignore => false,
                HolidayRule::Only => !is_holiday(zone, holidays, at),
                HolidayRule::Except => is_holiday(zone, holidays, at),
            };
        if nobody { &[] } else { self.turn(self.number_at(zone, at)) }
    }

    /// Who has which turn within a range: in order, without those stretches in which nobody has.
    pub(super) fn stretches(
        &self,
        zone: &TimeZone,
        holidays: &BTreeSet<Date>,
        range: Stretch,
    ) -> Vec<(Stretch, &[String])> {
        let from = civil_time::first(zone, self.starts);
        let to = self.ends.map_or(Timestamp::MAX, |ends| civil_time::last(zone, ends));
        let Some(range) = stretch::clipped((from, to), range) else { return Vec::new() };
        let mut served = Vec::new();
        let mut allowed = self.allowed(zone, holidays, range).into_iter().peekable();
        let mut number = self.number_at(zone, range.0);
        let mut start = range.0;
        while start < range.1 {
            number += 1;
            let end = self.handoff(zone, number);
            let turn = self.turn(number - 1);
            while let Some(part) = allowed.peek() {
                served.extend(
                    stretch::clipped(*part, (start, end)).filter(|_| !turn.is_empty()).map(|part| (part, turn)),
                );
                if part.1 > end {
                    break;
                }
                allowed.next();
            }
            start = end;
        }
        served
    }

    /// When restrictions and holidays let the layer have somebody.
    fn allowed(&self, zone: &TimeZone, holidays: &BTreeSet<Date>, range: Stretch) -> Vec<Stretch> {
        let windows = match &self.only {
            Some(only) => only.occurrences(zone, range.0, range.1),
            None => vec![range],
        };
        if self.holidays == HolidayRule::Ignore {
            return windows;
        }
        let found = civil_time::dates(zone, range.0, range.1).filter(|date| holidays.contains(date));
        let off = stretch::merged(found.filter_map(|date| stretch::clipped(holiday(zone, date), range)).collect());
        match self.holidays {
            HolidayRule::Only => stretch::common(&windows, &off),
            HolidayRule::Ignore | HolidayRule::Except => stretch::common(&windows, &stretch::rest(&off, range)),
        }
    }

    /// The number of the turn at this instant.
    fn number_at(&self, zone: &TimeZone, at: Timestamp) -> i64 {
        let passed = self.every.number_at(self.starts, zone.to_datetime(at));
        // In a repeated hour the clock shows less than has been: what was handed over in it stays handed over.
        let handed_over = |number: &i64| self.handoff(zone, *number) <= at && at < Timestamp::MAX;
        let repeated = (passed + 1..).take(HANDOFFS_REPEATED_MAX).take_while(handed_over).last();
        repeated.unwrap_or(passed)
    }

    fn handoff(&self, zone: &TimeZone, number: i64) -> Timestamp {
        let time = self.every.handoff(self.starts, number);
        time.map_or(Timestamp::MAX, |time| civil_time::first(zone, time))
    }

    fn turn(&self, number: i64) -> &[String] {
        let Ok(count) = i64::try_from(self.turns.len()) else { return &[] };
        let index = number.checked_rem_euclid(count).and_then(|index| usize::try_from(index).ok());
        index.and_then(|index| self.turns.get(index)).map_or(&[], Vec::as_slice)
    }
}

/// When this holiday is.
fn holiday(zone: &TimeZone, date: Date) -> Stretch {
    (civil_time::first(zone, date.to_datetime(Time::midnight())), civil_time::last(zone, civil_time::end_of(date)))
}

fn is_holiday(zone: &TimeZone, holidays: &BTreeSet<Date>, at: Timestamp) -> bool {
    let days = civil_time::dates(zone, at, at).filter(|date| holidays.contains(date));
    days.map(|date| holiday(zone, date)).any(|(from, to)| from <= at && at < to)
}
