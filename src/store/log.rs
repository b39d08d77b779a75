//! Keeping SQLite's write-ahead log short, beside the commits and not within them.
//!
//! SQLite copies the log back into the file ("checkpoint") by itself, within whichever commit made it too long; every
//! sender then waits for the whole of it. Here most of it is copied while commits go on, which never makes anybody
//! wait; then, between two commits, the little that came meanwhile, so that the log starts anew and does not grow.
//! Source: sqlite.org/wal.html, sqlite.org/c3ref/wal_checkpoint_v2.html.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Dialect, Error, Reading, Store};

/// So many bytes written are worth copying back. Four times as much (see the dialect) makes a commit do it.
const WORTH_BYTES: u64 = 8 << 20;

/// What a commit writes at least: the pages that every batch of mails changes.
const COMMIT_BYTES: u64 = 64 << 10;

/// Longest time for one checkpoint.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How much has been written since the log was last copied back, as far as the store can tell.
#[derive(Debug, Default)]
pub(super) struct Growth {
    bytes: AtomicU64,
    worth: Notify,
}

impl Growth {
    /// A commit has written so much of its own; indexes come on top.
    pub(super) fn add(&self, bytes: usize) {
        let more = COMMIT_BYTES + 2 * bytes as u64;
        if self.bytes.fetch_add(more, Ordering::Relaxed) + more >= WORTH_BYTES {
            self.worth.notify_one();
        }
    }

    async fn is_worth_it(&self) {
        self.worth.notified().await;
        self.bytes.store(0, Ordering::Relaxed);
    }
}

impl Store {
    /// Copies the log back whenever that is worth it, until told to stop. PostgreSQL does so by itself.
    pub async fn keep_log_short(self, stop: CancellationToken) {
        if self.dialect != Dialect::Sqlite {
            return stop.cancelled().await;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.growth.is_worth_it() => {}
            }
            if let Err(error) = self.copy_log_back().await {
                // The next commits go on; SQLite does it itself once the log is long.
                tracing::warn!(%error, "the database's log was not copied back");
            }
        }
    }

    /// Copies the log back: what is there by now while commits go on, and the rest between two of them. The commit after
    /// that begins the log anew, unless a reader still needs it.
    ///
    /// # Errors
    /// When the database does not answer. What is in the log is as durable as before.
    pub async fn copy_log_back(&self) -> Result<(), Error> {
        // "Passive" waits for nobody, and nobody waits for it.
        for pool in [&self.reading, &self.writing] {
            let mut turn = Reading { connection: pool.acquire().await?, finished: false };
            let copying = sqlx::query("pragma wal_checkpoint(passive)").fetch_all(&mut *turn.connection);
            let copied = tokio::time::timeout(TIMEOUT, copying).await.map_err(|_| Error::TimedOut)?;
            turn.finished = true;
            copied?;
        }
        Ok(())
    }
}
