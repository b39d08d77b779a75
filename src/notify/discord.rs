//! Discord, by a webhook of a channel: messages that can be changed, without buttons, which take an app.
//!
//! Sources: Discord developer docs, "Webhook resource" (Execute Webhook, Edit Webhook Message), "Message resource"
//! (Allowed Mentions, Embed Limits), "Rate Limits". Nothing is ever mentioned: `allowed_mentions` is empty.

use serde_json::{Value, json};

use crate::notify::exchange::{Method, Outcome, Request, Response};
use crate::notify::message::{Kind, Message, Severity};
use crate::notify::text::{self, Told};

/// Longest text above the card, in characters; Discord takes 2000.
pub const CONTENT_CHARS_MAX: usize = 1500;
/// Longest text of the card, in characters; Discord takes 4096, and 6000 in all cards together.
pub const DESCRIPTION_CHARS_MAX: usize = 3900;

/// What a backslash takes its meaning from.
const MARKS: &str = "\\`*_{}[]()<>#+-!~|@:";

/// How messages look.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Under whose name, where not the webhook's own.
    pub username: Option<String>,
}

/// Posts a message; `address` is the webhook's URL, with `?thread_id=…` for a thread.
///
/// # Errors
/// When the address is no URL.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let mut body = body(message);
    if let Some(username) = &config.username {
        body["username"] = username.as_str().into();
    }
    let mut request = Request::json(address, &body)?;
    // Without it Discord answers before it knows whether it can post, and names no message.
    request.url.query_pairs_mut().append_pair("wait", "true");
    Ok(request)
}

/// Changes a message that was posted under this reference.
///
/// # Errors
/// When the address is no URL or the reference none of ours.
pub fn update(_config: &Config, address: &str, reference: &str, message: &Message<'_>) -> Result<Request, String> {
    if reference.is_empty() || !reference.chars().all(|c| c.is_ascii_digit()) {
        return Err("this is no reference to a Discord message".to_owned());
    }
    let mut request = Request::json(address, &body(message))?;
    request.method = Method::Patch;
    let mut path = request.url.path_segments_mut().map_err(|()| "the address is no URL with a path")?;
    path.pop_if_empty().push("messages").push(reference);
    drop(path);
    Ok(request)
}

/// What an answer means; the reference is the message's id.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let id = body["id"].as_str().unwrap_or_default().to_owned();
    response.judge_status_with(id, body["message"].as_str().unwrap_or_default())
}

fn body(message: &Message<'_>) -> Value {
    let told = Told::of(message);
    let color = match (message.kind, message.severity()) {
        (Kind::Paged, Severity::Critical | Severity::Error) => 0x00d0_0000,
        (Kind::Paged, Severity::Warning) => 0x00e8_a000,
        (Kind::Resolved { .. }, _) => 0x0000_a000,
        _ => 0x0060_80a0,
    };
    let page = told.page.iter().map(|page| ("Open", page.as_str()));
    let links = page.chain(told.links.iter().map(|(name, url)| (name.as_str(), url.as_str())));
    // In angle brackets, so that Discord shows no preview of what stands there.
    let links: Vec<String> = links.map(|(name, url)| format!("[{}](<{url}>)", escape(name))).collect();
    let last = [links.join(" · ")];
    let lines = text::bullets(&told.lines(escape));
    let description = match lines.split_first() {
        Some((first, rest)) => text::fit(first, rest, &last, DESCRIPTION_CHARS_MAX, text::chars),
        None => last.concat(),
    };
    let mut body = json!({
        "content": text::cut(&escape(&told.headline), CONTENT_CHARS_MAX),
        "allowed_mentions": {"parse": []},
        "embeds": [],
    });
    if !description.is_empty() {
        body["embeds"] = json!([{"description": description, "color": color}]);
    }
    body
}

fn escape(text: &str) -> String {
    text::backslash(text, MARKS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    const ADDRESS: &str = "https://discord.com/api/webhooks/1/T?thread_id=5";

    #[test]
    fn a_page_and_its_change() {
        let config = Config { username: Some("nightcall".to_owned()) };
        let made = sample::page("disk full", |message| request(&config, ADDRESS, message).unwrap());
        assert_eq!(made.url.as_str(), "https://discord.com/api/webhooks/1/T?thread_id=5&wait=true");
        let body = sample::json(&made.body);
        assert_eq!((&body["content"], &body["username"]), (&json!("CRITICAL db\\: disk full"), &json!("nightcall")));
        assert_eq!(body["allowed_mentions"], json!({"parse": []}));
        let text = body["embeds"][0]["description"].as_str().unwrap();
        let links = "\n[Open](<https://nightcall.example/incidents/12>) · [Runbook](<https://wiki.example/db>)";
        assert!(text.starts_with("• Incident: \\#12\n• Opened: 2026\\-11\\-21 09\\:00 JST\n"), "{text}");
        assert!(text.ends_with(links), "{text}");
        let kind = Kind::Resolved { by: "mail" };
        let changed = |reference| sample::single("x", kind, |message| update(&config, ADDRESS, reference, message));
        let made = changed("77").unwrap();
        let expected = "https://discord.com/api/webhooks/1/T/messages/77?thread_id=5";
        assert_eq!((made.method, made.url.as_str()), (Method::Patch, expected));
        assert!(changed("../1").is_err() && changed("").is_err());
    }

    #[test]
    fn mail_content_is_text_only() {
        let made = |message: &Message<'_>| request(&Config::default(), ADDRESS, message).unwrap();
        sample::assert_harmless(made, &["url"]);
        for text in sample::hostile_texts() {
            let body = sample::json(&sample::hostile_page(&text, made).body);
            assert_eq!(body["allowed_mentions"], json!({"parse": []}));
            let content = body["content"].as_str().unwrap();
            assert!(text::chars(content) <= CONTENT_CHARS_MAX);
            let description = body["embeds"][0]["description"].as_str().unwrap();
            assert!(text::chars(description) <= DESCRIPTION_CHARS_MAX);
            for text in [content, description.rsplit_once('\n').unwrap().0] {
                let mut plain = text.to_owned();
                MARKS.chars().for_each(|mark| plain = plain.replace(&format!("\\{mark}"), ""));
                assert!(!plain.contains(['*', '_', '[', '<', '`', '~', '#', '@']) && !plain.contains("://"), "{plain}");
            }
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(200, r#"{"id":"77","type":0}"#), Outcome::Accepted("77".to_owned()));
        assert!(matches!(
            judged(429, r#"{"message":"You are being rate limited.","retry_after":1.2}"#),
            Outcome::Retry(_)
        ));
        let gone = Outcome::Failed("the provider answered 404: Unknown Webhook".to_owned());
        assert_eq!(judged(404, r#"{"message":"Unknown Webhook","code":10015}"#), gone);
    }
}
