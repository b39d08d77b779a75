//! What the API promises to scripts: versions, requests that are done once, pages, the stream of events.

use std::time::Duration;

use jiff::SignedDuration;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::postgres;
use crate::world::{STANDARD, World};

async fn send(world: &World, method: Method, path: &str, headers: &[(&str, &str)], body: &Value) -> Response {
    let mut request = world.http().request(method, world.url(&format!("/api/v1{path}"))).bearer_auth(&world.token);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.json(body).send().await.expect("an answer")
}

fn etag(response: &Response) -> String {
    response.headers()["etag"].to_str().expect("ASCII").to_owned()
}

#[tokio::test]
async fn what_has_changed_meanwhile_is_not_acted_on() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let none = json!({});
    let first = etag(&send(&world, Method::GET, "/incidents/1", &[], &none).await);
    let again = send(&world, Method::GET, "/incidents/1", &[("if-none-match", &first)], &none).await;
    assert_eq!((again.status().as_u16(), etag(&again)), (304, first.clone()));
    // A remark changes the timeline and nothing else.
    let noted = send(&world, Method::POST, "/incidents/1/note", &[("if-match", &first)], &json!({ "text": "x" })).await;
    assert_eq!(noted.status().as_u16(), 200);
    let second = etag(&noted);
    assert_ne!(first, second);
    let late = send(&world, Method::POST, "/incidents/1/acknowledge", &[("if-match", &first)], &none).await;
    assert_eq!(late.status().as_u16(), 412);
    let problem: Value = late.json().await.expect("JSON");
    assert_eq!(problem["type"], "/api#changed");
    assert_eq!(world.incident(1).await.acknowledged, None, "nothing was done");
    let several = format!("\"0\", {second}");
    let taken = send(&world, Method::POST, "/incidents/1/acknowledge", &[("if-match", &several)], &none).await;
    assert_eq!(taken.status().as_u16(), 200);
    let third = etag(&taken);
    assert_eq!(etag(&send(&world, Method::GET, "/incidents/1", &[], &none).await), third);
    for (tag, expected) in [("*", 200), ("W/\"x\"", 412), ("", 400)] {
        let answer = send(&world, Method::POST, "/incidents/1/resolve", &[("if-match", tag)], &none).await;
        assert_eq!(answer.status().as_u16(), expected, "{tag:?}");
    }
    let gone = send(&world, Method::POST, "/incidents/7/resolve", &[("if-match", &third)], &none).await;
    assert_eq!(gone.status().as_u16(), 404);
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once() {
    done_once(None).await;
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once_on_postgresql() {
    let Some(url) = postgres::database().await else { return };
    done_once(Some(&url)).await;
}

async fn done_once(database: Option<&str>) {
    let world = World::build(STANDARD, "", database).await;
    let asked = json!({ "service": "db", "for": "2h", "reason": "swapping disks" });
    let key = [("idempotency-key", "7e0c")];
    let first = send(&world, Method::POST, "/silences", &key, &asked).await;
    assert_eq!((first.status().as_u16(), first.headers().get("idempotent-replayed")), (201, None));
    let first: Value = first.json().await.expect("JSON");
    let second = send(&world, Method::POST, "/silences", &key, &asked).await;
    assert_eq!((second.status().as_u16(), second.headers()["idempotent-replayed"].as_bytes()), (201, &b"true"[..]));
    assert_eq!(second.headers()["content-type"], "application/json");
    assert_eq!(second.json::<Value>().await.expect("JSON"), first, "the same answer");
    assert_eq!(world.get("/api/v1/silences").await.1["silences"].as_array().map(Vec::len), Some(1));
    // Another request by the same key is a mistake; another token's keys are its own.
    let other = send(&world, Method::POST, "/silences", &key, &json!({ "for": "1h", "reason": "x" })).await;
    assert_eq!(other.status().as_u16(), 422);
    let path = send(&world, Method::POST, "/overrides", &key, &asked).await;
    assert_eq!(path.status().as_u16(), 422);
    let mine = crate::api_access::token(&world, "mine", nightcall::domain::scope::Scope::Respond, &[]).await;
    let request = world.http().post(world.url("/api/v1/silences")).bearer_auth(&mine).header("idempotency-key", "7e0c");
    assert_eq!(request.json(&asked).send().await.expect("an answer").status().as_u16(), 201);
    assert_eq!(world.get("/api/v1/silences").await.1["silences"].as_array().map(Vec::len), Some(2));
    // What was refused may be sent again, mended.
    let refused = send(&world, Method::POST, "/silences", &[("idempotency-key", "k2")], &json!({ "for": "1h" })).await;
    assert_eq!(refused.status().as_u16(), 400);
    let mended = send(&world, Method::POST, "/silences", &[("idempotency-key", "k2")], &asked).await;
    assert_eq!(mended.status().as_u16(), 201);
    for bad in ["", " ", &"x".repeat(256)] {
        let answer = send(&world, Method::POST, "/silences", &[("idempotency-key", bad)], &asked).await;
        assert_eq!(answer.status().as_u16(), 400, "{bad:?}");
    }
    // After a day the key is free.
    world.clock.advance(SignedDuration::from_hours(24));
    let later = send(&world, Method::POST, "/silences", &key, &asked).await;
    assert_eq!((later.status().as_u16(), later.headers().get("idempotent-replayed")), (201, None));
}

/// A request that was broken off in the middle of it can be sent again after a minute.
#[tokio::test]
async fn a_request_that_was_broken_off_is_let_through() {
    use nightcall::store::answered::{Answer, Begun, Keyed};
    let world = World::standard().await;
    let store = world.running.engine.store();
    let keyed = Keyed { token: "t", key: "k" };
    let begin = async |fingerprint: &str| store.begin_request(keyed, fingerprint, world.now()).await.expect("works");
    assert_eq!(begin("a").await, Begun::New);
    assert_eq!(begin("a").await, Begun::UnderWay);
    assert_eq!(begin("b").await, Begun::Other);
    world.clock.advance(SignedDuration::from_secs(60));
    assert_eq!(begin("b").await, Begun::Other);
    assert_eq!(begin("a").await, Begun::New, "whoever did it is gone");
    let answer = Answer { status: 201, body: "{}".to_owned(), etag: Some("\"1\"".to_owned()) };
    store.answer_request(keyed, &answer).await.expect("works");
    assert_eq!(begin("a").await, Begun::Answered(answer));
}

#[tokio::test]
async fn lists_are_searched_and_come_in_pages() {
    let mut world = World::standard().await;
    for check in ["disk", "Disk /var", "100% load", "fan"] {
        world.clock.advance(SignedDuration::from_secs(1));
        let subject = format!("** PROBLEM Service Alert: db1/{check} is CRITICAL **");
        world.mail("db@alerts.example.com", format!("Subject: {subject}\r\n\r\nx\r\n").as_bytes()).await;
    }
    while world.phone.ringing().is_some() {}
    let numbers = async |query: &str| -> Vec<i64> {
        let (status, body) = world.get(&format!("/api/v1/incidents?{query}")).await;
        assert_eq!(status, 200, "{query}: {body}");
        body["incidents"].as_array().expect("a list").iter().map(|one| one["number"].as_i64().expect("one")).collect()
    };
    assert_eq!(numbers("text=disk").await, [2, 1]);
    assert_eq!(numbers("text=100%25").await, [3], "a percent sign is no wildcard");
    assert_eq!(numbers("text=_").await, Vec::<i64>::new());
    assert_eq!(numbers("from=2026-11-21T10:00:03Z").await, [4, 3]);
    assert_eq!(numbers("to=2026-11-21T10:00:03Z&limit=1").await, [2]);
    assert_eq!(numbers("severity=info").await, Vec::<i64>::new());
    for bad in ["severity=bad", "from=now", "text=%00", "cursor=x"] {
        assert_eq!(world.get(&format!("/api/v1/incidents?{bad}")).await.0, 400, "{bad}");
    }
    // Lists that are there as a whole come in pages, too.
    for (path, rows) in [("people", 4), ("services", 2), ("senders", 1)] {
        let (mut seen, mut cursor) = (0, String::new());
        loop {
            let (status, body) = world.get(&format!("/api/v1/{path}?limit=1&cursor={cursor}")).await;
            assert_eq!(status, 200, "{path}: {body}");
            seen += body[path].as_array().expect("a list").len();
            let Some(next) = body["next_cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(seen, rows, "{path}");
        assert_eq!(world.get(&format!("/api/v1/{path}?cursor=!")).await.0, 400, "{path}");
    }
    let (status, body) =
        crate::oncall::post(&world, "/incidents/act", json!({ "act": "resolve", "numbers": [2, 1] })).await;
    let expected = json!([
        { "number": 1, "status": "resolved", "changed": true },
        { "number": 2, "status": "resolved", "changed": true },
    ]);
    assert_eq!((status, &body["incidents"]), (200, &expected));
    for body in [json!({ "act": "resolve", "numbers": [] }), json!({ "act": "forget", "numbers": [3] })] {
        assert_eq!(crate::oncall::post(&world, "/incidents/act", body).await.0, 400);
    }
    let (status, health) = world.get("/api/v1/health").await;
    assert_eq!((status, &health["triggered"]), (200, &json!(2)), "{health}");
    let (_, calls) = world.get("/api/v1/incidents/3/calls").await;
    assert_eq!(calls["calls"][0]["user"], "ann");
    let (_, mails) = world.get("/api/v1/incidents/3/mails").await;
    assert_eq!(mails["mails"][0]["subject"], "** PROBLEM Service Alert: db1/100% load is CRITICAL **");
    let report = world.http().get(world.url("/api/v1/incidents/3/report")).bearer_auth(&world.token);
    let report = report.send().await.expect("an answer").text().await.expect("text");
    assert!(report.starts_with("# Incident 3: "), "{report}");
}

/// Reads a stream until it has so many events: their ids and data.
async fn heard(mut response: Response, wanted: usize) -> Vec<(String, Value)> {
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut text, mut events) = (String::new(), Vec::new());
    while events.len() < wanted {
        let chunk = tokio::time::timeout(Duration::from_secs(20), response.chunk()).await.expect("in time");
        text.push_str(&String::from_utf8_lossy(&chunk.expect("readable").expect("the stream goes on")));
        while let Some((event, rest)) = text.clone().split_once("\n\n") {
            let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            if let (Some(id), Some(data)) = (field("id:"), field("data:")) {
                events.push((id.to_owned(), serde_json::from_str(data).expect("JSON")));
            }
            text = rest.to_owned();
        }
    }
    events
}

#[tokio::test]
async fn the_stream_tells_what_happens_and_goes_on_where_it_broke_off() {
    let mut world = World::standard().await;
    let follow = async |last: Option<&str>| {
        let mut request = world.http().get(world.url("/api/v1/events")).bearer_auth(&world.token);
        if let Some(id) = last {
            request = request.header("last-event-id", id);
        }
        request.send().await.expect("an answer")
    };
    let stream = follow(None).await;
    let refused = follow(Some("yesterday")).await;
    assert_eq!(refused.status().as_u16(), 400);
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let events = heard(stream, 2).await;
    let kinds: Vec<&str> = events.iter().map(|(_, event)| event["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["opened", "paged"]);
    assert_eq!((&events[0].1["number"], &events[0].1["service"]), (&json!(1), &json!("db")));
    // Nobody follows while this happens.
    world.advance_minutes(2).await;
    world.post("/api/v1/incidents/1/acknowledge").await;
    let request = world.http().get(world.url("/api/v1/events")).bearer_auth(&world.token);
    let stream = request.header("last-event-id", &events[1].0).send().await.expect("an answer");
    let mut later = heard(stream, 4).await;
    later.retain(|(id, _)| !events.iter().any(|(known, _)| known == id));
    let kinds: Vec<&str> = later.iter().map(|(_, event)| event["kind"].as_str().expect("a kind")).collect();
    assert_eq!(kinds, ["notified", "acknowledged"]);
}

#[tokio::test]
async fn the_api_is_described_for_people_and_programs() {
    let world = World::standard().await;
    let page = world.http().get(world.url("/api")).send().await.expect("an answer");
    let policy = page.headers()["content-security-policy"].to_str().expect("ASCII").to_owned();
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = page.text().await.expect("text");
    for words in ["POST /api/v1/incidents/{number}/snooze", "id=\"changed\"", "Takes a token with the scope admin"] {
        assert!(page.contains(words), "{words}");
    }
    let document = world.http().get(world.url("/api/v1/openapi.json")).send().await.expect("an answer");
    let document: Value = document.json().await.expect("JSON");
    assert_eq!(&document, nightcall::http::api::document::document());
    assert!(document["paths"].as_object().is_some_and(|paths| paths.len() > 30));
}
