//! From targets to notifications: who is reached by what, and what became of one attempt.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use super::alert::UnknownWord;
use super::roster::{Channel, Roster};

/// One notification to be made: a person by one method.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// Who.
    pub user: String,
    /// By what.
    pub channel: Channel,
    /// Where; kept with the notification so that editing the roster strands nothing (I33).
    pub address: String,
}

/// The life of a notification. It moves forward only (I28).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// To be sent when due.
    Pending,
    /// Leased by a worker.
    Sending,
    /// The provider has taken it; nobody has answered yet.
    Sent,
    /// A human answered.
    Delivered,
    /// Given up.
    Failed,
    /// No longer needed.
    Cancelled,
}

/// What one attempt came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The provider took it, under this reference.
    Accepted(String),
    /// It may work later; also when nobody knows whether it worked (I27).
    Retry(String),
    /// It will never work.
    Failed(String),
}

/// Attempts before a notification is given up. With [`retry_delay`] that is about 2 minutes, well inside a step.
pub const ATTEMPTS_MAX: i64 = 5;

/// The notifications of one page: every method of every target, each once. Empty when nobody can be reached.
pub fn plan(roster: &Roster, targets: &[String]) -> Vec<Planned> {
    let mut planned: Vec<Planned> = targets
        .iter()
        .filter_map(|target| roster.users.get(target))
        .flat_map(|user| {
            user.methods.iter().map(|method| Planned {
                user: user.name.clone(),
                channel: method.channel,
                address: method.address.clone(),
            })
        })
        .collect();
    planned.sort();
    planned.dedup();
    planned
}

/// How long to wait before attempt number `attempts + 1`: 4 s, 8 s, 16 s … 60 s, spread by up to a quarter
/// by `jitter` (0..=1) so that a crowd of retries does not march in step.
pub fn retry_delay(attempts: i64, jitter: f64) -> SignedDuration {
    let seconds = 2_f64.powi(i32::try_from(attempts.clamp(0, 30)).unwrap_or(30) + 1).min(60.0);
    SignedDuration::from_secs_f64(seconds * (1.0 + jitter.clamp(0.0, 1.0) / 4.0))
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 6] =
        [Self::Pending, Self::Sending, Self::Sent, Self::Delivered, Self::Failed, Self::Cancelled];

    /// The word used in the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

impl FromStr for Status {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|status| status.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::{ContactMethod, User};

    #[test]
    fn a_page_uses_every_method_once() {
        let method = |channel, address: &str| ContactMethod { channel, address: address.to_owned() };
        let user = |name: &str, methods| (name.to_owned(), User { name: name.to_owned(), methods });
        let roster = Roster {
            users: [
                user("ann", vec![method(Channel::Voice, "+491"), method(Channel::Console, "")]),
                user("nobody", Vec::new()),
            ]
            .into(),
            ..Roster::default()
        };
        let targets = ["ann", "gone", "nobody", "ann"].map(str::to_owned);
        let planned = plan(&roster, &targets);
        let words: Vec<_> = planned.iter().map(|p| (p.user.as_str(), p.channel)).collect();
        assert_eq!(words, [("ann", Channel::Voice), ("ann", Channel::Console)]);
        assert!(plan(&roster, &targets[1..3]).is_empty());
    }

    #[test]
    fn retries_slow_down_to_a_minute() {
        let seconds: Vec<i64> = (1..=6).map(|n| retry_delay(n, 0.0).as_secs()).collect();
        assert_eq!(seconds, [4, 8, 16, 32, 60, 60]);
        assert_eq!(retry_delay(1, 1.0).as_secs(), 5);
        assert_eq!(retry_delay(i64::MAX, 0.0).as_secs(), 60);
    }
}
