//! Lists as JSON, a page at a time, and answers that are about several things.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::oncall::{OnCallView, OverrideView, SilenceView};
use super::people::{SubscriptionView, UserView};
use super::{AlertView, IncidentView, MailView, SenderView, UnmatchedView, instant, instant_or_null, schema};
use crate::domain::incident::Status;
use crate::store::board::{Call, Evidence};

/// A page of incidents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IncidentsView {
    /// Newest first.
    pub incidents: Vec<IncidentView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// What was done to several incidents.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SeveralView {
    /// By number.
    pub incidents: Vec<ActedView>,
}

/// Where an incident stands now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ActedView {
    /// Which.
    pub number: i64,
    /// triggered, acknowledged or resolved.
    #[schema(schema_with = schema::status)]
    pub status: Status,
    /// Whether that is new: another may have been faster.
    pub changed: bool,
}

/// Notifications of an incident.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallsView {
    /// The newest page first, then by when they are due.
    pub calls: Vec<CallView>,
}

/// A notification.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CallView {
    /// A person, or a room as room:NAME.
    pub user: String,
    /// By what.
    pub channel: &'static str,
    /// pending, sending, sent, delivered, failed or cancelled.
    pub status: &'static str,
    /// Of which page.
    pub page: i64,
    /// Attempts begun.
    pub attempts: i64,
    /// RFC 3339: when it is to be said, or was begun.
    #[serde(serialize_with = "instant")]
    pub due_at: Timestamp,
    /// What went wrong last.
    pub error: Option<String>,
    /// They were called in beside the escalation.
    pub called_in: bool,
}

impl From<Call> for CallView {
    fn from(call: Call) -> Self {
        let Call { user, channel, status, page, attempts, due_at, error, called_in } = call;
        Self { user, channel: channel.word(), status: status.word(), page, attempts, due_at, error, called_in }
    }
}

/// Mails of an incident.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EvidencesView {
    /// Newest first; 500 at most.
    pub mails: Vec<EvidenceView>,
}

/// An alert of an incident with the mail that made it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EvidenceView {
    /// The mail's id.
    pub mail_id: String,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub received_at: Timestamp,
    /// Its subject.
    pub subject: String,
    /// The address in its `From`.
    pub header_from: String,
    /// What it claimed.
    pub alert: AlertView,
}

impl From<Evidence> for EvidenceView {
    fn from(evidence: Evidence) -> Self {
        let Evidence { alert, received_at, subject, header_from } = evidence;
        Self { mail_id: alert.mail_id.clone(), received_at, subject, header_from, alert: AlertView::from(alert) }
    }
}

/// A page of mails.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct MailsView {
    /// Newest first.
    pub mails: Vec<MailView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// What became of a mail's alerts.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AlertsView {
    /// In order.
    pub alerts: Vec<AlertView>,
}

/// A page of senders that no rule knows.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UnmatchedsView {
    /// Who sends most first.
    pub senders: Vec<UnmatchedView>,
    /// RFC 3339: mails before this instant were not looked at, since there are so many; null where all were.
    #[serde(serialize_with = "instant_or_null")]
    pub looked_back_to: Option<Timestamp>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// A page of senders.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SendersView {
    /// The one not heard of for longest first.
    pub senders: Vec<SenderView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// Who is on call.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OnCallsView {
    /// RFC 3339: when.
    #[serde(serialize_with = "instant")]
    pub at: Timestamp,
    /// By name.
    pub schedules: Vec<OnCallView>,
}

/// A page of overrides.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OverridesView {
    /// Oldest first.
    pub overrides: Vec<OverrideView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// A page of silences.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilencesView {
    /// By start.
    pub silences: Vec<SilenceView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// A page of people.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PeopleView {
    /// By name.
    pub people: Vec<UserView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// A test that is on its way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NoticeView {
    /// Its id.
    pub notice: String,
}

/// A proof that was taken.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VerifiedView {
    /// True.
    pub verified: bool,
}

/// The key that browsers subscribe with.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyView {
    /// A point of P-256, in base64url.
    pub key: String,
}

/// Somebody's browsers.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SubscriptionsView {
    /// 10 at most.
    pub subscriptions: Vec<SubscriptionView>,
}

/// A browser that is subscribed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SubscribedView {
    /// What it is removed by.
    pub id: String,
}

/// Who has which shifts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DutiesView {
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub from: Timestamp,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub to: Timestamp,
    /// By name; who has no shift is left out.
    pub people: Vec<DutyView>,
}

/// Somebody's shifts.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DutyView {
    /// Who.
    pub user: String,
    /// How long they are on call in all; two shifts at once count once.
    pub on_call_seconds: i64,
    /// By start.
    pub shifts: Vec<OwnShiftView>,
}

/// A shift of somebody.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnShiftView {
    /// By which schedule.
    pub schedule: String,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub starts_at: Timestamp,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub ends_at: Timestamp,
}

/// Where a calendar program subscribes.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FeedView {
    /// A secret: whoever has it reads the feed.
    pub address: String,
}
