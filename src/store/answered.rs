//! Answers to requests that may be sent again with the same key, so that what they ask for is done once.

use jiff::{SignedDuration, Timestamp};

use super::{Error, Store, int, text_or_none};

/// How long an answer is kept.
pub const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// A request that is not answered after this long was broken off: whoever sends it again is let through.
const BROKEN_OFF: SignedDuration = SignedDuration::from_secs(60);

/// A request with a key, of one token.
#[derive(Debug, Clone, Copy)]
pub struct Keyed<'a> {
    /// The token's name.
    pub token: &'a str,
    /// The key that its caller chose.
    pub key: &'a str,
}

/// An answer as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// JSON, or nothing.
    pub body: String,
    /// The version of what it shows, where it has one.
    pub etag: Option<String>,
}

/// What is known of a request that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// It is new: it is to be done now.
    New,
    /// It was answered before.
    Answered(Answer),
    /// It is being done now.
    UnderWay,
    /// The key came with another request.
    Other,
}

impl Store {
    /// Notes that a request is being done, unless it is known. `fingerprint` tells requests of a key apart.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_request(&self, keyed: Keyed<'_>, fingerprint: &str, now: Timestamp) -> Result<Begun, Error> {
        let before = |age: SignedDuration| now.checked_sub(age).unwrap_or(Timestamp::MIN).as_millisecond();
        let mut tx = self.begin().await?;
        let forget = sqlx::query("delete from answered_request where begun_at <= $1").bind(before(KEPT));
        forget.execute(tx.connection()).await?;
        let sql = "insert into answered_request (token, key, fingerprint, begun_at) values ($1, $2, $3, $4) \
                   on conflict (token, key) do update set begun_at = excluded.begun_at \
                   where answered_request.status is null and answered_request.begun_at <= $5 \
                   and answered_request.fingerprint = excluded.fingerprint";
        let query = sqlx::query(sql).bind(keyed.token).bind(keyed.key).bind(fingerprint);
        let query = query.bind(now.as_millisecond()).bind(before(BROKEN_OFF));
        let is_mine = query.execute(tx.connection()).await?.rows_affected() == 1;
        let sql = "select fingerprint, status, body, etag from answered_request where token = $1 and key = $2";
        let row = sqlx::query(sql).bind(keyed.token).bind(keyed.key).fetch_one(tx.connection()).await?;
        tx.commit().await?;
        if is_mine {
            return Ok(Begun::New);
        }
        if super::text(&row, "fingerprint")? != fingerprint {
            return Ok(Begun::Other);
        }
        let Some(body) = text_or_none(&row, "body")? else { return Ok(Begun::UnderWay) };
        let status = u16::try_from(int(&row, "status")?).unwrap_or(200);
        Ok(Begun::Answered(Answer { status, body, etag: text_or_none(&row, "etag")? }))
    }

    /// Keeps the answer to a request that was begun.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn answer_request(&self, keyed: Keyed<'_>, answer: &Answer) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "update answered_request set status = $3, body = $4, etag = $5 where token = $1 and key = $2";
        let query = sqlx::query(sql).bind(keyed.token).bind(keyed.key).bind(i64::from(answer.status));
        query.bind(&answer.body).bind(&answer.etag).execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Forgets a request that was begun and refused: nothing was done, so its key is free again.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_request(&self, keyed: Keyed<'_>) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "delete from answered_request where token = $1 and key = $2 and status is null";
        sqlx::query(sql).bind(keyed.token).bind(keyed.key).execute(tx.connection()).await?;
        tx.commit().await
    }
}
