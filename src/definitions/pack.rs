//! Rule packs: one TOML file a mail source, read into checked rules and their tests.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use regex::{Regex, RegexBuilder};
use toml_span::Value;

use super::problem::{Problem, SourceFile};
use super::reader::{Placed, Reader, Table};
use crate::domain::alert::{Action, Severity};
use crate::domain::rule::{BUILT_IN_NAMES, Choice, Criterion, Field, Rule};
use crate::domain::rulebook::Pack;
use crate::domain::template::Template;

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 4096;

/// Largest compiled pattern, in bytes.
const COMPILED_BYTES_MAX: usize = 1 << 20;

/// Deepest nesting of a pattern.
const NEST_MAX: u32 = 50;

/// A rule pack with its tests.
#[derive(Debug, Clone)]
pub struct PackFile {
    /// The rules.
    pub pack: Arc<Pack>,
    /// In the order of the file.
    pub tests: Vec<RuleTest>,
    /// Where it came from.
    pub source: Arc<SourceFile>,
}

/// A sample mail and what its rule must say about it.
#[derive(Debug, Clone)]
pub struct RuleTest {
    /// The rule it stands under.
    pub rule: String,
    /// The sample; relative to the pack's folder.
    pub mail: PathBuf,
    /// Expected fields; the absent ones are not looked at.
    pub expect: Expect,
    /// Where the test stands.
    pub span: Range<usize>,
}

/// Expected fields of an alert.
#[derive(Debug, Clone, Default)]
pub struct Expect {
    /// The action.
    pub action: Option<Action>,
    /// The dedup key.
    pub dedup_key: Option<String>,
    /// The severity.
    pub severity: Option<Severity>,
    /// The summary.
    pub summary: Option<String>,
}

/// Reads a pack. The problems are returned beside whatever could be read.
pub fn read(name: &str, source: &Arc<SourceFile>) -> (PackFile, Vec<Problem>) {
    let reader = Reader::new(Arc::clone(source));
    let (mut rules, mut tests) = (Vec::new(), Vec::new());
    if let Some(root) = reader.root() {
        read_rules(name, root, &mut rules, &mut tests);
    }
    let pack = Arc::new(Pack { name: name.to_owned(), rules });
    (PackFile { pack, tests, source: Arc::clone(source) }, reader.into_problems())
}

fn read_rules(name: &str, mut root: Table<'_>, rules: &mut Vec<Rule>, tests: &mut Vec<RuleTest>) {
    let reader = root.reader();
    // For people; the program does not need it.
    root.string("description");
    let tables = root.tables("rule");
    if tables.is_empty() {
        reader.note_with_hint(root.span(), "this pack has no rules", "a rule starts with [[rule]]");
    }
    let mut names = BTreeSet::new();
    for mut table in tables {
        let rule_name = table.required_string("name");
        if let Some(rule_name) = &rule_name
            && !names.insert(rule_name.value.clone())
        {
            reader.note(rule_name.span.clone(), format!("there are two rules named {:?}", rule_name.value));
        }
        let full_name = format!("{name}/{}", rule_name.map_or_else(|| "?".to_owned(), |n| n.value));
        for test in table.tables("test") {
            tests.extend(read_test(test, &full_name));
        }
        rules.extend(read_rule(table, full_name));
    }
    root.finish();
}

fn read_rule(mut table: Table<'_>, name: String) -> Option<Rule> {
    let reader = table.reader();
    let span = table.span();
    let criteria = table.table("when").map(read_criteria).unwrap_or_default();
    if criteria.is_empty() {
        reader.note_with_hint(
            span.clone(),
            "this rule matches every mail",
            "give it a [rule.when] with at least one of subject, subject_raw, body, from, recipient, header.NAME",
        );
    }
    let captures: BTreeSet<&str> =
        criteria.iter().flat_map(|c| &c.any).flat_map(|regex| regex.capture_names().flatten()).collect();
    if !table.has("action") {
        table.missing("action");
    }
    let action = read_choice(&mut table, "action", &captures, Action::ALL.map(Action::word).as_slice());
    let severity = read_choice(&mut table, "severity", &captures, Severity::ALL.map(Severity::word).as_slice());
    let dedup_key = table.required_string("dedup_key").and_then(|text| read_template(reader, &text, &captures));
    let summary = table.string("summary");
    let summary = match summary {
        Some(text) => read_template(reader, &text, &captures),
        None => Template::parse("{subject}").ok(),
    };
    let reason = table.string("reason").map(|reason| reason.value);
    if let Some(Choice::Fixed(Action::Ignore)) = action
        && reason.is_none()
    {
        reader.note_with_hint(span, "a rule that ignores mail must say why", "add reason = \"…\"");
    }
    table.finish();
    Some(Rule {
        name,
        criteria,
        action: action?,
        severity: severity.unwrap_or(Choice::Fixed(Severity::Error)),
        dedup_key: dedup_key?,
        summary: summary?,
        reason,
    })
}

fn read_criteria(mut table: Table<'_>) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    let fields = [
        ("subject", Field::Subject),
        ("subject_raw", Field::SubjectRaw),
        ("body", Field::Body),
        ("from", Field::From),
        ("recipient", Field::Recipient),
    ];
    for (key, field) in fields {
        if let Some(value) = table.value(key) {
            criteria.push(read_criterion(&table, value, key, field));
        }
    }
    if let Some(mut headers) = table.table("header") {
        for (name, value) in headers.named_values() {
            criteria.push(read_criterion(&headers, value, &name, Field::Header(name.value.clone())));
        }
    }
    table.finish();
    criteria
}

/// `"regex"`, `["regex", …]` (any of them), or `{ any = …, not = … }`.
fn read_criterion<'r>(table: &Table<'r>, value: Value<'r>, key: &str, field: Field) -> Criterion {
    let reader = table.reader();
    let regexes = |patterns: Vec<Placed<String>>| patterns.iter().filter_map(|p| read_regex(reader, p)).collect();
    let span: Range<usize> = value.span.into();
    let (any_patterns, not_patterns) = if value.as_table().is_some() {
        let inner = table.as_table(value, key);
        inner.map_or_else(Default::default, |mut inner| {
            let patterns = (inner.strings("any").unwrap_or_default(), inner.strings("not").unwrap_or_default());
            inner.finish();
            patterns
        })
    } else {
        (table.as_strings(value, key), Vec::new())
    };
    if any_patterns.is_empty() && not_patterns.is_empty() {
        reader.note_with_hint(span, format!("{key} demands nothing"), "give it a pattern, or `any` or `not`");
    }
    Criterion { field, any: regexes(any_patterns), not: regexes(not_patterns) }
}

fn read_regex(reader: &Reader, pattern: &Placed<String>) -> Option<Regex> {
    if pattern.len() > PATTERN_BYTES_MAX {
        let message = format!("this pattern has {} bytes; {PATTERN_BYTES_MAX} are allowed", pattern.len());
        reader.note_with_hint(pattern.span.clone(), message, "split it into several rules");
        return None;
    }
    let built = RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).nest_limit(NEST_MAX).build();
    match built {
        Ok(regex) => Some(regex),
        Err(error) => {
            let (message, hint) = explain_regex_error(&error);
            reader.note_with_hint(pattern.span.clone(), message, hint);
            None
        }
    }
}

/// The library draws a picture of several lines; the last one says what is wrong.
fn explain_regex_error(error: &regex::Error) -> (String, String) {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
    let message = format!("this is not a regular expression: {last}");
    let hint = if text.contains("look-around") || text.contains("backreference") {
        "look-around and backreferences are left out on purpose, so that no pattern can hang; use `not` instead"
    } else {
        "write patterns in single quotes, so that TOML leaves backslashes alone"
    };
    (message, hint.to_owned())
}

fn read_template(reader: &Reader, text: &Placed<String>, captures: &BTreeSet<&str>) -> Option<Template> {
    match Template::parse(text) {
        Ok(template) => {
            for name in template.names() {
                check_capture(reader, &Placed { value: name.to_owned(), span: text.span.clone() }, captures);
            }
            Some(template)
        }
        Err(error) => {
            reader.note_with_hint(text.span.clone(), error.to_string(), "a hole is {name}; a brace itself is {{ or }}");
            None
        }
    }
}

fn check_capture(reader: &Reader, name: &Placed<String>, captures: &BTreeSet<&str>) {
    if !captures.contains(name.value.as_str()) && !BUILT_IN_NAMES.contains(&name.value.as_str()) {
        let known = captures.iter().copied().chain(BUILT_IN_NAMES);
        reader.note_unknown(name, "capture", known);
    }
}

/// `"word"`, or `{ from = "capture", map = { WORD = "word" }, default = "word" }`.
fn read_choice<T: std::str::FromStr + Copy>(
    table: &mut Table<'_>,
    key: &'static str,
    captures: &BTreeSet<&str>,
    known: &[&str],
) -> Option<Choice<T>> {
    let reader = table.reader();
    let parse = |word: &Placed<String>| {
        let parsed = word.parse::<T>().ok();
        if parsed.is_none() {
            reader.note_unknown(word, key, known.iter().copied());
        }
        parsed
    };
    let value = table.value(key)?;
    if value.as_table().is_none() {
        return table.as_string(value, key).and_then(|word| parse(&word)).map(Choice::Fixed);
    }
    let mut lookup = table.as_table(value, key)?;
    let from = lookup.required_string("from");
    if let Some(from) = &from {
        check_capture(reader, from, captures);
    }
    let mut map = BTreeMap::new();
    match lookup.table("map") {
        Some(mut entries) => {
            for (word, value) in entries.named_values() {
                let Some(choice) = entries.as_string(value, &word).and_then(|choice| parse(&choice)) else { continue };
                map.insert(word.to_lowercase(), choice);
            }
        }
        None => lookup.missing("map"),
    }
    let default = lookup.string("default").and_then(|word| parse(&word));
    lookup.finish();
    Some(Choice::Lookup { capture: from?.value, map, default })
}

fn read_test(mut table: Table<'_>, rule: &str) -> Option<RuleTest> {
    let reader = table.reader();
    let span = table.span();
    let mail = table.required_string("mail");
    let action = table.string("action").and_then(|word| {
        let parsed = word.parse().ok();
        if parsed.is_none() {
            reader.note_unknown(&word, "action", Action::ALL.map(Action::word).into_iter());
        }
        parsed
    });
    let severity = table.string("severity").and_then(|word| {
        let parsed = word.parse().ok();
        if parsed.is_none() {
            reader.note_unknown(&word, "severity", Severity::ALL.map(Severity::word).into_iter());
        }
        parsed
    });
    let dedup_key = table.string("dedup_key").map(|text| text.value);
    let summary = table.string("summary").map(|text| text.value);
    table.finish();
    let expect = Expect { action, dedup_key, severity, summary };
    Some(RuleTest { rule: rule.to_owned(), mail: PathBuf::from(mail?.value), expect, span })
}
