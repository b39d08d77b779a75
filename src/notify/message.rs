//! What is to be said to somebody, free of any channel's dialect.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub use crate::domain::alert::Severity;
use crate::domain::incident::Incident;
pub use crate::domain::roster::Locale;
use crate::notify::exchange::Act;
use crate::notify::templates::Templates;
use crate::notify::text;

/// What is to be said to somebody, free of any channel's dialect.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    /// The same in every attempt: an idempotency key for whoever takes one.
    pub id: &'a str,
    /// Why it is said.
    pub kind: Kind<'a>,
    /// Whom it goes to: a person, or `room:NAME`.
    pub user: &'a str,
    /// What it is about, the worst first. Empty for a test or a change of shift only.
    pub incidents: Vec<Subject<'a>>,
    /// Where the first incident can be looked at and acted on by hand. Opening it changes nothing (I36).
    pub url: Option<&'a str>,
    /// What an answer by text must name; short and easy to type.
    pub code: Option<&'a str>,
    /// What the reader wants to be spoken to in.
    pub locale: Locale,
    /// The reader's civil time.
    pub zone: &'a TimeZone,
    /// When it is said.
    pub now: Timestamp,
    /// What definitions say in place of our words.
    pub templates: &'a Templates,
}

/// Why something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Somebody must act.
    Paged,
    /// Somebody else has it; for those who were paged.
    Acknowledged {
        /// Who has it.
        by: &'a str,
    },
    /// It is over.
    Resolved {
        /// Who or what ended it.
        by: &'a str,
    },
    /// Somebody tries whether this way works; the message's code is what they type to verify it.
    Test,
    /// The reader is on call from now on.
    OnCall {
        /// Of which schedule.
        schedule: &'a str,
        /// Until when, where there is an end.
        until: Option<Timestamp>,
    },
}

/// One incident as channels tell it. Summary, details and links come from mail and are hostile.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// Unique, never given twice.
    pub number: i64,
    /// Name of the service.
    pub service: &'a str,
    /// What makes alerts the same, within the service.
    pub dedup_key: &'a str,
    /// `triggered`, `acknowledged` or `resolved`.
    pub status: &'a str,
    /// How bad it is.
    pub severity: Severity,
    /// One line, up to 1000 characters.
    pub summary: &'a str,
    /// Name and value.
    pub details: &'a BTreeMap<String, String>,
    /// Name and URL.
    pub links: &'a BTreeMap<String, String>,
    /// How many mails it gathered.
    pub alert_count: i64,
    /// When it began.
    pub opened_at: Timestamp,
    /// Which page this is, from 1.
    pub page: i64,
}

impl<'a> Subject<'a> {
    /// An incident of which a page of this number tells.
    pub fn of(incident: &'a Incident, page: i64) -> Self {
        Self {
            number: incident.number,
            service: &incident.service,
            dedup_key: &incident.dedup_key,
            status: incident.status.word(),
            severity: incident.severity,
            summary: &incident.summary,
            details: &incident.details,
            links: &incident.links,
            alert_count: incident.alert_count,
            opened_at: incident.opened_at,
            page,
        }
    }

    /// What names this incident, and no other generation of it (I15), in another system: `SOURCE:NUMBER`.
    pub fn key(&self, source: &str) -> String {
        format!("{source}:{}", self.number)
    }

    /// The same followed by service and dedup key for people who look there; at most `max` bytes.
    pub fn long_key(&self, source: &str, max: usize) -> String {
        let key = format!("{}:{}:{}", self.key(source), self.service, self.dedup_key);
        text::cut_bytes(&text::one_line(&key), max)
    }
}

/// The number of the incident that a key of [`Subject::key`] or [`Subject::long_key`] names.
pub fn number_of_key(source: &str, key: &str) -> Option<i64> {
    key.strip_prefix(source)?.strip_prefix(':')?.split(':').next()?.parse().ok()
}

impl Message<'_> {
    /// How bad the worst of it is; mild where it is about no incident.
    pub fn severity(&self) -> Severity {
        self.incidents.iter().map(|incident| incident.severity).max().unwrap_or(Severity::Info)
    }

    /// What buttons are offered. A wrong resolve is dangerous and sleepy fingers slip: together with a page it is
    /// offered only where the channel asks again (`confirms`), and never for several incidents at once.
    pub fn acts(&self, confirms: bool) -> &'static [Act] {
        match (self.kind, self.incidents.len()) {
            (_, 0) | (Kind::Resolved { .. } | Kind::Test | Kind::OnCall { .. }, _) => &[],
            (Kind::Paged, 1) if confirms => &[Act::Acknowledge, Act::Escalate, Act::Resolve],
            (Kind::Paged, _) => &[Act::Acknowledge, Act::Escalate],
            (Kind::Acknowledged { .. }, 1) => &[Act::Resolve],
            (Kind::Acknowledged { .. }, _) => &[],
        }
    }
}
