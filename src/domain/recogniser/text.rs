//! Folds and tokenises the text of a mail, so that the rest of the recogniser sees one spelling of each word.
//!
//! Letters lose case and accents, full-width forms become ASCII, and text without blanks (Chinese, Japanese,
//! Korean) is cut by the lexicon. Everything is one pass over a bounded text.

use super::lexicon;

/// How a token is set off from the text around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// Plain text.
    Open,
    /// In quotes: the name of something, whatever its words say.
    Quoted,
    /// In round brackets: a remark.
    Remark,
    /// In square, curly or angle brackets: a tag.
    Tag,
}

/// One word, number or punctuation mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    /// Folded text; a punctuation mark is its one character.
    pub text: String,
    /// It is a punctuation mark.
    pub mark: bool,
    /// It was written in capitals (two letters or more).
    pub caps: bool,
    /// It is Chinese, Japanese or Korean.
    pub cjk: bool,
    /// No blank stands between it and the token before.
    pub glued: bool,
    /// How it is set off.
    pub place: Place,
}

impl Token {
    /// Whether it is this punctuation mark.
    pub(super) fn is(&self, mark: &str) -> bool {
        self.mark && self.text == mark
    }

    /// A whole or decimal number, signed or with separators.
    pub(super) fn is_number(&self) -> bool {
        self.text.starts_with(|c: char| c.is_ascii_digit())
            && self.text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ',')
    }
}

/// The arrow of a change of state, whichever way it was written.
pub(super) const ARROW: &str = "→";

/// Longest text that is tokenised, in bytes: what matters in a mail stands at its beginning.
pub(super) const TEXT_BYTES_MAX: usize = 16 * 1024;

/// Unifies the spelling of characters but keeps case: full-width forms, dashes, quotes, blanks, arrows.
pub(super) fn unify(text: &str) -> String {
    let mut end = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut unified = String::with_capacity(end);
    for c in text[..end].chars() {
        match c {
            // The full-width forms lie a fixed distance above ASCII.
            '\u{ff01}'..='\u{ff5e}' => unified.push(char::from_u32(c as u32 - 0xfee0).unwrap_or(c)),
            '\u{3000}' | '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' => unified.push(' '),
            '\u{200b}'..='\u{200f}' | '\u{feff}' | '\u{fe0f}' | '\u{ad}' => {}
            '\u{2010}' | '\u{2011}' => unified.push('-'),
            // A dash that is not a hyphen separates.
            '\u{2012}'..='\u{2015}' | '\u{2212}' => unified.push_str(" - "),
            '“' | '”' | '„' | '«' | '»' | '「' | '」' | '『' | '』' => unified.push('"'),
            '‘' | '’' | '`' | '´' => unified.push('\''),
            '【' | '〔' | '《' | '〈' => unified.push('['),
            '】' | '〕' | '》' | '〉' => unified.push(']'),
            '、' | '·' | '・' | '•' => unified.push(','),
            '。' => unified.push('.'),
            '→' | '⇒' | '➔' | '➜' | '➡' => unified.push_str(" → "),
            _ => unified.push(c),
        }
    }
    for arrow in ["-->", "==>", "->", "=>"] {
        if unified.contains(arrow) {
            unified = unified.replace(arrow, " → ");
        }
    }
    unified
}

/// Lower case without accents, so that `RETABLI` is `rétabli`.
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.chars().flat_map(char::to_lowercase) {
        match c {
            'à'..='å' | 'ā' | 'ă' | 'ą' => folded.push('a'),
            'æ' => folded.push_str("ae"),
            'ç' | 'ć' | 'č' => folded.push('c'),
            'ď' => folded.push('d'),
            'è'..='ë' | 'ē' | 'ę' | 'ě' => folded.push('e'),
            'ğ' => folded.push('g'),
            'ì'..='ï' | 'ı' => folded.push('i'),
            'ł' => folded.push('l'),
            'ñ' | 'ń' | 'ň' => folded.push('n'),
            'ò'..='ö' | 'ø' | 'ő' => folded.push('o'),
            'œ' => folded.push_str("oe"),
            'ř' => folded.push('r'),
            'ś' | 'š' | 'ş' | 'ș' => folded.push('s'),
            'ß' => folded.push_str("ss"),
            'ť' | 'ț' => folded.push('t'),
            'ù'..='ü' | 'ů' | 'ű' => folded.push('u'),
            'ý' | 'ÿ' => folded.push('y'),
            'ź' | 'ż' | 'ž' => folded.push('z'),
            'ё' => folded.push('е'),
            // The dot that lower-casing a Turkish capital leaves behind, and other combining accents.
            '\u{300}'..='\u{36f}' => {}
            _ => folded.push(c),
        }
    }
    folded
}

/// Whether a character belongs to a script that is written without blanks (or glues its particles).
pub(super) fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7af}'
        | '\u{f900}'..='\u{faff}')
}

/// Cuts unified text into tokens.
pub(super) fn tokens(unified: &str) -> Vec<Token> {
    let mut cutter = Cutter { tokens: Vec::new(), tags: 0, remarks: 0, quoted: false, glued: false };
    let mut rest = unified;
    while let Some(c) = rest.chars().next() {
        let width = if is_symbol(c) || c.is_whitespace() { c.len_utf8() } else { run_length(rest) };
        let (run, after) = rest.split_at(width);
        rest = after;
        if c.is_whitespace() {
            cutter.glued = false;
        } else if is_symbol(c) {
            cutter.symbol(c, rest);
        } else if is_cjk(c) {
            cutter.unspaced(run);
        } else {
            cutter.spaced(run, rest);
        }
    }
    cutter.tokens
}

fn is_symbol(c: char) -> bool {
    matches!(c, '[' | ']' | '(' | ')' | '{' | '}' | '<' | '>' | '"' | ',' | ';' | '|' | '=' | '!' | '?' | '*' | '→')
        || is_picture(c)
}

/// Pictographs say a state of their own and are glued to words.
fn is_picture(c: char) -> bool {
    matches!(c, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1faff}' | '\u{2b00}'..='\u{2bff}')
}

/// Bytes up to the next blank, symbol, or change between spaced and unspaced script.
fn run_length(text: &str) -> usize {
    let cjk = text.chars().next().is_some_and(is_cjk);
    let end = text.char_indices().find(|(_, c)| c.is_whitespace() || is_symbol(*c) || is_cjk(*c) != cjk);
    end.map_or(text.len(), |(at, _)| at)
}

struct Cutter {
    tokens: Vec<Token>,
    tags: usize,
    remarks: usize,
    quoted: bool,
    glued: bool,
}

impl Cutter {
    fn place(&self) -> Place {
        match () {
            () if self.quoted => Place::Quoted,
            () if self.tags > 0 => Place::Tag,
            () if self.remarks > 0 => Place::Remark,
            () => Place::Open,
        }
    }

    fn push(&mut self, text: &str, mark: bool, cjk: bool) {
        let letters = text.chars().filter(|c| c.is_alphabetic()).count();
        let caps = !mark && letters > 1 && !text.chars().any(char::is_lowercase) && !cjk;
        let place = self.place();
        self.tokens.push(Token { text: fold(text), mark, caps, cjk, glued: self.glued, place });
        self.glued = true;
    }

    fn symbol(&mut self, c: char, rest: &str) {
        match c {
            '[' | '{' => self.tags += 1,
            // A comparison has no closing bracket near by.
            '<' if rest.chars().take(64).any(|c| c == '>') && !rest.starts_with([' ', '=']) => self.tags += 1,
            '(' => self.remarks += 1,
            '"' => self.quoted = !self.quoted && rest.contains('"'),
            _ => {}
        }
        let mut text = [0; 4];
        // A picture is a word: it can be in the lexicon.
        self.push(c.encode_utf8(&mut text), !is_picture(c), false);
        match c {
            ']' | '}' | '>' => self.tags = self.tags.saturating_sub(1),
            ')' => self.remarks = self.remarks.saturating_sub(1),
            _ => {}
        }
    }

    /// A run without blanks: known words are cut out, what is between them is a name.
    fn unspaced(&mut self, run: &str) {
        let folded = fold(run);
        let mut rest = folded.as_str();
        let mut name = String::new();
        while let Some(c) = rest.chars().next() {
            let known = lexicon::unspaced_prefix(rest);
            let width = if known > 0 { known } else { c.len_utf8() };
            let (piece, after) = rest.split_at(width);
            // Hiragana is grammar; names are written in the other scripts.
            let grammar = known == 0 && matches!(c, '\u{3041}'..='\u{309f}');
            if (known > 0 || grammar) && !name.is_empty() {
                let whole = std::mem::take(&mut name);
                self.push(&whole, false, true);
            }
            if known > 0 {
                self.push(piece, false, true);
            } else if !grammar {
                name.push(c);
            }
            rest = after;
        }
        if !name.is_empty() {
            self.push(&name, false, true);
        }
    }

    /// A run in a script with blanks: outer punctuation comes off, inner punctuation stays part of names.
    fn spaced(&mut self, run: &str, rest: &str) {
        let word = run.trim_start_matches(['-', '.', ':', '\'', '#', '+', '~', '&']);
        for c in run[..run.len() - word.len()].chars() {
            self.push(&c.to_string(), true, false);
        }
        let core = word.trim_end_matches(['-', '.', ':', '\'', '/', '&', '#', '+', '~']);
        // A drive letter keeps its colon, a root directory its slash.
        let drive =
            core.len() == 1 && core.starts_with(|c: char| c.is_ascii_alphabetic()) && word[1..].starts_with(':');
        let core = if drive || core.is_empty() { &word[..word.len().min(2)] } else { core };
        let tail = &word[core.len()..];
        let (core, counted) = match rest.chars().next() {
            Some(next) if lexicon::is_counter(next) => split_count(core),
            _ => (core, ""),
        };
        self.split(core);
        if !counted.is_empty() {
            self.push(counted, false, false);
        }
        for c in tail.chars() {
            self.push(&c.to_string(), true, false);
        }
    }

    /// Splits `label:value`, `host/check` and `l'hôte`, where both sides are words.
    fn split(&mut self, core: &str) {
        if core.is_empty() {
            return;
        }
        if !core.contains("://") {
            let at = core.char_indices().skip(1).find(|(at, c)| splits(&core[..*at], *c, &core[at + c.len_utf8()..]));
            if let Some((at, c)) = at {
                if c != '\'' {
                    self.split(&core[..at]);
                    self.push(&c.to_string(), true, false);
                }
                self.split(&core[at + c.len_utf8()..]);
                return;
            }
        }
        if let Some(at) = hump(core) {
            self.push(&core[..at], false, false);
            self.push(&core[at..], false, false);
            return;
        }
        self.push(core, false, false);
    }
}

/// Where the outcome starts in a word such as `StageFailed`.
fn hump(core: &str) -> Option<usize> {
    let outcome = ["Failed", "Success", "Succeeded", "Completed", "Recovered", "Resolved"];
    let at = outcome.iter().find_map(|end| core.strip_suffix(end)).map(str::len)?;
    let inner = core[..at].chars().all(|c| c.is_ascii_alphanumeric()) && core[..at].ends_with(char::is_lowercase);
    inner.then_some(at)
}

fn splits(left: &str, c: char, right: &str) -> bool {
    let word = |text: &str| text.chars().all(char::is_alphabetic) && text.chars().nth(1).is_some();
    match c {
        ':' => (word(left) || word(right)) && !right.is_empty() && !left.contains(['/', '@']),
        '/' => {
            let letter = right.starts_with(char::is_alphabetic) && right.chars().nth(2).is_some();
            letter && left.chars().nth(2).is_some() && !left.starts_with(['/', '.', '~']) && !left.contains(['@', '\\'])
        }
        '\'' => left.chars().count() <= 2 && !right.is_empty(),
        _ => false,
    }
}

/// Takes the count off a run such as `prod-1` in front of a measure word.
fn split_count(core: &str) -> (&str, &str) {
    let head = core.trim_end_matches(|c: char| c.is_ascii_digit());
    (head.trim_end_matches('-'), &core[head.len()..])
}
