//! Work that a text from outside may make long: parsing of HTML, rules that somebody tries. It is done one piece at a
//! time on a thread of its own, so that it keeps neither other requests nor the engine waiting.

use std::time::Duration;

use axum::http::StatusCode;
use tokio::sync::Semaphore;

use super::frame::Fault;
use crate::http::Error;

/// How long to wait for others.
const WAIT_MAX: Duration = Duration::from_secs(8);

/// Why it was not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Undone {
    /// Others take too long.
    Busy,
    /// It failed inside.
    Failed,
}

impl From<Undone> for Fault {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Busy => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "Others are trying rules. Try again in a moment.")
            }
            Undone::Failed => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "This failed inside. The log says more."),
        }
    }
}

impl From<Undone> for Error {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Busy => Self::TooManyRequests(BUSY_SECONDS),
            Undone::Failed => Self::Unavailable,
        }
    }
}

/// Whoever finds it busy comes back after so many seconds.
const BUSY_SECONDS: u64 = 5;

/// The place where it is done.
#[derive(Debug)]
pub(in crate::http) struct Bench(std::sync::Arc<Semaphore>);

impl Default for Bench {
    fn default() -> Self {
        Self(std::sync::Arc::new(Semaphore::new(1)))
    }
}

impl Bench {
    /// Does a piece of work when it is its turn. The turn lasts as long as the work, even if nobody waits for it.
    ///
    /// # Errors
    /// When others take too long, or the work fails inside.
    pub(in crate::http) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Undone> {
        let turn = tokio::time::timeout(WAIT_MAX, std::sync::Arc::clone(&self.0).acquire_owned()).await;
        let turn = turn.ok().and_then(Result::ok).ok_or(Undone::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        done.await.map_err(|error| {
            tracing::error!(%error, "work for a page failed inside");
            Undone::Failed
        })
    }
}
