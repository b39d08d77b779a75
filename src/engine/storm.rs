//! Storms: when a service opens too much at once, one incident stands for all that opens then.

use std::collections::HashSet;

use jiff::{SignedDuration, Timestamp};

use super::door::{self, Raise};
use crate::domain::alert::{Action, Alert, Severity};
use crate::domain::dependency::ParentKey;
use crate::domain::handling::Storm;
use crate::domain::incident::Incident;
use crate::domain::situation::Parent;
use crate::store::{Error, WriteTx};

/// The dedup key of the incident that stands for a storm.
pub(crate) const KEY: &str = "nightcall/storm";

/// The name in verdicts of what sees storms.
const RULE: &str = "storm";

/// How often a storm that goes on is noted again.
const NOTED_EVERY: SignedDuration = SignedDuration::from_secs(60);

/// An incident was opened: if it is one of too many, the storm's own incident is opened, or kept open.
pub(crate) async fn opened(tx: &mut WriteTx, storm: Storm, raise: &Raise<'_>) -> Result<(), Error> {
    let since = raise.now.checked_sub(storm.within).unwrap_or(Timestamp::MIN);
    let earliest = tx.opened_before(raise.service, i64::from(storm.opens)).await?;
    if earliest.is_none_or(|opened_at| opened_at < since) {
        return Ok(());
    }
    tx.ask_ahead(&[], &HashSet::from([(raise.service, KEY)]), raise.now, raise.now).await?;
    if tx.open_incident(raise.service, KEY).is_some_and(|known| is_fresh(&known, storm, raise.now)) {
        return Ok(());
    }
    let alert = Alert {
        action: Action::Trigger,
        dedup_key: KEY.to_owned(),
        severity: Severity::Critical,
        summary: format!(
            "storm: more than {} incidents of {} within {:#}; what opens now waits below this one",
            storm.opens, raise.service, storm.within
        ),
        details: Default::default(),
        links: Default::default(),
        rule: RULE.to_owned(),
        reason: "too many incidents at once".to_owned(),
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

/// The storm that an incident is part of, if it was opened in one that goes on.
pub(crate) async fn around(tx: &mut WriteTx, incident: &Incident) -> Result<Option<Parent>, Error> {
    if incident.dedup_key == KEY {
        return Ok(None);
    }
    let wanted = ParentKey { service: incident.service.clone(), key: Some(KEY.to_owned()) };
    let storm = tx.open_parent(&wanted).await?;
    Ok(storm.filter(|storm| incident.opened_at >= storm.opened_at))
}
