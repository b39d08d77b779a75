//! The house: services, how this node is, and the definitions in force.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;

use super::extract::Query;
use super::mails::PageQuery;
use super::{App, COUNTED_MAX, slice};
use crate::domain::handling::Awaited;
use crate::domain::rulebook::{PROBE, Service};
use crate::http::auth::Caller;
use crate::http::health::Ready;
use crate::http::view::house::{
    CalendarView, DefinitionsView, FindingView, HealthView, HeartbeatView, ServiceView, ServicesView,
};
use crate::http::{Error, Shared};
use crate::store::archive::Sender;
use crate::store::board::Open;
use crate::store::heartbeat::StoredHeartbeat;

/// Services: what is open, their last mail, and the mails that they expect
#[utoipa::path(get, path = "/services", tag = "house", params(PageQuery),
    responses((status = 200, body = ServicesView)))]
pub async fn services(
    State(app): App,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<ServicesView>, Error> {
    let (store, definitions) = (app.engine.store(), app.engine.definitions());
    let (open, heartbeats) = (store.open_by_service().await?, store.heartbeats().await?);
    // Ordered by when they were heard of: the last one of a service stays.
    let senders = store.senders(None, COUNTED_MAX).await?.into_iter();
    let last: HashMap<String, Sender> = senders.map(|sender| (sender.service.clone(), sender)).collect();
    let own = definitions.rulebook.services.iter();
    let own = own.filter(|service| service.name != PROBE && caller.is_for(&service.name));
    let services = own.map(|service| {
        let open = open.get(&service.name).copied().unwrap_or_default();
        view(service, open, last.get(&service.name), &heartbeats)
    });
    let page = (query.limit, query.cursor);
    let (services, next_cursor) = slice(services.collect(), page, |service: &ServiceView| service.name.clone())?;
    Ok(Json(ServicesView { services, next_cursor }))
}

fn view(service: &Service, open: Open, last: Option<&Sender>, known: &[StoredHeartbeat]) -> ServiceView {
    let heartbeat = |awaited: &Awaited| {
        let expected = &awaited.heartbeat;
        let stored = known.iter().find(|one| one.service == service.name && one.name == expected.name);
        HeartbeatView {
            name: expected.name.clone(),
            when: expected.describe(),
            last_at: stored.and_then(|stored| stored.last_at),
            missing_since: stored.and_then(|stored| stored.missing_since),
        }
    };
    let addresses = service.addresses.iter().map(|address| {
        let mailbox = address.mailbox.as_deref().unwrap_or("*");
        address.domain.as_ref().map_or_else(|| mailbox.to_owned(), |domain| format!("{mailbox}@{domain}"))
    });
    ServiceView {
        name: service.name.clone(),
        addresses: addresses.collect(),
        policy: service.handling.policy.clone(),
        triggered: open.triggered,
        acknowledged: open.acknowledged,
        last_mail_at: last.map(|sender| sender.last_at),
        last_mail_id: last.map(|sender| sender.last_mail_id.clone()),
        heartbeats: service.handling.heartbeats.iter().map(heartbeat).collect(),
    }
}

/// How this node is
#[utoipa::path(get, path = "/health", tag = "house", responses((status = 200, body = HealthView)))]
pub async fn health(State(app): App, _: Caller) -> Result<Json<HealthView>, Error> {
    let (store, ready, audit) = (app.engine.store(), Ready::of(&app), app.engine.audited());
    let open = store.open_by_service().await?;
    let queue = store.queue().await?;
    let finding = |found: crate::engine::audit::Finding| FindingView {
        kind: found.kind,
        severity: found.severity,
        detail: found.detail,
    };
    let calendar = |state: crate::engine::calendar::CalendarState| CalendarView {
        schedule: state.schedule,
        fetched_at: state.fetched_at,
        problem: state.problem,
        strangers: state.strangers,
    };
    Ok(Json(HealthView {
        ready: ready.is_ready,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        seconds_since_last_write: ready.written.map(|age| age.as_secs_f64()),
        seconds_since_last_round: ready.silence.as_secs_f64(),
        definitions: in_force(&app),
        audited_at: audit.at,
        findings: audit.findings.into_iter().map(finding).collect(),
        calendars: app.engine.in_force().calendars().into_iter().map(calendar).collect(),
        triggered: open.values().map(|open| open.triggered).sum(),
        acknowledged: open.values().map(|open| open.acknowledged).sum(),
        notifications_waiting: queue.waiting,
        oldest_due_at: queue.oldest_due_at,
    }))
}

/// The definitions in force
#[utoipa::path(get, path = "/definitions", tag = "house", responses((status = 200, body = DefinitionsView)))]
pub async fn definitions(State(app): App, _: Caller) -> Result<Json<DefinitionsView>, Error> {
    Ok(Json(in_force(&app)))
}

fn in_force(app: &Shared) -> DefinitionsView {
    let (definitions, reloads) = (app.engine.definitions(), app.engine.in_force().reloads());
    DefinitionsView {
        version: definitions.version.clone(),
        loaded_at: reloads.loaded_at,
        problem: reloads.problem,
        services: definitions.rulebook.services.iter().filter(|service| service.name != PROBE).count(),
    }
}
