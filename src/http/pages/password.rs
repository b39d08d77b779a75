//! Passwords of people: Argon2id (RFC 9106), a few at a time on threads of their own, because it is made to be slow.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Fewest characters of a password. Length is all that is asked for (NIST SP 800-63B, section 3.1.1).
pub const CHARACTERS_MIN: usize = 12;

/// Most bytes of a password.
pub const BYTES_MAX: usize = 512;

/// Hashes computed at once; each takes 19 MiB and a processor that mail and pages need, too.
const AT_ONCE: usize = 2;

/// How long somebody waits for their turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// What somebody without a password is checked against, so that it takes as long.
static NOBODYS: LazyLock<Option<String>> = LazyLock::new(|| hash("").ok());

/// What a check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    /// It is theirs.
    Right,
    /// It is not, or there is no such person; nobody is told which.
    Wrong,
    /// Too many are being checked.
    Busy,
}

/// Computes hashes, a few at a time.
#[derive(Debug, Clone)]
pub struct Passwords {
    turns: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passwords {
    /// Checks a password against somebody's hash; without one, against nobody's.
    pub async fn check(&self, password: String, known: Option<String>) -> Checked {
        let Some(turn) = self.turn().await else { return Checked::Busy };
        let checking = tokio::task::spawn_blocking(move || {
            let is_known = known.is_some();
            let against = known.or_else(|| NOBODYS.clone()).unwrap_or_default();
            let fits = Argon2::default().verify_password(password.as_bytes(), against.as_str()).is_ok();
            drop(turn);
            fits && is_known
        });
        match checking.await {
            Ok(true) => Checked::Right,
            Ok(false) => Checked::Wrong,
            Err(error) => {
                tracing::error!(%error, "checking a password failed inside");
                Checked::Busy
            }
        }
    }

    /// Hashes a new password; `None` when too many are being hashed.
    pub async fn hash(&self, password: String) -> Option<String> {
        let turn = self.turn().await?;
        let hashing = tokio::task::spawn_blocking(move || {
            let hashed = hash(&password);
            drop(turn);
            hashed
        });
        match hashing.await {
            Ok(Ok(hashed)) => Some(hashed),
            Ok(Err(error)) => {
                tracing::error!(%error, "hashing a password failed");
                None
            }
            Err(error) => {
                tracing::error!(%error, "hashing a password failed inside");
                None
            }
        }
    }

    async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        let turn = tokio::time::timeout(TURN_TIMEOUT, Arc::clone(&self.turns).acquire_owned());
        turn.await.ok()?.ok()
    }
}

fn hash(password: &str) -> Result<String, argon2::password_hash::Error> {
    // 19 MiB, two passes, one lane: OWASP's first choice.
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT);
    Ok(argon2.hash_password(password.as_bytes())?.to_string())
}

/// Whether somebody may have this password.
///
/// # Errors
/// In words, why not.
pub fn check(password: &str, repeated: &str) -> Result<(), String> {
    if password != repeated {
        return Err("The two passwords differ.".to_owned());
    }
    if password.chars().count() < CHARACTERS_MIN {
        return Err(format!("A password needs at least {CHARACTERS_MIN} characters. A few words do well."));
    }
    if password.len() > BYTES_MAX {
        return Err(format!("A password has {BYTES_MAX} bytes at most."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_right_password_is_right() {
        let passwords = Passwords::default();
        let known = passwords.hash("correct horse battery".to_owned()).await;
        assert!(known.as_deref().is_some_and(|hash| hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")), "{known:?}");
        for (password, known, expected) in [
            ("correct horse battery", known.clone(), Checked::Right),
            ("correct horse", known, Checked::Wrong),
            ("", None, Checked::Wrong),
            ("x", Some("no hash".to_owned()), Checked::Wrong),
        ] {
            assert_eq!(passwords.check(password.to_owned(), known).await, expected, "{password}");
        }
    }

    #[test]
    fn short_and_mistyped_ones_are_refused() {
        assert!(check("correct horse", "correct horse").is_ok());
        assert!(check("correct horse", "correct house").is_err_and(|why| why.contains("differ")));
        assert!(check("elevenchars", "elevenchars").is_err_and(|why| why.contains("12")));
        assert!(check(&"x".repeat(513), &"x".repeat(513)).is_err());
    }
}
