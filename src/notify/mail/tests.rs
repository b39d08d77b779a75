//! Whole mails, as another program reads them.

use std::collections::BTreeMap;

use mail_parser::{HeaderValue as Parsed, MessageParser};
use proptest::prelude::*;

use super::*;
use crate::notify::message::Subject;
use crate::notify::tests::pages::{HOSTILE, kinds, paged, subject};

pub(crate) fn config() -> Config {
    Config {
        from: "nightcall <nightcall@example.com>".parse().unwrap(),
        domain: "in.example.com".to_owned(),
        secret: Secret::new("0123456789abcdef0123456789abcdef"),
    }
}

fn built(message: &Message<'_>) -> String {
    String::from_utf8(build(&config(), "ann@example.com", message).unwrap().formatted()).unwrap()
}

fn header_text(mail: &mail_parser::Message<'_>, name: &'static str) -> String {
    match mail.header(name) {
        Some(Parsed::Text(text)) => text.to_string(),
        Some(Parsed::TextList(list)) => list.join(" "),
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn headers() {
    let raw = built(&paged(vec![subject("Disk full: データ")]));
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert_eq!(mail.subject(), Some("[#123 critical] db: Disk full: データ"));
    let id = "0123456789abcdef0123456789abcdef";
    assert_eq!(mail.message_id(), Some(format!("{id}@in.example.com").as_str()));
    let reply = mail.reply_to().and_then(|list| list.first()).and_then(|a| a.address.clone()).unwrap();
    assert_eq!(address::verify(&config().secret, "in.example.com", &reply).as_deref(), Some(id));
    let thread = header_text(&mail, "In-Reply-To");
    assert!(thread.starts_with("incident.123.") && thread.ends_with("@in.example.com"), "{thread}");
    assert_eq!(header_text(&mail, "References"), thread);
    assert_eq!(header_text(&mail, "Auto-Submitted"), "auto-generated");
    assert_eq!(header_text(&mail, "X-Auto-Response-Suppress"), SUPPRESSED);
    assert!(looped::is_ours(&config().secret, [header_text(&mail, "X-Nightcall-Loop").as_str()]));
    assert_eq!(mail.date().unwrap().to_rfc3339(), "2026-11-21T17:05:00Z");
    assert_eq!((mail.text_body.len(), mail.html_body.len(), mail.attachments.len()), (1, 1, 0));
}

#[test]
fn an_incident_is_one_thread_for_each_recipient() {
    let thread_of = |message: &Message<'_>| thread(&config(), message);
    let first = paged(vec![subject("x")]);
    let mut later = paged(vec![subject("changed")]);
    later.id = "2";
    later.kind = Kind::Resolved { by: "bob" };
    assert_eq!(thread_of(&first), thread_of(&later));
    assert_ne!(thread_of(&first), thread_of(&Message { user: "bob", ..first.clone() }));
    let other = Subject { number: 124, ..subject("x") };
    assert_ne!(thread_of(&first), thread_of(&paged(vec![other])));
    assert_eq!(thread_of(&paged(Vec::new())), None);
    assert_eq!(built(&first), built(&first), "a second attempt makes the same mail");
}

#[test]
fn subjects() {
    let one = [subject("x"), Subject { number: 124, ..subject("y") }];
    let expected = [
        "[#123 critical] (and 1 more) db: x",
        "Re: [#123 critical] (and 1 more) db: x",
        "Re: [#123 critical] (and 1 more) db: x",
        "[nightcall] Test, nothing is wrong",
        "[nightcall] You are on call for bob",
        "[nightcall] You are on call for bob",
    ];
    for (message, expected) in kinds(&one, "bob").iter().zip(expected) {
        assert_eq!(subject_of(message), expected);
    }
    assert_eq!(subject_of(&paged(vec![subject(&"x".repeat(999))])).chars().count(), SUBJECT_CHARS_MAX);
}

fn subject_of(message: &Message<'_>) -> String {
    super::subject(message)
}

fn maps() -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let map = |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
    let details = map(&[("host", "db-01 <b>"), ("graph", "https://grafana.example/d/1?a=1&b=2")]);
    let links =
        map(&[("Runbook", "https://wiki.example/db"), ("bad", "javascript:alert(1)"), ("worse", "http://a\"b")]);
    (details, links)
}

#[test]
fn texts() {
    let (details, links) = maps();
    let incident = Subject { details: &details, links: &links, ..subject("Disk full, see https://evil.example/x") };
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(1));
    let message = Message { zone: &zone, ..paged(vec![incident, Subject { number: 124, ..subject("web down") }]) };
    let text = body::text(&message, Some("r"));
    assert_eq!(
        text,
        "CRITICAL db: Disk full, see (link)\n\n\
         2 incidents; this is the worst.\nIncident #123, opened 2026-11-21 18:04 +01, 3 alerts.\n\n\
         graph: https://grafana.example/d/1?a=1&b=2\nhost: db-01 <b>\n\n\
         Runbook: https://wiki.example/db\n\n\
         #124 CRITICAL db: web down\n\n\
         Reply with \"ack\" or \"escalate\" as the first word of your mail, above anything quoted, for all of them.\n\n\
         Look and act: https://nightcall.example/incidents/123\n\n-- \nnightcall\n"
    );
    let html = html::page(&message, Some("reply+1.x@in.example.com"));
    for part in [
        "<a href=\"https://wiki.example/db\" rel=\"noopener noreferrer\">Runbook</a> (wiki.example)",
        "<a href=\"https://grafana.example/d/1?a=1&amp;b=2\"",
        "db-01 &lt;b&gt;",
        "<a href=\"mailto:reply%2B1.x@in.example.com?subject=ack&amp;body=ack\"",
        "href=\"https://nightcall.example/incidents/123\"",
    ] {
        assert!(html.contains(part), "{part} in {html}");
    }
    assert!(!html.contains("subject=resolve"), "a bundle is not resolved by one mail");
    let one = Message { incidents: vec![incident], ..message };
    assert!(html::page(&one, Some("reply+1.x@in.example.com")).contains("?subject=resolve&amp;body=resolve\""));
    assert!(body::text(&one, Some("r")).contains("\"ack\", \"resolve\" or \"escalate\""));
    assert!(!html.contains("javascript:") && !html.contains("a\"b"));
    let test = Message { kind: Kind::Test, code: Some("042617"), ..paged(Vec::new()) };
    assert!(body::text(&test, None).starts_with("This is a test. Nothing is wrong.\n\nYour code is 042617.\n"));
}

/// The tags of a page, with the attributes that can load or run something.
fn tags(html: &str) -> (Vec<String>, Vec<String>) {
    let inside: Vec<&str> = html.split('<').skip(1).filter_map(|tag| tag.split('>').next()).collect();
    let names = inside.iter().filter_map(|tag| tag.split([' ', '/']).next()).filter(|name| !name.is_empty());
    let addresses = inside.iter().filter_map(|tag| tag.split("href=\"").nth(1)?.split('"').next());
    (names.map(str::to_owned).collect(), addresses.map(str::to_owned).collect())
}

fn check_harmless(message: &Message<'_>) {
    const TAGS: [&str; 17] = [
        "!DOCTYPE", "html", "head", "meta", "title", "body", "div", "h1", "p", "table", "tr", "td", "ul", "li", "a",
        "b", "br",
    ];
    let html = html::page(message, Some("reply+1.x@in.example.com"));
    let (names, addresses) = tags(&html);
    assert!(names.iter().all(|name| TAGS.contains(&name.as_str())), "{names:?}");
    let ours =
        |a: &String| a.starts_with("mailto:reply%2B1.x@in.example.com?") || a.starts_with("https://nightcall.example/");
    assert!(addresses.iter().all(ours), "{addresses:?}");
    let raw = built(message);
    let head = raw.split("\r\n\r\n").next().unwrap();
    assert!(head.lines().all(|line| line.len() <= 998), "{head}");
    let mail = MessageParser::default().parse(&raw).unwrap();
    let names: Vec<String> = mail.headers().iter().map(|header| header.name().to_lowercase()).collect();
    assert!(!names.iter().any(|name| ["bcc", "cc", "x-evil"].contains(&name.as_str())), "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "subject").count(), 1);
    assert!(mail.to().is_some_and(|to| to.iter().count() == 1), "{head}");
    assert!(!mail.subject().unwrap_or_default().contains(['\r', '\n', '\0']));
    assert_eq!(mail.parts.len(), 3);
    assert!(raw.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])), "lines of RFC 5322");
}

#[test]
fn hostile_words_stay_text() {
    let long = format!("{}\r\nX-Evil: 1", "x".repeat(10_000));
    for text in HOSTILE.into_iter().chain([long.as_str()]) {
        let map = BTreeMap::from([(text.to_owned(), text.to_owned())]);
        let incident = Subject { service: text, details: &map, links: &map, ..subject(text) };
        for message in kinds(&[incident, incident], text) {
            check_harmless(&message);
        }
    }
}

#[test]
fn templates_say_it_otherwise() {
    let sources = [
        ("mail.subject", "{{ incident.summary }}"),
        ("mail.text", "plain words"),
        ("mail.html", "<p>{{ incident.summary }}</p>"),
    ];
    let sources = sources.map(|(name, source)| (name.to_owned(), source.to_owned()));
    let templates = crate::notify::templates::Templates::of(&sources.into());
    let message = Message { templates: &templates, ..paged(vec![subject("a\r\nBcc: x@y <b>")]) };
    let built = build(&config(), "ann@example.com", &message).unwrap().formatted();
    let mail = MessageParser::default().parse(&built).unwrap();
    assert_eq!((mail.subject(), mail.bcc()), (Some("a Bcc: x@y <b>"), None));
    assert_eq!(mail.body_text(0).as_deref(), Some("plain words"));
    assert_eq!(mail.body_html(0).as_deref(), Some("<p>a Bcc: x@y &lt;b&gt;</p>"));
}

#[test]
fn any_time_and_zone_can_be_told() {
    for now in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH] {
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::Offset::MAX);
        let incident = Subject { opened_at: now, number: i64::MIN, alert_count: i64::MAX, ..subject("x") };
        for message in kinds(&[incident], "bob") {
            let kind = match message.kind {
                Kind::OnCall { schedule, .. } => Kind::OnCall { schedule, until: Some(now) },
                kind => kind,
            };
            let message = Message { now, kind, zone: &zone, ..message };
            built(&message);
            crate::notify::sms::text(&message);
            crate::notify::spoken::script(&message, &[]);
        }
    }
}

#[test]
fn what_cannot_be_sent() {
    let message = paged(vec![subject("x")]);
    for address in ["", "ann", "ann@", "ann@example.com\r\nBcc: x@y", "a b@c"] {
        assert_eq!(build(&config(), address, &message).unwrap_err(), "the address is no mail address");
    }
    assert!(build(&config(), "ann@example.com", &Message { id: "A B", ..message }).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_words_stay_text(text in "\\PC{0,200}|.{0,200}") {
        check_harmless(&paged(vec![Subject { service: &text, ..subject(&text) }]));
    }
}

#[test]
fn what_was_not_understood_is_answered_by_a_machine() {
    let built = hint::build(&config(), "ann@example.com", "abc", "it is in doubt", Timestamp::UNIX_EPOCH).unwrap();
    let raw = built.formatted();
    let mail = MessageParser::default().parse(&raw).unwrap();
    assert!(mail.body_text(0).unwrap().starts_with("Nothing was done: it is in doubt."));
    assert_eq!(mail.header_raw("Auto-Submitted").map(str::trim), Some("auto-replied"));
    let own = mail.header_raw(looped::NAME).unwrap_or_default();
    assert!(looped::is_ours(&config().secret, [own]));
    assert!(hint::build(&config(), "nobody", "abc", "x", Timestamp::UNIX_EPOCH).is_err());
}
