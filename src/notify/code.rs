//! Six digits that prove an address.

use crate::domain::code::narrow;
use crate::notify::signature::is_same;

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
    !expected.is_empty() && is_same(expected, &typed)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
