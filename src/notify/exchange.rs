//! What channels and the worker hand each other: requests, answers to them, and calls that come back.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use url::Url;

pub use super::Secret;
use super::text;
use crate::domain::incident::Event;
pub use crate::domain::notification::Outcome;

/// Longest part of a provider's own words that is passed on, in characters.
const PROVIDER_WORDS_CHARS_MAX: usize = 200;

/// How a request is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    #[default]
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
}

impl Method {
    /// The word of HTTP.
    pub fn word(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// An HTTP request to be made. URL, headers and body may hold secrets, so debug output shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// How.
    pub method: Method,
    /// Where; http or https.
    pub url: Url,
    /// Name in lower case, and value.
    pub headers: Vec<(String, String)>,
    /// What.
    pub body: String,
}

impl Request {
    /// A request without headers.
    ///
    /// # Errors
    /// When the URL is none of http or https. The text does not repeat it: it may be secret.
    pub fn new(method: Method, url: &str, body: String) -> Result<Self, String> {
        let url = Url::parse(url).map_err(|error| format!("the address is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("the address is neither http nor https".to_owned());
        }
        Ok(Self { method, url, headers: Vec::new(), body })
    }

    /// A POST of JSON.
    ///
    /// # Errors
    /// As [`Request::new`].
    pub fn json(url: &str, body: &Value) -> Result<Self, String> {
        let request = Self::new(Method::Post, url, body.to_string())?;
        request.header("content-type", "application/json; charset=utf-8")
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When the name is no token or the value is not printable ASCII: nothing may begin a header of its own.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, String> {
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        if name.is_empty() || !name.chars().all(token) {
            return Err("the name of a header has characters that none may have".to_owned());
        }
        if !value.chars().all(|c| c == ' ' || c.is_ascii_graphic()) {
            return Err(format!("the value of header {name} is not printable ASCII"));
        }
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        Ok(self)
    }

    /// Adds `authorization: Bearer TOKEN`.
    ///
    /// # Errors
    /// As [`Request::header`].
    pub fn bearer(self, token: &Secret) -> Result<Self, String> {
        self.header("authorization", &format!("Bearer {}", token.expose()))
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.url.host_str().unwrap_or_default();
        f.debug_struct("Request").field("method", &self.method).field("host", &host).finish_non_exhaustive()
    }
}

/// What a provider answered.
#[derive(Debug, Clone, Default)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Name in any case, and value.
    pub headers: Vec<(String, String)>,
    /// As received; the worker bounds how much it reads.
    pub body: Vec<u8>,
}

impl Response {
    /// A header's first value.
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// The body as one short line.
    pub fn words(&self) -> String {
        provider_words(&String::from_utf8_lossy(&self.body))
    }

    /// For how many seconds the provider wants to be left alone (RFC 9110 section 10.2.3), where it says so.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse().ok()
    }

    /// For how long the provider wants to be left alone, should this answer mean that it may work later. Too many
    /// requests (429) without a time mean the usual delay.
    pub fn wait(&self) -> Option<SignedDuration> {
        let asked = self.retry_after_seconds().and_then(|seconds| i64::try_from(seconds).ok());
        let asked = asked.map(|seconds| SignedDuration::from_secs(seconds.min(86_400)));
        asked.or((self.status == 429).then_some(SignedDuration::ZERO))
    }

    /// Whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..=299).contains(&self.status)
    }

    /// Whether the provider refuses us, whatever we say: nobody knows our key, or it may not do this.
    pub fn refuses_us(&self) -> bool {
        matches!(self.status, 401 | 403)
    }

    /// What the status alone means: done, under this reference; try again; or give up.
    pub fn judge_status(&self, reference: String) -> Outcome {
        match self.status {
            200..=299 => Outcome::Accepted(reference),
            408 | 425 | 429 | 500..=599 => Outcome::Retry(format!("the provider answered {}", self.status)),
            status => Outcome::Failed(format!("the provider answered {status}")),
        }
    }

    /// The same, with the provider's words for a failure.
    pub fn judge_status_with(&self, reference: String, words: &str) -> Outcome {
        let said = |why: String| if words.is_empty() { why } else { format!("{why}: {}", provider_words(words)) };
        match self.judge_status(reference) {
            Outcome::Retry(why) => Outcome::Retry(said(why)),
            Outcome::Failed(why) => Outcome::Failed(said(why)),
            other => other,
        }
    }
}

/// How a provider reports by a number in the body, whatever the status; 0 is success.
#[derive(Debug, Clone, Copy)]
pub struct CodeInBody {
    /// Who.
    pub provider: &'static str,
    /// Where the number stands; the first of these that is there counts.
    pub code: &'static [&'static str],
    /// Where its words stand.
    pub words: &'static [&'static str],
    /// Numbers that pass.
    pub passing: &'static [i64],
}

impl CodeInBody {
    /// What the number means. A success without a number is nothing to rely on: it is tried again.
    pub fn judge(&self, response: &Response) -> Outcome {
        let body = response.json();
        let words = self.words.iter().find_map(|name| body[*name].as_str()).map(provider_words).unwrap_or_default();
        match self.code.iter().find_map(|name| body[*name].as_i64()) {
            Some(0) if response.is_success() => Outcome::Accepted(String::new()),
            Some(code) if self.passing.contains(&code) => {
                Outcome::Retry(format!("{} answered {code}: {words}", self.provider))
            }
            Some(code) if response.is_success() => {
                Outcome::Failed(format!("{} answered {code}: {words}", self.provider))
            }
            _ if !response.is_success() => response.judge_status_with(String::new(), &words),
            _ => Outcome::Retry(format!("{} answered nothing readable", self.provider)),
        }
    }
}

/// A provider's words as they may be shown: one line, cut.
pub fn provider_words(words: &str) -> String {
    text::short(words, PROVIDER_WORDS_CHARS_MAX)
}

/// A call that came back, as received and not yet believed.
#[derive(Debug, Clone, Copy)]
pub struct Callback<'a> {
    /// Name in any case, and value.
    pub headers: &'a [(String, String)],
    /// What stood after the `?` of the path.
    pub query: &'a str,
    /// As received, before any decoding.
    pub body: &'a [u8],
    /// When it arrived.
    pub now: Timestamp,
}

impl Callback<'_> {
    /// A header's first value; empty where it is missing.
    pub fn header(&self, name: &str) -> &str {
        find_header(self.headers, name).unwrap_or_default()
    }
}

fn find_header<'h>(headers: &'h [(String, String)], name: &str) -> Option<&'h str> {
    headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// What somebody wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// I have it.
    Acknowledge,
    /// It is over.
    Resolve,
    /// Call the next one.
    Escalate,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 3] = [Self::Acknowledge, Self::Resolve, Self::Escalate];

    /// The word in callbacks.
    pub fn word(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
            Self::Escalate => "escalate",
        }
    }

    /// What stands on the button.
    pub fn label(self) -> &'static str {
        match self {
            Self::Acknowledge => "Acknowledge",
            Self::Resolve => "Resolve",
            Self::Escalate => "Escalate",
        }
    }

    /// What happens to an incident by it.
    pub fn event(self) -> Event {
        match self {
            Self::Acknowledge => Event::Acknowledged { origin_at: None },
            Self::Resolve => Event::Resolved { origin_at: None },
            Self::Escalate => Event::EscalationAsked,
        }
    }

    /// The act of a word.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.word() == word)
    }
}

/// What an answer is about. Either names one generation of an incident, so it can never act on a later one (I15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// The message of this id.
    Message(String),
    /// An incident, elsewhere.
    Incident {
        /// Its number here.
        number: i64,
        /// When it was done there; it may be told late, and again.
        at: Timestamp,
    },
}

/// A call that came back and proved to come from the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// What is wanted.
    pub act: Act,
    /// About what.
    pub about: About,
    /// Who, by the provider's id; empty where the provider does not say.
    pub who: String,
    /// How the provider shows them: hostile text; may be empty.
    pub name: String,
    /// Where the channel can say something to them, in the channel's own form; empty where it cannot.
    pub reply_to: String,
}

impl Answer {
    /// What somebody of ours wrote in answer to a message.
    pub fn by_text(act: Act, message_id: &str, user: &str) -> Self {
        let about = About::Message(message_id.to_owned());
        Self { act, about, who: user.to_owned(), name: String::new(), reply_to: String::new() }
    }
}

/// Why a call changes nothing. The reasons are ours, so a log line holds nothing of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It does not prove where it comes from: answer 403.
    Forged(&'static str),
    /// It proves that, but cannot be understood: answer 400.
    Unreadable(&'static str),
    /// All is well and nothing is to be done: answer 200.
    Nothing(&'static str),
}

impl Refusal {
    /// What to answer by HTTP.
    pub fn status(self) -> u16 {
        match self {
            Self::Forged(_) => 403,
            Self::Unreadable(_) => 400,
            Self::Nothing(_) => 200,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Forged(why) | Self::Unreadable(why) | Self::Nothing(why)) = self;
        f.write_str(why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_shown() {
        let request =
            Request::json("https://h.example/T0K3N", &Value::Null).and_then(|r| r.bearer(&Secret::new("S3CR")));
        let shown = format!("{request:?} {:?}", Secret::new("S3CR"));
        assert!(!shown.contains("T0K3N") && !shown.contains("S3CR"), "{shown}");
        let refused = Request::json("gopher://T0K3N", &Value::Null).unwrap_err();
        assert!(!refused.contains("T0K3N"), "{refused}");
    }

    #[test]
    fn headers_begin_no_other() {
        let request = || Request::new(Method::Get, "http://h.example/", String::new()).unwrap();
        assert!(request().header("x-a", "b\r\nx-c: d").is_err());
        assert!(request().header("x-a: b", "c").is_err());
        assert!(request().header("", "c").is_err());
        assert!(request().header("X-A", "b c").is_ok());
    }

    #[test]
    fn statuses() {
        let judged = |status| Response { status, ..Response::default() }.judge_status(String::new());
        for status in [200, 202, 204] {
            assert_eq!(judged(status), Outcome::Accepted(String::new()));
        }
        for status in [408, 425, 429, 500, 503, 599] {
            assert!(matches!(judged(status), Outcome::Retry(_)), "{status}");
        }
        for status in [100, 302, 400, 401, 403, 404, 410, 422] {
            assert!(matches!(judged(status), Outcome::Failed(_)), "{status}");
        }
    }
}
