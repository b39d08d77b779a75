//! One form for all ways to write a letter, so that one literal stands for them.
//!
//! Patterns and texts go through the same function, character by character. That alone makes it sound: a literal in a
//! text is also there when both are folded. That the variants of `(?i)` mostly fold into one makes it worth while.

/// Appends the folded character.
pub(super) fn fold(c: char, to: &mut String) {
    match c {
        c if c.is_ascii() => to.push(c.to_ascii_lowercase()),
        c => match lower_case_variant(c) {
            Some(usual) => to.push(usual),
            None => to.extend(c.to_lowercase()),
        },
    }
}

/// Lower-case letters that `(?i)` takes for the same as another lower-case letter.
fn lower_case_variant(c: char) -> Option<char> {
    Some(match c {
        'ſ' => 's',
        'µ' => 'μ',
        'ς' => 'σ',
        'ϐ' => 'β',
        'ϵ' => 'ε',
        'ϑ' => 'θ',
        'ϰ' => 'κ',
        'ϖ' => 'π',
        'ϱ' => 'ρ',
        'ϕ' => 'φ',
        '\u{345}' | '\u{1fbe}' => 'ι',
        '\u{1c80}' => 'в',
        '\u{1c81}' => 'д',
        '\u{1c82}' => 'о',
        '\u{1c83}' => 'с',
        '\u{1c84}' | '\u{1c85}' => 'т',
        '\u{1c86}' => 'ъ',
        '\u{1c87}' => 'ѣ',
        '\u{1c88}' => 'ꙋ',
        'ẛ' => 'ṡ',
        '\u{1fd3}' => '\u{390}',
        '\u{1fe3}' => '\u{3b0}',
        'ﬅ' => 'ﬆ',
        _ => return None,
    })
}

/// The folded text.
pub(super) fn folded(text: &str) -> String {
    let mut to = String::new();
    fold_into(text, &mut to);
    to
}

/// Replaces `to` by the folded text.
pub(super) fn fold_into(text: &str, to: &mut String) {
    to.clear();
    if text.is_ascii() {
        to.push_str(text);
        to.make_ascii_lowercase();
        return;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let plain = rest.bytes().position(|byte| !byte.is_ascii()).unwrap_or(rest.len());
        let (ascii, after) = rest.split_at(plain);
        let start = to.len();
        to.push_str(ascii);
        to[start..].make_ascii_lowercase();
        let mut chars = after.chars();
        if let Some(c) = chars.next() {
            fold(c, to);
        }
        rest = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

    use super::folded;

    #[test]
    fn what_case_folding_takes_for_the_same_folds_into_one() {
        let mut odd = Vec::new();
        for c in '\u{80}'..='\u{1ffff}' {
            if c.is_alphabetic() || !c.to_lowercase().eq([c]) {
                let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
                class.case_fold_simple();
                let same = |other: char| folded(&other.to_string()) == folded(&c.to_string());
                if !class.iter().flat_map(|range| range.start()..=range.end()).all(same) {
                    odd.push(c);
                }
            }
        }
        assert_eq!(odd, [char::MIN; 0]);
    }

    #[test]
    fn texts_fold_as_their_characters_do() {
        for text in ["", "Disk É ẞſ\u{212a}X", "ß", "AB", "Éa", "İI"] {
            assert_eq!(folded(text), text.chars().map(|c| folded(&c.to_string())).collect::<String>());
        }
        assert_eq!(folded("Disk É ẞſ\u{212a}X"), "disk é ßskx");
    }
}
