//! The house as JSON: services, and how this node is.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{instant, instant_or_null, schema};
use crate::domain::alert::Severity;

/// A page of services.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServicesView {
    /// By name.
    pub services: Vec<ServiceView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// A service.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ServiceView {
    /// Unique name.
    pub name: String,
    /// The addresses it owns; * is any mailbox.
    pub addresses: Vec<String>,
    /// The policy that pages.
    pub policy: String,
    /// Whom it calls, step by step.
    pub steps: Vec<Vec<String>>,
    /// Rules that read its mail.
    pub rules: usize,
    /// Who has written to it so far.
    pub senders: usize,
    /// Open incidents that nobody has.
    pub triggered: i64,
    /// Open incidents that somebody has.
    pub acknowledged: i64,
    /// RFC 3339: when its last mail came.
    #[serde(serialize_with = "instant_or_null")]
    pub last_mail_at: Option<Timestamp>,
    /// The id of its last mail.
    pub last_mail_id: Option<String>,
    /// The address in `From` of its last mail.
    pub last_mail_from: Option<String>,
    /// Mails that it expects.
    pub heartbeats: Vec<HeartbeatView>,
}

/// A mail that is expected again and again.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HeartbeatView {
    /// Its name within the service.
    pub name: String,
    /// In words.
    pub when: String,
    /// RFC 3339: when the last one came.
    #[serde(serialize_with = "instant_or_null")]
    pub last_at: Option<Timestamp>,
    /// RFC 3339: since when it has been missing.
    #[serde(serialize_with = "instant_or_null")]
    pub missing_since: Option<Timestamp>,
}

/// How this node is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct HealthView {
    /// A write succeeded just now, and timer and worker are at work.
    pub ready: bool,
    /// What this node is called.
    pub node: String,
    /// The version of the program.
    pub version: String,
    /// How long ago a write succeeded last; null if none did yet.
    pub seconds_since_last_write: Option<f64>,
    /// How long the slower of timer and worker has been silent.
    pub seconds_since_last_round: f64,
    /// The definitions in force.
    pub definitions: DefinitionsView,
    /// RFC 3339: when the auditor last looked whether anything is forgotten.
    #[serde(serialize_with = "instant_or_null")]
    pub audited_at: Option<Timestamp>,
    /// What the auditor found; nothing is good.
    pub findings: Vec<FindingView>,
    /// Calendars elsewhere.
    pub calendars: Vec<CalendarView>,
    /// Open incidents that nobody has.
    pub triggered: i64,
    /// Open incidents that somebody has.
    pub acknowledged: i64,
    /// Notifications that are to be said, those of later included.
    pub notifications_waiting: i64,
    /// RFC 3339: when the first of them is or was due.
    #[serde(serialize_with = "instant_or_null")]
    pub oldest_due_at: Option<Timestamp>,
    /// What is to be done, by kind.
    pub work: Vec<WorkView>,
    /// Other processes that have worked on this database in the last 24 hours.
    pub nodes: Vec<NodeView>,
    /// How what was said by each channel has fared.
    pub channels: Vec<ChannelView>,
    /// The certificate of the SMTP door, where it has one.
    pub certificate: Option<CertificateView>,
}

/// Work of one kind that is to be done.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct WorkView {
    /// timer, page, notice or follow-up.
    pub kind: String,
    /// How much of it is planned, for later included.
    pub waiting: i64,
    /// RFC 3339: when the first of it is or was due.
    #[serde(serialize_with = "instant_or_null")]
    pub oldest_due_at: Option<Timestamp>,
}

/// Another process on the same database.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NodeView {
    /// Its machine and port.
    pub name: String,
    /// RFC 3339: when it last wrote.
    #[serde(serialize_with = "instant")]
    pub seen_at: Timestamp,
    /// It has not written for 30 seconds.
    pub away: bool,
    /// The version of its program.
    pub version: String,
    /// The digest of its definitions.
    pub definitions: String,
    /// How its files differ from those here, in words.
    pub differences: Vec<String>,
}

/// How what was said by a channel has fared, whoever it was for.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ChannelView {
    /// voice, sms, slack …
    pub channel: &'static str,
    /// RFC 3339: when something was last taken or answered.
    #[serde(serialize_with = "instant_or_null")]
    pub taken_at: Option<Timestamp>,
    /// RFC 3339: when something last failed for good.
    #[serde(serialize_with = "instant_or_null")]
    pub failed_at: Option<Timestamp>,
    /// Why.
    pub failed_why: Option<String>,
    /// Nothing was taken since.
    pub wrong: bool,
}

/// A certificate.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CertificateView {
    /// RFC 3339: when it runs out.
    #[serde(serialize_with = "instant_or_null")]
    pub expires_at: Option<Timestamp>,
    /// What is wrong with it or with a newer one.
    pub problem: Option<String>,
}

/// The definitions in force.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DefinitionsView {
    /// A digest of the files.
    pub version: String,
    /// RFC 3339: when they were read.
    #[serde(serialize_with = "instant")]
    pub loaded_at: Timestamp,
    /// What is wrong with newer files, while older ones are in force.
    pub problem: Option<String>,
    /// Services in them.
    pub services: usize,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FindingView {
    /// A short word for its kind.
    pub kind: &'static str,
    /// critical, error, warning or info.
    #[schema(schema_with = schema::severity)]
    pub severity: Severity,
    /// In words.
    pub detail: String,
}

/// A calendar elsewhere that a schedule takes its shifts from.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CalendarView {
    /// Which schedule.
    pub schedule: String,
    /// RFC 3339: when the text in force was the newest.
    #[serde(serialize_with = "instant_or_null")]
    pub fetched_at: Option<Timestamp>,
    /// Why the shifts in force may be old ones, or are none.
    pub problem: Option<String>,
    /// So many names in it mean nobody here.
    pub strangers: usize,
}
