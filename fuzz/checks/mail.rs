//! A mail of any bytes, cut off anywhere: what rules see of it is bounded and the same each time, and every mail is
//! judged.

use std::sync::LazyLock;

use nightcall::definitions::shipped_rulebook;
use nightcall::domain::mail::{Envelope, FIELD_BYTES_MAX, Mail};
use nightcall::domain::rulebook::Rulebook;

static RULES: LazyLock<Rulebook> = LazyLock::new(|| shipped_rulebook("x"));

/// The first two bytes say where the rest is cut off.
pub(crate) fn check(input: &[u8]) {
    let Some((cut, raw)) = input.split_first_chunk::<2>() else { return };
    let cut = usize::from(u16::from_be_bytes(*cut)).min(raw.len());
    for raw in [raw, &raw[..cut]] {
        let mail = Mail::parse(raw);
        assert!(mail.text.len() <= FIELD_BYTES_MAX && mail.html.len() <= FIELD_BYTES_MAX);
        assert!(!mail.subject_raw.contains(['\0', '\n']) && !mail.text.contains('\0'));
        assert_eq!(mail, Mail::parse(raw));
        let envelope = Envelope::new("a@b", "x@x", "192.0.2.1");
        let verdict = RULES.services[0].judge(&mail, &envelope);
        assert!(!verdict.alerts.is_empty(), "nothing is dropped");
        assert_eq!(verdict, RULES.services[0].judge(&mail, &envelope));
    }
}
