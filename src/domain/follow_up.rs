//! Telling those who were paged that somebody has it, or that it is over.

use std::fmt;
use std::str::FromStr;

use super::alert::UnknownWord;
use super::channel::{Channel, Manner};
use super::incident;

/// How often it is tried.
pub const ATTEMPTS_MAX: i64 = 5;

/// What has happened to the incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Somebody has it.
    Acknowledged,
    /// It is over.
    Resolved,
}

impl News {
    /// The word used in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }

    /// What a change of an incident is news of.
    pub fn of(kind: incident::Kind) -> Option<Self> {
        match kind {
            incident::Kind::Acknowledged => Some(Self::Acknowledged),
            incident::Kind::Resolved => Some(Self::Resolved),
            _ => None,
        }
    }

    /// Whether it is still true of an incident.
    pub fn holds(self, status: incident::Status) -> bool {
        match self {
            Self::Acknowledged => status == incident::Status::Acknowledged,
            Self::Resolved => status == incident::Status::Resolved,
        }
    }
}

impl FromStr for News {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = [Self::Acknowledged, Self::Resolved].into_iter().find(|news| news.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for News {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Whether somebody who was told over a channel is told that `actor` has acted. Programs always are: what they hold
/// open is closed by it. A phone never rings for it. Who did it over this very channel knows already, but a message
/// that can be changed is changed all the same: its buttons mean nothing any more.
pub fn is_told(channel: Channel, user: &str, actor: &str, wanted: bool) -> bool {
    let here = actor.strip_suffix(channel.word()).and_then(|actor| actor.strip_suffix(" by "));
    match channel.manner() {
        Manner::Rings | Manner::Own => false,
        Manner::Program => here.is_none(),
        // Its message was changed by the answer to the click.
        Manner::Read if channel == Channel::Mattermost => wanted && here.is_none(),
        Manner::Read => wanted && (channel.changes_messages() || here != Some(user)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_told() {
        let cases = [
            (Channel::Voice, "ann", "bob by slack", true, false),
            (Channel::Slack, "ann", "ann by slack", true, true),
            (Channel::Slack, "ann", "bob by voice", false, false),
            (Channel::Gotify, "ann", "ann by gotify", true, false),
            (Channel::Gotify, "ann", "bob by gotify", true, true),
            (Channel::Gotify, "ann", "ann by voice", true, true),
            (Channel::Mattermost, "room:ops", "B. (u1) by mattermost", true, false),
            (Channel::PagerDuty, "ann", "Ann (P1) by pagerduty", true, false),
            (Channel::PagerDuty, "ann", "ann by slack", false, true),
            (Channel::Console, "ann", "bob by voice", true, false),
        ];
        for (channel, user, actor, wanted, told) in cases {
            assert_eq!(is_told(channel, user, actor, wanted), told, "{channel} {user} {actor}");
        }
    }
}
