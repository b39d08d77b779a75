//! The store suite: the same promises on SQLite and PostgreSQL, through the engine that users of the store are.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use nightcall::clock::Clock;
use nightcall::definitions::shipped_rulebook;
use nightcall::domain::Definitions;
use nightcall::domain::actor::Actor;
use nightcall::domain::authentication::{Authentication, Claim, Found};
use nightcall::domain::client::{Certificate, Client};
use nightcall::domain::escalation::{Policy, Step};
use nightcall::domain::incident::{Cause, Event, Status};
use nightcall::domain::notification::Outcome;
use nightcall::domain::roster::{Channel, ContactMethod, Roster, User};
use nightcall::domain::scope::Scope;
use nightcall::domain::target::Target;
use nightcall::engine::intake::Incoming;
use nightcall::engine::{About, CallEnd, Claimed, Engine, timer};
use nightcall::store::incident::Filter;
use nightcall::store::token::Token;
use nightcall::store::{OpenError, Store};
use std::sync::Arc;
use tempfile::TempDir;

use crate::postgres;
use crate::world::sqlite_url;

/// Databases to run a test on.
pub(crate) async fn databases() -> Vec<(String, Option<TempDir>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut all = vec![(sqlite_url(folder.path()), Some(folder))];
    all.extend(postgres::database().await.map(|url| (url, None)));
    all
}

fn definitions() -> Definitions {
    let user = |name: &str| {
        let methods = vec![ContactMethod::new(Channel::Voice, &format!("+4915{name}"))];
        (name.to_owned(), User::new(name, methods))
    };
    let step =
        |target: &str| Step { delay: SignedDuration::from_mins(5), targets: vec![Target::User(target.to_owned())] };
    let policy = Policy { name: String::new(), steps: vec![step("ann"), step("bob")], ..Policy::fallback_only() };
    Definitions {
        version: String::new(),
        rulebook: shipped_rulebook("example.com"),
        roster: Roster {
            users: ["ann", "bob", "boss"].map(user).into(),
            policies: [(String::new(), policy)].into(),
            fallback: "boss".to_owned(),
            ..Roster::default()
        },
        ..Definitions::default()
    }
}

fn clock() -> Clock {
    Clock::manual("2026-11-21T10:00:00Z".parse().expect("a timestamp"))
}

async fn engine(url: &str, clock: &Clock) -> Arc<Engine> {
    let store = Store::open(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
    Engine::start(store, clock.clone(), definitions())
}

fn incoming(subject: &str) -> Incoming {
    Incoming {
        client: Client::at("127.0.0.1"),
        recipients: vec!["db@example.com".to_owned()],
        raw: format!("Subject: {subject}\r\n\r\nx\r\n").into_bytes(),
        ..Incoming::default()
    }
}

fn authentication() -> Authentication {
    let claim = Claim { found: Found::Unknown, domain: "mön.example".to_owned(), why: "DNS".to_owned() };
    Authentication { dkim: Some(vec![claim.clone()]), spf: Some(claim), ..Authentication::default() }
}

fn known_client() -> Client {
    let certificate = Certificate {
        subject: "CN=mön".to_owned(),
        names: vec!["mon.example.com".to_owned()],
        fingerprint: "00ff".to_owned(),
    };
    let (tls, user) = (Some("TLSv1.3 x".to_owned()), Some("ups".to_owned()));
    Client { address: "192.0.2.1".to_owned(), tls, user, certificate: Some(certificate) }
}

fn problem(n: usize) -> Incoming {
    incoming(&format!("** PROBLEM Host Alert: h{n} is DOWN **"))
}

fn by_hand() -> Cause {
    Cause { actor: Actor::ourselves("test"), mail_id: None }
}

async fn all_incidents(engine: &Engine) -> Vec<nightcall::domain::incident::Incident> {
    engine.store().incidents(&Filter { limit: 100_000, ..Filter::default() }).await.expect("readable")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_open_incident_per_key_under_any_concurrency() {
    for (url, _folder) in databases().await {
        // Two engines are two nodes: nothing but the database is between them.
        let nodes = [engine(&url, &clock()).await, engine(&url, &clock()).await];
        let mut sending = tokio::task::JoinSet::new();
        for n in 0..200 {
            let node = Arc::clone(&nodes[n % 2]);
            sending.spawn(async move { node.receive(problem(n % 5)).await });
        }
        while let Some(sent) = sending.join_next().await {
            sent.expect("no panic").unwrap_or_else(|error| panic!("{url}: {error}"));
        }
        let incidents = all_incidents(&nodes[0]).await;
        let keys: BTreeSet<&str> = incidents.iter().map(|incident| incident.dedup_key.as_str()).collect();
        assert_eq!((incidents.len(), keys.len()), (5, 5), "{url}: one open incident per key");
        let alerts: i64 = incidents.iter().map(|incident| incident.alert_count).sum();
        assert_eq!(alerts, 200, "{url}: every alert is counted");
        let timeline = nodes[1].store().timeline(incidents[0].number).await.expect("readable");
        assert_eq!(timeline.len() as i64, incidents[0].alert_count, "{url}: every alert is told");
    }
}

#[tokio::test]
async fn everything_stored_comes_back() {
    for (url, _folder) in databases().await {
        let engine = engine(&url, &clock()).await;
        let raw: Vec<u8> = (0..=255).collect();
        let incoming = Incoming {
            client: known_client(),
            authentication: authentication(),
            helo: "héllo".to_owned(),
            reverse_path: String::new(),
            recipients: vec!["db@example.com".to_owned(), "Web+x@example.com".to_owned()],
            raw: [b"Subject: NUL \0 and \xff\r\nMessage-ID: <a@b>\r\n\r\n".as_slice(), &raw].concat(),
        };
        let receipt = engine.receive(incoming.clone()).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let (mail, alerts) = engine.store().mail(&receipt.mail_id).await.expect("readable").expect("stored");
        assert_eq!(
            (mail.helo, mail.reverse_path, mail.recipients),
            (incoming.helo, String::new(), incoming.recipients)
        );
        assert_eq!((mail.client, mail.authentication), (known_client(), authentication()), "{url}");
        assert_eq!(mail.received_at, engine.clock().now());
        assert_eq!(mail.message_id.as_deref(), Some("a@b"));
        assert_eq!(alerts.len(), 2);
        assert_eq!(mail.trace.len(), 2);
        let stored = engine.store().mail_raw(&receipt.mail_id).await.expect("readable");
        assert_eq!(stored, Some(incoming.raw), "{url}: byte for byte");
        let incident = engine.store().incident(1).await.expect("readable").expect("opened");
        assert_eq!(incident.opened_at, engine.clock().now());
        assert_eq!(incident.policy.steps.len(), 2, "{url}: with a snapshot of the policy");
    }
}

#[tokio::test]
async fn an_incidents_whole_life() {
    for (url, _folder) in databases().await {
        let clock = clock();
        let engine = engine(&url, &clock).await;
        engine.receive(problem(1)).await.expect("stored");
        assert_eq!(timer::run_due(&engine).await.expect("works"), 1, "{url}: due at once");
        assert_eq!(timer::run_due(&engine).await.expect("works"), 0, "{url}: and only once");
        let acknowledged = engine.handle(1, Event::Acknowledged { origin_at: None }, by_hand()).await.expect("works");
        assert_eq!(acknowledged.map(|handled| handled.incident.status), Some(Status::Acknowledged));
        let stored = engine.store().incident(1).await.expect("readable").expect("there");
        assert_eq!(stored.acknowledged, Some((clock.now(), "test".to_owned())), "{url}");
        engine.receive(incoming("** RECOVERY Host Alert: h1 is UP **")).await.expect("stored");
        let stored = engine.store().incident(1).await.expect("readable").expect("there");
        assert_eq!((stored.status, stored.resolved_at, stored.due_at), (Status::Resolved, Some(clock.now()), None));
        engine.receive(problem(1)).await.expect("stored");
        assert_eq!(all_incidents(&engine).await.len(), 2, "{url}: a trigger after the end opens anew");
        assert_eq!(engine.handle(99, Event::TimerDue, by_hand()).await.expect("works"), None);
    }
}

fn ids(claimed: &Claimed) -> BTreeSet<&str> {
    let others = claimed.others.iter().map(|(notification, _)| notification.id.as_str());
    others.chain([claimed.notification.id.as_str()]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_is_leased_to_one_worker() {
    for (url, _folder) in databases().await {
        let clock = clock();
        let nodes = [engine(&url, &clock).await, engine(&url, &clock).await];
        for n in 0..20 {
            nodes[0].receive(problem(n)).await.expect("stored");
        }
        timer::run_due(&nodes[0]).await.expect("works");
        let mut claiming = tokio::task::JoinSet::new();
        for n in 0..10 {
            let node = Arc::clone(&nodes[n % 2]);
            claiming.spawn(async move { node.claim(3).await });
        }
        let mut claimed = Vec::new();
        while let Some(batch) = claiming.join_next().await {
            claimed.extend(batch.expect("no panic").unwrap_or_else(|error| panic!("{url}: {error}")));
        }
        claimed.extend(nodes[0].claim(100).await.expect("works"));
        assert_eq!(claimed.len(), 1, "{url}: one call at a time");
        assert_eq!(ids(&claimed[0]).len(), 20, "{url}: about everything that is due");
        assert!(nodes[1].claim(100).await.expect("works").is_empty(), "{url}: nothing is left inside the lease");

        clock.advance(SignedDuration::from_secs(30));
        let again = nodes[1].claim(100).await.expect("works");
        assert_eq!(again.len(), 1, "{url}: a lease that ran out is taken over");
        assert_eq!(ids(&again[0]), ids(&claimed[0]), "{url}");
        let stale = claimed.swap_remove(0);
        let id = stale.notification.id.clone();
        nodes[0].report(stale, Outcome::Failed("late".to_owned())).await.expect("works");
        let stored = nodes[0].store().notification(&id).await.expect("readable").expect("there");
        assert_eq!(stored.status.word(), "sending", "{url}: the late worker is fenced");
        let mine = again.into_iter().next().expect("leased again");
        nodes[1].report(mine, Outcome::Accepted("CA1".to_owned())).await.expect("works");
        let stored = nodes[0].store().notification(&id).await.expect("readable").expect("there");
        assert_eq!((stored.status.word(), stored.provider_ref.as_deref()), ("sent", Some("CA1")), "{url}");
    }
}

#[tokio::test]
async fn an_acknowledged_incident_has_nothing_to_send() {
    for (url, _folder) in databases().await {
        let clock = clock();
        let engine = engine(&url, &clock).await;
        engine.receive(problem(1)).await.expect("stored");
        timer::run_due(&engine).await.expect("works");
        let claimed = engine.claim(10).await.expect("works").swap_remove(0);
        engine.handle(1, Event::Acknowledged { origin_at: None }, by_hand()).await.expect("works");
        clock.advance(SignedDuration::from_secs(31));
        assert!(engine.claim(10).await.expect("works").is_empty(), "{url}: a crashed worker's call is not made again");
        let id = claimed.notification.id.clone();
        engine.report(claimed, Outcome::Accepted("CA1".to_owned())).await.expect("works");
        engine
            .call_ended(
                engine.store().notification(&id).await.expect("readable").expect("there"),
                CallEnd::Failed,
                About { attempt: 1, provider_ref: "CA1".to_owned() },
            )
            .await
            .expect("works");
        let stored = engine.store().notification(&id).await.expect("readable").expect("there");
        assert_eq!(stored.status.word(), "cancelled", "{url}");
    }
}

#[tokio::test]
async fn tokens_and_deliveries() {
    for (url, _folder) in databases().await {
        let clock = clock();
        let engine = engine(&url, &clock).await;
        let store = engine.store();
        let by = Actor::command_line("root");
        let token = Token {
            scope: Scope::Respond,
            services: vec!["db".to_owned()],
            expires_at: Some(clock.now()),
            ..Token::for_everything("ops", clock.now())
        };
        assert!(store.add_token(&token, "hash", &by).await.expect("works"));
        assert!(!store.add_token(&token, "other", &by).await.expect("works"), "{url}: a name is used once");
        assert_eq!(store.token("hash").await.expect("works"), Some(token.clone()));
        assert_eq!(store.token("none").await.expect("works"), None);
        assert!(store.revoke_token("ops", &by, clock.now()).await.expect("works"));
        assert!(!store.revoke_token("ops", &by, clock.now()).await.expect("works"), "{url}: it is taken back already");
        let revoked = Token { revoked_at: Some(clock.now()), ..token };
        assert_eq!(store.tokens().await.expect("works"), [revoked]);
        store.touch("n1", clock.now()).await.expect("works");
        store.touch("n1", clock.now() + SignedDuration::from_secs(2)).await.expect("works");
        let counts = store.counts().await.unwrap_or_else(|error| panic!("{url}: {error}"));
        assert!(counts.iter().any(|(what, _, count)| what == "mail" && *count == 0), "{url}: {counts:?}");
    }
}

#[tokio::test]
async fn a_database_from_the_future_is_refused_in_plain_words() {
    for (url, _folder) in databases().await {
        let store = Store::open(&url).await.expect("opens");
        store.close().await;
        sqlx::any::install_default_drivers();
        let pool = sqlx::AnyPool::connect(&url).await.expect("connects");
        let sql = "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                   select 9999, description, success, checksum, execution_time from _sqlx_migrations where version = 1";
        sqlx::query(sql).execute(&pool).await.expect("inserted");
        pool.close().await;
        match Store::open(&url).await {
            Err(error @ OpenError::Newer(9999)) => assert!(error.to_string().contains("newer nightcall"), "{error}"),
            other => panic!("{url}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn opening_twice_finds_everything_again() {
    for (url, _folder) in databases().await {
        let clock = clock();
        let first = engine(&url, &clock).await;
        first.receive(problem(1)).await.expect("stored");
        first.store().close().await;
        let second = engine(&url, &clock).await;
        assert_eq!(all_incidents(&second).await.len(), 1, "{url}");
        assert_eq!(second.store().due_incidents(Timestamp::MAX, 10).await.expect("readable"), [1], "{url}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_goes_away_and_comes_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(&sqlite_url(folder.path()), &clock()).await;
    let blocker = sqlx::AnyPool::connect(&sqlite_url(folder.path())).await.expect("connects");
    let mut holding = blocker.acquire().await.expect("a connection");
    sqlx::query("begin immediate").execute(&mut *holding).await.expect("locks");
    let refused = engine.receive(problem(1)).await;
    assert!(refused.is_err(), "what cannot be committed is not accepted");
    sqlx::query("rollback").execute(&mut *holding).await.expect("unlocks");
    engine.receive(problem(1)).await.expect("later it works, without a restart");
    assert_eq!(all_incidents(&engine).await.len(), 1);
}

/// Forwards to a server until told to fall silent: then it neither forwards nor closes, as a vanished machine does.
async fn silenceable_proxy(server: std::net::SocketAddr) -> (u16, tokio::sync::watch::Sender<bool>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let (silence, silent) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut silent = silent.clone();
            tokio::spawn(async move {
                let Ok(mut server) = tokio::net::TcpStream::connect(server).await else { return };
                let forwarding = tokio::io::copy_bidirectional(&mut client, &mut server);
                let silenced = async { silent.wait_for(|silent| *silent).await.is_ok() };
                let fallen_silent = tokio::select! {
                    _ = forwarding => false,
                    silenced = silenced => silenced,
                };
                if fallen_silent {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (port, silence)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_falls_silent_is_given_up_and_found_again() {
    let Some(url) = postgres::database().await else { return };
    let (head, database) = url.rsplit_once('/').expect("a database");
    let server = head.rsplit_once('@').expect("a host").1.parse().expect("an address");
    let (port, silence) = silenceable_proxy(server).await;
    let clock = clock();
    let engine = engine(&format!("postgres://postgres@127.0.0.1:{port}/{database}"), &clock).await;
    engine.receive(problem(1)).await.expect("stored");
    assert_eq!(timer::run_due(&engine).await.expect("works"), 1);
    clock.advance(SignedDuration::from_mins(5));

    silence.send(true).expect("the proxy listens");
    let watch = nightcall::clock::Stopwatch::start();
    let (due, claimed, received) = tokio::join!(timer::run_due(&engine), engine.claim(10), engine.receive(problem(2)));
    assert!(due.is_err() && claimed.is_err() && received.is_err(), "nothing is promised");
    assert!(watch.elapsed().as_secs() < 45, "and nobody waits for ever: {:?}", watch.elapsed());

    silence.send(false).expect("the proxy listens");
    let mut handled = 0;
    for _ in 0..4 {
        handled = timer::run_due(&engine).await.unwrap_or_default();
        if handled > 0 {
            break;
        }
    }
    assert_eq!(handled, 1, "paging goes on over new connections, without a restart");
    engine.receive(problem(2)).await.expect("stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_absurd_policy_harms_nobody_else() {
    for (url, _folder) in databases().await {
        let engine = engine(&url, &clock()).await;
        let mut far = definitions();
        if let Some(policy) = far.roster.policies.get_mut("") {
            policy.steps[0].delay = SignedDuration::MAX;
        }
        engine.replace_definitions(far);
        engine.receive(problem(1)).await.expect("stored");
        timer::run_due(&engine).await.expect("an absurd policy is the end of time, not of the timer");
        let mut sending = tokio::task::JoinSet::new();
        for n in 0..20 {
            let engine = Arc::clone(&engine);
            sending.spawn(async move { engine.receive(problem(n)).await });
        }
        while let Some(sent) = sending.join_next().await {
            sent.expect("no panic").unwrap_or_else(|error| panic!("{url}: {error}"));
        }
    }
}

/// The log is copied back beside the commits long before a commit would do it, and begins anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_of_the_database_stays_short() {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = engine(&sqlite_url(folder.path()), &clock()).await;
    let bytes = |suffix: &str| {
        let files = std::fs::read_dir(folder.path()).expect("a folder").map(|file| file.expect("a file"));
        let of_kind = |file: &std::fs::DirEntry| file.file_name().to_string_lossy().ends_with(suffix);
        files.filter(of_kind).map(|file| file.metadata().expect("its size").len()).sum::<u64>()
    };
    let receive = async |count: usize| {
        for n in 0..count {
            let raw = [format!("Subject: mail {n}\r\n\r\n").into_bytes(), vec![b'x'; 1 << 20]].concat();
            let incoming = Incoming { recipients: vec!["db@alerts.test".to_owned()], raw, ..Incoming::default() };
            engine.receive(incoming).await.expect("stored");
        }
    };
    receive(6).await;
    let (file, log) = (bytes(".db"), bytes(".db-wal"));
    assert!(file < 1 << 20 && log > 6 << 20, "all is in the log: {file} and {log} bytes");
    engine.store().copy_log_back().await.expect("copied");
    assert!(bytes(".db") > 6 << 20, "{} bytes", bytes(".db"));
    receive(4).await;
    assert_eq!(bytes(".db-wal"), log, "what came after that took the place of what was copied");

    // And by itself, once it is worth it.
    let before = bytes(".db");
    let stop = tokio_util::sync::CancellationToken::new();
    let keeping = tokio::spawn(engine.store().clone().keep_log_short(stop.clone()));
    receive(8).await;
    let copied = async {
        while bytes(".db") < before + (6 << 20) {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), copied).await.expect("it is copied back");
    stop.cancel();
    keeping.await.expect("it ends when it is told to");
}
