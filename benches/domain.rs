//! What the pure core costs: reading a mail, judging it, moving an incident on. `cargo bench --bench domain`.

use std::collections::BTreeMap;

use divan::{Bencher, black_box};
use jiff::Timestamp;
use nightcall::definitions::shipped_rulebook;
use nightcall::domain::actor::Actor;
use nightcall::domain::alert::Severity;
use nightcall::domain::handling::Handling;
use nightcall::domain::incident::{Cause, Event, Incident, Opening, Trigger};
use nightcall::domain::mail::{Envelope, Mail};
use nightcall::domain::roster::Roster;
use nightcall::domain::situation::Situation;
use nightcall::smtp::data::DataReader;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const NAGIOS: &[u8] = include_bytes!("../tests/mails/nagios/nagios-svc-problem-critical.eml");
const UNKNOWN: &[u8] = include_bytes!("../tests/mails/alertmanager/alertmanager-firing-1.eml");

fn main() {
    divan::main();
}

#[divan::bench(args = ["nagios", "alertmanager"])]
fn parse(bencher: Bencher<'_, '_>, which: &str) {
    let raw = if which == "nagios" { NAGIOS } else { UNKNOWN };
    bencher.bench(|| Mail::parse(black_box(raw)));
}

#[divan::bench(args = ["nagios", "alertmanager"])]
fn judge(bencher: Bencher<'_, '_>, which: &str) {
    let mail = Mail::parse(if which == "nagios" { NAGIOS } else { UNKNOWN });
    let service = shipped_rulebook("localhost").services[0].clone();
    let envelope = Envelope::new("root@mon", "db@localhost", "192.0.2.1");
    bencher.bench(|| service.judge(black_box(&mail), &envelope));
}

/// The whole way of a Nagios mail of 2 KB through all shipped packs.
#[divan::bench]
fn parse_and_judge_2_kb(bencher: Bencher<'_, '_>) {
    let line = b"Additional detail: the check has been in this state for a while, see the runbook\r\n";
    let mut raw = NAGIOS.to_vec();
    while raw.len() < 2048 {
        raw.extend_from_slice(line);
    }
    let service = shipped_rulebook("localhost").services[0].clone();
    let envelope = Envelope::new("root@mon", "db@localhost", "192.0.2.1");
    bencher.bench(|| service.judge(&Mail::parse(black_box(&raw)), &envelope));
}

/// A mail that no pack knows: every rule's words are looked for, then the recogniser reads it.
#[divan::bench]
fn recognise(bencher: Bencher<'_, '_>) {
    let mail = Mail::parse(include_bytes!("../tests/mails/generic/generic-bracket-critical.eml"));
    let service = shipped_rulebook("localhost").services[0].clone();
    let envelope = Envelope::new("root@mon", "db@localhost", "192.0.2.1");
    bencher.bench(|| service.judge(black_box(&mail), &envelope));
}

#[divan::bench]
fn apply(bencher: Bencher<'_, '_>) {
    let trigger = Trigger {
        severity: Severity::Error,
        summary: "disk".to_owned(),
        details: BTreeMap::new(),
        links: BTreeMap::new(),
        origin_at: Timestamp::UNIX_EPOCH,
        hold: None,
        over_after: None,
    };
    let (roster, handling) = (Roster::default(), Handling::default());
    let situation = Situation::quiet(&roster, &handling, Timestamp::UNIX_EPOCH);
    let opening = Opening { number: 1, service: "s", dedup_key: "k", sender: "", client: "", opened_before: 0 };
    let incident = Incident::open(&opening, &trigger, &situation).incident;
    let (event, cause) = (Event::Triggered(trigger), Cause { actor: Actor::ourselves("mail"), mail_id: None });
    bencher.bench(|| incident.apply(black_box(&event), &cause, &situation));
}

#[divan::bench]
fn data_reader_1_mib(bencher: Bencher<'_, '_>) {
    let mut mail = "a line of an ordinary length, as mails have them\r\n".repeat(20_971);
    mail.push_str(".\r\n");
    bencher.bench(|| {
        let mut reader = DataReader::new(u64::MAX);
        black_box(reader.read(black_box(mail.as_bytes())));
        reader.held()
    });
}
