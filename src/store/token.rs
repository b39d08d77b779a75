//! API tokens, of which only hashes are kept, and secrets of this installation.

use jiff::Timestamp;

use super::trail::Act;
use super::{Error, Store, text};
use crate::domain::actor::Actor;

impl Store {
    /// Keeps a token's hash under a name. `false` when the name is taken.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_token(&self, name: &str, hash: &str, now: Timestamp) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into token (hash, name, created_at) values ($1, $2, $3) on conflict do nothing";
        let done = sqlx::query(sql).bind(hash).bind(name).bind(now.as_millisecond()).execute(tx.connection()).await?;
        let is_new = done.rows_affected() == 1;
        if is_new {
            tx.tell(Act::new(&Actor::command_line(""), "token_created", name), now);
        }
        tx.commit().await?;
        Ok(is_new)
    }

    /// The name of the token with this hash.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token_name(&self, hash: &str) -> Result<Option<String>, Error> {
        let row = self.row(sqlx::query("select name from token where hash = $1").bind(hash)).await?;
        row.map(|row| text(&row, "name")).transpose()
    }

    /// The secret of this name. `None` if there is none yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn secret(&self, name: &str) -> Result<Option<String>, Error> {
        let row = self.row(sqlx::query("select value from secret where name = $1").bind(name)).await?;
        row.map(|row| text(&row, "value")).transpose()
    }

    /// The secret of this name, which is `new` if there was none yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn secret_or(&self, name: &str, new: &str, now: Timestamp) -> Result<String, Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into secret (name, value, created_at) values ($1, $2, $3) on conflict do nothing";
        sqlx::query(sql).bind(name).bind(new).bind(now.as_millisecond()).execute(tx.connection()).await?;
        tx.commit().await?;
        // Whichever came first, of several that were made at once.
        Ok(self.secret(name).await?.unwrap_or_else(|| new.to_owned()))
    }
}
