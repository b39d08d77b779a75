//! Slack, by an app (one message for each incident, changed as the incident goes on, with buttons) or by an
//! incoming webhook (messages only).
//!
//! Sources: Slack API docs, "chat.postMessage", "chat.update", "Block Kit", "Verifying requests from Slack",
//! "Handling user interaction", "Sending messages using incoming webhooks", "Rate limits" (about 1 message a second
//! and channel). Mail content stands in `plain_text` objects only, where Slack knows neither markup nor mentions.

use jiff::SignedDuration;
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::domain::hex::hex;
use crate::notify::exchange::{
    About, Act, Answer, Callback, Outcome, Refusal, Request, Response, Secret, provider_words,
};
use crate::notify::message::Message;
use crate::notify::signature;
use crate::notify::text::{self, Told};

/// Longest text of a header block, in characters.
pub const HEADER_CHARS_MAX: usize = 150;
/// Longest text of a section, in characters.
pub const SECTION_CHARS_MAX: usize = 3000;
/// Longest text of a button, in characters.
pub const BUTTON_CHARS_MAX: usize = 75;
/// Longest value of a button, in characters.
pub const VALUE_CHARS_MAX: usize = 2000;
/// Longest text beside the blocks, in characters; what phones show on the lock screen.
pub const FALLBACK_CHARS_MAX: usize = 500;
/// How old a signed call may be.
pub const CALLBACK_AGE_MAX: SignedDuration = SignedDuration::from_mins(5);

/// Errors that pass ("chat.postMessage", Errors).
const PASSING: [&str; 7] = [
    "ratelimited",
    "rate_limited",
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "team_added_to_org",
];
const ACTION_PREFIX: &str = "nightcall_";

/// An app in a workspace.
#[derive(Debug, Clone)]
pub struct Config {
    /// Of the API, without a slash at the end: `https://slack.com/api`.
    pub base_url: String,
    /// Bot token (`xoxb-…`) with `chat:write`.
    pub token: Secret,
    /// What calls back are signed with.
    pub signing_secret: Secret,
}

/// Posts a message; `address` is the id of a channel or of a person.
///
/// # Errors
/// When the message can never be sent this way.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    if address.is_empty() {
        return Err("a Slack channel is missing".to_owned());
    }
    let mut body = body(message, true);
    body["channel"] = address.into();
    post(config, "chat.postMessage", &body)
}

/// Changes a message that was posted under this reference.
///
/// # Errors
/// When the reference is none of ours.
pub fn update(config: &Config, reference: &str, message: &Message<'_>) -> Result<Request, String> {
    let (channel, ts) = reference.split_once(':').ok_or("this is no reference to a Slack message")?;
    let mut body = body(message, true);
    body["channel"] = channel.into();
    body["ts"] = ts.into();
    post(config, "chat.update", &body)
}

/// Posts a message by an incoming webhook, whose URL is the address. It cannot be changed and has no buttons but
/// links: nothing would come back.
///
/// # Errors
/// When the address is no URL.
pub fn request_by_webhook(address: &str, message: &Message<'_>) -> Result<Request, String> {
    Request::json(address, &body(message, false))
}

/// What an answer of the API means; the reference is `channel:ts`. Slack reports errors with status 200.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let reference = || Some(format!("{}:{}", body["channel"].as_str()?, body["ts"].as_str()?));
    match (body["ok"].as_bool(), body["error"].as_str()) {
        (Some(true), _) if response.is_success() => Outcome::Accepted(reference().unwrap_or_default()),
        (_, Some(error)) if PASSING.contains(&error) => Outcome::Retry(format!("Slack answered {error}")),
        (Some(false), error) if response.is_success() => {
            Outcome::Failed(format!("Slack answered {}", provider_words(error.unwrap_or("an error without a name"))))
        }
        (_, error) if !response.is_success() => response.judge_status_with(String::new(), error.unwrap_or_default()),
        _ => Outcome::Retry("Slack answered nothing readable".to_owned()),
    }
}

/// What an answer of an incoming webhook means.
pub fn judge_webhook(response: &Response) -> Outcome {
    response.judge_status_with(String::new(), &response.words())
}

/// Reads a click on a button. Its `reply_to` is the URL where [`reply`] can say something to whoever clicked. The
/// click itself is answered with an empty 200 within 3 seconds.
///
/// # Errors
/// When the call does not prove to come from Slack, cannot be read, or is no click on one of our buttons.
pub fn answer(config: &Config, call: &Callback<'_>) -> Result<Answer, Refusal> {
    verify(config, call)?;
    let field = form_urlencoded::parse(call.body).find(|(name, _)| name == "payload");
    let (_, payload) = field.ok_or(Refusal::Unreadable("there is no payload"))?;
    let payload: Value = serde_json::from_str(&payload).map_err(|_| Refusal::Unreadable("the payload is no JSON"))?;
    if payload["type"] != "block_actions" {
        return Err(Refusal::Nothing("this is no click"));
    }
    let click = &payload["actions"][0];
    let word = click["action_id"].as_str().and_then(|id| id.strip_prefix(ACTION_PREFIX));
    // A button that opens a page reports its click as well.
    let act = word.and_then(Act::of).ok_or(Refusal::Nothing("this button only opens a page"))?;
    let id =
        click["value"].as_str().filter(|id| !id.is_empty()).ok_or(Refusal::Unreadable("the button has no value"))?;
    let user = &payload["user"];
    let who = user["id"].as_str().filter(|who| !who.is_empty()).ok_or(Refusal::Unreadable("nobody clicked"))?;
    let name = user["username"].as_str().or(user["name"].as_str()).unwrap_or_default();
    Ok(Answer {
        act,
        about: About::Message(id.to_owned()),
        who: who.to_owned(),
        name: name.to_owned(),
        reply_to: payload["response_url"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Says something to whoever clicked, seen by nobody else: "Already acknowledged by ann."
///
/// # Errors
/// When the answer came without such a place, or with one that is not Slack's.
pub fn reply(answer: &Answer, said: &str) -> Result<Request, String> {
    let body = json!({
        "response_type": "ephemeral", "replace_original": false, "text": escape(&text::one_line(said)),
    });
    let request = Request::json(&answer.reply_to, &body)?;
    let slack = ["hooks.slack.com", "hooks.slack-gov.com"];
    if request.url.scheme() != "https" || !request.url.host_str().is_some_and(|host| slack.contains(&host)) {
        return Err("the answer would not go to Slack".to_owned());
    }
    Ok(request)
}

fn verify(config: &Config, call: &Callback<'_>) -> Result<(), Refusal> {
    let timestamp = call.header("x-slack-request-timestamp");
    let at: i64 = timestamp.parse().map_err(|_| Refusal::Forged("it has no timestamp"))?;
    if call.now.as_second().abs_diff(at) > CALLBACK_AGE_MAX.as_secs().unsigned_abs() {
        return Err(Refusal::Forged("it is too old"));
    }
    let key = config.signing_secret.expose().as_bytes();
    let right = signature::hmac_sha256(key, &[b"v0:", timestamp.as_bytes(), b":", call.body]);
    let right = format!("v0={}", hex(&right));
    if key.is_empty() || !signature::is_same(call.header("x-slack-signature"), &right) {
        return Err(Refusal::Forged("its signature is wrong"));
    }
    Ok(())
}

fn post(config: &Config, method: &str, body: &Value) -> Result<Request, String> {
    Request::json(&format!("{}/{method}", config.base_url), body)?.bearer(&config.token)
}

fn body(message: &Message<'_>, buttons: bool) -> Value {
    let told = Told::of(message);
    let mut blocks = vec![json!({"type": "header", "text": plain(&told.headline, HEADER_CHARS_MAX)})];
    if text::chars(&escape(&told.headline)) > HEADER_CHARS_MAX {
        blocks.push(json!({"type": "section", "text": plain(&told.headline, SECTION_CHARS_MAX)}));
    }
    let lines = told.lines(text::plain);
    if let Some((first, rest)) = lines.split_first() {
        let text = text::fit(first, rest, &[], SECTION_CHARS_MAX, |text| text::chars(&escape(text)));
        blocks.push(json!({"type": "section", "text": plain(&text, SECTION_CHARS_MAX)}));
    }
    let mut acts: Vec<Value> = Vec::new();
    // A value that Slack would refuse must not cost the page.
    if buttons && text::chars(message.id) <= VALUE_CHARS_MAX {
        acts.extend(message.acts(true).iter().map(|act| act_button(*act, message.id)));
    }
    let page = told.page.iter().map(|page| ("Open", page.as_str()));
    let links = told.links.iter().map(|(name, url)| (name.as_str(), url.as_str()));
    acts.extend(page.chain(links).enumerate().map(|(number, (name, url))| {
        let text = plain(name, BUTTON_CHARS_MAX);
        json!({"type": "button", "action_id": format!("link_{number}"), "text": text, "url": url})
    }));
    if !acts.is_empty() {
        blocks.push(json!({"type": "actions", "elements": acts}));
    }
    // The text beside the blocks is what notifications show; it is parsed for mentions unless escaped.
    let fallback = escape(&text::cut(&told.headline, FALLBACK_CHARS_MAX));
    json!({
        "text": fallback, "mrkdwn": false, "parse": "none", "link_names": false,
        "unfurl_links": false, "unfurl_media": false, "blocks": blocks,
    })
}

fn act_button(act: Act, message_id: &str) -> Value {
    let mut button = json!({
        "type": "button", "action_id": format!("{ACTION_PREFIX}{}", act.word()),
        "text": plain(act.label(), BUTTON_CHARS_MAX), "value": message_id,
    });
    match act {
        Act::Acknowledge => button["style"] = "primary".into(),
        Act::Escalate => {}
        Act::Resolve => {
            button["style"] = "danger".into();
            button["confirm"] = json!({
                "title": plain("Resolve this incident?", 100), "text": plain("It is closed for everybody.", 300),
                "confirm": plain("Resolve", 30), "deny": plain("Keep it open", 30),
            });
        }
    }
    button
}

/// A text object without markup, cut after escaping, never inside an escape.
fn plain(text: &str, max: usize) -> Value {
    let mut kept = text.to_owned();
    while text::chars(&escape(&kept)) > max {
        kept = text::cut(&kept, text::chars(&kept) - 1);
    }
    json!({"type": "plain_text", "text": escape(&kept), "emoji": false})
}

/// Slack wants these three escaped in every text ("Formatting text for app surfaces", Escaping text).
fn escape(text: &str) -> String {
    text::inert(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
