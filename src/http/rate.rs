//! How often somebody may ask: a minute's worth at once, then evenly. Tokens in the API, addresses that begin to sign in.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

/// Milliseconds of the minute that may be used at once.
const BURST_MILLIS: i64 = 60_000;

/// Askers that are remembered before those who may ask freely again are forgotten.
const REMEMBERED: usize = 10_000;

/// Requests of each asker, as far as this process has seen them.
#[derive(Debug)]
pub(in crate::http) struct Rates {
    per_minute: u32,
    /// For each asker the instant in microseconds up to which its requests have used the time.
    used: Mutex<HashMap<String, i64>>,
}

impl Rates {
    /// Lets each make so many requests a minute.
    pub(in crate::http) fn new(per_minute: u32) -> Self {
        Self { per_minute: per_minute.max(1), used: Mutex::default() }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// The seconds to wait, when it has made too many.
    pub(in crate::http) fn take(&self, asker: &str, now: Timestamp) -> Result<(), u64> {
        let now = now.as_microsecond();
        let each = BURST_MILLIS * 1000 / i64::from(self.per_minute);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if used.len() >= REMEMBERED && !used.contains_key(asker) {
            used.retain(|_, until| *until > now);
        }
        let until = used.entry(asker.to_owned()).or_insert(now);
        // A clock that was set back must not lock anybody out for long.
        let from = (*until).clamp(now, now + BURST_MILLIS * 1000);
        let too_much = from + each - now - BURST_MILLIS * 1000;
        if too_much > 0 {
            *until = from;
            return Err(u64::try_from(too_much).unwrap_or_default().div_ceil(1_000_000));
        }
        *until = from + each;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn a_minutes_worth_at_once_then_evenly() {
        let rates = Rates::new(60);
        let start = Timestamp::from_second(1_000_000).unwrap();
        for _ in 0..60 {
            assert_eq!(rates.take("a", start), Ok(()));
        }
        assert_eq!(rates.take("a", start), Err(1));
        assert_eq!(rates.take("b", start), Ok(()), "others go on");
        let later = start + SignedDuration::from_secs(1);
        assert_eq!(rates.take("a", later), Ok(()));
        assert_eq!(rates.take("a", later), Err(1));
        let rested = start + SignedDuration::from_secs(600);
        assert_eq!((0..100).filter(|_| rates.take("a", rested).is_ok()).count(), 60, "rest is not saved up");
    }

    #[test]
    fn whoever_may_ask_freely_again_is_forgotten() {
        let rates = Rates::new(60);
        let start = Timestamp::from_second(1_000_000).unwrap();
        for asker in 0..REMEMBERED {
            assert_eq!(rates.take(&asker.to_string(), start), Ok(()));
        }
        let remembered = || rates.used.lock().unwrap().len();
        assert_eq!(rates.take("one more", start), Ok(()));
        assert_eq!(remembered(), REMEMBERED + 1, "nobody's requests are forgotten");
        assert_eq!(rates.take("later", start + SignedDuration::from_secs(1)), Ok(()));
        assert_eq!(remembered(), 1);
    }

    #[test]
    fn a_clock_set_back_locks_nobody_out() {
        let rates = Rates::new(60);
        let start = Timestamp::from_second(1_000_000).unwrap();
        assert_eq!(rates.take("a", start), Ok(()));
        let before = start - SignedDuration::from_hours(1);
        let wait = rates.take("a", before).expect_err("it looks like a full minute");
        assert_eq!(rates.take("a", before + SignedDuration::from_secs(i64::try_from(wait).unwrap())), Ok(()));
    }
}
