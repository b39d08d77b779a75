//! From where a request comes: the peer of its connection, or what a reverse proxy that we trust says of its client.
//!
//! Whatever anybody else says about itself in headers is ignored, and counted where it claims to be somebody.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{Extensions, HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::Response;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::registry::Registry;

use super::Shared;
use crate::domain::network::Network;

/// Who the peer of the connection is; put there by the listener.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub IpAddr);

/// The reverse proxies in front of us.
#[derive(Debug, Clone, Default)]
pub struct Proxy {
    /// Where they are. Nobody else is believed.
    pub networks: Vec<Network>,
    /// The header in which they say who has signed in there; without one they sign nobody in.
    pub user_header: Option<HeaderName>,
}

/// The same at work, counting who is not believed.
#[derive(Debug)]
pub struct Proxies {
    proxy: Proxy,
    ignored: Counter,
}

impl Proxies {
    /// Counts for the metrics.
    pub fn new(proxy: Proxy, registry: &mut Registry) -> Self {
        let ignored = Counter::default();
        let help = "Requests that named somebody in the header of the reverse proxy and did not come from it";
        registry.register("http_proxy_header_ignored", help, ignored.clone());
        Self { proxy, ignored }
    }
}

/// Where a request comes from, and whom a proxy that we trust names.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The address of the client; empty when it is not known.
    pub address: String,
    /// Who has signed in at the proxy, as it says.
    pub named: Option<String>,
}

impl Origin {
    /// Of the request with these extensions.
    pub fn of(extensions: &Extensions) -> Self {
        extensions.get::<Self>().cloned().unwrap_or_default()
    }
}

/// Longest name that a proxy may give somebody, in bytes.
const NAME_BYTES_MAX: usize = 200;

impl Proxy {
    /// Whether this address is one of them.
    fn is_one(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// Where a request of this peer comes from. `X-Forwarded-For` is read from its end, past our own proxies: what
    /// stands before may have been written by the client.
    fn origin(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> (Origin, bool) {
        let named = self.user_header.as_ref().and_then(|header| headers.get(header));
        let Some(peer) = peer.map(|peer| peer.to_canonical()) else { return (Origin::default(), named.is_some()) };
        if !self.is_one(peer) {
            return (Origin { address: peer.to_string(), named: None }, named.is_some());
        }
        // Two of them are two opinions; the one that a client has sent may be among them.
        let only = self.user_header.as_ref().is_none_or(|header| headers.get_all(header).iter().count() <= 1);
        let name = named.filter(|_| only).and_then(|value| value.to_str().ok()).map(str::trim);
        let name = name.filter(|name| !name.is_empty() && name.len() <= NAME_BYTES_MAX).map(str::to_owned);
        let lines = headers.get_all("x-forwarded-for").into_iter().filter_map(|value| value.to_str().ok());
        let forwarded: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        let mut client = peer;
        for hop in forwarded.iter().rev() {
            let Ok(address) = hop.parse::<IpAddr>() else { break };
            client = address.to_canonical();
            if !self.is_one(client) {
                break;
            }
        }
        (Origin { address: client.to_string(), named: name }, false)
    }
}

/// Notes where each request comes from, before anybody looks at it.
pub(super) async fn note(State(shared): State<Arc<Shared>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().map(|peer| peer.0);
    let (origin, is_ignored) = shared.proxies.proxy.origin(peer, request.headers());
    if is_ignored {
        shared.proxies.ignored.inc();
        tracing::warn!(peer = origin.address, "a header names somebody, but its sender is no proxy of [http.proxy]");
    }
    request.extensions_mut().insert(origin);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_proxies_are_believed() {
        let proxy = Proxy {
            networks: vec!["10.0.0.0/8".parse().expect("a network")],
            user_header: Some(HeaderName::from_static("x-user")),
        };
        for (peer, headers, address, named, is_ignored) in [
            ("10.1.1.1", &[("x-user", "ann"), ("x-forwarded-for", "192.0.2.1")][..], "192.0.2.1", Some("ann"), false),
            ("192.0.2.9", &[("x-user", "ann"), ("x-forwarded-for", "192.0.2.1")], "192.0.2.9", None, true),
            ("192.0.2.9", &[("x-forwarded-for", "192.0.2.1")], "192.0.2.9", None, false),
            // The client has written the first one; the last but one is our own.
            ("10.1.1.1", &[("x-forwarded-for", "203.0.113.1, 192.0.2.1, 10.2.2.2")], "192.0.2.1", None, false),
            ("10.1.1.1", &[("x-forwarded-for", "nonsense")], "10.1.1.1", None, false),
            ("10.1.1.1", &[("x-user", "ann"), ("x-user", "ada")], "10.1.1.1", None, false),
            ("10.1.1.1", &[("x-user", " ")], "10.1.1.1", None, false),
            ("::ffff:10.1.1.1", &[("x-user", "ann")], "10.1.1.1", Some("ann"), false),
            ("::1", &[("x-user", "ann")], "::1", None, true),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(*name, value.parse().expect("a value"));
            }
            let (origin, ignored) = proxy.origin(Some(peer.parse().expect("an address")), &map);
            let told = (origin.address.as_str(), origin.named.as_deref(), ignored);
            assert_eq!(told, (address, named, is_ignored), "{peer} {headers:?}");
        }
        let mut map = HeaderMap::new();
        map.insert("x-user", "ann".parse().expect("a value"));
        assert!(proxy.origin(None, &map).1, "who is not known is not believed");
        assert!(Proxy::default().origin(None, &map).0.named.is_none());
    }
}
