//! The recogniser reads any mail, the same each time, and its words fit into a record.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightcall::domain::alert::{DEDUP_KEY_CHARS_MAX, SUMMARY_CHARS_MAX};
use nightcall::domain::mail::Mail;
use nightcall::domain::recogniser::recognise;

fuzz_target!(|input: (&str, &str)| {
    let (subject, body) = input;
    let subject = subject.replace(['\r', '\n'], " ");
    for header in ["", "Content-Type: text/html; charset=utf-8\n"] {
        let raw = format!("Subject: {subject}\nFrom: monitor@example.com\n{header}\n{body}");
        let read = || recognise(&Mail::parse(raw.as_bytes()));
        let reading = read();
        assert_eq!(reading, read());
        if let Some(reading) = reading {
            assert!((1..=DEDUP_KEY_CHARS_MAX).contains(&reading.dedup_key.chars().count()), "{reading:?}");
            let fits = |text: &str| text.chars().count() <= SUMMARY_CHARS_MAX && !text.contains(['\n', '\0']);
            assert!(fits(&reading.summary) && fits(&reading.reason), "{reading:?}");
        }
    }
});
