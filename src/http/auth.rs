//! Bearer tokens: made by the CLI, shown once, kept as hashes. No token, no data.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};

use super::origin::Origin;
use super::{Error, Shared};
use crate::engine::intake::hex;

/// What tokens begin with, so that people and secret scanners know them.
const PREFIX: &str = "nct_";

/// A caller who presented a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The token's name.
    pub name: String,
    /// The address it is used from.
    pub origin: String,
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Error> {
        let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token =
            given.and_then(|value| value.split_once(' ')).filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let (_, token) = token.ok_or(Error::Unauthorized)?;
        // Looked up by hash: neither the time it takes nor the database tells anything about other tokens.
        let name = shared.engine.store().token_name(&hash(token.trim())).await?;
        let origin = Origin::of(&parts.extensions).address;
        name.map(|name| Self { name, origin }).ok_or(Error::Unauthorized)
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
}
