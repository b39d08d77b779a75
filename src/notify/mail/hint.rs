//! The answer to an answer that was not understood: whoever wrote it must not believe that they have the incident.

use jiff::Timestamp;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;

use super::{Config, address, header, looped, timestamp};

/// The mail. It answers mail, so it says that too (RFC 3834), and nobody answers it by machine.
///
/// # Errors
/// When the address or our own settings cannot be used.
pub(super) fn build(config: &Config, to: &str, id: &str, why: &str, now: Timestamp) -> Result<lettre::Message, String> {
    let to: lettre::Address = to.parse().map_err(|_| "the address is no mail address".to_owned())?;
    let reply = address::reply(&config.secret, id, &config.domain)?;
    let reply_to = reply.parse().map_err(|_| "the domain for replies is none".to_owned())?;
    let about = format!("<{id}@{}>", config.domain);
    let text = format!(
        "Nothing was done: {why}.\n\nReply with \"ack\", \"resolve\" or \"escalate\" as the first word of your mail, \
         above anything quoted.\n\n-- \nnightcall\n"
    );
    lettre::Message::builder()
        .from(config.from.clone())
        .to(Mailbox::new(None, to))
        .reply_to(Mailbox::new(None, reply_to))
        .subject("Nothing was done: your answer was not understood")
        .date(timestamp(now))
        .in_reply_to(about.clone())
        .references(about)
        .raw_header(header("Auto-Submitted", "auto-replied"))
        .raw_header(header(looped::NAME, &looped::value(&config.secret, id)))
        .header(ContentType::TEXT_PLAIN)
        .body(text)
        .map_err(|error| format!("the mail cannot be built: {error}"))
}
