//! What one mail claims about one thing: the alert and its vocabulary.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What an alert asks of the incident with its dedup key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Open an incident, or attach to the open one.
    Trigger,
    /// Somebody has taken it, as the monitor says.
    Acknowledge,
    /// The monitor says it is over.
    Resolve,
    /// A sign of life: expected, and no incident.
    Heartbeat,
    /// Stored and visible, but deliberately without effect.
    Ignore,
}

impl Action {
    /// Every action, in the order the documentation lists them.
    pub const ALL: [Self; 5] = [Self::Trigger, Self::Acknowledge, Self::Resolve, Self::Heartbeat, Self::Ignore];

    /// The word used in definition files, the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
            Self::Heartbeat => "heartbeat",
            Self::Ignore => "ignore",
        }
    }
}

/// How bad it is, in the words of the PagerDuty Events API v2 (`payload.severity`). Ordered: worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Will become a problem.
    Warning,
    /// Something is broken.
    Error,
    /// Users or data are suffering now.
    Critical,
}

impl Severity {
    /// Every severity, worst first.
    pub const ALL: [Self; 4] = [Self::Critical, Self::Error, Self::Warning, Self::Info];

    /// The word used in definition files, the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// The word is none of those the type knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord(pub String);

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unknown word {:?}", self.0)
    }
}

impl std::error::Error for UnknownWord {}

impl FromStr for Action {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|a| a.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl FromStr for Severity {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|s| s.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// One claim of one mail, with the rule that read it and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// What it asks for.
    pub action: Action,
    /// Identifies the thing it is about within its service; see [`dedup_key`].
    pub dedup_key: String,
    /// How bad, as the rule reads it.
    pub severity: Severity,
    /// One line for a person.
    pub summary: String,
    /// `pack/rule`, or `catch-all`.
    pub rule: String,
    /// Why this rule and this action.
    pub reason: String,
}

/// Longest summary kept, in characters (PagerDuty Events API v2: `payload.summary`).
pub const SUMMARY_CHARS_MAX: usize = 1024;

/// Longest dedup key kept, in characters. PagerDuty keeps 255; legacy monitors put whole command lines there.
pub const DEDUP_KEY_CHARS_MAX: usize = 512;

/// Makes a dedup key storable: white space folded, and a key over [`DEDUP_KEY_CHARS_MAX`] shortened to a
/// readable head plus a digest of the whole, so that two different long keys never become one.
pub fn dedup_key(text: &str) -> String {
    let folded = fold_whitespace(text);
    if folded.chars().count() <= DEDUP_KEY_CHARS_MAX {
        return folded;
    }
    let head: String = folded.chars().take(DEDUP_KEY_CHARS_MAX - 33).collect();
    format!("{head}#{:032x}", fnv1a_128(folded.as_bytes()))
}

/// Makes a summary storable: one line, at most [`SUMMARY_CHARS_MAX`] characters.
pub fn summary(text: &str) -> String {
    let folded = fold_whitespace(text);
    if folded.chars().count() <= SUMMARY_CHARS_MAX {
        return folded;
    }
    let mut cut: String = folded.chars().take(SUMMARY_CHARS_MAX - 1).collect();
    cut.push('…');
    cut
}

fn fold_whitespace(text: &str) -> String {
    let visible = text.replace(|c: char| c.is_control() && !c.is_whitespace(), "\u{fffd}");
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The 128-bit FNV-1a digest (draft-eastlake-fnv, section 5): stable over versions and platforms, which the
/// standard library's hasher does not promise. It separates keys; it does not protect anything.
fn fnv1a_128(bytes: &[u8]) -> u128 {
    bytes.iter().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d, |hash, byte| {
        (hash ^ u128::from(*byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_round_trip() {
        for action in Action::ALL {
            assert_eq!(action.word().parse(), Ok(action));
        }
        for severity in Severity::ALL {
            assert_eq!(severity.word().parse(), Ok(severity));
        }
        assert!("page".parse::<Action>().is_err());
    }

    #[test]
    fn severities_are_ordered_by_badness() {
        assert!(Severity::Critical > Severity::Error);
        assert!(Severity::Error > Severity::Warning);
        assert!(Severity::Warning > Severity::Info);
    }

    #[test]
    fn long_keys_stay_different() {
        let common = "x".repeat(2 * DEDUP_KEY_CHARS_MAX);
        let (a, b) = (dedup_key(&format!("{common}a")), dedup_key(&format!("{common}b")));
        assert_ne!(a, b);
        assert_eq!(a.chars().count(), DEDUP_KEY_CHARS_MAX);
    }

    #[test]
    fn keys_and_summaries_are_one_line() {
        assert_eq!(dedup_key(" a\r\n\tb\0 "), "a b\u{fffd}");
        assert_eq!(summary(&"y".repeat(3000)).chars().count(), SUMMARY_CHARS_MAX);
    }

    #[test]
    fn fnv_vector() {
        // Test vector of the FNV authors for the empty input and for "a".
        assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
