//! What is offered and demanded at one address.

use std::net::SocketAddr;

/// One address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// The address; port 0 asks for any free one.
    pub address: SocketAddr,
}
