//! Channels that are told and never answer: chat robots, push, other systems. For each of them a page, what follows it,
//! trouble that passes, trouble that stays, and a refusal, against the pretend provider.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use nightcall::domain::incident::Status;
use nightcall::notify::signature::hmac_sha256;
use serde_json::{Value, json};

use crate::hooks_provider::{Answered, Asked, Provider, world};
use crate::world::World;

/// A channel and its provider's ways.
struct Told {
    /// In the settings; SERVER is where the provider is.
    settings: &'static str,
    contact: &'static str,
    fine: Answered,
    /// Trouble that passes.
    trouble: Answered,
    /// Never again.
    refusal: Answered,
    /// Looks at the request of a page.
    page: fn(&Asked, Timestamp),
    /// At what follows when somebody has it; nothing where the provider is not told.
    acknowledged: Option<fn(&Asked)>,
    /// At what follows when the incident of this number is over.
    resolved: fn(&Asked, Timestamp, i64),
}

const SUMMARY: &str = "disk on db1 is CRITICAL";

/// A text has all of these.
fn has(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} in {text}");
    }
}

fn acknowledged_anew(asked: &Asked) {
    has(&asked.body, &["Acknowledged by token test", SUMMARY]);
}

fn resolved_anew(asked: &Asked, _: Timestamp, _: i64) {
    has(&asked.body, &["Resolved by", SUMMARY]);
}

/// The whole life of an incident, and every kind of trouble.
async fn tell(told: &Told) {
    let name = told.contact.split(':').next().expect("a word");
    let (server, provider) = Provider::start(told.fine).await;
    let mut world = world(&server, told.settings, told.contact).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    (told.page)(&provider.only(name), world.now());
    assert_eq!(world.post("/api/v1/incidents/1/acknowledge").await.0, 200);
    world.settle().await;
    match told.acknowledged {
        Some(look) => look(&provider.only(name)),
        None => assert!(provider.take().is_empty(), "{name} is told of a resolve only"),
    }
    world.advance_minutes(21).await;
    world.expect_silence();
    world.nagios("RECOVERY", "OK").await;
    (told.resolved)(&provider.only(name), world.now(), 1);

    // Trouble passes: it is said again, word for word but for what is signed, and the phone keeps still.
    world.advance_minutes(5).await;
    provider.answer(told.trouble, 2);
    world.nagios("PROBLEM", "CRITICAL").await;
    for _ in 0..3 {
        world.advance(SignedDuration::from_secs(12)).await;
    }
    let tried = provider.take();
    assert_eq!(tried.len(), 3, "{name}: {tried:?}");
    assert!(tried.iter().all(|asked| asked.method == tried[0].method && asked.body.contains(SUMMARY)), "{tried:?}");
    world.expect_silence();
    // It was taken, and nobody says anything: the person's next method is due in its time.
    world.advance_minutes(20).await;
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
    world.expect_status(2, Status::Acknowledged).await;
    world.nagios("RECOVERY", "OK").await;
    provider.take();

    // Trouble that stays, as at three in the morning: five attempts, then the next method at once.
    world.advance_minutes(5).await;
    provider.answer(told.trouble, 5);
    world.nagios("PROBLEM", "CRITICAL").await;
    for _ in 0..14 {
        world.advance(SignedDuration::from_secs(10)).await;
    }
    assert_eq!(provider.take().len(), 5, "{name}");
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
    world.nagios("RECOVERY", "OK").await;

    // Refused for good: the next method at once.
    world.advance_minutes(5).await;
    provider.take();
    provider.answer(told.refusal, 1);
    world.nagios("PROBLEM", "CRITICAL").await;
    provider.only(name);
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
    world.expect_status(4, Status::Acknowledged).await;
    world.nagios("RECOVERY", "OK").await;

    // Slow: when it has taken the page at last, the incident is over, and it is told so at once.
    world.advance_minutes(5).await;
    provider.resolve_first(5, &world);
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_status(5, Status::Resolved).await;
    let [page, over] = &provider.take()[..] else { panic!("{name}: a page, and that it is over") };
    has(&page.body, &[SUMMARY]);
    (told.resolved)(over, world.now(), 5);
    world.advance_minutes(25).await;
    world.expect_silence();
}

/// What people read: rooms of chats, and phones.
const READ: [Told; 8] = [
    Told {
        settings: "[discord.ops]\nurl = \"SERVER/api/webhooks/1/T0K3N\"",
        contact: "discord:ops",
        fine: (200, r#"{"id": "100"}"#),
        trouble: (429, r#"{"message": "You are being rate limited.", "retry_after": 1.5}"#),
        refusal: (404, r#"{"message": "Unknown Webhook", "code": 10015}"#),
        page: |asked, _| {
            assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/api/webhooks/1/T0K3N?wait=true"));
            assert_eq!(asked.json()["allowed_mentions"], json!({"parse": []}));
            has(asked.json()["content"].as_str().expect("a text"), &["CRITICAL db", SUMMARY]);
        },
        acknowledged: Some(|asked| {
            assert_eq!((asked.method.as_str(), asked.path.as_str()), ("PATCH", "/api/webhooks/1/T0K3N/messages/100"));
            acknowledged_anew(asked);
        }),
        resolved: |asked, now, number| {
            assert_eq!(asked.method, "PATCH");
            resolved_anew(asked, now, number);
        },
    },
    Told {
        settings: "[teams.ops]\nurl = \"SERVER/workflows/1?sig=S\"",
        contact: "teams:ops",
        fine: (202, ""),
        trouble: (200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429"),
        refusal: (200, "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 403"),
        page: |asked, _| {
            assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/workflows/1?sig=S"));
            let card = &asked.json()["attachments"][0];
            assert_eq!(card["contentType"], "application/vnd.microsoft.card.adaptive");
            assert_eq!(card["content"]["body"][0]["inlines"][0]["color"], "Attention");
            has(&card.to_string(), &[SUMMARY]);
        },
        acknowledged: Some(acknowledged_anew),
        resolved: resolved_anew,
    },
    Told {
        settings: "[feishu.ops]\nurl = \"SERVER/open-apis/bot/v2/hook/1\"\nsecret = \"S3CR3T\"",
        contact: "feishu:ops",
        fine: (200, r#"{"code": 0, "msg": "success", "data": {}}"#),
        trouble: (200, r#"{"code": 11232, "msg": "frequency limited"}"#),
        refusal: (200, r#"{"code": 19021, "msg": "sign match fail or timestamp is not within one hour"}"#),
        page: |asked, now| {
            let body = asked.json();
            let timestamp = now.as_second().to_string();
            let sign = STANDARD.encode(hmac_sha256(format!("{timestamp}\nS3CR3T").as_bytes(), &[]));
            assert_eq!((&body["timestamp"], &body["sign"]), (&json!(timestamp), &json!(sign)));
            assert_eq!(
                (&body["msg_type"], &body["card"]["header"]["template"]),
                (&json!("interactive"), &json!("red"))
            );
            has(&asked.body, &[SUMMARY]);
        },
        acknowledged: Some(acknowledged_anew),
        resolved: resolved_anew,
    },
    Told {
        settings: "[wecom.ops]\nurl = \"SERVER/cgi-bin/webhook/send?key=K\"",
        contact: "wecom:ops",
        fine: (200, r#"{"errcode": 0, "errmsg": "ok"}"#),
        trouble: (200, r#"{"errcode": 45009, "errmsg": "api freq out of limit"}"#),
        refusal: (200, r#"{"errcode": 93000, "errmsg": "invalid webhook url"}"#),
        page: |asked, _| {
            assert_eq!(asked.query("key"), "K");
            assert_eq!(asked.json()["msgtype"], "text");
            has(asked.json()["text"]["content"].as_str().expect("a text"), &[SUMMARY]);
        },
        acknowledged: Some(acknowledged_anew),
        resolved: resolved_anew,
    },
    Told {
        settings: "[dingtalk.ops]\nurl = \"SERVER/robot/send?access_token=T\"\nsecret = \"SEC1\"",
        contact: "dingtalk:ops",
        fine: (200, r#"{"errcode": 0, "errmsg": "ok"}"#),
        trouble: (200, r#"{"errcode": 130101, "errmsg": "send too fast"}"#),
        refusal: (200, r#"{"errcode": 310000, "errmsg": "sign not match"}"#),
        page: |asked, now| {
            let timestamp = now.as_millisecond().to_string();
            let sign = STANDARD.encode(hmac_sha256(b"SEC1", &[timestamp.as_bytes(), b"\nSEC1"]));
            assert_eq!((asked.query("access_token").as_str(), asked.query("timestamp")), ("T", timestamp));
            assert_eq!(asked.query("sign"), sign);
            assert_eq!((&asked.json()["msgtype"], &asked.json()["at"]), (&json!("actionCard"), &Value::Null));
            has(&asked.body, &[SUMMARY]);
        },
        acknowledged: Some(acknowledged_anew),
        resolved: resolved_anew,
    },
    Told {
        settings: "[rocketchat.ops]\nurl = \"SERVER/hooks/1/T\"",
        contact: "rocketchat:ops",
        fine: (200, r#"{"success": true}"#),
        trouble: (503, ""),
        refusal: (200, r#"{"success": false, "error": "invalid-channel"}"#),
        page: |asked, _| {
            assert_eq!((asked.path.as_str(), &asked.json()["parseUrls"]), ("/hooks/1/T", &json!(false)));
            assert_eq!(asked.json()["attachments"][0]["actions"], Value::Null);
            has(&asked.body, &[SUMMARY]);
        },
        acknowledged: Some(acknowledged_anew),
        resolved: resolved_anew,
    },
    Told {
        settings: "[gotify]\nbase_url = \"SERVER\"\n[gotify.keys.eve]\nkey = \"APP\"",
        contact: "gotify:eve",
        fine: (200, r#"{"id": 7}"#),
        trouble: (502, "<html>"),
        refusal: (401, r#"{"error": "Unauthorized", "errorCode": 401, "errorDescription": "wrong token"}"#),
        page: |asked, _| {
            assert_eq!((asked.path.as_str(), asked.header("x-gotify-key")), ("/message", "APP"));
            assert_eq!(asked.json()["priority"], 10);
            has(&asked.body, &[SUMMARY]);
        },
        acknowledged: Some(acknowledged_anew),
        resolved: |asked, now, number| {
            assert_eq!(asked.json()["priority"], 2);
            resolved_anew(asked, now, number);
        },
    },
    Told {
        settings: "[apprise]\nbase_url = \"SERVER\"\nauthorization = \"Basic dTpw\"",
        contact: "apprise:team/night",
        fine: (200, r#"{"error": null}"#),
        trouble: (424, r#"{"error": "One or more notification could not be sent"}"#),
        refusal: (204, ""),
        page: |asked, _| {
            assert_eq!((asked.path.as_str(), asked.header("authorization")), ("/notify/team", "Basic dTpw"));
            let body = asked.json();
            assert_eq!(
                (&body["tag"], &body["type"], &body["format"]),
                (&json!("night"), &json!("failure"), &json!("text"))
            );
            has(&asked.body, &[SUMMARY]);
        },
        acknowledged: Some(acknowledged_anew),
        resolved: |asked, now, number| {
            assert_eq!(asked.json()["type"], "success");
            resolved_anew(asked, now, number);
        },
    },
];

/// Where other systems take over.
const ONWARD: [Told; 4] = [
    Told {
        settings: "[opsgenie]\nbase_url = \"SERVER\"\nkey = \"K\"",
        contact: "opsgenie:dba",
        fine: (202, r#"{"result": "Request will be processed", "requestId": "43a29c5c"}"#),
        trouble: (429, r#"{"message": "You are making too many requests!"}"#),
        refusal: (422, r#"{"message": "Request body is not processable."}"#),
        page: |asked, _| {
            assert_eq!((asked.path.as_str(), asked.header("authorization")), ("/v2/alerts", "GenieKey K"));
            let body = asked.json();
            assert_eq!((&body["alias"], &body["priority"]), (&json!("nightcall:1"), &json!("P1")));
            assert_eq!((&body["message"], &body["responders"][0]["name"]), (&json!(SUMMARY), &json!("dba")));
        },
        acknowledged: Some(|asked| {
            assert_eq!(asked.path, "/v2/alerts/nightcall:1/acknowledge?identifierType=alias");
            assert_eq!(asked.json()["user"], "token test");
        }),
        resolved: |asked, _, number| {
            assert_eq!(asked.path, format!("/v2/alerts/nightcall:{number}/close?identifierType=alias"));
        },
    },
    Told {
        settings: "[alertmanager]\nbase_url = \"SERVER\"\nauthorization = \"Bearer B\"",
        contact: "alertmanager",
        fine: (200, ""),
        trouble: (500, "no space"),
        refusal: (400, "bad timestamp"),
        page: |asked, now| {
            assert_eq!((asked.path.as_str(), asked.header("authorization")), ("/api/v2/alerts", "Bearer B"));
            let alert = &asked.json()[0];
            assert_eq!((&alert["labels"]["incident"], &alert["labels"]["severity"]), (&json!("1"), &json!("critical")));
            assert_eq!(alert["annotations"]["summary"], SUMMARY);
            let ends_at: Timestamp = alert["endsAt"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
            assert_eq!(ends_at, now + SignedDuration::from_hours(4), "it fires until the next page");
        },
        acknowledged: Some(|asked| assert_eq!(asked.json()[0]["annotations"]["acknowledged_by"], "token test")),
        resolved: |asked, now, number| {
            let alert = &asked.json()[0];
            assert_eq!(alert["labels"]["incident"], number.to_string());
            assert_eq!(alert["endsAt"], now.to_string());
        },
    },
    Told {
        settings: "[incident_manager]\nbase_url = \"SERVER\"\nregion = \"eu-central-1\"\naccess_key = \"AKIA1\"\nsecret_key = \"S\"",
        contact: "incident-manager:arn:aws:ssm-incidents::1:response-plan/db",
        fine: (200, r#"{"incidentRecordArn": "arn:aws:ssm-incidents::1:incident-record/db/1"}"#),
        trouble: (400, r#"{"__type": "ThrottlingException", "message": "Rate exceeded"}"#),
        refusal: (403, r#"{"__type": "AccessDeniedException", "Message": "not authorized"}"#),
        page: |asked, _| {
            assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/startIncident"));
            has(
                asked.header("authorization"),
                &["AWS4-HMAC-SHA256 Credential=AKIA1/20261121/eu-central-1/ssm-incidents/"],
            );
            let body = asked.json();
            assert_eq!(body["responsePlanArn"], "arn:aws:ssm-incidents::1:response-plan/db");
            assert!(body["clientToken"].as_str().is_some_and(|token| token.contains("nightcall:1")), "{body}");
            has(&asked.body, &[SUMMARY]);
        },
        // AWS knows open and resolved.
        acknowledged: None,
        resolved: |asked, _, _| {
            assert_eq!(asked.path, "/updateIncidentRecord");
            let arn = "arn:aws:ssm-incidents::1:incident-record/db/1";
            assert_eq!(asked.json(), json!({"arn": arn, "status": "RESOLVED"}));
        },
    },
    Told {
        settings: "[pagerduty]\nbase_url = \"SERVER\"\n[pagerduty.keys.db]\nkey = \"R0UT1NG\"",
        contact: "pagerduty:db",
        fine: (202, r#"{"status": "success", "message": "Event processed", "dedup_key": "nightcall:1:db"}"#),
        trouble: (429, r#"{"status": "throttle exceeded"}"#),
        refusal: (400, r#"{"status": "invalid event", "errors": ["routing_key is wrong"]}"#),
        page: |asked, _| {
            assert_eq!(asked.path, "/v2/enqueue");
            let body = asked.json();
            assert_eq!((&body["routing_key"], &body["event_action"]), (&json!("R0UT1NG"), &json!("trigger")));
            assert_eq!(
                (&body["payload"]["summary"], &body["payload"]["severity"]),
                (&json!(SUMMARY), &json!("critical"))
            );
            assert!(body["dedup_key"].as_str().is_some_and(|key| key.starts_with("nightcall:1:")), "{body}");
        },
        acknowledged: Some(|asked| {
            assert_eq!(asked.json()["event_action"], "acknowledge");
            assert!(asked.json()["dedup_key"].as_str().is_some_and(|key| key.starts_with("nightcall:1:")));
        }),
        resolved: |asked, _, _| assert_eq!(asked.json()["event_action"], "resolve"),
    },
];

#[tokio::test]
async fn what_people_read_is_told_and_told_again() {
    for told in &READ {
        tell(told).await;
    }
}

#[tokio::test]
async fn other_systems_are_told_and_told_again() {
    for told in &ONWARD {
        tell(told).await;
    }
}

#[tokio::test]
async fn at_three_in_the_morning_two_providers_are_down() {
    let (server, provider) = Provider::start((503, "")).await;
    let text = format!(
        r#"
[gotify]
base_url = "{server}"
[gotify.keys.eve]
key = "APP"
[users.eve]
contacts = {{ push = "gotify:eve", phone = "voice:+15005550003" }}
high = ["push", "phone after 20m"]
[policies.default]
steps = [{{ delay = "40m", targets = ["eve"] }}, {{ delay = "5m", targets = ["ann"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    );
    let mut world = World::new(&text).await;
    world.advance(SignedDuration::from_hours(17)).await;
    assert_eq!(world.now().to_string(), "2026-11-22T03:00:00Z");
    for _ in 0..5 {
        world.phone.refuse_next(StatusCode::SERVICE_UNAVAILABLE);
    }
    world.nagios("PROBLEM", "CRITICAL").await;
    let started_at = world.now();
    // Push is tried for two minutes, then the phone, which is as bad; then the next step, all well before its time.
    while world.now().duration_since(started_at) < SignedDuration::from_mins(5) {
        if world.kinds(1).await.iter().any(|kind| kind == "undeliverable") {
            break;
        }
        world.expect_silence();
        world.advance(SignedDuration::from_secs(5)).await;
    }
    assert_eq!(provider.take().len(), 5);
    let call = world.expect_call("ann");
    world.answer(&call, "4").await;
    assert_eq!(world.incident(1).await.acknowledged.expect("somebody").1, "ann by voice");
    world.advance_minutes(25).await;
    world.expect_silence();
    assert!(provider.take().is_empty(), "who never heard of it is told nothing more");
}
