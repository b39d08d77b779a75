//! How fast the pages are when much is stored: 200,000 incidents and 1,000,000 mails in SQLite on the disk under `target`.
//! First each page alone, then the list of incidents while 100 mails a second are taken in, then 1,000 browsers that
//! follow: when each hears of an incident, what each costs in memory, and whether mail is held up. Sender, gateway and
//! browsers share the machine. Run with `cargo bench --bench board`; making the database takes some minutes.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightcall::app::{self, Drive, Running};
use nightcall::clock::{Clock, Stopwatch};
use nightcall::definitions;
use nightcall::http::auth;
use nightcall::http::pages::access::SESSION_LASTS;
use nightcall::store::access::Session;
use rand::RngExt as _;
use reqwest::header::COOKIE;
use sqlx::{Connection as _, SqliteConnection};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

const INCIDENTS: i64 = 200_000;
const MAILS: i64 = 1_000_000;

/// One in so many incidents is open.
const OPEN_ONE_IN: i64 = 700;

const MAILS_A_SECOND: u32 = 100;
const VIEWERS: usize = 1000;

/// What is asked of the first page.
const QUIET_MS: f64 = 50.0;
const BUSY_P99_MS: f64 = 150.0;
const NEWS_MS: f64 = 1000.0;

#[tokio::main]
async fn main() {
    rlimit::increase_nofile_limit(u64::MAX).expect("sockets for everybody");
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let watch = Stopwatch::start();
    let running = start(folder.path()).await;
    for kind in ["PROBLEM", "RECOVERY"] {
        mail(&mut smtp(&running).await, "host-0", kind).await;
    }
    mail(&mut smtp(&running).await, "host-1", "PROBLEM").await;
    running.shut_down().await;
    fill(&folder.path().join("board.db")).await;
    let size = std::fs::metadata(folder.path().join("board.db")).expect("a file").len() / 1_000_000;
    println!("{INCIDENTS} incidents, {MAILS} mails: {size} MB, made in {:.0} s\n", watch.elapsed().as_secs_f64());

    let running = start(folder.path()).await;
    let browser = Browser::of(&running).await;
    pages(&browser).await;
    busy(&running, &browser).await;
    viewers(&running, &browser).await;
    running.shut_down().await;
}

async fn start(folder: &Path) -> Running {
    let provider = provider().await;
    let path = folder.join("nightcall.toml");
    let text = format!(
        "fallback = \"me\"\n[smtp]\nlisten = \"127.0.0.1:0\"\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\n[webhook]\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n\
         [users.me]\ncontacts = [\"webhook:http://{provider}/hook\"]\n\
         [policies.p]\nsteps = [{{ delay = \"5m\", targets = [\"me\"] }}]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n"
    );
    std::fs::write(&path, text).expect("written");
    let mut loaded = definitions::load(&path, Clock::System.now()).expect("a good configuration");
    loaded.settings.database_url = format!("sqlite://{}", folder.join("board.db").display());
    app::start(loaded, Clock::System, Drive::Background).await.expect("it starts")
}

/// Takes every page.
async fn provider() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = axum::Router::new().fallback(async || "taken");
    tokio::spawn(nightcall::http::server::serve(listener, router, CancellationToken::new()));
    address
}

/// Copies what the gateway itself has written of its first mails: as much of it as is asked for.
async fn fill(path: &Path) {
    let url = format!("sqlite://{}", path.display());
    let mut db = SqliteConnection::connect(&url).await.expect("the database");
    for pragma in ["synchronous = off", "cache_size = -400000", "temp_store = memory", "foreign_keys = off"] {
        run(&mut db, format!("pragma {pragma}")).await;
    }
    run(&mut db, "begin".to_owned()).await;
    let year = 365 * 86_400_000_i64;
    let end = Clock::System.now().as_millisecond();
    let opened = format!("({end} - {year} + n * {})", year / INCIDENTS);
    let open = format!("n % {OPEN_ONE_IN} = 0");
    for (template, which) in [(1, format!("not ({open})")), (2, open)] {
        let numbers = numbers(INCIDENTS, &format!("{which} and n > 2"));
        let (resolved, later) = (format!("resolved_at + {opened} - opened_at"), format!("{end} + 86400000"));
        let due = if template == 1 { "null" } else { &later };
        let key = "'host-' || n || '/disk'";
        let cells = [
            ("number", "n"),
            ("dedup_key", key),
            ("summary", "'disk on host-' || n || ' is ' || case n % 3 when 0 then 'CRITICAL' else 'WARNING' end"),
            ("service", "case when n % 5000 = 0 then 'rare' else 's' end"),
            ("opened_at", &opened),
            ("resolved_at", &resolved),
            ("due_at", due),
            // Kept there as well, unless it is taken from the column.
            ("state", "json_remove(state, '$.escalation_at')"),
        ];
        copy(&mut db, "incident", &format!("number = {template}"), &cells, &numbers).await;
        let of_template = format!("incident_number = {template}");
        copy(&mut db, "timeline", &of_template, &[("incident_number", "n")], &numbers).await;
        let cells = [("id", "printf('%032x', n)"), ("incident_number", "n"), ("bundle", "null"), ("code", "null")];
        copy(&mut db, "notification", &of_template, &cells, &numbers).await;
    }
    let numbers = numbers(MAILS, "true");
    let at = format!("({end} - {year} + n * {})", year / MAILS);
    let id = format!("printf('%012x%020x', {at}, n)");
    let cells = [
        ("id", id.as_str()),
        ("received_at", &at),
        ("origin_at", &at),
        ("subject", "'** PROBLEM Service Alert: host-' || n || '/disk is CRITICAL **'"),
        ("header_from", "'nagios-' || (n % 500) || '@mon.example'"),
        ("raw", "cast('Subject: disk' || char(13, 10, 13, 10) || hex(randomblob(400)) as blob)"),
    ];
    let (first,): (String,) = sqlx::query_as("select min(id) from mail").fetch_one(&mut db).await.expect("a mail");
    copy(&mut db, "mail", &format!("id = '{first}'"), &cells, &numbers).await;
    let number = format!("n % {INCIDENTS} + 1");
    let rule = "case when n % 50 = 0 then 'recogniser' else rule end";
    let cells = [("mail_id", id.as_str()), ("incident_number", &number), ("rule", rule)];
    copy(&mut db, "alert", &format!("mail_id = '{first}'"), &cells, &numbers).await;
    run(&mut db, format!("update counter set value = {INCIDENTS} where name = 'incident'")).await;
    run(&mut db, "commit".to_owned()).await;
    run(&mut db, "pragma wal_checkpoint(truncate)".to_owned()).await;
    db.close().await.expect("closed");
    // What is still on its way to the disk would hold up what is measured.
    rustix::fs::sync();
}

fn numbers(until: i64, which: &str) -> String {
    format!(
        "(with recursive up (n) as (select 1 union all select n + 1 from up where n < {until}) \
         select n from up where {which})"
    )
}

/// Inserts a copy of rows for each number, with some cells replaced, whatever other columns the table has.
async fn copy(db: &mut SqliteConnection, table: &str, which: &str, cells: &[(&str, &str)], numbers: &str) {
    run(db, format!("create temporary table template as select * from {table} where {which}")).await;
    let sql = format!("select name from pragma_table_info('{table}')");
    let columns: Vec<(String,)> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&mut *db).await.expect("columns");
    let columns: Vec<String> = columns.into_iter().map(|(name,)| name).collect();
    let value = |name: &String| {
        let cell = cells.iter().find(|(column, _)| column == name);
        cell.map_or_else(|| name.clone(), |(_, value)| (*value).to_owned())
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let (columns, values) = (columns.join(", "), values.join(", "));
    run(db, format!("insert into {table} ({columns}) select {values} from {numbers} cross join template")).await;
    run(db, "drop table template".to_owned()).await;
}

async fn run(db: &mut SqliteConnection, sql: String) {
    if let Err(error) = sqlx::query(sqlx::AssertSqlSafe(sql.clone())).execute(db).await {
        panic!("{error}: {sql}");
    }
}

/// Somebody who has signed in.
#[derive(Clone)]
struct Browser {
    client: reqwest::Client,
    address: SocketAddr,
    cookie: String,
}

impl Browser {
    async fn of(running: &Running) -> Self {
        let (secret, now) = (auth::mint_secret(), Clock::System.now());
        let store = running.engine.store();
        let session = Session {
            hash: auth::hash(&secret),
            user: "me".to_owned(),
            way: "password".to_owned(),
            origin: "127.0.0.1".to_owned(),
            agent: "bench".to_owned(),
            rights: String::new(),
            created_at: now,
            seen_at: now,
            seen_origin: "127.0.0.1".to_owned(),
            expires_at: now + SESSION_LASTS,
        };
        store.open_session(&session).await.expect("a session");
        let client = nightcall::notify::http_client().expect("a client");
        Self { client, address: running.http_address, cookie: format!("nightcall={secret}") }
    }

    /// Milliseconds until a page is there.
    async fn get(&self, path: &str) -> f64 {
        self.try_get(path).await.unwrap_or_else(|| panic!("{path} is not there"))
    }

    /// The same; nothing where it does not come in time.
    async fn try_get(&self, path: &str) -> Option<f64> {
        let watch = Stopwatch::start();
        let request = self.client.get(format!("http://{}{path}", self.address)).header(COOKIE, &self.cookie);
        let response = request.send().await.ok().filter(|response| response.status() == 200)?;
        let bytes = response.bytes().await.ok()?;
        (bytes.len() > 1000).then(|| watch.elapsed().as_secs_f64() * 1000.0)
    }
}

async fn pages(browser: &Browser) {
    println!("{:<48} {:>8} {:>8} {:>8} ms", "page", "first", "p50", "worst");
    let mut first_page = 0.0;
    for path in [
        "/incidents",
        "/incidents?status=all",
        "/incidents?status=all&text=DISK",
        "/incidents?status=all&text=host-77777",
        "/incidents?status=all&text=nowhere",
        "/incidents?status=resolved&service=rare",
        "/incidents?status=all&before=1000",
        "/incidents/100000",
        "/mails",
        "/mails?text=HOST-77777",
        "/mails?text=nowhere",
        "/mails?view=unmatched",
        "/mails?view=quarantined",
        "/services",
        "/on-call",
        "/people",
        "/health",
    ] {
        let (mut took, watch) = (Vec::new(), Stopwatch::start());
        while took.len() < 2 || took.len() < 30 && watch.elapsed() < Duration::from_secs(3) {
            took.push(browser.get(path).await);
        }
        let first = took[0];
        if path == "/incidents" {
            first_page = first;
        }
        println!("{path:<48} {first:>8.1} {:>8.1} {:>8.1}", at(&mut took, 0.5), at(&mut took, 1.0));
    }
    println!("first page {first_page:.1} ms, asked for {QUIET_MS} ms: {}\n", word(first_page <= QUIET_MS));
}

/// The list of incidents, asked for again and again while mails are taken in.
async fn busy(running: &Running, browser: &Browser) {
    let (replies, sending) = feed(running, MAILS_A_SECOND, 20);
    let mut took = Vec::new();
    while !sending.is_finished() {
        took.push(browser.get("/incidents").await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    sending.await.expect("every mail is accepted");
    let p99 = at(&mut took, 0.99);
    let (p50, worst) = (at(&mut took, 0.5), at(&mut took, 1.0));
    println!("{MAILS_A_SECOND} mails/s: list p50 {p50:.1}, p99 {p99:.1}, worst {worst:.1} ms of {}", took.len());
    tell_replies(&replies);
    println!("p99 asked for {BUSY_P99_MS} ms: {}\n", word(p99 <= BUSY_P99_MS));
}

/// Browsers that follow. Each asks for the page again when it hears of news, as `live.js` does.
async fn viewers(running: &Running, browser: &Browser) {
    let before = resident();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let shown = Arc::new(Mutex::new(Vec::new()));
    let watch = Arc::new(Stopwatch::start());
    let mut following = JoinSet::new();
    for _ in 0..VIEWERS {
        let mut stream = BufReader::with_capacity(512, TcpStream::connect(browser.address).await.expect("it accepts"));
        let request = format!("GET /events HTTP/1.1\r\nhost: nightcall\r\ncookie: {}\r\n\r\n", browser.cookie);
        stream.write_all(request.as_bytes()).await.expect("written");
        let (heard, shown, watch) = (Arc::clone(&heard), Arc::clone(&shown), Arc::clone(&watch));
        let browser = browser.clone();
        following.spawn(async move {
            // The first event says what the page knows already.
            news(&mut stream).await;
            heard.lock().expect("lock").push(0.0);
            let is_asking = Arc::new(AtomicBool::new(false));
            while let Some(spread) = news(&mut stream).await {
                heard.lock().expect("lock").push(watch.elapsed().as_secs_f64() * 1000.0);
                if is_asking.swap(true, Ordering::Relaxed) {
                    continue;
                }
                let (browser, is_asking, shown) = (browser.clone(), Arc::clone(&is_asking), Arc::clone(&shown));
                let wait = Duration::from_secs_f64(spread * rand::rng().random_range(0.0..1.0) / 1000.0);
                tokio::spawn(async move {
                    tokio::time::sleep(wait).await;
                    is_asking.store(false, Ordering::Relaxed);
                    let took = browser.try_get("/incidents").await;
                    shown.lock().expect("lock").push(took);
                });
            }
        });
    }
    // Each is told once how things are.
    while heard.lock().expect("lock").len() < VIEWERS {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let memory = (resident() - before) / VIEWERS as f64;
    let mut slowest = Vec::new();
    for incident in 0..10 {
        heard.lock().expect("lock").clear();
        mail(&mut smtp(running).await, &format!("news-{incident}"), "PROBLEM").await;
        let accepted = watch.elapsed().as_secs_f64() * 1000.0;
        tokio::time::sleep(Duration::from_millis(4000)).await;
        // The page that goes out is a change as well, so some hear of it twice: the first time counts.
        let mut heard = heard.lock().expect("lock").clone();
        heard.sort_by(f64::total_cmp);
        slowest.push(heard.get(VIEWERS - 1).map_or(f64::INFINITY, |last| last - accepted));
    }
    let last = at(&mut slowest, 1.0);
    println!("{VIEWERS} browsers follow, {memory:.0} KB each, their own end included");
    println!("the last hears after p50 {:.0}, worst {last:.0} ms of 10 incidents", at(&mut slowest, 0.5));
    println!("asked for {NEWS_MS} ms: {}", word(last <= NEWS_MS));
    let (replies, sending) = feed(running, MAILS_A_SECOND, 20);
    sending.await.expect("every mail is accepted");
    println!("beside them:");
    tell_replies(&replies);
    let shown = shown.lock().expect("lock").clone();
    let mut took: Vec<f64> = shown.iter().copied().flatten().collect();
    let (p50, p99) = (at(&mut took, 0.5), at(&mut took, 0.99));
    println!(
        "{} pages asked for again: p50 {p50:.1}, p99 {p99:.1} ms; {} did not come",
        shown.len(),
        shown.len() - took.len()
    );
    following.shutdown().await;
}

fn tell_replies(replies: &Mutex<Vec<f64>>) {
    let mut replies = replies.lock().expect("lock");
    let (p50, p99, worst) = (at(&mut replies, 0.5), at(&mut replies, 0.99), at(&mut replies, 1.0));
    println!("{MAILS_A_SECOND} mails/s: 250 after p50 {p50:.1}, p99 {p99:.1}, worst {worst:.1} ms");
}

/// Waits for news; over how many milliseconds pages are to ask again.
async fn news(stream: &mut BufReader<TcpStream>) -> Option<f64> {
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        if let Some(data) = line.strip_prefix("data: ") {
            return data.trim().rsplit(' ').next()?.parse().ok();
        }
    }
}

/// Sends mails at a steady pace, of problems and recoveries in turn; how long each waited for its 250.
fn feed(running: &Running, rate: u32, seconds: u32) -> (Arc<Mutex<Vec<f64>>>, tokio::task::JoinHandle<()>) {
    let address = running.smtp_address();
    let replies = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&replies);
    let sending = tokio::spawn(async move {
        let watch = Stopwatch::start();
        let mut senders = JoinSet::new();
        for sender in 0..4 {
            let (watch, noted) = (watch, Arc::clone(&noted));
            senders.spawn(async move {
                let mut stream = connect(address).await;
                for number in (sender..rate * seconds).step_by(4) {
                    let due = f64::from(number) / f64::from(rate);
                    tokio::time::sleep(Duration::from_secs_f64((due - watch.elapsed().as_secs_f64()).max(0.0))).await;
                    let kind = if number / 300 % 2 == 0 { "PROBLEM" } else { "RECOVERY" };
                    let begun = watch.elapsed();
                    mail(&mut stream, &format!("busy-{}", number % 300), kind).await;
                    let took = (watch.elapsed() - begun).as_secs_f64() * 1000.0;
                    noted.lock().expect("lock").push(took);
                }
            });
        }
        senders.join_all().await;
    });
    (replies, sending)
}

async fn smtp(running: &Running) -> BufReader<TcpStream> {
    connect(running.smtp_address()).await
}

async fn connect(address: SocketAddr) -> BufReader<TcpStream> {
    let mut stream = BufReader::new(TcpStream::connect(address).await.expect("it accepts"));
    stream.get_ref().set_nodelay(true).expect("an option");
    expect(&mut stream, "220").await;
    stream.write_all(b"HELO bench\r\n").await.expect("written");
    expect(&mut stream, "250").await;
    stream
}

async fn mail(stream: &mut BufReader<TcpStream>, host: &str, kind: &str) {
    stream.write_all(b"MAIL FROM:<root@mon>\r\nRCPT TO:<db@localhost>\r\nDATA\r\n").await.expect("written");
    for code in ["250", "250", "354"] {
        expect(stream, code).await;
    }
    let state = if kind == "PROBLEM" { "CRITICAL" } else { "OK" };
    let mail = format!(
        "From: nagios@mon\r\nSubject: ** {kind} Service Alert: {host}/disk is {state} **\r\n\r\n***** Nagios *****\r\n\r\n{}\r\n.\r\n",
        "x".repeat(800)
    );
    stream.write_all(mail.as_bytes()).await.expect("written");
    expect(stream, "250").await;
}

async fn expect(stream: &mut BufReader<TcpStream>, code: &str) {
    let mut line = String::new();
    stream.read_line(&mut line).await.expect("an answer");
    assert!(line.starts_with(code), "expected {code}, got {line:?}");
}

/// What stands at a share of the sorted figures.
fn at(took: &mut [f64], share: f64) -> f64 {
    took.sort_by(f64::total_cmp);
    took.get(((took.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN)
}

fn word(is_kept: bool) -> &'static str {
    if is_kept { "kept" } else { "MISSED" }
}

/// Memory of this process, in KB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("a line");
    line.split_whitespace().nth(1).and_then(|kilobytes| kilobytes.parse().ok()).expect("a number")
}
