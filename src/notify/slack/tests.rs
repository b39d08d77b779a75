use super::*;
use crate::domain::hex::hex;
use crate::notify::message::Kind;
use crate::notify::tests::sample;

fn config() -> Config {
    Config {
        base_url: "https://slack.com/api".to_owned(),
        token: Secret::new("xoxb-1"),
        signing_secret: Secret::new("8f742231b10e8888abcd99yyyzzz85a5"),
    }
}

fn click(payload: &Value, signed_by: &str, age_seconds: i64) -> Result<Answer, Refusal> {
    let body: String =
        form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish();
    let timestamp = (sample::now().as_second() - age_seconds).to_string();
    let mac = signature::hmac_sha256(signed_by.as_bytes(), &[format!("v0:{timestamp}:{body}").as_bytes()]);
    let headers = [
        ("X-Slack-Request-Timestamp".to_owned(), timestamp),
        ("X-Slack-Signature".to_owned(), format!("v0={}", hex(&mac))),
    ];
    answer(&config(), &Callback { headers: &headers, query: "", body: body.as_bytes(), now: sample::now() })
}

fn payload(action_id: &str) -> Value {
    json!({
        "type": "block_actions", "user": {"id": "U1", "username": "ann", "name": "ann"},
        "response_url": "https://hooks.slack.com/actions/T1/2/3",
        "actions": [{"type": "button", "action_id": action_id, "value": "m1"}],
    })
}

#[test]
fn slacks_own_example_is_believed() {
    // From "Verifying requests from Slack".
    let body = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V\
        &channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=\
        &response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN\
        &trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    let headers = [
        ("x-slack-request-timestamp".to_owned(), "1531420618".to_owned()),
        (
            "x-slack-signature".to_owned(),
            "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503".to_owned(),
        ),
    ];
    let now = "2018-07-12T18:37:00Z".parse().unwrap();
    let call = Callback { headers: &headers, query: "", body: body.as_bytes(), now };
    assert_eq!(verify(&config(), &call), Ok(()));
    let later = Callback { now: "2018-07-12T19:37:00Z".parse().unwrap(), ..call };
    assert_eq!(verify(&config(), &later), Err(Refusal::Forged("it is too old")));
}

#[test]
fn a_page_is_blocks() {
    let made = sample::page("disk full", |message| request(&config(), "C1", message).unwrap());
    assert_eq!(made.url.as_str(), "https://slack.com/api/chat.postMessage");
    assert!(made.headers.contains(&("authorization".to_owned(), "Bearer xoxb-1".to_owned())));
    let body = sample::json(&made.body);
    assert_eq!((&body["channel"], &body["text"]), (&json!("C1"), &json!("CRITICAL db: disk full")));
    assert_eq!(body["blocks"][0]["text"]["text"], "CRITICAL db: disk full");
    let lines = "Incident: #12\nOpened: 2026-11-21 09:00 JST\nAlerts: 3\nHost: db1\nAlso #13 warning web: slow";
    assert_eq!(body["blocks"][1]["text"]["text"], lines);
    let buttons = body["blocks"][2]["elements"].as_array().unwrap();
    let shown: Vec<_> = buttons.iter().map(|b| (b["text"]["text"].as_str().unwrap(), b["url"].as_str())).collect();
    let wiki = Some("https://wiki.example/db");
    let page = Some("https://nightcall.example/incidents/12");
    assert_eq!(shown, [("Acknowledge", None), ("Escalate", None), ("Open", page), ("Runbook", wiki)]);
    assert_eq!(buttons[0]["value"], "m1");
}

#[test]
fn a_message_changes_as_the_incident_goes_on() {
    let changed = |kind| sample::single("x", kind, |message| update(&config(), "C1:1.2", message).unwrap());
    let made = changed(Kind::Acknowledged { by: "ann" });
    assert_eq!(made.url.as_str(), "https://slack.com/api/chat.update");
    let body = sample::json(&made.body);
    assert_eq!((&body["channel"], &body["ts"]), (&json!("C1"), &json!("1.2")));
    assert_eq!(body["blocks"][2]["elements"][0]["action_id"], "nightcall_resolve");
    assert!(body["blocks"][2]["elements"][0]["confirm"].is_object());
    assert!(!changed(Kind::Resolved { by: "mail" }).body.contains("nightcall_"));
    assert!(sample::page("x", |message| update(&config(), "", message)).is_err());
}

#[test]
fn an_incoming_webhook_has_links_only() {
    let made =
        sample::page("x", |message| request_by_webhook("https://hooks.slack.com/services/T/B/x", message).unwrap());
    assert!(made.headers.iter().all(|(name, _)| name != "authorization") && !made.body.contains("nightcall_"));
    assert_eq!(judge_webhook(&sample::response(200, "ok")), Outcome::Accepted(String::new()));
    let gone = Outcome::Failed("the provider answered 404: no_service".to_owned());
    assert_eq!(judge_webhook(&sample::response(404, "no_service")), gone);
}

#[test]
fn mail_content_is_text_only() {
    sample::assert_harmless(|message| request(&config(), "C1", message).unwrap(), &["url"]);
    for text in sample::hostile_texts() {
        let body =
            sample::json(&sample::hostile_page(&text, |message| request(&config(), "C1", message).unwrap()).body);
        for (name, text) in sample::strings(&body) {
            assert!(name == "url" || !text.contains(['<', '>']), "{text}");
            assert!(name != "type" || text != "mrkdwn");
            assert!(!text.contains("@here") && !text.contains("https://evil") || name == "url", "{text}");
        }
        for block in body["blocks"].as_array().unwrap() {
            let limit = if block["type"] == "header" { HEADER_CHARS_MAX } else { SECTION_CHARS_MAX };
            assert!(text::chars(block["text"]["text"].as_str().unwrap_or_default()) <= limit);
            let labels = block["elements"].as_array().into_iter().flatten();
            assert!(labels.into_iter().all(|b| text::chars(b["text"]["text"].as_str().unwrap()) <= BUTTON_CHARS_MAX));
        }
    }
}

#[test]
fn answers_are_judged_by_their_body() {
    let judged = |status, body| judge(&sample::response(status, body));
    assert_eq!(judged(200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#), Outcome::Accepted("C1:1.2".to_owned()));
    for (status, body) in
        [(200, r#"{"ok":false,"error":"ratelimited"}"#), (429, ""), (503, "<html>"), (200, "<html>"), (200, "{}")]
    {
        assert!(matches!(judged(status, body), Outcome::Retry(_)), "{body}");
    }
    let failed = Outcome::Failed("Slack answered channel_not_found".to_owned());
    assert_eq!(judged(200, r#"{"ok":false,"error":"channel_not_found"}"#), failed);
    assert!(matches!(judged(403, ""), Outcome::Failed(_)));
}

#[test]
fn clicks_are_read() {
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    for act in Act::ALL {
        let clicked = click(&payload(&format!("nightcall_{}", act.word())), secret, 299).unwrap();
        assert_eq!((clicked.act, &clicked.about), (act, &About::Message("m1".to_owned())));
        assert_eq!((clicked.who.as_str(), clicked.name.as_str()), ("U1", "ann"));
        let said = reply(&clicked, "Already acknowledged by <!here>.").unwrap();
        assert_eq!(sample::json(&said.body)["text"], "Already acknowledged by &lt;!here&gt;.");
    }
    let elsewhere = Answer {
        reply_to: "https://evil.example/".to_owned(),
        ..click(&payload("nightcall_resolve"), secret, 0).unwrap()
    };
    assert!(reply(&elsewhere, "x").is_err());
}

#[test]
fn other_calls_change_nothing() {
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    let refused = |payload: &Value, secret, age| click(payload, secret, age).unwrap_err().status();
    assert_eq!(refused(&payload("nightcall_acknowledge"), "wrong", 0), 403);
    assert_eq!(refused(&payload("nightcall_acknowledge"), "", 0), 403);
    assert_eq!(refused(&payload("nightcall_acknowledge"), secret, 301), 403);
    assert_eq!(refused(&payload("nightcall_acknowledge"), secret, -301), 403);
    assert_eq!(refused(&payload("link_0"), secret, 0), 200);
    assert_eq!(refused(&payload("nightcall_delete"), secret, 0), 200);
    assert_eq!(refused(&json!({"type": "view_submission"}), secret, 0), 200);
    assert_eq!(
        refused(&json!({"type": "block_actions", "actions": [{"action_id": "nightcall_resolve"}]}), secret, 0),
        400
    );
    let bare = Callback { headers: &[], query: "", body: b"payload=%7B%7D", now: sample::now() };
    assert_eq!(answer(&config(), &bare).unwrap_err().status(), 403);
}
