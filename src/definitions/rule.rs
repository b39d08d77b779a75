//! One rule of a definition file, read and checked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml_span::Value;

use super::criteria;
use super::handling;
use super::reader::{Placed, Reader, Table};
use super::transform;
use crate::domain::alert::{Action, Downtime, Severity};
use crate::domain::choice::{Choice, Lookup};
use crate::domain::criterion::Criterion;
use crate::domain::field::Field;
use crate::domain::pattern::Pattern;
use crate::domain::rule::{BUILT_IN_NAMES, ForEach, Rule};
use crate::domain::template::Template;
use crate::domain::transform::Transform;

/// Most details, and most links, of one rule.
const ENTRIES_MAX: usize = 32;

/// What holds for every rule of a file that does not say otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Defaults {
    criteria: Vec<Criterion>,
    severity: Option<Placed<Choice<Severity>>>,
    summary: Option<Placed<Template>>,
    details: Vec<(String, Template)>,
    links: Vec<(String, Template)>,
    transforms: Vec<Transform>,
}

impl Defaults {
    /// Reads the table `[defaults]`. Whether its captures exist is a question for each rule.
    pub(super) fn read(mut table: Table<'_>) -> Self {
        let reader = table.reader();
        let severity = table.value("severity").and_then(|value| {
            let span: Range<usize> = value.span.into();
            let choice = read_choice(reader, value, "severity", None, &Severity::ALL.map(Severity::word))?;
            Some(Placed { value: choice, span })
        });
        let summary = table.string("summary").and_then(|text| {
            let template = read_template(reader, &text, None)?;
            Some(Placed { value: template, span: text.span })
        });
        let defaults = Self {
            criteria: table.table("when").map(criteria::read).unwrap_or_default(),
            severity,
            summary,
            details: read_entries(&mut table, "details", None),
            links: read_entries(&mut table, "links", None),
            transforms: table.table("transform").map(transform::read).unwrap_or_default(),
        };
        table.finish();
        defaults
    }
}

/// Reads a rule; its name and tests are taken already.
pub(super) fn read(mut table: Table<'_>, name: String, defaults: &Defaults) -> Option<Rule> {
    let (reader, span) = (table.reader(), table.span());
    let mut criteria = defaults.criteria.clone();
    criteria.extend(table.table("when").map(criteria::read).unwrap_or_default());
    if criteria.is_empty() {
        let hint = "give it a [rule.when] with at least one of subject, body, from, header.NAME …";
        reader.note_with_hint(span.clone(), "this rule matches every mail", hint);
    }
    let for_each = table.table("for_each").and_then(read_for_each);
    let mut transforms = defaults.transforms.clone();
    transforms.extend(table.table("transform").map(transform::read).unwrap_or_default());
    let (captures, own) = (captures_of(&criteria, for_each.as_ref()), transforms.iter().map(|t| t.name.clone()));
    let names = Names(captures.into_iter().chain(own).chain(BUILT_IN_NAMES.map(str::to_owned)).collect());

    if !table.has("action") {
        table.missing("action");
    }
    let action = table.value("action");
    let action =
        action.and_then(|value| read_choice(reader, value, "action", Some(&names), &Action::ALL.map(Action::word)));
    let severity = table.value("severity");
    let severity = severity
        .and_then(|value| read_choice(reader, value, "severity", Some(&names), &Severity::ALL.map(Severity::word)));
    let severity = severity.or_else(|| {
        let default = defaults.severity.as_ref()?;
        if let Choice::Lookup(Lookup { capture, default: None, .. }) = &default.value
            && !names.0.contains(capture)
        {
            let message = format!("rule {name} captures no {capture:?}, which this default looks up");
            reader.note_with_hint(default.span.clone(), message, "give the default a default of its own");
        }
        Some(default.value.clone())
    });
    let reason = table.string("reason").map(|reason| reason.value);
    let ignores = matches!(action, Some(Choice::Fixed(Action::Ignore)));
    if action.as_ref().is_some_and(|action| action.values().any(|action| *action == Action::Ignore))
        && reason.as_deref().is_none_or(|reason| reason.trim().is_empty())
    {
        reader.note_with_hint(span, "a rule that ignores mail must say why", "add reason = \"…\"");
    }
    // What is ignored needs no key of its own, but every alert has one.
    let key_of_ignored = || Template::parse(&format!("ignored/{}", name.replace(['{', '}'], ""))).ok();
    let dedup_key = if ignores && !table.has("dedup_key") {
        table.string("dedup_key");
        key_of_ignored()
    } else {
        table.required_string("dedup_key").and_then(|text| read_template(reader, &text, Some(&names)))
    };
    let summary = read_summary(&mut table, &name, &names, defaults);
    let details = with_defaults(read_entries(&mut table, "details", Some(&names)), &defaults.details);
    let links = with_defaults(read_entries(&mut table, "links", Some(&names)), &defaults.links);
    let hold = handling::read_hold(&mut table);
    let downtime = read_downtime(&mut table, ignores, &names);
    table.finish();
    Some(Rule {
        name,
        criteria,
        for_each,
        transforms,
        action: action?,
        severity: severity.unwrap_or(Choice::Fixed(Severity::Error)),
        dedup_key: dedup_key?,
        summary: summary?,
        details,
        links,
        reason,
        hold,
        downtime,
    })
}

/// What the mail announces about planned work.
fn read_downtime(table: &mut Table<'_>, ignores: bool, names: &Names) -> Option<Choice<Downtime>> {
    let (reader, value) = (table.reader(), table.value("downtime")?);
    if !ignores {
        let hint = "action = \"ignore\": what announces planned work says nothing about the check";
        reader.note_with_hint(value.span.into(), "downtime goes with ignored mail only", hint);
    }
    read_choice(reader, value, "downtime", Some(names), &Downtime::ALL.map(Downtime::word))
}

/// The rule's own summary, the file's, or the subject.
fn read_summary(table: &mut Table<'_>, rule: &str, names: &Names, defaults: &Defaults) -> Option<Template> {
    let reader = table.reader();
    match (table.string("summary"), &defaults.summary) {
        (Some(text), _) => read_template(reader, &text, Some(names)),
        (None, Some(default)) => {
            if let Some(missing) = default.names().find(|used| !names.0.contains(*used)) {
                let message = format!("rule {rule} captures no {missing:?}, which this default needs");
                reader.note(default.span.clone(), message);
            }
            Some(default.value.clone())
        }
        (None, None) => Template::parse("{subject}").ok(),
    }
}

/// The names that a rule's templates and tables may use.
struct Names(BTreeSet<String>);

impl Names {
    fn check(&self, reader: &Reader, name: &Placed<String>) {
        if !self.0.contains(name.value.as_str()) {
            reader.note_unknown(name, "capture", self.0.iter().map(String::as_str));
        }
    }
}

/// What the patterns of a rule capture.
fn captures_of(criteria: &[Criterion], for_each: Option<&ForEach>) -> Vec<String> {
    let each = for_each.into_iter().flat_map(|each| std::iter::once(&each.pattern).chain(&each.section));
    let patterns = criteria.iter().flat_map(Criterion::patterns).chain(each);
    patterns.flat_map(Pattern::capture_names).map(str::to_owned).collect()
}

fn with_defaults(mut own: Vec<(String, Template)>, defaults: &[(String, Template)]) -> Vec<(String, Template)> {
    let missing = defaults.iter().filter(|(name, _)| !own.iter().any(|(known, _)| known == name));
    let missing: Vec<_> = missing.cloned().collect();
    own.extend(missing);
    own
}

fn read_template(reader: &Reader, text: &Placed<String>, names: Option<&Names>) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => {
            for name in template.names() {
                if let Some(names) = names {
                    names.check(reader, &Placed { value: name.to_owned(), span: text.span.clone() });
                }
            }
            Some(template)
        }
        Err(error) => {
            reader.note_with_hint(text.span.clone(), error.to_string(), "a hole is {name}; a brace itself is {{ or }}");
            None
        }
    }
}

/// `[rule.details]` or `[rule.links]`: name and template.
fn read_entries(table: &mut Table<'_>, key: &'static str, names: Option<&Names>) -> Vec<(String, Template)> {
    let Some(mut entries) = table.table(key) else { return Vec::new() };
    let reader = entries.reader();
    let values = entries.named_values();
    if values.len() > ENTRIES_MAX {
        reader.note(entries.span(), format!("there are {} {key} here; {ENTRIES_MAX} are allowed", values.len()));
    }
    let entry = |(name, value): (Placed<String>, Value<'_>)| {
        let text = entries.as_string(value, &name)?;
        Some((name.value, read_template(reader, &text, names)?))
    };
    values.into_iter().filter_map(entry).collect()
}

/// `"word"`, or `{ from = "capture", map = { WORD = "word" }, at_least = { "90" = "word" }, default = "word" }`.
fn read_choice<T: std::str::FromStr + Copy>(
    reader: &Reader,
    value: Value<'_>,
    key: &'static str,
    names: Option<&Names>,
    known: &[&str],
) -> Option<Choice<T>> {
    let parse = |word: &Placed<String>| {
        let parsed = word.parse::<T>().ok();
        if parsed.is_none() {
            reader.note_unknown(word, key, known.iter().copied());
        }
        parsed
    };
    if value.as_table().is_none() {
        let span: Range<usize> = value.span.into();
        let text = value.as_str().map(str::to_owned);
        let Some(text) = text else {
            reader.note(span, format!("{key} must be a string or a table"));
            return None;
        };
        return parse(&Placed { value: text, span }).map(Choice::Fixed);
    }
    let span: Range<usize> = value.span.into();
    let mut lookup = Table::of(reader, value, key)?;
    let from = lookup.required_string("from");
    if let (Some(from), Some(names)) = (&from, names) {
        names.check(reader, from);
    }
    let (mut map, mut at_least) = (BTreeMap::new(), Vec::new());
    if !lookup.has("map") && !lookup.has("at_least") {
        reader.note_with_hint(span, format!("{key} looks nothing up"), "give it map = { WORD = \"…\" }");
    }
    if let Some(mut entries) = lookup.table("map") {
        for (word, value) in entries.named_values() {
            let Some(choice) = entries.as_string(value, &word).and_then(|choice| parse(&choice)) else { continue };
            if map.insert(word.to_lowercase(), choice).is_some() {
                reader.note(word.span.clone(), format!("{:?} is in this table twice", word.value));
            }
        }
    }
    if let Some(mut entries) = lookup.table("at_least") {
        for (bound, value) in entries.named_values() {
            let number = bound.parse::<f64>().ok().filter(|number| number.is_finite());
            if number.is_none() {
                reader.note(bound.span.clone(), format!("{:?} is not a number", bound.value));
            }
            let choice = entries.as_string(value, &bound).and_then(|choice| parse(&choice));
            at_least.extend(number.zip(choice));
        }
        at_least.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    }
    let default = lookup.string("default").and_then(|word| parse(&word));
    lookup.finish();
    Some(Choice::Lookup(Lookup { capture: from?.value, map, at_least, default }))
}

fn read_for_each(mut table: Table<'_>) -> Option<ForEach> {
    let reader = table.reader();
    let field = table.required_string("field").and_then(|name| {
        let field = Field::parse(&name);
        if field.is_none() {
            reader.note_unknown(&name, "field", criteria::field_names());
        }
        field
    });
    let pattern = table.required_string("match").and_then(|text| criteria::read_pattern(reader, &text));
    let section = table.string("section").and_then(|text| criteria::read_pattern(reader, &text));
    table.finish();
    Some(ForEach { field: field?, pattern: pattern?, section })
}
