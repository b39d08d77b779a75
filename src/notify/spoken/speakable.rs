//! Makes text from mail fit for ears: host names, numbers and signs so that a synthetic voice reads them as a person
//! would, and nothing else. The result has no `<`, `>` or `&`, so no markup of any speech dialect (I35).

use super::{chinese, english, japanese};
use crate::domain::code::narrow;
use crate::domain::roster::Locale;
use crate::notify::line::{is_invisible, without_links};

/// How much of a text is looked at, in characters.
const READ_CHARS_MAX: usize = 2000;

/// Runs of at least so many digits are spelled: no voice reads them well as one number.
const SPELLED_DIGITS_MIN: usize = 5;

/// The text as it is read out, at most so many characters, cut between words where that is near.
pub fn speakable(text: &str, locale: Locale, chars_max: usize) -> String {
    let shown: String = text.chars().take(READ_CHARS_MAX).filter(|c| !is_invisible(*c)).map(heard).collect();
    let shown: Vec<char> = without_links(&shown, " ").chars().collect();
    let mut spoken = Spoken { text: String::new(), locale };
    let mut at = 0;
    while at < shown.len() {
        let digits = shown[at..].iter().take_while(|c| c.is_ascii_digit()).count();
        if digits >= SPELLED_DIGITS_MIN {
            let run: Vec<String> = shown[at..at + digits].iter().map(char::to_string).collect();
            spoken.word(&run.join(" "));
            at += digits;
        } else {
            let before = at.checked_sub(1).and_then(|before| shown.get(before)).copied().unwrap_or(' ');
            let after = shown.get(at + 1).copied().unwrap_or(' ');
            let number = shown[at] == '.' && is_decimal_point(&shown, at);
            spoken.push(shown[at], before, after, number);
            at += 1;
        }
    }
    cut_between_words(spoken.text.trim_matches(is_pause), chars_max)
}

/// Signs that look the same sound the same; what has no sound is a blank.
fn heard(c: char) -> char {
    let drawn = matches!(c, '\u{2190}'..='\u{2bff}' | '\u{e000}'..='\u{f8ff}' | '\u{fe00}'..='\u{fe0f}'
        | '\u{fffc}'..='\u{ffff}' | '\u{1f000}'..='\u{1faff}' | '\u{f0000}'..='\u{10ffff}');
    match c {
        c if c.is_control() || c.is_whitespace() || drawn => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        '\u{2018}' | '\u{2019}' => '\'',
        '℃' => '°',
        c => narrow(c),
    }
}

/// Whether the full stop at this place is that of a number like 97.5; in 10.0.0.1 or 1.2.3 none is.
fn is_decimal_point(text: &[char], at: usize) -> bool {
    let part = |c: &&char| c.is_ascii_digit() || **c == '.';
    let before: Vec<&char> = text[..at].iter().rev().take_while(part).collect();
    let after: Vec<&char> = text[at + 1..].iter().take_while(part).collect();
    // A full stop may end the sentence right after the number.
    let after = after.strip_suffix(&[&'.']).unwrap_or(&after);
    let digits = |part: &[&char]| !part.is_empty() && part.iter().all(|c| c.is_ascii_digit());
    digits(&before) && digits(after)
}

struct Spoken {
    text: String,
    locale: Locale,
}

impl Spoken {
    /// Reads one character between two others.
    fn push(&mut self, c: char, before: char, after: char, decimal: bool) {
        let inside = before.is_alphanumeric() && after.is_alphanumeric();
        match c {
            '.' if decimal => self.text.push('.'),
            '.' | ':' if inside && before.is_ascii_digit() && after.is_ascii_digit() && c == ':' => self.text.push(':'),
            '.' | ':' if inside && before.is_ascii() && after.is_ascii() => self.sign(c),
            '.' | '!' | '?' | ',' | ';' | '。' | '、' | '，' | '！' | '？' | '；' => self.pause(c),
            ':' | '(' | ')' | '[' | ']' | '|' | '：' => self.pause(','),
            '-' if !before.is_alphanumeric() && after.is_ascii_digit() => self.sign(c),
            '#' if after.is_ascii_digit() => self.sign(c),
            '/' if after.is_alphanumeric() => self.sign(c),
            '%' | '@' | '&' | '+' | '=' | '<' | '>' | '°' => self.sign(c),
            '\'' if inside => self.text.push(c),
            c if c.is_alphanumeric() || is_mark(c) => self.text.push(c),
            _ => self.blank(),
        }
    }

    fn blank(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with(' ') {
            self.text.push(' ');
        }
    }

    fn word(&mut self, word: &str) {
        self.blank();
        self.text.push_str(word);
        self.text.push(' ');
    }

    fn sign(&mut self, sign: char) {
        self.word(match self.locale {
            Locale::English => english::sign(sign),
            Locale::Japanese => japanese::sign(sign),
            Locale::Chinese => chinese::sign(sign),
        });
    }

    /// At most one pause at a time, right behind the word.
    fn pause(&mut self, sign: char) {
        let end = self.text.trim_end().len();
        let paused = self.text[..end].ends_with(is_pause);
        if end > 0 && !paused {
            self.text.truncate(end);
            self.text.push(sign);
        }
        self.blank();
    }
}

/// A sign at which a voice rests, or a blank. The sentence around a text has its own.
fn is_pause(c: char) -> bool {
    matches!(c, ' ' | ',' | '.' | ';' | '!' | '?' | '。' | '、' | '，' | '！' | '？' | '；')
}

/// Marks that belong to the letter before, as in Hindi or in decomposed accents, and the Japanese long vowel.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{e31}'..='\u{e4e}' | '\u{3099}' | '\u{309a}' | 'ー')
}

fn cut_between_words(text: &str, chars_max: usize) -> String {
    let Some((end, _)) = text.char_indices().nth(chars_max) else { return text.to_owned() };
    let kept = &text[..end];
    // Not far from the end, or it is a language without blanks.
    let between = kept.rfind(' ').filter(|at| *at >= end / 4 * 3 && !text[end..].starts_with(' '));
    kept[..between.unwrap_or(end)].trim_end_matches([' ', ',']).to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::notify::tests::pages::HOSTILE;

    #[test]
    fn english_ears() {
        for (text, expected) in [
            (
                "db-01.example.com: CPU 97.5% on 10.0.0.1 https://x.y/z?a=b",
                "db 01 dot example dot com, CPU 97.5 percent on 10 dot 0 dot 0 dot 1",
            ),
            (
                "DISK CRITICAL - free space: /var 2 GB (3% inode=95%)",
                "DISK CRITICAL free space, slash var 2 GB, 3 percent inode equals 95 percent",
            ),
            ("order 123456 failed at 12:30.", "order 1 2 3 4 5 6 failed at 12:30"),
            ("load > 5 && swap_used", "load greater than 5 and and swap used"),
            ("** PROBLEM!!! **", "PROBLEM"),
            ("ann@example.com can't log in", "ann at example dot com can't log in"),
            ("-5°C, #12, v1.2.3, 3.5.", "minus 5 degrees C, number 12, v1 dot 2 dot 3, 3.5"),
            ("host:8080 temp ９９９９９", "host colon 8080 temp 9 9 9 9 9"),
            ("<break time=\"10s\"/>", "less than break time equals 10s greater than"),
            ("🔥 up → down 🔥", "up down"),
            ("ids 1234 12345", "ids 1234 1 2 3 4 5"),
            ("", ""),
        ] {
            assert_eq!(speakable(text, Locale::English, 200), expected, "{text}");
        }
    }

    #[test]
    fn other_ears() {
        let said = |text, locale| speakable(text, locale, 200);
        assert_eq!(
            said("データベース db1.local が停止しました。", Locale::Japanese),
            "データベース db1 ドット local が停止しました"
        );
        assert_eq!(said("详情https://x.y/z，磁盘98%", Locale::Chinese), "详情, 磁盘98 百分号");
    }

    #[test]
    fn long_texts_are_cut_between_words() {
        let cut = speakable(&"alpha beta ".repeat(100), Locale::English, 200);
        assert!(cut.chars().count() <= 200 && cut.ends_with("beta"), "{cut}");
        assert_eq!(speakable(&"磁".repeat(1000), Locale::Chinese, 200).chars().count(), 200);
    }

    proptest! {
        #[test]
        fn nothing_but_speech(text in "\\PC*|.*", max in 0_usize..300) {
            for text in HOSTILE.into_iter().chain([text.as_str()]) {
                for locale in Locale::ALL {
                    let said = speakable(text, locale, max);
                    prop_assert!(said.chars().count() <= max);
                    prop_assert!(!said.contains(['<', '>', '&', '\\', '{', '"', '*', '`']), "{}", said);
                    prop_assert!(!said.chars().any(|c| c.is_control() || is_invisible(c)));
                    prop_assert!(!said.contains("://") && !said.contains("  "));
                }
            }
        }
    }
}
