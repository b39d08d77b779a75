//! Expected mails: what their coming and their absence does.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, Weak};

use jiff::Timestamp;

use super::committer::{Done, Work};
use super::door::{self, Raise};
use super::{Engine, Error};
use crate::domain::Definitions;
use crate::domain::alert::{Action, Alert};
use crate::domain::handling::Awaited;
use crate::store::heartbeat::StoredHeartbeat;
use crate::store::{self, WriteTx};

/// The name in verdicts of what watches for expected mails.
const RULE: &str = "heartbeat";

impl Engine {
    /// Opens an incident for a heartbeat that did not come.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn heartbeat_missed(&self, service: &str, name: &str) -> Result<(), Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        let work = Work::HeartbeatMissed { service: service.to_owned(), name: name.to_owned(), now, definitions };
        self.committer.submit(work).await.map(|_: Done| ())
    }

    /// Lets the database expect what the definitions in force declare, when they are others than the last time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn expect_heartbeats(&self) -> Result<(), store::Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        let expected = |known: &Weak<Definitions>| known.ptr_eq(&Arc::downgrade(&definitions));
        if expected(&self.expected.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(());
        }
        let known = self.store.heartbeats().await?;
        let known: HashMap<(&str, &str), &StoredHeartbeat> =
            known.iter().map(|stored| ((stored.service.as_str(), stored.name.as_str()), stored)).collect();
        let mut declared = HashSet::new();
        let mut tx = self.store.begin().await?;
        for service in &definitions.rulebook.services {
            for awaited in &service.handling.heartbeats {
                let heartbeat = &awaited.heartbeat;
                let key = (service.name.as_str(), heartbeat.name.as_str());
                declared.insert(key);
                let Some(stored) = known.get(&key) else {
                    let due_at = heartbeat.deadline(now, None);
                    let (service, name) = (service.name.clone(), heartbeat.name.clone());
                    let (last_at, missing_since) = (None, None);
                    let new = StoredHeartbeat { service, name, declared_at: now, last_at, missing_since, due_at };
                    tx.declare_heartbeat(&new).await?;
                    continue;
                };
                let due_at = heartbeat.deadline(stored.declared_at, stored.last_at);
                if stored.missing_since.is_none() && stored.due_at != due_at {
                    tx.expect_heartbeat(key.0, key.1, due_at).await?;
                }
            }
        }
        for (service, name) in known.keys().filter(|key| !declared.contains(*key)) {
            tx.forget_heartbeat(service, name).await?;
        }
        tx.commit().await?;
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(&definitions);
        Ok(())
    }
}

/// The heartbeats of a service that an alert with this dedup key meets.
pub(crate) fn met<'d>(definitions: &'d Definitions, service: &str, key: &str) -> Vec<&'d Awaited> {
    let Some(service) = definitions.rulebook.service(service) else { return Vec::new() };
    service.handling.heartbeats.iter().filter(|awaited| awaited.is_met_by(key)).collect()
}

/// An expected mail has come, in the caller's transaction: what was missing is there again.
pub(crate) async fn came(
    tx: &mut WriteTx,
    service: &str,
    awaited: &Awaited,
    (mail_id, origin_at, now): (&str, Timestamp, Timestamp),
    definitions: &Definitions,
) -> Result<(), store::Error> {
    let heartbeat = &awaited.heartbeat;
    tx.heartbeat_came(service, &heartbeat.name, now, heartbeat.deadline(now, Some(now))).await?;
    let alert = alert(awaited, Action::Resolve, format!("{} has come", heartbeat.name));
    // Its coming ends its absence, however old the mail says it is.
    let (mail_id, origin_at) = (Some(mail_id), origin_at.max(now));
    let ([sender, client], asked_by, over_after) = ([""; 2], None, None);
    let raise =
        Raise { service, alert: &alert, mail_id, sender, client, asked_by, origin_at, over_after, now, definitions };
    door::raise(tx, &raise).await?;
    Ok(())
}

/// An expected mail has not come, in a transaction of its own batch.
pub(crate) async fn missed(
    tx: &mut WriteTx,
    service: &str,
    name: &str,
    now: Timestamp,
    definitions: &Arc<Definitions>,
) -> Result<(), store::Error> {
    let Some(stored) = tx.heartbeat_missed(service, name, now).await? else { return Ok(()) };
    let declared = definitions.rulebook.service(service);
    let awaited =
        declared.and_then(|service| service.handling.heartbeats.iter().find(|awaited| awaited.heartbeat.name == name));
    // Taken out of the definitions meanwhile: nobody expects it any more.
    let Some(awaited) = awaited else { return Ok(()) };
    let since = match stored.last_at {
        Some(last_at) => format!("the last one came at {last_at:.0}"),
        None => format!("none has come since {:.0}", stored.declared_at),
    };
    let summary = format!("{name} did not come: {}; {since}", awaited.heartbeat.describe());
    let alert = alert(awaited, Action::Trigger, summary);
    let keys = HashSet::from([(service, alert.dedup_key.as_str())]);
    tx.ask_ahead(&[], &keys, now, now).await?;
    let (mail_id, [sender, client], asked_by, over_after) = (None, [""; 2], None, None);
    let raise = Raise {
        service,
        alert: &alert,
        mail_id,
        sender,
        client,
        asked_by,
        origin_at: now,
        over_after,
        now,
        definitions,
    };
    door::raise(tx, &raise).await?;
    Ok(())
}

fn alert(awaited: &Awaited, action: Action, summary: String) -> Alert {
    Alert {
        action,
        dedup_key: awaited.incident_key(),
        severity: awaited.severity,
        summary,
        details: Default::default(),
        links: Default::default(),
        rule: RULE.to_owned(),
        reason: "an expected mail".to_owned(),
        hold: None,
        downtime: None,
        objection: None,
    }
}
