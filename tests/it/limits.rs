//! Limits that need a real listener: connections, memory, patience.

use std::sync::Arc;

use nightcall::clock::Clock;
use nightcall::engine::intake::{Incoming, Receipt};
use nightcall::smtp::listener::Listener;
use nightcall::smtp::session::Acceptance;
use nightcall::smtp::{Mailroom, server};
use tokio_util::sync::CancellationToken;

use crate::smtp::Client;
use crate::world::{STANDARD, World, sqlite_url};

async fn greeted(world: &World) -> (Client, String) {
    let mut client = Client::connect(world.running.smtp_address()).await.expect("SMTP accepts");
    let greeting = client.reply().await.expect("a word");
    (client, greeting)
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_at_once() {
    let world = World::build(STANDARD, "connections_max = 2", None).await;
    let (_first, _) = greeted(&world).await;
    let (second, greeting) = greeted(&world).await;
    assert!(greeting.starts_with("220 "), "{greeting}");
    let (mut third, greeting) = greeted(&world).await;
    assert_eq!(greeting, "421 4.7.0 too many connections, try again later");
    assert_eq!(third.line().await, None, "and it is closed");
    assert!(second.finish().await.is_empty());
    let (_fourth, greeting) = greeted(&world).await;
    assert!(greeting.starts_with("220 "), "a place that is free again is given again: {greeting}");
}

#[tokio::test]
async fn mail_text_beyond_the_memory_for_it_is_put_off_not_lost() {
    let world = World::build(STANDARD, "held_bytes_max = 50000\nsize_bytes_max = 50000", None).await;
    let mail = format!("Subject: large\r\n\r\n{}", "a line of text\r\n".repeat(2000));
    let (mut slow, _) = greeted(&world).await;
    for command in ["MAIL FROM:<a@b>", "RCPT TO:<db@alerts.example.com>", "DATA"] {
        slow.command(command).await.expect("an answer");
    }
    slow.say(mail.as_bytes()).await.expect("sent");
    // Only when it is held by the server is the memory taken.
    for _ in 0..1000 {
        let metrics =
            world.http().get(world.url("/metrics")).send().await.expect("metrics").text().await.expect("text");
        if metrics.contains(&format!("nightcall_smtp_held_bytes {}", mail.len())) {
            break;
        }
    }
    let (mut client, _) = greeted(&world).await;
    let reply = client.deliver("a@b", &["db@alerts.example.com"], mail.as_bytes()).await.expect("an answer");
    assert_eq!(reply, "452 4.3.1 too much mail at once, try again later");
    slow.say(b".\r\n").await.expect("sent");
    let reply = slow.reply().await.expect("an answer");
    assert!(reply.starts_with("250 2.0.0 accepted"), "{reply}");
    let reply = client.deliver("a@b", &["db@alerts.example.com"], mail.as_bytes()).await.expect("an answer");
    assert!(reply.starts_with("250 2.0.0 accepted"), "the same session works later: {reply}");
}

#[tokio::test]
async fn a_client_that_says_nothing_is_let_go() {
    let world = World::build(STANDARD, "idle_timeout = \"200ms\"", None).await;
    let (mut client, _) = greeted(&world).await;
    assert_eq!(client.reply().await.as_deref(), Some("421 4.4.2 timed out"));
    assert_eq!(client.line().await, None);
}

#[tokio::test]
async fn a_session_does_not_last_for_ever() {
    let world = World::build(STANDARD, "session_timeout = \"300ms\"", None).await;
    let (mut client, _) = greeted(&world).await;
    let mut replies = Vec::new();
    while let Some(reply) = client.command("NOOP").await {
        replies.push(reply);
    }
    assert_eq!(
        replies.last().map(String::as_str),
        Some("421 4.7.0 too many errors"),
        "a flood ends by its count first"
    );
    let (mut client, _) = greeted(&world).await;
    assert_eq!(client.reply().await.as_deref(), Some("421 4.4.2 timed out"));
}

#[tokio::test]
async fn a_service_removed_while_its_mail_comes_in_loses_nothing() {
    let world = World::standard().await;
    let (mut client, _) = greeted(&world).await;
    for command in ["MAIL FROM:<a@b>", "RCPT TO:<web@alerts.example.com>", "DATA"] {
        client.command(command).await.expect("an answer");
    }
    let mut definitions = nightcall::domain::Definitions::clone(&world.running.engine.definitions());
    definitions.rulebook.services.retain(|service| service.name != "web");
    world.running.engine.replace_definitions(definitions);
    client.say(b"Subject: x\r\n\r\nx\r\n.\r\n").await.expect("sent");
    assert!(client.reply().await.is_some_and(|reply| reply.starts_with("250 ")));
    assert_eq!(world.incident(1).await.service, "db", "another service sees it");
}

/// A device that loses its connection before the 250 sends the mail again; it acts once (I6).
#[tokio::test]
async fn a_client_that_is_gone_before_its_250_may_send_again() {
    let world = World::standard().await;
    let mail = b"Message-ID: <1@mon01>\r\nSubject: ** PROBLEM Host Alert: db1 is DOWN **\r\n\r\nx\r\n";
    let envelope = b"MAIL FROM:<a@b>\r\nRCPT TO:<db@alerts.example.com>\r\nDATA\r\n";
    let (mut client, _) = greeted(&world).await;
    client.say(&[&envelope[..], &mail[..], b".\r\n"].concat()).await.expect("sent");
    drop(client);
    let (mut client, _) = greeted(&world).await;
    let reply = client.deliver("a@b", &["db@alerts.example.com"], mail).await.expect("an answer");
    assert!(reply.starts_with("250 2.0.0 accepted"), "{reply}");
    assert_eq!(world.incident_count().await, 1);
    assert_eq!(world.incident(1).await.alert_count, 1, "it acts once");
    // Cut off before its end, it is no mail at all.
    let (mut client, _) = greeted(&world).await;
    client.say(&[&envelope[..], b"Subject: half\r\n\r\nx\r\n."].concat()).await.expect("sent");
    assert!(client.finish().await.iter().all(|line| !line.contains("accepted as")));
    assert_eq!(world.incident_count().await, 1);
}

/// Falls over at every mail.
struct Broken;

impl Mailroom for Broken {
    fn accepts(&self, _recipient: &str) -> Acceptance {
        Acceptance::Accepted
    }

    fn wanted(&self, _: &[String]) -> nightcall::domain::authentication::Wanted {
        nightcall::domain::authentication::Wanted::default()
    }

    async fn receive(&self, _incoming: Incoming) -> Result<Receipt, nightcall::engine::Error> {
        std::panic::resume_unwind(Box::new("as broken as can be"))
    }
}

/// mailin lost a thread for each, and the whole process when it had none left.
#[tokio::test]
async fn a_thousand_faults_inside_put_off_a_thousand_mails_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    let database = sqlite_url(folder.path());
    let text = format!(
        "fallback = \"ann\"\n[database]\nurl = {database:?}\n[users.ann]\ncontacts = [\"console\"]\n\
         [policies.p]\nsteps = [{{ delay = \"1h\", targets = [\"ann\"] }}]\n[services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n"
    );
    std::fs::write(&config, text).expect("written");
    let loaded = nightcall::definitions::load(&config, Clock::System.now()).expect("a good configuration");
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = socket.local_addr().expect("an address");
    let (stop, counters) = (CancellationToken::new(), server::Counters::default());
    let broken = Arc::new(Broken);
    let door = server::Door::new(loaded.settings.smtp, broken, counters.clone(), Clock::System, stop.clone());
    let serving = tokio::spawn(server::serve(Arc::new(door), Arc::new(Listener::plain(address)), socket));
    for _ in 0..10 {
        let mut client = Client::connect(address).await.expect("SMTP accepts");
        assert!(client.reply().await.is_some_and(|reply| reply.starts_with("220 ")));
        for _ in 0..100 {
            let reply = client.deliver("a@b", &["x@y"], b"Subject: x\r\n\r\nx\r\n").await.expect("an answer");
            assert_eq!(reply, "451 4.3.0 cannot store the mail now, try again later");
        }
    }
    assert_eq!(
        (counters.mails_not_committed.get(), counters.held_bytes.get()),
        (1000, 0),
        "counted, and no memory kept"
    );
    stop.cancel();
    serving.await.expect("it ends as it should");
}
