//! The API as scripts use it.

use serde_json::{Value, json};

use crate::world::World;

fn numbers(body: &Value) -> Vec<i64> {
    body["incidents"].as_array().expect("a list").iter().map(|i| i["number"].as_i64().expect("a number")).collect()
}

#[tokio::test]
async fn no_token_no_data() {
    let world = World::standard().await;
    for path in ["/api/v1/incidents", "/api/v1/incidents/1", "/api/v1/mails", "/api/v1/mails/x", "/api/v1/mails/x/raw"]
    {
        for token in [None, Some("nct_wrong"), Some("")] {
            let mut request = world.http().get(world.url(path));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let response = request.send().await.expect("an answer");
            assert_eq!(response.status().as_u16(), 401, "{path} with {token:?}");
            assert_eq!(response.headers()["www-authenticate"], "Bearer");
        }
    }
    let posted = world.http().post(world.url("/api/v1/incidents/1/resolve")).send().await.expect("an answer");
    assert_eq!(posted.status().as_u16(), 401);
}

#[tokio::test]
async fn health_needs_no_token() {
    let world = World::standard().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        let response = world.http().get(world.url(path)).send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200, "{path}");
    }
    let ready: Value =
        world.http().get(world.url("/readyz")).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(ready["ready"], true);
}

#[tokio::test]
async fn incidents_have_the_fixed_shape() {
    let mut world = World::standard().await;
    let mail_id = world.nagios("PROBLEM", "CRITICAL").await;
    let (status, body) = world.get("/api/v1/incidents").await;
    assert_eq!(status, 200);
    assert_eq!(body["next_cursor"], Value::Null);
    let incident = &body["incidents"][0];
    let expected = json!({
        "number": 1, "service": "db", "dedup_key": "nagios/service/db1/disk", "status": "triggered",
        "severity": "critical", "summary": "disk on db1 is CRITICAL", "alert_count": 1,
        "opened_at": "2026-11-21T10:00:00.000Z", "acknowledged_at": null, "resolved_at": null,
    });
    for (key, value) in expected.as_object().expect("an object") {
        assert_eq!(&incident[key], value, "{key}");
    }
    let (_, one) = world.get("/api/v1/incidents/1").await;
    let first = &one["timeline"][0];
    assert_eq!(first["kind"], "opened");
    assert_eq!(first["mail_id"], mail_id.as_str());
    assert_eq!(first["at"], "2026-11-21T10:00:00.000Z");
    assert_eq!(first["actor"], "mail (nagios/service)");
    assert!(first["detail"].as_str().expect("text").contains("critical"));
}

#[tokio::test]
async fn incidents_are_filtered_and_paged() {
    let mut world = World::standard().await;
    for subject in ["a", "b", "c"] {
        world.mail("db@alerts.example.com", format!("Subject: {subject}\r\n\r\nx\r\n").as_bytes()).await;
    }
    world.mail("web@alerts.example.com", b"Subject: d\r\n\r\nx\r\n").await;
    world.post("/api/v1/incidents/1/resolve").await;
    world.post("/api/v1/incidents/2/acknowledge").await;
    for (query, expected) in [
        ("", vec![4, 3, 2, 1]),
        ("?status=triggered", vec![4, 3]),
        ("?status=acknowledged,resolved", vec![2, 1]),
        ("?service=web", vec![4]),
        ("?service=none", vec![]),
        ("?service=&status=", vec![4, 3, 2, 1]),
        ("?limit=2", vec![4, 3]),
        ("?limit=2&cursor=3", vec![2, 1]),
    ] {
        let (status, body) = world.get(&format!("/api/v1/incidents{query}")).await;
        assert_eq!((status, numbers(&body)), (200, expected), "{query}");
    }
    let (_, body) = world.get("/api/v1/incidents?limit=2").await;
    assert_eq!(body["next_cursor"], "3");
    let (_, body) = world.get("/api/v1/incidents?limit=2&cursor=3").await;
    assert_eq!(body["next_cursor"], Value::Null);
    for query in ["?status=open", "?limit=0", "?limit=501", "?limit=x", "?state=triggered"] {
        let (status, body) = world.get(&format!("/api/v1/incidents{query}")).await;
        assert_eq!(status, 400, "{query}");
        assert!(body["detail"].as_str().is_some_and(|text| !text.is_empty()), "{query} says why");
    }
}

#[tokio::test]
async fn acting_twice_is_acting_once() {
    let mut world = World::standard().await;
    world.nagios("PROBLEM", "CRITICAL").await;
    for _ in 0..2 {
        let (status, body) = world.post("/api/v1/incidents/1/acknowledge").await;
        assert_eq!((status, &body["status"]), (200, &json!("acknowledged")));
        assert_eq!(body["acknowledged_by"], "token test");
    }
    for _ in 0..2 {
        let (status, body) = world.post("/api/v1/incidents/1/resolve").await;
        assert_eq!((status, &body["status"]), (200, &json!("resolved")));
    }
    let (status, _) = world.post("/api/v1/incidents/1/acknowledge").await;
    assert_eq!(status, 409, "what is over cannot be taken");
    let kinds = world.kinds(1).await;
    assert_eq!(kinds.iter().filter(|kind| *kind == "acknowledged" || *kind == "resolved").count(), 2);
}

#[tokio::test]
async fn what_is_not_there_is_404() {
    let world = World::standard().await;
    for path in [
        "/api/v1/incidents/7",
        "/api/v1/incidents/x",
        "/api/v1/mails/x",
        "/api/v1/mails/x/raw",
        "/api/v1/mails/%00",
        "/api/v1/mails/%00",
        "/api/v1/nope",
    ] {
        assert_eq!(world.get(path).await.0, 404, "{path}");
    }
    assert_eq!(world.post("/api/v1/incidents/7/resolve").await.0, 404);
    let reply = world.http().get(world.url("/api/v1/incidents/1/acknowledge")).bearer_auth(&world.token);
    assert_eq!(reply.send().await.expect("an answer").status().as_u16(), 405, "a GET never acts");
}

#[tokio::test]
async fn mails_show_verdict_and_raw_bytes() {
    let mut world = World::standard().await;
    let raw = b"Subject: =?utf-8?q?Plat=C3=A9e?=\r\nX: \xff\r\n\r\n\0binary\r\n..dots\r\n";
    let id = world.mail("web@alerts.example.com", raw).await;
    let (_, body) = world.get("/api/v1/mails").await;
    let mail = &body["mails"][0];
    assert_eq!(mail["id"], id.as_str());
    assert_eq!(mail["from"], "root@mon01.example");
    assert_eq!(mail["recipients"], json!(["web@alerts.example.com"]));
    assert_eq!(mail["subject"], "Platée");
    assert_eq!(mail["incident_numbers"], json!([1]));
    assert_eq!(mail["received_at"], "2026-11-21T10:00:00.000Z");
    assert_eq!(mail["alerts"][0]["action"], "trigger");
    assert_eq!(mail["alerts"][0]["rule"], "recogniser");
    let (_, one) = world.get(&format!("/api/v1/mails/{id}")).await;
    assert!(one["trace"][0]["trace"].as_array().is_some_and(|trace| !trace.is_empty()), "every rule tried is told");
    let request = world.http().get(world.url(&format!("/api/v1/mails/{id}/raw"))).bearer_auth(&world.token);
    let response = request.send().await.expect("an answer");
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    assert_eq!(response.bytes().await.expect("bytes").as_ref(), raw);
}

#[tokio::test]
async fn mails_are_paged() {
    let mut world = World::standard().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        world.clock.advance(jiff::SignedDuration::from_secs(1));
        ids.push(world.mail("db@alerts.example.com", format!("Subject: {n}\r\n\r\nx\r\n").as_bytes()).await);
    }
    ids.reverse();
    let (_, first) = world.get("/api/v1/mails?limit=3").await;
    let cursor = first["next_cursor"].as_str().expect("more to come").to_owned();
    let (_, second) = world.get(&format!("/api/v1/mails?limit=3&cursor={cursor}")).await;
    let listed = [&first, &second].into_iter().flat_map(|page| page["mails"].as_array().expect("a list").iter());
    let listed: Vec<&str> = listed.map(|mail| mail["id"].as_str().expect("an id")).collect();
    assert_eq!(listed, ids);
    assert_eq!(second["next_cursor"], Value::Null);
}
