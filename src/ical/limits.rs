//! What a calendar from elsewhere may cost.

use super::IcalError;

/// The longest text that is read, in bytes.
pub const MAX_TEXT_BYTES: usize = 5 * 1024 * 1024;

/// The most occurrences that one reading gives.
pub const MAX_OCCURRENCES: usize = 10_000;

/// The most problems that are told one by one.
pub const MAX_PROBLEMS: usize = 100;

/// The most days and times that the rules of one text may look at together. A daily rule over ten years takes 11,000.
const MAX_STEPS: usize = 3_000_000;

/// The most text that all occurrences may have together, in bytes; a series repeats its title and attendees.
const MAX_COPIED_BYTES: usize = 32 * 1024 * 1024;

/// How much of a foreign name is repeated in a problem, in characters.
const MAX_QUOTE: usize = 80;

/// Counts what a reading does, and stops it.
#[derive(Debug, Default)]
pub(super) struct Work {
    steps: usize,
    copied: usize,
}

impl Work {
    /// Takes note of `steps` more days or times looked at.
    pub(super) fn charge(&mut self, steps: usize) -> Result<(), IcalError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > MAX_STEPS { Err(IcalError::TooCostly) } else { Ok(()) }
    }

    /// Takes note of `bytes` more of text in the result.
    pub(super) fn copy(&mut self, bytes: usize) -> Result<(), IcalError> {
        self.copied = self.copied.saturating_add(bytes);
        if self.copied > MAX_COPIED_BYTES { Err(IcalError::TooCostly) } else { Ok(()) }
    }
}

/// Gathers problems without growing with them.
#[derive(Debug, Default)]
pub(super) struct Problems {
    sentences: Vec<String>,
    more: usize,
}

impl Problems {
    /// Adds a sentence, if there is room.
    pub(super) fn add(&mut self, sentence: String) {
        if self.sentences.len() < MAX_PROBLEMS {
            self.sentences.push(sentence);
        } else {
            self.more += 1;
        }
    }

    /// The sentences, and how many there was no room for.
    pub(super) fn into_sentences(mut self) -> Vec<String> {
        if self.more > 0 {
            self.sentences.push(format!("and {} more problems", self.more));
        }
        self.sentences
    }
}

/// A name from the text, short and printable.
pub(super) fn quote(name: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{FFFD}' } else { c };
    let mut quoted: String = name.chars().take(MAX_QUOTE).map(shown).collect();
    if name.chars().nth(MAX_QUOTE).is_some() {
        quoted.push('…');
    }
    format!("“{quoted}”")
}

/// Tells a text that is no calendar, or only the first part of one. The parser forgives both.
pub(super) fn check_frame(text: &str) -> Result<(), IcalError> {
    let is = |line: &str, wanted: &str| line.trim().trim_start_matches('\u{FEFF}').eq_ignore_ascii_case(wanted);
    if !text.lines().any(|line| is(line, "BEGIN:VCALENDAR")) {
        return Err(IcalError::NotCalendar);
    }
    match text.lines().rev().find(|line| !line.trim().is_empty()) {
        Some(last) if is(last, "END:VCALENDAR") => Ok(()),
        _ => Err(IcalError::Truncated),
    }
}
