//! Texts, requests and reports, as tables.

use proptest::prelude::*;

use super::alphabet::{Encoding, measure};
use super::*;
use crate::notify::tests::pages::{HOSTILE, kinds, paged, subject};
use crate::notify::twilio::samples::{config, response};

#[test]
fn texts() {
    let one = [subject("Disk “/var” full")];
    let expected = [
        "#123 critical db: Disk \"/var\" full\nreply 4 K7 = ack, 6 K7 = resolve\nhttps://nightcall.example/incidents/123",
        "#123 critical db: Disk \"/var\" full\nacknowledged by bob",
        "#123 critical db: Disk \"/var\" full\nresolved by bob",
        "nightcall test, nothing is wrong. Your code is K7",
        "You are now on call for bob until Sun 2026-11-22 07:00 UTC.\nhttps://nightcall.example/incidents/123",
        "You are now on call for bob.\nhttps://nightcall.example/incidents/123",
    ];
    for (message, expected) in kinds(&one, "bob").iter().zip(expected) {
        assert_eq!(text(message), expected);
    }
    let many = text(&paged(vec![subject("x"); 12]));
    assert!(many.starts_with("12 incidents, worst #123 critical db: x\nreply 4 K7 = ack all\n"), "{many}");
    let no_code = Message { code: None, url: None, ..paged(one.to_vec()) };
    assert_eq!(text(&no_code), "#123 critical db: Disk \"/var\" full");
}

#[test]
fn long_summaries_are_cut_and_the_answer_stays() {
    for (summary, encoding) in [("word ".repeat(200), Encoding::Gsm), ("磁盘已满".repeat(100), Encoding::Ucs2)] {
        let text = text(&paged(vec![subject(&summary)]));
        let length = measure(&text);
        assert_eq!((length.encoding, length.segments), (encoding, 2), "{text}");
        assert!(text.contains("\nreply 4 K7 = ack, 6 K7 = resolve"), "{text}");
        assert!(length.units >= if encoding == Encoding::Gsm { 300 } else { 132 }, "{length:?}");
    }
    let address = format!("https://nightcall.example/{}", "a".repeat(300));
    let long_link = Message { url: Some(&address), ..paged(vec![subject("x")]) };
    assert_eq!(text(&long_link), "#123 critical db: x\nreply 4 K7 = ack, 6 K7 = resolve");
}

#[test]
fn hostile_texts_stay_texts() {
    for summary in HOSTILE {
        for message in kinds(&[crate::notify::message::Subject { service: summary, ..subject(summary) }], summary) {
            let text = text(&message);
            assert!(measure(&text).segments <= SEGMENTS_MAX);
            assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text:?}");
            assert!(text.lines().count() <= 3, "{text}");
            assert!(!text.contains("evil.example/"), "{text}");
        }
    }
}

#[test]
fn requests_and_judging() {
    let request =
        request(&config(), &Sender::Caller, "+491", "a\nb €", Some("https://n.example/sms/1/status")).unwrap();
    assert_eq!(request.url.as_str(), "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json");
    let expected = "To=%2B491&From=%2B4930000000&Body=a%0Ab+%E2%82%AC&ValidityPeriod=600&\
                    StatusCallback=https%3A%2F%2Fn.example%2Fsms%2F1%2Fstatus";
    assert_eq!(request.body, expected);
    let service = super::request(&config(), &Sender::Service("MG1".to_owned()), "+491", "x", None).unwrap();
    assert_eq!(service.body, "To=%2B491&MessagingServiceSid=MG1&Body=x&ValidityPeriod=600");
    let stopped = "the number has replied STOP; only START from that phone ends this".to_owned();
    for (status, body, expected) in [
        (201, r#"{"sid":"SM1","status":"queued","error_code":null}"#, Outcome::Accepted("SM1".to_owned())),
        (201, "", Outcome::Accepted(String::new())),
        (
            201,
            r#"{"sid":"SM1","status":"failed"}"#,
            Outcome::Failed("the provider could not send it (failed)".to_owned()),
        ),
        (400, r#"{"code":21610,"message":"unsubscribed"}"#, Outcome::Failed(stopped)),
        (400, r#"{"code":21211}"#, Outcome::Failed("the provider answered 400: error 21211".to_owned())),
        (429, r#"{"code":20429}"#, Outcome::Retry("the provider answered 429: error 20429".to_owned())),
        (502, "<html>", Outcome::Retry("the provider answered 502".to_owned())),
    ] {
        assert_eq!(judge(&response(status, body)), expected, "{status} {body}");
    }
}

#[test]
fn states_move_forward_only() {
    use State::{Delivered, Failed, Queued, Sending, Sent, Undelivered};
    for (known, heard, expected) in [
        (None, Queued, Some(Queued)),
        (Some(Queued), Sent, Some(Sent)),
        (Some(Sent), Queued, None),
        (Some(Sent), Sending, None),
        (Some(Sent), Sent, None),
        (Some(Sent), Delivered, Some(Delivered)),
        (Some(Sent), Undelivered, Some(Undelivered)),
        (Some(Delivered), Undelivered, None),
        (Some(Undelivered), Delivered, None),
        (Some(Undelivered), Failed, None),
        (None, Delivered, Some(Delivered)),
    ] {
        assert_eq!(heard.after(known), expected, "{known:?} then {heard:?}");
    }
    assert_eq!(Sent.outcome("SM1", ""), None);
    assert_eq!(Delivered.outcome("SM1", ""), Some(Outcome::Accepted("SM1".to_owned())));
    let failed = |why: &str| Some(Outcome::Failed(why.to_owned()));
    assert_eq!(Undelivered.outcome("SM1", "30005"), failed("the carrier did not deliver it, error 30005"));
    assert_eq!(Failed.outcome("SM1", "<b>"), failed("the provider could not send it"));
}

#[test]
fn reports_are_signed() {
    let url = "https://n.example/sms/1/status";
    let report = |status: &str| {
        let body = form::write(&[("MessageSid", "SM1"), ("MessageStatus", status), ("ErrorCode", "30005")]);
        let given = signature::header("12345", url, &form::read(body.as_bytes()));
        reported(&config(), url, &given, body.as_bytes())
    };
    let read = report("undelivered").unwrap();
    assert_eq!((read.sid.as_str(), read.state, read.error.as_str()), ("SM1", State::Undelivered, "30005"));
    assert!(report("dancing").is_err());
    assert!(reported(&config(), url, "AAAA", b"MessageStatus=sent").is_err());
}

proptest! {
    #[test]
    fn every_text_fits(summary in "\\PC{0,300}", service in "\\PC{0,80}", url in "\\PC{0,200}") {
        let incident = crate::notify::message::Subject { service: &service, ..subject(&summary) };
        let text = text(&Message { url: Some(&url), ..paged(vec![incident]) });
        prop_assert!(measure(&text).segments <= SEGMENTS_MAX);
        prop_assert!(text.contains("reply 4 K7 = ack"));
    }
}
