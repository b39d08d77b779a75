//! Messages for tests, and texts as somebody hostile would write them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use serde_json::Value;

use crate::notify::exchange::Response;
use crate::notify::message::{Kind, Locale, Message, Severity, Subject};

/// What somebody hostile writes into a subject.
pub(crate) const HOSTILE: [&str; 14] = [
    "<!channel> <!here> <@U123> <#C1|x>",
    "@everyone @here @all @channel",
    "*bold* _it_ ~s~ `code` **b** # head > quote",
    "[x](javascript:alert(1)) ![i](https://evil.example/i.png)",
    "https://evil.example/login www.evil.example",
    "a\r\nBcc: victim@example.org\r\n\r\nbody",
    "😀👩\u{200d}🚒🇯🇵 日本語 مرحبا",
    "\u{0}\u{1b}[31m\u{7}\u{202e}gnp.exe\u{2066}\u{feff}",
    "</code></pre><a href=\"https://evil.example\">x</a><script>",
    "\",\"severity\":\"info\",\"x\":\"",
    "{{ secret }} {% for x in y %} ${jndi:ldap://x} %s %n",
    "<at user_id=\"all\">all</at> <at>x</at> <https://evil.example|x>",
    "/stop #hash $CASH ::emoji:: <t:1:R> <:x:1>",
    "",
];

/// 10 kB of hostile text.
pub(crate) fn long() -> String {
    "@all *x* <!here> 日本 ".repeat(400)
}

/// The instant of every message.
pub(crate) fn now() -> Timestamp {
    "2026-11-21T00:05:00Z".parse().unwrap()
}

/// A page with two incidents.
pub(crate) fn page<R>(summary: &str, f: impl FnOnce(&Message<'_>) -> R) -> R {
    message(summary, Kind::Paged, f)
}

/// A page with one incident, all of whose texts are this one.
pub(crate) fn hostile_page<R>(text: &str, f: impl FnOnce(&Message<'_>) -> R) -> R {
    let details = (0..12).map(|n| (format!("{n} {text}"), text.to_owned())).collect();
    let links = [text, "javascript:alert(1)", "https://evil.example/a|b)>\"<!here>"];
    let links = links.into_iter().enumerate().map(|(n, url)| (format!("{n} {text}"), url.to_owned())).collect();
    let zone = TimeZone::fixed(Offset::constant(9));
    let subject = subject(text, &details, &links);
    f(&Message { incidents: vec![Subject { service: text, dedup_key: text, ..subject }], ..about(&zone, Kind::Paged) })
}

/// A message of this kind; about two incidents where the kind has any.
pub(crate) fn message<R>(summary: &str, kind: Kind<'_>, f: impl FnOnce(&Message<'_>) -> R) -> R {
    let details = BTreeMap::from([("Host".to_owned(), "db1".to_owned())]);
    let links = BTreeMap::from([
        ("Evil".to_owned(), "javascript:alert(1)".to_owned()),
        ("Runbook".to_owned(), "https://wiki.example/db".to_owned()),
    ]);
    let zone = TimeZone::get("Asia/Tokyo").unwrap();
    let empty = BTreeMap::new();
    let second = Subject {
        number: 13,
        service: "web",
        dedup_key: "nagios/web",
        severity: Severity::Warning,
        alert_count: 1,
        ..subject("slow", &empty, &empty)
    };
    let incidents = match kind {
        Kind::Test | Kind::OnCall { .. } => Vec::new(),
        _ => vec![subject(summary, &details, &links), second],
    };
    f(&Message { incidents, ..about(&zone, kind) })
}

/// The same about the first incident only.
pub(crate) fn single<R>(summary: &str, kind: Kind<'_>, f: impl FnOnce(&Message<'_>) -> R) -> R {
    message(summary, kind, |message| {
        let mut message = message.clone();
        message.incidents.truncate(1);
        f(&message)
    })
}

fn about<'a>(zone: &'a TimeZone, kind: Kind<'a>) -> Message<'a> {
    Message {
        id: "m1",
        kind,
        user: "ann",
        incidents: Vec::new(),
        url: Some("https://nightcall.example/incidents/12"),
        code: Some("K7"),
        locale: Locale::English,
        zone,
        now: now(),
        templates: crate::notify::templates::Templates::NONE,
    }
}

fn subject<'a>(
    summary: &'a str,
    details: &'a BTreeMap<String, String>,
    links: &'a BTreeMap<String, String>,
) -> Subject<'a> {
    Subject {
        number: 12,
        service: "db",
        dedup_key: "nagios/db",
        status: "triggered",
        severity: Severity::Critical,
        summary,
        details,
        links,
        alert_count: 3,
        opened_at: "2026-11-21T00:00:00Z".parse().unwrap(),
        page: 1,
    }
}

/// An answer of a provider.
pub(crate) fn response(status: u16, body: &str) -> Response {
    Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
}

/// A body as JSON.
pub(crate) fn json(body: &str) -> Value {
    serde_json::from_str(body).unwrap()
}

/// Every string of a JSON value, with the name it stands under.
pub(crate) fn strings(value: &Value) -> Vec<(String, String)> {
    fn walk(name: &str, value: &Value, found: &mut Vec<(String, String)>) {
        match value {
            Value::String(text) => found.push((name.to_owned(), text.clone())),
            Value::Array(items) => items.iter().for_each(|item| walk(name, item, found)),
            Value::Object(members) => members.iter().for_each(|(name, item)| walk(name, item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk("", value, &mut found);
    found
}

/// Every hostile text; two long ones included, one of which grows with every escape there is.
pub(crate) fn hostile_texts() -> Vec<String> {
    HOSTILE.iter().map(|text| (*text).to_owned()).chain([long(), "\"\\<&@a//".repeat(1000)]).collect()
}

/// What holds for every channel and every hostile text: the URL and headers are those of a harmless page, and
/// nothing but http and https is under a name of links.
pub(crate) fn assert_harmless(request: impl Fn(&Message<'_>) -> crate::notify::exchange::Request, link_names: &[&str]) {
    let harmless = hostile_page("fine", &request);
    for text in hostile_texts() {
        let made = hostile_page(&text, &request);
        assert_eq!((made.method, &made.url), (harmless.method, &harmless.url));
        assert_eq!(made.headers, harmless.headers);
        for (name, text) in strings(&json(&made.body)) {
            assert!(!text.contains('\u{202e}') && !text.contains(['\r', '\0', '\u{1b}']), "{text:?}");
            if link_names.contains(&name.as_str()) {
                assert!(text.starts_with("https://") && !text.contains(['|', '<', '>', ')', '"', ' ']), "{text:?}");
            }
        }
    }
}
