//! Who is in, and who has changed what, as JSON.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::instant;
use crate::store::access::Session;
use crate::store::trail::Told;

/// A page of sessions.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionsView {
    /// By person, then by when they began.
    pub sessions: Vec<SessionView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// A browser in which somebody has signed in.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionView {
    /// What it is ended by.
    pub id: String,
    /// Whose.
    pub user: String,
    /// How they signed in; empty where that is not known.
    pub way: String,
    /// What their browser calls itself.
    pub agent: String,
    /// From which address they signed in.
    pub origin: String,
    /// RFC 3339: when.
    #[serde(serialize_with = "instant")]
    pub created_at: Timestamp,
    /// RFC 3339: when it was last used, to a few minutes.
    #[serde(serialize_with = "instant")]
    pub seen_at: Timestamp,
    /// From which address.
    pub seen_origin: String,
    /// RFC 3339: when it is over.
    #[serde(serialize_with = "instant")]
    pub expires_at: Timestamp,
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        Self {
            id: session.id().to_owned(),
            seen_at: session.seen_at.max(session.created_at),
            user: session.user,
            way: session.way,
            agent: session.agent,
            origin: session.origin,
            created_at: session.created_at,
            seen_origin: session.seen_origin,
            expires_at: session.expires_at,
        }
    }
}

/// Sessions that were ended.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EndedView {
    /// How many.
    pub ended: usize,
}

/// A page of the trail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TrailView {
    /// Newest first.
    pub rows: Vec<ToldView>,
    /// Where the next page begins; null on the last one.
    pub next_cursor: Option<String>,
}

/// A row of the trail.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ToldView {
    /// Counts up from 1 without a gap.
    pub number: i64,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub at: Timestamp,
    /// Who.
    pub who: String,
    /// By what: page, api, command line …
    pub way: String,
    /// From where; may be empty.
    pub origin: String,
    /// What was done.
    pub what: String,
    /// About what.
    pub about: String,
    /// How it was, as JSON in a text; may be empty.
    pub was: String,
    /// How it became, as JSON in a text; may be empty.
    pub became: String,
    /// The hash of the row before; empty for the first.
    pub previous: String,
    /// SHA-256, in hex, of the JSON array of all the above in this order, `at` as milliseconds since 1970.
    pub hash: String,
}

impl From<Told> for ToldView {
    fn from(told: Told) -> Self {
        let Told { number, at, who, way, origin, what, about, was, became, previous, hash } = told;
        Self { number, at, who, way, origin, what, about, was, became, previous, hash }
    }
}

/// How far the trail was gone through.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct VerifiedTrailView {
    /// NUMBER:HASH of the last row that fits: keep it elsewhere, and send it as `after` the next time.
    pub verified: String,
    /// The end of the trail was reached.
    pub complete: bool,
    /// The first row that does not fit, and why; null is good.
    pub broken: Option<BrokenView>,
}

/// A row that does not fit.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct BrokenView {
    /// Its number.
    pub number: i64,
    /// What is wrong with it.
    pub why: String,
}
