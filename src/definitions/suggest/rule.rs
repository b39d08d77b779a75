//! A rule as it is planned, before it is written as TOML.

use std::collections::BTreeMap;

use crate::domain::alert::{Action, Severity};

/// What a rule asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Asks {
    Always(Action),
    /// Looked up; any other word is a problem.
    ByWord {
        capture: String,
        words: BTreeMap<String, Action>,
    },
}

/// How bad it is, looked up from a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grades {
    pub(super) capture: String,
    pub(super) words: BTreeMap<String, Severity>,
}

/// Where mails of this kind come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Addresses(Vec<String>),
    /// A field and a pattern.
    Pattern(String, String),
}

/// The body's part in a rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) any: Vec<String>,
    pub(super) all: Vec<String>,
    pub(super) not: Vec<String>,
    pub(super) optional: Vec<String>,
}

/// What a sample must come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expected {
    pub(super) path: String,
    pub(super) action: Action,
    pub(super) key: Option<String>,
    pub(super) severity: Option<Severity>,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) asks: Asks,
    pub(super) key: String,
    pub(super) grades: Option<Grades>,
    pub(super) summary: Option<String>,
    pub(super) subject: Vec<String>,
    /// None of these may match: they are for another rule.
    pub(super) subject_not: Vec<String>,
    pub(super) body: Body,
    pub(super) source: Option<Source>,
    /// Title and capture.
    pub(super) details: Vec<(String, String)>,
    pub(super) links: Vec<(String, String)>,
    pub(super) tests: Vec<Expected>,
}
