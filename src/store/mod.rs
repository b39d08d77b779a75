//! The store: the only place with SQL, one implementation over `sqlx::Any` for SQLite and PostgreSQL.
//!
//! Called by the engine for changes and by the API for reads. It decides nothing: what an incident becomes is
//! the domain's word. A write transaction starts with a write, so that neither database can be raced: SQLite
//! takes its lock at `begin immediate`, PostgreSQL its row locks at the first update.

pub mod access;
pub mod answered;
pub mod archive;
pub mod audit;
pub mod board;
pub mod calendar;
mod dialect;
pub mod follow_up;
pub mod happened;
pub mod heartbeat;
pub mod incident;
mod lease;
pub mod log;
pub mod mail;
pub mod node;
pub mod notice;
pub mod notification;
pub mod numbers;
pub mod oncall;
mod open;
mod pending;
pub mod push;
pub mod search;
pub mod sign_in;
mod statement;
pub mod token;
pub mod trail;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::pool::PoolConnection;
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AnyPool, Row};
use std::time::Duration;

pub use self::dialect::Dialect;
use self::log::Growth;
use self::oncall::Arranged;
pub use self::open::OpenError;
pub(crate) use self::pending::Delivery;
use self::pending::Pending;
use self::trail::Act;

/// Longest time for one read. A peer that vanished without a word answers never, and the driver would wait.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A handle on the database; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    dialect: Dialect,
    reading: AnyPool,
    writing: AnyPool,
    growth: Arc<Growth>,
}

/// What can go wrong once the database is open. Each says its cause itself, so that a log line and the end of a
/// command read the same.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer, refused, or broke off. Trying again may help.
    #[error("the database is not available: {0}")]
    Unavailable(sqlx::Error),
    /// The database did not answer in time.
    #[error("the database does not answer")]
    TimedOut,
    /// Another transaction got there first; running this one again will see its work.
    #[error("the database asks to try again: {0}")]
    Conflict(sqlx::Error),
    /// A row holds what no version of this program writes.
    #[error("unreadable {what} in the database: {value:?}")]
    Corrupt {
        /// The column.
        what: &'static str,
        /// What it holds.
        value: String,
    },
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        // SQLSTATE class 40 is transaction rollback, class 23 an integrity violation by a concurrent writer.
        let code =
            error.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default().into_owned();
        let unique = error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation);
        if unique || (code.len() == 5 && code.starts_with("40")) {
            Self::Conflict(error)
        } else {
            Self::Unavailable(error)
        }
    }
}

/// A write transaction. Dropped without [`WriteTx::commit`] it closes its connection, which rolls it back
/// without waiting for a peer that may be gone.
#[derive(Debug)]
pub struct WriteTx {
    connection: PoolConnection<Any>,
    growth: Arc<Growth>,
    pending: Pending,
    entries: HashMap<i64, i64>,
    arranged: Option<Arc<Arranged>>,
    told: Vec<(Timestamp, Act)>,
    finished: bool,
}

/// A connection that is closed, not handed back, when what it was asked is not finished: handing it back would
/// wait for a peer that may be gone.
struct Reading {
    connection: PoolConnection<Any>,
    finished: bool,
}

impl Drop for Reading {
    fn drop(&mut self) {
        if !self.finished {
            self.connection.close_on_drop();
        }
    }
}

impl Store {
    /// All rows of a query, within [`READ_TIMEOUT`].
    async fn rows(&self, query: Query<'_, Any, AnyArguments>) -> Result<Vec<AnyRow>, Error> {
        let mut reading = Reading { connection: self.reading.acquire().await?, finished: false };
        let fetching = tokio::time::timeout(READ_TIMEOUT, query.fetch_all(&mut *reading.connection));
        let rows = fetching.await.map_err(|_| Error::TimedOut)?;
        reading.finished = true;
        Ok(rows?)
    }

    /// The only row of a query, if there is one.
    async fn row(&self, query: Query<'_, Any, AnyArguments>) -> Result<Option<AnyRow>, Error> {
        Ok(self.rows(query).await?.into_iter().next())
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Starts a write transaction.
    ///
    /// # Errors
    /// When no connection is to be had.
    pub async fn begin(&self) -> Result<WriteTx, Error> {
        let connection = self.writing.acquire().await?;
        let mut tx = WriteTx {
            connection,
            growth: Arc::clone(&self.growth),
            pending: Pending::new(self.dialect),
            entries: HashMap::new(),
            arranged: None,
            told: Vec::new(),
            finished: false,
        };
        sqlx::query(self.dialect.begin()).execute(&mut *tx.connection).await?;
        Ok(tx)
    }

    /// Proves that writing works by writing the node's row.
    ///
    /// # Errors
    /// When it does not.
    pub async fn touch(&self, node: &str, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into node (name, seen_at) values ($1, $2) \
                   on conflict (name) do update set seen_at = excluded.seen_at";
        sqlx::query(sql).bind(node).bind(now.as_millisecond()).execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Counts rows for the metrics: `(table, status, count)`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn counts(&self) -> Result<Vec<(String, String, i64)>, Error> {
        let sql = "select 'incident' as what, status, count(*) as n from incident where number > 0 group by status \
                   union all select 'exhausted', 'open', count(*) from incident where exhausted = 1 and resolved_at is null and number > 0 \
                   union all select 'notification', status, count(*) from notification group by status \
                   union all select 'mail', 'stored', count(*) from mail \
                   union all select 'unmatched', 'stored', count(distinct mail_id) from alert \
                   where rule in ('recogniser', 'catch-all') \
                   union all select 'quarantined', 'held', count(*) from alert where held = 'quarantine' \
                   union all select 'set aside', rule, count(*) from alert where rule in ('automatic-reply', 'mail-loop') group by rule \
                   union all select 'alert', action, count(*) from alert group by action";
        let rows = self.rows(sqlx::query(sql)).await?;
        rows.iter().map(|row| Ok((text(row, "what")?, text(row, "status")?, int(row, "n")?))).collect()
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.writing.close().await;
        self.reading.close().await;
    }
}

impl WriteTx {
    /// Asks at once, for all mails of a transaction, whether each was delivered before and which incidents are open
    /// with their keys. [`WriteTx::first_delivery`] and [`WriteTx::open_incident`] know what was asked here.
    pub(crate) async fn ask_ahead(
        &mut self,
        deliveries: &[Delivery<'_>],
        keys: &HashSet<(&str, &str)>,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<(), Error> {
        self.pending.ask_ahead(&mut self.connection, deliveries, keys, now, since).await
    }

    /// Whether it has opened an incident, or moved one so that something may be due at another time.
    pub(crate) fn has_stirred(&self) -> bool {
        self.pending.has_stirred()
    }

    /// Writes what was kept back. A mistake in it shows here, before the commit, where it is still certain that
    /// nothing is stored.
    ///
    /// # Errors
    /// When the database refuses it.
    pub async fn flush(&mut self) -> Result<(), Error> {
        self.entries.clear();
        self.pending.flush(&mut self.connection).await
    }

    /// Makes it durable.
    ///
    /// # Errors
    /// When it may not be; nobody knows then, and the caller must say so.
    pub async fn commit(mut self) -> Result<(), Error> {
        self.flush().await?;
        self.seal().await?;
        sqlx::query("commit").execute(&mut *self.connection).await?;
        self.finished = true;
        self.growth.add(self.pending.flushed_bytes());
        Ok(())
    }

    pub(crate) fn connection(&mut self) -> &mut AnyConnection {
        &mut self.connection
    }
}

impl Drop for WriteTx {
    fn drop(&mut self) {
        if !self.finished {
            self.connection.close_on_drop();
        }
    }
}

fn text(row: &AnyRow, column: &str) -> Result<String, Error> {
    Ok(row.try_get::<String, _>(column)?)
}

fn text_or_none(row: &AnyRow, column: &str) -> Result<Option<String>, Error> {
    Ok(row.try_get::<Option<String>, _>(column)?)
}

fn int(row: &AnyRow, column: &str) -> Result<i64, Error> {
    Ok(row.try_get::<i64, _>(column)?)
}

fn instant(row: &AnyRow, column: &'static str) -> Result<Timestamp, Error> {
    millis(int(row, column)?, column)
}

fn instant_or_none(row: &AnyRow, column: &'static str) -> Result<Option<Timestamp>, Error> {
    row.try_get::<Option<i64>, _>(column)?.map(|value| millis(value, column)).transpose()
}

fn millis(value: i64, what: &'static str) -> Result<Timestamp, Error> {
    Timestamp::from_millisecond(value).map_err(|_| Error::Corrupt { what, value: value.to_string() })
}

fn word<T: std::str::FromStr>(row: &AnyRow, column: &'static str) -> Result<T, Error> {
    let value = text(row, column)?;
    value.parse().map_err(|_| Error::Corrupt { what: column, value })
}

fn json<T: serde::de::DeserializeOwned>(row: &AnyRow, column: &'static str) -> Result<T, Error> {
    let value = text(row, column)?;
    serde_json::from_str(&value).map_err(|_| Error::Corrupt { what: column, value })
}

fn to_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("our own types have string keys only, so they always serialise")
}
