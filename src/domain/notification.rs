//! From targets to notifications: who is reached by what, and what became of one attempt.

use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;

use super::alert::UnknownWord;
use super::handling::Urgency;
use super::roster::Channel;
use super::schedule::Schedule;
use super::situation::Situation;
use super::target::Target;

/// One notification to be made: a person by one method.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// Who.
    pub user: String,
    /// By what.
    pub channel: Channel,
    /// Where; kept with the notification so that editing the roster strands nothing (I33).
    pub address: String,
    /// How long after the page.
    pub wait: SignedDuration,
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
    /// It did not arrive, and may later.
    Retry(String),
    /// Nobody knows whether it arrived: it is made again (I27).
    Unknown(String),
    /// It works, but not now: the provider wants to be left alone for a while.
    Later {
        /// Why.
        why: String,
        /// For how long.
        wait: SignedDuration,
    },
    /// It will never work.
    Failed(String),
}

impl Outcome {
    /// A failure that may pass, with what the provider asks for: to be left alone for a while.
    #[must_use]
    pub fn later(self, wait: Option<SignedDuration>) -> Self {
        match (self, wait) {
            (Self::Retry(why), Some(wait)) => Self::Later { why, wait },
            (other, _) => other,
        }
    }

    /// Why it is not taken yet, or never; nothing when it was taken.
    pub fn trouble(&self) -> Option<&str> {
        match self {
            Self::Accepted(_) => None,
            Self::Retry(why) | Self::Unknown(why) | Self::Failed(why) | Self::Later { why, .. } => Some(why),
        }
    }
}

/// Attempts before a notification is given up. With [`retry_delay`] that is about 2 minutes, well inside a step.
pub const ATTEMPTS_MAX: i64 = 5;

/// The notifications of one page: for every target the methods that its people want for this urgency, each once.
/// Empty when nobody can be reached.
pub fn plan(situation: &Situation<'_>, targets: &[Target], urgency: Urgency) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::new();
    for target in targets {
        if let Target::Room(name) = target {
            let room = situation.roster.rooms.get(name);
            planned.extend(room.map(|room| Planned {
                user: target.to_string(),
                channel: room.channel,
                address: room.address.clone(),
                wait: SignedDuration::ZERO,
            }));
        }
        for user in people(situation, target).iter().filter_map(|name| situation.roster.users.get(name)) {
            planned.extend(user.reached(urgency, situation.now).map(|(method, wait)| Planned {
                user: user.name.clone(),
                channel: method.channel,
                address: method.address.clone(),
                wait,
            }));
        }
    }
    // The earliest of those that differ only in when.
    planned.sort();
    planned.dedup_by(|later, first| {
        (&later.user, later.channel, &later.address) == (&first.user, first.channel, &first.address)
    });
    planned
}

/// The people a target stands for at this instant.
pub fn people(situation: &Situation<'_>, target: &Target) -> Vec<String> {
    let schedule = |name: &String| situation.roster.schedules.get(name);
    match target {
        Target::User(name) => vec![name.clone()],
        Target::Schedule(name) => schedule(name).map_or_else(Vec::new, |schedule| {
            let on_call = schedule.on_call(&situation.overrides_of(name), situation.now);
            on_call.into_iter().map(|on_call| on_call.user).collect()
        }),
        Target::Everyone(name) => schedule(name).map_or_else(Vec::new, Schedule::people),
        Target::Room(_) => Vec::new(),
    }
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
    use jiff::Timestamp;
    use jiff::civil::time;

    use super::*;
    use crate::domain::handling::Handling;
    use crate::domain::roster::{ContactMethod, PersonalRule, Roster, User};
    use crate::domain::window::{Weekdays, Window, Windows};

    fn method(channel: Channel, address: &str) -> ContactMethod {
        ContactMethod::new(channel, address)
    }

    #[test]
    fn a_page_uses_every_method_once() {
        let user = |name: &str, methods| (name.to_owned(), User::new(name, methods));
        let roster = Roster {
            users: [
                user("ann", vec![method(Channel::Voice, "+491"), method(Channel::Console, "")]),
                user("nobody", Vec::new()),
            ]
            .into(),
            ..Roster::default()
        };
        let handling = Handling::default();
        let situation = Situation::quiet(&roster, &handling, Timestamp::UNIX_EPOCH);
        let targets = ["ann", "gone", "nobody", "ann", "schedule:gone", "room:gone"];
        let targets = targets.map(|target| Target::from(target.to_owned()));
        let planned = plan(&situation, &targets, Urgency::High);
        let words: Vec<_> = planned.iter().map(|p| (p.user.as_str(), p.channel)).collect();
        assert_eq!(words, [("ann", Channel::Voice), ("ann", Channel::Console)]);
        assert!(plan(&situation, &targets[1..3], Urgency::High).is_empty());
    }

    #[test]
    fn people_are_reached_as_they_wish() {
        let mut ann = User::new("ann", vec![method(Channel::Voice, "+491"), method(Channel::Webhook, "https://push")]);
        let rule = |method, minutes| PersonalRule { method, after: SignedDuration::from_mins(minutes) };
        ann.high = vec![rule(1, 0), rule(0, 2)];
        ann.low = vec![rule(1, 0)];
        let night = Window { days: Weekdays::DAILY, from: time(22, 0, 0, 0), to: time(7, 0, 0, 0) };
        ann.quiet = Windows::new(vec![night]);
        let roster = Roster { users: [("ann".to_owned(), ann)].into(), ..Roster::default() };
        let handling = Handling::default();
        let waits = |at: &str, urgency| {
            let situation = Situation::quiet(&roster, &handling, at.parse().expect("timestamp"));
            let planned = plan(&situation, &[Target::User("ann".to_owned())], urgency);
            planned.iter().map(|p| (p.channel, p.wait.as_mins())).collect::<Vec<_>>()
        };
        let high = [(Channel::Voice, 2), (Channel::Webhook, 0)];
        assert_eq!(waits("2026-11-21T12:00Z", Urgency::High), high);
        assert_eq!(waits("2026-11-21T23:00Z", Urgency::High), high, "high urgency keeps no quiet hours");
        assert_eq!(waits("2026-11-21T12:00Z", Urgency::Low), [(Channel::Webhook, 0)]);
        assert_eq!(waits("2026-11-21T23:00Z", Urgency::Low), [(Channel::Webhook, 8 * 60)]);
    }

    #[test]
    fn retries_slow_down_to_a_minute() {
        let seconds: Vec<i64> = (1..=6).map(|n| retry_delay(n, 0.0).as_secs()).collect();
        assert_eq!(seconds, [4, 8, 16, 32, 60, 60]);
        assert_eq!(retry_delay(1, 1.0).as_secs(), 5);
        assert_eq!(retry_delay(i64::MAX, 0.0).as_secs(), 60);
    }
}
