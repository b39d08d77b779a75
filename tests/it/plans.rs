//! Whether the database finds what it is asked by an index: a page must not come later because years are stored.
//!
//! A real gateway tells every statement that it runs while mail comes in, people are told and pages are looked at; each
//! is explained, and none may walk through a table that grows for ever. The plans are those of any size: SQLite has no
//! statistics here, as it has none at its users'.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use nightcall::clock::Clock;
use nightcall::domain::actor::Actor;
use nightcall::http::pages::access::SESSION_LASTS;
use nightcall::http::{api, auth, pages};
use nightcall::store::Store;
use nightcall::store::access::Session;
use nightcall::store::token::Token;
use regex::Regex;
use reqwest::Method;
use sqlx::{Connection as _, Row as _};

use crate::cli::Gateway;
use crate::smtp::Client;
use crate::webhook::receiver;
use crate::world::sqlite_url;

/// Tables that grow with every mail, incident, page or act.
const LARGE: [&str; 10] =
    ["mail", "alert", "incident", "timeline", "notification", "seen", "notice", "follow_up", "trail", "sender"];

/// Indexes of what is open, is to be said or is kept aside, and of nothing else.
const SMALL: [&str; 7] = [
    "incident_open",
    "incident_held",
    "incident_due",
    "notification_due",
    "notice_due",
    "follow_up_due",
    "alert_quarantined",
];

/// What goes through a whole table all the same, by words that are in no other statement.
const BOUNDED: [(&str, &str); 4] = [
    ("select 'incident' as what", "the metrics count; what they counted is kept for twenty times as long as it took"),
    ("from sender group by service", "there are as many rows as senders, not as mails"),
    ("select * from sender where", "in the order of its index, up to as many as were asked for"),
    ("about = 'break glass'", "there is an index of just these"),
];

/// What is surely among them: mail that comes in, pages that go out, news of them, tests of a contact, the auditor.
const EXPECTED: [&str; 6] = [
    "insert into mail",
    "from notification n join incident i",
    "from notification where lease_token = $1",
    "from follow_up",
    "update notice",
    "and status = 'triggered' and due_at is null",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_walks_through_all_that_ever_was() {
    let folder = tempfile::tempdir().expect("a folder");
    let statements = statements(folder.path()).await;
    for asked in EXPECTED {
        assert!(statements.iter().any(|sql| sql.contains(asked)), "{asked} is among {}", statements.len());
    }
    let mut db = sqlx::SqliteConnection::connect(&sqlite_url(folder.path())).await.expect("opens");
    let (mut walks, mut explained) = (Vec::new(), 0);
    // The others make the tables, or begin and end something.
    let is_asked =
        |sql: &&String| ["select", "insert", "update", "delete", "with"].iter().any(|word| sql.starts_with(word));
    for sql in statements.iter().filter(is_asked) {
        for part in sql.split(';').filter(|part| !part.trim().is_empty()) {
            let explain = sqlx::AssertSqlSafe(format!("explain query plan {part}"));
            let plan = sqlx::query(explain).fetch_all(&mut db).await.unwrap_or_else(|error| panic!("{error}: {part}"));
            let steps = plan.iter().map(|row| row.get::<String, _>("detail"));
            explained += 1;
            walks.extend(steps.filter(|step| is_walk(step, part)).map(|step| format!("{step}: {part}")));
        }
    }
    assert!(explained > 80, "{explained} were explained");
    walks.retain(|walk| !BOUNDED.iter().any(|(words, _)| walk.contains(words)));
    assert!(walks.is_empty(), "{} of {explained}:\n{}", walks.len(), walks.join("\n\n"));
}

/// Whether a step goes through all of a large table, by an index or not.
fn is_walk(step: &str, sql: &str) -> bool {
    if step.contains("USING AUTOMATIC") {
        return true;
    }
    let scan = Regex::new(r"^SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?").expect("a regex");
    let Some(found) = scan.captures(step) else { return false };
    let names = Regex::new(r"(?i)\b(?:from|join|update|into)\s+(\w+)(?:\s+(?:as\s+)?(\w+))?").expect("a regex");
    let mut tables = BTreeMap::new();
    for named in names.captures_iter(sql) {
        tables.insert(named[1].to_owned(), named[1].to_owned());
        if let Some(alias) = named.get(2) {
            tables.insert(alias.as_str().to_owned(), named[1].to_owned());
        }
    }
    let table = tables.get(&found[1]).map_or(&found[1], String::as_str);
    LARGE.contains(&table) && !found.get(2).is_some_and(|index| SMALL.contains(&index.as_str()))
}

/// Whoever asks the gateway over HTTP.
struct Caller {
    client: reqwest::Client,
    gateway: Gateway,
    token: String,
    cookie: String,
}

impl Caller {
    async fn of(gateway: Gateway, folder: &Path) -> Self {
        let store = Store::open(&sqlite_url(folder)).await.expect("opens");
        let (token, secret, now) = (auth::mint(), auth::mint_secret(), Clock::System.now());
        let by = Actor::command_line("root");
        assert!(store.add_token(&Token::for_everything("plans", now), &auth::hash(&token), &by).await.expect("stored"));
        let session = Session {
            hash: auth::hash(&secret),
            user: "ann".to_owned(),
            way: "password".to_owned(),
            origin: "127.0.0.1".to_owned(),
            agent: "test".to_owned(),
            rights: String::new(),
            created_at: now,
            seen_at: now,
            seen_origin: "127.0.0.1".to_owned(),
            expires_at: now + SESSION_LASTS,
        };
        store.open_session(&session).await.expect("stored");
        store.close().await;
        let client = nightcall::notify::http_client().expect("a client");
        Self { client, gateway, token, cookie: format!("nightcall={secret}") }
    }

    async fn ask(&self, method: Method, path: &str) -> u16 {
        let request = self.client.request(method, format!("http://{}{path}", self.gateway.http));
        let request = if path.starts_with("/api/v1") {
            request.bearer_auth(&self.token)
        } else {
            request.header(reqwest::header::COOKIE, &self.cookie)
        };
        request.send().await.expect("an answer").status().as_u16()
    }

    /// Asks for everything that shows something; how much of it was there.
    async fn look_around(&self, mail: &str) -> usize {
        let api = api::routes::routes().into_iter().map(|route| (route.method, format!("/api/v1{}", route.path)));
        let pages = pages::routes().into_iter().map(|route| (route.method, route.path.to_owned()));
        let mut seen = 0;
        for (_, path) in api.chain(pages).filter(|(method, path)| *method == Method::GET && !path.ends_with("/events"))
        {
            let id = if path.contains("/mails/") { mail } else { "1" };
            let path = path.replace("{id}", id).replace("{mail}", mail).replace("{number}", "1");
            let path = path.replace("{person}", "ann").replace("{name}", "ops");
            seen += usize::from(self.ask(Method::GET, &path).await == 200);
        }
        seen
    }
}

const CONFIG: &str = r#"fallback = "ann"
[smtp]
domains = ["localhost"]
[database]
url = "URL"
[egress]
allow = ["127.0.0.0/8"]
[webhook]
secret = "x"
[users.ann]
role = "admin"
contacts = ["webhook:HOOK"]
[schedules.ops]
zone = "UTC"
layers = [{ name = "all", starts = "2026-01-01T00:00", every = "1 week", turns = ["ann"] }]
[policies.p]
steps = [{ delay = "1h", targets = ["schedule:ops"] }]
[services.s]
addresses = ["*"]
policy = "p"
"#;

/// What a gateway asks in a night.
async fn statements(folder: &Path) -> BTreeSet<String> {
    let (hook, _receiver) = receiver().await;
    let config = folder.join("nightcall.toml");
    let text = CONFIG.replace("URL", &sqlite_url(folder)).replace("HOOK", &hook);
    std::fs::write(&config, text).expect("written");
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightcall"));
    command.env("NIGHTCALL_LOG", "info,sqlx::query=debug");
    let caller = Caller::of(Gateway::start(command, &config), folder).await;
    let mut client = Client::connect(caller.gateway.smtp).await.expect("accepted");
    client.reply().await.expect("a greeting");
    let mut last = String::new();
    for subject in ["PROBLEM Host Alert: h1 is DOWN", "PROBLEM Host Alert: h2 is DOWN", "RECOVERY Host Alert: h1 is UP"]
    {
        let mail = format!("From: nagios@mon.example\r\nSubject: ** {subject} **\r\n\r\nx\r\n");
        let reply = client.deliver("root@mon.example", &["x@localhost"], mail.as_bytes()).await.expect("an answer");
        last = reply.rsplit(' ').next().expect("an id").to_owned();
    }
    assert_eq!(caller.ask(Method::POST, "/api/v1/incidents/2/acknowledge").await, 200);
    assert_eq!(caller.ask(Method::POST, "/api/v1/people/ann/contacts/webhook/test").await, 202);
    let seen = caller.look_around(&last).await;
    assert!(seen > 50, "{seen} routes showed something");
    assert_eq!(caller.ask(Method::GET, "/metrics").await, 200);
    // Worker, timer and auditor do their rounds by the clock.
    for _ in 0..600 {
        let told = told(&caller.gateway.log());
        if EXPECTED.iter().all(|asked| told.iter().any(|sql| sql.contains(asked))) {
            return told;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    told(&caller.gateway.log())
}

/// The statements that a log tells.
fn told(log: &str) -> BTreeSet<String> {
    let line = Regex::new(r#"summary="((?:[^"\\]|\\.)*)" db\.statement="((?:[^"\\]|\\.)*)""#).expect("a regex");
    let statement = |found: regex::Captures<'_>| {
        let text = if found[2].is_empty() { &found[1] } else { &found[2] };
        text.replace("\\n", " ").replace("\\\"", "\"").trim().to_owned()
    };
    line.captures_iter(log).map(statement).collect()
}
