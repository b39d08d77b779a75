//! Calendars that were fetched: a restart has the shifts although the remote is down.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, instant, text, text_or_none};
use crate::domain::calendar::Url;

/// A calendar as it was read last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCalendar {
    /// Where it is.
    pub url: Url,
    /// The newest text that made sense.
    pub text: String,
    /// The remote's word for this text (RFC 9110, section 8.8.3).
    pub etag: Option<String>,
    /// When the remote last said that this is the text.
    pub fetched_at: Timestamp,
    /// Why asking again failed since.
    pub problem: Option<String>,
}

impl Store {
    /// All calendars.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn calendars(&self) -> Result<Vec<StoredCalendar>, Error> {
        self.rows(sqlx::query("select * from calendar order by url")).await?.iter().map(calendar).collect()
    }

    /// Keeps a calendar in place of the one it had.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn keep_calendar(&self, calendar: &StoredCalendar) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into calendar (url, text, etag, fetched_at, problem) values ($1, $2, $3, $4, $5) \
                   on conflict (url) do update set text = excluded.text, etag = excluded.etag, \
                   fetched_at = excluded.fetched_at, problem = excluded.problem";
        let query = sqlx::query(sql)
            .bind(calendar.url.expose())
            .bind(&calendar.text)
            .bind(&calendar.etag)
            .bind(calendar.fetched_at.as_millisecond())
            .bind(&calendar.problem);
        query.execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Notes how asking again went for a calendar that is kept.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn mark_calendar(&self, url: &Url, fetched_at: Timestamp, problem: Option<&str>) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("update calendar set fetched_at = $2, problem = $3 where url = $1")
            .bind(url.expose())
            .bind(fetched_at.as_millisecond())
            .bind(problem);
        query.execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Forgets a calendar that no schedule names any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_calendar(&self, url: &Url) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query("delete from calendar where url = $1").bind(url.expose()).execute(tx.connection()).await?;
        tx.commit().await
    }
}

fn calendar(row: &AnyRow) -> Result<StoredCalendar, Error> {
    Ok(StoredCalendar {
        url: Url::new(text(row, "url")?),
        text: text(row, "text")?,
        etag: text_or_none(row, "etag")?,
        fetched_at: instant(row, "fetched_at")?,
        problem: text_or_none(row, "problem")?,
    })
}
