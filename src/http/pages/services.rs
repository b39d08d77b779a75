//! Services: what is open, who writes to them, who is called, and which mails are expected.

use std::collections::BTreeMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::words::{At, Teller};
use crate::domain::escalation::Step;
use crate::domain::rulebook::{PROBE, Service};
use crate::http::Shared;
use crate::store::archive::Sender;
use crate::store::board::Open;
use crate::store::heartbeat::StoredHeartbeat;

/// Senders looked at.
const SENDERS_MAX: i64 = 5000;

#[derive(Template)]
#[template(path = "services.html", config = "src/http/pages/askama.toml")]
struct ServicesPage {
    frame: Frame,
    services: Vec<Shown>,
}

struct Shown {
    name: String,
    addresses: String,
    policy: String,
    /// Who is called, step by step.
    steps: Vec<String>,
    rules: usize,
    open: Open,
    senders: usize,
    /// When the last mail came, from whom, and which it was.
    last: Option<(At, String, String)>,
    heartbeats: Vec<Expected>,
}

struct Expected {
    name: String,
    when: String,
    last: Option<At>,
    missing: Option<At>,
}

/// `GET /services`.
pub(super) async fn show(State(app): State<Arc<Shared>>, viewer: Viewer) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/services").await?;
    let (store, definitions) = (app.engine.store(), app.engine.definitions());
    let (open, heartbeats) = (store.open_by_service().await?, store.heartbeats().await?);
    let mut senders: BTreeMap<String, Vec<Sender>> = BTreeMap::new();
    for sender in store.senders(None, SENDERS_MAX).await? {
        senders.entry(sender.service.clone()).or_default().push(sender);
    }
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let shown = |service: &Arc<Service>| {
        let name = &service.name;
        let heard = senders.get(name).map(Vec::as_slice).unwrap_or_default();
        let policy = definitions.roster.policies.get(&service.handling.policy);
        let steps = policy.map(|policy| policy.steps.as_slice()).unwrap_or_default();
        let step = |step: &Step| step.targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let steps = steps.iter().map(step).collect();
        let shown = Shown::of(service, open.get(name).copied().unwrap_or_default(), heard, &heartbeats, &teller);
        Shown { steps, ..shown }
    };
    let services = definitions.rulebook.services.iter().filter(|service| service.name != PROBE);
    let services = services.map(shown).collect();
    Ok(page(&ServicesPage { frame, services }))
}

impl Shown {
    fn of(service: &Service, open: Open, heard: &[Sender], known: &[StoredHeartbeat], teller: &Teller) -> Self {
        let address = |address: &crate::domain::rulebook::AddressPattern| {
            let mailbox = address.mailbox.as_deref().unwrap_or("*");
            address.domain.as_ref().map_or_else(|| mailbox.to_owned(), |domain| format!("{mailbox}@{domain}"))
        };
        let last = heard.iter().max_by_key(|sender| sender.last_at);
        let expected = |awaited: &crate::domain::handling::Awaited| {
            let heartbeat = &awaited.heartbeat;
            let stored = known.iter().find(|one| one.service == service.name && one.name == heartbeat.name);
            Expected {
                name: heartbeat.name.clone(),
                when: heartbeat.describe(),
                last: stored.and_then(|stored| stored.last_at).map(|at| teller.at(at)),
                missing: stored.and_then(|stored| stored.missing_since).map(|at| teller.at(at)),
            }
        };
        Self {
            name: service.name.clone(),
            addresses: service.addresses.iter().map(address).collect::<Vec<_>>().join(", "),
            policy: service.handling.policy.clone(),
            steps: Vec::new(),
            rules: service.rules.rules().len(),
            open,
            senders: heard.len(),
            last: last.map(|last| (teller.at(last.last_at), last.sender.clone(), last.last_mail_id.clone())),
            heartbeats: service.handling.heartbeats.iter().map(expected).collect(),
        }
    }
}
