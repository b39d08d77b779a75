//! What the auditor asks: is anything forgotten?

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, int};

/// Most rows of one kind; a finding names the first and counts the rest.
const ROWS_MAX: i64 = 100;

/// Incidents and notifications that should not be as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Forgotten {
    /// Triggered, and no timer will ever look at them (I17).
    pub without_timer: Vec<i64>,
    /// Their timer is overdue.
    pub overdue: Vec<i64>,
    /// A notification of theirs has been waiting or under way for too long.
    pub stuck: Vec<i64>,
}

impl Store {
    /// Finds them: timers due before `timers_before`, notifications due before `notifications_before`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forgotten(
        &self,
        timers_before: Timestamp,
        notifications_before: Timestamp,
    ) -> Result<Forgotten, Error> {
        // What is open has an index, which an order by the number itself would keep SQLite from using.
        let sql = "select number from incident where resolved_at is null and status = 'triggered' and due_at is null \
                   order by number + 0 limit $1";
        let without_timer = self.numbers(sqlx::query(sql).bind(ROWS_MAX)).await?;
        let sql = "select number from incident where due_at < $1 order by due_at, number limit $2";
        let overdue = self.numbers(sqlx::query(sql).bind(timers_before.as_millisecond()).bind(ROWS_MAX)).await?;
        let sql = "select distinct n.incident_number as number from notification n \
                   join incident i on i.number = n.incident_number \
                   where n.status in ('pending', 'sending') and n.due_at < $1 and i.status = 'triggered' \
                   order by n.incident_number limit $2";
        let stuck = self.numbers(sqlx::query(sql).bind(notifications_before.as_millisecond()).bind(ROWS_MAX)).await?;
        Ok(Forgotten { without_timer, overdue, stuck })
    }

    async fn numbers(
        &self,
        query: sqlx::query::Query<'_, sqlx::Any, sqlx::any::AnyArguments>,
    ) -> Result<Vec<i64>, Error> {
        let rows = self.rows(query).await?;
        rows.iter().map(|row: &AnyRow| int(row, "number")).collect()
    }
}
