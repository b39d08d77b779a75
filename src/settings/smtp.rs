//! `[smtp]`: where it listens, for which domains, and what it is bounded by.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::{SMTP_LISTEN, Section, overridden};
use crate::definitions::Table;
use crate::smtp::listener::Listener;
use crate::smtp::server;
use crate::smtp::session::Limits;

/// Where SMTP listens when nothing is said.
const LISTEN: &str = "127.0.0.1:2525";

/// RFC 5321 section 4.5.3.2.6 gives senders 10 minutes; ours are less patient.
const COMMIT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

/// The section, checked.
pub(super) struct Smtp {
    pub(super) listeners: Vec<Listener>,
    pub(super) config: server::Config,
    pub(super) domains: Vec<String>,
}

/// Reads the section; what is wrong is noted with the reader.
pub(super) fn read(root: &mut Table<'_>) -> Smtp {
    let mut section = Section::of(root, "smtp");
    let mut listeners = section.listeners();
    if let Some(first) = listeners.first_mut() {
        first.address = overridden(root, SMTP_LISTEN, first.address);
    }
    let hostname = section.text("hostname", "localhost");
    let domains = section.domains();
    let config = section.smtp_config(root, hostname);
    section.finish();
    Smtp { listeners, config, domains }
}

impl Section<'_> {
    /// `[[smtp.listeners]]`, or `listen` as the short form of one.
    fn listeners(&mut self) -> Vec<Listener> {
        let Some(section) = self.0.as_mut() else { return vec![listener(default_address())] };
        let tables = section.tables("listeners");
        if tables.is_empty() {
            return vec![listener(self.address("listen", LISTEN))];
        }
        if let Some(listen) = section.string("listen") {
            let hint = "write the address into the first of the listeners";
            section.reader().note_with_hint(listen.span, "smtp has both `listen` and listeners", hint);
        }
        tables.into_iter().map(|table| read_listener(Section(Some(table)))).collect()
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
            held_bytes_max: self.count("held_bytes_max", 256 << 20, 1 << 40),
            idle_timeout: self.wait("idle_timeout", Duration::from_secs(300)),
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

fn default_address() -> SocketAddr {
    LISTEN.parse().expect("our default is an address")
}

fn listener(address: SocketAddr) -> Listener {
    Listener { address }
}

fn read_listener(mut section: Section<'_>) -> Listener {
    if let Some(table) = section.0.as_ref().filter(|table| !table.has("listen")) {
        table.missing("listen");
    }
    let listener = listener(section.address("listen", LISTEN));
    section.finish();
    listener
}

/// RFC 1123 names; an underscore is tolerated, because internal names have it.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    text.len() <= 253 && text.split('.').all(label)
}
