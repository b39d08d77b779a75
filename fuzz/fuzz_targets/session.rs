//! Bytes of a client, of any kind, against the session.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/session.rs"]
mod checked;

fuzz_target!(|input: &[u8]| checked::check(input));
