//! What events do to an incident.

use jiff::{SignedDuration, Timestamp};

use super::{Cause, Change, Effect, Entry, Event, Incident, Kind, Opening, Status, Trigger, Watch};
use crate::domain::escalation::{self, Policy, Position, Step};
use crate::domain::handling::Urgency;
use crate::domain::hold::hold;
use crate::domain::notification::{self, Planned};
use crate::domain::situation::Situation;
use crate::domain::target::Target;

/// How soon to try again when a page reached nobody at all, not even through the fallback contact.
const NOBODY_RETRY: SignedDuration = SignedDuration::from_mins(1);

/// Longest wait for anything, a hundred years.
pub(super) const WAIT_MAX: SignedDuration = SignedDuration::from_hours(100 * 365 * 24);

/// A timer so much overdue shows that we were away: its page is told to be late (I21).
const LATE: SignedDuration = SignedDuration::from_mins(2);

/// How long a sender waits at the most before it hands a mail in again (Postfix, maximal_backoff_time).
const SENDERS_WAIT: SignedDuration = SignedDuration::from_secs(4000);

/// How long the people that an incident was given to have to answer, where its policy has no step to copy from.
const STEP_DELAY: SignedDuration = SignedDuration::from_mins(5);

/// Opens an incident.
pub(super) fn opened(opening: &Opening<'_>, trigger: &Trigger, situation: &Situation<'_>) -> Change {
    let (handling, now) = (situation.handling, situation.now);
    let wait = trigger.hold.unwrap_or(handling.hold).max(SignedDuration::ZERO);
    let mut change = Change::nothing(Incident {
        number: opening.number,
        service: opening.service.to_owned(),
        dedup_key: opening.dedup_key.to_owned(),
        sender: opening.sender.to_owned(),
        client: opening.client.to_owned(),
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
        policy: Policy::of(situation, trigger.severity),
        position: Position::default(),
        pages: 0,
        step_page: 0,
        urgency: handling.urgency(trigger.severity, now).0,
        held: None,
        snoozed_until: None,
        flapping: handling.flapping.is_some_and(|flapping| opening.opened_before.saturating_add(1) >= flapping.opens),
        doubtful: false,
        due_at: Some(later(now, wait)),
        watch: Watch::default(),
    });
    change.tell(Kind::Opened, format!("{}: {}", trigger.severity, trigger.summary));
    if change.incident.flapping {
        let times = opening.opened_before.saturating_add(1);
        change.tell(Kind::Flapping, format!("opened {times} times lately; a recovery closes it once it stays calm"));
    }
    if wait > SignedDuration::ZERO {
        change.hold(format!("a recovery within {wait:#} calls nobody"));
    }
    change.heard(trigger, situation);
    change
}

/// Lets an event happen.
pub(super) fn applied(incident: &Incident, event: &Event, cause: &Cause, situation: &Situation<'_>) -> Change {
    let mut change = Change::nothing(incident.clone());
    match event {
        Event::Noted { detail } => change.tell(Kind::Notified, detail.clone()),
        Event::Remarked { text } => change.tell(Kind::Remarked, format!("{}: {text}", cause.actor)),
        _ if incident.status == Status::Resolved => {}
        Event::Triggered(trigger) => change.triggered(trigger, situation),
        Event::Acknowledged { origin_at } if incident.is_stale(*origin_at) => change.stale("acknowledgement"),
        Event::Acknowledged { .. } => change.acknowledged(cause, situation.now),
        Event::Resolved { origin_at } if incident.is_stale(*origin_at) => change.stale("recovery"),
        Event::Resolved { origin_at: Some(_) } if incident.flapping => change.calming(situation),
        Event::Resolved { .. } => change.resolved(format!("by {}", cause.actor), situation.now),
        Event::EscalationAsked => {
            change.tell(Kind::Escalated, format!("{} asked for the next step", cause.actor));
            change.incident.retrigger();
            change.page(situation);
        }
        Event::TakenOver => change.taken_over(cause, situation.now),
        Event::Snoozed { until } => change.snoozed(*until, cause, situation.now),
        Event::Reassigned { targets } => change.reassigned(targets, cause, situation.now),
        Event::RespondersAdded { targets } => change.responders_added(targets, cause, situation),
        Event::HoldEnded if incident.held.is_some() && incident.status == Status::Triggered => {
            change.incident.due_at = Some(situation.now);
        }
        Event::HoldEnded => {}
        Event::TimerDue => change.timer_due(situation),
        Event::PageFailed { page } => change.page_failed(*page, situation),
    }
    change
}

impl Incident {
    /// A mail made before the newest trigger cannot speak about it. A person can.
    fn is_stale(&self, origin_at: Option<Timestamp>) -> bool {
        origin_at.is_some_and(|origin_at| origin_at < self.triggered_at)
    }

    fn retrigger(&mut self) {
        self.status = Status::Triggered;
        self.acknowledged = None;
        self.snoozed_until = None;
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

    /// Tells why the page waits, once.
    fn hold(&mut self, reason: String) {
        if self.incident.held.as_ref() != Some(&reason) {
            self.tell(Kind::Held, reason.clone());
            self.incident.held = Some(reason);
        }
    }

    /// The monitor has spoken: what its silence would mean counts from now.
    fn heard(&mut self, trigger: &Trigger, situation: &Situation<'_>) {
        let (handling, now) = (situation.handling, situation.now);
        self.incident.doubtful = false;
        self.incident.watch = Watch {
            calm_at: None,
            doubt_at: handling.doubt_after().map(|silence| later(now, silence)),
            inactive_at: trigger.over_after.or(handling.inactive_after).map(|silence| later(now, silence)),
        };
    }

    /// A repeat attaches. Getting worse starts the escalation anew, acknowledged or not (I13).
    fn triggered(&mut self, trigger: &Trigger, situation: &Situation<'_>) {
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
        self.heard(trigger, situation);
        if trigger.severity > before {
            self.incident.severity = trigger.severity;
            self.tell(Kind::SeverityRaised, format!("{before} → {}", trigger.severity));
            self.start_anew(situation);
        }
    }

    /// The escalation begins again, with the policy for what the incident is by now.
    fn start_anew(&mut self, situation: &Situation<'_>) {
        self.incident.retrigger();
        self.incident.policy = Policy::of(situation, self.incident.severity);
        self.incident.position = Position::default();
        self.incident.due_at = Some(situation.now);
    }

    fn acknowledged(&mut self, cause: &Cause, now: Timestamp) {
        if self.incident.status == Status::Acknowledged {
            return;
        }
        self.tell(Kind::Acknowledged, format!("by {}", cause.actor));
        self.has_it(cause, now);
    }

    fn taken_over(&mut self, cause: &Cause, now: Timestamp) {
        let by = match &self.incident.acknowledged {
            Some((_, by)) if by == cause.actor.name() => return,
            Some((_, by)) => format!("by {}, from {by}", cause.actor),
            None => format!("by {}", cause.actor),
        };
        self.tell(Kind::TakenOver, by);
        self.has_it(cause, now);
    }

    fn has_it(&mut self, cause: &Cause, now: Timestamp) {
        self.incident.status = Status::Acknowledged;
        self.incident.acknowledged = Some((now, cause.actor.to_string()));
        self.incident.snoozed_until = None;
        self.incident.held = None;
        self.incident.due_at = self.incident.policy.ack_timeout.map(|timeout| later(now, timeout));
        self.effects.push(Effect::CancelPages);
    }

    /// A snooze that is over before it began is an acknowledgement.
    fn snoozed(&mut self, until: Timestamp, cause: &Cause, now: Timestamp) {
        self.tell(Kind::Snoozed, format!("by {} until {until:.0}", cause.actor));
        self.has_it(cause, now);
        if until > now {
            self.incident.snoozed_until = Some(until);
            self.incident.due_at = Some(until);
        }
    }

    fn reassigned(&mut self, targets: &[Target], cause: &Cause, now: Timestamp) {
        if targets.is_empty() {
            return;
        }
        self.tell(Kind::Reassigned, format!("by {} to {}", cause.actor, listed(targets)));
        let policy = &mut self.incident.policy;
        let delay = policy.steps.first().map_or(STEP_DELAY, |step| step.delay);
        policy.steps.insert(0, Step { delay, targets: targets.to_vec() });
        self.incident.retrigger();
        self.incident.position = Position::default();
        self.incident.due_at = Some(now);
        self.effects.push(Effect::CancelPages);
    }

    fn responders_added(&mut self, targets: &[Target], cause: &Cause, situation: &Situation<'_>) {
        let notifications = notification::plan(situation, targets, Urgency::High);
        if notifications.is_empty() {
            self.tell(Kind::RespondersAdded, format!("{} cannot be reached by any method", listed(targets)));
            return;
        }
        self.tell(Kind::RespondersAdded, format!("{} called in {}", cause.actor, listed(targets)));
        self.call("called in", notifications);
    }

    fn resolved(&mut self, how: String, now: Timestamp) {
        self.incident.status = Status::Resolved;
        self.incident.resolved_at = Some(now);
        self.incident.due_at = None;
        self.incident.snoozed_until = None;
        self.incident.held = None;
        self.incident.watch = Watch::default();
        self.tell(Kind::Resolved, how);
        self.effects.push(Effect::CancelPages);
    }

    /// A flapping incident is over when its recovery lasts.
    fn calming(&mut self, situation: &Situation<'_>) {
        let within = situation.handling.flapping.map_or(SignedDuration::ZERO, |flapping| flapping.within);
        if within <= SignedDuration::ZERO {
            return self.resolved("by mail".to_owned(), situation.now);
        }
        if self.incident.watch.calm_at.is_none() {
            self.incident.watch.calm_at = Some(later(situation.now, within));
            self.tell(Kind::Calming, format!("it has recovered; it is over when it stays calm for {within:#}"));
        }
    }

    fn timer_due(&mut self, situation: &Situation<'_>) {
        let now = situation.now;
        let is_due = |at: Option<Timestamp>| at.is_some_and(|at| at <= now);
        let Watch { calm_at, doubt_at, inactive_at } = self.incident.watch;
        if is_due(calm_at) {
            return self.resolved("it stayed calm".to_owned(), now);
        }
        let is_late = |at: Timestamp| now.duration_since(at) > LATE;
        if is_due(inactive_at) && [inactive_at, self.incident.due_at].into_iter().flatten().any(is_late) {
            // It was us who were away: what the monitor said meanwhile still waits with the senders.
            self.incident.watch.inactive_at = Some(later(now, SENDERS_WAIT));
            self.tell(Kind::Late, "we were away, so the monitor's silence may be ours".to_owned());
        } else if is_due(inactive_at) {
            return self.resolved("the monitor has not spoken of it for long".to_owned(), now);
        }
        if is_due(doubt_at) {
            self.incident.watch.doubt_at = None;
            self.incident.doubtful = true;
            self.tell(Kind::ProbablyOver, "neither a repeat nor a recovery came: probably over?".to_owned());
        }
        if is_due(self.incident.due_at) {
            self.escalation_due(situation);
        }
    }

    fn escalation_due(&mut self, situation: &Situation<'_>) {
        let (incident, now) = (&mut self.incident, situation.now);
        if incident.status == Status::Acknowledged {
            let by = incident.acknowledged.as_ref().map_or("", |(_, by)| by.as_str());
            let (kind, detail) = match incident.snoozed_until {
                Some(_) => (Kind::SnoozeEnded, format!("the snooze of {by} is over")),
                None => (Kind::AcknowledgementExpired, format!("nothing heard since {by} acknowledged it")),
            };
            incident.retrigger();
            incident.position = Position::default();
            self.tell(kind, detail);
        }
        let due_at = self.incident.due_at.unwrap_or(now);
        if let Some(hold) = hold(&self.incident, situation) {
            self.hold(hold.reason);
            self.incident.due_at = Some(hold.until.max(later(now, SignedDuration::from_secs(1))));
            return;
        }
        if self.incident.held.take().is_some() {
            self.tell(Kind::Released, "its page waits no longer".to_owned());
        } else if now.duration_since(due_at) > LATE {
            let late = SignedDuration::from_secs(now.duration_since(due_at).as_secs());
            self.tell(Kind::Late, format!("this page comes {late:#} late"));
        }
        self.rise(situation);
        self.page(situation);
    }

    /// What was not urgent when it was last paged may be by now: support hours have begun.
    fn rise(&mut self, situation: &Situation<'_>) {
        let (urgency, _) = situation.handling.urgency(self.incident.severity, situation.now);
        if urgency > self.incident.urgency && self.incident.pages > 0 {
            self.tell(Kind::UrgencyRaised, format!("{} → {urgency}", self.incident.urgency));
            self.start_anew(situation);
        }
    }

    /// Nobody was reached by the newest page: the next step is due at once (I30). The fallback contact has no
    /// next step, so it is tried again soon.
    fn page_failed(&mut self, page: i64, situation: &Situation<'_>) {
        if self.incident.status != Status::Triggered || page != self.incident.step_page {
            return;
        }
        self.tell(Kind::Undeliverable, format!("page {page} reached nobody"));
        if self.incident.position.exhausted {
            let soon = later(situation.now, NOBODY_RETRY);
            self.incident.due_at = Some(self.incident.due_at.map_or(soon, |due| due.min(soon)));
        } else {
            self.incident.due_at = Some(situation.now);
            self.escalation_due(situation);
        }
    }

    fn page(&mut self, situation: &Situation<'_>) {
        let now = situation.now;
        let (urgency, changes_at) = situation.handling.urgency(self.incident.severity, now);
        self.incident.urgency = urgency;
        // Somebody may have asked for it although it was held.
        self.incident.held = None;
        let next = escalation::next(&self.incident.policy, self.incident.position, urgency, situation);
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
        // Quiet hours put the whole step off: its delay counts from when somebody is told.
        let told_in = next.notifications.iter().map(|planned| planned.wait).min().unwrap_or_default();
        let due_at = later(later(now, told_in), next.wait);
        self.incident.due_at = Some(changes_at.map_or(due_at, |changes_at| changes_at.min(due_at)));
        self.call(&next.label, next.notifications);
        self.incident.step_page = self.incident.pages;
    }

    fn call(&mut self, label: &str, notifications: Vec<Planned>) {
        self.incident.pages += 1;
        let page = self.incident.pages;
        let who = |planned: &Planned| match planned.wait {
            SignedDuration::ZERO => format!("{} by {}", planned.user, planned.channel),
            wait => format!("{} by {} in {wait:#}", planned.user, planned.channel),
        };
        let who: Vec<String> = notifications.iter().map(who).collect();
        self.tell(Kind::Paged, format!("page {page} ({label}): {}", who.join(", ")));
        self.effects.push(Effect::Page { page, notifications });
    }
}

fn listed(targets: &[Target]) -> String {
    targets.iter().map(Target::to_string).collect::<Vec<_>>().join(", ")
}

/// `at` and a while, but no later than anybody alive will see: definitions cannot make it overflow.
fn later(at: Timestamp, wait: SignedDuration) -> Timestamp {
    at.checked_add(wait.min(WAIT_MAX)).unwrap_or(at)
}
