//! Pages that follow what happens: a stream of server-sent events that says "something changed", and the page asks for
//! its parts again. What is looked at is the database, so that the work of other nodes shows as well.
//!
//! One task looks for all streams of the process ([`watch`]); a stream itself only waits, so that a thousand of them cost
//! little more than their connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response, Sse};
use futures_util::stream::{self, Stream};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex, watch};
use tokio::time::{Interval, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::access::{self, Viewer};
use super::frame::Fault;
use crate::clock::Stopwatch;
use crate::domain::hex::hex;
use crate::engine::Engine;
use crate::http::Shared;
use crate::store;

/// How often the database is looked at while anybody follows: news is told within a second, the way to it included.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// How often a stream says something all the same, so that nobody in between ends it, and asks whether its session lasts.
const STILL_HERE_EVERY: Duration = Duration::from_secs(15);

/// Streams at once. Those beyond it are told so; their pages show that they are not live.
pub const STREAMS_MAX: usize = 1100;

/// What each other stream adds to the time over which pages ask again: all at once would hold up everything else. A few
/// that follow notice nothing of it; a page costs some milliseconds.
const SPREAD_A_STREAM: Duration = Duration::from_millis(5);

/// Streams with which many follow: what they ask for again is then read once for all of them.
const MANY: usize = 20;

/// What all streams share.
#[derive(Debug)]
pub struct Live {
    seen: Mutex<Option<Seen>>,
    /// How often somebody has done something.
    acts: AtomicU64,
    streams: AtomicUsize,
    /// What was seen last; `None` while the database does not answer.
    told: watch::Sender<Option<String>>,
}

/// What the database was like.
#[derive(Debug)]
struct Seen {
    since: Stopwatch,
    /// As many acts had been done before.
    acts: u64,
    stamp: String,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            seen: Mutex::default(),
            acts: AtomicU64::new(0),
            streams: AtomicUsize::new(0),
            told: watch::Sender::new(None),
        }
    }
}

impl Live {
    /// What the database is like, not older than half a second: another text means that something changed. Before the
    /// hyphen it is about all but mails, behind it about mails.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stamp(&self, engine: &Engine) -> Result<String, store::Error> {
        let mut seen = self.seen.lock().await;
        let acts = self.acts.load(Ordering::SeqCst);
        if let Some(seen) = seen.as_ref().filter(|seen| seen.acts == acts && seen.since.elapsed() < LOOK_EVERY) {
            return Ok(seen.stamp.clone());
        }
        let since = Stopwatch::start();
        let stored = engine.store().stamp().await?;
        let rest = short(&format!("{}/{}", stored.incidents, engine.definitions().version));
        let stamp = format!("{rest}-{}", short(&stored.mails));
        *seen = Some(Seen { since, acts, stamp: stamp.clone() });
        Ok(stamp)
    }

    /// Somebody has done something: the next stamp is not one from before, so that they see it on the next page.
    pub(in crate::http) fn look_again(&self) {
        self.acts.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether it pays to share what is read.
    pub(super) fn many_follow(&self) -> bool {
        self.streams.load(Ordering::Relaxed) >= MANY
    }

    /// Over how long pages are to ask again after news.
    fn spread(&self) -> Duration {
        let others = self.streams.load(Ordering::Relaxed).saturating_sub(1);
        SPREAD_A_STREAM * u32::try_from(others).unwrap_or(u32::MAX)
    }
}

fn short(text: &str) -> String {
    let mut digest = hex(&Sha256::digest(text.as_bytes()));
    digest.truncate(16);
    digest
}

/// The part of a stamp that a page compares: whether mails came matters to few of them, and mails come all the time.
pub(super) fn followed(stamp: &str, is_about_mails: bool) -> &str {
    let rest = stamp.split('-').next().unwrap_or(stamp);
    if is_about_mails { stamp } else { rest }
}

/// Looks for news until the process is to end, while anybody follows.
pub async fn watch(shared: Arc<Shared>) {
    let (live, stop) = (&shared.pages.live, &shared.pages.stop);
    let mut look = tokio::time::interval(LOOK_EVERY);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = look.tick() => {}
        }
        if live.told.receiver_count() == 0 {
            continue;
        }
        let stamp = live.stamp(&shared.engine).await.ok();
        live.told.send_if_modified(|told| {
            let is_news = *told != stamp;
            *told = stamp;
            is_news
        });
    }
}

/// Query of `GET /events`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    /// `mails`: their coming is news as well.
    #[serde(default)]
    of: String,
}

/// A place among the streams, given back when it is dropped.
struct Place(Arc<Shared>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.pages.live.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One stream.
struct Watching {
    place: Place,
    viewer: Viewer,
    is_about_mails: bool,
    /// What the stream has said last.
    said: Option<String>,
    /// What is to be said first.
    first: Option<String>,
    news: watch::Receiver<Option<String>>,
    still_here: Interval,
}

/// `GET /events`: what the database is like now, and whenever that changes.
pub(super) async fn events(
    State(shared): State<Arc<Shared>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let before = shared.pages.live.streams.fetch_add(1, Ordering::Relaxed);
    let place = Place(shared);
    if before >= STREAMS_MAX {
        return Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, "Too many pages follow; this one does not."));
    }
    let live = &place.0.pages.live;
    // Listening begins before the first look, so that nothing falls between.
    let news = live.told.subscribe();
    let first = Some(live.stamp(&place.0.engine).await?);
    let mut still_here = tokio::time::interval(STILL_HERE_EVERY);
    still_here.set_missed_tick_behavior(MissedTickBehavior::Delay);
    still_here.tick().await;
    let is_about_mails = asked.of == "mails";
    let watching = Watching { place, viewer, is_about_mails, said: None, first, news, still_here };
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, Sse::new(stream(watching))).into_response())
}

fn stream(watching: Watching) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watching, async |mut watching| {
        let event = watching.next().await?;
        Some((Ok(event), watching))
    })
}

impl Watching {
    /// What is to be said next; `None` at the end: the process is to stop, the database is away, or the session is over.
    async fn next(&mut self) -> Option<Event> {
        if let Some(event) = self.first.take().and_then(|first| self.told(&first)) {
            return Some(event);
        }
        let stop: CancellationToken = self.place.0.pages.stop.clone();
        loop {
            tokio::select! {
                // The browser comes back by itself.
                () = stop.cancelled() => return None,
                changed = self.news.changed() => {
                    changed.ok()?;
                    let stamp = self.news.borrow_and_update().clone()?;
                    if let Some(event) = self.told(&stamp) {
                        return Some(event);
                    }
                }
                _ = self.still_here.tick() => {
                    access::still_in(&self.place.0, &self.viewer).await.ok().filter(|lasts| *lasts)?;
                    return Some(Event::default().comment("still here"));
                }
            }
        }
    }

    /// The event that tells of a stamp, unless it is none to this page: the stamp, and over how many milliseconds the
    /// pages are to ask again.
    fn told(&mut self, stamp: &str) -> Option<Event> {
        let stamp = followed(stamp, self.is_about_mails);
        if self.said.as_deref() == Some(stamp) {
            return None;
        }
        self.said = Some(stamp.to_owned());
        let spread = self.place.0.pages.live.spread().as_millis();
        Some(Event::default().event("news").data(format!("{stamp} {spread}")))
    }
}
