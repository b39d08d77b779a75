//! What is offered and demanded at one address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::domain::network::Network;

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address; port 0 asks for any free one.
    pub address: SocketAddr,
    /// How a connection comes to be encrypted.
    pub tls: Encryption,
    /// Whether clients are asked for certificates.
    pub client_certificates: ClientCertificates,
    /// Mail is only taken over TLS.
    pub require_tls: bool,
    /// Clients may say who they are.
    pub auth: bool,
    /// Mail is only taken from who has said who it is.
    pub require_auth: bool,
    /// Peers that say for whom they speak, by the PROXY protocol; from nobody else it is believed.
    pub proxies: Vec<Network>,
}

/// How a connection comes to be encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    /// Not at all.
    None,
    /// When the client asks for it (RFC 3207).
    StartTls,
    /// From its first byte (RFC 8314 section 3.3; port 465).
    Implicit,
}

/// Whether clients are asked for certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// No.
    None,
    /// A good one is noted with the mail; none, or a bad one, changes nothing.
    Optional,
    /// Without a good one there is no session.
    Required,
}

impl Listener {
    /// Whether mail is taken here from this machine without TLS, AUTH and PROXY header.
    pub fn is_open_at_home(&self) -> bool {
        let home = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let proxied = self.proxies.iter().any(|proxies| home.iter().any(|home| proxies.contains(*home)));
        self.tls != Encryption::Implicit && !self.require_tls && !self.require_auth && !proxied
    }

    /// A listener that offers and demands nothing.
    pub fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            tls: Encryption::None,
            client_certificates: ClientCertificates::None,
            require_tls: false,
            auth: false,
            require_auth: false,
            proxies: Vec::new(),
        }
    }
}
