//! Reaching people: a worker that leases notifications, and one file per channel with both directions in it.
//!
//! A channel knows how to say a page to its provider and what the provider may answer. It decides nothing about
//! incidents: answers go to the engine.

pub mod alertmanager;
pub mod answering;
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
pub mod form;
pub mod gotify;
pub mod health;
pub mod http;
pub mod incident_manager;
pub mod line;
pub mod mail;
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
pub mod sms;
pub mod spoken;
pub mod teams;
pub mod telegram;
pub mod telephone;
pub mod templates;
#[cfg(test)]
mod tests;
pub mod text;
pub mod twilio;
pub mod voice;
pub mod ways;
pub mod web_push;
pub mod webhook;
pub mod wecom;
pub mod words;
pub mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use self::http::Http;
use self::mail::post::Post;
use self::message::Message;
use self::saying::Reader;
use self::setup::{Change, Outgoing, Setup};
use self::voice::twiml;
use self::ways::Ways;
use crate::domain::channel::Channel;
use crate::domain::notification::Outcome;
use crate::domain::roster::Roster;
use crate::engine::{Claimed, Engine, FollowUp};
use crate::store::notice::StoredNotice;

/// How long a provider may take to answer; well under half a lease.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(10);

/// The channels that are set up.
#[derive(Debug)]
pub struct Channels {
    /// Standard output.
    pub console: console::Console,
    /// Phone calls.
    pub voice: Option<voice::Config>,
    /// Mail.
    pub mail: Option<Arc<Post>>,
    /// Browsers that people have subscribed.
    pub web_push: Option<web_push::phones::Phones>,
    /// All others.
    pub setup: Setup,
    /// What makes their requests.
    pub http: Http,
    /// How the ways to their providers fare.
    pub ways: Ways,
    /// The gateway whose pages are said.
    pub engine: Arc<Engine>,
}

impl Channels {
    /// The first of these people's channels that is not set up, with whose it is.
    pub fn missing<'r>(&self, roster: &'r Roster) -> Option<(&'r str, Channel)> {
        let usable = |channel, address: &str| match channel {
            Channel::Voice => self.voice.is_some(),
            _ => self.setup.check(channel, address).is_ok(),
        };
        let methods = roster.users.values().flat_map(|user| user.methods.iter().map(|m| (user.name.as_str(), m)));
        let rooms = roster.rooms.iter().map(|(name, room)| (name.as_str(), room));
        let missing = methods.chain(rooms).find(|(_, method)| !usable(method.channel, &method.address));
        missing.map(|(name, method)| (name, method.channel))
    }

    /// Somebody as the definitions in force have them.
    pub fn reader(&self, user: &str) -> Reader {
        Reader::of(&self.engine.definitions(), user).with_pages(self.setup.public_url.as_deref())
    }

    fn now(&self) -> Timestamp {
        self.engine.clock().now()
    }

    /// Says a page. Never fails: what went wrong is an outcome. That a way is in trouble is tried by that way once at the
    /// most: other ways are told of it at once.
    pub async fn send(&self, claimed: &Claimed, reader: &Reader) -> Outcome {
        let way = self.setup.way(claimed.notification.channel, &claimed.notification.address);
        let only_once = self.ways.is_about(&claimed.incident, &way);
        match self.say_page(claimed, reader).await {
            Outcome::Retry(why) | Outcome::Unknown(why) if only_once => Outcome::Failed(why),
            outcome => outcome,
        }
    }

    async fn say_page(&self, claimed: &Claimed, reader: &Reader) -> Outcome {
        let notification = &claimed.notification;
        let (channel, now) = (notification.channel, self.now());
        match channel {
            Channel::Console => self.console.send(claimed).await,
            Channel::Voice => {
                let since = notification.uncertain_since;
                let inline = || twiml::inline(&reader.page(claimed, now), twiml::Voice::of(reader.locale()));
                let script = |voice: &voice::Config| voice.page(notification, inline);
                self.call(&notification.address, since, script).await
            }
            Channel::Sms => {
                let (message, since) = (reader.page(claimed, now), notification.uncertain_since);
                let status =
                    |setup: &sms::Setup| setup.status_url(&notification.id, &notification.nonce, notification.attempts);
                self.text(&notification.address, &message, since, status).await
            }
            _ => self.say(channel, &notification.address, &reader.page(claimed, now)).await,
        }
    }

    /// Tells a notice. Never fails: what went wrong is an outcome.
    pub async fn tell(&self, told: &StoredNotice, reader: &Reader) -> Outcome {
        let now = self.now();
        match told.channel {
            Channel::Console => self.console.tell(told, reader.zone()).await,
            Channel::Voice => {
                let inline = || twiml::inline(&reader.notice(told, now), twiml::Voice::of(reader.locale()));
                self.call(&told.address, None, |voice| voice.notice(told, inline)).await
            }
            channel => self.say(channel, &told.address, &reader.notice(told, now)).await,
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
        let message = reader.follow_up(told, self.now());
        let reference = notification.provider_ref.as_deref().filter(|_| told.is_whole);
        match reference.map(|reference| self.setup.change(channel, address, reference, &message)) {
            Some(Ok(Change::Requests(outgoing))) => self.perform(channel, address, &outgoing).await,
            Some(Ok(Change::Nothing)) => Outcome::Accepted(stored.id.clone()),
            Some(Ok(Change::Impossible)) | None => self.say(channel, address, &message).await,
            Some(Err(unusable)) => Outcome::Failed(unusable.to_string()),
        }
    }

    async fn say(&self, channel: Channel, address: &str, message: &Message<'_>) -> Outcome {
        match channel {
            Channel::Sink => Outcome::Accepted(String::new()),
            Channel::Sms => self.text(address, message, None, |_| None).await,
            Channel::Mail => match &self.mail {
                Some(post) => post.send(&self.ways, address, message).await,
                None => Outcome::Failed("mail is not set up".to_owned()),
            },
            Channel::WebPush => match &self.web_push {
                Some(phones) => phones.say(address, message).await,
                None => Outcome::Failed("web push is not set up".to_owned()),
            },
            Channel::Exec => match self.setup.command(address, message) {
                Ok(command) => run::run(&command).await,
                Err(unusable) => Outcome::Failed(unusable.to_string()),
            },
            _ => match self.setup.requests(channel, address, message) {
                Ok(outgoing) => self.perform(channel, address, &outgoing).await,
                Err(unusable) => Outcome::Failed(unusable.to_string()),
            },
        }
    }

    /// Places a call by the first provider that takes it.
    async fn call(
        &self,
        number: &str,
        uncertain_since: Option<Timestamp>,
        script: impl FnOnce(&voice::Config) -> voice::Script,
    ) -> Outcome {
        let Some(voice) = &self.voice else { return Outcome::Failed("voice is not set up".to_owned()) };
        let since = uncertain_since.unwrap_or_else(|| self.now());
        let call = voice::Call { to: number, script: script(voice), since, store: self.engine.store() };
        let how = (&self.http, &self.ways);
        telephone::say(how, Channel::Voice, &voice.accounts, &call, uncertain_since.is_some()).await
    }

    /// Sends a text by the first provider that takes it.
    async fn text(
        &self,
        number: &str,
        message: &Message<'_>,
        uncertain_since: Option<Timestamp>,
        status: impl FnOnce(&sms::Setup) -> Option<String>,
    ) -> Outcome {
        let Some(setup) = &self.setup.sms else { return Outcome::Failed("sms is not set up".to_owned()) };
        let since = uncertain_since.unwrap_or_else(|| self.now());
        let text = sms::Text { setup, to: number, text: sms::text(message), status: status(setup), since };
        let accounts: Vec<_> = setup.providers.iter().map(|(account, _)| account.clone()).collect();
        let how = (&self.http, &self.ways);
        let outcome = telephone::say(how, Channel::Sms, &accounts, &text, uncertain_since.is_some()).await;
        if matches!(&outcome, Outcome::Failed(why) if why == sms::STOPPED) {
            let alarmed = self.engine.contact_stopped(Channel::Sms, number, message.user).await;
            if let Err(error) = alarmed {
                tracing::error!(%error, "that {} takes no texts could not be told", message.user);
            }
        }
        outcome
    }

    /// Makes requests one after the other. The first that is not taken is the outcome: all are made again, and
    /// providers know what they have by its key.
    async fn perform(&self, channel: Channel, address: &str, outgoing: &Outgoing) -> Outcome {
        let way = self.setup.way(channel, address);
        let mut first = None;
        for request in &outgoing.requests {
            let (outcome, refused) = match self.http.perform(request, outgoing.guard).await {
                Ok(response) => (Setup::judge(channel, &response).later(response.wait()), response.refuses_us()),
                Err(outcome) => (outcome, false),
            };
            self.ways.note(&way, &outcome, refused);
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

/// What a failed request means: without a connection it cannot have arrived; else nobody knows, and it is made again
/// (I27). The text never holds the URL, which may be secret.
fn judge_error(error: reqwest::Error) -> Outcome {
    let (connected, in_time) = (!error.is_connect(), !error.is_timeout());
    tracing::debug!(error = %error.without_url(), "a provider request failed");
    match (connected, in_time) {
        (false, _) => Outcome::Retry("the provider cannot be reached".to_owned()),
        (true, false) => Outcome::Unknown("the provider timed out".to_owned()),
        (true, true) => Outcome::Unknown("the provider broke off".to_owned()),
    }
}
