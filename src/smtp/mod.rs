//! The SMTP door: takes mail from monitors that never change (RFC 5321).
//!
//! [`session`] is the protocol, pure and without a socket; [`connection`] moves bytes; [`server`] listens and
//! hands out permits. A mail goes from here to the engine and nowhere else: there is no code that relays.

pub mod command;
pub mod connection;
pub mod data;
pub mod line;
pub mod reply;
pub mod server;
pub mod session;
