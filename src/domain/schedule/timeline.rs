//! A stretch of time cut where anything begins or ends, with the people on call in each part.

use std::iter::Peekable;
use std::vec::IntoIter;

use jiff::Timestamp;

use super::super::stretch::{self, Stretch};
use super::seat::{self, Origin, Seat};
use super::{Event, Layer, Override, Schedule};

/// Walks through a range from its start to its end.
pub(super) struct Timeline<'a> {
    /// Every instant at which something may change, the first and last of the range among them.
    cuts: Peekable<IntoIter<Timestamp>>,
    /// The last layer first, as it overrules the others.
    layers: Vec<Turns<'a>>,
    events: Running<'a, Event>,
    overrides: Running<'a, Override>,
    /// People on call in the part walked through last.
    seats: Vec<Seat<'a>>,
}

impl<'a> Timeline<'a> {
    pub(super) fn new(schedule: &'a Schedule, overrides: &'a [Override], range: Stretch) -> Self {
        let mut cuts = vec![range.0, range.1];
        let mut layers = Vec::with_capacity(schedule.layers.len());
        for layer in schedule.layers.iter().rev() {
            let turns = layer.stretches(&schedule.zone, &schedule.holidays, range);
            cuts.extend(turns.iter().flat_map(|((from, to), _)| [*from, *to]));
            layers.push(Turns { layer, ahead: turns.into_iter().peekable() });
        }
        let events =
            Running::new(schedule.events.around(range), range, |event| (event.starts_at, event.ends_at), &mut cuts);
        let overrides = Running::new(overrides, range, |over| (over.starts_at, over.ends_at), &mut cuts);
        // Each layer's are in order already, which this sort makes use of.
        cuts.sort();
        cuts.dedup();
        Self { cuts: cuts.into_iter().peekable(), layers, events, overrides, seats: Vec::new() }
    }

    /// The next part and who is on call in it, by name. The parts fill the range; two in a row may have the same people.
    pub(super) fn advance(&mut self) -> Option<(Stretch, &[Seat<'a>])> {
        let from = self.cuts.next()?;
        let to = *self.cuts.peek()?;
        self.seats.clear();
        self.seats.extend(self.events.at(from).map(|event| Seat::new(&event.user, Origin::Calendar)));
        if self.seats.is_empty()
            && let Some((layer, turn)) = self.layers.iter_mut().find_map(|turns| turns.at(from))
        {
            self.seats.extend(Seat::of_turn(layer, turn));
        }
        seat::overrule(&mut self.seats, self.overrides.at(from));
        Some(((from, to), &self.seats))
    }
}

/// The turns of one layer, asked for in the order of time.
struct Turns<'a> {
    layer: &'a Layer,
    ahead: Peekable<IntoIter<(Stretch, &'a [String])>>,
}

impl<'a> Turns<'a> {
    fn at(&mut self, at: Timestamp) -> Option<(&'a Layer, &'a [String])> {
        while self.ahead.next_if(|((_, to), _)| *to <= at).is_some() {}
        let ((from, _), turn) = self.ahead.peek()?;
        (*from <= at).then_some((self.layer, *turn))
    }
}

/// What may overlap, asked for in the order of time.
struct Running<'a, T> {
    /// By start, with its place in the list it came from.
    ahead: Peekable<IntoIter<(Stretch, usize, &'a T)>>,
    /// In the order of the list.
    now: Vec<(usize, Timestamp, &'a T)>,
}

impl<'a, T> Running<'a, T> {
    fn new(list: &'a [T], range: Stretch, when: impl Fn(&T) -> Stretch, cuts: &mut Vec<Timestamp>) -> Self {
        let placed = list.iter().enumerate();
        let within = placed.filter_map(|(place, item)| Some((stretch::clipped(when(item), range)?, place, item)));
        let mut ahead: Vec<_> = within.collect();
        cuts.extend(ahead.iter().flat_map(|((from, to), ..)| [*from, *to]));
        ahead.sort_unstable_by_key(|(stretch, place, _)| (*stretch, *place));
        Self { ahead: ahead.into_iter().peekable(), now: Vec::new() }
    }

    fn at(&mut self, at: Timestamp) -> impl Iterator<Item = &'a T> {
        self.now.retain(|(_, to, _)| *to > at);
        while let Some(((_, to), place, item)) = self.ahead.next_if(|((from, _), ..)| *from <= at) {
            let index = self.now.partition_point(|(earlier, ..)| *earlier < place);
            self.now.insert(index, (place, to, item));
        }
        self.now.iter().map(|(_, _, item)| *item)
    }
}
