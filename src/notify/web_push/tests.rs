use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::*;
use crate::notify::message::Severity;
use crate::notify::tests::{peers, sample};

/// Keys of RFC 8291, appendix A; the private half is the browser's.
const BROWSER: &str = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94";
const AUTH: &str = "BTBZMqHH6r4Tts7J_aSIgg";
const ENDPOINT: &str = "https://push.example/send/T0K3N";

fn bytes<const N: usize>(text: &str) -> [u8; N] {
    URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
}

fn push(message: &Message<'_>) -> Push {
    let key = SecretKey::from_slice(&[7; 32]).unwrap();
    let browser = SecretKey::from_slice(&bytes::<32>(BROWSER)).unwrap();
    let receiver = Receiver { key: browser.public_key(), auth: bytes(AUTH) };
    let config = Config { contact: "mailto:ops@example.com".to_owned() };
    let random = Random { key: [9; 32], salt: [3; 16] };
    request(&config, (&key, &random), (ENDPOINT, &receiver), message).unwrap()
}

fn header(push: &Push, name: &str) -> String {
    let mut found = push.request.headers.iter().filter(|(given, _)| given == name);
    found.next().unwrap_or_else(|| panic!("a header {name}")).1.clone()
}

#[test]
fn a_page_wakes_the_phone_and_is_replaced_by_what_follows() {
    let paged = sample::page("disk full", push);
    assert_eq!((paged.request.method, paged.request.url.as_str()), (Method::Post, ENDPOINT));
    let resolved = sample::single("disk full", Kind::Resolved { by: "ann" }, push);
    for (made, urgency, seconds) in [(&paged, "high", "14400"), (&resolved, "normal", "86400")] {
        assert_eq!(header(made, "topic"), "incident-12");
        assert_eq!((header(made, "urgency").as_str(), header(made, "ttl").as_str()), (urgency, seconds));
        assert_eq!(header(made, "content-encoding"), "aes128gcm");
    }
    assert!(header(&paged, "authorization").starts_with("vapid t="));
}

#[test]
fn the_service_worker_gets_what_it_shows() {
    let shown: Value = sample::page("disk full", |message| sample::json(&content(message)));
    assert_eq!((&shown["title"], &shown["tag"]), (&json!("CRITICAL db: disk full"), &json!("incident-12")));
    assert_eq!((&shown["number"], &shown["url"]), (&json!(12), &json!("https://nightcall.example/incidents/12")));
    let body = shown["body"].as_str().unwrap();
    assert!(body.starts_with("Incident: #12\n") && body.contains("Also #13 warning web: slow"), "{body}");
    let test: Value = sample::message("", Kind::Test, |message| sample::json(&content(message)));
    assert_eq!((&test["tag"], &test["body"]), (&json!("test"), &json!("Code: K7")));
    let until = None;
    let on_call = sample::message("", Kind::OnCall { schedule: "primary", until }, content);
    assert_eq!(sample::json(&on_call)["title"], "You are on call for primary now.");
}

#[test]
fn any_page_fits_and_its_topic_is_one() {
    for text in sample::hostile_texts() {
        let (content, made) = sample::hostile_page(&text, |message| (content(message), push(message)));
        assert!(content.len() <= PLAIN_BYTES_MAX, "{}", content.len());
        assert!(made.content.len() <= 4096);
        let topic = header(&made, "topic");
        assert!(topic.len() <= 32 && topic.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)), "{topic}");
        for (_, text) in sample::strings(&sample::json(&content)) {
            assert!(!text.contains(['\u{202e}', '\0', '\u{1b}']), "{text:?}");
        }
    }
    // The number that takes most characters.
    let longest = sample::page("x", |message| {
        let mut message = message.clone();
        message.incidents[0].number = i64::MAX;
        message.incidents[0].severity = Severity::Info;
        topic(&message)
    });
    assert!(longest.len() <= 32, "{longest}");
}

#[test]
fn answers() {
    let judged = |status| judge(&sample::response(status, "why"));
    for status in [200, 201, 202, 204] {
        assert_eq!(judged(status), Verdict::Taken);
    }
    assert_eq!((judged(404), judged(410)), (Verdict::Gone, Verdict::Gone));
    for status in [408, 429, 500, 503] {
        assert_eq!(judged(status), Verdict::Trouble(format!("the push service answered {status}")));
    }
    for status in [302, 400, 401, 403, 413] {
        assert_eq!(judged(status), Verdict::Refused(format!("the push service answered {status}: why")));
    }
}

/// Writes pushes for another implementation to decrypt and verify: see `tests/live/channel_peers.py`.
#[test]
#[ignore = "run by tests/live/channel_peers.py, which says where to write"]
fn pushes_for_peers() {
    let line = |text: &String| {
        let (content, made) = sample::hostile_page(text, |message| (content(message), push(message)));
        json!({
            "private": BROWSER, "auth": AUTH, "endpoint": ENDPOINT, "content": content,
            "headers": made.request.headers, "sealed": URL_SAFE_NO_PAD.encode(&made.content),
        })
    };
    peers::write("pushes.jsonl", &sample::hostile_texts().iter().map(line).collect::<Vec<_>>());
}
