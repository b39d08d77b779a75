//! Incidents and their timelines.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};
use sqlx::any::AnyRow;

use super::pending::Table;
use super::statement::Cell;
use super::{Error, Store, WriteTx, instant, instant_or_none, int, json, text, text_or_none, to_json, word};
use crate::domain::alert::Severity;
use crate::domain::dependency::ParentKey;
use crate::domain::escalation::Position;
use crate::domain::handling::Urgency;
use crate::domain::incident::{Cause, Entry, Incident, Status, Watch};
use crate::domain::situation::Parent;

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
    /// Only of these services; empty is all.
    pub services: Vec<String>,
    /// Only of this severity.
    pub severity: Option<Severity>,
    /// Only those whose summary or key has this text.
    pub text: Option<String>,
    /// Only those opened at this instant or later.
    pub opened_from: Option<Timestamp>,
    /// Only those opened before this instant.
    pub opened_to: Option<Timestamp>,
    /// Only numbers below this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

/// Whose mail opened incidents.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Opener<'a> {
    /// Anybody's.
    Anybody,
    /// With this address in `From`.
    Sender(&'a str),
    /// Handed in from this address.
    Client(&'a str),
}

impl WriteTx {
    /// The open incident with this key, locked by [`WriteTx::ask_ahead`] for the rest of the transaction.
    pub(crate) fn open_incident(&self, service: &str, key: &str) -> Option<Incident> {
        self.pending.by_key(service, key).cloned()
    }

    /// The incident with this number, locked for the rest of the transaction.
    pub(crate) async fn lock_incident(&mut self, number: i64, now: Timestamp) -> Result<Option<Incident>, Error> {
        if let Some(known) = self.pending.by_number(number) {
            return Ok(Some(known.clone()));
        }
        let sql = "update incident set touched_at = $2 where number = $1 returning *";
        let query = sqlx::query(sql).bind(number).bind(now.as_millisecond());
        let row = query.fetch_optional(self.connection()).await?;
        let found = row.as_ref().map(incident).transpose()?;
        if let Some(found) = &found {
            self.pending.locked(found);
        }
        Ok(found)
    }

    /// The incident with this number, as this transaction sees it, without a lock.
    pub(crate) async fn read_incident(&mut self, number: i64) -> Result<Option<Incident>, Error> {
        let query = sqlx::query("select * from incident where number = $1").bind(number);
        let row = query.fetch_optional(self.connection()).await?;
        row.as_ref().map(incident).transpose()
    }

    /// How often something with this key was opened since an instant.
    pub(crate) async fn opened_since(&mut self, service: &str, key: &str, since: Timestamp) -> Result<u32, Error> {
        let sql = "select count(*) as n from incident where service = $1 and dedup_key = $2 and opened_at >= $3";
        let query = sqlx::query(sql).bind(service).bind(key).bind(since.as_millisecond());
        let row = query.fetch_one(self.connection()).await?;
        Ok(u32::try_from(int(&row, "n")?).unwrap_or(u32::MAX))
    }

    /// When the incident was opened that is `back` openings before the newest of a service by this one.
    pub(crate) async fn opened_before(
        &mut self,
        service: &str,
        by: Opener<'_>,
        back: i64,
    ) -> Result<Option<Timestamp>, Error> {
        let (sql, name) = match by {
            Opener::Anybody => {
                ("select opened_at from incident where service = $1 order by opened_at desc limit 1 offset $2", None)
            }
            Opener::Sender(sender) => (
                "select opened_at from incident where service = $1 and sender = $3 \
                 order by opened_at desc limit 1 offset $2",
                Some(sender),
            ),
            Opener::Client(client) => (
                "select opened_at from incident where service = $1 and client = $3 \
                 order by opened_at desc limit 1 offset $2",
                Some(client),
            ),
        };
        let query = sqlx::query(sql).bind(service).bind(back);
        let query = if let Some(name) = name { query.bind(name) } else { query };
        let row = query.fetch_optional(self.connection()).await?;
        row.map(|row| instant(&row, "opened_at")).transpose()
    }

    /// An open incident of a service, with this key if one is given, as the parent of others.
    pub(crate) async fn open_parent(&mut self, wanted: &ParentKey) -> Result<Option<Parent>, Error> {
        let sql = "select number, summary, opened_at from incident where service = $1 and ($2 = 0 or dedup_key = $3) \
                   and resolved_at is null order by number limit 1";
        let query = sqlx::query(sql)
            .bind(&wanted.service)
            .bind(i64::from(wanted.key.is_some()))
            .bind(wanted.key.as_deref().unwrap_or_default());
        let row = query.fetch_optional(self.connection()).await?;
        let parent = |row: AnyRow| {
            let opened_at = instant(&row, "opened_at")?;
            Ok(Parent { number: int(&row, "number")?, summary: text(&row, "summary")?, opened_at })
        };
        row.map(parent).transpose()
    }

    /// The next number of a probe. They are counted below zero, so that people's numbers have no gaps.
    pub(crate) async fn next_probe_number(&mut self) -> Result<i64, Error> {
        let sql = "update counter set value = value - 1 where name = 'probe' returning value";
        let row = sqlx::query(sql).fetch_one(self.connection()).await?;
        int(&row, "value")
    }

    /// Removes what a service's resolved probes left behind: incidents, mails and what belongs to them.
    pub(crate) async fn forget_probes(&mut self, service: &str) -> Result<(), Error> {
        let over = "(select number from incident where service = $1 and number < 0 and resolved_at is not null)";
        let rows =
            sqlx::query(sqlx::AssertSqlSafe(format!("select mail_id from alert where incident_number in {over}")))
                .bind(service)
                .fetch_all(self.connection())
                .await?;
        for table in ["notification", "timeline", "alert"] {
            let sql = format!("delete from {table} where incident_number in {over}");
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(service).execute(self.connection()).await?;
        }
        for row in &rows {
            // One that another service got as well stays.
            let sql = "delete from mail where id = $1 and not exists (select 1 from alert where mail_id = mail.id)";
            sqlx::query(sql).bind(text(row, "mail_id")?).execute(self.connection()).await?;
        }
        let sql = "delete from incident where service = $1 and number < 0 and resolved_at is not null";
        sqlx::query(sql).bind(service).execute(self.connection()).await?;
        Ok(())
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
                   triggered_at, policy, policy_round, policy_step, exhausted, pages, due_at, touched_at, details, links, \
                   held, state, sender, client) values \
                   ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $8, $16, $17, $18, $19, $20, $21)";
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
            .bind(incident.next_at().map(Timestamp::as_millisecond))
            .bind(to_json(&incident.details))
            .bind(to_json(&incident.links))
            .bind(incident.held.as_deref().unwrap_or_default())
            .bind(to_json(&State::of(incident)))
            .bind(&incident.sender)
            .bind(&incident.client);
        query.execute(self.connection()).await?;
        self.pending.opened(incident);
        Ok(())
    }

    /// Stores what an event changed, at the latest when the transaction is flushed. The key and the opening never
    /// change.
    pub(crate) async fn update_incident(&mut self, incident: &Incident) -> Result<(), Error> {
        if self.pending.changed(incident) { self.flush().await } else { Ok(()) }
    }

    /// Lines of an incident's timeline so far, those of this transaction included.
    pub(crate) async fn timeline_length(&mut self, number: i64) -> Result<i64, Error> {
        let sql = "select count(*) as n from timeline where incident_number = $1";
        let row = sqlx::query(sql).bind(number).fetch_one(self.connection()).await?;
        // Those kept back are counted since the last flush.
        Ok(int(&row, "n")? + self.entries.get(&number).copied().unwrap_or_default())
    }

    /// Adds a line to a timeline, at the latest when the transaction is flushed. The incident must be locked by
    /// this transaction.
    pub(crate) async fn append(
        &mut self,
        number: i64,
        entry: &Entry,
        cause: &Cause,
        at: Timestamp,
    ) -> Result<(), Error> {
        let nth = self.entries.entry(number).or_default();
        *nth += 1;
        let cells = vec![
            Cell::Int(number),
            Cell::Int(*nth),
            Cell::Int(at.as_millisecond()),
            Cell::Text(entry.kind.word().to_owned()),
            Cell::Text(cause.actor.to_string()),
            Cell::Text(entry.detail.clone()),
            Cell::TextOrNull(cause.mail_id.clone()),
        ];
        if self.pending.row(Table::Timeline, cells) { self.flush().await } else { Ok(()) }
    }
}

/// The columns that change, behind the number.
pub(super) fn changed_cells(incident: &Incident) -> Vec<Cell> {
    let (acknowledged_at, acknowledged_by) = incident.acknowledged.clone().unzip();
    vec![
        Cell::Int(incident.number),
        Cell::Text(incident.status.word().to_owned()),
        Cell::Text(incident.severity.word().to_owned()),
        Cell::Text(incident.summary.clone()),
        Cell::Int(incident.alert_count),
        Cell::IntOrNull(acknowledged_at.map(Timestamp::as_millisecond)),
        Cell::TextOrNull(acknowledged_by),
        Cell::IntOrNull(incident.resolved_at.map(Timestamp::as_millisecond)),
        Cell::Int(incident.triggered_at.as_millisecond()),
        Cell::Text(to_json(&incident.policy)),
        Cell::Int(i64::from(incident.position.round)),
        Cell::Int(i64::from(incident.position.step)),
        Cell::Int(i64::from(incident.position.exhausted)),
        Cell::Int(incident.pages),
        Cell::IntOrNull(incident.next_at().map(Timestamp::as_millisecond)),
        Cell::Text(to_json(&incident.details)),
        Cell::Text(to_json(&incident.links)),
        Cell::Text(incident.held.clone().unwrap_or_default()),
        Cell::Text(to_json(&State::of(incident))),
    ]
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

    /// The open incident with this key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_by_key(&self, service: &str, key: &str) -> Result<Option<Incident>, Error> {
        let sql = "select * from incident where service = $1 and dedup_key = $2 and resolved_at is null";
        let row = self.row(sqlx::query(sql).bind(service).bind(key)).await?;
        row.as_ref().map(incident).transpose()
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

pub(super) fn incident(row: &AnyRow) -> Result<Incident, Error> {
    let acknowledged_at = instant_or_none(row, "acknowledged_at")?;
    let position = Position {
        round: u32::try_from(int(row, "policy_round")?).unwrap_or(u32::MAX),
        step: u32::try_from(int(row, "policy_step")?).unwrap_or(u32::MAX),
        exhausted: int(row, "exhausted")? != 0,
    };
    let state: State = json(row, "state")?;
    let due_at = instant_or_none(row, "due_at")?;
    let at = |millis: Option<i64>| millis.map(|millis| super::millis(millis, "state")).transpose();
    Ok(Incident {
        number: int(row, "number")?,
        service: text(row, "service")?,
        dedup_key: text(row, "dedup_key")?,
        sender: text(row, "sender")?,
        client: text(row, "client")?,
        status: word(row, "status")?,
        severity: word(row, "severity")?,
        summary: text(row, "summary")?,
        details: json(row, "details")?,
        links: json(row, "links")?,
        alert_count: int(row, "alert_count")?,
        opened_at: instant(row, "opened_at")?,
        acknowledged: acknowledged_at.zip(text_or_none(row, "acknowledged_by")?),
        resolved_at: instant_or_none(row, "resolved_at")?,
        triggered_at: instant(row, "triggered_at")?,
        policy: json(row, "policy")?,
        position,
        pages: int(row, "pages")?,
        step_page: state.step_page.map_or_else(|| int(row, "pages"), Ok)?,
        urgency: if state.low { Urgency::Low } else { Urgency::High },
        held: Some(text(row, "held")?).filter(|reason| !reason.is_empty()),
        snoozed_until: at(state.snoozed_until)?,
        flapping: state.flapping,
        doubtful: state.doubtful,
        // An incident of an earlier version waits for nothing else.
        due_at: match state.escalation_at {
            Some(escalation_at) => at(escalation_at)?,
            None => due_at,
        },
        watch: Watch {
            calm_at: at(state.calm_at)?,
            doubt_at: at(state.doubt_at)?,
            inactive_at: at(state.inactive_at)?,
        },
    })
}

/// What nothing in the database asks for: a JSON object in one column, instants in UTC milliseconds.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// `None` in rows of versions that kept it in `due_at`.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    escalation_at: Option<Option<i64>>,
    /// `None` in rows of versions in which every page was the escalation's.
    #[serde(skip_serializing_if = "Option::is_none")]
    step_page: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calm_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doubt_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inactive_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snoozed_until: Option<i64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    low: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    flapping: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    doubtful: bool,
}

/// Tells a value that is null from one that is not there.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<i64>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl State {
    fn of(incident: &Incident) -> Self {
        let millis = |at: Option<Timestamp>| at.map(Timestamp::as_millisecond);
        Self {
            escalation_at: Some(millis(incident.due_at)),
            step_page: Some(incident.step_page),
            calm_at: millis(incident.watch.calm_at),
            doubt_at: millis(incident.watch.doubt_at),
            inactive_at: millis(incident.watch.inactive_at),
            snoozed_until: millis(incident.snoozed_until),
            low: incident.urgency == Urgency::Low,
            flapping: incident.flapping,
            doubtful: incident.doubtful,
        }
    }
}
