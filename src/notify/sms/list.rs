//! Finding a text whose request had no answer (I27; Twilio Messaging docs, "Read multiple Message resources"): nobody
//! knows whether it was sent, and texts have no idempotency key. Its words are one: they hold the code.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::State;
use crate::notify::exchange::{Request, Response};
use crate::notify::twilio::{Config, get, is_sid, unreadable};

/// Texts asked for; the newest come first.
const PAGE_SIZE: &str = "50";

/// How far before the attempt a text of that minute may seem to be made, by clocks that differ.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(10);

/// The attempt whose outcome is unknown.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The number it was sent to.
    pub to: &'a str,
    /// What it said.
    pub text: &'a str,
    /// When the first request for it was begun.
    pub at: Timestamp,
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This text is it.
    Text {
        /// Its reference.
        sid: String,
        /// How far it got.
        state: State,
    },
    /// There is none: send it again.
    Nothing,
}

/// How to ask. Without a time: a text that still waits has none, and the newest come first.
///
/// # Errors
/// When the base address of the settings is none.
pub fn request(config: &Config, attempt: &Attempt<'_>) -> Result<Request, String> {
    get(config, "Messages.json", &[("To", attempt.to), ("PageSize", PAGE_SIZE)])
}

/// Which text is the attempt's: ours, to that number, with its words, and not from before it; the first of those.
///
/// # Errors
/// When the answer cannot be read: nobody knows then.
pub fn read(attempt: &Attempt<'_>, response: &Response) -> Result<Found, String> {
    if response.status != 200 {
        return Err(unreadable(response));
    }
    let page: Page =
        serde_json::from_slice(&response.body).map_err(|_| "the provider's list of texts cannot be read".to_owned())?;
    let fitting = page.messages.into_iter().filter_map(|text| Some((text.made_at()?, text)));
    let fitting = fitting.filter(|(at, text)| text.fits(attempt, *at));
    let first = fitting.min_by(|(one, a), (other, b)| (one, &a.sid).cmp(&(other, &b.sid)));
    Ok(first.map_or(Found::Nothing, |(_, text)| Found::Text {
        state: State::read(&text.status).unwrap_or(State::Queued),
        sid: text.sid,
    }))
}

#[derive(Deserialize)]
struct Page {
    messages: Vec<Text>,
}

#[derive(Deserialize)]
struct Text {
    sid: String,
    status: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    direction: String,
    date_created: Option<String>,
}

impl Text {
    fn made_at(&self) -> Option<Timestamp> {
        let text = self.date_created.as_deref()?;
        let rfc2822 = jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
        rfc2822.or_else(|| text.parse().ok())
    }

    fn fits(&self, attempt: &Attempt<'_>, at: Timestamp) -> bool {
        is_sid(&self.sid)
            && self.to == attempt.to
            && self.body.trim() == attempt.text.trim()
            && (self.direction.starts_with("outbound") || self.direction.is_empty())
            && at.duration_since(attempt.at) >= -CLOCK_SKEW
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::twilio::samples::{config, response};

    const TO: &str = "+491700000001";
    const WORDS: &str = "#123 critical db: x\nreply 4 K7 = ack";

    fn text(sid: &str, time: &str, status: &str) -> serde_json::Value {
        serde_json::json!({
            "sid": sid, "status": status, "to": TO, "from": "+4930000000", "direction": "outbound-api", "body": WORDS,
            "date_created": format!("Sat, 21 Nov 2026 {time} +0000"), "date_sent": null, "error_code": null,
        })
    }

    fn found(texts: &[serde_json::Value]) -> Result<Found, String> {
        let attempt = Attempt { to: TO, text: WORDS, at: "2026-11-21T03:00:00Z".parse().unwrap() };
        read(&attempt, &response(200, &serde_json::json!({ "messages": texts, "page": 0 }).to_string()))
    }

    #[test]
    fn which_text_it_was() {
        let it = |sid: &str, state| Ok(Found::Text { sid: sid.to_owned(), state });
        let (near, late) = (text("SM1", "03:00:02", "queued"), text("SM2", "03:05:00", "delivered"));
        assert_eq!(found(&[late.clone(), near.clone()]), it("SM1", State::Queued));
        assert_eq!(found(&[late]), it("SM2", State::Delivered));
        assert_eq!(found(&[text("SM1", "02:59:55", "undelivered")]), it("SM1", State::Undelivered));
        for (name, value) in [
            ("body", "#123 critical db: x\nreply 4 M2 = ack"),
            ("to", "+491700000002"),
            ("direction", "inbound"),
            ("sid", "../SM1"),
            ("date_created", "Sat, 21 Nov 2026 02:50:00 +0000"),
            ("date_created", "sometime"),
        ] {
            let mut other = near.clone();
            other[name] = value.into();
            assert_eq!(found(&[other]), Ok(Found::Nothing), "{name} {value}");
        }
    }

    #[test]
    fn asking_and_unreadable_answers() {
        let attempt = Attempt { to: TO, text: WORDS, at: Timestamp::UNIX_EPOCH };
        let url = "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json?To=%2B491700000001&PageSize=50";
        assert_eq!(request(&config(), &attempt).unwrap().url.as_str(), url);
        for (status, body) in [(200, "{}"), (200, "x"), (500, ""), (401, "{\"code\":20003}")] {
            assert!(read(&attempt, &response(status, body)).is_err());
        }
    }
}
