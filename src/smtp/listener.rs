//! What is offered and demanded at one address.

use std::net::SocketAddr;

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
    /// A listener that offers and demands nothing.
    pub fn plain(address: SocketAddr) -> Self {
        Self { address, tls: Encryption::None, client_certificates: ClientCertificates::None, require_tls: false }
    }
}
