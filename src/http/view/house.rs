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
    /// Open incidents that nobody has.
    pub triggered: i64,
    /// Open incidents that somebody has.
    pub acknowledged: i64,
    /// RFC 3339: when its last mail came.
    #[serde(serialize_with = "instant_or_null")]
    pub last_mail_at: Option<Timestamp>,
    /// The id of its last mail.
    pub last_mail_id: Option<String>,
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
