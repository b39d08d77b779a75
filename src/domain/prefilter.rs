//! Which rules can match a mail at all, so that judging does not grow with the rulebook.
//!
//! Built when rules are loaded, asked once per mail. Every rule is filed under literals that any mail it matches
//! contains; one search per field finds those that are there. It may name too many rules, never too few: a rule that
//! is left out wrongly is a lost alert.

use std::collections::HashMap;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind, packed};

pub use literals::{NEST_LIMIT, Outline, Requirements, required};

mod fold;
mod literals;
mod size;
#[cfg(test)]
mod tests;

/// One criterion of a rule: a value of the field matches one of these patterns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Number of the field, as the caller counts them.
    pub field: usize,
    /// What each pattern requires.
    pub any: Vec<Requirements>,
    /// What looking through the field costs, compared to a short one: rules are filed under words of a long field
    /// only where that tells much more.
    pub weight: u64,
}

/// A literal in more sets than this is one that many rules have.
const MANY: u64 = 8;

/// So few literals make a table that is quick to walk and not too large.
const FEW: usize = 500;

/// An index over the rules of a rulebook.
#[derive(Debug, Default)]
pub struct Prefilter {
    fields: Vec<FieldIndex>,
    /// By literal: the rules filed under it.
    rules: Lists,
    /// By rule: literals of which one must be there too. None: no such demand.
    also: Lists,
    /// Rules that need a look in any case.
    always: Vec<u32>,
}

/// Literals of one field.
#[derive(Debug)]
struct FieldIndex {
    field: usize,
    /// Number of the automaton's first literal; the others follow.
    first: u32,
    automaton: AhoCorasick,
    /// Where the literals are few: sees more quickly that a text has none of them.
    glance: Option<packed::Searcher>,
    /// Literals of which one must have been seen, or else this field says nothing; none: it is searched in any case.
    gates: Vec<u32>,
}

/// The rules filed under a literal.
#[derive(Debug, Default)]
struct Filed {
    rules: Vec<u32>,
    /// Some rule needs it looked for whatever else is in the mail.
    open: bool,
}

/// Lists of numbers, one after the other.
#[derive(Debug, Default)]
struct Lists {
    /// Where each list ends.
    ends: Vec<u32>,
    items: Vec<u32>,
}

/// Working memory for [`Prefilter::candidates`], kept from mail to mail.
#[derive(Debug, Default)]
pub struct Scratch {
    /// By literal: the mail in which it was seen last.
    seen: Vec<u32>,
    /// Number of the mail.
    now: u32,
    found: Vec<u32>,
    folded: String,
    candidates: Vec<u32>,
}

impl Prefilter {
    /// Files the rules, which are numbered from 0 as they come.
    pub fn build(rules: impl IntoIterator<Item = Vec<Need>>) -> Self {
        let rules: Vec<Vec<Need>> = rules.into_iter().collect();
        let census = Census::of(&rules);
        let mut literals: HashMap<(usize, &str), Filed> = HashMap::new();
        let mut choices = Vec::with_capacity(rules.len());
        let mut always = Vec::new();
        for (rule, needs) in (0..).zip(&rules) {
            let (first, second) = census.choose(needs);
            if first.is_none() {
                always.push(rule);
            }
            let gated = first.as_ref().zip(second.as_ref()).is_some_and(|(first, second)| second.weight < first.weight);
            for literal in first.iter().flat_map(Choice::keys) {
                let filed = literals.entry(literal).or_default();
                filed.rules.push(rule);
                filed.open |= !gated;
            }
            for literal in second.iter().flat_map(Choice::keys) {
                literals.entry(literal).or_default().open = true;
            }
            choices.push(second);
        }
        let mut index = Self { always, ..Self::default() };
        let (numbers, gated_from) = index.number(literals);
        for second in &choices {
            index.also.push(second.iter().flat_map(Choice::keys).filter_map(|key| numbers.get(&key).copied()));
        }
        index.gate(gated_from);
        index
    }

    /// A field of which every rule needs another word as well is searched only when such a word is there.
    fn gate(&mut self, gated_from: usize) {
        for index in self.fields.iter_mut().skip(gated_from) {
            let count = u32::try_from(index.automaton.patterns_len()).unwrap_or(u32::MAX);
            let literals = index.first..index.first.saturating_add(count);
            let others: Vec<&[u32]> =
                literals.flat_map(|literal| self.rules.get(literal)).map(|rule| self.also.get(*rule)).collect();
            if others.iter().any(|others| others.is_empty()) {
                continue;
            }
            index.gates = others.concat();
            index.gates.sort_unstable();
            index.gates.dedup();
        }
    }

    /// Gives every literal its number and every field its automaton, the gated ones last. Returns the numbers and
    /// where the gated ones begin.
    fn number<'a>(&mut self, literals: HashMap<(usize, &'a str), Filed>) -> (HashMap<(usize, &'a str), u32>, usize) {
        let mut literals: Vec<_> = literals.into_iter().collect();
        let order = |filed: &Filed, field: usize| (!filed.open, field);
        literals.sort_unstable_by(|((left, left_text), left_filed), ((right, right_text), right_filed)| {
            (order(left_filed, *left), left_text).cmp(&(order(right_filed, *right), right_text))
        });
        let mut gated_from = None;
        let mut numbers = HashMap::with_capacity(literals.len());
        let same = |((left, _), left_filed): &(_, Filed), ((right, _), right_filed): &(_, Filed)| {
            order(left_filed, *left) == order(right_filed, *right)
        };
        for group in literals.chunk_by(same) {
            let automaton = AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(if group.len() <= FEW { AhoCorasickKind::DFA } else { AhoCorasickKind::ContiguousNFA }))
                .build(group.iter().map(|((_, literal), _)| literal));
            let (Some(((field, _), filed)), Ok(automaton)) = (group.first(), automaton) else {
                // More literals than an automaton can hold: better slow than wrong.
                self.always.extend(group.iter().flat_map(|(_, filed)| &filed.rules));
                continue;
            };
            if !filed.open && gated_from.is_none() {
                gated_from = Some(self.fields.len());
            }
            let first = u32::try_from(self.rules.ends.len()).unwrap_or(u32::MAX);
            let glance = packed::Searcher::new(group.iter().map(|((_, literal), _)| literal));
            self.fields.push(FieldIndex { field: *field, first, automaton, glance, gates: Vec::new() });
            for ((key, filed), number) in group.iter().zip(first..) {
                self.rules.push(filed.rules.iter().copied());
                numbers.insert(*key, number);
            }
        }
        (numbers, gated_from.unwrap_or(self.fields.len()))
    }

    /// The rules that may match a mail, in ascending order.
    ///
    /// `values` is asked for each field that rules are filed under and hands over each of its values: the very texts
    /// that the patterns will be tried on.
    pub fn candidates<'s>(
        &self,
        mut values: impl FnMut(usize, &mut dyn FnMut(&str)),
        scratch: &'s mut Scratch,
    ) -> &'s [u32] {
        scratch.begin(self.rules.ends.len());
        let Scratch { seen, now, found, folded, candidates } = scratch;
        for index in &self.fields {
            if !index.gates.is_empty() && !index.gates.iter().any(|gate| seen.get(*gate as usize) == Some(now)) {
                continue;
            }
            values(index.field, &mut |value| {
                fold::fold_into(value, folded);
                // Most values hold none of the literals, which is quicker to see than which of them.
                let first = match &index.glance {
                    Some(glance) => glance.find(folded.as_str()).map(|hit| hit.end()),
                    None => index.automaton.find(folded.as_str()).map(|hit| hit.end()),
                };
                let Some(first) = first else { return };
                // A literal that begins earlier may end later.
                let from = folded.floor_char_boundary(first.saturating_sub(index.automaton.max_pattern_len()));
                for hit in index.automaton.find_overlapping_iter(&folded[from..]) {
                    let literal = index.first + hit.pattern().as_u32();
                    if let Some(seen) = seen.get_mut(literal as usize)
                        && *seen != *now
                    {
                        *seen = *now;
                        found.push(literal);
                    }
                }
            });
        }
        let is_there = |literal: &u32| seen.get(*literal as usize) == Some(now);
        candidates.extend_from_slice(&self.always);
        for literal in found {
            let rules = self.rules.get(*literal).iter().copied();
            candidates.extend(rules.filter(|rule| {
                let also = self.also.get(*rule);
                also.is_empty() || also.iter().any(is_there)
            }));
        }
        candidates.sort_unstable();
        candidates.dedup();
        candidates
    }

    /// How many rules are candidates for every mail.
    pub fn always(&self) -> usize {
        self.always.len()
    }
}

impl Scratch {
    /// Forgets the mail before.
    fn begin(&mut self, literals: usize) {
        self.found.clear();
        self.candidates.clear();
        self.now = self.now.wrapping_add(1);
        // Another rulebook, or four billion mails later: the marks mean nothing any more.
        if self.seen.len() != literals || self.now == 0 {
            self.seen.clear();
            self.seen.resize(literals, 0);
            self.now = 1;
        }
    }
}

impl Lists {
    fn push(&mut self, items: impl Iterator<Item = u32>) {
        self.items.extend(items);
        self.ends.push(u32::try_from(self.items.len()).unwrap_or(u32::MAX));
    }

    fn get(&self, number: u32) -> &[u32] {
        let at = number as usize;
        let end = self.ends.get(at).copied().unwrap_or(0);
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        self.items.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// How many sets of the rulebook a literal is in, by field.
struct Census<'a>(HashMap<(usize, &'a str), u64>);

/// Literals of one field, of which one must be there.
struct Choice<'a> {
    field: usize,
    literals: Vec<&'a str>,
    /// The smaller, the fewer mails contain one of them.
    cost: u64,
    weight: u64,
}

impl Choice<'_> {
    fn price(&self) -> u64 {
        self.cost.saturating_mul(self.weight)
    }
}

impl<'a> Choice<'a> {
    fn keys(&self) -> impl Iterator<Item = (usize, &'a str)> {
        self.literals.iter().map(|literal| (self.field, *literal))
    }
}

impl<'a> Census<'a> {
    fn of(rules: &'a [Vec<Need>]) -> Self {
        let mut counts = HashMap::new();
        for need in rules.iter().flatten() {
            for literal in need.any.iter().flat_map(|requirements| &requirements.sets).flatten() {
                *counts.entry((need.field, literal.as_str())).or_insert(0) += 1;
            }
        }
        Self(counts)
    }

    /// The set that tells most about whether the rule can match, and another one to be there too: one that is
    /// searched for at less cost, the next best if many rules have the first, or one that many rules have.
    fn choose(&self, needs: &'a [Need]) -> (Option<Choice<'a>>, Option<Choice<'a>>) {
        let choices = || needs.iter().flat_map(|need| self.choices(need));
        let Some((at, first)) = choices().enumerate().min_by_key(|(_, choice)| choice.price()) else {
            return (None, None);
        };
        let others = choices().enumerate().filter(|(other, _)| *other != at).map(|(_, choice)| choice);
        let second = others
            .filter(|choice| {
                let widely_shared = choice.weight == 1 && choice.cost > MANY * choice.literals.len() as u64;
                first.cost > MANY || widely_shared || choice.weight < first.weight
            })
            // What stands in the same field says the same more often than not; one that is searched for at less cost
            // may save searching the first's field at all.
            .min_by_key(|choice| {
                let same_field = if choice.field == first.field { 4 } else { 1 };
                (choice.weight >= first.weight, choice.price().saturating_mul(same_field))
            });
        (Some(first), second)
    }

    /// The sets of one criterion. Several patterns make one set, of the best of each.
    fn choices(&self, need: &'a Need) -> Vec<Choice<'a>> {
        let choice = |set: &'a Vec<String>| Choice {
            field: need.field,
            literals: set.iter().map(String::as_str).collect(),
            cost: set.iter().map(|literal| self.cost(need.field, literal)).sum(),
            weight: need.weight,
        };
        if let [only] = &need.any[..] {
            return only.sets.iter().map(choice).collect();
        }
        let bests = need.any.iter().map(|pattern| pattern.sets.iter().map(choice).min_by_key(|choice| choice.cost));
        let joined = bests.reduce(|left, right| {
            let (mut left, right) = left.zip(right)?;
            left.literals.extend(right.literals);
            left.cost += right.cost;
            Some(left)
        });
        joined.flatten().into_iter().collect()
    }

    /// How many rules share it; short ones are in many mails whoever shares them.
    fn cost(&self, field: usize, literal: &str) -> u64 {
        let commonness = match literal.len() {
            0..=2 => 1000,
            3 => 50,
            4 => 10,
            _ => 0,
        };
        self.0.get(&(field, literal)).copied().unwrap_or(0) + commonness
    }
}
