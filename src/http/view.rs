//! The API's words: what incidents and mails look like as JSON. The CLI prints the same.

pub mod access;
pub mod house;
pub mod lists;
pub mod numbers;
pub mod oncall;
pub mod people;
pub mod rules;
pub mod schema;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::alert::{Action, Severity};
use crate::domain::authentication::Authentication;
use crate::domain::client::Client;
use crate::domain::handling::Urgency;
use crate::domain::incident::{Incident, Status};
use crate::store::archive::{Sender, Unmatched};
use crate::store::incident::TimelineEntry;
use crate::store::mail::{RecipientTrace, StoredAlert, StoredMail};

/// An incident.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentView {
    /// What people call it.
    pub number: i64,
    /// The service it belongs to.
    pub service: String,
    /// What it is about, within the service.
    pub dedup_key: String,
    /// The address in `From` of the mail that opened it; empty when no mail did.
    pub sender: String,
    /// triggered, acknowledged or resolved.
    #[schema(schema_with = schema::status)]
    pub status: Status,
    /// critical, error, warning or info.
    #[schema(schema_with = schema::severity)]
    pub severity: Severity,
    /// high or low, as it was when somebody was last called.
    #[schema(schema_with = schema::urgency)]
    pub urgency: Urgency,
    /// One line.
    pub summary: String,
    /// What else is worth knowing, by name.
    pub details: BTreeMap<String, String>,
    /// Pages worth opening, by name.
    pub links: BTreeMap<String, String>,
    /// Triggers received.
    pub alert_count: i64,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub opened_at: Timestamp,
    /// RFC 3339.
    #[serde(serialize_with = "instant_or_null")]
    pub acknowledged_at: Option<Timestamp>,
    /// Who has it.
    pub acknowledged_by: Option<String>,
    /// RFC 3339.
    #[serde(serialize_with = "instant_or_null")]
    pub resolved_at: Option<Timestamp>,
    /// Every step was paged and nobody answered; the fallback contact is being paged.
    pub exhausted: bool,
    /// Why its page waits, while it does: a silence, a maintenance window, another incident.
    pub held: Option<String>,
    /// Until when the one who has it wants to hear nothing of it.
    #[serde(serialize_with = "instant_or_null")]
    pub snoozed_until: Option<Timestamp>,
    /// It opened and closed so often that a recovery closes it only when it lasts.
    pub flapping: bool,
    /// The monitor has been silent for so long that it is probably over.
    pub doubtful: bool,
    /// When the timer looks at it next.
    #[serde(serialize_with = "instant_or_null")]
    pub due_at: Option<Timestamp>,
    /// Only for a single incident.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Vec<TimelineView>>,
}

/// One line of a timeline.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TimelineView {
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub at: Timestamp,
    /// opened, repeated, paged, acknowledged …
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// In words.
    pub detail: String,
    /// The mail that caused it.
    pub mail_id: Option<String>,
}

/// A mail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MailView {
    /// The id its sender was given.
    pub id: String,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub received_at: Timestamp,
    /// The reverse path; empty is the null sender.
    pub from: String,
    /// The address in `From`.
    pub header_from: String,
    /// The envelope recipients.
    pub recipients: Vec<String>,
    /// Decoded.
    pub subject: String,
    /// What it claimed and what was done.
    pub alerts: Vec<AlertView>,
    /// The incidents it opened or touched.
    pub incident_numbers: Vec<i64>,
    /// Bytes.
    pub size_bytes: i64,
    /// What was wrong with it.
    pub defects: Vec<String>,
}

/// A mail with everything known about it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MailDetailView {
    /// As it is listed.
    #[serde(flatten)]
    pub mail: MailView,
    /// Address of the client.
    pub peer: String,
    /// What the connection proved about it: encryption, name, certificate.
    #[schema(value_type = Object)]
    pub client: Client,
    /// What DNS said about where it comes from: SPF, DKIM, DMARC, ARC; empty where no service asks.
    #[schema(value_type = Object)]
    pub authentication: Authentication,
    /// What the client called itself.
    pub helo: String,
    /// `Message-ID`.
    pub message_id: Option<String>,
    /// Of the raw bytes, in hex.
    pub sha256: String,
    /// When the sender made it.
    #[serde(serialize_with = "instant")]
    pub origin_at: Timestamp,
    /// Every rule tried, per recipient.
    #[schema(value_type = Vec<Object>)]
    pub trace: Vec<RecipientTrace>,
}

/// An alert of a mail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertView {
    /// For which recipient.
    pub recipient: String,
    /// That recipient's service.
    pub service: String,
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
    /// Which rule read it.
    pub rule: String,
    /// Why.
    pub reason: String,
    /// What was done.
    pub outcome: String,
    /// The incident it opened or touched.
    pub incident_number: Option<i64>,
    /// What its service's senders did to it: nothing, quarantine, released or shadow.
    pub held: String,
}

/// Mails of one sender that no rule knew.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct UnmatchedView {
    /// The address in `From`.
    pub header_from: String,
    /// How many.
    pub mails: i64,
    /// The newest of them.
    pub newest_mail_id: String,
    /// Its subject.
    pub newest_subject: String,
}

/// A sender that a service has heard of.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SenderView {
    /// The service.
    pub service: String,
    /// The address in `From`; empty where mails have none.
    pub sender: String,
    /// Mails so far.
    pub mails: i64,
    /// The newest of them.
    pub last_mail_id: String,
    /// RFC 3339: when it came.
    #[serde(serialize_with = "instant")]
    pub last_at: Timestamp,
}

impl From<Sender> for SenderView {
    fn from(sender: Sender) -> Self {
        Self {
            service: sender.service,
            sender: sender.sender,
            mails: sender.mails,
            last_mail_id: sender.last_mail_id,
            last_at: sender.last_at,
        }
    }
}

impl From<Unmatched> for UnmatchedView {
    fn from(unmatched: Unmatched) -> Self {
        Self {
            header_from: unmatched.header_from,
            mails: unmatched.mails,
            newest_mail_id: unmatched.newest_id,
            newest_subject: unmatched.newest_subject,
        }
    }
}

impl From<Incident> for IncidentView {
    fn from(incident: Incident) -> Self {
        let (acknowledged_at, acknowledged_by) = incident.acknowledged.unzip();
        Self {
            number: incident.number,
            service: incident.service,
            dedup_key: incident.dedup_key,
            sender: incident.sender,
            status: incident.status,
            severity: incident.severity,
            urgency: incident.urgency,
            summary: incident.summary,
            details: incident.details,
            links: incident.links,
            alert_count: incident.alert_count,
            opened_at: incident.opened_at,
            acknowledged_at,
            acknowledged_by,
            resolved_at: incident.resolved_at,
            exhausted: incident.position.exhausted,
            held: incident.held,
            snoozed_until: incident.snoozed_until,
            flapping: incident.flapping,
            doubtful: incident.doubtful,
            due_at: incident.due_at,
            timeline: None,
        }
    }
}

impl IncidentView {
    /// Adds the timeline.
    #[must_use]
    pub fn with_timeline(mut self, entries: Vec<TimelineEntry>) -> Self {
        let view = |entry: TimelineEntry| TimelineView {
            at: entry.at,
            kind: entry.kind,
            actor: entry.actor,
            detail: entry.detail,
            mail_id: entry.mail_id,
        };
        self.timeline = Some(entries.into_iter().map(view).collect());
        self
    }
}

impl MailView {
    /// A mail as it is listed.
    pub fn listed(mail: StoredMail, alerts: Vec<StoredAlert>) -> Self {
        let mut incident_numbers: Vec<i64> = alerts.iter().filter_map(|alert| alert.incident_number).collect();
        incident_numbers.sort_unstable();
        incident_numbers.dedup();
        Self {
            id: mail.id,
            received_at: mail.received_at,
            from: mail.reverse_path,
            header_from: mail.header_from,
            recipients: mail.recipients,
            subject: mail.subject,
            alerts: alerts.into_iter().map(AlertView::from).collect(),
            incident_numbers,
            size_bytes: mail.size_bytes,
            defects: mail.defects,
        }
    }
}

impl MailDetailView {
    /// The view of a stored mail.
    pub fn of(mail: StoredMail, alerts: Vec<StoredAlert>) -> Self {
        Self {
            peer: mail.client.address.clone(),
            client: mail.client.clone(),
            authentication: mail.authentication.clone(),
            helo: mail.helo.clone(),
            message_id: mail.message_id.clone(),
            sha256: mail.sha256.clone(),
            origin_at: mail.origin_at,
            trace: mail.trace.clone(),
            mail: MailView::listed(mail, alerts),
        }
    }
}

impl From<StoredAlert> for AlertView {
    fn from(stored: StoredAlert) -> Self {
        Self {
            recipient: stored.recipient,
            service: stored.service,
            action: stored.alert.action,
            dedup_key: stored.alert.dedup_key,
            severity: stored.alert.severity,
            summary: stored.alert.summary,
            details: stored.alert.details,
            links: stored.alert.links,
            rule: stored.alert.rule,
            reason: stored.alert.reason,
            outcome: stored.outcome,
            held: stored.held,
            incident_number: stored.incident_number,
        }
    }
}

/// RFC 3339 with milliseconds always written, so that texts sort as the instants do.
pub(in crate::http) fn instant<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{at:.3}"))
}

fn instant_or_null<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => instant(at, serializer),
        None => serializer.serialize_none(),
    }
}
