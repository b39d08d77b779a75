//! A rule on the bench: what trying one takes from those who read definition files. The pages try rules and may not
//! read files themselves, so they are given these functions at the start.

use std::sync::Arc;

use super::alert::Alert;
use super::handling::Handling;
use super::mail::{Envelope, Mail};
use super::rule::Rule;
use super::rulebook::{Explanation, Service};
use super::ruleset::RuleSet;

/// Longest text of a draft, in bytes.
pub const DRAFT_BYTES_MAX: usize = 16 * 1024;

/// The pack that rules of a draft belong to, in verdicts.
pub const DRAFT: &str = "draft";

/// Rules as somebody writes them.
#[derive(Debug, Default)]
pub struct Draft {
    /// Those that could be read.
    pub rules: Vec<Arc<Rule>>,
    /// What is wrong with the text, each with its place and a hint. With any of them it is no pack yet.
    pub problems: Vec<String>,
    /// The tests that stand in it.
    pub tests: Vec<Tested>,
}

/// How a test went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// What it is called.
    pub name: String,
    /// What is different from what it expects.
    pub failure: Option<String>,
}

/// A first rule for a mail, and what a person should look at before using it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggested {
    /// The rules' text, without tests.
    pub toml: String,
    /// One sentence each.
    pub notes: Vec<String>,
}

/// The mail of a test as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written<'a> {
    /// In the pack itself.
    Text(&'a str),
    /// In a file beside it.
    File(&'a str),
}

/// What reads and writes rules. None of them reads or writes a file.
#[derive(Debug, Clone, Copy)]
pub struct Workbench {
    /// Reads a draft and runs its tests.
    pub read: fn(&str) -> Draft,
    /// Writes a first rule for a mail, or says why it cannot.
    pub suggest: fn(&Mail) -> Result<Suggested, String>,
    /// Adds a test to the rule of that name: this mail, and what it is read as. `None` when there is no such rule.
    pub with_test: fn(&str, &str, Written<'_>, &[Alert]) -> Option<String>,
    /// What the shipped packs read in a mail, if one of them knows it.
    pub shipped: fn(&Mail, &Envelope) -> Option<Alert>,
}

impl Draft {
    /// Judges a mail by these rules alone and tells of every one why it did not match, all of them within the work of
    /// two mails: drafts may be made to cost much.
    pub fn judge(&self, mail: &Mail, envelope: &Envelope) -> Explanation {
        let service = Service {
            name: DRAFT.to_owned(),
            addresses: Vec::new(),
            rules: Arc::new(RuleSet::new(self.rules.clone())),
            handling: Handling::default(),
            senders: None,
        };
        service.try_out(mail, envelope)
    }
}
