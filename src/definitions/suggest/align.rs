//! Lines side by side: what all of them share, and what differs from one to the other.

use std::ops::Range;

use super::tokens::{Kind, Token, tokens};

/// Most tokens of one line that are compared; comparing takes the square of it.
const TOKENS_MAX: usize = 300;

/// A stretch of the lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column<'a> {
    /// The same in every line.
    Fixed(Vec<Token<'a>>),
    /// What each line has here; may be empty.
    Varies(Vec<String>),
}

/// How much of the longer of two lines the other one has, too: 0 to 1.
pub(super) fn similarity(a: &str, b: &str) -> f64 {
    share(a, b, token_weight)
}

/// The same without regard to names and readings: how much two lines are of one frame.
pub(super) fn frame_similarity(a: &str, b: &str) -> f64 {
    share(a, b, |token| if token.kind == Kind::Word { token_weight(token) } else { 1 })
}

fn share(a: &str, b: &str, weight: fn(&Token<'_>) -> u32) -> f64 {
    let (a, b) = (bounded(a), bounded(b));
    let sum = |tokens: &[Token<'_>]| tokens.iter().map(weight).sum::<u32>();
    let mut shared = 0;
    blocks(&a, &b, 0..a.len(), 0..b.len(), &mut |from, _, length| shared += sum(&a[from..from + length]));
    let longest = sum(&a).max(sum(&b));
    if longest == 0 { 1.0 } else { f64::from(shared) / f64::from(longest) }
}

/// Splits lines into what they share and what differs. The rest of an overlong line counts as differing.
pub(super) fn columns<'a>(lines: &[&'a str]) -> Vec<Column<'a>> {
    let Some((first, others)) = lines.split_first() else { return Vec::new() };
    let base = bounded(first);
    let others: Vec<(&str, Vec<Token<'a>>)> = others.iter().map(|line| (*line, bounded(line))).collect();
    let maps: Vec<Vec<Option<usize>>> = others.iter().map(|(_, other)| matched(&base, other)).collect();

    let mut out = Vec::new();
    // Where the text not yet given begins: in the first line, and in each of the others, in tokens.
    let (mut base_at, mut others_at) = (0, vec![0; others.len()]);
    let mut at = 0;
    while at < base.len() {
        let Some(starts) = maps.iter().map(|map| map[at]).collect::<Option<Vec<usize>>>() else {
            at += 1;
            continue;
        };
        let together = |length: usize| {
            maps.iter().zip(&starts).all(|(map, start)| map.get(at + length).copied().flatten() == Some(start + length))
        };
        let length = (1..).find(|length| at + length >= base.len() || !together(*length)).unwrap_or(1);
        let run = &base[at..at + length];
        if run.iter().any(|token| token.kind != Kind::Space) {
            push_varying(
                &mut out,
                &base[base_at..at],
                others.iter().zip(&others_at).zip(&starts).map(|(((_, tokens), from), to)| &tokens[*from..*to]),
            );
            out.push(Column::Fixed(run.to_vec()));
            base_at = at + length;
            others_at = starts.iter().map(|start| start + length).collect();
        }
        at += length;
    }
    push_varying(&mut out, &base[base_at..], others.iter().zip(&others_at).map(|((_, tokens), from)| &tokens[*from..]));
    out
}

fn push_varying<'t, 'a: 't>(
    out: &mut Vec<Column<'a>>,
    base: &[Token<'a>],
    others: impl Iterator<Item = &'t [Token<'a>]>,
) {
    let text = |tokens: &[Token<'_>]| tokens.iter().map(|token| token.text).collect::<String>();
    let values: Vec<String> = std::iter::once(text(base)).chain(others.map(text)).collect();
    if values.iter().any(|value| !value.is_empty()) {
        out.push(Column::Varies(values));
    }
}

fn bounded(line: &str) -> Vec<Token<'_>> {
    let mut tokens = tokens(line);
    tokens.truncate(TOKENS_MAX);
    tokens
}

/// For each token of the base, where the other line has it.
fn matched(base: &[Token<'_>], other: &[Token<'_>]) -> Vec<Option<usize>> {
    let mut map = vec![None; base.len()];
    blocks(base, other, 0..base.len(), 0..other.len(), &mut |from, to, length| {
        for step in 0..length {
            map[from + step] = Some(to + step);
        }
    });
    map
}

/// Calls back for every common stretch: the weightiest first, then what stands before and behind it. People read
/// two lines in this way, too.
fn blocks(
    a: &[Token<'_>],
    b: &[Token<'_>],
    in_a: Range<usize>,
    in_b: Range<usize>,
    found: &mut dyn FnMut(usize, usize, usize),
) {
    let mut todo = vec![(in_a, in_b)];
    while let Some((in_a, in_b)) = todo.pop() {
        let Some((from, to, length)) = weightiest(a, b, in_a.clone(), in_b.clone()) else { continue };
        found(from, to, length);
        todo.push((in_a.start..from, in_b.start..to));
        todo.push((from + length..in_a.end, to + length..in_b.end));
    }
}

fn weightiest(
    a: &[Token<'_>],
    b: &[Token<'_>],
    in_a: Range<usize>,
    in_b: Range<usize>,
) -> Option<(usize, usize, usize)> {
    let mut best: Option<(u32, usize, usize, usize)> = None;
    // Length and weight of the common stretch that ends at the tokens before, for each place in `b`.
    let mut row: Vec<(usize, u32)> = vec![(0, 0); in_b.len() + 1];
    for i in in_a {
        for j in in_b.clone().rev() {
            let slot = j - in_b.start + 1;
            row[slot] = if a[i].text == b[j].text {
                let (length, total) = row[slot - 1];
                (length + 1, total + token_weight(&a[i]))
            } else {
                (0, 0)
            };
            let (length, total) = row[slot];
            if total > 1 && best.is_none_or(|(most, ..)| total > most) {
                best = Some((total, i + 1 - length, j + 1 - length, length));
            }
        }
    }
    best.map(|(_, from, to, length)| (from, to, length))
}

fn token_weight(token: &Token<'_>) -> u32 {
    match token.kind {
        Kind::Word | Kind::Name => 2 + u32::try_from(token.text.chars().count().min(20)).unwrap_or(20),
        Kind::Number | Kind::Mark => 2,
        Kind::Space | Kind::Volatile => 1,
    }
}
