//! Bearer tokens: made by the CLI, shown once, kept as hashes. No token, no data.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, header};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

use super::origin::Origin;
use super::{Error, Shared};
use crate::domain::actor::Actor;
use crate::domain::hex::hex;
use crate::domain::scope::Scope;
use crate::store::token::Token;

/// What tokens begin with, so that people and secret scanners know them.
const PREFIX: &str = "nct_";

/// A caller who presented a token that is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's name.
    pub name: String,
    /// What it may do.
    pub scope: Scope,
    /// The services it is for; empty is all, and what belongs to none.
    pub services: Vec<String>,
    /// The token's hash.
    pub hash: String,
    /// The address it is used from; empty when it is not known.
    pub origin: String,
}

impl Caller {
    /// Who presents the token of a request with these headers and extensions.
    ///
    /// # Errors
    /// When there is none, nobody issued it, or it is over.
    pub async fn of(app: &Shared, headers: &HeaderMap, extensions: &Extensions) -> Result<Self, Error> {
        let missing = "send a token: Authorization: Bearer TOKEN (made by `nightcall token create`)";
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = token.ok_or(Error::Unauthorized(missing))?;
        Self::of_hash(app, &hash(token.trim()), Origin::of(extensions).address).await
    }

    /// Who presents the token with this hash, from this address.
    ///
    /// # Errors
    /// When nobody issued it, or it is over.
    pub async fn of_hash(app: &Shared, hash: &str, origin: String) -> Result<Self, Error> {
        let unknown = "this token is not known here; `nightcall token create` makes one";
        let over = "this token has expired or was taken back; `nightcall token create` makes another one";
        // Looked up by hash: neither the time it takes nor the database tells anything about other tokens.
        let token = app.engine.store().token(hash).await?.ok_or(Error::Unauthorized(unknown))?;
        if !token.is_good(app.engine.clock().now()) {
            return Err(Error::Unauthorized(over));
        }
        let Token { name, scope, services, .. } = token;
        Ok(Self { name, scope, services, hash: hash.to_owned(), origin })
    }

    /// Who acts, on timelines and in the trail.
    pub fn actor(&self) -> Actor {
        Actor::token(&self.name, &self.origin)
    }

    /// Whether the token is for this service.
    pub fn is_for(&self, service: &str) -> bool {
        self.is_for_all() || self.services.iter().any(|own| own == service)
    }

    /// Whether the token is for all services.
    pub fn is_for_all(&self) -> bool {
        self.services.is_empty()
    }

    /// Refuses what is about another service, or about all of them.
    ///
    /// # Errors
    /// When the token is for named services, and this is none of them.
    pub fn check_service(&self, service: Option<&str>) -> Result<(), Error> {
        match service {
            Some(service) if self.is_for(service) => Ok(()),
            None if self.is_for_all() => Ok(()),
            _ => Err(Error::Forbidden(format!(
                "the token {:?} is for {} only: name one of these services, or use another token",
                self.name,
                self.services.join(", ")
            ))),
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Error> {
        // The guard has put it there. A route without a guard has no caller, and gives nothing away.
        let forgotten = Error::Unauthorized("nobody may do this without a token");
        parts.extensions.get::<Self>().cloned().ok_or(forgotten)
    }
}

/// Mints a token of 256 random bits.
pub fn mint() -> String {
    format!("{PREFIX}{}", mint_secret())
}

/// Mints a secret of 256 random bits, in hex.
pub fn mint_secret() -> String {
    let (high, low) = rand::rng().random::<(u128, u128)>();
    format!("{high:032x}{low:032x}")
}

/// What the database keeps. A random token needs no slow hash.
pub fn hash(token: &str) -> String {
    hex(&Sha256::digest(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_long_and_different() {
        let (a, b) = (mint(), mint());
        assert_ne!(a, b);
        assert_eq!(a.len(), PREFIX.len() + 64);
        assert_eq!(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn a_token_for_a_service_is_for_no_other() {
        let of = |services: &[&str]| Caller {
            name: "t".to_owned(),
            scope: Scope::Read,
            services: services.iter().map(|name| (*name).to_owned()).collect(),
            hash: String::new(),
            origin: String::new(),
        };
        let (all, one) = (of(&[]), of(&["db"]));
        assert!(all.is_for("web") && one.is_for("db") && !one.is_for("web"));
        assert!(all.check_service(None).is_ok() && one.check_service(Some("db")).is_ok());
        assert!(one.check_service(None).is_err() && one.check_service(Some("web")).is_err());
    }
}
