//! Pages that follow what happens: a stream of server-sent events that says "something changed", and the page asks for
//! its parts again. What is looked at is the database, so that the work of other nodes shows as well.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::Event;
use axum::response::{IntoResponse as _, Response, Sse};
use futures_util::stream::{self, Stream};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::access::{self, Viewer};
use super::frame::Fault;
use crate::clock::Stopwatch;
use crate::engine::Engine;
use crate::engine::intake::hex;
use crate::http::Shared;
use crate::store;

/// How often a stream looks; all of them share one look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// After so many looks without news something is said all the same, so that nobody in between ends the stream.
const QUIET_LOOKS_MAX: u32 = 15;

/// Streams at once. Those beyond it are told so; their pages show that they are not live.
const STREAMS_MAX: usize = 200;

/// What all streams share.
#[derive(Debug, Default)]
pub struct Live {
    seen: Mutex<Option<(Stopwatch, String)>>,
    streams: AtomicUsize,
}

impl Live {
    /// What the database is like, not older than a second: another text means that something changed.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn stamp(&self, engine: &Engine) -> Result<String, store::Error> {
        let mut seen = self.seen.lock().await;
        if let Some((at, stamp)) = seen.as_ref().filter(|(at, _)| at.elapsed() < LOOK_EVERY) {
            let _ = at;
            return Ok(stamp.clone());
        }
        let looked = Stopwatch::start();
        let stored = engine.store().stamp().await?;
        let whole = format!("{stored}/{}", engine.definitions().version);
        let mut stamp = hex(&Sha256::digest(whole.as_bytes()));
        stamp.truncate(16);
        *seen = Some((looked, stamp.clone()));
        Ok(stamp)
    }
}

/// One stream; counted while it lasts.
struct Watching {
    shared: Arc<Shared>,
    viewer: Viewer,
    told: Option<String>,
    quiet_looks: u32,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.shared.pages.live.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// `GET /events`: what the database is like now, and whenever that changes.
pub(super) async fn events(State(shared): State<Arc<Shared>>, viewer: Viewer) -> Result<Response, Fault> {
    let before = shared.pages.live.streams.fetch_add(1, Ordering::Relaxed);
    let watching = Watching { shared, viewer, told: None, quiet_looks: 0 };
    if before >= STREAMS_MAX {
        return Err(Fault::new(StatusCode::SERVICE_UNAVAILABLE, "Too many pages follow; this one does not."));
    }
    let headers = [(header::CACHE_CONTROL, "no-store"), (header::HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((headers, Sse::new(stream(watching))).into_response())
}

fn stream(watching: Watching) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(watching, async |mut watching| {
        let stop: CancellationToken = watching.shared.pages.stop.clone();
        loop {
            let event = watching.look().await?;
            if let Some(event) = event {
                return Some((Ok(event), watching));
            }
            tokio::select! {
                // The process is asked to end; the browser comes back by itself.
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    })
}

impl Watching {
    /// What is to be said now; `None` at the end: the database is away, or the session is over.
    async fn look(&mut self) -> Option<Option<Event>> {
        let engine = &self.shared.engine;
        let stamp = self.shared.pages.live.stamp(engine).await.ok()?;
        if self.told.as_ref() != Some(&stamp) {
            self.told = Some(stamp.clone());
            self.quiet_looks = 0;
            return Some(Some(Event::default().event("news").data(stamp)));
        }
        self.quiet_looks += 1;
        if self.quiet_looks < QUIET_LOOKS_MAX {
            return Some(None);
        }
        self.quiet_looks = 0;
        access::still_in(&self.shared, &self.viewer).await.ok().filter(|lasts| *lasts)?;
        Some(Some(Event::default().comment("still here")))
    }
}
