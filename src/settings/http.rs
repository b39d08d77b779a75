//! `[http]`: the reverse proxies in front of us, and how people sign in to the pages.

use std::path::Path;
use std::time::Duration;

use axum::http::HeaderName;
use openidconnect::{ClientSecret, IssuerUrl, PostLogoutRedirectUrl, RedirectUrl};

use super::read_secret;
use crate::definitions::{Placed, Table};
use crate::domain::network::Network;
use crate::http::oidc::{Config, is_private};
use crate::http::origin::Proxy;

/// How long a step of a sign-in may wait for the provider: more would outlast the request, less is not fair.
const TIMEOUTS: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(15)];

/// The same where nothing is said.
const TIMEOUT: Duration = Duration::from_secs(8);

/// How people sign in to the pages.
#[derive(Debug, Clone)]
pub struct SignIn {
    /// By passwords of ours.
    pub passwords: bool,
    /// By a provider that vouches for them.
    pub provider: Option<Config>,
}

impl Default for SignIn {
    fn default() -> Self {
        Self { passwords: true, provider: None }
    }
}

/// Reads `[http.sign_in]`; what is wrong is noted with the reader.
pub(super) fn read_sign_in(mut table: Table<'_>, folder: &Path, public_url: Option<&Placed<String>>) -> SignIn {
    let passwords = table.boolean("passwords").unwrap_or(true);
    let has_provider = table.has("provider");
    let provider = table.table("provider").and_then(|provider| read_provider(provider, folder, public_url));
    if !passwords && !has_provider {
        let hint = "add [http.sign_in.provider], or leave passwords out";
        table.reader().note_with_hint(table.span(), "nobody could sign in", hint);
    }
    table.finish();
    SignIn { passwords, provider }
}

fn read_provider(mut table: Table<'_>, folder: &Path, public_url: Option<&Placed<String>>) -> Option<Config> {
    let issuer = table.required_string("issuer");
    let client_id = table.required_string("client_id").map(|text| text.value);
    let name = table.string("name").map_or_else(|| "your provider".to_owned(), |text| text.value);
    let keys = ["client_secret", "client_secret_file", "client_secret_env"];
    let mut client_secret = None;
    if keys.iter().any(|key| table.has(key)) {
        client_secret =
            read_secret(&mut table, folder, keys).map(|secret| ClientSecret::new(secret.expose().to_owned()));
    }
    let claim = table.string("claim").map(|text| text.value);
    let groups_claim = table.string("groups_claim").map_or_else(|| "groups".to_owned(), |text| text.value);
    let texts = |texts: Option<Vec<Placed<String>>>| texts.into_iter().flatten().map(|text| text.value).collect();
    let (groups, scopes): (Vec<String>, Vec<String>) = (texts(table.strings("groups")), texts(table.strings("scopes")));
    let timeout = table.duration("timeout").and_then(|timeout| Duration::try_from(timeout).ok()).unwrap_or(TIMEOUT);
    if !(TIMEOUTS[0]..=TIMEOUTS[1]).contains(&timeout) {
        table.reader().note(table.span(), "timeout of a sign-in provider must be 1s to 15s");
    }
    let issuer = issuer.and_then(|text| {
        // OpenID Connect Discovery 1.0 section 3: HTTPS, and nothing behind the path.
        let is_issuer = |url: &IssuerUrl| {
            let url = url.url();
            is_private(url) && url.query().is_none() && url.fragment().is_none()
        };
        let url = IssuerUrl::new(text.value).ok().filter(is_issuer);
        if url.is_none() {
            let hint = "give the address that the provider calls its issuer, like https://login.example.com";
            table.reader().note_with_hint(text.span, "this is no issuer", hint);
        }
        url
    });
    let base = public_url.map(|url| url.value.trim_end_matches('/').to_owned());
    if base.is_none() {
        let hint = "the provider must know where it leads people back to";
        table.reader().note_with_hint(table.span(), "a sign-in provider needs http.public_url", hint);
    }
    table.finish();
    let base = base?;
    Some(Config {
        redirect: RedirectUrl::new(format!("{base}/sign-in/provider/answer")).ok()?,
        signed_out: PostLogoutRedirectUrl::new(format!("{base}/sign-in")).ok()?,
        issuer: issuer?,
        client_id: client_id?,
        name,
        client_secret,
        claim,
        groups_claim,
        groups,
        scopes,
        timeout,
    })
}

/// Reads `[http.proxy]`; what is wrong is noted with the reader.
pub(super) fn read_proxy(mut table: Table<'_>) -> Proxy {
    let mut networks = Vec::new();
    for text in table.strings("networks").unwrap_or_default() {
        match text.parse::<Network>() {
            Ok(network) => networks.push(network),
            Err(_) => {
                let message = format!("{:?} is not a network", text.value);
                table.reader().note_with_hint(text.span, message, "write it like 10.0.0.0/8 or 192.0.2.7");
            }
        }
    }
    let user_header = table.string("user_header").and_then(|text| {
        let header = text.parse::<HeaderName>().ok();
        if header.is_none() {
            let hint = "such as X-Forwarded-User; the proxy must replace what clients send in it";
            table.reader().note_with_hint(text.span, format!("{:?} is no name of a header", text.value), hint);
        }
        header
    });
    if networks.is_empty() {
        let hint = "list where the proxies are, like networks = [\"10.0.0.7\"]; nobody else is believed";
        table.reader().note_with_hint(table.span(), "[http.proxy] trusts nobody", hint);
    }
    table.finish();
    Proxy { networks, user_header }
}
