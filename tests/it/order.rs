//! Mails of real monitors in the order in which mail servers really deliver them, over SMTP.

use nightcall::domain::incident::Status;

use crate::score::samples;
use crate::world::World;

const SERVICES: &str = "[policies.default]\nsteps = [{ delay = \"5m\", targets = [\"ann\"] }]\n\
                        [services.all]\naddresses = [\"*\"]\npolicy = \"default\"\n";

/// The bytes of a sample.
fn sample(file: &str) -> Vec<u8> {
    samples("").iter().find(|sample| sample.file == file).unwrap_or_else(|| panic!("{file} is in the corpus")).raw()
}

/// Delivers samples one after the other; what became of each.
async fn deliver(world: &mut World, files: &[&str]) -> Vec<String> {
    let mut outcomes = Vec::new();
    for file in files {
        let id = world.mail("db-core@alerts.example.com", &sample(file)).await;
        outcomes.extend(world.outcomes(&id).await);
    }
    outcomes
}

#[tokio::test]
async fn a_problem_sent_again_after_its_recovery_opens_nothing() {
    let mut world = World::new(SERVICES).await;
    let files =
        ["hard-mta-retry-1-problem.eml", "hard-mta-retry-2-recovery.eml", "hard-mta-retry-3-problem-redelivered.eml"];
    let outcomes = deliver(&mut world, &files).await;
    world.expect_call("ann");
    world.expect_silence();
    assert_eq!(world.incident_count().await, 1);
    world.expect_status(1, Status::Resolved).await;
    assert!(outcomes[2].starts_with("the same mail came before as "), "{outcomes:?}");
}

#[tokio::test]
async fn a_recovery_that_waited_in_a_queue_closes_nothing() {
    let mut world = World::new(SERVICES).await;
    // The recovery of the first problem is delivered after the second problem.
    let outcomes = deliver(&mut world, &["nagios-svc-problem-critical.eml"]).await;
    world.expect_call("ann");
    assert_eq!(outcomes, ["opened incident #1"]);
    let (_, incident) = world.get("/api/v1/incidents/1").await;
    assert_eq!(incident["details"]["Address"], "10.20.4.11", "what else the mail says is shown: {incident}");
    let later = String::from_utf8(sample("nagios-svc-problem-critical.eml")).expect("ASCII");
    let date = later.lines().find(|line| line.starts_with("Date: ")).expect("a date").to_owned();
    let id = later.lines().find(|line| line.to_lowercase().starts_with("message-id: ")).expect("an id").to_owned();
    let later = later.replace(&date, "Date: Sat, 21 Nov 2026 09:59:00 +0000").replace(&id, "Message-ID: <later@mon>");
    world.mail("db-core@alerts.example.com", later.as_bytes()).await;
    let outcomes = deliver(&mut world, &["nagios-svc-recovery.eml"]).await;
    assert_eq!(outcomes, ["older than the newest alert: incident #1 stays as it is"]);
    world.expect_status(1, Status::Triggered).await;
}

#[tokio::test]
async fn an_alarm_that_is_well_from_the_beginning_calls_nobody() {
    let mut world = World::new(SERVICES).await;
    let outcomes = deliver(&mut world, &["cloudwatch-ok-created.eml"]).await;
    assert_eq!(outcomes, ["resolve: no open incident has this key, so nothing changed"]);
    assert_eq!(world.incident_count().await, 0);
    world.expect_silence();
    let outcomes = deliver(&mut world, &["cloudwatch-alarm.eml", "cloudwatch-ok.eml"]).await;
    assert_eq!(outcomes, ["opened incident #1", "resolved incident #1"]);
    world.expect_call("ann");
}

#[tokio::test]
async fn a_backup_that_succeeds_every_night_calls_nobody() {
    let mut world = World::new(SERVICES).await;
    let night = |day: i64, state: &str, words: &str| {
        format!(
            "From: backup@nas2.example.net\r\nDate: {day:02} Nov 2026 02:1{} +0000\r\n\
             Subject: [nas2] Backup job \"weekly-home\" {state} (run {})\r\n\r\n\
             {words}, {} files in 00:4{}:12\r\n",
            "4:09",
            4711 + day,
            100_000 + day * 37,
            day % 10
        )
    };
    for day in 15..19 {
        world.mail("db-core@alerts.example.com", night(day, "completed successfully", "All copied").as_bytes()).await;
        world.advance_minutes(24 * 60).await;
    }
    world.expect_silence();
    assert_eq!(world.incident_count().await, 0, "success is no incident, however often");
    world.mail("db-core@alerts.example.com", night(19, "FAILED", "Disk full").as_bytes()).await;
    world.expect_call("ann");
    world.advance_minutes(2).await;
    let id =
        world.mail("db-core@alerts.example.com", night(20, "completed successfully", "All copied").as_bytes()).await;
    assert_eq!(world.outcomes(&id).await, ["resolved incident #1"], "and the next success ends the failure");
}

#[tokio::test]
async fn one_mail_for_two_services_opens_one_incident_in_each() {
    let services = "[policies.default]\nsteps = [{ delay = \"5m\", targets = [\"ann\"] }]\n\
                    [services.db]\naddresses = [\"db-core\"]\npolicy = \"default\"\n\
                    [services.billing]\naddresses = [\"billing\"]\npolicy = \"default\"\n";
    let mut world = World::new(services).await;
    let raw = sample("hard-two-service-rcpts.eml");
    let both = ["db-core@alerts.example.com", "billing@alerts.example.com"];
    let reply = world.deliver("root@db01.shop.example.net", &both, &raw).await;
    assert!(reply.starts_with("250"), "{reply}");
    world.settle().await;
    world.expect_call("ann");
    world.expect_silence();
    let (one, two) = (world.incident(1).await, world.incident(2).await);
    assert_eq!((one.service.as_str(), two.service.as_str()), ("db", "billing"));
    assert_eq!(one.dedup_key, two.dedup_key);
}
