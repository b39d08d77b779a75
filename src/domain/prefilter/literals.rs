//! What a pattern needs: literals that every text it matches contains.
//!
//! Called when rules are loaded. Soundness is everything: a literal demanded wrongly loses an alert. Whatever is not
//! understood demands nothing.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::fold::{fold, folded};
use super::size;

/// How deeply a pattern may nest.
pub const NEST_LIMIT: u32 = 50;

/// How many literals the cross product of neighbours may have.
const MAX_PRODUCT: usize = 16;
/// How many literals a set may have when it comes from one alternation.
const MAX_UNION: usize = 128;
/// Bytes of a literal; longer ones are cut in pieces.
const MAX_LENGTH: usize = 100;
/// Characters of a class (`[ab]`) that become literals; folded ones, and as they stand.
const MAX_CLASS: usize = 4;
const MAX_RAW_CLASS: usize = 12;
/// Shorter literals are in every mail; they are used when there is nothing better.
const GOOD_LENGTH: usize = 3;
const MIN_LENGTH: usize = 2;
/// How many sets a pattern keeps, the longest ones.
const MAX_SETS: usize = 8;

/// Sets of folded literals; a text that matches has at least one literal of every set in it.
///
/// No sets: nothing is known.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Requirements {
    /// Each set is sorted and not empty, and none of its literals contains another.
    pub sets: Vec<Vec<String>>,
}

impl Requirements {
    /// For a text that has to contain (or be) this one, without regard to case.
    pub fn plain(value: &str) -> Self {
        let mut parts = Parts::empty();
        for piece in pieces(value) {
            parts = parts.join(Parts::Exact(vec![folded(piece)]));
        }
        Self { sets: parts.finish() }
    }
}

/// What is known about a pattern without compiling it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// What every match contains.
    pub requirements: Requirements,
    /// The names of its capture groups, in order.
    pub names: Vec<String>,
    /// Compiled it takes at most so many bytes, as `RegexBuilder::size_limit` counts them. Mostly it takes far less.
    pub size: usize,
}

/// Reads a pattern, as `Regex::new` does: a caller that compiles with other flags must not use the answer.
///
/// # Errors
/// When it is no pattern, or nests deeper than [`NEST_LIMIT`].
pub fn required(pattern: &str) -> Result<Outline, Box<regex_syntax::Error>> {
    let hir = ParserBuilder::new().nest_limit(NEST_LIMIT).build().parse(pattern).map_err(Box::new)?;
    let mut names = Vec::new();
    capture_names(&hir, &mut names);
    Ok(Outline { requirements: Requirements { sets: Parts::of(&hir).finish() }, names, size: size::bound(&hir) })
}

fn capture_names(hir: &Hir, names: &mut Vec<String>) {
    if let HirKind::Capture(capture) = hir.kind() {
        names.extend(capture.name.as_deref().map(str::to_owned));
    }
    for sub in hir.kind().subs() {
        capture_names(sub, names);
    }
}

/// Literals of which one must be there.
type Set = Vec<String>;

/// What is known about the texts that a piece of a pattern matches.
#[derive(Debug, Clone)]
enum Parts {
    /// They are exactly these.
    Exact(Set),
    /// They begin with one of these, end with one of those, and contain one of each of the sets.
    Open { prefix: Set, required: Vec<Set>, suffix: Set },
}

impl Parts {
    /// Matches the empty text.
    fn empty() -> Self {
        Self::Exact(nothing())
    }

    /// Matches who knows what.
    fn any() -> Self {
        Self::Open { prefix: nothing(), required: Vec::new(), suffix: nothing() }
    }

    fn of(hir: &Hir) -> Self {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => Self::empty(),
            HirKind::Literal(literal) => match std::str::from_utf8(&literal.0) {
                Ok(text) => pieces(text).fold(Self::empty(), |all, piece| all.join(Self::Exact(vec![folded(piece)]))),
                Err(_) => Self::any(),
            },
            HirKind::Class(class) => class_literals(class).map_or_else(Self::any, Self::Exact),
            HirKind::Repetition(repetition) => Self::repeat(repetition),
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Concat(subs) => subs.iter().fold(Self::empty(), |all, sub| all.join(Self::of(sub))),
            HirKind::Alternation(subs) => Self::alternate(subs.iter().map(Self::of).collect()),
        }
    }

    /// What one followed by the other matches.
    fn join(self, next: Self) -> Self {
        match (self, next) {
            (Self::Exact(left), Self::Exact(right)) => match cross(left, right) {
                Ok(set) => Self::Exact(set),
                Err((prefix, suffix)) => Self::Open { prefix, required: Vec::new(), suffix },
            },
            (Self::Exact(left), Self::Open { prefix, mut required, suffix }) => {
                let prefix = cross(left, prefix).unwrap_or_else(|(left, prefix)| {
                    required.push(prefix);
                    left
                });
                Self::Open { prefix, required, suffix }
            }
            (Self::Open { prefix, mut required, suffix }, Self::Exact(right)) => {
                let suffix = cross(suffix, right).unwrap_or_else(|(suffix, right)| {
                    required.push(suffix);
                    right
                });
                Self::Open { prefix, required, suffix }
            }
            (
                Self::Open { prefix, mut required, suffix: left },
                Self::Open { prefix: right, required: more, suffix },
            ) => {
                match cross(left, right) {
                    Ok(set) => required.push(set),
                    Err((left, right)) => required.extend([left, right]),
                }
                required.extend(more);
                Self::Open { prefix, required, suffix }
            }
        }
    }

    fn alternate(branches: Vec<Self>) -> Self {
        if branches.iter().all(|branch| matches!(branch, Self::Exact(_))) {
            let set = union(branches.into_iter().flat_map(Self::into_sets).collect());
            return if set == nothing() { Self::any() } else { Self::Exact(set) };
        }
        let (mut prefixes, mut suffixes, mut bests) = (Vec::new(), Vec::new(), Vec::new());
        for branch in branches {
            let (prefix, suffix) = match &branch {
                Self::Exact(set) => (set, set),
                Self::Open { prefix, suffix, .. } => (prefix, suffix),
            };
            prefixes.push(prefix.clone());
            suffixes.push(suffix.clone());
            bests.push(branch.finish().into_iter().next().unwrap_or_default());
        }
        Self::Open { prefix: union(prefixes), required: vec![union(bests)], suffix: union(suffixes) }
    }

    fn repeat(repetition: &Repetition) -> Self {
        match (repetition.min, repetition.max) {
            (0, Some(1)) => match Self::of(&repetition.sub) {
                Self::Exact(mut set) => {
                    set.push(String::new());
                    Self::Exact(union(vec![set]))
                }
                Self::Open { .. } => Self::any(),
            },
            (0, _) => Self::any(),
            (min, max) => match Self::of(&repetition.sub) {
                Self::Exact(set) if max == Some(min) => Self::power(&set, min),
                Self::Exact(set) => Self::Open { prefix: set.clone(), required: Vec::new(), suffix: set },
                open @ Self::Open { .. } => open,
            },
        }
    }

    /// One of the set, so many times; when that is too long, only its beginning is known.
    fn power(set: &Set, times: u32) -> Self {
        let mut all = nothing();
        if *set == all {
            return Self::empty();
        }
        for _ in 0..times {
            match cross(all, set.clone()) {
                Ok(longer) => all = longer,
                Err((begin, _)) => return Self::Exact(begin).join(Self::any()),
            }
        }
        Self::Exact(all)
    }

    fn into_sets(self) -> Vec<Set> {
        match self {
            Self::Exact(set) => vec![set],
            Self::Open { prefix, mut required, suffix } => {
                required.extend([prefix, suffix]);
                required
            }
        }
    }

    /// The sets that are of use, best first.
    fn finish(self) -> Vec<Set> {
        let mut sets: Vec<Set> = self.into_sets().into_iter().map(minimal).collect();
        let good = sets.iter().any(|set| shortest(set) >= GOOD_LENGTH);
        sets.retain(|set| shortest(set) >= if good { GOOD_LENGTH } else { MIN_LENGTH });
        sets.sort_by(|a, b| shortest(b).cmp(&shortest(a)).then(a.len().cmp(&b.len())).then_with(|| a.cmp(b)));
        sets.dedup();
        sets.truncate(MAX_SETS);
        let mut kept: Vec<Set> = Vec::with_capacity(sets.len());
        for set in sets {
            if !kept.iter().any(|known| implies(known, &set)) {
                kept.push(set);
            }
        }
        kept
    }
}

/// The set of the empty literal, which says nothing.
fn nothing() -> Set {
    vec![String::new()]
}

/// Length of the shortest literal: what the set is worth.
pub(super) fn shortest(set: &[String]) -> usize {
    set.iter().map(String::len).min().unwrap_or(0)
}

/// Every left one followed by every right one; both back when that would be too many or too long.
fn cross(mut left: Set, right: Set) -> Result<Set, (Set, Set)> {
    let count = left.len().saturating_mul(right.len());
    let limit = if left.len() == 1 || right.len() == 1 { MAX_UNION } else { MAX_PRODUCT };
    let longest = |set: &Set| set.iter().map(String::len).max().unwrap_or(0);
    // The empty set would be right only for a pattern that cannot match.
    if count > limit || count == 0 || longest(&left) + longest(&right) > MAX_LENGTH {
        return Err((left, right));
    }
    if let [only] = &right[..] {
        left.iter_mut().for_each(|literal| literal.push_str(only));
        return Ok(left);
    }
    let mut set: Set = left.iter().flat_map(|begin| right.iter().map(move |end| begin.clone() + end)).collect();
    set.sort_unstable();
    set.dedup();
    Ok(set)
}

/// All literals of all sets; nothing when they are too many, or one of the sets is empty.
fn union(sets: Vec<Set>) -> Set {
    let known = sets.iter().all(|set| !set.is_empty());
    let mut all: Set = sets.into_iter().flatten().collect();
    all.sort_unstable();
    all.dedup();
    if known && all.len() <= MAX_UNION { all } else { nothing() }
}

/// Whether a literal of the second set is there whenever one of the first is.
fn implies(first: &Set, second: &Set) -> bool {
    first.iter().all(|literal| second.iter().any(|part| literal.contains(part.as_str())))
}

/// Without the literals that contain another one: where they are, it is.
fn minimal(mut set: Set) -> Set {
    set.sort_unstable_by_key(String::len);
    let mut kept = Set::with_capacity(set.len());
    for literal in set {
        if !kept.iter().any(|short| literal.contains(short.as_str())) {
            kept.push(literal);
        }
    }
    kept.sort_unstable();
    kept
}

/// The folded characters of a class, when they are few.
fn class_literals(class: &Class) -> Option<Set> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) if class.ranges().len() <= MAX_RAW_CLASS => {
            class.iter().map(|range| (range.start(), range.end())).collect()
        }
        Class::Bytes(class) if class.is_ascii() => {
            class.iter().map(|range| (char::from(range.start()), char::from(range.end()))).collect()
        }
        Class::Unicode(_) | Class::Bytes(_) => return None,
    };
    let mut set = Set::new();
    for (count, c) in ranges.into_iter().flat_map(|(start, end)| start..=end).enumerate() {
        if count >= MAX_RAW_CLASS {
            return None;
        }
        let mut literal = String::new();
        fold(c, &mut literal);
        set.push(literal);
    }
    set.sort_unstable();
    set.dedup();
    (1..=MAX_CLASS).contains(&set.len()).then_some(set)
}

/// The text in pieces that can be literals.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        // Half the length leaves room for folding that makes a character longer.
        let (piece, after) = rest.split_at(rest.floor_char_boundary(MAX_LENGTH / 2));
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}
