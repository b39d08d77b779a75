//! On-call schedules: who is on call when.
//!
//! A schedule keeps civil time and a zone. [`Schedule::on_call`] answers for one instant, the others for a stretch of
//! time; what they say agrees, whatever stretch is asked for. Nothing computed here is worth storing: it is wrong once
//! the zone's rules change.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use events::Events;
pub use layer::{HolidayRule, Layer, PEOPLE_MAX, TURNS_MAX};
pub use length::Length;

use super::stretch::{self, Stretch};
use seat::{Origin, Seat};
use timeline::Timeline;

mod events;
mod layer;
mod length;
mod seat;
#[cfg(test)]
mod tests;
mod timeline;

/// Most layers a schedule may have.
pub const LAYERS_MAX: usize = 100;

/// How far [`Schedule::next_handoff`] looks, step by step: most schedules change within days.
const LOOKS: [SignedDuration; 4] = [
    SignedDuration::from_hours(2 * 24),
    SignedDuration::from_hours(15 * 24),
    SignedDuration::from_hours(100 * 24),
    SignedDuration::from_hours(400 * 24),
];

/// Who is on call when, by rotation, calendar and holidays.
///
/// Only one layer has somebody on call at any instant: the last one that has somebody then, and above all layers the
/// calendar (the final schedule, as PagerDuty calls it). Several people at once are one turn with several names;
/// primary and secondary are two schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Unique name.
    pub name: String,
    /// Where its civil times are meant.
    pub zone: TimeZone,
    /// Rotations; later ones overrule earlier ones wherever they have somebody.
    pub layers: Vec<Layer>,
    /// Days that layers may treat in their own way.
    pub holidays: BTreeSet<Date>,
    /// Shifts of an iCalendar text, which overrule the layers. All that overlap are on call together.
    pub events: Events,
}

/// A shift from an iCalendar text, repetitions already expanded. One that ends before it starts is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who is on call.
    pub user: String,
    /// From when.
    pub starts_at: Timestamp,
    /// Until just before.
    pub ends_at: Timestamp,
}

/// Somebody takes over for some time, whatever layers and calendar say. One that ends before it starts is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// Unique identifier.
    pub id: String,
    /// Who takes over.
    pub user: String,
    /// Whose shifts; everybody's if `None`, and also the time in which nobody is on call.
    ///
    /// A person's shifts are those that schedule or calendar gave them and those they took over by an older override.
    pub replaces: Option<String>,
    /// From when.
    pub starts_at: Timestamp,
    /// Until just before.
    pub ends_at: Timestamp,
}

/// What put somebody on call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The layer of this name.
    Layer(String),
    /// A calendar's event.
    Calendar,
    /// The override with this id.
    Override(String),
}

/// Somebody who is on call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnCall {
    /// Who.
    pub user: String,
    /// Why.
    pub source: Source,
}

/// A stretch of time in which somebody is on call without a break, for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shift {
    /// Who.
    pub user: String,
    /// From when, or where the question began.
    pub starts_at: Timestamp,
    /// Until just before, or where the question ended.
    pub ends_at: Timestamp,
    /// Why.
    pub source: Source,
}

/// An instant at which other people are on call than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    /// When.
    pub at: Timestamp,
    /// Who is on call from then on and was not before, by name.
    pub on: Vec<String>,
    /// Who was on call and no longer is, by name.
    pub off: Vec<String>,
}

/// Why a schedule cannot be: one sentence for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid(pub String);

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Invalid {}

impl Schedule {
    /// A schedule without holidays and calendar. Refuses what [`check`](Self::check) refuses.
    pub fn new(name: &str, zone: TimeZone, layers: Vec<Layer>) -> Result<Self, Invalid> {
        let schedule =
            Self { name: name.to_owned(), zone, layers, holidays: BTreeSet::new(), events: Events::default() };
        schedule.check()?;
        Ok(schedule)
    }

    /// Refuses too many layers, two of the same name, and a layer that [cannot be](Layer::check).
    pub fn check(&self) -> Result<(), Invalid> {
        if self.layers.len() > LAYERS_MAX {
            return Err(Invalid(format!("The schedule has {} layers; {LAYERS_MAX} are the most.", self.layers.len())));
        }
        let mut names = BTreeSet::new();
        for layer in &self.layers {
            layer.check()?;
            if !names.insert(&layer.name) {
                return Err(Invalid(format!("Two layers are named {:?}.", layer.name)));
            }
        }
        Ok(())
    }

    /// Everybody who appears in layers or calendar, by name, each once.
    pub fn people(&self) -> Vec<String> {
        let turns = self.layers.iter().flat_map(|layer| layer.turns.iter().flatten());
        let people: BTreeSet<&String> = turns.chain(self.events.iter().map(|event| &event.user)).collect();
        people.into_iter().cloned().collect()
    }

    /// Who is on call at this instant, by name; everybody once. `overrides` are oldest first: the newest wins.
    pub fn on_call(&self, overrides: &[Override], at: Timestamp) -> Vec<OnCall> {
        self.seats(overrides, at)
            .into_iter()
            .map(|seat| OnCall { user: seat.user.to_owned(), source: seat.origin.source() })
            .collect()
    }

    /// The final schedule between two instants, by start, then by name: shifts of the same person for the same reason
    /// that touch are one. `overrides` are oldest first. At most [`stretch::LONGEST`] is looked through.
    pub fn shifts(&self, overrides: &[Override], from: Timestamp, to: Timestamp) -> Vec<Shift> {
        let mut running: Vec<(Seat<'_>, Timestamp)> = Vec::new();
        let mut shifts = Vec::new();
        let Some(range) = stretch::range(from, to) else { return shifts };
        let mut end = |seat: &Seat<'_>, starts_at, ends_at| {
            shifts.push(Shift { user: seat.user.to_owned(), starts_at, ends_at, source: seat.origin.source() });
        };
        let mut timeline = Timeline::new(self, overrides, range);
        while let Some(((start, _), seats)) = timeline.advance() {
            running.retain(|(seat, since)| {
                let goes_on = seats.iter().any(|now| now.is_same_shift(seat));
                if !goes_on {
                    end(seat, *since, start);
                }
                goes_on
            });
            for seat in seats {
                if !running.iter().any(|(known, _)| known.is_same_shift(seat)) {
                    running.push((*seat, start));
                }
            }
        }
        for (seat, since) in running {
            end(&seat, since, range.1);
        }
        shifts.sort_unstable_by(|one, other| (one.starts_at, &one.user).cmp(&(other.starts_at, &other.user)));
        shifts
    }

    /// When nobody is on call between two instants, in order. `overrides` are oldest first. At most
    /// [`stretch::LONGEST`] is looked through.
    pub fn gaps(&self, overrides: &[Override], from: Timestamp, to: Timestamp) -> Vec<Stretch> {
        let mut gaps = Vec::new();
        let Some(range) = stretch::range(from, to) else { return gaps };
        let mut timeline = Timeline::new(self, overrides, range);
        while let Some((part, seats)) = timeline.advance() {
            if seats.is_empty() {
                gaps.push(part);
            }
        }
        stretch::merged(gaps)
    }

    /// The next instant, after this one, at which other people come on call or somebody goes off. `overrides` are
    /// oldest first. `None` if there is none within 400 days.
    pub fn next_handoff(&self, overrides: &[Override], after: Timestamp) -> Option<Handoff> {
        let before: Vec<&str> = self.seats(overrides, after).into_iter().map(|seat| seat.user).collect();
        let mut from = after;
        for look in LOOKS {
            let Some(range) = stretch::range(from, stretch::later(after, look)) else { continue };
            let mut timeline = Timeline::new(self, overrides, range);
            while let Some(((at, _), seats)) = timeline.advance() {
                if !seats.iter().map(|seat| seat.user).eq(before.iter().copied()) {
                    let now: Vec<&str> = seats.iter().map(|seat| seat.user).collect();
                    return Some(Handoff { at, on: without(&now, &before), off: without(&before, &now) });
                }
            }
            from = range.1;
        }
        None
    }

    /// Who is on call at this instant.
    fn seats<'a>(&'a self, overrides: &'a [Override], at: Timestamp) -> Vec<Seat<'a>> {
        let is_now = |(from, to): Stretch| from <= at && at < to;
        let mut seats = Vec::new();
        seats.extend(self.events.at(at).map(|event| Seat::new(&event.user, Origin::Calendar)));
        if seats.is_empty() {
            let mut turns =
                self.layers.iter().rev().map(|layer| (layer, layer.turn_at(&self.zone, &self.holidays, at)));
            let found = turns.find(|(_, turn)| !turn.is_empty());
            seats.extend(found.iter().flat_map(|(layer, turn)| Seat::of_turn(layer, turn)));
        }
        seat::overrule(&mut seats, overrides.iter().filter(|over| is_now((over.starts_at, over.ends_at))));
        seats
    }
}

fn without(names: &[&str], others: &[&str]) -> Vec<String> {
    names.iter().filter(|name| !others.contains(name)).map(|name| (*name).to_owned()).collect()
}
