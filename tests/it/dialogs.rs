//! Runs `tests/dialogs/*.smtp` (format: the README there) against the pure session, whole and byte by byte, and
//! over a real socket, in plaintext and in TLS, with a real database.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use argon2::{Argon2, PasswordHasher as _};
use nightcall::smtp::Credentials;
use nightcall::smtp::session::{Acceptance, Committed, Limits, Session, Step, Terms};
use nightcall::smtp::users::Checked;

use proptest::prelude::*;

use crate::certificates::SERVER;
use crate::smtp::Client;
use crate::world::{STANDARD, World};

#[derive(Debug, Default)]
struct Dialogue {
    name: String,
    limits: Vec<(String, u64)>,
    offers: Vec<String>,
    turns: Vec<Turn>,
    mails: Option<usize>,
    from: Option<String>,
    to: Option<String>,
    body: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Turn {
    Client(Vec<u8>),
    Server(String),
    /// The client shakes hands.
    Tls,
    Closed,
}

/// What a run left behind.
#[derive(Debug, Default)]
struct Left {
    mails: usize,
    from: String,
    to: String,
    body: Vec<u8>,
}

fn dialogues() -> Vec<Dialogue> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs");
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "smtp"));
    paths.sort();
    assert!(paths.len() > 50, "the dialogues are there");
    paths.iter().map(|path| parse(path)).collect()
}

fn parse(path: &Path) -> Dialogue {
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let mut dialogue = Dialogue { name: name.clone(), ..Dialogue::default() };
    for line in std::fs::read_to_string(path).expect("UTF-8").lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "C:" => dialogue.turns.push(Turn::Client(format!("{rest}\r\n").into_bytes())),
            "C|" => dialogue.turns.push(Turn::Client(unescape(rest))),
            "S:" if rest == "closed" => dialogue.turns.push(Turn::Closed),
            "S:" => dialogue.turns.push(Turn::Server(rest.to_owned())),
            "TLS" => dialogue.turns.push(Turn::Tls),
            "offers" => dialogue.offers.extend(rest.split(' ').map(str::to_owned)),
            "mails" => dialogue.mails = Some(rest.parse().expect("a count")),
            "from" => dialogue.from = Some(rest.trim_matches(['<', '>']).to_owned()),
            "to" => dialogue.to = Some(rest.to_owned()),
            "body" => dialogue.body = Some(unescape(rest)),
            "limit" => {
                let (limit, value) = rest.split_once(' ').expect("a limit and its value");
                dialogue.limits.push((limit.to_owned(), value.parse().expect("a number")));
            }
            other => panic!("{name}: what is {other:?}?"),
        }
    }
    dialogue
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        out.push(match bytes.next() {
            Some(b'r') => b'\r',
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'0') => 0,
            Some(b'\\') => b'\\',
            Some(b'x') => {
                let digits: String = bytes.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&digits, 16).expect("two hex digits")
            }
            other => panic!("unknown escape {other:?} in {text:?}"),
        });
    }
    out
}

fn matches(expected: &str, got: &str) -> bool {
    match expected.strip_suffix('*') {
        Some(prefix) => got.starts_with(prefix.trim_end()),
        None => got == expected,
    }
}

impl Dialogue {
    fn limits(&self) -> Limits {
        let limit = |name: &str, default: u64| self.limits.iter().find(|(n, _)| n == name).map_or(default, |(_, v)| *v);
        let small = |name, default| u32::try_from(limit(name, default)).expect("a small number");
        Limits {
            hostname: "mx.test".to_owned(),
            size_bytes_max: limit("size", 100_000),
            recipients_max: usize::try_from(limit("recipients", 100)).expect("a count"),
            command_bytes_max: usize::try_from(limit("command", 4096)).expect("a count"),
            errors_max: small("errors", 20),
            idle_commands_max: small("idle", 100),
            mails_max: small("mails", 1000),
        }
    }

    /// It would go otherwise where everything is encrypted from the beginning.
    fn speaks_of_tls(&self) -> bool {
        self.offers("starttls") || self.offers("plaintext")
    }

    fn offers(&self, what: &str) -> bool {
        self.offers.iter().any(|offered| offered == what)
    }

    fn terms(&self) -> Terms {
        Terms {
            starttls: self.offers("starttls"),
            require_tls: self.offers("require_tls"),
            auth: self.offers("auth"),
            auth_in_plaintext: self.offers("auth_in_plaintext"),
            require_auth: self.offers("require_auth"),
        }
    }

    fn check(&self, how: &str, left: &Left) {
        let name = &self.name;
        if let Some(mails) = self.mails {
            assert_eq!(left.mails, mails, "{name} {how}: mails stored");
        }
        if let Some(from) = &self.from {
            assert_eq!(&left.from, from, "{name} {how}: reverse path");
        }
        if let Some(to) = &self.to {
            assert_eq!(&left.to, to, "{name} {how}: recipients");
        }
        if let Some(body) = &self.body {
            assert_eq!(String::from_utf8_lossy(&left.body), String::from_utf8_lossy(body), "{name} {how}: body");
            assert_eq!(&left.body, body, "{name} {how}: body");
        }
    }
}

fn accepts(recipient: &str) -> Acceptance {
    let address = recipient.to_ascii_lowercase();
    let (mailbox, domain) = address.rsplit_once('@').unwrap_or((&address, "alerts.example.com"));
    let mailbox = mailbox.trim_matches('"').split('+').next().unwrap_or_default();
    match (domain, mailbox) {
        ("alerts.example.com" | "second.example.com", "db" | "web") => Acceptance::Accepted,
        ("alerts.example.com" | "second.example.com", _) => Acceptance::UnknownMailbox,
        _ => Acceptance::ForeignDomain,
    }
}

/// The one who may log in.
const USER: (&str, &str) = ("ups", "secret");

fn checked(credentials: &Credentials) -> Checked {
    let right = (credentials.name.as_str(), credentials.password.as_slice()) == (USER.0, USER.1.as_bytes());
    if right { Checked::Right } else { Checked::Wrong }
}

/// `[smtp.users]` with a hash that costs little.
fn users() -> &'static str {
    static SECTION: LazyLock<String> = LazyLock::new(|| {
        let params = argon2::Params::new(64, 1, 1, None).expect("good parameters");
        let argon2 = Argon2::from(params);
        format!("[smtp.users]\n{} = \"{}\"\n", USER.0, argon2.hash_password(USER.1.as_bytes()).expect("hashed"))
    });
    &SECTION
}

/// Feeds a session in pieces of `step` bytes and compares what it says.
fn run_pure(dialogue: &Dialogue, step: usize) -> Left {
    let name = &dialogue.name;
    let mut session = Session::new(Arc::new(dialogue.limits()), dialogue.terms());
    let mut said: VecDeque<String> = session.greeting().to_wire().lines().map(str::to_owned).collect();
    let (mut left, mut closed) = (Left::default(), false);
    for turn in &dialogue.turns {
        match turn {
            Turn::Client(bytes) => {
                for piece in bytes.chunks(step) {
                    session.push(piece);
                    loop {
                        match session.next(accepts) {
                            Step::Read => break,
                            Step::Reply(reply) | Step::StartTls(reply) => {
                                said.extend(reply.to_wire().lines().map(str::to_owned));
                            }
                            Step::Check(credentials) => match session.checked(checked(&credentials)) {
                                Step::Close(reply) => {
                                    said.extend(reply.to_wire().lines().map(str::to_owned));
                                    closed = true;
                                    break;
                                }
                                Step::Reply(reply) => said.extend(reply.to_wire().lines().map(str::to_owned)),
                                other => panic!("{name}: a check is answered by a reply, not by {other:?}"),
                            },
                            Step::Close(reply) => {
                                said.extend(reply.to_wire().lines().map(str::to_owned));
                                closed = true;
                                break;
                            }
                            Step::Commit(envelope, body) => {
                                left.mails += 1;
                                left.from = envelope.reverse_path;
                                left.to = envelope.recipients.join(" ");
                                left.body = body;
                                let reply = session.committed(Committed::Durable("id"));
                                said.extend(reply.to_wire().lines().map(str::to_owned));
                            }
                        }
                    }
                }
            }
            Turn::Server(expected) => {
                let got = said.pop_front().unwrap_or_else(|| panic!("{name}: nothing said, expected {expected:?}"));
                assert!(matches(expected, &got), "{name}: expected {expected:?}, got {got:?}");
            }
            Turn::Tls => session.secured(),
            Turn::Closed => assert!(closed && said.is_empty(), "{name}: should be closed; still says {said:?}"),
        }
    }
    assert!(said.is_empty(), "{name}: says more than expected: {said:?}");
    left
}

#[test]
fn the_table_names_every_dialogue_and_no_other() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogs");
    let readme = std::fs::read_to_string(folder.join("README.md")).expect("a table");
    let table = readme.split_once("What each shows.").expect("it says what each shows").1;
    let named: Vec<&str> = table.split('`').skip(1).step_by(2).collect();
    for dialogue in dialogues() {
        let name = dialogue.name.as_str();
        let known = named.contains(&name) || name.starts_with("smuggle-") && named.contains(&"smuggle-*");
        assert!(known, "README.md does not name {name}");
    }
    for line in table.lines().filter(|line| line.starts_with("| ")) {
        let shown = line.rsplit_once(" | ").expect("two columns").1;
        for name in shown.split('`').skip(1).step_by(2).filter(|name| *name != "smuggle-*") {
            let there = if name.contains('/') {
                Path::new(env!("CARGO_MANIFEST_DIR")).join(name).exists()
            } else {
                folder.join(format!("{name}.smtp")).exists()
            };
            assert!(there, "README.md names {name}, which is not there");
        }
    }
}

#[test]
fn the_pure_session_holds_every_dialogue() {
    for dialogue in dialogues() {
        for step in [1, 2, 3, usize::MAX] {
            let left = run_pure(&dialogue, step);
            dialogue.check(&format!("in pieces of {step}"), &left);
        }
    }
}

async fn run_over_a_socket(dialogue: &Dialogue, implicit_tls: bool) {
    let name = &dialogue.name;
    let limits = dialogue.limits();
    let tls = if implicit_tls {
        "implicit"
    } else if dialogue.offers("starttls") {
        "starttls"
    } else {
        "none"
    };
    let smtp = format!(
        "size_bytes_max = {}\nrecipients_max = {}\ncommand_bytes_max = {}\nerrors_max = {}\nidle_commands_max = {}\nmails_max = {}\n\
         auth_plain_from = [{}]\n{}{}[[smtp.listeners]]\nlisten = \"127.0.0.1:0\"\ntls = {tls:?}\nrequire_tls = {}\n\
         auth = {}\nrequire_auth = {}",
        limits.size_bytes_max,
        limits.recipients_max,
        limits.command_bytes_max,
        limits.errors_max,
        limits.idle_commands_max,
        limits.mails_max,
        if dialogue.offers("auth_in_plaintext") { "\"127.0.0.0/8\"" } else { "" },
        SERVER.section(),
        users(),
        dialogue.offers("require_tls"),
        dialogue.offers("auth"),
        dialogue.offers("require_auth"),
    );
    let world = World::build(STANDARD, &smtp, None).await;
    let config = SERVER.client(None);
    let connect = async || {
        let address = world.running.smtp_address();
        if implicit_tls { Client::connect_tls(address, &config).await } else { Client::connect(address).await }
    };
    let mut client = connect().await.expect("SMTP accepts");
    let mut pending = Vec::new();
    let mut open = true;
    for turn in &dialogue.turns {
        match turn {
            Turn::Client(bytes) => pending.extend_from_slice(bytes),
            Turn::Server(expected) => {
                client.say(&std::mem::take(&mut pending)).await.expect("the server listens");
                let got = client.line().await.unwrap_or_else(|| panic!("{name}: closed, expected {expected:?}"));
                assert!(matches(expected, &got), "{name}: expected {expected:?}, got {got:?}");
            }
            Turn::Tls => client = client.start_tls(&config).await.expect("the handshake succeeds"),
            Turn::Closed => {
                assert_eq!(client.line().await, None, "{name}: should be closed");
                open = false;
            }
        }
    }
    if open {
        client.say(&pending).await.expect("the server listens");
        let rest = client.finish().await;
        assert!(rest.is_empty(), "{name}: says more than expected: {rest:?}");
    }
    let mails = world.running.engine.store().mails(None, 1000).await.expect("readable");
    let mut left = Left { mails: mails.len(), ..Left::default() };
    if let Some((last, _)) = mails.first() {
        left.from.clone_from(&last.reverse_path);
        left.to = last.recipients.join(" ");
        left.body = world.running.engine.store().mail_raw(&last.id).await.expect("readable").expect("stored");
    }
    dialogue.check(if implicit_tls { "over TLS" } else { "over a socket" }, &left);
    let mut next = connect().await.expect("SMTP accepts");
    assert!(next.reply().await.is_some_and(|reply| reply.starts_with("220 ")), "{name}: the next client is greeted");
    assert_eq!(next.command("NOOP").await.as_deref(), Some("250 2.0.0 OK"), "{name}: and served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_socket_holds_every_dialogue() {
    run_all(dialogues(), false).await;
}

/// Those that speak of STARTTLS are held in plaintext.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_holds_every_dialogue() {
    run_all(dialogues().into_iter().filter(|dialogue| !dialogue.speaks_of_tls()).collect(), true).await;
}

async fn run_all(dialogues: Vec<Dialogue>, implicit_tls: bool) {
    let mut running = tokio::task::JoinSet::new();
    for dialogue in dialogues {
        if running.len() >= 4 {
            running.join_next().await.expect("running").expect("a dialogue holds");
        }
        running.spawn(async move { run_over_a_socket(&dialogue, implicit_tls).await });
    }
    while let Some(done) = running.join_next().await {
        done.expect("a dialogue holds");
    }
}

/// Bytes that mean something to SMTP, and some that do not.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        b"MAIL FROM:<a@b>\r\n",
        b"RCPT TO:<db@alerts.example.com>\r\n",
        b"DATA\r\n",
        b".\r\n",
        b"\r\n.\r\n",
        b"RSET\r\n",
        b"EHLO x\r\n",
        b"NOOP\n",
        b"\r",
        b"\n",
        b".",
        b"\0",
        b"QUIT\r\n",
        b"BDAT 10 LAST\r\n",
        b"STARTTLS\r\n",
        b"AUTH PLAIN AHVwcwBzZWNyZXQ=\r\n",
        b"AUTH LOGIN\r\n",
        b"dXBz\r\n",
        b"*\r\n",
        b"Subject: x\r\n",
        b"<",
        b">",
        b"\"",
    ];
    prop_oneof![
        4 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..600),
    ]
}

proptest! {
    /// Whatever bytes come: no panic, memory within the limit, at most one reply a line, and every mail that is
    /// handed on has a recipient.
    #[test]
    fn any_bytes_are_answered_within_limits(pieces in prop::collection::vec(pieces(), 0..80)) {
        let limits = Dialogue { limits: vec![("size".to_owned(), 500)], ..Dialogue::default() }.limits();
        let terms = Terms { starttls: true, auth: true, auth_in_plaintext: true, ..Terms::default() };
        let mut session = Session::new(Arc::new(limits), terms);
        let (mut replies, mut lines, mut closed) = (0_usize, 0_usize, false);
        for piece in &pieces {
            lines += piece.iter().filter(|byte| **byte == b'\n').count();
            session.push(piece);
            loop {
                match session.next(accepts) {
                    Step::Read => break,
                    Step::Reply(_) => replies += 1,
                    Step::StartTls(_) => {
                        replies += 1;
                        session.push(b"QUIT\r\n");
                        prop_assert_eq!(session.next(accepts), Step::Read, "what comes before TLS is dropped");
                        session.secured();
                    }
                    Step::Check(credentials) => {
                        replies += 1;
                        closed |= matches!(session.checked(checked(&credentials)), Step::Close(_));
                    }
                    Step::Close(_) => (replies, closed) = (replies + 1, true),
                    Step::Commit(envelope, body) => {
                        prop_assert!(!envelope.recipients.is_empty() && body.len() <= 500);
                        session.committed(Committed::Durable("id"));
                        replies += 1;
                    }
                }
                prop_assert!(replies <= lines, "a reply needs a line");
            }
            prop_assert!(session.held_bytes() <= 500);
        }
        if closed {
            session.push(b"NOOP\r\n");
            prop_assert_eq!(session.next(accepts), Step::Read, "a closed session says nothing more");
        }
    }
}

#[tokio::test]
async fn the_table_of_accepted_addresses_is_the_rulebooks() {
    let world = World::standard().await;
    for recipient in
        ["db@alerts.example.com", "DB+x@second.example.com", "nobody@alerts.example.com", "db@else.example", "db"]
    {
        let routed = format!("{:?}", world.running.engine.route(recipient));
        let expected = match accepts(recipient) {
            Acceptance::Accepted => "Service",
            Acceptance::UnknownMailbox => "UnknownMailbox",
            Acceptance::ForeignDomain => "ForeignDomain",
        };
        assert!(routed.starts_with(expected), "{recipient}: {routed}");
    }
}
