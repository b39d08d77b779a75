//! What clients cost in memory, measured on the program itself by what Linux says of it: endless lines, endless mails,
//! thousands who say nothing and thousands who are slow.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use nightcall::clock::Stopwatch;
use tempfile::TempDir;

use crate::certificates::SERVER;
use crate::cli::Gateway;
use crate::smtp::Client;
use crate::world::{skip, sqlite_url};

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;

/// Sent without a line's end.
const ENDLESS_BYTES: u64 = 100 * MIB;

/// How much the process may grow by what it does not keep: buffers, and what the allocator has not given back.
const SLACK_BYTES: u64 = 16 * MIB;

const IDLE_CLIENTS: u64 = 10_000;

/// Bytes for each client that says nothing.
const IDLE_BYTES_MAX: u64 = 20 * KIB;

const SLOW_CLIENTS: u64 = 1000;

fn configured(more: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let text = format!(
        "fallback = \"ann\"\n[smtp]\ndomains = [\"localhost\"]\nconnections_max = 20000\n{more}\n\
         [database]\nurl = \"{}\"\n[users.ann]\ncontacts = [\"console\"]\n\
         [policies.p]\nsteps = [{{ delay = \"1h\", targets = [\"ann\"] }}]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n",
        sqlite_url(folder.path())
    );
    let path = folder.path().join("nightcall.toml");
    std::fs::write(&path, text).expect("written");
    (folder, path)
}

/// A gateway of its own for each figure, so that no other's memory is in it.
fn started(more: &str) -> (TempDir, Gateway) {
    let (folder, config) = configured(more);
    let gateway = Gateway::start(Command::new(env!("CARGO_BIN_EXE_nightcall")), &config);
    (folder, gateway)
}

/// Resident memory in bytes (proc_pid_status(5), `VmRSS`), or the most it ever was (`VmHWM`).
fn memory(gateway: &Gateway, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.child.id())).expect("it lives");
    let kib = status.lines().find_map(|it| it.strip_prefix(line)).expect("Linux says it");
    kib.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * KIB
}

async fn greeted(gateway: &Gateway) -> Client {
    let mut client = Client::connect(gateway.smtp).await.expect("SMTP accepts");
    assert!(client.reply().await.expect("a greeting").starts_with("220 "));
    client
}

async fn deliver(client: &mut Client) -> String {
    client.deliver("root@mon", &["x@localhost"], b"Subject: disk full\r\n\r\nx\r\n").await.expect("an answer")
}

/// A client that has been served, so that what is made once is there.
async fn warm(gateway: &Gateway) {
    let reply = deliver(&mut greeted(gateway).await).await;
    assert!(reply.starts_with("250 2.0.0"), "{reply}");
}

async fn say_endlessly(client: &mut Client) {
    let piece = vec![b'x'; 64 * 1024];
    for _ in 0..ENDLESS_BYTES / piece.len() as u64 {
        client.say(&piece).await.expect("it reads on");
    }
}

#[tokio::test]
async fn an_endless_command_takes_no_memory() {
    let (_folder, gateway) = started("");
    warm(&gateway).await;
    let before = memory(&gateway, "VmRSS");
    let mut client = greeted(&gateway).await;
    say_endlessly(&mut client).await;
    assert_eq!(client.command("").await.as_deref(), Some("500 5.5.2 line too long"));
    let grown = memory(&gateway, "VmHWM").saturating_sub(before);
    println!("100 MiB without a line's end, as a command: {} KiB more", grown / KIB);
    assert!(grown < SLACK_BYTES, "{grown} bytes");
    assert!(deliver(&mut client).await.starts_with("250 2.0.0"), "the session is in step");
}

#[tokio::test]
async fn an_endless_mail_takes_no_more_memory_than_a_mail_may() {
    let (_folder, gateway) = started("");
    warm(&gateway).await;
    let before = memory(&gateway, "VmRSS");
    let mut client = greeted(&gateway).await;
    for line in ["MAIL FROM:<root@mon>", "RCPT TO:<x@localhost>", "DATA"] {
        client.command(line).await.expect("an answer");
    }
    say_endlessly(&mut client).await;
    let reply = client.command("\r\n.").await.expect("an answer");
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    let grown = memory(&gateway, "VmHWM").saturating_sub(before);
    println!("100 MiB without a line's end, as a mail: {} KiB more at most", grown / KIB);
    // What a mail may have, and once more where a buffer grows by half.
    assert!(grown < 2 * 10 * MIB + SLACK_BYTES, "{grown} bytes");
    assert!(deliver(&mut client).await.starts_with("250 2.0.0"), "the session is in step");
}

#[tokio::test]
async fn an_endless_password_inside_tls_takes_no_memory() {
    let more = format!(
        "{}[smtp.users]\nups = {:?}\n[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\ntls = \"implicit\"",
        SERVER.section(),
        nightcall::smtp::users::hash(b"secret").expect("hashed")
    );
    let (_folder, gateway) = started(&more);
    let config = SERVER.client(None);
    let connect = async || {
        let mut client = Client::connect_tls(gateway.smtp, &config).await.expect("the handshake succeeds");
        assert!(client.reply().await.expect("a greeting").starts_with("220 "));
        client
    };
    assert!(deliver(&mut connect().await).await.starts_with("250 2.0.0"));
    let before = memory(&gateway, "VmRSS");
    let mut client = connect().await;
    assert!(client.command("AUTH LOGIN").await.expect("an answer").starts_with("334 "));
    say_endlessly(&mut client).await;
    assert_eq!(client.command("").await.as_deref(), Some("500 5.5.6 line too long"));
    let grown = memory(&gateway, "VmHWM").saturating_sub(before);
    println!("100 MiB without a line's end, as a password inside TLS: {} KiB more", grown / KIB);
    assert!(grown < SLACK_BYTES, "{grown} bytes");
    assert!(deliver(&mut client).await.starts_with("250 2.0.0"), "the session is in step");
}

/// More clients than the program may open files for: it goes on with those it has, and takes others when some leave.
#[tokio::test]
async fn without_file_descriptors_it_waits_for_some() {
    let (_folder, config) = configured("");
    let mut command = Command::new("prlimit");
    command.args(["--nofile=100:100", env!("CARGO_BIN_EXE_nightcall")]);
    let gateway = Gateway::start(command, &config);
    let mut clients = vec![greeted(&gateway).await];
    for _ in 0..200 {
        // The system takes the connection; whether the program does is not waited for.
        clients.push(Client::connect(gateway.smtp).await.expect("there is room in the queue"));
    }
    for _ in 0..500 {
        if gateway.log().contains("cannot accept a connection") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(gateway.log().contains("cannot accept a connection"), "{}", gateway.log());
    assert_eq!(clients[0].command("NOOP").await.as_deref(), Some("250 2.0.0 OK"), "who is in is served");
    drop(clients);
    warm(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_silent_clients_are_cheap() {
    // One for each client here, and the program raises its own.
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("the limit can be asked for");
    if limit < IDLE_CLIENTS + 500 {
        return skip(&format!("only {limit} files may be open"));
    }
    let (_folder, gateway) = started("");
    warm(&gateway).await;
    let before = memory(&gateway, "VmRSS");
    let mut clients = Vec::new();
    for _ in 0..IDLE_CLIENTS {
        clients.push(greeted(&gateway).await);
    }
    let each = memory(&gateway, "VmRSS").saturating_sub(before) / IDLE_CLIENTS;
    println!("{IDLE_CLIENTS} silent clients: {each} bytes each");
    assert!(each <= IDLE_BYTES_MAX, "{each} bytes each");
    let watch = Stopwatch::start();
    warm(&gateway).await;
    println!("another is served within {:?}", watch.elapsed());
    assert!(watch.elapsed() < Duration::from_secs(5), "took {:?}", watch.elapsed());
    let last = clients.last_mut().expect("there are some");
    assert_eq!(last.command("NOOP").await.as_deref(), Some("250 2.0.0 OK"), "they are served when they speak");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_slow_senders_hold_nobody_up() {
    let (_folder, gateway) = started("");
    warm(&gateway).await;
    let mut slow = Vec::new();
    for _ in 0..SLOW_CLIENTS {
        let mut client = greeted(&gateway).await;
        client.say(b"MAIL FROM:<root@mon>\r\nRCPT TO:<x@localhost>\r\nDATA\r\n").await.expect("sent");
        slow.push(client);
    }
    let mut longest = Duration::ZERO;
    for round in 0..10 {
        // Each says a few bytes more, and none comes to an end.
        for client in &mut slow {
            client.say(if round == 0 { b"Subject: slow\r\n\r\n" } else { b"x" }).await.expect("sent");
        }
        let watch = Stopwatch::start();
        warm(&gateway).await;
        longest = longest.max(watch.elapsed());
    }
    println!("{SLOW_CLIENTS} slow senders; another mail took {longest:?} at most");
    // A second is the promise; the machine may be busy with other tests.
    assert!(longest < Duration::from_secs(5), "took {longest:?}");
    for client in &mut slow {
        let reply = client.command("\r\n.").await;
        let replies = [reply, client.reply().await, client.reply().await, client.reply().await];
        let last = replies[3].as_deref().expect("an answer");
        assert!(last.starts_with("250 2.0.0 accepted"), "{last}: who is slow still delivers");
    }
}
