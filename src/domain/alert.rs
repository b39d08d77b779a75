//! What one mail claims about one thing: the alert and its vocabulary.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::subject::fold_white_space;

use super::sender_policy::Objection;

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
    /// What else is worth knowing, by name; see [`detail`].
    #[serde(default)]
    pub details: BTreeMap<String, String>,
    /// Pages worth opening, by name; see [`link`].
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// `pack/rule`, `recogniser` or `catch-all`.
    pub rule: String,
    /// Why this rule and this action.
    pub reason: String,
    /// How long the first page of its incident waits, where the rule says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<SignedDuration>,
    /// The monitor announces that it is silent about this on purpose, or no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downtime: Option<Downtime>,
    /// What its service's senders say against it.
    #[serde(skip)]
    pub objection: Option<Objection>,
}

/// What a monitor announces about planned work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Downtime {
    /// It begins.
    Start,
    /// It is over, or was called off.
    End,
}

impl Downtime {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Start, Self::End];

    /// The word used in rules.
    pub fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
        }
    }
}

impl FromStr for Downtime {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|downtime| downtime.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for Downtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

/// Longest summary kept, in characters (PagerDuty Events API v2: `payload.summary`).
pub const SUMMARY_CHARS_MAX: usize = 1024;

/// Longest dedup key kept, in characters. PagerDuty keeps 255; legacy monitors put whole command lines there.
pub const DEDUP_KEY_CHARS_MAX: usize = 512;

/// Makes a dedup key storable: white space folded, and a key over [`DEDUP_KEY_CHARS_MAX`] shortened to a
/// readable head plus a digest of the whole, so that two different long keys never become one.
pub fn dedup_key(text: &str) -> String {
    let folded = visible_line(text);
    if folded.len() <= DEDUP_KEY_CHARS_MAX || folded.chars().count() <= DEDUP_KEY_CHARS_MAX {
        return folded;
    }
    let head: String = folded.chars().take(DEDUP_KEY_CHARS_MAX - 33).collect();
    format!("{head}#{:032x}", fnv1a_128(folded.as_bytes()))
}

/// Makes a summary storable: one line, at most [`SUMMARY_CHARS_MAX`] characters.
pub fn summary(text: &str) -> String {
    let folded = visible_line(text);
    if folded.len() <= SUMMARY_CHARS_MAX || folded.chars().count() <= SUMMARY_CHARS_MAX {
        return folded;
    }
    let mut cut: String = folded.chars().take(SUMMARY_CHARS_MAX - 1).collect();
    cut.push('…');
    cut
}

/// Longest detail kept, in characters.
pub const DETAIL_CHARS_MAX: usize = 4096;

/// Makes a detail storable: its lines without control characters, at most [`DETAIL_CHARS_MAX`] characters.
/// `None` when nothing is left.
pub fn detail(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() <= DETAIL_CHARS_MAX && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return (!text.is_empty()).then(|| text.to_owned());
    }
    let visible = text.chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t'));
    let kept: String = visible.take(DETAIL_CHARS_MAX).collect();
    (!kept.is_empty()).then_some(kept)
}

/// Longest link kept, in bytes (the limit that browsers share).
const LINK_BYTES_MAX: usize = 2048;

/// Makes a link safe to show: a web address without blanks, quotes or control characters, or none. Mail content
/// never becomes another kind of link (I35).
pub fn link(text: &str) -> Option<String> {
    let text = text.trim();
    let web = ["http://", "https://"].iter().any(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)) && text.len() > scheme.len()
    });
    let clean = !text.contains(|c: char| c.is_whitespace() || c.is_control() || "\"'<>`\\".contains(c));
    (web && clean && text.len() <= LINK_BYTES_MAX).then(|| text.to_owned())
}

fn visible_line(text: &str) -> String {
    let hidden = |c: char| c.is_control() && !c.is_whitespace();
    match fold_white_space(text) {
        Cow::Owned(folded) if folded.contains(hidden) => folded.replace(hidden, "\u{fffd}"),
        folded => folded.into_owned(),
    }
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
    fn details_and_links_are_safe_to_show() {
        assert_eq!(detail(" a\r\n\u{1b}[31mb\tc ").as_deref(), Some("a\n[31mb\tc"));
        assert_eq!(detail(" \u{7} "), None);
        assert_eq!(detail(&"y".repeat(9000)).map(|text| text.len()), Some(DETAIL_CHARS_MAX));
        for good in ["https://mon.example.com/x?a=1&b=%20", "HTTP://[2001:db8::1]:80/"] {
            assert_eq!(link(good).as_deref(), Some(good));
        }
        for bad in ["javascript:alert(1)", "https://", "http://a b", "https://x/\"onclick", "ftp://x", "//x", "é"] {
            assert_eq!(link(bad), None, "{bad}");
        }
    }

    #[test]
    fn fnv_vector() {
        // Test vector of the FNV authors for the empty input and for "a".
        assert_eq!(fnv1a_128(b""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(fnv1a_128(b"a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
    }
}
