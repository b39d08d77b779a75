//! How the ways to providers fare: which is tried first, and what is told when one is in trouble (I30).
//!
//! A circuit breaker that never refuses: a way in trouble is tried last, and it is tried when there is no other. A page
//! that goes nowhere because a counter says so would be the worse mistake.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Failures in a row after which a way is in trouble.
const FAILURES_MAX: u32 = 3;

/// How long a way in trouble comes last before it is tried first again.
const REST: SignedDuration = SignedDuration::from_secs(60);

/// After so long without a failure nobody can say any more that a way is in trouble: it was not used.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(1);

/// What is known of one way.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    since: Option<Timestamp>,
    failed_at: Option<Timestamp>,
    why: String,
}

impl Breaker {
    /// It failed.
    pub fn failed(&mut self, why: &str, now: Timestamp) {
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        self.failed_at = Some(now);
        why.clone_into(&mut self.why);
    }

    /// It worked.
    pub fn worked(&mut self) {
        *self = Self::default();
    }

    /// Whether it failed so often in a row that others are better. A clock that went back does not make it good.
    pub fn is_in_trouble(&self, now: Timestamp) -> bool {
        let lately = self.failed_at.is_some_and(|at| now.duration_since(at) < FORGOTTEN);
        self.failures >= FAILURES_MAX && lately
    }

    /// Whether it is tried after the others for now.
    pub fn rests(&self, now: Timestamp) -> bool {
        self.is_in_trouble(now) && self.failed_at.is_some_and(|at| now.duration_since(at) < REST)
    }
}

/// A way that is in trouble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Its name.
    pub way: String,
    /// Since when.
    pub since: Timestamp,
    /// What it came to last.
    pub why: String,
}

/// All ways.
#[derive(Debug, Default)]
pub struct Health {
    ways: Mutex<BTreeMap<String, Breaker>>,
}

impl Health {
    /// Notes what using a way came to: nothing is good, else why it failed. Says whether that puts it in trouble or
    /// ends its trouble.
    pub fn note(&self, way: &str, failure: Option<&str>, now: Timestamp) -> bool {
        let mut ways = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(why) = failure else {
            return ways.remove(way).is_some_and(|known| known.is_in_trouble(now));
        };
        let breaker = ways.entry(way.to_owned()).or_default();
        let before = breaker.is_in_trouble(now);
        breaker.failed(why, now);
        breaker.is_in_trouble(now) != before
    }

    /// The places of these ways in the order in which they are tried: theirs, those that rest last.
    pub fn order(&self, ways: &[String], now: Timestamp) -> Vec<usize> {
        let known = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let mut places: Vec<usize> = (0..ways.len()).collect();
        places.sort_by_key(|place| known.get(&ways[*place]).is_some_and(|breaker| breaker.rests(now)));
        places
    }

    /// Whether a way is in trouble.
    pub fn is_in_trouble(&self, way: &str, now: Timestamp) -> bool {
        let known = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(way).is_some_and(|breaker| breaker.is_in_trouble(now))
    }

    /// What is in trouble, by name.
    pub fn troubles(&self, now: Timestamp) -> Vec<Trouble> {
        let known = self.ways.lock().unwrap_or_else(PoisonError::into_inner);
        let in_trouble = known.iter().filter(|(_, breaker)| breaker.is_in_trouble(now));
        let told = |(way, breaker): (&String, &Breaker)| Trouble {
            way: way.clone(),
            since: breaker.since.unwrap_or(now),
            why: breaker.why.clone(),
        };
        in_trouble.map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn three_failures_in_a_row_are_trouble_and_one_success_ends_it() {
        let health = Health::default();
        assert!(!health.note("voice", Some("it timed out"), at(0)));
        assert!(!health.note("voice", Some("it timed out"), at(1)));
        assert!(!health.note("voice", None, at(2)), "in between it worked");
        for second in [3, 4] {
            assert!(!health.note("voice", Some("it answered 500"), at(second)));
        }
        assert!(health.troubles(at(4)).is_empty());
        assert!(health.note("voice", Some("it answered 503"), at(5)));
        assert!(!health.note("voice", Some("it answered 503"), at(6)), "told once");
        let trouble = Trouble { way: "voice".to_owned(), since: at(3), why: "it answered 503".to_owned() };
        assert_eq!(health.troubles(at(6)), [trouble]);
        assert!(health.note("voice", None, at(7)));
        assert!(health.troubles(at(7)).is_empty());
    }

    #[test]
    fn what_rests_is_tried_last_but_never_left_out() {
        let health = Health::default();
        let ways = ["a".to_owned(), "b".to_owned()];
        let fail = |way: &str, second| (0..3).for_each(|_| _ = health.note(way, Some("down"), at(second)));
        assert_eq!(health.order(&ways, at(0)), [0, 1]);
        fail("a", 0);
        assert_eq!(health.order(&ways, at(1)), [1, 0]);
        fail("b", 1);
        assert_eq!(health.order(&ways, at(2)), [0, 1]);
        assert_eq!(health.order(&ways, at(60)), [0, 1], "a has rested");
        health.note("b", None, at(61));
        health.note("a", Some("down"), at(61));
        assert_eq!(health.order(&ways, at(62)), [1, 0], "one more failure is enough");
        assert!(health.is_in_trouble("a", at(62)) && !health.is_in_trouble("b", at(62)));
        assert!(health.troubles(at(61 + 3600)).is_empty(), "nobody used it for an hour");
    }
}
