//! Who would be called if nobody answered: an incident opened in memory and walked through its policy.
//!
//! It decides nothing itself. The incident goes from one `due_at` to the next as the timer would take it, and what
//! it says on the way is written down.

use jiff::{SignedDuration, Timestamp};

use super::actor::Actor;
use super::alert::Alert;
use super::hold;
use super::incident::{Cause, Change, Effect, Event, Incident, Kind, Opening, Status};
use super::ledger;
use super::roster::Channel;
use super::schedule::Source;
use super::situation::Situation;
use super::target::Target;

/// How far it looks: who is not called by then is not called.
const LOOK: SignedDuration = SignedDuration::from_hours(40 * 24);

/// Most times the timer is asked. The longest policy has 5000 steps.
const TURNS_MAX: usize = 10_000;

/// What would become of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forecast {
    /// The incident as it opens.
    pub opened: Incident,
    /// What happens then, by time.
    pub moments: Vec<Moment>,
    /// How often the last call is repeated while nobody answers, where it is.
    pub repeats_every: Option<SignedDuration>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Somebody is called.
    Call {
        /// A person, or a room as `room:NAME`.
        user: String,
        /// By what.
        channel: Channel,
        /// By which target: "primary: weekdays", "everyone of ops", "fallback"; empty for a person named by the step.
        by: String,
        /// "round 1, step 2", or "fallback".
        step: String,
    },
    /// The page waits.
    Wait {
        /// Why.
        reason: String,
        /// Until when; `None` while something lasts of which nobody knows the end.
        until: Option<Timestamp>,
    },
    /// Something else worth knowing.
    Note(String),
}

impl Forecast {
    /// Why nobody is called now, if that is so: what holds the first page.
    pub fn held(&self) -> Option<&str> {
        let mut found = self.moments.iter().filter_map(|moment| match &moment.what {
            What::Call { .. } => Some(None),
            What::Wait { reason, .. } => Some(Some(reason.as_str())),
            What::Note(_) => None,
        });
        found.next().flatten()
    }

    /// Whether somebody is called, without waiting for something to be over first.
    pub fn calls_somebody(&self) -> bool {
        let call = |moment: &Moment| matches!(moment.what, What::Call { .. });
        self.held().is_none() && self.moments.iter().any(call)
    }
}

/// Opens the incident that this alert would open in a service, and lets nobody answer. The situation is that of the
/// opening; what it holds of overrides and silences counts for later, too.
pub fn forecast(service: &str, alert: &Alert, origin_at: Timestamp, situation: &Situation<'_>) -> Forecast {
    let opening = Opening { number: 0, service, dedup_key: &alert.dedup_key, sender: "", client: "", opened_before: 0 };
    let opened = Incident::open(&opening, &ledger::trigger(alert, origin_at), situation).incident;
    let mut walk = Walk { incident: opened.clone(), moments: Vec::new(), repeats_every: None };
    let end = situation.now.checked_add(LOOK).unwrap_or(Timestamp::MAX);
    for _ in 0..TURNS_MAX {
        let next = walk.incident.next_at().filter(|at| *at <= end);
        let Some(now) = next else { break };
        if walk.turn(&Situation { now, ..*situation }) {
            break;
        }
    }
    let Walk { mut moments, repeats_every, .. } = walk;
    moments.sort_by_key(|moment| moment.at);
    Forecast { opened, moments, repeats_every }
}

/// What becomes of an open incident if nobody does anything from now on: at most so many calls, and what lies between.
pub fn ahead(incident: &Incident, situation: &Situation<'_>, calls_max: usize) -> Vec<Moment> {
    let mut walk = Walk { incident: incident.clone(), moments: Vec::new(), repeats_every: None };
    let end = situation.now.checked_add(LOOK).unwrap_or(Timestamp::MAX);
    let is_call = |moment: &&Moment| matches!(moment.what, What::Call { .. });
    for _ in 0..TURNS_MAX {
        let next = walk.incident.next_at().filter(|at| *at <= end);
        let Some(at) = next.filter(|_| walk.moments.iter().filter(is_call).count() < calls_max) else { break };
        // What is overdue is looked at now.
        if walk.turn(&Situation { now: at.max(situation.now), ..*situation }) {
            break;
        }
    }
    let mut moments = walk.moments;
    moments.sort_by_key(|moment| moment.at);
    moments
}

struct Walk {
    incident: Incident,
    moments: Vec<Moment>,
    repeats_every: Option<SignedDuration>,
}

impl Walk {
    /// Lets the timer look once. Returns whether that was all.
    fn turn(&mut self, situation: &Situation<'_>) -> bool {
        let now = situation.now;
        let is_due = self.incident.status == Status::Triggered && self.incident.due_at.is_some_and(|at| at <= now);
        if is_due && let Some(found) = hold::hold(&self.incident, situation) {
            // How long a parent stays open is not known, how long anything else lasts is.
            let known = hold::hold(&self.incident, &Situation { parents: &[], ..*situation });
            let until = known.as_ref().map(|hold| hold.until);
            self.wait(known.unwrap_or(found).reason, until, now);
            if until.is_none() {
                return true;
            }
        }
        let cause = Cause { actor: Actor::ourselves("timer"), mail_id: None };
        let change = self.incident.apply(&Event::TimerDue, &cause, situation);
        let is_over = self.note(&change, situation);
        self.incident = change.incident;
        is_over
    }

    fn wait(&mut self, reason: String, until: Option<Timestamp>, now: Timestamp) {
        if let Some(Moment { what: What::Wait { reason: before, until: end }, .. }) = self.moments.last_mut()
            && *before == reason
        {
            *end = until;
            return;
        }
        self.moments.push(Moment { at: now, what: What::Wait { reason, until } });
    }

    fn note(&mut self, change: &Change, situation: &Situation<'_>) -> bool {
        let now = situation.now;
        let mut is_over = change.incident.status == Status::Resolved;
        for entry in &change.entries {
            match entry.kind {
                Kind::StepSkipped | Kind::UrgencyRaised | Kind::Resolved => {}
                Kind::Undeliverable => is_over = true,
                _ => continue,
            }
            let text = match entry.kind {
                Kind::UrgencyRaised => format!("urgency {}", entry.detail),
                Kind::Resolved => format!("taken to be over: {}", entry.detail),
                _ => entry.detail.clone(),
            };
            self.moments.push(Moment { at: now, what: What::Note(text) });
        }
        for effect in &change.effects {
            let Effect::Page { notifications, .. } = effect else { continue };
            let position = change.incident.position;
            let step = match position.exhausted {
                true => "fallback".to_owned(),
                false => format!("round {}, step {}", position.round + 1, position.step),
            };
            for planned in notifications {
                let by = by(&change.incident, &planned.user, situation);
                let what = What::Call { user: planned.user.clone(), channel: planned.channel, by, step: step.clone() };
                let at = now.checked_add(planned.wait).unwrap_or(Timestamp::MAX);
                self.moments.push(Moment { at, what });
            }
            if position.exhausted {
                self.repeats_every = Some(change.incident.policy.fallback_repeat);
                is_over = true;
            }
        }
        is_over
    }
}

/// By which target of the step that was just paged somebody is called.
fn by(incident: &Incident, user: &str, situation: &Situation<'_>) -> String {
    let position = incident.position;
    if position.exhausted {
        return "fallback".to_owned();
    }
    let step = (position.step as usize).checked_sub(1).and_then(|step| incident.policy.steps.get(step));
    let targets = step.map(|step| step.targets.as_slice()).unwrap_or_default();
    let schedule = |name: &String| situation.roster.schedules.get(name);
    let mut found = targets.iter().filter_map(|target| match target {
        Target::User(name) => (name == user).then(String::new),
        Target::Room(_) => (target.to_string() == user).then(String::new),
        Target::Everyone(name) => {
            let people = schedule(name)?.people();
            people.iter().any(|person| person == user).then(|| format!("everyone of {name}"))
        }
        Target::Schedule(name) => {
            let on_call = schedule(name)?.on_call(&situation.overrides_of(name), situation.now);
            let one = on_call.into_iter().find(|on_call| on_call.user == user)?;
            Some(match one.source {
                Source::Layer(layer) => format!("{name}: {layer}"),
                Source::Calendar => format!("{name}: calendar"),
                Source::Override(_) => format!("{name}: override"),
            })
        }
    });
    found.next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
