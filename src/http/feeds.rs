//! Our shifts as calendars that calendar programs subscribe to.
//!
//! Such programs can send nothing but an address, so the address has the token: it opens this one feed and nothing
//! else, and is made from a secret of this installation, so none needs to be stored.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ToSpan as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::{Error, Shared};
use crate::domain::hex::hex;
use crate::domain::schedule::Schedule;
use crate::domain::situation::{Swap, overrides_of};
use crate::domain::stretch::{self, Stretch};
use crate::ical::{self, FeedShift};

/// The name of the secret in the database.
pub const SECRET: &str = "feeds";

/// How many days back a feed goes.
const DAYS_BACK: i64 = 35;

/// How many days ahead.
const DAYS_AHEAD: i64 = 120;

/// How long a program may keep what it has read. Most ask every few hours anyway.
const CACHE: &str = "private, max-age=300";

/// One feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// Everybody's shifts by a schedule.
    Schedule(String),
    /// All shifts of a person.
    Person(String),
}

impl Feed {
    /// Its path, before any encoding.
    pub fn path(&self) -> String {
        match self {
            Self::Schedule(name) => format!("/feeds/schedules/{name}.ics"),
            Self::Person(name) => format!("/feeds/people/{name}.ics"),
        }
    }

    /// The address that programs subscribe to, below the address under which others reach us.
    ///
    /// # Errors
    /// In words, when that is not the address of a server.
    pub fn address(&self, base: &str, secret: &str) -> Result<String, String> {
        let mut url = url::Url::parse(base).map_err(|_| format!("public_url {base:?} is not a URL"))?;
        url.path_segments_mut()
            .map_err(|()| format!("public_url {base:?} is not the address of a server"))?
            .pop_if_empty()
            .extend(self.path().trim_start_matches('/').splitn(3, '/'));
        url.query_pairs_mut().append_pair("token", &self.token(secret));
        Ok(url.into())
    }

    /// What opens it: HMAC-SHA256 of the path, in hex.
    pub fn token(&self, secret: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(self.path().as_bytes());
        hex(&mac.finalize().into_bytes())
    }
}

/// Query of a feed: `token`. Programs may add words of their own.
type Words = Query<HashMap<String, String>>;

/// `GET /feeds/schedules/{name}.ics`.
pub async fn schedule(
    State(shared): State<Arc<Shared>>,
    Path(file): Path<String>,
    Query(query): Words,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer(&shared, name(&file).map(Feed::Schedule), &query, &headers).await
}

/// `GET /feeds/people/{name}.ics`.
pub async fn person(
    State(shared): State<Arc<Shared>>,
    Path(file): Path<String>,
    Query(query): Words,
    headers: HeaderMap,
) -> Result<Response, Error> {
    answer(&shared, name(&file).map(Feed::Person), &query, &headers).await
}

fn name(file: &str) -> Option<String> {
    file.strip_suffix(".ics").map(str::to_owned)
}

/// A wrong token and a feed that does not exist look the same.
async fn answer(
    shared: &Shared,
    feed: Option<Feed>,
    query: &HashMap<String, String>,
    headers: &HeaderMap,
) -> Result<Response, Error> {
    let unknown = || Error::NotFound("there is no such feed".to_owned());
    let (feed, token) = feed.zip(query.get("token")).ok_or_else(unknown)?;
    let secret = shared.engine.store().secret(SECRET).await?.ok_or_else(unknown)?;
    if !bool::from(feed.token(&secret).as_bytes().ct_eq(token.as_bytes())) {
        return Err(unknown());
    }
    let text = text(shared, &feed).await?.ok_or_else(unknown)?;
    let digest = hex(&Sha256::digest(text.as_bytes()));
    let tag = format!("\"{}\"", digest.get(..32).unwrap_or(&digest));
    let known = headers.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    let cached: [(HeaderName, String); 2] = [(header::CACHE_CONTROL, CACHE.to_owned()), (header::ETAG, tag.clone())];
    // A proxy that packs texts makes a tag weak (RFC 9110, section 13.1.2).
    if known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag) {
        return Ok((StatusCode::NOT_MODIFIED, cached).into_response());
    }
    Ok((cached, [(header::CONTENT_TYPE, "text/calendar; charset=utf-8")], text).into_response())
}

/// The feed's text; `None` if there is no such schedule or person.
async fn text(shared: &Shared, feed: &Feed) -> Result<Option<String>, Error> {
    let definitions = shared.engine.definitions();
    let roster = &definitions.roster;
    let (shown, looked) = spans(shared.engine.clock().now());
    let stored = shared.engine.store().overrides_since(looked.0).await?;
    let overrides: Vec<Swap> = stored.into_iter().map(|stored| stored.swap).collect();
    let text = match feed {
        Feed::Schedule(name) => roster.schedules.get(name).map(|schedule| {
            let shifts = shifts(schedule, &overrides, shown, looked);
            ical::write(&format!("On call: {name}"), &schedule.zone, &in_order(shifts))
        }),
        Feed::Person(name) => roster.users.get(name).map(|user| {
            let all = roster.schedules.values().flat_map(|schedule| shifts(schedule, &overrides, shown, looked));
            let own = all.filter(|shift| shift.person == *name).collect();
            ical::write(&format!("On call: {name}"), &user.zone, &in_order(own))
        }),
    };
    Ok(text)
}

/// The final schedule as a feed has it.
fn shifts(schedule: &Schedule, overrides: &[Swap], shown: Stretch, looked: Stretch) -> Vec<FeedShift> {
    let shifts = schedule.shifts(&overrides_of(overrides, &schedule.name), looked.0, looked.1);
    let within = shifts.into_iter().filter(|shift| stretch::clipped((shift.starts_at, shift.ends_at), shown).is_some());
    let shift = |shift: crate::domain::schedule::Shift| FeedShift {
        person: shift.user,
        rotation: schedule.name.clone(),
        start: shift.starts_at,
        end: shift.ends_at,
    };
    within.map(shift).collect()
}

fn in_order(mut shifts: Vec<FeedShift>) -> Vec<FeedShift> {
    shifts.sort_by(|one, other| {
        (one.start, &one.rotation, &one.person).cmp(&(other.start, &other.rotation, &other.person))
    });
    shifts
}

/// Which shifts are shown, and over which time the schedule is asked. It is asked for more, in whole months, because
/// a shift is cut where the question begins: cut anew every day, it would be another event every day.
fn spans(now: Timestamp) -> (Stretch, Stretch) {
    let today = TimeZone::UTC.to_datetime(now).date();
    let instant = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).unwrap_or(now);
    let moved = |date: Date, by: Span| date.checked_add(by).unwrap_or(date);
    let (from, to) = (moved(today, (-DAYS_BACK).days()), moved(today, (DAYS_AHEAD + 1).days()));
    let looked = (moved(from, (-1).months()).first_of_month(), moved(to, 2.months()).first_of_month());
    ((instant(from), instant(to)), (instant(looked.0), instant(looked.1)))
}
