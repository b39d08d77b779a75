//! Who is called when, and when not: schedules, holds, silences, maintenance, dependencies, expected mails.

use jiff::{SignedDuration, Timestamp};
use nightcall::domain::actor::Actor;
use nightcall::domain::incident::{Cause, Event, Status};
use nightcall::domain::matcher::{Matcher, Wanted};
use nightcall::domain::schedule::Override;
use nightcall::domain::silence::Silence;
use nightcall::domain::situation::Swap;
use nightcall::domain::target::Target;
use nightcall::engine::Arrangement;
use nightcall::store::oncall::StoredOverride;

use crate::world::World;

/// The clock of these stories starts on Saturday, 2026-11-21, 10:00 UTC.
const WEEKS: &str = r#"
[schedules.primary]
zone = "Europe/Berlin"
[[schedules.primary.layers]]
name = "weeks"
starts = "2026-11-16T09:00"
every = "1 week"
turns = ["ann", "bob"]
[policies.default]
steps = [{ delay = "5m", targets = ["schedule:primary"] }, { delay = "5m", targets = ["everyone:primary"] }]
"#;

fn with_service(service: &str) -> String {
    format!(
        "[policies.default]\nsteps = [{{ delay = \"5m\", targets = [\"ann\"] }}]\n[services.db]\naddresses = [\"db\"]\n\
         policy = \"default\"\n{service}\n"
    )
}

fn by(name: &str) -> Actor {
    Actor::token(name, "192.0.2.7")
}

fn cause() -> Cause {
    Cause { actor: by("test"), mail_id: None }
}

pub(crate) fn silence(key: &str, from: Timestamp, minutes: i64) -> Silence {
    Silence {
        id: "s1".to_owned(),
        matcher: Matcher::new(Wanted { key: Some(key.to_owned()), ..Wanted::default() }).expect("a regex"),
        starts_at: from,
        ends_at: from + SignedDuration::from_mins(minutes),
        reason: "the disk is being swapped".to_owned(),
        author: "ann".to_owned(),
    }
}

#[tokio::test]
async fn who_is_on_call_is_called_and_an_override_changes_that() {
    let service = "[services.db]\naddresses = [\"db\"]\npolicy = \"default\"\n";
    let mut world = World::new(&format!("{WEEKS}{service}")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    world.advance_minutes(5).await;
    // Everybody of the schedule.
    world.expect_call("ann");
    world.expect_call("bob");
    world.nagios("RECOVERY", "OK").await;
    let (from, to) = (world.now(), world.now() + SignedDuration::from_hours(2));
    let shift = Override {
        id: "o1".to_owned(),
        user: "cid".to_owned(),
        replaces: Some("ann".to_owned()),
        starts_at: from,
        ends_at: to,
    };
    let swap = Swap { schedule: "primary".to_owned(), shift };
    let stored = StoredOverride { swap, author: "ann".to_owned(), created_at: from };
    assert!(world.running.engine.arrange(Arrangement::Override(stored), &by("ann")).await.expect("stored"));
    world.advance_minutes(10).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("cid");
    world.nagios("RECOVERY", "OK").await;
    let withdraw = || Arrangement::WithdrawOverride("o1".to_owned());
    assert!(world.running.engine.arrange(withdraw(), &by("ann")).await.expect("stored"));
    assert!(!world.running.engine.arrange(withdraw(), &by("ann")).await.expect("stored"), "it is gone");
    world.advance_minutes(10).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
}

#[tokio::test]
async fn a_blip_calls_nobody() {
    let mut world = World::new(&with_service("hold = \"2m\"")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance_minutes(1).await;
    world.nagios("RECOVERY", "OK").await;
    world.advance_minutes(60).await;
    world.expect_silence();
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance_minutes(2).await;
    world.expect_call("ann");
}

#[tokio::test]
async fn a_silenced_incident_is_seen_and_calls_when_the_silence_is_over() {
    let mut world = World::new(&with_service("")).await;
    let now = world.now();
    world
        .running
        .engine
        .arrange(Arrangement::Silence(Box::new(silence("disk", now, 60))), &by("ann"))
        .await
        .expect("stored");
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_silence();
    let incident = world.incident(1).await;
    assert_eq!(incident.held.as_deref(), Some("silenced by ann: the disk is being swapped"));
    world.advance_minutes(59).await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.expect_call("ann");
    assert_eq!(world.kinds(1).await, ["opened", "held", "released", "paged", "notified"]);
}

#[tokio::test]
async fn a_silence_ended_early_calls_at_once() {
    let mut world = World::new(&with_service("")).await;
    let now = world.now();
    world
        .running
        .engine
        .arrange(Arrangement::Silence(Box::new(silence("disk", now, 600))), &by("ann"))
        .await
        .expect("stored");
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance_minutes(5).await;
    world.expect_silence();
    let end = Arrangement::EndSilence("s1".to_owned());
    assert!(world.running.engine.arrange(end, &by("bob")).await.expect("stored"));
    world.settle().await;
    world.expect_call("ann");
}

#[tokio::test]
async fn maintenance_holds_the_page_until_its_window_ends() {
    let window = "[[maintenance]]\nname = \"weekend work\"\nzone = \"UTC\"\nwhen = [\"sat 09:00-12:00\"]\n\
                  match = { service = \"db\" }\nreason = \"storage is being moved\"\n";
    let mut world = World::new(&format!("{}{window}", with_service(""))).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance_minutes(119).await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.expect_call("ann");
}

#[tokio::test]
async fn services_of_a_host_that_is_down_call_nobody() {
    let dependency = "[[dependencies]]\nname = \"host\"\nchild = { service = \"db\", key = '^nagios/service/(?<host>[^/]+)/' }\n\
                      parent = { service = \"db\", key = \"nagios/host/{host}\" }\n";
    let mut world = World::new(&format!("{}{dependency}", with_service(""))).await;
    let host = |kind: &str, state: &str| format!("Subject: ** {kind} Host Alert: db1 is {state} **\r\n\r\nx\r\n");
    world.mail("db@alerts.example.com", host("PROBLEM", "DOWN").as_bytes()).await;
    let call = world.expect_call("ann");
    world.nagios("PROBLEM", "CRITICAL").await;
    let held = world.incident(2).await.held.expect("it waits");
    assert_eq!(held, "it is below incident #1: Host db1 is DOWN");
    world.answer(&call, "4").await;
    world.advance_minutes(10).await;
    world.expect_silence();
    world.mail("db@alerts.example.com", host("RECOVERY", "UP").as_bytes()).await;
    world.advance_minutes(1).await;
    world.expect_call("ann");
    assert_eq!(world.incident(2).await.held, None);
}

#[tokio::test]
async fn an_expected_mail_that_does_not_come_is_an_incident_until_it_comes() {
    let heartbeat =
        "[services.db.heartbeats.backup]\nkey = \"nagios/service/db1/disk\"\nevery = \"24h\"\ngrace = \"1h\"\n";
    let mut world = World::new(&with_service(heartbeat)).await;
    world.settle().await;
    world.nagios("RECOVERY", "OK").await;
    world.advance_minutes(24 * 60 + 59).await;
    assert_eq!(world.incident_count().await, 0);
    world.advance_minutes(1).await;
    world.expect_call("ann");
    let incident = world.incident(1).await;
    assert_eq!(incident.dedup_key, "heartbeat/backup");
    assert!(incident.summary.starts_with("backup did not come: "), "{}", incident.summary);
    world.advance_minutes(4).await;
    world.nagios("RECOVERY", "OK").await;
    world.expect_status(1, Status::Resolved).await;
    world.advance_minutes(25 * 60).await;
    world.expect_call("ann");
    assert_eq!(world.incident_count().await, 2, "missing again is a new incident");
}

#[tokio::test]
async fn people_called_in_are_called_although_somebody_has_it() {
    let mut world = World::new(&with_service("")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("ann");
    world.answer(&call, "4").await;
    let event = Event::RespondersAdded { targets: vec![Target::User("bob".to_owned())] };
    world.running.engine.handle(1, event, cause()).await.expect("stored");
    world.settle().await;
    world.expect_call("bob");
    world.expect_status(1, Status::Acknowledged).await;
}

#[tokio::test]
async fn a_method_that_fails_brings_the_next_one_forward() {
    let people = "[users.eve]\ncontacts = { push = \"webhook:http://127.0.0.1:9/none\", phone = \"voice:+15005550001\" }\n\
                  high = [\"push\", \"phone after 30m\"]\n";
    let policy = "[policies.default]\nsteps = [{ delay = \"1h\", targets = [\"eve\"] }]\n[services.db]\naddresses = [\"db\"]\n\
                  policy = \"default\"\n";
    let mut world = World::new(&format!("{people}{policy}")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    for seconds in [6, 11] {
        world.expect_silence();
        world.advance(SignedDuration::from_secs(seconds)).await;
    }
    // Nobody listens at the webhook, three times: the phone does not wait for its own time, while the webhook is tried again.
    world.expect_call("ann");
    let notifications = world.running.engine.store().notifications(1).await.expect("readable");
    let push = notifications.iter().find(|known| known.channel.word() == "webhook").expect("planned");
    assert_eq!(push.status.word(), "pending");
}

#[tokio::test]
async fn the_auditor_finds_what_is_wrong_and_sees_when_it_is_mended() {
    let gap = "[schedules.primary]\n[[schedules.primary.layers]]\nstarts = \"2026-11-16T09:00\"\nevery = \"1 week\"\n\
               turns = [\"ann\"]\nonly = [\"mon-fri\"]\n";
    let mut world = World::new(&format!("{gap}{}", with_service(""))).await;
    let audit = world.running.engine.audit().await.expect("works");
    assert_eq!(audit.findings.len(), 1, "{:?}", audit.findings);
    assert_eq!(audit.findings[0].kind, "schedule-gap");
    world.settle().await;
    world.expect_call("ann");
    let incident = world.incident(1).await;
    assert_eq!(incident.dedup_key, "nightcall/schedule-gap");
    assert!(incident.summary.contains("schedule primary has nobody from Sat 2026-11-21"), "{}", incident.summary);
    let metrics = world.http().get(world.url("/metrics")).send().await.expect("metrics").text().await.expect("text");
    assert!(metrics.contains("nightcall_auditor_findings{kind=\"schedule-gap\"} 1"), "{metrics}");
    world.running.engine.audit().await.expect("works");
    assert_eq!(world.incident(1).await.alert_count, 1, "the same finding is not told twice");
}

fn downtime(kind: &str, date: &str) -> Vec<u8> {
    format!("Date: {date}\r\nSubject: ** DOWNTIME{kind} Service Alert: db1/disk is CRITICAL **\r\n\r\nx\r\n")
        .into_bytes()
}

/// What is open already is silent while Nagios says that it is being worked on, and calls again after that.
#[tokio::test]
async fn a_downtime_that_nagios_announces_is_a_silence() {
    let mut world = World::new(&with_service("downtime = \"8h\"\nhold = \"2m\"")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let start = world.mail("db@alerts.example.com", &downtime("START", "Sat, 21 Nov 2026 10:00:00 +0000")).await;
    let [outcome] = &world.outcomes(&start).await[..] else { panic!("one outcome") };
    assert!(outcome.starts_with("downtime start: nagios/service/db1/disk is silenced until the end"), "{outcome}");
    world.advance_minutes(30).await;
    world.expect_silence();
    assert!(world.incident(1).await.held.is_some_and(|why| why.contains("downtime announced by mail")));
    world.mail("db@alerts.example.com", &downtime("END", "Sat, 21 Nov 2026 10:30:00 +0000")).await;
    world.expect_call("ann");
    world.nagios("RECOVERY", "OK").await;
    // The start again, late: it is over.
    let late = downtime("START", "Sat, 21 Nov 2026 10:00:01 +0000");
    let late = world.mail("db@alerts.example.com", &late).await;
    assert!(world.outcomes(&late).await[0].contains("older than the end"), "{:?}", world.outcomes(&late).await);
    world.nagios_dated("PROBLEM", "CRITICAL", "Sat, 21 Nov 2026 10:31:00 +0000").await;
    world.advance_minutes(3).await;
    world.expect_call("ann");
}

/// An end without a start is remembered; a downtime whose end never comes runs out; and nobody listens unasked.
#[tokio::test]
async fn a_downtime_ends_whatever_gets_lost() {
    let mut world = World::new(&with_service("downtime = \"1h\"\nhold = \"2m\"")).await;
    world.mail("db@alerts.example.com", &downtime("END", "Sat, 21 Nov 2026 09:50:00 +0000")).await;
    let late = downtime("START", "Sat, 21 Nov 2026 09:00:00 +0000");
    let late = world.mail("db@alerts.example.com", &late).await;
    assert!(world.outcomes(&late).await[0].contains("older than the end"), "{:?}", world.outcomes(&late).await);
    world.mail("db@alerts.example.com", &downtime("START", "Sat, 21 Nov 2026 10:00:00 +0000")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance_minutes(59).await;
    world.expect_silence();
    world.advance_minutes(2).await;
    world.expect_call("ann");

    let mut world = World::new(&with_service("hold = \"2m\"")).await;
    world.mail("db@alerts.example.com", &downtime("START", "Sat, 21 Nov 2026 10:00:00 +0000")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance_minutes(2).await;
    world.expect_call("ann");
}
