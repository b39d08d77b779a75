//! Addresses that answers go to: `reply+<id>.<signature>@domain`, one for each message and so for each recipient and
//! incident. Whoever writes to one has seen the mail; `From` is never trusted.

use super::{SIGNATURE_OCTETS, sign};
use crate::notify::exchange::Secret;
use crate::notify::signature::is_same;

/// What the local part begins with.
const START: &str = "reply+";

/// Longest id of a message, in octets, so that the local part stays within 64 (RFC 5321 section 4.5.3.1.1).
const ID_OCTETS_MAX: usize = 64 - START.len() - 1 - SIGNATURE_OCTETS;

/// Longest address that is read (RFC 5321 section 4.5.3.1.3).
const ADDRESS_OCTETS_MAX: usize = 254;

/// The address for answers to a message.
///
/// # Errors
/// When the id is not made of small letters, digits and hyphens, or is too long.
pub fn reply(secret: &Secret, id: &str, domain: &str) -> Result<String, String> {
    if is_id(id) {
        Ok(format!("{START}{id}.{}@{domain}", sign(secret, "reply", id)))
    } else {
        Err("the message's id cannot stand in an address".to_owned())
    }
}

/// Whether a local part is meant to be such an address, before anything is checked: SMTP takes only these.
pub fn is_meant(local_part: &str) -> bool {
    local_part.get(..START.len()).is_some_and(|start| start.eq_ignore_ascii_case(START))
}

/// The id in an address that we have made; nothing for any other. Case does not count.
pub fn verify(secret: &Secret, domain: &str, address: &str) -> Option<String> {
    if address.len() > ADDRESS_OCTETS_MAX {
        return None;
    }
    let address = address.trim().trim_start_matches('<').trim_end_matches('>').to_ascii_lowercase();
    let (local_part, at) = address.rsplit_once('@')?;
    let (id, signature) = local_part.strip_prefix(START)?.split_once('.')?;
    let ours = at == domain.to_ascii_lowercase() && is_id(id) && is_same(signature, &sign(secret, "reply", id));
    ours.then(|| id.to_owned())
}

fn is_id(id: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !id.is_empty() && id.len() <= ID_OCTETS_MAX && id.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn secret() -> Secret {
        Secret::new("0123456789abcdef0123456789abcdef")
    }

    #[test]
    fn addresses_come_back() {
        let address = reply(&secret(), ID, "in.example.com").unwrap();
        assert!(address.find('@').unwrap() <= 64 && is_meant(&address), "{address}");
        let verified = |address: &str| verify(&secret(), "in.example.com", address);
        assert_eq!(verified(&address).as_deref(), Some(ID));
        assert_eq!(verified(&address.to_uppercase()).as_deref(), Some(ID));
        assert_eq!(verified(&format!("<{address}>")).as_deref(), Some(ID));
        for forged in [
            address.replacen("0123", "0124", 1),
            address.replace("in.example", "example"),
            address.replace('.', ""),
            format!("{address}x"),
            format!("x{address}"),
            address.replacen('@', "a@", 1),
            "reply+@in.example.com".to_owned(),
            "reply+a.@in.example.com".to_owned(),
            String::new(),
            format!("reply+{}@in.example.com", "a".repeat(1000)),
        ] {
            assert_eq!(verified(&forged), None, "{forged}");
        }
        assert_eq!(verify(&Secret::new("other"), "in.example.com", &address), None);
        assert_ne!(reply(&secret(), "1", "d"), reply(&secret(), "2", "d"));
    }

    #[test]
    fn ids_that_cannot_stand_in_an_address() {
        for id in ["", "A", "a.b", "a@b", "a b", "a\r\n", &"a".repeat(38)] {
            assert!(reply(&secret(), id, "d").is_err(), "{id}");
        }
        assert!(reply(&secret(), &"a".repeat(37), "d").is_ok_and(|address| address.find('@') == Some(64)));
    }

    proptest! {
        #[test]
        fn nothing_else_is_ours(address in "\\PC*|reply\\+[a-f0-9]{32}\\.[a-z2-7]{20}@in\\.example\\.com") {
            prop_assert_eq!(verify(&secret(), "in.example.com", &address), None);
            is_meant(&address);
        }
    }
}
