//! Whatever comes in: rules, headers, HTML and the recogniser give an answer, the same each time, in bounded time.
//!
//! The same four as the targets in `fuzz/`, with inputs made here, so that every run of the tests tries them.

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
