//! The criteria of a rule: `[rule.when]`.

use std::ops::Range;

use toml_span::Value;

use super::reader::{Placed, Reader, Table};
use crate::domain::criterion::{Criterion, Plain};
use crate::domain::field::Field;
use crate::domain::pattern::{PATTERN_BYTES_MAX, Pattern, PatternError};

/// What may stand in `[rule.when]`, for hints.
pub(super) fn field_names() -> impl Iterator<Item = &'static str> {
    Field::named().map(|(name, _)| name).chain(std::iter::once("header.NAME"))
}

/// Reads `[rule.when]`.
pub(super) fn read(mut table: Table<'_>) -> Vec<Criterion> {
    let mut criteria = Vec::new();
    for (key, field) in Field::named() {
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

/// `'regex'`, `['regex', …]` (any of them), or a table of `all`, `any`, `is`, `not` and `optional`.
fn read_criterion<'r>(table: &Table<'r>, value: Value<'r>, key: &str, field: Field) -> Criterion {
    let reader = table.reader();
    let patterns = |texts: Option<Vec<Placed<String>>>| -> Vec<Pattern> {
        texts.unwrap_or_default().iter().filter_map(|text| read_pattern(reader, text)).collect()
    };
    let span: Range<usize> = value.span.into();
    let before = reader.count();
    let mut criterion = Criterion::on(field);
    if value.as_table().is_some() {
        if let Some(mut inner) = table.as_table(value, key) {
            criterion.all = patterns(inner.strings("all"));
            criterion.any = patterns(inner.strings("any"));
            criterion.not = patterns(inner.strings("not"));
            criterion.optional = patterns(inner.strings("optional"));
            for text in inner.strings("is").unwrap_or_default() {
                let plain = Plain::parse(&criterion.field, &text);
                if plain.is_none() {
                    let message = format!("{:?} is no address or network", text.value);
                    reader.note_with_hint(text.span, message, "write it like 192.0.2.7 or 10.0.0.0/8");
                }
                criterion.is.extend(plain);
            }
            inner.finish();
        }
    } else {
        criterion.any = patterns(Some(table.as_strings(value, key)));
    }
    if criterion.is_empty() && reader.count() == before {
        let hint = "give it a pattern, or any of all, any, is, not, optional";
        reader.note_with_hint(span, format!("{key} demands nothing"), hint);
    }
    criterion
}

/// Reads a regex.
pub(super) fn read_pattern(reader: &Reader, text: &Placed<String>) -> Option<Pattern> {
    let (message, hint) = match Pattern::new(text) {
        Ok(pattern) => return Some(pattern),
        Err(PatternError::TooLong(bytes)) => {
            (format!("this pattern has {bytes} bytes; {PATTERN_BYTES_MAX} are allowed"), "split it into several rules")
        }
        Err(PatternError::Invalid(why)) => {
            let hint = if why.contains("look-around") || why.contains("backreference") {
                "look-around and backreferences are left out on purpose, so that no pattern can hang; use `not` instead"
            } else {
                "write patterns in single quotes, so that TOML leaves backslashes alone"
            };
            (format!("this is not a regular expression: {why}"), hint)
        }
    };
    reader.note_with_hint(text.span.clone(), message, hint);
    None
}
