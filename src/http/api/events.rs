//! A stream of what happens to incidents, as server-sent events: each line of each timeline, with an id to go on from.
//!
//! What is looked at is the database, so that the work of other nodes is told as well. A line may become visible a
//! little after a later one, when its transaction took longer: for a while the stream looks back, and remembers what it
//! has told.

use std::collections::{HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response, Sse};
use futures_util::stream::{self, Stream};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

use super::App;
use crate::http::auth::Caller;
use crate::http::view::instant;
use crate::http::{Error, Shared};
use crate::store::happened::{Happened, Place};

/// Streams at once, of all tokens.
const STREAMS_MAX: usize = 100;

/// How often a stream looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// After so many looks without news something is said all the same, and it is looked whether the token is still good.
const QUIET_LOOKS_MAX: u32 = 15;

/// Lines read at a look.
const READ_MAX: i64 = 1000;

/// A transaction is through after this long, or nobody waits for it any more.
const LATE_MAX: SignedDuration = SignedDuration::from_secs(45);

/// Something that happened to an incident.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventView {
    /// The incident.
    pub number: i64,
    /// Its service.
    pub service: String,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub at: Timestamp,
    /// opened, repeated, paged, acknowledged …
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// In words.
    pub detail: String,
    /// The mail that caused it.
    pub mail_id: Option<String>,
}

/// What happens to incidents, as it happens
///
/// Server-sent events named `timeline`, whose data are JSON. Who comes back with the Last-Event-ID it was told last
/// hears what happened meanwhile; lines of the last 45 seconds before it may come a second time, with the same id. A
/// stream ends after five minutes: come back, as browsers do by themselves.
#[utoipa::path(get, path = "/events", tag = "incidents",
    params(("Last-Event-ID" = Option<String>, Header, description = "The id of the event that was heard last")),
    responses((status = 200, body = EventView, content_type = "text/event-stream")))]
pub async fn events(State(app): App, caller: Caller, headers: HeaderMap) -> Result<Response, Error> {
    let now = app.engine.clock().now();
    let from = match headers.get("last-event-id") {
        None => Place::before(now),
        Some(id) => {
            let place = id.to_str().ok().and_then(parsed).ok_or_else(|| {
                Error::BadRequest("Last-Event-ID must be the id of an event that was told before".to_owned())
            })?;
            Place::before(place.at.checked_sub(LATE_MAX).unwrap_or(place.at))
        }
    };
    let before = app.api.streams.fetch_add(1, Ordering::Relaxed);
    let following = Following { app, caller, from, told: HashSet::new(), waiting: VecDeque::new(), quiet_looks: 0 };
    if before >= STREAMS_MAX {
        // One that is dropped counts itself out.
        return Err(Error::TooManyRequests(60));
    }
    let headers = [(header::CACHE_CONTROL, "no-store"), (HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, Sse::new(stream(following))).into_response())
}

/// One stream; counted while it lasts.
struct Following {
    app: Arc<Shared>,
    caller: Caller,
    /// All before this place is told, and nothing can come up there any more.
    from: Place,
    /// What is told behind it.
    told: HashSet<Place>,
    /// What is read and not said yet.
    waiting: VecDeque<Happened>,
    quiet_looks: u32,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.app.api.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

fn stream(following: Following) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(following, async |mut following| {
        let stop = following.app.pages.stop.clone();
        loop {
            if let Some(happened) = following.waiting.pop_front() {
                return Some((Ok(event(happened)), following));
            }
            let is_cut = following.look().await?;
            if !following.waiting.is_empty() || is_cut {
                following.quiet_looks = 0;
                continue;
            }
            following.quiet_looks += 1;
            if following.quiet_looks >= QUIET_LOOKS_MAX {
                following.quiet_looks = 0;
                let Caller { hash, origin, .. } = &following.caller;
                Caller::of_hash(&following.app, hash, origin.clone()).await.ok()?;
                return Some((Ok(Event::default().comment("still here")), following));
            }
            tokio::select! {
                // The process is asked to end; who follows comes back by itself.
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    })
}

impl Following {
    /// Reads what is new; whether there is more to be read at once. `None` when the database is away: who follows comes
    /// back by itself.
    async fn look(&mut self) -> Option<bool> {
        let now = self.app.engine.clock().now();
        let found = self.app.engine.store().happened(self.from, READ_MAX).await.ok()?;
        let is_cut = found.len() as i64 >= READ_MAX;
        let settled = Place::before(now.checked_sub(LATE_MAX).unwrap_or(now));
        for happened in found {
            let place = happened.place;
            // Where there is more than can be remembered, going on is worth more than what may come up late.
            if place < settled || is_cut {
                self.from = self.from.max(place);
            }
            if self.told.insert(place) && self.caller.is_for(&happened.service) {
                self.waiting.push_back(happened);
            }
        }
        let from = self.from;
        self.told.retain(|place| *place > from);
        Some(is_cut)
    }
}

fn event(happened: Happened) -> Event {
    let Happened { place, service, entry } = happened;
    let id = format!("{}-{}-{}", place.at.as_millisecond(), place.number, place.ordinal);
    let view = EventView {
        number: place.number,
        service,
        at: entry.at,
        kind: entry.kind,
        actor: entry.actor,
        detail: entry.detail,
        mail_id: entry.mail_id,
    };
    let data = serde_json::to_string(&view).unwrap_or_default();
    Event::default().event("timeline").id(id).data(data)
}

fn parsed(id: &str) -> Option<Place> {
    let mut parts = id.split('-').map(|part| part.parse::<i64>().ok());
    let (at, number, ordinal) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then_some(Place { at: Timestamp::from_millisecond(at).ok()?, number, ordinal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_were_written() {
        let place = Place { at: Timestamp::from_millisecond(1_700_000_000_123).unwrap(), number: 7, ordinal: 3 };
        assert_eq!(parsed("1700000000123-7-3"), Some(place));
        for bad in ["", "7", "1-2", "1-2-3-4", "a-b-c", "99999999999999999-1-1"] {
            assert_eq!(parsed(bad), None, "{bad}");
        }
    }
}
