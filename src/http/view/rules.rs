//! Rules that somebody tries, and what mails say, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::schema;
use crate::domain::alert::{Action, Alert, Severity};
use crate::domain::rulebook::TraceLine;
use crate::engine::Foreseen;

/// What a draft makes of a mail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TriedView {
    /// A rule of the draft matches.
    pub matches: bool,
    /// What is wrong with the draft, each with its place and a hint; with any of them nothing was judged.
    pub problems: Vec<String>,
    /// What its rules say about the mail.
    pub alerts: Vec<ReadView>,
    /// Its rules in order, each with why it did not match.
    #[schema(value_type = Vec<Object>)]
    pub trace: Vec<TraceLine>,
    /// The tests that stand in it.
    pub tests: Vec<TestedView>,
    /// What the rules in force say about the mail.
    pub today: TodayView,
    /// The draft with this mail as its test; null where nothing matches.
    pub kept: Option<KeptView>,
}

/// What a rule read.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ReadView {
    /// Which rule.
    pub rule: String,
    /// trigger, acknowledge, resolve, heartbeat or ignore.
    #[schema(schema_with = schema::action)]
    pub action: Action,
    /// What it is about.
    pub dedup_key: String,
    /// critical, error, warning or info.
    #[schema(schema_with = schema::severity)]
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// What else is worth knowing, by name.
    pub details: BTreeMap<String, String>,
    /// Pages worth opening, by name.
    pub links: BTreeMap<String, String>,
    /// Why.
    pub reason: String,
    /// What was captured for it.
    pub captures: Vec<CaptureView>,
}

/// A capture.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CaptureView {
    /// Its name in the rule.
    pub name: String,
    /// The text.
    pub value: String,
}

/// How a test went.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TestedView {
    /// What it is called.
    pub name: String,
    /// What is different from what it expects; null is good.
    pub failure: Option<String>,
}

/// What the rules in force say about a mail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TodayView {
    /// Whose rules.
    pub service: String,
    /// Which of them.
    pub rule: String,
    /// In words.
    pub said: String,
    /// A rule knows the mail; otherwise the recogniser read it, or nobody could.
    pub known: bool,
    /// A shipped rule that would know it, where those in force do not.
    pub shipped: Option<String>,
}

/// A pack to keep.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeptView {
    /// Its text.
    pub toml: String,
    /// The mail is too long for the pack, or no text: it belongs beside it, into a file of this name.
    pub file: Option<&'static str>,
}

/// A first rule.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SuggestedView {
    /// Its text.
    pub toml: String,
    /// What a person should look at before using it.
    pub notes: Vec<String>,
}

/// What judging a mail again would do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForeseensView {
    /// In order.
    pub foreseen: Vec<ForeseenView>,
}

/// What an alert of a mail would do.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ForeseenView {
    /// For which service.
    pub service: String,
    /// What it would say.
    pub alert: ReadView,
    /// What would come of it, in words.
    pub what: String,
    /// The incident it would touch.
    pub incident_number: Option<i64>,
}

/// What a mail says.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ContentView {
    /// In order.
    pub headers: Vec<HeaderView>,
    /// Its text, or its HTML as text: 100,000 characters at most.
    pub text: String,
    /// There is more.
    pub text_cut: bool,
    /// `/mails/{id}/html` has its HTML.
    pub has_html: bool,
    /// Names of what is attached.
    pub attachments: Vec<String>,
}

/// A header, decoded.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HeaderView {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

impl ReadView {
    /// An alert, with what was captured for it.
    pub fn of(alert: Alert, captures: Vec<(String, String)>) -> Self {
        Self {
            rule: alert.rule,
            action: alert.action,
            dedup_key: alert.dedup_key,
            severity: alert.severity,
            summary: alert.summary,
            details: alert.details,
            links: alert.links,
            reason: alert.reason,
            captures: captures.into_iter().map(|(name, value)| CaptureView { name, value }).collect(),
        }
    }
}

impl From<Foreseen> for ForeseenView {
    fn from(foreseen: Foreseen) -> Self {
        let Foreseen { service, alert, what, incident_number } = foreseen;
        Self { service, alert: ReadView::of(alert, Vec::new()), what, incident_number }
    }
}
