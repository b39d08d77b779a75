//! Names that are plain words: found by the marks around them.

use super::{Item, Marker};
use crate::definitions::suggest::parts::Sort;
use crate::definitions::suggest::tokens::{Kind, Token};
use crate::definitions::suggest::words;

impl<'a> Marker<'_, 'a, '_> {
    /// Words and a name behind them that fill the room between two marks are one name: "restic vm-store-2".
    pub(super) fn titles(&mut self) {
        let mut from = 0;
        for at in 0..=self.items.len() {
            if at < self.items.len() && !self.ends_phrase(at) {
                continue;
            }
            let (start, end) = self.trimmed_blanks(from, at);
            let inner: Vec<Token<'a>> = (start..end).filter_map(|at| self.token(at)).collect();
            let walled = start == 0 || self.token(start - 1).is_some() || from > 0;
            let first = inner.first().is_some_and(|token| self.is_content(token));
            let last = inner.last().is_some_and(|token| token.kind == Kind::Name);
            let pure = inner
                .iter()
                .all(|token| self.is_content(token) || matches!(token.kind, Kind::Name | Kind::Space | Kind::Number));
            let column = matches!(self.items.get(at), Some(Item::Column(_)))
                || from > 0 && matches!(self.items.get(from - 1), Some(Item::Column(_)));
            if walled
                && first
                && last
                && pure
                && !column
                && inner.iter().filter(|token| token.kind == Kind::Name).count() == 1
            {
                self.add(start, end, None, Sort::Phrase);
            }
            from = at + 1;
        }
    }

    /// Words between marks that are not of the message's frame.
    pub(super) fn phrases(&mut self) {
        let mut from = 0;
        for at in 0..=self.items.len() {
            let inside = at < self.items.len() && !self.ends_phrase(at);
            if !inside {
                self.phrase(from, at);
                from = at + 1;
            }
        }
    }

    /// A phrase that stands in the line twice names the same thing twice.
    pub(super) fn repeats(&mut self) {
        let spans: Vec<(usize, usize)> =
            self.spans.iter().filter(|span| span.to > span.from + 1).map(|span| (span.from, span.to)).collect();
        for (from, to) in spans {
            let length = to - from;
            for at in 0..self.items.len().saturating_sub(length) {
                let same = (0..length)
                    .all(|step| self.token(at + step).map(|t| t.text) == self.token(from + step).map(|t| t.text));
                if same && self.is_free(at, at + length) {
                    self.add(at, at + length, None, Sort::Phrase);
                }
            }
        }
    }

    fn phrase(&mut self, mut from: usize, mut to: usize) {
        let frame = |at: usize| self.token(at).is_none_or(|token| !(self.is_content(&token) || self.is_kept(&token)));
        while from < to && frame(from) {
            from += 1;
        }
        // Beside a column, a state word is a part of what the column says.
        let beside = matches!(self.items.get(to), Some(Item::Column(_)));
        let stated = |at: usize| beside && self.token(at).is_some_and(|token| words::is_state(token.text));
        let tail = |at: usize| {
            stated(at)
                || frame(at)
                    && !self
                        .token(at)
                        .is_some_and(|token| token.is_mark("%)") || matches!(token.kind, Kind::Number | Kind::Volatile))
        };
        while from < to && tail(to - 1) {
            to -= 1;
        }
        // A bracket that was opened before the phrase is not the phrase's.
        let count =
            |mark: &str| (from..to).filter(|at| self.token(*at).is_some_and(|token| token.is_mark(mark))).count();
        if count(")") > count("(") {
            to = (from..to).find(|at| self.token(*at).is_some_and(|token| token.is_mark(")"))).unwrap_or(to);
        }
        let content = (from..to).any(|at| self.token(at).is_some_and(|token| self.is_content(&token)));
        if content && self.is_free(from, to) {
            let label = self.label_before(from);
            self.add(from, to, label, Sort::Phrase);
        }
    }

    /// State words belong to a phrase that has other words; a column beside it would have taken them otherwise.
    fn is_kept(&self, token: &Token<'_>) -> bool {
        token.kind == Kind::Word
            && words::is_state(token.text)
            && !words::is_layout(token.text)
            && token.text.chars().any(char::is_lowercase)
    }

    fn ends_phrase(&self, at: usize) -> bool {
        let Some(token) = self.token(at) else { return true };
        if self.walls[at] || self.spans.iter().any(|span| (span.from..span.to).contains(&at)) {
            return true;
        }
        // Numbers of runs and times are of the moment; a threshold ("90%", "5m") is not.
        let moment = match token.kind {
            Kind::Number => token.text.len() >= 5,
            Kind::Volatile => token.text.len() >= 8 || token.text.contains([':', '/', '-']),
            _ => false,
        };
        if token.kind != Kind::Mark {
            return moment || self.is_brand(&token);
        }
        let blank = |at: Option<usize>| {
            at.and_then(|at| self.items.get(at)).is_none_or(|item| {
                matches!(item, Item::Token(t) if t.kind == Kind::Space) || matches!(item, Item::Column(_))
            })
        };
        let (before, after) = (blank(at.checked_sub(1)), blank(Some(at + 1)));
        match token.text {
            "[" | "]" | "{" | "}" | "\"" | "“" | "”" | "«" | "»" | "|" | "*" | "!" | ";" | "," => true,
            ":" | "." | "?" => after,
            "-" | "–" | "—" | "/" | ">" => before && after,
            _ => !token.text.is_ascii() && !"'’°–—‑".contains(token.text),
        }
    }
}
