//! The voice channel over Twilio's REST API: places calls, and hears what the phone says back. Without an address of ours
//! that the provider can reach, what is said travels with the request and the call is asked about ([`watch`]).
//!
//! A call counts as reached only when a key is pressed; "completed" is what voicemail says too (I29).
//! Source: Twilio Voice docs, "Make outbound calls" and "TwiML"; keys as PagerDuty and GoAlert use them.

pub mod callback;
pub mod keys;
pub mod list;
pub mod pin;
pub mod poll;
pub mod signature;
pub mod twiml;
pub mod watch;

use jiff::Timestamp;
use serde::Deserialize;

use super::exchange::{Outcome, Request, Response};
use super::http::{Guard, Http};
use super::telephone::{QUESTION_TIMEOUT, Said, read_reference};
use super::twilio::{self, error_words, is_sid, post};
use crate::domain::channel::Channel;
use crate::store::Store;
use crate::store::notice::StoredNotice;
use crate::store::notification::Notification;

/// How long the phone rings, in seconds; short of most voicemail.
const RING_SECONDS: &str = "25";

/// Who places calls, and how those who pick up reach us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Providers, in the order in which they are tried; at least one.
    pub accounts: Vec<twilio::Config>,
    /// Where providers reach us. Without, no key can be pressed.
    pub addresses: Option<Addresses>,
}

/// Our own addresses, as providers see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// What they begin with, without a slash at the end.
    pub public_url: String,
}

#[derive(Debug, Deserialize)]
struct CreatedCall {
    sid: Option<String>,
}

/// One call to be placed.
pub struct Call<'a> {
    /// The number.
    pub to: &'a str,
    /// What is said where the listener cannot answer (TwiML), or where it is fetched and the end is reported.
    pub script: Script,
    /// Since when an earlier attempt may have arrived, else when this one begins.
    pub since: Timestamp,
    /// Knows the references of other calls.
    pub store: &'a Store,
}

/// Where a call gets what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// The provider fetches it when somebody picks up, so nothing of the incident is in a URL.
    Fetched {
        /// Where.
        answer: String,
        /// Where the end is reported; which provider it is, is added.
        status: Option<String>,
    },
    /// It travels with the request.
    Inline(String),
}

impl Said for Call<'_> {
    /// Places the call (`POST /2010-04-01/Accounts/{sid}/Calls.json`).
    fn request(&self, place: usize, account: &twilio::Config) -> Result<Request, String> {
        let mut form = vec![("To", self.to), ("From", &account.caller), ("Timeout", RING_SECONDS)];
        let at_place;
        match &self.script {
            Script::Inline(document) => form.push(("Twiml", document)),
            Script::Fetched { answer, status } => {
                form.extend([("Url", answer.as_str()), ("Method", "POST")]);
                if let Some(status) = status {
                    at_place = format!("{status}&provider={place}");
                    form.extend([
                        ("StatusCallback", at_place.as_str()),
                        ("StatusCallbackMethod", "POST"),
                        ("StatusCallbackEvent", "completed"),
                    ]);
                }
            }
        }
        post(account, "Calls.json", &form)
    }

    fn judge(&self, response: &Response) -> Outcome {
        let created: Option<CreatedCall> = serde_json::from_slice(&response.body).ok();
        // Taken, but without a name we can read: it rings all the same.
        let sid = created.and_then(|call| call.sid).filter(|sid| is_sid(sid)).unwrap_or_default();
        response.judge_status_with(sid, &error_words(response))
    }

    async fn find(&self, http: &Http, account: &twilio::Config) -> Option<Outcome> {
        let known = self.store.references(Channel::Voice, self.to).await.ok()?;
        let known: Vec<&str> = known.iter().map(|reference| read_reference(reference).1).collect();
        let attempt = list::Attempt { to: self.to, at: self.since, known: &known };
        let mut answers = Vec::new();
        for request in list::requests(account, &attempt).ok()? {
            answers.push(http.perform_within(&request, Guard::Off, QUESTION_TIMEOUT).await.ok()?);
        }
        match list::read(account, &attempt, &answers) {
            Ok(list::Found::Call { sid, .. }) => Some(Outcome::Accepted(sid)),
            Ok(list::Found::Nothing) => None,
            Err(why) => {
                tracing::debug!("nobody knows what became of a call: {why}");
                None
            }
        }
    }
}

impl Config {
    /// How a call about a page gets what it says: at our address, else this document.
    pub fn page(&self, notification: &Notification, inline: impl FnOnce() -> String) -> Script {
        let (id, nonce) = (&notification.id, &notification.nonce);
        match &self.addresses {
            // The end of an earlier call may be told late; its address says which call it was.
            Some(addresses) => Script::Fetched {
                answer: addresses.page(id, nonce, "answer"),
                status: Some(addresses.page(id, nonce, &format!("status?attempt={}", notification.attempts))),
            },
            None => Script::Inline(inline()),
        }
    }

    /// How a call that tells a notice gets what it says.
    pub fn notice(&self, told: &StoredNotice, inline: impl FnOnce() -> String) -> Script {
        match &self.addresses {
            Some(addresses) => {
                Script::Fetched { answer: addresses.notice(&told.id, &told.nonce, "answer"), status: None }
            }
            None => Script::Inline(inline()),
        }
    }
}

impl Addresses {
    /// Where the provider asks and reports about one notification.
    pub fn page(&self, id: &str, nonce: &str, name: &str) -> String {
        format!("{}/voice/{id}/{nonce}/{name}", self.public_url)
    }

    /// Where the provider asks about one notice.
    pub fn notice(&self, id: &str, nonce: &str, name: &str) -> String {
        format!("{}/voice/notice/{id}/{nonce}/{name}", self.public_url)
    }
}
