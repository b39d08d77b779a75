//! Apprise API: one server that knows a hundred services. Nothing comes back.
//!
//! Source: caronc/apprise-api: README, "API Details" (`POST /notify/{KEY}`), and the responses of its views: 204 no
//! configuration under this key, 424 at least one service failed. What the services make of a text is not known
//! here, so every mark becomes its full-width twin.

use serde_json::json;

use crate::notify::exchange::{Outcome, Request, Response, Secret};
use crate::notify::message::{Kind, Message};
use crate::notify::text::{self, Told};

/// Longest text, in characters; Apprise cuts or splits for each service.
pub const BODY_CHARS_MAX: usize = 2000;
/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest key, in characters.
pub const KEY_CHARS_MAX: usize = 64;

/// A server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Without a slash at the end.
    pub base_url: String,
    /// The whole `Authorization` header, where something before the server wants one.
    pub authorization: Option<Secret>,
}

/// Notifies the services under the key `address`; `KEY/TAG` for those with this tag only.
///
/// # Errors
/// When the key is none.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let (key, tag) = address.split_once('/').map_or((address, None), |(key, tag)| (key, Some(tag)));
    let named = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if key.is_empty() || key.len() > KEY_CHARS_MAX || !key.chars().all(named) {
        return Err("a key of Apprise has 1 to 64 letters, digits, hyphens and underscores".to_owned());
    }
    let told = Told::of(message);
    let links = told.links.iter().map(|(name, url)| format!("{}: {url}", text::full_width(name)));
    let lines: Vec<String> = told.lines(text::full_width).into_iter().chain(links).collect();
    let open: Vec<String> = told.page.iter().map(|page| format!("Open: {page}")).collect();
    let headline = text::full_width(&told.headline);
    let kind = match message.kind {
        Kind::Paged => "failure",
        Kind::Resolved { .. } => "success",
        Kind::Acknowledged { .. } | Kind::Test | Kind::OnCall { .. } => "info",
    };
    let mut body = json!({
        "title": text::cut(&headline, TITLE_CHARS_MAX), "type": kind, "format": "text",
        "body": text::fit(&headline, &text::bullets(&lines), &open, BODY_CHARS_MAX, text::chars),
    });
    if let Some(tag) = tag {
        body["tag"] = tag.into();
    }
    let request =
        Request::json(&format!("{}/notify/{key}", config.base_url), &body)?.header("accept", "application/json")?;
    match &config.authorization {
        Some(authorization) => request.header("authorization", authorization.expose()),
        None => Ok(request),
    }
}

/// What an answer means. Where one service of several failed, all are told again: twice is better than never.
pub fn judge(response: &Response) -> Outcome {
    match response.status {
        204 => Outcome::Failed("Apprise has no configuration under this key".to_owned()),
        424 => Outcome::Retry("Apprise could not reach all services".to_owned()),
        _ => response.judge_status_with(String::new(), response.json()["error"].as_str().unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    fn config() -> Config {
        Config { base_url: "http://apprise.example:8000".to_owned(), authorization: None }
    }

    #[test]
    fn a_page() {
        let made = sample::page("disk full", |message| request(&config(), "ops/night", message).unwrap());
        assert_eq!(made.url.as_str(), "http://apprise.example:8000/notify/ops");
        let body = sample::json(&made.body);
        assert_eq!(
            (&body["tag"], &body["type"], &body["format"]),
            (&json!("night"), &json!("failure"), &json!("text"))
        );
        let text = body["body"].as_str().unwrap();
        assert!(text.starts_with("CRITICAL db: disk full\n• Incident: ＃12\n"), "{text}");
        assert!(text.ends_with("\nOpen: https://nightcall.example/incidents/12"), "{text}");
        assert!(sample::page("x", |message| request(&config(), "a.b", message)).is_err());
    }

    #[test]
    fn mail_content_is_text_only() {
        let made = |message: &Message<'_>| request(&config(), "ops", message).unwrap();
        sample::assert_harmless(made, &[]);
        for text in sample::hostile_texts() {
            let body = sample::json(&sample::hostile_page(&text, made).body);
            let text = body["body"].as_str().unwrap();
            assert!(text::chars(text) <= BODY_CHARS_MAX);
            assert!(!text.contains(['*', '[', '<', '>', '`']) && !text.contains("@everyone"), "{text}");
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(200, "{}"), Outcome::Accepted(String::new()));
        assert!(matches!(judged(204, ""), Outcome::Failed(_)));
        assert!(matches!(judged(424, ""), Outcome::Retry(_)));
        assert!(matches!(judged(400, ""), Outcome::Failed(_)));
    }
}
