//! What a column is in which samples differ: a state, a name, noise, or each sample's own words.

use std::collections::{BTreeMap, BTreeSet};

use super::unused;
use crate::definitions::suggest::align::Column;
use crate::definitions::suggest::parts::{Gap, StateColumn};
use crate::definitions::suggest::tokens::{Kind, Token, holds, tokens};
use crate::definitions::suggest::words;
use crate::domain::alert::Action;

/// Longest state, in words.
const STATE_WORDS_MAX: usize = 4;

/// What a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Tells the action, or at least how bad it is.
    State { decides: bool },
    /// The name of a thing, of which the samples have several.
    Name,
    /// Noise.
    Gap(Gap),
    /// Each sample's own words, spelt out: a layout of its own.
    Spelt,
}

/// Whether marks or the line's ends stand left and right of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edges {
    left: bool,
    right: bool,
    last: bool,
    /// Whether "is" stands before it.
    copula: bool,
}

pub(super) fn edges(columns: &[Column<'_>]) -> Vec<Edges> {
    let solid = |tokens: &[Token<'_>], last: bool| {
        let mut solid = tokens.iter().filter(|token| token.kind != Kind::Space);
        let token = if last { solid.next_back().copied() } else { solid.next().copied() };
        token.is_none_or(|token| token.kind == Kind::Mark)
    };
    let mut out = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        if let Column::Varies(_) = column {
            let left =
                at.checked_sub(1).is_none_or(|at| matches!(&columns[at], Column::Fixed(run) if solid(run, true)));
            let right = columns.get(at + 1).is_none_or(|next| matches!(next, Column::Fixed(run) if solid(run, false)));
            let word = at.checked_sub(1).and_then(|at| match &columns[at] {
                Column::Fixed(run) => run.iter().rev().find(|token| token.kind != Kind::Space),
                Column::Varies(_) => None,
            });
            let copula = word.is_some_and(|word| ["is", "are", "ist", "est", "está", "è", "é"].contains(&word.text));
            out.push(Edges { left, right, last: at + 1 == columns.len(), copula });
        }
    }
    out
}

/// `lone`: no other column has words. Only then a column decides whose words are not known as states.
pub(super) fn classify(values: &[String], actions: &[Action], edges: Edges, lone: bool) -> Class {
    let volatile = |value: &String| !holds(value, &[Kind::Word, Kind::Name]);
    if values.iter().all(volatile) && values.iter().any(|value| holds(value, &[Kind::Number, Kind::Volatile])) {
        return Class::Gap(gap_of(values));
    }
    let several = actions.iter().any(|action| *action != actions[0]);
    if values.iter().all(|value| is_plain_state(value)) {
        let graded = |(value, action): (&String, &Action)| *action == Action::Resolve && words::is_mere_grade(value);
        let decides = several && is_function(values, actions) && !values.iter().zip(actions).any(graded);
        let stated = values.iter().all(|value| words::holds_state(value));
        if stated || decides && lone {
            return Class::State { decides };
        }
    }
    if is_name(values, actions) {
        return Class::Name;
    }
    if edges.left && edges.last && !values.iter().all(|value| words::holds_state(value)) {
        Class::Gap(Gap::Any)
    } else {
        Class::Spelt
    }
}

/// Free text is noise only where another column tells the actions apart; else it is all there is.
pub(super) fn settled(classes: &[Class], values: &[&Vec<String>], edges: &[Edges]) -> Vec<Class> {
    let known = |at: usize| {
        matches!(classes[at], Class::State { decides: true })
            && values[at].iter().any(|value| words::holds_state(value))
    };
    let told = (0..classes.len()).any(known);
    let any_state = classes.iter().any(|class| matches!(class, Class::State { decides: true }));
    let settle = |at: usize| match classes[at] {
        Class::Gap(Gap::Any) if !any_state => Class::Spelt,
        // Words that differ without being states are free text where something else tells.
        Class::State { .. } if told && !known(at) && !values[at].iter().any(|value| words::holds_state(value)) => {
            if edges[at].left && edges[at].last {
                Class::Gap(Gap::Any)
            } else {
                Class::Spelt
            }
        }
        class => class,
    };
    (0..classes.len()).map(settle).collect()
}

fn gap_of(values: &[String]) -> Gap {
    let digits = |value: &String| !value.is_empty() && value.chars().all(|c| c.is_ascii_digit());
    if values.iter().all(digits) {
        Gap::Digits
    } else if values.iter().all(|value| !value.is_empty() && !value.contains(char::is_whitespace)) {
        Gap::Solid
    } else if values.iter().any(|value| value.trim().is_empty()) {
        Gap::Any
    } else {
        Gap::Some
    }
}

/// A few words and nothing else.
fn is_plain_state(value: &str) -> bool {
    let tokens = tokens(value);
    let plain = |kind: Kind| matches!(kind, Kind::Word | Kind::Space);
    let marks = tokens.iter().filter(|token| !plain(token.kind)).count();
    let symbol = |token: &Token<'_>| plain(token.kind) || token.kind == Kind::Mark && !token.text.is_ascii();
    let trimmed = !value.is_empty() && value.trim() == value;
    trimmed && value.split_whitespace().count() <= STATE_WORDS_MAX && tokens.iter().all(symbol) && marks <= 2
}

fn is_function(values: &[String], actions: &[Action]) -> bool {
    let mut seen: BTreeMap<&str, Action> = BTreeMap::new();
    values.iter().zip(actions).all(|(value, action)| *seen.entry(value.as_str()).or_insert(*action) == *action)
}

/// Names come again in other news of the same thing; free text does not.
fn is_name(values: &[String], actions: &[Action]) -> bool {
    let distinct: BTreeSet<&String> = values.iter().collect();
    if values.iter().any(|value| value.trim().is_empty()) || distinct.len() < 2 {
        return false;
    }
    let of = |wanted: fn(&Action) -> bool| {
        values.iter().zip(actions).filter(move |(_, action)| wanted(action)).map(|(value, _)| value)
    };
    let resolved: BTreeSet<&String> = of(|action| *action == Action::Resolve).collect();
    let open: BTreeSet<&String> = of(|action| *action != Action::Resolve).collect();
    let short = |value: &&String| value.split_whitespace().count() <= 2;
    if resolved.is_empty() || open.is_empty() {
        let named = |value: &&String| holds(value, &[Kind::Name]);
        return distinct.iter().all(|value| named(value) && short(value));
    }
    let again = resolved.intersection(&open).count();
    if resolved.len() > 1 {
        return again == resolved.len();
    }
    // One recovery: its value must be one of the problems', and something else must tell the others apart.
    again == 1 && distinct.iter().all(|value| holds(value, &[Kind::Name]) || short(value) && !words::holds_state(value))
}

/// Of several columns that tell the actions apart, the one that says what kind of news it is: "RECOVERY … is OK" is a
/// recovery for its first word; "DOWNTIMESTART … is OK" is none.
pub(super) fn deciding(classes: &[Class], values: &[&Vec<String>]) -> Option<usize> {
    let rank = |at: &usize| {
        let graded = values[*at].iter().any(|value| words::severity(value).is_some());
        let stated = values[*at].iter().filter(|value| words::holds_state(value)).count();
        (stated == 0, graded, std::cmp::Reverse(stated), *at)
    };
    (0..classes.len()).filter(|at| classes[*at] == Class::State { decides: true }).min_by_key(rank)
}

pub(super) fn state_columns(
    classes: &[Class],
    values: &[&Vec<String>],
    edges: &[Edges],
    decides: Option<usize>,
) -> Vec<StateColumn> {
    let mut out: Vec<StateColumn> = Vec::new();
    for (column, _) in classes.iter().enumerate().filter(|(_, class)| matches!(class, Class::State { .. })) {
        let words: BTreeSet<String> = values[column].iter().cloned().collect();
        let graded = words.iter().any(|word| words::severity(word).is_some());
        // Scripts without blanks give no end to an open word.
        let one_word = words.iter().all(|word| word.chars().all(|c| c.is_alphanumeric() && c < '\u{2e80}'));
        let shouted =
            one_word && words.iter().all(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()));
        let free = (edges[column].left || edges[column].copula) && edges[column].right;
        let open = if shouted { Some("[A-Z]+") } else { (one_word && free).then_some(r"\w+") };
        let wanted = decides == Some(column) || graded || decides.is_none();
        let first = if graded { "state" } else { "type" };
        let used: BTreeSet<String> = out.iter().filter_map(|state| state.capture.clone()).collect();
        let capture = wanted.then(|| unused(&[first, "state", "word"], &used));
        let open = open.filter(|_| wanted);
        out.push(StateColumn { column, capture, open, words });
    }
    out
}
