use super::*;
use crate::domain::hex::hex;
use crate::notify::tests::sample;

fn config() -> Config {
    Config {
        base_url: "https://events.pagerduty.com".to_owned(),
        source: "nightcall-eu".to_owned(),
        signing_secrets: vec![Secret::new("new"), Secret::new("old")],
    }
}

fn event(kind: &str, agent: &str, key: &str) -> Value {
    json!({"event": {
        "id": "e1", "event_type": kind, "resource_type": "incident", "occurred_at": "2026-11-21T00:04:00.000Z",
        "agent": {"id": "PLH1HKV", "type": agent, "summary": "Ann Other"},
        "data": {"id": "P1", "type": "incident", "status": "acknowledged", "incident_key": key},
    }})
}

fn heard(event: &Value, secrets: &[&str], now: &str) -> Result<Answer, Refusal> {
    let body = event.to_string();
    let mac = |secret: &&str| format!("v1={}", hex(&signature::hmac_sha256(secret.as_bytes(), &[body.as_bytes()])));
    let given = secrets.iter().map(mac).collect::<Vec<_>>().join(",");
    let headers = [("X-PagerDuty-Signature".to_owned(), given)];
    let call = Callback { headers: &headers, query: "", body: body.as_bytes(), now: now.parse().unwrap() };
    answer(&config(), &call)
}

#[test]
fn every_incident_is_an_event() {
    let made = sample::page("disk full", |message| requests(&config(), "R", message).unwrap());
    let events: Vec<Value> = made.iter().map(|request| sample::json(&request.body)).collect();
    assert_eq!(made[0].url.as_str(), "https://events.pagerduty.com/v2/enqueue");
    assert_eq!(events[0]["dedup_key"], "nightcall-eu:12:db:nagios/db");
    assert_eq!(events[1]["dedup_key"], "nightcall-eu:13:web:nagios/web");
    let payload = json!({
        "summary": "disk full", "source": "nightcall-eu", "severity": "critical",
        "timestamp": "2026-11-21T00:00:00Z", "component": "db", "custom_details": {"Host": "db1"},
    });
    assert_eq!(events[0]["payload"], payload);
    assert_eq!(events[0]["links"], json!([{"href": "https://wiki.example/db", "text": "Runbook"}]));
}

#[test]
fn the_life_of_an_incident() {
    let kinds = [(Kind::Acknowledged { by: "ann" }, "acknowledge"), (Kind::Resolved { by: "mail" }, "resolve")];
    for (kind, action) in kinds {
        let made = sample::single("x", kind, |message| request(&config(), "R", message).unwrap());
        let key = "nightcall-eu:12:db:nagios/db";
        let expected = json!({"routing_key": "R", "event_action": action, "dedup_key": key});
        assert_eq!(sample::json(&made.body), expected);
    }
    let test = sample::message("", Kind::Test, |message| request(&config(), "R", message).unwrap());
    assert_eq!(sample::json(&test.body)["dedup_key"], "nightcall-eu:test:m1");
    assert!(sample::message("", Kind::OnCall { schedule: "n", until: None }, |m| request(&config(), "R", m)).is_err());
}

#[test]
fn what_a_person_does_there_is_done_here() {
    let now = "2026-11-21T00:05:00Z";
    let key = "nightcall-eu:12:db:nagios/db:x";
    for (kind, act) in [("incident.acknowledged", Act::Acknowledge), ("incident.resolved", Act::Resolve)] {
        for secrets in [&["new"][..], &["old"], &["unknown", "old"]] {
            let heard = heard(&event(kind, "user_reference", key), secrets, now).unwrap();
            assert_eq!((heard.act, heard.who.as_str()), (act, "PLH1HKV"));
            assert!(matches!(heard.about, About::Incident { number: 12, .. }), "{:?}", heard.about);
        }
    }
    let acknowledged = event("incident.acknowledged", "user_reference", key);
    for (event, secrets, now, status) in [
        (&acknowledged, &["unknown"][..], now, 403),
        (&acknowledged, &[], now, 403),
        (&acknowledged, &["new"], "2026-11-24T00:00:00Z", 200),
        (&event("incident.acknowledged", "events_api_v2_inbound_integration_reference", key), &["new"], now, 200),
        (&event("incident.escalated", "user_reference", key), &["new"], now, 200),
        (&event("incident.acknowledged", "user_reference", "nightcall-us:12:x"), &["new"], now, 200),
        (&event("incident.acknowledged", "user_reference", "nightcall-eu:test:m1"), &["new"], now, 200),
        (&json!({"event": {}}), &["new"], now, 400),
    ] {
        assert_eq!(heard(event, secrets, now).unwrap_err().status(), status, "{event}");
    }
}

#[test]
fn mail_content_stays_in_its_members() {
    sample::assert_harmless(|message| request(&config(), "R", message).unwrap(), &["href", "client_url"]);
    for text in sample::hostile_texts() {
        let made = sample::hostile_page(&text, |message| request(&config(), "R", message).unwrap());
        let event = sample::json(&made.body);
        assert!(event["dedup_key"].as_str().unwrap().len() <= KEY_BYTES_MAX);
        assert_eq!(number_of_key("nightcall-eu", event["dedup_key"].as_str().unwrap()), Some(12));
        assert_eq!(event["payload"]["severity"], "critical");
        let summary = event["payload"]["summary"].as_str().unwrap();
        assert!(!summary.is_empty() && text::chars(summary) <= SUMMARY_CHARS_MAX);
    }
}

#[test]
fn answers() {
    let judged = |status, body| judge(&sample::response(status, body));
    let taken = r#"{"status":"success","message":"Event processed","dedup_key":"k"}"#;
    assert_eq!(judged(202, taken), Outcome::Accepted("k".to_owned()));
    let invalid = r#"{"status":"invalid event","message":"Event object is invalid","errors":["no key"]}"#;
    let failed = "the provider answered 400: Event object is invalid; no key";
    assert_eq!(judged(400, invalid), Outcome::Failed(failed.to_owned()));
    assert!(matches!(judged(429, ""), Outcome::Retry(_)));
}
