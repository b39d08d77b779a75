//! A PROXY header of any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../checks/proxy.rs"]
mod checked;

fuzz_target!(|input: &[u8]| checked::check(input));
