//! Follow-ups: rows with leases, like notifications.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::lease::Ended;
use super::{Error, Store, WriteTx, int, text, text_or_none, word};
use crate::domain::follow_up::{ATTEMPTS_MAX, News};
use crate::domain::notification::Status;

/// A stored follow-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFollowUp {
    /// Minted by us.
    pub id: String,
    /// The notification that told them: the first of what was said together.
    pub notification: String,
    /// The incident it is about.
    pub incident_number: i64,
    /// What has happened.
    pub news: News,
    /// Who did it.
    pub actor: String,
    /// Attempts begun.
    pub attempts: i64,
    /// The lease its worker holds.
    pub lease_token: Option<String>,
}

impl WriteTx {
    /// Stores a follow-up, once for what was said together and acted on together.
    pub(crate) async fn insert_follow_up(&mut self, told: &StoredFollowUp, now: Timestamp) -> Result<(), Error> {
        let sql = "insert into follow_up (id, notification, incident_number, kind, actor, status, attempts, created_at, \
                   due_at) values ($1, $2, $3, $4, $5, 'pending', 0, $6, $6) \
                   on conflict (notification, kind, created_at) do nothing";
        let query = sqlx::query(sql)
            .bind(&told.id)
            .bind(&told.notification)
            .bind(told.incident_number)
            .bind(told.news.word())
            .bind(&told.actor)
            .bind(now.as_millisecond());
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Leases follow-ups that are due.
    pub(crate) async fn claim_follow_ups(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        lease_token: &str,
        limit: i64,
    ) -> Result<Vec<StoredFollowUp>, Error> {
        let rows = self.lease("follow_up", now, lease_until, lease_token, limit).await?;
        rows.iter().map(follow_up).collect()
    }

    /// Moves a follow-up on, if the lease is still the caller's. One that may be tried again waits until `due_at`.
    pub(crate) async fn move_follow_up(
        &mut self,
        told: &StoredFollowUp,
        to: Status,
        (due_at, now): (Timestamp, Timestamp),
        error: Option<&str>,
    ) -> Result<(), Error> {
        let to = if to == Status::Pending && told.attempts >= ATTEMPTS_MAX { Status::Failed } else { to };
        let lease_token = told.lease_token.as_deref();
        let ended = Ended { id: &told.id, lease_token, to, due_at, error };
        self.end_lease("follow_up", ended, now).await.map(|_| ())
    }
}

impl Store {
    /// Whether a follow-up is due: asked without taking the write lock.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn follow_up_is_due(&self, now: Timestamp) -> Result<bool, Error> {
        self.is_due("follow_up", now).await
    }
}

fn follow_up(row: &AnyRow) -> Result<StoredFollowUp, Error> {
    Ok(StoredFollowUp {
        id: text(row, "id")?,
        notification: text(row, "notification")?,
        incident_number: int(row, "incident_number")?,
        news: word(row, "kind")?,
        actor: text(row, "actor")?,
        attempts: int(row, "attempts")?,
        lease_token: text_or_none(row, "lease_token")?,
    })
}
