//! The SMTP door: takes mail from monitors that never change (RFC 5321).
//!
//! [`session`] is the protocol, pure and without a socket; [`connection`] moves bytes, [`tls`] encrypts them;
//! [`authentication`] asks DNS where a mail comes from; [`server`] listens and hands out permits. A mail goes from here to the engine and nowhere else: there is no code that relays.

use std::future::Future;

pub use self::auth::Credentials;
use self::session::Acceptance;
use crate::domain::authentication::Wanted;
use crate::domain::rulebook::Route;
use crate::engine::intake::{Incoming, Receipt};
use crate::engine::{Engine, Error};

mod admission;
mod auth;
pub mod authentication;
pub mod client;
pub mod command;
pub mod connection;
pub mod data;
mod guesses;
pub mod line;
pub mod listener;
pub mod proxy;
pub mod reply;
pub mod server;
pub mod session;
mod stream;
pub mod tls;
pub mod users;

/// Where mail goes: the engine; and, in the benches, nowhere, to see what the engine costs.
pub trait Mailroom: Send + Sync + 'static {
    /// Whose address it is; from memory only.
    fn accepts(&self, recipient: &str) -> Acceptance;

    /// What must be known of a mail's authentication to take it in; from memory only.
    fn wanted(&self, recipients: &[String]) -> Wanted;

    /// Takes a mail in. `Ok` means that it is durable: only then may 250 be said.
    fn receive(&self, incoming: Incoming) -> impl Future<Output = Result<Receipt, Error>> + Send;
}

impl Mailroom for Engine {
    fn accepts(&self, recipient: &str) -> Acceptance {
        match self.route(recipient) {
            Route::Service(_) => Acceptance::Accepted,
            Route::UnknownMailbox => Acceptance::UnknownMailbox,
            Route::ForeignDomain => Acceptance::ForeignDomain,
        }
    }

    fn wanted(&self, recipients: &[String]) -> Wanted {
        self.wanted(recipients)
    }

    fn receive(&self, incoming: Incoming) -> impl Future<Output = Result<Receipt, Error>> + Send {
        self.receive(incoming)
    }
}
