//! Who may say who it is: names and their passwords' hashes (Argon2id, RFC 9106).
//!
//! Hashing is made to be slow, so a few are computed at a time on threads of their own. A password that was right
//! before is known again at once: a flood of guesses keeps no monitor from its mail.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use super::auth::Credentials;

/// Hashes computed at once; each takes its memory and a processor.
const AT_ONCE: usize = 2;

/// How long a client waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// Most memory a hash may ask for, in KiB: a mistyped number must not take the machine down.
const MEMORY_KIB_MAX: u32 = 256 * 1024;

/// Most passes over it.
const PASSES_MAX: u32 = 16;

/// What a check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// The password is this name's.
    Right,
    /// There is no such name, or another password; nobody is told which.
    Wrong,
    /// Too many are being checked.
    Busy,
}

/// The names and hashes of `[smtp.users]`.
pub struct Users {
    /// Replaced as a whole when the settings are read again.
    hashes: RwLock<Arc<BTreeMap<String, String>>>,
    turns: Arc<Semaphore>,
    /// Keyed digests of passwords that were right, by name; the key lives and dies with the process.
    known: Mutex<HashMap<String, [u8; 32]>>,
    key: [u8; 32],
    turn_timeout: Duration,
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.hashes().keys()).finish()
    }
}

impl Default for Users {
    fn default() -> Self {
        Self::new(BTreeMap::new())
    }
}

impl Users {
    /// Users by name, with hashes that [`usable`] likes.
    pub fn new(hashes: BTreeMap<String, String>) -> Self {
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        let hashes = RwLock::new(Arc::new(hashes));
        Self { hashes, turns, known: Mutex::default(), key: rand::random(), turn_timeout: TURN_TIMEOUT }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.hashes().is_empty()
    }

    /// Takes over other users. Who is among both with the same hash is known as before; sessions go on as they are.
    pub fn replace(&self, other: &Self) {
        let (before, after) = (self.hashes(), other.hashes());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *self.hashes.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&after);
        known.retain(|name, _| after.contains_key(name) && after.get(name) == before.get(name));
    }

    fn hashes(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.hashes.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether it was right before; anything else is left for later.
    pub fn check_known(&self, credentials: &Credentials) -> Checked {
        if self.is_known(&credentials.name, &self.digest(credentials)) { Checked::Right } else { Checked::Busy }
    }

    fn is_known(&self, name: &str, digest: &[u8; 32]) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied();
        known.is_some_and(|known| bool::from(known.ct_eq(digest)))
    }

    /// Checks a password. One for a name that does not exist takes as long as any other: it is checked against
    /// somebody else's, always the same, and is wrong whatever comes out.
    pub async fn check(&self, credentials: Credentials) -> Checked {
        let digest = self.digest(&credentials);
        if self.is_known(&credentials.name, &digest) {
            return Checked::Right;
        }
        let hashes = self.hashes();
        let exists = hashes.contains_key(&credentials.name);
        let Some(hash) = hashes.get(&credentials.name).or_else(|| stand_in(&hashes, &credentials.name)).cloned() else {
            return Checked::Wrong;
        };
        let Ok(Ok(turn)) = tokio::time::timeout(self.turn_timeout, Arc::clone(&self.turns).acquire_owned()).await
        else {
            return Checked::Busy;
        };
        let Credentials { name, password } = credentials;
        let hashing = tokio::task::spawn_blocking(move || {
            let fits = Argon2::default().verify_password(&password, hash.as_str()).is_ok();
            drop(turn);
            fits
        });
        match hashing.await {
            Ok(true) if exists => {
                // Not if it was taken away meanwhile.
                let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
                if self.hashes().get(&name) == hashes.get(&name) {
                    known.insert(name, digest);
                }
                Checked::Right
            }
            Ok(_) => Checked::Wrong,
            Err(error) => {
                tracing::error!(%error, "checking a password failed inside");
                Checked::Busy
            }
        }
    }

    fn digest(&self, credentials: &Credentials) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(&(credentials.name.len() as u64).to_be_bytes());
        mac.update(credentials.name.as_bytes());
        mac.update(&credentials.password);
        mac.finalize().into_bytes().into()
    }
}

/// Whose hash an unknown name is checked against: users may have hashes that cost differently, so an unknown name gets
/// one of them, by its own digest.
fn stand_in<'a>(hashes: &'a BTreeMap<String, String>, name: &str) -> Option<&'a String> {
    let digest = Sha256::digest(name);
    let first = digest.iter().take(8).fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
    hashes.values().nth(first.checked_rem(hashes.len())?)
}

/// Hashes a password, for `[smtp.users]`.
///
/// # Errors
/// When the system gives no random salt.
pub fn hash(password: &[u8]) -> Result<String, argon2::password_hash::Error> {
    // 19 MiB, two passes, one lane: OWASP's first choice.
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    Ok(argon2.hash_password(password)?.to_string())
}

/// Whether a hash can be checked against.
///
/// # Errors
/// In words, what is wrong with it.
pub fn usable(hash: &str) -> Result<(), String> {
    let parsed = PasswordHash::new(hash).map_err(|_| "this is no password hash".to_owned())?;
    if parsed.algorithm.as_str() != "argon2id" {
        return Err(format!("this hash is {}, not argon2id", parsed.algorithm));
    }
    let params = Params::try_from(&parsed).map_err(|error| format!("this hash cannot be used: {error}"))?;
    if parsed.salt.is_none() || parsed.hash.is_none() {
        return Err("this hash is not whole".to_owned());
    }
    if params.m_cost() > MEMORY_KIB_MAX || params.t_cost() > PASSES_MAX {
        return Err(format!("this hash costs too much: {MEMORY_KIB_MAX} KiB and {PASSES_MAX} passes are the most"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap(password: &str) -> String {
        let params = Params::new(64, 1, 1, None).expect("good parameters");
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2.hash_password(password.as_bytes()).expect("hashed").to_string()
    }

    fn credentials(name: &str, password: &str) -> Credentials {
        Credentials { name: name.to_owned(), password: password.as_bytes().to_vec() }
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_name_is_right() {
        let one = |name: &str, password: &str| (name.to_owned(), cheap(password));
        let users = Users::new([one("ups", "secret"), one("nas", "other")].into());
        // Twice: the second time some are known.
        for _ in 0..2 {
            for (name, password, expected) in [
                ("ups", "secret", Checked::Right),
                ("nas", "other", Checked::Right),
                ("ups", "other", Checked::Wrong),
                ("nas", "", Checked::Wrong),
                ("nobody", "secret", Checked::Wrong),
                ("nobody", "other", Checked::Wrong),
                ("Ups", "secret", Checked::Wrong),
            ] {
                assert_eq!(users.check(credentials(name, password)).await, expected, "{name} {password}");
            }
        }
        assert_eq!(Users::default().check(credentials("ups", "")).await, Checked::Wrong);
        assert_eq!(format!("{users:?}"), r#"{"nas", "ups"}"#);
    }

    #[tokio::test]
    async fn who_is_taken_away_is_not_known_any_more() {
        let (secret, other) = (cheap("secret"), cheap("other"));
        let one = |name: &str, hash: &String| (name.to_owned(), hash.clone());
        let users = Users::new([one("ups", &secret), one("nas", &other), one("pdu", &other)].into());
        for (name, password) in [("ups", "secret"), ("nas", "other"), ("pdu", "other")] {
            assert_eq!(users.check(credentials(name, password)).await, Checked::Right);
        }
        users.replace(&Users::new([one("ups", &secret), one("nas", &secret), one("new", &other)].into()));
        for (name, password, expected) in [
            ("ups", "secret", Checked::Right),
            ("nas", "other", Checked::Wrong),
            ("nas", "secret", Checked::Right),
            ("pdu", "other", Checked::Wrong),
            ("new", "other", Checked::Right),
        ] {
            assert_eq!(users.check(credentials(name, password)).await, expected, "{name} {password}");
        }
    }

    #[tokio::test]
    async fn a_known_password_waits_for_nobody() {
        let users = Users::new([("ups".to_owned(), cheap("secret"))].into());
        let users = Users { turn_timeout: Duration::ZERO, ..users };
        assert_eq!(users.check(credentials("ups", "secret")).await, Checked::Right);
        let _all = users.turns.acquire_many(AT_ONCE as u32).await.expect("open");
        assert_eq!(users.check(credentials("ups", "guess")).await, Checked::Busy, "others are guessing");
        assert_eq!(users.check(credentials("ups", "secret")).await, Checked::Right);
    }

    #[test]
    fn hashes() {
        let made = hash(b"secret").expect("hashed");
        assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
        assert_eq!(usable(&made), Ok(()));
        assert!(Argon2::default().verify_password(b"secret", made.as_str()).is_ok());
        for (bad, why) in [
            ("secret", "no password hash"),
            ("$argon2i$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0$MjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1", "not argon2id"),
            ("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzYWx0", "not whole"),
            ("$argon2id$v=19$m=9999999,t=1,p=1$c29tZXNhbHRzYWx0$MjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1", "too much"),
        ] {
            assert!(usable(bad).expect_err(bad).contains(why), "{bad}: {:?}", usable(bad));
        }
    }
}
