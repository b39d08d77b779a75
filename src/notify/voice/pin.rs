//! The PIN that some people want asked before a call tells them anything. Which try it is stands in the callback's
//! address, which the provider signs, so nothing is stored between tries.

use crate::domain::roster::Pin;
use crate::notify::signature::is_same;

/// How often a wrong PIN may be entered in one call.
pub const TRIES_MAX: u8 = 3;

/// What an entered PIN came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entered {
    /// The call may tell.
    Right,
    /// It may be entered again, as this try.
    Again(u8),
    /// The call ends.
    Refused,
}

/// Judges what was entered at try number `this_try`, which counts from 1. Only the digits count: the key that ends
/// the entry is not among them.
pub fn entered(pin: &Pin, digits: &str, this_try: u8) -> Entered {
    let inside = (1..=TRIES_MAX).contains(&this_try);
    if inside && is_same(pin.digits(), digits) {
        Entered::Right
    } else if inside && this_try < TRIES_MAX {
        Entered::Again(this_try + 1)
    } else {
        Entered::Refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_tries() {
        let pin = Pin::new("4711").expect("a pin");
        for (digits, this_try, expected) in [
            ("4711", 1, Entered::Right),
            ("4711", 3, Entered::Right),
            ("4711", 4, Entered::Refused),
            ("4711", 0, Entered::Refused),
            ("4712", 1, Entered::Again(2)),
            ("", 2, Entered::Again(3)),
            ("47110", 3, Entered::Refused),
            ("4712", u8::MAX, Entered::Refused),
        ] {
            assert_eq!(entered(&pin, digits, this_try), expected, "{digits} at try {this_try}");
        }
    }

    #[test]
    fn what_is_no_pin() {
        for text in ["", "123", "123456789", "12a4", "１２３４"] {
            assert_eq!(Pin::new(text), None, "{text}");
        }
        assert_eq!(format!("{:?}", Pin::new("4711")), "Some((pin))");
    }
}
