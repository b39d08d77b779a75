//! Passwords, invitations and sessions of people. Of invitations and sessions only hashes are kept.

use jiff::Timestamp;

use super::{Error, Store, text};

impl Store {
    /// Keeps an invitation. Others of the same person stay good: each is for one use.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_invite(&self, hash: &str, user: &str, now: Timestamp, expires_at: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into invite (hash, username, created_at, expires_at) values ($1, $2, $3, $4)";
        let query = sqlx::query(sql).bind(hash).bind(user).bind(now.as_millisecond());
        query.bind(expires_at.as_millisecond()).execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Whom an invitation is for, while it is good. It stays good.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn invited(&self, hash: &str, now: Timestamp) -> Result<Option<String>, Error> {
        let sql = "select username from invite where hash = $1 and expires_at > $2";
        let row = self.row(sqlx::query(sql).bind(hash).bind(now.as_millisecond())).await?;
        row.map(|row| text(&row, "username")).transpose()
    }

    /// Uses an invitation up: its person has this password from now on, and their sessions end. The person, or `None`
    /// when the invitation is not good any more.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn accept_invite(&self, hash: &str, password: &str, now: Timestamp) -> Result<Option<String>, Error> {
        let mut tx = self.begin().await?;
        let sql = "delete from invite where hash = $1 and expires_at > $2 returning username";
        let query = sqlx::query(sql).bind(hash).bind(now.as_millisecond());
        let Some(row) = query.fetch_optional(tx.connection()).await? else {
            tx.commit().await?;
            return Ok(None);
        };
        let user = text(&row, "username")?;
        let sql = "insert into person_password (username, hash, set_at) values ($1, $2, $3) \
                   on conflict (username) do update set hash = excluded.hash, set_at = excluded.set_at";
        let query = sqlx::query(sql).bind(&user).bind(password).bind(now.as_millisecond());
        query.execute(tx.connection()).await?;
        sqlx::query("delete from session where username = $1").bind(&user).execute(tx.connection()).await?;
        tx.commit().await?;
        Ok(Some(user))
    }

    /// The hash of somebody's password.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn password(&self, user: &str) -> Result<Option<String>, Error> {
        let row = self.row(sqlx::query("select hash from person_password where username = $1").bind(user)).await?;
        row.map(|row| text(&row, "hash")).transpose()
    }

    /// Keeps a session, and forgets those that are over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_session(
        &self,
        hash: &str,
        user: &str,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("delete from session where expires_at <= $1").bind(now.as_millisecond());
        query.execute(tx.connection()).await?;
        let sql = "insert into session (hash, username, created_at, expires_at) values ($1, $2, $3, $4)";
        let query = sqlx::query(sql).bind(hash).bind(user).bind(now.as_millisecond());
        query.bind(expires_at.as_millisecond()).execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Whose session this is, while it lasts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session_user(&self, hash: &str, now: Timestamp) -> Result<Option<String>, Error> {
        let sql = "select username from session where hash = $1 and expires_at > $2";
        let row = self.row(sqlx::query(sql).bind(hash).bind(now.as_millisecond())).await?;
        row.map(|row| text(&row, "username")).transpose()
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_session(&self, hash: &str) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        sqlx::query("delete from session where hash = $1").bind(hash).execute(tx.connection()).await?;
        tx.commit().await
    }
}
