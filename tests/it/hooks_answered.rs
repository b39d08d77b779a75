//! Channels that answer: somebody presses a button at the pretend provider, or acknowledges in the other system. For
//! each of them the plain way, the same call twice, forged, late, and before the provider has answered us.

use jiff::Timestamp;
use nightcall::domain::hex::hex;
use nightcall::domain::incident::Status;
use nightcall::notify::signature::hmac_sha256;
use serde_json::json;

use crate::hooks_provider::{Answered, Asked, Call, Press, Provider, world};
use crate::world::World;

/// A channel and its provider's ways.
struct Answering {
    /// In the settings; SERVER is where the provider is.
    settings: &'static str,
    contact: &'static str,
    fine: Answered,
    /// Looks at the request of a page.
    page: fn(&Asked),
    /// Acknowledges.
    press: Press,
    /// Who it was, as the incident has it.
    by: &'static str,
    /// Looks at what the provider is asked when it has been pressed; nothing where it shows already.
    changed: Option<fn(&Asked)>,
}

/// Everything that comes back of one page.
async fn answer(answering: &Answering) {
    let name = answering.contact.split(':').next().expect("a word");
    let (server, provider) = Provider::start(answering.fine).await;
    let mut world = world(&server, answering.settings, answering.contact).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let page = provider.only(name);
    (answering.page)(&page);

    let press = (answering.press)(&page, world.now());
    assert_eq!(press.forged().make(&world.url("")).await.0, 403, "{name}");
    world.expect_status(1, Status::Triggered).await;
    assert_eq!(press.make(&world.url("")).await.0, 200, "{name}");
    world.settle().await;
    world.expect_status(1, Status::Acknowledged).await;
    assert_eq!(world.incident(1).await.acknowledged.expect("somebody").1, answering.by);
    let changes = |asked: Vec<Asked>| {
        // What the presser is told beside it comes whenever it does.
        let mut asked = asked.into_iter().filter(|asked| !asked.path.contains("answerCallbackQuery"));
        match (asked.next(), answering.changed) {
            (Some(asked), Some(look)) => look(&asked),
            (asked, look) => assert_eq!(asked.is_some(), look.is_some(), "{name}: {asked:?}"),
        }
        assert!(asked.next().is_none(), "{name}: once");
    };
    changes(provider.take());

    // The provider tells it again; and again when it is over and the next one is open.
    let before = world.kinds(1).await;
    assert_eq!(press.make(&world.url("")).await.0, 200, "{name}");
    world.settle().await;
    assert_eq!(world.kinds(1).await, before, "{name}: nothing happens twice");
    world.advance_minutes(21).await;
    world.expect_silence();
    world.nagios("RECOVERY", "OK").await;
    world.advance_minutes(5).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    assert_eq!(press.make(&world.url("")).await.0, 200, "{name}");
    world.expect_status(2, Status::Triggered).await;
    // It was taken, and nobody presses anything.
    world.advance_minutes(20).await;
    let call = world.expect_call("cid");
    world.answer(&call, "4").await;
    world.nagios("RECOVERY", "OK").await;
    world.advance_minutes(5).await;
    provider.take();

    // So fast that it comes before the answer to our request.
    provider.press_first(answering.press, &world);
    world.nagios("PROBLEM", "CRITICAL").await;
    world.expect_status(3, Status::Acknowledged).await;
    assert_eq!(world.incident(3).await.acknowledged.expect("somebody").1, answering.by);
    let mut asked = provider.take();
    (answering.page)(&asked.remove(0));
    changes(asked);
    world.advance_minutes(21).await;
    world.expect_silence();
}

fn post(url: impl Into<String>, headers: &[(&'static str, &str)], body: impl Into<String>) -> Call {
    let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Call { url: url.into(), headers, body: body.into() }
}

const SUMMARY: &str = "disk on db1 is CRITICAL";

#[tokio::test]
async fn ntfy() {
    answer(&Answering {
        settings: "[ntfy]\nbase_url = \"SERVER\"\ntoken = \"tk_1\"",
        contact: "ntfy:eve-7f",
        fine: (200, r#"{"id": "hwQ2YpKdmg", "event": "message"}"#),
        page: |asked| {
            assert_eq!((asked.path.as_str(), asked.header("authorization")), ("/", "Bearer tk_1"));
            let body = asked.json();
            assert_eq!((&body["topic"], &body["priority"]), (&json!("eve-7f"), &json!(5)));
            assert_eq!(body["sequence_id"], json!(null));
            assert!(asked.body.contains(SUMMARY));
        },
        press: |asked, _| {
            let button = &asked.json()["actions"][0];
            assert_eq!((&button["label"], &button["method"]), (&json!("Acknowledge"), &json!("POST")));
            let text = |name: &str| button[name].as_str().expect("a text").to_owned();
            post(text("url"), &[("content-type", "application/json")], text("body"))
        },
        by: "eve by ntfy",
        changed: Some(|asked| {
            assert_eq!(asked.json()["sequence_id"], "hwQ2YpKdmg");
            assert!(asked.body.contains("Acknowledged by eve"), "{}", asked.body);
        }),
    })
    .await;
}

#[tokio::test]
async fn who_cannot_take_it_calls_the_next_by_a_button() {
    let (server, provider) = Provider::start((200, r#"{"id": "hwQ2YpKdmg"}"#)).await;
    let text = format!(
        r#"
[ntfy]
base_url = "{server}"
token = "tk_1"
[users.eve]
contacts = ["ntfy:eve-7f"]
[policies.default]
steps = [{{ delay = "40m", targets = ["eve"] }}, {{ delay = "40m", targets = ["ann"] }}]
[services.db]
addresses = ["db"]
policy = "default"
"#
    );
    let mut world = World::new(&text).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let button = provider.only("ntfy").json()["actions"][1].clone();
    assert_eq!(button["label"], "Escalate");
    let text = |name: &str| button[name].as_str().expect("a text").to_owned();
    let press = post(text("url"), &[], text("body"));
    for _ in 0..2 {
        assert_eq!(press.make(&world.url("")).await.0, 200);
        world.settle().await;
    }
    world.expect_status(1, Status::Triggered).await;
    let call = world.expect_call("ann");
    world.expect_silence();
    world.answer(&call, "4").await;
    let told = provider.only("ntfy").json();
    assert_eq!(told["sequence_id"], "hwQ2YpKdmg");
    assert!(told.to_string().contains("Acknowledged by ann"), "{told}");
}

#[tokio::test]
async fn pushover() {
    answer(&Answering {
        settings: "[pushover]\nbase_url = \"SERVER\"\ntoken = \"T\"\nretry_seconds = 45\nexpire_seconds = 1800",
        contact: "pushover:uKey1",
        fine: (200, r#"{"status": 1, "request": "5042853c", "receipt": "rLqVuqTRh62UzxtmqiaLzQmVcPgiCy"}"#),
        page: |asked| {
            assert_eq!(asked.path, "/1/messages.json");
            // An emergency rings until somebody takes it.
            for (name, expected) in [("user", "uKey1"), ("priority", "2"), ("retry", "45"), ("expire", "1800")] {
                assert_eq!(asked.field(name), expected);
            }
            assert!(asked.field("message").contains(SUMMARY));
        },
        press: |asked, _| {
            let form = "receipt=rLqVuqTRh62UzxtmqiaLzQmVcPgiCy&acknowledged=1&acknowledged_at=1795255200&\
                        acknowledged_by=uKey1&acknowledged_by_device=phone";
            post(asked.field("callback"), &[("content-type", "application/x-www-form-urlencoded")], form)
        },
        by: "eve by pushover",
        changed: Some(|asked| {
            assert_eq!(asked.path, "/1/receipts/rLqVuqTRh62UzxtmqiaLzQmVcPgiCy/cancel.json");
            assert_eq!(asked.field("token"), "T");
        }),
    })
    .await;
}

#[tokio::test]
async fn mattermost() {
    answer(&Answering {
        settings: "[mattermost.ops]\nurl = \"SERVER/hooks/T0K3N\"",
        contact: "mattermost:ops",
        fine: (200, "ok"),
        page: |asked| {
            assert_eq!(asked.path, "/hooks/T0K3N");
            assert!(asked.json()["text"].as_str().is_some_and(|text| text.contains("CRITICAL db")), "{}", asked.body);
        },
        press: |asked, _| {
            let button = &asked.json()["attachments"][0]["actions"][0];
            assert_eq!(button["name"], "Acknowledge");
            let body = json!({
                "user_id": "m1", "user_name": "eve", "channel_id": "c", "post_id": "p", "type": "button",
                "context": button["integration"]["context"],
            });
            post(button["integration"]["url"].as_str().expect("a URL"), &[], body.to_string())
        },
        by: "eve (m1) by mattermost",
        // The answer to the press has changed it.
        changed: None,
    })
    .await;
}

#[tokio::test]
async fn telegram() {
    answer(&Answering {
        settings: "[telegram]\nbase_url = \"SERVER\"\ntoken = \"1:A\"\nwebhook_secret = \"0123456789abcdef0123\"",
        contact: "telegram:77",
        fine: (200, r#"{"ok": true, "result": {"message_id": 5, "chat": {"id": 77}}}"#),
        page: |asked| {
            assert_eq!((asked.path.as_str(), &asked.json()["chat_id"]), ("/bot1:A/sendMessage", &json!(77)));
            assert!(asked.body.contains(SUMMARY));
        },
        press: |asked, _| {
            let button = &asked.json()["reply_markup"]["inline_keyboard"][0][0];
            assert_eq!(button["text"], "Acknowledge");
            let query = json!({"update_id": 1, "callback_query": {
                "id": "9", "from": {"id": 77, "username": "eve"}, "data": button["callback_data"],
                "message": {"message_id": 5, "chat": {"id": 77}},
            }});
            let secret = [("x-telegram-bot-api-secret-token", "0123456789abcdef0123")];
            post("/hooks/telegram", &secret, query.to_string())
        },
        by: "eve by telegram",
        changed: Some(|asked| {
            assert_eq!((asked.path.as_str(), &asked.json()["message_id"]), ("/bot1:A/editMessageText", &json!(5)));
            assert!(asked.body.contains("Acknowledged by eve"), "{}", asked.body);
        }),
    })
    .await;
}

/// A webhook of PagerDuty, version 3.
fn event(asked: &Asked, kind: &str, occurred_at: Timestamp) -> Call {
    let body = json!({"event": {
        "id": "01BZ", "event_type": kind, "resource_type": "incident", "occurred_at": occurred_at.to_string(),
        "agent": {"type": "user_reference", "id": "P1", "summary": "Eve"},
        "data": {"id": "Q1", "type": "incident", "incident_key": asked.json()["dedup_key"]},
    }})
    .to_string();
    let signature = hex(&hmac_sha256(b"S1GN", &[body.as_bytes()]));
    // While secrets are rotated there are two.
    let signatures = format!("v1={},v1={signature}", "0".repeat(64));
    post("/hooks/pagerduty", &[("x-pagerduty-signature", signatures.as_str())], body)
}

const PAGERDUTY: Answering = Answering {
    settings: "[pagerduty]\nbase_url = \"SERVER\"\nsigning_secret = \"S1GN\"\n[pagerduty.keys.db]\nkey = \"R\"",
    contact: "pagerduty:db",
    fine: (202, r#"{"status": "success", "message": "Event processed"}"#),
    page: |asked| {
        assert_eq!((asked.path.as_str(), &asked.json()["event_action"]), ("/v2/enqueue", &json!("trigger")));
    },
    press: |asked, now| event(asked, "incident.acknowledged", now),
    by: "Eve (P1) by pagerduty",
    // It knows already.
    changed: None,
};

#[tokio::test]
async fn pagerduty() {
    answer(&PAGERDUTY).await;
}

#[tokio::test]
async fn pagerduty_tells_the_end_before_the_beginning() {
    let (server, provider) = Provider::start(PAGERDUTY.fine).await;
    let mut world = world(&server, PAGERDUTY.settings, PAGERDUTY.contact).await;
    world.nagios("PROBLEM", "CRITICAL").await;
    let page = provider.only("pagerduty");
    let acknowledged_at = world.now();
    world.advance_minutes(1).await;
    for (kind, at) in [("incident.resolved", world.now()), ("incident.acknowledged", acknowledged_at)] {
        assert_eq!(event(&page, kind, at).make(&world.url("")).await.0, 200);
        world.settle().await;
        world.expect_status(1, Status::Resolved).await;
    }
    assert!(!world.kinds(1).await.contains(&"acknowledged".to_owned()));
    assert!(provider.take().is_empty(), "it knows already");
    world.advance_minutes(25).await;
    world.expect_silence();
}
