//! HMAC-SHA256 (RFC 2104, FIPS 180-4) as providers and our own buttons use it; compared in constant time.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::domain::hex::hex;
use crate::notify::exchange::{Act, Secret};

/// HMAC-SHA256 of the parts, one after the other.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Whether two texts are the same, in a time that does not tell where they differ.
pub fn is_same(given: &str, right: &str) -> bool {
    given.as_bytes().ct_eq(right.as_bytes()).into()
}

/// What proves that a button is ours, for providers that do not sign: bound to channel, message and act (I15).
pub fn act_token(secret: &Secret, channel: &str, message_id: &str, act: Act) -> String {
    let parts: [&[u8]; 6] =
        [b"button\0", channel.as_bytes(), b"\0", act.word().as_bytes(), b"\0", message_id.as_bytes()];
    hex(&hmac_sha256(secret.expose().as_bytes(), &parts))
}

/// Whether a token of [`act_token`] is right. An empty secret believes nothing.
pub fn is_act_token(secret: &Secret, channel: &str, message_id: &str, act: Act, given: &str) -> bool {
    !secret.expose().is_empty() && is_same(given, &act_token(secret, channel, message_id, act))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector() {
        // RFC 4231 section 4.3.
        let mac = hmac_sha256(b"Jefe", &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex(&mac), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn a_token_is_good_for_one_thing_only() {
        let secret = Secret::new("s");
        let token = act_token(&secret, "ntfy", "m1", Act::Acknowledge);
        assert!(is_act_token(&secret, "ntfy", "m1", Act::Acknowledge, &token));
        assert!(!is_act_token(&secret, "ntfy", "m1", Act::Resolve, &token));
        assert!(!is_act_token(&secret, "ntfy", "m2", Act::Acknowledge, &token));
        assert!(!is_act_token(&secret, "mattermost", "m1", Act::Acknowledge, &token));
        assert!(!is_act_token(&Secret::new("t"), "ntfy", "m1", Act::Acknowledge, &token));
        let open = act_token(&Secret::new(""), "ntfy", "m1", Act::Acknowledge);
        assert!(!is_act_token(&Secret::new(""), "ntfy", "m1", Act::Acknowledge, &open));
    }
}
