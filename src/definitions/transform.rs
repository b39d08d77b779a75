//! `[rule.transform]`: what is done to captures before they are used.

use std::collections::BTreeMap;

use toml_span::Value;

use super::criteria::read_pattern;
use super::reader::{Placed, Table};
use crate::domain::transform::{Step, Transform};

/// Longest text that a match is replaced with, in bytes.
const WITH_BYTES_MAX: usize = 256;

/// Steps that are one word.
const WORDS: [(&str, Step); 6] = [
    ("lower", Step::Lower),
    ("upper", Step::Upper),
    ("trim", Step::Trim),
    ("strip_domain", Step::StripDomain),
    ("first_word", Step::FirstWord),
    ("first_line", Step::FirstLine),
];

/// Reads the table: for each name a step, or a list of steps.
pub(super) fn read(mut table: Table<'_>) -> Vec<Transform> {
    let values = table.named_values();
    let transform = |(name, value): (Placed<String>, Value<'_>)| {
        let steps = table.items(value);
        let steps = steps.into_iter().filter_map(|step| read_step(&table, step, &name)).collect();
        Transform { name: name.value, steps }
    };
    values.into_iter().map(transform).collect()
}

fn read_step<'r>(table: &Table<'r>, value: Value<'r>, name: &str) -> Option<Step> {
    let reader = table.reader();
    if value.as_table().is_none() {
        let word = table.as_string(value, name)?;
        let known = WORDS.into_iter().find(|(known, _)| *known == word.value);
        if known.is_none() {
            reader.note_unknown(&word, "transform", WORDS.iter().map(|(known, _)| *known));
        }
        return known.map(|(_, step)| step);
    }
    let mut step = table.as_table(value, name)?;
    let span = step.span();
    let read = if step.has("replace") {
        let pattern = step.string("replace").and_then(|text| read_pattern(reader, &text));
        let with = step.required_string("with");
        if let Some(with) = with.as_ref().filter(|with| with.len() > WITH_BYTES_MAX) {
            reader.note(with.span.clone(), format!("`with` has {} bytes; {WITH_BYTES_MAX} are allowed", with.len()));
        }
        pattern.zip(with).map(|(pattern, with)| Step::Replace { pattern, with: with.value })
    } else if step.has("map") {
        let mut map = BTreeMap::new();
        if let Some(mut entries) = step.table("map") {
            for (word, value) in entries.named_values() {
                map.extend(entries.as_string(value, &word).map(|to| (word.to_lowercase(), to.value)));
            }
        }
        Some(Step::Map { map, default: step.string("default").map(|text| text.value) })
    } else if step.has("first_of") {
        let names = step.strings("first_of").unwrap_or_default();
        Some(Step::FirstOf(names.into_iter().map(|name| name.value).collect()))
    } else if step.has("from") {
        step.string("from").map(|from| Step::From(from.value))
    } else if step.has("default") {
        step.string("default").map(|text| Step::Default(text.value))
    } else {
        let hint = "known are: { replace, with }, { map, default }, { first_of }, { from }, { default }";
        reader.note_with_hint(span, format!("this step for {name} does nothing"), hint);
        None
    };
    step.finish();
    read
}
