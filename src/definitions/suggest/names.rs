//! Where the names of things stand in the text that all samples share.

use super::fields::Field;
use super::parts::{Gap, Part, Sort};
use super::tokens::{Kind, Token, tokens};
use super::words::{self, Topic};

mod phrases;

/// An item of a line that all samples share, or a column in which they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Item<'a> {
    Token(Token<'a>),
    Column(usize),
}

/// What is known besides the line itself.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hints<'a> {
    /// Words of the product's own name, folded by [`brand_word`].
    pub(super) brand: &'a [String],
    /// Body fields with the same value in every sample.
    pub(super) fields: &'a [Field],
    /// Whether plain words can be a name; else only what looks like one.
    pub(super) phrases: bool,
}

/// Finds the names. Gives the line's parts; a column is `Err` with its number.
pub(super) fn mark<'a>(items: &[Item<'a>], hints: Hints<'_>) -> Vec<Result<Part, usize>> {
    let mut marker = Marker { items, hints, spans: Vec::new(), walls: vec![false; items.len()] };
    marker.fields();
    marker.enclosed();
    if hints.phrases {
        marker.titles();
    }
    marker.looks();
    if hints.phrases {
        marker.phrases();
        marker.repeats();
    }
    marker.parts()
}

/// A word without case and marks, so that `Check_MK` is `checkmk`.
pub(super) fn brand_word(word: &str) -> String {
    word.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

struct Span {
    from: usize,
    to: usize,
    label: Option<String>,
    sort: Sort,
}

struct Marker<'i, 'a, 'h> {
    items: &'i [Item<'a>],
    hints: Hints<'h>,
    spans: Vec<Span>,
    /// Items that end a phrase although their look does not say so.
    walls: Vec<bool>,
}

impl<'a> Marker<'_, 'a, '_> {
    fn token(&self, at: usize) -> Option<Token<'a>> {
        match self.items.get(at) {
            Some(Item::Token(token)) => Some(*token),
            _ => None,
        }
    }

    fn is_free(&self, from: usize, to: usize) -> bool {
        let whole = (from..to).all(|at| self.token(at).is_some());
        whole && self.spans.iter().all(|span| span.to <= from || to <= span.from)
    }

    fn add(&mut self, from: usize, to: usize, label: Option<String>, sort: Sort) {
        self.spans.push(Span { from, to, label, sort });
    }

    /// What the body names in a field of its own is a name in the line, too.
    fn fields(&mut self) {
        let mut fields: Vec<&Field> = self.hints.fields.iter().filter(|field| self.is_naming(field)).collect();
        fields.sort_by_key(|field| (field.topic == Topic::Other, std::cmp::Reverse(field.value.len())));
        for field in fields {
            let wanted = tokens(&field.value);
            for from in 0..self.items.len() {
                let to = from + wanted.len();
                let here = wanted
                    .iter()
                    .enumerate()
                    .all(|(step, token)| self.token(from + step).is_some_and(|t| t.text == token.text));
                if here && self.is_free(from, to) {
                    let weak = wanted.len() == 1 && look(&field.value) == Sort::Weak;
                    let sort = if weak {
                        Sort::Weak
                    } else if field.topic == Topic::Place {
                        Sort::Place
                    } else {
                        Sort::Phrase
                    };
                    let to = self.with_root(to);
                    self.add(from, to, Some(field.key.clone()), sort);
                }
            }
        }
    }

    /// "disk /": a lone slash behind a name is the root of a file system.
    fn with_root(&self, to: usize) -> usize {
        let space = |at: usize| self.token(at).is_some_and(|token| token.kind == Kind::Space);
        let framed = self.token(to + 3).is_some_and(|token| words::is_layout(token.text));
        let root = space(to) && self.token(to + 1).is_some_and(|token| token.is_mark("/")) && space(to + 2) && framed;
        if root { to + 2 } else { to }
    }

    fn is_naming(&self, field: &Field) -> bool {
        let content = tokens(&field.value).iter().any(|token| token.kind == Kind::Name || self.is_content(token));
        match field.topic {
            Topic::Place | Topic::Object => content,
            Topic::Other => content && field.value.len() > 3 && !words::holds_state(&field.value),
            Topic::State | Topic::Severity | Topic::Moment => false,
        }
    }

    /// Quoted text, and what stands in brackets.
    fn enclosed(&mut self) {
        let pairs = [
            ('"', '"'),
            ('\'', '\''),
            ('“', '”'),
            ('«', '»'),
            ('„', '“'),
            ('[', ']'),
            ('{', '}'),
            ('(', ')'),
            ('<', '>'),
            ('「', '」'),
            ('“', '”'),
        ];
        let mut at = 0;
        while at < self.items.len() {
            let pair = self.token(at).and_then(|token| {
                pairs.iter().find(|(open, _)| token.kind == Kind::Mark && token.text.starts_with(*open))
            });
            let Some((open, close)) = pair else {
                at += 1;
                continue;
            };
            let before_is_word =
                at > 0 && self.token(at - 1).is_some_and(|token| token.kind != Kind::Space && token.kind != Kind::Mark);
            let end = self.closing(at, *open, *close);
            let Some(end) = end.filter(|_| !(*open == '\'' && before_is_word)) else {
                at += 1;
                continue;
            };
            self.enclosure(at, end, *open);
            at = if *open == '(' { at + 1 } else { end + 1 };
        }
    }

    fn closing(&self, from: usize, open: char, close: char) -> Option<usize> {
        let mut depth = 0;
        for at in from + 1..self.items.len() {
            let token = self.token(at)?;
            if token.kind == Kind::Mark && token.text.starts_with(close) {
                if depth == 0 {
                    return Some(at);
                }
                depth -= 1;
            } else if token.kind == Kind::Mark && token.text.starts_with(open) {
                depth += 1;
            }
        }
        None
    }

    fn enclosure(&mut self, open: usize, close: usize, mark: char) {
        let inner: Vec<Token<'a>> = (open + 1..close).filter_map(|at| self.token(at)).collect();
        let solid: Vec<&Token<'_>> = inner.iter().filter(|token| token.kind != Kind::Space).collect();
        let branded = inner.iter().any(|token| self.is_brand(token));
        let named = solid.iter().any(|token| token.kind == Kind::Name || self.is_content(token));
        // Words in parentheses explain the name before them; a lone address or host name is one by itself.
        let looks = solid.iter().any(|token| token.kind == Kind::Name)
            && !solid.iter().any(|token| token.kind == Kind::Volatile);
        if mark == '(' && !(named && looks) {
            return;
        }
        // `[port]` beside other brackets is a name even where the word is a common one.
        let quoted = !"[{(<".contains(mark) && solid.iter().any(|token| token.kind == Kind::Number);
        let named = named
            || quoted
            || mark == '[' && solid.iter().any(|token| token.kind == Kind::Word && !words::is_state(token.text));
        for at in open..=close {
            self.walls[at] = self.walls[at] || at == open || at == close || branded;
        }
        let (from, to) = self.trimmed_blanks(open + 1, close);
        if mark == '(' && solid.len() > 1 {
            // Parentheses of several words differ from mail to mail as a whole.
            self.spans.retain(|span| span.to <= from || to <= span.from);
        }
        if named && !branded && from < to && self.is_free(from, to) {
            let lone = if solid.len() == 1 { inner.iter().find(|token| token.kind == Kind::Name) } else { None };
            let sort = lone.map_or(Sort::Phrase, |token| look(token.text));
            let label = self.label_before(open);
            self.add(from, to, label, sort);
        }
    }

    fn trimmed_blanks(&self, mut from: usize, mut to: usize) -> (usize, usize) {
        let blank = |at: usize| self.token(at).is_some_and(|token| token.kind == Kind::Space);
        while from < to && blank(from) {
            from += 1;
        }
        while from < to && blank(to - 1) {
            to -= 1;
        }
        (from, to)
    }

    /// Single words that look like names.
    fn looks(&mut self) {
        for at in 0..self.items.len() {
            let Some(token) = self.token(at) else { continue };
            let fit = token.kind == Kind::Name && !self.is_brand(&token) && !self.walls[at];
            if fit && self.is_free(at, at + 1) {
                let label = self.label_before(at);
                self.add(at, at + 1, label, look(token.text));
            }
        }
    }

    fn is_content(&self, token: &Token<'_>) -> bool {
        let letters = token.text.chars().any(char::is_alphabetic);
        let frame = words::is_layout(token.text) || words::is_state(token.text) || self.is_brand(token);
        token.kind == Kind::Word && letters && !frame
    }

    fn is_brand(&self, token: &Token<'_>) -> bool {
        matches!(token.kind, Kind::Word | Kind::Name) && self.hints.brand.contains(&brand_word(token.text))
    }

    /// The noun before a name says what it is: "device X", "Host: X".
    fn label_before(&self, at: usize) -> Option<String> {
        let skipped = |token: &Token<'_>| token.kind == Kind::Space || token.is_mark(":\"'([");
        let noun = (0..at).rev().map_while(|at| self.token(at)).find(|token| !skipped(token))?;
        let known = matches!(words::topic(noun.text), Topic::Place | Topic::Object);
        (known && noun.kind == Kind::Word).then(|| noun.text.to_lowercase())
    }

    fn parts(self) -> Vec<Result<Part, usize>> {
        let mut out: Vec<Result<Part, usize>> = Vec::new();
        let named = !self.spans.is_empty();
        let mut at = 0;
        while at < self.items.len() {
            if let Some(span) = self.spans.iter().find(|span| span.from == at) {
                let value: String =
                    (span.from..span.to).filter_map(|at| self.token(at)).map(|token| token.text).collect();
                let capture = span.label.as_deref().and_then(words::capture_name).unwrap_or_default();
                out.push(Ok(Part::Name(super::parts::Name { capture, value, sort: span.sort })));
                at = span.to;
                continue;
            }
            match &self.items[at] {
                Item::Column(column) => out.push(Err(*column)),
                Item::Token(token) => out.push(Ok(loose(token, named))),
            }
            at += 1;
        }
        out
    }
}

/// Text outside of names: readings of the moment are gaps.
fn loose(token: &Token<'_>, named: bool) -> Part {
    match token.kind {
        Kind::Volatile if token.text.contains(' ') => Part::Gap(Gap::Some),
        Kind::Volatile => Part::Gap(Gap::Solid),
        Kind::Number if named && token.text.chars().all(|c| c.is_ascii_digit()) => Part::Gap(Gap::Digits),
        Kind::Number if named => Part::Gap(Gap::Solid),
        _ => Part::Text(token.text.to_owned()),
    }
}

/// What a single word that looks like a name names.
pub(super) fn look(text: &str) -> Sort {
    let link = text.contains("://");
    let address = text.chars().all(|c| c.is_ascii_hexdigit() || ".:-".contains(c)) && text.contains(['.', ':']);
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let number = digits >= 5 && !text.contains('.') && !text.contains('@');
    let host = text.contains(['-', '.']) || digits > 0;
    if link || address || number {
        Sort::Weak
    } else if text.starts_with('/') || text.contains([':', '\\', '_', '@', '/']) || !host {
        Sort::Thing
    } else {
        Sort::Place
    }
}
