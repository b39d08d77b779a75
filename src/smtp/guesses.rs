//! Wrong passwords, counted by where they come from, whatever the connection. Who guesses too often is not checked any
//! more for a while; a password that is known to be right still is, so no monitor behind the same address suffers.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::domain::network::place;

/// Wrong passwords from one place within [`WITHIN`].
const WRONG_MAX: u32 = 10;

/// How long they count.
const WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Places that are remembered.
const PLACES_MAX: usize = 10_000;

/// The wrong passwords of late.
#[derive(Debug, Default)]
pub(super) struct Guesses(Mutex<HashMap<IpAddr, Guessed>>);

#[derive(Debug)]
struct Guessed {
    wrong: u32,
    since: Timestamp,
}

impl Guesses {
    /// Notes a wrong password.
    pub(super) fn wrong(&self, address: IpAddr, now: Timestamp) {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |guessed: &Guessed| now.duration_since(guessed.since) >= WITHIN;
        if places.len() >= PLACES_MAX {
            places.retain(|_, guessed| !is_over(guessed));
        }
        if places.len() >= PLACES_MAX {
            let oldest = places.iter().min_by_key(|(_, guessed)| guessed.since).map(|(place, _)| *place);
            oldest.map(|oldest| places.remove(&oldest));
        }
        let guessed = places.entry(place(address)).or_insert(Guessed { wrong: 0, since: now });
        if is_over(guessed) {
            *guessed = Guessed { wrong: 0, since: now };
        }
        guessed.wrong += 1;
    }

    /// Whether there were too many from there of late.
    pub(super) fn are_too_many(&self, address: IpAddr, now: Timestamp) -> bool {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let guessed = places.get(&place(address));
        guessed.is_some_and(|it| it.wrong >= WRONG_MAX && now.duration_since(it.since) < WITHIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_are_forgotten_after_a_while() {
        let guesses = Guesses::default();
        let (one, other) = (IpAddr::from([192, 0, 2, 1]), IpAddr::from([192, 0, 2, 2]));
        let start = Timestamp::UNIX_EPOCH;
        for _ in 0..WRONG_MAX {
            assert!(!guesses.are_too_many(one, start));
            guesses.wrong(one, start);
        }
        assert!(guesses.are_too_many(one, start) && !guesses.are_too_many(other, start));
        assert!(guesses.are_too_many(one, start + SignedDuration::from_secs(599)));
        let later = start + WITHIN;
        assert!(!guesses.are_too_many(one, later));
        guesses.wrong(one, later);
        assert!(!guesses.are_too_many(one, later), "it counts anew");
    }

    #[test]
    fn one_network_of_ipv6_is_one_place_and_places_are_bounded() {
        let guesses = Guesses::default();
        for host in 0..WRONG_MAX {
            guesses.wrong(format!("2001:db8::{host:x}").parse().expect("an address"), Timestamp::UNIX_EPOCH);
        }
        let same = "2001:db8::ffff:1".parse().expect("an address");
        assert!(guesses.are_too_many(same, Timestamp::UNIX_EPOCH));
        for n in 0..10_050_u32 {
            guesses.wrong(IpAddr::from(n.to_be_bytes()), Timestamp::UNIX_EPOCH + SignedDuration::from_millis(n.into()));
        }
        assert!(guesses.0.lock().expect("a lock").len() <= PLACES_MAX);
    }
}
