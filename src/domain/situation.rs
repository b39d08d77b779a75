//! What deciding about an incident takes besides the incident itself.

use jiff::Timestamp;

use super::handling::Handling;
use super::roster::Roster;
use super::schedule::Override;
use super::silence::Silence;

/// The world around an incident at one instant.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    /// People, schedules and policies in force.
    pub roster: &'a Roster,
    /// How the incident's service wants its incidents handled.
    pub handling: &'a Handling,
    /// Shifts that people have taken over, oldest first, each with its schedule's name.
    pub overrides: &'a [Swap],
    /// Silences that are not over.
    pub silences: &'a [Silence],
    /// Open incidents that this one lies below.
    pub parents: &'a [Parent],
    /// The instant.
    pub now: Timestamp,
}

/// An override of one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// The schedule's name.
    pub schedule: String,
    /// Who takes over, and when.
    pub shift: Override,
}

/// An open incident that others lie below.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Its number.
    pub number: i64,
    /// Its summary.
    pub summary: String,
    /// When it was opened.
    pub opened_at: Timestamp,
}

impl<'a> Situation<'a> {
    /// A situation in which nothing is silenced or swapped.
    pub fn quiet(roster: &'a Roster, handling: &'a Handling, now: Timestamp) -> Self {
        Self { roster, handling, overrides: &[], silences: &[], parents: &[], now }
    }

    /// The overrides of one schedule, oldest first.
    pub fn overrides_of(&self, schedule: &str) -> Vec<Override> {
        overrides_of(self.overrides, schedule)
    }
}

/// Those of one schedule, in their order.
pub fn overrides_of(swaps: &[Swap], schedule: &str) -> Vec<Override> {
    swaps.iter().filter(|swap| swap.schedule == schedule).map(|swap| swap.shift.clone()).collect()
}
