//! Nothing but CR LF . CR LF ends a mail, however the bytes are cut into segments: each smuggling dialogue whole, split
//! in two at every place, and byte by byte; pure, over TCP and inside TLS (CVE-2023-51764 and its kin).

use std::sync::Arc;

use nightcall::smtp::session::{Acceptance, Committed, Limits, Session, Step, Terms};
use tokio::task::yield_now;

use crate::certificates::SERVER;
use crate::smtp::Client;
use crate::world::{STANDARD, World};

/// What stands where the mail might wrongly be thought to end.
const ENDINGS: [&str; 18] = [
    "\n.\n",
    "\n.\r\n",
    "\r\n.\n",
    "\r.\r",
    "\r.\n",
    "\n.\r",
    "\r.\r\n",
    "\r\n.\r",
    "\r\n\0.\r\n",
    "\r\n.\0\r\n",
    "\r\n.\r\r\n",
    "\r\n.\r\r\r\n",
    "\r\n.\r\r\r\r\n",
    "\r\n.\r\r\r\r\r\n",
    "\r\n.\r\r\r\r\r\r\n",
    "\r\n. \r\n",
    "\r\r\n.\r\r\n",
    "\r\n.\n\r\n",
];

/// Says who and to whom; the reply to each line is waited for.
const ENVELOPE: [&str; 3] = ["MAIL FROM:<root@mon01>", "RCPT TO:<db@alerts.example.com>", "DATA"];

/// The text with a forged mail in it, and its true end.
fn text(ending: &str) -> String {
    format!(
        "Subject: a{ending}MAIL FROM:<boss@forged.example>\r\nRCPT TO:<web@alerts.example.com>\r\nDATA\r\n\
         Subject: forged\r\n\r\nb\r\n.\r\n"
    )
}

/// The text as a mail: no end, and a dot less at the start of each line.
fn body(text: &str) -> String {
    let whole = format!("\r\n{}", text.strip_suffix(".\r\n").expect("it ends"));
    whole.replace("\r\n.", "\r\n").split_off(2)
}

/// Every way to cut it: whole, in two, into bytes.
fn cuts(length: usize) -> impl Iterator<Item = Vec<std::ops::Range<usize>>> {
    let bytes = (0..length).map(|at| at..at + 1).collect();
    let halves = (1..length).map(move |at| vec![0..at, at..length]);
    [std::iter::once(0..length).collect(), bytes].into_iter().chain(halves)
}

#[test]
fn the_pure_session_is_not_smuggled_past() {
    let limits = Limits {
        hostname: "mx.test".to_owned(),
        size_bytes_max: 100_000,
        recipients_max: 100,
        command_bytes_max: 4096,
        errors_max: 20,
        idle_commands_max: 100,
        mails_max: 1000,
    };
    for ending in ENDINGS {
        let text = format!("{}\r\n{}QUIT\r\n", ENVELOPE.join("\r\n"), text(ending));
        for cut in cuts(text.len()) {
            let mut session = Session::new(Arc::new(limits.clone()), Terms::default());
            let (mut mails, mut codes) = (Vec::new(), Vec::new());
            for piece in &cut {
                session.push(&text.as_bytes()[piece.clone()]);
                loop {
                    match session.next(|_| Acceptance::Accepted) {
                        Step::Read => break,
                        Step::Reply(reply) => codes.push(reply.code),
                        Step::Close(reply) => {
                            codes.push(reply.code);
                            break;
                        }
                        Step::Commit(envelope, body) => {
                            mails.push((envelope.reverse_path, String::from_utf8(body).expect("as it came")));
                            codes.push(session.committed(Committed::Durable("id")).code);
                        }
                        other => panic!("{ending:?}: {other:?}"),
                    }
                }
            }
            assert_eq!(codes, [250, 250, 354, 250, 221], "{ending:?} cut as {cut:?}");
            assert_eq!(mails, [("root@mon01".to_owned(), body(&self::text(ending)))], "{ending:?} cut as {cut:?}");
        }
    }
}

/// On one thread, so that the server reads what was sent before the next piece is.
async fn smuggle(implicit_tls: bool) {
    let tls = if implicit_tls { "implicit" } else { "none" };
    let smtp = format!(
        "{}[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\ntls = {tls:?}\n",
        if implicit_tls { SERVER.section() } else { String::new() }
    );
    let world = World::build(STANDARD, &smtp, None).await;
    let config = SERVER.client(None);
    let connect = async || {
        let address = world.running.smtp_address();
        let client =
            if implicit_tls { Client::connect_tls(address, &config).await } else { Client::connect(address).await };
        let mut client = client.expect("SMTP accepts");
        assert!(client.reply().await.is_some_and(|reply| reply.starts_with("220 ")), "a client is greeted");
        client
    };
    let mut sent = 0_i64;
    for ending in ENDINGS {
        let (text, mut client) = (text(ending), connect().await);
        let mut last = String::new();
        for cut in cuts(text.len()) {
            client.say(format!("{}\r\n", ENVELOPE.join("\r\n")).as_bytes()).await.expect("sent");
            for code in ["250 2.1.0", "250 2.1.5", "354"] {
                let reply = client.reply().await.expect("an answer");
                assert!(reply.starts_with(code), "{ending:?} cut as {cut:?}: {reply}");
            }
            for piece in &cut {
                client.say(&text.as_bytes()[piece.clone()]).await.expect("sent");
                for _ in 0..3 {
                    yield_now().await;
                }
            }
            last = client.reply().await.expect("an answer");
            assert!(last.starts_with("250 2.0.0 accepted"), "{ending:?} cut as {cut:?}: {last}");
            sent += 1;
        }
        assert_eq!(client.command("NOOP").await.as_deref(), Some("250 2.0.0 OK"), "{ending:?}: nothing is left over");
        let store = world.running.engine.store();
        let counts = store.counts().await.expect("readable");
        let mails = counts.iter().find(|(what, _, _)| what == "mail").map_or(0, |(_, _, count)| *count);
        assert_eq!(mails, sent, "{ending:?}: one mail for each that was sent, and none that was forged");
        let id = last.rsplit(' ').next().expect("an id");
        let raw = store.mail_raw(id).await.expect("readable").expect("stored");
        assert_eq!(String::from_utf8_lossy(&raw), body(&text), "{ending:?}");
        assert_eq!(
            connect().await.command("NOOP").await.as_deref(),
            Some("250 2.0.0 OK"),
            "{ending:?}: the next is served"
        );
    }
    println!("{sent} mails with another inside, none of them smuggled");
}

#[tokio::test]
async fn nothing_is_smuggled_over_tcp() {
    smuggle(false).await;
}

#[tokio::test]
async fn nothing_is_smuggled_inside_tls() {
    smuggle(true).await;
}
