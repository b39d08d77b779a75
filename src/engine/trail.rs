//! What the trail tells of changes that go through the engine: how it was, and how it became.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::domain::actor::Actor;
use crate::domain::incident::{Cause, Change, Incident, Kind};
use crate::domain::silence::Silence;
use crate::store::mail::StoredAlert;
use crate::store::oncall::StoredOverride;
use crate::store::trail::Act;

/// An incident was opened or changed.
pub(super) fn incident_changed(before: Option<&Incident>, change: &Change, cause: &Cause) -> Act {
    // What paged whom is a consequence, told by the timeline.
    let what = change.entries.first().map_or(Kind::Remarked, |entry| entry.kind).word();
    let act = Act::new(&cause.actor, what, format!("incident {}", change.incident.number));
    let (now, was) = (facts(&change.incident), before.map(facts).unwrap_or_default());
    let differs = |facts: &BTreeMap<&'static str, Value>, others: &BTreeMap<&'static str, Value>| {
        let differing = facts.iter().filter(|(name, value)| others.get(*name) != Some(value));
        differing.map(|(name, value)| ((*name).to_owned(), value.clone())).collect::<serde_json::Map<_, _>>()
    };
    let mut became = differs(&now, &was);
    let said: Vec<&str> = change.entries.iter().map(|entry| entry.detail.as_str()).collect();
    became.insert("told".to_owned(), json!(said));
    if let Some(mail) = &cause.mail_id {
        became.insert("mail".to_owned(), json!(mail));
    }
    let was = differs(&was, &now);
    let was = if was.is_empty() { Value::Null } else { Value::Object(was) };
    act.was(was).became(Value::Object(became))
}

/// What people change of an incident.
fn facts(incident: &Incident) -> BTreeMap<&'static str, Value> {
    let targets = |targets: &[crate::domain::target::Target]| {
        targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let steps: Vec<String> = incident.policy.steps.iter().map(|step| targets(&step.targets)).collect();
    BTreeMap::from([
        ("status", json!(incident.status.word())),
        ("service", json!(incident.service)),
        ("key", json!(incident.dedup_key)),
        ("severity", json!(incident.severity.word())),
        ("held_by", json!(incident.acknowledged.as_ref().map(|(_, by)| by))),
        ("waits", json!(incident.held)),
        ("snoozed_until", json!(incident.snoozed_until)),
        ("resolved_at", json!(incident.resolved_at)),
        ("steps", json!(steps)),
        ("pages", json!(incident.pages)),
    ])
}

/// Somebody takes over a shift.
pub(super) fn override_made(stored: &StoredOverride, by: &Actor) -> Act {
    Act::new(by, "override_made", format!("schedule {}", stored.swap.schedule)).became(shift(stored))
}

/// An override was taken back.
pub(super) fn override_withdrawn(stored: &StoredOverride, by: &Actor) -> Act {
    Act::new(by, "override_withdrawn", format!("schedule {}", stored.swap.schedule)).was(shift(stored))
}

fn shift(StoredOverride { swap, author, .. }: &StoredOverride) -> Value {
    let shift = &swap.shift;
    json!({
        "id": shift.id, "user": shift.user, "replaces": shift.replaces,
        "starts_at": shift.starts_at, "ends_at": shift.ends_at, "author": author,
    })
}

/// Pages wait from now on.
pub(super) fn silence_made(silence: &Silence, by: &Actor) -> Act {
    Act::new(by, "silence_made", format!("silence {}", silence.id)).became(json!({
        "wanted": silence.matcher.wanted().to_string(), "starts_at": silence.starts_at, "ends_at": silence.ends_at,
        "reason": silence.reason, "author": silence.author,
    }))
}

/// Pages wait no longer.
pub(super) fn silence_ended(silence: &Silence, by: &Actor, now: Timestamp) -> Act {
    let act = Act::new(by, "silence_ended", format!("silence {}", silence.id));
    act.was(json!({ "ends_at": silence.ends_at, "reason": silence.reason })).became(json!({ "ends_at": now }))
}

/// A mail was judged again, or let act in spite of its sender.
pub(super) fn judged_again(mail: &str, what: &'static str, alerts: i64, done: &[StoredAlert], by: &Actor) -> Act {
    let said: Vec<String> = done.iter().map(|stored| format!("{}: {}", stored.service, stored.outcome)).collect();
    let act = Act::new(by, what, format!("mail {mail}"));
    act.was(json!({ "alerts": alerts })).became(json!({ "alerts": alerts + done.len() as i64, "told": said }))
}
