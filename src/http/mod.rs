//! The HTTP door: health for machines, the API for scripts, pages for people. Changes go to the engine, reads to the
//! store.

pub mod api;
pub mod auth;
mod error;
pub mod feeds;
pub mod health;
pub mod pages;
pub mod server;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use axum::routing::{delete, get, post};
use prometheus_client::registry::Registry;

use self::api::{incidents, mails, oncall, people, push};
pub use self::error::Error;
use self::health::Readiness;
use crate::disk::Disk;
use crate::domain::workbench::Workbench;
use crate::engine::Engine;

/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long one request may take, its body included. Reads of the database give up before.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// What the handlers share.
#[derive(Debug)]
pub struct Shared {
    /// For changes and reads.
    pub engine: Arc<Engine>,
    /// Whether writing works.
    pub readiness: Arc<Readiness>,
    /// What the doors have counted.
    pub registry: Registry,
    /// What the database holds.
    pub counted: health::Counted,
    /// How the certificate of the SMTP door is.
    pub certificate: Arc<health::CertificateInUse>,
    /// How much room is left where the database is.
    pub disk: Arc<Disk>,
    /// What this node is called among those that work on the database.
    pub node: String,
    /// What the pages need.
    pub pages: pages::Setup,
    /// What reads and writes rules that somebody tries.
    pub workbench: Workbench,
}

/// All routes but the channels' own.
pub fn router(shared: Arc<Shared>) -> Router {
    let api = Router::new()
        .route("/incidents", get(incidents::incidents))
        .route("/incidents/{number}", get(incidents::incident))
        .route("/incidents/{number}/acknowledge", post(incidents::acknowledge))
        .route("/incidents/{number}/resolve", post(incidents::resolve))
        .route("/incidents/{number}/snooze", post(incidents::snooze))
        .route("/incidents/{number}/reassign", post(incidents::reassign))
        .route("/incidents/{number}/responders", post(incidents::responders))
        .route("/incidents/{number}/take", post(incidents::take))
        .route("/incidents/{number}/note", post(incidents::note))
        .route("/incidents/{number}/escalate", post(incidents::escalate))
        .route("/mails", get(mails::mails))
        .route("/mails/{id}", get(mails::mail))
        .route("/mails/{id}/raw", get(mails::mail_raw))
        .route("/mails/{id}/reprocess", post(mails::reprocess))
        .route("/mails/{id}/release", post(mails::release))
        .route("/quarantined", get(mails::quarantined))
        .route("/unmatched", get(mails::unmatched))
        .route("/senders", get(mails::senders))
        .route("/oncall", get(oncall::now))
        .route("/schedules/{name}", get(oncall::schedule))
        .route("/overrides", get(oncall::overrides).post(oncall::add_override))
        .route("/overrides/{id}", delete(oncall::remove_override))
        .route("/people", get(people::people))
        .route("/people/{name}/contacts/{contact}/test", post(people::test))
        .route("/people/{name}/contacts/{contact}/verify", post(people::verify))
        .route("/people/{name}/push", get(push::subscriptions).post(push::subscribe))
        .route("/people/{name}/push/{id}", delete(push::unsubscribe))
        .route("/push/key", get(push::key))
        .route("/silences", get(oncall::silences).post(oncall::add_silence))
        .route("/silences/{id}/end", post(oncall::end_silence))
        .fallback(async || Error::NotFound("there is no such address in the API".to_owned()));
    let pages = pages::router(&shared);
    pages
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/feeds/schedules/{file}", get(feeds::schedule))
        .route("/feeds/people/{file}", get(feeds::person))
        .nest("/api/v1", api)
        .with_state(shared)
}

/// Bounds every request of a router in size and time, so that slow clients cannot take the places of others.
pub fn bounded(router: Router) -> Router {
    router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).layer(from_fn(async |request: Request, next: Next| {
        let answering = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request));
        answering.await.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
    }))
}
