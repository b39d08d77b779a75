//! Calls and texts by real requests: answers by text, providers in order, attempts of which nobody knows whether they
//! arrived, and calls that nobody needs any more.

use jiff::SignedDuration;
use nightcall::domain::channel::Channel;
use nightcall::domain::incident::Status;
use nightcall::domain::notification;

use crate::exchange::{ACCOUNT, Exchange, Mood};
use crate::world::World;

const DEE: &str = "+15005550010";

/// Dee has a text first and a call after two minutes; then Bob is called.
fn people() -> String {
    format!(
        r#"
[users.dee]
contacts = {{ text = "sms:{DEE}", phone = "voice:{DEE}" }}
high = ["text", "phone after 2m"]
[policies.default]
rounds = 1
steps = [{{ delay = "5m", targets = ["dee"] }}, {{ delay = "10m", targets = ["bob"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    )
}

/// A world with these providers of texts, in order.
async fn texting(exchanges: &[&Exchange]) -> World {
    let mut text = people();
    for (place, exchange) in exchanges.iter().enumerate() {
        text += &exchange.section(if place == 0 { "[sms]" } else { "[[sms.fallback]]" }, "sender");
        exchange.shows("2026-11-21T10:00:01Z".parse().expect("a time"));
    }
    World::new(&text).await
}

/// The code of a text.
fn code(text: &str) -> String {
    text.split("reply 4 ").nth(1).and_then(|rest| rest.split(' ').next()).expect("a code").to_owned()
}

async fn reply(world: &World, exchange: &Exchange, from: &str, text: &str) -> (u16, String) {
    let pairs = [("MessageSid", "SM9"), ("From", from), ("To", "+15005550006"), ("Body", text)];
    exchange.post(&world.url("/sms/received"), &pairs).await
}

#[tokio::test]
async fn a_text_is_answered_by_its_code() {
    let exchange = Exchange::start("one").await;
    let mut world = texting(&[&exchange]).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let text = exchange.last();
    assert_eq!(text.to, DEE);
    let code = code(&text.says);
    let page = world.url("/incidents/1");
    let expected = format!("#1 critical db: disk on db1 is CRITICAL\nreply 4 {code} = ack, 6 {code} = resolve\n{page}");
    assert_eq!(text.says, expected);

    let mut forged = exchange.clone();
    forged.token = "guessed";
    assert_eq!(reply(&world, &forged, DEE, &format!("4 {code}")).await.0, 403);
    let (status, answer) = reply(&world, &exchange, "+15005559999", &format!("4 {code}")).await;
    assert_eq!((status, answer.contains("<Message>")), (200, false), "a stranger changes nothing and costs nothing");
    let (_, answer) = reply(&world, &exchange, DEE, "ack nothing").await;
    assert!(answer.contains(&format!("Open: {code}.")), "{answer}");
    world.expect_status(1, Status::Triggered).await;

    for _ in 0..2 {
        let (status, answer) = reply(&world, &exchange, DEE, &format!("4 {}", code.to_lowercase())).await;
        assert_eq!(status, 200);
        world.settle().await;
        world.expect_status(1, Status::Acknowledged).await;
        assert!(answer.contains("acknowledged") || answer.contains("no open page"), "{answer}");
    }
    assert_eq!(world.incident(1).await.acknowledged.expect("by somebody").1, "dee by sms");
    world.advance_minutes(3).await;
    world.expect_silence();
}

#[tokio::test]
async fn a_text_that_does_not_arrive_is_followed_by_the_next_way_at_once() {
    let exchange = Exchange::start("one").await;
    let mut world = texting(&[&exchange]).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let text = exchange.last();
    let tell = async |state: &str| {
        let pairs = [("MessageSid", text.sid.as_str()), ("MessageStatus", state), ("ErrorCode", "30005")];
        exchange.post(&text.status_url, &pairs).await.0
    };
    for state in ["sent", "delivered"] {
        assert_eq!(tell(state).await, 204);
        world.settle().await;
        world.expect_silence();
    }
    for _ in 0..2 {
        assert_eq!(tell("undelivered").await, 204);
        world.settle().await;
    }
    let call = world.phone.ringing().expect("the phone rings");
    assert_eq!(call.to, DEE);
    world.expect_silence();
}

#[tokio::test]
async fn stop_raises_an_alarm_until_start() {
    let exchange = Exchange::start("one").await;
    let mut world = texting(&[&exchange]).await;
    reply(&world, &exchange, DEE, "STOP").await;
    world.settle().await;
    let alarm = world.incident(1).await;
    assert_eq!(alarm.dedup_key, "nightcall/contact-stopped/sms/dee");
    assert!(alarm.summary.contains("dee has replied STOP"), "{}", alarm.summary);
    reply(&world, &exchange, DEE, "Start").await;
    world.settle().await;
    world.expect_status(1, Status::Resolved).await;
}

#[tokio::test]
async fn the_next_provider_takes_over_at_once_and_the_trouble_is_told() {
    let (first, second) = (Exchange::start("one").await, Exchange::start("other").await);
    let mut world = texting(&[&first, &second]).await;
    first.is(Mood::Refuses(503));
    for number in 1..=3 {
        world.mail("db@alerts.example.com", format!("Subject: disk {number} down\r\n\r\nx\r\n").as_bytes()).await;
        world.advance(SignedDuration::from_secs(3)).await;
    }
    assert_eq!((first.asked(), second.made().len()), (3, 3), "every text went out by the other at once");
    let text = second.last();
    let answer = format!("4 {}", code(&text.says));
    reply(&world, &second, DEE, &answer).await;
    world.expect_status(3, Status::Acknowledged).await;
    world.running.engine.audit().await.expect("it looks");
    let trouble = world.incident(4).await;
    assert_eq!(trouble.dedup_key, "nightcall/provider-trouble");
    assert!(trouble.summary.contains("sms has been failing since 2026-11-21T10:00:0"), "{}", trouble.summary);
    world.settle().await;
    world.advance(SignedDuration::from_secs(3)).await;
    assert_eq!((first.asked(), second.made().len()), (3, 4), "the first is not even asked while it rests");
    world.expect_silence();

    // Somebody asks it again when it has rested.
    first.is(Mood::Takes);
    world.advance(SignedDuration::from_secs(70)).await;
    world.mail("db@alerts.example.com", b"Subject: raid down\r\n\r\nx\r\n").await;
    world.advance(SignedDuration::from_secs(3)).await;
    assert_eq!(first.made().len(), 1);
    world.running.engine.audit().await.expect("it looks");
    world.expect_status(4, Status::Resolved).await;
    while world.phone.ringing().is_some() {}
}

#[tokio::test]
async fn what_was_taken_without_an_answer_is_found_and_not_said_twice() {
    let exchange = Exchange::start("one").await;
    let mut world = texting(&[&exchange]).await;
    exchange.is(Mood::TakesAndBreaksOff);
    world.nagios("PROBLEM", "CRITICAL").await;
    assert_eq!(exchange.asked(), 1);
    let notification = &world.running.engine.store().notifications(1).await.expect("readable")[0];
    assert_eq!(notification.status, notification::Status::Sent);
    assert_eq!(notification.provider_ref, Some(exchange.last().sid));
    world.advance_minutes(1).await;
    assert_eq!(exchange.asked(), 1, "the lease of the attempt is long over");
    world.expect_silence();
}

#[tokio::test]
async fn what_did_not_arrive_is_said_again_and_the_next_way_does_not_wait() {
    let exchange = Exchange::start("one").await;
    let mut world = texting(&[&exchange]).await;
    exchange.is(Mood::BreaksOff);
    world.nagios("PROBLEM", "CRITICAL").await;
    for seconds in [6, 11] {
        world.expect_silence();
        world.advance(SignedDuration::from_secs(seconds)).await;
    }
    let call = world.phone.ringing().expect("the phone rings after the third time");
    assert_eq!(call.to, DEE);
    exchange.is(Mood::Takes);
    world.advance(SignedDuration::from_secs(21)).await;
    assert_eq!((exchange.asked(), exchange.made().len()), (4, 1));
    world.expect_silence();
}

/// Without another provider, the way in trouble is tried once for telling that it is; the phone does not wait for it.
#[tokio::test]
async fn trouble_is_told_by_another_way_at_once() {
    let exchange = Exchange::start("one").await;
    let mut world = texting(&[&exchange]).await;
    exchange.is(Mood::Refuses(503));
    world.nagios("PROBLEM", "CRITICAL").await;
    for seconds in [6, 11] {
        world.advance(SignedDuration::from_secs(seconds)).await;
    }
    let call = world.phone.ringing().expect("after three times the phone does not wait either");
    world.phone.pick_up(&call).await.expect("speech");
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.running.engine.audit().await.expect("it looks");
    assert_eq!(world.incident(2).await.dedup_key, "nightcall/provider-trouble");
    world.settle().await;
    world.advance_minutes(1).await;
    let told = world.running.engine.store().notifications(2).await.expect("readable");
    let [text, phone] = &told[..] else { panic!("both ways: {told:?}") };
    assert_eq!((text.channel, text.status, text.attempts), (Channel::Sms, notification::Status::Failed, 1));
    assert_eq!((phone.channel, phone.status), (Channel::Voice, notification::Status::Sent));
    while world.phone.ringing().is_some() {}
}

/// A worker dies between placing a call and telling so.
#[tokio::test]
async fn a_call_placed_before_a_crash_is_not_placed_again() {
    let exchange = Exchange::start("one").await;
    let text = format!("{}{}", crate::world::STANDARD, exchange.section("[voice]", "caller"));
    let mut world = World::new(&text).await;
    exchange.shows(world.now());
    world.deliver("mon@example.com", &["db@alerts.example.com"], b"Subject: disk down\r\n\r\nx\r\n").await;
    nightcall::engine::timer::run_due(&world.running.engine).await.expect("it is planned");
    let claimed = world.running.engine.claim(10).await.expect("leased");
    assert_eq!(claimed.len(), 1);
    let url = format!("{}/2010-04-01/Accounts/{ACCOUNT}/Calls.json", exchange.base_url);
    let form = [("To", "+15005550001"), ("From", "+15005550006"), ("Url", "http://x")];
    world.http().post(url).form(&form).send().await.expect("the call is placed");
    let placed = exchange.last();

    world.advance(SignedDuration::from_secs(31)).await;
    assert_eq!(exchange.asked(), 1, "it was looked for, and found");
    let notification = &world.running.engine.store().notifications(1).await.expect("readable")[0];
    assert_eq!(notification.provider_ref, Some(placed.sid));
    assert_eq!(notification.status, notification::Status::Sent);
}

/// Without an address that the provider could reach.
#[tokio::test]
async fn a_call_that_takes_no_keys_says_so_and_is_asked_about() {
    let exchange = Exchange::start("one").await;
    let text = format!("{}{}answers = false\n", crate::world::STANDARD, exchange.section("[voice]", "caller"));
    let mut world = World::new(&text).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = exchange.last();
    assert!(call.says.contains("disk on db1 is CRITICAL") && !call.says.contains("<Gather"), "{}", call.says);
    assert_eq!(call.status_url, "");
    world.running.watch_calls().await.expect("it looks");
    world.advance(SignedDuration::from_secs(30)).await;
    exchange.stands(&call.sid, "completed");
    world.running.watch_calls().await.expect("it looks");
    world.settle().await;
    assert_eq!(exchange.last().to, "+15005550002", "nobody can have pressed a key: Bob is called");
    let timeline = world.running.engine.store().timeline(1).await.expect("readable");
    assert!(timeline.iter().any(|entry| entry.detail.contains("the call ended without a key press")), "{timeline:?}");
}

#[tokio::test]
async fn calls_that_nobody_needs_any_more_are_taken_back() {
    let exchange = Exchange::start("one").await;
    let text = format!(
        r#"
[policies.default]
rounds = 1
steps = [{{ delay = "5m", targets = ["ann", "bob"] }}]
[services.db]
addresses = ["db"]
policy = "default"
{}"#,
        exchange.section("[voice]", "caller")
    );
    let mut world = World::new(&text).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let [ann, bob] = <[_; 2]>::try_from(exchange.made()).expect("two phones ring");
    exchange.stands(&ann.sid, "in-progress");
    world.running.watch_calls().await.expect("it looks");
    assert_eq!(exchange.made()[1].state, "queued", "both are needed");
    let (_, menu) = exchange.post(&ann.says, &[("CallSid", &ann.sid), ("CallStatus", "in-progress")]).await;
    assert!(menu.contains("Press 4"), "{menu}");
    let key = ann.says.replace("/answer", "/key");
    exchange.post(&key, &[("CallSid", &ann.sid), ("Digits", "4")]).await;
    world.expect_status(1, Status::Acknowledged).await;
    for _ in 0..2 {
        world.running.watch_calls().await.expect("it looks");
    }
    let states: Vec<String> = exchange.made().into_iter().map(|made| made.state).collect();
    assert_eq!(states, ["in-progress", "canceled"]);
    let ended = [("CallSid", bob.sid.as_str()), ("CallStatus", "canceled")];
    assert_eq!(exchange.post(&bob.status_url, &ended).await.0, 204);
    let notifications = world.running.engine.store().notifications(1).await.expect("readable");
    let of_bob = notifications.iter().find(|known| known.user == "bob").expect("planned");
    assert_eq!((of_bob.status, of_bob.channel), (notification::Status::Failed, Channel::Voice));
    world.advance_minutes(1).await;
    assert_eq!(exchange.asked(), 2, "nobody is called again");
}

/// Providers queue what comes faster than one call a second, for hours if need be.
#[tokio::test]
async fn calls_are_placed_one_after_the_other() {
    let policy = "[policies.default]\nrounds = 1\nsteps = [{ delay = \"5m\", targets = [\"ann\", \"bob\", \"cid\"] }]\n\
                  [services.db]\naddresses = [\"db\"]\npolicy = \"default\"\n";
    let mut world = World::new(policy).await;
    world.running.engine.pace_calls(SignedDuration::from_millis(1100));
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    world.expect_silence();
    for user in ["bob", "cid"] {
        world.advance(SignedDuration::from_secs(1)).await;
        world.expect_silence();
        world.advance(SignedDuration::from_millis(100)).await;
        world.expect_call(user);
        world.expect_silence();
    }
}
