//! What we sign, seal and say, written for the libraries of others to read: see `tests/live/channel_peers.py`. It says
//! in which folder by `NIGHTCALL_TEST_PEERS`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::domain::hex::hex;
use crate::domain::roster::Locale;
use crate::notify::exchange::{Callback, Refusal, Request, Secret};
use crate::notify::message::Kind;
use crate::notify::spoken::script;
use crate::notify::tests::sample;
use crate::notify::voice::{signature as twilio, twiml};
use crate::notify::{incident_manager, signature, slack, webhook};

/// Writes one JSON value a line.
pub(crate) fn write(name: &str, lines: &[Value]) {
    let folder = PathBuf::from(std::env::var("NIGHTCALL_TEST_PEERS").unwrap());
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(folder.join(name), text).unwrap();
}

#[test]
#[ignore = "run by tests/live/channel_peers.py, which says where to write"]
fn webhooks_for_peers() {
    let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let config = webhook::Config { secret: Some(Secret::new(secret)), ..webhook::Config::default() };
    let line = |text: &String| {
        let made =
            sample::hostile_page(text, |message| webhook::request(&config, "https://h.example/", message).unwrap());
        let headers: serde_json::Map<String, Value> =
            made.headers.into_iter().map(|(name, value)| (name, value.into())).collect();
        json!({"secret": secret, "headers": headers, "body": made.body, "now": sample::now().as_second()})
    };
    write("webhooks.jsonl", &sample::hostile_texts().iter().map(line).collect::<Vec<_>>());
}

#[test]
#[ignore = "run by tests/live/channel_peers.py, which says where to write"]
fn clicks_for_peers() {
    let secret = "8f742231b10e8888abcd99yyyzzz85a5";
    let (base_url, token) = ("https://slack.com/api".to_owned(), Secret::new("xoxb-1"));
    let config = slack::Config { base_url, token, signing_secret: Secret::new(secret) };
    let timestamp = sample::now().as_second().to_string();
    let line = |text: &String| {
        let body = format!("payload={}", json!({"type": "view_submission", "text": text}));
        let signed_by = |secret: &str| {
            let parts: [&[u8]; 4] = [b"v0:", timestamp.as_bytes(), b":", body.as_bytes()];
            format!("v0={}", hex(&signature::hmac_sha256(secret.as_bytes(), &parts)))
        };
        let (right, wrong) = (signed_by(secret), signed_by("another"));
        let judged = |signature: &str| {
            let headers = [("x-slack-request-timestamp", timestamp.as_str()), ("x-slack-signature", signature)];
            let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let call = Callback { headers: &headers, query: "", body: body.as_bytes(), now: sample::now() };
            slack::answer(&config, &call).unwrap_err()
        };
        // Believed, and no click of ours; or not believed.
        assert!(!matches!(judged(&right), Refusal::Forged(_)));
        assert!(matches!(judged(&wrong), Refusal::Forged(_)));
        json!({"secret": secret, "timestamp": timestamp, "body": body, "right": right, "wrong": wrong})
    };
    write("clicks.jsonl", &sample::hostile_texts().iter().map(line).collect::<Vec<_>>());
}

#[test]
#[ignore = "run by tests/live/channel_peers.py, which says where to write"]
fn starts_for_peers() {
    let secret_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    let config = incident_manager::Config {
        base_url: "https://ssm-incidents.eu-central-1.amazonaws.com".to_owned(),
        region: "eu-central-1".to_owned(),
        access_key: "AKIDEXAMPLE".to_owned(),
        secret_key: Secret::new(secret_key),
        session_token: None,
        source: "nightcall".to_owned(),
    };
    let started = "arn:aws:ssm-incidents::111122223333:incident-record/night/1";
    let line = |made: Request| {
        json!({
            "access_key": config.access_key, "secret_key": secret_key, "region": config.region,
            "url": made.url.as_str(), "headers": made.headers, "body": made.body,
        })
    };
    let plan = "arn:aws:ssm-incidents::111122223333:response-plan/night";
    let start = |text: &String| {
        sample::hostile_page(text, |message| line(incident_manager::request(&config, plan, message).unwrap()))
    };
    let mut lines: Vec<Value> = sample::hostile_texts().iter().map(start).collect();
    let over = Kind::Resolved { by: "ann" };
    lines.push(sample::single("x", over, |message| line(incident_manager::update(&config, started, message).unwrap())));
    write("starts.jsonl", &lines);
}

#[test]
#[ignore = "run by tests/live/channel_peers.py, which says where to write"]
fn calls_for_peers() {
    let token = "12345";
    let url = "https://nightcall.example/voice/n1/6f/key?try=1&x=%C3%A4";
    let voice =
        twiml::Voice { language: twiml::language(Locale::English, twiml::English::British), name: Some("Polly.Amy") };
    let line = |text: &String| {
        let pairs =
            [("CallSid", "CA1"), ("Digits", "4"), ("Said", text), ("Twice", "b"), ("Twice", "a"), ("Twice", "b")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let said = sample::hostile_page(text, |message| twiml::run(&script(message, &[]), url, voice));
        json!({"token": token, "url": url, "pairs": pairs, "signature": twilio::header(token, url, &pairs), "said": said})
    };
    write("calls.jsonl", &sample::hostile_texts().iter().map(line).collect::<Vec<_>>());
}
