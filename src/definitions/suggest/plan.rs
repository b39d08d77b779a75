//! From samples of one layout to rules: what decides the action, what makes the key, what else is worth showing.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{self, Sample};
use super::fields::Field;
use super::layout::{Layout, layout, spelt, unused};
use super::names::Hints;
use super::parts::{Name, Part, Sort, StateColumn, pattern, signature};
use super::rule::Rule;
use super::tokens::{Kind, holds};
use super::words::{self, Topic};
use crate::domain::alert::Action;

mod compose;

/// Most fields of the body that make part of a key.
const KEY_FIELDS_MAX: usize = 3;

/// What was found out about samples of one layout.
struct Findings<'s> {
    samples: &'s [&'s Sample<'s>],
    subject: Layout,
    /// A line of the body that tells what the subject does not.
    line: Option<Layout>,
    /// A field of the body whose words tell the actions apart.
    state_field: Option<Field>,
    /// A pattern for a line that only recoveries have, where nothing else tells.
    recovery_line: Option<String>,
    /// Fields that are part of the key, with their captures.
    key_fields: Vec<(Field, Name)>,
    /// Captures in use.
    used: BTreeSet<String>,
}

/// Plans the rules for samples of one layout.
pub(super) fn plan(pack: &str, samples: &[&Sample<'_>], brand: &[String]) -> Result<Vec<Rule>, String> {
    let mut findings = Findings::new(samples, brand);
    findings.find_key_fields();
    findings.find_state(brand)?;
    findings.find_names(brand);
    let rules = findings.rules(pack);
    Ok(rules)
}

impl<'s> Findings<'s> {
    fn new(samples: &'s [&'s Sample<'s>], brand: &[String]) -> Self {
        let subjects: Vec<&str> = samples.iter().map(|sample| sample.mail.subject.as_str()).collect();
        let actions = actions(samples);
        let shared = evidence::shared_fields(samples);
        let same = subjects.iter().all(|subject| *subject == subjects[0]);
        let parted = [": ", " - ", " – ", "] "].iter().any(|mark| subjects[0].contains(mark));
        let stated = same && subjects[0].split_whitespace().any(|word| words::is_state(word) && word != "Alert");
        let hints = Hints { brand, fields: &shared, phrases: !same || parted || samples.len() == 1 && stated };
        let subject = layout(&subjects, &actions, hints, &[]);
        let mut used: BTreeSet<String> = names(&subject).into_iter().map(|name| name.capture).collect();
        used.extend(subject.states.iter().filter_map(|state| state.capture.clone()));
        Self { samples, subject, line: None, state_field: None, recovery_line: None, key_fields: Vec::new(), used }
    }

    /// Fields that name a place or an object where the subject names none.
    fn find_key_fields(&mut self) {
        let known = names(&self.subject);
        let place = known.iter().any(|name| name.sort == Sort::Place || words::topic(&name.capture) == Topic::Place);
        for (topic, missing) in [(Topic::Place, !place), (Topic::Object, true)] {
            for field in evidence::naming_fields(self.samples, topic).into_iter().filter(|_| missing) {
                let contained = known.iter().any(|name| name.value.contains(&field.value));
                let again = self.key_fields.iter().any(|(other, _)| other.value == field.value);
                if contained || again || self.key_fields.len() == KEY_FIELDS_MAX {
                    continue;
                }
                let label = words::capture_name(&field.key);
                let plain = if topic == Topic::Place { "host" } else { "object" };
                let capture = unused(&[label.as_deref().unwrap_or(plain), plain], &self.used);
                self.used.insert(capture.clone());
                let sort = if topic == Topic::Place { Sort::Place } else { Sort::Phrase };
                self.key_fields.push((field.clone(), Name { capture, value: field.value, sort }));
            }
        }
    }

    /// Makes sure that something tells the actions apart.
    fn find_state(&mut self, brand: &[String]) -> Result<(), String> {
        let actions = actions(self.samples);
        let several = actions.iter().any(|action| *action != actions[0]);
        let stated = self.subject.decides.is_some() || !several && !self.subject.states.is_empty();
        if stated || several && self.told_by_layout() {
            return Ok(());
        }
        self.state_field = evidence::state_field(self.samples, &actions);
        if self.state_field.is_some() || !several {
            return Ok(());
        }
        if self.read_line(brand, true) && (self.line_decides() || self.told_by_layout()) {
            return Ok(());
        }
        self.line = None;
        self.recovery_line = evidence::recovery_line(self.samples).map(|line| pattern(&[&spelt(&line)], &[], true));
        if self.recovery_line.is_some() {
            return Ok(());
        }
        let of = |action: Action| {
            self.samples.iter().find(|sample| sample.action == action).map_or("?", |sample| sample.path)
        };
        Err(format!(
            "Nothing in the subject or the body tells {} from {}. Give samples whose words differ, \
             or write the rule by hand.",
            of(Action::Trigger),
            of(Action::Resolve),
        ))
    }

    /// Where nothing names a thing yet, a line of the body may.
    fn find_names(&mut self, brand: &[String]) {
        if self.line.is_none() && self.key_fields.is_empty() && strong(&names(&self.subject)).next().is_none() {
            let _ = self.read_line(brand, true) || self.read_line(brand, false);
        }
        // Words alone are one name for many things; a line that names a host tells them apart.
        let placed =
            |names: &[Name]| names.iter().any(|name| name.sort == Sort::Place || holds(&name.value, &[Kind::Name]));
        let fields: Vec<Name> = self
            .key_fields
            .iter()
            .filter(|(field, _)| field.topic == Topic::Place)
            .map(|(_, name)| name.clone())
            .collect();
        if self.line.is_none() && !placed(&names(&self.subject)) && fields.is_empty() && self.read_line(brand, true) {
            self.line = self.line.take().filter(|line| names(line).iter().any(|name| name.sort == Sort::Place));
        }
    }

    fn read_line(&mut self, brand: &[String], telling: bool) -> bool {
        let Some(lines) = evidence::telling_lines(self.samples, telling) else { return false };
        let mut taken = names(&self.subject);
        taken.extend(self.key_fields.iter().map(|(_, name)| name.clone()));
        let shared = evidence::shared_fields(self.samples);
        // Lines of a body are prose; their plain words name something only where nothing else does.
        let phrases = strong(&taken).next().is_none();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let mut line = layout(&lines, &actions(self.samples), Hints { brand, fields: &shared, phrases }, &taken);
        for state in &mut line.states {
            if let Some(capture) = &state.capture {
                let free = unused(&[capture.as_str(), "status", "word"], &self.used);
                self.used.insert(free.clone());
                state.capture = Some(free);
            }
        }
        self.used.extend(names(&line).into_iter().map(|name| name.capture));
        self.line = Some(line);
        true
    }

    fn line_decides(&self) -> bool {
        self.line.as_ref().is_some_and(|line| line.decides.is_some())
    }

    /// Whether samples of one layout always ask for one thing.
    fn told_by_layout(&self) -> bool {
        let mut seen: BTreeMap<String, Action> = BTreeMap::new();
        (0..self.samples.len())
            .all(|at| *seen.entry(self.signature(at)).or_insert(self.samples[at].action) == self.samples[at].action)
    }

    fn signature(&self, sample: usize) -> String {
        let line = self.line.as_ref().map(|line| signature(&line.lines[sample])).unwrap_or_default();
        signature(&self.subject.lines[sample]) + &line
    }

    /// The capture whose words decide, and each sample's word.
    fn deciding(&self) -> Option<(String, Vec<String>)> {
        if let Some(field) = &self.state_field {
            let value = |sample: &&Sample<'_>| {
                sample.fields.iter().find(|other| other.key == field.key).map(|other| other.value.clone())
            };
            return Some(("status".to_owned(), self.samples.iter().filter_map(value).collect()));
        }
        let several = self.samples.iter().any(|sample| sample.action != self.samples[0].action);
        let layouts = [Some(&self.subject), self.line.as_ref()];
        layouts.into_iter().flatten().find_map(|layout| {
            // Several layouts are told apart by more than one word: unless any word may stand there, each has a
            // rule of its own.
            let fixed = |state: &&StateColumn| Some(state.column) == layout.decides && state.open.is_none();
            if layout.states.iter().any(|state| fixed(&state)) && self.told_by_layout() {
                return None;
            }
            let column = layout
                .decides
                .or_else(|| (!several).then(|| layout.states.first().map(|state| state.column)).flatten())?;
            let capture = layout.states.iter().find(|state| state.column == column)?.capture.clone()?;
            let word = |line: &Vec<Part>| {
                line.iter().find_map(|part| match part {
                    Part::State { column: at, value } if *at == column => Some(value.clone()),
                    _ => None,
                })
            };
            Some((capture, layout.lines.iter().filter_map(word).collect()))
        })
    }
}

fn actions(samples: &[&Sample<'_>]) -> Vec<Action> {
    samples.iter().map(|sample| sample.action).collect()
}

/// The names in a layout's lines, as the first sample has them.
fn names(layout: &Layout) -> Vec<Name> {
    let parts = layout.lines.first().into_iter().flatten();
    parts.filter_map(|part| if let Part::Name(name) = part { Some(name.clone()) } else { None }).collect()
}

fn strong(names: &[Name]) -> impl Iterator<Item = &Name> {
    names.iter().filter(|name| name.sort != Sort::Weak)
}
