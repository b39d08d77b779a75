//! A calendar at a URL: fetched, kept, and never let go by a broken answer.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use jiff::SignedDuration;
use nightcall::domain::calendar::Url;
use nightcall::store::Store;
use nightcall::store::calendar::StoredCalendar;

use super::{NOW, at, calendar};
use crate::store::databases;
use crate::world::World;

/// What the remote answers.
#[derive(Clone)]
enum Says {
    /// A text with this tag; 304 to who has it.
    Text(String, &'static str),
    Status(StatusCode),
    Bytes(Vec<u8>),
}

struct Remote {
    url: String,
    says: Arc<Mutex<Says>>,
    /// If-None-Match of each request.
    asked: Arc<Mutex<Vec<Option<String>>>>,
    serving: tokio::task::JoinHandle<()>,
}

type Shared = (Arc<Mutex<Says>>, Arc<Mutex<Vec<Option<String>>>>);

impl Remote {
    async fn start(says: Says) -> Self {
        let (says, asked) = (Arc::new(Mutex::new(says)), Arc::new(Mutex::new(Vec::new())));
        let shared: Shared = (Arc::clone(&says), Arc::clone(&asked));
        let router = Router::new().route("/private-abc/basic.ics", get(answer)).with_state(shared);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/private-abc/basic.ics", listener.local_addr().expect("an address"));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        Self { url, says, asked, serving }
    }

    fn now_says(&self, says: Says) {
        *self.says.lock().expect("lock") = says;
    }

    fn asked(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.asked.lock().expect("lock"))
    }
}

async fn answer(State((says, asked)): State<Shared>, headers: HeaderMap) -> Response {
    let known = headers.get(header::IF_NONE_MATCH).map(|tag| tag.to_str().expect("a tag").to_owned());
    asked.lock().expect("lock").push(known.clone());
    let says = says.lock().expect("lock").clone();
    match says {
        Says::Text(_, etag) if known.as_deref() == Some(etag) => StatusCode::NOT_MODIFIED.into_response(),
        Says::Text(text, etag) => ([(header::ETAG, etag)], text).into_response(),
        Says::Status(status) => (status, [(header::LOCATION, "https://example.com/login")]).into_response(),
        Says::Bytes(bytes) => bytes.into_response(),
    }
}

/// A gateway whose schedule has its shifts from there.
async fn world(url: &str, database_url: Option<&str>) -> World {
    let definitions = format!(
        r#"
[schedules.primary]
zone = "Europe/Berlin"
calendar = "{url}"
calendar_users = {{ "Bob Builder" = "bob" }}
[policies.default]
steps = [{{ delay = "5m", targets = ["schedule:primary"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    );
    World::build(&definitions, "", database_url).await
}

/// A shift of this person, today.
fn today(who: &str) -> String {
    calendar(&[&format!("SUMMARY:{who}\nDTSTART:20261121T080000Z\nDTEND:20261122T080000Z")])
}

fn on_call(world: &World) -> Vec<String> {
    let definitions = world.running.engine.definitions();
    let schedule = &definitions.roster.schedules["primary"];
    schedule.on_call(&[], world.now()).into_iter().map(|on| on.user).collect()
}

/// Lets a quarter of an hour pass and asks again.
async fn next(world: &mut World) {
    world.clock.advance(SignedDuration::from_mins(15));
    assert_eq!(world.running.fetch_calendars().await, 1);
}

async fn state(world: &World) -> serde_json::Value {
    let (status, body) = world.get("/readyz").await;
    assert_eq!(status, 200);
    body["calendars"][0].clone()
}

#[tokio::test]
async fn shifts_come_over_the_network_and_change_with_the_remote() {
    let remote = Remote::start(Says::Text(today("Bob Builder"), "\"1\"")).await;
    let mut world = world(&remote.url, None).await;
    assert_eq!(on_call(&world), [""; 0]);
    assert_eq!(world.running.fetch_calendars().await, 1);
    assert_eq!(on_call(&world), ["bob"]);
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("bob");
    world.answer(&call, "4").await;

    assert_eq!(world.running.fetch_calendars().await, 0, "not before a quarter of an hour has passed");
    remote.now_says(Says::Text(today("ann"), "\"2\""));
    next(&mut world).await;
    assert_eq!(on_call(&world), ["ann"]);
    let in_force = world.running.engine.definitions();
    next(&mut world).await;
    assert!(Arc::ptr_eq(&in_force, &world.running.engine.definitions()), "nothing is replaced when nothing changed");
    let tag = |tag: &str| Some(format!("\"{tag}\""));
    assert_eq!(remote.asked(), [None, tag("1"), tag("2")]);
    let state = state(&world).await;
    assert_eq!(state["fetched_at"], world.now().to_string());
    assert_eq!((&state["problem"], &state["unknown_people"]), (&serde_json::Value::Null, &0.into()));
}

#[tokio::test]
async fn a_broken_answer_keeps_the_shifts_and_shows() {
    let good = today("bob");
    let remote = Remote::start(Says::Text(good.clone(), "\"1\"")).await;
    let mut world = world(&remote.url, None).await;
    world.running.fetch_calendars().await;
    let fetched_at = world.now();
    let other = |text: String| Says::Text(text, "\"other\"");
    let over = today("ann").replace("20261121T", "20261101T").replace("20261122T", "20261102T");
    for (says, problem) in [
        (Says::Status(StatusCode::INTERNAL_SERVER_ERROR), "it answered 500"),
        (Says::Status(StatusCode::NOT_FOUND), "it answered 404"),
        (Says::Status(StatusCode::FOUND), "write the address that this leads to"),
        (Says::Status(StatusCode::NO_CONTENT), "it answered 204"),
        (other(String::new()), "it has no BEGIN:VCALENDAR"),
        (other("<html>Sign in</html>".to_owned()), "it has no BEGIN:VCALENDAR"),
        (other(good.replace("END:VCALENDAR", "")), "cut off"),
        (other(calendar(&[])), "no shift of anybody known here"),
        (other(today("a stranger")), "no shift of anybody known here"),
        (other(over), "no shift of anybody known here"),
        (other(good.replace("SUMMARY", "X-ODD:\0\r\nSUMMARY")), "NUL"),
        (Says::Bytes(b"BEGIN:VCALENDAR\r\nSUMMARY:\xff\r\nEND:VCALENDAR\r\n".to_vec()), "not UTF-8"),
        (Says::Bytes(vec![b'x'; 6 * 1024 * 1024]), "larger than 5 MiB"),
    ] {
        remote.now_says(says);
        next(&mut world).await;
        assert_eq!(on_call(&world), ["bob"], "{problem}");
        let state = state(&world).await;
        assert!(state["problem"].as_str().is_some_and(|told| told.contains(problem)), "{problem}: {state}");
        assert_eq!(state["fetched_at"], fetched_at.to_string());
    }
    let metrics = world.http().get(world.url("/metrics")).send().await.expect("an answer").text().await.expect("text");
    for line in ["calendar_outdated{schedule=\"primary\"} 1", "calendar_unknown_people{schedule=\"primary\"} 0"] {
        assert!(metrics.contains(line), "{metrics}");
    }
    let (_, ready) = world.get("/readyz").await;
    assert!(!ready.to_string().contains("private-abc") && !metrics.contains("private-abc"), "the address is secret");
    remote.now_says(Says::Text(good, "\"1\""));
    next(&mut world).await;
    assert_eq!(state(&world).await["problem"], serde_json::Value::Null);
}

#[tokio::test]
async fn who_is_unknown_leaves_a_gap_that_shows() {
    let text = calendar(&[
        "SUMMARY:bob\nDTSTART:20261122T080000Z\nDTEND:20261122T160000Z",
        "SUMMARY:Zoe\nDTSTART:20261122T160000Z\nDTEND:20261122T230000Z",
    ]);
    let remote = Remote::start(Says::Text(text, "\"1\"")).await;
    let world = world(&remote.url, None).await;
    world.running.fetch_calendars().await;
    let definitions = world.running.engine.definitions();
    let schedule = &definitions.roster.schedules["primary"];
    let gaps = schedule.gaps(&[], at("2026-11-22T08:00:00Z"), at("2026-11-22T23:00:00Z"));
    assert_eq!(gaps, [(at("2026-11-22T16:00:00Z"), at("2026-11-22T23:00:00Z"))]);
    assert_eq!(state(&world).await["unknown_people"], 1);
}

#[tokio::test]
async fn a_restart_with_the_remote_down_has_the_shifts() {
    for (database_url, _folder) in databases().await {
        let remote = Remote::start(Says::Text(today("bob"), "\"1\"")).await;
        let first = world(&remote.url, Some(&database_url)).await;
        first.running.fetch_calendars().await;
        drop(first);
        remote.serving.abort();
        let _ = remote.serving.await;
        let mut second = world(&remote.url, Some(&database_url)).await;
        assert_eq!(on_call(&second), ["bob"], "{database_url}");
        assert_eq!(second.running.fetch_calendars().await, 1);
        assert_eq!(on_call(&second), ["bob"], "{database_url}");
        let told = state(&second).await;
        assert_eq!((&told["problem"], &told["fetched_at"]), (&"it cannot be reached".into(), &NOW.into()));
        second.nagios("PROBLEM", "CRITICAL").await;
        let call = second.expect_call("bob");
        second.answer(&call, "4").await;
    }
}

#[tokio::test]
async fn the_table_keeps_what_it_is_given() {
    for (url, _folder) in databases().await {
        let store = Store::open(&url).await.expect("it opens");
        let mut calendar = StoredCalendar {
            url: Url::new("https://example.com/é?a=b"),
            text: today("böb"),
            etag: None,
            fetched_at: at(NOW),
            problem: Some("why".to_owned()),
        };
        store.mark_calendar(&calendar.url, at(NOW), None).await.expect("nothing to mark is no error");
        assert_eq!(store.calendars().await.expect("readable"), [], "{url}");
        store.keep_calendar(&calendar).await.expect("stored");
        assert_eq!(store.calendars().await.expect("readable"), [calendar.clone()], "{url}");
        (calendar.text, calendar.etag, calendar.problem) = (today("ann"), Some("W/\"2\"".to_owned()), None);
        store.keep_calendar(&calendar).await.expect("stored");
        assert_eq!(store.calendars().await.expect("readable"), [calendar.clone()], "{url}");
        (calendar.fetched_at, calendar.problem) = (at("2026-11-22T10:00:00Z"), Some("gone".to_owned()));
        store.mark_calendar(&calendar.url, calendar.fetched_at, Some("gone")).await.expect("marked");
        assert_eq!(store.calendars().await.expect("readable"), [calendar.clone()], "{url}");
        store.forget_calendar(&calendar.url).await.expect("forgotten");
        assert_eq!(store.calendars().await.expect("readable"), [], "{url}");
    }
}

#[tokio::test]
async fn a_reload_keeps_the_shifts_and_a_new_name_finds_its_person() {
    let text = calendar(&[
        "SUMMARY:bob\nDTSTART:20261121T080000Z\nDTEND:20261122T080000Z",
        "SUMMARY:Zoe\nDTSTART:20261121T080000Z\nDTEND:20261122T080000Z",
    ]);
    let remote = Remote::start(Says::Text(text, "\"1\"")).await;
    let world = world(&remote.url, None).await;
    let mut files = (*world.running.engine.definitions()).clone();
    world.running.fetch_calendars().await;
    world.running.reload(files.clone()).expect("good");
    assert_eq!(on_call(&world), ["bob"]);
    let subscription = files.roster.calendars.get_mut("primary").expect("a subscription");
    subscription.named.insert("zoe".to_owned(), "ann".to_owned());
    world.running.reload(files.clone()).expect("good");
    assert_eq!(on_call(&world), ["ann", "bob"]);
    assert_eq!(world.running.engine.in_force().reloads().succeeded, 2, "a fetched calendar is no reload");
    files.roster.calendars.clear();
    world.running.reload(files).expect("good");
    assert_eq!(on_call(&world), [""; 0]);
    assert!(world.running.engine.in_force().calendars().is_empty());
}

#[tokio::test]
async fn the_days_that_are_known_move_on() {
    let weekly = calendar(&["SUMMARY:bob\nDTSTART:20261121T080000Z\nDTEND:20261122T080000Z\nRRULE:FREQ=WEEKLY"]);
    let remote = Remote::start(Says::Text(weekly, "\"1\"")).await;
    let world = world(&remote.url, None).await;
    world.running.fetch_calendars().await;
    let last = |world: &World| {
        world.running.engine.definitions().roster.schedules["primary"].events.last().expect("a shift").starts_at
    };
    let before = last(&world);
    remote.now_says(Says::Status(StatusCode::BAD_GATEWAY));
    world.clock.advance(SignedDuration::from_hours(24 * 7));
    world.running.fetch_calendars().await;
    assert_eq!(last(&world), before + SignedDuration::from_hours(24 * 7), "although the remote is down");
}

#[tokio::test]
async fn a_calendar_that_was_not_asked_for_yet_is_no_gap() {
    let remote = Remote::start(Says::Status(StatusCode::BAD_GATEWAY)).await;
    let world = world(&remote.url, None).await;
    let kinds = async || {
        let audit = world.running.engine.audit().await.expect("it looks");
        audit.findings.into_iter().map(|finding| finding.kind).collect::<Vec<_>>()
    };
    assert_eq!(kinds().await, [""; 0]);
    world.running.fetch_calendars().await;
    assert_eq!(kinds().await, ["schedule-gap", "policy-unreachable"], "now it is known that there is nothing");
    remote.now_says(Says::Text(today("bob"), "\"1\""));
    world.clock.advance(SignedDuration::from_mins(1));
    assert_eq!(world.running.fetch_calendars().await, 1, "without any shifts it is asked for every minute");
    assert_eq!(on_call(&world), ["bob"]);
}
