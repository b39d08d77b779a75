//! What a pressed key means. Keys as the field knows them: 4 acknowledges, 6 resolves after a second press, 5
//! escalates, star repeats.

use crate::notify::exchange::Act;
use crate::notify::spoken::Phrase;

/// How things stand when a key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// So many incidents of the call still need somebody; at least one.
    Waiting(usize),
    /// None does any more: whoever comes late hears who has it. What somebody has may still be resolved.
    Over,
}

/// What is to be done about a key.
#[derive(Debug, Clone, PartialEq)]
pub enum Pressed<'a> {
    /// This.
    Act(Act),
    /// Ask for the second press.
    AskAgain,
    /// Say this, then everything again.
    Menu(Vec<Phrase<'a>>),
}

/// A key pressed in the menu, as the parameter `Digits` has it.
pub fn pressed<'a>(key: &'a str, stand: Stand) -> Pressed<'a> {
    match (key, stand) {
        ("4" | "5", Stand::Over) | ("*", _) => Pressed::Menu(Vec::new()),
        ("4", _) => Pressed::Act(Act::Acknowledge),
        ("5", _) => Pressed::Act(Act::Escalate),
        ("6", Stand::Waiting(..=1) | Stand::Over) => Pressed::AskAgain,
        ("6", _) => Pressed::Menu(vec![Phrase::ManyNotResolved]),
        (key, _) if is_key(key) => Pressed::Menu(vec![Phrase::KeyUnknown(key)]),
        // No key of a phone: nothing is said of it.
        _ => Pressed::Menu(Vec::new()),
    }
}

/// A key pressed after the question whether to resolve.
pub fn pressed_again<'a>(key: &str, stand: Stand) -> Pressed<'a> {
    match (key, stand) {
        ("6", Stand::Waiting(..=1) | Stand::Over) => Pressed::Act(Act::Resolve),
        ("6", Stand::Waiting(_)) => Pressed::Menu(vec![Phrase::ManyNotResolved]),
        _ => Pressed::Menu(vec![Phrase::NotResolved]),
    }
}

fn is_key(key: &str) -> bool {
    key.len() == 1 && key.bytes().all(|byte| byte.is_ascii_digit() || byte == b'#')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let (one, two, over) = (Stand::Waiting(1), Stand::Waiting(2), Stand::Over);
        for (key, stand, expected) in [
            ("4", one, Pressed::Act(Act::Acknowledge)),
            ("4", two, Pressed::Act(Act::Acknowledge)),
            ("4", over, Pressed::Menu(vec![])),
            ("5", two, Pressed::Act(Act::Escalate)),
            ("5", over, Pressed::Menu(vec![])),
            ("6", one, Pressed::AskAgain),
            ("6", two, Pressed::Menu(vec![Phrase::ManyNotResolved])),
            ("6", over, Pressed::AskAgain),
            ("*", one, Pressed::Menu(vec![])),
            ("9", one, Pressed::Menu(vec![Phrase::KeyUnknown("9")])),
            ("#", over, Pressed::Menu(vec![Phrase::KeyUnknown("#")])),
            ("", one, Pressed::Menu(vec![])),
            ("44", one, Pressed::Menu(vec![])),
            ("<x/>", one, Pressed::Menu(vec![])),
        ] {
            assert_eq!(pressed(key, stand), expected, "{key}");
        }
    }

    #[test]
    fn the_second_press() {
        for (key, stand, expected) in [
            ("6", Stand::Waiting(1), Pressed::Act(Act::Resolve)),
            ("6", Stand::Waiting(2), Pressed::Menu(vec![Phrase::ManyNotResolved])),
            ("6", Stand::Over, Pressed::Act(Act::Resolve)),
            ("4", Stand::Waiting(1), Pressed::Menu(vec![Phrase::NotResolved])),
            ("", Stand::Waiting(1), Pressed::Menu(vec![Phrase::NotResolved])),
        ] {
            assert_eq!(pressed_again(key, stand), expected, "{key}");
        }
    }
}
