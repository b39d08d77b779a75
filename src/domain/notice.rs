//! What people are told beside pages: nobody has to act on it.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Digits of a verification code.
pub const CODE_DIGITS: usize = 6;

/// Codes that may be guessed wrong before a test is void.
pub const GUESSES_MAX: i64 = 5;

/// How long a code is good for.
pub const CODE_LIFE: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Something a person is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Notice {
    /// Somebody tries whether a contact method works. Who gets it proves that with the code, or by a key on the phone.
    Test {
        /// Six digits.
        code: String,
    },
    /// The reader is on call from now on.
    OnCall {
        /// Of which schedule.
        schedule: String,
        /// Until when, where that is known.
        until: Option<Timestamp>,
    },
}

impl Notice {
    /// The word used in the database and in webhooks.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Test { .. } => "test",
            Self::OnCall { .. } => "on-call",
        }
    }

    /// The code it carries.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Test { code } => Some(code),
            Self::OnCall { .. } => None,
        }
    }

    /// Whether this is the code. Blanks that people type for reading are ignored.
    pub fn is_proven_by(&self, given: &str) -> bool {
        let given: String = given.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        self.code() == Some(given.as_str())
    }

    /// In words, with instants in the reader's civil time.
    pub fn text(&self, zone: &TimeZone) -> String {
        match self {
            Self::Test { code } => format!("This is a test of nightcall. The code is {code}."),
            Self::OnCall { schedule, until: None } => format!("You are on call now: {schedule}."),
            Self::OnCall { schedule, until: Some(until) } => {
                let until = until.to_zoned(zone.clone()).strftime("%A %Y-%m-%d %H:%M %Z");
                format!("You are on call now: {schedule}, until {until}.")
            }
        }
    }
}

/// A code out of a random number.
pub fn code(random: u64) -> String {
    format!("{:0width$}", random % 10_u64.pow(CODE_DIGITS as u32), width = CODE_DIGITS)
}

/// How often it is tried to reach somebody with a notice.
pub const ATTEMPTS_MAX: i64 = 5;

/// What came of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// The contact method reaches its person.
    Verified,
    /// It is another code.
    Wrong,
    /// There is no test under way for this method: none was asked for, it is too old, or too many codes were wrong.
    NoTest,
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Verified => "verified",
            Self::Wrong => "this is not the code",
            Self::NoTest => "no test is under way; ask for one first (a code is good for an hour and five tries)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_six_digits_and_are_compared_as_people_type_them() {
        assert_eq!([code(7), code(u64::MAX)].map(|code| code.len()), [CODE_DIGITS; 2]);
        let test = Notice::Test { code: "012345".to_owned() };
        let proven: Vec<bool> =
            ["012345", " 012 345 ", "012-345", "12345", "", "0123456"].map(|code| test.is_proven_by(code)).to_vec();
        assert_eq!(proven, [true, true, true, false, false, false]);
        let told = Notice::OnCall { schedule: "primary".to_owned(), until: None };
        assert!(!told.is_proven_by(""));
    }

    #[test]
    fn texts_tell_the_readers_time() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone");
        let until = Some("2026-11-23T08:00:00Z".parse().expect("an instant"));
        let notice = Notice::OnCall { schedule: "primary".to_owned(), until };
        assert_eq!(notice.text(&zone), "You are on call now: primary, until Monday 2026-11-23 09:00 CET.");
    }
}
