//! Incidents and their timelines.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, WriteTx, instant, instant_or_none, int, json, text, text_or_none, to_json, word};
use crate::domain::escalation::Position;
use crate::domain::incident::{Cause, Entry, Incident, Status};

/// One line of a stored timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimelineEntry {
    /// When.
    pub at: Timestamp,
    /// What kind of thing happened.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// In words.
    pub detail: String,
    /// The mail that caused it.
    pub mail_id: Option<String>,
}

/// Which incidents to list, newest first.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Any of these; empty is all.
    pub statuses: Vec<Status>,
    /// Only of this service.
    pub service: Option<String>,
    /// Only numbers below this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

impl WriteTx {
    /// The open incident with this key, locked for the rest of the transaction.
    pub(crate) async fn lock_open(
        &mut self,
        service: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Incident>, Error> {
        let sql = "update incident set touched_at = $3 where service = $1 and dedup_key = $2 and resolved_at is null \
                   returning *";
        let query = sqlx::query(sql).bind(service).bind(key).bind(now.as_millisecond());
        let row = query.fetch_optional(self.connection()).await?;
        row.as_ref().map(incident).transpose()
    }

    /// The incident with this number, locked for the rest of the transaction.
    pub(crate) async fn lock_incident(&mut self, number: i64, now: Timestamp) -> Result<Option<Incident>, Error> {
        let sql = "update incident set touched_at = $2 where number = $1 returning *";
        let query = sqlx::query(sql).bind(number).bind(now.as_millisecond());
        let row = query.fetch_optional(self.connection()).await?;
        row.as_ref().map(incident).transpose()
    }

    /// The incident with this number, as this transaction sees it, without a lock.
    pub(crate) async fn read_incident(&mut self, number: i64) -> Result<Option<Incident>, Error> {
        let query = sqlx::query("select * from incident where number = $1").bind(number);
        let row = query.fetch_optional(self.connection()).await?;
        row.as_ref().map(incident).transpose()
    }

    /// The next incident number. Holds back other openers until this transaction ends.
    pub(crate) async fn next_number(&mut self) -> Result<i64, Error> {
        let sql = "update counter set value = value + 1 where name = 'incident' returning value";
        let row = sqlx::query(sql).fetch_one(self.connection()).await?;
        int(&row, "value")
    }

    /// Stores a new incident.
    pub(crate) async fn insert_incident(&mut self, incident: &Incident) -> Result<(), Error> {
        let sql = "insert into incident (number, service, dedup_key, status, severity, summary, alert_count, opened_at, \
                   triggered_at, policy, policy_round, policy_step, exhausted, pages, due_at, touched_at) \
                   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $8)";
        let query = sqlx::query(sql)
            .bind(incident.number)
            .bind(&incident.service)
            .bind(&incident.dedup_key)
            .bind(incident.status.word())
            .bind(incident.severity.word())
            .bind(&incident.summary)
            .bind(incident.alert_count)
            .bind(incident.opened_at.as_millisecond())
            .bind(incident.triggered_at.as_millisecond())
            .bind(to_json(&incident.policy))
            .bind(i64::from(incident.position.round))
            .bind(i64::from(incident.position.step))
            .bind(i64::from(incident.position.exhausted))
            .bind(incident.pages)
            .bind(incident.due_at.map(Timestamp::as_millisecond));
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Stores what an event changed. The key, the policy and the opening never change.
    pub(crate) async fn update_incident(&mut self, incident: &Incident) -> Result<(), Error> {
        let sql = "update incident set status = $2, severity = $3, summary = $4, alert_count = $5, acknowledged_at = $6, \
                   acknowledged_by = $7, resolved_at = $8, triggered_at = $9, policy_round = $10, policy_step = $11, \
                   exhausted = $12, pages = $13, due_at = $14 where number = $1";
        let (acknowledged_at, acknowledged_by) = incident.acknowledged.clone().unzip();
        let query = sqlx::query(sql)
            .bind(incident.number)
            .bind(incident.status.word())
            .bind(incident.severity.word())
            .bind(&incident.summary)
            .bind(incident.alert_count)
            .bind(acknowledged_at.map(Timestamp::as_millisecond))
            .bind(acknowledged_by)
            .bind(incident.resolved_at.map(Timestamp::as_millisecond))
            .bind(incident.triggered_at.as_millisecond())
            .bind(i64::from(incident.position.round))
            .bind(i64::from(incident.position.step))
            .bind(i64::from(incident.position.exhausted))
            .bind(incident.pages)
            .bind(incident.due_at.map(Timestamp::as_millisecond));
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Adds a line to a timeline. The incident must be locked by this transaction.
    pub(crate) async fn append(
        &mut self,
        number: i64,
        entry: &Entry,
        cause: &Cause,
        at: Timestamp,
    ) -> Result<(), Error> {
        let sql = "insert into timeline (incident_number, ordinal, at, kind, actor, detail, mail_id) values ($1, \
                   (select coalesce(max(ordinal), 0) + 1 from timeline where incident_number = $1), $2, $3, $4, $5, $6)";
        let query = sqlx::query(sql)
            .bind(number)
            .bind(at.as_millisecond())
            .bind(entry.kind.word())
            .bind(&cause.actor)
            .bind(&entry.detail)
            .bind(&cause.mail_id);
        query.execute(self.connection()).await?;
        Ok(())
    }
}

impl Store {
    /// Numbers of the incidents whose timer is due, longest overdue first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn due_incidents(&self, now: Timestamp, limit: i64) -> Result<Vec<i64>, Error> {
        let sql = "select number from incident where due_at <= $1 order by due_at, number limit $2";
        let rows = self.rows(sqlx::query(sql).bind(now.as_millisecond()).bind(limit)).await?;
        rows.iter().map(|row| int(row, "number")).collect()
    }

    /// One incident.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn incident(&self, number: i64) -> Result<Option<Incident>, Error> {
        let query = sqlx::query("select * from incident where number = $1").bind(number);
        let row = self.row(query).await?;
        row.as_ref().map(incident).transpose()
    }

    /// Incidents, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn incidents(&self, filter: &Filter) -> Result<Vec<Incident>, Error> {
        let wanted = |status: Status| i64::from(filter.statuses.is_empty() || filter.statuses.contains(&status));
        let sql = "select * from incident where number < $1 and ($2 = '' or service = $2) \
                   and ((status = 'triggered' and $3 = 1) or (status = 'acknowledged' and $4 = 1) \
                   or (status = 'resolved' and $5 = 1)) order by number desc limit $6";
        let query = sqlx::query(sql)
            .bind(filter.before.unwrap_or(i64::MAX))
            .bind(filter.service.as_deref().unwrap_or(""))
            .bind(wanted(Status::Triggered))
            .bind(wanted(Status::Acknowledged))
            .bind(wanted(Status::Resolved))
            .bind(filter.limit);
        let rows = self.rows(query).await?;
        rows.iter().map(incident).collect()
    }

    /// An incident's timeline, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn timeline(&self, number: i64) -> Result<Vec<TimelineEntry>, Error> {
        let sql = "select at, kind, actor, detail, mail_id from timeline where incident_number = $1 order by ordinal";
        let rows = self.rows(sqlx::query(sql).bind(number)).await?;
        let entry = |row: &AnyRow| {
            Ok(TimelineEntry {
                at: instant(row, "at")?,
                kind: text(row, "kind")?,
                actor: text(row, "actor")?,
                detail: text(row, "detail")?,
                mail_id: text_or_none(row, "mail_id")?,
            })
        };
        rows.iter().map(entry).collect()
    }
}

fn incident(row: &AnyRow) -> Result<Incident, Error> {
    let acknowledged_at = instant_or_none(row, "acknowledged_at")?;
    let position = Position {
        round: u32::try_from(int(row, "policy_round")?).unwrap_or(u32::MAX),
        step: u32::try_from(int(row, "policy_step")?).unwrap_or(u32::MAX),
        exhausted: int(row, "exhausted")? != 0,
    };
    Ok(Incident {
        number: int(row, "number")?,
        service: text(row, "service")?,
        dedup_key: text(row, "dedup_key")?,
        status: word(row, "status")?,
        severity: word(row, "severity")?,
        summary: text(row, "summary")?,
        alert_count: int(row, "alert_count")?,
        opened_at: instant(row, "opened_at")?,
        acknowledged: acknowledged_at.zip(text_or_none(row, "acknowledged_by")?),
        resolved_at: instant_or_none(row, "resolved_at")?,
        triggered_at: instant(row, "triggered_at")?,
        policy: json(row, "policy")?,
        position,
        pages: int(row, "pages")?,
        due_at: instant_or_none(row, "due_at")?,
    })
}
