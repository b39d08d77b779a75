//! How the process runs: addresses, database, limits, providers and secrets. Read from `nightcall.toml`; three
//! environment variables override it.

mod channels;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::definitions::{Placed, Table};
use crate::notify::setup::Setup;
use crate::notify::{Secret, voice};
use crate::probe;
use crate::smtp::server;
use crate::smtp::session::Limits;

/// Overrides `smtp.listen`.
pub const SMTP_LISTEN: &str = "NIGHTCALL_SMTP_LISTEN";
/// Overrides `http.listen`.
pub const HTTP_LISTEN: &str = "NIGHTCALL_HTTP_LISTEN";
/// Overrides `database.url`.
pub const DATABASE_URL: &str = "NIGHTCALL_DATABASE_URL";

/// RFC 5321 section 4.5.3.2.6 gives senders 10 minutes; ours are less patient.
const COMMIT_TIMEOUT_MAX: Duration = Duration::from_secs(60);

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
    /// The address under which others reach us, without a slash at its end.
    pub public_url: Option<String>,
    /// The database.
    pub database_url: String,
    /// Folder with rule packs.
    pub rules: Option<PathBuf>,
    /// The telephone provider.
    pub voice: Option<voice::Config>,
    /// All other channels.
    pub channels: Setup,
    /// The dead man's switch.
    pub dead_man: Option<probe::Config>,
}

impl Settings {
    /// Reads the settings' sections of the main file. What is wrong is noted with the table's reader; the
    /// settings returned are then of no use.
    pub fn read(root: &mut Table<'_>, folder: &Path) -> Self {
        let mut smtp = Section::of(root, "smtp");
        let smtp_listen = overridden(root, SMTP_LISTEN, smtp.address("listen", "127.0.0.1:2525"));
        let hostname = smtp.text("hostname", "localhost");
        let domains = smtp.domains();
        let config = smtp.smtp_config(root, hostname);
        smtp.finish();

        let mut http = Section::of(root, "http");
        let http_listen = overridden(root, HTTP_LISTEN, http.address("listen", "127.0.0.1:8025"));
        let public_url = http.placed_text("public_url");
        http.finish();

        let mut database = Section::of(root, "database");
        let database_url = beside(&database.text("url", "sqlite://nightcall.db"), folder);
        database.finish();

        let rules = root.string("rules").map(|rules| folder.join(rules.value));
        let voice = root.table("voice").and_then(|table| read_voice(table, folder, public_url.as_ref()));
        let database_url = std::env::var(DATABASE_URL).unwrap_or(database_url);
        let dead_man = root.table("dead_man").and_then(|table| read_dead_man(table, folder));
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        let channels = channels::read(root, folder, public_url.as_deref());
        Self {
            smtp_listen,
            smtp: config,
            domains,
            http_listen,
            public_url,
            database_url,
            rules,
            voice,
            channels,
            dead_man,
        }
    }
}

/// What an environment variable says, else what the file says.
fn overridden(root: &Table<'_>, name: &str, address: SocketAddr) -> SocketAddr {
    let Ok(text) = std::env::var(name) else { return address };
    text.parse().unwrap_or_else(|_| {
        let message = format!("{name} is {text:?}, which is not an address like 127.0.0.1:2525");
        root.reader().note(0..0, message);
        address
    })
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

    fn placed_text(&mut self, key: &'static str) -> Option<Placed<String>> {
        self.0.as_mut().and_then(|table| table.string(key))
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
        given.and_then(|given| Duration::try_from(given).ok()).unwrap_or(default)
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

    fn finish(self) {
        if let Some(table) = self.0 {
            table.finish();
        }
    }
}

/// Least and most time between two calls of the dead man's switch.
const PING_EVERY: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(3600)];

fn read_dead_man(mut table: Table<'_>, folder: &Path) -> Option<probe::Config> {
    let ping = read_secret(&mut table, folder, ["ping", "ping_file", "ping_env"]);
    let every = table.duration("every").and_then(|every| Duration::try_from(every).ok());
    let every = every.unwrap_or(Duration::from_secs(60));
    if !(PING_EVERY[0]..=PING_EVERY[1]).contains(&every) {
        table.reader().note(table.span(), "every must be 1s to 1h");
    }
    if ping.as_ref().is_some_and(|ping| !ping.expose().starts_with("http://") && !ping.expose().starts_with("https://"))
    {
        let hint = "give the address that a watcher outside has given you, like https://hc.example/ping/…";
        table.reader().note_with_hint(table.span(), "ping must be a URL", hint);
    }
    table.finish();
    Some(probe::Config { ping: ping?, every })
}

fn read_voice(mut table: Table<'_>, folder: &Path, public_url: Option<&Placed<String>>) -> Option<voice::Config> {
    let reader = table.reader();
    let base_url = table.string("base_url");
    let account = table.required_string("account");
    let token = read_secret(&mut table, folder, ["token", "token_file", "token_env"]);
    let caller = table.required_string("caller");
    if public_url.is_none() {
        let hint = "set public_url in [http] to the address under which the provider reaches us";
        reader.note_with_hint(table.span(), "calls cannot be answered without a public_url", hint);
    }
    for url in [base_url.as_ref(), public_url].into_iter().flatten() {
        if !url.starts_with("https://") && !url.starts_with("http://") {
            reader.note(url.span.clone(), format!("{:?} is not a URL", url.value));
        }
    }
    if let Some(account) = account.as_ref().filter(|account| account.trim().is_empty()) {
        reader.note(account.span.clone(), "account is empty");
    }
    if let Some(caller) = caller.as_ref().filter(|caller| !is_e164(caller)) {
        reader.note(caller.span.clone(), "a phone number looks like +4915112345678 (E.164)");
    }
    table.finish();
    let base_url = base_url.map_or_else(|| "https://api.twilio.com".to_owned(), |url| url.value);
    Some(voice::Config {
        base_url: base_url.trim_end_matches('/').to_owned(),
        account: account?.value,
        token: token?,
        caller: caller?.value,
        public_url: public_url?.trim_end_matches('/').to_owned(),
    })
}

/// ITU-T E.164: a plus and up to 15 digits.
pub(crate) fn is_e164(number: &str) -> bool {
    let digits = number.strip_prefix('+').unwrap_or_default();
    (7..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.starts_with('0')
}

/// A secret, given in place, in a file or in an environment variable: exactly one of the three. An empty one would
/// sign anything for anybody.
fn read_secret(table: &mut Table<'_>, folder: &Path, keys: [&'static str; 3]) -> Option<Secret> {
    let [in_place, in_file, in_env] = keys.map(|key| table.string(key));
    let reader = table.reader();
    let (found, span) = match (in_place, in_file, in_env) {
        (Some(secret), None, None) => (Ok(secret.value), secret.span),
        (None, Some(Placed { value, span }), None) => {
            let read = std::fs::read_to_string(folder.join(&value));
            (read.map_err(|error| format!("cannot read the secret file {value}: {error}")), span)
        }
        (None, None, Some(Placed { value, span })) => {
            (std::env::var(&value).map_err(|_| format!("the environment variable {value} is not set")), span)
        }
        _ => {
            let [place, file, env] = keys;
            (Err(format!("give exactly one of {place}, {file} and {env}")), table.span())
        }
    };
    let found = found
        .map(|text| text.trim().to_owned())
        .and_then(|text| if text.is_empty() { Err("the secret is empty".to_owned()) } else { Ok(Secret::new(text)) });
    found.map_err(|message| reader.note(span, message)).ok()
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
