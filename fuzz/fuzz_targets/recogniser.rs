//! The recogniser reads any mail, the same each time.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightcall::domain::mail::Mail;
use nightcall::domain::recogniser::recognise;

fuzz_target!(|input: (&str, &str)| {
    let (subject, body) = input;
    let raw = format!("Subject: {}\n\n{body}", subject.replace(['\r', '\n'], " "));
    let read = || recognise(&Mail::parse(raw.as_bytes())).map(|reading| (reading.action, reading.dedup_key));
    assert_eq!(read(), read());
});
