//! The timer: finds incidents whose `due_at` has passed and lets them know.
//!
//! Any node may do it and twice does no harm: the incident itself knows whether it is due (I20).

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::intake::REPEAT_WINDOW;
use super::{Engine, Error};
use crate::domain::actor::Actor;
use crate::domain::incident::{Cause, Event};
use crate::store;

/// How often the database is asked. Hints make it faster; this makes it certain.
const POLL: Duration = Duration::from_millis(500);

/// Incidents taken at once.
const BATCH_MAX: i64 = 256;

/// How often old delivery records are cleared away.
const SWEEP_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// Longest time for that.
const SWEEP_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a round of the timer failed. The next round tries again.
#[derive(Debug, thiserror::Error)]
pub enum TimerError {
    /// Nothing could be read.
    #[error("cannot look for due incidents: {0}")]
    Look(#[from] store::Error),
    /// An incident could not be moved on.
    #[error("cannot escalate: {0}")]
    Handle(#[from] Error),
}

/// Runs until told to stop.
pub async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    let mut swept_at = Timestamp::MIN;
    while !stop.is_cancelled() {
        let round = run_due(&engine).await;
        if round.is_ok() {
            engine.pulses().timer_beats();
        }
        match round {
            Ok(0) => {}
            Ok(_) => continue,
            Err(error) => {
                tracing::error!(%error, "the timer failed; trying again");
                tokio::time::sleep(POLL).await;
            }
        }
        let now = engine.clock().now();
        if swept_at.checked_add(SWEEP_EVERY).is_ok_and(|due| due <= now) {
            swept_at = now;
            if let Err(error) = sweep(&engine, now).await {
                tracing::warn!(%error, "old delivery records were not cleared away");
            }
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = engine.timer_hint() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Handles what is due now; returns how many incidents that were.
///
/// # Errors
/// When the database does not answer.
pub async fn run_due(engine: &Arc<Engine>) -> Result<usize, TimerError> {
    engine.expect_heartbeats().await?;
    if let Err(error) = engine.tell_handoffs().await {
        // Nobody's page depends on it.
        tracing::warn!(%error, "people were not told that they come on call");
    }
    let due = engine.store().due_incidents(engine.clock().now(), BATCH_MAX).await?;
    let cause = Cause { actor: Actor::ourselves("timer"), mail_id: None };
    // Begun together, so that they share a commit.
    let mut handling = tokio::task::JoinSet::new();
    for number in &due {
        let (engine, cause, number) = (Arc::clone(engine), cause.clone(), *number);
        handling.spawn(async move { engine.handle(number, Event::TimerDue, cause).await });
    }
    while let Some(handled) = handling.join_next().await {
        handled.map_err(|_| Error::Closed)??;
    }
    let missed = engine.store().missed_heartbeats(engine.clock().now(), BATCH_MAX).await?;
    for (service, name) in &missed {
        engine.heartbeat_missed(service, name).await?;
    }
    Ok(due.len() + missed.len())
}

async fn sweep(engine: &Engine, now: Timestamp) -> Result<(), store::Error> {
    let sweeping = async {
        let mut tx = engine.store().begin().await?;
        let forgotten = tx.forget_deliveries(now - REPEAT_WINDOW).await?;
        tracing::debug!(forgotten, "cleared old delivery records away");
        tx.commit().await
    };
    tokio::time::timeout(SWEEP_TIMEOUT, sweeping).await.unwrap_or(Err(store::Error::TimedOut))
}
