//! Storms: when a service opens too much at once, or a sender or client does, one incident stands for all that opens then.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::door::{self, Raise};
use crate::domain::alert::{Action, Alert, Severity};
use crate::domain::dependency::ParentKey;
use crate::domain::handling::{Handling, Storm};
use crate::domain::incident::Incident;
use crate::domain::situation::Parent;
use crate::store::incident::Opener;
use crate::store::{Error, WriteTx};

/// The dedup key of the incident that stands for a service's storm; with a sender or client behind it, for that one's.
const KEY: &str = "nightcall/storm";

/// The name in verdicts of what sees storms.
const RULE: &str = "storm";

/// How often a storm that goes on is noted again.
const NOTED_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// An incident was opened: if it is one of too many, the storm's own incident is opened, or kept open. A sender's
/// storm comes first, then a client's: what one of them floods must not hold up the others.
pub(crate) async fn opened(tx: &mut WriteTx, handling: &Handling, raise: &Raise<'_>) -> Result<(), Error> {
    if is_storm(&raise.alert.dedup_key) {
        return Ok(());
    }
    if let Some(storm) = handling.sender_storm.filter(|_| !raise.sender.is_empty()) {
        let of = format!("{} from {}", raise.service, raise.sender);
        if gathers(tx, storm, raise, Opener::Sender(raise.sender)).await? {
            return open(tx, storm, raise, &sender_key(raise.sender), &of).await;
        }
    }
    if let Some(storm) = handling.client_storm.filter(|_| !raise.client.is_empty()) {
        let of = format!("{} handed in by {}", raise.service, raise.client);
        if gathers(tx, storm, raise, Opener::Client(raise.client)).await? {
            return open(tx, storm, raise, &client_key(raise.client), &of).await;
        }
    }
    if let Some(storm) = handling.storm
        && gathers(tx, storm, raise, Opener::Anybody).await?
    {
        open(tx, storm, raise, KEY, raise.service).await?;
    }
    Ok(())
}

/// Whether more was opened lately by this one than the storm allows.
async fn gathers(tx: &mut WriteTx, storm: Storm, raise: &Raise<'_>, by: Opener<'_>) -> Result<bool, Error> {
    let since = raise.now.checked_sub(storm.within).unwrap_or(Timestamp::MIN);
    let earliest = tx.opened_before(raise.service, by, i64::from(storm.opens)).await?;
    Ok(earliest.is_some_and(|opened_at| opened_at >= since))
}

async fn open(tx: &mut WriteTx, storm: Storm, raise: &Raise<'_>, key: &str, of: &str) -> Result<(), Error> {
    tx.ask_ahead(&[], &HashSet::from([(raise.service, key)]), raise.now, raise.now).await?;
    if tx.open_incident(raise.service, key).is_some_and(|known| is_fresh(&known, storm, raise.now)) {
        return Ok(());
    }
    let alert = Alert {
        action: Action::Trigger,
        dedup_key: key.to_owned(),
        severity: Severity::Critical,
        summary: format!(
            "storm: more than {} incidents of {of} within {:#}; what opens now waits below this one",
            storm.opens, storm.within
        ),
        details: Default::default(),
        links: Default::default(),
        rule: RULE.to_owned(),
        reason: "too many incidents at once".to_owned(),
        hold: None,
        downtime: None,
        objection: None,
    };
    let storm = Raise { alert: &alert, origin_at: raise.now, over_after: Some(storm.within), ..*raise };
    Box::pin(door::raise(tx, &storm)).await?;
    Ok(())
}

/// Whether it was noted a moment ago.
fn is_fresh(known: &Incident, storm: Storm, now: Timestamp) -> bool {
    let over_at = known.watch.inactive_at.unwrap_or(now);
    over_at.duration_since(now) > storm.within.saturating_sub(NOTED_EVERY)
}

/// The storms that an incident is part of: those that go on and in which it was opened.
pub(crate) async fn around(tx: &mut WriteTx, handling: &Handling, incident: &Incident) -> Result<Vec<Parent>, Error> {
    let mut storms = Vec::new();
    if is_storm(&incident.dedup_key) {
        return Ok(storms);
    }
    let of_sender = handling.sender_storm.filter(|_| !incident.sender.is_empty());
    let of_client = handling.client_storm.filter(|_| !incident.client.is_empty());
    let keys = [
        of_sender.map(|_| sender_key(&incident.sender)),
        of_client.map(|_| client_key(&incident.client)),
        handling.storm.map(|_| KEY.to_owned()),
    ];
    for key in keys.into_iter().flatten() {
        let wanted = ParentKey { service: incident.service.clone(), key: Some(key) };
        storms.extend(tx.open_parent(&wanted).await?.filter(|storm| incident.opened_at >= storm.opened_at));
    }
    Ok(storms)
}

fn sender_key(sender: &str) -> String {
    format!("{KEY}/{sender}")
}

fn client_key(client: &str) -> String {
    format!("{KEY}/client/{client}")
}

fn is_storm(key: &str) -> bool {
    key.strip_prefix(KEY).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
