//! Storms: many incidents at once cost few calls, and nothing is hidden.

use jiff::SignedDuration;
use nightcall::domain::incident::Status;

use crate::world::World;

fn definitions(service: &str) -> String {
    format!(
        "[policies.default]\nsteps = [{{ delay = \"5m\", targets = [\"ann\"] }}, {{ delay = \"5m\", targets = [\"bob\"] }}]\n\
         [services.db]\naddresses = [\"db\"]\npolicy = \"default\"\n{service}\n"
    )
}

/// Mails of that many hosts that go down, without letting timers run in between.
async fn hosts_down(world: &World, range: std::ops::Range<u32>) {
    for n in range {
        let raw = format!("Subject: ** PROBLEM Host Alert: h{n} is DOWN **\r\n\r\nx\r\n");
        let reply = world.deliver("root@mon01.example", &["db@alerts.example.com"], raw.as_bytes()).await;
        assert!(reply.starts_with("250 "), "{reply}");
    }
}

#[tokio::test]
async fn one_call_tells_of_everything_that_is_due() {
    let mut world = World::new(&definitions("")).await;
    hosts_down(&world, 0..12).await;
    world.nagios("PROBLEM", "WARNING").await;
    let call = world.expect_call("ann");
    world.expect_silence();
    let heard = world.phone.pick_up(&call).await.expect("speech");
    assert_eq!(heard.sentences[1], "Press 4 to acknowledge all.");
    assert_eq!(heard.sentences[2..4], ["13 incidents. The worst:", "Critical alert in service db: Host h0 is DOWN."]);
    let refused = world.phone.press(&call, &heard, "6").await.expect("the menu");
    assert_eq!(refused.sentences[0], "Several incidents are not resolved by phone at once.");
    let done = world.phone.press(&call, &refused, "4").await.expect("an end");
    assert_eq!(done.sentences, ["Acknowledged. Thank you."]);
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.settle().await;
    for number in 1..=13 {
        world.expect_status(number, Status::Acknowledged).await;
    }
    world.advance_minutes(20).await;
    world.expect_silence();
}

#[tokio::test]
async fn who_is_on_the_phone_is_not_called_a_second_time() {
    let mut world = World::new(&definitions("")).await;
    hosts_down(&world, 0..1).await;
    world.settle().await;
    let call = world.expect_call("ann");
    hosts_down(&world, 1..3).await;
    world.settle().await;
    world.expect_silence();
    world.answer(&call, "4").await;
    world.expect_silence();
    world.advance_minutes(1).await;
    let second = world.expect_call("ann");
    let heard = world.phone.pick_up(&second).await.expect("speech");
    assert!(heard.sentences[2].starts_with("2 incidents. The worst:"), "{:?}", heard.sentences);
    world.expect_silence();
}

#[tokio::test]
async fn a_bundle_nobody_answers_goes_to_the_next_person_as_one() {
    let mut world = World::new(&definitions("")).await;
    hosts_down(&world, 0..5).await;
    world.settle().await;
    let call = world.expect_call("ann");
    world.phone.pick_up(&call).await.expect("speech");
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.settle().await;
    let call = world.expect_call("bob");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    assert!(heard.sentences[2].starts_with("5 incidents."), "{:?}", heard.sentences);
    world.expect_silence();
}

#[tokio::test]
async fn a_flood_opens_one_storm_and_the_rest_waits_below_it() {
    let mut world = World::new(&definitions("storm = { opens = 10, within = \"10m\" }")).await;
    hosts_down(&world, 0..10).await;
    world.clock.advance(SignedDuration::from_secs(1));
    hosts_down(&world, 10..40).await;
    world.settle().await;
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    // Ten came before it was a storm; then the storm itself.
    assert!(heard.sentences[2].starts_with("11 incidents."), "{:?}", heard.sentences);
    let done = world.phone.press(&call, &heard, "4").await.expect("an end");
    assert_eq!(done.sentences, ["Acknowledged. Thank you."]);
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.settle().await;
    assert_eq!(world.incident_count().await, 41, "nothing is hidden");
    let held = world.incident(40).await.held.expect("it waits");
    assert!(held.contains("storm: more than 10 incidents of db within 10m"), "{held}");
    world.advance_minutes(9).await;
    world.expect_silence();
    world.advance_minutes(2).await;
    world.advance_minutes(1).await;
    // Calm for ten minutes: the storm is over, and what is still open calls, all at once.
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    assert!(heard.sentences[2].starts_with("30 incidents."), "{:?}", heard.sentences);
    world.expect_silence();
}

/// T19: what came due while we were away is told in one call, and what follows counts from that call.
#[tokio::test]
async fn five_hundred_incidents_due_while_we_were_away_are_one_call() {
    let mut world = World::new(&definitions("")).await;
    hosts_down(&world, 0..500).await;
    world.clock.advance(SignedDuration::from_hours(6));
    world.settle().await;
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    assert!(heard.sentences[2].starts_with("500 incidents."), "{:?}", heard.sentences);
    assert!(world.kinds(1).await.contains(&"late".to_owned()));
    world.expect_silence();
    world.advance_minutes(4).await;
    world.expect_silence();
    world.advance_minutes(1).await;
    world.expect_call("bob");
    world.expect_silence();
}

/// What one sender floods waits; the others of the same service call.
#[tokio::test]
async fn one_senders_flood_holds_up_no_other() {
    let mut world = World::new(&definitions("sender_storm = { opens = 5, within = \"10m\" }")).await;
    for n in 0..12 {
        let raw = format!("From: noisy@ups.example\r\nSubject: ** PROBLEM Host Alert: u{n} is DOWN **\r\n\r\nx\r\n");
        world.deliver("x@ups.example", &["db@alerts.example.com"], raw.as_bytes()).await;
        if n == 4 {
            world.clock.advance(SignedDuration::from_secs(1));
        }
    }
    world.settle().await;
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    // Five that came before it was a storm, and the storm.
    assert!(heard.sentences[2].starts_with("6 incidents."), "{:?}", heard.sentences);
    world.phone.press(&call, &heard, "4").await.expect("an end");
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.advance_minutes(1).await;
    world.expect_silence();
    let held = world.incident(13).await.held.expect("it waits");
    assert!(held.contains("storm: more than 5 incidents of db from noisy@ups.example within 10m"), "{held}");
    let quiet = b"From: calm@ups.example\r\nSubject: ** PROBLEM Host Alert: other is DOWN **\r\n\r\nx\r\n";
    world.mail("db@alerts.example.com", quiet).await;
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    assert!(heard.sentences[2].contains("other"), "{:?}", heard.sentences);
    let (status, senders) = world.get("/api/v1/senders?service=db").await;
    let counted: Vec<_> =
        senders["senders"].as_array().expect("a list").iter().map(|s| (&s["sender"], &s["mails"])).collect();
    assert_eq!(status, 200);
    assert_eq!(
        format!("{counted:?}"),
        "[(String(\"noisy@ups.example\"), Number(12)), (String(\"calm@ups.example\"), Number(1))]"
    );
}
