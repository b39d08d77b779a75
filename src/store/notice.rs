//! What people are told beside pages, and how well the ways to reach them work.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::lease::Ended;
use super::{Error, Store, WriteTx, instant, instant_or_none, int, json, text, text_or_none, to_json, word};
use crate::domain::notice::{ATTEMPTS_MAX, CODE_LIFE, GUESSES_MAX, Notice, Proof};
use crate::domain::notification::Status;
use crate::domain::roster::Channel;

/// A stored notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredNotice {
    /// Minted by us.
    pub id: String,
    /// Secret part of callback addresses.
    pub nonce: String,
    /// What it is about: told once for each occasion.
    pub occasion: String,
    /// What is told.
    pub notice: Notice,
    /// Whom.
    pub user: String,
    /// By what.
    pub channel: Channel,
    /// Where.
    pub address: String,
    /// How far it is.
    pub status: Status,
    /// Attempts begun.
    pub attempts: i64,
    /// What went wrong last.
    pub error: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it is to be told.
    pub due_at: Timestamp,
    /// The lease its worker holds.
    pub lease_token: Option<String>,
}

/// How well a way to reach somebody works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// When its person proved that it reaches them.
    pub verified_at: Option<Timestamp>,
    /// When its provider last took something, or a call was in vain.
    pub accepted_at: Option<Timestamp>,
    /// When a human last answered over it.
    pub answered_at: Option<Timestamp>,
    /// When it last failed for good.
    pub failed_at: Option<Timestamp>,
    /// Why.
    pub failed_why: Option<String>,
}

/// What happened on a way to reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum News<'a> {
    /// Its provider took something, or a call was in vain.
    Accepted,
    /// A human answered, which proves it as well.
    Answered,
    /// Its person proved it.
    Verified,
    /// It failed for good.
    Failed(&'a str),
}

impl WriteTx {
    /// Notes what happened on a way to reach somebody.
    pub(crate) async fn note_contact(
        &mut self,
        channel: Channel,
        address: &str,
        news: News<'_>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (column, why) = match news {
            News::Accepted => ("accepted_at = $3", None),
            News::Answered => ("answered_at = $3, verified_at = coalesce(line.verified_at, $3)", None),
            News::Verified => ("verified_at = $3", None),
            News::Failed(why) => ("failed_at = $3, failed_why = $4", Some(why)),
        };
        let insert = "insert into line (channel, address, sent_at) values ($1, $2, '[]') \
                      on conflict (channel, address) do nothing";
        sqlx::query(insert).bind(channel.word()).bind(address).execute(self.connection()).await?;
        let update = format!("update line set {column} where channel = $1 and address = $2");
        // Only our own words are in the text; every value is bound.
        let query = sqlx::query(sqlx::AssertSqlSafe(update)).bind(channel.word()).bind(address);
        let query = query.bind(now.as_millisecond());
        let query = if let Some(why) = why { query.bind(why) } else { query };
        query.execute(self.connection()).await?;
        Ok(())
    }

    /// Stores a notice. `false` when its occasion was told before.
    pub(crate) async fn insert_notice(&mut self, notice: &StoredNotice) -> Result<bool, Error> {
        let sql = "insert into notice (id, nonce, occasion, kind, content, username, channel, address, status, attempts, \
                   guesses, created_at, due_at) values ($1, $2, $3, $4, $5, $6, $7, $8, 'pending', 0, 0, $9, $10) \
                   on conflict (occasion) do nothing";
        let query = sqlx::query(sql)
            .bind(&notice.id)
            .bind(&notice.nonce)
            .bind(&notice.occasion)
            .bind(notice.notice.word())
            .bind(to_json(&notice.notice))
            .bind(&notice.user)
            .bind(notice.channel.word())
            .bind(&notice.address)
            .bind(notice.created_at.as_millisecond())
            .bind(notice.due_at.as_millisecond());
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }

    /// Leases notices that are due.
    pub(crate) async fn claim_notices(
        &mut self,
        now: Timestamp,
        lease_until: Timestamp,
        lease_token: &str,
        limit: i64,
    ) -> Result<Vec<StoredNotice>, Error> {
        let rows = self.lease("notice", now, lease_until, lease_token, limit).await?;
        rows.iter().map(notice).collect()
    }

    /// Moves a notice on, if the lease is still the caller's. One that may be tried again waits until `due_at`.
    pub(crate) async fn move_notice(
        &mut self,
        told: &StoredNotice,
        to: Status,
        (due_at, now): (Timestamp, Timestamp),
        error: Option<&str>,
    ) -> Result<bool, Error> {
        let to = if to == Status::Pending && told.attempts >= ATTEMPTS_MAX { Status::Failed } else { to };
        let lease_token = told.lease_token.as_deref();
        let ended = Ended { id: &told.id, lease_token, to, due_at, error };
        self.end_lease("notice", ended, now).await
    }

    /// Checks a code against the newest test of a way to reach somebody. A wrong one counts.
    pub(crate) async fn prove(
        &mut self,
        channel: Channel,
        address: &str,
        code: &str,
        now: Timestamp,
    ) -> Result<Proof, Error> {
        let sql = "update notice set guesses = guesses + 1 where id = (select id from notice where kind = 'test' \
                   and channel = $1 and address = $2 order by created_at desc, id desc limit 1) returning *";
        let query = sqlx::query(sql).bind(channel.word()).bind(address);
        let Some(row) = query.fetch_optional(self.connection()).await? else { return Ok(Proof::NoTest) };
        let (test, guesses) = (notice(&row)?, int(&row, "guesses")?);
        if guesses > GUESSES_MAX || now.duration_since(test.created_at) > CODE_LIFE {
            return Ok(Proof::NoTest);
        }
        if !test.notice.is_proven_by(code) {
            return Ok(Proof::Wrong);
        }
        self.note_contact(channel, address, News::Verified, now).await?;
        Ok(Proof::Verified)
    }

    /// Who was on call when it was last looked at, by schedule. One that was looked at and had nobody is there.
    pub(crate) async fn last_on_call(&mut self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let mut known: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in sqlx::query("select schedule, username from on_call").fetch_all(self.connection()).await? {
            let (schedule, user) = (text(&row, "schedule")?, text(&row, "username")?);
            let people = known.entry(schedule).or_default();
            people.extend(Some(user).filter(|user| !user.is_empty()));
        }
        Ok(known)
    }

    /// Remembers that somebody is on call from now on; an empty name says that the schedule was looked at. `false` when
    /// somebody else has remembered it.
    pub(crate) async fn comes_on_call(&mut self, schedule: &str, user: &str, now: Timestamp) -> Result<bool, Error> {
        let sql = "insert into on_call (schedule, username, since) values ($1, $2, $3) \
                   on conflict (schedule, username) do nothing";
        let query = sqlx::query(sql).bind(schedule).bind(user).bind(now.as_millisecond());
        Ok(query.execute(self.connection()).await?.rows_affected() == 1)
    }

    /// Remembers that somebody is not on call any more.
    pub(crate) async fn goes_off_call(&mut self, schedule: &str, user: &str) -> Result<(), Error> {
        let query = sqlx::query("delete from on_call where schedule = $1 and username = $2").bind(schedule).bind(user);
        query.execute(self.connection()).await?;
        Ok(())
    }
}

impl Store {
    /// How well every way to reach somebody works, as far as it was used.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn contacts(&self) -> Result<HashMap<(Channel, String), Contact>, Error> {
        let sql = "select channel, address, verified_at, accepted_at, answered_at, failed_at, failed_why from line";
        let rows = self.rows(sqlx::query(sql)).await?;
        let contact = |row: &AnyRow| {
            let contact = Contact {
                verified_at: instant_or_none(row, "verified_at")?,
                accepted_at: instant_or_none(row, "accepted_at")?,
                answered_at: instant_or_none(row, "answered_at")?,
                failed_at: instant_or_none(row, "failed_at")?,
                failed_why: text_or_none(row, "failed_why")?,
            };
            Ok(((word(row, "channel")?, text(row, "address")?), contact))
        };
        rows.iter().map(contact).collect()
    }

    /// One notice.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notice(&self, id: &str) -> Result<Option<StoredNotice>, Error> {
        let row = self.row(sqlx::query("select * from notice where id = $1").bind(id)).await?;
        row.as_ref().map(notice).transpose()
    }

    /// Whether a notice is due.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn notice_is_due(&self, now: Timestamp) -> Result<bool, Error> {
        self.is_due("notice", now).await
    }
}

fn notice(row: &AnyRow) -> Result<StoredNotice, Error> {
    Ok(StoredNotice {
        id: text(row, "id")?,
        nonce: text(row, "nonce")?,
        occasion: text(row, "occasion")?,
        notice: json(row, "content")?,
        user: text(row, "username")?,
        channel: word(row, "channel")?,
        address: text(row, "address")?,
        status: word(row, "status")?,
        attempts: int(row, "attempts")?,
        error: text_or_none(row, "last_error")?,
        created_at: instant(row, "created_at")?,
        due_at: instant(row, "due_at")?,
        lease_token: text_or_none(row, "lease_token")?,
    })
}
