//! The recogniser, measured on monitors whose mail it was not made for: no pack helps it here.
//!
//! It has no list of products, so that every monitor is one left out. `held-out` was written by somebody else and
//! never looked at while the recogniser was made.

use nightcall::definitions::rulebook_of;
use nightcall::domain::alert::Alert;

use crate::score::{Sample, Scores, measure, samples};

fn read_alone(sample: &Sample) -> Alert {
    let service = &rulebook_of(std::iter::empty(), "alerts.example.com").services[0];
    service.judge(&sample.mail(), &sample.envelope()).alerts[0].clone()
}

/// The line of the README's table.
fn line(what: &str, scores: &Scores) -> String {
    let sum = &scores.sum;
    let share = |part: u32, whole: u32| format!("{:.0} %", 100.0 * f64::from(part) / f64::from(whole.max(1)));
    format!(
        "| {what} | {} | {} | {} | {} | {} |",
        scores.monitors.len(),
        sum.mails,
        share(sum.actions, sum.mails),
        share(sum.keys, sum.grouped),
        sum.dangerous
    )
}

#[test]
fn unknown_monitors_are_read_well() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README");
    let (mut missing, mut below) = (Vec::new(), Vec::<String>::new());
    for (what, folder, actions, keys, dangerous) in FLOORS {
        let scores = measure(&samples(folder), read_alone);
        println!("{what}, read by the recogniser alone:\n{}\n{}\n", scores.table(), scores.wrong.join("\n"));
        let sum = &scores.sum;
        let enough = |part: u32, whole: u32, floor: f64| f64::from(part) >= floor * f64::from(whole);
        let good = enough(sum.actions, sum.mails, actions) && enough(sum.keys, sum.grouped, keys);
        if !good || sum.dangerous > dangerous {
            below.push(format!("{what}: actions {}/{}, keys {}/{}", sum.actions, sum.mails, sum.keys, sum.grouped));
        }
        let line = line(what, &scores);
        if !readme.contains(&line) {
            missing.push(line);
        }
    }
    assert!(below.is_empty(), "under the floor: {below:?}");
    assert!(missing.is_empty(), "the README's table must say:\n{}", missing.join("\n"));
}

/// Corpus, folder, the least share of right actions and keys, and the most dangerous readings.
const FLOORS: [(&str, &str, f64, f64, u32); 3] = [
    ("monitors that packs know", "", 0.95, 0.85, 0),
    ("monitors looked at while it was made", "unknown", 0.93, 0.90, 0),
    ("monitors never looked at", "held-out", 0.90, 0.72, 2),
];
