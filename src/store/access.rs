//! Passwords, invitations and sessions of people. Of invitations and sessions only hashes are kept.

use jiff::Timestamp;
use serde_json::json;
use sqlx::any::AnyRow;

use super::trail::Act;
use super::{Error, Store, WriteTx, instant, text};
use crate::domain::actor::Actor;

/// A session of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The hash of what the cookie has.
    pub hash: String,
    /// Whose.
    pub user: String,
    /// How they signed in.
    pub way: String,
    /// From which address.
    pub origin: String,
    /// What their browser calls itself.
    pub agent: String,
    /// What they might do when it began; empty where that is not known.
    pub rights: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When it was last used, to a few minutes.
    pub seen_at: Timestamp,
    /// From which address.
    pub seen_origin: String,
    /// When it is over.
    pub expires_at: Timestamp,
}

impl Session {
    /// What it is called where people see it: enough of the hash to tell it from others.
    pub fn id(&self) -> &str {
        self.hash.get(..usize::from(ID_CHARS)).unwrap_or(&self.hash)
    }
}

/// Characters of a hash by which a session is named.
const ID_CHARS: u8 = 16;

impl Store {
    /// Keeps an invitation. Others of the same person stay good: each is for one use.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_invite(
        &self,
        hash: &str,
        user: &str,
        now: Timestamp,
        expires_at: Timestamp,
        by: &Actor,
    ) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into invite (hash, username, created_at, expires_at) values ($1, $2, $3, $4)";
        let query = sqlx::query(sql).bind(hash).bind(user).bind(now.as_millisecond());
        query.bind(expires_at.as_millisecond()).execute(tx.connection()).await?;
        tx.tell(Act::new(by, "invited", user).became(json!({ "good_until": expires_at })), now);
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
    pub async fn accept_invite(
        &self,
        hash: &str,
        password: &str,
        now: Timestamp,
        origin: &str,
    ) -> Result<Option<String>, Error> {
        let mut tx = self.begin().await?;
        let Some(user) = tx.use_invite(hash, None, now).await? else {
            // Nothing was changed. Left unfinished, the transaction would cost its connection, of which SQLite has one.
            tx.commit().await?;
            return Ok(None);
        };
        let sql = "insert into person_password (username, hash, set_at) values ($1, $2, $3) \
                   on conflict (username) do update set hash = excluded.hash, set_at = excluded.set_at";
        let query = sqlx::query(sql).bind(&user).bind(password).bind(now.as_millisecond());
        query.execute(tx.connection()).await?;
        let by = Actor::page(&user, origin);
        tx.tell(Act::new(&by, "password_set", &user), now);
        tx.end_sessions(&user, None, &by, now).await?;
        tx.commit().await?;
        Ok(Some(user))
    }

    /// Uses an invitation of the session's person up that is good for that session and sets no password. `false` when it
    /// is not good any more, or somebody else's.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn enter_by_invite(&self, hash: &str, session: &Session) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let is_used = tx.use_invite(hash, Some(&session.user), session.created_at).await?.is_some();
        if is_used {
            tx.open_session(session).await?;
        }
        tx.commit().await?;
        Ok(is_used)
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
    pub async fn open_session(&self, session: &Session) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        tx.open_session(session).await?;
        tx.commit().await
    }

    /// The session of this hash, while it lasts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn session(&self, hash: &str, now: Timestamp) -> Result<Option<Session>, Error> {
        let sql = "select * from session where hash = $1 and expires_at > $2";
        self.row(sqlx::query(sql).bind(hash).bind(now.as_millisecond())).await?.as_ref().map(session).transpose()
    }

    /// Sessions that last, of one person or of everybody, the last used first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn sessions(&self, user: Option<&str>, now: Timestamp) -> Result<Vec<Session>, Error> {
        let sql = "select * from session where expires_at > $1 and ($2 = '' or username = $2) \
                   order by seen_at desc, created_at desc, hash limit 1000";
        let query = sqlx::query(sql).bind(now.as_millisecond()).bind(user.unwrap_or_default());
        self.rows(query).await?.iter().map(session).collect()
    }

    /// Notes that a session is used, and what its person may do where that was not known.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_seen(&self, hash: &str, origin: &str, rights: &str, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "update session set seen_at = $2, seen_origin = $3, \
                   rights = case when rights = '' then $4 else rights end where hash = $1";
        let query = sqlx::query(sql).bind(hash).bind(now.as_millisecond()).bind(origin).bind(rights);
        query.execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Ends a session, named by its hash or by its id. `None` when there is none such of this person, or of anybody
    /// where none is named; else whose it was.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_session(
        &self,
        name: &str,
        of: Option<&str>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        let mut tx = self.begin().await?;
        let sql = "delete from session where (hash = $1 or substr(hash, 1, cast($3 as integer)) = $1) \
                   and ($2 = '' or username = $2) returning *";
        let query = sqlx::query(sql).bind(name).bind(of.unwrap_or_default()).bind(i64::from(ID_CHARS));
        let ended = query.fetch_all(tx.connection()).await?;
        let mut user = None;
        for row in &ended {
            let session = session(row)?;
            tx.tell(ended_act(&session, by), now);
            user = Some(session.user);
        }
        tx.commit().await?;
        Ok(user)
    }

    /// Ends all sessions of somebody but one; how many.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn end_sessions(
        &self,
        user: &str,
        but: Option<&str>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<usize, Error> {
        let mut tx = self.begin().await?;
        let ended = tx.end_sessions(user, but, by, now).await?;
        tx.commit().await?;
        Ok(ended)
    }
}

impl WriteTx {
    /// Uses an invitation up, of one person or whoever's it is.
    async fn use_invite(&mut self, hash: &str, of: Option<&str>, now: Timestamp) -> Result<Option<String>, Error> {
        let sql = "delete from invite where hash = $1 and expires_at > $2 and ($3 = '' or username = $3) \
                   returning username";
        let query = sqlx::query(sql).bind(hash).bind(now.as_millisecond()).bind(of.unwrap_or_default());
        query.fetch_optional(self.connection()).await?.map(|row| text(&row, "username")).transpose()
    }

    async fn open_session(&mut self, new: &Session) -> Result<(), Error> {
        let now = new.created_at.as_millisecond();
        let query = sqlx::query("delete from session where expires_at <= $1").bind(now);
        query.execute(self.connection()).await?;
        let sql = "insert into session (hash, username, created_at, expires_at, way, origin, agent, rights, seen_at, \
                   seen_origin) values ($1, $2, $3, $4, $5, $6, $7, $8, $3, $6)";
        let query = sqlx::query(sql).bind(&new.hash).bind(&new.user).bind(now).bind(new.expires_at.as_millisecond());
        let query = query.bind(&new.way).bind(&new.origin).bind(&new.agent).bind(&new.rights);
        query.execute(self.connection()).await?;
        let by = Actor::page(&new.user, &new.origin);
        let told = json!({ "by": new.way, "session": new.id(), "browser": new.agent, "rights": new.rights });
        self.tell(Act::new(&by, "signed_in", &new.user).became(told), new.created_at);
        Ok(())
    }

    async fn end_sessions(
        &mut self,
        user: &str,
        but: Option<&str>,
        by: &Actor,
        now: Timestamp,
    ) -> Result<usize, Error> {
        let sql = "delete from session where username = $1 and hash <> $2 returning *";
        let query = sqlx::query(sql).bind(user).bind(but.unwrap_or_default());
        let ended = query.fetch_all(self.connection()).await?;
        for row in &ended {
            self.tell(ended_act(&session(row)?, by), now);
        }
        Ok(ended.len())
    }
}

fn ended_act(session: &Session, by: &Actor) -> Act {
    let was = json!({ "session": session.id(), "by": session.way, "since": session.created_at });
    Act::new(by, "session_ended", &session.user).was(was)
}

fn session(row: &AnyRow) -> Result<Session, Error> {
    Ok(Session {
        hash: text(row, "hash")?,
        user: text(row, "username")?,
        way: text(row, "way")?,
        origin: text(row, "origin")?,
        agent: text(row, "agent")?,
        rights: text(row, "rights")?,
        created_at: instant(row, "created_at")?,
        seen_at: instant(row, "seen_at")?,
        seen_origin: text(row, "seen_origin")?,
        expires_at: instant(row, "expires_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_invitation_that_is_not_found_costs_no_connection() {
        let folder = tempfile::tempdir().expect("a folder");
        let store =
            Store::open(&format!("sqlite://{}", folder.path().join("test.db").display())).await.expect("opened");
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().expect("a timestamp");
        let session = Session {
            hash: "5".repeat(64),
            user: "break glass".to_owned(),
            way: "break-glass".to_owned(),
            origin: String::new(),
            agent: String::new(),
            rights: String::new(),
            created_at: now,
            seen_at: now,
            seen_origin: String::new(),
            expires_at: now + jiff::SignedDuration::from_hours(1),
        };
        // A temporary table is the connection's own, and is gone with it.
        let mut tx = store.begin().await.expect("begun");
        sqlx::query("create temporary table own (id bigint)").execute(tx.connection()).await.expect("made");
        tx.commit().await.expect("committed");
        let by = Actor::command_line("root");
        store.add_invite("ann's", "ann", now, session.expires_at, &by).await.expect("stored");

        assert_eq!(store.accept_invite("nobody's", "password", now, "").await.expect("asked"), None);
        assert!(!store.enter_by_invite("nobody's", &session).await.expect("asked"));
        assert!(!store.enter_by_invite("ann's", &session).await.expect("asked"), "an invitation of somebody else");
        assert_eq!(store.invited("ann's", now).await.expect("readable").as_deref(), Some("ann"), "and it stays good");
        assert_eq!(store.sessions(None, now).await.expect("readable"), []);
        let mut tx = store.begin().await.expect("begun");
        sqlx::query("insert into own (id) values (1)").execute(tx.connection()).await.expect("the same connection");
        tx.commit().await.expect("committed");
    }
}
