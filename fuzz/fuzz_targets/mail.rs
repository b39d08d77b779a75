//! A mail of any bytes, against all that reads it. Seeds: the folders of tests/mails.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/mail.rs"]
mod checked;

fuzz_target!(|input: &[u8]| checked::check(input));
