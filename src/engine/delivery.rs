//! Delivery: leases for workers, and what their news does to a notification and its incident.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rand::RngExt as _;

use super::committer::{Done, Work};
use super::door::{self, Handled, random_id};
use super::{Engine, Error};
use crate::domain::Definitions;
use crate::domain::incident::{Cause, Event, Incident};
use crate::domain::notification::{ATTEMPTS_MAX, Outcome, Status, retry_delay};
use crate::store::notification::{Move, Notification};
use crate::store::{self, WriteTx};

/// How long a worker owns what it claimed. Providers are given up on well before (RELIABILITY: lease rules).
const LEASE: SignedDuration = SignedDuration::from_secs(30);

/// Longest time for leasing; what was leased by then runs out by itself.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before calling again somebody who is on the phone or did not pick up.
const RING_AGAIN: SignedDuration = SignedDuration::from_secs(60);

/// Calls to one person for one page that may ring in vain.
const RINGS_MAX: i64 = 2;

/// A leased notification with what it is about.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Whom to reach and how.
    pub notification: Notification,
    /// What happened.
    pub incident: Incident,
}

/// How a phone call ended, in Twilio's words (`CallStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// It was answered, by a person or a machine.
    Completed,
    /// The line was busy.
    Busy,
    /// It rang out.
    NoAnswer,
    /// The provider could not place it.
    Failed,
}

/// Which call some news is about: a notification may have been called about several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Which attempt it was, from 1.
    pub attempt: i64,
    /// The provider's name for the call.
    pub provider_ref: String,
}

/// News of one notification.
#[derive(Debug)]
pub(crate) struct Report {
    notification: Notification,
    news: News,
    now: Timestamp,
    jitter: f64,
    definitions: Arc<Definitions>,
}

impl Report {
    pub(crate) fn incident_number(&self) -> i64 {
        self.notification.incident_number
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }
}

#[derive(Debug)]
enum News {
    /// A worker has tried.
    Tried(Outcome),
    /// The provider tells how a call went.
    CallEnded(CallEnd, About),
}

impl Engine {
    /// Leases up to `limit` due notifications.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim(&self, limit: i64) -> Result<Vec<Claimed>, store::Error> {
        let now = self.clock.now();
        if !self.store.has_due_notification(now).await? {
            return Ok(Vec::new());
        }
        let claiming = async {
            let mut tx = self.store.begin().await?;
            let claimed = tx.claim(now, now + LEASE, &random_id(), limit).await?;
            tx.commit().await?;
            Ok(claimed)
        };
        let claimed = tokio::time::timeout(CLAIM_TIMEOUT, claiming).await.unwrap_or(Err(store::Error::TimedOut))?;
        Ok(claimed.into_iter().map(|(notification, incident)| Claimed { notification, incident }).collect())
    }

    /// Tells what a worker's attempt came to.
    ///
    /// # Errors
    /// When it could not be stored; the lease then runs out and the attempt is made again (I27).
    pub async fn report(&self, notification: Notification, outcome: Outcome) -> Result<(), Error> {
        self.submit_report(notification, News::Tried(outcome)).await
    }

    /// Tells how a phone call ended. News of any other than the newest call changes nothing.
    ///
    /// # Errors
    /// When it could not be stored; the provider may repeat it.
    pub async fn call_ended(&self, notification: Notification, end: CallEnd, about: About) -> Result<(), Error> {
        self.submit_report(notification, News::CallEnded(end, about)).await
    }

    /// A human answered a notification: it counts as delivered, and the event happens to the incident. `None` when
    /// it was answered before: a key press repeated by the provider acts once (I15).
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn answer(
        &self,
        notification: &Notification,
        event: Event,
        cause: Cause,
    ) -> Result<Option<Handled>, Error> {
        let (number, now, definitions) = (notification.incident_number, self.clock.now(), self.definitions());
        let work = Work::Answer { id: notification.id.clone(), number, event, cause, now, definitions };
        match self.committer.submit(work).await? {
            Done::Handled(handled) => Ok(handled.map(|handled| *handled)),
            other => unreachable!("an answer is answered by what it did, not by {other:?}"),
        }
    }

    async fn submit_report(&self, notification: Notification, news: News) -> Result<(), Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        let report = Report { notification, news, now, jitter: rand::rng().random(), definitions };
        self.committer.submit(Work::Report(Box::new(report))).await.map(|_| ())
    }
}

/// Moves the notification on, tells the timeline, and lets the incident know when its page reached nobody.
pub(crate) async fn note(tx: &mut WriteTx, report: &Report) -> Result<(), store::Error> {
    let Report { notification, news, now, jitter, definitions } = report;
    let (number, page) = (notification.incident_number, notification.page);
    // Incident before notification: everybody takes locks in this order.
    if tx.lock_incident(number, *now).await?.is_none() {
        return Ok(());
    }
    let (to, told) = match news {
        News::Tried(outcome) => tried(notification, outcome, *now, *jitter),
        News::CallEnded(end, _) => ended(notification, *end, *now),
    };
    let moved = match news {
        News::Tried(_) => {
            let lease = notification.lease_token.as_deref().unwrap_or_default();
            tx.move_leased(&notification.id, lease, &to, *now).await?
        }
        News::CallEnded(_, about) => {
            tx.move_sent(&notification.id, (about.attempt, &about.provider_ref), &to, *now).await?
        }
    };
    if !moved {
        // Cancelled meanwhile, or another worker's by now: nothing to change (I26).
        tracing::debug!(notification.id, "late news of a notification");
        return Ok(());
    }
    let cause = Cause { actor: notification.channel.word().to_owned(), mail_id: None };
    let detail = format!("{} by {}: {told}", notification.user, notification.channel);
    door::handle(tx, number, &Event::Noted { detail }, &cause, definitions, *now).await?;
    if to.to == Status::Failed && tx.page_has_failed(number, page).await? {
        door::handle(tx, number, &Event::PageFailed { page }, &cause, definitions, *now).await?;
    }
    Ok(())
}

fn tried(notification: &Notification, outcome: &Outcome, now: Timestamp, jitter: f64) -> (Move, String) {
    let rings = notification.rings;
    match outcome {
        Outcome::Accepted(reference) => {
            let provider_ref = Some(reference.clone()).filter(|reference| !reference.is_empty());
            (Move { to: Status::Sent, due_at: now, provider_ref, error: None, rings }, "on its way".to_owned())
        }
        Outcome::Retry(why) if notification.attempts < ATTEMPTS_MAX => {
            let delay = retry_delay(notification.attempts, jitter);
            let to =
                Move { to: Status::Pending, due_at: now + delay, provider_ref: None, error: Some(why.clone()), rings };
            (to, format!("{why}; trying again in {} s", delay.as_secs()))
        }
        Outcome::Retry(why) | Outcome::Failed(why) => (failed(notification, why, now), format!("failed: {why}")),
    }
}

/// "Completed" without a key press is not "reached": voicemail completes too (I29).
fn ended(notification: &Notification, end: CallEnd, now: Timestamp) -> (Move, String) {
    let why = match end {
        CallEnd::Completed => "the call ended without a key press",
        CallEnd::Busy => "the line is busy",
        CallEnd::NoAnswer => "nobody picked up",
        CallEnd::Failed => "the call could not be placed",
    };
    let rings = notification.rings + 1;
    if matches!(end, CallEnd::Busy | CallEnd::NoAnswer) && rings < RINGS_MAX {
        let error = Some(why.to_owned());
        let to = Move { to: Status::Pending, due_at: now + RING_AGAIN, provider_ref: None, error, rings };
        return (to, format!("{why}; calling again in {} s", RING_AGAIN.as_secs()));
    }
    (Move { rings, ..failed(notification, why, now) }, format!("failed: {why}"))
}

fn failed(notification: &Notification, why: &str, now: Timestamp) -> Move {
    Move {
        to: Status::Failed,
        due_at: now,
        provider_ref: notification.provider_ref.clone(),
        error: Some(why.to_owned()),
        rings: notification.rings,
    }
}
