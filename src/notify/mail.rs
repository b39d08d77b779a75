//! The mail channel: builds the mail about a message; the shell sends it through its smarthosts. What comes back is
//! [`reply`]; our own mail that comes back is [`looped`].
//!
//! Every incident is one thread per recipient: all its mails name the same first mail, which nobody ever sent
//! (RFC 5322 section 3.6.4), so nothing is stored for that. Mails say that a machine sent them (RFC 3834).

pub mod address;
pub mod answers;
mod automatic;
mod body;
mod hint;
pub mod html;
pub mod looped;
pub mod post;
mod quote;
pub mod reply;

use std::time::SystemTime;

use jiff::Timestamp;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};

use crate::notify::exchange::Secret;
use crate::notify::line::{cut, one_line};
use crate::notify::message::{Kind, Message};
use crate::notify::signature::hmac_sha256;
use crate::notify::templates::{Place, kind_word};

/// Longest subject, in characters: what a phone shows, and some more.
const SUBJECT_CHARS_MAX: usize = 150;

/// Longest name of a service, person or schedule, in characters.
const NAME_CHARS_MAX: usize = 60;

/// Asks Exchange not to answer with absence notes and receipts (MS-OXCMAIL, `X-Auto-Response-Suppress`). Bounces are
/// wanted: they tell that somebody cannot be reached.
const SUPPRESSED: &str = "DR, RN, NRN, OOF, AutoReply";

/// Who sends and where answers go.
#[derive(Debug, Clone)]
pub struct Config {
    /// The sender, such as `nightcall <nightcall@example.com>`.
    pub from: Mailbox,
    /// Where our own SMTP server takes mail: answers go to addresses there, and Message-IDs end with it.
    pub domain: String,
    /// Signs reply addresses and the loop header. At least 32 random bytes.
    pub secret: Secret,
}

/// The mail about a message, to one person.
///
/// # Errors
/// When the address or our own settings cannot be used; the text says what, without the address.
pub fn build(config: &Config, address: &str, message: &Message<'_>) -> Result<lettre::Message, String> {
    let said = |place| message.templates.text(place, message);
    let to: lettre::Address = address.parse().map_err(|_| "the address is no mail address".to_owned())?;
    let reply = address::reply(&config.secret, message.id, &config.domain)?;
    let reply_to = reply.parse().map(|address| Mailbox::new(None, address));
    let reply_to = reply_to.map_err(|_| "the domain for replies is none".to_owned())?;
    let acts = matches!(message.kind, Kind::Paged).then_some(reply.as_str());
    let parts = MultiPart::alternative()
        // Fixed, so that a second attempt makes the same mail.
        .boundary(format!("=_{}", message.id))
        .singlepart(part(ContentType::TEXT_PLAIN, said(Place::MailText).unwrap_or_else(|| body::text(message, acts))))
        .singlepart(part(ContentType::TEXT_HTML, said(Place::MailHtml).unwrap_or_else(|| html::page(message, acts))));
    let mut builder = lettre::Message::builder()
        .from(config.from.clone())
        .to(Mailbox::new(None, to))
        .reply_to(reply_to)
        .subject(said(Place::MailSubject).map_or_else(|| subject(message), |said| one_line(&said, SUBJECT_CHARS_MAX)))
        .date(timestamp(message.now))
        .message_id(Some(message_id(config, message)))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("X-Auto-Response-Suppress", SUPPRESSED))
        .raw_header(header(looped::NAME, &looped::value(&config.secret, message.id)));
    if let Some(thread) = thread(config, message) {
        builder = builder.in_reply_to(thread.clone()).references(thread);
    }
    builder.multipart(parts).map_err(|error| format!("the mail cannot be built: {error}"))
}

/// The header cannot tell of earlier times.
fn timestamp(at: Timestamp) -> SystemTime {
    SystemTime::from(at.max(Timestamp::UNIX_EPOCH))
}

/// What follows on a page has the page's id; as a mail it is another one, or it would be taken for a repetition.
fn message_id(config: &Config, message: &Message<'_>) -> String {
    let Config { domain, .. } = config;
    match message.kind {
        Kind::Acknowledged { .. } | Kind::Resolved { .. } => {
            format!("<{}.{}.{}@{domain}>", message.id, kind_word(&message.kind), message.now.as_second())
        }
        Kind::Paged | Kind::Test | Kind::OnCall { .. } => format!("<{}@{domain}>", message.id),
    }
}

fn part(content_type: ContentType, text: String) -> SinglePart {
    SinglePart::builder().header(content_type).body(text)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// `[#123 critical] db: summary`. What follows on an incident has the same, since some programs make a thread of
/// mails with one subject only.
fn subject(message: &Message<'_>) -> String {
    let name = |name| one_line(name, NAME_CHARS_MAX);
    let about = |start: &str| {
        let Some(worst) = message.incidents.first() else { return "[nightcall]".to_owned() };
        let others = message.incidents.len() - 1;
        let others = if others > 0 { format!(" (and {others} more)") } else { String::new() };
        let tag = format!("{start}[#{} {}]{others}", worst.number, worst.severity.word());
        format!("{tag} {}: {}", name(worst.service), one_line(worst.summary, SUBJECT_CHARS_MAX))
    };
    let subject = match message.kind {
        Kind::Paged => about(""),
        Kind::Acknowledged { .. } | Kind::Resolved { .. } => about("Re: "),
        Kind::Test => "[nightcall] Test, nothing is wrong".to_owned(),
        Kind::OnCall { schedule, .. } => format!("[nightcall] You are on call for {}", name(schedule)),
    };
    cut(&subject, SUBJECT_CHARS_MAX)
}

/// What all mails about the worst incident to this person name as the mail they answer.
fn thread(config: &Config, message: &Message<'_>) -> Option<String> {
    let number = message.incidents.first()?.number;
    let who = sign(&config.secret, "thread", message.user);
    Some(format!("<incident.{number}.{who}@{}>", config.domain))
}

/// HMAC-SHA256 of a text for one purpose, its first 100 bits in base 32 (RFC 4648 section 6, small letters), which
/// mail systems that lose case do not break.
fn sign(secret: &Secret, purpose: &str, text: &str) -> String {
    const ALPHABET: [u8; 32] = *b"abcdefghijklmnopqrstuvwxyz234567";
    let bytes = hmac_sha256(secret.expose().as_bytes(), &[format!("nightcall {purpose}\n{text}").as_bytes()]);
    let mut signature = String::with_capacity(SIGNATURE_OCTETS);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in bytes {
        bits = (bits << 8 | u32::from(byte)) & 0xffff;
        count += 8;
        while count >= 5 && signature.len() < SIGNATURE_OCTETS {
            count -= 5;
            signature.push(char::from(ALPHABET[(bits >> count & 31) as usize]));
        }
    }
    signature
}

/// Length of a signature.
const SIGNATURE_OCTETS: usize = 20;

#[cfg(test)]
mod tests;
