//! Patterns and what they capture: a regex that is compiled when it is first needed, within a budget of work.

use std::ops::Range;
use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use regex_syntax::ast::{self, Ast};

use super::field::Field;
use super::prefilter::{self, Outline, Requirements};

/// Longest pattern, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4096;

/// Largest compiled pattern, in bytes (`regex::RegexBuilder::size_limit`).
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Beginnings of a pattern that are looked at for one whose match is not empty.
const BEGINNINGS_MAX: usize = 16;

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternError {
    /// It is longer than [`PATTERN_BYTES_MAX`].
    TooLong(usize),
    /// It is not in the language of the `regex` crate, or too large when compiled: what is wrong, in one line.
    Invalid(String),
}

/// A checked regex. Compiling takes a hundred times longer than checking, and most rules of a large rulebook never
/// see a mail that could match, so it is compiled when it is first asked.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    outline: Outline,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    /// Checks a pattern.
    ///
    /// # Errors
    /// When it is too long, no regex, or would be too large.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLong(text.len()));
        }
        let last_line = |error: &dyn ToString| {
            // The library draws a picture of several lines; the last one says what is wrong.
            let text = error.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        };
        let outline = prefilter::required(text).map_err(|error| PatternError::Invalid(last_line(&error)))?;
        let pattern = Self { text: text.to_owned(), outline, regex: OnceLock::new() };
        if pattern.outline.size >= COMPILED_BYTES_MAX {
            // The bound is rough, so only compiling can tell.
            let regex = pattern.compile().map_err(|error| PatternError::Invalid(last_line(&error)))?;
            let _ = pattern.regex.set(Some(regex));
        }
        Ok(pattern)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The names of its captures.
    pub fn capture_names(&self) -> impl Iterator<Item = &str> {
        self.outline.names.iter().map(String::as_str)
    }

    /// What every text that it matches must contain.
    pub(super) fn requirements(&self) -> &Requirements {
        &self.outline.requirements
    }

    /// Replaces all matches in a text; `${name}` and `$1` in `with` are what was captured.
    pub(super) fn replace(&self, text: &str, with: &str, budget: &mut Budget) -> Result<String, String> {
        let Some(regex) = self.charged(text, budget)? else { return Ok(text.to_owned()) };
        Ok(regex.replace_all(text, with).into_owned())
    }

    /// Whether it matches.
    pub(super) fn is_match(&self, text: &str, budget: &mut Budget) -> Result<bool, String> {
        Ok(self.charged(text, budget)?.is_some_and(|regex| regex.is_match(text)))
    }

    /// The first match in a text.
    pub(super) fn captures<'t>(
        &self,
        text: &'t str,
        budget: &mut Budget,
    ) -> Result<Option<regex::Captures<'t>>, String> {
        Ok(self.charged(text, budget)?.and_then(|regex| regex.captures(text)))
    }

    /// All matches in a text, at most `max` and one more.
    pub(super) fn all_captures<'t>(
        &self,
        text: &'t str,
        max: usize,
        budget: &mut Budget,
    ) -> Result<Vec<regex::Captures<'t>>, String> {
        let Some(regex) = self.charged(text, budget)? else { return Ok(Vec::new()) };
        Ok(regex.captures_iter(text).take(max + 1).collect())
    }

    /// The compiled regex, after the work of searching this text with it was paid for.
    fn charged(&self, text: &str, budget: &mut Budget) -> Result<Option<&Regex>, String> {
        budget.charge(text.len(), self.outline.size)?;
        // A pattern within the size bound always compiles; should it not, it matches nothing, and the trace says
        // that its rule did not match.
        Ok(self.regex.get_or_init(|| self.compile().ok()).as_ref())
    }

    /// For people who ask why it does not match: the longest beginning of the pattern that does, if any part of it.
    /// `None` also where finding out would cost too much.
    pub(super) fn matching_beginning(&self, values: &[&str], budget: &mut Budget) -> Option<&str> {
        if budget.reasons_left == 0 {
            return None;
        }
        let parsed = ast::parse::Parser::new().parse(&self.text);
        let Ok(Ast::Concat(concat)) = &parsed else { return None };
        let (_, parts) = concat.asts.split_last()?;
        // A beginning of one letter, or of marks that take no room, says nothing.
        let beginnings = parts.iter().filter_map(|part| self.text.get(..part.span().end.offset));
        let beginnings: Vec<&str> = beginnings.filter(|beginning| beginning.len() > 2).collect();
        let bytes = values.iter().map(|value| value.len()).sum();
        let mut matches = |beginning: &str, fits: fn(regex::Match<'_>) -> bool| {
            if !budget.charge_reason(bytes, self.outline.size) {
                return false;
            }
            let regex = RegexBuilder::new(beginning).size_limit(COMPILED_BYTES_MAX).build();
            regex.is_ok_and(|regex| values.iter().any(|value| regex.find(value).is_some_and(fits)))
        };
        // Where one does not match, no longer one does: a pattern of thousands of parts is compiled a dozen times.
        let matching = beginnings.partition_point(|beginning| matches(beginning, |_| true));
        let mut longest = beginnings[..matching].iter().rev().take(BEGINNINGS_MAX).copied();
        longest.find(|beginning| matches(beginning, |found| !found.is_empty()))
    }

    fn compile(&self) -> Result<Regex, regex::Error> {
        RegexBuilder::new(&self.text).size_limit(COMPILED_BYTES_MAX).nest_limit(prefilter::NEST_LIMIT).build()
    }
}

impl Clone for Pattern {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), outline: self.outline.clone(), regex: self.regex.clone() }
    }
}

/// The work that judging one mail for one recipient may take (I9, I40). Counted, not timed, so that the same mail
/// always gets the same verdict: searching costs the length of the text times the size of the pattern.
#[derive(Debug)]
pub struct Budget {
    left: u64,
    /// What finding reasons may cost besides, where a person asked why. It is kept apart, so that asking does not
    /// change the verdict.
    reasons_left: u64,
}

/// A few seconds of searching at worst, with patterns that the regex engine can only walk state by state.
const WORK_MAX: u64 = 256 << 20;

/// What compiling a byte of a pattern costs, in bytes searched.
const COMPILING_COSTS: u64 = 4;

/// Compiled bytes that a search carries at no extra cost.
const PATTERN_BYTES_FREE: usize = 16 * 1024;

impl Default for Budget {
    fn default() -> Self {
        Self { left: WORK_MAX, reasons_left: 0 }
    }
}

impl Budget {
    /// For judging where a person asked why.
    pub(super) fn for_explaining() -> Self {
        Self { reasons_left: WORK_MAX, ..Self::default() }
    }

    /// Pays for compiling a pattern and searching texts with it, if there is work left for reasons.
    fn charge_reason(&mut self, text_bytes: usize, pattern_bytes: usize) -> bool {
        let searching = (text_bytes as u64 + 1) * (pattern_bytes / PATTERN_BYTES_FREE + 1) as u64;
        let left = self.reasons_left.checked_sub(searching + pattern_bytes as u64 * COMPILING_COSTS);
        self.reasons_left = left.unwrap_or(0);
        left.is_some()
    }

    fn charge(&mut self, text_bytes: usize, pattern_bytes: usize) -> Result<(), String> {
        let cost = (text_bytes as u64 + 1) * (pattern_bytes / PATTERN_BYTES_FREE + 1) as u64;
        match self.left.checked_sub(cost) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err("the work that one mail may cost was used up before this".to_owned()),
        }
    }
}

/// Longest value of a capture, in bytes: a key, a summary or a link never needs more.
pub const VALUE_BYTES_MAX: usize = 16 * 1024;

/// What a pattern captured, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Capture {
    /// The group's name.
    pub name: String,
    /// Without blanks around it; never empty.
    pub value: String,
    /// Where it stands; `None` for what a transform made.
    pub place: Option<Place>,
}

/// A part of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The field.
    pub field: Field,
    /// Which of its values.
    pub nth: usize,
    /// The bytes of that value.
    pub range: Range<usize>,
}

/// The captures of one mail. A later one of the same name takes the place of the earlier.
#[derive(Debug, Clone, Default)]
pub struct Captures(Vec<Capture>);

impl Captures {
    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|capture| capture.name == name).map(|capture| capture.value.as_str())
    }

    /// All, in the order in which their names first came up.
    pub fn iter(&self) -> impl Iterator<Item = &Capture> {
        self.0.iter()
    }

    /// Sets a value; an empty one is missing, and one over [`VALUE_BYTES_MAX`] is cut.
    pub(super) fn set(&mut self, name: &str, mut value: String, place: Option<Place>) {
        value.truncate(value.floor_char_boundary(VALUE_BYTES_MAX));
        let known = self.0.iter().position(|capture| capture.name == name);
        match (known, value.is_empty()) {
            (Some(at), true) => {
                self.0.remove(at);
            }
            (None, true) => {}
            (Some(at), false) => self.0[at] = Capture { name: name.to_owned(), value, place },
            (None, false) => self.0.push(Capture { name: name.to_owned(), value, place }),
        }
    }

    /// Adds what a pattern captured in the `nth` value of a field. Groups that captured nothing change nothing.
    pub(super) fn add(&mut self, pattern: &Pattern, found: &regex::Captures<'_>, field: &Field, nth: usize) {
        for name in pattern.capture_names() {
            let Some(group) = found.name(name) else { continue };
            let value = group.as_str().trim();
            if value.is_empty() {
                continue;
            }
            let start = group.start() + (group.as_str().len() - group.as_str().trim_start().len());
            let place = Place { field: field.clone(), nth, range: start..start + value.len() };
            self.set(name, value.to_owned(), Some(place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_checked_before_they_are_compiled() {
        assert!(Pattern::new("(?<host>a+)$").is_ok());
        assert!(matches!(Pattern::new(&"x".repeat(5000)), Err(PatternError::TooLong(5000))));
        for bad in ["(", "(?=look)", r"(a)\1", "[z-a]", &"(".repeat(60), r"(\w{1000}){1000}", r"\pL{900}{900}"] {
            assert!(matches!(Pattern::new(bad), Err(PatternError::Invalid(_))), "{bad:?}");
        }
    }

    #[test]
    fn whatever_passes_the_check_compiles() {
        for text in [r"\w{1,400}", r"(?i)\pL+\d{3,90}", r"(?:[^\x00]{0,99}){0,9}", &"(a|b)".repeat(700), "(?i)kelvinſ"]
        {
            if let Ok(pattern) = Pattern::new(text) {
                assert!(pattern.compile().is_ok(), "{text} was let pass, but does not compile");
            }
        }
    }

    #[test]
    fn how_far_a_pattern_gets() {
        let beginning = |pattern: &str, text: &str| {
            let pattern = Pattern::new(pattern).expect(pattern);
            pattern.matching_beginning(&[text], &mut Budget::for_explaining()).map(str::to_owned)
        };
        let host = r"^\*\* (?<type>PROBLEM|RECOVERY) Host Alert: (?<host>.+) is (?<state>[A-Z]+) \*\*$";
        let got = beginning(host, "** PROBLEM Service Alert: db/disk is DOWN **");
        assert_eq!(got.as_deref(), Some(r"^\*\* (?<type>PROBLEM|RECOVERY) "));
        assert_eq!(
            beginning(host, "** PROBLEM Host Alert: db is down **").as_deref(),
            host.strip_suffix(r"(?<state>[A-Z]+) \*\*$")
        );
        assert_eq!(beginning(host, "hello"), None);
        assert_eq!(beginning("a|b", "c"), None);
        let watch = crate::clock::Stopwatch::start();
        assert_eq!(beginning(&"ab".repeat(PATTERN_BYTES_MAX / 2), "ababx").as_deref(), Some("abab"));
        assert!(watch.elapsed().as_secs() < 2, "took {:?}", watch.elapsed());
    }

    #[test]
    fn work_runs_out() {
        let (pattern, mut budget) = (Pattern::new("x").expect("pattern"), Budget::default());
        let text = "a".repeat(64 << 20);
        let mut searches = 0;
        while pattern.is_match(&text, &mut budget).is_ok() {
            searches += 1;
        }
        assert_eq!(searches, 3, "four of these are over the budget by four bytes");
    }
}
