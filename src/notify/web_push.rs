//! Web Push: to browsers, above all to the web page on a phone's home screen, without any other app.
//!
//! Sources: RFC 8030 (TTL, Urgency, Topic, answers), RFC 8291 and 8292 (`web_push/encryption.rs`, `web_push/vapid.rs`),
//! W3C Push API. The content is what our service worker shows; a push service never sees it.

pub mod encryption;
pub mod phones;
pub mod vapid;

use jiff::SignedDuration;
use p256::SecretKey;
use serde_json::json;

use self::encryption::{PLAIN_BYTES_MAX, Random, Receiver};
use crate::notify::exchange::{Method, Request, Response};
use crate::notify::message::{Kind, Message};
use crate::notify::text::{self, Told};

/// Longest title, in bytes.
pub const TITLE_BYTES_MAX: usize = 300;
/// Longest text, in bytes; a phone shows less. Twice this and the rest, every quote escaped, are within what is taken.
pub const BODY_BYTES_MAX: usize = 1200;

/// How we introduce ourselves.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whom the operators of push services write to: `mailto:…` or `https:…`.
    pub contact: String,
}

/// A request, and what it carries: bytes, not text.
#[derive(Clone)]
pub struct Push {
    /// All but the content.
    pub request: Request,
    /// Encrypted.
    pub content: Vec<u8>,
}

/// What an answer of a push service means for the subscription it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Taken.
    Taken,
    /// There is no such subscription any more (RFC 8030 section 7.3): never to be used again.
    Gone,
    /// Trouble that may pass, in words.
    Trouble(String),
    /// Refused for good, in words.
    Refused(String),
}

/// The push of a message to one browser at `endpoint`.
///
/// # Errors
/// When the endpoint is no address, or the random key is none.
pub fn request(
    config: &Config,
    (key, random): (&SecretKey, &Random),
    (endpoint, receiver): (&str, &Receiver),
    message: &Message<'_>,
) -> Result<Push, String> {
    let content = encryption::encrypt(content(message).as_bytes(), receiver, random)?;
    let request = Request::new(Method::Post, endpoint, String::new())?;
    let authorization = vapid::authorization(key, &request.url, &config.contact, message.now);
    let request = request
        .header("authorization", &authorization)?
        .header("content-encoding", "aes128gcm")?
        .header("content-type", "application/octet-stream")?
        .header("ttl", &time_to_live(message).as_secs().to_string())?
        .header("urgency", urgency(message))?
        .header("topic", &topic(message))?;
    Ok(Push { request, content })
}

/// What an answer means.
pub fn judge(response: &Response) -> Verdict {
    match response.status {
        200..=299 => Verdict::Taken,
        404 | 410 => Verdict::Gone,
        status @ (408 | 425 | 429 | 500..=599) => Verdict::Trouble(format!("the push service answered {status}")),
        status => Verdict::Refused(format!("the push service answered {status}: {}", response.words())),
    }
}

/// What the service worker shows, as JSON.
fn content(message: &Message<'_>) -> String {
    let told = Told::of(message);
    let headline = text::inert(&told.headline);
    let lines = told.lines(text::inert);
    let (first, rest) = lines.split_first().map_or(("", &[][..]), |(first, rest)| (first.as_str(), rest));
    let mut content = json!({
        "title": text::cut_bytes(&headline, TITLE_BYTES_MAX),
        "body": text::fit(first, rest, &[], BODY_BYTES_MAX, text::bytes),
        "tag": topic(message),
    });
    if let Some(incident) = message.incidents.first() {
        content["number"] = incident.number.into();
    }
    if let Some(page) = told.page {
        let with_page = content.to_string().len() + page.len() + r#","url":"""#.len();
        if with_page <= PLAIN_BYTES_MAX {
            content["url"] = page.into();
        }
    }
    content.to_string()
}

/// What a newer message replaces (RFC 8030 section 5.4): everything about one incident is one message. At most 32
/// characters of base64url.
fn topic(message: &Message<'_>) -> String {
    match (message.kind, message.incidents.first()) {
        (_, Some(incident)) => format!("incident-{}", incident.number),
        (Kind::OnCall { .. }, None) => "on-call".to_owned(),
        (_, None) => "test".to_owned(),
    }
}

/// For how long a push service keeps it for a phone that is off (RFC 8030 section 5.2). An old page is not worth
/// waking for; that it is over replaces it, however late.
fn time_to_live(message: &Message<'_>) -> SignedDuration {
    match message.kind {
        Kind::Paged => SignedDuration::from_hours(4),
        Kind::Acknowledged { .. } | Kind::Resolved { .. } => SignedDuration::from_hours(24),
        Kind::OnCall { .. } => SignedDuration::from_hours(12),
        Kind::Test => SignedDuration::from_mins(15),
    }
}

/// Whether a sleeping phone is woken for it (RFC 8030 section 5.3). A test goes the way of a page.
fn urgency(message: &Message<'_>) -> &'static str {
    match message.kind {
        Kind::Paged | Kind::Test => "high",
        Kind::Acknowledged { .. } | Kind::Resolved { .. } | Kind::OnCall { .. } => "normal",
    }
}

#[cfg(test)]
mod tests;
