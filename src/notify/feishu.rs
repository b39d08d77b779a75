//! Feishu and Lark, by a custom bot of a group. It cannot hear: its buttons open our page.
//!
//! Source: Feishu Open Platform docs, "Custom bot usage guide" (the same for Lark). Mail content stands in
//! `plain_text` only, which knows no mentions. Errors come with status 200.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::notify::exchange::{CodeInBody, Outcome, Request, Response, Secret};
use crate::notify::message::{Kind, Message, Severity};
use crate::notify::signature::hmac_sha256;
use crate::notify::text::{self, Told};

/// Messages a minute and bot (and 5 a second).
pub const PER_MINUTE_MAX: u32 = 100;
/// Longest text, in bytes; the whole body may have 20 KB.
pub const TEXT_BYTES_MAX: usize = 5000;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 150;

const ANSWERS: CodeInBody = CodeInBody {
    provider: "Feishu",
    code: &["code", "StatusCode"],
    words: &["msg", "StatusMessage"],
    // Too fast, two kinds; internal errors.
    passing: &[9499, 11232, 11233, 99_991_400],
};

/// A bot's security settings; with none, it answers to a list of addresses only.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// In sign mode.
    pub secret: Option<Secret>,
    /// What every message must contain, in keyword mode.
    pub keyword: Option<String>,
}

/// Posts a card; `address` is the bot's webhook.
///
/// # Errors
/// When the address is no URL.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let mut body = json!({"msg_type": "interactive", "card": card(config, message)});
    if let Some(secret) = &config.secret {
        let timestamp = message.now.as_second().to_string();
        body["sign"] = sign(secret, &timestamp).into();
        body["timestamp"] = timestamp.into();
    }
    Request::json(address, &body)
}

/// What an answer means, by the number in its body.
pub fn judge(response: &Response) -> Outcome {
    ANSWERS.judge(response)
}

/// The base64 HMAC-SHA256 of nothing, with timestamp (seconds), line feed and secret as the key. (DingTalk differs
/// in all three.)
fn sign(secret: &Secret, timestamp: &str) -> String {
    STANDARD.encode(hmac_sha256(format!("{timestamp}\n{}", secret.expose()).as_bytes(), &[]))
}

fn card(config: &Config, message: &Message<'_>) -> Value {
    let told = Told::of(message);
    let color = match (message.kind, message.severity()) {
        (Kind::Paged, Severity::Critical | Severity::Error) => "red",
        (Kind::Paged, Severity::Warning) => "orange",
        (Kind::Resolved { .. }, _) => "green",
        _ => "blue",
    };
    let plain = |text: String| json!({"tag": "plain_text", "content": text});
    let title = text::cut(&text::inert(&told.headline), TITLE_CHARS_MAX);
    let lines = told.lines(text::inert);
    let text = text::fit(&text::inert(&told.headline), &lines, &[], TEXT_BYTES_MAX, text::bytes);
    let text = text::with_keyword(text, config.keyword.as_deref());
    let mut elements = vec![json!({"tag": "div", "text": plain(text)})];
    let page = told.page.iter().map(|page| ("Open", page.as_str(), "primary"));
    let links = page.chain(told.links.iter().map(|(name, url)| (name.as_str(), url.as_str(), "default")));
    let buttons: Vec<Value> = links
        .map(|(name, url, style)| json!({"tag": "button", "text": plain(text::inert(name)), "url": url, "type": style}))
        .collect();
    if !buttons.is_empty() {
        elements.push(json!({"tag": "action", "actions": buttons}));
    }
    json!({
        "config": {"wide_screen_mode": true},
        "header": {"title": plain(title), "template": color},
        "elements": elements,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    const ADDRESS: &str = "https://open.feishu.cn/open-apis/bot/v2/hook/T";

    #[test]
    fn requests_are_signed_in_seconds() {
        let config = Config { secret: Some(Secret::new("S1")), keyword: None };
        let body = sample::json(&sample::page("x", |message| request(&config, ADDRESS, message).unwrap()).body);
        assert_eq!(body["timestamp"], "1795219500");
        // Computed with Python's hmac and base64.
        assert_eq!(body["sign"], "aUgZRpEx4ofGYQGGM2pDGu63NQSe/FjegDjzrXAdtVM=");
    }

    #[test]
    fn a_page_is_a_card_with_links() {
        let config = Config { secret: None, keyword: Some("警报".to_owned()) };
        let body = sample::json(&sample::page("disk full", |message| request(&config, ADDRESS, message).unwrap()).body);
        let card = &body["card"];
        assert_eq!(card["header"]["title"], json!({"tag": "plain_text", "content": "CRITICAL db: disk full"}));
        assert_eq!(card["header"]["template"], "red");
        let text = card["elements"][0]["text"]["content"].as_str().unwrap();
        assert!(text.starts_with("CRITICAL db: disk full\nIncident: #12\n") && text.ends_with("\n警报"), "{text}");
        assert_eq!(card["elements"][1]["actions"][1]["url"], "https://wiki.example/db");
    }

    #[test]
    fn mail_content_is_plain_text_only() {
        let made = |message: &Message<'_>| request(&Config::default(), ADDRESS, message).unwrap();
        sample::assert_harmless(made, &["url"]);
        for text in sample::hostile_texts() {
            let made = sample::hostile_page(&text, made);
            assert!(made.body.len() <= 20_000, "{}", made.body.len());
            for (name, text) in sample::strings(&sample::json(&made.body)) {
                assert!(name != "tag" || ["plain_text", "div", "action", "button"].contains(&text.as_str()), "{text}");
            }
        }
    }

    #[test]
    fn answers_are_judged_by_their_number() {
        let judged = |status, body| judge(&sample::response(status, body));
        for taken in [r#"{"code":0,"msg":"success","data":{}}"#, r#"{"StatusCode":0,"StatusMessage":"success"}"#] {
            assert_eq!(judged(200, taken), Outcome::Accepted(String::new()));
        }
        let failed = Outcome::Failed("Feishu answered 19021: sign match fail".to_owned());
        assert_eq!(judged(200, r#"{"code":19021,"msg":"sign match fail"}"#), failed);
        for (status, body) in [(200, r#"{"code":11232,"msg":"frequency limited"}"#), (200, "x"), (500, "")] {
            assert!(matches!(judged(status, body), Outcome::Retry(_)), "{body}");
        }
    }
}
