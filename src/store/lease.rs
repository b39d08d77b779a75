//! Rows that a worker leases, tells and moves on: what notices and follow-ups share. Their tables have the columns
//! `status`, `due_at`, `attempts`, `lease_until`, `lease_token`, `last_error` and `finished_at`.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyRow;

use super::{Error, Store, WriteTx};
use crate::domain::notification::Status;

/// What is to be told now: not leased, or leased by somebody who never came back. `$1` is now. The first condition is
/// word for word that of the index of what is due: without it SQLite would go through all that ever was.
const DUE: &str = "status in ('pending', 'sending') and due_at <= $1 and (status = 'pending' or lease_until <= $1)";

/// How the lease of one row ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended<'a> {
    /// Which row.
    pub(super) id: &'a str,
    /// The lease its worker holds.
    pub(super) lease_token: Option<&'a str>,
    /// Where it goes; one that may be tried again is pending.
    pub(super) to: Status,
    /// When it is tried again.
    pub(super) due_at: Timestamp,
    /// What went wrong.
    pub(super) error: Option<&'a str>,
}

impl WriteTx {
    /// Leases the rows of a table that are due. The table's name is one of ours.
    pub(super) async fn lease(
        &mut self,
        table: &'static str,
        now: Timestamp,
        lease_until: Timestamp,
        lease_token: &str,
        limit: i64,
    ) -> Result<Vec<AnyRow>, Error> {
        let sql = format!(
            "update {table} set status = 'sending', attempts = attempts + 1, lease_until = $2, lease_token = $3 \
             where {DUE} and id in (select id from {table} where {DUE} order by due_at, id limit $4) returning *"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(now.as_millisecond())
            .bind(lease_until.as_millisecond())
            .bind(lease_token)
            .bind(limit);
        Ok(query.fetch_all(self.connection()).await?)
    }

    /// Moves a leased row on, if the lease is still the caller's; whether it was.
    pub(super) async fn end_lease(
        &mut self,
        table: &'static str,
        ended: Ended<'_>,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let sql = format!(
            "update {table} set status = $3, due_at = $4, last_error = $5, finished_at = $6, lease_until = null, \
             lease_token = null where id = $1 and lease_token = $2 and status = 'sending'"
        );
        let query = sqlx::query(AssertSqlSafe(sql))
            .bind(ended.id)
            .bind(ended.lease_token.unwrap_or_default())
            .bind(ended.to.word())
            .bind(ended.due_at.as_millisecond())
            .bind(ended.error)
            .bind((ended.to != Status::Pending).then(|| now.as_millisecond()));
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }
}

impl Store {
    /// Whether a row of a table is due: asked without taking the write lock.
    pub(super) async fn is_due(&self, table: &'static str, now: Timestamp) -> Result<bool, Error> {
        let sql = AssertSqlSafe(format!("select id from {table} where {DUE} limit 1"));
        Ok(self.row(sqlx::query(sql).bind(now.as_millisecond())).await?.is_some())
    }
}
