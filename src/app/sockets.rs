//! Sockets that a service manager has opened for us (systemd.socket(5), sd_listen_fds(3)): the way to port 25
//! without any privilege. They are told apart by their addresses, so the configuration stays the same.

use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use listenfd::ListenFd;
use tokio::net::TcpListener;

/// How many sockets there are, in the environment.
const LISTEN_FDS: &str = "LISTEN_FDS";

/// Listening sockets nobody has taken yet.
#[derive(Debug, Default)]
pub struct Sockets(Vec<std::net::TcpListener>);

impl Sockets {
    /// Those that were handed to this process; none, mostly.
    ///
    /// # Errors
    /// When something else than a listening TCP socket was handed over.
    pub fn inherited() -> anyhow::Result<Self> {
        if std::env::var_os(LISTEN_FDS).is_none() {
            return Ok(Self::default());
        }
        let mut given = ListenFd::from_env();
        let mut sockets = Vec::new();
        for index in 0..given.len() {
            let socket = given.take_tcp_listener(index);
            let socket = socket.with_context(|| format!("socket {index} of the service manager cannot be used"))?;
            sockets.extend(socket);
        }
        Ok(Self(sockets))
    }

    /// The socket for an address: one that was handed over, or one of our own. Called within the runtime.
    pub(super) async fn listen(
        &mut self,
        address: SocketAddr,
        door: &str,
        setting: &str,
    ) -> anyhow::Result<TcpListener> {
        let given = self.0.iter().position(|socket| socket.local_addr().is_ok_and(|given| same(given, address)));
        if let Some(index) = given {
            let socket = self.0.swap_remove(index);
            socket.set_nonblocking(true)?;
            return TcpListener::from_std(socket).context("a socket of the service manager cannot be used");
        }
        let bound = TcpListener::bind(address).await;
        bound.with_context(|| format!("cannot listen for {door} on {address} (setting {setting})"))
    }

    /// Every socket must have been taken: on one left over, mail would wait that nobody takes.
    pub(super) fn nothing_left(&self) -> anyhow::Result<()> {
        if let Some(socket) = self.0.first() {
            let address = socket.local_addr().context("a socket of the service manager has no address")?;
            bail!("the service manager listens on {address}, but the configuration does not");
        }
        Ok(())
    }
}

/// A socket for any address of both families is also meant by one of them.
fn same(given: SocketAddr, wanted: SocketAddr) -> bool {
    let any = given.ip().is_unspecified() && wanted.ip().is_unspecified();
    given == wanted || (any && given.port() == wanted.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_found_by_its_address() {
        let given = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = given.local_addr().expect("an address");
        let mut sockets = Sockets(vec![given]);
        assert!(sockets.nothing_left().is_err());
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let own = sockets.listen(any, "SMTP", "smtp.listen").await.expect("any port");
        assert_ne!(own.local_addr().expect("an address"), address, "it is not taken for another address");
        let taken = sockets.listen(address, "SMTP", "smtp.listen").await.expect("it is there");
        assert_eq!(taken.local_addr().expect("an address"), address);
        assert!(sockets.nothing_left().is_ok());
        assert!(sockets.listen(address, "SMTP", "smtp.listen").await.is_err(), "once");
    }

    #[test]
    fn any_address_is_any_address() {
        for (given, wanted, expected) in [
            ("[::]:25", "0.0.0.0:25", true),
            ("[::]:25", "[::]:25", true),
            ("[::]:25", "0.0.0.0:465", false),
            ("[::]:25", "127.0.0.1:25", false),
            ("127.0.0.1:25", "127.0.0.2:25", false),
        ] {
            let parse = |text: &str| text.parse().expect("an address");
            assert_eq!(same(parse(given), parse(wanted)), expected, "{given} {wanted}");
        }
    }
}
