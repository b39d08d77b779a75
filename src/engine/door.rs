//! The door itself: what happens inside one transaction. Called by the committer only.

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::world::World;
use super::{follow_up, storm, trail};
use crate::domain::Definitions;
use crate::domain::actor::Actor;
use crate::domain::alert::{Action, Alert};
use crate::domain::incident::{Cause, Change, Effect, Event, Incident, Kind, Opening, Status, Trigger};
use crate::domain::ledger;
use crate::domain::rulebook::PROBE;
use crate::store::{Error, WriteTx};

/// What an event did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handled {
    /// The incident afterwards.
    pub incident: Incident,
    /// What the timeline now says about it; empty for a no-op.
    pub kinds: Vec<Kind>,
}

/// What became of an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raised {
    /// In words, for the mail's record.
    pub(crate) outcome: String,
    /// The incident it opened or touched.
    pub(crate) incident_number: Option<i64>,
}

/// An alert and where it comes from.
#[derive(Clone, Copy)]
pub(crate) struct Raise<'a> {
    pub(crate) service: &'a str,
    pub(crate) alert: &'a Alert,
    /// The mail that says so, where one does.
    pub(crate) mail_id: Option<&'a str>,
    /// The address in that mail's `From`; empty when there is none.
    pub(crate) sender: &'a str,
    /// The address of the client that handed it in; empty when there is none.
    pub(crate) client: &'a str,
    /// Who asked for it, where it is not the mail's first coming.
    pub(crate) asked_by: Option<&'a Actor>,
    pub(crate) origin_at: Timestamp,
    /// Without another trigger for so long it is over.
    pub(crate) over_after: Option<SignedDuration>,
    pub(crate) now: Timestamp,
    pub(crate) definitions: &'a Definitions,
}

/// Lets an alert act on the open incident with its key, or open one.
pub(crate) async fn raise(tx: &mut WriteTx, raise: &Raise<'_>) -> Result<Raised, Error> {
    let alert = raise.alert;
    let trigger = Trigger { over_after: raise.over_after, ..ledger::trigger(alert, raise.origin_at) };
    let event = match alert.action {
        Action::Ignore | Action::Heartbeat => {
            return Ok(Raised { outcome: format!("{}: no incident is touched", alert.action), incident_number: None });
        }
        Action::Trigger => Event::Triggered(trigger.clone()),
        Action::Acknowledge => Event::Acknowledged { origin_at: Some(raise.origin_at) },
        Action::Resolve => Event::Resolved { origin_at: Some(raise.origin_at) },
    };
    let actor = match raise.asked_by {
        None if raise.mail_id.is_none() => Actor::ourselves(&*alert.rule),
        None => Actor::ourselves(format!("mail ({})", alert.rule)),
        Some(who) => who.clone().named(format!("{who} by reprocessing ({})", alert.rule)),
    };
    let cause = Cause { actor, mail_id: raise.mail_id.map(str::to_owned) };
    if let Some(incident) = tx.open_incident(raise.service, &alert.dedup_key) {
        let handled = change(tx, &incident, &event, &cause, raise.definitions, raise.now).await?;
        let outcome = outcome(alert.action, &handled);
        return Ok(Raised { outcome, incident_number: Some(incident.number) });
    }
    if alert.action != Action::Trigger {
        let outcome = format!("{}: no open incident has this key, so nothing changed", alert.action);
        return Ok(Raised { outcome, incident_number: None });
    }
    // Another node may have opened it since; then the unique index refuses this one and the transaction is run
    // again, finding the open incident (I10).
    let number = if raise.service == PROBE { tx.next_probe_number().await? } else { tx.next_number().await? };
    let world = World::without_database(raise.definitions, raise.service, raise.now);
    let situation = world.situation();
    let opened_before = match situation.handling.flapping {
        Some(flapping) => {
            let since = raise.now.checked_sub(flapping.within).unwrap_or(Timestamp::MIN);
            tx.opened_since(raise.service, &alert.dedup_key, since).await?
        }
        None => 0,
    };
    let Raise { service, sender, client, .. } = *raise;
    let opening = Opening { number, service, dedup_key: &alert.dedup_key, sender, client, opened_before };
    let opened = Incident::open(&opening, &trigger, &situation);
    tx.insert_incident(&opened.incident).await?;
    save(tx, None, &opened, &cause, raise.now).await?;
    storm::opened(tx, situation.handling, raise).await?;
    Ok(Raised { outcome: format!("opened incident #{number}"), incident_number: Some(number) })
}

/// Lets an event happen to the incident with this number.
pub(crate) async fn handle(
    tx: &mut WriteTx,
    number: i64,
    event: &Event,
    cause: &Cause,
    definitions: &Definitions,
    now: Timestamp,
) -> Result<Option<Handled>, Error> {
    let Some(incident) = tx.lock_incident(number, now).await? else { return Ok(None) };
    change(tx, &incident, event, cause, definitions, now).await.map(Some)
}

async fn change(
    tx: &mut WriteTx,
    incident: &Incident,
    event: &Event,
    cause: &Cause,
    definitions: &Definitions,
    now: Timestamp,
) -> Result<Handled, Error> {
    let world = World::around(tx, incident, event, definitions, now).await?;
    let change = incident.apply(event, cause, &world.situation());
    if change.incident != *incident {
        tx.update_incident(&change.incident).await?;
    }
    save(tx, Some(incident), &change, cause, now).await?;
    let kinds = change.entries.iter().map(|entry| entry.kind);
    follow_up::plan(tx, &change.incident, kinds, cause.actor.name(), definitions, now).await?;
    Ok(Handled { kinds: change.entries.iter().map(|entry| entry.kind).collect(), incident: change.incident })
}

/// Stores the timeline, lets the trail tell what somebody has changed, and executes the effects.
async fn save(
    tx: &mut WriteTx,
    before: Option<&Incident>,
    change: &Change,
    cause: &Cause,
    now: Timestamp,
) -> Result<(), Error> {
    let number = change.incident.number;
    if cause.actor.is_somebody() && !change.entries.is_empty() {
        tx.tell(trail::incident_changed(before, change, cause), now);
    }
    for entry in &change.entries {
        tx.append(number, entry, cause, now).await?;
        if entry.kind == Kind::Repeated {
            // The log has a line of the mail that says it again.
            continue;
        }
        tracing::info!(
            incident.number = number,
            kind = entry.kind.word(),
            actor = cause.actor.name(),
            mail.id = cause.mail_id,
            "incident #{number} {}",
            entry.kind.word()
        );
    }
    for effect in &change.effects {
        match effect {
            Effect::Page { page, notifications } => {
                // Called in by somebody who has it: sent although the incident is not triggered any more.
                let called_in = change.incident.status != Status::Triggered;
                for planned in notifications {
                    let (id, nonce) = (random_id(), random_id());
                    tx.insert_notification((&id, &nonce), (number, *page), planned, called_in, now).await?;
                }
            }
            Effect::CancelPages => tx.cancel_notifications(number, now).await?,
        }
    }
    Ok(())
}

fn outcome(action: Action, handled: &Handled) -> String {
    let number = handled.incident.number;
    match (action, handled.kinds.first()) {
        (_, Some(Kind::Stale)) => format!("older than the newest alert: incident #{number} stays as it is"),
        (Action::Trigger, _) => format!("attached to incident #{number}"),
        (Action::Acknowledge, Some(_)) => format!("acknowledged incident #{number}"),
        (Action::Acknowledge, None) => format!("incident #{number} was acknowledged already"),
        (_, _) => format!("resolved incident #{number}"),
    }
}

/// 128 random bits in hex.
pub(crate) fn random_id() -> String {
    format!("{:032x}", rand::rng().random::<u128>())
}
