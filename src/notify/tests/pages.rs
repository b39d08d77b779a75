//! Messages for tests.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use crate::notify::message::{Kind, Locale, Message, Severity, Subject};

pub(crate) static NOTHING: BTreeMap<String, String> = BTreeMap::new();

pub(crate) static UTC: TimeZone = TimeZone::UTC;

/// What a mail may hold at worst: markup, mentions, verbs, headers, control characters, direction overrides.
pub(crate) const HOSTILE: [&str; 12] = [
    "</Say><Dial>+1900</Dial><![CDATA[ & ]]>",
    "a\r\nBcc: all@example.com\r\n\r\nbody",
    "<!channel> @everyone *bold* _x_ ~y~ `z`",
    "[x](javascript:alert(1)) https://evil.example/?a=b <https://evil.example|ok>",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "\u{0}\u{7}\u{1b}[31mred\u{fffe}\u{ffff}\u{202e}txt.exe\u{200b}\u{feff}",
    "{{ 7 * 7 }}{% for x in range(10) %}{{ x }}{% endfor %}",
    "🔥🔥🔥 データベース 磁盘已满 ΔΩ ñ €",
    "ack 4 6 K7 resolve",
    "<speak><break time=\"10s\"/><prosody rate=\"slow\">x</prosody></speak>",
    "12345678901234567890 00000000000000000000000",
    "",
];

/// An incident with this summary.
pub(crate) fn subject(summary: &str) -> Subject<'_> {
    Subject {
        number: 123,
        service: "db",
        dedup_key: "db/disk",
        status: "triggered",
        severity: Severity::Critical,
        summary,
        details: &NOTHING,
        links: &NOTHING,
        alert_count: 3,
        opened_at: "2026-11-21T17:04:00Z".parse().unwrap(),
        page: 1,
    }
}

/// A page about these incidents.
pub(crate) fn paged<'a>(incidents: Vec<Subject<'a>>) -> Message<'a> {
    Message {
        id: "0123456789abcdef0123456789abcdef",
        kind: Kind::Paged,
        user: "ann",
        incidents,
        url: Some("https://nightcall.example/incidents/123"),
        code: Some("K7"),
        locale: Locale::English,
        zone: &UTC,
        now: "2026-11-21T17:05:00Z".parse().unwrap(),
        templates: crate::notify::templates::Templates::NONE,
    }
}

/// Every kind of message about these incidents.
pub(crate) fn kinds<'a>(incidents: &[Subject<'a>], word: &'a str) -> Vec<Message<'a>> {
    let until = Some("2026-11-22T07:00:00Z".parse().unwrap());
    let kinds = [
        Kind::Paged,
        Kind::Acknowledged { by: word },
        Kind::Resolved { by: word },
        Kind::Test,
        Kind::OnCall { schedule: word, until },
        Kind::OnCall { schedule: word, until: None },
    ];
    kinds.into_iter().map(|kind| Message { kind, ..paged(incidents.to_vec()) }).collect()
}
