//! Our shifts as calendars that others subscribe to.

use std::process::Command;

use jiff::SignedDuration;
use nightcall::domain::actor::Actor;
use nightcall::domain::schedule::Override;
use nightcall::domain::situation::Swap;
use nightcall::engine::{Arrangement, arrangement_id};
use nightcall::http::feeds::{Feed, SECRET};
use nightcall::ical::{self, When};
use nightcall::store::Store;
use nightcall::store::oncall::StoredOverride;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};

use super::at;
use crate::store::databases;
use crate::world::{World, sqlite_url};

const DEFINITIONS: &str = r#"
[schedules.primary]
zone = "Europe/Berlin"
layers = [
  { name = "weeks", starts = "2026-01-05T09:00", every = "1 week", turns = ["ann", ["bob", "cid"]] },
  { name = "office", starts = "2026-01-05T09:00", every = "1 day", turns = ["cid", "ann"], only = ["mon-fri 09:00-17:00"] },
]
[schedules.secondary]
zone = "Asia/Tokyo"
layers = [{ starts = "2026-01-05T09:00", every = "1 month", turns = ["bob", "ann"] }]
[policies.default]
steps = [{ delay = "5m", targets = ["schedule:primary"] }]
[services.db]
addresses = ["db"]
policy = "default"
"#;

/// Somebody and when: schedule's shifts and a feed's events alike.
type Line = (String, jiff::Timestamp, jiff::Timestamp);

async fn world(database_url: Option<&str>) -> (World, String) {
    let world = World::build(DEFINITIONS, "", database_url).await;
    let secret = world.running.engine.store().secret_or(SECRET, "a secret", world.now()).await.expect("stored");
    (world, secret)
}

async fn take_over(world: &World, user: &str, from: &str, to: &str) -> Override {
    let (starts_at, ends_at) = (at(from), at(to));
    let shift = Override { id: arrangement_id(), user: user.to_owned(), replaces: None, starts_at, ends_at };
    let swap = Swap { schedule: "primary".to_owned(), shift: shift.clone() };
    let stored = StoredOverride { swap, author: "test".to_owned(), created_at: world.now() };
    world.running.engine.arrange(Arrangement::Override(stored), &Actor::token("test", "")).await.expect("arranged");
    shift
}

async fn get(world: &World, path: &str, known: Option<&str>) -> reqwest::Response {
    let mut request = world.http().get(world.url(path));
    if let Some(known) = known {
        request = request.header(IF_NONE_MATCH, known);
    }
    request.send().await.expect("an answer")
}

fn path(feed: &Feed, secret: &str) -> String {
    format!("{}?token={}", feed.path(), feed.token(secret))
}

async fn lines(world: &World, feed: &Feed, secret: &str) -> Vec<Line> {
    let response = get(world, &path(feed, secret), None).await;
    assert_eq!(response.status(), 200);
    let text = response.text().await.expect("text");
    let window = (at("2020-01-01T00:00:00Z"), at("2030-01-01T00:00:00Z"));
    let calendar = ical::read(&text, window, &jiff::tz::TimeZone::UTC).expect("our own text");
    assert_eq!(calendar.problems, [""; 0]);
    let instant = |when| match when {
        When::Instant(instant) => instant,
        When::Day(day) => panic!("a shift has hours, not {day}"),
    };
    let line = |event: ical::CalendarEvent| (event.summary, instant(event.start), instant(event.end));
    let mut lines: Vec<Line> = calendar.events.into_iter().map(line).collect();
    lines.sort();
    lines
}

/// The final schedule between two instants, shifts at the edges whole, as a feed would say it.
fn final_schedule(world: &World, name: &str, overrides: &[Override], from: &str, to: &str) -> Vec<Line> {
    let definitions = world.running.engine.definitions();
    let schedule = &definitions.roster.schedules[name];
    let all = schedule.shifts(overrides, at("2026-09-01T00:00:00Z"), at("2027-06-01T00:00:00Z"));
    let within = all.into_iter().filter(|shift| shift.ends_at > at(from) && shift.starts_at < at(to));
    let line = |shift: nightcall::domain::schedule::Shift| {
        (format!("{} on call: {name}", shift.user), shift.starts_at, shift.ends_at)
    };
    let mut lines: Vec<Line> = within.map(line).collect();
    lines.sort();
    lines
}

/// 35 days back from 2026-11-21, and to the end of the 120th day ahead.
const SHOWN: (&str, &str) = ("2026-10-17T00:00:00Z", "2027-03-22T00:00:00Z");

#[tokio::test]
async fn a_feed_read_back_is_the_final_schedule() {
    for (url, _folder) in databases().await {
        let (world, secret) = world(Some(&url)).await;
        let overrides = [
            take_over(&world, "boss", "2026-11-24T10:00:00Z", "2026-11-24T12:30:00Z").await,
            take_over(&world, "ann", "2026-12-24T00:00:00Z", "2026-12-27T00:00:00Z").await,
        ];
        let primary = final_schedule(&world, "primary", &overrides, SHOWN.0, SHOWN.1);
        assert!(primary.len() > 100 && primary.iter().any(|(who, ..)| who == "boss on call: primary"));
        assert_eq!(lines(&world, &Feed::Schedule("primary".to_owned()), &secret).await, primary, "{url}");
        let mut anns = primary;
        anns.extend(final_schedule(&world, "secondary", &[], SHOWN.0, SHOWN.1));
        anns.retain(|(who, ..)| who.starts_with("ann "));
        anns.sort();
        assert!(anns.iter().any(|(who, ..)| who == "ann on call: secondary"));
        assert_eq!(lines(&world, &Feed::Person("ann".to_owned()), &secret).await, anns, "{url}");
    }
}

#[tokio::test]
async fn a_feed_changes_when_the_schedule_does_and_not_before() {
    let (world, secret) = world(None).await;
    let path = path(&Feed::Schedule("primary".to_owned()), &secret);
    let first = get(&world, &path, None).await;
    let tag = first.headers()[ETAG].to_str().expect("a tag").to_owned();
    assert_eq!(first.headers()[CONTENT_TYPE], "text/calendar; charset=utf-8");
    assert_eq!(first.headers()[CACHE_CONTROL], "private, max-age=300");
    world.clock.advance(SignedDuration::from_hours(13));
    for known in [tag.clone(), format!("W/{tag}"), format!("\"other\", {tag}")] {
        let again = get(&world, &path, Some(&known)).await;
        assert_eq!((again.status().as_u16(), &again.headers()[ETAG].to_str().expect("a tag")), (304, &tag.as_str()));
        assert_eq!(again.text().await.expect("text"), "");
    }
    take_over(&world, "boss", "2026-11-24T10:00:00Z", "2026-11-24T12:30:00Z").await;
    let changed = get(&world, &path, Some(&tag)).await;
    assert_eq!(changed.status(), 200);
    assert_ne!(changed.headers()[ETAG].to_str().expect("a tag"), tag);
}

#[tokio::test]
async fn shifts_are_the_same_events_the_next_day() {
    let (world, secret) = world(None).await;
    let uids = async || {
        let text = get(&world, &path(&Feed::Schedule("secondary".to_owned()), &secret), None).await.text().await;
        let text = text.expect("text").replace("\r\n ", "");
        text.lines().filter(|line| line.starts_with("UID:")).map(str::to_owned).collect::<Vec<_>>()
    };
    let before = uids().await;
    world.clock.advance(SignedDuration::from_hours(24));
    assert_eq!(uids().await, before);
}

#[tokio::test]
async fn a_token_opens_one_feed_and_nothing_else() {
    let world = World::build(DEFINITIONS, "", None).await;
    let feed = Feed::Schedule("primary".to_owned());
    let secret = world.running.engine.store().secret_or(SECRET, "a secret", world.now()).await.expect("stored");
    assert_eq!(secret.len(), 64, "made at the start: {} hex digits", secret.len());
    let right = path(&feed, &secret);
    assert_eq!(get(&world, &right, None).await.status(), 200);
    assert_eq!(get(&world, &format!("{right}&program=x"), None).await.status(), 200);
    let token = feed.token(&secret);
    for wrong in [
        feed.path(),
        format!("{}?token=", feed.path()),
        format!("{}?token={}", feed.path(), feed.token("another secret")),
        format!("{}?token={}", feed.path(), token.to_uppercase()),
        format!("{}?token={token}0", feed.path()),
        format!("/feeds/schedules/secondary.ics?token={token}"),
        format!("/feeds/people/primary.ics?token={token}"),
        format!("/feeds/schedules/primary?token={token}"),
        path(&Feed::Schedule("nobody".to_owned()), &secret),
        path(&Feed::Person("nobody".to_owned()), &secret),
    ] {
        let response = get(&world, &wrong, None).await;
        assert_eq!(response.status(), 404, "{wrong}");
        let problem: serde_json::Value = response.json().await.expect("a problem");
        assert_eq!(problem["detail"], "there is no such feed");
    }
    let api = world.http().get(world.url("/api/v1/oncall")).bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(api.status(), 401);
    let api = get(&world, &format!("/api/v1/oncall?token={token}"), None).await;
    assert_eq!(api.status(), 401);
}

#[tokio::test]
async fn the_command_line_prints_an_address_that_works() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = sqlite_url(folder.path());
    let world = World::build(DEFINITIONS, "", Some(&url)).await;
    let people = "[users.ann]\ncontacts = [\"console\"]\n[users.bob]\ncontacts = [\"console\"]\n[users.cid]\ncontacts = [\"console\"]\n";
    let config = folder.path().join("nightcall.toml");
    let base = world.url("");
    let head = format!("fallback = \"ann\"\n[http]\npublic_url = \"{base}/\"\n[database]\nurl = \"{url}\"\n");
    std::fs::write(&config, format!("{head}{people}{DEFINITIONS}")).expect("written");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightcall"));
        let output =
            command.args(["oncall", "feed", "--config"]).arg(&config).args(arguments).output().expect("it runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (code, printed) = run(&["--schedule", "primary"]);
    assert_eq!(code, Some(0), "{printed}");
    let got = world.http().get(printed.trim()).send().await.expect("an answer");
    assert_eq!(got.status(), 200, "{printed}");
    assert_eq!(run(&["--schedule", "primary"]).1, printed, "the secret is made once");
    let (_, printed) = run(&["--user", "bob"]);
    assert!(printed.starts_with(&format!("{base}/feeds/people/bob.ics?token=")), "{printed}");
    for (arguments, told) in [
        (&["--schedule", "nothing"][..], "there is no schedule \"nothing\""),
        (&["--user", "nobody"], "there is no user \"nobody\""),
        (&[], "required"),
        (&["--user", "ann", "--schedule", "primary"], "cannot be used with"),
    ] {
        let (code, printed) = run(arguments);
        assert!(code != Some(0) && printed.contains(told), "{arguments:?}: {printed}");
    }
}

#[tokio::test]
async fn a_secret_is_made_once_whoever_is_first() {
    for (url, _folder) in databases().await {
        let nodes = [Store::open(&url).await.expect("it opens"), Store::open(&url).await.expect("it opens")];
        assert_eq!(nodes[0].secret(SECRET).await.expect("readable"), None);
        let now = at(super::NOW);
        let (one, other) = tokio::join!(nodes[0].secret_or(SECRET, "a", now), nodes[1].secret_or(SECRET, "b", now));
        let (one, other) = (one.expect("stored"), other.expect("stored"));
        assert_eq!(one, other, "{url}");
        assert_eq!(nodes[0].secret_or(SECRET, "c", now).await.expect("stored"), one, "{url}");
    }
}
