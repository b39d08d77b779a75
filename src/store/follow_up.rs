//! Follow-ups: rows with leases, like notifications.

use jiff::Timestamp;
use sqlx::any::AnyRow;

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
        let sql = "update follow_up set status = 'sending', attempts = attempts + 1, lease_until = $2, lease_token = $3 \
                   where (status = 'pending' or (status = 'sending' and lease_until <= $1)) and due_at <= $1 \
                   and id in (select id from follow_up where (status = 'pending' or (status = 'sending' \
                   and lease_until <= $1)) and due_at <= $1 order by due_at, id limit $4) returning *";
        let query = sqlx::query(sql)
            .bind(now.as_millisecond())
            .bind(lease_until.as_millisecond())
            .bind(lease_token)
            .bind(limit);
        let rows = query.fetch_all(self.connection()).await?;
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
        let sql = "update follow_up set status = $3, due_at = $4, last_error = $5, finished_at = $6, lease_until = null, \
                   lease_token = null where id = $1 and lease_token = $2 and status = 'sending'";
        let query = sqlx::query(sql)
            .bind(&told.id)
            .bind(told.lease_token.as_deref().unwrap_or_default())
            .bind(to.word())
            .bind(due_at.as_millisecond())
            .bind(error)
            .bind((to != Status::Pending).then(|| now.as_millisecond()));
        query.execute(self.connection()).await?;
        Ok(())
    }
}

impl Store {
    /// Whether a follow-up is due: asked without taking the write lock.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn follow_up_is_due(&self, now: Timestamp) -> Result<bool, Error> {
        let sql = "select id from follow_up where (status = 'pending' or (status = 'sending' and lease_until <= $1)) \
                   and due_at <= $1 limit 1";
        Ok(self.row(sqlx::query(sql).bind(now.as_millisecond())).await?.is_some())
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
