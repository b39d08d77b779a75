//! What happened, to be kept and talked about: one incident as Markdown.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::access::Viewer;
use super::frame::Fault;
use super::incident::{no_incident, parse_number};
use super::words::length;
use crate::domain::incident::Incident;
use crate::http::Shared;
use crate::store;
use crate::store::board::Evidence;
use crate::store::incident::TimelineEntry;

/// Mails named, the newest.
const MAILS_MAX: i64 = 500;

/// `GET /incidents/{number}/report`: a file of Markdown.
pub(super) async fn download(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Fault> {
    let number = parse_number(&number)?;
    let text = report_of(&app, number, &viewer.zone).await?.ok_or_else(|| no_incident(number))?;
    let headers = [
        (header::CONTENT_TYPE, "text/markdown; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"incident-{number}.md\"")),
    ];
    Ok((headers, text).into_response())
}

/// What happened to an incident, told in the times of a zone. `None` when there is no such incident.
pub(in crate::http) async fn report_of(
    app: &Shared,
    number: i64,
    zone: &TimeZone,
) -> Result<Option<String>, store::Error> {
    let store = app.engine.store();
    let Some(incident) = store.incident(number).await? else { return Ok(None) };
    let (timeline, evidence) = (store.timeline(number).await?, store.evidence(number, MAILS_MAX).await?);
    Ok(Some(written(&incident, &timeline, &evidence, zone)))
}

fn written(incident: &Incident, timeline: &[TimelineEntry], evidence: &[Evidence], zone: &TimeZone) -> String {
    let at = |at: Timestamp| zone.to_datetime(at).strftime("%Y-%m-%d %H:%M:%S").to_string();
    // The first time counts: a later one says that it was taken over, or had opened again.
    let first = |kind: &str| timeline.iter().find(|entry| entry.kind == kind).map(|entry| entry.at);
    let after = |then: Option<Timestamp>| {
        then.map_or_else(|| "never".to_owned(), |then| length(incident.opened_at.duration_until(then)))
    };
    let calls = timeline.iter().filter(|entry| entry.kind == "paged").count();
    let mut text = String::new();
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing into memory cannot fail.
        let _ = writeln!(text, "{words}");
    };
    line(format_args!("# Incident {}: {}\n", incident.number, plain(&incident.summary)));
    line(format_args!("| | |\n|---|---|"));
    for (name, value) in [
        ("Service", plain(&incident.service)),
        ("Severity", incident.severity.to_string()),
        ("Status", incident.status.to_string()),
        ("Key", plain(&incident.dedup_key)),
        ("Opened", at(incident.opened_at)),
        ("Acknowledged after", after(first("acknowledged"))),
        ("Resolved after", after(incident.resolved_at)),
        ("Alerts", incident.alert_count.to_string()),
        ("Pages", calls.to_string()),
        ("Times are those of", zone.iana_name().unwrap_or("UTC").to_owned()),
    ] {
        line(format_args!("| {name} | {value} |"));
    }
    line(format_args!("\n## Timeline\n"));
    for TimelineEntry { at: then, kind, actor, detail, .. } in timeline {
        let kind = kind.replace('_', " ");
        line(format_args!("- {} **{kind}** {} ({})", at(*then), plain(detail), plain(actor)));
    }
    line(format_args!("\n## Mails\n"));
    for one in evidence.iter().rev() {
        let (subject, rule) = (plain(&one.subject), plain(&one.alert.alert.rule));
        let from = plain(&one.header_from);
        line(format_args!("- {} {subject} (from {from}; {} by {rule})", at(one.received_at), one.alert.alert.action));
    }
    text
}

/// A text of a mail as one line that is no markup: every character that Markdown or HTML may take for some is escaped
/// (CommonMark, section 2.4).
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            c if c.is_control() => plain.push(' '),
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            c if "\\`*_{}[]()#+!|>~@".contains(c) => plain.extend(['\\', c]),
            // A bare address would become a link.
            ':' => plain.push_str("&#58;"),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mail_says_is_no_markup() {
        for (text, expected) in [
            ("disk full", "disk full"),
            ("# a\n- b", "\\# a - b"),
            ("[x](http://y)", "\\[x\\]\\(http&#58;//y\\)"),
            ("<img src=x>|", "&lt;img src=x\\>\\|"),
            ("**x** `y` @all", "\\*\\*x\\*\\* \\`y\\` \\@all"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }
}
