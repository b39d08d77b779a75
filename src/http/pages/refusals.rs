//! Sign-ins that are refused are told in the trail; those who guess must not fill it. So many a minute are told one by
//! one, the others are counted with the next that is told.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

/// Refusals told in a minute, one by one.
const TOLD_MAX: u32 = 20;

/// How long those count.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// What has been refused lately.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<Lately>);

#[derive(Debug, Default)]
struct Lately {
    since: Timestamp,
    told: u32,
    untold: u64,
}

impl Refusals {
    /// One more. Where it is to be told: how many were not told before it.
    pub(super) fn one_more(&self, now: Timestamp) -> Option<u64> {
        let mut lately = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was put back begins anew as well.
        if now < lately.since || now.duration_since(lately.since) >= WINDOW {
            (lately.since, lately.told) = (now, 0);
        }
        if lately.told >= TOLD_MAX {
            lately.untold += 1;
            return None;
        }
        lately.told += 1;
        Some(std::mem::take(&mut lately.untold))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_guesses_does_not_fill_the_trail() {
        let (refusals, now) = (Refusals::default(), Timestamp::UNIX_EPOCH);
        let told = (0..100).filter_map(|_| refusals.one_more(now)).collect::<Vec<_>>();
        assert_eq!(told, vec![0; 20]);
        assert_eq!(refusals.one_more(now + SignedDuration::from_secs(59)), None);
        assert_eq!(refusals.one_more(now + WINDOW), Some(81), "the others are counted");
        assert_eq!(refusals.one_more(now + WINDOW), Some(0));
        assert_eq!(refusals.one_more(now), Some(0), "a clock that was put back silences nobody");
    }
}
