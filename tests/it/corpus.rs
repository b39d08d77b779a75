//! Real mails: every sample under `tests/mails` is judged, delivered, stored byte for byte and visible.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nightcall::definitions::shipped_rulebook;
use nightcall::domain::mail::Mail;
use nightcall::domain::rulebook::{Route, Verdict};
use serde_json::Value;

use crate::smtp::stuffed;
use crate::world::World;

/// One line of `tests/mails/manifest.jsonl`.
struct Sample {
    file: String,
    path: PathBuf,
    recipients: Vec<String>,
    sender: String,
    expected: Value,
}

fn samples() -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails");
    let manifest = std::fs::read_to_string(folder.join("manifest.jsonl")).expect("the manifest");
    let sample = |line: &str| {
        let expected: Value = serde_json::from_str(line).expect("JSON");
        let file = expected["file"].as_str().expect("a file").to_owned();
        let path = folder.join(file.split('-').next().expect("a source")).join(&file);
        let recipients = expected["rcpt"].as_array().expect("recipients").iter();
        let recipients = recipients.map(|r| r.as_str().expect("an address").to_owned()).collect();
        let sender = expected["envelope_from"].as_str().expect("a sender").to_owned();
        Sample { file, path, recipients, sender, expected }
    };
    manifest.lines().filter(|line| !line.is_empty()).map(sample).collect()
}

fn judge(sample: &Sample) -> Verdict {
    let raw = std::fs::read(&sample.path).expect("the sample");
    let rulebook = shipped_rulebook("alerts.example.com");
    let Route::Service(service) = rulebook.route(&sample.recipients[0]) else {
        panic!("{} has a service", sample.file)
    };
    service.judge(&Mail::parse(&raw).with_sender(&sample.sender), &sample.recipients[0])
}

#[test]
fn every_nagios_mail_has_its_expected_meaning() {
    let mut keys: BTreeMap<String, String> = BTreeMap::new();
    let mut seen = 0;
    for sample in samples().iter().filter(|sample| sample.expected["monitor"] == "nagios") {
        seen += 1;
        let verdict = judge(sample);
        let alert = &verdict.alerts[0];
        let accepted: Vec<&str> = match sample.expected["accept"].as_array() {
            Some(list) => list.iter().filter_map(Value::as_str).collect(),
            None => sample.expected["action"].as_str().into_iter().collect(),
        };
        assert!(accepted.contains(&alert.action.word()), "{}: {} is none of {accepted:?}", sample.file, alert.action);
        assert!(alert.rule.starts_with("nagios/"), "{}: read by {}", sample.file, alert.rule);
        let Some(group) = sample.expected["key_group"].as_str() else { continue };
        let known = keys.entry(group.to_owned()).or_insert_with(|| alert.dedup_key.clone());
        assert_eq!(*known, alert.dedup_key, "{}: one group, one key", sample.file);
    }
    let distinct: std::collections::BTreeSet<&String> = keys.values().collect();
    assert_eq!(distinct.len(), keys.len(), "different groups have different keys: {keys:?}");
    assert!(seen >= 13, "the Nagios samples are there: {seen}");
}

#[test]
fn what_every_sample_means_today() {
    let lines: Vec<String> = samples()
        .iter()
        .map(|sample| {
            let verdict = judge(sample);
            let alert = &verdict.alerts[0];
            format!(
                "{:<48} {:<12} {:<9} {:<22} {}",
                sample.file, alert.action, alert.severity, alert.rule, alert.dedup_key
            )
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test]
async fn no_sample_is_refused_or_lost_or_changed() {
    let definitions = "[policies.default]\nsteps = [{ delay = \"5m\", targets = [\"ann\"] }]\n\
                       [services.all]\naddresses = [\"*\"]\npolicy = \"default\"\n";
    let world = World::build(definitions, "", None).await;
    for sample in samples() {
        let raw = std::fs::read(&sample.path).expect("the sample");
        let recipients: Vec<String> = sample.recipients.iter().map(|r| r.to_lowercase()).collect();
        let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
        let reply = world.deliver(&sample.sender, &recipients, &raw).await;
        assert!(reply.starts_with("250 2.0.0 accepted as "), "{}: {reply}", sample.file);
        let id = reply.rsplit(' ').next().expect("an id");
        // What SMTP carries ends in CR LF; a sample that does not gets one on the way.
        let sent = &stuffed(&raw);
        let carried = if raw.ends_with(b"\r\n") { raw.clone() } else { [raw.as_slice(), b"\r\n"].concat() };
        assert!(sent.len() >= carried.len());
        let stored = world.running.engine.store().mail_raw(id).await.expect("readable").expect("stored");
        assert_eq!(String::from_utf8_lossy(&stored), String::from_utf8_lossy(&carried), "{}", sample.file);
        let (mail, alerts) = world.running.engine.store().mail(id).await.expect("readable").expect("visible");
        assert_eq!(alerts.len(), recipients.len(), "{}: one alert a recipient", sample.file);
        assert_eq!(mail.recipients, recipients, "{}", sample.file);
    }
    let (status, body) = world.get("/api/v1/mails?limit=500").await;
    assert_eq!((status, body["mails"].as_array().map(Vec::len)), (200, Some(74)));
}

#[test]
fn broken_mime_is_a_mail_all_the_same() {
    let nested = (0..1000).fold(String::from("Subject: deep\r\n"), |mail, n| {
        mail + &format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n")
    });
    let parts = (0..10_000)
        .fold(String::from("Content-Type: multipart/mixed; boundary=b\r\n\r\n"), |mail, _| mail + "--b\r\n\r\nx\r\n");
    let headers = (0..100_000).fold(String::new(), |mail, n| mail + &format!("X-{n}: y\r\n")) + "\r\nbody";
    let long_header = format!("Subject: {}\r\n\r\nbody", "x".repeat(5_000_000));
    let words = format!("Subject: {}\r\n\r\nbody", "=?utf-8?b?w6k=?= ".repeat(50_000));
    let base64 =
        "Content-Transfer-Encoding: base64\r\nContent-Type: text/plain; charset=utf-16\r\n\r\n!!!!=AAA=\r\n".to_owned();
    let service = shipped_rulebook("x").services[0].clone();
    for mail in [nested, parts, headers, long_header, words, base64] {
        let verdict = service.judge(&Mail::parse(mail.as_bytes()), "a@x");
        assert_eq!(verdict.alerts.len(), 1, "{}…", &mail[..60]);
        assert!(verdict.alerts[0].dedup_key.chars().count() <= nightcall::domain::alert::DEDUP_KEY_CHARS_MAX);
    }
}
