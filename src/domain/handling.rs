//! How a service wants its incidents handled: which policy, how urgent, how long to wait, when to doubt.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::alert::{Severity, UnknownWord};
use super::heartbeat::Heartbeat;
use super::window::Windows;

/// How urgently somebody is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Urgency {
    /// It can wait for the morning: quiet hours are kept.
    Low,
    /// Somebody is needed now, at any hour.
    #[default]
    High,
}

/// How one service's incidents are handled.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Handling {
    /// The policy that pages, where no other is named below.
    pub policy: String,
    /// The policy for incidents of low urgency.
    pub policy_low: Option<String>,
    /// Policies by severity; they win over the two above.
    pub policies: BTreeMap<Severity, String>,
    /// Urgency by severity; high where none is named.
    pub urgency: BTreeMap<Severity, Urgency>,
    /// Hours outside which high urgency is low.
    pub support: Option<SupportHours>,
    /// How long the first page waits: a recovery within that time calls nobody.
    pub hold: SignedDuration,
    /// When opening and closing again and again makes one incident.
    pub flapping: Option<Flapping>,
    /// When so many openings make one storm.
    pub storm: Option<Storm>,
    /// The same for one sender: only what it opens waits then.
    pub sender_storm: Option<Storm>,
    /// The same by the address of the client, whatever senders it names.
    pub client_storm: Option<Storm>,
    /// How often the monitor repeats what is still wrong.
    pub repeats: Option<Repeats>,
    /// Without any alert for so long, the incident is taken to be over.
    pub inactive_after: Option<SignedDuration>,
    /// How long a downtime that the monitor announces may silence what it is about; not at all where it is `None`.
    pub downtime: Option<SignedDuration>,
    /// Mails that are expected.
    pub heartbeats: Vec<Awaited>,
}

/// A heartbeat of a service: which mails it is about, and what their absence means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Awaited {
    /// When a mail is expected.
    pub heartbeat: Heartbeat,
    /// The dedup key of the mails that count; `None` is any mail to the service.
    pub key: Option<String>,
    /// How bad it is when none comes.
    pub severity: Severity,
}

impl Awaited {
    /// The dedup key of the incident that its absence opens.
    pub fn incident_key(&self) -> String {
        format!("heartbeat/{}", self.heartbeat.name)
    }

    /// Whether an alert with this dedup key is what is waited for.
    pub fn is_met_by(&self, key: &str) -> bool {
        self.key.as_deref().is_none_or(|wanted| wanted == key)
    }
}

/// When somebody is at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SupportHours {
    /// In the civil time of `zone`.
    pub windows: Windows,
    /// Where that time is meant.
    pub zone: TimeZone,
}

/// So many openings within this time make a check that flaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flapping {
    /// Openings, at least 2.
    pub opens: u32,
    /// Within this time; also how long it must be calm to be over.
    pub within: SignedDuration,
}

/// So many openings in one service within this time are one storm: one incident stands for what opens then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storm {
    /// Openings, at least 2.
    pub opens: u32,
    /// Within this time; also how long it must be calm to be over.
    pub within: SignedDuration,
}

/// The monitor says again what is still wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats {
    /// How often.
    pub every: SignedDuration,
    /// After how many that did not come the incident is doubtful, at least 1.
    pub missed: u32,
}

impl Handling {
    /// A service of which only the policy is known.
    pub fn by_policy(policy: &str) -> Self {
        Self { policy: policy.to_owned(), ..Self::default() }
    }

    /// How urgent an incident of this severity is, and when that may change by itself.
    pub fn urgency(&self, severity: Severity, now: Timestamp) -> (Urgency, Option<Timestamp>) {
        let urgency = self.urgency.get(&severity).copied().unwrap_or_default();
        match &self.support {
            Some(hours) if urgency == Urgency::High && !hours.windows.contains(&hours.zone, now) => {
                (Urgency::Low, hours.windows.start_after(&hours.zone, now))
            }
            _ => (urgency, None),
        }
    }

    /// The name of the policy for an incident.
    pub fn policy(&self, severity: Severity, urgency: Urgency) -> &str {
        let low = self.policy_low.as_ref().filter(|_| urgency == Urgency::Low);
        self.policies.get(&severity).or(low).unwrap_or(&self.policy)
    }

    /// How long the monitor may be silent before its incident is doubtful.
    pub fn doubt_after(&self) -> Option<SignedDuration> {
        let repeats = self.repeats?;
        repeats.every.checked_mul(i32::try_from(repeats.missed).unwrap_or(i32::MAX))
    }
}

impl Urgency {
    /// The word used in definition files, the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::High => "high",
        }
    }
}

impl FromStr for Urgency {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = [Self::Low, Self::High].into_iter().find(|urgency| urgency.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for Urgency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
