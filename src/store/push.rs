//! Browsers that people have subscribed to pages.

use std::fmt;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::trail::Act;
use super::{Error, Store, instant, instant_or_none, int, text};

/// A browser of somebody. Endpoint and keys are secret: whoever has them can write to it.
#[derive(Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Made of the endpoint.
    pub id: String,
    /// Whose.
    pub user: String,
    /// Where its push service takes messages for it.
    pub endpoint: String,
    /// Its public key, in base64url.
    pub p256dh: String,
    /// What it has told us alone, in base64url.
    pub auth: String,
    /// What its owner calls it.
    pub name: String,
    /// When it was subscribed.
    pub created_at: Timestamp,
    /// What it was told last.
    pub told: String,
    /// When its service last took something.
    pub last_ok_at: Option<Timestamp>,
    /// When its service said that there is no such browser any more.
    pub gone_at: Option<Timestamp>,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, user, name, .. } = self;
        f.debug_struct("Subscription").field("id", id).field("user", user).field("name", name).finish_non_exhaustive()
    }
}

impl Store {
    /// Keeps a subscription, in place of what is known of this browser and of one of the same name that is gone.
    /// `false` when its owner has so many already.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn add_push_subscription(&self, new: &Subscription, max: i64, act: Act) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let sql = "delete from push_subscription where username = $1 and name = $2 and gone_at is not null";
        sqlx::query(sql).bind(&new.user).bind(&new.name).execute(tx.connection()).await?;
        let sql = "select count(*) as n from push_subscription where username = $1 and gone_at is null and id <> $2";
        let row = sqlx::query(sql).bind(&new.user).bind(&new.id).fetch_one(tx.connection()).await?;
        if int(&row, "n")? >= max {
            return Ok(false);
        }
        let sql = "insert into push_subscription (id, username, endpoint, p256dh, auth, name, created_at, told) \
                   values ($1, $2, $3, $4, $5, $6, $7, '') \
                   on conflict (id) do update set username = excluded.username, p256dh = excluded.p256dh, \
                   auth = excluded.auth, name = excluded.name, created_at = excluded.created_at, told = '', \
                   last_ok_at = null, gone_at = null";
        let query = sqlx::query(sql)
            .bind(&new.id)
            .bind(&new.user)
            .bind(&new.endpoint)
            .bind(&new.p256dh)
            .bind(&new.auth)
            .bind(&new.name)
            .bind(new.created_at.as_millisecond());
        query.execute(tx.connection()).await?;
        tx.tell(act, new.created_at);
        tx.commit().await?;
        Ok(true)
    }

    /// Somebody's subscriptions, oldest first.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn push_subscriptions(&self, user: &str) -> Result<Vec<Subscription>, Error> {
        let sql = "select * from push_subscription where username = $1 order by created_at, name, id";
        self.rows(sqlx::query(sql).bind(user)).await?.iter().map(subscription).collect()
    }

    /// Forgets one of somebody's subscriptions. `false` when there is none of this id.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn remove_push_subscription(
        &self,
        user: &str,
        id: &str,
        act: Act,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("delete from push_subscription where username = $1 and id = $2").bind(user).bind(id);
        let is_gone = query.execute(tx.connection()).await?.rows_affected() == 1;
        if is_gone {
            tx.tell(act, now);
        }
        tx.commit().await?;
        Ok(is_gone)
    }

    /// A push service has taken something for this browser.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_push_taken(&self, id: &str, told: &str, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("update push_subscription set last_ok_at = $3, told = $2 where id = $1");
        query.bind(id).bind(told).bind(now.as_millisecond()).execute(tx.connection()).await?;
        tx.commit().await
    }

    /// A push service knows this browser no more. One that was subscribed anew meanwhile stays.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn note_push_gone(&self, gone: &Subscription, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "update push_subscription set gone_at = $3 where id = $1 and created_at = $2 and gone_at is null";
        let query = sqlx::query(sql).bind(&gone.id).bind(gone.created_at.as_millisecond()).bind(now.as_millisecond());
        query.execute(tx.connection()).await?;
        tx.commit().await
    }
}

fn subscription(row: &AnyRow) -> Result<Subscription, Error> {
    Ok(Subscription {
        id: text(row, "id")?,
        user: text(row, "username")?,
        endpoint: text(row, "endpoint")?,
        p256dh: text(row, "p256dh")?,
        auth: text(row, "auth")?,
        name: text(row, "name")?,
        created_at: instant(row, "created_at")?,
        told: text(row, "told")?,
        last_ok_at: instant_or_none(row, "last_ok_at")?,
        gone_at: instant_or_none(row, "gone_at")?,
    })
}
