//! Calls under way: those that nobody needs any more are taken back, and where the provider cannot report, or did not,
//! it is asked how a call ended (I28, I31).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::poll::{self, End, Stand};
use crate::domain::notification::Status;
use crate::engine::{About, CallEnd, Engine};
use crate::notify::Channels;
use crate::notify::http::Guard;
use crate::notify::telephone::{QUESTION_TIMEOUT, read_reference};
use crate::store;
use crate::store::notification::Notification;

/// How often it is looked. A call that is not needed any more rings on for no longer.
const EVERY: Duration = Duration::from_secs(1);

/// How long a call can go on: ringing, listening twice, answering.
const CALL_MAX: SignedDuration = SignedDuration::from_mins(5);

/// How often a call is asked about that the provider does not report on.
const ASK_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// After so long a call whose end the provider should have reported is asked about, and as often again.
const REPORT_LATE: SignedDuration = SignedDuration::from_secs(90);

/// What was done about a call.
#[derive(Debug, Clone, Copy)]
struct Seen {
    asked_at: Timestamp,
    cancelled: bool,
}

/// Watches calls.
#[derive(Debug, Clone)]
pub struct Watch {
    engine: Arc<Engine>,
    channels: Arc<Channels>,
    seen: HashMap<String, Seen>,
}

impl Watch {
    /// Watches the calls of these channels.
    pub fn new(engine: Arc<Engine>, channels: Arc<Channels>) -> Self {
        Self { engine, channels, seen: HashMap::new() }
    }

    /// Runs until told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "cannot look for calls under way; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Looks once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn look(&mut self) -> Result<(), store::Error> {
        if self.channels.voice.is_none() {
            return Ok(());
        }
        let now = self.engine.clock().now();
        let calls = self.engine.store().calls_under_way(now - CALL_MAX).await?;
        self.seen.retain(|key, _| calls.iter().any(|(call, _)| call.provider_ref.as_ref() == Some(key)));
        for (call, wanted) in calls {
            self.consider(call, wanted, now).await;
        }
        Ok(())
    }

    async fn consider(&mut self, call: Notification, wanted: bool, now: Timestamp) {
        let Some((voice, reference)) = self.channels.voice.as_ref().zip(call.provider_ref.clone()) else { return };
        let (place, sid) = read_reference(&reference);
        let Some(account) = voice.accounts.get(place) else { return };
        let began = call.attempted_at.unwrap_or(now);
        let seen = self.seen.entry(reference.clone()).or_insert(Seen { asked_at: began, cancelled: false });
        if !wanted && !seen.cancelled {
            seen.cancelled = true;
            let Ok(request) = poll::cancel(account, sid) else { return };
            match self.channels.http.perform_within(&request, Guard::Off, QUESTION_TIMEOUT).await {
                Ok(answer) if answer.is_success() => tracing::info!(notification.id = call.id, "took a call back"),
                // It has been answered, or is over: its end is told as ever.
                Ok(answer) => tracing::debug!(answer.status, "a call could not be taken back"),
                // Asked again the next time.
                Err(_) => seen.cancelled = false,
            }
        }
        let every = if voice.addresses.is_none() { ASK_EVERY } else { REPORT_LATE };
        if call.status != Status::Sent || now.duration_since(seen.asked_at) < every {
            return;
        }
        seen.asked_at = now;
        let Ok(request) = poll::request(account, sid) else { return };
        let Ok(answer) = self.channels.http.perform_within(&request, Guard::Off, QUESTION_TIMEOUT).await else {
            return;
        };
        let end = match poll::read(&answer) {
            Ok(Stand::Underway) => return,
            Ok(Stand::Ended(end)) => call_end(end),
            Err(why) => return tracing::debug!(notification.id = call.id, "nobody knows how a call stands: {why}"),
        };
        let about = About { attempt: call.attempts, provider_ref: reference };
        if let Err(error) = self.engine.call_ended(call, end, about).await {
            tracing::error!(%error, "the end of a call was not stored; it is asked again");
        }
    }
}

/// How a call ended, for the engine.
pub(super) fn call_end(end: End) -> CallEnd {
    match end {
        End::Completed => CallEnd::Completed,
        End::Busy => CallEnd::Busy,
        End::NoAnswer => CallEnd::NoAnswer,
        End::Failed => CallEnd::Failed,
        End::Cancelled => CallEnd::Cancelled,
    }
}
