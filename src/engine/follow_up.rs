//! Follow-ups: those who were paged are told that somebody has it, or that it is over.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::RngExt as _;

use super::door::random_id;
use super::notice::{LEASE, TIMEOUT, in_time, moved_by};
use super::{Engine, Error};
use crate::domain::Definitions;
use crate::domain::follow_up::{News, is_told};
use crate::domain::incident::{Incident, Kind};
use crate::domain::notification::{Outcome, retry_delay};
use crate::store::follow_up::StoredFollowUp;
use crate::store::notification::Notification;
use crate::store::{self, WriteTx};

/// A follow-up and what it is about.
#[derive(Debug, Clone)]
pub struct FollowUp {
    /// What happened, and who did it.
    pub stored: StoredFollowUp,
    /// The message that told them.
    pub notification: Notification,
    /// The incidents it is about as they are now; empty when it is not true any more.
    pub incidents: Vec<Incident>,
    /// All that the message told of is in the same state, so that the message as a whole can be changed.
    pub is_whole: bool,
}

impl Engine {
    /// Leases follow-ups that are due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim_follow_ups(&self, limit: usize) -> Result<Vec<FollowUp>, store::Error> {
        let now = self.clock.now();
        if limit == 0 || !self.store.follow_up_is_due(now).await? {
            return Ok(Vec::new());
        }
        let claiming = async {
            let mut tx = self.store.begin().await?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let claimed = tx.claim_follow_ups(now, now + LEASE, &random_id(), limit).await?;
            tx.commit().await?;
            Ok(claimed)
        };
        let claimed: Vec<StoredFollowUp> =
            tokio::time::timeout(TIMEOUT, claiming).await.unwrap_or(Err(store::Error::TimedOut))?;
        let mut follow_ups = Vec::with_capacity(claimed.len());
        for stored in claimed {
            let Some(notification) = self.store.notification(&stored.notification).await? else { continue };
            let mut bundled = self.store.bundled_incidents(&stored.notification).await?;
            if bundled.is_empty() {
                bundled.extend(self.store.incident(stored.incident_number).await?);
            }
            let is_whole = bundled.iter().all(|incident| stored.news.holds(incident.status));
            bundled.retain(|incident| is_whole || incident.number == stored.incident_number);
            bundled.retain(|incident| stored.news.holds(incident.status));
            bundled.sort_by_key(|incident| (std::cmp::Reverse(incident.severity), incident.number));
            follow_ups.push(FollowUp { stored, notification, incidents: bundled, is_whole });
        }
        Ok(follow_ups)
    }

    /// Tells what came of a follow-up.
    ///
    /// # Errors
    /// When it could not be made durable; it is then told again.
    pub async fn report_follow_up(&self, told: &StoredFollowUp, outcome: &Outcome) -> Result<(), Error> {
        let now = self.clock.now();
        let retry_at = now + retry_delay(told.attempts, rand::rng().random());
        let (to, error) = moved_by(outcome);
        in_time(async {
            let mut tx = self.store.begin().await?;
            tx.move_follow_up(told, to, (retry_at, now), error).await?;
            tx.commit().await
        })
        .await
    }
}

/// Plans what those are told who were paged for an incident, in the transaction that changes it.
pub(super) async fn plan(
    tx: &mut WriteTx,
    incident: &Incident,
    kinds: impl Iterator<Item = Kind>,
    actor: &str,
    definitions: &Definitions,
    now: Timestamp,
) -> Result<(), store::Error> {
    let Some(news) = kinds.filter_map(News::of).last().filter(|_| incident.pages > 0) else { return Ok(()) };
    // A message that can be changed is; of those that cannot, only one more follows for each contact.
    let mut told: BTreeMap<_, String> = BTreeMap::new();
    for (lead, notification) in tx.told_of(incident.number).await? {
        if is_wanted(definitions, &notification, actor) {
            let channel = notification.channel;
            let each = if channel.changes_messages() { lead.clone() } else { notification.user.clone() };
            told.insert((channel, notification.address.clone(), each), lead);
        }
    }
    for lead in told.into_values() {
        tx.insert_follow_up(&new(lead, incident.number, news, actor), now).await?;
    }
    Ok(())
}

/// A provider has taken a page that was cancelled meanwhile: it is told at once that it need not act.
pub(super) async fn plan_late(
    tx: &mut WriteTx,
    (incident, notification): (&Incident, &Notification),
    reference: &str,
    definitions: &Definitions,
    now: Timestamp,
) -> Result<(), store::Error> {
    let by = incident.acknowledged.as_ref().map_or("nightcall", |(_, by)| by.as_str());
    let news = [News::Acknowledged, News::Resolved].into_iter().find(|news| news.holds(incident.status));
    if let Some(news) = news.filter(|_| is_wanted(definitions, notification, by)) {
        tx.keep_reference(&notification.id, reference).await?;
        tx.insert_follow_up(&new(notification.id.clone(), incident.number, news, by), now).await?;
    }
    Ok(())
}

fn is_wanted(definitions: &Definitions, notification: &Notification, actor: &str) -> bool {
    let wanted = definitions.roster.users.get(&notification.user).is_none_or(|user| user.follow_ups);
    is_told(notification.channel, &notification.user, actor, wanted)
}

fn new(notification: String, incident_number: i64, news: News, actor: &str) -> StoredFollowUp {
    let (id, actor) = (random_id(), actor.to_owned());
    StoredFollowUp { id, notification, incident_number, news, actor, attempts: 0, lease_token: None }
}
