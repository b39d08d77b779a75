//! What somebody answered, whatever it came by: done once, and told in words for whoever answered (I15, I28).

use std::sync::Arc;

use jiff::Timestamp;

use super::exchange::{About, Act, Answer};
use super::message::Kind as Saying;
use super::text;
use crate::domain::actor::Actor;
use crate::domain::channel::Channel;
use crate::domain::incident::{Cause, Incident, Kind, Status};
use crate::engine::{Engine, Error, Handled};
use crate::store;
use crate::store::notification::Notification;

/// Longest name that is kept of somebody we do not know, in characters.
const NAME_CHARS_MAX: usize = 60;

/// What an answer came to.
#[derive(Debug)]
pub struct Done {
    /// For whoever answered.
    pub said: String,
    /// What it was about, as it is now.
    pub incident: Option<Incident>,
    /// The notification, where it was about one.
    pub notification: Option<Notification>,
}

impl Done {
    fn nothing(said: &str) -> Self {
        Self { said: said.to_owned(), incident: None, notification: None }
    }
}

/// Does what was asked for, if it still means anything.
///
/// # Errors
/// When it could not be stored; the provider, or whoever answers, may try again.
pub async fn act(engine: &Engine, channel: Channel, answer: &Answer) -> Result<Done, Error> {
    let event = answer.act.event();
    let unread = |error| Error::NotCommitted(Arc::new(error));
    match &answer.about {
        About::Incident { number, at } => {
            if answer.act == Act::Acknowledge && was_acknowledged_since(engine, *number, *at).await.map_err(unread)? {
                return Ok(Done::nothing("It was acknowledged before."));
            }
            let cause = Cause { actor: actor(engine, channel, answer, None), mail_id: None };
            let handled = engine.handle(*number, event, cause).await?;
            Ok(handled.map_or_else(|| Done::nothing("There is no such incident."), |handled| done(handled, answer)))
        }
        About::Message(id) => {
            let found = engine.store().notification(id).await.map_err(unread)?;
            let Some(notification) = found.filter(|known| known.channel == channel) else {
                tracing::warn!("a call of {channel} is about no message of ours");
                return Ok(Done::nothing("There is no such message."));
            };
            let cause = Cause { actor: actor(engine, channel, answer, Some(&notification)), mail_id: None };
            let mut handled = engine.answer(&notification, event.clone(), cause.clone()).await?;
            if handled.is_none() && answer.act == Act::Resolve {
                // Acknowledged by the same message before. A resolve is final, so a second one does nothing.
                handled = engine.handle(notification.incident_number, event, cause).await?;
            }
            let done = match handled {
                Some(handled) => done(handled, answer),
                None => {
                    let incident = engine.store().incident(notification.incident_number).await;
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
async fn was_acknowledged_since(engine: &Engine, number: i64, at: Timestamp) -> Result<bool, store::Error> {
    let timeline = engine.store().timeline(number).await?;
    Ok(timeline.iter().any(|entry| entry.kind == Kind::Acknowledged.word() && entry.at >= at))
}

/// Who it was: a person of ours where they have this contact, whom the message was for where the provider does
/// not say, else who the provider says, whose name is hostile.
fn actor(engine: &Engine, channel: Channel, answer: &Answer, notification: Option<&Notification>) -> Actor {
    let definitions = engine.definitions();
    let theirs = |who: &str| {
        let mut users = definitions.roster.users.values();
        users.find(|user| user.methods.iter().any(|m| m.channel == channel && m.address == who))
    };
    let reader = |notification: &Notification| {
        // Addresses of other channels may be secret.
        let is_told = matches!(channel, Channel::Sms | Channel::Mail);
        Actor::answering(&notification.user, channel, if is_told { &notification.address } else { "" })
    };
    // Known by the address that the answer went to, which nobody else was told.
    if let Some(notification) = notification.filter(|_| matches!(channel, Channel::Sms | Channel::Mail)) {
        return reader(notification);
    }
    // Of other channels the address is a name of ours, or several people's.
    let is_address = matches!(channel, Channel::Slack | Channel::Telegram | Channel::Pushover);
    if let Some(user) = theirs(&answer.who).filter(|_| is_address && !answer.who.is_empty()) {
        let origin = if channel == Channel::Pushover { "" } else { &answer.who };
        return Actor::answering(&user.name, channel, origin);
    }
    match notification {
        // A key of Pushover is not for everybody to read, and a phone that has the message is its reader's.
        Some(notification) if answer.who.is_empty() || channel == Channel::Pushover => reader(notification),
        _ => {
            let name = text::short(&answer.name, NAME_CHARS_MAX);
            let who = text::short(&answer.who, NAME_CHARS_MAX);
            Actor::answering(format!("{name} ({who})").trim_start(), channel, &who)
        }
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
pub fn saying(incident: &Incident) -> Option<Saying<'_>> {
    match (incident.status, &incident.acknowledged) {
        (Status::Acknowledged, Some((_, by))) => Some(Saying::Acknowledged { by }),
        (Status::Resolved, Some((_, by))) => Some(Saying::Resolved { by }),
        (Status::Resolved, None) => Some(Saying::Resolved { by: "nightcall" }),
        _ => None,
    }
}
