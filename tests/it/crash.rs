//! T5: the process is killed at any instant, again and again, while mail comes in and people are told.
//!
//! Afterwards: every mail answered 250 is there, every incident has paged, no key has two open incidents.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightcall::domain::incident::Status;
use nightcall::store::Store;
use nightcall::store::incident::Filter;
use rand::RngExt as _;

use crate::cli::Gateway;
use crate::smtp::Client;
use crate::webhook::receiver;
use crate::world::sqlite_url;

const ROUNDS: u32 = 60;
const SENDERS: u64 = 6;
const KEYS: u64 = 20;

/// Ids the gateway has promised to keep.
type Ledger = Arc<Mutex<BTreeSet<String>>>;

/// Ann is reached by a program: it is told of each incident by itself, so that what is lost or doubled can be counted.
fn configuration(folder: &Path, hook: &str) -> std::path::PathBuf {
    let text = format!(
        "fallback = \"ann\"\n[smtp]\ndomains = [\"localhost\"]\n[database]\nurl = \"{}\"\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\n[webhook]\nsecret = \"x\"\n[users.ann]\ncontacts = [\"webhook:{hook}\"]\n\
         [policies.p]\nsteps = [{{ delay = \"1h\", targets = [\"ann\"] }}]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n",
        sqlite_url(folder)
    );
    let path = folder.join("nightcall.toml");
    std::fs::write(&path, text).expect("written");
    path
}

/// Sends mails until the gateway dies, noting every id it was given.
async fn send(server: std::net::SocketAddr, counter: Arc<AtomicU64>, ledger: Ledger) {
    let Ok(mut client) = Client::connect(server).await else { return };
    if client.reply().await.is_none() {
        return;
    }
    loop {
        let n = counter.fetch_add(1, Ordering::Relaxed);
        let (host, kind) = (n % KEYS, if n % 7 == 6 { "RECOVERY" } else { "PROBLEM" });
        let state = if kind == "RECOVERY" { "UP" } else { "DOWN" };
        let mail =
            format!("Message-ID: <{n}@mon>\r\nSubject: ** {kind} Host Alert: h{host} is {state} **\r\n\r\nx\r\n");
        match client.deliver("root@mon", &["x@localhost"], mail.as_bytes()).await {
            Some(reply) if reply.starts_with("250 ") => {
                let id = reply.rsplit(' ').next().expect("an id").to_owned();
                ledger.lock().expect("lock").insert(id);
            }
            _ => return,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_instant_it_loses_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (hook, receiver) = receiver().await;
    let config = configuration(folder.path(), &hook);
    let (ledger, counter) = (Ledger::default(), Arc::new(AtomicU64::new(0)));
    for _ in 0..ROUNDS {
        let mut gateway = Gateway::start(Command::new(env!("CARGO_BIN_EXE_nightcall")), &config);
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..SENDERS {
            senders.spawn(send(gateway.smtp, Arc::clone(&counter), Arc::clone(&ledger)));
        }
        let life = Duration::from_millis(rand::rng().random_range(5..300));
        tokio::time::sleep(life).await;
        gateway.child.kill().expect("SIGKILL");
        gateway.child.wait().expect("it is gone");
        while let Some(sender) = senders.join_next().await {
            sender.expect("no panic");
        }
    }
    settle(&config, folder.path()).await;
    let calls = receiver.got.lock().expect("lock").len() as i64;
    audit(folder.path(), &ledger, calls).await;
}

/// One last life, long enough for whatever a kill interrupted to be done after all.
async fn settle(config: &Path, folder: &Path) {
    let gateway = Gateway::start(Command::new(env!("CARGO_BIN_EXE_nightcall")), config);
    let store = Store::open(&sqlite_url(folder)).await.expect("opens");
    for _ in 0..900 {
        let counts = store.counts().await.expect("readable");
        let waiting =
            |status: &str| counts.iter().any(|(what, word, n)| what == "notification" && word == status && *n > 0);
        let due = store.due_incidents(nightcall::clock::Clock::System.now(), 1).await.expect("readable");
        if !waiting("pending") && !waiting("sending") && due.is_empty() {
            store.close().await;
            drop(gateway);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("what was interrupted is done within 45 s (a lease is 30 s): {:?}", store.counts().await);
}

async fn audit(folder: &Path, ledger: &Ledger, calls: i64) {
    let store = Store::open(&sqlite_url(folder)).await.expect("opens");
    let acknowledged = ledger.lock().expect("lock").clone();
    assert!(acknowledged.len() as u32 > ROUNDS, "the rounds did something: {} mails", acknowledged.len());
    for id in &acknowledged {
        let mail = store.mail(id).await.expect("readable");
        let (_, alerts) = mail.unwrap_or_else(|| panic!("mail {id} was answered 250 and is lost"));
        assert_eq!(alerts.len(), 1, "mail {id} has its verdict");
    }
    let incidents = store.incidents(&Filter { limit: 1_000_000, ..Filter::default() }).await.expect("readable");
    let mut open: BTreeMap<&str, u32> = BTreeMap::new();
    for incident in incidents.iter().filter(|incident| incident.status != Status::Resolved) {
        *open.entry(&incident.dedup_key).or_default() += 1;
        let timeline = store.timeline(incident.number).await.expect("readable");
        let told = |kind: &str| timeline.iter().filter(|entry| entry.kind == kind).count() as i64;
        assert_eq!(
            told("opened") + told("repeated"),
            incident.alert_count,
            "#{}: every alert is told",
            incident.number
        );
        assert!(told("paged") > 0, "#{} has paged", incident.number);
        let notifications = store.notifications(incident.number).await.expect("readable");
        assert!(
            notifications.iter().any(|n| n.status.word() == "sent"),
            "#{} has reached the provider",
            incident.number
        );
    }
    assert!(open.values().all(|count| *count == 1), "one open incident per key: {open:?}");
    let pages: i64 = incidents.iter().map(|incident| incident.pages).sum();
    println!(
        "{ROUNDS} kills: {} mails answered 250, 0 lost; {} incidents, {pages} pages, {calls} calls placed",
        acknowledged.len(),
        incidents.len()
    );
    let extra = calls - incidents.iter().filter(|incident| incident.pages > 0).count() as i64;
    assert!(extra <= i64::from(ROUNDS) * 32, "a crash repeats at most what was in flight: {extra} more calls");
}
