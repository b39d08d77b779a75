//! What a good signature says nothing about. Whoever has one signed mail may send it again with a header above the
//! signed ones (RFC 6376 section 8.15), or with another where none is signed; rules would read that one.

use mail_auth::AuthenticatedMessage;

/// Headers that a mail has once, and that rules read (RFC 5322 section 3.6, RFC 2045 section 3).
const ONCE: [&str; 6] = ["from", "subject", "date", "message-id", "content-type", "content-transfer-encoding"];

/// Those that must be signed where they are there: the sender, what it says, and how old it is (I12).
const SIGNED: [&str; 3] = ["from", "subject", "date"];

/// Why a signature over these headers does not prove what rules read; nothing if it does.
pub(super) fn uncovered(message: &AuthenticatedMessage<'_>, signed: &[String]) -> Option<String> {
    let names = message.headers.iter().map(|(name, _)| name.trim_ascii());
    first_uncovered(&names, signed)
}

fn first_uncovered<'a>(names: &(impl Iterator<Item = &'a [u8]> + Clone), signed: &[String]) -> Option<String> {
    let count = |wanted: &str| names.clone().filter(|name| name.eq_ignore_ascii_case(wanted.as_bytes())).count();
    if let Some(twice) = ONCE.iter().find(|name| count(name) > 1) {
        return Some(format!("it has more than one {twice} header, and a signature covers one"));
    }
    let is_signed = |name: &str| signed.iter().any(|signed| signed.trim().eq_ignore_ascii_case(name));
    let open = SIGNED.iter().find(|name| count(name) > 0 && !is_signed(name))?;
    Some(format!("the signature does not cover its {open} header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_read_is_signed_once() {
        let uncovered = |headers: &str, signed: &str| {
            let signed: Vec<String> = signed.split(':').map(str::to_owned).collect();
            first_uncovered(&headers.split(' ').map(str::as_bytes), &signed)
        };
        let all = "From:Subject:date";
        assert_eq!(uncovered("From Subject Date To", all), None);
        assert_eq!(uncovered("From To", "from"), None, "what is not there need not be signed");
        assert_eq!(uncovered("From Received Received Subject Date", all), None);
        for (headers, signed, why) in [
            ("SUBJECT From Subject Date", all, "more than one subject"),
            ("From From Subject Date", all, "more than one from"),
            ("From Subject Date Content-Type content-type", all, "more than one content-type"),
            ("From Subject Date", "from:date", "does not cover its subject"),
            ("From Subject Date", "from:subject", "does not cover its date"),
        ] {
            assert!(uncovered(headers, signed).is_some_and(|told| told.contains(why)), "{headers} {signed}");
        }
    }
}
