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
use jiff::Timestamp;

use super::exchange::{About, Act, Answer, Callback, Refusal, Request};
use super::http::Guard;
use super::message::{Kind as Saying, Subject};
use super::saying::Reader;
use super::{Channels, mattermost, ntfy, pagerduty, pushover, slack, telegram, text};
use crate::domain::channel::Channel;
use crate::domain::incident::{Cause, Incident, Kind, Status};
use crate::engine::{Engine, Error, Handled};
use crate::store;
use crate::store::notification::Notification;

/// Longest name that is kept of somebody we do not know, in characters.
const NAME_CHARS_MAX: usize = 60;

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
    match shared.act(channel, &answer).await {
        Ok(done) => shared.reply(channel, &answer, config, &done),
        Err(error) => {
            tracing::error!(%error, "an answer by {channel} was not stored");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

/// What an answer came to.
struct Done {
    /// For whoever answered.
    said: String,
    /// What it was about, as it is now.
    incident: Option<Incident>,
    /// The notification, where it was about one.
    notification: Option<Notification>,
}

impl Done {
    fn nothing(said: &str) -> Self {
        Self { said: said.to_owned(), incident: None, notification: None }
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

    async fn act(&self, channel: Channel, answer: &Answer) -> Result<Done, Error> {
        let event = answer.act.event();
        let unread = |error| Error::NotCommitted(Arc::new(error));
        match &answer.about {
            About::Incident { number, at } => {
                if answer.act == Act::Acknowledge && self.was_acknowledged_since(*number, *at).await.map_err(unread)? {
                    return Ok(Done::nothing("It was acknowledged before."));
                }
                let cause = Cause { actor: self.actor(channel, answer, None), mail_id: None };
                let handled = self.engine.handle(*number, event, cause).await?;
                Ok(handled.map_or_else(|| Done::nothing("There is no such incident."), |handled| done(handled, answer)))
            }
            About::Message(id) => {
                let found = self.engine.store().notification(id).await.map_err(unread)?;
                let Some(notification) = found.filter(|known| known.channel == channel) else {
                    tracing::warn!("a call of {channel} is about no message of ours");
                    return Ok(Done::nothing("There is no such message."));
                };
                let cause = Cause { actor: self.actor(channel, answer, Some(&notification)), mail_id: None };
                let mut handled = self.engine.answer(&notification, event.clone(), cause.clone()).await?;
                if handled.is_none() && answer.act == Act::Resolve {
                    // Acknowledged by the same message before. A resolve is final, so a second one does nothing.
                    handled = self.engine.handle(notification.incident_number, event, cause).await?;
                }
                let done = match handled {
                    Some(handled) => done(handled, answer),
                    None => {
                        let incident = self.engine.store().incident(notification.incident_number).await;
                        let incident = incident.map_err(unread)?;
                        Done { said: state(incident.as_ref()), incident, notification: None }
                    }
                };
                Ok(Done { notification: Some(notification), ..done })
            }
        }
    }

    /// Whether an incident was acknowledged after that: a call that tells of it once more must not take it back when
    /// the acknowledgement has run out meanwhile.
    async fn was_acknowledged_since(&self, number: i64, at: Timestamp) -> Result<bool, store::Error> {
        let timeline = self.engine.store().timeline(number).await?;
        Ok(timeline.iter().any(|entry| entry.kind == Kind::Acknowledged.word() && entry.at >= at))
    }

    /// Who it was: a person of ours where they have this contact, whom the message was for where the provider does
    /// not say, else who the provider says, whose name is hostile.
    fn actor(&self, channel: Channel, answer: &Answer, notification: Option<&Notification>) -> String {
        let definitions = self.engine.definitions();
        let theirs = |who: &str| {
            let mut users = definitions.roster.users.values();
            users.find(|user| user.methods.iter().any(|m| m.channel == channel && m.address == who))
        };
        // Of other channels the address is a name of ours, or several people's.
        let is_address = matches!(channel, Channel::Slack | Channel::Telegram | Channel::Pushover);
        if let Some(user) = theirs(&answer.who).filter(|_| is_address && !answer.who.is_empty()) {
            return format!("{} by {channel}", user.name);
        }
        match notification {
            // A key of Pushover is not for everybody to read, and a phone that has the message is its reader's.
            Some(notification) if answer.who.is_empty() || channel == Channel::Pushover => {
                format!("{} by {channel}", notification.user)
            }
            _ => {
                let name = text::short(&answer.name, NAME_CHARS_MAX);
                let who = text::short(&answer.who, NAME_CHARS_MAX);
                format!("{name} ({who}) by {channel}").trim_start().to_owned()
            }
        }
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
        let reader = Reader::of(&self.engine.definitions().roster, &notification.user);
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

fn done(handled: Handled, answer: &Answer) -> Done {
    let said = match answer.act {
        // Somebody else was faster.
        _ if handled.kinds.is_empty() => state(Some(&handled.incident)),
        Act::Acknowledge => "Acknowledged. Thank you.".to_owned(),
        Act::Resolve => "Resolved.".to_owned(),
        Act::Escalate => "Escalated. The next person is being called.".to_owned(),
    };
    Done { said, incident: Some(handled.incident), notification: None }
}

/// How it stands, in words.
fn state(incident: Option<&Incident>) -> String {
    match incident {
        Some(Incident { status: Status::Resolved, .. }) => "Already resolved.".to_owned(),
        Some(Incident { status: Status::Acknowledged, acknowledged: Some((_, by)), .. }) => {
            format!("Already acknowledged by {by}.")
        }
        _ => "Nothing was left to do.".to_owned(),
    }
}

/// What a message about an incident says that somebody has, or that is over.
pub(super) fn saying(incident: &Incident) -> Option<Saying<'_>> {
    match (incident.status, &incident.acknowledged) {
        (Status::Acknowledged, Some((_, by))) => Some(Saying::Acknowledged { by }),
        (Status::Resolved, Some((_, by))) => Some(Saying::Resolved { by }),
        (Status::Resolved, None) => Some(Saying::Resolved { by: "nightcall" }),
        _ => None,
    }
}
