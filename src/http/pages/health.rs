//! Health: whether this gateway can do its work, in words.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::glass::{self, Glass};
use super::words::{At, Count, Teller, length};
use crate::domain::Definitions;
use crate::domain::roster::Channel;
use crate::domain::rulebook::PROBE;
use crate::http::Shared;
use crate::http::health::Ready;
use crate::store::board::Open;
use crate::store::node::{Backlog, Node};
use crate::store::notice::Contact;

/// A notification that is late for less is being worked on.
const LATE: SignedDuration = SignedDuration::from_secs(60);

/// Nodes that have been silent for longer are gone for good.
const NODES_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// A node writes every few seconds; one that has not for so long is away.
const AWAY: SignedDuration = SignedDuration::from_secs(30);

#[derive(Template)]
#[template(path = "health.html", config = "src/http/pages/askama.toml")]
struct HealthPage {
    frame: Frame,
    is_ready: bool,
    written: String,
    round: String,
    version: String,
    loaded: At,
    services: usize,
    /// What is wrong with newer definitions.
    problem: Option<String>,
    audited: Option<At>,
    findings: Vec<Finding>,
    calendars: Vec<Calendar>,
    certificate: Option<Certificate>,
    glass: Option<Glass>,
    open: Open,
    work: Vec<Work>,
    nodes: Vec<OtherNode>,
    channels: Vec<Provider>,
    last_mails: Vec<(String, Option<At>)>,
    node: String,
    release: &'static str,
}

/// Work of one kind that is to be done.
struct Work {
    kind: String,
    waiting: i64,
    /// For how long the oldest of it has been late, where that is worth telling.
    late: Option<String>,
}

/// Another process on the same database.
struct OtherNode {
    name: String,
    seen: Count,
    is_away: bool,
    release: String,
    is_same_release: bool,
    version: String,
    /// What differs from the definitions here.
    differences: Vec<String>,
}

/// How what is said by a channel has fared.
struct Provider {
    channel: &'static str,
    taken: Option<At>,
    failed: Option<(At, String)>,
    is_wrong: bool,
}

struct Finding {
    kind: &'static str,
    severity: &'static str,
    detail: String,
}

struct Calendar {
    schedule: String,
    fetched: Option<At>,
    problem: Option<String>,
    strangers: usize,
}

struct Certificate {
    expires: Option<At>,
    problem: Option<String>,
}

/// `GET /health`.
pub(super) async fn show(State(app): State<Arc<Shared>>, viewer: Viewer) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/health").await?;
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let ready = Ready::of(&app);
    let (definitions, reloads) = (app.engine.definitions(), app.engine.in_force().reloads());
    let audit = app.engine.audited();
    let store = app.engine.store();
    let open = store.open_by_service().await?.into_values().fold(Open::default(), |all, one| Open {
        triggered: all.triggered + one.triggered,
        acknowledged: all.acknowledged + one.acknowledged,
    });
    let late = |at: Timestamp| Some(at.duration_until(frame.now)).filter(|late| *late > LATE).map(length);
    let work = |backlog: Backlog| Work {
        late: backlog.oldest_due_at.and_then(late),
        waiting: backlog.waiting,
        kind: backlog.kind,
    };
    let work = store.backlogs().await?.into_iter().map(work).collect();
    let nodes = nodes(&app, &definitions, &teller).await?;
    let last = store.last_mails().await?;
    let services = definitions.rulebook.services.iter().filter(|service| service.name != PROBE);
    let last_mails = services.map(|service| (service.name.clone(), last.get(&service.name).map(|at| teller.at(*at))));
    let last_mails = last_mails.collect();
    let channels = channels(&store.contacts().await?, &teller);
    let glass = glass::last(&store.trail_of_glass(glass::ROWS).await?, &teller);
    let told = |length_: std::time::Duration| length(SignedDuration::try_from(length_).unwrap_or(SignedDuration::MAX));
    let finding = |found: crate::engine::audit::Finding| Finding {
        kind: found.kind,
        severity: found.severity.word(),
        detail: found.detail,
    };
    let calendar = |state: crate::engine::calendar::CalendarState| Calendar {
        schedule: state.schedule,
        fetched: state.fetched_at.map(|at| teller.at(at)),
        problem: state.problem,
        strangers: state.strangers,
    };
    let certificate = app
        .certificate
        .state()
        .map(|state| Certificate { expires: state.expires_at.map(|at| teller.at(at)), problem: state.problem });
    Ok(page(&HealthPage {
        is_ready: ready.is_ready,
        written: ready.written.map_or_else(|| "never".to_owned(), |age| format!("{} ago", told(age))),
        round: format!("{} ago", told(ready.silence)),
        version: definitions.version.chars().take(12).collect(),
        loaded: teller.at(reloads.loaded_at),
        services: definitions.rulebook.services.len(),
        problem: reloads.problem,
        audited: audit.at.map(|at| teller.at(at)),
        findings: audit.findings.into_iter().map(finding).collect(),
        calendars: app.engine.in_force().calendars().into_iter().map(calendar).collect(),
        certificate,
        glass,
        open,
        work,
        nodes,
        channels,
        last_mails,
        node: app.node.clone(),
        release: env!("CARGO_PKG_VERSION"),
        frame,
    }))
}

/// The other processes that have worked on this database lately.
async fn nodes(app: &Shared, definitions: &Definitions, teller: &Teller) -> Result<Vec<OtherNode>, Fault> {
    let since = teller.now.checked_sub(NODES_SINCE).unwrap_or(Timestamp::MIN);
    let others = app.engine.store().nodes(since).await?.into_iter().filter(|node| node.name != app.node);
    let other = |node: Node| OtherNode {
        seen: teller.since(node.seen_at),
        is_away: node.seen_at.duration_until(teller.now) > AWAY,
        is_same_release: node.version == env!("CARGO_PKG_VERSION"),
        release: node.version,
        version: node.definitions,
        differences: differences(&definitions.files, &node.files),
        name: node.name,
    };
    Ok(others.map(other).collect())
}

/// How two sets of files differ, in words.
fn differences(here: &BTreeMap<String, String>, there: &BTreeMap<String, String>) -> Vec<String> {
    let of_here = here.iter().filter_map(|(name, digest)| match there.get(name) {
        Some(other) if other == digest => None,
        Some(_) => Some(format!("{name} is another one there")),
        None => Some(format!("{name} is only here")),
    });
    let of_there = there.keys().filter(|name| !here.contains_key(*name)).map(|name| format!("{name} is only there"));
    of_here.chain(of_there).collect()
}

/// What became last of what was said by each channel, whoever it was for.
fn channels(contacts: &HashMap<(Channel, String), Contact>, teller: &Teller) -> Vec<Provider> {
    let mut by_channel: BTreeMap<&'static str, Vec<&Contact>> = BTreeMap::new();
    for ((channel, _), contact) in contacts {
        by_channel.entry(channel.word()).or_default().push(contact);
    }
    let provider = |(channel, contacts): (&'static str, Vec<&Contact>)| {
        let taken = contacts.iter().filter_map(|contact| contact.accepted_at.max(contact.answered_at)).max();
        let failed = contacts.iter().filter_map(|contact| contact.failed_at.zip(contact.failed_why.clone())).max();
        Provider {
            channel,
            is_wrong: failed.as_ref().is_some_and(|(at, _)| taken.is_none_or(|taken| *at > taken)),
            taken: taken.map(|at| teller.at(at)),
            failed: failed.map(|(at, why)| (teller.at(at), why)),
        }
    };
    by_channel.into_iter().map(provider).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_are_named() {
        let files = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect()
        };
        let here = files(&[("a.toml", "1"), ("b.toml", "2"), ("c.toml", "3")]);
        let there = files(&[("a.toml", "1"), ("b.toml", "9"), ("d.toml", "4")]);
        assert_eq!(
            differences(&here, &there),
            ["b.toml is another one there", "c.toml is only here", "d.toml is only there"]
        );
        assert!(differences(&here, &here).is_empty());
    }
}
