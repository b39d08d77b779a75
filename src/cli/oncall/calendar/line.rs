//! One line of output, measured in columns of a terminal.
//!
//! Names come from people and calendars. Whatever they hold, they neither move the cursor nor break the alignment.

use unicode_width::UnicodeWidthChar as _;

/// Stands for the rest of a text that was cut.
const CUT: char = '…';

/// A blank at which no line is broken.
const TIE: char = '\u{a0}';

/// Before the second and further lines of a text that takes several.
const INDENT: &str = "    ";

/// Colours of people, as SGR codes: green, cyan, magenta, yellow, blue. Red is for gaps alone.
const PEOPLE: [u8; 5] = [32, 36, 35, 33, 34];

/// How a piece of text looks where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Bold,
    Dim,
    /// Nobody is on call.
    Alarm,
    /// The person of this number.
    Person(usize),
}

impl Paint {
    /// The parameter of "select graphic rendition" (ECMA-48, 8.3.117); `None` for what needs none.
    fn code(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Bold => Some(1),
            Self::Dim => Some(2),
            Self::Alarm => Some(31),
            Self::Person(number) => PEOPLE.get(number % PEOPLE.len()).copied(),
        }
    }
}

/// Text in the making.
#[derive(Debug, Default)]
pub(super) struct Line {
    spans: Vec<(Paint, String)>,
    /// Columns taken so far.
    columns: usize,
}

impl Line {
    /// A line that begins with this.
    pub(super) fn of(paint: Paint, text: &str) -> Self {
        let mut line = Self::default();
        line.push(paint, text);
        line
    }

    /// Columns taken so far.
    pub(super) fn columns(&self) -> usize {
        self.columns
    }

    /// Goes on with this, cleaned.
    pub(super) fn push(&mut self, paint: Paint, text: &str) {
        for letter in clean(text) {
            self.columns += columns_of(letter);
            match self.spans.last_mut() {
                Some((known, span)) if *known == paint => span.push(letter),
                _ => self.spans.push((paint, letter.to_string())),
            }
        }
    }

    /// Goes on with blanks up to this column.
    pub(super) fn pad_to(&mut self, column: usize) {
        self.push(Paint::Plain, &" ".repeat(column.saturating_sub(self.columns)));
    }

    /// The text, at most so many columns of it.
    pub(super) fn finish(mut self, width: usize, colour: bool) -> String {
        self.trim();
        let mut left = if self.columns > width { width.saturating_sub(columns_of(CUT)) } else { width };
        let mut text = String::new();
        for (paint, span) in &self.spans {
            let kept = prefix(span, left);
            let code = paint.code().filter(|_| colour && !kept.is_empty());
            if let Some(code) = code {
                text.push_str(&format!("\x1b[{code}m"));
            }
            text.push_str(kept);
            if code.is_some() {
                text.push_str("\x1b[0m");
            }
            left -= columns(kept);
            if kept.len() < span.len() {
                break;
            }
        }
        if self.columns > width {
            text.push(CUT);
        }
        text
    }

    /// Takes blanks off the end.
    fn trim(&mut self) {
        while let Some((_, span)) = self.spans.last_mut() {
            let kept = span.trim_end_matches(' ').len();
            self.columns -= span.len() - kept;
            span.truncate(kept);
            if kept > 0 {
                break;
            }
            self.spans.pop();
        }
    }
}

/// How many columns a text takes.
pub(super) fn columns(text: &str) -> usize {
    clean(text).map(columns_of).sum()
}

/// The text, cut to so many columns.
pub(super) fn fit(text: &str, width: usize) -> String {
    Line::of(Paint::Plain, text).finish(width, false)
}

/// The text with its blanks tied, except those around a dash: for [`wrap`], which unties them.
pub(super) fn tied(text: &str) -> String {
    text.split(" – ").map(|part| part.replace(' ', TIE.encode_utf8(&mut [0; 4]))).collect::<Vec<_>>().join(" – ")
}

/// The text in lines of so many columns, broken at blanks. The second and further ones are indented.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(word) <= width => {
                line.push(' ');
                line.push_str(word);
            }
            last => {
                let indent = if last.is_some() { INDENT } else { "" };
                lines.push(format!("{indent}{word}"));
            }
        }
    }
    lines.iter().map(|line| line.replace(TIE, " ")).collect()
}

/// The longest beginning that takes at most so many columns.
fn prefix(text: &str, width: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, letter)| {
        taken += columns_of(*letter);
        taken > width
    });
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

fn columns_of(letter: char) -> usize {
    letter.width().unwrap_or(0)
}

/// Without what steers a terminal: control characters are replaced, and what is invisible goes: joiners, marks of
/// direction, and the selectors that change a letter's width afterwards.
fn clean(text: &str) -> impl Iterator<Item = char> {
    let shown = text.chars().filter(|letter| {
        !matches!(letter,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
    });
    shown.map(|letter| if letter.is_control() { char::REPLACEMENT_CHARACTER } else { letter })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_columns() {
        assert_eq!(fit("ann", 3), "ann");
        assert_eq!(fit("anna", 3), "an…");
        // Two columns each: the third does not fit before the dots, nor does half of it.
        assert_eq!(fit("田中さん", 6), "田中…");
        assert_eq!(fit("田中さん", 7), "田中さ…");
        assert_eq!(fit("田中さん", 8), "田中さん");
        assert_eq!(fit("Jose\u{301}", 4), "Jose\u{301}");
    }

    #[test]
    fn a_text_is_broken_at_blanks() {
        assert_eq!(wrap("one two three", 13), ["one two three"]);
        assert_eq!(wrap("one two three", 12), ["one two", "    three"]);
        assert_eq!(wrap("one 田中さん", 9), ["one", "    田中さん"]);
        assert_eq!(wrap("", 9), [""]);
        assert_eq!(wrap(&format!("{}, {}", tied("a b – c d"), tied("9 h")), 8), ["a b –", "    c d,", "    9 h"]);
    }

    #[test]
    fn a_name_cannot_steer_the_terminal() {
        assert_eq!(fit("a\x1b[2Jn\r\nn\u{202e}!", 40), "a\u{fffd}[2Jn\u{fffd}\u{fffd}n!");
    }

    #[test]
    fn colours_take_no_columns() {
        let mut line = Line::of(Paint::Bold, "ab");
        line.push(Paint::Alarm, "!!");
        line.push(Paint::Plain, "cd  ");
        assert_eq!(line.finish(5, true), "\x1b[1mab\x1b[0m\x1b[31m!!\x1b[0m…");
    }
}
