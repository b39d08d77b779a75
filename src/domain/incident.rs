//! The incident state machine: triggered → acknowledged → resolved, and the escalation that runs meanwhile.
//!
//! [`Incident::apply`] is the only place that decides what an event means. It returns the incident afterwards,
//! the timeline entries that tell the story, and named effects for the engine to execute.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::actor::Actor;
use super::alert::{Severity, UnknownWord};
use super::escalation::{Policy, Position};
use super::handling::Urgency;
use super::notification::Planned;
use super::situation::Situation;
use super::target::Target;

mod change;

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Somebody is needed.
    Triggered,
    /// Somebody has it.
    Acknowledged,
    /// It is over.
    Resolved,
}

/// One incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Counts up from 1; what people call it.
    pub number: i64,
    /// The service it belongs to.
    pub service: String,
    /// What it is about, within the service.
    pub dedup_key: String,
    /// The address in `From` of the mail that opened it; empty when no mail did.
    pub sender: String,
    /// The address of the client that handed in that mail.
    pub client: String,
    /// Where it stands.
    pub status: Status,
    /// The worst so far (I13).
    pub severity: Severity,
    /// Of the newest trigger.
    pub summary: String,
    /// Of the newest trigger: what else is worth knowing, by name.
    pub details: BTreeMap<String, String>,
    /// Of the newest trigger: pages worth opening, by name.
    pub links: BTreeMap<String, String>,
    /// Triggers received.
    pub alert_count: i64,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When and by whom it was acknowledged, while it is.
    pub acknowledged: Option<(Timestamp, String)>,
    /// When it was resolved.
    pub resolved_at: Option<Timestamp>,
    /// Origin time of the newest trigger: an older recovery closes nothing (I12).
    pub triggered_at: Timestamp,
    /// The policy as it was when the incident opened.
    pub policy: Policy,
    /// Where its escalation stands.
    pub position: Position,
    /// Pages made so far; the next one gets this number plus 1, so no number is ever used twice.
    pub pages: i64,
    /// Which of them its escalation made last; the others were people called in.
    pub step_page: i64,
    /// How urgent it was when it was last looked at.
    pub urgency: Urgency,
    /// Why its page waits, while it does.
    pub held: Option<String>,
    /// Until when the one who has it wants to hear nothing of it.
    pub snoozed_until: Option<Timestamp>,
    /// It opened and closed so often that a recovery alone does not close it.
    pub flapping: bool,
    /// The monitor has been silent for so long that it is probably over.
    pub doubtful: bool,
    /// When escalation goes on: the next page while triggered, the end of snooze or acknowledgement else (I17).
    pub due_at: Option<Timestamp>,
    /// What else the timer looks for.
    pub watch: Watch,
}

/// What the timer looks for besides the escalation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watch {
    /// A flapping one that has recovered is over when it stays calm until then.
    pub calm_at: Option<Timestamp>,
    /// Without another alert it is doubtful from then on.
    pub doubt_at: Option<Timestamp>,
    /// Without another alert it is over then.
    pub inactive_at: Option<Timestamp>,
}

/// What a trigger brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trigger {
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub summary: String,
    /// What else is worth knowing, by name.
    pub details: BTreeMap<String, String>,
    /// Pages worth opening, by name.
    pub links: BTreeMap<String, String>,
    /// When the monitor saw it.
    pub origin_at: Timestamp,
    /// How long the rule wants the first page to wait, where it says so.
    pub hold: Option<SignedDuration>,
    /// Without another trigger for so long it is over, whatever its service says.
    pub over_after: Option<SignedDuration>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The monitor reports it (again).
    Triggered(Trigger),
    /// Somebody has it. A mail says when it was made; a person's word counts from now.
    Acknowledged {
        /// Origin time of the mail, `None` for a person.
        origin_at: Option<Timestamp>,
    },
    /// It is over.
    Resolved {
        /// Origin time of the mail, `None` for a person.
        origin_at: Option<Timestamp>,
    },
    /// A person asks for the next step.
    EscalationAsked,
    /// The timer found `due_at` passed.
    TimerDue,
    /// Every notification of this page has failed.
    PageFailed {
        /// The page's number.
        page: i64,
    },
    /// A person takes it over from the one who has it.
    TakenOver,
    /// A person wants to hear nothing of it for a while; they have it meanwhile.
    Snoozed {
        /// Until when.
        until: Timestamp,
    },
    /// A person gives it to others: they are paged first, the policy follows.
    Reassigned {
        /// Whom to.
        targets: Vec<Target>,
    },
    /// A person calls others in as well.
    RespondersAdded {
        /// Whom.
        targets: Vec<Target>,
    },
    /// A person writes something down.
    Remarked {
        /// In words.
        text: String,
    },
    /// What held its page may have ended.
    HoldEnded,
    /// A fact about a notification, for the timeline only.
    Noted {
        /// In words.
        detail: String,
    },
}

/// Who did it, and by which mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// "mail", "timer", "ann by voice", "token ops" …
    pub actor: Actor,
    /// The mail, where one is the cause.
    pub mail_id: Option<String>,
}

/// What a timeline entry tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The incident was opened.
    Opened,
    /// A further trigger was attached.
    Repeated,
    /// It got worse.
    SeverityRaised,
    /// Somebody has it.
    Acknowledged,
    /// The acknowledgement ran out.
    AcknowledgementExpired,
    /// It is over.
    Resolved,
    /// A mail older than the newest trigger asked to acknowledge or resolve; nothing was done (I12).
    Stale,
    /// People were paged.
    Paged,
    /// A step had nobody to page.
    StepSkipped,
    /// A person asked for the next step.
    Escalated,
    /// The policy ran out of people; the fallback contact is paged.
    Exhausted,
    /// Nobody could be reached by a page.
    Undeliverable,
    /// Its page waits.
    Held,
    /// Its page waits no longer.
    Released,
    /// Somebody wants to hear nothing of it for a while.
    Snoozed,
    /// That while is over.
    SnoozeEnded,
    /// Somebody else has it now.
    TakenOver,
    /// It was given to others.
    Reassigned,
    /// Others were called in.
    RespondersAdded,
    /// Somebody wrote something down.
    Remarked,
    /// It opens and closes again and again.
    Flapping,
    /// A flapping one has recovered; it must stay so for a while.
    Calming,
    /// The monitor has been silent for long: probably over?
    ProbablyOver,
    /// It has become urgent by itself.
    UrgencyRaised,
    /// Its page is late: we were away.
    Late,
    /// A fact about a notification.
    Notified,
}

/// One line of the timeline; the engine adds the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What it tells.
    pub kind: Kind,
    /// In words.
    pub detail: String,
}

/// What the engine must do in the same transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Insert these notifications.
    Page {
        /// The page's number.
        page: i64,
        /// Who by what.
        notifications: Vec<Planned>,
    },
    /// Cancel all notifications not yet sent.
    CancelPages,
}

/// The result of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The incident afterwards.
    pub incident: Incident,
    /// What to tell, in order.
    pub entries: Vec<Entry>,
    /// What to do, in order.
    pub effects: Vec<Effect>,
}

impl Incident {
    /// Opens an incident. The timer makes its first page: at once, unless service or rule want it to wait.
    pub fn open(opening: &Opening<'_>, trigger: &Trigger, situation: &Situation<'_>) -> Change {
        change::opened(opening, trigger, situation)
    }

    /// What the event makes of the incident. A late or repeated event is a no-op, never an error.
    pub fn apply(&self, event: &Event, cause: &Cause, situation: &Situation<'_>) -> Change {
        change::applied(self, event, cause, situation)
    }

    /// When the timer must look at it.
    pub fn next_at(&self) -> Option<Timestamp> {
        let Watch { calm_at, doubt_at, inactive_at } = self.watch;
        [self.due_at, calm_at, doubt_at, inactive_at].into_iter().flatten().min()
    }
}

/// What a new incident is called.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Its number.
    pub number: i64,
    /// The service it belongs to.
    pub service: &'a str,
    /// What it is about, within the service.
    pub dedup_key: &'a str,
    /// The address in `From` of the mail that opens it; empty when no mail does.
    pub sender: &'a str,
    /// The address of the client that handed in that mail.
    pub client: &'a str,
    /// How often the same thing was opened before, as far back as the service's flapping looks.
    pub opened_before: u32,
}

impl Status {
    /// Every status, in order of life.
    pub const ALL: [Self; 3] = [Self::Triggered, Self::Acknowledged, Self::Resolved];

    /// The word used in the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Triggered => "triggered",
            Self::Acknowledged => "acknowledged",
            Self::Resolved => "resolved",
        }
    }
}

impl Kind {
    /// The word used in the database and the API.
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Repeated => "repeated",
            Self::SeverityRaised => "severity_raised",
            Self::Acknowledged => "acknowledged",
            Self::AcknowledgementExpired => "acknowledgement_expired",
            Self::Resolved => "resolved",
            Self::Stale => "stale",
            Self::Paged => "paged",
            Self::StepSkipped => "step_skipped",
            Self::Escalated => "escalated",
            Self::Exhausted => "exhausted",
            Self::Undeliverable => "undeliverable",
            Self::Held => "held",
            Self::Released => "released",
            Self::Snoozed => "snoozed",
            Self::SnoozeEnded => "snooze_ended",
            Self::TakenOver => "taken_over",
            Self::Reassigned => "reassigned",
            Self::RespondersAdded => "responders_added",
            Self::Remarked => "remarked",
            Self::Flapping => "flapping",
            Self::Calming => "calming",
            Self::ProbablyOver => "probably_over",
            Self::UrgencyRaised => "urgency_raised",
            Self::Late => "late",
            Self::Notified => "notified",
        }
    }
}

impl FromStr for Status {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        let found = Self::ALL.into_iter().find(|status| status.word() == word);
        found.ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests;
