//! Sign-ins at a provider that have begun. Of what the answer and the browser must show only hashes are kept.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, instant, text};

/// A sign-in at a provider that has begun.
pub struct SignInBegun {
    /// The hash of what the answer must repeat.
    pub state_hash: String,
    /// The hash of what the browser keeps meanwhile.
    pub browser_hash: String,
    /// What the token must repeat.
    pub nonce: String,
    /// What proves to the provider that who asks for the token is who began.
    pub verifier: String,
    /// Where to go afterwards.
    pub next: String,
    /// When it is over.
    pub expires_at: Timestamp,
}

impl Store {
    /// Keeps a sign-in that has begun, and forgets those that are over. Of more than so many the oldest are forgotten.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn begin_sign_in(&self, begun: &SignInBegun, most: i64, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let query = sqlx::query("delete from sign_in where expires_at <= $1").bind(now.as_millisecond());
        query.execute(tx.connection()).await?;
        let sql = "delete from sign_in where state_hash in \
                   (select state_hash from sign_in order by expires_at desc, state_hash limit 1000000 offset $1)";
        // One more is about to come.
        sqlx::query(sql).bind(most - 1).execute(tx.connection()).await?;
        let sql = "insert into sign_in (state_hash, browser_hash, nonce, verifier, next, expires_at) \
                   values ($1, $2, $3, $4, $5, $6)";
        let query = sqlx::query(sql).bind(&begun.state_hash).bind(&begun.browser_hash).bind(&begun.nonce);
        let query = query.bind(&begun.verifier).bind(&begun.next).bind(begun.expires_at.as_millisecond());
        query.execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Takes the sign-in of this state, which is over by that. `None` when there is none that lasts.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn take_sign_in(&self, state_hash: &str, now: Timestamp) -> Result<Option<SignInBegun>, Error> {
        let mut tx = self.begin().await?;
        let sql = "delete from sign_in where state_hash = $1 and expires_at > $2 returning *";
        let query = sqlx::query(sql).bind(state_hash).bind(now.as_millisecond());
        let row = query.fetch_optional(tx.connection()).await?;
        tx.commit().await?;
        let begun = |row: AnyRow| {
            Ok(SignInBegun {
                state_hash: text(&row, "state_hash")?,
                browser_hash: text(&row, "browser_hash")?,
                nonce: text(&row, "nonce")?,
                verifier: text(&row, "verifier")?,
                next: text(&row, "next")?,
                expires_at: instant(&row, "expires_at")?,
            })
        };
        row.map(begun).transpose()
    }
}
