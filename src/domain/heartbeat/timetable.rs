//! The instants that a cron expression names in a time zone, changes of the clock included.
//!
//! Fixed times of day are kept apart from a running clock, as cron does:
//!
//! - Fixed (neither minute nor hour begins with `*`): a time that the clock skips runs at the first instant after,
//!   once; a time that it shows twice runs the first time only. Every day has its run.
//! - Running (`*/15 * * * *`, `30 * * * *`): whenever the clock shows a time named. What it skips does not run, what it
//!   shows twice runs twice. No hour that passes is left out, and none is counted that does not pass.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::expression::Expression;

#[cfg(test)]
pub(super) mod tests;

/// The search ends after so many changes of the clock. Two a year is usual and four the most, so that is at least a
/// hundred years, and no date waits longer than forty for its day of the week. Only what falls into the skipped hour
/// each time gets this far.
const STRETCHES_MAX: usize = 400;

const NANOSECOND: SignedDuration = SignedDuration::from_nanos(1);

/// An expression on the clock of a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timetable<'a> {
    /// Which civil times.
    pub(super) expression: &'a Expression,
    /// Whose clock shows them.
    pub(super) zone: &'a TimeZone,
}

/// The time between two changes of the clock.
struct Stretch {
    offset: Offset,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    /// The first civil time that runs in it. For fixed times that is where the stretch before left off: skipped times
    /// are taken along, repeated ones left out.
    from: DateTime,
    /// What the clock would show at the end if it were not changed.
    until: DateTime,
}

impl Timetable<'_> {
    /// The first expected time after an instant.
    pub(super) fn after(&self, instant: Timestamp) -> Option<Timestamp> {
        let mut stretch = self.stretch(instant);
        let mut from = stretch.from.max(stretch.offset.to_datetime(instant).checked_add(NANOSECOND).ok()?);
        for _ in 0..STRETCHES_MAX {
            if let Some(civil) = self.expression.first(from, stretch.until) {
                return stretch.instant(civil);
            }
            let start = stretch.end?;
            stretch = self.build(Some((start, stretch.offset)), self.zone.to_offset(start), self.change_after(start));
            from = stretch.from;
        }
        None
    }

    /// The last expected time before an instant.
    pub(super) fn before(&self, instant: Timestamp) -> Option<Timestamp> {
        let mut stretch = self.stretch(instant.checked_sub(NANOSECOND).ok()?);
        let mut until = stretch.until.min(stretch.offset.to_datetime(instant));
        for _ in 0..STRETCHES_MAX {
            if let Some(civil) = self.expression.last(stretch.from, until) {
                return stretch.instant(civil);
            }
            let end = stretch.start?;
            stretch = self.build(self.change_before(end), self.offset_before(end), Some(end));
            until = stretch.until;
        }
        None
    }

    /// The stretch that an instant lies in; its start is part of it, its end is not.
    fn stretch(&self, instant: Timestamp) -> Stretch {
        let past = instant.checked_add(NANOSECOND).unwrap_or(instant);
        self.build(self.change_before(past), self.zone.to_offset(instant), self.change_after(instant))
    }

    /// The stretch between two changes, the first of them with the offset before it. A search goes from stretch to
    /// stretch by the change it has come to, never by asking for it again: some zones have a change that changes
    /// nothing (19 January 2038 in Nuuk), which jiff 0.2 tells looking forwards and not looking back.
    fn build(&self, start: Option<(Timestamp, Offset)>, offset: Offset, end: Option<Timestamp>) -> Stretch {
        let from = start.map_or(DateTime::MIN, |(start, before)| {
            let clock = if self.expression.is_running() { offset } else { before };
            clock.to_datetime(start)
        });
        let until = end.map_or(DateTime::MAX, |end| offset.to_datetime(end));
        Stretch { offset, start: start.map(|(start, _)| start), end, from, until }
    }

    fn change_after(&self, instant: Timestamp) -> Option<Timestamp> {
        self.zone.following(instant).next().map(|change| change.timestamp())
    }

    fn change_before(&self, instant: Timestamp) -> Option<(Timestamp, Offset)> {
        let change = self.zone.preceding(instant).next()?.timestamp();
        Some((change, self.offset_before(change)))
    }

    fn offset_before(&self, instant: Timestamp) -> Offset {
        self.zone.to_offset(instant.checked_sub(NANOSECOND).unwrap_or(instant))
    }
}

impl Stretch {
    /// When a civil time runs; a skipped one at the start.
    fn instant(&self, civil: DateTime) -> Option<Timestamp> {
        let instant = self.offset.to_timestamp(civil).ok()?;
        Some(self.start.map_or(instant, |start| instant.max(start)))
    }
}
