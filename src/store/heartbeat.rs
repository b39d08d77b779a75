//! Heartbeats: when an expected mail came last, and when it is missed.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, WriteTx, instant, instant_or_none, text};

/// What is known of a heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHeartbeat {
    /// The service it belongs to.
    pub service: String,
    /// Its name within the service.
    pub name: String,
    /// Since when it has been expected.
    pub declared_at: Timestamp,
    /// When the last one came.
    pub last_at: Option<Timestamp>,
    /// Since when it has been missing, while it is.
    pub missing_since: Option<Timestamp>,
    /// When it is missed; `None` while it is missing, and for one that is never missed.
    pub due_at: Option<Timestamp>,
}

impl WriteTx {
    /// Remembers a heartbeat that is new.
    pub(crate) async fn declare_heartbeat(&mut self, heartbeat: &StoredHeartbeat) -> Result<(), Error> {
        let sql = "insert into heartbeat (service, name, declared_at, due_at) values ($1, $2, $3, $4) \
                   on conflict (service, name) do nothing";
        let query = sqlx::query(sql)
            .bind(&heartbeat.service)
            .bind(&heartbeat.name)
            .bind(heartbeat.declared_at.as_millisecond())
            .bind(heartbeat.due_at.map(Timestamp::as_millisecond));
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Forgets a heartbeat that nobody expects any more.
    pub(crate) async fn forget_heartbeat(&mut self, service: &str, name: &str) -> Result<(), Error> {
        let query = sqlx::query("delete from heartbeat where service = $1 and name = $2").bind(service).bind(name);
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Gives a heartbeat another deadline: its definition has changed.
    pub(crate) async fn expect_heartbeat(
        &mut self,
        service: &str,
        name: &str,
        due_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let sql = "update heartbeat set due_at = $3 where service = $1 and name = $2 and missing_since is null";
        let query = sqlx::query(sql).bind(service).bind(name).bind(due_at.map(Timestamp::as_millisecond));
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// It has come.
    pub(crate) async fn heartbeat_came(
        &mut self,
        service: &str,
        name: &str,
        at: Timestamp,
        due_at: Option<Timestamp>,
    ) -> Result<(), Error> {
        let sql = "insert into heartbeat (service, name, declared_at, last_at, due_at) values ($1, $2, $3, $3, $4) \
                   on conflict (service, name) do update set last_at = $3, due_at = $4, missing_since = null";
        let query = sqlx::query(sql)
            .bind(service)
            .bind(name)
            .bind(at.as_millisecond())
            .bind(due_at.map(Timestamp::as_millisecond));
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// It has not come. `None` when it has meanwhile, or another node noticed first.
    pub(crate) async fn heartbeat_missed(
        &mut self,
        service: &str,
        name: &str,
        now: Timestamp,
    ) -> Result<Option<StoredHeartbeat>, Error> {
        let sql = "update heartbeat set missing_since = $3, due_at = null \
                   where service = $1 and name = $2 and due_at <= $3 and missing_since is null returning *";
        let query = sqlx::query(sql).bind(service).bind(name).bind(now.as_millisecond());
        let row = query.fetch_optional(self.connection()).await?;
        row.as_ref().map(heartbeat).transpose()
    }
}

impl Store {
    /// Every heartbeat that is known.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn heartbeats(&self) -> Result<Vec<StoredHeartbeat>, Error> {
        let rows = self.rows(sqlx::query("select * from heartbeat order by service, name")).await?;
        rows.iter().map(heartbeat).collect()
    }

    /// Those that are missed now: service and name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn missed_heartbeats(&self, now: Timestamp, limit: i64) -> Result<Vec<(String, String)>, Error> {
        let sql = "select service, name from heartbeat where due_at <= $1 order by due_at, service, name limit $2";
        let rows = self.rows(sqlx::query(sql).bind(now.as_millisecond()).bind(limit)).await?;
        rows.iter().map(|row| Ok((text(row, "service")?, text(row, "name")?))).collect()
    }
}

fn heartbeat(row: &AnyRow) -> Result<StoredHeartbeat, Error> {
    Ok(StoredHeartbeat {
        service: text(row, "service")?,
        name: text(row, "name")?,
        declared_at: instant(row, "declared_at")?,
        last_at: instant_or_none(row, "last_at")?,
        missing_since: instant_or_none(row, "missing_since")?,
        due_at: instant_or_none(row, "due_at")?,
    })
}
