//! The dead man's switch: while mail gets through to a page and nothing is forgotten, an address outside is called.
//!
//! Whoever watches that address raises the alarm when the calls stop, for whatever reason they do: this process, its
//! machine, its network. Each round hands in a mail over SMTP, as a monitor would, and waits until its page is out
//! (I41); an address that is called by a timer alone would go on being called by a gateway that pages nobody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use rand::RngExt as _;
use std::sync::atomic::AtomicU64;
use tokio_util::sync::CancellationToken;

use crate::clock::Stopwatch;
use crate::domain::alert::Severity;
use crate::domain::incident::Status as IncidentStatus;
use crate::domain::notification::Status;
use crate::domain::rulebook::PROBE;
use crate::engine::Engine;
use crate::engine::audit::Audit;
use crate::notify::Secret;
use crate::smtp::client;

/// How long a probe may take from the mail to the page, and from the recovery to the end.
const PROBE_TIMEOUT: Duration = Duration::from_secs(20);

/// How often it is looked how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// An audit so old says nothing any more. It looks every 30 s.
const AUDIT_AGE_MAX: jiff::SignedDuration = jiff::SignedDuration::from_secs(120);

/// What to call, and how often.
#[derive(Debug, Clone)]
pub struct Config {
    /// Called by GET while everything works.
    pub ping: Secret,
    /// How often.
    pub every: Duration,
}

/// What probes came to, for `/metrics`.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    arrived: Counter,
    lost: Counter,
    pings: Counter,
    pings_failed: Counter,
    seconds: Gauge<f64, AtomicU64>,
}

impl Counters {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("probe");
        registry.register("arrived", "Probe mails whose page got out", self.arrived.clone());
        registry.register("lost", "Probe mails whose page did not get out in time", self.lost.clone());
        registry.register("pings", "Calls of the dead man's switch", self.pings.clone());
        registry.register(
            "pings_failed",
            "Calls of the dead man's switch that were not answered",
            self.pings_failed.clone(),
        );
        registry.register("page_seconds", "Time from the newest probe mail to its page", self.seconds.clone());
    }
}

/// Sends probes.
#[derive(Debug)]
pub struct Prober {
    engine: Arc<Engine>,
    smtp: SocketAddr,
    client: reqwest::Client,
    config: Config,
    counters: Counters,
}

impl Prober {
    /// Probes through the door at this address.
    pub fn new(
        engine: Arc<Engine>,
        smtp: SocketAddr,
        client: reqwest::Client,
        config: Config,
        counters: Counters,
    ) -> Self {
        Self { engine, smtp: reachable(smtp), client, config, counters }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            let round = Stopwatch::start();
            tokio::select! {
                () = stop.cancelled() => return,
                done = self.round() => match done {
                    Ok(()) => tracing::debug!("the dead man's switch was called"),
                    Err(error) => tracing::error!("the dead man's switch was not called: {error:#}"),
                },
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(self.config.every.saturating_sub(round.elapsed())) => {}
            }
        }
    }

    /// One probe, and the call if all is well.
    async fn round(&self) -> anyhow::Result<()> {
        match self.probe().await {
            Ok(took) => {
                self.counters.arrived.inc();
                self.counters.seconds.set(took.as_secs_f64());
            }
            Err(error) => {
                self.counters.lost.inc();
                return Err(error.context("a probe mail did not get through to its page"));
            }
        }
        if let Some(why) = objection(&self.engine.audited(), self.engine.clock().now()) {
            bail!("{why}");
        }
        let answer = self.client.get(self.config.ping.expose()).send().await.map_err(reqwest::Error::without_url);
        let answered = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        if answered {
            self.counters.pings.inc()
        } else {
            self.counters.pings_failed.inc()
        };
        let status = answer.context("its address cannot be reached")?.status();
        ensure!(status.is_success(), "its address answered {status}");
        Ok(())
    }

    /// A mail goes in, its page goes out, and nothing of it stays. Returns how long the page took.
    async fn probe(&self) -> anyhow::Result<Duration> {
        let (id, key) = {
            let id = format!("{:032x}", rand::rng().random::<u128>());
            (id.clone(), format!("probe/{id}"))
        };
        let store = self.engine.store();
        let began = Stopwatch::start();
        self.hand_in(&id, "begins").await?;
        let mut took = None;
        let mut open = None;
        while took.is_none() {
            ensure!(began.elapsed() < PROBE_TIMEOUT, "no page within {} s", PROBE_TIMEOUT.as_secs());
            open = store.open_by_key(PROBE, &key).await?;
            if let Some(incident) = &open {
                let notifications = store.notifications(incident.number).await?;
                let out = notifications.iter().any(|one| matches!(one.status, Status::Sent | Status::Delivered));
                took = out.then(|| began.elapsed());
            }
            tokio::time::sleep(if took.is_none() { LOOK_EVERY } else { Duration::ZERO }).await;
        }
        let number = open.map(|incident| incident.number).unwrap_or_default();
        let ending = Stopwatch::start();
        self.hand_in(&id, "ends").await?;
        while store.incident(number).await?.is_some_and(|incident| incident.status != IncidentStatus::Resolved) {
            ensure!(ending.elapsed() < PROBE_TIMEOUT, "its recovery did not end it");
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.engine.forget_probes().await.context("its traces cannot be removed")?;
        Ok(took.unwrap_or_default())
    }

    async fn hand_in(&self, id: &str, what: &str) -> anyhow::Result<()> {
        let definitions = self.engine.definitions();
        let domain = definitions.rulebook.domains.first().map_or("localhost", String::as_str);
        let (address, now) = (format!("{PROBE}@{domain}"), self.engine.clock().now());
        let raw = format!(
            "From: <{address}>\r\nTo: <{address}>\r\nSubject: nightcall probe {id} {what}\r\n\
             Message-ID: <{id}.{what}@{domain}>\r\nDate: {}\r\nAuto-Submitted: auto-generated\r\n\r\n\
             nightcall looks whether mail gets through to a page.\r\n",
            now.strftime("%a, %d %b %Y %H:%M:%S +0000")
        );
        client::send(self.smtp, &address, &address, raw.as_bytes()).await.map(|_| ()).context("over SMTP")
    }
}

/// Why the switch must not be called, if there is a reason. What may be wrong in days is no reason: whoever hears that
/// the calls have stopped would look for a dead gateway.
fn objection(audit: &Audit, now: jiff::Timestamp) -> Option<String> {
    if audit.at.is_none_or(|at| now.duration_since(at) > AUDIT_AGE_MAX) {
        return Some("the auditor has not looked lately".to_owned());
    }
    let worst = audit.findings.iter().find(|finding| finding.severity == Severity::Critical);
    worst.map(|finding| format!("the auditor says: {}", finding.detail))
}

/// Where a listener is reached from its own machine.
fn reachable(listening: SocketAddr) -> SocketAddr {
    let ip = match listening.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listening.port())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::engine::audit::Finding;

    #[test]
    fn only_what_is_wrong_now_stops_the_calls() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().expect("an instant");
        let finding = |severity| Finding { kind: "x", severity, detail: "it is".to_owned() };
        let audit = |age, findings| {
            let mut audit = Audit::default();
            audit.at = Some(now - jiff::SignedDuration::from_secs(age));
            audit.findings = findings;
            audit
        };
        let told = [
            objection(&Audit::default(), now),
            objection(&audit(121, vec![]), now),
            objection(&audit(30, vec![finding(Severity::Critical)]), now),
            objection(&audit(30, vec![finding(Severity::Warning)]), now),
            objection(&audit(120, vec![]), now),
        ];
        let late = Some("the auditor has not looked lately".to_owned());
        assert_eq!(told, [late.clone(), late, Some("the auditor says: it is".to_owned()), None, None]);
    }

    #[test]
    fn a_door_that_listens_everywhere_is_reached_at_home() {
        let reached =
            ["0.0.0.0:25", "[::]:25", "192.0.2.1:25"].map(|text| reachable(text.parse().expect("an address")));
        assert_eq!(reached.map(|address| address.to_string()), ["127.0.0.1:25", "[::1]:25", "192.0.2.1:25"]);
    }
}
