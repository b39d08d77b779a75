//! The worker: leases due notifications, says them, reports what came of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Channels;
use crate::domain::notification::Outcome;
use crate::engine::{Claimed, Engine, FollowUp};
use crate::store;
use crate::store::notice::StoredNotice;

/// Notifications being sent at once.
const IN_FLIGHT_MAX: usize = 32;

/// How often the database is asked. Hints make it faster; this makes it certain.
const POLL: Duration = Duration::from_millis(500);

/// Longest time a channel may take over one notification, whatever it does inside.
const SEND_TIMEOUT: Duration = Duration::from_secs(25);

/// Sends notifications.
#[derive(Debug, Clone)]
pub struct Worker {
    engine: Arc<Engine>,
    channels: Arc<Channels>,
}

impl Worker {
    /// A worker over these channels.
    pub fn new(engine: Arc<Engine>, channels: Arc<Channels>) -> Self {
        Self { engine, channels }
    }

    /// Runs until told to stop, then lets what is being sent finish.
    pub async fn run(self, stop: CancellationToken) {
        let mut in_flight = JoinSet::new();
        // Whether the last look left something behind.
        let mut more = false;
        while !stop.is_cancelled() {
            let free = IN_FLIGHT_MAX - in_flight.len();
            match self.send_due(free, &mut in_flight).await {
                Ok(count) => {
                    more = count == free;
                    self.engine.pulses().worker_beats();
                }
                Err(error) => {
                    tracing::error!(%error, "cannot look for due notifications; trying again");
                    tokio::time::sleep(POLL).await;
                }
            }
            // In a storm a look costs far more than a page, so it waits until there is room for many.
            let crowded = |in_flight: &JoinSet<()>| more && in_flight.len() > IN_FLIGHT_MAX / 2;
            let again = tokio::time::sleep(POLL);
            tokio::pin!(again);
            loop {
                tokio::select! {
                    () = stop.cancelled() => {}
                    Some(_) = in_flight.join_next(), if !in_flight.is_empty() => {
                        if crowded(&in_flight) {
                            continue;
                        }
                    }
                    () = self.engine.worker_hint(), if !more && in_flight.len() < IN_FLIGHT_MAX => {}
                    () = &mut again => {}
                }
                break;
            }
        }
        while in_flight.join_next().await.is_some() {}
    }

    /// Sends everything that is due now and waits for it; returns how many notifications that were.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn run_due(&self) -> Result<usize, store::Error> {
        let mut in_flight = JoinSet::new();
        let count = self.send_due(IN_FLIGHT_MAX, &mut in_flight).await?;
        while in_flight.join_next().await.is_some() {}
        Ok(count)
    }

    async fn send_due(&self, limit: usize, in_flight: &mut JoinSet<()>) -> Result<usize, store::Error> {
        if limit == 0 {
            return Ok(0);
        }
        let claimed = self.engine.claim(limit).await?;
        let mut count = claimed.len();
        for claimed in claimed {
            in_flight.spawn(self.clone().send(claimed));
        }
        // Pages first; what nobody has to act on takes the places that are left.
        for notice in self.engine.claim_notices(limit - count.min(limit)).await? {
            in_flight.spawn(self.clone().tell(notice));
            count += 1;
        }
        for follow_up in self.engine.claim_follow_ups(limit - count.min(limit)).await? {
            in_flight.spawn(self.clone().follow_up(follow_up));
            count += 1;
        }
        Ok(count)
    }

    async fn follow_up(self, told: FollowUp) {
        let reader = self.channels.reader(&told.notification.user);
        let telling = tokio::time::timeout(SEND_TIMEOUT, self.channels.follow_up(&told, &reader));
        let outcome = telling.await.unwrap_or_else(|_| Outcome::Unknown("the provider timed out".to_owned()));
        tracing::info!(
            incident.number = told.stored.incident_number,
            notification.id = told.notification.id,
            channel = told.notification.channel.word(),
            attempt = told.stored.attempts,
            outcome = word(&outcome),
            "telling {} by {} that incident #{} is {}",
            told.notification.user,
            told.notification.channel,
            told.stored.incident_number,
            told.stored.news
        );
        if let Err(error) = self.engine.report_follow_up(&told.stored, &outcome).await {
            tracing::error!(%error, "a follow-up's outcome was not stored; it will be told again");
        }
    }

    async fn tell(self, told: StoredNotice) {
        let reader = self.channels.reader(&told.user);
        let telling = tokio::time::timeout(SEND_TIMEOUT, self.channels.tell(&told, &reader));
        let outcome = telling.await.unwrap_or_else(|_| Outcome::Unknown("the provider timed out".to_owned()));
        tracing::info!(
            notice.id = told.id,
            channel = told.channel.word(),
            attempt = told.attempts,
            outcome = word(&outcome),
            "telling {} by {}: {}",
            told.user,
            told.channel,
            told.notice.word()
        );
        if let Err(error) = self.engine.report_notice(&told, &outcome).await {
            tracing::error!(%error, "a notice's outcome was not stored; it will be told again");
        }
    }

    async fn send(self, claimed: Claimed) {
        let reader = self.channels.reader(&claimed.notification.user);
        let sending = tokio::time::timeout(SEND_TIMEOUT, self.channels.send(&claimed, &reader));
        let outcome = sending.await.unwrap_or_else(|_| Outcome::Unknown("the provider timed out".to_owned()));
        let notification = &claimed.notification;
        tracing::info!(
            incident.number = notification.incident_number,
            notification.id = notification.id,
            channel = notification.channel.word(),
            attempt = notification.attempts,
            outcome = word(&outcome),
            "paging {} by {} for incident #{}{}",
            notification.user,
            notification.channel,
            notification.incident_number,
            match claimed.others.len() {
                0 => String::new(),
                others => format!(" and {others} more"),
            }
        );
        if let Err(error) = self.engine.report(claimed, outcome).await {
            tracing::error!(%error, "a notification's outcome was not stored; it will be sent again");
        }
    }
}

fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Retry(_) => "retry",
        Outcome::Unknown(_) => "unknown",
        Outcome::Later { .. } => "later",
        Outcome::Failed(_) => "failed",
    }
}
