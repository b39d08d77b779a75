//! The layout that the lines of several samples share: which text is fixed, which names things, which says how they
//! are, and which is noise.

use std::collections::{BTreeMap, BTreeSet};

use super::align::{Column, columns};
use super::names::{Hints, Item, look, mark};
use super::parts::{Gap, Name, Part, Sort, StateColumn};
use super::tokens::{Kind, Token, holds, tokens};
use super::words::{self, Topic};
use crate::domain::alert::Action;
use classes::{Class, classify, deciding, edges, settled, state_columns};

mod classes;

/// The lines of several samples, each as parts.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// For each sample its line.
    pub(super) lines: Vec<Vec<Part>>,
    /// The columns of state words.
    pub(super) states: Vec<StateColumn>,
    /// The column whose words tell the actions apart, where there is one.
    pub(super) decides: Option<usize>,
}

/// Reads the lines; `taken` are capture names that are used elsewhere in the rule and what they hold.
pub(super) fn layout(lines: &[&str], actions: &[Action], hints: Hints<'_>, taken: &[Name]) -> Layout {
    let mut columns = columns(lines);
    if actions.windows(2).all(|pair| pair[0] == pair[1]) {
        free_states(&mut columns, lines.len());
    }
    let values: Vec<&Vec<String>> = columns
        .iter()
        .filter_map(|column| match column {
            Column::Varies(values) => Some(values),
            Column::Fixed(_) => None,
        })
        .collect();
    let edges = edges(&columns);
    let lone =
        values.iter().filter(|values| values.iter().any(|value| holds(value, &[Kind::Word, Kind::Name]))).count() == 1;
    let classes: Vec<Class> =
        values.iter().zip(&edges).map(|(values, edges)| classify(values, actions, *edges, lone)).collect();
    let classes = settled(&classes, &values, &edges);

    let mut items = Vec::new();
    let mut column = 0;
    for part in &columns {
        match part {
            Column::Fixed(tokens) => items.extend(tokens.iter().map(|token| Item::Token(*token))),
            Column::Varies(_) => {
                items.push(Item::Column(column));
                column += 1;
            }
        }
    }
    let mut template = mark(&items, hints);
    name_captures(&mut template, taken);
    let named = column_captures(&template, &classes, &values, taken);
    let decides = deciding(&classes, &values);
    let lines = (0..lines.len()).map(|sample| fill(&template, &classes, &values, (sample, &named), taken)).collect();
    let states = state_columns(&classes, &values, &edges, decides);
    Layout { lines, states, decides }
}

/// A line as parts that name nothing: its words, with gaps for what is of the moment.
pub(super) fn spelt(line: &str) -> Vec<Part> {
    let mut out = Vec::new();
    spell(&mut out, line);
    out
}

/// With news of one kind only, no column tells the states: those that stand free are taken by their look.
fn free_states(columns: &mut Vec<Column<'_>>, samples: usize) {
    let mut out = Vec::new();
    let mut found = 0;
    for column in columns.drain(..) {
        let Column::Fixed(run) = column else {
            out.push(column);
            continue;
        };
        let mut from = 0;
        for at in 0..run.len() {
            let text = run[at].text;
            let solid = |token: &&Token<'_>| token.kind != Kind::Space;
            let left = run[..at].iter().rev().find(solid).is_none_or(|token| token.kind == Kind::Mark);
            let right = run[at + 1..].iter().find(solid).is_none_or(|token| token.kind == Kind::Mark);
            let shouted = text.len() > 1 && text.chars().all(|c| c.is_ascii_uppercase());
            let after_is = at >= 2 && ["is", "are", "ist", "est"].contains(&run[at - 2].text);
            let state = run[at].kind == Kind::Word && (words::is_state(text) || words::holds_state(text));
            if state && found < 2 && (shouted || left || right || after_is) {
                out.push(Column::Fixed(run[from..at].to_vec()));
                out.push(Column::Varies(vec![text.to_owned(); samples]));
                from = at + 1;
                found += 1;
            }
        }
        out.push(Column::Fixed(run[from..].to_vec()));
    }
    out.retain(|column| !matches!(column, Column::Fixed(run) if run.is_empty()));
    *columns = out;
}

/// The parts of one sample's line; `named` are the captures of columns that name things.
fn fill(
    template: &[Result<Part, usize>],
    classes: &[Class],
    values: &[&Vec<String>],
    (sample, named): (usize, &BTreeMap<usize, (String, Sort)>),
    taken: &[Name],
) -> Vec<Part> {
    let mut out = Vec::new();
    for part in template {
        match part {
            Ok(Part::Name(name)) if taken.iter().any(|known| known.value == name.value) => {
                push(
                    &mut out,
                    Part::Gap(if name.value.contains(char::is_whitespace) { Gap::Some } else { Gap::Solid }),
                );
            }
            Ok(part) => push(&mut out, part.clone()),
            Err(column) => {
                let value = &values[*column][sample];
                match classes[*column] {
                    Class::State { .. } => push(&mut out, Part::State { column: *column, value: value.clone() }),
                    Class::Gap(gap) => push(&mut out, Part::Gap(gap)),
                    Class::Name => {
                        let (capture, sort) = named.get(column).cloned().unwrap_or((String::new(), Sort::Thing));
                        push(&mut out, Part::Name(Name { capture, value: value.clone(), sort }));
                    }
                    Class::Spelt => spell(&mut out, value),
                }
            }
        }
    }
    out
}

/// The words of one sample alone: they stay, except what is of the moment.
fn spell(out: &mut Vec<Part>, value: &str) {
    for token in tokens(value) {
        push(
            out,
            match token.kind {
                Kind::Volatile if token.text.contains(' ') => Part::Gap(Gap::Some),
                Kind::Volatile => Part::Gap(Gap::Solid),
                Kind::Name if token.text.chars().any(|c| c.is_ascii_digit()) => Part::Gap(Gap::Solid),
                Kind::Number if token.text.contains(['.', ',']) => Part::Gap(Gap::Solid),
                Kind::Number => Part::Gap(Gap::Digits),
                _ => Part::Text(token.text.to_owned()),
            },
        );
    }
}

/// Adds a part; text joins text, and gaps with blanks between them are one.
fn push(out: &mut Vec<Part>, part: Part) {
    match (out.as_mut_slice(), &part) {
        ([.., Part::Text(before)], Part::Text(text)) => before.push_str(text),
        ([.., Part::Gap(gap)], Part::Gap(_)) => *gap = Gap::Some,
        ([.., Part::Gap(gap), Part::Text(between)], Part::Gap(_)) if between.trim().is_empty() => {
            *gap = Gap::Some;
            out.pop();
        }
        _ => out.push(part),
    }
}

/// Gives every name of the template a capture of its own.
fn name_captures(template: &mut [Result<Part, usize>], taken: &[Name]) {
    let mut used: BTreeSet<String> = taken.iter().map(|name| name.capture.clone()).collect();
    let mut values: Vec<String> = taken.iter().map(|name| name.value.clone()).collect();
    for part in template.iter_mut() {
        let Ok(Part::Name(name)) = part else { continue };
        if values.contains(&name.value) {
            // The same name again: there is nothing to gain from a second capture.
            if !taken.iter().any(|known| known.value == name.value) {
                *part = Ok(Part::Gap(if name.value.contains(char::is_whitespace) { Gap::Some } else { Gap::Solid }));
            }
            continue;
        }
        values.push(name.value.clone());
        let plain: &[&str] = match name.sort {
            Sort::Place => &["host", "object", "item"],
            Sort::Thing => &["object", "item", "part"],
            Sort::Phrase => &["name", "object", "item"],
            Sort::Weak if name.value.contains("://") => &["url"],
            Sort::Weak if name.value.contains(['.', ':']) => &["address"],
            Sort::Weak => &["id"],
        };
        let labelled = (!name.capture.is_empty()).then_some(name.capture.as_str());
        let wanted: Vec<&str> = labelled.into_iter().chain(plain.iter().copied()).collect();
        name.capture = unused(&wanted, &used);
        used.insert(name.capture.clone());
    }
}

/// Captures for the columns that name things: by the word before them, or by their look.
fn column_captures(
    template: &[Result<Part, usize>],
    classes: &[Class],
    values: &[&Vec<String>],
    taken: &[Name],
) -> BTreeMap<usize, (String, Sort)> {
    let mut used: BTreeSet<String> = taken.iter().map(|name| name.capture.clone()).collect();
    used.extend(template.iter().filter_map(|part| match part {
        Ok(Part::Name(name)) => Some(name.capture.clone()),
        _ => None,
    }));
    let mut out = BTreeMap::new();
    let mut noun = None;
    for part in template {
        match part {
            Ok(Part::Text(text)) if text.chars().all(char::is_alphabetic) => {
                let known = matches!(words::topic(text), Topic::Place | Topic::Object);
                noun = words::capture_name(text).filter(|_| known);
            }
            Ok(Part::Text(_)) => {}
            Err(column) if classes[*column] == Class::Name => {
                let one_word = values[*column].iter().all(|value| !value.contains(char::is_whitespace));
                let sort = match (one_word, values[*column].iter().all(|value| look(value) == Sort::Place)) {
                    (true, true) => Sort::Place,
                    (true, false) => Sort::Thing,
                    (false, _) => Sort::Phrase,
                };
                let plain = if sort == Sort::Place { "host" } else { "name" };
                let wanted: Vec<&str> = noun.as_deref().into_iter().chain([plain, "object", "item"]).collect();
                let capture = unused(&wanted, &used);
                used.insert(capture.clone());
                out.insert(*column, (capture, sort));
                noun = None;
            }
            _ => noun = None,
        }
    }
    out
}

/// The first of the names that is not used, or the first with a number.
pub(super) fn unused(names: &[&str], used: &BTreeSet<String>) -> String {
    if let Some(free) = names.iter().find(|name| !used.contains(**name)) {
        return (*free).to_owned();
    }
    let first = names.first().copied().unwrap_or("name");
    (2..).map(|number| format!("{first}{number}")).find(|name| !used.contains(name)).unwrap_or_default()
}
