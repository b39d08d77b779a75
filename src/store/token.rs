//! API tokens, of which only hashes are kept, and secrets of this installation.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::trail::Act;
use super::{Error, Store, instant, instant_or_none, json, text, to_json, word};
use crate::domain::actor::Actor;
use crate::domain::scope::Scope;

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is for; shown on timelines.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// The services it is for; empty is all, and what belongs to none.
    pub services: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is good for nothing.
    pub expires_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
}

impl Token {
    /// A token that may do everything, for good.
    pub fn for_everything(name: &str, now: Timestamp) -> Self {
        let (name, services) = (name.to_owned(), Vec::new());
        Self { name, scope: Scope::Admin, services, created_at: now, expires_at: None, revoked_at: None }
    }

    /// Whether it opens anything at an instant.
    pub fn is_good(&self, now: Timestamp) -> bool {
        self.revoked_at.is_none() && self.expires_at.is_none_or(|at| now < at)
    }
}

impl Store {
    /// Keeps a token under its hash. `false` when the name is taken.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_token(&self, token: &Token, hash: &str, by: &Actor) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into token (hash, name, scope, services, created_at, expires_at) \
                   values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
        let query = sqlx::query(sql).bind(hash).bind(&token.name).bind(token.scope.word());
        let query = query.bind(to_json(&token.services)).bind(token.created_at.as_millisecond());
        let done = query.bind(token.expires_at.map(Timestamp::as_millisecond)).execute(tx.connection()).await?;
        let is_new = done.rows_affected() == 1;
        if is_new {
            let act = Act::new(by, "token_created", &token.name).became(serde_json::json!({
                "scope": token.scope.word(), "services": token.services, "expires_at": token.expires_at,
            }));
            tx.tell(act, token.created_at);
        }
        tx.commit().await?;
        Ok(is_new)
    }

    /// The token with this hash, also one that is over.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn token(&self, hash: &str) -> Result<Option<Token>, Error> {
        let row = self.row(sqlx::query("select * from token where hash = $1").bind(hash)).await?;
        row.as_ref().map(token).transpose()
    }

    /// All tokens, also those that are over, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tokens(&self) -> Result<Vec<Token>, Error> {
        self.rows(sqlx::query("select * from token order by name")).await?.iter().map(token).collect()
    }

    /// Takes a token back. `false` when there is none of that name that is not taken back yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn revoke_token(&self, name: &str, by: &Actor, now: Timestamp) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let sql = "update token set revoked_at = $2 where name = $1 and revoked_at is null";
        let done = sqlx::query(sql).bind(name).bind(now.as_millisecond()).execute(tx.connection()).await?;
        let is_known = done.rows_affected() == 1;
        if is_known {
            tx.tell(Act::new(by, "token_revoked", name), now);
        }
        tx.commit().await?;
        Ok(is_known)
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

fn token(row: &AnyRow) -> Result<Token, Error> {
    Ok(Token {
        name: text(row, "name")?,
        scope: word(row, "scope")?,
        services: json(row, "services")?,
        created_at: instant(row, "created_at")?,
        expires_at: instant_or_none(row, "expires_at")?,
        revoked_at: instant_or_none(row, "revoked_at")?,
    })
}
