//! Health: whether this gateway can do its work, in words.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::glass::{self, Glass};
use super::words::{At, Count, Teller, length};
use crate::domain::rulebook::PROBE;
use crate::http::Shared;
use crate::http::health::Ready;
use crate::http::house::{self, Seen, Used};
use crate::store::board::Open;
use crate::store::node::Backlog;

/// A notification that is late for less is being worked on.
const LATE: SignedDuration = SignedDuration::from_secs(60);

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
    let nodes = house::others(&app, frame.now).await?.into_iter().map(|seen| other(seen, &teller)).collect();
    let last = store.last_mails().await?;
    let services = definitions.rulebook.services.iter().filter(|service| service.name != PROBE);
    let last_mails = services.map(|service| (service.name.clone(), last.get(&service.name).map(|at| teller.at(*at))));
    let last_mails = last_mails.collect();
    let channels = house::channels(&store.contacts().await?);
    let channels = channels.into_iter().map(|used| provider(used, &teller)).collect();
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

fn other(seen: Seen, teller: &Teller) -> OtherNode {
    let Seen { node, is_away, differences } = seen;
    OtherNode {
        seen: teller.since(node.seen_at),
        is_away,
        is_same_release: node.version == env!("CARGO_PKG_VERSION"),
        release: node.version,
        version: node.definitions,
        differences,
        name: node.name,
    }
}

fn provider(used: Used, teller: &Teller) -> Provider {
    Provider {
        channel: used.channel,
        is_wrong: used.is_wrong(),
        taken: used.taken_at.map(|at| teller.at(at)),
        failed: used.failed.map(|(at, why)| (teller.at(at), why)),
    }
}
