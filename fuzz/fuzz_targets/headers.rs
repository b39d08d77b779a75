//! A mail of any bytes: its headers decode to something, within bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use nightcall::domain::mail::{FIELD_BYTES_MAX, Mail};

fuzz_target!(|raw: &[u8]| {
    for raw in [raw.to_vec(), [b"Subject: ", raw].concat(), [b"Subject: =?", raw, b"?=\n\n"].concat()] {
        let mail = Mail::parse(&raw);
        assert!(mail.text.len() <= FIELD_BYTES_MAX && mail.html.len() <= FIELD_BYTES_MAX);
        assert!(!mail.subject_raw.contains(['\0', '\n']) && !mail.text.contains('\0'));
        assert_eq!(mail, Mail::parse(&raw));
    }
});
