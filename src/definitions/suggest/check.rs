//! Reads samples by planned rules in the way nightcall will, so that nothing is suggested that does not hold.

use std::collections::BTreeMap;

use regex::Regex;

use super::rule::{Asks, Rule, Source};
use crate::domain::alert::{self, Action, Severity};
use crate::domain::mail::Mail;

/// What a rule makes of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The number of the rule.
    pub(super) rule: usize,
    pub(super) action: Action,
    pub(super) key: String,
    pub(super) severity: Option<Severity>,
}

/// Rules with their patterns compiled.
pub(super) struct Checker<'r> {
    rules: &'r [Rule],
    patterns: BTreeMap<&'r str, Regex>,
}

impl<'r> Checker<'r> {
    /// Compiles every pattern, or says which one is wrong.
    pub(super) fn new(rules: &'r [Rule]) -> Result<Self, String> {
        let mut patterns = BTreeMap::new();
        for rule in rules {
            let source = match &rule.source {
                Some(Source::Pattern(_, pattern)) => Some(pattern),
                _ => None,
            };
            let body = &rule.body;
            for pattern in rule
                .subject
                .iter()
                .chain(&body.any)
                .chain(&body.all)
                .chain(&body.not)
                .chain(&body.optional)
                .chain(&rule.subject_not)
                .chain(source)
            {
                let compiled = Regex::new(pattern)
                    .map_err(|_| format!("The pattern {pattern} does not hold; this is a fault of the program."))?;
                if pattern.len() > 4096 {
                    return Err("A sample's line is too long for a pattern.".to_owned());
                }
                patterns.insert(pattern.as_str(), compiled);
            }
        }
        Ok(Self { rules, patterns })
    }

    /// The first rule that reads the mail; a later problem beats a recovery, as in nightcall.
    pub(super) fn read(&self, mail: &Mail) -> Option<Outcome> {
        let mut outcomes = (0..self.rules.len()).filter_map(|rule| self.read_by(rule, mail));
        let first = outcomes.next()?;
        if first.action == Action::Resolve {
            return outcomes.find(|later| later.action == Action::Trigger).or(Some(first));
        }
        Some(first)
    }

    fn read_by(&self, number: usize, mail: &Mail) -> Option<Outcome> {
        let rule = &self.rules[number];
        let mut captures = BTreeMap::new();
        let subject = rule.subject.is_empty() || self.any(&rule.subject, &mail.subject, &mut captures);
        if !subject || !self.comes_from(rule, mail) {
            return None;
        }
        if self.any(&rule.subject_not, &mail.subject, &mut BTreeMap::new()) {
            return None;
        }
        let bodies = [mail.text.as_str(), mail.html_text()];
        let mut holds =
            |pattern: &String| bodies.iter().any(|body| self.any(std::slice::from_ref(pattern), body, &mut captures));
        if !rule.body.all.iter().all(&mut holds) {
            return None;
        }
        if rule.body.not.iter().any(&mut holds) {
            return None;
        }
        // Every pattern of `any` that matches gives its captures.
        let matched = rule.body.any.iter().filter(|pattern| holds(pattern)).count();
        if matched == 0 && !rule.body.any.is_empty() {
            return None;
        }
        for pattern in &rule.body.optional {
            holds(pattern);
        }
        let action = match &rule.asks {
            Asks::Always(action) => *action,
            Asks::ByWord { capture, words } => look_up(words, captures.get(capture)?).unwrap_or(Action::Trigger),
        };
        let severity = rule.grades.as_ref().map(|grades| {
            let found = captures.get(&grades.capture).and_then(|word| look_up(&grades.words, word));
            found.unwrap_or(Severity::Error)
        });
        Some(Outcome { rule: number, action, key: fill(&rule.key, &captures)?, severity })
    }

    /// Whether a pattern reads the text; a missing or empty field is read by none.
    fn any(&self, patterns: &[String], text: &str, captures: &mut BTreeMap<String, String>) -> bool {
        if text.is_empty() {
            return false;
        }
        let found = patterns.iter().filter_map(|pattern| self.patterns.get(pattern.as_str()));
        let Some((pattern, found)) = found.filter_map(|pattern| Some((pattern, pattern.captures(text)?))).next() else {
            return false;
        };
        for name in pattern.capture_names().flatten() {
            if let Some(value) = found.name(name).map(|value| value.as_str().trim()).filter(|value| !value.is_empty()) {
                captures.insert(name.to_owned(), value.to_owned());
            }
        }
        true
    }

    fn comes_from(&self, rule: &Rule, mail: &Mail) -> bool {
        match &rule.source {
            None => true,
            Some(Source::Addresses(addresses)) => addresses.contains(&mail.from),
            Some(Source::Pattern(field, pattern)) => {
                let Some(pattern) = self.patterns.get(pattern.as_str()) else { return false };
                match field.strip_prefix("header.") {
                    Some(header) => mail.header(header).any(|value| pattern.is_match(value)),
                    None => pattern.is_match(&mail.from),
                }
            }
        }
    }
}

fn look_up<T: Copy>(words: &BTreeMap<String, T>, word: &str) -> Option<T> {
    let folded = word.to_lowercase();
    words.iter().find(|(known, _)| known.to_lowercase() == folded).map(|(_, meaning)| *meaning)
}

/// Fills a key's template; none when a capture is missing.
fn fill(template: &str, captures: &BTreeMap<String, String>) -> Option<String> {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(captures.get(name)?);
        rest = behind;
    }
    out.push_str(rest);
    Some(alert::dedup_key(&out))
}
