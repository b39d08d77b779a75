//! The listener: accepts connections, hands out permits, and stops gently.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::admission::{Permit, Place};
use super::authentication::{Authenticator, Dns};
use super::guesses::Guesses;
use super::listener::Listener;
use super::session::Limits;
use super::tls::Tls;
use super::users::Users;
use super::{Mailroom, admission};
use crate::clock::Clock;
use crate::disk::Disk;
use crate::domain::network::Network;

/// Everything the door is bounded by.
#[derive(Debug, Clone)]
pub struct Config {
    /// Bounds on one session.
    pub session: Arc<Limits>,
    /// Connections at once.
    pub connections_max: usize,
    /// Connections at once from one address; loopback is exempt, because a local mail server is one address
    /// for many monitors.
    pub connections_per_address_max: usize,
    /// Connections at once from one network: a /24 of IPv4, a /64 of IPv6.
    pub connections_per_network_max: usize,
    /// Who is known: for them none of the bounds above but the first counts, and a tenth of that is kept.
    pub listed: Vec<Network>,
    /// Bytes that must be free where the database is; with less, mail is put off.
    pub free_bytes_min: u64,
    /// Mail text held in memory over all connections, in bytes.
    pub held_bytes_max: usize,
    /// Who may say who it is.
    pub users: Arc<Users>,
    /// From where passwords are taken in plaintext.
    pub auth_plain_from: Vec<Network>,
    /// How long a client may say nothing (RFC 5321 section 4.5.3.2 asks for 5 minutes).
    pub idle_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How long the text of one mail may take, from DATA to the final dot.
    pub mail_timeout: Duration,
    /// How long one connection may last.
    pub session_timeout: Duration,
    /// Whom to ask where mails come from.
    pub dns: Dns,
    /// How long a commit may take before the client is told to try again (I3).
    pub commit_timeout: Duration,
}

/// What the door has done, for the metrics.
#[derive(Debug, Clone, Default)]
pub struct Counters {
    /// Connections accepted.
    pub connections: Counter,
    /// Connections refused for want of a permit.
    pub connections_refused: Counter,
    /// Mails answered 250.
    pub mails_accepted: Counter,
    /// Mails answered 451 because they could not be stored.
    pub mails_not_committed: Counter,
    /// Mails answered 550 because of their sender.
    pub mails_refused: Counter,
    /// Commands refused with 4xx.
    pub refused_temporarily: Counter,
    /// Commands refused with 5xx.
    pub refused_permanently: Counter,
    /// Passwords not checked because too many from there were wrong.
    pub auth_put_off: Counter,
    /// Mails put off because the disk is nearly full.
    pub disk_low: Counter,
    /// Mails of which DNS did not tell everything that was asked.
    pub authentication_unknown: Counter,
    /// Handshakes that succeeded.
    pub tls_handshakes: Counter,
    /// Handshakes that failed.
    pub tls_handshakes_failed: Counter,
    /// Passwords that were right.
    pub auth_succeeded: Counter,
    /// Passwords that were wrong.
    pub auth_failed: Counter,
    /// Connections of listed proxies that did not say for whom.
    pub proxy_refused: Counter,
    /// Connections open now.
    pub open: Gauge,
    /// Mail text held now, in bytes.
    pub held_bytes: Gauge,
}

impl Counters {
    /// Makes them visible.
    pub fn register(&self, registry: &mut Registry) {
        let counters = [
            ("connections", "SMTP connections accepted", &self.connections),
            ("connections_refused", "SMTP connections refused for want of a permit", &self.connections_refused),
            ("mails_accepted", "Mails answered 250", &self.mails_accepted),
            ("mails_refused", "Mails answered 550 because of their sender", &self.mails_refused),
            ("mails_not_committed", "Mails answered 451 because they could not be stored", &self.mails_not_committed),
            ("refused_temporarily", "SMTP commands refused with 4xx", &self.refused_temporarily),
            ("refused_permanently", "SMTP commands refused with 5xx", &self.refused_permanently),
            ("proxy_refused", "Connections of proxies without a usable PROXY header", &self.proxy_refused),
            ("auth_succeeded", "Passwords that were right", &self.auth_succeeded),
            ("auth_failed", "Passwords that were wrong", &self.auth_failed),
            ("auth_put_off", "Passwords not checked: too many from there were wrong", &self.auth_put_off),
            ("disk_low", "Mails put off because the disk is nearly full", &self.disk_low),
            ("authentication_unknown", "Mails of which DNS did not tell all", &self.authentication_unknown),
            ("tls_handshakes", "TLS handshakes that succeeded", &self.tls_handshakes),
            ("tls_handshakes_failed", "TLS handshakes that failed", &self.tls_handshakes_failed),
        ];
        let registry = registry.sub_registry_with_prefix("smtp");
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        registry.register("connections_open", "SMTP connections open now", self.open.clone());
        registry.register("held_bytes", "Bytes of mail text held in memory", self.held_bytes.clone());
    }
}

/// What every connection shares, whichever listener it came by.
#[derive(Debug)]
pub struct Door<M> {
    pub(crate) config: Config,
    pub(crate) mailroom: Arc<M>,
    pub(crate) counters: Counters,
    pub(crate) authenticator: Arc<Authenticator>,
    pub(crate) clock: Clock,
    /// For the listeners that encrypt; nothing when none does.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) stop: CancellationToken,
    /// Connections open now, by the address of the client and by its network.
    pub(super) places: Mutex<HashMap<Place, usize>>,
    pub(super) guesses: Guesses,
    /// Where mail is put; nothing where nobody looks after it.
    pub(crate) disk: Option<Arc<Disk>>,
}

impl<M> Door<M> {
    /// A door that is open until `stop`.
    pub fn new(config: Config, mailroom: Arc<M>, counters: Counters, clock: Clock, stop: CancellationToken) -> Self {
        let authenticator = Arc::new(Authenticator::new(config.dns.clone(), &config.session.hostname));
        Self {
            config,
            mailroom,
            counters,
            authenticator,
            clock,
            tls: None,
            stop,
            places: Mutex::default(),
            guesses: Guesses::default(),
            disk: None,
        }
    }

    /// The same with a certificate.
    pub fn with_tls(self, tls: Option<Arc<Tls>>) -> Self {
        Self { tls, ..self }
    }

    /// The same on a disk that may be full.
    pub fn on_disk(self, disk: Arc<Disk>) -> Self {
        Self { disk: Some(disk), ..self }
    }

    pub(super) fn is_listed(&self, address: IpAddr) -> bool {
        self.config.listed.iter().any(|network| network.contains(address))
    }
}

/// Listens until the door is closed, then waits for the connections to finish what is in DATA.
pub async fn serve<M: Mailroom>(door: Arc<Door<M>>, listener: Arc<Listener>, socket: TcpListener) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = door.stop.cancelled() => break,
            accepted = socket.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => match Permit::take(&door, &listener, peer.ip()) {
                Some(permit) => {
                    connections.spawn(admission::admit(permit, Arc::clone(&listener), stream, peer));
                }
                None => {
                    let refusing = admission::turn_away(Arc::clone(&door), Arc::clone(&listener), stream, peer.ip());
                    connections.spawn(refusing);
                }
            },
            Err(error) => {
                // Out of file descriptors, mostly: existing connections go on, and some will end.
                tracing::error!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    drop(socket);
    connections.close();
    connections.wait().await;
}
