//! What a mail says, as HTML: one column that a phone shows whole, styles within the tags, nothing loaded from
//! anywhere, every text escaped (I35).

use super::body::{how, said};
use crate::domain::alert::Severity;
use crate::notify::line::is_web_address;
use crate::notify::message::{Kind, Message};

/// The page; `reply` is the address that answers go to, where an answer does something.
pub(super) fn page(message: &Message<'_>, reply: Option<&str>) -> String {
    let said = said(message);
    let mut page = String::from(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>nightcall</title></head>\n\
         <body style=\"margin:0;padding:16px;font-family:sans-serif;font-size:16px;line-height:1.4\">\n\
         <div style=\"max-width:600px;margin:0 auto;overflow-wrap:anywhere\">\n",
    );
    let color = color(message);
    let headline = escape(&said.headline);
    page.push_str(&format!(
        "<h1 style=\"font-size:20px;margin:0 0 12px;padding:4px 0 4px 12px;border-left:6px solid {color}\">\
         {headline}</h1>\n"
    ));
    for fact in &said.facts {
        page.push_str(&format!("<p style=\"margin:0 0 8px\">{}</p>\n", escape(fact)));
    }
    if !said.details.is_empty() {
        page.push_str("<table style=\"border-collapse:collapse;margin:8px 0\">\n");
        for (name, value) in &said.details {
            page.push_str(&format!(
                "<tr><td style=\"padding:2px 12px 2px 0;vertical-align:top;opacity:.7\">{}</td>\
                 <td style=\"padding:2px 0\">{}</td></tr>\n",
                escape(name),
                if is_web_address(value) { link(value, value) } else { escape(value) }
            ));
        }
        page.push_str("</table>\n");
    }
    for (title, address) in &said.links {
        let host = address.split('/').nth(2).unwrap_or_default();
        page.push_str(&format!("<p style=\"margin:0 0 8px\">{} ({})</p>\n", link(address, title), escape(host)));
    }
    if !said.others.is_empty() {
        let others: Vec<String> = said.others.iter().map(|other| format!("<li>{}</li>", escape(other))).collect();
        page.push_str(&format!("<ul style=\"padding-left:20px\">{}</ul>\n", others.concat()));
    }
    if let Some(address) = reply {
        page.push_str(&format!("<p style=\"margin:16px 0 8px\">{}</p>\n<p>", escape(how(message))));
        let buttons = [("ack", "Acknowledge by mail"), ("resolve", "Resolve by mail")];
        for (word, label) in buttons.into_iter().take(if message.incidents.len() > 1 { 1 } else { 2 }) {
            let address = address.replace('+', "%2B");
            page.push_str(&button(&format!("mailto:{address}?subject={word}&body={word}"), label));
        }
        page.push_str("</p>\n");
    }
    if let Some(url) = message.url.filter(|url| is_web_address(url)) {
        page.push_str(&format!("<p>{}</p>\n", button(url, "Look and act")));
    }
    page.push_str("<p style=\"font-size:13px;opacity:.7\">nightcall</p>\n</div></body></html>\n");
    page
}

fn color(message: &Message<'_>) -> &'static str {
    match (message.kind, message.incidents.first().map(|worst| worst.severity)) {
        (Kind::Paged, Some(Severity::Critical)) => "#c62828",
        (Kind::Paged, Some(Severity::Error)) => "#ef6c00",
        (Kind::Paged, Some(Severity::Warning)) => "#f9a825",
        (Kind::Acknowledged { .. } | Kind::Resolved { .. }, _) => "#2e7d32",
        _ => "#1565c0",
    }
}

fn link(address: &str, title: &str) -> String {
    format!("<a href=\"{}\" rel=\"noopener noreferrer\">{}</a>", escape(address), escape(title))
}

fn button(address: &str, label: &str) -> String {
    format!(
        "<a href=\"{}\" style=\"display:inline-block;margin:0 8px 8px 0;padding:10px 16px;\
         border:1px solid #888;border-radius:6px;text-decoration:none\">{}</a>",
        escape(address),
        escape(label)
    )
}

/// For text and quoted attributes (HTML standard, section 13.3).
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}
