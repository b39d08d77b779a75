//! WeCom (WeChat Work), by a robot of a group. It cannot hear; the text ends with our page's address.
//!
//! Source: WeCom developer docs, "Group robot configuration". Sent as `text`: its Markdown knows mentions
//! (`<@user>`) and has no escapes; in text only `mentioned_list` mentions, which we never fill. Errors come with
//! status 200.

use serde_json::json;

use crate::notify::exchange::{CodeInBody, Outcome, Request, Response};
use crate::notify::message::Message;
use crate::notify::text::{self, Told};

/// Messages a minute and robot.
pub const PER_MINUTE_MAX: u32 = 20;
/// Longest text, in bytes.
pub const TEXT_BYTES_MAX: usize = 2048;

const ANSWERS: CodeInBody = CodeInBody {
    provider: "WeCom",
    code: &["errcode"],
    words: &["errmsg"],
    // Busy; too often.
    passing: &[-1, 45_009, 45_033],
};

/// Nothing to set: the address holds its key.
#[derive(Debug, Clone, Copy, Default)]
pub struct Config;

/// Posts a text; `address` is the robot's webhook.
///
/// # Errors
/// When the address is no URL.
pub fn request(_config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let told = Told::of(message);
    let links = told.links.iter().map(|(name, url)| format!("{}: {url}", text::inert(name)));
    let lines: Vec<String> = told.lines(text::inert).into_iter().chain(links).collect();
    let open: Vec<String> = told.page.iter().map(|page| format!("Open: {page}")).collect();
    let content = text::fit(&text::inert(&told.headline), &lines, &open, TEXT_BYTES_MAX, text::bytes);
    Request::json(address, &json!({"msgtype": "text", "text": {"content": content}}))
}

/// What an answer means, by the number in its body.
pub fn judge(response: &Response) -> Outcome {
    ANSWERS.judge(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    const ADDRESS: &str = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=K";

    #[test]
    fn a_page_is_a_text() {
        let body = sample::json(&sample::page("disk full", |message| request(&Config, ADDRESS, message).unwrap()).body);
        let text = "CRITICAL db: disk full\nIncident: #12\nOpened: 2026-11-21 09:00 JST\nAlerts: 3\nHost: db1\n\
            Also #13 warning web: slow\nRunbook: https://wiki.example/db\nOpen: https://nightcall.example/incidents/12";
        assert_eq!(body, json!({"msgtype": "text", "text": {"content": text}}));
    }

    #[test]
    fn mail_content_is_text_only() {
        let made = |message: &Message<'_>| request(&Config, ADDRESS, message).unwrap();
        sample::assert_harmless(made, &[]);
        for text in sample::hostile_texts() {
            let body = sample::json(&sample::hostile_page(&text, made).body);
            let text = body["text"]["content"].as_str().unwrap();
            assert!(text.len() <= TEXT_BYTES_MAX && !text.contains("@all"), "{text}");
            assert!(text.ends_with("\nOpen: https://nightcall.example/incidents/12"), "{text}");
            assert_eq!(body["text"].as_object().unwrap().len(), 1);
        }
    }

    #[test]
    fn answers_are_judged_by_their_number() {
        let judged = |body| judge(&sample::response(200, body));
        assert_eq!(judged(r#"{"errcode":0,"errmsg":"ok"}"#), Outcome::Accepted(String::new()));
        assert!(matches!(judged(r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#), Outcome::Retry(_)));
        let failed = Outcome::Failed("WeCom answered 93000: invalid webhook url".to_owned());
        assert_eq!(judged(r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#), failed);
    }
}
