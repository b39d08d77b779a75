//! Microsoft Teams, by a webhook of Workflows ("Post to a channel when a webhook request is received").
//!
//! Sources: Microsoft Learn, "Create incoming webhooks with Workflows", "Format cards in Teams", "Webhook limits";
//! Adaptive Cards schema, "RichTextBlock", "TextRun". `TextBlock` and `FactSet` read Markdown, `TextRun` reads
//! nothing, so mail content stands in text runs only. Mentions take a member `msteams.entities`, which we never send.

use serde_json::{Value, json};

use crate::notify::exchange::{Outcome, Request, Response};
use crate::notify::message::{Kind, Message, Severity};
use crate::notify::text::{self, Told};

/// Longest body, in bytes; Teams takes 28 KB.
pub const BODY_BYTES_MAX: usize = 24 * 1024;
/// Most buttons shown on a card.
pub const ACTIONS_MAX: usize = 6;

/// Nothing to set: the address holds its own signature.
#[derive(Debug, Clone, Copy, Default)]
pub struct Config;

/// Posts a card; `address` is the URL of the workflow.
///
/// # Errors
/// When the address is no URL.
pub fn request(_config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let told = Told::of(message);
    let mut lines = told.lines(text::inert);
    loop {
        let request = Request::json(address, &card(message, &told, &lines))?;
        if request.body.len() <= BODY_BYTES_MAX || lines.pop().is_none() {
            return Ok(request);
        }
    }
}

/// What an answer means. The older connectors report errors of Teams itself with status 200.
pub fn judge(response: &Response) -> Outcome {
    let words = response.words();
    match words.split_once("HTTP error ").map(|(_, status)| status) {
        Some(status) if response.is_success() => {
            let digits: String = status.chars().take_while(char::is_ascii_digit).collect();
            let inner = Response { status: digits.parse().unwrap_or(500), ..Response::default() };
            inner.judge_status(String::new())
        }
        _ => response.judge_status_with(String::new(), if response.is_success() { "" } else { &words }),
    }
}

fn card(message: &Message<'_>, told: &Told, lines: &[String]) -> Value {
    let color = match (message.kind, message.severity()) {
        (Kind::Paged, Severity::Critical | Severity::Error) => "Attention",
        (Kind::Paged, Severity::Warning) => "Warning",
        (Kind::Resolved { .. }, _) => "Good",
        _ => "Default",
    };
    let headline = json!({
        "type": "TextRun", "text": text::inert(&told.headline), "weight": "Bolder", "size": "Large", "color": color,
    });
    let block = |run: Value| json!({"type": "RichTextBlock", "inlines": [run]});
    let lines = lines.iter().map(|line| block(json!({"type": "TextRun", "text": line})));
    let body: Vec<Value> = std::iter::once(block(headline)).chain(lines).collect();
    let page = told.page.iter().map(|page| ("Open", page.as_str()));
    let links = page.chain(told.links.iter().map(|(name, url)| (name.as_str(), url.as_str()))).take(ACTIONS_MAX);
    let open = |(name, url): (&str, &str)| json!({"type": "Action.OpenUrl", "title": text::inert(name), "url": url});
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard", "version": "1.4",
                "fallbackText": text::inert(&told.headline), "msteams": {"width": "Full"},
                "body": body, "actions": links.map(open).collect::<Vec<Value>>(),
            },
        }],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    const ADDRESS: &str = "https://prod-1.westus.logic.azure.com/workflows/1/triggers/manual/paths/invoke?sig=S";

    #[test]
    fn a_page_is_a_card() {
        let body = sample::json(&sample::page("disk full", |message| request(&Config, ADDRESS, message).unwrap()).body);
        let card = &body["attachments"][0]["content"];
        let headline = json!({
            "type": "TextRun", "text": "CRITICAL db: disk full",
            "weight": "Bolder", "size": "Large", "color": "Attention",
        });
        assert_eq!(card["body"][0], json!({"type": "RichTextBlock", "inlines": [headline]}));
        assert_eq!(card["body"][4]["inlines"][0]["text"], "Host: db1");
        let page = json!({"type": "Action.OpenUrl", "title": "Open", "url": "https://nightcall.example/incidents/12"});
        assert_eq!(card["actions"][0], page);
    }

    #[test]
    fn mail_content_is_in_text_runs_only() {
        let made = |message: &Message<'_>| request(&Config, ADDRESS, message).unwrap();
        sample::assert_harmless(made, &["url"]);
        for text in sample::hostile_texts() {
            let made = sample::hostile_page(&text, made);
            assert!(made.body.len() <= BODY_BYTES_MAX);
            let body = sample::json(&made.body);
            let card = &body["attachments"][0]["content"];
            assert_eq!(card["msteams"], json!({"width": "Full"}));
            for block in card["body"].as_array().unwrap() {
                assert_eq!(
                    (&block["type"], &block["inlines"][0]["type"]),
                    (&json!("RichTextBlock"), &json!("TextRun"))
                );
            }
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(202, ""), Outcome::Accepted(String::new()));
        assert_eq!(judged(200, "1"), Outcome::Accepted(String::new()));
        let busy =
            "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 with x";
        assert!(matches!(judged(200, busy), Outcome::Retry(_)));
        let large = busy.replace("429", "413");
        assert!(matches!(judge(&sample::response(200, &large)), Outcome::Failed(_)));
        assert!(matches!(judged(502, ""), Outcome::Retry(_)));
        assert!(matches!(judged(404, "gone"), Outcome::Failed(_)));
    }
}
