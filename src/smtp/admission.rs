//! Who is behind a connection, and whether it may come in: permits, and the PROXY header that comes before everything
//! else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::listener::{Encryption, Listener};
use super::proxy::{self, Header};
use super::reply::Reply;
use super::server::Door;
use super::{Mailroom, connection};

/// The right to one connection; dropping it gives it back.
pub(super) struct Permit<M> {
    door: Arc<Door<M>>,
    /// What it is counted for, once that is known.
    places: Vec<Place>,
}

/// What connections are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// One address.
    Address(IpAddr),
    /// The network around it, by its first address.
    Network(IpAddr),
}

impl Place {
    /// The network of an address: a /24 of IPv4, or a /64 of IPv6, which is what one customer has at least.
    fn around(address: IpAddr) -> Self {
        Self::Network(match address {
            IpAddr::V4(v4) => Ipv4Addr::from_bits(v4.to_bits() & (!0 << 8)).into(),
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (!0 << 64)).into(),
        })
    }
}

impl<M> Permit<M> {
    /// One of those for all. For whom a proxy speaks is not known yet, so it gets one of those that are kept as well.
    pub(super) fn take(door: &Arc<Door<M>>, listener: &Listener, peer: IpAddr) -> Option<Self> {
        let peer = peer.to_canonical();
        let may_be_listed = door.is_listed(peer) || listener.proxies.iter().any(|network| network.contains(peer));
        if door.counters.open.get() >= most_open(door, may_be_listed) {
            return None;
        }
        door.counters.open.inc();
        Some(Self { door: Arc::clone(door), places: Vec::new() })
    }

    /// And one of those for this address and its network.
    fn count_for(&mut self, address: IpAddr) -> bool {
        let config = &self.door.config;
        let is_listed = self.door.is_listed(address);
        // This one is among those that are open.
        if self.door.counters.open.get() > most_open(&self.door, is_listed) {
            return false;
        }
        let bounds = [
            (Place::Address(address), config.connections_per_address_max),
            (Place::around(address), config.connections_per_network_max),
        ];
        let mut places = self.door.places.lock().unwrap_or_else(PoisonError::into_inner);
        let bounded = !address.is_loopback() && !is_listed;
        if bounded && bounds.iter().any(|(place, max)| places.get(place).is_some_and(|open| open >= max)) {
            return false;
        }
        for (place, _) in bounds {
            *places.entry(place).or_default() += 1;
            self.places.push(place);
        }
        true
    }
}

/// Connections that may be open at once; the last tenth is for who is listed, if anybody is.
fn most_open<M>(door: &Door<M>, is_listed: bool) -> i64 {
    let all = door.config.connections_max;
    let kept = if door.config.listed.is_empty() || is_listed { 0 } else { all.div_ceil(10) };
    i64::try_from(all - kept).unwrap_or(i64::MAX)
}

impl<M> Drop for Permit<M> {
    fn drop(&mut self) {
        self.door.counters.open.dec();
        let mut places = self.door.places.lock().unwrap_or_else(PoisonError::into_inner);
        for place in &self.places {
            if let Some(open) = places.get_mut(place) {
                *open -= 1;
                if *open == 0 {
                    places.remove(place);
                }
            }
        }
    }
}

/// Lets a connection in, or sends it away.
pub(super) async fn admit<M: Mailroom>(
    mut permit: Permit<M>,
    listener: Arc<Listener>,
    mut stream: TcpStream,
    peer: SocketAddr,
) {
    let door = Arc::clone(&permit.door);
    let peer = peer.ip().to_canonical();
    let mut client = peer;
    if listener.proxies.iter().any(|network| network.contains(peer)) {
        let reading = tokio::time::timeout(door.config.handshake_timeout, read_header(&mut stream));
        match reading.await {
            Ok(Ok(Header::Whole(behind))) => client = behind.map_or(peer, |address| address.to_canonical()),
            // Who connects and says nothing may be a health check.
            Ok(Err(_)) => return,
            Ok(Ok(Header::Invalid | Header::More(_))) | Err(_) => {
                door.counters.proxy_refused.inc();
                tracing::warn!(%peer, "refused a connection of a proxy that does not say for whom");
                return say(&listener, &mut stream, &Reply::proxy_header_required()).await;
            }
        }
    }
    if !permit.count_for(client) {
        return turn_away(door, listener, stream, client).await;
    }
    door.counters.connections.inc();
    connection::run(&door, &listener, stream, client).await;
}

/// Reads a header and not a byte more: TLS may begin behind it.
async fn read_header(stream: &mut TcpStream) -> std::io::Result<Header> {
    let mut bytes = Vec::new();
    loop {
        let Header::More(count) = proxy::read(&bytes) else { return Ok(proxy::read(&bytes)) };
        if (&mut *stream).take(count as u64).read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Refuses a connection for want of a permit.
pub(super) async fn turn_away<M>(door: Arc<Door<M>>, listener: Arc<Listener>, mut stream: TcpStream, client: IpAddr) {
    door.counters.connections_refused.inc();
    tracing::warn!(peer = %client, "refused a connection: too many are open");
    say(&listener, &mut stream, &Reply::too_many_connections()).await;
}

/// Says why, where a client can read it before TLS. One that does not read it has nothing more to hear.
async fn say(listener: &Listener, stream: &mut TcpStream, reply: &Reply) {
    if listener.tls != Encryption::Implicit {
        let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(reply.to_wire().as_bytes())).await;
    }
}
