//! Whatever comes in: rules, headers, HTML and the recogniser give an answer, the same each time, in bounded time.
//!
//! The same as the targets in `fuzz/`, with inputs made here, so that every run of the tests tries them: cargo-fuzz has
//! to build the whole crate anew, which takes longer than the tests.

use std::sync::Arc;

use nightcall::clock::Stopwatch;
use nightcall::definitions::problem::SourceFile;
use nightcall::definitions::{pack, rulebook_of, shipped_rulebook};
use nightcall::domain::html::html_to_text;
use nightcall::domain::mail::{Envelope, FIELD_BYTES_MAX, Mail};
use nightcall::domain::recogniser::recognise;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_pattern_judges_any_mail(pattern in "[^'\n]{0,40}", raw in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = format!(
            "[[rule]]\nname = 'a'\naction = 'resolve'\ndedup_key = '{{subject}}'\nwhen.body = '{pattern}'\n\
             [[rule]]\nname = 'b'\naction = 'trigger'\ndedup_key = 'b'\nwhen.subject_raw = '{pattern}'\n"
        );
        let source = SourceFile { name: "any.toml".to_owned(), path: None, text };
        let (file, _) = pack::read("any", &Arc::new(source));
        let book = rulebook_of(std::iter::once(&file), "x");
        let (mail, envelope) = (Mail::parse(&raw), Envelope::new("a@b", "x@x", "192.0.2.1"));
        let verdict = book.services[0].judge(&mail, &envelope);
        prop_assert!(!verdict.alerts.is_empty());
        prop_assert_eq!(&verdict, &book.services[0].judge(&Mail::parse(&raw), &envelope));
        prop_assert_eq!(verdict.alerts, book.services[0].explain(&mail, &envelope).verdict.alerts);
    }

    #[test]
    fn any_header_decodes(raw in proptest::collection::vec(any::<u8>(), 0..200), words in "[=?bBqQ_a-z0-9 ]{0,60}") {
        for raw in [[b"Subject: ".as_slice(), &raw].concat(), format!("Subject: {words}\n\n").into_bytes()] {
            let mail = Mail::parse(&raw);
            prop_assert!(!mail.subject_raw.contains(['\0', '\n']));
            prop_assert_eq!(mail, Mail::parse(&raw));
        }
    }

    #[test]
    fn any_mail_is_recognised_the_same_each_time(subject in "\\PC{0,80}", body in "[\\PC\n]{0,300}") {
        let raw = format!("Subject: {subject}\n\n{body}");
        let read = || recognise(&Mail::parse(raw.as_bytes())).map(|reading| (reading.action, reading.dedup_key));
        prop_assert_eq!(read(), read());
    }
}

#[test]
fn the_longest_mails_are_read_in_bounded_time() {
    let service = shipped_rulebook("x").services[0].clone();
    let envelope = Envelope::new("a@b", "x@x", "192.0.2.1");
    let watch = Stopwatch::start();
    for piece in [
        "a",
        "a ",
        "down ",
        "OK -> ",
        "Host: db1\n",
        "== \n",
        "** PROBLEM ",
        "[",
        "障害",
        "\u{ff0f}",
        "1.",
        "é",
        "\"'",
        "x=1 ",
    ] {
        let text = piece.repeat(FIELD_BYTES_MAX / piece.len());
        for raw in [
            format!("Subject: x\n\n{text}"),
            format!("Subject: {}\n\nx", &text[..text.floor_char_boundary(4000)].replace('\n', " ")),
            format!("Content-Type: text/html\n\n<p>{text}"),
        ] {
            assert!(!service.judge(&Mail::parse(raw.as_bytes()), &envelope).alerts.is_empty());
        }
    }
    // Unoptimised, on a busy machine: what grows with the square of the text would take hours.
    assert!(watch.elapsed().as_secs() < 120, "took {:?}", watch.elapsed());
    assert!(html_to_text(&"<p>".repeat(100_000)).is_empty());
}

/// The checks of the fuzz targets `session`, `mail` and `proxy`.
#[path = "../../fuzz/checks"]
mod checks {
    pub(super) mod mail;
    pub(super) mod proxy;
    pub(super) mod session;
}

/// What the fuzzer begins with: the files of a folder and of those within.
fn seeds(folder: &str) -> Vec<Vec<u8>> {
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    let mut seeds = Vec::new();
    while let Some(folder) = folders.pop() {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                folders.push(path);
            } else {
                seeds.push(std::fs::read(path).expect("readable"));
            }
        }
    }
    seeds
}

/// What a fuzzer does to a seed.
#[derive(Debug, Clone)]
enum Change {
    Set(usize, u8),
    Insert(usize, Vec<u8>),
    Remove(usize, usize),
    Repeat(usize, usize),
    Splice(usize, usize),
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    let at = any::<prop::sample::Index>().prop_map(|index| index.index(1 << 16));
    let telling = prop::sample::select(b"\r\n.\0\t <>:=\"@*\xff".to_vec());
    let change = prop_oneof![
        (at.clone(), prop_oneof![any::<u8>(), telling.clone()]).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at.clone(), prop::collection::vec(telling, 1..6)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at.clone(), 1_usize..40).prop_map(|(at, count)| Change::Remove(at, count)),
        (at.clone(), 1_usize..40).prop_map(|(at, count)| Change::Repeat(at, count)),
        (at.clone(), at).prop_map(|(at, other)| Change::Splice(at, other)),
    ];
    prop::collection::vec(change, 0..8)
}

fn changed(seed: &[u8], changes: &[Change], seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for change in changes {
        let place = |at: usize| at % (bytes.len() + 1);
        match change {
            Change::Set(at, byte) => {
                let at = place(*at);
                if let Some(there) = bytes.get_mut(at) {
                    *there = *byte;
                }
            }
            Change::Insert(at, more) => {
                let at = place(*at);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Remove(at, count) => {
                let at = place(*at);
                bytes.drain(at..(at + count).min(bytes.len()));
            }
            Change::Repeat(at, count) => {
                let at = place(*at);
                let piece = bytes[at..(at + count).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            Change::Splice(at, other) => {
                let other = &seeds[other % seeds.len()];
                bytes.truncate(place(*at));
                bytes.extend_from_slice(&other[at % (other.len() + 1)..]);
            }
        }
    }
    bytes
}

/// Every seed as it is, and many that are changed.
fn try_all(folder: &str, cases: u32, prefix: &[u8], check: fn(&[u8])) {
    let seeds = seeds(folder);
    assert!(seeds.len() > 5, "{folder} has seeds");
    for seed in &seeds {
        check(&[prefix, seed].concat());
    }
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(cases));
    let any = (any::<prop::sample::Index>(), any::<[u8; 2]>(), changes());
    let tried = runner.run(&any, |(seed, front, changes)| {
        let bytes = changed(&seeds[seed.index(seeds.len())], &changes, &seeds);
        check(&[&front[..prefix.len()], &bytes].concat());
        Ok(())
    });
    tried.expect("every input is fine");
}

#[test]
fn any_client_is_answered_within_limits_and_alike_however_its_bytes_are_cut() {
    try_all("fuzz/seeds/session", 20_000, b"", checks::session::check);
}

#[test]
fn any_proxy_header_is_read_to_its_end_and_not_further() {
    try_all("fuzz/seeds/proxy", 20_000, b"", checks::proxy::check);
}

#[test]
fn any_mail_is_seen_and_judged_whatever_is_wrong_with_it() {
    try_all("tests/mails/nagios", 1000, b"\0\0", checks::mail::check);
    try_all("tests/mails/encodings", 1000, b"\0\0", checks::mail::check);
}
