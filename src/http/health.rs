//! Health: alive, able to write, and the numbers.

use std::sync::Arc;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{Error, Shared};
use crate::clock::Stopwatch;
use crate::domain::Definitions;
use crate::domain::alert::Action;
use crate::domain::aside;
use crate::domain::incident::Status;
use crate::domain::notification;
use crate::engine::calendar::CalendarState;
use crate::engine::{Engine, audit};
use crate::store::node::Node;

/// A node is ready while its last write is younger than this.
const FRESH: Duration = Duration::from_secs(5);

/// Longest silence of the timer and the worker: a round may wait for the database this long.
const PULSE_MAX: Duration = Duration::from_secs(30);

/// How often writing is proved.
const PROVE_EVERY: Duration = Duration::from_secs(2);

/// Counting goes through whole tables, so it is done now and then, and by one caller at a time.
const COUNT_EVERY: Duration = Duration::from_millis(500);

/// How much longer counts are kept than it took to count: of a million mails that takes a second.
const COUNT_SELDOM: u32 = 20;

/// How long they are kept at most.
const COUNTS_KEPT_MAX: Duration = Duration::from_secs(30);

/// The newest counts.
#[derive(Debug, Default)]
pub struct Counted(tokio::sync::Mutex<Option<Counts>>);

#[derive(Debug)]
struct Counts {
    counted: Stopwatch,
    took: Duration,
    registry: Registry,
}

impl Counts {
    fn are_new(&self) -> bool {
        self.counted.elapsed() <= COUNT_EVERY.max(self.took * COUNT_SELDOM).min(COUNTS_KEPT_MAX)
    }
}

/// Remembers when writing last worked.
#[derive(Debug, Default)]
pub struct Readiness(Mutex<Option<Stopwatch>>);

/// How the certificate of the SMTP door is, if it has one.
#[derive(Debug, Default)]
pub struct CertificateInUse(Mutex<Option<CertificateState>>);

/// What is known of it.
#[derive(Debug, Clone)]
pub(super) struct CertificateState {
    pub(super) expires_at: Option<Timestamp>,
    pub(super) problem: Option<String>,
}

/// Whether this node can do its work.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ready {
    /// A write succeeded just now, and timer and worker are at work.
    pub(super) is_ready: bool,
    /// How long ago a write succeeded last.
    pub(super) written: Option<Duration>,
    /// How long the slower of timer and worker has been silent.
    pub(super) silence: Duration,
}

impl Ready {
    pub(super) fn of(shared: &Shared) -> Self {
        let written = shared.readiness.age();
        // Half a minute without a finished round of the timer or the worker means that nobody would be called.
        let silence = shared.engine.pulses().silence();
        Self { is_ready: written.is_some_and(|age| age < FRESH) && silence < PULSE_MAX, written, silence }
    }
}

impl CertificateInUse {
    /// Notes when the certificate in use ends, and what is wrong with newer files.
    pub fn show(&self, expires_at: Option<Timestamp>, problem: Option<String>) {
        let state = CertificateState { expires_at, problem };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(state);
    }

    pub(super) fn state(&self) -> Option<CertificateState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Readiness {
    /// Writes now and then until told to stop.
    pub async fn prove(&self, engine: &Engine, node: &str, stop: CancellationToken) {
        let mut introduced = None;
        while !stop.is_cancelled() {
            let definitions = engine.definitions();
            if introduced.as_ref() != Some(&definitions.version) && introduce(engine, node, &definitions).await {
                introduced = Some(definitions.version.clone());
            }
            match tokio::time::timeout(FRESH, engine.store().touch(node, engine.clock().now())).await {
                Ok(Ok(())) => self.wrote(),
                Ok(Err(error)) => tracing::error!(%error, "a test write failed; this node is not ready"),
                Err(_) => tracing::error!("a test write took too long; this node is not ready"),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(PROVE_EVERY) => {}
            }
        }
    }

    /// Notes a write that worked.
    pub fn wrote(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::start());
    }

    fn age(&self) -> Option<Duration> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|written| written.elapsed())
    }
}

/// Tells the other nodes what this one runs. Where that does not work, it is tried again with the next test write.
async fn introduce(engine: &Engine, node: &str, definitions: &Definitions) -> bool {
    let node = Node {
        name: node.to_owned(),
        seen_at: engine.clock().now(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        definitions: definitions.version.clone(),
        files: definitions.files.clone(),
    };
    tokio::time::timeout(FRESH, engine.store().introduce(&node)).await.is_ok_and(|done| done.is_ok())
}

/// `GET /healthz`: the process answers.
pub async fn healthz() -> &'static str {
    "ok\n"
}

/// `GET /readyz`: a write succeeded in the last 5 seconds, and timer and worker are at work.
pub async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let Ready { is_ready: ready, written: age, silence } = Ready::of(&shared);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let (definitions, reloads) = (shared.engine.definitions(), shared.engine.in_force().reloads());
    let detail = json!({
        "ready": ready,
        "seconds_since_last_write": age.map(|age| age.as_secs_f64()),
        "seconds_since_last_round": silence.as_secs_f64(),
        // Old definitions with a problem in the newer ones do their work, so they do not make a node unready.
        "definitions": {
            "version": definitions.version,
            "loaded_at": reloads.loaded_at.to_string(),
            "services": definitions.rulebook.services.len(),
            "problem": reloads.problem,
        },
        // Old shifts are better than none, so they do not make a node unready either.
        "calendars": shared.engine.in_force().calendars().iter().map(calendar).collect::<Vec<_>>(),
        // Senders keep what is put off, and pages go out, so a full disk does not make a node unready by itself.
        "disk": shared.disk.free_bytes().map(|free| json!({ "free_bytes": free, "low": shared.disk.is_low() })),
        // So does an old certificate.
        "certificate": shared.certificate.state().map(|state| json!({
            "expires_at": state.expires_at.map(|at| at.to_string()),
            "problem": state.problem,
        })),
    });
    (status, Json(detail)).into_response()
}

/// Neither the address, which is secret, nor names of people: nobody needs a token to read this.
fn calendar(state: &CalendarState) -> Value {
    json!({
        "schedule": state.schedule,
        "fetched_at": state.fetched_at.map(|at| at.to_string()),
        "problem": state.problem,
        "unknown_people": state.strangers,
    })
}

/// `GET /metrics`: numbers for Prometheus (OpenMetrics text). What the database counts is read anew, so it cannot drift from
/// the truth (I45): at each scrape, or after half a minute where that takes long.
pub async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response, Error> {
    let mut text = String::new();
    let mut counted = shared.counted.0.lock().await;
    if !counted.as_ref().is_some_and(Counts::are_new) {
        let watch = Stopwatch::start();
        let registry = stored_counts(&shared).await?;
        *counted = Some(Counts { counted: Stopwatch::start(), took: watch.elapsed(), registry });
    }
    let Some(counts) = counted.as_ref() else { return Err(Error::Unavailable) };
    for part in [&counts.registry, &known(&shared), &certificate(&shared), &shared.registry] {
        // Each part ends with an end mark; only the last one may stay.
        text.truncate(text.len() - if text.is_empty() { 0 } else { "# EOF\n".len() });
        encode(&mut text, part).map_err(|_| Error::Unavailable)?;
    }
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response())
}

async fn stored_counts(shared: &Shared) -> Result<Registry, Error> {
    let mut registry = Registry::with_prefix("nightcall");
    let incidents = Family::<[(&str, String); 1], Gauge>::default();
    let notifications = Family::<[(&str, String); 1], Gauge>::default();
    let alerts = Family::<[(&str, String); 1], Gauge>::default();
    // A series that is 0 is a series all the same: alerting rules need it before the first incident.
    for status in Status::ALL {
        incidents.get_or_create(&[("status", status.word().to_owned())]).set(0);
    }
    for status in notification::Status::ALL {
        notifications.get_or_create(&[("status", status.word().to_owned())]).set(0);
    }
    for action in Action::ALL {
        alerts.get_or_create(&[("action", action.word().to_owned())]).set(0);
    }
    let (mails, unmatched, exhausted) = (Gauge::<i64>::default(), Gauge::<i64>::default(), Gauge::<i64>::default());
    let quarantined = Gauge::<i64>::default();
    let set_aside = Family::<[(&str, String); 1], Gauge>::default();
    for rule in [aside::AUTOMATIC, aside::LOOP] {
        set_aside.get_or_create(&[("rule", rule.to_owned())]).set(0);
    }
    for (what, status, count) in shared.engine.store().counts().await? {
        match what.as_str() {
            "incident" => _ = incidents.get_or_create(&[("status", status)]).set(count),
            "notification" => _ = notifications.get_or_create(&[("status", status)]).set(count),
            "alert" => _ = alerts.get_or_create(&[("action", status)]).set(count),
            "mail" => _ = mails.set(count),
            "quarantined" => _ = quarantined.set(count),
            "set aside" => _ = set_aside.get_or_create(&[("rule", status)]).set(count),
            "unmatched" => _ = unmatched.set(count),
            _ => _ = exhausted.set(count),
        }
    }
    registry.register("incidents", "Incidents stored, by status", incidents);
    registry.register("incidents_exhausted", "Open incidents whose policy ran out of people", exhausted);
    registry.register("notifications", "Notifications stored, by status", notifications);
    registry.register("alerts", "Alerts stored, by action", alerts);
    registry.register("mails", "Mails stored", mails);
    registry.register("alerts_quarantined", "Alerts kept aside because of their sender", quarantined);
    registry.register(
        "alerts_set_aside",
        "Answers of machines and mail that goes round, by what filed them",
        set_aside,
    );
    registry.register("mails_unmatched", "Mails stored that no rule knew", unmatched);
    Ok(registry)
}

/// What needs no counting: definitions, calendars, what the auditor has found.
fn known(shared: &Shared) -> Registry {
    let mut registry = Registry::with_prefix("nightcall");
    register_definitions(shared, &mut registry);
    register_calendars(shared, &mut registry);
    let findings = Family::<[(&str, &str); 1], Gauge>::default();
    for kind in audit::KINDS {
        findings.get_or_create(&[("kind", kind)]).set(0);
    }
    for finding in shared.engine.audited().findings {
        findings.get_or_create(&[("kind", finding.kind)]).inc();
    }
    registry.register("auditor_findings", "What the auditor found when it looked last, by kind", findings);
    registry
}

fn certificate(shared: &Shared) -> Registry {
    let mut registry = Registry::with_prefix("nightcall");
    let Some(state) = shared.certificate.state() else { return registry };
    if let Some(expires_at) = state.expires_at {
        let left = Gauge::<i64>::default();
        left.set(expires_at.as_second() - shared.engine.clock().now().as_second());
        let help = "Seconds until the certificate of the SMTP door ends; negative afterwards";
        registry.register("smtp_certificate_expires_in_seconds", help, left);
    }
    let outdated = Gauge::<i64>::default();
    outdated.set(i64::from(state.problem.is_some()));
    let help = "Whether the newest certificate files have a problem, so that an older one is in use";
    registry.register("smtp_certificate_outdated", help, outdated);
    registry
}

fn register_definitions(shared: &Shared, registry: &mut Registry) {
    let reloads = shared.engine.in_force().reloads();
    let results = Family::<[(&str, &str); 1], Counter>::default();
    results.get_or_create(&[("result", "succeeded")]).inc_by(reloads.succeeded);
    results.get_or_create(&[("result", "failed")]).inc_by(reloads.failed);
    registry.register("definitions_reloads", "Times that definitions were read again, by result", results);
    let outdated = Gauge::<i64>::default();
    outdated.set(i64::from(reloads.problem.is_some()));
    let help = "Whether the newest definition files have a problem, so that older ones are in force";
    registry.register("definitions_outdated", help, outdated);
    let loaded_at = Gauge::<i64>::default();
    loaded_at.set(reloads.loaded_at.as_second());
    registry.register(
        "definitions_loaded_at_seconds",
        "When the definitions in force were read (Unix time)",
        loaded_at,
    );
}

fn register_calendars(shared: &Shared, registry: &mut Registry) {
    let [outdated, strangers, fetched_at] = [(); 3].map(|()| Family::<[(&str, String); 1], Gauge>::default());
    for state in shared.engine.in_force().calendars() {
        let schedule = [("schedule", state.schedule)];
        outdated.get_or_create(&schedule).set(i64::from(state.problem.is_some()));
        strangers.get_or_create(&schedule).set(i64::try_from(state.strangers).unwrap_or(i64::MAX));
        if let Some(at) = state.fetched_at {
            fetched_at.get_or_create(&schedule).set(at.as_second());
        }
    }
    let help = "Whether a schedule's calendar could not be fetched or read when it was last asked for";
    registry.register("calendar_outdated", help, outdated);
    registry.register("calendar_unknown_people", "Names in a schedule's calendar that are no user", strangers);
    let help = "When a schedule's calendar was last known to be the newest (Unix time)";
    registry.register("calendar_fetched_at_seconds", help, fetched_at);
}
