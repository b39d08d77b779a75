//! The harness: a whole gateway with real SMTP and HTTP, a pretend telephone, and a clock moved by hand.
//!
//! Timers and notifications run only in [`World::settle`], so a story decides when things happen and a call
//! that nobody expected is found.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use nightcall::app::{self, Drive, Running};
use nightcall::cli::demo::phone::{self, Call, Heard, Phone};
use nightcall::clock::Clock;
use nightcall::definitions;
use nightcall::domain::actor::Actor;
use nightcall::domain::incident::{Incident, Status};
use nightcall::http::auth;
use nightcall::store::token::Token;
use rand::RngExt as _;
use serde_json::Value;
use tempfile::TempDir;

use crate::smtp::Client;

/// Ann is called first, then Bob; the boss is the fallback contact.
pub(crate) const STANDARD: &str = r#"
[policies.default]
rounds = 1
steps = [{ delay = "5m", targets = ["ann"] }, { delay = "10m", targets = ["bob"] }]
[services.db]
addresses = ["db"]
policy = "default"
[services.web]
addresses = ["web"]
policy = "default"
"#;

pub(crate) struct World {
    pub(crate) running: Running,
    pub(crate) phone: Phone,
    pub(crate) clock: Clock,
    pub(crate) token: String,
    numbers: BTreeMap<String, String>,
    client: reqwest::Client,
    /// The story looks at the phones, so every call must be expected by it.
    watches_phones: bool,
    _folder: TempDir,
}

impl Drop for World {
    fn drop(&mut self) {
        if self.watches_phones && !std::thread::panicking() {
            self.expect_silence();
        }
    }
}

impl World {
    /// A gateway with the standard people, policy and services.
    pub(crate) async fn standard() -> Self {
        Self::new(STANDARD).await
    }

    /// A gateway with these policies and services; people are ann, bob, cid and boss, by voice.
    pub(crate) async fn new(definitions: &str) -> Self {
        Self::build(definitions, "", None).await
    }

    /// A gateway with more lines in `[smtp]`, or on another database.
    pub(crate) async fn build(definitions: &str, smtp: &str, database_url: Option<&str>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let phone = Phone::start().await.expect("the phone starts");
        let http = free_address();
        let users =
            [("ann", "+15005550001"), ("bob", "+15005550002"), ("cid", "+15005550003"), ("boss", "+15005550009")];
        let people: String =
            users.iter().map(|(name, number)| format!("[users.{name}]\ncontacts = [\"voice:{number}\"]\n")).collect();
        // A story may have a provider of its own.
        let voice = if definitions.contains("[voice]") {
            String::new()
        } else {
            let (url, account, token) = (&phone.base_url, phone::ACCOUNT, phone::TOKEN);
            format!(
                "[voice]\nbase_url = \"{url}\"\naccount = \"{account}\"\ntoken = \"{token}\"\ncaller = \"+15005550006\""
            )
        };
        // A story may have more lines in `[http]`: they come first, before an empty line.
        let (http_lines, definitions) =
            definitions.strip_prefix("[http]\n").and_then(|rest| rest.split_once("\n\n")).unwrap_or(("", definitions));
        let listen = if smtp.contains("[[smtp.listeners]]") { "" } else { "listen = \"127.0.0.1:0\"" };
        let text = format!(
            r#"fallback = "boss"
[smtp]
{listen}
hostname = "mx.test"
domains = ["alerts.example.com", "second.example.com"]
{smtp}
[http]
listen = "{http}"
public_url = "http://{http}"
{http_lines}
{voice}
[egress]
allow = ["127.0.0.0/8"]
[webhook]
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
{people}
{definitions}"#
        );
        let config = folder.path().join("nightcall.toml");
        std::fs::write(&config, text).expect("the configuration is written");
        let clock = Clock::manual("2026-11-21T10:00:00Z".parse().expect("a timestamp"));
        let mut loaded =
            definitions::load(&config, clock.now()).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        loaded.settings.database_url = database_url.map_or_else(|| sqlite_url(folder.path()), str::to_owned);
        let running = app::start(loaded, clock.clone(), Drive::ByHand).await.expect("the gateway starts");
        let token = auth::mint();
        running
            .engine
            .store()
            .add_token(&Token::for_everything("test", clock.now()), &auth::hash(&token), &Actor::command_line("test"))
            .await
            .expect("a token is stored");
        let numbers = users.iter().map(|(name, number)| ((*number).to_owned(), (*name).to_owned())).collect();
        let client = nightcall::notify::http_client().expect("a client");
        Self { running, phone, clock, token, numbers, client, watches_phones: false, _folder: folder }
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Delivers bytes over SMTP and returns the reply to the final dot, or the first refusal.
    pub(crate) async fn deliver(&self, from: &str, to: &[&str], raw: &[u8]) -> String {
        let mut client = Client::connect(self.running.smtp_address()).await.expect("SMTP accepts");
        client.reply().await.expect("a greeting");
        client.command("EHLO mon01").await.expect("an answer to EHLO");
        let reply = client.deliver(from, to, raw).await.expect("an answer to the mail");
        client.command("QUIT").await;
        reply
    }

    /// Delivers a mail that must be accepted; its id. Timers and phones do what they must.
    pub(crate) async fn mail(&mut self, to: &str, raw: &[u8]) -> String {
        let reply = self.deliver("root@mon01.example", &[to], raw).await;
        assert!(reply.starts_with("250 2.0.0 accepted as "), "{reply}");
        self.settle().await;
        reply.rsplit(' ').next().expect("an id").to_owned()
    }

    /// A mail as the stock Nagios command writes it, dated now.
    pub(crate) async fn nagios(&mut self, kind: &str, state: &str) -> String {
        let date = self.now().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string();
        self.nagios_dated(kind, state, &date).await
    }

    pub(crate) async fn nagios_dated(&mut self, kind: &str, state: &str, date: &str) -> String {
        let subject = format!("** {kind} Service Alert: db1/disk is {state} **");
        self.mail("db@alerts.example.com", format!("Subject: {subject}\r\nDate: {date}\r\n\r\nx\r\n").as_bytes()).await
    }

    /// Lets timers and notifications run until nothing is due.
    pub(crate) async fn settle(&mut self) {
        self.running.settle().await.expect("nothing fails");
    }

    pub(crate) async fn advance(&mut self, by: SignedDuration) {
        self.clock.advance(by);
        self.settle().await;
    }

    pub(crate) async fn advance_minutes(&mut self, minutes: i64) {
        self.advance(SignedDuration::from_mins(minutes)).await;
    }

    /// The phone that must be ringing now, and whose it must be.
    pub(crate) fn expect_call(&mut self, user: &str) -> Call {
        self.watches_phones = true;
        let call = self.phone.ringing().unwrap_or_else(|| panic!("{user}'s phone rings"));
        assert_eq!(self.numbers.get(&call.to).map(String::as_str), Some(user));
        call
    }

    /// No phone may be ringing now.
    pub(crate) fn expect_silence(&mut self) {
        self.watches_phones = true;
        if let Some(call) = self.phone.ringing() {
            panic!("nobody expected a call to {:?}", self.numbers.get(&call.to));
        }
    }

    /// Picks up, presses a key, listens and hangs up.
    pub(crate) async fn answer(&mut self, call: &Call, key: &str) -> Heard {
        let heard = self.phone.pick_up(call).await.expect("the gateway speaks");
        let heard = self.phone.press(call, &heard, key).await.expect("the gateway takes the key");
        self.phone.hang_up(call, "completed").await.expect("the gateway takes the end of the call");
        self.settle().await;
        heard
    }

    pub(crate) async fn incident(&self, number: i64) -> Incident {
        self.running.engine.store().incident(number).await.expect("readable").expect("the incident exists")
    }

    pub(crate) async fn expect_status(&self, number: i64, status: Status) {
        assert_eq!(self.incident(number).await.status, status, "{:?}", self.kinds(number).await);
    }

    /// The kinds on an incident's timeline, in order.
    pub(crate) async fn kinds(&self, number: i64) -> Vec<String> {
        let timeline = self.running.engine.store().timeline(number).await.expect("readable");
        timeline.into_iter().map(|entry| entry.kind).collect()
    }

    pub(crate) async fn incident_count(&self) -> usize {
        let filter = nightcall::store::incident::Filter { limit: 10_000, ..Default::default() };
        self.running.engine.store().incidents(&filter).await.expect("readable").len()
    }

    /// What became of a mail's alerts.
    pub(crate) async fn outcomes(&self, mail_id: &str) -> Vec<String> {
        let found = self.running.engine.store().mail(mail_id).await.expect("readable").expect("the mail is stored");
        found.1.into_iter().map(|alert| alert.outcome).collect()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.http_address)
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        &self.client
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.client.get(self.url(path)).bearer_auth(&self.token).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }

    pub(crate) async fn post(&self, path: &str) -> (u16, Value) {
        let response = self.client.post(self.url(path)).bearer_auth(&self.token).send().await.expect("an answer");
        (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
    }
}

pub(crate) fn sqlite_url(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("test.db").display())
}

/// An address nobody uses now, below the ports the system hands out by itself, so that nobody gets it meanwhile.
pub(crate) fn free_address() -> std::net::SocketAddr {
    loop {
        let address = std::net::SocketAddr::from(([127, 0, 0, 1], rand::rng().random_range(10_000..30_000)));
        if std::net::TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}

/// The real component is missing: fatal in CI, a word and a skip elsewhere.
pub(crate) fn skip(what: &str) {
    assert!(std::env::var_os("NIGHTCALL_TEST_ALL").is_none(), "{what}, and NIGHTCALL_TEST_ALL is set");
    eprintln!("skipped: {what}");
}
