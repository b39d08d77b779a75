//! Hostile text on one line: what mail brought, made harmless for any place where a reader sees it.

/// Folds white space and control characters to single blanks and drops what nobody sees but which can change how
/// the rest is shown: direction overrides, zero-width characters, tags, noncharacters (Unicode Standard Annex 9
/// and chapter 23). Cuts at `chars_max` characters with "…".
pub fn one_line(text: &str, chars_max: usize) -> String {
    let mut line = String::new();
    let mut blank = false;
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() {
            blank = !line.is_empty();
        } else if !is_invisible(c) {
            if blank {
                line.push(' ');
            }
            line.push(c);
            blank = false;
        }
    }
    cut(&line, chars_max)
}

/// Characters without a shape of their own that steer how others are shown.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
        || (u32::from(c) & 0xfffe) == 0xfffe
        || matches!(c, '\u{fdd0}'..='\u{fdef}')
}

/// At most so many characters; "…" is the last of them when something was cut.
pub fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    let mut kept: String = text.chars().take(chars_max.saturating_sub(1)).collect();
    kept.truncate(kept.trim_end().len());
    if chars_max > 0 {
        kept.push('…');
    }
    kept
}

/// Drops addresses that a reader's program would make a link: what starts with a scheme and `//`, or with `www.`.
/// An address ends at the first character that none has; in its place stands `instead`.
pub fn without_links(text: &str, instead: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, end)) = first_link(rest) {
        kept.push_str(&rest[..start]);
        kept.push_str(instead);
        rest = &rest[end..];
    }
    kept.push_str(rest);
    kept
}

/// Where the first address starts and ends, in bytes.
fn first_link(text: &str) -> Option<(usize, usize)> {
    let scheme = text.find("://").map(|found| {
        let name = text[..found].bytes().rev().take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)).count();
        found - name
    });
    let starts_word = |at: &usize| !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.');
    let host = text.char_indices().map(|(at, _)| at).filter(starts_word);
    let host =
        host.into_iter().find(|at| text.as_bytes()[*at..].get(..4).is_some_and(|w| w.eq_ignore_ascii_case(b"www.")));
    let start = scheme.into_iter().chain(host).min()?;
    let part_of_it = |c: char| c.is_ascii_graphic() && !"<>\"'|`".contains(c);
    let length = text[start..].find(|c: char| !part_of_it(c)).unwrap_or(text.len() - start);
    // A full stop or bracket behind it belongs to the sentence.
    let bare = text[start..start + length].trim_end_matches(['.', ',', ';', ')', ']', '}', '!', '?']);
    // Never nothing, or the search would not end.
    Some((start, start + bare.len().max(1)))
}

/// Whether this is an address a reader may be given as a link: http or https, without anything odd in it.
pub fn is_web_address(text: &str) -> bool {
    let lower = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    let host = text.split_once("://").map_or("", |(_, rest)| rest);
    (lower.starts_with("https://") || lower.starts_with("http://"))
        && host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && text.len() <= LINK_OCTETS_MAX
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"<>\"'`\\|^{}".contains(&b))
}

/// Longest address given as a link.
pub const LINK_OCTETS_MAX: usize = 2000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn one_line_of_harmless_text() {
        for (text, expected) in [
            ("  a\r\n\tb \u{0}c ", "a b c"),
            ("x\u{202e}y\u{200b}z\u{feff}\u{ffff}\u{fdd0}", "xyz"),
            ("データ\u{3000}ベース", "データ ベース"),
            ("\u{1b}[31mred", "[31mred"),
            ("", ""),
            ("\r\n", ""),
        ] {
            assert_eq!(one_line(text, 100), expected, "{text:?}");
        }
        assert_eq!(one_line("abcdef", 4), "abc…");
        assert_eq!(one_line("ab cdef", 4), "ab…");
        assert_eq!(one_line("abc", 0), "");
    }

    #[test]
    fn links_go() {
        for (text, expected) in [
            ("see https://evil.example/?a=b&c.", "see (link)."),
            ("(http://x.y)", "((link))"),
            ("<https://evil.example|ok>", "<(link)|ok>"),
            ("詳細はhttps://x.y/zを参照", "詳細は(link)を参照"),
            ("www.evil.example and WWW.b.c", "(link) and (link)"),
            ("awww.x", "awww.x"),
            ("://", "(link)"),
            ("a://b://c", "(link)"),
            ("no link: a/b//c", "no link: a/b//c"),
        ] {
            assert_eq!(without_links(text, "(link)"), expected, "{text}");
        }
    }

    #[test]
    fn web_addresses() {
        for good in ["https://a.example/x?y=z#w", "http://[::1]:80/", "HTTPS://A"] {
            assert!(is_web_address(good), "{good}");
        }
        for bad in ["javascript:alert(1)", "https://", "https:// x", "https://a\"b", "ftp://a", "https://a\nb", "//a"] {
            assert!(!is_web_address(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn never_longer_never_two_lines(text in "\\PC*|.*", max in 0_usize..50) {
            let line = one_line(&text, max);
            prop_assert!(line.chars().count() <= max);
            prop_assert!(!line.chars().any(|c| c.is_control() || is_invisible(c)));
            prop_assert!(!without_links(&text, "").contains("https://"));
        }
    }
}
