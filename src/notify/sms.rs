//! The SMS channel over Twilio's REST API (Twilio Messaging docs, "Message resource"): a text with a short code, and
//! what comes back: delivery states, replies, and words by which somebody leaves.
//!
//! Texts are English: half of the world's phones show them whole in two parts. How they fit is [`alphabet`], what
//! replies mean is [`reply`].

pub mod alphabet;
pub mod callback;
pub mod list;
pub mod reply;

use jiff::Timestamp;
use serde::Deserialize;

use crate::notify::exchange::{Outcome, Refusal, Request, Response};
use crate::notify::form;
use crate::notify::http::{Guard, Http};
use crate::notify::line::{cut, one_line, without_links};
use crate::notify::message::{Kind, Message};
use crate::notify::telephone::{QUESTION_TIMEOUT, Said};
use crate::notify::templates::Place;
use crate::notify::twilio::{Config, error_code, error_words, is_sid, post};
use crate::notify::voice::signature;

/// Most parts of one text; each is paid for, and long texts are not read at night.
pub const SEGMENTS_MAX: usize = 2;

/// How long the provider may try, in seconds: later the next person has been called.
pub const VALIDITY_SECONDS: &str = "600";

/// Longest name in a text, in characters: of a service, a person or a schedule.
const NAME_CHARS_MAX: usize = 40;

/// A summary is never cut below this for the sake of the link, in characters.
const SUMMARY_CHARS_MIN: usize = 60;

/// Longest body of a callback that is read, in octets.
const CALLBACK_OCTETS_MAX: usize = 64 * 1024;

/// The provider's error for a number that has replied STOP (Twilio docs, error 21610).
const ERROR_STOPPED: u32 = 21610;

/// Why nothing is sent to a number whose owner wants nothing more.
pub const STOPPED: &str = "the number has replied STOP; only START from that phone ends this";

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// [`Config::caller`].
    Caller,
    /// A messaging service, by its SID: the provider chooses among its numbers.
    Service(String),
}

/// Who sends texts, and where they come back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Providers, in the order in which they are tried; at least one.
    pub providers: Vec<(Config, Sender)>,
    /// Our own address as the providers see it, without a slash at the end. Without, nobody can answer.
    pub public_url: Option<String>,
}

impl Setup {
    /// Where reports on one text, identified by what is secret of its notification, are told.
    pub fn status_url(&self, id: &str, nonce: &str, attempt: i64) -> Option<String> {
        self.public_url.as_ref().map(|url| format!("{url}/sms/{id}/{nonce}/status?attempt={attempt}"))
    }
}

/// One text to be sent.
pub struct Text<'a> {
    /// Who sends.
    pub setup: &'a Setup,
    /// The number.
    pub to: &'a str,
    /// What it says.
    pub text: String,
    /// Where reports on it are told; which provider it is, is added.
    pub status: Option<String>,
    /// Since when an earlier attempt may have arrived, else when this one begins.
    pub since: Timestamp,
}

impl Said for Text<'_> {
    fn request(&self, place: usize, account: &Config) -> Result<Request, String> {
        let (_, sender) = self.setup.providers.get(place).ok_or_else(|| "there is no such provider".to_owned())?;
        let status = self.status.as_ref().map(|status| format!("{status}&provider={place}"));
        request(account, sender, self.to, &self.text, status.as_deref())
    }

    fn judge(&self, response: &Response) -> Outcome {
        judge(response)
    }

    async fn find(&self, http: &Http, account: &Config) -> Option<Outcome> {
        let attempt = list::Attempt { to: self.to, text: &self.text, at: self.since };
        let request = list::request(account, &attempt).ok()?;
        let answer = http.perform_within(&request, Guard::Off, QUESTION_TIMEOUT).await.ok()?;
        match list::read(&attempt, &answer) {
            Ok(list::Found::Text { sid, state }) => state.outcome(&sid, "").or(Some(Outcome::Accepted(sid))),
            Ok(list::Found::Nothing) => None,
            Err(why) => {
                tracing::debug!("nobody knows what became of a text: {why}");
                None
            }
        }
    }
}

/// Sends a text (`POST /2010-04-01/Accounts/{sid}/Messages.json`). `status` is told how far it got.
///
/// # Errors
/// As [`post`].
pub fn request(
    config: &Config,
    sender: &Sender,
    address: &str,
    text: &str,
    status: Option<&str>,
) -> Result<Request, String> {
    let mut pairs = vec![("To", address)];
    match sender {
        Sender::Caller => pairs.push(("From", &config.caller)),
        Sender::Service(sid) => pairs.push(("MessagingServiceSid", sid)),
    }
    pairs.push(("Body", text));
    pairs.push(("ValidityPeriod", VALIDITY_SECONDS));
    pairs.extend(status.map(|status| ("StatusCallback", status)));
    post(config, "Messages.json", &pairs)
}

/// What the answer to [`request`] means.
pub fn judge(response: &Response) -> Outcome {
    if has_stopped(response) {
        return Outcome::Failed(STOPPED.to_owned());
    }
    let created: Option<Created> = serde_json::from_slice(&response.body).ok();
    let failed = created.as_ref().and_then(|created| created.status.as_deref().and_then(State::read));
    if let Some(failed @ (State::Failed | State::Undelivered)) = failed.filter(|_| response.status < 300) {
        return Outcome::Failed(format!("the provider could not send it ({})", failed.word()));
    }
    let sid = created.and_then(|created| created.sid).filter(|sid| is_sid(sid)).unwrap_or_default();
    response.judge_status_with(sid, &error_words(response))
}

/// Whether the provider refuses because the number has replied STOP: somebody must be told (issue 5).
pub fn has_stopped(response: &Response) -> bool {
    error_code(response) == Some(ERROR_STOPPED)
}

#[derive(Deserialize)]
struct Created {
    sid: Option<String>,
    status: Option<String>,
}

/// The text about a message, at most [`SEGMENTS_MAX`] parts: what is wrong, then how to answer, then where to look
/// if there is room.
pub fn text(message: &Message<'_>) -> String {
    if let Some(text) = message.templates.text(Place::Sms, message) {
        return text;
    }
    let name = |name: &str| one_line(&without_links(name, "(link)"), NAME_CHARS_MAX);
    let count = message.incidents.len();
    let about = |message: &Message<'_>| {
        message.incidents.first().map_or_else(String::new, |subject| {
            let worst = if count > 1 { format!("{count} incidents, worst ") } else { String::new() };
            format!("{worst}#{} {} {}: ", subject.number, subject.severity.word(), name(subject.service))
        })
    };
    let summary = message.incidents.first().map_or("", |subject| subject.summary);
    match message.kind {
        Kind::Paged => {
            let how = match message.code {
                Some(code) if count > 1 => format!("reply 4 {code} = ack all"),
                Some(code) => format!("reply 4 {code} = ack, 6 {code} = resolve"),
                None => String::new(),
            };
            fit(&about(message), summary, &how, message.url)
        }
        Kind::Acknowledged { by } => fit(&about(message), summary, &format!("acknowledged by {}", name(by)), None),
        Kind::Resolved { by } => fit(&about(message), summary, &format!("resolved by {}", name(by)), None),
        Kind::Test => match message.code {
            Some(code) => fit(&format!("nightcall test, nothing is wrong. Your code is {code}"), "", "", None),
            None => fit("nightcall test, nothing is wrong.", "", "", None),
        },
        Kind::OnCall { schedule, until } => {
            let until = until.map_or_else(String::new, |until| {
                let until = until.to_zoned(message.zone.clone());
                format!(" until {}", until.strftime("%a %Y-%m-%d %H:%M %Z"))
            });
            fit(&format!("You are now on call for {}{until}.", name(schedule)), "", "", message.url)
        }
    }
}

/// Puts a text together, each part on its own line; cuts the summary so that all fits, and leaves the link out
/// when it would cost too much of the summary.
fn fit(head: &str, summary: &str, tail: &str, link: Option<&str>) -> String {
    let summary = one_line(&without_links(summary, "(link)"), 400);
    let put = |summary: &str, link: Option<&str>| {
        let parts = [format!("{head}{summary}"), tail.to_owned(), link.unwrap_or_default().to_owned()];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        alphabet::simplify(&parts.join("\n"))
    };
    let fits = |text: &String| alphabet::measure(text).segments <= SEGMENTS_MAX;
    let length = summary.chars().count();
    // The most characters of the summary with which all fits; a longer text never takes fewer parts.
    let longest = |link| {
        let (mut fitting, mut above) = (fits(&put("", link)).then_some(0)?, length + 1);
        while fitting + 1 < above {
            let middle = usize::midpoint(fitting, above);
            if fits(&put(&cut(&summary, middle), link)) { fitting = middle } else { above = middle }
        }
        Some((fitting, put(&cut(&summary, fitting), link)))
    };
    let with_link = link.and_then(|link| longest(Some(link)));
    if let Some((_, text)) = with_link.filter(|(chars, _)| *chars >= SUMMARY_CHARS_MIN.min(length)) {
        return text;
    }
    // What is fixed is short; should it not be, the end is cut.
    longest(None).map_or_else(|| alphabet::shorten(&put("", None), SEGMENTS_MAX), |(_, text)| text)
}

/// How far a text got (Twilio docs, "Message status values"), in the order in which states follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The provider has it.
    Queued,
    /// On its way.
    Sending,
    /// The carrier has it.
    Sent,
    /// The carrier could not bring it.
    Undelivered,
    /// The provider could not send it.
    Failed,
    /// The phone has it. Nobody need have seen it (I29).
    Delivered,
}

impl State {
    /// The state behind a word of the provider's; nothing for a word not known.
    pub fn read(word: &str) -> Option<Self> {
        match word {
            "accepted" | "scheduled" | "queued" => Some(Self::Queued),
            "sending" => Some(Self::Sending),
            "sent" => Some(Self::Sent),
            "undelivered" => Some(Self::Undelivered),
            "failed" | "canceled" => Some(Self::Failed),
            "delivered" | "read" => Some(Self::Delivered),
            _ => None,
        }
    }

    /// The state to keep when this is told and `known` was known: reports come in any order and more than once, and
    /// states move forward only (I28). Nothing when it is no news.
    pub fn after(self, known: Option<Self>) -> Option<Self> {
        (Some(self) > known && known.is_none_or(|known| known < Self::Undelivered)).then_some(self)
    }

    /// What the state means for the delivery; nothing while it is on its way. `code` is the provider's error.
    pub fn outcome(self, sid: &str, code: &str) -> Option<Outcome> {
        let code: String = code.chars().filter(char::is_ascii_digit).take(6).collect();
        let code = if code.is_empty() { code } else { format!(", error {code}") };
        match self {
            Self::Queued | Self::Sending | Self::Sent => None,
            Self::Delivered => Some(Outcome::Accepted(sid.to_owned())),
            Self::Undelivered => Some(Outcome::Failed(format!("the carrier did not deliver it{code}"))),
            Self::Failed => Some(Outcome::Failed(format!("the provider could not send it{code}"))),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Undelivered => "undelivered",
            Self::Failed => "failed",
            Self::Delivered => "delivered",
        }
    }
}

/// A report on a text that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The provider's name for the text.
    pub sid: String,
    /// How far it got.
    pub state: State,
    /// The provider's error, or nothing.
    pub error: String,
}

/// Reads a status callback.
///
/// # Errors
/// When it is not the provider's, or tells nothing we know.
pub fn reported(config: &Config, url: &str, given: &str, body: &[u8]) -> Result<Report, Refusal> {
    let pairs = verified(config, url, given, body)?;
    let state = State::read(form::value(&pairs, "MessageStatus"));
    let state = state.ok_or(Refusal::Unreadable("it tells an unknown state of a text"))?;
    let value = |name| form::value(&pairs, name).to_owned();
    Ok(Report { sid: value("MessageSid"), state, error: value("ErrorCode") })
}

/// The parameters of a callback that proved to come from the provider. `url` is ours as the provider sees it,
/// `given` its header `X-Twilio-Signature`.
fn verified(config: &Config, url: &str, given: &str, body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    if body.len() > CALLBACK_OCTETS_MAX {
        return Err(Refusal::Unreadable("it is too long"));
    }
    let pairs = form::read(body);
    if signature::is_valid(config.token.expose(), url, &pairs, given) {
        Ok(pairs)
    } else {
        Err(Refusal::Forged("its signature is wrong"))
    }
}

#[cfg(test)]
mod tests;
