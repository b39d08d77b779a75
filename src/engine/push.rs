//! Web Push: this installation's key, and the browsers that people subscribe.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use p256::{PublicKey, SecretKey};
use rand::RngExt as _;
use sha2::{Digest as _, Sha256};
use url::Url;

use super::notice::in_time;
use super::{Engine, Error};
use crate::domain::actor::Actor;
use crate::domain::hex::hex;
use crate::domain::request::Refused;
use crate::store;
use crate::store::push::Subscription;
use crate::store::trail::Act;

/// The name of the key in the database. With another key, every browser would have to subscribe anew.
const SECRET: &str = "web-push";

/// Browsers a person may have subscribed at once.
pub const SUBSCRIPTIONS_MAX: i64 = 10;

/// Longest endpoint, in bytes.
const ENDPOINT_BYTES_MAX: usize = 2048;

/// Longest name of a browser, in characters.
const NAME_CHARS_MAX: usize = 60;

/// A subscription as a browser gives it (Push API, `PushSubscription.toJSON`).
#[derive(Clone)]
pub struct PushAsked {
    /// Where its push service takes messages for it.
    pub endpoint: String,
    /// Its public key, in base64url.
    pub p256dh: String,
    /// What it tells us alone, in base64url.
    pub auth: String,
    /// What its owner calls it.
    pub name: String,
}

impl PushAsked {
    /// The subscription of this person.
    ///
    /// # Errors
    /// When the endpoint is no address of the web, or the keys are none.
    pub fn checked(self, user: &str, now: Timestamp) -> Result<Subscription, Refused> {
        let refused = |why: &str| Refused(why.to_owned());
        let url = Url::parse(&self.endpoint).map_err(|_| refused("the endpoint is no URL"))?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
            return Err(refused("the endpoint is no address of a push service"));
        }
        if self.endpoint.len() > ENDPOINT_BYTES_MAX {
            return Err(Refused(format!("the endpoint has more than {ENDPOINT_BYTES_MAX} bytes")));
        }
        receiver_keys(&self.p256dh, &self.auth).map_err(refused)?;
        let name: String = self.name.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
        let digest = hex(&Sha256::digest(self.endpoint.as_bytes()));
        Ok(Subscription {
            id: digest.get(..24).unwrap_or(&digest).to_owned(),
            user: user.to_owned(),
            endpoint: self.endpoint,
            p256dh: self.p256dh,
            auth: self.auth,
            name: if name.trim().is_empty() { "browser".to_owned() } else { name.trim().to_owned() },
            created_at: now,
            told: String::new(),
            last_ok_at: None,
            gone_at: None,
        })
    }
}

/// What a browser's messages are encrypted with, decoded: its key and its secret (RFC 8291 section 3.2).
///
/// # Errors
/// When either is none.
pub fn receiver_keys(p256dh: &str, auth: &str) -> Result<(PublicKey, [u8; 16]), &'static str> {
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok();
    let key = decoded(p256dh).and_then(|key| PublicKey::from_sec1_bytes(&key).ok());
    let auth = decoded(auth).and_then(|auth| auth.try_into().ok());
    Ok((key.ok_or("p256dh is no key of P-256 in base64url")?, auth.ok_or("auth is not 16 bytes in base64url")?))
}

impl Engine {
    /// The key by which push services know us, made when it is first asked for.
    ///
    /// # Errors
    /// When the database does not answer, or holds no key in its place.
    pub async fn push_key(&self) -> Result<SecretKey, store::Error> {
        let stored = match self.store.secret(SECRET).await? {
            Some(stored) => stored,
            None => self.store.secret_or(SECRET, &hex(&fresh_key().to_bytes()), self.clock.now()).await?,
        };
        let corrupt = || store::Error::Corrupt { what: "key of web push", value: "(secret)".to_owned() };
        let pairs = stored.as_bytes().as_chunks::<2>().0.iter();
        let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
        let bytes: Vec<u8> = pairs.map(byte).collect::<Option<_>>().ok_or_else(corrupt)?;
        SecretKey::from_slice(&bytes).map_err(|_| corrupt())
    }

    /// Keeps a subscription. `false` when its person has [`SUBSCRIPTIONS_MAX`] already.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn subscribe_push(&self, subscription: &Subscription, by: &Actor) -> Result<bool, Error> {
        let act = Act::new(by, "browser_subscribed", format!("{} of {}", subscription.name, subscription.user));
        in_time(self.store.add_push_subscription(subscription, SUBSCRIPTIONS_MAX, act)).await
    }

    /// Forgets a subscription of somebody. `false` when there is none of this id.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn unsubscribe_push(&self, user: &str, id: &str, by: &Actor) -> Result<bool, Error> {
        let act = Act::new(by, "browser_removed", format!("browser {id} of {user}"));
        in_time(self.store.remove_push_subscription(user, id, act, self.clock.now())).await
    }
}

/// Nearly every 32 bytes are a key of P-256; the few that are not are drawn again.
fn fresh_key() -> SecretKey {
    loop {
        if let Ok(key) = SecretKey::from_slice(&rand::rng().random::<[u8; 32]>()) {
            return key;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(endpoint: &str, p256dh: &str, auth: &str) -> Result<Subscription, Refused> {
        let (endpoint, p256dh, auth) = (endpoint.to_owned(), p256dh.to_owned(), auth.to_owned());
        PushAsked { endpoint, p256dh, auth, name: " \u{7}".to_owned() }.checked("ann", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_is_no_subscription_is_refused() {
        let key = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
        let auth = "BTBZMqHH6r4Tts7J_aSIgg";
        let endpoint = "https://push.example/send/1";
        let kept = asked(endpoint, key, &format!("{auth}==")).unwrap();
        assert_eq!((kept.name.as_str(), kept.id.len()), ("browser", 24));
        assert!(!format!("{kept:?}").contains("push.example"));
        let off_curve = format!("{}A", key.strip_suffix('4').unwrap());
        let long = format!("{endpoint}{}", "x".repeat(ENDPOINT_BYTES_MAX));
        for (endpoint, key, auth) in [
            ("file:///etc/passwd", key, auth),
            ("https://a:b@push.example/", key, auth),
            ("nonsense", key, auth),
            (long.as_str(), key, auth),
            (endpoint, off_curve.as_str(), auth),
            (endpoint, auth, auth),
            (endpoint, key, "BTBZ"),
            (endpoint, key, "???"),
        ] {
            assert!(asked(endpoint, key, auth).is_err(), "{endpoint} {key} {auth}");
        }
    }

    #[test]
    fn every_key_is_another() {
        assert_ne!(fresh_key().to_bytes(), fresh_key().to_bytes());
    }
}
