//! The webhook channel against a receiver that verifies what it gets.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use jiff::SignedDuration;
use nightcall::notify::webhook::signature;
use serde_json::Value;

use crate::world::World;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

#[derive(Default)]
pub(crate) struct Receiver {
    pub(crate) got: Mutex<Vec<(HeaderMap, String)>>,
    answers: Mutex<Vec<StatusCode>>,
}

async fn receive(State(receiver): State<Arc<Receiver>>, headers: HeaderMap, body: String) -> StatusCode {
    receiver.got.lock().expect("lock").push((headers, body));
    receiver.answers.lock().expect("lock").pop().unwrap_or(StatusCode::OK)
}

pub(crate) async fn receiver() -> (String, Arc<Receiver>) {
    let receiver = Arc::new(Receiver::default());
    let router = Router::new().route("/hook", post(receive)).with_state(Arc::clone(&receiver));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, receiver)
}

async fn world(url: &str) -> World {
    World::new(&format!(
        r#"
[users.chat]
contacts = ["webhook:{url}"]
[policies.default]
steps = [{{ delay = "5m", targets = ["chat"] }}, {{ delay = "5m", targets = ["ann"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    ))
    .await
}

#[tokio::test]
async fn a_page_is_signed_and_says_what_happened() {
    let (url, receiver) = receiver().await;
    let mut world = world(&url).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let got = receiver.got.lock().expect("lock").clone();
    let [(headers, body)] = &got[..] else { panic!("one request, not {}", got.len()) };
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).expect("a header");
    let expected = signature(SECRET, header("webhook-id"), header("webhook-timestamp"), body);
    assert_eq!(header("webhook-signature"), expected);
    assert_eq!(header("webhook-timestamp"), world.now().as_second().to_string());
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["data"]["incident"]["summary"], "disk on db1 is CRITICAL");
    assert_eq!(body["data"]["user"], "chat");
    world.advance_minutes(5).await;
    world.expect_call("ann");
}

#[tokio::test]
async fn trouble_is_retried_under_the_same_id() {
    let (url, receiver) = receiver().await;
    receiver.answers.lock().expect("lock").push(StatusCode::INTERNAL_SERVER_ERROR);
    let mut world = world(&url).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.advance(SignedDuration::from_secs(5)).await;
    let got = receiver.got.lock().expect("lock").clone();
    let ids: Vec<_> = got.iter().map(|(headers, _)| headers.get("webhook-id").cloned()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
    world.expect_silence();
}

#[tokio::test]
async fn a_receiver_that_is_gone_moves_the_page_on() {
    let (url, receiver) = receiver().await;
    receiver.answers.lock().expect("lock").push(StatusCode::GONE);
    let mut world = world(&url).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
}
