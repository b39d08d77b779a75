//! Recurring stretches of civil time: layer restrictions, support hours, quiet hours, maintenance windows.

use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use weekdays::{UnknownWeekday, Weekdays};

use super::civil_time;
use super::stretch::{self, Stretch};

#[cfg(test)]
mod tests;
mod weekdays;

/// How far to look for the next change: first where it is nearly always found, then far enough that weeks in which a
/// transition swallows it do not matter.
const LOOKS: [SignedDuration; 3] =
    [SignedDuration::from_hours(2 * 24), SignedDuration::from_hours(9 * 24), SignedDuration::from_hours(60 * 24)];

/// The same hours on some days of every week.
///
/// It starts at the first occurrence of `from` and ends at the last occurrence of `to`, so it grows by a repeated hour
/// at its edges and never shrinks; one that lies in a gap as a whole does not take place that day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The days it starts on.
    pub days: Weekdays,
    /// When it starts.
    pub from: Time,
    /// When it ends: on the next day unless that is later than `from`. The same as `from` makes 24 hours.
    pub to: Time,
}

impl Window {
    /// When the window of this date takes place; `None` if it does not.
    fn on(&self, zone: &TimeZone, date: Date) -> Option<Stretch> {
        if !self.days.contains(date.weekday()) {
            return None;
        }
        let last_date = if self.to > self.from { date } else { civil_time::end_of(date).date() };
        let start = civil_time::first(zone, date.to_datetime(self.from));
        let end = civil_time::last(zone, last_date.to_datetime(self.to));
        (start < end).then_some((start, end))
    }
}

/// Several windows as one: inside means inside any of them. Without a window it is never inside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Windows(Vec<Window>);

impl Windows {
    /// The union of these windows.
    pub fn new(windows: Vec<Window>) -> Self {
        Self(windows)
    }

    /// The windows as they were given.
    pub fn iter(&self) -> impl Iterator<Item = &Window> {
        self.0.iter()
    }

    /// Whether there is no window at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the instant is inside.
    pub fn contains(&self, zone: &TimeZone, at: Timestamp) -> bool {
        let inside = |(start, end): Stretch| start <= at && at < end;
        civil_time::dates(zone, at, at)
            .any(|date| self.0.iter().any(|window| window.on(zone, date).is_some_and(inside)))
    }

    /// When it is inside between two instants: cut to them, in order, touching ones joined. At most
    /// [`stretch::LONGEST`] is looked through.
    pub fn occurrences(&self, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Stretch> {
        let Some(range) = stretch::range(from, to).filter(|_| !self.is_empty()) else { return Vec::new() };
        let of_date = |date| self.0.iter().filter_map(move |window| window.on(zone, date));
        let found = civil_time::dates(zone, range.0, range.1).flat_map(of_date);
        stretch::merged(found.filter_map(|window| stretch::clipped(window, range)).collect())
    }

    /// When the stretch around the instant ends, touching windows joined. `None` outside, and if it never does.
    pub fn end_after(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        LOOKS.iter().find_map(|look| {
            let horizon = stretch::later(at, *look);
            let first = self.occurrences(zone, at, horizon).into_iter().next();
            first.filter(|(start, end)| *start == at && *end < horizon).map(|(_, end)| end)
        })
    }

    /// When the next stretch starts, touching windows joined: after the instant, not at it. `None` if there are no
    /// windows, and if they leave no pause.
    pub fn start_after(&self, zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
        LOOKS.iter().find_map(|look| {
            let starts = self.occurrences(zone, at, stretch::later(at, *look)).into_iter().map(|(start, _)| start);
            starts.into_iter().find(|start| *start > at)
        })
    }
}
