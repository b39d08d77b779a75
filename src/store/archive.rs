//! Mails read back: for judging them again, and for what no rule knew.

use jiff::Timestamp;
use sqlx::Row;

use super::mail::{StoredAlert, StoredMail, alert, mail};
use super::search::came_at;
use super::{Error, Store, instant, int, text};
use crate::domain::rulebook::{CATCH_ALL, RECOGNISER};

/// A stored mail with its bytes and what it claimed when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archived {
    /// The mail.
    pub mail: StoredMail,
    /// Exactly as it came.
    pub raw: Vec<u8>,
    /// In order.
    pub alerts: Vec<StoredAlert>,
}

/// Mails of one sender that no rule knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// The address in `From`.
    pub header_from: String,
    /// How many.
    pub mails: i64,
    /// The newest of them.
    pub newest_id: String,
    /// Its subject.
    pub newest_subject: String,
}

/// Who sent mail that no rule knew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmatchedSenders {
    /// Most first.
    pub senders: Vec<Unmatched>,
    /// Mails before this instant were not looked at, since there are so many.
    pub looked_back_to: Option<Timestamp>,
}

/// Of mails that no rule knew the newest are looked at, and no more, however many there are.
pub const UNMATCHED_LOOKED_AT: i64 = 5000;

/// The newest mails that no rule knew, by the names of both rules that read those, `$1` and `$2`, behind the id `$3`.
const NEWEST_UNMATCHED: &str = "select mail_id from (select mail_id from (select distinct mail_id from alert \
     where rule = $1 and mail_id > $3 order by mail_id desc limit $4) r union select mail_id from \
     (select distinct mail_id from alert where rule = $2 and mail_id > $3 order by mail_id desc limit $4) c) b \
     order by mail_id desc limit $4";

/// A sender that a service has heard of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// The service.
    pub service: String,
    /// The address in `From`; empty where mails have none.
    pub sender: String,
    /// Mails so far.
    pub mails: i64,
    /// The newest of them.
    pub last_mail_id: String,
    /// When it came.
    pub last_at: Timestamp,
}

/// Mails that wait for somebody to look at them; counted up to a bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Waiting {
    /// No rule knew them.
    pub unmatched: i64,
    /// Kept aside because of their sender.
    pub quarantined: i64,
}

impl Store {
    /// Mails since an instant that no rule knew, and all that are kept aside; none counted beyond `max`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn waiting_mails(&self, since: Timestamp, max: i64) -> Result<Waiting, Error> {
        let sql = format!(
            "select (select count(*) from ({NEWEST_UNMATCHED}) x) as unmatched, (select count(*) from \
             (select distinct mail_id from alert where held = 'quarantine' limit $4) y) as quarantined"
        );
        let query =
            sqlx::query(sqlx::AssertSqlSafe(sql)).bind(RECOGNISER).bind(CATCH_ALL).bind(first_id(since)).bind(max);
        let Some(row) = self.row(query).await? else { return Ok(Waiting::default()) };
        Ok(Waiting { unmatched: int(&row, "unmatched")?, quarantined: int(&row, "quarantined")? })
    }

    /// The open incident of a service with that key.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open_with_key(&self, service: &str, key: &str) -> Result<Option<i64>, Error> {
        let sql = "select number from incident where service = $1 and dedup_key = $2 and resolved_at is null";
        let row = self.row(sqlx::query(sql).bind(service).bind(key)).await?;
        row.map(|row| int(&row, "number")).transpose()
    }

    /// Who has written to a service, or to any; the one not heard of for longest comes first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn senders(&self, service: Option<&str>, limit: i64) -> Result<Vec<Sender>, Error> {
        let sql = "select * from sender where ($1 = '' or service = $1) order by last_at, service, sender limit $2";
        let rows = self.rows(sqlx::query(sql).bind(service.unwrap_or_default()).bind(limit)).await?;
        let sender = |row| {
            Ok(Sender {
                service: text(row, "service")?,
                sender: text(row, "sender")?,
                mails: int(row, "mails")?,
                last_mail_id: text(row, "last_mail_id")?,
                last_at: instant(row, "last_at")?,
            })
        };
        rows.iter().map(sender).collect()
    }

    /// Mails with their bytes, oldest first: those received since an instant, behind the one with the id `after`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn archived(&self, since: Timestamp, after: Option<&str>, limit: i64) -> Result<Vec<Archived>, Error> {
        let first = first_id(since);
        let after = after.unwrap_or(&first);
        let rows =
            self.rows(sqlx::query("select * from mail where id > $1 order by id limit $2").bind(after).bind(limit));
        let rows = rows.await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.push(Archived { mail: mail(row)?, raw: row.try_get("raw")?, alerts: Vec::new() });
        }
        let (Some(first), Some(last)) = (found.first(), found.last()) else { return Ok(found) };
        let sql = "select * from alert where mail_id >= $1 and mail_id <= $2 order by mail_id, ordinal";
        let rows = self.rows(sqlx::query(sql).bind(&first.mail.id).bind(&last.mail.id)).await?;
        for row in &rows {
            let alert = alert(row)?;
            if let Ok(at) = found.binary_search_by(|archived| archived.mail.id.cmp(&alert.mail_id)) {
                found[at].alerts.push(alert);
            }
        }
        Ok(found)
    }

    /// Who sent mail since an instant that no rule knew, most first, of the newest [`UNMATCHED_LOOKED_AT`] mails.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn unmatched(&self, since: Timestamp, limit: i64) -> Result<UnmatchedSenders, Error> {
        // In this order: SQLite would go through all mails instead.
        let sql = format!(
            "select m.header_from, m.id, m.subject, x.n from (select mail.header_from as header_from, count(*) as n, \
             max(mail.id) as newest from ({NEWEST_UNMATCHED}) u cross join mail where mail.id = u.mail_id \
             group by mail.header_from) x cross join mail m where m.id = x.newest \
             order by x.n desc, m.header_from limit $5"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(RECOGNISER).bind(CATCH_ALL).bind(first_id(since));
        let rows = self.rows(query.bind(UNMATCHED_LOOKED_AT).bind(limit)).await?;
        let unmatched = |row| {
            Ok(Unmatched {
                header_from: text(row, "header_from")?,
                mails: int(row, "n")?,
                newest_id: text(row, "id")?,
                newest_subject: text(row, "subject")?,
            })
        };
        let senders = rows.iter().map(unmatched).collect::<Result<_, Error>>()?;
        let sql = format!("select min(mail_id) as oldest, count(*) as n from ({NEWEST_UNMATCHED}) x");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(RECOGNISER).bind(CATCH_ALL).bind(first_id(since));
        let row = self.row(query.bind(UNMATCHED_LOOKED_AT)).await?;
        let is_cut = |row: &_| Ok::<_, Error>(int(row, "n")? >= UNMATCHED_LOOKED_AT);
        let looked_back_to = match row {
            Some(row) if is_cut(&row)? => came_at(&text(&row, "oldest")?),
            _ => None,
        };
        Ok(UnmatchedSenders { senders, looked_back_to })
    }
}

/// Ids begin with the millisecond of arrival, in hex; this one is below all of them.
fn first_id(since: Timestamp) -> String {
    format!("{:012x}", since.as_millisecond().max(0))
}
