//! Short codes that name what a text message was about.
//!
//! They are made of random bytes the caller gives, and alternate letter and digit, so that no word of a language and no
//! number is ever one. They have no character that looks like another (O 0, I L 1, S 5, B 8, Z 2, G 6, U V).

use std::fmt;

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
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
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
    }

    proptest! {
        #[test]
        fn nothing_panics(random in proptest::collection::vec(any::<u8>(), 0..80), typed in "\\PC*") {
            let code = Code::fresh(&random, |_| false);
            prop_assert_eq!(code.is_some(), random.len() >= 2);
            if let Some(code) = Code::read(&typed) {
                prop_assert!(code.as_str().is_ascii());
            }
        }
    }
}
