//! How long a page takes: from the 250 for a mail to the request that reaches a provider, at 1, 100 and 1000 mails a
//! second, each an incident of its own. Run with `cargo bench --bench page`. The database is SQLite in a temporary
//! folder; sender, gateway and provider share the machine.
#![expect(clippy::print_stdout, reason = "a bench prints")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightcall::app::{self, Drive};
use nightcall::clock::{Clock, Stopwatch};
use nightcall::definitions;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Mails a second, and for how many seconds.
const LOADS: [(u32, u32); 3] = [(1, 20), (100, 20), (1000, 10)];

/// Sessions that send, each kept open.
const SENDERS: u32 = 32;

/// After the last mail no page is waited for any longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// When something happened, in seconds, by the number of its mail.
type Times = Arc<Mutex<HashMap<u32, f64>>>;

#[tokio::main]
async fn main() {
    println!("{:>8} {:>8} {:>10} {:>10} {:>10} {:>10}", "mails/s", "sent/s", "pages", "p50 ms", "p99 ms", "worst ms");
    for (rate, seconds) in LOADS {
        load(rate, seconds).await;
    }
}

async fn load(rate: u32, seconds: u32) {
    let folder = tempfile::tempdir().expect("a folder");
    let (watch, asked, accepted) = (Arc::new(Stopwatch::start()), Times::default(), Times::default());
    let provider = provider(Arc::clone(&watch), Arc::clone(&asked)).await;
    let path = folder.path().join("nightcall.toml");
    let text = format!(
        "fallback = \"me\"\n[smtp]\nlisten = \"127.0.0.1:0\"\nconnections_per_address_max = 100\n[http]\nlisten = \"127.0.0.1:0\"\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\n[webhook]\nsecret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\n\
         [users.me]\ncontacts = [\"webhook:http://{provider}/hook\"]\n\
         [policies.p]\nsteps = [{{ delay = \"5m\", targets = [\"me\"] }}]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n"
    );
    std::fs::write(&path, text).expect("written");
    let loaded = definitions::load(&path, Clock::System.now()).expect("a good configuration");
    let running = app::start(loaded, Clock::System, Drive::Background).await.expect("it starts");
    let (address, mails) = (running.smtp_address(), rate * seconds);
    let begun = watch.elapsed().as_secs_f64();
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS.min(rate) {
        let (watch, accepted) = (Arc::clone(&watch), Arc::clone(&accepted));
        senders.spawn(async move {
            let mut stream = BufReader::new(TcpStream::connect(address).await.expect("it accepts"));
            stream.get_ref().set_nodelay(true).expect("an option");
            expect(&mut stream, "220").await;
            stream.write_all(b"HELO bench\r\n").await.expect("written");
            expect(&mut stream, "250").await;
            for number in (sender..mails).step_by(SENDERS.min(rate) as usize) {
                // Mails come when they come, however long the ones before took.
                let due = begun + f64::from(number) / f64::from(rate);
                let wait = due - watch.elapsed().as_secs_f64();
                tokio::time::sleep(Duration::from_secs_f64(wait.max(0.0))).await;
                send(&mut stream, number).await;
                accepted.lock().expect("lock").insert(number, watch.elapsed().as_secs_f64());
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.expect("every mail is accepted");
    }
    let sent_in = watch.elapsed().as_secs_f64() - begun;
    let waiting = Stopwatch::start();
    while asked.lock().expect("lock").len() < mails as usize && waiting.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (asked, accepted) = (asked.lock().expect("lock").clone(), accepted.lock().expect("lock").clone());
    // A page may be on its way before the sender has read its 250.
    let mut took: Vec<f64> =
        accepted.iter().filter_map(|(number, at)| Some((asked.get(number)? - at).max(0.0) * 1000.0)).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took.get(((took.len() as f64 - 1.0) * share).round() as usize).copied().unwrap_or(f64::NAN);
    let pages = format!("{}/{mails}", took.len());
    println!(
        "{rate:>8} {:>8.0} {pages:>10} {:>10.1} {:>10.1} {:>10.1}",
        f64::from(mails) / sent_in,
        at(0.5),
        at(0.99),
        at(1.0)
    );
    running.shut_down().await;
}

async fn send(stream: &mut BufReader<TcpStream>, number: u32) {
    stream.write_all(b"MAIL FROM:<root@mon>\r\nRCPT TO:<db@localhost>\r\nDATA\r\n").await.expect("written");
    for code in ["250", "250", "354"] {
        expect(stream, code).await;
    }
    let filler = "x".repeat(800);
    let mail = format!(
        "Message-ID: <{number}@mon>\r\nFrom: nagios@mon\r\nSubject: ** PROBLEM Service Alert: host-{number}-/disk is CRITICAL \
         **\r\n\r\n***** Nagios *****\r\n\r\n{filler}\r\n.\r\n"
    );
    stream.write_all(mail.as_bytes()).await.expect("written");
    expect(stream, "250").await;
}

async fn expect(stream: &mut BufReader<TcpStream>, code: &str) {
    let mut line = String::new();
    stream.read_line(&mut line).await.expect("an answer");
    assert!(line.starts_with(code), "expected {code}, got {line:?}");
}

/// Answers every request at once, and notes when it came.
async fn provider(watch: Arc<Stopwatch>, asked: Times) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, Arc::clone(&watch), Arc::clone(&asked)));
        }
    });
    address
}

async fn answer(stream: TcpStream, watch: Arc<Stopwatch>, asked: Times) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut length = 0;
        loop {
            let mut line = String::new();
            match stream.read_line(&mut line).await {
                Ok(1..) if line == "\r\n" => break,
                Ok(1..) => {
                    let line = line.to_ascii_lowercase();
                    let value = line.strip_prefix("content-length:").map(str::trim);
                    length = value.and_then(|value| value.parse().ok()).unwrap_or(length);
                }
                _ => return,
            }
        }
        let mut body = vec![0; length];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let at = watch.elapsed().as_secs_f64();
        let body = String::from_utf8_lossy(&body);
        let number = body.split("host-").nth(1).and_then(|rest| rest.split('-').next()).and_then(|n| n.parse().ok());
        if let Some(number) = number {
            asked.lock().expect("lock").entry(number).or_insert(at);
        }
        if stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
            return;
        }
    }
}
