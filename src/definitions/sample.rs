//! The tests that stand in rule packs: a sample mail and what its rule must say about it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::pack::PackFile;
use super::reader::{Placed, Reader, Table};
use crate::domain::alert::{Action, Alert, Severity};
use crate::domain::handling::Handling;
use crate::domain::mail::{Envelope, Mail};
use crate::domain::rulebook::{Service, Verdict};
use crate::domain::ruleset::RuleSet;

/// A sample mail and what its rule must say about it.
#[derive(Debug, Clone)]
pub struct RuleTest {
    /// The rule it stands under, `pack/rule`.
    pub rule: String,
    /// The mail.
    pub sample: Sample,
    /// How the mail came.
    pub envelope: Envelope,
    /// What must come out.
    pub expect: Expect,
    /// Where the test stands.
    pub span: Range<usize>,
}

/// Where a sample mail is.
#[derive(Debug, Clone)]
pub enum Sample {
    /// A file; relative to the pack's folder.
    File(PathBuf),
    /// It stands in the pack.
    Text(String),
}

/// What must come out.
#[derive(Debug, Clone)]
pub enum Expect {
    /// The rule reads the mail, with these alerts in order.
    Alerts(Vec<ExpectedAlert>),
    /// The rule does not match the mail.
    NoMatch,
}

/// Expected fields of an alert; the absent ones are not looked at.
#[derive(Debug, Clone, Default)]
pub struct ExpectedAlert {
    /// The action.
    pub action: Option<Action>,
    /// The dedup key.
    pub dedup_key: Option<String>,
    /// The severity.
    pub severity: Option<Severity>,
    /// The summary.
    pub summary: Option<String>,
    /// Some of the details.
    pub details: BTreeMap<String, String>,
    /// Some of the links.
    pub links: BTreeMap<String, String>,
}

impl RuleTest {
    /// Reads `[[rule.test]]`.
    pub(super) fn read(mut table: Table<'_>, rule: &str) -> Option<Self> {
        let (reader, span) = (table.reader(), table.span());
        let sample = match (table.string("mail"), table.string("mail_text")) {
            (Some(path), None) => Some(Sample::File(PathBuf::from(path.value))),
            (None, Some(text)) => Some(Sample::Text(text.value)),
            _ => {
                let hint = "mail is a file beside the pack, mail_text is the mail itself";
                reader.note_with_hint(span.clone(), "a test needs either mail or mail_text", hint);
                None
            }
        };
        let mut word = |key| table.string(key).map(|text| text.value).unwrap_or_default();
        let envelope = Envelope::new(&word("sender"), &word("recipient"), &word("client"));
        let matches = match table.value("matches") {
            None => true,
            Some(value) => value.as_bool().unwrap_or_else(|| {
                reader.note(value.span.into(), "matches must be true or false");
                true
            }),
        };
        let expect = if !matches {
            Expect::NoMatch
        } else if table.has("alerts") {
            let alert = |mut alert: Table<'_>| {
                let expected = ExpectedAlert::read(&mut alert);
                alert.finish();
                expected
            };
            Expect::Alerts(table.tables("alerts").into_iter().map(alert).collect())
        } else {
            Expect::Alerts(vec![ExpectedAlert::read(&mut table)])
        };
        table.finish();
        Some(Self { rule: rule.to_owned(), sample: sample?, envelope, expect, span })
    }

    /// What to call it.
    pub fn name(&self) -> String {
        match &self.sample {
            Sample::File(path) => path.display().to_string(),
            Sample::Text(text) => text.lines().next().unwrap_or("an empty mail").to_owned(),
        }
    }

    /// Runs it: the mail, judged by its pack alone, must be read by its rule as expected.
    ///
    /// # Errors
    /// In words, what is different.
    pub fn run(&self, file: &PackFile) -> Result<(), String> {
        let verdict = self.verdict(file)?;
        match &self.expect {
            Expect::NoMatch => match verdict.alerts.iter().any(|alert| alert.rule == self.rule) {
                true => Err(format!("{}: {} matches it, and should not", self.name(), self.rule)),
                false => Ok(()),
            },
            Expect::Alerts(expected) => {
                let different = different(&self.rule, expected, &verdict.alerts);
                if different.is_empty() { Ok(()) } else { Err(format!("{}: {}", self.name(), different.join("; "))) }
            }
        }
    }

    /// What the pack alone makes of the mail; for a test that expects no match, what the rule alone makes of it.
    ///
    /// # Errors
    /// When the sample cannot be read.
    pub fn verdict(&self, file: &PackFile) -> Result<Verdict, String> {
        let raw = match &self.sample {
            Sample::Text(text) => text.clone().into_bytes(),
            Sample::File(path) => {
                let path = file.source.path.as_deref().and_then(Path::parent).unwrap_or(Path::new(".")).join(path);
                std::fs::read(&path).map_err(|error| format!("cannot read the sample {}: {error}", path.display()))?
            }
        };
        let own = |rule: &&Arc<_>| matches!(self.expect, Expect::Alerts(_)) || self.is_of(rule);
        let rules = file.pack.rules.iter().filter(own).cloned().collect();
        let service = Service {
            name: "test".to_owned(),
            addresses: Vec::new(),
            rules: Arc::new(RuleSet::new(rules)),
            handling: Handling::default(),
            senders: None,
        };
        Ok(service.judge(&Mail::parse(&raw).with_sender(&self.envelope.sender), &self.envelope))
    }

    fn is_of(&self, rule: &crate::domain::rule::Rule) -> bool {
        rule.name == self.rule
    }
}

impl ExpectedAlert {
    fn read(table: &mut Table<'_>) -> Self {
        let reader = table.reader();
        let texts = |entries: Option<Table<'_>>| {
            let mut entries = entries?;
            let values = entries.named_values();
            let text =
                |(name, value): (Placed<String>, _)| Some((name.value.clone(), entries.as_string(value, &name)?));
            Some(values.into_iter().filter_map(text).map(|(name, text)| (name, text.value)).collect())
        };
        let action = table.string("action");
        let severity = table.string("severity");
        Self {
            action: action.and_then(|word| known(reader, &word, "action", &Action::ALL.map(Action::word))),
            dedup_key: table.string("dedup_key").map(|text| text.value),
            severity: severity.and_then(|word| known(reader, &word, "severity", &Severity::ALL.map(Severity::word))),
            summary: table.string("summary").map(|text| text.value),
            details: texts(table.table("details")).unwrap_or_default(),
            links: texts(table.table("links")).unwrap_or_default(),
        }
    }
}

fn known<T: std::str::FromStr>(reader: &Reader, word: &Placed<String>, what: &str, words: &[&str]) -> Option<T> {
    let parsed = word.parse().ok();
    if parsed.is_none() {
        reader.note_unknown(word, what, words.iter().copied());
    }
    parsed
}

fn different(rule: &str, expected: &[ExpectedAlert], alerts: &[Alert]) -> Vec<String> {
    let mut all = Vec::new();
    if expected.len() != alerts.len() {
        all.push(format!("should give {} alerts, gives {}", expected.len(), alerts.len()));
    }
    for (nth, (expected, alert)) in expected.iter().zip(alerts).enumerate() {
        let which = if alerts.len() == 1 { String::new() } else { format!("alert {}: ", nth + 1) };
        let mut compare = |what: &str, expected: Option<&str>, got: Option<&str>| {
            if let Some(expected) = expected.filter(|expected| Some(*expected) != got) {
                let got = got.map_or_else(|| "missing".to_owned(), |got| format!("{got:?}"));
                all.push(format!("{which}{what} should be {expected:?}, is {got}"));
            }
        };
        compare("rule", Some(rule), Some(&alert.rule));
        compare("action", expected.action.map(Action::word), Some(alert.action.word()));
        compare("dedup_key", expected.dedup_key.as_deref(), Some(&alert.dedup_key));
        compare("severity", expected.severity.map(Severity::word), Some(alert.severity.word()));
        compare("summary", expected.summary.as_deref(), Some(&alert.summary));
        for (name, text) in &expected.details {
            compare(&format!("detail {name}"), Some(text), alert.details.get(name).map(String::as_str));
        }
        for (name, text) in &expected.links {
            compare(&format!("link {name}"), Some(text), alert.links.get(name).map(String::as_str));
        }
    }
    all
}
