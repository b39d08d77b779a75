//! What a push service carries and cannot read: the aes128gcm content coding for one receiver.
//!
//! Sources: RFC 8188 (the coding), RFC 8291 (its keys for Web Push). Pure: randomness is handed in.

use hkdf::Hkdf;
use p256::{PublicKey, SecretKey};
use ring::aead::{AES_128_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::Sha256;

/// Longest content, in bytes: push services take 4096 bytes (RFC 8030 section 7.2), of which header, delimiter and
/// tag are 103.
pub const PLAIN_BYTES_MAX: usize = 3993;

/// Length of the only record (RFC 8188 section 2.1), in bytes; a single record may be shorter.
const RECORD_BYTES: u32 = 4096;

/// What ends the last record (RFC 8188 section 2).
const LAST_RECORD: u8 = 2;

/// Bytes of a public key: a point that is not compressed (RFC 8291 section 3.4).
const PUBLIC_KEY_BYTES: u8 = 65;

/// Bytes of a key of AES-128.
const KEY_BYTES: usize = 16;

/// A browser that has subscribed (Push API, `PushSubscription.getKey`).
#[derive(Clone)]
pub struct Receiver {
    /// Its public key.
    pub key: PublicKey,
    /// What it has told us alone.
    pub auth: [u8; 16],
}

/// Fresh for every message: whoever gets the same twice can read both.
#[derive(Clone, Copy)]
pub struct Random {
    /// Our key for this message.
    pub key: [u8; 32],
    /// The salt.
    pub salt: [u8; 16],
}

/// Encrypts content for a receiver.
///
/// # Errors
/// When it is longer than [`PLAIN_BYTES_MAX`], or the random key is none of the curve, which chance never gives.
pub fn encrypt(plain: &[u8], receiver: &Receiver, random: &Random) -> Result<Vec<u8>, String> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(format!("a push message has at most {PLAIN_BYTES_MAX} bytes"));
    }
    let own = SecretKey::from_slice(&random.key).map_err(|_| "the random key is none of P-256".to_owned())?;
    let own_public = own.public_key().to_sec1_bytes();
    let (key, nonce) = keys(&own, receiver, random);
    let mut body = random.salt.to_vec();
    body.extend(RECORD_BYTES.to_be_bytes());
    body.push(PUBLIC_KEY_BYTES);
    body.extend(&own_public);
    let mut record = plain.to_vec();
    record.push(LAST_RECORD);
    let key = UnboundKey::new(&AES_128_GCM, &key).expect("the key has the cipher's length");
    let sealed =
        LessSafeKey::new(key).seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::empty(), &mut record);
    sealed.map_err(|_| "the content is too long for the cipher".to_owned())?;
    body.extend(record);
    Ok(body)
}

/// Key and nonce of the only record (RFC 8291 section 3.4).
fn keys(own: &SecretKey, receiver: &Receiver, random: &Random) -> ([u8; KEY_BYTES], [u8; NONCE_LEN]) {
    let shared = own.diffie_hellman(&receiver.key);
    let info = [b"WebPush: info\0".as_slice(), &receiver.key.to_sec1_bytes(), &own.public_key().to_sec1_bytes()];
    let secret: [u8; 32] = derived(&receiver.auth, shared.raw_secret_bytes(), &info);
    let key = derived(&random.salt, &secret, &[b"Content-Encoding: aes128gcm\0"]);
    let nonce = derived(&random.salt, &secret, &[b"Content-Encoding: nonce\0"]);
    (key, nonce)
}

/// HKDF-SHA256 (RFC 5869), both steps.
fn derived<const N: usize>(salt: &[u8], secret: &[u8], info: &[&[u8]]) -> [u8; N] {
    let mut key = [0; N];
    let hkdf = Hkdf::<Sha256>::new(Some(salt), secret);
    hkdf.expand_multi_info(info, &mut key).expect("it is far shorter than 255 digests");
    key
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn bytes<const N: usize>(text: &str) -> [u8; N] {
        URL_SAFE_NO_PAD.decode(text).unwrap().try_into().unwrap()
    }

    /// RFC 8291 section 5 and appendix A.
    fn published() -> (Receiver, Random) {
        let key = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let key = PublicKey::from_sec1_bytes(&bytes::<65>(key)).unwrap();
        let receiver = Receiver { key, auth: bytes("BTBZMqHH6r4Tts7J_aSIgg") };
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        (receiver, Random { key: own, salt: bytes("DGv6ra1nlYgDCS1FRnbzlw") })
    }

    #[test]
    fn the_published_vector() {
        let (receiver, random) = published();
        let body = encrypt(b"When I grow up, I want to be a watermelon", &receiver, &random).unwrap();
        let expected = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz\
                        AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN";
        assert_eq!(URL_SAFE_NO_PAD.encode(body), expected);
    }

    #[test]
    fn the_longest_content_fills_what_services_take() {
        let (receiver, random) = published();
        let body = encrypt(&[b'x'; PLAIN_BYTES_MAX], &receiver, &random).unwrap();
        assert_eq!(body.len(), 4096);
        assert!(encrypt(&[b'x'; PLAIN_BYTES_MAX + 1], &receiver, &random).is_err());
        assert!(encrypt(b"x", &receiver, &Random { key: [0; 32], ..random }).is_err());
    }

    #[test]
    fn every_message_is_different() {
        let (receiver, random) = published();
        let sealed = |random| encrypt(b"x", &receiver, &random).unwrap();
        assert_eq!(sealed(random), sealed(random));
        assert_ne!(sealed(random)[86..], sealed(Random { salt: [7; 16], ..random })[86..]);
        assert_ne!(sealed(random)[86..], sealed(Random { key: [7; 32], ..random })[86..]);
    }
}
