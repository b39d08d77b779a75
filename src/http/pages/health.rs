//! Health: whether this gateway can do its work, in words.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use jiff::SignedDuration;

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::words::{At, Teller, length};
use crate::http::Shared;
use crate::http::health::Ready;
use crate::store::board::{Open, Queue};

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
    open: Open,
    queue: Queue,
    /// For how long the oldest notification has been late, where that is worth telling.
    late: Option<String>,
    node: &'static str,
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
    let queue = store.queue().await?;
    let late = queue.oldest_due_at.map(|at| at.duration_until(frame.now));
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
        open,
        queue,
        late: late.filter(|late| *late > LATE).map(length),
        node: env!("CARGO_PKG_VERSION"),
        frame,
    }))
}
