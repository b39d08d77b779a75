//! The trail: whatever somebody changes is told, once, with how it was; and nobody changes what was told.

use jiff::SignedDuration;
use nightcall::clock::Clock;
use nightcall::domain::actor::Actor;
use nightcall::engine::{Arrangement, Engine};
use nightcall::http::auth;
use nightcall::store::Store;
use nightcall::store::token::Token;
use nightcall::store::trail::{Act, Broken, Told};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::{AnyPool, AssertSqlSafe};

use crate::pages::{ask, cookie, get, staffed};
use crate::postgres;
use crate::store::databases;
use crate::world::World;

async fn rows(store: &Store) -> Vec<Told> {
    store.trail_after(0, 10_000).await.expect("readable")
}

fn told(rows: &[Told]) -> Vec<String> {
    rows.iter()
        .map(|row| format!("{} {} by {} ({}) from {}", row.what, row.about, row.who, row.way, row.origin))
        .collect()
}

fn object(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[tokio::test]
async fn every_way_to_change_something_is_told() {
    let mut world = staffed().await;
    let start = rows(world.running.engine.store()).await.len();
    let mail = world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("ann");
    assert_eq!(
        told(&rows(world.running.engine.store()).await[start..]),
        Vec::<String>::new(),
        "monitors and timers are not somebody"
    );
    world.answer(&call, "4").await;
    let mine = cookie(&world, "rae").await;
    for (path, form) in [
        ("/incidents/1/note", &[("text", "looking")][..]),
        ("/incidents/1/resolve", &[]),
        ("/incidents/1/resolve", &[]),
        ("/silences", &[("service", "db"), ("for", "2h"), ("reason", "disks")]),
        ("/people/bob/contacts/voice/test", &[]),
    ] {
        ask(&world, Method::POST, path, Some(&mine), form).await;
    }
    let silence = world.running.engine.store().silences_since(world.now()).await.expect("readable").swap_remove(0).id;
    world.post(&format!("/api/v1/silences/{silence}/end")).await;
    world.post(&format!("/api/v1/mails/{mail}/reprocess")).await;
    ask(&world, Method::POST, "/sign-in", None, &[("name", "rae"), ("password", "guessed")]).await;
    ask(&world, Method::POST, "/sign-out", Some(&mine), &[]).await;
    let all = rows(world.running.engine.store()).await;
    let here = "127.0.0.1";
    assert_eq!(
        told(&all[start..]),
        vec![
            "acknowledged incident 1 by ann (voice) from +15005550001".to_owned(),
            format!("signed_in rae by rae (page) from {here}"),
            format!("remarked incident 1 by rae (page) from {here}"),
            format!("resolved incident 1 by rae (page) from {here}"),
            format!("silence_made silence {silence} by rae (page) from {here}"),
            format!("contact_tested voice of bob by rae (page) from {here}"),
            format!("silence_ended silence {silence} by token test (api) from {here}"),
            format!("reprocessed mail {mail} by token test (api) from {here}"),
            format!("sign_in_refused rae by nobody (page) from {here}"),
            format!("session_ended rae by rae (page) from {here}"),
        ],
        "what changed nothing is not told"
    );
    let [acknowledged, _, noted, resolved, ..] = &all[start..] else { panic!("told") };
    assert_eq!(object(&acknowledged.was), json!({ "held_by": null, "status": "triggered" }));
    let became = object(&acknowledged.became);
    assert_eq!((&became["held_by"], &became["status"]), (&json!("ann by voice"), &json!("acknowledged")));
    assert_eq!((noted.was.as_str(), object(&noted.became)), ("", json!({ "told": ["rae by web: looking"] })));
    assert_eq!(object(&resolved.was)["status"], "acknowledged");
    assert!(world.running.engine.store().walk_trail(|_| ()).await.expect("readable").is_ok());

    let admin = cookie(&world, "ada").await;
    let (status, text) = get(&world, "/trail", &admin).await;
    assert!(status == 200 && text.contains("silence made") && text.contains("rae by page from 127.0.0.1"), "{text}");
    let (_, older) = get(&world, "/trail?before=2", &admin).await;
    assert!(older.contains("row 1<") && !older.contains("row 2<") && !older.contains("Older"), "{older}");
    world.settle().await;
    while world.phone.ringing().is_some() {}
}

#[tokio::test]
async fn tokens_are_told_and_act_in_their_own_name() {
    let mut world = staffed().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let store = world.running.engine.store();
    let (by, start) = (Actor::command_line("root"), rows(store).await.len());
    let token = Token { services: vec!["db".to_owned()], ..Token::for_everything("ops", world.now()) };
    for is_new in [true, false] {
        assert_eq!(store.add_token(&token, "hash", &by).await.expect("works"), is_new);
    }
    let take = world.http().post(world.url("/api/v1/incidents/1/take")).bearer_auth(&world.token);
    let taken = take.json(&json!({ "as": "bob" })).send().await.expect("an answer");
    assert_eq!(taken.status(), 200);
    assert_eq!(world.incident(1).await.acknowledged.expect("taken").1, "bob by token test");
    for is_known in [true, false] {
        assert_eq!(store.revoke_token("ops", &by, world.now()).await.expect("works"), is_known);
    }
    let all = rows(store).await;
    assert_eq!(
        told(&all[start..]),
        [
            "token_created ops by command line (command line) from root",
            "taken_over incident 1 by token test (api) from 127.0.0.1",
            "token_revoked ops by command line (command line) from root",
        ]
    );
    assert_eq!(object(&all[start].became), json!({ "scope": "admin", "services": ["db"], "expires_at": null }));
    assert!(store.walk_trail(|_| ()).await.expect("readable").is_ok());
    world.settle().await;
    while world.phone.ringing().is_some() {}
}

#[tokio::test]
async fn who_guesses_passwords_is_told_and_fills_nothing() {
    let world = staffed().await;
    let start = rows(world.running.engine.store()).await.len();
    for _ in 0..25 {
        ask(&world, Method::POST, "/sign-in", None, &[("name", "nobody"), ("password", "x")]).await;
    }
    assert_eq!(rows(world.running.engine.store()).await.len() - start, 20);
    world.clock.advance(SignedDuration::from_mins(1));
    ask(&world, Method::POST, "/sign-in", None, &[("name", "nobody\0"), ("password", "x")]).await;
    let last = rows(world.running.engine.store()).await.pop().expect("a row");
    assert_eq!((object(&last.became)["others_before"].clone(), last.way.as_str()), (json!(5), "page"));
}

/// Changed, taken out, put in, cut off: the first row that does not fit is named.
#[tokio::test]
async fn whoever_changes_the_trail_is_found_out() {
    sqlx::any::install_default_drivers();
    for (url, _folder) in databases().await {
        for (sql, expected) in [
            ("update trail set who = 'bob' where number = 3", Some((3, "was changed after it was written"))),
            ("delete from trail where number = 2", Some((2, "is missing"))),
            ("delete from trail where number = 5", Some((5, "is missing"))),
            ("delete from trail where number >= 1", Some((1, "is missing"))),
            ("update trail_end set number = 4", Some((5, "is not where the chain ends"))),
            (
                "update trail_end set number = 4, hash = (select hash from trail where number = 4)",
                Some((5, "lies behind the end of the chain")),
            ),
            ("update trail_end set hash = 'x'", Some((6, "is not where the chain ends"))),
            ("update trail set previous = '' where number = 4", Some((4, "does not follow from the row before"))),
            ("update trail set number = number", None),
        ] {
            let store = Store::open(&url).await.expect("opens");
            let pool = AnyPool::connect(&url).await.expect("connects");
            for clean in ["delete from trail", "update trail_end set number = 0, hash = ''"] {
                sqlx::query(clean).execute(&pool).await.expect("cleaned");
            }
            let now = "2026-11-21T10:00:00.123456Z".parse().expect("an instant");
            for nth in 1..=5 {
                let act = Act::new(&Actor::page("ann", "::1"), "noted", format!("thing {nth}"));
                store.tell(act.was(json!({ "é": "\0 <b>" })), now).await.expect("told");
            }
            let mut seen = 0;
            assert!(store.walk_trail(|_| seen += 1).await.expect("readable").is_ok(), "{url}");
            assert_eq!(seen, 5);
            sqlx::query(AssertSqlSafe(sql)).execute(&pool).await.expect("changed");
            let walked = store.walk_trail(|_| ()).await.expect("readable");
            let broken = walked.err().map(|Broken { number, why }| (number, why));
            assert_eq!(broken, expected, "{url}: {sql}");
            pool.close().await;
            store.close().await;
        }
    }
}

/// Two gateways write at once into one database: one chain, no gap, no fork, and nothing lost.
#[tokio::test]
async fn writers_at_once_make_one_chain() {
    let Some(url) = postgres::database().await else { return };
    writers_at_once(&url).await;
}

#[tokio::test]
async fn writers_at_once_make_one_chain_on_sqlite() {
    let folder = tempfile::tempdir().expect("a folder");
    writers_at_once(&crate::world::sqlite_url(folder.path())).await;
}

async fn writers_at_once(url: &str) {
    let clock = Clock::manual("2026-11-21T10:00:00Z".parse().expect("an instant"));
    let mut engines = Vec::new();
    for _ in 0..2 {
        let store = Store::open(url).await.expect("opens");
        engines.push(Engine::start(store, clock.clone(), nightcall::domain::Definitions::default()));
    }
    let mut writing = Vec::new();
    for nth in 0..120 {
        let engine = std::sync::Arc::clone(&engines[nth % 2]);
        let now = clock.now();
        writing.push(tokio::spawn(async move {
            let by = Actor::token(&format!("t{nth}"), "::1");
            if nth % 3 == 0 {
                engine.store().tell(Act::new(&by, "noted", "thing"), now).await.expect("told");
            } else {
                let silence = crate::quiet::silence("disk", now, 60);
                let silence = nightcall::domain::silence::Silence { id: format!("{nth:012x}"), ..silence };
                engine.arrange(Arrangement::Silence(Box::new(silence)), &by).await.expect("arranged");
            }
        }));
    }
    for one in writing {
        one.await.expect("no panic");
    }
    let end = engines[0].store().walk_trail(|_| ()).await.expect("readable").expect("whole");
    assert_eq!(end.number, 120);
    let mut who: Vec<String> = rows(engines[1].store()).await.into_iter().map(|row| row.who).collect();
    who.sort();
    who.dedup();
    assert_eq!(who.len(), 120, "each is told once");
}

#[tokio::test]
async fn the_command_line_verifies_and_exports() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    let text = "fallback = \"me\"\n[users.me]\ncontacts = [\"console\"]\n[policies.p]\nsteps = [{ delay = \"5m\", targets = [\"me\"] }]\n\
                [services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n";
    std::fs::write(&config, text).expect("written");
    let run = |args: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_nightcall"));
        let done = command.args(args).arg("--config").arg(&config).env("USER", "rolf").env_remove("SUDO_USER");
        let done = done.output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.success(), text(&done.stdout), text(&done.stderr))
    };
    assert!(run(&["silence", "add", "--service", "s", "--for", "1h", "--reason", "x"]).0);
    assert!(run(&["people", "invite", "me"]).0);
    let (_, verified, _) = run(&["audit", "verify"]);
    let noted = verified.lines().last().expect("a line").to_owned();
    assert!(noted.starts_with("2:") && noted.len() == 66, "{verified}");
    assert!(run(&["people", "invite", "me"]).0);
    let (fits, _, _) = run(&["audit", "verify", "--noted", &noted]);
    assert!(fits);
    let (_, exported, _) = run(&["audit", "export"]);
    let rows: Vec<Value> = exported.lines().map(object).collect();
    assert_eq!(rows.len(), 3, "{exported}");
    assert_eq!((&rows[0]["what"], &rows[0]["origin"]), (&json!("silence_made"), &json!("rolf")));
    assert_eq!(rows[1]["previous"], rows[0]["hash"]);
    assert_eq!(rows[1]["at"].as_str().map(|at| at.ends_with('Z')), Some(true));
    // As the documentation says, with other means: a JSON array of what is exported.
    let row = &rows[1];
    let at: jiff::Timestamp = row["at"].as_str().expect("text").parse().expect("an instant");
    let array = json!([
        row["number"],
        at.as_millisecond(),
        row["who"],
        row["way"],
        row["origin"],
        row["what"],
        row["about"],
        row["was"],
        row["became"],
        row["previous"]
    ]);
    assert_eq!(row["hash"], auth::hash(&array.to_string()));

    sqlx::any::install_default_drivers();
    let url = format!("sqlite://{}", folder.path().join("nightcall.db").display());
    let pool = AnyPool::connect(&url).await.expect("connects");
    sqlx::query("update trail set who = 'somebody else' where number = 2").execute(&pool).await.expect("changed");
    let (fits, _, why) = run(&["audit", "verify"]);
    assert!(!fits && why.contains("row 2 was changed after it was written"), "{why}");
    sqlx::query("delete from trail").execute(&pool).await.expect("emptied");
    sqlx::query("update trail_end set number = 0, hash = ''").execute(&pool).await.expect("emptied");
    assert!(run(&["audit", "verify"]).0, "by itself it fits");
    let (fits, _, why) = run(&["audit", "verify", "--noted", &noted]);
    assert!(!fits && why.contains("written anew: row 2"), "{why}");
}

/// Definitions that are replaced are told once, whoever reads them again.
#[tokio::test]
async fn replaced_definitions_are_told() {
    let world: World = staffed().await;
    let store = world.running.engine.store();
    let at_start = rows(store).await;
    let [first, token] = &at_start[..] else { panic!("{at_start:?}") };
    assert_eq!((first.what.as_str(), first.way.as_str()), ("definitions_replaced", "files"));
    assert_eq!(token.what, "token_created");
    let node = &first.origin;
    world.running.engine.tell_definitions(node).await.expect("told");
    assert_eq!(rows(store).await.len(), 2, "the same ones are no news");
    let definitions = (*world.running.engine.definitions()).clone();
    let other = nightcall::domain::Definitions { version: "other".to_owned(), ..definitions };
    world.running.engine.replace_definitions(other);
    world.running.engine.tell_definitions(node).await.expect("told");
    let last = rows(store).await.pop().expect("a row");
    assert_eq!(object(&last.became), json!({ "version": "other" }));
    assert_eq!(object(&last.was)["version"], object(&first.became)["version"]);
}
