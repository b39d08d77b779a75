//! Gotify: push to phones by a server of one's own. Messages cannot be changed and nothing comes back.
//!
//! Sources: Gotify docs, "Push messages", "Message extras"; REST API `POST /message`.

use serde_json::json;

use crate::notify::exchange::{Outcome, Request, Response};
use crate::notify::message::{Kind, Message, Severity};
use crate::notify::text::{self, Told};

/// Longest message, in characters; Gotify sets no limit, a phone's screen does.
pub const MESSAGE_CHARS_MAX: usize = 3000;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;

/// A server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Without a slash at the end.
    pub base_url: String,
}

/// Sends a message; `address` is the token of an application of the person.
///
/// # Errors
/// When the token is none.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    if address.is_empty() {
        return Err("the token of a Gotify application is missing".to_owned());
    }
    let told = Told::of(message);
    let links = told.links.iter().map(|(name, url)| format!("{}: {url}", text::inert(name)));
    let lines: Vec<String> = told.lines(text::inert).into_iter().chain(links).collect();
    let open: Vec<String> = told.page.iter().map(|page| format!("Open: {page}")).collect();
    let headline = text::inert(&told.headline);
    let mut body = json!({
        "title": text::cut(&headline, TITLE_CHARS_MAX),
        "message": text::fit(&headline, &lines, &open, MESSAGE_CHARS_MAX, text::chars),
        "priority": priority(message),
        "extras": {"client::display": {"contentType": "text/plain"}},
    });
    if let Some(page) = &told.page {
        body["extras"]["client::notification"] = json!({"click": {"url": page}});
    }
    Request::json(&format!("{}/message", config.base_url), &body)?.header("x-gotify-key", address)
}

/// What an answer means; the reference is the message's id.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let id = body["id"].as_i64().map(|id| id.to_string()).unwrap_or_default();
    response.judge_status_with(id, body["errorDescription"].as_str().unwrap_or_default())
}

/// From 8 the phone rings and lights up, from 4 it rings.
fn priority(message: &Message<'_>) -> u8 {
    match (message.kind, message.severity()) {
        (Kind::Paged, Severity::Critical) => 10,
        (Kind::Paged, Severity::Error) => 8,
        (Kind::Paged, Severity::Warning) | (Kind::Test, _) => 5,
        (Kind::Paged, Severity::Info) | (Kind::OnCall { .. }, _) => 4,
        (Kind::Acknowledged { .. } | Kind::Resolved { .. }, _) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    fn made(message: &Message<'_>) -> Request {
        request(&Config { base_url: "https://gotify.example".to_owned() }, "A1", message).unwrap()
    }

    #[test]
    fn a_page() {
        let made = sample::page("disk full", made);
        assert_eq!(made.url.as_str(), "https://gotify.example/message");
        assert!(made.headers.contains(&("x-gotify-key".to_owned(), "A1".to_owned())));
        let body = sample::json(&made.body);
        assert_eq!((&body["title"], &body["priority"]), (&json!("CRITICAL db: disk full"), &json!(10)));
        let extras = json!({
            "client::display": {"contentType": "text/plain"},
            "client::notification": {"click": {"url": "https://nightcall.example/incidents/12"}},
        });
        assert_eq!(body["extras"], extras);
    }

    #[test]
    fn mail_content_is_plain() {
        sample::assert_harmless(made, &["url"]);
        for text in sample::hostile_texts() {
            let body = sample::json(&sample::hostile_page(&text, made).body);
            assert!(text::chars(body["message"].as_str().unwrap()) <= MESSAGE_CHARS_MAX);
            assert_eq!(body["extras"]["client::display"]["contentType"], "text/plain");
        }
        let config = Config { base_url: "https://gotify.example".to_owned() };
        assert!(sample::page("x", |message| request(&config, "a\r\nb: c", message)).is_err());
        assert!(sample::page("x", |message| request(&config, "", message)).is_err());
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(200, r#"{"id":25,"appid":5}"#), Outcome::Accepted("25".to_owned()));
        let failed = "the provider answered 401: you need to provide a valid access token";
        let body = r#"{"error":"Unauthorized","errorDescription":"you need to provide a valid access token"}"#;
        assert_eq!(judged(401, body), Outcome::Failed(failed.to_owned()));
    }
}
