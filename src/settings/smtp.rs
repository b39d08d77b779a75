//! `[smtp]`: where it listens, for which domains, and what it is bounded by.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::{SMTP_LISTEN, Section, overridden};
use crate::definitions::{Placed, Table};
use crate::domain::network::Network;
use crate::smtp::authentication::{Dns, PATIENCE};
use crate::smtp::listener::{ClientCertificates, Encryption, Listener};
use crate::smtp::session::Limits;
use crate::smtp::users::{self, Users};
use crate::smtp::{server, tls};

/// Where SMTP listens when nothing is said.
const LISTEN: &str = "127.0.0.1:2525";

/// RFC 5321 section 4.5.3.2.6 gives senders 10 minutes; ours are less patient.
const COMMIT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// Devices give up after 20 s.
const DNS_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// The section, checked.
pub(super) struct Smtp {
    pub(super) listeners: Vec<Listener>,
    pub(super) config: server::Config,
    pub(super) tls: Option<tls::Files>,
    pub(super) domains: Vec<String>,
}

/// Reads the section; what is wrong is noted with the reader.
pub(super) fn read(root: &mut Table<'_>, folder: &Path) -> Smtp {
    let mut section = Section::of(root, "smtp");
    let tls = section.tls(folder);
    let users = section.users();
    let set_up = SetUp { files: tls.as_ref(), users: !users.is_empty() };
    let mut listeners = section.listeners(&set_up);
    if let Some(first) = listeners.first_mut() {
        first.address = overridden(root, SMTP_LISTEN, first.address);
    }
    let hostname = section.text("hostname", "localhost");
    let domains = section.domains();
    let auth_plain_from = section.networks("auth_plain_from");
    let dns = section.dns();
    let bounds = section.smtp_config(root, hostname);
    let config = server::Config { users: Arc::new(Users::new(users)), auth_plain_from, dns, ..bounds };
    section.finish();
    Smtp { listeners, config, tls, domains }
}

impl Section<'_> {
    /// `[smtp.tls]`.
    fn tls(&mut self, folder: &Path) -> Option<tls::Files> {
        let mut table = self.0.as_mut()?.table("tls")?;
        let [certificate, key] = ["certificate", "key"].map(|key| table.required_string(key));
        let client_ca = table.string("client_ca").map(|path| folder.join(path.value));
        table.finish();
        Some(tls::Files { certificate: folder.join(certificate?.value), key: folder.join(key?.value), client_ca })
    }

    /// `[smtp.users]`: `name = "$argon2id$…"`.
    fn users(&mut self) -> BTreeMap<String, String> {
        let Some(mut table) = self.0.as_mut().and_then(|section| section.table("users")) else {
            return BTreeMap::new();
        };
        let mut users = BTreeMap::new();
        for (name, value) in table.named_values() {
            let Some(hash) = table.as_string(value, &name) else { continue };
            if name.chars().any(char::is_control) || name.is_empty() {
                table.reader().note(name.span.clone(), format!("{:?} is no name", name.value));
            }
            if let Err(wrong) = users::usable(&hash) {
                let hint = "`nightcall smtp password NAME` makes one";
                table.reader().note_with_hint(hash.span, wrong, hint);
            }
            users.insert(name.value, hash.value);
        }
        users
    }

    /// `[smtp.dns]`.
    fn dns(&mut self) -> Dns {
        let Some(mut table) = self.0.as_mut().and_then(|section| section.table("dns")) else { return Dns::default() };
        let given = table.strings("servers").unwrap_or_default();
        let server = |text: &Placed<String>| {
            // Where no port is given it is 53.
            let address = text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 53)));
            if address.is_none() {
                let message = format!("{:?} is not the address of a name server", text.value);
                table.reader().note_with_hint(text.span.clone(), message, "write it like 192.0.2.53 or 127.0.0.1:5353");
            }
            address
        };
        let servers = given.iter().filter_map(server).collect();
        let timeout = table.duration("timeout").and_then(|timeout| Duration::try_from(timeout).ok());
        let timeout = timeout.unwrap_or(PATIENCE);
        if timeout > DNS_TIMEOUT_MAX {
            let hint = "devices give up after 20 s, and what comes after it takes time as well";
            table.reader().note_with_hint(table.span(), "smtp.dns.timeout is more than 10s", hint);
        }
        table.finish();
        Dns { servers, timeout }
    }

    /// `["10.0.0.0/8", "192.0.2.7"]`.
    fn networks(&mut self, key: &'static str) -> Vec<Network> {
        let Some(table) = self.0.as_mut() else { return Vec::new() };
        let mut networks = Vec::new();
        for text in table.strings(key).unwrap_or_default() {
            match text.parse() {
                Ok(network) => networks.push(network),
                Err(_) => {
                    let message = format!("{:?} is no address or network", text.value);
                    table.reader().note_with_hint(text.span, message, "write it like 192.0.2.7 or 10.0.0.0/8");
                }
            }
        }
        networks
    }

    /// `[[smtp.listeners]]`, or `listen` as the short form of one.
    fn listeners(&mut self, set_up: &SetUp<'_>) -> Vec<Listener> {
        let tables = self.0.as_mut().map(|section| section.tables("listeners")).unwrap_or_default();
        if tables.is_empty() {
            return vec![usual(self.address("listen", LISTEN), set_up)];
        }
        if let Some(section) = self.0.as_mut()
            && let Some(listen) = section.string("listen")
        {
            let hint = "write the address into the first of the listeners";
            section.reader().note_with_hint(listen.span, "smtp has both `listen` and listeners", hint);
        }
        tables.into_iter().map(|table| read_listener(table, set_up)).collect()
    }

    fn domains(&mut self) -> Vec<String> {
        let Some(table) = self.0.as_mut() else { return vec!["localhost".to_owned()] };
        let Some(domains) = table.strings("domains") else { return vec!["localhost".to_owned()] };
        if domains.is_empty() {
            table.reader().note(table.span(), "domains is empty, so no mail would be taken");
        }
        for domain in domains.iter().filter(|domain| !is_domain(domain)) {
            table.reader().note(domain.span.clone(), format!("{:?} is not a domain", domain.value));
        }
        domains.into_iter().map(|domain| domain.to_lowercase()).collect()
    }

    fn smtp_config(&mut self, root: &Table<'_>, hostname: String) -> server::Config {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let config = server::Config {
            session: Arc::new(Limits {
                hostname,
                size_bytes_max: self.count("size_bytes_max", 10 << 20, 1 << 30) as u64,
                recipients_max: self.count("recipients_max", 100, 1000),
                command_bytes_max: self.count("command_bytes_max", 4096, 65_536),
                errors_max: small(self.count("errors_max", 20, 1000)),
                idle_commands_max: small(self.count("idle_commands_max", 100, 10_000)),
                mails_max: small(self.count("mails_max", 1000, 1_000_000)),
            }),
            connections_max: self.count("connections_max", 1000, 100_000),
            connections_per_address_max: self.count("connections_per_address_max", 50, 100_000),
            connections_per_network_max: self.count("connections_per_network_max", 200, 100_000),
            listed: self.networks("listed"),
            free_bytes_min: self.count("free_bytes_min", 256 << 20, 1 << 50) as u64,
            held_bytes_max: self.count("held_bytes_max", 256 << 20, 1 << 40),
            users: Arc::default(),
            auth_plain_from: Vec::new(),
            dns: Dns::default(),
            idle_timeout: self.wait("idle_timeout", Duration::from_secs(300)),
            handshake_timeout: self.wait("handshake_timeout", Duration::from_secs(10)),
            mail_timeout: self.wait("mail_timeout", Duration::from_secs(10 * 60)),
            session_timeout: self.wait("session_timeout", Duration::from_secs(20 * 60)),
            commit_timeout: self.wait("commit_timeout", Duration::from_secs(45)),
        };
        let span = || self.0.as_ref().map_or(root.span(), Table::span);
        if (config.held_bytes_max as u64) < config.session.size_bytes_max {
            let hint = "a mail above held_bytes_max would be put off for ever";
            root.reader().note_with_hint(span(), "held_bytes_max is less than size_bytes_max", hint);
        }
        if config.commit_timeout > COMMIT_TIMEOUT_MAX {
            let hint = "a sender must have its answer within a minute";
            root.reader().note_with_hint(span(), "commit_timeout is more than 60s", hint);
        }
        config
    }
}

/// What there is to offer.
struct SetUp<'a> {
    files: Option<&'a tls::Files>,
    users: bool,
}

/// What a listener offers when nothing is said: everything that is set up, and nothing is demanded.
fn usual(address: SocketAddr, set_up: &SetUp<'_>) -> Listener {
    let tls = if set_up.files.is_some() { Encryption::StartTls } else { Encryption::None };
    let asked = set_up.files.is_some_and(|files| files.client_ca.is_some());
    let client_certificates = if asked { ClientCertificates::Optional } else { ClientCertificates::None };
    Listener { tls, client_certificates, auth: set_up.users, ..Listener::plain(address) }
}

fn read_listener(table: Table<'_>, set_up: &SetUp<'_>) -> Listener {
    let files = set_up.files;
    if !table.has("listen") {
        table.missing("listen");
    }
    let mut section = Section(Some(table));
    let mut listener = usual(section.address("listen", LISTEN), set_up);
    listener.proxies = section.networks("proxy_protocol_from");
    let Some(mut table) = section.0 else { return listener };
    let words = [("none", Encryption::None), ("starttls", Encryption::StartTls), ("implicit", Encryption::Implicit)];
    listener.tls = one_of(&mut table, "tls", &words).unwrap_or(listener.tls);
    let words = [
        ("none", ClientCertificates::None),
        ("optional", ClientCertificates::Optional),
        ("required", ClientCertificates::Required),
    ];
    let asked = one_of(&mut table, "client_certificates", &words);
    listener.client_certificates = asked.unwrap_or(listener.client_certificates);
    listener.require_tls = table.boolean("require_tls").unwrap_or(false);
    listener.auth = table.boolean("auth").unwrap_or(listener.auth);
    listener.require_auth = table.boolean("require_auth").unwrap_or(false);
    let note = |message: &str, hint: &str| table.reader().note_with_hint(table.span(), message, hint);
    if listener.auth && !set_up.users {
        note("this listener offers AUTH, but nobody has a password", "give some in [smtp.users]");
    }
    if listener.require_auth && !listener.auth {
        note("this listener requires AUTH but does not offer it", "add auth = true");
    }
    let encrypted_always = listener.tls == Encryption::Implicit || listener.require_tls;
    if listener.tls == Encryption::None {
        if listener.require_tls {
            note("this listener requires TLS but offers none", "tls is \"starttls\" or \"implicit\"");
        }
    } else if files.is_none() {
        note("this listener needs a certificate", "give certificate and key in [smtp.tls]");
    }
    if asked.is_some_and(|asked| asked != ClientCertificates::None)
        && files.is_none_or(|files| files.client_ca.is_none())
    {
        note("nobody says whose client certificates count", "give client_ca in [smtp.tls]");
    }
    if listener.client_certificates == ClientCertificates::Required && !encrypted_always {
        let message = "client certificates are required, but who stays in plaintext needs none";
        note(message, "add require_tls = true, or tls = \"implicit\"");
    }
    table.finish();
    listener
}

/// A word that stands for a value.
fn one_of<T: Copy>(table: &mut Table<'_>, key: &'static str, words: &[(&str, T)]) -> Option<T> {
    let given = table.string(key)?;
    let found = words.iter().find(|(word, _)| *word == given.value);
    if found.is_none() {
        table.reader().note_unknown(&given, key, words.iter().map(|(word, _)| *word));
    }
    found.map(|(_, value)| *value)
}

/// RFC 1123 names; an underscore is tolerated, because internal names have it.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    text.len() <= 253 && text.split('.').all(label)
}
