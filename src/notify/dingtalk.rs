//! DingTalk, by a custom robot of a group. It cannot hear: its buttons open our page.
//!
//! Source: DingTalk Open Platform docs, "Custom robot access", "Message types", "Custom robot security settings".
//! Markdown there has no documented escapes, so marks in mail content become their full-width twins; nobody is
//! mentioned without the `at` member, which we never fill. Errors come with status 200.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::notify::exchange::{CodeInBody, Outcome, Request, Response, Secret};
use crate::notify::message::Message;
use crate::notify::signature::hmac_sha256;
use crate::notify::text::{self, Told};

/// Messages a minute and robot; more, and it is muted for ten minutes. Bundle before.
pub const PER_MINUTE_MAX: u32 = 20;
/// Longest text, in bytes; the whole body may have 20,000.
pub const TEXT_BYTES_MAX: usize = 5000;
/// Longest title, in characters; phones show it on the lock screen.
pub const TITLE_CHARS_MAX: usize = 100;
/// Longest text of a button, in characters.
pub const BUTTON_CHARS_MAX: usize = 20;

const ANSWERS: CodeInBody = CodeInBody {
    provider: "DingTalk",
    code: &["errcode"],
    words: &["errmsg"],
    // Busy; too fast, three kinds.
    passing: &[-1, 130_101, 130_102, 410_100],
};

/// A robot's security settings; with none, it answers to a list of addresses only.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// `SEC…`, in sign mode.
    pub secret: Option<Secret>,
    /// What every message must contain, in keyword mode.
    pub keyword: Option<String>,
}

/// Posts to a robot; `address` is its webhook with the access token.
///
/// # Errors
/// When the address is no URL.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let mut request = Request::json(address, &body(config, message))?;
    if let Some(secret) = &config.secret {
        let timestamp = message.now.as_millisecond().to_string();
        let sign = sign(secret, &timestamp);
        request.url.query_pairs_mut().append_pair("timestamp", &timestamp).append_pair("sign", &sign);
    }
    Ok(request)
}

/// What an answer means, by the number in its body.
pub fn judge(response: &Response) -> Outcome {
    ANSWERS.judge(response)
}

/// The base64 HMAC-SHA256 of timestamp (milliseconds), line feed and secret. (Feishu differs in all three.)
fn sign(secret: &Secret, timestamp: &str) -> String {
    let secret = secret.expose().as_bytes();
    STANDARD.encode(hmac_sha256(secret, &[timestamp.as_bytes(), b"\n", secret]))
}

fn body(config: &Config, message: &Message<'_>) -> Value {
    let told = Told::of(message);
    let title = text::cut(&text::full_width(&told.headline), TITLE_CHARS_MAX);
    let headline = format!("#### {}", text::full_width(&told.headline));
    // A line of its own takes two blanks before its end.
    let lines: Vec<String> = text::bullets(&told.lines(text::full_width)).iter().map(|l| format!("\n{l}  ")).collect();
    let text = text::fit(&headline, &lines, &[], TEXT_BYTES_MAX, text::bytes);
    let text = text::with_keyword(text, config.keyword.as_deref());
    let page = told.page.iter().map(|page| ("Open", page.as_str()));
    let links = page.chain(told.links.iter().map(|(name, url)| (name.as_str(), url.as_str())));
    let buttons: Vec<Value> = links
        .map(|(name, url)| json!({"title": text::full_width(&text::cut(name, BUTTON_CHARS_MAX)), "actionURL": url}))
        .collect();
    if buttons.is_empty() {
        return json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}});
    }
    let card = json!({"title": title, "text": text, "btnOrientation": "0", "btns": buttons});
    json!({"msgtype": "actionCard", "actionCard": card})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::message::Kind;
    use crate::notify::tests::sample;

    const ADDRESS: &str = "https://oapi.dingtalk.com/robot/send?access_token=T";

    #[test]
    fn requests_are_signed_in_milliseconds() {
        let config = Config { secret: Some(Secret::new("SEC1")), keyword: None };
        let made = sample::page("x", |message| request(&config, ADDRESS, message).unwrap());
        let query: Vec<(String, String)> = made.url.query_pairs().into_owned().collect();
        // Computed with Python's hmac and base64.
        let sign = "RIuIGP7ytMvphmLiFIx0pFYAQDks9yaiI2qlwLQsynk=";
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(query, [pair("access_token", "T"), pair("timestamp", "1795219500000"), pair("sign", sign)]);
        assert!(!made.url.query().unwrap().contains('+'));
    }

    #[test]
    fn a_page_is_a_card_with_links() {
        let config = Config { secret: None, keyword: Some("警报".to_owned()) };
        let body =
            sample::json(&sample::page("disk *full*", |message| request(&config, ADDRESS, message).unwrap()).body);
        let card = &body["actionCard"];
        assert_eq!((&body["msgtype"], &card["title"]), (&json!("actionCard"), &json!("CRITICAL db: disk ＊full＊")));
        let text = card["text"].as_str().unwrap();
        assert!(text.starts_with("#### CRITICAL db: disk ＊full＊\n\n• Incident: ＃12  \n\n• Opened: "), "{text}");
        assert!(text.ends_with("\n警报"), "{text}");
        let open = json!({"title": "Open", "actionURL": "https://nightcall.example/incidents/12"});
        assert_eq!(card["btns"], json!([open, {"title": "Runbook", "actionURL": "https://wiki.example/db"}]));
        let bare = sample::message("", Kind::OnCall { schedule: "n", until: None }, |message| {
            let message = Message { url: None, ..message.clone() };
            request(&config, ADDRESS, &message).unwrap()
        });
        assert_eq!(sample::json(&bare.body)["msgtype"], "markdown");
    }

    #[test]
    fn mail_content_is_text_only() {
        let made = |message: &Message<'_>| request(&Config::default(), ADDRESS, message).unwrap();
        sample::assert_harmless(made, &["actionURL"]);
        for text in sample::hostile_texts() {
            let body = sample::json(&sample::hostile_page(&text, made).body);
            assert_eq!(body.get("at"), None);
            let text = body["actionCard"]["text"].as_str().unwrap().strip_prefix("#### ").unwrap();
            assert!(!text.contains(['*', '[', ']', '<', '>', '`', '#', '~', '|']), "{text}");
            assert!(!text.contains("@all") && !text.contains("://") && text.len() <= TEXT_BYTES_MAX);
        }
    }

    #[test]
    fn answers_are_judged_by_their_number() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(200, r#"{"errcode":0,"errmsg":"ok"}"#), Outcome::Accepted(String::new()));
        let failed = Outcome::Failed("DingTalk answered 310000: sign not match".to_owned());
        assert_eq!(judged(200, r#"{"errcode":310000,"errmsg":"sign not match"}"#), failed);
        for (status, body) in
            [(200, r#"{"errcode":130101,"errmsg":"send too fast"}"#), (200, r#"{"errcode":-1}"#), (200, ""), (503, "")]
        {
            assert!(matches!(judged(status, body), Outcome::Retry(_)), "{body}");
        }
    }
}
