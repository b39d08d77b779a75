//! Whose mail counts: who may open a service's incidents, and who may end them.

use nightcall::domain::incident::Status;
use serde_json::Value;

use crate::world::World;

/// Ends incidents of the database from one network only; mail here comes from 127.0.0.1.
fn definitions(senders: &str) -> String {
    format!(
        "[policies.default]\nsteps = [{{ delay = \"5m\", targets = [\"ann\"] }}]\n[services.db]\naddresses = [\"db\"]\n\
         policy = \"default\"\n[services.db.senders]\n{senders}\n"
    )
}

fn recovery() -> &'static [u8] {
    b"Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nSubject: ** RECOVERY Service Alert: db1/disk is OK **\r\n\r\nx\r\n"
}

async fn quarantined(world: &World) -> Vec<Value> {
    let (status, answer) = world.get("/api/v1/quarantined").await;
    assert_eq!(status, 200);
    answer["mails"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn a_recovery_from_elsewhere_is_kept_aside_until_somebody_lets_it_act() {
    let mut world = World::new(&definitions("resolve = [{ networks = [\"10.0.0.0/8\"] }]")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let mail = world.mail("db@alerts.example.com", recovery()).await;
    world.expect_status(1, Status::Triggered).await;
    let [outcome] = &world.outcomes(&mail).await[..] else { panic!("one outcome") };
    assert!(outcome.starts_with("quarantined: 127.0.0.1 may not resolve here"), "{outcome}");
    let [kept] = &quarantined(&world).await[..] else { panic!("one mail") };
    assert_eq!((&kept["id"], &kept["alerts"][0]["held"]), (&Value::from(mail.as_str()), &Value::from("quarantine")));
    // To judge it again changes nothing: it is who sent it that counts.
    assert_eq!(world.post(&format!("/api/v1/mails/{mail}/reprocess")).await.0, 200);
    world.expect_status(1, Status::Triggered).await;
    let (status, released) = world.post(&format!("/api/v1/mails/{mail}/release")).await;
    assert_eq!(status, 200);
    assert_eq!(released["alerts"][0]["outcome"], "released by token test: resolved incident #1");
    world.expect_status(1, Status::Resolved).await;
    assert_eq!(quarantined(&world).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_is_enforced_is_told_to_the_sender_who_keeps_it() {
    let mut world = World::new(
        &definitions("mode = \"enforce\"\nresolve = [{ user = \"x\" }]").replace("user = \"x\"", "users = [\"ups\"]"),
    )
    .await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let reply = world.deliver("root@mon.example", &["db@alerts.example.com"], recovery()).await;
    assert!(reply.starts_with("550 5.7.1 "), "{reply}");
    world.settle().await;
    world.expect_status(1, Status::Triggered).await;
    let (_, mails) = world.get("/api/v1/mails").await;
    assert_eq!(mails["mails"].as_array().map(Vec::len), Some(1), "a mail that its sender keeps is not stored");
}

#[tokio::test]
async fn a_shadow_only_tells_what_would_have_become_of_it() {
    let mut world = World::new(&definitions("mode = \"shadow\"\nresolve = [{ networks = [\"10.0.0.0/8\"] }]")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let mail = world.mail("db@alerts.example.com", recovery()).await;
    world.expect_status(1, Status::Resolved).await;
    let [outcome] = &world.outcomes(&mail).await[..] else { panic!("one outcome") };
    assert!(outcome.starts_with("resolved incident #1 (shadow: it would be quarantined: 127.0.0.1 may"), "{outcome}");
}

/// The part of an address that is secret lets devices trigger that can prove nothing else; it ends nothing.
#[tokio::test]
async fn a_secret_address_triggers_and_never_resolves() {
    let mut world = World::new(&definitions("trigger = [{ suffix = \"k3y\" }]")).await;
    let problem = b"Subject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\r\n\r\nx\r\n";
    let mail = world.mail("db@alerts.example.com", problem).await;
    assert!(world.outcomes(&mail).await[0].starts_with("quarantined: 127.0.0.1 may not trigger here"));
    assert_eq!(world.incident_count().await, 0);
    world
        .mail(
            "db+k3y@alerts.example.com",
            b"Message-ID: <2@x>\r\nSubject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\r\n\r\nx\r\n",
        )
        .await;
    world.expect_call("ann");
    world.mail("db+k3y@alerts.example.com", recovery()).await;
    world.expect_status(1, Status::Triggered).await;
}

#[test]
fn senders_that_prove_nothing_are_a_problem() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    for (senders, told) in [
        ("", "this names no senders"),
        ("resolve = [{ suffix = \"k\" }]", "a suffix alone must not end incidents: every mail has shown it"),
        ("trigger = [{}]", "this sender is known by nothing"),
        ("trigger = [{ networks = [\"10.0.0.0/99\"] }]", "\"10.0.0.0/99\" is no network"),
        ("mode = \"enforced\"\ntrigger = [{ users = [\"a\"] }]", "there is no mode \"enforced\""),
    ] {
        let users = "fallback = \"ann\"\n[users.ann]\ncontacts = [\"console\"]\n";
        std::fs::write(&config, format!("{users}{}", definitions(senders))).expect("written");
        let problems = nightcall::definitions::load(&config, jiff::Timestamp::UNIX_EPOCH).expect_err(senders);
        let text = problems.render(false);
        assert!(text.contains(told), "{senders}: {text}");
    }
}
