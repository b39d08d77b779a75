//! What people arrange by hand: shifts taken over, and silences.

use std::sync::Arc;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, WriteTx, instant, instant_or_none, int, json, text, text_or_none, to_json};
use crate::domain::matcher::{Matcher, Wanted};
use crate::domain::schedule::Override;
use crate::domain::silence::Silence;
use crate::domain::situation::Swap;

/// A stored override with who made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredOverride {
    /// Of which schedule, and what.
    pub swap: Swap,
    /// Who made it.
    pub author: String,
    /// When.
    pub created_at: Timestamp,
}

/// What people have arranged by hand and is not over.
#[derive(Debug, Default)]
pub(crate) struct Arranged {
    /// Oldest first.
    pub(crate) overrides: Vec<Swap>,
    /// Oldest first.
    pub(crate) silences: Vec<Silence>,
}

impl WriteTx {
    /// What is arranged, read once for the transaction.
    pub(crate) async fn arranged(&mut self, now: Timestamp) -> Result<Arc<Arranged>, Error> {
        if let Some(arranged) = &self.arranged {
            return Ok(Arc::clone(arranged));
        }
        let (since, mut arranged) = (now.as_millisecond(), Arranged::default());
        for row in sqlx::query(OVERRIDES).bind(since).fetch_all(self.connection()).await? {
            arranged.overrides.push(stored_override(&row)?.swap);
        }
        for row in sqlx::query(SILENCES).bind(since).fetch_all(self.connection()).await? {
            arranged.silences.push(silence(&row)?);
        }
        Ok(Arc::clone(self.arranged.insert(Arc::new(arranged))))
    }

    /// Stores an override.
    pub(crate) async fn insert_override(&mut self, stored: &StoredOverride) -> Result<(), Error> {
        self.arranged = None;
        let sql = "insert into shift_override (id, schedule, username, replaces, starts_at, ends_at, author, created_at) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8)";
        let shift = &stored.swap.shift;
        let query = sqlx::query(sql)
            .bind(&shift.id)
            .bind(&stored.swap.schedule)
            .bind(&shift.user)
            .bind(&shift.replaces)
            .bind(shift.starts_at.as_millisecond())
            .bind(shift.ends_at.as_millisecond())
            .bind(&stored.author)
            .bind(stored.created_at.as_millisecond());
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Takes an override back, and returns it. `None` when there is none.
    pub(crate) async fn delete_override(&mut self, id: &str) -> Result<Option<StoredOverride>, Error> {
        self.arranged = None;
        let query = sqlx::query("delete from shift_override where id = $1 returning *").bind(id);
        query.fetch_optional(self.connection()).await?.as_ref().map(stored_override).transpose()
    }

    /// Stores a silence.
    pub(crate) async fn insert_silence(&mut self, silence: &Silence, now: Timestamp) -> Result<(), Error> {
        self.arranged = None;
        let sql = "insert into silence (id, wanted, starts_at, ends_at, reason, author, created_at) \
                   values ($1, $2, $3, $4, $5, $6, $7)";
        let query = sqlx::query(sql)
            .bind(&silence.id)
            .bind(to_json(silence.matcher.wanted()))
            .bind(silence.starts_at.as_millisecond())
            .bind(silence.ends_at.as_millisecond())
            .bind(&silence.reason)
            .bind(&silence.author)
            .bind(now.as_millisecond());
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Ends a silence now. `false` when there is none that lasts.
    pub(crate) async fn end_silence(&mut self, id: &str, now: Timestamp) -> Result<bool, Error> {
        self.arranged = None;
        let sql = "update silence set ends_at = $2 where id = $1 and ends_at > $2";
        let query = sqlx::query(sql).bind(id).bind(now.as_millisecond());
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }

    /// When the last silence of somebody about just this has ended.
    pub(crate) async fn silence_ended(
        &mut self,
        wanted: &Wanted,
        author: &str,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let sql = "select max(ends_at) as ended from silence where wanted = $1 and author = $2 and ends_at <= $3";
        let query = sqlx::query(sql).bind(to_json(wanted)).bind(author).bind(now.as_millisecond());
        instant_or_none(&query.fetch_one(self.connection()).await?, "ended")
    }

    /// Numbers of the open incidents whose page waits.
    pub(crate) async fn held_incidents(&mut self) -> Result<Vec<i64>, Error> {
        let sql = "select number from incident where held <> '' and resolved_at is null order by number";
        let rows = sqlx::query(sql).fetch_all(self.connection()).await?;
        rows.iter().map(|row| int(row, "number")).collect()
    }
}

const OVERRIDES: &str = "select * from shift_override where ends_at > $1 order by created_at, id";
const SILENCES: &str = "select * from silence where ends_at > $1 order by created_at, id";

impl Store {
    /// Overrides that end after an instant, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn overrides_since(&self, since: Timestamp) -> Result<Vec<StoredOverride>, Error> {
        let rows = self.rows(sqlx::query(OVERRIDES).bind(since.as_millisecond())).await?;
        rows.iter().map(stored_override).collect()
    }

    /// Silences that end after an instant, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn silences_since(&self, since: Timestamp) -> Result<Vec<Silence>, Error> {
        let rows = self.rows(sqlx::query(SILENCES).bind(since.as_millisecond())).await?;
        rows.iter().map(silence).collect()
    }
}

fn stored_override(row: &AnyRow) -> Result<StoredOverride, Error> {
    let shift = Override {
        id: text(row, "id")?,
        user: text(row, "username")?,
        replaces: text_or_none(row, "replaces")?,
        starts_at: instant(row, "starts_at")?,
        ends_at: instant(row, "ends_at")?,
    };
    Ok(StoredOverride {
        swap: Swap { schedule: text(row, "schedule")?, shift },
        author: text(row, "author")?,
        created_at: instant(row, "created_at")?,
    })
}

fn silence(row: &AnyRow) -> Result<Silence, Error> {
    let wanted: Wanted = json(row, "wanted")?;
    let corrupt = |_| Error::Corrupt { what: "wanted", value: String::new() };
    Ok(Silence {
        id: text(row, "id")?,
        matcher: Matcher::new(wanted).map_err(corrupt)?,
        starts_at: instant(row, "starts_at")?,
        ends_at: instant(row, "ends_at")?,
        reason: text(row, "reason")?,
        author: text(row, "author")?,
    })
}
