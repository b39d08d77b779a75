//! Reaching people: a worker that leases notifications, and one file per channel with both directions in it.
//!
//! A channel knows how to say a page to its provider and what the provider may answer. It decides nothing about
//! incidents: answers go to the engine.

pub mod alertmanager;
pub mod apprise;
pub mod calendar;
pub mod callback;
pub mod code;
pub mod console;
pub mod dingtalk;
pub mod discord;
pub mod egress;
pub mod exchange;
pub mod exec;
pub mod feishu;
pub mod gotify;
pub mod http;
pub mod incident_manager;
pub mod line;
pub mod mattermost;
pub mod message;
pub mod ntfy;
pub mod opsgenie;
pub mod pagerduty;
pub mod pushover;
pub mod run;
pub mod saying;
pub mod setup;
pub mod signature;
pub mod slack;
pub mod spoken;
pub mod teams;
pub mod telegram;
#[cfg(test)]
mod tests;
pub mod text;
pub mod voice;
pub mod web_push;
pub mod webhook;
pub mod wecom;
pub mod worker;

use std::fmt;
use std::time::Duration;

use self::http::Http;
use self::message::Message;
use self::saying::Reader;
use self::setup::{Change, Outgoing, Setup};
use crate::clock::Clock;
use crate::domain::channel::Channel;
use crate::domain::notification::Outcome;
use crate::domain::roster::Roster;
use crate::engine::{Claimed, FollowUp};
use crate::store::notice::StoredNotice;

/// How long a provider may take to answer; well under half a lease.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);

/// The channels that are set up.
#[derive(Debug)]
pub struct Channels {
    /// Standard output.
    pub console: console::Console,
    /// Phone calls.
    pub voice: Option<voice::Voice>,
    /// Browsers that people have subscribed.
    pub web_push: Option<web_push::phones::Phones>,
    /// All others.
    pub setup: Setup,
    /// What makes their requests.
    pub http: Http,
    /// When something is said.
    pub clock: Clock,
}

impl Channels {
    /// The first of these people's channels that is not set up, with whose it is.
    pub fn missing<'r>(&self, roster: &'r Roster) -> Option<(&'r str, Channel)> {
        let usable = |channel, address: &str| match channel {
            Channel::Voice => self.voice.is_some(),
            Channel::WebPush => self.web_push.is_some(),
            _ => self.setup.check(channel, address).is_ok(),
        };
        let methods = roster.users.values().flat_map(|user| user.methods.iter().map(|m| (user.name.as_str(), m)));
        let rooms = roster.rooms.iter().map(|(name, room)| (name.as_str(), room));
        let missing = methods.chain(rooms).find(|(_, method)| !usable(method.channel, &method.address));
        missing.map(|(name, method)| (name, method.channel))
    }

    /// Says a page. Never fails: what went wrong is an outcome.
    pub async fn send(&self, claimed: &Claimed, reader: &Reader) -> Outcome {
        let notification = &claimed.notification;
        match notification.channel {
            Channel::Console => self.console.send(claimed).await,
            Channel::Voice => match &self.voice {
                Some(voice) => voice.send(claimed).await,
                None => Outcome::Failed("voice is not set up".to_owned()),
            },
            channel => self.say(channel, &notification.address, &reader.page(claimed, self.clock.now())).await,
        }
    }

    /// Tells a notice. Never fails: what went wrong is an outcome.
    pub async fn tell(&self, told: &StoredNotice, reader: &Reader) -> Outcome {
        match told.channel {
            Channel::Console => self.console.tell(told, reader.zone()).await,
            Channel::Voice => match &self.voice {
                Some(voice) => voice.tell(told).await,
                None => Outcome::Failed("voice is not set up".to_owned()),
            },
            channel => self.say(channel, &told.address, &reader.notice(told, self.clock.now())).await,
        }
    }

    /// Tells that somebody has what was paged, or that it is over: in the message that told of it where that can be
    /// changed, else anew. Never fails: what went wrong is an outcome.
    pub async fn follow_up(&self, told: &FollowUp, reader: &Reader) -> Outcome {
        let FollowUp { stored, notification, .. } = told;
        let (channel, address) = (notification.channel, notification.address.as_str());
        // Not true any more: what is true now is told by itself.
        if told.incidents.is_empty() {
            return Outcome::Accepted(String::new());
        }
        let message = reader.follow_up(told, self.clock.now());
        let reference = notification.provider_ref.as_deref().filter(|_| told.is_whole);
        match reference.map(|reference| self.setup.change(channel, address, reference, &message)) {
            Some(Ok(Change::Requests(outgoing))) => self.perform(channel, &outgoing).await,
            Some(Ok(Change::Nothing)) => Outcome::Accepted(stored.id.clone()),
            Some(Ok(Change::Impossible)) | None => self.say(channel, address, &message).await,
            Some(Err(unusable)) => Outcome::Failed(unusable.to_string()),
        }
    }

    async fn say(&self, channel: Channel, address: &str, message: &Message<'_>) -> Outcome {
        match channel {
            Channel::Sink => Outcome::Accepted(String::new()),
            Channel::WebPush => match &self.web_push {
                Some(phones) => phones.say(address, message).await,
                None => Outcome::Failed("web push is not set up".to_owned()),
            },
            Channel::Exec => match self.setup.command(address, message) {
                Ok(command) => run::run(&command).await,
                Err(unusable) => Outcome::Failed(unusable.to_string()),
            },
            _ => match self.setup.requests(channel, address, message) {
                Ok(outgoing) => self.perform(channel, &outgoing).await,
                Err(unusable) => Outcome::Failed(unusable.to_string()),
            },
        }
    }

    /// Makes requests one after the other. The first that is not taken is the outcome: all are made again, and
    /// providers know what they have by its key.
    async fn perform(&self, channel: Channel, outgoing: &Outgoing) -> Outcome {
        let mut first = None;
        for request in &outgoing.requests {
            let outcome = match self.http.perform(request, outgoing.guard).await {
                Ok(response) => Setup::judge(channel, &response),
                Err(outcome) => outcome,
            };
            match outcome {
                Outcome::Accepted(reference) => _ = first.get_or_insert(reference),
                trouble => return trouble,
            }
        }
        Outcome::Accepted(first.unwrap_or_default())
    }
}

/// A text that must not be seen: not in logs, not in debug output (I38).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The HTTP client of all channels: bounded in time, without redirects.
///
/// # Errors
/// When the system's certificates cannot be used.
pub fn http_client() -> Result<reqwest::Client, reqwest::Error> {
    builder().build()
}

fn builder() -> reqwest::ClientBuilder {
    // Two providers may be compiled in by dependencies; the choice is made here. A second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(PROVIDER_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("nightcall/", env!("CARGO_PKG_VERSION")))
}

/// What an HTTP answer means for a delivery: done, try again, or give up.
fn judge_status(status: reqwest::StatusCode, accepted: String) -> Outcome {
    match status.as_u16() {
        200..=299 => Outcome::Accepted(accepted),
        408 | 425 | 429 | 500..=599 => Outcome::Retry(format!("the provider answered {status}")),
        _ => Outcome::Failed(format!("the provider answered {status}")),
    }
}

/// What a failed request means: nobody knows whether it arrived, so it is made again (I27). The text never
/// holds the URL, which may be secret.
fn judge_error(error: reqwest::Error) -> Outcome {
    let what = if error.is_timeout() { "timed out" } else { "cannot be reached" };
    tracing::debug!(error = %error.without_url(), "a provider request failed");
    Outcome::Retry(format!("the provider {what}"))
}
