//! Codes people type: short ones that name what a text message was about, and six digits that prove an address.
//!
//! Both are made of random bytes the caller gives. A short code alternates letter and digit, so that no word of a
//! language and no number is ever one, and has no character that looks like another (O 0, I L 1, S 5, B 8, Z 2,
//! G 6, U V).

use std::fmt;

use subtle::ConstantTimeEq as _;

/// Letters of short codes: 16, so that random bits choose evenly.
const LETTERS: [u8; 16] = *b"ACDEFHJKMNPRTWXY";

/// Digits of short codes: 8.
const DIGITS: [u8; 8] = *b"23456789";

/// Fewest characters of a short code: 128 codes.
pub const SHORT_MIN: usize = 2;

/// Most characters of a short code: 16,384 codes.
pub const SHORT_MAX: usize = 4;

/// Random bytes that make one short code.
const BYTES_EACH: usize = 2;

/// A short code such as `K7`, in capitals.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(String);

impl Code {
    /// A code that is none of those `taken`, as short as can be found with these random bytes, of which each try
    /// takes two: 8 tries with two characters, 8 with three, the rest with four. 64 bytes do, for one reader's
    /// pages are few. Nothing when the bytes are used up.
    pub fn fresh(random: &[u8], taken: impl Fn(&Self) -> bool) -> Option<Self> {
        let tries = random.as_chunks::<BYTES_EACH>().0.iter().enumerate();
        let codes = tries.map(|(at, bytes)| Self::of(u16::from_be_bytes(*bytes), (SHORT_MIN + at / 8).min(SHORT_MAX)));
        codes.into_iter().find(|code| !taken(code))
    }

    /// The code that these bits stand for: 4 for a letter, 3 for a digit, the lowest first.
    fn of(bits: u16, length: usize) -> Self {
        let mut bits = usize::from(bits);
        let mut code = String::new();
        for at in 0..length.clamp(SHORT_MIN, SHORT_MAX) {
            let alphabet: &[u8] = if at % 2 == 0 { &LETTERS } else { &DIGITS };
            code.push(char::from(alphabet[bits % alphabet.len()]));
            bits /= alphabet.len();
        }
        Self(code)
    }

    /// Reads what somebody typed: in any case, also full-width. Nothing when it cannot be a code.
    pub fn read(typed: &str) -> Option<Self> {
        let code: String = typed.chars().take(SHORT_MAX + 1).map(|c| narrow(c).to_ascii_uppercase()).collect();
        let fits = |(at, byte): (usize, u8)| {
            if at % 2 == 0 { LETTERS.contains(&byte) } else { DIGITS.contains(&byte) }
        };
        let is_code = (SHORT_MIN..=SHORT_MAX).contains(&code.len()) && code.bytes().enumerate().all(fits);
        is_code.then_some(Self(code))
    }

    /// The code as it is shown.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are the same, in a time that does not tell how much of it is.
    pub fn matches(&self, other: &Self) -> bool {
        same(&self.0, &other.0)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Six digits that somebody types to prove that an address is theirs. Every one is equally likely, but for a
/// bias below 10⁻¹³.
pub fn verification(random: [u8; 8]) -> String {
    format!("{:06}", u64::from_be_bytes(random) % 1_000_000)
}

/// Whether `typed` is the verification code, in a time that does not tell where it differs. Blanks and hyphens
/// between digits and full-width digits are fine.
pub fn is_verification(expected: &str, typed: &str) -> bool {
    let typed: String =
        typed.chars().take(64).map(narrow).filter(|c| !c.is_whitespace() && *c != '-' && *c != ' ').collect();
    !expected.is_empty() && same(expected, &typed)
}

/// Whether two texts are the same, in a time that depends on their lengths only.
pub fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// A full-width character of the ASCII range (Halfwidth and Fullwidth Forms, U+FF01 to U+FF5E) as the ASCII
/// character; the ideographic space as a blank; any other as it is.
pub fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_short_code_is_reached_and_read() {
        for (length, count) in [(2, 128), (3, 2048), (4, 16384)] {
            let codes: BTreeSet<Code> = (0..=u16::MAX).map(|bits| Code::of(bits, length)).collect();
            assert_eq!(codes.len(), count);
            assert!(codes.iter().all(|code| Code::read(code.as_str()).as_ref() == Some(code)));
        }
    }

    #[test]
    fn a_fresh_code_is_short_and_not_taken() {
        let zeros = [0; 64];
        assert_eq!(Code::fresh(&zeros, |_| false).unwrap().as_str(), "A2");
        let taken = BTreeSet::from(["A2", "A2A"]);
        assert_eq!(Code::fresh(&zeros, |code| taken.contains(code.as_str())).unwrap().as_str(), "A2A2");
        assert_eq!(Code::fresh(&zeros, |_| true), None);
        let with = |octets: usize| Code::fresh(&zeros[..octets], |code| code.as_str() == "A2");
        assert_eq!(with(16), None, "eight tries with two characters");
        assert_eq!(with(18).unwrap().as_str(), "A2A");
        assert_eq!(Code::fresh(&[0], |_| false), None);
        assert_eq!(Code::fresh(&[0xff; 2], |_| false).unwrap().as_str(), "Y9");
    }

    #[test]
    fn what_people_type() {
        for (typed, expected) in [
            ("K7", Some("K7")),
            ("k7m2", Some("K7M2")),
            ("Ｋ７", Some("K7")),
            ("ｋ７ｍ", Some("K7M")),
            ("K", None),
            ("7K", None),
            ("K7M2K", None),
            ("O7", None),
            ("K0", None),
            ("ack", None),
            ("", None),
            ("Ķ7", None),
            ("K7 ", None),
        ] {
            assert_eq!(Code::read(typed).as_ref().map(Code::as_str), expected, "{typed}");
        }
        let code = |text| Code::read(text).unwrap();
        assert!(code("k7").matches(&code("K7")));
        assert!(!code("k7").matches(&code("K8")) && !code("k7").matches(&code("K7M")));
    }

    #[test]
    fn verification_codes() {
        assert_eq!(verification([0; 8]), "000000");
        assert_eq!(verification([0xff; 8]), "551615");
        for (typed, expected) in [
            ("042617", true),
            (" 042-617 ", true),
            ("０４２６１７", true),
            ("42617", false),
            ("042618", false),
            ("0426170", false),
            ("", false),
        ] {
            assert_eq!(is_verification("042617", typed), expected, "{typed}");
        }
        assert!(!is_verification("", ""));
    }

    proptest! {
        #[test]
        fn nothing_panics(random in proptest::collection::vec(any::<u8>(), 0..80), typed in "\\PC*") {
            let code = Code::fresh(&random, |_| false);
            prop_assert_eq!(code.is_some(), random.len() >= 2);
            if let Some(code) = Code::read(&typed) {
                prop_assert!(code.as_str().is_ascii());
            }
            is_verification("123456", &typed);
        }
    }
}
