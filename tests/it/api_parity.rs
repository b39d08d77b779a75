//! What the pages show and do, by the API: numbers, sessions, the trail, rules on the bench, mails, on-call by person.

use nightcall::domain::scope::Scope;
use reqwest::Method;
use serde_json::{Value, json};

use crate::api_access::token;
use crate::oncall::post;
use crate::pages::{PEOPLE, seen, session, staffed};
use crate::store::databases;
use crate::world::{STANDARD, World};

const RULE: &str = r#"
[[rule]]
name = "job"
action = { from = "state", map = { failed = "trigger", finished = "resolve" } }
dedup_key = "backup/{host}"
summary = "Backup of {host} {state}"

[rule.when]
subject = '^Backup of (?<host>\S+) (?<state>failed|finished)'
"#;

const MAIL: &str = "Subject: Backup of db01 failed\nFrom: backup@nas.example\nTo: web@alerts.example.com\n\nx\n";

async fn text(world: &World, path: &str) -> (u16, String, String) {
    let request = world.http().get(world.url(&format!("/api/v1{path}"))).bearer_auth(&world.token);
    let response = request.send().await.expect("an answer");
    let kind = response.headers()["content-type"].to_str().expect("ASCII").to_owned();
    (response.status().as_u16(), kind, response.text().await.expect("text"))
}

async fn delete(world: &World, path: &str) -> (u16, Value) {
    let request = world.http().request(Method::DELETE, world.url(&format!("/api/v1{path}"))).bearer_auth(&world.token);
    let response = request.send().await.expect("an answer");
    (response.status().as_u16(), response.json().await.unwrap_or(Value::Null))
}

#[tokio::test]
async fn numbers_are_told_as_json_and_csv() {
    for (url, _folder) in databases().await {
        let mut world = World::build(STANDARD, "", Some(&url)).await;
        world.nagios("PROBLEM", "CRITICAL").await;
        world.expect_call("ann");
        world.clock.advance(jiff::SignedDuration::from_mins(3));
        assert_eq!(world.post("/api/v1/incidents/1/acknowledge").await.0, 200);
        let (status, body) = world.get("/api/v1/numbers?zone=Europe/Berlin&from=2026-11-21&to=2026-11-21").await;
        assert_eq!((status, &body["zone"]), (200, &json!("Europe/Berlin")), "{body}");
        let line = &body["groups"][0];
        assert_eq!((&line["group"], &line["incidents"], &line["pages"]), (&json!("db"), &json!(1), &json!(1)));
        assert_eq!((&line["acknowledged_median_s"], &line["resolved_median_s"]), (&json!(180), &Value::Null));
        assert_eq!(body["people"][0], json!({ "user": "ann", "pages": 1, "at_night": 0 }), "{body}");
        let (_, body) = world.get("/api/v1/numbers?by=rule").await;
        assert_eq!(
            (&body["groups"][0]["group"], body["days"].as_array().map(Vec::len)),
            (&json!("nagios/service"), Some(28))
        );
        let (status, kind, csv) = text(&world, "/numbers.csv?by=service").await;
        assert_eq!((status, kind.as_str()), (200, "text/csv; charset=utf-8"));
        assert!(csv.contains("\"db\",1,0,1,,180,180,,\r\n"), "{csv}");
        for bad in [
            "by=x",
            "from=yesterday",
            "zone=Mars/X",
            "from=2026-11-22&to=2026-11-21",
            "from=2020-01-01",
            "from=99999-01-01",
        ] {
            assert_eq!(world.get(&format!("/api/v1/numbers?{bad}")).await.0, 400, "{bad}");
        }
    }
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let world = staffed().await;
    for (name, secret) in [("vic", "1"), ("rae", "2"), ("rae", "3")] {
        session(&world, name, secret).await;
    }
    let (status, body) = world.get("/api/v1/sessions?user=rae&limit=1").await;
    assert_eq!((status, body["sessions"].as_array().map(Vec::len)), (200, Some(1)), "{body}");
    assert!(body["next_cursor"].is_string() && body["sessions"][0].get("hash").is_none());
    let id = body["sessions"][0]["id"].as_str().expect("an id").to_owned();
    assert_eq!(delete(&world, &format!("/sessions/{id}")).await.0, 204);
    assert_eq!(delete(&world, &format!("/sessions/{id}")).await.0, 404);
    assert_eq!(delete(&world, "/people/rae/sessions").await, (200, json!({ "ended": 1 })));
    assert_eq!(delete(&world, "/people/rae/sessions").await, (200, json!({ "ended": 0 })));
    let (_, body) = world.get("/api/v1/sessions").await;
    assert_eq!((body["sessions"].as_array().map(Vec::len), &body["sessions"][0]["user"]), (Some(1), &json!("vic")));
    // The token is told to have done it.
    let (_, body) = world.get("/api/v1/trail?limit=1").await;
    assert_eq!((&body["rows"][0]["what"], &body["rows"][0]["who"]), (&json!("session_ended"), &json!("token test")));
}

#[tokio::test]
async fn the_trail_is_told_verified_and_exported() {
    for (url, _folder) in databases().await {
        let mut world = World::build(STANDARD, "", Some(&url)).await;
        world.nagios("PROBLEM", "CRITICAL").await;
        world.expect_call("ann");
        for text in ["a", "b", "c"] {
            assert_eq!(post(&world, "/incidents/1/note", json!({ "text": text })).await.0, 200);
        }
        let end = world.running.engine.store().trail_end().await.expect("readable");
        let (mut numbers, mut cursor) = (Vec::new(), String::new());
        loop {
            let (status, page) = world.get(&format!("/api/v1/trail?limit=2&cursor={cursor}")).await;
            assert_eq!(status, 200, "{page}");
            numbers.extend(page["rows"].as_array().expect("rows").iter().filter_map(|row| row["number"].as_i64()));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = next.to_owned();
        }
        assert_eq!(numbers, (1..=end.number).rev().collect::<Vec<_>>(), "nothing is left out or told twice");
        let noted = format!("{}:{}", end.number, end.hash);
        let (_, body) = world.get("/api/v1/trail/verify").await;
        assert_eq!(body, json!({ "verified": noted, "complete": true, "broken": null }));
        post(&world, "/incidents/1/note", json!({ "text": "d" })).await;
        let (_, body) = world.get(&format!("/api/v1/trail/verify?after={noted}")).await;
        assert_eq!((&body["complete"], &body["broken"]), (&json!(true), &Value::Null), "{body}");
        let forged = format!("{}:{}", end.number, "0".repeat(64));
        let (_, body) = world.get(&format!("/api/v1/trail/verify?after={forged}")).await;
        assert_eq!((&body["complete"], &body["broken"]["number"]), (&json!(false), &json!(end.number)), "{body}");
        for bad in ["x", "1", "-1:00", "1:zz", "0:00"] {
            assert_eq!(world.get(&format!("/api/v1/trail/verify?after={bad}")).await.0, 400, "{bad}");
        }
        let (status, kind, export) = text(&world, "/trail/export").await;
        assert_eq!((status, kind.as_str()), (200, "application/x-ndjson"));
        assert_eq!(export.lines().count() as i64, end.number + 1);
        let first: Value = serde_json::from_str(export.lines().next().expect("a row")).expect("JSON");
        assert_eq!(first["number"], 1);
        // A row that is changed behind the chain's back is found.
        let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&url).await.expect("the database");
        sqlx::query("update trail set who = 'nobody' where number = 2").execute(&mut connection).await.expect("forged");
        let (_, body) = world.get("/api/v1/trail/verify").await;
        assert_eq!((&body["complete"], &body["broken"]["number"]), (&json!(false), &json!(2)), "{body}");
    }
}

#[tokio::test]
async fn rules_are_tried_and_suggested_and_nothing_is_changed() {
    let mut world = staffed().await;
    let id = world.mail("web@alerts.example.com", MAIL.as_bytes()).await;
    while world.phone.ringing().is_some() {}
    let before = seen(&world).await;
    for body in [json!({ "text": MAIL, "toml": RULE }), json!({ "mail": id, "toml": RULE })] {
        let (status, tried) = post(&world, "/rules/try", body).await;
        assert_eq!((status, &tried["matches"]), (200, &json!(true)), "{tried}");
        assert_eq!(tried["alerts"][0]["dedup_key"], "backup/db01");
        assert_eq!(tried["alerts"][0]["captures"][0], json!({ "name": "host", "value": "db01" }));
        assert_eq!((&tried["today"]["service"], &tried["today"]["known"]), (&json!("web"), &json!(false)));
        assert!(tried["kept"]["toml"].as_str().is_some_and(|toml| toml.contains("[[rule.test]]")), "{tried}");
    }
    let (_, tried) = post(&world, "/rules/try", json!({ "text": MAIL, "toml": "[[rule]" })).await;
    assert!(tried["problems"][0].as_str().is_some_and(|why| why.contains("draft.toml:1:")), "{tried}");
    assert_eq!((&tried["matches"], &tried["kept"]), (&json!(false), &Value::Null));
    let (status, suggested) = post(&world, "/rules/suggest", json!({ "mail": id })).await;
    assert_eq!(status, 200, "{suggested}");
    let toml = suggested["toml"].as_str().expect("a rule").to_owned();
    let (_, tried) = post(&world, "/rules/try", json!({ "mail": id, "toml": toml })).await;
    assert_eq!(tried["matches"], true, "what is suggested matches: {tried}");
    // 64 KiB are not the limit here, and one beyond 1 MiB is too much, with a key or without.
    let long = format!("{MAIL}{}", "y".repeat(200_000));
    assert_eq!(post(&world, "/rules/try", json!({ "text": long, "toml": RULE })).await.0, 200);
    let huge = json!({ "text": "y".repeat(1_100_000), "toml": RULE });
    assert_eq!(post(&world, "/rules/try", huge.clone()).await.0, 413);
    let keyed = world.http().post(world.url("/api/v1/rules/try")).bearer_auth(&world.token);
    let keyed = keyed.header("idempotency-key", "k").json(&huge).send().await.expect("an answer");
    assert_eq!(keyed.status().as_u16(), 413);
    for bad in
        [json!({ "toml": RULE }), json!({ "mail": id, "text": MAIL, "toml": RULE }), json!({ "text": " ", "toml": "" })]
    {
        assert_eq!(post(&world, "/rules/try", bad.clone()).await.0, 400, "{bad}");
    }
    assert_eq!(post(&world, "/rules/suggest", json!({ "mail": "0".repeat(32) })).await.0, 404);
    assert_eq!(seen(&world).await, before, "trying changes nothing");
    // A token for another service does not read the mail this way.
    let other = token(&world, "db", Scope::Respond, &["db"]).await;
    let request = world.http().post(world.url("/api/v1/rules/try")).bearer_auth(&other);
    let answer = request.json(&json!({ "mail": id, "toml": RULE })).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 404);
}

#[tokio::test]
async fn a_mail_is_read_and_foreseen() {
    let mut world = World::standard().await;
    let raw = "Subject: odd thing\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n\
               <p>disk</p><script>alert(1)</script>\r\n";
    let html = world.mail("web@alerts.example.com", raw.as_bytes()).await;
    let plain = world.nagios("PROBLEM", "CRITICAL").await;
    while world.phone.ringing().is_some() {}
    let (status, body) = world.get(&format!("/api/v1/mails/{html}/content")).await;
    assert_eq!((status, &body["has_html"], &body["text_cut"]), (200, &json!(true), &json!(false)), "{body}");
    assert!(body["text"].as_str().is_some_and(|text| text.contains("disk") && !text.contains("alert")), "{body}");
    assert_eq!(body["headers"][0], json!({ "name": "Subject", "value": "odd thing" }));
    let (status, kind, shown) = text(&world, &format!("/mails/{html}/html")).await;
    assert_eq!((status, kind.as_str()), (200, "text/html; charset=utf-8"));
    assert!(shown.contains("disk") && !shown.contains("script"), "{shown}");
    assert_eq!(world.get(&format!("/api/v1/mails/{plain}/html")).await.0, 404);
    let (status, body) = world.get(&format!("/api/v1/mails/{plain}/foreseen")).await;
    assert_eq!((status, &body["foreseen"][0]["service"]), (200, &json!("db")), "{body}");
    assert!(body["foreseen"][0]["what"].as_str().is_some_and(|what| what.contains("has said so already")), "{body}");
    assert_eq!(world.get(&format!("/api/v1/mails/{plain}/foreseen?released=true")).await.0, 200);
    assert_eq!(world.get(&format!("/api/v1/mails/{plain}/foreseen?released=maybe")).await.0, 400);
    assert_eq!(world.kinds(2).await.iter().filter(|kind| *kind == "repeated").count(), 0, "nothing was done");
    // What was seen may be acted on only while it holds.
    let ask = async |method: Method, path: &str, etag: &str| {
        let request = world.http().request(method, world.url(&format!("/api/v1/mails/{plain}/{path}")));
        request.bearer_auth(&world.token).header("if-match", etag).send().await.expect("an answer")
    };
    let first = ask(Method::GET, "foreseen", "*").await.headers()["etag"].to_str().expect("ASCII").to_owned();
    assert_eq!(ask(Method::POST, "reprocess", "\"other\"").await.status().as_u16(), 412);
    assert_eq!(ask(Method::POST, "reprocess", &first).await.status().as_u16(), 200);
    assert_eq!(ask(Method::POST, "reprocess", &first).await.status().as_u16(), 412, "it has said more since");
    assert_eq!(ask(Method::POST, "reprocess", "*").await.status().as_u16(), 200);
}

#[tokio::test]
async fn the_house_and_its_people_are_told() {
    let mut world = World::new(&format!("{PEOPLE}{STANDARD}")).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_call("ann");
    let (_, health) = world.get("/api/v1/health").await;
    assert_eq!((&health["nodes"], health["work"].as_array().map(Vec::len)), (&json!([]), Some(4)), "{health}");
    assert!(health["node"].is_string() && health["channels"].is_array(), "{health}");
    let (_, body) = world.get("/api/v1/services").await;
    let db = body["services"].as_array().expect("a list").iter().find(|one| one["name"] == "db").expect("db");
    assert_eq!((&db["steps"], &db["senders"]), (&json!([["ann"], ["bob"]]), &json!(1)), "{db}");
    assert!(db["rules"].as_i64() > Some(0) && db["last_mail_id"].is_string(), "{db}");
    let (_, body) = world.get("/api/v1/people").await;
    let people = body["people"].as_array().expect("a list");
    let person = |name: &str| people.iter().find(|one| one["name"] == name).expect("a person");
    assert_eq!((&person("rae")["on_call"], &person("ada")["on_call"]), (&json!(["primary"]), &json!([])));
    assert_eq!((&person("gus")["role"], &person("gus")["service_roles"]["db"]), (&json!("admin"), &json!("viewer")));
    let (status, duty) = world.get("/api/v1/oncall/people?from=2026-11-21T10:00:00Z&to=2026-11-24T10:00:00Z").await;
    assert_eq!(status, 200, "{duty}");
    let names: Vec<&Value> = duty["people"].as_array().expect("a list").iter().map(|one| &one["user"]).collect();
    assert_eq!(names, ["ada", "rae"]);
    let seconds: i64 =
        duty["people"].as_array().expect("a list").iter().filter_map(|one| one["on_call_seconds"].as_i64()).sum();
    assert_eq!(seconds, 3 * 86_400, "{duty}");
    let (_, only) = world.get("/api/v1/oncall/people?user=ada").await;
    assert_eq!(only["people"].as_array().map(Vec::len), Some(1));
    for (path, status) in [
        ("/schedules/primary/feed", 200),
        ("/people/rae/feed", 200),
        ("/people/eve/feed", 404),
        ("/schedules/x/feed", 404),
    ] {
        let (found, body) = world.get(&format!("/api/v1{path}")).await;
        assert_eq!(found, status, "{path}: {body}");
        let Some(address) = body["address"].as_str() else { continue };
        let feed = world.http().get(address).send().await.expect("an answer").text().await.expect("text");
        assert!(feed.starts_with("BEGIN:VCALENDAR"), "{path}: {feed}");
    }
}
