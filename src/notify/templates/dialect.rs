//! How a value from mail is written in each dialect so that it stays what it is: text (I35). Every value becomes one
//! line; a template's own words are left alone.

use crate::domain::roster::Locale;
use crate::notify::line::one_line;
use crate::notify::mail::html;
use crate::notify::spoken::speakable::speakable;

/// Longest value written, in characters.
const VALUE_CHARS_MAX: usize = 2000;

/// Longest value spoken, in characters.
const SPOKEN_CHARS_MAX: usize = 200;

/// The rules of a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// No markup.
    Plain,
    /// For ears.
    Speech(Locale),
    /// HTML text and quoted attributes.
    Html,
}

impl Dialect {
    /// A text as this dialect shows it.
    pub fn write(self, text: &str) -> String {
        let line = one_line(text, VALUE_CHARS_MAX);
        match self {
            Self::Plain => line,
            Self::Speech(locale) => speakable(text, locale, SPOKEN_CHARS_MAX),
            Self::Html => html::escape(&line),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dialects() {
        for (dialect, text, expected) in [
            (Dialect::Plain, "a\r\nb\u{202e}c", "a bc"),
            (Dialect::Html, "<b a=\"'\">&", "&lt;b a=&quot;&#39;&quot;&gt;&amp;"),
            (Dialect::Speech(Locale::English), "<b> 50%", "less than b greater than 50 percent"),
        ] {
            assert_eq!(dialect.write(text), expected, "{dialect:?} {text}");
        }
    }

    proptest! {
        #[test]
        fn one_line_each(text in "\\PC*|.*") {
            for dialect in [Dialect::Plain, Dialect::Html] {
                let written = dialect.write(&text);
                prop_assert!(!written.contains(['\n', '\r', '\0']));
                prop_assert!(dialect != Dialect::Html || !written.contains(['<', '>']));
            }
        }
    }
}
