//! The header by which we know our own mail when it comes back to us, by a forwarding rule or a list: signed, so that
//! nobody else's mail is taken for ours. It carries what it signs, since relays may write a new Message-ID.

use super::sign;
use crate::notify::exchange::Secret;
use crate::notify::signature::is_same;

/// Name of the header.
pub const NAME: &str = "X-Nightcall-Loop";

/// Most headers looked at.
const HEADERS_MAX: usize = 8;

/// The header's value in the mail about the message with this id.
pub(super) fn value(secret: &Secret, id: &str) -> String {
    format!("{id}.{}", sign(secret, "loop", id))
}

/// Whether one of these values of the header is ours: the mail opens no incident and is no answer. Only who has got a
/// mail of ours can copy it, and all that does is to keep the copier's own mail from being heard.
pub fn is_ours<'v>(secret: &Secret, values: impl IntoIterator<Item = &'v str>) -> bool {
    values.into_iter().take(HEADERS_MAX).any(|value| {
        let parts = value.trim().rsplit_once('.');
        parts.is_some_and(|(id, signature)| is_same(signature, &sign(secret, "loop", id)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::mail::address;

    #[test]
    fn only_ours() {
        let secret = Secret::new("s");
        let ours = value(&secret, "abc");
        assert!(is_ours(&secret, [" x ", ours.as_str()]));
        assert!(is_ours(&secret, [format!(" {ours}\r\n").as_str()]));
        let reply = address::reply(&secret, "abc", "d").unwrap();
        let reply = reply.trim_start_matches("reply+").trim_end_matches("@d").to_owned();
        for other in ["", ".", "abc", &ours[1..], &ours.replace("abc", "abd"), &value(&Secret::new("t"), "abc"), &reply]
        {
            assert!(!is_ours(&secret, [other]), "{other}");
        }
        assert!(!is_ours(&secret, []));
    }
}
