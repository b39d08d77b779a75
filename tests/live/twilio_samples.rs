//! What we make for Twilio, checked by its own Python package: documents, requests, signatures, words for states.
//!
//! Runs `tests/twilio_check.py` with `python3`, or what `NIGHTCALL_TEST_PYTHON` names. Without the package the test is
//! skipped, unless `NIGHTCALL_TEST_ALL` is set, which turns the skip into a failure.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::{Command, Stdio};

use jiff::tz::TimeZone;
use serde_json::{Value, json};

use talk::alert::Severity;
use talk::channel::{Request, Secret};
use talk::message::{Kind, Message, Subject};
use talk::roster::Locale;
use talk::sms::{Sender, State, reply};
use talk::spoken::{Phrase, script};
use talk::twilio::Config;
use talk::voice::twiml::{self, English, Voice};
use talk::voice::{Text, list, poll};
use talk::{form, signature, sms, voice};

const TOKEN: &str = "12345";
const TO: &str = "+491700000001";
const AT: &str = "2026-11-21T03:00:00Z";
const ANSWER: &str = "https://nightcall.example/voice/1/2/answer";
const STATUS: &str = "https://nightcall.example/voice/1/2/status?attempt=1";
const TEXT: &str = "#123 critical db: 磁盘 & <b>\nreply 4 K7 = ack";

fn config() -> Config {
    Config {
        base_url: "https://api.twilio.com".to_owned(),
        account: format!("AC{}", "0".repeat(32)),
        token: Secret::new(TOKEN),
        caller: "+4930000000".to_owned(),
    }
}

fn documents() -> BTreeMap<String, String> {
    let nothing = BTreeMap::new();
    let mut documents = BTreeMap::new();
    for locale in Locale::ALL {
        for summary in ["Disk full on db-01.example.com", "</Say><Dial>+1900</Dial> & \"x\" 磁盘\u{0}\u{ffff}"] {
            let subject = Subject {
                number: 123,
                service: "db",
                dedup_key: "db/disk",
                status: "triggered",
                severity: Severity::Critical,
                summary,
                details: &nothing,
                links: &nothing,
                alert_count: 1,
                opened_at: AT.parse().expect("a time"),
                page: 1,
            };
            for (kind, count) in [
                (Kind::Paged, 1),
                (Kind::Paged, 12),
                (Kind::Acknowledged { by: "bob" }, 1),
                (Kind::Resolved { by: "bob" }, 1),
                (Kind::Test, 0),
                (Kind::OnCall { schedule: "primary", until: None }, 0),
            ] {
                let message = Message {
                    id: "1",
                    kind,
                    user: "ann",
                    incidents: vec![subject; count],
                    url: None,
                    code: Some("042617"),
                    locale,
                    zone: &TimeZone::UTC,
                    now: AT.parse().expect("a time"),
                    templates: crate::notify::templates::Templates::NONE,
                };
                let voice = Voice { language: twiml::language(locale, English::British), name: Some("Polly.Amy") };
                let name = format!("{} {} {kind:?} {count}", locale.word(), summary.len());
                let script = script(&message, &[Phrase::Greeting]);
                documents.insert(name.clone(), twiml::run(&script, ANSWER, voice));
                documents
                    .insert(format!("{name} inline"), twiml::inline(&message, Voice { name: None, ..voice }));
                documents.insert(format!("{name} confirm"), twiml::confirm(ANSWER, locale, voice));
                documents.insert(format!("{name} pin"), twiml::ask_pin(true, STATUS, locale, voice));
            }
        }
    }
    documents
}

fn request(request: &Request) -> Value {
    json!({
        "method": request.method,
        "url": request.url.split('?').next(),
        "query": form::read(request.url.split_once('?').map_or("", |(_, query)| query).as_bytes()),
        "form": form::read(&request.body),
        "authorization": request.headers.iter().find(|(name, _)| *name == "authorization").map(|(_, value)| value),
    })
}

fn requests() -> Value {
    let config = config();
    let sid = format!("CA{}", "1".repeat(32));
    let attempt = list::Attempt { to: TO, at: AT.parse().expect("a time"), known: &[] };
    let [started, waiting] = list::requests(&config, &attempt);
    let texts = sms::list::request(&config, &sms::list::Attempt { to: TO, text: TEXT, at: attempt.at });
    let fetched = Text::Fetched { answer: ANSWER, status: STATUS };
    json!({
        "call": request(&voice::request(&config, TO, fetched)),
        "inline call": request(&voice::request(&config, TO, Text::Inline("<Response/>"))),
        "cancel": request(&voice::cancel(&config, &sid).expect("a reference")),
        "poll": request(&poll::request(&config, &sid).expect("a reference")),
        "list started": request(&started),
        "list waiting": request(&waiting),
        "text": request(&sms::request(&config, &Sender::Caller, TO, TEXT, Some(STATUS))),
        "list texts": request(&texts),
        "text by service": request(&sms::request(&config, &Sender::Service("MG1".to_owned()), TO, TEXT, None)),
    })
}

fn signatures() -> Value {
    let callbacks = [
        (STATUS, vec![("CallSid", "CA1"), ("CallStatus", "completed"), ("From", TO)]),
        ("https://nightcall.example/voice/1/2/key", vec![("CallSid", "CA1"), ("Digits", "4"), ("Empty", "")]),
        (
            "https://nightcall.example/sms/inbound",
            vec![("Body", "確認 K7 & +\r\n"), ("From", TO), ("MessageSid", "SM1")],
        ),
        ("https://nightcall.example/sms/1/status", vec![("MessageStatus", "delivered"), ("MessageSid", "SM1")]),
        ("https://nightcall.example:8443/x?a=b%20c", vec![("A", "2"), ("A", "1"), ("A", "2"), ("a", "0")]),
    ];
    let signed = callbacks.map(|(url, pairs)| {
        let pairs: Vec<(String, String)> = pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        json!({ "url": url, "form": pairs, "signature": signature::header(TOKEN, url, &pairs) })
    });
    json!(signed)
}

/// Words of the provider's that we know.
fn states() -> Value {
    let words = [
        "queued",
        "initiated",
        "ringing",
        "in-progress",
        "completed",
        "busy",
        "no-answer",
        "failed",
        "canceled",
        "accepted",
        "scheduled",
        "sending",
        "sent",
        "delivered",
        "undelivered",
        "read",
        "receiving",
        "received",
        "partially_delivered",
    ];
    json!({
        "call": words.iter().filter(|word| poll::stand(word).is_some()).collect::<Vec<_>>(),
        "message": words.iter().filter(|word| State::read(word).is_some()).collect::<Vec<_>>(),
    })
}

#[test]
fn twilios_own_package_agrees() {
    let samples = json!({
        "token": TOKEN,
        "voice": documents(),
        "messaging": [reply::twiml(None), reply::twiml(Some("Not understood. </Message><Redirect/> & 磁盘"))],
        "requests": requests(),
        "signatures": signatures(),
        "states": states(),
    });
    let python = std::env::var("NIGHTCALL_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let usable = Command::new(&python).args(["-c", "import twilio"]).stderr(Stdio::null()).status();
    if !usable.is_ok_and(|status| status.success()) {
        assert!(std::env::var_os("NIGHTCALL_TEST_ALL").is_none(), "the Python package twilio is missing");
        eprintln!("skipped: the Python package twilio is missing");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/twilio_check.py");
    let mut check = Command::new(&python).arg(script).stdin(Stdio::piped()).spawn().expect("python starts");
    let mut stdin = check.stdin.take().expect("piped");
    stdin.write_all(samples.to_string().as_bytes()).expect("python reads");
    drop(stdin);
    assert!(check.wait().expect("python ends").success(), "twilio_check.py found differences");
}
