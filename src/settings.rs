//! How the process runs: addresses, database, limits, providers and secrets. Read from `nightcall.toml`; three
//! environment variables override it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::definitions::{Placed, Table};
use crate::notify::{Secret, voice};
use crate::smtp::server;
use crate::smtp::session::Limits;

/// Overrides `smtp.listen`.
pub const SMTP_LISTEN: &str = "NIGHTCALL_SMTP_LISTEN";
/// Overrides `http.listen`.
pub const HTTP_LISTEN: &str = "NIGHTCALL_HTTP_LISTEN";
/// Overrides `database.url`.
pub const DATABASE_URL: &str = "NIGHTCALL_DATABASE_URL";

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where SMTP listens.
    pub smtp_listen: SocketAddr,
    /// What SMTP is bounded by.
    pub smtp: server::Config,
    /// Domains we take mail for, lower case.
    pub domains: Vec<String>,
    /// Where HTTP listens.
    pub http_listen: SocketAddr,
    /// The database.
    pub database_url: String,
    /// Folder with rule packs.
    pub rules: Option<PathBuf>,
    /// The telephone provider.
    pub voice: Option<voice::Config>,
    /// Signs webhooks.
    pub webhook: Option<Secret>,
}

impl Settings {
    /// Reads the settings' sections of the main file. What is wrong is noted with the table's reader; the
    /// settings returned are then of no use.
    pub fn read(root: &mut Table<'_>, folder: &Path) -> Self {
        let mut smtp = Section::of(root, "smtp");
        let smtp_listen = smtp.address("listen", "127.0.0.1:2525");
        let hostname = smtp.text("hostname", "localhost");
        let domains = smtp.domains();
        let config = smtp.smtp_config(hostname);
        smtp.finish();

        let mut http = Section::of(root, "http");
        let http_listen = http.address("listen", "127.0.0.1:8025");
        let public_url = http.text("public_url", &format!("http://{http_listen}"));
        http.finish();

        let mut database = Section::of(root, "database");
        let database_url = beside(&database.text("url", "sqlite://nightcall.db"), folder);
        database.finish();

        let rules = root.string("rules").map(|rules| folder.join(rules.value));
        if let Some(rules) = &rules
            && !rules.is_dir()
        {
            root.reader().note(root.span(), format!("the rules folder {} does not exist", rules.display()));
        }
        let voice = root.table("voice").and_then(|table| read_voice(table, folder, &public_url));
        let webhook = root.table("webhook").and_then(|mut table| {
            let secret = read_secret(&mut table, folder, ["secret", "secret_file", "secret_env"]);
            table.finish();
            secret
        });
        let database_url = std::env::var(DATABASE_URL).unwrap_or(database_url);
        Self { smtp_listen, smtp: config, domains, http_listen, database_url, rules, voice, webhook }.overridden(root)
    }

    fn overridden(mut self, root: &Table<'_>) -> Self {
        for (name, address) in [(SMTP_LISTEN, &mut self.smtp_listen), (HTTP_LISTEN, &mut self.http_listen)] {
            let Ok(text) = std::env::var(name) else { continue };
            match text.parse() {
                Ok(parsed) => *address = parsed,
                Err(_) => {
                    root.reader()
                        .note(0..0, format!("{name} is {text:?}, which is not an address like 127.0.0.1:2525"));
                }
            }
        }
        self
    }
}

/// A section that may be missing, with defaults.
struct Section<'r>(Option<Table<'r>>);

impl<'r> Section<'r> {
    fn of(root: &mut Table<'r>, key: &'static str) -> Self {
        Self(root.table(key))
    }

    fn text(&mut self, key: &'static str, default: &str) -> String {
        self.0.as_mut().and_then(|table| table.string(key)).map_or_else(|| default.to_owned(), |text| text.value)
    }

    fn address(&mut self, key: &'static str, default: &str) -> SocketAddr {
        let default: SocketAddr = default.parse().expect("our defaults are addresses");
        let Some(table) = self.0.as_mut() else { return default };
        let Some(text) = table.string(key) else { return default };
        text.parse().unwrap_or_else(|_| {
            let message = format!("{:?} is not an address to listen on", text.value);
            table.reader().note_with_hint(text.span, message, "write IP:PORT, like 127.0.0.1:2525 or [::]:25");
            default
        })
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

    fn count(&mut self, key: &'static str, default: i64, max: i64) -> usize {
        let given = self.0.as_mut().and_then(|table| table.integer(key, 1..=max));
        usize::try_from(given.unwrap_or(default)).unwrap_or(usize::MAX)
    }

    fn wait(&mut self, key: &'static str, default: Duration) -> Duration {
        let given = self.0.as_mut().and_then(|table| table.duration(key));
        given.and_then(|given| Duration::try_from(given).ok()).filter(|wait| !wait.is_zero()).unwrap_or(default)
    }

    fn smtp_config(&mut self, hostname: String) -> server::Config {
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        server::Config {
            session: Arc::new(Limits {
                hostname,
                size_bytes_max: self.count("size_bytes_max", 10 << 20, 1 << 30) as u64,
                recipients_max: self.count("recipients_max", 100, 10_000),
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
        }
    }

    fn finish(self) {
        if let Some(table) = self.0 {
            table.finish();
        }
    }
}

fn read_voice(mut table: Table<'_>, folder: &Path, public_url: &str) -> Option<voice::Config> {
    let base_url = table.string("base_url").map_or_else(|| "https://api.twilio.com".to_owned(), |url| url.value);
    let account = table.required_string("account");
    let token = read_secret(&mut table, folder, ["token", "token_file", "token_env"]);
    let caller = table.required_string("caller");
    table.finish();
    Some(voice::Config {
        base_url: base_url.trim_end_matches('/').to_owned(),
        account: account?.value,
        token: token?,
        caller: caller?.value,
        public_url: public_url.trim_end_matches('/').to_owned(),
    })
}

/// A secret, given in place, in a file or in an environment variable: exactly one of the three.
fn read_secret(table: &mut Table<'_>, folder: &Path, keys: [&'static str; 3]) -> Option<Secret> {
    let [in_place, in_file, in_env] = keys.map(|key| table.string(key));
    let reader = table.reader();
    let trimmed = |text: String| Secret::new(text.trim_end_matches(['\r', '\n']));
    match (in_place, in_file, in_env) {
        (Some(secret), None, None) => Some(trimmed(secret.value)),
        (None, Some(Placed { value, span }), None) => match std::fs::read_to_string(folder.join(&value)) {
            Ok(text) => Some(trimmed(text)),
            Err(error) => {
                reader.note(span, format!("cannot read the secret file {value}: {error}"));
                None
            }
        },
        (None, None, Some(Placed { value, span })) => match std::env::var(&value) {
            Ok(text) => Some(trimmed(text)),
            Err(_) => {
                reader.note(span, format!("the environment variable {value} is not set"));
                None
            }
        },
        _ => {
            let [place, file, env] = keys;
            reader.note(table.span(), format!("give exactly one of {place}, {file} and {env}"));
            None
        }
    }
}

/// A relative SQLite path starts from the configuration's folder.
fn beside(url: &str, folder: &Path) -> String {
    match url.strip_prefix("sqlite://") {
        Some(path) if !path.starts_with('/') && !path.starts_with(':') => {
            let path = folder.join(path);
            format!("sqlite://{}", std::path::absolute(&path).unwrap_or(path).display())
        }
        _ => url.to_owned(),
    }
}

/// RFC 1123 names; an underscore is tolerated, because internal names have it.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len()) && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    text.len() <= 253 && text.split('.').all(label)
}
