//! What the pages ask for: incidents as they are worked through, who is being called, which mails an incident has.
//!
//! Open incidents are few among all that ever were, and there is an index of just them. `number + 0` and `cross join`
//! keep SQLite from going through all numbers instead. Resolved ones are many: a text is looked for among so many of them
//! at a time, and how far that went is told.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::mail::{StoredAlert, alert};
use super::search::pattern;
use super::{Error, Store, incident, instant, instant_or_none, int, text, text_or_none, word};
use crate::domain::incident::{Incident, Status};
use crate::domain::notification;
use crate::domain::roster::Channel;

/// Which incidents to show.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// Any of these; empty is all.
    pub statuses: Vec<Status>,
    /// Only of this service.
    pub service: Option<String>,
    /// Only those whose summary or key has this text.
    pub text: Option<String>,
    /// Of resolved ones only numbers below this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

/// Resolved incidents, and how far they were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    /// Newest first.
    pub incidents: Vec<Incident>,
    /// Those with a lower number were not looked at: ask for them by [`Wanted::before`]. `None`: there are none.
    pub looked_back_to: Option<i64>,
}

/// What the database is like, as texts to compare with earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Another one where anything changed but mails.
    pub incidents: String,
    /// Another one where a mail came.
    pub mails: String,
}

/// A notification as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// A person, or a room as `room:NAME`.
    pub user: String,
    /// By what.
    pub channel: Channel,
    /// How far it is.
    pub status: notification::Status,
    /// Of which page.
    pub page: i64,
    /// Attempts begun.
    pub attempts: i64,
    /// When it is to be said, or was begun.
    pub due_at: Timestamp,
    /// What went wrong last.
    pub error: Option<String>,
    /// They were called in beside the escalation, also by somebody who has it.
    pub called_in: bool,
}

/// An alert of an incident with the mail that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The alert.
    pub alert: StoredAlert,
    /// When its mail came.
    pub received_at: Timestamp,
    /// The mail's subject.
    pub subject: String,
    /// The address in its `From`.
    pub header_from: String,
}

/// Open incidents of one service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Open {
    /// Those that nobody has.
    pub triggered: i64,
    /// Those that somebody has.
    pub acknowledged: i64,
}

/// Notifications that are to be said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Queue {
    /// How many, those of later included.
    pub waiting: i64,
    /// When the first of them is or was due.
    pub oldest_due_at: Option<Timestamp>,
}

/// Numbers among which a text is looked for at once, so that a search takes the same, however much has been stored.
pub const SEARCHED_AT_ONCE: i64 = 50_000;

const WORST_FIRST: &str = "case status when 'triggered' then 0 else 1 end, \
     case severity when 'critical' then 0 when 'error' then 1 when 'warning' then 2 else 3 end, number desc";

impl Store {
    /// The services of these incidents, each once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn services_of_incidents(&self, numbers: &[i64]) -> Result<Vec<String>, Error> {
        if numbers.is_empty() {
            return Ok(Vec::new());
        }
        // Numbers and commas only.
        let numbers = numbers.iter().map(i64::to_string).collect::<Vec<_>>().join(",");
        let sql = format!("select distinct service from incident where number in ({numbers}) order by service");
        let rows = self.rows(sqlx::query(sqlx::AssertSqlSafe(sql))).await?;
        rows.iter().map(|row| text(row, "service")).collect()
    }

    /// The services to which a mail has said something, each once.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn services_of_mail(&self, id: &str) -> Result<Vec<String>, Error> {
        let sql = "select distinct service from alert where mail_id = $1 order by service";
        let rows = self.rows(sqlx::query(sql).bind(id)).await?;
        rows.iter().map(|row| text(row, "service")).collect()
    }

    /// Open incidents: those nobody has first, the worst first, then the newest. Probes are none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_incidents(&self, wanted: &Wanted) -> Result<Vec<Incident>, Error> {
        let is = |status| i64::from(wanted.statuses.is_empty() || wanted.statuses.contains(&status));
        let sql = format!(
            "select * from incident where resolved_at is null and number + 0 > 0 and ($1 = '' or service = $1) \
             and ($2 = '' or {}) \
             and ((status = 'triggered' and $3 = 1) or (status = 'acknowledged' and $4 = 1)) \
             order by {WORST_FIRST} limit $5",
            self.dialect.has_text(&["summary", "dedup_key"], "$2")
        );
        // Only our own words are in the text; every value is bound.
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(wanted.service.as_deref().unwrap_or_default());
        let query =
            query.bind(pattern(wanted.text.as_deref())).bind(is(Status::Triggered)).bind(is(Status::Acknowledged));
        self.rows(query.bind(wanted.limit)).await?.iter().map(incident::incident).collect()
    }

    /// Resolved incidents, newest first. Where a text is looked for, among [`SEARCHED_AT_ONCE`] numbers at a time.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn resolved_incidents(&self, wanted: &Wanted) -> Result<Past, Error> {
        let before = wanted.before.unwrap_or(i64::MAX);
        let from = if wanted.text.is_some() { self.search_ends_at(before).await? } else { 1 };
        let is_from = if wanted.service.is_some() { "and service = $3" } else { "and $3 = ''" };
        let has_text = if wanted.text.is_some() {
            self.dialect.has_text(&["summary", "dedup_key"], "$4")
        } else {
            "$4 = ''".to_owned()
        };
        let sql = format!(
            "select * from incident where number >= $1 and number < $2 and status = 'resolved' {is_from} \
             and {has_text} order by number desc limit $5"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(from).bind(before);
        let query = query.bind(wanted.service.as_deref().unwrap_or_default()).bind(pattern(wanted.text.as_deref()));
        let rows = self.rows(query.bind(wanted.limit.saturating_add(1))).await?;
        let incidents = rows.iter().map(incident::incident).collect::<Result<_, _>>()?;
        Ok(Past::cut(incidents, wanted.limit, from))
    }

    /// Who is being called for what nobody has, by the incident's number: everybody of its newest page who has not
    /// answered.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn being_called(&self) -> Result<HashMap<i64, Vec<String>>, Error> {
        let sql = "select distinct n.incident_number, n.username from incident i cross join notification n \
                   where n.incident_number = i.number and n.page = i.pages \
                   and i.resolved_at is null and i.status = 'triggered' and i.number + 0 > 0 \
                   and n.status in ('pending', 'sending', 'sent') order by n.incident_number, n.username";
        let mut called: HashMap<i64, Vec<String>> = HashMap::new();
        for row in &self.rows(sqlx::query(sql)).await? {
            called.entry(int(row, "incident_number")?).or_default().push(text(row, "username")?);
        }
        Ok(called)
    }

    /// The notifications of an incident, of the newest page first, then by when they are due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn calls(&self, number: i64, limit: i64) -> Result<Vec<Call>, Error> {
        let sql = "select username, channel, status, page, attempts, due_at, last_error, called_in from notification \
                   where incident_number = $1 order by page desc, due_at, username, channel limit $2";
        let call = |row: &AnyRow| {
            Ok(Call {
                user: text(row, "username")?,
                channel: word(row, "channel")?,
                status: word(row, "status")?,
                page: int(row, "page")?,
                attempts: int(row, "attempts")?,
                due_at: instant(row, "due_at")?,
                error: text_or_none(row, "last_error")?,
                called_in: int(row, "called_in")? != 0,
            })
        };
        self.rows(sqlx::query(sql).bind(number).bind(limit)).await?.iter().map(call).collect()
    }

    /// The alerts of an incident with their mails, newest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn evidence(&self, number: i64, limit: i64) -> Result<Vec<Evidence>, Error> {
        let sql = "select a.*, m.received_at, m.subject, m.header_from from alert a join mail m on m.id = a.mail_id \
                   where a.incident_number = $1 order by a.mail_id desc, a.ordinal limit $2";
        let evidence = |row: &AnyRow| {
            Ok(Evidence {
                alert: alert(row)?,
                received_at: instant(row, "received_at")?,
                subject: text(row, "subject")?,
                header_from: text(row, "header_from")?,
            })
        };
        self.rows(sqlx::query(sql).bind(number).bind(limit)).await?.iter().map(evidence).collect()
    }

    /// Open incidents by service.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_by_service(&self) -> Result<HashMap<String, Open>, Error> {
        let sql = "select service, status, count(*) as n from incident where resolved_at is null and number + 0 > 0 \
                   group by service, status";
        let mut open: HashMap<String, Open> = HashMap::new();
        for row in &self.rows(sqlx::query(sql)).await? {
            let of_service = open.entry(text(row, "service")?).or_default();
            match word(row, "status")? {
                Status::Triggered => of_service.triggered = int(row, "n")?,
                Status::Acknowledged => of_service.acknowledged = int(row, "n")?,
                Status::Resolved => {}
            }
        }
        Ok(open)
    }

    /// The notifications that are to be said.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn queue(&self) -> Result<Queue, Error> {
        let sql =
            "select count(*) as n, min(due_at) as oldest from notification where status in ('pending', 'sending')";
        let Some(row) = self.row(sqlx::query(sql)).await? else { return Ok(Queue::default()) };
        Ok(Queue { waiting: int(&row, "n")?, oldest_due_at: instant_or_none(&row, "oldest")? })
    }

    /// What changes when anything does that the pages show. Asked more than once a second, so it looks at open
    /// incidents and at the ends of indexes only.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stamp(&self) -> Result<Stamp, Error> {
        // The sum, not the latest: what came in first may be stored last.
        let sql = "select count(*) as n, coalesce(max(number), 0) as newest, \
                   coalesce(cast(sum(touched_at) as bigint), 0) as touched, coalesce(max(pages), 0) as pages, \
                   count(case when status = 'acknowledged' then 1 end) as acknowledged, \
                   (select coalesce(max(id), '') from mail) as mail, \
                   (select count(*) from shift_override) as overrides, \
                   (select coalesce(max(ends_at), 0) from silence) as silence, \
                   (select count(*) from silence) as silences \
                   from incident where resolved_at is null and number + 0 > 0";
        let mut stamp = Stamp { incidents: String::new(), mails: String::new() };
        let Some(row) = self.row(sqlx::query(sql)).await? else { return Ok(stamp) };
        for column in ["n", "newest", "touched", "pages", "acknowledged", "overrides", "silence", "silences"] {
            stamp.incidents.push_str(&format!("/{}", int(&row, column)?));
        }
        stamp.mails = text(&row, "mail")?;
        Ok(stamp)
    }
}
