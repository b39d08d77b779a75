//! Mail that pages, received by somebody else's server, and what comes back to our own.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use mail_parser::{Message, MessageParser};
use nightcall::domain::incident::Status;

use crate::smtp_out::{Arrived, sink};
use crate::world::{World, free_address};

fn smarthost(address: SocketAddr) -> String {
    format!("[[mail.smarthost]]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n", address.port())
}

/// Eve has mail first and a call after two minutes.
async fn world(smarthosts: &[SocketAddr]) -> World {
    let hosts: String = smarthosts.iter().map(|address| smarthost(*address)).collect();
    World::new(&format!(
        r#"
[mail]
from = "nightcall <nightcall@alerts.example.com>"
{hosts}
[users.eve]
contacts = {{ mail = "mail:eve@example.com", phone = "voice:+15005550010" }}
high = ["mail", "phone after 2m"]
[policies.default]
rounds = 1
steps = [{{ delay = "5m", targets = ["eve"] }}, {{ delay = "10m", targets = ["bob"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    ))
    .await
}

/// The next mail; what is sent in the background goes on meanwhile.
async fn next(mails: &Receiver<Arrived>) -> Arrived {
    for _ in 0..2000 {
        if let Ok(mail) = mails.try_recv() {
            return mail;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a mail arrives");
}

fn read(raw: &[u8]) -> Message<'_> {
    MessageParser::new().parse(raw).expect("it can be read")
}

fn reply_to(mail: &Message<'_>) -> String {
    mail.reply_to().and_then(|to| to.first()).and_then(|to| to.address()).expect("an address for answers").to_owned()
}

#[tokio::test]
async fn a_mail_is_answered_by_whoever_knows_its_address() {
    let (address, mails) = sink();
    let mut world = world(&[address]).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let (sender, recipients, raw) = next(&mails).await;
    let mail = read(&raw);
    assert_eq!(mail.subject(), Some("[#1 critical] db: disk on db1 is CRITICAL"));
    assert_eq!(recipients, ["eve@example.com"]);
    let answers = reply_to(&mail);
    assert_eq!(sender, answers, "a bounce tells which mail it was");
    assert!(mail.body_html(0).expect("HTML").contains("disk on db1 is CRITICAL"));
    let thread = mail.references().clone();

    // Nobody else's address does anything.
    let guessed = answers.replacen("reply+", "reply+0", 1);
    let refused = world.deliver("eve@example.com", &[&guessed], b"Subject: Re: x\r\n\r\nack\r\n").await;
    assert!(refused.starts_with("550"), "{refused}");
    // Quoted text asks for nothing. That somebody is told so is seen by Postfix (`tests/live/mail_out.sh`): mailin takes no
    // mail from the null sender, as answers by machines have it.
    let quoted = b"From: Mallory <m@evil.example>\r\nSubject: Re: x\r\n\r\nthanks\r\n\r\n> Reply with ack\r\n";
    assert!(world.deliver("m@evil.example", &[&answers], quoted).await.starts_with("250"));
    world.expect_status(1, Status::Triggered).await;
    let forged = b"From: Mallory <m@evil.example>\r\nSubject: Re: x\r\n\r\nAck, on it\r\n\r\n> Reply with resolve\r\n";
    assert!(world.deliver("m@evil.example", &[&answers], forged).await.starts_with("250"));
    world.expect_status(1, Status::Acknowledged).await;
    assert_eq!(world.incident(1).await.acknowledged.expect("by somebody").1, "eve by mail");
    world.settle().await;
    world.nagios("RECOVERY", "OK").await;
    let (_, _, raw) = next(&mails).await;
    let over = read(&raw);
    assert_eq!(over.subject(), Some("Re: [#1 critical] db: disk on db1 is CRITICAL"));
    assert_eq!(*over.references(), thread, "one thread for each incident");
    world.advance_minutes(3).await;
    world.expect_silence();
}

#[tokio::test]
async fn a_mail_that_comes_back_is_followed_by_the_next_way_at_once() {
    let (address, mails) = sink();
    let mut world = world(&[address]).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let (sender, _, raw) = next(&mails).await;
    let copied = String::from_utf8_lossy(&raw).split("\r\n\r\n").next().expect("headers").to_owned();
    let bounce = |action: &str| {
        format!(
            "From: MAILER-DAEMON@mx.example\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n\
             --b\r\n\r\nSorry.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\n\
             Final-Recipient: rfc822; eve@example.com\r\nAction: {action}\r\nStatus: 5.1.1\r\n\r\n--b\r\n\
             Content-Type: message/rfc822\r\n\r\n{copied}\r\n\r\nx\r\n--b--\r\n"
        )
    };
    assert!(world.deliver("", &[&sender], bounce("delayed").as_bytes()).await.starts_with("250"));
    world.settle().await;
    world.expect_silence();
    assert!(world.deliver("", &[&sender], bounce("failed").as_bytes()).await.starts_with("250"));
    world.settle().await;
    assert_eq!(world.phone.ringing().expect("the phone rings").to, "+15005550010");

    // A rule somewhere forwards our own mail to a service: that opens nothing, or it would never end.
    let reply = world.deliver("eve@example.com", &["db@alerts.example.com"], &raw).await;
    assert!(reply.starts_with("250"), "{reply}");
    world.settle().await;
    assert_eq!(world.incident_count().await, 1);
    let id = reply.rsplit(' ').next().expect("an id");
    let (stored, _) = world.running.engine.store().mail(id).await.expect("readable").expect("it is stored");
    assert_eq!(stored.trace[0].trace[0].reason, "our own mail came back");
}

#[tokio::test]
async fn the_next_server_takes_over_when_one_is_down() {
    let (address, mails) = sink();
    let nobody = free_address();
    let mut world = world(&[nobody, address]).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    next(&mails).await;
    world.expect_silence();
    let notifications = world.running.engine.store().notifications(1).await.expect("readable");
    assert_eq!(notifications[0].attempts, 1, "at once, in the same attempt");
}
