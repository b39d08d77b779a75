//! Who is behind a connection, and whether it may come in: permits, and the PROXY header that comes before everything
//! else.

use std::net::{IpAddr, SocketAddr};
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
    /// Whom it is counted for, once that is known.
    address: Option<IpAddr>,
}

impl<M> Permit<M> {
    /// One of those for all.
    pub(super) fn take(door: &Arc<Door<M>>) -> Option<Self> {
        if usize::try_from(door.counters.open.get()).unwrap_or(0) >= door.config.connections_max {
            return None;
        }
        door.counters.open.inc();
        Some(Self { door: Arc::clone(door), address: None })
    }

    /// And one of those for this address.
    fn count_for(&mut self, address: IpAddr) -> bool {
        let mut addresses = self.door.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let open = addresses.entry(address).or_default();
        if !address.is_loopback() && *open >= self.door.config.connections_per_address_max {
            return false;
        }
        *open += 1;
        self.address = Some(address);
        true
    }
}

impl<M> Drop for Permit<M> {
    fn drop(&mut self) {
        self.door.counters.open.dec();
        let Some(address) = self.address else { return };
        let mut addresses = self.door.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = addresses.get_mut(&address) {
            *open -= 1;
            if *open == 0 {
                addresses.remove(&address);
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
