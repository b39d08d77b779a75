//! Tells a push service who we are, so that it takes nothing from others: VAPID.
//!
//! Sources: RFC 8292, RFC 7515 (JWS), RFC 7518 section 3.4 (ES256). Pure; signatures are deterministic (RFC 6979).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use p256::SecretKey;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use serde_json::json;
use url::Url;

/// For how long a token is good; at most 24 hours are allowed (RFC 8292 section 2).
const LIFE: SignedDuration = SignedDuration::from_hours(12);

/// The value of the Authorization header for one push service. `contact` is whom its operators write to.
pub fn authorization(key: &SecretKey, endpoint: &Url, contact: &str, now: Timestamp) -> String {
    let expires_at = now.checked_add(LIFE).unwrap_or(Timestamp::MAX);
    let claims = json!({
        "aud": endpoint.origin().ascii_serialization(), "exp": expires_at.as_second(), "sub": contact,
    });
    let encoded = |text: String| URL_SAFE_NO_PAD.encode(text);
    let header = json!({"typ": "JWT", "alg": "ES256"});
    let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
    let signature: Signature = SigningKey::from(key).sign(signed.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
    // Without a blank behind the comma, which some do not expect.
    format!("vapid t={signed}.{signature},k={}", public_key(key))
}

/// The public half, as browsers (`applicationServerKey`) and push services want it.
pub fn public_key(key: &SecretKey) -> String {
    URL_SAFE_NO_PAD.encode(key.public_key().to_sec1_bytes())
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::VerifyingKey;
    use p256::ecdsa::signature::Verifier as _;
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_token_is_for_one_service_and_half_a_day() {
        let key = SecretKey::from_slice(&[7; 32]).unwrap();
        let endpoint = Url::parse("https://push.example:8443/send/T0K3N?x=1").unwrap();
        let now = "2026-11-21T00:05:00Z".parse().unwrap();
        let header = authorization(&key, &endpoint, "mailto:ops@example.com", now);
        let (token, public) = header.strip_prefix("vapid t=").unwrap().split_once(",k=").unwrap();
        let [head, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
        let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
        let claims: Value = serde_json::from_slice(&decoded(claims)).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443", "the path is secret");
        assert_eq!((&claims["exp"], &claims["sub"]), (&json!(1_795_262_700), &json!("mailto:ops@example.com")));
        let verifying = VerifyingKey::from_sec1_bytes(&decoded(public)).unwrap();
        let signed = token.rsplit_once('.').unwrap().0;
        let signature = Signature::from_slice(&decoded(signature)).unwrap();
        verifying.verify(signed.as_bytes(), &signature).unwrap();
        assert!(verifying.verify(b"another", &signature).is_err());
        assert_eq!(decoded(head), br#"{"alg":"ES256","typ":"JWT"}"#);
    }
}
