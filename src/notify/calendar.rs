//! Calendars elsewhere, fetched: the one thing that is asked of others about who is to be reached.
//!
//! What an answer means for schedules is the engine's word; here it is only got, bounded in size and time.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, ETAG, IF_NONE_MATCH};
use reqwest::{Response, StatusCode};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::engine::calendar::{Answer, Wanted};
use crate::ical::MAX_TEXT_BYTES;

/// How often it is looked whether a calendar is due; a new one is not waited for.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// How many are fetched at once.
const AT_ONCE: usize = 8;

/// How long fetching one may take, the whole text included.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);

/// Longest tag that is kept, in bytes.
const ETAG_MAX: usize = 1024;

/// Fetches calendars.
#[derive(Debug, Clone)]
pub struct Calendars {
    engine: Arc<Engine>,
    client: reqwest::Client,
}

impl Calendars {
    /// Fetches for this engine.
    pub fn new(engine: Arc<Engine>, client: reqwest::Client) -> Self {
        Self { engine, client }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                _ = self.fetch_due() => {}
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Fetches what is due, and lets a new day be one; how many were asked for.
    pub async fn fetch_due(&self) -> usize {
        self.engine.calendars_age().await;
        let due = self.engine.calendars_due();
        let count = due.len();
        let mut fetching = JoinSet::new();
        for wanted in due {
            if fetching.len() >= AT_ONCE {
                fetching.join_next().await;
            }
            let calendars = self.clone();
            fetching.spawn(async move {
                let getting = tokio::time::timeout(FETCH_TIMEOUT, calendars.get(&wanted));
                let answer = getting.await.unwrap_or_else(|_| Err("it does not answer in time".to_owned()));
                calendars.engine.calendar_answered(&wanted.url, answer).await;
            });
        }
        while fetching.join_next().await.is_some() {}
        count
    }

    async fn get(&self, wanted: &Wanted) -> Result<Answer, String> {
        let mut request = self.client.get(wanted.url.expose()).header(ACCEPT, "text/calendar, */*;q=0.1");
        if let Some(etag) = &wanted.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        let response = request.send().await.map_err(failed)?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::NOT_MODIFIED => return Ok(Answer::Unchanged),
            status if status.is_redirection() => {
                return Err(format!("it answered {status}; write the address that this leads to"));
            }
            status => return Err(format!("it answered {status}")),
        }
        let etag = response.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
        let etag = etag.filter(|etag| etag.len() <= ETAG_MAX).map(str::to_owned);
        Ok(Answer::Text(text(response).await?, etag))
    }
}

/// The whole text, if it is not too long. It is read in pieces, because a remote may say any length, or none.
async fn text(mut response: Response) -> Result<String, String> {
    let mut bytes = Vec::new();
    while let Some(piece) = response.chunk().await.map_err(failed)? {
        if bytes.len() + piece.len() > MAX_TEXT_BYTES {
            return Err("the calendar is larger than 5 MiB".to_owned());
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| "the calendar is not UTF-8".to_owned())
}

/// What a failed request means. The text never holds the URL, which may be secret.
fn failed(error: reqwest::Error) -> String {
    let what = if error.is_timeout() { "it does not answer in time" } else { "it cannot be reached" };
    tracing::debug!(error = %error.without_url(), "a calendar cannot be fetched");
    what.to_owned()
}
