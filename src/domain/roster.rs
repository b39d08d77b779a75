//! The roster: people, how they are reached, and the escalation policies that name them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::alert::UnknownWord;
use super::escalation::Policy;

/// Everybody who can be called, and in which order.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// By name.
    pub users: BTreeMap<String, User>,
    /// By name.
    pub policies: BTreeMap<String, Policy>,
    /// The user paged when a policy has run out of people (I19). Definition files must name one.
    pub fallback: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Unique name.
    pub name: String,
    /// All of them are used for every page.
    pub methods: Vec<ContactMethod>,
}

/// One way to reach one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactMethod {
    /// By which channel.
    pub channel: Channel,
    /// A phone number in E.164 form, a URL, or empty where the channel needs none.
    pub address: String,
}

/// How a page travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// A phone call.
    Voice,
    /// A signed JSON POST.
    Webhook,
    /// Printed by the process itself.
    Console,
}

impl Channel {
    /// Every channel.
    pub const ALL: [Self; 3] = [Self::Voice, Self::Webhook, Self::Console];

    /// The word used in definition files, the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Webhook => "webhook",
            Self::Console => "console",
        }
    }
}

impl FromStr for Channel {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|channel| channel.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
