//! The rules that say what was found out.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use super::{Findings, actions, names, strong};
use crate::definitions::suggest::evidence::Sample;
use crate::definitions::suggest::fields::Field;
use crate::definitions::suggest::layout::{Layout, unused};
use crate::definitions::suggest::parts::{Name, Part, Sort, pattern, signature};
use crate::definitions::suggest::rule::{Asks, Body, Grades, Rule};
use crate::definitions::suggest::words::{self, Topic};
use crate::domain::alert::{Action, Severity};

/// Most details and links.
const DETAILS_MAX: usize = 6;

impl Findings<'_> {
    pub(super) fn rules(&self, pack: &str) -> Vec<Rule> {
        if let Some((capture, values)) = self.deciding() {
            let actions = actions(self.samples);
            let mut words: BTreeMap<String, Action> = values.into_iter().zip(actions).collect();
            self.add_acknowledgement(&capture, &mut words);
            let all: Vec<usize> = (0..self.samples.len()).collect();
            return vec![self.rule(pack, "alert", Asks::ByWord { capture, words }, &all)];
        }
        let order = [
            (Action::Trigger, "problem"),
            (Action::Resolve, "recovery"),
            (Action::Acknowledge, "acknowledgement"),
            (Action::Heartbeat, "sign-of-life"),
            (Action::Ignore, "notice"),
        ];
        let rules = order.iter().filter_map(|(action, name)| {
            let of: Vec<usize> = (0..self.samples.len()).filter(|at| self.samples[*at].action == *action).collect();
            (!of.is_empty()).then(|| self.rule(pack, name, Asks::Always(*action), &of))
        });
        self.kept_apart(rules.collect())
    }

    /// A wide pattern must not read what a narrower one of another rule is for.
    fn kept_apart(&self, mut rules: Vec<Rule>) -> Vec<Rule> {
        let of = |rule: &Rule| -> Vec<&str> {
            let own = |sample: &&&Sample<'_>| matches!(rule.asks, Asks::Always(action) if action == sample.action);
            self.samples.iter().filter(own).map(|sample| sample.mail.subject.as_str()).collect()
        };
        for at in 0..rules.len() {
            if self.recovery_line.is_some() {
                break;
            }
            let wide: Vec<Regex> = rules[at].subject.iter().filter_map(|pattern| Regex::new(pattern).ok()).collect();
            let own = of(&rules[at]);
            let mut barred = Vec::new();
            for other in (0..rules.len()).filter(|other| *other != at) {
                let reads = |subject: &&str| wide.iter().any(|pattern| pattern.is_match(subject));
                if !of(&rules[other]).iter().any(reads) {
                    continue;
                }
                let narrow = rules[other].subject.iter().filter(|pattern| {
                    Regex::new(pattern).is_ok_and(|pattern| !own.iter().any(|subject| pattern.is_match(subject)))
                });
                barred.extend(narrow.cloned());
            }
            rules[at].subject_not = barred;
        }
        rules
    }

    /// Where any word may stand, a monitor that knows acknowledgements says so in one of two words.
    fn add_acknowledgement(&self, capture: &str, words: &mut BTreeMap<String, Action>) {
        let states = self.subject.states.iter().chain(self.line.iter().flat_map(|line| &line.states));
        let open = states.filter(|state| state.capture.as_deref() == Some(capture)).any(|state| state.open.is_some());
        let several = words.values().any(|action| *action == Action::Resolve);
        if open && several && !words.values().any(|action| *action == Action::Acknowledge) {
            let shouted = words.keys().all(|word| !word.chars().any(char::is_lowercase));
            words.insert(if shouted { "ACKNOWLEDGEMENT" } else { "Acknowledged" }.to_owned(), Action::Acknowledge);
        }
    }

    fn rule(&self, pack: &str, name: &str, asks: Asks, of: &[usize]) -> Rule {
        let mut body = Body::default();
        if let Some(line) = &self.line {
            body.any = self.patterns(line, of, true);
        }
        body.all.extend(self.key_fields.iter().map(|(field, name)| field.pattern(&name.capture)));
        if let Some(field) = &self.state_field {
            body.all.push(field.pattern("status"));
        }
        match (&self.recovery_line, &asks) {
            (Some(line), Asks::Always(Action::Resolve)) => body.all.push(line.clone()),
            (Some(line), _) => body.not.push(line.clone()),
            (None, _) => {}
        }
        let key = self.key(pack);
        let mut used = self.used.clone();
        used.insert("status".to_owned());
        let (mut details, mut links, mut graded) = (Vec::new(), Vec::new(), None);
        for field in self.other_fields() {
            let label = words::capture_name(&field.key);
            let capture = unused(&[label.as_deref().unwrap_or("field")], &used);
            let link = field.value.starts_with("http://") || field.value.starts_with("https://");
            let list = if link { &mut links } else { &mut details };
            if list.len() == DETAILS_MAX || list.iter().any(|(other, _)| *other == title(&field.key)) {
                continue;
            }
            used.insert(capture.clone());
            body.optional.push(field.pattern(&capture));
            if graded.is_none()
                && matches!(field.topic, Topic::Severity | Topic::State)
                && words::severity(&field.value).is_some()
            {
                graded = Some((capture.clone(), field.key.clone()));
            }
            list.push((title(&field.key), capture));
        }
        for (field, name) in self.key_fields.iter().rev() {
            details.retain(|(other, _)| *other != title(&field.key));
            details.insert(0, (title(&field.key), name.capture.clone()));
        }
        let grades = self.grades(graded);
        Rule {
            name: name.to_owned(),
            asks,
            key,
            grades,
            summary: self.summary(),
            subject: self.patterns(&self.subject, of, false),
            subject_not: Vec::new(),
            body,
            source: None,
            details,
            links,
            tests: Vec::new(),
        }
    }

    /// The patterns of these samples' lines, each once.
    fn patterns(&self, layout: &Layout, of: &[usize], per_line: bool) -> Vec<String> {
        let mut groups: Vec<(String, Vec<&[Part]>)> = Vec::new();
        for at in of {
            let sign = signature(&layout.lines[*at]);
            match groups.iter_mut().find(|(other, _)| *other == sign) {
                Some((_, group)) => group.push(&layout.lines[*at]),
                None => groups.push((sign, vec![&layout.lines[*at]])),
            }
        }
        // Of patterns that match the same line, the one that demands more must come first.
        let demanded = |line: &[Part]| {
            line.iter().map(|part| if let Part::Text(text) = part { text.len() } else { 0 }).sum::<usize>()
        };
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.first().map_or(0, |line| demanded(line))));
        let mut out: Vec<String> = Vec::new();
        for (_, group) in groups {
            let pattern = pattern(&group, &layout.states, per_line);
            // A mail without a subject has nothing that a pattern could read.
            if pattern != "^$" && !out.contains(&pattern) {
                out.push(pattern);
            }
        }
        out
    }

    /// The names that make the key: places first.
    fn key_names(&self) -> Vec<Name> {
        let mut all = names(&self.subject);
        all.extend(self.key_fields.iter().map(|(_, name)| name.clone()));
        if let Some(line) = &self.line {
            all.extend(names(line));
        }
        if strong(&all).next().is_some() {
            // In a line that was chosen for what it says, an address is what it speaks about.
            let line: Vec<Name> = self.line.as_ref().map(names).unwrap_or_default();
            let peer = |name: &Name| name.capture.starts_with("address") && line.contains(name);
            all.retain(|name| name.sort != Sort::Weak || peer(name));
        }
        all.sort_by_key(|name| name.sort != Sort::Place);
        all
    }

    fn key(&self, pack: &str) -> String {
        let names: String = self.key_names().iter().map(|name| format!("/{{{}}}", name.capture)).collect();
        format!("{pack}{names}")
    }

    /// Where the subject does not name the thing, the summary does.
    fn summary(&self) -> Option<String> {
        if self.samples.iter().any(|sample| sample.mail.subject.is_empty()) {
            let names: Vec<String> = self.key_names().iter().map(|name| format!("{{{}}}", name.capture)).collect();
            return Some(if names.is_empty() { "Alert from {from}".to_owned() } else { names.join(" ") });
        }
        if strong(&names(&self.subject)).next().is_some() && self.key_fields.is_empty() {
            return None;
        }
        let added: Vec<String> = self
            .key_names()
            .iter()
            .filter(|name| !names(&self.subject).contains(name))
            .map(|name| format!("{{{}}}", name.capture))
            .collect();
        (!added.is_empty()).then(|| format!("{{subject}}: {}", added.join(" ")))
    }

    fn other_fields(&self) -> Vec<Field> {
        let taken = |field: &Field| {
            self.key_fields.iter().any(|(other, _)| other.key == field.key)
                || self.state_field.as_ref().is_some_and(|other| other.key == field.key)
        };
        let known: Vec<String> = names(&self.subject).into_iter().map(|name| name.value).collect();
        let mut out: Vec<Field> = Vec::new();
        for field in self.samples.iter().flat_map(|sample| &sample.fields) {
            let told = known.contains(&field.value) || taken(field) || out.iter().any(|other| other.key == field.key);
            if !told && field.topic != Topic::Moment && field.key.split_whitespace().count() <= 3 {
                out.push(field.clone());
            }
        }
        out
    }

    fn grades(&self, graded: Option<(String, String)>) -> Option<Grades> {
        let layouts = [Some(&self.subject), self.line.as_ref()];
        let mut columns: Vec<_> = layouts.into_iter().flatten().flat_map(|layout| &layout.states).collect();
        columns.sort_by_key(|state| {
            std::cmp::Reverse(state.words.iter().filter(|word| words::severity(word).is_some()).count())
        });
        let column = columns
            .iter()
            .find(|state| state.capture.is_some() && state.words.iter().any(|word| words::severity(word).is_some()));
        let field = |key: &str| {
            self.samples
                .iter()
                .flat_map(|sample| &sample.fields)
                .filter(|field| field.key == key)
                .map(|field| field.value.clone())
                .collect()
        };
        let (capture, seen): (String, BTreeSet<String>) = match (column, graded, &self.state_field) {
            (Some(state), _, _) => (state.capture.clone()?, state.words.clone()),
            (None, Some((capture, key)), _) => (capture, field(&key)),
            (None, None, Some(state)) => ("status".to_owned(), field(&state.key)),
            (None, None, None) => return None,
        };
        let mut words: BTreeMap<String, Severity> =
            seen.iter().filter_map(|word| Some((word.clone(), words::severity(word)?))).collect();
        // A word for "all is well" alone grades nothing.
        if words.values().all(|severity| *severity == Severity::Info) {
            return None;
        }
        // Mails that grade at all grade in these words; a word that never comes does no harm.
        let shouted = words.keys().all(|word| word.chars().all(|c| !c.is_lowercase()));
        for (word, severity) in [("critical", Severity::Critical), ("warning", Severity::Warning)] {
            let short = word.get(..4).unwrap_or(word);
            if !words.keys().any(|known| known.to_lowercase().starts_with(short)) {
                words.insert(if shouted { word.to_uppercase() } else { word.to_owned() }, severity);
            }
        }
        Some(Grades { capture, words })
    }
}

/// A field's key as the title of a detail.
fn title(key: &str) -> String {
    let folded = key.trim().to_lowercase();
    let mut chars = folded.chars();
    chars.next().map_or(folded.clone(), |first| first.to_uppercase().chain(chars).collect())
}
