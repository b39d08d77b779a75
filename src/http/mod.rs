//! The HTTP door: health for machines, the API for scripts, pages for people. Changes go to the engine, reads to the
//! store.

pub mod api;
pub mod auth;
pub mod error;
pub mod feeds;
pub mod health;
mod house;
mod numbers;
pub mod oidc;
pub mod origin;
pub mod pages;
mod rate;
pub mod server;
pub mod table;
pub mod view;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::IntoResponse as _;
use axum::routing::get;
use prometheus_client::registry::Registry;

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
    /// What the API keeps.
    pub api: api::Setup,
    /// What the pages need.
    pub pages: pages::Setup,
    /// The reverse proxies in front of us.
    pub proxies: origin::Proxies,
    /// What this node is called among those that work on the database.
    pub node: String,
    /// What reads and writes rules that somebody tries.
    pub workbench: Workbench,
}

/// Whether a text is formed like the id of a mail.
fn is_mail_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// All routes but the channels' own.
pub fn router(shared: Arc<Shared>) -> Router {
    let api = api::routes::router(&shared);
    let pages = pages::router(&shared);
    pages
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz))
        .route("/metrics", get(health::metrics))
        .route("/feeds/schedules/{file}", get(feeds::schedule))
        .route("/feeds/people/{file}", get(feeds::person))
        .nest("/api/v1", api)
        .layer(from_fn_with_state(Arc::clone(&shared), origin::note))
        .with_state(shared)
}

/// Lets whoever asks this node next see what a request has done. What another node does shows within half a second.
pub fn seen_at_once(router: Router, shared: Arc<Shared>) -> Router {
    router.layer(from_fn_with_state(shared, async |State(shared): State<Arc<Shared>>, request: Request, next: Next| {
        let acts = !request.method().is_safe();
        let response = next.run(request).await;
        if acts {
            shared.pages.live.look_again();
        }
        response
    }))
}

/// Bounds every request of a router in size and time, so that slow clients cannot take the places of others.
pub fn bounded(router: Router) -> Router {
    router.layer(DefaultBodyLimit::max(BODY_BYTES_MAX)).layer(from_fn(async |request: Request, next: Next| {
        let is_api = request.uri().path().starts_with("/api/");
        let answering = tokio::time::timeout(REQUEST_TIMEOUT, next.run(request));
        answering.await.unwrap_or_else(|_| match is_api {
            true => Error::TimedOut.into_response(),
            false => StatusCode::REQUEST_TIMEOUT.into_response(),
        })
    }))
}
