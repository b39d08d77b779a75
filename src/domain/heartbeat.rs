//! Heartbeats: mails that are expected again and again, so that silence is the alert.
//!
//! The engine asks when to look again and where a heartbeat stands; it opens an incident for a missing one and
//! resolves it at the next arrival. Nothing here reads the clock or remembers anything: the moment of the declaration,
//! the last arrival and now are all it takes.
//!
//! # Which expected time an arrival counts for
//!
//! Every expected time has a window, and the windows leave no gap:
//!
//! - It opens a little before the expected time: by the grace, but by no more than half the distance to the expected
//!   time before. A mail that is early by that much is not taken for a late one.
//! - It closes when the window of the next expected time opens.
//!
//! An arrival counts for the expected time whose window it falls in. The heartbeat is then missing once the next
//! expected time plus the grace has passed. Any number of expected times missed in a row is one [`Standing::Missing`],
//! since the first of them plus the grace.

use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use expression::{Expression, InvalidExpression};
use timetable::Timetable;

mod expression;
mod field;
#[cfg(test)]
mod tests;
mod timetable;

/// The shortest period there is. With none at all, a heartbeat would be missing at the very instant it arrives.
const SHORTEST_PERIOD: SignedDuration = SignedDuration::from_secs(1);

/// A mail that a service expects again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Unique name within the service.
    pub name: String,
    /// When the mail is expected.
    pub expected: Expected,
    /// How late it may be; a negative one counts as zero.
    pub grace: SignedDuration,
}

/// When a mail is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Within this time after the last arrival, or after the declaration; less than a second counts as a second.
    Every(SignedDuration),
    /// Once for each civil time that the expression names.
    Cron {
        /// Which civil times.
        expression: Expression,
        /// Whose clock shows them.
        zone: TimeZone,
    },
}

/// Where a heartbeat stands. Without a deadline it can never be missing: no expected time is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Nothing has arrived yet, and nothing had to.
    Waiting {
        /// When it is missing if nothing arrives, grace included.
        deadline: Option<Timestamp>,
    },
    /// It arrived and is not due again yet.
    Present {
        /// The last arrival.
        last: Timestamp,
        /// When it is missing if nothing more arrives, grace included.
        next_deadline: Option<Timestamp>,
    },
    /// It did not arrive in time.
    Missing {
        /// The deadline that passed: the first missed expected time plus the grace.
        since: Timestamp,
    },
}

impl Heartbeat {
    /// The instant from which on it is missing unless a further mail arrives, grace included.
    ///
    /// `since` is when the heartbeat was declared: nothing is expected before. An arrival older than that counts
    /// only if it is early for the first expected time. `None` means never: no expected time is left, or the deadline
    /// lies beyond the last instant there is. A later arrival never makes the deadline earlier.
    pub fn deadline(&self, since: Timestamp, last_arrival: Option<Timestamp>) -> Option<Timestamp> {
        let first = self.expected.first_after(since)?;
        let due = match last_arrival {
            None => first,
            Some(arrival) => first.max(self.expected.due_after(arrival, self.grace())?),
        };
        due.checked_add(self.grace()).ok()
    }

    /// Where it stands. It is missing from the deadline on, the deadline itself included.
    pub fn standing(&self, since: Timestamp, last_arrival: Option<Timestamp>, now: Timestamp) -> Standing {
        let deadline = self.deadline(since, last_arrival);
        match (deadline, last_arrival) {
            (Some(deadline), _) if now >= deadline => Standing::Missing { since: deadline },
            (_, None) => Standing::Waiting { deadline },
            (_, Some(last)) => Standing::Present { last, next_deadline: deadline },
        }
    }

    /// In words, for people: "every 24h, grace 1h", "at 03:00 daily Europe/Berlin, grace 30m".
    pub fn describe(&self) -> String {
        format!("{}, grace {:#}", self.expected, self.grace())
    }

    fn grace(&self) -> SignedDuration {
        self.grace.max(SignedDuration::ZERO)
    }
}

impl Expected {
    /// The first expected time after the declaration.
    fn first_after(&self, since: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Every(period) => since.checked_add((*period).max(SHORTEST_PERIOD)).ok(),
            Self::Cron { expression, zone } => Timetable { expression, zone }.after(since),
        }
    }

    /// The expected time that follows the one an arrival counts for.
    fn due_after(&self, arrival: Timestamp, grace: SignedDuration) -> Option<Timestamp> {
        let next = self.first_after(arrival)?;
        let Self::Cron { expression, zone } = self else { return Some(next) };
        let timetable = Timetable { expression, zone };
        let early = match timetable.before(next) {
            Some(previous) => grace.min(next.duration_since(previous) / 2),
            None => grace,
        };
        if next.duration_since(arrival) <= early { timetable.after(next) } else { Some(next) }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(period) => write!(f, "every {:#}", (*period).max(SHORTEST_PERIOD)),
            Self::Cron { expression, zone } => {
                match expression.times_of_every_day() {
                    Some(times) => write!(f, "at {} daily", times.join(" and "))?,
                    None => write!(f, "at the times of {:?}", expression.to_string())?,
                }
                match (zone.iana_name(), zone.to_fixed_offset()) {
                    (Some(name), _) => write!(f, " {name}"),
                    (None, Ok(offset)) => write!(f, " UTC{offset}"),
                    (None, Err(_)) => f.write_str(" in an unnamed time zone"),
                }
            }
        }
    }
}
