//! A rule pack of any text, judging a mail of any bytes: reading gives rules or problems, judging always a verdict.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use nightcall::definitions::problem::SourceFile;
use nightcall::definitions::{pack, rulebook_of};
use nightcall::domain::mail::{Envelope, Mail};

fuzz_target!(|input: (&str, &[u8])| {
    let (text, raw) = input;
    // Any pattern within a pack that is one, and any pack.
    let quoted = text.replace('\'', "").replace(['\n', '\r'], " ");
    let whole =
        format!("[[rule]]\nname = 'a'\naction = 'trigger'\ndedup_key = '{{subject}}'\nwhen.body = '{quoted}'\n");
    for text in [text.to_owned(), whole] {
        let source = SourceFile { name: "fuzz.toml".to_owned(), path: None, text };
        let (file, _) = pack::read("fuzz", &Arc::new(source));
        let book = rulebook_of(std::iter::once(&file), "x");
        let (mail, envelope) = (Mail::parse(raw), Envelope::new("a@b", "x@x", "192.0.2.1"));
        let verdict = book.services[0].judge(&mail, &envelope);
        assert!(!verdict.alerts.is_empty());
        let explained = book.services[0].explain(&mail, &envelope);
        assert_eq!(verdict.alerts, explained.verdict.alerts);
    }
});
