//! Mail that comes to our SMTP door for us, not for a service: answers to what we sent, bounces of it, and our own mail
//! on its way back.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::post::Post;
use super::reply::{self, Received, Sent};
use super::{address, looped};
use crate::domain::channel::Channel;
use crate::domain::mail::{Mail, headers_and_body};
use crate::engine::intake::Incoming;
use crate::engine::{About, Engine, Error};
use crate::notify::Channels;
use crate::notify::answering;
use crate::notify::exchange::Refusal;
use crate::store::notification::Notification;

/// Answers that were not understood and are answered, for each message.
const HINTS_MAX: u32 = 2;

/// Messages for which that is counted.
const COUNTED_MAX: usize = 1000;

/// Longest text of a bounce that is looked at, in bytes.
const BOUNCE_BYTES_MAX: usize = 64 * 1024;

/// Hears answers.
#[derive(Debug)]
pub struct Answers {
    engine: Arc<Engine>,
    channels: Arc<Channels>,
    post: Arc<Post>,
    hints: Mutex<HashMap<String, u32>>,
}

impl Answers {
    /// Hears answers to what was sent by `post`.
    pub fn new(engine: Arc<Engine>, channels: Arc<Channels>, post: Arc<Post>) -> Self {
        Self { engine, channels, post, hints: Mutex::default() }
    }

    /// Whether an address is one for answers, and then whether we made it. From memory only.
    pub fn is_ours(&self, recipient: &str) -> Option<bool> {
        let config = self.post.config();
        let (local_part, domain) = recipient.rsplit_once('@')?;
        let meant = domain.eq_ignore_ascii_case(&config.domain) && address::is_meant(local_part);
        meant.then(|| address::verify(&config.secret, &config.domain, recipient).is_some())
    }

    /// Whether it is a mail of ours that came back: it opens nothing, or every page of ours would. A report about such a
    /// mail has its headers too, further down.
    pub fn is_own(&self, raw: &[u8]) -> bool {
        let (head, _) = headers_and_body(raw);
        let name = looped::NAME.as_bytes();
        let named = head.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name));
        named && looped::is_ours(&self.post.config().secret, Mail::parse(head).header(looped::NAME))
    }

    /// Does what a mail to this address asks for; what came of it, in words. What is not understood changes nothing
    /// and is told to whom the message was for, never to whom the mail says it is from.
    ///
    /// # Errors
    /// When it could not be stored: the sender must keep the mail.
    pub async fn hear(&self, incoming: &Incoming, recipient: &str) -> Result<String, Error> {
        let config = self.post.config();
        let Some(id) = address::verify(&config.secret, &config.domain, recipient) else {
            return Ok("its address is none that we gave".to_owned());
        };
        let unread = |error| Error::NotCommitted(Arc::new(error));
        let found = self.engine.store().notification(&id).await.map_err(unread)?;
        // Of tests, and of what was told later: there is nothing to be done about those.
        let Some(notification) = found.filter(|known| known.channel == Channel::Mail) else {
            return Ok("it answers nothing that is to be acted on".to_owned());
        };
        if incoming.reverse_path.is_empty() && bounced(&incoming.raw) {
            // The reference that sending gives; a bounce may be here before that is stored.
            let about = About { attempt: notification.attempts, provider_ref: id };
            self.engine.lost(notification, "the mail came back".to_owned(), about).await?;
            return Ok("a mail of ours came back".to_owned());
        }
        let bundle = self.engine.store().bundled_incidents(&id).await.map_err(unread)?;
        let mail = Mail::parse(&incoming.raw);
        let headers: Vec<(String, String)> =
            mail.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let text = if mail.text.trim().is_empty() { mail.html_text() } else { &mail.text };
        let received = Received { sender: &incoming.reverse_path, recipients: &[recipient], headers: &headers, text };
        let sent = |_: &str| Some(Sent { user: notification.user.clone(), incidents: bundle.len().max(1) });
        match reply::read(config, &received, sent) {
            Ok(answer) => {
                let done = answering::act(&self.engine, Channel::Mail, &answer).await?;
                tracing::info!(notification.id = id, "{} answered by mail: {}", answer.who, done.said);
                Ok(done.said)
            }
            Err(refusal) => {
                if let Refusal::Unreadable(why) = refusal {
                    self.tell_unclear(&notification, why);
                }
                Ok(format!("nothing was done: {refusal}"))
            }
        }
    }

    /// In the background: the sender waits for our answer.
    fn tell_unclear(&self, notification: &Notification, why: &'static str) {
        {
            let mut hints = self.hints.lock().unwrap_or_else(PoisonError::into_inner);
            if hints.len() >= COUNTED_MAX {
                hints.clear();
            }
            let count = hints.entry(notification.id.clone()).or_default();
            *count += 1;
            if *count > HINTS_MAX {
                return;
            }
        }
        let (post, channels) = (Arc::clone(&self.post), Arc::clone(&self.channels));
        let (to, id, now) = (notification.address.clone(), notification.id.clone(), self.engine.clock().now());
        tokio::spawn(async move { post.tell_unclear(&channels.ways, &to, &id, why, now).await });
    }
}

/// Whether a report says that a mail will not arrive (RFC 3464 section 2.3.3); one about a delay does not.
fn bounced(raw: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&raw[..raw.len().min(BOUNCE_BYTES_MAX)]).to_ascii_lowercase();
    text.lines()
        .any(|line| line.split_once(':').is_some_and(|(name, value)| name == "action" && value.trim() == "failed"))
}
