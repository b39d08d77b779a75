//! On-call as people arrange it: by the API in a world with a clock moved by hand, and by the real program.

use std::path::Path;
use std::process::{Command, Stdio};

use nightcall::domain::incident::Status;
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cli::Gateway;
use crate::smtp::Client;
use crate::world::World;

/// Ann has the weekends, Bob the weekdays; it is Saturday, 2026-11-21 11:00 in Berlin.
const SCHEDULED: &str = r#"
[schedules.primary]
zone = "Europe/Berlin"
layers = [
    { name = "weekdays", starts = "2026-11-02T00:00", every = "1 week", turns = ["bob"], only = ["mon-fri"] },
    { name = "weekend", starts = "2026-11-02T00:00", every = "1 week", turns = ["ann"], only = ["sat,sun 00:00-20:00"] },
]
[policies.default]
steps = [{ delay = "5m", targets = ["schedule:primary"] }, { delay = "10m", targets = ["bob"] }]
[services.db]
addresses = ["db"]
policy = "default"
"#;

async fn send(world: &World, method: Method, path: &str, body: Value) -> (u16, Value) {
    let request = world.http().request(method, world.url(&format!("/api/v1{path}"))).bearer_auth(&world.token);
    let response = request.json(&body).send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

pub(crate) async fn post(world: &World, path: &str, body: Value) -> (u16, Value) {
    send(world, Method::POST, path, body).await
}

#[tokio::test]
async fn who_is_on_call_is_told_with_what_people_swapped() {
    let world = World::new(SCHEDULED).await;
    let (status, body) = world.get("/api/v1/oncall").await;
    assert_eq!((status, &body["at"]), (200, &json!("2026-11-21T10:00:00.000Z")));
    let ann = json!({ "user": "ann", "source": "layer", "source_name": "weekend" });
    let expected = json!([{
        "schedule": "primary", "zone": "Europe/Berlin", "on_call": [ann],
        "until": "2026-11-21T19:00:00.000Z", "next": [],
    }]);
    assert_eq!(body["schedules"], expected);
    let swap = json!({
        "schedule": "primary", "user": "cid", "replaces": "ann",
        "starts_at": "2026-11-21T12:00:00Z", "ends_at": "2026-11-21T13:00:00+01:00",
    });
    let (status, refused) = post(&world, "/overrides", swap.clone()).await;
    assert_eq!(status, 400, "13:00 in Berlin is 12:00Z: {refused}");
    let mut swap = swap;
    swap["ends_at"] = json!("2026-11-21T15:00:00+01:00");
    let (status, made) = post(&world, "/overrides", swap).await;
    assert_eq!((status, &made["author"], &made["replaces"]), (201, &json!("token test"), &json!("ann")));
    assert_eq!(made["ends_at"], "2026-11-21T14:00:00.000Z");
    let (_, listed) = world.get("/api/v1/overrides").await;
    assert_eq!(listed["overrides"], json!([made]));
    let (_, then) = world.get("/api/v1/oncall?at=2026-11-21T13:00:00Z").await;
    let cid = json!({ "user": "cid", "source": "override", "source_name": made["id"] });
    assert_eq!(then["schedules"][0]["on_call"], json!([cid]));

    let (status, shown) =
        world.get("/api/v1/schedules/primary?from=2026-11-21T10:00:00Z&to=2026-11-22T10:00:00Z").await;
    assert_eq!(status, 200);
    let shifts: Vec<(&str, &str)> = shown["shifts"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|shift| (shift["user"].as_str().expect("a name"), shift["ends_at"].as_str().expect("an instant")))
        .collect();
    let expected = [
        ("ann", "2026-11-21T12:00:00.000Z"),
        ("cid", "2026-11-21T14:00:00.000Z"),
        ("ann", "2026-11-21T19:00:00.000Z"),
        ("ann", "2026-11-22T10:00:00.000Z"),
    ];
    assert_eq!(shifts, expected);
    let gap = json!([{ "starts_at": "2026-11-21T19:00:00.000Z", "ends_at": "2026-11-21T23:00:00.000Z" }]);
    assert_eq!(shown["gaps"], gap);
    for (path, words) in [
        ("/schedules/none", "there is no schedule \"none\"; known: primary"),
        ("/schedules/primary?to=2026-11-20T10:00:00Z", "to must be after from"),
        ("/schedules/primary?to=2028-11-20T10:00:00Z", "366 days at most"),
        ("/schedules/primary?from=2026-11-20T10:00:00+01:00", "a + is written %2B"),
        ("/schedules/primary?days=3", "unknown field"),
        ("/oncall?at=now", "no RFC 3339 instant"),
    ] {
        let (status, body) = world.get(&format!("/api/v1{path}")).await;
        assert!(status == 400 || status == 404, "{path}: {status}");
        assert!(body["detail"].as_str().is_some_and(|text| text.contains(words)), "{path}: {body}");
    }
}

#[tokio::test]
async fn who_takes_over_is_called_until_it_is_taken_back() {
    let mut world = World::new(SCHEDULED).await;
    let swap = json!({
        "schedule": "primary", "user": "cid",
        "starts_at": "2026-11-21T09:00:00Z", "ends_at": "2026-11-21T20:00:00Z",
    });
    let (_, made) = post(&world, "/overrides", swap).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("cid");
    post(&world, "/incidents/1/resolve", json!({})).await;
    let path = format!("/overrides/{}", made["id"].as_str().expect("an id"));
    assert_eq!(send(&world, Method::DELETE, &path, json!({})).await.0, 204);
    assert_eq!(send(&world, Method::DELETE, &path, json!({})).await.0, 404, "it is gone");
    assert_eq!(send(&world, Method::DELETE, "/overrides/%00", json!({})).await.0, 404);
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
}

#[tokio::test]
async fn a_silenced_incident_is_seen_and_pages_when_the_silence_ends() {
    let mut world = World::new(SCHEDULED).await;
    let asked = json!({ "service": "db", "key": "^nagios/", "for": "2h", "reason": "swapping disks" });
    let (status, made) = post(&world, "/silences", asked).await;
    assert_eq!((status, &made["author"], &made["key"]), (201, &json!("token test"), &json!("^nagios/")));
    assert_eq!(made["ends_at"], "2026-11-21T12:00:00.000Z");
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_silence();
    let (_, shown) = world.get("/api/v1/incidents/1").await;
    assert_eq!(shown["held"], "silenced by token test: swapping disks");
    let (_, listed) = world.get("/api/v1/silences").await;
    assert_eq!(listed["silences"][0]["id"], made["id"]);
    let path = format!("/silences/{}/end", made["id"].as_str().expect("an id"));
    assert_eq!(post(&world, &path, json!({})).await.0, 204);
    assert_eq!(post(&world, &path, json!({})).await.0, 404, "it is over");
    world.settle().await;
    world.expect_call("ann");
    let (_, shown) = world.get("/api/v1/incidents/1").await;
    assert_eq!(shown["held"], Value::Null);
}

#[tokio::test]
async fn a_silence_that_runs_out_lets_the_page_go() {
    let mut world = World::new(SCHEDULED).await;
    let asked = json!({ "severity": "error", "until": "2026-11-21T11:00:00Z", "reason": "only what is worst" });
    assert_eq!(post(&world, "/silences", asked).await.0, 201);
    world.nagios("PROBLEM", "WARNING").await;
    world.expect_silence();
    world.advance_minutes(59).await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.expect_call("ann");
}

#[tokio::test]
async fn an_incident_is_taken_given_away_and_put_off() {
    let mut world = World::new(SCHEDULED).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let (_, shown) = world.get("/api/v1/incidents/1").await;
    for (key, value) in [
        ("urgency", json!("high")),
        ("held", Value::Null),
        ("snoozed_until", Value::Null),
        ("flapping", json!(false)),
        ("doubtful", json!(false)),
    ] {
        assert_eq!(shown.get(key), Some(&value), "{key}");
    }
    let (status, shown) = world.post("/api/v1/incidents/1/escalate").await;
    assert_eq!((status, &shown["status"]), (200, &json!("triggered")));
    world.settle().await;
    world.expect_call("bob");
    let (_, shown) = world.post("/api/v1/incidents/1/take").await;
    assert_eq!((&shown["status"], &shown["acknowledged_by"]), (&json!("acknowledged"), &json!("token test")));
    let (_, shown) = post(&world, "/incidents/1/responders", json!({ "targets": ["cid"] })).await;
    assert_eq!(shown["status"], "acknowledged", "calling somebody in gives nothing away");
    world.settle().await;
    world.expect_call("cid");
    let (_, shown) = post(&world, "/incidents/1/snooze", json!({ "for": "2h" })).await;
    assert_eq!(shown["snoozed_until"], "2026-11-21T12:00:00.000Z");
    world.advance_minutes(119).await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.expect_call("ann");
    let (_, shown) = post(&world, "/incidents/1/reassign", json!({ "targets": ["cid"] })).await;
    assert_eq!(shown["status"], "triggered");
    world.settle().await;
    world.expect_call("cid");
    let (status, shown) = post(&world, "/incidents/1/note", json!({ "text": " the disk is on order " })).await;
    let last = shown["timeline"].as_array().and_then(|lines| lines.last()).expect("a line");
    assert_eq!((status, &last["kind"], &last["actor"]), (200, &json!("remarked"), &json!("token test")));
    assert_eq!(last["detail"], "token test: the disk is on order");

    world.post("/api/v1/incidents/1/resolve").await;
    world.expect_status(1, Status::Resolved).await;
    for (act, body) in [
        ("escalate", json!({})),
        ("take", json!({})),
        ("snooze", json!({ "for": "1h" })),
        ("reassign", json!({ "targets": ["bob"] })),
        ("responders", json!({ "targets": ["bob"] })),
    ] {
        assert_eq!(post(&world, &format!("/incidents/1/{act}"), body.clone()).await.0, 409, "{act} comes too late");
        assert_eq!(post(&world, &format!("/incidents/7/{act}"), body).await.0, 404, "{act}");
    }
    assert_eq!(post(&world, "/incidents/1/note", json!({ "text": "a loose cable" })).await.0, 200);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_what_to_do() {
    let mut world = World::new(SCHEDULED).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let swap = |schedule: &str, user: &str, from: &str, to: &str| json!({ "schedule": schedule, "user": user, "starts_at": from, "ends_at": to });
    let (one, two) = ("2026-11-22T10:00:00Z", "2026-11-22T12:00:00Z");
    let silence = |key: &str, value: Value| {
        let mut asked = json!({ "service": "db", "for": "2h", "reason": "x" });
        asked[key] = value;
        asked
    };
    for (path, body, words) in [
        ("/overrides", swap("none", "cid", one, two), "there is no schedule \"none\"; known are primary"),
        ("/overrides", swap("primary", "eve", one, two), "there is no user \"eve\"; known are ann, bob, boss, cid"),
        ("/overrides", swap("primary", "cid", two, one), "ends before it starts"),
        ("/overrides", swap("primary", "cid", "2026-11-20T10:00:00Z", "2026-11-20T11:00:00Z"), "over already"),
        ("/overrides", swap("primary", "cid", "09:00", two), "starts_at \"09:00\" is no RFC 3339 instant"),
        ("/overrides", json!({ "schedule": "primary", "user": "cid" }), "missing field"),
        ("/silences", silence("service", Value::Null), "\"everything\": true"),
        ("/silences", silence("service", json!("nope")), "there is no service \"nope\"; known are db"),
        ("/silences", silence("reason", json!(" ")), "a reason is needed"),
        ("/silences", silence("for", json!("31d")), "30 days at most"),
        ("/silences", silence("for", json!("soon")), "write it like 2h"),
        ("/silences", silence("until", json!(two)), "say either"),
        ("/silences", silence("key", json!("(")), "this is no regex"),
        ("/silences", silence("severity", json!("bad")), "unknown variant"),
        ("/silences", silence("keys", json!("x")), "unknown field"),
        ("/incidents/1/snooze", json!({}), "say either"),
        ("/incidents/1/snooze", json!({ "until": "2026-11-21T09:00:00Z" }), "must end after now"),
        ("/incidents/1/snooze", json!({ "for": "40d" }), "30 days at most"),
        ("/incidents/1/reassign", json!({ "targets": [] }), "name 1 to 50 targets"),
        ("/incidents/1/reassign", json!({ "targets": ["schedule:none"] }), "there is no schedule \"none\""),
        ("/incidents/1/responders", json!({ "targets": vec!["ann"; 51] }), "name 1 to 50 targets"),
        ("/incidents/1/note", json!({ "text": "x".repeat(5000) }), "at most 4000 bytes"),
        ("/incidents/1/take", json!({ "as": "eve" }), "there is no user \"eve\""),
        ("/incidents/1/take", json!({ "by": "ann" }), "unknown field"),
        ("/incidents/1/escalate", json!({ "as": "ann" }), "this needs no body"),
        ("/incidents/1/note", json!({ "text": "a\u{0}" }), "has a NUL"),
    ] {
        let (status, answer) = post(&world, path, body).await;
        assert_eq!(status, 400, "{path}: {words}");
        assert!(answer["detail"].as_str().is_some_and(|text| text.contains(words)), "{path}: {words:?} in {answer}");
    }
    let (status, answer) = post(&world, "/incidents/1/note", json!({ "text": "x".repeat(100_000) })).await;
    assert_eq!((status, &answer["type"]), (413, &json!("/api#too-large")), "{answer}");
    assert_eq!(world.kinds(1).await, ["opened", "paged", "notified"], "nothing was done");
    assert!(world.get("/api/v1/silences").await.1["silences"].as_array().is_some_and(Vec::is_empty));
    let everything = json!({ "everything": true, "for": "1h", "reason": "the data centre moves" });
    assert_eq!(post(&world, "/silences", everything).await.0, 201);
}

#[tokio::test]
async fn nothing_of_it_without_a_token() {
    let world = World::new(SCHEDULED).await;
    for (method, path) in [
        (Method::GET, "/oncall"),
        (Method::GET, "/schedules/primary"),
        (Method::GET, "/overrides"),
        (Method::POST, "/overrides"),
        (Method::DELETE, "/overrides/1"),
        (Method::GET, "/silences"),
        (Method::POST, "/silences"),
        (Method::POST, "/silences/1/end"),
        (Method::POST, "/incidents/1/snooze"),
        (Method::POST, "/incidents/1/reassign"),
        (Method::POST, "/incidents/1/responders"),
        (Method::POST, "/incidents/1/take"),
        (Method::POST, "/incidents/1/note"),
        (Method::POST, "/incidents/1/escalate"),
    ] {
        let request = world.http().request(method.clone(), world.url(&format!("/api/v1{path}")));
        let response = request.body("{").send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 401, "{method} {path}");
    }
}

/// A configuration in a folder of its own, and the program run on it.
struct Site {
    folder: TempDir,
}

/// What the program printed, and how it ended.
struct Ran {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Site {
    fn new(definitions: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let text = format!(
            r#"fallback = "boss"
[smtp]
listen = "127.0.0.1:0"
hostname = "mx.test"
domains = ["alerts.example.com"]
[http]
listen = "127.0.0.1:0"
public_url = "https://nightcall.example.com"
[database]
url = "sqlite://test.db"
[voice]
account = "AC1"
token = "t"
caller = "+15005550006"
[webhook]
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
{definitions}"#
        );
        std::fs::write(folder.path().join("nightcall.toml"), text).expect("written");
        Self { folder }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nightcall"));
        for name in ["NIGHTCALL_DATABASE_URL", "NIGHTCALL_LOG"] {
            command.env_remove(name);
        }
        let output = command.args(arguments).current_dir(self.folder.path()).stdin(Stdio::null()).output();
        let output = output.expect("it starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    fn mail(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.out, ran.err);
        ran.out
    }

    /// Runs what must fail without having printed anything else.
    #[track_caller]
    fn refused(&self, arguments: &[&str], words: &str) {
        let ran = self.run(arguments);
        assert!(ran.code != Some(0) && ran.out.is_empty(), "{arguments:?}: {}", ran.out);
        assert!(ran.err.contains(words), "{arguments:?}: {words:?} in {}", ran.err);
    }
}

/// Ann's push is followed by her phone; she and Bob have whole weeks.
const PEOPLE: &str = r#"
[users.ann]
contacts = { phone = "voice:+15005550001", push = "webhook:https://push.example.com/ann" }
high = ["push", "phone after 2m"]
[users.bob]
contacts = ["voice:+15005550002", "webhook:https://push.example.com/bob"]
[users.boss]
contacts = ["voice:+15005550009", "webhook:https://push.example.com/boss"]
[schedules.primary]
zone = "Europe/Berlin"
layers = [{ name = "weeks", starts = "2029-12-31T09:00", every = "1 week", turns = ["ann", "bob"] }]
[policies.default]
rounds = 2
steps = [{ delay = "5m", targets = ["schedule:primary"] }, { delay = "10m", targets = ["bob"] }]
[[maintenance]]
name = "patching"
reason = "kernel updates"
zone = "Europe/Berlin"
when = ["thu 03:00-04:00"]
match = { service = "db" }
[services.db]
addresses = ["db"]
policy = "default"
"#;

const PROBLEM: &str = "To: db@alerts.example.com\nSubject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\n\nx\n";

#[test]
fn who_would_be_called_for_a_mail() {
    let site = Site::new(PEOPLE);
    site.mail("problem.eml", PROBLEM);
    site.mail("flap.eml", &PROBLEM.replace("PROBLEM", "DOWNTIMESTART"));
    site.mail("recovery.eml", &PROBLEM.replace("PROBLEM", "RECOVERY").replace("CRITICAL", "OK"));
    let monday = ["oncall", "who", "--mail", "problem.eml", "--at", "2030-01-07 08:57"];
    let told = site.done(&monday);
    let expected = "  \
  +0m   Mon 08:57  ann by webhook (primary: weeks)  round 1, step 1
  +2m   Mon 08:59  ann by voice (primary: weeks)    round 1, step 1
  +5m   Mon 09:02  bob by voice                     round 1, step 2
  +5m   Mon 09:02  bob by webhook                   round 1, step 2
  +15m  Mon 09:12  bob by voice (primary: weeks)    round 2, step 1
  +15m  Mon 09:12  bob by webhook (primary: weeks)  round 2, step 1
  +20m  Mon 09:17  bob by voice                     round 2, step 2
  +20m  Mon 09:17  bob by webhook                   round 2, step 2
  +30m  Mon 09:27  boss by voice (fallback)         fallback
  +30m  Mon 09:27  boss by webhook (fallback)       fallback, again every 30m\n";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("at        Mon 2030-01-07 08:57 Europe/Berlin\n"), "{told}");
    assert!(told.contains("policy    default, urgency high\n"), "{told}");
    assert!(told.contains("overrides and silences are not counted: there is no database yet"), "{told}");
    assert!(!site.folder.path().join("test.db").exists(), "asking makes no database");

    for (mail, at, words) in [
        ("flap.eml", "2030-01-07 08:57", "nobody is called: ignored by rule nagios/"),
        ("recovery.eml", "2030-01-07 08:57", "nobody is called: it opens nothing: resolve by rule nagios/service"),
        ("problem.eml", "2030-01-10 03:30", "nobody is called: held: maintenance patching: kernel updates"),
    ] {
        let ran = site.run(&["oncall", "who", "--mail", mail, "--at", at]);
        assert_eq!(ran.code, Some(1), "{mail}: {}{}", ran.out, ran.err);
        assert!(ran.out.contains(words), "{words:?}: {}", ran.out);
    }
    for (arguments, words) in [
        (&["--mail", "gone.eml"][..], "cannot read the mail gone.eml"),
        (&["--mail", "problem.eml", "--to", "x@elsewhere"], "is not in one of the domains"),
        (&["--mail", "problem.eml", "--at", "soon"], "write it like 09:00"),
        (&["--mail", "problem.eml", "--config", "none.toml"], "cannot read none.toml"),
        (&["--to", "db@alerts.example.com"], "--mail"),
    ] {
        let ran = site.run(&[&["oncall", "who"], arguments].concat());
        assert_eq!(ran.code, Some(2), "a mistake is not an answer: {arguments:?}: {}", ran.out);
        assert!(ran.err.contains(words), "{words:?}: {}", ran.err);
    }
}

#[test]
fn who_would_be_called_counts_what_people_arranged() {
    let site = Site::new(PEOPLE);
    site.mail("problem.eml", PROBLEM);
    let who = ["oncall", "who", "--mail", "problem.eml", "--json", "--at", "2030-01-07 08:57"];
    let add = ["override", "add", "--schedule", "primary", "--user", "boss", "--for", "ann"];
    let made = site.done(&[&add[..], &["--from", "2030-01-07 06:00", "--to", "17:00"]].concat());
    assert!(
        made.contains("primary: boss for ann, Mon 2030-01-07 06:00 – 17:00 Europe/Berlin, by command line"),
        "{made}"
    );
    let answer: Value = serde_json::from_str(&site.done(&who)).expect("JSON");
    assert_eq!((&answer["called"], &answer["unread"]), (&json!(true), &Value::Null));
    let first = &answer["alerts"][0]["moments"][0];
    let expected = json!({
        "what": "call", "user": "boss", "channel": "voice", "by": "primary: override", "step": "round 1, step 1",
        "at": "2030-01-07T07:57:00.000Z", "after_seconds": 0,
    });
    assert_eq!(*first, expected);

    let silenced = site.done(&["silence", "add", "--key", "^nagios/", "--for", "1d", "--reason", "swapping disks"]);
    assert!(silenced.contains("key '^nagios/': swapping disks"), "{silenced}");
    let ran = site.run(&["oncall", "who", "--mail", "problem.eml", "--json"]);
    let answer: Value = serde_json::from_str(&ran.out).expect("JSON");
    assert_eq!((ran.code, &answer["called"]), (Some(1), &json!(false)));
    assert_eq!(answer["alerts"][0]["why_nobody"], "held: silenced by command line: swapping disks");
}

#[test]
fn who_is_on_call_now_and_this_week() {
    let site = Site::new(PEOPLE);
    let now = site.done(&["oncall", "now", "--at", "2030-01-05 09:00"]);
    assert!(now.contains("primary  ann (weeks) until Mon 09:00 (in 2 d), then bob\n"), "{now}");
    assert!(now.contains("there is no database yet"), "{now}");
    let shown = site.done(&["oncall", "show", "--schedule", "primary", "--days", "3", "--from", "2030-01-06 10:20"]);
    for words in ["primary, Europe/Berlin", "Sun 2030-01-06 – Tue 2030-01-08, 3 days", "09:00 ann → bob", "no gaps"]
    {
        assert!(shown.contains(words), "{words:?}: {shown}");
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 80) && !shown.contains('\u{1b}'), "{shown}");
    let shown = site.done(&["oncall", "show", "--json", "--days", "1", "--from", "2030-01-06T08:00:00Z"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["schedules"][0]["shifts"][0]["user"], "ann");
    site.refused(&["oncall", "show", "--schedule", "none"], "there is no schedule \"none\"; known are primary");
    site.refused(&["oncall", "show", "--days", "0"], "1..=366");
    site.refused(&["oncall", "now", "--at", "9"], "write it like 09:00");
}

#[test]
fn overrides_and_silences_come_and_go_by_the_command_line() {
    let site = Site::new(PEOPLE);
    let add = |user: &str, from: &str, to: &str| {
        let arguments = ["override", "add", "--schedule", "primary", "--user", user, "--from", from, "--to", to];
        arguments.map(str::to_owned)
    };
    let refused = |arguments: &[String], words: &str| {
        site.refused(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), words);
    };
    refused(&add("eve", "now", "2099-01-01 00:00"), "there is no user \"eve\"; known are ann, bob, boss");
    refused(&add("bob", "2030-01-07 09:00", "2030-01-07 08:00"), "ends before it starts");
    refused(&add("bob", "2030-01-07 09:00", "2032-01-07 08:00"), "400 days at most");
    refused(&add("bob", "tomorrow", "09:00"), "\"tomorrow\" is no time");
    let mut elsewhere = add("bob", "2030-01-07 09:00", "17:00").to_vec();
    elsewhere[3] = "none".to_owned();
    refused(&elsewhere, "there is no schedule \"none\"");
    let base = add("bob", "2030-01-07 09:00", "17:00");
    let mut arguments: Vec<&str> = base.iter().map(String::as_str).collect();
    arguments.extend(["--json", "--zone", "Asia/Kolkata"]);
    let made: Value = serde_json::from_str(&site.done(&arguments)).expect("JSON");
    assert_eq!(made["starts_at"], "2030-01-07T03:30:00.000Z");
    assert_eq!(made["ends_at"], "2030-01-07T11:30:00.000Z");
    let id = made["id"].as_str().expect("an id");
    assert!(site.done(&["override", "list"]).starts_with(id));
    assert!(site.done(&["override", "remove", &id[..6]]).contains(id));
    site.refused(&["override", "remove", id], "`nightcall override list` shows");
    assert_eq!(site.done(&["override", "list"]), "no overrides\n");

    let silence = |arguments: &[&'static str]| [&["silence", "add"], arguments].concat();
    for (arguments, words) in [
        (&["--for", "2h", "--reason", "x"][..], "--everything on the command line"),
        (&["--key", ".*", "--for", "2h", "--reason", "x"], "--everything on the command line"),
        (&["--service", "db", "--for", "721h", "--reason", "x"], "30 days at most"),
        (&["--service", "db", "--for", "2h", "--reason", " "], "a reason is needed"),
        (&["--service", "db", "--for", "2h"], "--reason"),
        (&["--service", "db", "--reason", "x"], "--until"),
        (&["--service", "db", "--for", "2h", "--until", "09:00", "--reason", "x"], "cannot be used with"),
        (&["--service", "nope", "--for", "2h", "--reason", "x"], "there is no service \"nope\"; known are db"),
        (&["--severity", "bad", "--for", "2h", "--reason", "x"], "known are critical"),
        (&["--key", "(", "--for", "2h", "--reason", "x"], "this is no regex"),
    ] {
        site.refused(&silence(arguments), words);
    }
    site.done(&silence(&["--everything", "--until", "09:00", "--reason", "moving house"]));
    let listed: Value = serde_json::from_str(&site.done(&["silence", "list", "--json"])).expect("JSON");
    let id = listed["silences"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(listed["silences"][0]["reason"], "moving house");
    assert!(site.done(&["silence", "list"]).contains("everything: moving house"));
    assert!(site.done(&["silence", "end", &id]).contains("what is still open pages now"));
    assert_eq!(site.done(&["silence", "list"]), "no silences\n");
    site.refused(&["silence", "end", &id], "there is no silence");
}

#[tokio::test]
async fn an_incident_is_handled_from_the_command_line() {
    let site = Site::new(
        "[users.ann]\ncontacts = [\"console\"]\n[users.bob]\ncontacts = [\"console\"]\n[users.boss]\ncontacts = [\"console\"]\n\
         [policies.default]\nsteps = [{ targets = [\"ann\"] }]\n[services.db]\naddresses = [\"db\"]\npolicy = \"default\"\n",
    );
    let gateway =
        Gateway::start(Command::new(env!("CARGO_BIN_EXE_nightcall")), &site.folder.path().join("nightcall.toml"));
    let mut smtp = Client::connect(gateway.smtp).await.expect("SMTP accepts");
    smtp.reply().await;
    let raw = PROBLEM.replace('\n', "\r\n");
    let reply = smtp.deliver("a@b", &["db@alerts.example.com"], raw.as_bytes()).await.expect("an answer");
    assert!(reply.starts_with("250"), "{reply}");

    let shown = site.done(&["incident", "take", "1", "--as", "ann"]);
    assert!(shown.contains("urgency: high\n") && shown.contains("acknowledged: by ann by command line at "), "{shown}");
    let shown = site.done(&["incident", "snooze", "1", "--for", "2h"]);
    assert!(shown.contains("snoozed: until "), "{shown}");
    let shown = site.done(&["incident", "add-responder", "1", "bob"]);
    assert!(shown.contains("command line called in bob"), "{shown}");
    let shown = site.done(&["incident", "note", "1", "the disk is on order"]);
    assert!(shown.contains("command line: the disk is on order"), "{shown}");
    let shown: Value =
        serde_json::from_str(&site.done(&["incident", "reassign", "1", "bob", "ann", "--json"])).expect("JSON");
    assert_eq!((&shown["status"], &shown["snoozed_until"]), (&json!("triggered"), &Value::Null));
    let shown = site.done(&["incident", "escalate", "1"]);
    assert!(shown.contains("command line asked for the next step"), "{shown}");
    site.mail("problem.eml", PROBLEM);
    let told = site.done(&["oncall", "who", "--mail", "problem.eml"]);
    assert!(told.contains("open      #1 is triggered with this key: the mail is attached to it; else:"), "{told}");
    assert!(!told.contains("not counted"), "the database was read: {told}");
    assert!(site.done(&["oncall", "now"]).contains("there are no schedules"));
    site.refused(&["incident", "take", "1", "--as", "eve"], "there is no user \"eve\"; known are ann, bob, boss");
    site.refused(&["incident", "reassign", "1"], "TARGET");
    site.refused(&["incident", "reassign", "1", "room:ops"], "there is no room \"ops\"");
    site.refused(&["incident", "snooze", "1"], "--until");
    site.refused(&["incident", "snooze", "1", "--until", "2026-01-01 00:00"], "must end after now");
    site.refused(&["incident", "escalate", "7"], "there is no incident #7");
    site.done(&["incident", "resolve", "1"]);
    site.refused(&["incident", "take", "1", "--as", "ann"], "resolved already");
    site.done(&["incident", "note", "1", "it was a cable"]);
}

#[test]
fn check_warns_of_what_a_night_would_show() {
    let site = Site::new(PEOPLE);
    let told = site.done(&["check"]);
    assert!(told.contains("warning: schedule primary has nobody for 336h within 14 days"), "it begins in 2030: {told}");
    assert!(told.contains("warning: policy default, step 1 can reach nobody now: schedule:primary"), "{told}");
    assert!(told.contains("  hint: "), "{told}");
    let ran = site.run(&["check", "--strict"]);
    assert_eq!((ran.code, ran.out), (Some(1), told), "the same words");
    let good = Site::new(&PEOPLE.replace("2029-12-31", "2019-12-30").replace("thu 03:00-04:00", "thu 05:00-06:00"));
    let told = good.done(&["check", "--strict"]);
    assert!(!told.contains("warning"), "{told}");
    assert!(told.contains("schedule primary: ann, bob"), "{told}");
    assert!(Path::new(&good.folder.path().join("nightcall.toml")).exists());
}
