//! The telephone: every key, every way a call can end, and everybody who only pretends to be the provider.

use axum::http::StatusCode;
use jiff::SignedDuration;
use nightcall::cli::demo::phone::{Call, TOKEN};
use nightcall::domain::incident::Status;
use nightcall::notify::voice::signature;

use crate::world::World;

async fn ringing() -> (World, Call) {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let call = world.expect_call("ann");
    (world, call)
}

#[tokio::test]
async fn the_phone_says_what_happened_and_which_keys_there_are() {
    let (world, call) = ringing().await;
    let heard = world.phone.pick_up(&call).await.expect("speech");
    assert_eq!(heard.sentences[1], "Press 4 to acknowledge.");
    assert_eq!(heard.sentences[2], "Critical alert in service db: disk on db1 is CRITICAL.");
    assert!(heard.sentences[3].contains("6 to resolve, 5 to escalate, star to repeat"));
    assert_eq!(heard.sentences[4..8], heard.sentences[0..4], "all of it twice");
}

#[tokio::test]
async fn a_page_nobody_answers_by_key_was_not_received() {
    let (mut world, call) = ringing().await;
    world.phone.pick_up(&call).await.expect("speech");
    world.phone.hang_up(&call, "completed").await.expect("taken");
    world.settle().await;
    world.expect_status(1, Status::Triggered).await;
    world.expect_call("bob");
    assert!(world.kinds(1).await.contains(&"undeliverable".to_owned()), "voicemail completes calls too");
}

#[tokio::test]
async fn resolving_takes_a_second_key() {
    let (mut world, call) = ringing().await;
    let heard = world.phone.pick_up(&call).await.expect("speech");
    let question = world.phone.press(&call, &heard, "6").await.expect("a question");
    assert!(question.sentences[0].contains("Press 6 again"));
    world.expect_status(1, Status::Triggered).await;
    let menu = world.phone.press(&call, &question, "1").await.expect("the menu");
    assert_eq!(menu.sentences[0], "It was not resolved.");
    world.expect_status(1, Status::Triggered).await;
    let question = world.phone.press(&call, &menu, "6").await.expect("a question");
    let done = world.phone.press(&call, &question, "6").await.expect("an end");
    assert_eq!(done.sentences, ["Resolved. Good night."]);
    world.expect_status(1, Status::Resolved).await;
    world.settle().await;
    world.expect_silence();
}

#[tokio::test]
async fn five_calls_the_next_person() {
    let (mut world, call) = ringing().await;
    world.answer(&call, "5").await;
    world.expect_call("bob");
    world.expect_status(1, Status::Triggered).await;
}

#[tokio::test]
async fn star_and_odd_keys_change_nothing() {
    let (mut world, call) = ringing().await;
    let heard = world.phone.pick_up(&call).await.expect("speech");
    for key in ["*", "9", "#", ""] {
        let again = world.phone.press(&call, &heard, key).await.expect("the menu");
        assert!(again.key_url.is_some(), "key {key:?} leaves the menu open");
    }
    world.expect_status(1, Status::Triggered).await;
    world.settle().await;
    world.expect_silence();
}

#[tokio::test]
async fn who_comes_late_hears_who_has_it() {
    let (mut world, anns) = ringing().await;
    world.advance_minutes(5).await;
    let bobs = world.expect_call("bob");
    world.answer(&anns, "4").await;
    let heard = world.phone.pick_up(&bobs).await.expect("speech");
    assert_eq!(heard.sentences, ["This is nightcall.", "Already acknowledged by ann by voice. Good night."]);
    world.nagios("RECOVERY", "OK").await;
    let heard = world.phone.pick_up(&bobs).await.expect("speech");
    assert_eq!(heard.sentences, ["This is nightcall.", "This incident is already resolved. Good night."]);
}

#[tokio::test]
async fn a_busy_line_is_tried_once_more() {
    for end in ["busy", "no-answer"] {
        let (mut world, call) = ringing().await;
        world.phone.hang_up(&call, end).await.expect("taken");
        world.advance(SignedDuration::from_secs(59)).await;
        world.expect_silence();
        world.advance(SignedDuration::from_secs(1)).await;
        let again = world.expect_call("ann");
        world.phone.hang_up(&again, end).await.expect("taken");
        world.settle().await;
        world.expect_call("bob");
    }
}

#[tokio::test]
async fn a_number_that_cannot_be_called_moves_on_at_once() {
    let (mut world, call) = ringing().await;
    world.phone.hang_up(&call, "failed").await.expect("taken");
    world.settle().await;
    world.expect_call("bob");
}

#[tokio::test]
async fn a_provider_that_refuses_for_good_moves_on_at_once() {
    let mut world = World::standard().await;
    world.phone.refuse_next(StatusCode::BAD_REQUEST);
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("bob");
}

#[tokio::test]
async fn a_provider_in_trouble_is_asked_again() {
    let mut world = World::standard().await;
    world.phone.refuse_next(StatusCode::SERVICE_UNAVAILABLE);
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_silence();
    world.advance(SignedDuration::from_secs(3)).await;
    world.expect_silence();
    world.advance(SignedDuration::from_secs(2)).await;
    world.expect_call("ann");
}

#[tokio::test]
async fn a_provider_that_stays_down_makes_the_page_fail() {
    let mut world = World::standard().await;
    for _ in 0..5 {
        world.phone.refuse_next(StatusCode::BAD_GATEWAY);
    }
    world.nagios("PROBLEM", "CRITICAL").await;
    for _ in 0..4 {
        world.expect_silence();
        world.advance(SignedDuration::from_secs(45)).await;
    }
    world.expect_call("bob");
}

#[tokio::test]
async fn a_call_waiting_to_be_repeated_dies_with_the_acknowledgement() {
    let (mut world, call) = ringing().await;
    world.phone.hang_up(&call, "busy").await.expect("taken");
    let (status, _) = world.post("/api/v1/incidents/1/acknowledge").await;
    assert_eq!(status, 200);
    world.advance_minutes(2).await;
    world.expect_silence();
}

#[tokio::test]
async fn late_news_of_an_earlier_call_does_not_touch_the_present_one() {
    let (mut world, first) = ringing().await;
    world.phone.hang_up(&first, "busy").await.expect("taken");
    world.advance(SignedDuration::from_secs(60)).await;
    let second = world.expect_call("ann");
    world.phone.hang_up(&first, "failed").await.expect("taken, without effect");
    world.settle().await;
    world.expect_silence();
    world.answer(&second, "4").await;
    world.expect_status(1, Status::Acknowledged).await;
}

#[tokio::test]
async fn callbacks_repeated_by_the_provider_do_no_harm() {
    let (mut world, call) = ringing().await;
    let heard = world.phone.pick_up(&call).await.expect("speech");
    world.phone.press(&call, &heard, "4").await.expect("taken");
    let again = world.phone.press(&call, &heard, "4").await.expect("taken");
    assert_eq!(again.sentences, ["Already acknowledged by ann by voice. Good night."]);
    for _ in 0..2 {
        world.phone.hang_up(&call, "completed").await.expect("taken");
    }
    world.advance_minutes(10).await;
    world.expect_silence();
    let kinds = world.kinds(1).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "acknowledged").count(), 1);
}

#[tokio::test]
async fn a_key_press_repeated_by_the_provider_acts_once() {
    let (mut world, anns) = ringing().await;
    let heard = world.phone.pick_up(&anns).await.expect("speech");
    for _ in 0..3 {
        world.phone.press(&anns, &heard, "5").await.expect("taken");
    }
    world.settle().await;
    let bobs = world.expect_call("bob");
    world.expect_silence();
    world.answer(&bobs, "4").await;
    let late = world.phone.press(&anns, &heard, "5").await.expect("taken");
    assert_eq!(late.sentences, ["Already acknowledged by bob by voice. Good night."]);
    world.expect_status(1, Status::Acknowledged).await;
    world.advance_minutes(31).await;
    world.expect_call("ann");
    let old = world.phone.press(&anns, &heard, "4").await.expect("taken");
    assert!(old.sentences[0].starts_with("This call has done its work"), "{old:?}");
    world.expect_status(1, Status::Triggered).await;
}

/// Posts a form as somebody who may not be the provider.
async fn post(world: &World, url: &str, signed: Option<String>, digits: &str) -> u16 {
    let mut request = world.http().post(url).form(&[("Digits", digits)]);
    if let Some(signed) = signed {
        request = request.header("X-Twilio-Signature", signed);
    }
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test]
async fn forged_callbacks_are_refused_and_change_nothing() {
    let (world, call) = ringing().await;
    let url = call.answer_url.replace("/answer", "/key");
    let digits = [("Digits".to_owned(), "4".to_owned())];
    assert_eq!(post(&world, &url, None, "4").await, 403, "no signature");
    assert_eq!(post(&world, &url, Some("AAAA".to_owned()), "4").await, 403, "nonsense");
    let other_token = signature::header("wrong", &url, &digits);
    assert_eq!(post(&world, &url, Some(other_token), "4").await, 403, "another account's");
    let other_key = signature::header(TOKEN, &url, &[("Digits".to_owned(), "1".to_owned())]);
    assert_eq!(post(&world, &url, Some(other_key), "4").await, 403, "made for another key");

    let (head, nonce) = url.trim_end_matches("/key").rsplit_once('/').expect("a nonce");
    let wrong_nonce = format!("{head}/{}/key", nonce.chars().rev().collect::<String>());
    let signed = signature::header(TOKEN, &wrong_nonce, &digits);
    assert_eq!(post(&world, &wrong_nonce, Some(signed), "4").await, 404, "the nonce of no notification");
    let unknown = world.url("/voice/0/0/key");
    let signed = signature::header(TOKEN, &unknown, &digits);
    assert_eq!(post(&world, &unknown, Some(signed), "4").await, 404, "an unknown callback");
    world.expect_status(1, Status::Triggered).await;
    let got = world.http().get(&url).send().await.expect("an answer").status().as_u16();
    assert_eq!(got, 405, "a GET never acts");
}
