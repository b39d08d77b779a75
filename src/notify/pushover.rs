//! Pushover: push to phones; an emergency rings again until somebody acknowledges it on the phone.
//!
//! Sources: Pushover docs, "Message API", "Receipts and Callbacks API". Callbacks are not signed, so their address
//! carries a token. Texts are plain: we never set `html`.

use url::form_urlencoded;

use crate::notify::exchange::{About, Act, Answer, Callback, Method, Outcome, Refusal, Request, Response, Secret};
use crate::notify::message::{Kind, Message, Severity};
use crate::notify::signature::{act_token, is_act_token};
use crate::notify::text::{self, Told};

/// Longest message, in characters of up to four bytes.
pub const MESSAGE_CHARS_MAX: usize = 1024;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 250;
/// Longest URL, in bytes; a longer one is left out.
pub const URL_BYTES_MAX: usize = 512;
/// Shortest time between two rings of an emergency, in seconds.
pub const RETRY_SECONDS_MIN: u32 = 30;
/// Longest time an emergency rings, in seconds.
pub const EXPIRE_SECONDS_MAX: u32 = 10_800;

const CHANNEL: &str = "pushover";

/// An application.
#[derive(Debug, Clone)]
pub struct Config {
    /// Without a slash at the end: `https://api.pushover.net`.
    pub base_url: String,
    /// The application's token.
    pub token: Secret,
    /// Where Pushover calls us when an emergency is acknowledged; without it, it rings until it expires.
    pub callback_url: Option<String>,
    /// Proves that a callback's address is ours.
    pub secret: Secret,
    /// How often an emergency rings, in seconds.
    pub retry_seconds: u32,
    /// For how long, in seconds.
    pub expire_seconds: u32,
}

/// Sends a message; `address` is the key of a user or a group.
///
/// # Errors
/// When the key is none.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    if address.is_empty() || !address.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err("a key of Pushover has letters and digits".to_owned());
    }
    let told = Told::of(message);
    let links = told.links.iter().map(|(name, url)| format!("{}: {url}", text::inert(name)));
    let lines: Vec<String> = told.lines(text::inert).into_iter().chain(links).collect();
    let headline = text::inert(&told.headline);
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("token", config.token.expose())
        .append_pair("user", address)
        .append_pair("title", &text::cut(&headline, TITLE_CHARS_MAX))
        .append_pair("message", &text::fit(&headline, &lines, &[], MESSAGE_CHARS_MAX, text::chars))
        .append_pair("timestamp", &message.now.as_second().to_string());
    if let Some(page) = told.page.as_deref().filter(|page| page.len() <= URL_BYTES_MAX) {
        form.append_pair("url", page).append_pair("url_title", "Open");
    }
    let priority = priority(message);
    form.append_pair("priority", priority);
    if priority == EMERGENCY {
        let expire = config.expire_seconds.clamp(RETRY_SECONDS_MIN, EXPIRE_SECONDS_MAX);
        form.append_pair("retry", &config.retry_seconds.max(RETRY_SECONDS_MIN).to_string());
        form.append_pair("expire", &expire.to_string());
        if let Some(url) = &config.callback_url {
            form.append_pair("callback", &callback_url(config, url, message.id)?);
        }
    }
    post(&format!("{}/1/messages.json", config.base_url), form.finish())
}

/// Ends the ringing of an emergency that was sent under this reference, because somebody has it.
///
/// # Errors
/// When the reference is no receipt: only an emergency has one.
pub fn update(config: &Config, reference: &str, _message: &Message<'_>) -> Result<Request, String> {
    if reference.is_empty() || !reference.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err("only an emergency of Pushover can be ended".to_owned());
    }
    let url = format!("{}/1/receipts/{reference}/cancel.json", config.base_url);
    let body = form_urlencoded::Serializer::new(String::new()).append_pair("token", config.token.expose()).finish();
    post(&url, body)
}

/// What an answer means; the reference is an emergency's receipt, or empty.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let words = body["errors"][0].as_str().unwrap_or_default();
    match body["status"].as_i64() {
        Some(1) if response.is_success() => Outcome::Accepted(body["receipt"].as_str().unwrap_or_default().to_owned()),
        None if response.is_success() => Outcome::Retry("Pushover answered nothing readable".to_owned()),
        Some(_) if response.is_success() => {
            Outcome::Failed(format!("Pushover refused it: {}", crate::notify::exchange::provider_words(words)))
        }
        _ => response.judge_status_with(String::new(), words),
    }
}

/// Reads the call that somebody acknowledged an emergency.
///
/// # Errors
/// When its address does not prove to be ours, or it says something else.
pub fn answer(config: &Config, call: &Callback<'_>) -> Result<Answer, Refusal> {
    let query = |wanted: &str| {
        form_urlencoded::parse(call.query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let id = query("message").unwrap_or_default();
    let token = query("token").unwrap_or_default();
    if !is_act_token(&config.secret, CHANNEL, &id, Act::Acknowledge, &token) {
        return Err(Refusal::Forged("its token is wrong"));
    }
    let field = |wanted: &str| {
        form_urlencoded::parse(call.body).find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    };
    if field("acknowledged").as_deref() != Some("1") {
        return Err(Refusal::Nothing("nobody has acknowledged it"));
    }
    let who = field("acknowledged_by").unwrap_or_default();
    let name = field("acknowledged_by_device").unwrap_or_default();
    Ok(Answer { act: Act::Acknowledge, about: About::Message(id), who, name, reply_to: String::new() })
}

const EMERGENCY: &str = "2";

fn priority(message: &Message<'_>) -> &'static str {
    match (message.kind, message.severity()) {
        (Kind::Paged, Severity::Critical | Severity::Error) => EMERGENCY,
        (Kind::Paged, Severity::Warning) => "1",
        (Kind::Paged, Severity::Info) | (Kind::Test | Kind::OnCall { .. }, _) => "0",
        (Kind::Acknowledged { .. } | Kind::Resolved { .. }, _) => "-1",
    }
}

fn callback_url(config: &Config, url: &str, id: &str) -> Result<String, String> {
    let mut url = Request::new(Method::Post, url, String::new())?.url;
    let token = act_token(&config.secret, CHANNEL, id, Act::Acknowledge);
    url.query_pairs_mut().append_pair("message", id).append_pair("token", &token);
    Ok(url.into())
}

fn post(url: &str, body: String) -> Result<Request, String> {
    Request::new(Method::Post, url, body)?.header("content-type", "application/x-www-form-urlencoded")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    fn config() -> Config {
        Config {
            base_url: "https://api.pushover.net".to_owned(),
            token: Secret::new("app"),
            callback_url: Some("https://nightcall.example/answer/pushover".to_owned()),
            secret: Secret::new("s"),
            retry_seconds: 5,
            expire_seconds: 99_999,
        }
    }

    fn field(body: &str, wanted: &str) -> Option<String> {
        let mut named = form_urlencoded::parse(body.as_bytes()).filter(|(name, _)| name == wanted);
        let found = named.next().map(|(_, value)| value.into_owned());
        assert!(named.next().is_none(), "{wanted} twice");
        found
    }

    fn heard(query: &str, body: &str) -> Result<Answer, Refusal> {
        answer(&config(), &Callback { headers: &[], query, body: body.as_bytes(), now: sample::now() })
    }

    #[test]
    fn an_emergency_and_its_acknowledgement() {
        let made = sample::page("disk full", |message| request(&config(), "uKey", message).unwrap());
        assert_eq!(made.url.as_str(), "https://api.pushover.net/1/messages.json");
        let value = |name: &str| field(&made.body, name).unwrap();
        assert_eq!((value("priority"), value("retry"), value("expire")), ("2".into(), "30".into(), "10800".into()));
        assert_eq!((value("user"), value("title")), ("uKey".into(), "CRITICAL db: disk full".into()));
        let callback = value("callback");
        let (_, query) = callback.split_once('?').unwrap();
        let pressed =
            heard(query, "receipt=r1&acknowledged=1&acknowledged_by=uKey&acknowledged_by_device=phone").unwrap();
        assert_eq!((pressed.act, pressed.about), (Act::Acknowledge, About::Message("m1".to_owned())));
        assert_eq!((pressed.who.as_str(), pressed.name.as_str()), ("uKey", "phone"));
        assert_eq!(heard(query, "acknowledged=0").unwrap_err().status(), 200);
        assert_eq!(heard(&query.replace("m1", "m2"), "acknowledged=1").unwrap_err().status(), 403);
        assert_eq!(heard("", "acknowledged=1").unwrap_err().status(), 403);
    }

    #[test]
    fn others_are_quieter() {
        let kind = Kind::Acknowledged { by: "ann" };
        let made = sample::single("x", kind, |message| request(&config(), "uKey", message).unwrap());
        assert_eq!(field(&made.body, "priority").as_deref(), Some("-1"));
        assert_eq!((field(&made.body, "retry"), field(&made.body, "callback")), (None, None));
        let ended = sample::single("x", kind, |message| update(&config(), "r1", message).unwrap());
        assert_eq!(ended.url.as_str(), "https://api.pushover.net/1/receipts/r1/cancel.json");
        assert!(sample::single("x", kind, |message| update(&config(), "", message)).is_err());
        assert!(sample::page("x", |message| request(&config(), "a/b", message)).is_err());
    }

    #[test]
    fn mail_content_is_a_value() {
        for text in sample::hostile_texts() {
            let made = sample::hostile_page(&text, |message| request(&config(), "uKey", message).unwrap());
            let names: Vec<_> =
                form_urlencoded::parse(made.body.as_bytes()).map(|(name, _)| name.into_owned()).collect();
            let all =
                ["token", "user", "title", "message", "timestamp", "url", "url_title", "priority", "retry", "expire"];
            assert_eq!(names[..10], all);
            assert_eq!(names[10..], ["callback"]);
            let message = field(&made.body, "message").unwrap();
            assert!(text::chars(&message) <= MESSAGE_CHARS_MAX && !message.contains(['\r', '\u{202e}']));
            assert!(text::chars(&field(&made.body, "title").unwrap()) <= TITLE_CHARS_MAX);
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(200, r#"{"status":1,"request":"q","receipt":"r1"}"#), Outcome::Accepted("r1".to_owned()));
        assert_eq!(judged(200, r#"{"status":1,"request":"q"}"#), Outcome::Accepted(String::new()));
        let failed = "the provider answered 400: user key is invalid";
        let invalid = r#"{"user":"invalid","errors":["user key is invalid"],"status":0}"#;
        assert_eq!(judged(400, invalid), Outcome::Failed(failed.to_owned()));
        for (status, body) in [(429, "{}"), (500, ""), (200, "<html>")] {
            assert!(matches!(judged(status, body), Outcome::Retry(_)), "{status}");
        }
    }
}
