//! How a value from mail is written in each dialect so that it stays what it is: text (I35). Every value becomes one
//! line; a template's own words are left alone.

use minijinja::Value;

use crate::domain::roster::Locale;
use crate::notify::line::one_line;
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
    /// Slack's mrkdwn (Slack docs, "Formatting text for app surfaces").
    Slack,
    /// Markdown with backslash escapes (CommonMark 0.31, section 2.4).
    Markdown,
    /// The Markdown of robots, which has no escapes.
    Robot,
    /// JSON; a value is written whole, with its quotes.
    Json,
}

/// A character that is not seen and keeps its neighbours from meaning something together.
const SPLIT: char = '\u{200b}';

impl Dialect {
    /// A text as this dialect shows it.
    pub fn write(self, text: &str) -> String {
        let line = one_line(text, VALUE_CHARS_MAX);
        match self {
            Self::Plain => line,
            Self::Speech(locale) => speakable(text, locale, SPOKEN_CHARS_MAX),
            Self::Html => each(&line, |c, out| match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                '\'' => out.push_str("&#39;"),
                c => out.push(c),
            }),
            Self::Slack => each(&without_links_or_mentions(&line), |c, out| match c {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '*' | '_' | '~' | '`' => out.extend([SPLIT, c, SPLIT]),
                c => out.push(c),
            }),
            Self::Markdown => each(&without_links_or_mentions(&line), |c, out| match c {
                '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '+' | '!' | '|' | '<' | '>'
                | '~' | '&' => {
                    out.extend(['\\', c]);
                }
                // At the beginning of a line these make lists.
                '-' | '=' if out.is_empty() => out.extend(['\\', c]),
                '.' if !out.is_empty() && out.bytes().all(|b| b.is_ascii_digit()) => out.extend(['\\', c]),
                c => out.push(c),
            }),
            Self::Robot => each(&without_links_or_mentions(&line), |c, out| match c {
                // The wide forms look the same and mean nothing.
                '*' | '_' | '`' | '[' | ']' | '(' | ')' | '#' | '<' | '>' | '!' | '|' | '~' | '@' => {
                    out.push(char::from_u32(u32::from(c) + 0xfee0).unwrap_or(' '));
                }
                '-' | '+' if out.is_empty() => out.extend([SPLIT, c]),
                c => out.push(c),
            }),
            Self::Json => json(&Value::from(line)),
        }
    }
}

fn each(text: &str, write: impl Fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| write(c, &mut out));
    out
}

/// Breaks what programs turn into a link or a mention by themselves.
fn without_links_or_mentions(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        let rest = &line[at..];
        let web = !before.is_alphanumeric() && rest.get(..4).is_some_and(|www| www.eq_ignore_ascii_case("www."));
        if rest.starts_with("://") || web {
            out.extend([c, SPLIT]);
        } else if c == '@' {
            out.extend(['@', SPLIT]);
        } else {
            out.push(c);
        }
        before = c;
    }
    out
}

/// A value as JSON; what has no form there is null.
pub fn json(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
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
            (Dialect::Slack, "<!channel> @here", "&lt;!channel&gt; @\u{200b}here"),
            (Dialect::Slack, "*b*", "\u{200b}*\u{200b}b\u{200b}*\u{200b}"),
            (Dialect::Slack, "https://x www.y", "https:\u{200b}//x w\u{200b}ww.y"),
            (Dialect::Markdown, "[x](https://y) *b* @all", "\\[x\\]\\(https:\u{200b}//y\\) \\*b\\* @\u{200b}all"),
            (Dialect::Markdown, "- a - 1. b", "\\- a - 1. b"),
            (Dialect::Markdown, "1. a", "1\\. a"),
            (Dialect::Robot, "# [x](y) @1380", "＃ ［x］（y） ＠\u{200b}1380"),
            (Dialect::Json, "a\"\n</script>", "\"a\\\" </script>\""),
            (Dialect::Speech(Locale::English), "<b> 50%", "less than b greater than 50 percent"),
        ] {
            assert_eq!(dialect.write(text), expected, "{dialect:?} {text}");
        }
    }

    proptest! {
        #[test]
        fn one_line_each(text in "\\PC*|.*") {
            for dialect in [Dialect::Plain, Dialect::Html, Dialect::Slack, Dialect::Markdown, Dialect::Robot, Dialect::Json] {
                let written = dialect.write(&text);
                prop_assert!(!written.contains(['\n', '\r', '\0']));
                let chat = [Dialect::Slack, Dialect::Markdown, Dialect::Robot].contains(&dialect);
                prop_assert!(!chat || (!written.contains("://") && !written.contains("@e")));
                prop_assert!(!matches!(dialect, Dialect::Html | Dialect::Slack) || !written.contains(['<', '>']));
            }
        }
    }
}
