//! How big a pattern can get when it is compiled.
//!
//! Counts what the Thompson construction of regex-automata 0.4 makes in either direction (`nfa/thompson/compiler.rs`),
//! generously. A test compiles patterns with the bound as their size limit.

use regex_syntax::hir::{Class, ClassUnicode, Hir, HirKind};

/// Bytes of a state.
const STATE: usize = 32;
/// Bytes of an entry in a state's list of transitions.
const TRANSITION: usize = 8;
/// Bytes per byte of a literal, which may become part of a trie.
const LITERAL: usize = 3 * STATE + 2 * TRANSITION;

/// At most so many bytes.
pub(super) fn bound(hir: &Hir) -> usize {
    // The loop before an unanchored match, the group of the whole, the match itself.
    node(hir).saturating_add(12 * STATE)
}

fn node(hir: &Hir) -> usize {
    let subs = || hir.kind().subs().iter().map(node).fold(0, usize::saturating_add);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => STATE,
        HirKind::Literal(literal) => literal.0.len() * LITERAL,
        HirKind::Class(Class::Bytes(class)) => 2 * STATE + class.ranges().len() * TRANSITION,
        HirKind::Class(Class::Unicode(class)) => unicode_class(class),
        HirKind::Capture(_) => subs().saturating_add(2 * STATE),
        HirKind::Concat(_) => subs().saturating_add(STATE),
        HirKind::Alternation(branches) => subs().saturating_add(2 * STATE + branches.len() * TRANSITION),
        HirKind::Repetition(repetition) => {
            let copies = repetition.max.unwrap_or(repetition.min).max(repetition.min).max(1);
            let copies = usize::try_from(copies).unwrap_or(usize::MAX);
            subs().saturating_add(STATE + 2 * TRANSITION).saturating_mul(copies).saturating_add(4 * STATE)
        }
    }
}

fn unicode_class(class: &ClassUnicode) -> usize {
    if class.is_ascii() {
        return 2 * STATE + class.ranges().len() * TRANSITION;
    }
    class.iter().map(|range| sequences(range.start(), range.end())).sum::<usize>() + 3 * STATE
}

/// Bytes for the UTF-8 sequences of a range of characters, one or two states per byte of each.
fn sequences(start: char, end: char) -> usize {
    let (start, end) = (u32::from(start), u32::from(end));
    let mut bytes = 0;
    for (length, first, last) in
        [(1, 0, 0x7f), (2, 0x80, 0x7ff), (3, 0x800, 0xd7ff), (3, 0xe000, 0xffff), (4, 0x1_0000, 0x10_ffff)]
    {
        let (low, high) = (start.max(first), end.min(last));
        if low > high {
            continue;
        }
        // Where the upper bits differ, the range splits into a head, whole blocks and a tail, for each byte after them.
        let count = match () {
            () if length == 1 || low >> 6 == high >> 6 => 1,
            () if low >> 12 == high >> 12 => 3,
            () if low >> 18 == high >> 18 => 5,
            () => 7,
        };
        bytes += count * (length * (STATE + TRANSITION) + TRANSITION);
    }
    bytes
}
