//! People on call at one instant, and what overrides make of them.

use super::{Layer, Override, Source};

/// One person on call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat<'a> {
    pub(super) user: &'a str,
    pub(super) origin: Origin<'a>,
    /// Whose shift it was before overrides.
    planned: &'a str,
}

/// A [`Source`] that owns nothing. Ordered: a person who is on call for several reasons has the first of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Origin<'a> {
    Layer(&'a str),
    Calendar,
    Override(&'a str),
}

impl<'a> Seat<'a> {
    pub(super) fn new(user: &'a str, origin: Origin<'a>) -> Self {
        Self { user, origin, planned: user }
    }

    pub(super) fn of_turn(layer: &'a Layer, turn: &'a [String]) -> impl Iterator<Item = Self> {
        turn.iter().map(|user| Self::new(user, Origin::Layer(&layer.name)))
    }

    pub(super) fn is_same_shift(&self, other: &Self) -> bool {
        self.user == other.user && self.origin == other.origin
    }
}

impl Origin<'_> {
    pub(super) fn source(self) -> Source {
        match self {
            Self::Layer(name) => Source::Layer(name.to_owned()),
            Self::Calendar => Source::Calendar,
            Self::Override(id) => Source::Override(id.to_owned()),
        }
    }
}

/// Lets overrides, oldest first, decide who is on call. Afterwards everybody is there once, in the order of names.
pub(super) fn overrule<'a>(seats: &mut Vec<Seat<'a>>, overrides: impl Iterator<Item = &'a Override>) {
    for over in overrides {
        let origin = Origin::Override(&over.id);
        match &over.replaces {
            None => {
                seats.clear();
                seats.push(Seat::new(&over.user, origin));
            }
            Some(replaced) => {
                // Also whom an older override already replaced: the newest word on a person's shift counts.
                for seat in seats.iter_mut().filter(|seat| seat.user == replaced || seat.planned == replaced) {
                    (seat.user, seat.origin) = (&over.user, origin);
                }
            }
        }
    }
    seats.sort_unstable_by(|one, other| (one.user, one.origin).cmp(&(other.user, other.origin)));
    seats.dedup_by(|next, kept| next.user == kept.user);
}
