//! What the pure core costs: reading a mail, judging it, moving an incident on. `cargo bench --bench domain`.

use divan::{Bencher, black_box};
use jiff::Timestamp;
use nightcall::definitions::shipped_rulebook;
use nightcall::domain::alert::Severity;
use nightcall::domain::escalation::Policy;
use nightcall::domain::incident::{Cause, Event, Incident, Trigger};
use nightcall::domain::mail::Mail;
use nightcall::domain::roster::Roster;
use nightcall::smtp::data::DataReader;

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
    bencher.bench(|| service.judge(black_box(&mail), "db@localhost"));
}

#[divan::bench]
fn apply(bencher: Bencher<'_, '_>) {
    let trigger = Trigger { severity: Severity::Error, summary: "disk".to_owned(), origin_at: Timestamp::UNIX_EPOCH };
    let incident = Incident::open(1, "s", "k", &trigger, Policy::fallback_only(), Timestamp::UNIX_EPOCH).incident;
    let (event, cause) = (Event::Triggered(trigger), Cause { actor: "mail".to_owned(), mail_id: None });
    let roster = Roster::default();
    bencher.bench(|| incident.apply(black_box(&event), &cause, &roster, Timestamp::UNIX_EPOCH));
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
