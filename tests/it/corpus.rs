//! Real mails: every sample under `tests/mails` is judged, delivered, stored byte for byte and visible.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use nightcall::definitions::{packs_at, rulebook_of, shipped_rulebook};
use nightcall::domain::mail::{Envelope, Mail};
use nightcall::domain::rulebook::{Service, Verdict};

use crate::score::{Sample, measure, samples};
use crate::smtp::stuffed;
use crate::world::World;

/// Mails that say too little for anybody who does not know the device.
const FOR_SITES: [&str; 4] = ["generic-mixed", "generic-maintenance", "generic-heartbeat", "generic-cut-998"];

/// A service with the shipped packs, read once for all.
fn service() -> &'static Service {
    static SHIPPED: LazyLock<Arc<Service>> = LazyLock::new(|| shipped_rulebook("x").services[0].clone());
    &SHIPPED
}

fn judge(sample: &Sample) -> Verdict {
    let service = service();
    let (mail, envelope) = (sample.mail(), sample.envelope());
    service.judge(&mail, &envelope)
}

#[test]
fn judging_is_deterministic_and_leaving_rules_out_changes_nothing() {
    for sample in samples("") {
        let (mail, envelope) = (sample.mail(), sample.envelope());
        let verdict = service().judge(&mail, &envelope);
        assert_eq!(verdict, service().judge(&sample.mail(), &envelope), "{}", sample.file);
        let explained = service().explain(&mail, &envelope).verdict;
        assert_eq!(verdict.alerts, explained.alerts, "{}", sample.file);
    }
}

#[test]
fn every_mail_has_its_expected_meaning() {
    // What a site writes for devices of its own is read with its rules, as in `tests/packs/site.toml`.
    let of_the_site = |sample: &Sample| FOR_SITES.iter().any(|start| sample.file.starts_with(start));
    let (site, problems) = packs_at(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packs/site.toml"));
    assert!(problems.is_empty(), "{problems:?}");
    let site = rulebook_of(site.values(), "x").services[0].clone();
    let scores = measure(&samples(""), |sample| match of_the_site(sample) {
        true => site
            .judge(&sample.mail(), &sample.envelope())
            .alerts
            .into_iter()
            .max_by_key(|alert| alert.severity)
            .expect("one"),
        false => judge(sample).alerts[0].clone(),
    });
    println!("with the shipped packs:\n{}", scores.table());
    assert!(scores.wrong.is_empty(), "{}", scores.wrong.join("\n"));
}

#[test]
fn what_every_sample_means_today() {
    let lines: Vec<String> = samples("")
        .iter()
        .flat_map(|sample| {
            judge(sample).alerts.into_iter().map(|alert| {
                format!(
                    "{:<48} {:<12} {:<9} {:<22} {}",
                    sample.file, alert.action, alert.severity, alert.rule, alert.dedup_key
                )
            })
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn encodings_of_japan_and_china_are_read() {
    let mut seen = 0;
    for sample in samples("").iter().filter(|sample| sample.expected["subject"].is_string()) {
        seen += 1;
        let mail = sample.mail();
        assert_eq!(mail.subject_raw, sample.expected["subject"].as_str().expect("a subject"), "{}", sample.file);
        let words = sample.expected["body_has"].as_str().expect("words of the body");
        assert!(mail.body().contains(words), "{}: {:?} is not in {:?}", sample.file, words, mail.body());
    }
    assert!(seen >= 14, "seven encodings, problem and recovery: {seen}");
}

#[tokio::test]
async fn no_sample_is_refused_or_lost_or_changed() {
    let definitions = "[policies.default]\nsteps = [{ delay = \"5m\", targets = [\"ann\"] }]\n\
                       [services.all]\naddresses = [\"*\"]\npolicy = \"default\"\n";
    let world = World::build(definitions, "", None).await;
    let samples = samples("");
    for sample in &samples {
        let raw = sample.raw();
        // What SMTP carries ends in CR LF; a sample that does not gets one on the way.
        let sent = &stuffed(&raw);
        let carried = if raw.ends_with(b"\r\n") { raw.clone() } else { [raw.as_slice(), b"\r\n"].concat() };
        assert!(sent.len() >= carried.len());
        let mailboxes = sample.recipients.iter().map(|r| r.split('@').next().unwrap_or_default().to_lowercase());
        let recipients: Vec<String> = mailboxes.map(|mailbox| format!("{mailbox}@alerts.example.com")).collect();
        let recipients: Vec<&str> = recipients.iter().map(String::as_str).collect();
        let reply = world.deliver(&sample.sender, &recipients, &raw).await;
        assert!(reply.starts_with("250 2.0.0 accepted as "), "{}: {reply}", sample.file);
        let id = reply.rsplit(' ').next().expect("an id");
        let stored = world.running.engine.store().mail_raw(id).await.expect("readable").expect("stored");
        assert_eq!(String::from_utf8_lossy(&stored), String::from_utf8_lossy(&carried), "{}", sample.file);
        let (mail, alerts) = world.running.engine.store().mail(id).await.expect("readable").expect("visible");
        let several = judge(sample).alerts.len();
        assert_eq!(alerts.len(), recipients.len() * several, "{}: its alerts for each recipient", sample.file);
        assert_eq!(mail.recipients, recipients, "{}", sample.file);
    }
    let (status, body) = world.get("/api/v1/mails?limit=500").await;
    assert_eq!((status, body["mails"].as_array().map(Vec::len)), (200, Some(samples.len().min(500))));
    let (status, unmatched) = world.get("/api/v1/unmatched").await;
    let senders = unmatched["senders"].as_array().expect("a list");
    assert_eq!((status, senders.is_empty()), (200, false), "what no rule knew is listed by sender");
    let known: i64 = senders.iter().filter_map(|sender| sender["mails"].as_i64()).sum();
    let expected = samples.iter().filter(|sample| judge(sample).alerts.iter().any(|a| !a.rule.contains('/'))).count();
    assert_eq!(usize::try_from(known), Ok(expected));
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
    for mail in [nested, parts, headers, long_header, words, base64] {
        let verdict = service().judge(&Mail::parse(mail.as_bytes()), &Envelope::new("", "a@x", ""));
        assert_eq!(verdict.alerts.len(), 1, "{}…", &mail[..60]);
        assert!(verdict.alerts[0].dedup_key.chars().count() <= nightcall::domain::alert::DEDUP_KEY_CHARS_MAX);
    }
}

#[test]
fn alerts_within_one_mail_are_told_apart() {
    // The packs of the manifest's groups read one alert a mail; `tests/packs` shows the other way.
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packs/alertmanager-each.toml");
    let (packs, problems) = nightcall::definitions::packs_at(&folder);
    assert!(problems.is_empty(), "{problems:?}");
    let service = nightcall::definitions::rulebook_of(packs.values(), "x").services[0].clone();
    let mut seen = 0;
    let listed = |sample: &&Sample| sample.expected["alerts"].is_array() && sample.monitor() == "alertmanager";
    for sample in samples("").iter().filter(listed) {
        let verdict = service.judge(&sample.mail(), &sample.envelope());
        seen += 1;
        let expected = sample.expected["alerts"].as_array().expect("a list");
        assert_eq!(verdict.alerts.len(), expected.len(), "{}", sample.file);
        for wanted in expected {
            let entity = wanted["entity"].as_str().expect("an entity");
            let alert = verdict.alerts.iter().find(|alert| alert.dedup_key.contains(entity)).expect(entity);
            let is = |key: &str| wanted[key].as_str().unwrap_or_default();
            assert_eq!(Some(alert.action.word()), wanted["action"].as_str(), "{}: {entity}", sample.file);
            if alert.action.word() == "trigger" {
                assert_eq!(alert.severity.word(), is("severity"), "{}: {entity}", sample.file);
            }
        }
    }
    assert!(seen >= 3, "the corpus has mails with several alerts: {seen}");
}
