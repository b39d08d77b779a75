//! People: whether they can be reached, and what they are told beside pages.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::oncall::post;
use crate::postgres;
use crate::webhook::receiver;
use crate::world::World;

/// It is Saturday, 2026-11-21 10:00 UTC. Ann's turn ends on Monday at 09:00 in Berlin, Bob's a week later.
fn weeks(hook: &str) -> String {
    format!(
        r#"
[users.eve]
zone = "Europe/Berlin"
quiet = ["daily 22:00-08:00"]
contacts = {{ phone = "voice:+15005550004", chat = "webhook:{hook}" }}
high = ["chat", "phone after 2m"]
[users.dan]
contacts = ["voice:+15005550005"]
[schedules.primary]
zone = "Europe/Berlin"
layers = [{{ name = "weeks", starts = "2026-11-16T09:00", every = "1 week", turns = ["dan", "eve"] }}]
[policies.default]
steps = [{{ delay = "5m", targets = ["schedule:primary"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    )
}

async fn contacts(world: &World, user: &str) -> Vec<Value> {
    let (status, people) = world.get("/api/v1/people").await;
    assert_eq!(status, 200);
    let people = people["people"].as_array().expect("a list").clone();
    let person = people.into_iter().find(|person| person["name"] == user).expect("a person");
    person["contacts"].as_array().expect("a list").clone()
}

async fn handoff(database: Option<&str>) {
    let (hook, got) = receiver().await;
    let mut world = World::build(&weeks(&hook), "", database).await;
    let told = || got.got.lock().expect("lock").iter().map(|(_, body)| body.clone()).collect::<Vec<String>>();
    world.settle().await;
    // Monday 08:00 in Berlin: an hour to go.
    world.advance(SignedDuration::from_hours(45)).await;
    assert_eq!(told(), Vec::<String>::new(), "who was on call all the time is told nothing");
    world.advance(SignedDuration::from_mins(61)).await;
    let [body] = &told()[..] else { panic!("one notice, not {:?}", told()) };
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&body["type"], &body["data"]["schedule"]), (&json!("on_call"), &json!("primary")));
    assert_eq!(body["data"]["until"], "2026-11-30T08:00:00Z");
    world.advance(SignedDuration::from_hours(24 * 7)).await;
    assert_eq!(told().len(), 1, "Dan has a phone only, which does not ring for this");
    world.expect_silence();
    let [phone, chat] = &contacts(&world, "eve").await[..] else { panic!("two contacts") };
    assert_eq!((&chat["accepted_at"], &chat["verified"]), (&json!("2026-11-23T08:01:00.000Z"), &json!(false)));
    assert_eq!((&phone["accepted_at"], &phone["name"]), (&Value::Null, &json!("phone")));
}

#[tokio::test]
async fn who_comes_on_call_is_told_once() {
    handoff(None).await;
}

#[tokio::test]
async fn who_comes_on_call_is_told_once_on_postgresql() {
    if let Some(database) = postgres::database().await {
        handoff(Some(&database)).await;
    }
}

#[tokio::test]
async fn who_takes_over_at_night_is_told_in_the_morning() {
    let (hook, got) = receiver().await;
    let mut world = World::new(&weeks(&hook)).await;
    world.settle().await;
    let swap = json!({
        "schedule": "primary", "user": "eve", "replaces": "dan",
        "starts_at": "2026-11-21T22:00:00Z", "ends_at": "2026-11-22T22:00:00Z"
    });
    assert_eq!(post(&world, "/overrides", swap).await.0, 201);
    // 23:01 in Berlin, then 07:59, then 08:00.
    for (hours, minutes, told) in [(12, 1, 0), (8, 58, 0), (0, 1, 1)] {
        world.advance(SignedDuration::from_hours(hours) + SignedDuration::from_mins(minutes)).await;
        assert_eq!(got.got.lock().expect("lock").len(), told, "at {}", world.now());
    }
}

#[tokio::test]
async fn a_contact_method_is_proven_by_the_code_of_a_test() {
    let (hook, got) = receiver().await;
    let mut world = World::new(&weeks(&hook)).await;
    let verify = |code: &str| json!({ "code": code });
    let path = "/people/eve/contacts/chat";
    let (status, refusal) = post(&world, &format!("{path}/verify"), verify("123456")).await;
    assert_eq!(status, 409);
    assert!(refusal["detail"].as_str().is_some_and(|why| why.starts_with("no test is under way")), "{refusal}");
    assert_eq!(post(&world, &format!("{path}/test"), json!({})).await.0, 202);
    world.settle().await;
    let body: Value = serde_json::from_str(&got.got.lock().expect("lock")[0].1).expect("JSON");
    let code = body["data"]["code"].as_str().expect("a code").to_owned();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(post(&world, &format!("{path}/verify"), verify(wrong)).await.0, 409);
    assert_eq!(contacts(&world, "eve").await[1]["verified"], false);
    assert_eq!(post(&world, &format!("{path}/verify"), verify(&code)).await, (200, json!({ "verified": true })));
    assert_eq!(contacts(&world, "eve").await[1]["verified"], true);
    // Five guesses void a test, whatever is said then.
    assert_eq!(post(&world, &format!("{path}/test"), json!({})).await.0, 202);
    world.settle().await;
    let body: Value = serde_json::from_str(&got.got.lock().expect("lock")[1].1).expect("JSON");
    let code = body["data"]["code"].as_str().expect("a code").to_owned();
    for _ in 0..5 {
        assert_eq!(post(&world, &format!("{path}/verify"), verify("x")).await.0, 409);
    }
    assert_eq!(post(&world, &format!("{path}/verify"), verify(&code)).await.0, 409);
    assert_eq!(post(&world, "/people/eve/contacts/fax/test", json!({})).await.0, 404);
    let unsigned =
        world.http().post(world.url("/api/v1/people/eve/contacts/chat/test")).send().await.expect("an answer");
    assert_eq!(unsigned.status().as_u16(), 401);
}

#[tokio::test]
async fn a_phone_is_proven_by_a_key() {
    let mut world = World::standard().await;
    assert_eq!(post(&world, "/people/ann/contacts/voice/test", json!({})).await.0, 202);
    world.settle().await;
    let call = world.expect_call("ann");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    let test =
        ["This is a test call from nightcall. Nothing is wrong.", "Press 4 to confirm that this phone reaches you."];
    assert_eq!(heard.sentences[..2], test);
    assert_eq!(contacts(&world, "ann").await[0]["verified"], false);
    let done = world.phone.press(&call, &heard, "4").await.expect("an end");
    assert_eq!(done.sentences, ["Confirmed. Thank you."]);
    let ann = contacts(&world, "ann").await[0].clone();
    assert_eq!((&ann["verified"], &ann["answered_at"]), (&json!(true), &json!("2026-11-21T10:00:00.000Z")));
    assert_eq!(world.incident_count().await, 0);
}

#[tokio::test]
async fn answering_a_page_proves_the_phone_and_a_failure_is_kept() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("ann");
    assert_eq!(contacts(&world, "ann").await[0]["verified"], false);
    world.answer(&call, "4").await;
    assert_eq!(contacts(&world, "ann").await[0]["verified"], true);
    world.phone.refuse_next(axum::http::StatusCode::BAD_REQUEST);
    assert_eq!(post(&world, "/people/bob/contacts/voice/test", json!({})).await.0, 202);
    world.settle().await;
    let bob = contacts(&world, "bob").await[0].clone();
    assert_eq!((&bob["verified"], &bob["failed_why"]), (&json!(false), &json!("the provider answered 400")));
}

#[tokio::test]
async fn a_call_speaks_the_language_of_its_person_and_asks_for_their_pin() {
    let definitions = r#"
[users.kei]
contacts = ["voice:+15005550007"]
locale = "ja"
pin = "4711"
[policies.default]
steps = [{ delay = "5m", targets = ["kei"] }]
[services.db]
addresses = ["db"]
policy = "default"
"#;
    let mut world = World::new(definitions).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.phone.ringing().expect("kei is called");
    assert_eq!(call.to, "+15005550007");
    let heard = world.phone.pick_up(&call).await.expect("speech");
    assert_eq!(heard.sentences[0], "ナイトコールです。暗証番号を入力し、最後にシャープを押してください。");
    assert!(!heard.sentences.concat().contains("disk"), "nothing is told before");
    let again = world.phone.press(&call, &heard, "4712").await.expect("another try");
    let heard = world.phone.press(&call, &again, "4711").await.expect("the menu");
    let said = heard.sentences.concat();
    assert!(said.contains("disk") && said.contains("4"), "{said}");
    let done = world.phone.press(&call, &heard, "4").await.expect("an end");
    assert_eq!(done.key_url, None);
    world.expect_status(1, nightcall::domain::incident::Status::Acknowledged).await;
}

#[tokio::test]
async fn three_wrong_pins_end_the_call_and_the_next_person_is_called() {
    let definitions = r#"
[users.kei]
contacts = ["voice:+15005550007"]
pin = "4711"
[policies.default]
steps = [{ delay = "5m", targets = ["kei"] }, { delay = "5m", targets = ["ann"] }]
[services.db]
addresses = ["db"]
policy = "default"
"#;
    let mut world = World::new(definitions).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.phone.ringing().expect("kei is called");
    let mut heard = world.phone.pick_up(&call).await.expect("speech");
    for _ in 0..3 {
        heard = world.phone.press(&call, &heard, "0000").await.expect("an answer");
    }
    assert_eq!(heard.sentences, ["That PIN is wrong. The next person will be called. Goodbye."]);
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.settle().await;
    world.expect_call("ann");
}
