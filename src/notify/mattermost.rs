//! Mattermost, by an incoming webhook with buttons, and Rocket.Chat, which takes the same messages without them.
//!
//! Sources: Mattermost developer docs, "Incoming webhooks", "Message attachments", "Interactive messages";
//! Rocket.Chat docs, "Incoming webhook integrations". Mattermost does not sign its calls, but shows a button's
//! context to no client, so a token in it proves that the button is ours. A webhook's message cannot be changed
//! later, except in the answer to a click ([`reply`]).

use serde_json::{Value, json};

use crate::notify::exchange::{About, Act, Answer, Callback, Outcome, Refusal, Request, Response, Secret};
use crate::notify::message::{Kind, Message, Severity};
use crate::notify::signature::{act_token, is_act_token};
use crate::notify::text::{self, Told};

/// Longest text, in characters; Mattermost takes 16,383, Rocket.Chat 5,000 by default.
pub const TEXT_CHARS_MAX: usize = 4000;

const CHANNEL: &str = "mattermost";
/// What a backslash takes its meaning from. Others would show the backslash.
const MARKS: &str = "\\`*_{}[]()#+-.!>~|";

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Flavour {
    /// With buttons.
    #[default]
    Mattermost,
    /// Without.
    RocketChat,
}

/// A server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Which of the two.
    pub flavour: Flavour,
    /// Where the server calls us when a button is pressed; without it there are no buttons but links.
    pub callback_url: Option<String>,
    /// Proves that a button is ours.
    pub secret: Secret,
}

/// Posts a message; `address` is the webhook's URL.
///
/// # Errors
/// When the address is no URL.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let (headline, attachment) = post(config, message);
    let mut body = json!({"text": headline, "attachments": [attachment]});
    if config.flavour == Flavour::RocketChat {
        body["parseUrls"] = false.into();
    }
    Request::json(address, &body)
}

/// What an answer means.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let words = body["message"].as_str().or(body["error"].as_str());
    if response.is_success() && body["success"] == false {
        return Outcome::Failed(format!(
            "the provider answered: {}",
            words.map(crate::notify::exchange::provider_words).unwrap_or_default()
        ));
    }
    response.judge_status_with(String::new(), words.unwrap_or_default())
}

/// Reads a click on a button of Mattermost. It is answered with status 200 and [`reply`].
///
/// # Errors
/// When the button does not prove to be ours, or the call cannot be read.
pub fn answer(config: &Config, call: &Callback<'_>) -> Result<Answer, Refusal> {
    let body: Value = serde_json::from_slice(call.body).map_err(|_| Refusal::Unreadable("it is no JSON"))?;
    let context = |name: &str| body["context"][name].as_str().unwrap_or_default();
    let act = Act::of(context("act")).ok_or(Refusal::Unreadable("there is no such act"))?;
    let id = context("message");
    if !is_act_token(&config.secret, CHANNEL, id, act, context("token")) {
        return Err(Refusal::Forged("its token is wrong"));
    }
    let who = body["user_id"].as_str().filter(|who| !who.is_empty()).ok_or(Refusal::Unreadable("nobody clicked"))?;
    Ok(Answer {
        act,
        about: About::Message(id.to_owned()),
        who: who.to_owned(),
        name: body["user_name"].as_str().unwrap_or_default().to_owned(),
        reply_to: String::new(),
    })
}

/// The body of our answer to a click: says something to whoever clicked, and changes the message to this one.
pub fn reply(config: &Config, said: &str, now: Option<&Message<'_>>) -> String {
    let mut body = json!({"ephemeral_text": text::backslash(&text::one_line(said), MARKS)});
    if let Some(message) = now {
        let (headline, attachment) = post(config, message);
        body["update"] = json!({"message": headline, "props": {"attachments": [attachment]}});
    }
    body.to_string()
}

/// The text above and the attachment below.
fn post(config: &Config, message: &Message<'_>) -> (String, Value) {
    let escape: fn(&str) -> String = match config.flavour {
        Flavour::Mattermost => mattermost,
        Flavour::RocketChat => text::full_width,
    };
    let told = Told::of(message);
    let color = match (message.kind, message.severity()) {
        (Kind::Paged, Severity::Critical | Severity::Error) => "#d00000",
        (Kind::Paged, Severity::Warning) => "#e8a000",
        (Kind::Resolved { .. }, _) => "#00a000",
        _ => "#6080a0",
    };
    let page = told.page.iter().map(|page| ("Open", page.as_str()));
    let links = page.chain(told.links.iter().map(|(name, url)| (name.as_str(), url.as_str())));
    let links: Vec<String> = links.map(|(name, url)| format!("[{}]({url})", escape(name))).collect();
    let lines = text::bullets(&told.lines(escape));
    let last = [links.join(" · ")];
    let text = match lines.split_first() {
        Some((first, rest)) => text::fit(first, rest, &last, TEXT_CHARS_MAX, text::chars),
        None => last.concat(),
    };
    let mut attachment = json!({"fallback": text::inert(&told.headline), "color": color, "text": text});
    if let (Flavour::Mattermost, Some(url)) = (config.flavour, &config.callback_url) {
        let buttons = message.acts(false).iter().map(|act| button(config, *act, message.id, url));
        attachment["actions"] = buttons.collect();
    }
    (escape(&told.headline), attachment)
}

fn button(config: &Config, act: Act, message_id: &str, url: &str) -> Value {
    let style = match act {
        Act::Acknowledge => "primary",
        Act::Escalate => "default",
        Act::Resolve => "danger",
    };
    let token = act_token(&config.secret, CHANNEL, message_id, act);
    json!({
        // Letters and digits only, or the button does nothing.
        "id": act.word(), "type": "button", "name": act.label(), "style": style,
        "integration": {"url": url, "context": {"act": act.word(), "message": message_id, "token": token}},
    })
}

/// A backslash stops no link to a channel, but a blank does; and none of the readers of Mattermost (web, phones) agree
/// on escaping an angle bracket, so its full-width twin stands there.
fn mattermost(text: &str) -> String {
    text::backslash(text, MARKS).replace("\\~", "\\~\u{200a}").replace("\\#", "\\#\u{200a}").replace('<', "＜")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    const ADDRESS: &str = "https://chat.example/hooks/T";

    fn config(flavour: Flavour) -> Config {
        let callback_url = Some("https://nightcall.example/answer/mattermost".to_owned());
        Config { flavour, callback_url, secret: Secret::new("s") }
    }

    fn press(body: &Value) -> Result<Answer, Refusal> {
        let body = body.to_string();
        let call = Callback { headers: &[], query: "", body: body.as_bytes(), now: sample::now() };
        answer(&config(Flavour::Mattermost), &call)
    }

    #[test]
    fn a_page_and_its_clicks() {
        let made =
            sample::page("disk full", |message| request(&config(Flavour::Mattermost), ADDRESS, message).unwrap());
        let body = sample::json(&made.body);
        assert_eq!(body["text"], "CRITICAL db: disk full");
        let attachment = &body["attachments"][0];
        let text = attachment["text"].as_str().unwrap();
        let links = "\n[Open](https://nightcall.example/incidents/12) · [Runbook](https://wiki.example/db)";
        assert!(text.starts_with("• Incident: \\#\u{200a}12\n• Opened: ") && text.ends_with(links), "{text}");
        let context = &attachment["actions"][0]["integration"]["context"];
        let pressed = press(&json!({"user_id": "u1", "user_name": "ann", "context": context})).unwrap();
        assert_eq!((pressed.act, pressed.about), (Act::Acknowledge, About::Message("m1".to_owned())));
        assert_eq!((pressed.who.as_str(), pressed.name.as_str()), ("u1", "ann"));
        let mut forged = context.clone();
        forged["message"] = "m2".into();
        assert_eq!(press(&json!({"user_id": "u1", "context": forged})).unwrap_err().status(), 403);
        assert_eq!(press(&json!({"context": context})).unwrap_err().status(), 400);
        assert_eq!(press(&json!({})).unwrap_err().status(), 400);
    }

    #[test]
    fn a_click_changes_the_message() {
        let kind = Kind::Acknowledged { by: "ann" };
        let said = sample::single("x", kind, |message| reply(&config(Flavour::Mattermost), "@all", Some(message)));
        let body = sample::json(&said);
        assert_eq!(body["ephemeral_text"], "@\u{200a}all");
        assert_eq!(body["update"]["message"], "Acknowledged by ann: CRITICAL db: x");
        assert_eq!(body["update"]["props"]["attachments"][0]["actions"][0]["id"], "resolve");
    }

    #[test]
    fn mail_content_is_text_only() {
        for flavour in [Flavour::Mattermost, Flavour::RocketChat] {
            let made = |message: &Message<'_>| request(&config(flavour), ADDRESS, message).unwrap();
            sample::assert_harmless(made, &[]);
            for text in sample::hostile_texts() {
                let body = sample::json(&sample::hostile_page(&text, made).body);
                let attachment = &body["attachments"][0];
                let text = attachment["text"].as_str().unwrap();
                assert!(text::chars(text) <= TEXT_CHARS_MAX);
                for text in [body["text"].as_str().unwrap(), text, attachment["fallback"].as_str().unwrap()] {
                    assert!(!["@all", "@here", "@channel", "@everyone"].iter().any(|m| text.contains(m)), "{text}");
                }
                let mut plain = body["text"].as_str().unwrap().to_owned();
                MARKS.chars().for_each(|mark| plain = plain.replace(&format!("\\{mark}"), ""));
                assert!(!plain.contains(['*', '[', '`', '~', '#']) && !plain.contains("://"), "{plain}");
                assert_eq!(attachment["actions"].is_array(), flavour == Flavour::Mattermost);
            }
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(200, "ok"), Outcome::Accepted(String::new()));
        assert_eq!(judged(200, r#"{"success":true}"#), Outcome::Accepted(String::new()));
        assert!(matches!(judged(200, r#"{"success":false,"error":"x"}"#), Outcome::Failed(_)));
        let gone = judged(404, r#"{"id":"x","message":"Couldn't find the webhook.","status_code":404}"#);
        assert_eq!(gone, Outcome::Failed("the provider answered 404: Couldn't find the webhook.".to_owned()));
        assert!(matches!(judged(500, ""), Outcome::Retry(_)));
    }
}
