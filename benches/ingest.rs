//! Mails a second to durable commit, beside the same listener that throws every mail away: the ratio is what
//! judging, storing and flushing cost. Run with `cargo bench --bench ingest`; numbers of one run compare, numbers
//! of two machines do not.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::net::SocketAddr;
use std::sync::Arc;

use nightcall::clock::{Clock, Stopwatch};
use nightcall::definitions;
use nightcall::domain::authentication::Wanted;
use nightcall::engine::intake::{Incoming, Receipt};
use nightcall::engine::{Engine, Error};
use nightcall::settings::Settings;
use nightcall::smtp::listener::Listener;
use nightcall::smtp::session::Acceptance;
use nightcall::smtp::{Mailroom, server};
use nightcall::store::Store;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

const CONNECTIONS: [usize; 3] = [1, 10, 50];
const MAILS: [usize; 3] = [1000, 6000, 10_000];
const ROUNDS: usize = 5;

/// Accepts everything, keeps nothing.
struct Discard;

impl Mailroom for Discard {
    fn accepts(&self, _: &str) -> Acceptance {
        Acceptance::Accepted
    }

    fn wanted(&self, _: &[String]) -> Wanted {
        Wanted::default()
    }

    async fn receive(&self, incoming: Incoming) -> Result<Receipt, Error> {
        drop(incoming);
        Ok(Receipt { mail_id: "00000000000000000000000000000000".to_owned() })
    }
}

const CONFIG: &str = "fallback = \"me\"\n[users.me]\ncontacts = [\"console\"]\n\
    [policies.p]\nsteps = [{ delay = \"5m\", targets = [\"me\"] }]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n";

#[tokio::main]
async fn main() {
    println!("{:>11} {:>16} {:>16} {:>7}", "connections", "discard mails/s", "durable mails/s", "ratio");
    for (connections, mails) in CONNECTIONS.into_iter().zip(MAILS) {
        let (mut discarded, mut durable) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            discarded.push(discard_round(connections, mails).await);
            durable.push(durable_round(connections, mails).await);
        }
        let (discarded, durable) = (median(discarded), median(durable));
        println!("{connections:>11} {discarded:>16.0} {durable:>16.0} {:>7.2}", durable / discarded);
    }
}

async fn discard_round(connections: usize, mails: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, _) = load(folder.path());
    measure(settings, Arc::new(Discard), connections, mails).await
}

async fn durable_round(connections: usize, mails: usize) -> f64 {
    let folder = tempfile::tempdir().expect("a folder");
    let (settings, definitions) = load(folder.path());
    let store = Store::open(&settings.database_url).await.expect("opens");
    let engine = Engine::start(store, Clock::System, definitions);
    let rate = measure(settings, Arc::clone(&engine), connections, mails).await;
    engine.store().close().await;
    rate
}

fn load(folder: &std::path::Path) -> (Settings, nightcall::domain::Definitions) {
    let path = folder.join("nightcall.toml");
    std::fs::write(&path, CONFIG).expect("written");
    let loaded = definitions::load(&path, Clock::System.now()).expect("a good configuration");
    (loaded.settings, loaded.definitions)
}

async fn measure<M: Mailroom>(settings: Settings, mailroom: Arc<M>, connections: usize, mails: usize) -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let stop = CancellationToken::new();
    let door = server::Door::new(settings.smtp, mailroom, server::Counters::default(), Clock::System, stop.clone());
    let terms = Arc::new(Listener::plain(address));
    let serving = tokio::spawn(server::serve(Arc::new(door), terms, listener));
    let watch = Stopwatch::start();
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..connections {
        senders.spawn(send(address, sender, mails / connections));
    }
    while let Some(sent) = senders.join_next().await {
        sent.expect("no panic").expect("every mail is accepted");
    }
    let seconds = watch.elapsed().as_secs_f64();
    stop.cancel();
    serving.await.expect("no panic");
    (mails / connections * connections) as f64 / seconds
}

/// One kept-open session; mails of 1 KiB about 100 different checks.
async fn send(address: SocketAddr, sender: usize, mails: usize) -> std::io::Result<()> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    expect(&mut stream, &mut line, "220").await?;
    stream.write_all(b"HELO bench\r\n").await?;
    expect(&mut stream, &mut line, "250").await?;
    let filler = "x".repeat(800);
    for n in 0..mails {
        stream.write_all(b"MAIL FROM:<root@mon>\r\nRCPT TO:<db@localhost>\r\nDATA\r\n").await?;
        for code in ["250", "250", "354"] {
            expect(&mut stream, &mut line, code).await?;
        }
        let check = n % 100;
        let mail = format!(
            "Message-ID: <{sender}.{n}@mon>\r\nFrom: nagios@mon\r\nSubject: ** PROBLEM Service Alert: db1/check {check} is \
             CRITICAL **\r\n\r\n***** Nagios *****\r\n\r\n{filler}\r\n.\r\n"
        );
        stream.write_all(mail.as_bytes()).await?;
        expect(&mut stream, &mut line, "250").await?;
    }
    stream.write_all(b"QUIT\r\n").await
}

async fn expect(stream: &mut BufReader<TcpStream>, line: &mut String, code: &str) -> std::io::Result<()> {
    line.clear();
    stream.read_line(line).await?;
    if line.starts_with(code) { Ok(()) } else { Err(std::io::Error::other(format!("expected {code}, got {line:?}"))) }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
