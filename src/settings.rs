//! How the process runs: addresses, database, limits, providers and secrets. Read from `nightcall.toml`; three
//! environment variables override it.

mod channels;
mod http;
mod mail;
mod smtp;
mod telephone;
mod templates;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::definitions::{Placed, Table};
use crate::http::origin::Proxy;
use crate::notify::setup::Setup;
use crate::notify::{Secret, voice};
use crate::probe;
use crate::smtp::listener::Listener;
use crate::smtp::{server, tls};
pub use http::SignIn;
pub(crate) use telephone::is_e164;

/// Overrides `smtp.listen`.
pub const SMTP_LISTEN: &str = "NIGHTCALL_SMTP_LISTEN";
/// Overrides `http.listen`.
pub const HTTP_LISTEN: &str = "NIGHTCALL_HTTP_LISTEN";
/// Overrides `database.url`.
pub const DATABASE_URL: &str = "NIGHTCALL_DATABASE_URL";

/// How many requests a token may make a minute where nothing is said: a hundred a second.
const REQUESTS_PER_MINUTE: i64 = 6000;

/// Checked settings.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where SMTP listens, and on what terms; at least one.
    pub smtp_listeners: Vec<Listener>,
    /// What SMTP is bounded by.
    pub smtp: server::Config,
    /// The certificate for SMTP, and whose client certificates count.
    pub smtp_tls: Option<tls::Files>,
    /// Domains we take mail for, lower case.
    pub domains: Vec<String>,
    /// Where HTTP listens.
    pub http_listen: SocketAddr,
    /// The address under which others reach us, without a slash at its end.
    pub public_url: Option<String>,
    /// How many requests each token may make a minute.
    pub requests_per_minute: u32,
    /// How people sign in to the pages.
    pub sign_in: SignIn,
    /// The reverse proxies in front of HTTP.
    pub http_proxy: Proxy,
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
    /// Texts in place of ours, which definitions take over.
    pub templates: BTreeMap<String, String>,
}

impl Settings {
    /// Reads the settings' sections of the main file. What is wrong is noted with the table's reader; the
    /// settings returned are then of no use.
    pub fn read(root: &mut Table<'_>, folder: &Path) -> Self {
        let smtp::Smtp { listeners, config, tls, domains } = smtp::read(root, folder);

        let mut http = Section::of(root, "http");
        let http_listen = overridden(root, HTTP_LISTEN, http.address("listen", "127.0.0.1:8025"));
        let public_url = http.placed_text("public_url");
        let requests_per_minute = http.count("requests_per_minute", REQUESTS_PER_MINUTE, 1_000_000);
        let http_proxy = http.0.as_mut().and_then(|http| http.table("proxy")).map(http::read_proxy).unwrap_or_default();
        let sign_in = http.0.as_mut().and_then(|http| http.table("sign_in"));
        let sign_in = sign_in.map(|table| http::read_sign_in(table, folder, public_url.as_ref())).unwrap_or_default();
        http.finish();

        let mut database = Section::of(root, "database");
        let database_url = beside(&database.text("url", "sqlite://nightcall.db"), folder);
        database.finish();

        let rules = root.string("rules").map(|rules| folder.join(rules.value));
        let voice = root.table("voice").and_then(|table| telephone::read_voice(table, folder, public_url.as_ref()));
        let database_url = std::env::var(DATABASE_URL).unwrap_or(database_url);
        let dead_man = root.table("dead_man").and_then(|table| read_dead_man(table, folder));
        let public_url = public_url.map(|url| url.trim_end_matches('/').to_owned());
        let mut channels = channels::read(root, folder, public_url.as_deref());
        channels.sms = root.table("sms").and_then(|table| telephone::read_sms(table, folder, public_url.as_deref()));
        channels.mail = root.table("mail").and_then(|table| mail::read(table, folder, &domains));
        Self {
            smtp_listeners: listeners,
            smtp: config,
            smtp_tls: tls,
            domains,
            http_listen,
            public_url,
            requests_per_minute: u32::try_from(requests_per_minute).unwrap_or(u32::MAX),
            http_proxy,
            sign_in,
            database_url,
            rules,
            voice,
            channels,
            dead_man,
            templates: root.table("templates").map(|table| templates::read(table, "")).unwrap_or_default(),
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

    fn count(&mut self, key: &'static str, default: i64, max: i64) -> usize {
        let given = self.0.as_mut().and_then(|table| table.integer(key, 1..=max));
        usize::try_from(given.unwrap_or(default)).unwrap_or(usize::MAX)
    }

    fn wait(&mut self, key: &'static str, default: Duration) -> Duration {
        let given = self.0.as_mut().and_then(|table| table.duration(key));
        given.and_then(|given| Duration::try_from(given).ok()).unwrap_or(default)
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
