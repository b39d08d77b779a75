//! ntfy: push to phones, with buttons that the phone itself calls us by.
//!
//! Source: ntfy docs, "Sending messages": "Publish as JSON", "Message priority", "Tags & emojis", "Action buttons",
//! "Updating notifications", "Limitations". Whoever may read the topic may press its buttons: topics of people
//! belong behind access control. A button that resolves is left out: a thumb slips, and nothing asks again.

use serde_json::{Value, json};

use crate::notify::exchange::{About, Act, Answer, Callback, Outcome, Refusal, Request, Response, Secret};
use crate::notify::message::{Kind, Message, Severity};
use crate::notify::signature::{act_token, is_act_token};
use crate::notify::text::{self, Told};

/// Longest message, in bytes; a longer one becomes an attachment, which nobody reads at night. The server's limit
/// is 4096.
pub const MESSAGE_BYTES_MAX: usize = 3500;
/// Longest title, in bytes.
pub const TITLE_BYTES_MAX: usize = 250;
/// Most buttons.
pub const ACTIONS_MAX: usize = 3;
/// Longest name of a topic, in characters.
pub const TOPIC_CHARS_MAX: usize = 64;

const CHANNEL: &str = "ntfy";

/// A server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Without a slash at the end: `https://ntfy.sh`.
    pub base_url: String,
    /// Access token, where the topic is not open.
    pub token: Option<Secret>,
    /// Where phones call us, as they see it; without it there are no buttons but links.
    pub callback_url: Option<String>,
    /// Proves that a button is ours.
    pub secret: Secret,
}

/// Publishes to the topic `address`.
///
/// # Errors
/// When the topic's name is none.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    publish(config, &body(config, address, message)?)
}

/// Changes what was published under this reference in place (servers from 2.16; older ones publish anew).
///
/// # Errors
/// As [`request`].
pub fn update(config: &Config, address: &str, reference: &str, message: &Message<'_>) -> Result<Request, String> {
    let mut body = body(config, address, message)?;
    body["sequence_id"] = reference.into();
    publish(config, &body)
}

/// What an answer means; the reference is the message's id.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let id = body["id"].as_str().unwrap_or_default();
    response.judge_status_with(id.to_owned(), body["error"].as_str().unwrap_or_default())
}

/// Reads a call of a button. Who pressed it is not known: it is whoever the message was for.
///
/// # Errors
/// When it does not prove to be a button of ours.
pub fn answer(config: &Config, call: &Callback<'_>) -> Result<Answer, Refusal> {
    let body: Value = serde_json::from_slice(call.body).map_err(|_| Refusal::Unreadable("it is no JSON"))?;
    let field = |name: &str| body[name].as_str().unwrap_or_default();
    let act = Act::of(field("act")).ok_or(Refusal::Unreadable("there is no such act"))?;
    let id = field("message");
    if !is_act_token(&config.secret, CHANNEL, id, act, field("token")) {
        return Err(Refusal::Forged("its token is wrong"));
    }
    let about = About::Message(id.to_owned());
    Ok(Answer { act, about, who: String::new(), name: String::new(), reply_to: String::new() })
}

fn publish(config: &Config, body: &Value) -> Result<Request, String> {
    let request = Request::json(&format!("{}/", config.base_url), body)?;
    match &config.token {
        Some(token) => request.bearer(token),
        None => Ok(request),
    }
}

fn body(config: &Config, topic: &str, message: &Message<'_>) -> Result<Value, String> {
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if topic.is_empty() || topic.len() > TOPIC_CHARS_MAX || !topic.chars().all(named) {
        return Err("the name of an ntfy topic has 1 to 64 letters, digits, hyphens and underscores".to_owned());
    }
    let told = Told::of(message);
    let title = text::cut_bytes(&text::inert(&told.headline), TITLE_BYTES_MAX);
    let links: Vec<String> = told.links.iter().map(|(name, url)| format!("{}: {url}", text::inert(name))).collect();
    let lines = [told.lines(text::inert), links].concat();
    let headline = text::inert(&told.headline);
    let text = text::fit(&headline, &lines, &[], MESSAGE_BYTES_MAX, text::bytes);
    let mut body = json!({
        "topic": topic, "title": title, "message": text, "markdown": false, "priority": priority(message),
        "tags": [tag(message)], "actions": actions(config, message, told.page.as_deref()),
    });
    if let Some(page) = &told.page {
        body["click"] = page.as_str().into();
    }
    Ok(body)
}

fn actions(config: &Config, message: &Message<'_>, page: Option<&str>) -> Vec<Value> {
    let press = |act: Act, url: &str| {
        let body = json!({
            "message": message.id, "act": act.word(), "token": act_token(&config.secret, CHANNEL, message.id, act),
        });
        json!({
            "action": "http", "label": act.label(), "url": url, "method": "POST", "clear": true,
            "headers": {"content-type": "application/json"}, "body": body.to_string(),
        })
    };
    let acts = message.acts(false).iter().filter(|act| **act != Act::Resolve);
    let pressed = config.callback_url.iter().flat_map(|url| acts.clone().map(move |act| press(*act, url)));
    let open = page.map(|page| json!({"action": "view", "label": "Open", "url": page}));
    pressed.take(ACTIONS_MAX - 1).chain(open).collect()
}

/// 5 breaks through "do not disturb" where the reader set it up so.
fn priority(message: &Message<'_>) -> u8 {
    match (message.kind, message.severity()) {
        (Kind::Paged, Severity::Critical) => 5,
        (Kind::Paged, Severity::Error) => 4,
        (Kind::Paged, Severity::Warning) | (Kind::Test | Kind::OnCall { .. }, _) => 3,
        (Kind::Paged, Severity::Info) | (Kind::Acknowledged { .. } | Kind::Resolved { .. }, _) => 2,
    }
}

fn tag(message: &Message<'_>) -> &'static str {
    match (message.kind, message.severity()) {
        (Kind::Paged, Severity::Critical | Severity::Error) => "rotating_light",
        (Kind::Paged, _) => "warning",
        (Kind::Acknowledged { .. }, _) => "eyes",
        (Kind::Resolved { .. } | Kind::Test, _) => "white_check_mark",
        (Kind::OnCall { .. }, _) => "pager",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    fn config() -> Config {
        Config {
            base_url: "https://ntfy.example".to_owned(),
            token: Some(Secret::new("tk_1")),
            callback_url: Some("https://nightcall.example/answer/ntfy".to_owned()),
            secret: Secret::new("s"),
        }
    }

    fn press(body: &str) -> Result<Answer, Refusal> {
        answer(&config(), &Callback { headers: &[], query: "", body: body.as_bytes(), now: sample::now() })
    }

    #[test]
    fn a_page_is_loud_and_has_buttons() {
        let made = sample::page("disk full", |message| request(&config(), "ann-7f", message).unwrap());
        assert_eq!(made.url.as_str(), "https://ntfy.example/");
        assert!(made.headers.contains(&("authorization".to_owned(), "Bearer tk_1".to_owned())));
        let body = sample::json(&made.body);
        assert_eq!((&body["topic"], &body["priority"]), (&json!("ann-7f"), &json!(5)));
        assert_eq!((&body["title"], &body["tags"]), (&json!("CRITICAL db: disk full"), &json!(["rotating_light"])));
        let labels: Vec<_> = body["actions"].as_array().unwrap().iter().map(|a| a["label"].clone()).collect();
        assert_eq!(labels, ["Acknowledge", "Escalate", "Open"]);
        let pressed = press(body["actions"][0]["body"].as_str().unwrap()).unwrap();
        assert_eq!((pressed.act, pressed.about), (Act::Acknowledge, About::Message("m1".to_owned())));
    }

    #[test]
    fn a_change_is_quiet() {
        let kind = Kind::Resolved { by: "mail" };
        let made = sample::single("x", kind, |message| update(&config(), "t", "hwQ2YpKdmg", message).unwrap());
        let body = sample::json(&made.body);
        assert_eq!((&body["sequence_id"], &body["priority"]), (&json!("hwQ2YpKdmg"), &json!(2)));
        assert_eq!(body["actions"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn forged_buttons_do_nothing() {
        let token = act_token(&Secret::new("s"), CHANNEL, "m1", Act::Acknowledge);
        for (body, status) in [
            (json!({"message": "m1", "act": "resolve", "token": token}), 403),
            (json!({"message": "m2", "act": "acknowledge", "token": token}), 403),
            (json!({"message": "m1", "act": "acknowledge"}), 403),
            (json!({"message": "m1", "act": "delete", "token": token}), 400),
            (json!([]), 400),
        ] {
            assert_eq!(press(&body.to_string()).unwrap_err().status(), status, "{body}");
        }
    }

    #[test]
    fn mail_content_is_plain() {
        sample::assert_harmless(|message| request(&config(), "t", message).unwrap(), &["url", "click"]);
        for text in sample::hostile_texts() {
            let made = sample::hostile_page(&text, |message| request(&config(), "t", message).unwrap());
            let body = sample::json(&made.body);
            assert!(body["message"].as_str().unwrap().len() <= MESSAGE_BYTES_MAX && body["markdown"] == false);
            assert!(body["title"].as_str().unwrap().len() <= TITLE_BYTES_MAX);
        }
        for topic in ["", "a/b", "ä", &"x".repeat(65)] {
            assert!(sample::page("x", |message| request(&config(), topic, message)).is_err());
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(200, r#"{"id":"hwQ2YpKdmg","event":"message"}"#), Outcome::Accepted("hwQ2YpKdmg".to_owned()));
        let forbidden = judged(403, r#"{"code":40301,"http":403,"error":"forbidden"}"#);
        assert_eq!(forbidden, Outcome::Failed("the provider answered 403: forbidden".to_owned()));
        assert!(matches!(judged(429, "{}"), Outcome::Retry(_)));
    }
}
