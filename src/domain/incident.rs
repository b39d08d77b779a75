//! The incident state machine: triggered → acknowledged → resolved, and the escalation that runs meanwhile.
//!
//! [`Incident::apply`] is the only place that decides what an event means. It returns the incident afterwards,
//! the timeline entries that tell the story, and named effects for the engine to execute.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};

use super::alert::{Severity, UnknownWord};
use super::escalation::{self, Policy, Position};
use super::notification::Planned;
use super::roster::Roster;

/// How soon to try again when a page reached nobody at all, not even through the fallback contact.
const NOBODY_RETRY: SignedDuration = SignedDuration::from_mins(1);

/// Longest wait for anything, a hundred years.
const WAIT_MAX: SignedDuration = SignedDuration::from_hours(100 * 365 * 24);

/// Where an incident stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// When the timer must look at it: the next page while triggered, the timeout while acknowledged (I17).
    pub due_at: Option<Timestamp>,
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
    pub actor: String,
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
    /// Opens an incident. Its first page is due at once; the timer makes it.
    pub fn open(
        number: i64,
        service: &str,
        dedup_key: &str,
        trigger: &Trigger,
        policy: Policy,
        now: Timestamp,
    ) -> Change {
        let incident = Self {
            number,
            service: service.to_owned(),
            dedup_key: dedup_key.to_owned(),
            status: Status::Triggered,
            severity: trigger.severity,
            summary: trigger.summary.clone(),
            details: trigger.details.clone(),
            links: trigger.links.clone(),
            alert_count: 1,
            opened_at: now,
            acknowledged: None,
            resolved_at: None,
            triggered_at: trigger.origin_at,
            policy,
            position: Position::default(),
            pages: 0,
            due_at: Some(now),
        };
        let mut change = Change::nothing(incident);
        change.tell(Kind::Opened, format!("{}: {}", trigger.severity, trigger.summary));
        change
    }

    /// What the event makes of the incident. A late or repeated event is a no-op, never an error.
    pub fn apply(&self, event: &Event, cause: &Cause, roster: &Roster, now: Timestamp) -> Change {
        let mut change = Change::nothing(self.clone());
        match event {
            Event::Noted { detail } => change.tell(Kind::Notified, detail.clone()),
            _ if self.status == Status::Resolved => {}
            Event::Triggered(trigger) => change.triggered(trigger, now),
            Event::Acknowledged { origin_at } if self.is_stale(*origin_at) => change.stale("acknowledgement"),
            Event::Acknowledged { .. } => change.acknowledged(cause, now),
            Event::Resolved { origin_at } if self.is_stale(*origin_at) => change.stale("recovery"),
            Event::Resolved { .. } => change.resolved(cause, now),
            Event::EscalationAsked => {
                change.tell(Kind::Escalated, format!("{} asked for the next step", cause.actor));
                change.incident.retrigger();
                change.page(roster, now);
            }
            Event::TimerDue if self.due_at.is_none_or(|due| due > now) => {}
            Event::TimerDue => {
                if self.status == Status::Acknowledged {
                    let by = self.acknowledged.as_ref().map_or("", |(_, by)| by.as_str());
                    change.tell(Kind::AcknowledgementExpired, format!("nothing heard since {by} acknowledged it"));
                    change.incident.retrigger();
                    change.incident.position = Position::default();
                }
                change.page(roster, now);
            }
            Event::PageFailed { page } => change.page_failed(*page, roster, now),
        }
        change
    }

    /// A mail made before the newest trigger cannot speak about it. A person can.
    fn is_stale(&self, origin_at: Option<Timestamp>) -> bool {
        origin_at.is_some_and(|origin_at| origin_at < self.triggered_at)
    }

    fn retrigger(&mut self) {
        self.status = Status::Triggered;
        self.acknowledged = None;
    }
}

impl Change {
    fn nothing(incident: Incident) -> Self {
        Self { incident, entries: Vec::new(), effects: Vec::new() }
    }

    fn tell(&mut self, kind: Kind, detail: String) {
        self.entries.push(Entry { kind, detail });
    }

    fn stale(&mut self, what: &str) {
        self.tell(Kind::Stale, format!("this {what} was made before the newest alert, so the incident stays as it is"));
    }

    /// A repeat attaches. Getting worse starts the escalation anew, acknowledged or not (I13).
    fn triggered(&mut self, trigger: &Trigger, now: Timestamp) {
        let incident = &mut self.incident;
        incident.alert_count += 1;
        if trigger.origin_at >= incident.triggered_at {
            incident.triggered_at = trigger.origin_at;
            incident.summary.clone_from(&trigger.summary);
            incident.details.clone_from(&trigger.details);
            incident.links.clone_from(&trigger.links);
        }
        let before = incident.severity;
        self.tell(Kind::Repeated, format!("{}: {}", trigger.severity, trigger.summary));
        if trigger.severity > before {
            self.incident.severity = trigger.severity;
            self.tell(Kind::SeverityRaised, format!("{before} → {}", trigger.severity));
            self.incident.retrigger();
            self.incident.position = Position::default();
            self.incident.due_at = Some(now);
        }
    }

    fn acknowledged(&mut self, cause: &Cause, now: Timestamp) {
        if self.incident.status == Status::Acknowledged {
            return;
        }
        self.incident.status = Status::Acknowledged;
        self.incident.acknowledged = Some((now, cause.actor.clone()));
        self.incident.due_at = self.incident.policy.ack_timeout.map(|timeout| later(now, timeout));
        self.tell(Kind::Acknowledged, format!("by {}", cause.actor));
        self.effects.push(Effect::CancelPages);
    }

    fn resolved(&mut self, cause: &Cause, now: Timestamp) {
        self.incident.status = Status::Resolved;
        self.incident.resolved_at = Some(now);
        self.incident.due_at = None;
        self.tell(Kind::Resolved, format!("by {}", cause.actor));
        self.effects.push(Effect::CancelPages);
    }

    /// Nobody was reached by the newest page: the next step is due at once (I30). The fallback contact has no
    /// next step, so it is tried again soon.
    fn page_failed(&mut self, page: i64, roster: &Roster, now: Timestamp) {
        if self.incident.status != Status::Triggered || page != self.incident.pages {
            return;
        }
        self.tell(Kind::Undeliverable, format!("page {page} reached nobody"));
        if self.incident.position.exhausted {
            let soon = later(now, NOBODY_RETRY);
            self.incident.due_at = Some(self.incident.due_at.map_or(soon, |due| due.min(soon)));
        } else {
            self.page(roster, now);
        }
    }

    fn page(&mut self, roster: &Roster, now: Timestamp) {
        let next = escalation::next(&self.incident.policy, self.incident.position, roster);
        for label in next.skipped {
            self.tell(Kind::StepSkipped, format!("{label} has nobody who can be reached"));
        }
        if next.position.exhausted && !self.incident.position.exhausted {
            self.tell(
                Kind::Exhausted,
                "every step was paged and nobody answered; paging the fallback contact".to_owned(),
            );
        }
        self.incident.position = next.position;
        if next.notifications.is_empty() {
            self.tell(Kind::Undeliverable, "not even the fallback contact has a way to be reached".to_owned());
            self.incident.due_at = Some(later(now, NOBODY_RETRY));
            return;
        }
        self.incident.pages += 1;
        self.incident.due_at = Some(later(now, next.wait));
        let page = self.incident.pages;
        let who: Vec<String> = next.notifications.iter().map(|n| format!("{} by {}", n.user, n.channel)).collect();
        self.tell(Kind::Paged, format!("page {page} ({}): {}", next.label, who.join(", ")));
        self.effects.push(Effect::Page { page, notifications: next.notifications });
    }
}

/// `at` and a while, but no later than anybody alive will see: definitions cannot make it overflow.
fn later(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.checked_add(wait.min(WAIT_MAX)).unwrap_or(at)
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
