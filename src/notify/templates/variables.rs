//! What templates see of a message, and the samples they are checked with.
//!
//! `kind` (paged, acknowledged, resolved, test, on_call), `user`, `url`, `code`, `locale`, `now`, `by`, `schedule`,
//! `until`, `count`, `incident` (the worst, or none) and `incidents`, each with `number`, `service`, `dedup_key`,
//! `status`, `severity`, `summary`, `details` (a map), `links` (a list of `title` and `url`), `alert_count`,
//! `opened_at`, `page`. Times are in the reader's zone; `now_utc` and `opened_at_utc` are RFC 3339. What a message does
//! not have is none.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{Value, context};

use crate::domain::alert::Severity;
use crate::domain::roster::Locale;
use crate::notify::line::is_web_address;
use crate::notify::message::{Kind, Message, Subject};

/// The variables of a message.
pub(super) fn of(message: &Message<'_>) -> Value {
    let (by, schedule, until) = match message.kind {
        Kind::Acknowledged { by } | Kind::Resolved { by } => (Some(by), None, None),
        Kind::OnCall { schedule, until } => (None, Some(schedule), until),
        Kind::Paged | Kind::Test => (None, None, None),
    };
    let incidents: Vec<Value> = message.incidents.iter().map(|subject| incident(subject, message.zone)).collect();
    context! {
        kind => super::kind_word(&message.kind),
        user => message.user,
        url => message.url,
        code => message.code,
        locale => message.locale.word(),
        now => civil(message.now, message.zone),
        now_utc => message.now.to_string(),
        by => by,
        schedule => schedule,
        until => until.map(|until| civil(until, message.zone)),
        count => incidents.len(),
        incident => incidents.first().cloned().unwrap_or_else(|| Value::from(())),
        incidents => incidents,
    }
}

fn incident(subject: &Subject<'_>, zone: &TimeZone) -> Value {
    let links = subject.links.iter().filter(|(_, address)| is_web_address(address));
    let links: Vec<Value> = links.map(|(title, address)| context! { title => title, url => address }).collect();
    context! {
        number => subject.number,
        service => subject.service,
        dedup_key => subject.dedup_key,
        status => subject.status,
        severity => subject.severity.word(),
        summary => subject.summary,
        details => Value::from_serialize(subject.details),
        links => links,
        alert_count => subject.alert_count,
        opened_at => civil(subject.opened_at, zone),
        opened_at_utc => subject.opened_at.to_string(),
        page => subject.page,
    }
}

fn civil(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// Runs something with samples of every kind of message until it fails.
pub(super) fn with_samples(mut run: impl FnMut(&Message<'_>) -> Result<(), String>) -> Result<(), String> {
    let details = BTreeMap::from([("host".to_owned(), "db-01.example.com".to_owned())]);
    let links = BTreeMap::from([("Runbook".to_owned(), "https://wiki.example.com/db?a=1&b=2".to_owned())]);
    let nothing = BTreeMap::new();
    let now = Timestamp::UNIX_EPOCH;
    let worst = Subject {
        number: 123,
        service: "db",
        dedup_key: "db-01/disk",
        status: "triggered",
        severity: Severity::Critical,
        summary: "Disk \"/var\" 98% full <db-01>",
        details: &details,
        links: &links,
        alert_count: 3,
        opened_at: now,
        page: 1,
    };
    let other = Subject { number: 124, summary: "x", details: &nothing, links: &nothing, ..worst };
    let kinds = [
        Kind::Paged,
        Kind::Acknowledged { by: "bob" },
        Kind::Resolved { by: "bob" },
        Kind::Test,
        Kind::OnCall { schedule: "primary", until: Some(now) },
        Kind::OnCall { schedule: "primary", until: None },
    ];
    for kind in kinds {
        let about_nothing = matches!(kind, Kind::Test | Kind::OnCall { .. });
        let lists = if about_nothing { vec![vec![]] } else { vec![vec![worst], vec![worst, other], vec![other]] };
        for incidents in lists {
            for (url, code) in [(Some("https://nightcall.example.com/incidents/123"), Some("K7")), (None, None)] {
                run(&Message {
                    id: "0123456789abcdef0123456789abcdef",
                    kind,
                    user: "ann",
                    incidents: incidents.clone(),
                    url,
                    code,
                    locale: Locale::English,
                    zone: &TimeZone::UTC,
                    now,
                    templates: crate::notify::templates::Templates::NONE,
                })?;
            }
        }
    }
    Ok(())
}
