//! What chats, push and other systems tell us: somebody pressed a button, or acknowledged elsewhere.
//!
//! Each call proves by its channel's own means where it comes from; what does not is refused, logged and changes
//! nothing. A repeated call does nothing again (I28): a notification is answered once, and a resolve is final.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use super::answering::{self, Done, saying};
use super::exchange::{Answer, Callback, Refusal, Request};
use super::http::Guard;
use super::message::Subject;
use super::{Channels, mattermost, ntfy, pagerduty, pushover, slack, telegram};
use crate::domain::channel::Channel;
use crate::engine::Engine;

struct Shared {
    engine: Arc<Engine>,
    channels: Arc<Channels>,
}

/// The routes that providers call.
pub fn router(engine: Arc<Engine>, channels: Arc<Channels>) -> Router {
    Router::new().route("/hooks/{channel}", post(called)).with_state(Arc::new(Shared { engine, channels }))
}

async fn called(
    State(shared): State<Arc<Shared>>,
    Path(channel): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(channel) = channel.parse::<Channel>() else { return StatusCode::NOT_FOUND.into_response() };
    let headers: Vec<(String, String)> = headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect();
    let now = shared.engine.clock().now();
    let call = Callback { headers: &headers, query: query.as_deref().unwrap_or_default(), body: &body, now };
    let Some(read) = shared.read(channel, &call) else { return StatusCode::NOT_FOUND.into_response() };
    let (answer, config) = match read {
        Ok(read) => read,
        Err(refusal) => {
            match refusal {
                Refusal::Nothing(why) => tracing::debug!("a call of {channel} changes nothing: {why}"),
                Refusal::Forged(why) | Refusal::Unreadable(why) => {
                    tracing::warn!("refused a call of {channel}: {why}");
                }
            }
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            return status.into_response();
        }
    };
    match answering::act(&shared.engine, channel, &answer).await {
        Ok(done) => shared.reply(channel, &answer, config, &done),
        Err(error) => {
            tracing::error!(%error, "an answer by {channel} was not stored");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// An answer that proved to come from the provider, and the hook of Mattermost whose button it was.
type Read<'s> = Result<(Answer, Option<&'s mattermost::Config>), Refusal>;

impl Shared {
    /// Reads a call; `None` for a channel that nothing comes back from.
    fn read(&self, channel: Channel, call: &Callback<'_>) -> Option<Read<'_>> {
        let setup = &self.channels.setup;
        let read = match channel {
            Channel::Slack => slack::answer(setup.slack.as_ref()?, call),
            Channel::Telegram => telegram::answer(setup.telegram.as_ref()?, call),
            Channel::Ntfy => ntfy::answer(setup.ntfy.as_ref()?, call),
            Channel::Pushover => pushover::answer(setup.pushover.as_ref()?, call),
            Channel::PagerDuty => pagerduty::answer(setup.pagerduty.as_ref()?, call),
            Channel::Mattermost => {
                // Each hook has a secret of its own; a button is of the one that believes it.
                let mut hooks = setup.mattermost.values().map(|(_, config)| (config, mattermost::answer(config, call)));
                let (mut config, mut read) = hooks.next()?;
                for (next, reading) in hooks {
                    if matches!(read, Err(Refusal::Forged(_))) {
                        (config, read) = (next, reading);
                    }
                }
                return Some(read.map(|answer| (answer, Some(config))));
            }
            _ => return None,
        };
        Some(read.map(|answer| (answer, None)))
    }

    /// Answers the call, and says what came of it where the channel can.
    fn reply(&self, channel: Channel, answer: &Answer, config: Option<&mattermost::Config>, done: &Done) -> Response {
        match (channel, config) {
            (Channel::Slack, _) => self.say(slack::reply(answer, &done.said), Guard::On),
            (Channel::Telegram, _) => {
                if let Some(config) = &self.channels.setup.telegram {
                    self.say(telegram::reply(config, answer, &done.said), Guard::Off);
                }
            }
            (Channel::Mattermost, Some(config)) => {
                let body = self.changed(config, done);
                return ([(header::CONTENT_TYPE, "application/json")], body).into_response();
            }
            _ => {}
        }
        StatusCode::OK.into_response()
    }

    /// Mattermost's message changes with the answer to the click, or never.
    fn changed(&self, config: &mattermost::Config, done: &Done) -> String {
        let (Some(incident), Some(notification)) = (&done.incident, &done.notification) else {
            return mattermost::reply(config, &done.said, None);
        };
        let Some(kind) = saying(incident) else { return mattermost::reply(config, &done.said, None) };
        let reader = self.channels.reader(&notification.user);
        let incidents = vec![Subject::of(incident, notification.page)];
        let now = self.engine.clock().now();
        let message = reader.message(&notification.id, kind, &notification.user, incidents, now);
        mattermost::reply(config, &done.said, Some(&message))
    }

    /// Says something in the background: the provider waits for our answer only seconds.
    fn say(&self, request: Result<Request, String>, guard: Guard) {
        let Ok(request) = request else { return };
        let channels = Arc::clone(&self.channels);
        tokio::spawn(async move {
            if let Err(outcome) = channels.http.perform(&request, guard).await {
                tracing::debug!(?outcome, "what came of a click could not be said");
            }
        });
    }
}
