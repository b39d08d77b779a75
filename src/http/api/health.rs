//! The house: services, how this node is, and the definitions in force.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;

use super::extract::Query;
use super::mails::PageQuery;
use super::{App, COUNTED_MAX, slice};
use crate::domain::escalation::Step;
use crate::domain::handling::Awaited;
use crate::domain::rulebook::{PROBE, Service};
use crate::http::auth::Caller;
use crate::http::health::Ready;
use crate::http::house::{self, Seen, Used};
use crate::http::view::house::{
    CalendarView, CertificateView, ChannelView, DefinitionsView, FindingView, HealthView, HeartbeatView, NodeView,
    ServiceView, ServicesView, WorkView,
};
use crate::http::{Error, Shared};
use crate::store::archive::Sender;
use crate::store::board::Open;
use crate::store::heartbeat::StoredHeartbeat;
use crate::store::node::Node;

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
    // Ordered by when they were heard of: the last one of a service was heard of last.
    let mut heard: HashMap<String, Vec<Sender>> = HashMap::new();
    for sender in store.senders(None, COUNTED_MAX).await? {
        heard.entry(sender.service.clone()).or_default().push(sender);
    }
    let own = definitions.rulebook.services.iter();
    let own = own.filter(|service| service.name != PROBE && caller.is_for(&service.name));
    let services = own.map(|service| {
        let open = open.get(&service.name).copied().unwrap_or_default();
        let heard = heard.get(&service.name).map(Vec::as_slice).unwrap_or_default();
        let policy = definitions.roster.policies.get(&service.handling.policy);
        let steps = policy.map(|policy| policy.steps.as_slice()).unwrap_or_default();
        let targets = |step: &Step| step.targets.iter().map(ToString::to_string).collect();
        ServiceView { steps: steps.iter().map(targets).collect(), ..view(service, open, heard, &heartbeats) }
    });
    let page = (query.limit, query.cursor);
    let (services, next_cursor) = slice(services.collect(), page, |service: &ServiceView| service.name.clone())?;
    Ok(Json(ServicesView { services, next_cursor }))
}

fn view(service: &Service, open: Open, heard: &[Sender], known: &[StoredHeartbeat]) -> ServiceView {
    let last = heard.last();
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
        steps: Vec::new(),
        rules: service.rules.rules().len(),
        senders: heard.len(),
        triggered: open.triggered,
        acknowledged: open.acknowledged,
        last_mail_at: last.map(|sender| sender.last_at),
        last_mail_id: last.map(|sender| sender.last_mail_id.clone()),
        last_mail_from: last.map(|sender| sender.sender.clone()),
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
    let work = store.backlogs().await?.into_iter().map(|backlog| WorkView {
        kind: backlog.kind,
        waiting: backlog.waiting,
        oldest_due_at: backlog.oldest_due_at,
    });
    let certificate =
        app.certificate.state().map(|state| CertificateView { expires_at: state.expires_at, problem: state.problem });
    Ok(Json(HealthView {
        ready: ready.is_ready,
        node: app.node.clone(),
        work: work.collect(),
        nodes: house::others(&app, app.engine.clock().now()).await?.into_iter().map(node).collect(),
        channels: house::channels(&store.contacts().await?).into_iter().map(channel).collect(),
        certificate,
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

fn node(seen: Seen) -> NodeView {
    let Seen { node, is_away, differences } = seen;
    let Node { name, seen_at, version, definitions, files: _ } = node;
    NodeView { name, seen_at, away: is_away, version, definitions, differences }
}

fn channel(used: Used) -> ChannelView {
    let wrong = used.is_wrong();
    let Used { channel, taken_at, failed } = used;
    let (failed_at, failed_why) = failed.unzip();
    ChannelView { channel, taken_at, failed_at, failed_why, wrong }
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
