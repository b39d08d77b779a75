//! Stories: a mail comes in over SMTP, phones ring, the clock moves. Named after what the people involved would say.

use nightcall::domain::incident::Status;

use crate::world::World;

#[tokio::test]
async fn a_mail_rings_a_phone_and_the_recovery_closes_it() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("ann");
    let heard = world.answer(&call, "4").await;
    assert_eq!(heard.sentences, ["Acknowledged. Thank you."]);
    world.expect_status(1, Status::Acknowledged).await;
    world.advance_minutes(20).await;
    world.expect_silence();
    world.nagios("RECOVERY", "OK").await;
    world.expect_status(1, Status::Resolved).await;
    world.advance_minutes(600).await;
    world.expect_silence();
    let kinds = world.kinds(1).await;
    assert_eq!(kinds, ["opened", "paged", "notified", "acknowledged", "resolved"]);
}

#[tokio::test]
async fn nobody_answers_so_the_next_is_called_and_then_the_fallback() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    world.advance_minutes(4).await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.expect_call("bob");
    world.advance_minutes(10).await;
    world.expect_call("boss");
    let incident = world.incident(1).await;
    assert!(incident.position.exhausted, "it is visible that nobody was left");
    let metrics = world.http().get(world.url("/metrics")).send().await.expect("metrics").text().await.expect("text");
    assert!(metrics.contains("nightcall_incidents_exhausted 1"), "and counted: {metrics}");
    world.advance_minutes(30).await;
    world.expect_call("boss");
    world.expect_silence();
}

#[tokio::test]
async fn an_acknowledgement_runs_out() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("ann");
    world.answer(&call, "4").await;
    world.advance_minutes(29).await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.expect_call("ann");
    world.expect_status(1, Status::Triggered).await;
}

#[tokio::test]
async fn repeats_attach_and_count_and_call_nobody_again() {
    let mut world = World::standard().await;
    for _ in 0..3 {
        world.nagios("PROBLEM", "CRITICAL").await;
    }
    world.expect_call("ann");
    world.expect_silence();
    assert_eq!(world.incident(1).await.alert_count, 3);
    assert_eq!(world.incident_count().await, 1);
}

#[tokio::test]
async fn a_recovery_with_nothing_open_is_recorded_and_calls_nobody() {
    let mut world = World::standard().await;
    let mail = world.nagios("RECOVERY", "OK").await;
    world.expect_silence();
    assert_eq!(world.incident_count().await, 0);
    assert_eq!(world.outcomes(&mail).await, ["resolve: no open incident has this key, so nothing changed"]);
}

#[tokio::test]
async fn an_old_recovery_that_waited_in_a_queue_closes_nothing() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let mail = world.nagios_dated("RECOVERY", "OK", "Sat, 21 Nov 2026 09:30:00 +0000").await;
    world.expect_status(1, Status::Triggered).await;
    assert_eq!(world.outcomes(&mail).await, ["older than the newest alert: incident #1 stays as it is"]);
    assert_eq!(world.kinds(1).await.last().map(String::as_str), Some("stale"));
}

#[tokio::test]
async fn the_same_mail_delivered_twice_does_its_work_once() {
    let mut world = World::standard().await;
    let raw = b"Message-ID: <1@mon>\r\nSubject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\r\n\r\nx\r\n";
    let first = world.mail("db@alerts.example.com", raw).await;
    world.expect_call("ann");
    let again = [b"Received: from a by b\r\n".as_slice(), raw].concat();
    let second = world.mail("db@alerts.example.com", &again).await;
    assert_eq!(
        world.outcomes(&second).await,
        [format!("the same mail came before as {first}; nothing was done again")]
    );
    assert_eq!(world.incident(1).await.alert_count, 1);

    world.nagios("RECOVERY", "OK").await;
    world.expect_status(1, Status::Resolved).await;
    world.mail("db@alerts.example.com", raw).await;
    assert_eq!(world.incident_count().await, 1, "a mail server that repeats itself re-opens nothing");
    world.expect_silence();

    world.advance_minutes(25 * 60).await;
    world.mail("db@alerts.example.com", raw).await;
    assert_eq!(world.incident_count().await, 2, "after a day it is news again");
    world.expect_call("ann");
}

#[tokio::test]
async fn the_same_id_with_another_body_is_another_mail() {
    let mut world = World::standard().await;
    for body in ["one", "two"] {
        let raw = format!(
            "Message-ID: <1@mon>\r\nSubject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\r\n\r\n{body}\r\n"
        );
        world.mail("db@alerts.example.com", raw.as_bytes()).await;
    }
    assert_eq!(world.incident(1).await.alert_count, 2);
}

#[tokio::test]
async fn a_device_with_one_id_for_all_its_mails_is_heard_every_time() {
    let mut world = World::standard().await;
    for host in ["db1", "db2"] {
        let raw =
            format!("Message-ID: <1@card>\r\nSubject: ** PROBLEM Host Alert: {host} is DOWN **\r\n\r\nsee console\r\n");
        world.mail("db@alerts.example.com", raw.as_bytes()).await;
    }
    assert_eq!(world.incident_count().await, 2);
}

#[tokio::test]
async fn worse_news_before_anybody_answered_call_again() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "WARNING").await;
    let call = world.expect_call("ann");
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_silence();
    world.phone.hang_up(&call, "no-answer").await.expect("taken");
    world.advance_minutes(1).await;
    world.expect_call("ann");
    world.expect_silence();
    world.advance_minutes(4).await;
    world.expect_call("bob");
}

#[tokio::test]
async fn one_mail_for_two_services_opens_one_incident_in_each() {
    let mut world = World::standard().await;
    let raw = include_bytes!("../mails/hard/hard-two-service-rcpts.eml");
    let reply = world.deliver("root@db01", &["db@alerts.example.com", "web@alerts.example.com"], raw).await;
    assert!(reply.starts_with("250"), "{reply}");
    world.settle().await;
    let services = [world.incident(1).await.service, world.incident(2).await.service];
    assert_eq!(services, ["db", "web"]);
    assert_eq!(world.incident_count().await, 2);
}

#[tokio::test]
async fn one_mail_for_two_addresses_of_a_service_acts_once() {
    let mut world = World::standard().await;
    let raw = b"Subject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\r\n\r\nx\r\n";
    let to = ["db@alerts.example.com", "db+nagios@alerts.example.com"];
    world.deliver("root@db01", &to, raw).await;
    world.settle().await;
    world.expect_call("ann");
    world.expect_silence();
    assert_eq!(world.incident(1).await.alert_count, 1);
}

#[tokio::test]
async fn the_monitors_own_acknowledgement_stops_the_calls() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    world.nagios("ACKNOWLEDGEMENT", "CRITICAL").await;
    world.expect_status(1, Status::Acknowledged).await;
    world.advance_minutes(10).await;
    world.expect_silence();
}

#[tokio::test]
async fn downtime_mail_that_says_ok_closes_nothing() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    for kind in ["DOWNTIMESTART", "DOWNTIMEEND", "DOWNTIMECANCELLED"] {
        world.nagios(kind, "OK").await;
    }
    world.expect_status(1, Status::Triggered).await;
    assert_eq!(world.incident_count().await, 1);
}

#[tokio::test]
async fn worse_news_after_an_acknowledgement_call_again() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "WARNING").await;
    let call = world.expect_call("ann");
    world.answer(&call, "4").await;
    world.nagios("PROBLEM", "WARNING").await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    world.expect_status(1, Status::Triggered).await;
}

#[tokio::test]
async fn a_mail_nobody_knows_opens_an_incident_too() {
    let mut world = World::standard().await;
    world.mail("web@alerts.example.com", b"Subject: Re: printer  on FIRE\r\n\r\nhelp\r\n").await;
    world.expect_call("ann");
    world.mail("web@alerts.example.com", b"Subject: Printer on fire\r\n\r\nhelp\r\n").await;
    let incident = world.incident(1).await;
    assert_eq!((incident.summary.as_str(), incident.alert_count), ("Printer on fire", 2));
}

#[tokio::test]
async fn the_redelivered_problem_after_its_recovery_opens_nothing() {
    let mut world = World::standard().await;
    world.clock.advance(jiff::SignedDuration::from_hours(0));
    for name in ["1-problem", "2-recovery", "3-problem-redelivered"] {
        let path = format!("{}/tests/mails/hard/hard-mta-retry-{name}.eml", env!("CARGO_MANIFEST_DIR"));
        world.mail("db@alerts.example.com", &std::fs::read(path).expect("the sample")).await;
    }
    assert_eq!(world.incident_count().await, 1);
    world.expect_status(1, Status::Resolved).await;
}

#[tokio::test]
async fn a_step_of_people_who_left_is_passed_over_at_once() {
    let mut world = World::standard().await;
    let mut definitions = nightcall::domain::Definitions::clone(&world.running.engine.definitions());
    definitions.roster.users.remove("ann");
    world.running.engine.replace_definitions(definitions);
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("bob");
    assert!(world.kinds(1).await.contains(&"step_skipped".to_owned()));
}

#[tokio::test]
async fn editing_a_policy_does_not_disturb_a_running_escalation() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let mut definitions = nightcall::domain::Definitions::clone(&world.running.engine.definitions());
    definitions.roster.policies.clear();
    world.running.engine.replace_definitions(definitions);
    world.advance_minutes(5).await;
    world.expect_call("bob");
}

#[tokio::test]
async fn what_was_due_while_we_were_away_is_done_once() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    world.advance_minutes(6 * 60).await;
    world.expect_call("bob");
    world.expect_silence();
    world.advance_minutes(9).await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.expect_call("boss");
}
