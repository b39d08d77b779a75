//! Telegram, by a bot: messages with buttons, changed as the incident goes on.
//!
//! Source: Telegram Bot API, "sendMessage", "editMessageText", "CallbackQuery", "setWebhook" (secret_token),
//! "answerCallbackQuery", "HTML style". Mail content stands in `code` and `pre` only: there Telegram looks for no
//! mentions, commands, hashtags or addresses. Clients may send any callback data they like, so it is signed.

use serde_json::{Value, json};

use crate::notify::exchange::{About, Act, Answer, Callback, Outcome, Refusal, Request, Response, Secret};
use crate::notify::message::Message;
use crate::notify::signature::{act_token, is_same};
use crate::notify::text::{self, Told};

/// Longest text, in UTF-16 units after the markup is read; Telegram's limit is 4096.
pub const TEXT_UNITS_MAX: usize = 3500;
/// Longest data of a button, in bytes.
pub const DATA_BYTES_MAX: usize = 64;
/// Longest text shown after a click, in characters.
pub const REPLY_CHARS_MAX: usize = 200;

/// Hexadecimal digits of a button's token: 80 bits, as 64 bytes must hold the id as well.
const TOKEN_DIGITS: usize = 20;
const CHANNEL: &str = "telegram";

/// A bot.
#[derive(Debug, Clone)]
pub struct Config {
    /// Of the API, without a slash at the end: `https://api.telegram.org`.
    pub base_url: String,
    /// The bot's token, `123:ABC`.
    pub token: Secret,
    /// What `setWebhook` was told as `secret_token`; also signs the buttons.
    pub webhook_secret: Secret,
}

/// Sends a message to the chat `address`: a number, or the `@name` of a channel.
///
/// # Errors
/// When the address is neither, or the bot's token is none.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let mut body = body(config, message);
    body["chat_id"] = chat(address)?;
    call(config, "sendMessage", &body)
}

/// Changes a message that was sent under this reference.
///
/// # Errors
/// When the reference is none of ours.
pub fn update(config: &Config, reference: &str, message: &Message<'_>) -> Result<Request, String> {
    let unreadable = "this is no reference to a Telegram message";
    let (chat_id, message_id) = reference.split_once(':').ok_or(unreadable)?;
    let mut body = body(config, message);
    body["chat_id"] = chat(chat_id)?;
    body["message_id"] = message_id.parse::<i64>().map_err(|_| unreadable)?.into();
    call(config, "editMessageText", &body)
}

/// What an answer means; the reference is `chat:message`.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let words = body["description"].as_str().unwrap_or_default();
    // A change that changes nothing is no failure.
    if words.contains("message is not modified") {
        return Outcome::Accepted(String::new());
    }
    match (&body["result"]["chat"]["id"], &body["result"]["message_id"]) {
        (Value::Number(chat), Value::Number(id)) if body["ok"] == true => Outcome::Accepted(format!("{chat}:{id}")),
        _ if body["ok"] == true => Outcome::Accepted(String::new()),
        _ if response.is_success() => Outcome::Retry("Telegram answered nothing readable".to_owned()),
        _ => response.judge_status_with(String::new(), words),
    }
}

/// Reads a click on a button. Its `reply_to` is what [`reply`] answers to.
///
/// # Errors
/// When the call does not prove to come from Telegram, or is no click on one of our buttons.
pub fn answer(config: &Config, call: &Callback<'_>) -> Result<Answer, Refusal> {
    let secret = config.webhook_secret.expose();
    if secret.is_empty() || !is_same(call.header("x-telegram-bot-api-secret-token"), secret) {
        return Err(Refusal::Forged("its secret token is wrong"));
    }
    let body: Value = serde_json::from_slice(call.body).map_err(|_| Refusal::Unreadable("it is no JSON"))?;
    let query = &body["callback_query"];
    let data = query["data"].as_str().ok_or(Refusal::Nothing("this is no click"))?;
    let (act, id) = read_data(config, data)?;
    let from = &query["from"];
    let who = from["id"].as_i64().ok_or(Refusal::Unreadable("nobody clicked"))?;
    Ok(Answer {
        act,
        about: About::Message(id.to_owned()),
        who: who.to_string(),
        name: from["username"].as_str().or(from["first_name"].as_str()).unwrap_or_default().to_owned(),
        reply_to: query["id"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Says something to whoever clicked, and ends the waiting that their client shows.
///
/// # Errors
/// When the bot's token is none.
pub fn reply(config: &Config, answer: &Answer, said: &str) -> Result<Request, String> {
    let text = text::short(said, REPLY_CHARS_MAX);
    call(config, "answerCallbackQuery", &json!({"callback_query_id": answer.reply_to, "text": text}))
}

fn call(config: &Config, method: &str, body: &Value) -> Result<Request, String> {
    let token = config.token.expose();
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
    if token.is_empty() || !token.chars().all(named) {
        return Err("the token of a Telegram bot looks like 123:ABC".to_owned());
    }
    Request::json(&format!("{}/bot{token}/{method}", config.base_url), body)
}

fn chat(address: &str) -> Result<Value, String> {
    let named = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match address.parse::<i64>() {
        Ok(number) => Ok(number.into()),
        Err(_) if address.strip_prefix('@').is_some_and(named) => Ok(address.into()),
        Err(_) => Err("a Telegram chat is a number or the @name of a channel".to_owned()),
    }
}

fn body(config: &Config, message: &Message<'_>) -> Value {
    let told = Told::of(message);
    let lines = told.lines(text::plain);
    let mut text = format!("<code>{}</code>", text::html(&told.headline));
    if let Some((first, rest)) = lines.split_first() {
        let room = TEXT_UNITS_MAX.saturating_sub(text::utf16(&told.headline));
        text.push_str(&format!("\n<pre>{}</pre>", text::html(&text::fit(first, rest, &[], room, text::utf16))));
    }
    // Links in the text: a button with an address that Telegram dislikes would cost the whole message.
    let page = told.page.iter().map(|page| ("Open", page.as_str()));
    for (name, url) in page.chain(told.links.iter().map(|(name, url)| (name.as_str(), url.as_str()))) {
        text.push_str(&format!("\n<a href=\"{}\">{}</a>", text::html(url), text::html(&text::inert(name))));
    }
    let buttons: Vec<Value> = message.acts(false).iter().filter_map(|act| button(config, *act, message.id)).collect();
    json!({
        "text": text, "parse_mode": "HTML", "link_preview_options": {"is_disabled": true},
        "reply_markup": {"inline_keyboard": if buttons.is_empty() { vec![] } else { vec![buttons] }},
    })
}

/// Nothing where the id is too long for a button: the page itself counts more.
fn button(config: &Config, act: Act, id: &str) -> Option<Value> {
    let data = format!("{}{}{id}", letter(act), token(config, act, id));
    (data.len() <= DATA_BYTES_MAX).then(|| json!({"text": act.label(), "callback_data": data}))
}

fn read_data<'d>(config: &Config, data: &'d str) -> Result<(Act, &'d str), Refusal> {
    let unreadable = Refusal::Unreadable("its data is none of ours");
    let (given, id) = data.split_at_checked(1 + TOKEN_DIGITS).ok_or(unreadable)?;
    let act = Act::ALL.into_iter().find(|act| given.starts_with(letter(*act))).ok_or(unreadable)?;
    if !is_same(given.get(1..).unwrap_or_default(), &token(config, act, id)) {
        return Err(Refusal::Forged("its data is not signed"));
    }
    Ok((act, id))
}

fn token(config: &Config, act: Act, id: &str) -> String {
    let mut token = act_token(&config.webhook_secret, CHANNEL, id, act);
    token.truncate(TOKEN_DIGITS);
    token
}

fn letter(act: Act) -> char {
    match act {
        Act::Acknowledge => 'a',
        Act::Resolve => 'r',
        Act::Escalate => 'e',
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::Kind;
    use crate::notify::tests::sample;

    fn config() -> Config {
        Config {
            base_url: "https://api.telegram.org".to_owned(),
            token: Secret::new("123:ABC-d_e"),
            webhook_secret: Secret::new("hook"),
        }
    }

    fn click(secret: &str, body: &Value) -> Result<Answer, Refusal> {
        let headers = [("X-Telegram-Bot-Api-Secret-Token".to_owned(), secret.to_owned())];
        let body = body.to_string();
        answer(&config(), &Callback { headers: &headers, query: "", body: body.as_bytes(), now: sample::now() })
    }

    #[test]
    fn a_page_and_its_clicks() {
        let made = sample::page("a<b", |message| request(&config(), "-100200", message).unwrap());
        assert_eq!(made.url.as_str(), "https://api.telegram.org/bot123:ABC-d_e/sendMessage");
        let body = sample::json(&made.body);
        assert_eq!(body["chat_id"], -100_200);
        let text = body["text"].as_str().unwrap();
        assert!(text.starts_with("<code>CRITICAL db: a&lt;b</code>\n<pre>Incident: #12\n"), "{text}");
        assert!(text.ends_with("\n<a href=\"https://wiki.example/db\">Runbook</a>"), "{text}");
        let keys = body["reply_markup"]["inline_keyboard"][0].as_array().unwrap();
        assert_eq!(keys.iter().map(|key| key["text"].clone()).collect::<Vec<_>>(), ["Acknowledge", "Escalate"]);
        let query = json!({"id": "q1", "from": {"id": 7, "username": "ann"}, "data": keys[0]["callback_data"]});
        let clicked = click("hook", &json!({"update_id": 1, "callback_query": query})).unwrap();
        assert_eq!((clicked.act, &clicked.about), (Act::Acknowledge, &About::Message("m1".to_owned())));
        assert_eq!((clicked.who.as_str(), clicked.name.as_str()), ("7", "ann"));
        let said = sample::json(&reply(&config(), &clicked, "Done.").unwrap().body);
        assert_eq!(said, json!({"callback_query_id": "q1", "text": "Done."}));
    }

    #[test]
    fn forged_clicks_do_nothing() {
        let data = format!("r{}m1", token(&config(), Act::Acknowledge, "m1"));
        let query = |data: &str| json!({"callback_query": {"id": "q", "from": {"id": 7}, "data": data}});
        for (secret, body, status) in [
            ("", query(&data), 403),
            ("wrong", query(&data), 403),
            ("hook", query(&data), 403),
            ("hook", query("a"), 400),
            ("hook", query("日本語日本語日本語日本語"), 400),
            ("hook", json!({"message": {"text": "/stop"}}), 200),
        ] {
            assert_eq!(click(secret, &body).unwrap_err().status(), status, "{body}");
        }
    }

    #[test]
    fn a_message_changes() {
        let changed = |reference| {
            sample::single("x", Kind::Acknowledged { by: "ann" }, |message| update(&config(), reference, message))
        };
        let body = sample::json(&changed("-100200:5").unwrap().body);
        assert_eq!((&body["chat_id"], &body["message_id"]), (&json!(-100_200), &json!(5)));
        assert_eq!(body["reply_markup"]["inline_keyboard"][0][0]["text"], "Resolve");
        for wrong in ["", "5", "x:5", "5:x", "../5:1"] {
            assert!(changed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mail_content_is_text_only() {
        sample::assert_harmless(|message| request(&config(), "1", message).unwrap(), &[]);
        for text in sample::hostile_texts() {
            let made = sample::hostile_page(&text, |message| request(&config(), "1", message).unwrap());
            let body = sample::json(&made.body);
            let text = body["text"].as_str().unwrap();
            let tags: Vec<&str> = text.split('<').skip(1).map(|tag| &tag[..tag.find([' ', '>']).unwrap()]).collect();
            assert_eq!(tags[..4], ["code", "/code", "pre", "/pre"]);
            assert!(tags[4..].iter().all(|tag| ["a", "/a"].contains(tag)), "{tags:?}");
            let links = text.matches("<a href=\"").count();
            assert_eq!(text.matches("<a href=\"https://").count(), links);
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        let sent = r#"{"ok":true,"result":{"message_id":5,"chat":{"id":-100200}}}"#;
        assert_eq!(judged(200, sent), Outcome::Accepted("-100200:5".to_owned()));
        let same = r#"{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: x"}"#;
        assert_eq!(judged(400, same), Outcome::Accepted(String::new()));
        let blocked = r#"{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}"#;
        let failed = "the provider answered 403: Forbidden: bot was blocked by the user";
        assert_eq!(judged(403, blocked), Outcome::Failed(failed.to_owned()));
        for (status, body) in [(429, r#"{"ok":false,"error_code":429}"#), (502, ""), (200, "")] {
            assert!(matches!(judged(status, body), Outcome::Retry(_)), "{status}");
        }
    }
}
