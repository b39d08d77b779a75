//! A line of a mail as tokens: what is a word, what looks like the name of a thing, what is a reading of the moment.

use std::sync::LazyLock;

use regex::Regex;

use super::words;

/// What a token is by its look alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    /// Looks like the name of a thing: a host name, an address, a path, a word with a digit in it.
    Name,
    /// Digits alone: a counter, or the number of a disk.
    Number,
    /// A time, a duration, a percentage, a size: never part of a name.
    Volatile,
    Space,
    Mark,
}

/// One token; tokens in a row are the line again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) kind: Kind,
}

impl Token<'_> {
    /// Whether it is exactly this mark.
    pub(super) fn is_mark(&self, marks: &str) -> bool {
        self.kind == Kind::Mark && marks.contains(self.text)
    }
}

/// Splits a line.
pub(super) fn tokens(line: &str) -> Vec<Token<'_>> {
    let mut out: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    while at < line.len() {
        let token = next(line, at, out.last().copied());
        at += token.text.len();
        out.push(token);
    }
    out
}

/// Whether the text holds a token of one of these kinds.
pub(super) fn holds(text: &str, kinds: &[Kind]) -> bool {
    tokens(text).iter().any(|token| kinds.contains(&token.kind))
}

/// Readings and things whose look is unmistakable. Addresses come before dates: both are digits and dots.
static LEXEMES: LazyLock<Regex> = LazyLock::new(|| {
    let unit = r"(?:%|°[CF]|℃|[mµun]?s\b|[KMGTPkmgtp]i?[Bb]?(?:ps|/s)?\b|B\b|[hdw]\b|(?:msec|sec|min|hr|hour|day|week|bytes?|seconde|Minute|Stunde|minuto|hora)[a-z]{0,2}\b|[秒分]钟?)";
    let clock = r"\d{1,2}:\d\d(?::\d\d)?(?:[.,]\d+)?(?: ?[AaPp]\.?[Mm]\b\.?)?";
    let zone = r"(?: ?(?:Z\b|UTC\b|GMT\b|CES?T\b|[+-]\d\d:?\d\d))?";
    let month = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*";
    let name = [
        r#"[a-z][a-z0-9+.]{1,10}://[^\s<>"')\]}]+"#,
        r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)*",
        r"\d{1,3}(?:\.\d{1,3}){3}\b",
        r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b",
        r"[A-Za-z]:\\[^\s,;]*",
        r"[A-Z]:[ ]?$",
        r"[A-Za-z]+-?\d+(?:/\d+)+",
    ];
    let volatile = [
        r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}",
        &format!(r"\d{{1,4}}[-/.]\d{{1,2}}[-/.]\d{{2,4}}(?:(?:T|,? ){clock})?{zone}"),
        &format!(
            r"(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? )?(?:\d{{1,2}} {month}|{month} \d{{1,2}})(?:,? \d{{4}}\b)?(?:(?: at|,)? {clock})?{zone}(?: \d{{4}}\b)?"
        ),
        &format!("{clock}{zone}"),
        &format!(r"\d+(?:[.,]\d+)* ?{unit}"),
    ];
    let word = r"[\p{L}\p{N}_&&[^\p{Han}\p{Hiragana}\p{Katakana}]]";
    let pattern = format!(
        r"^(?:(?<name>{})|(?<volatile>{})|(?<word>{word}+(?:[.\-'’]+{word}+)*))",
        name.join("|"),
        volatile.join("|")
    );
    Regex::new(&pattern).expect("the pattern is fixed and tested")
});

static PATH: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^/[\w.\-/]*[\w\-]").expect("the pattern is fixed"));

/// A word with a date or a long number in it is one run's own.
static DATED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"(?:19|20)\d\d-?[01]\d-?[0-3]\d|\d{8}").expect("the pattern is fixed"));

fn next<'a>(line: &'a str, at: usize, before: Option<Token<'_>>) -> Token<'a> {
    let rest = &line[at..];
    let blanks = rest.len() - rest.trim_start().len();
    if blanks > 0 {
        return Token { text: &rest[..blanks], kind: Kind::Space };
    }
    let fresh = before.is_none_or(|token| matches!(token.kind, Kind::Space | Kind::Mark));
    if fresh && let Some(path) = PATH.find(rest).filter(|_| before.is_none_or(|token| !token.is_mark("/>"))) {
        return Token { text: path.as_str(), kind: Kind::Name };
    }
    if let Some(found) = LEXEMES.captures(rest) {
        for (group, kind) in [("name", Kind::Name), ("volatile", Kind::Volatile)] {
            if let Some(text) = found.name(group) {
                return Token { text: text.as_str(), kind };
            }
        }
        if let Some(text) = found.name("word") {
            return Token { text: text.as_str(), kind: word_kind(text.as_str()) };
        }
    }
    let first = rest.chars().next().map_or(1, char::len_utf8);
    let unspaced = rest.chars().next().is_some_and(char::is_alphanumeric);
    Token { text: &rest[..first], kind: if unspaced { Kind::Word } else { Kind::Mark } }
}

fn word_kind(word: &str) -> Kind {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let digits = word.chars().filter(char::is_ascii_digit).count();
    if letters == 0 {
        return if digits > 0 { Kind::Number } else { Kind::Word };
    }
    if words::is_state(word) || words::is_layout(word) {
        return Kind::Word;
    }
    if DATED.is_match(word) {
        return Kind::Volatile;
    }
    let hex = word.len() >= 8 && digits > 0 && word.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
    if hex {
        return Kind::Volatile;
    }
    let inner = word.contains(['.', '_', '-']);
    if digits > 0 || inner { Kind::Name } else { Kind::Word }
}
