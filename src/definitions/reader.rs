//! A reader for TOML tables that never stops at the first problem: what is wrong is noted with its place, and
//! reading goes on.

use std::cell::RefCell;
use std::ops::{Deref, Range, RangeInclusive};
use std::sync::Arc;

use jiff::SignedDuration;
use toml_span::value::{Table as RawTable, Value, ValueInner};

use super::problem::{Problem, SourceFile};

/// Longest duration anything here makes sense with.
const DURATION_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

impl<T> Deref for Placed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Notes problems of one file.
#[derive(Debug)]
pub struct Reader {
    source: Arc<SourceFile>,
    problems: RefCell<Vec<Problem>>,
}

impl Reader {
    /// A reader for one file.
    pub fn new(source: Arc<SourceFile>) -> Self {
        Self { source, problems: RefCell::default() }
    }

    /// The file.
    pub fn source(&self) -> &Arc<SourceFile> {
        &self.source
    }

    /// Reads the file's root table. A file that is no TOML has this one problem and no table.
    pub fn root(&self) -> Option<Table<'_>> {
        match toml_span::parse(&self.source.text).map(|mut value| value.take()) {
            Ok(ValueInner::Table(entries)) => {
                Some(Table::new(self, entries, 0..self.source.text.len().min(1), String::new()))
            }
            // The library's documents are tables; anything else would be its error.
            Ok(_) => None,
            Err(error) => {
                self.note(error.span.into(), format!("this is not TOML: {error}"));
                None
            }
        }
    }

    /// Notes a problem.
    pub fn note(&self, span: Range<usize>, message: impl Into<String>) {
        self.problems.borrow_mut().push(Problem::new(&self.source, span, message));
    }

    /// How many problems were noted so far.
    pub fn count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Notes a problem with a hint.
    pub fn note_with_hint(&self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) {
        self.problems.borrow_mut().push(Problem::new(&self.source, span, message).hint(hint));
    }

    /// Notes a name that is none of those known, with the nearest one as a hint.
    pub fn note_unknown<'n>(&self, name: &Placed<String>, what: &str, known: impl Iterator<Item = &'n str>) {
        self.note_with_hint(name.span.clone(), format!("there is no {what} {:?}", name.value), nearest(name, known));
    }

    /// All problems noted, in the order of the file.
    pub fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(Problem::start);
        problems
    }
}

/// A table being read. Keys are taken one by one; [`Table::finish`] notes those nobody asked for.
#[derive(Debug)]
pub struct Table<'r> {
    reader: &'r Reader,
    entries: RawTable<'r>,
    span: Range<usize>,
    path: String,
    asked: Vec<&'static str>,
}

impl<'r> Table<'r> {
    fn new(reader: &'r Reader, entries: RawTable<'r>, span: Range<usize>, path: String) -> Self {
        Self { reader, entries, span, path, asked: Vec::new() }
    }

    /// Reads a value as a table, outside any other.
    pub fn of(reader: &'r Reader, mut value: Value<'r>, name: &str) -> Option<Self> {
        let span: Range<usize> = value.span.into();
        match value.take() {
            ValueInner::Table(entries) => Some(Self::new(reader, entries, span, name.to_owned())),
            _ => None,
        }
    }

    /// Where the table stands.
    pub fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// Its reader, for noting problems.
    pub fn reader(&self) -> &'r Reader {
        self.reader
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The items of a list, or the value itself.
    pub fn items(&self, mut value: Value<'r>) -> Vec<Value<'r>> {
        match value.take() {
            ValueInner::Array(items) => items,
            other => {
                value.set(other);
                vec![value]
            }
        }
    }

    /// A string.
    pub fn string(&mut self, key: &'static str) -> Option<Placed<String>> {
        let value = self.take(key)?;
        self.as_string(value, key)
    }

    /// A string that must be there.
    pub fn required_string(&mut self, key: &'static str) -> Option<Placed<String>> {
        if !self.entries.contains_key(key) {
            self.missing(key);
        }
        self.string(key)
    }

    /// One string, or a list of strings.
    pub fn strings(&mut self, key: &'static str) -> Option<Vec<Placed<String>>> {
        let value = self.take(key)?;
        Some(self.as_strings(value, key))
    }

    /// A number within bounds.
    pub fn integer(&mut self, key: &'static str, bounds: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(key)?;
        match value.as_integer() {
            Some(number) if bounds.contains(&number) => Some(number),
            Some(number) => {
                let message =
                    format!("{} is {number}, but must be {} to {}", self.name(key), bounds.start(), bounds.end());
                self.reader.note(value.span.into(), message);
                None
            }
            None => self.wrong(&value, key, "a number"),
        }
    }

    /// Yes or no.
    pub fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.take(key)?;
        value.as_bool().or_else(|| self.wrong(&value, key, "true or false"))
    }

    /// A duration such as "5m", "90s" or "1h 30m".
    pub fn duration(&mut self, key: &'static str) -> Option<SignedDuration> {
        let text = self.string(key)?;
        match text.parse::<SignedDuration>() {
            Ok(duration) if duration.is_positive() && duration <= DURATION_MAX => Some(duration),
            Ok(_) => {
                self.reader
                    .note(text.span, format!("{} must be more than nothing and at most 30 days", self.name(key)));
                None
            }
            Err(_) => {
                let message = format!("{} {:?} is not a duration", self.name(key), text.value);
                self.reader.note_with_hint(text.span, message, "write it like \"90s\", \"5m\" or \"1h 30m\"");
                None
            }
        }
    }

    /// A table.
    pub fn table(&mut self, key: &'static str) -> Option<Self> {
        let value = self.take(key)?;
        self.as_table(value, key)
    }

    /// A list of tables (`[[key]]`).
    pub fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let Some(mut value) = self.take(key) else { return Vec::new() };
        match value.take() {
            ValueInner::Array(items) => items.into_iter().filter_map(|item| self.as_table(item, key)).collect(),
            other => {
                value.set(other);
                self.wrong::<()>(&value, key, "a list of tables");
                Vec::new()
            }
        }
    }

    /// What stands under a key, whatever it is, for the caller to look at.
    pub fn value(&mut self, key: &'static str) -> Option<Value<'r>> {
        self.take(key)
    }

    /// All remaining entries that are tables, by name (`[services.NAME]`).
    pub fn named_tables(&mut self) -> Vec<(Placed<String>, Self)> {
        let entries = std::mem::take(&mut self.entries);
        let mut tables: Vec<_> = entries
            .into_iter()
            .filter_map(|(key, value)| {
                let name = Placed { value: key.name.to_string(), span: key.span.into() };
                let table = self.as_table(value, &name.value)?;
                Some((name, table))
            })
            .collect();
        // The library sorts keys; people expect the order of the file.
        tables.sort_by_key(|(name, _)| name.span.start);
        tables
    }

    /// All remaining entries, by name, in the order of the file.
    pub fn named_values(&mut self) -> Vec<(Placed<String>, Value<'r>)> {
        let entries = std::mem::take(&mut self.entries);
        let placed = |key: toml_span::value::Key<'_>| Placed { value: key.name.to_string(), span: key.span.into() };
        let mut values: Vec<_> = entries.into_iter().map(|(key, value)| (placed(key), value)).collect();
        values.sort_by_key(|(name, _)| name.span.start);
        values
    }

    /// Reads a value as a string.
    pub fn as_string(&self, mut value: Value<'r>, key: &str) -> Option<Placed<String>> {
        let span: Range<usize> = value.span.into();
        match value.take() {
            ValueInner::String(text) => Some(Placed { value: text.into_owned(), span }),
            other => {
                value.set(other);
                self.wrong(&value, key, "a string")
            }
        }
    }

    /// Reads a value as one string or a list of strings.
    pub fn as_strings(&self, mut value: Value<'r>, key: &str) -> Vec<Placed<String>> {
        match value.take() {
            ValueInner::Array(items) => items.into_iter().filter_map(|item| self.as_string(item, key)).collect(),
            other => {
                value.set(other);
                self.as_string(value, key).into_iter().collect()
            }
        }
    }

    /// Reads a value as a table.
    pub fn as_table(&self, mut value: Value<'r>, key: &str) -> Option<Self> {
        let span: Range<usize> = value.span.into();
        match value.take() {
            ValueInner::Table(entries) => Some(Self::new(self.reader, entries, span, self.name(key))),
            other => {
                value.set(other);
                self.wrong(&value, key, "a table")
            }
        }
    }

    /// Notes that a key is needed.
    pub fn missing(&self, key: &str) {
        let place = if self.path.is_empty() { "this file".to_owned() } else { format!("[{}]", self.path) };
        self.reader.note(self.span.clone(), format!("{place} needs `{key}`"));
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self) {
        for key in self.entries.keys() {
            let name = Placed { value: key.name.to_string(), span: key.span.into() };
            let message = format!("{} is not a setting here", self.name(&name));
            self.reader.note_with_hint(name.span.clone(), message, nearest(&name, self.asked.iter().copied()));
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Value<'r>> {
        self.asked.push(key);
        self.entries.remove(key)
    }

    fn name(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn wrong<T>(&self, value: &Value<'_>, key: &str, wanted: &str) -> Option<T> {
        let found = value.as_ref().type_str();
        let article = if found.starts_with(['a', 'i']) { "an" } else { "a" };
        self.reader.note(value.span.into(), format!("{} must be {wanted}, not {article} {found}", self.name(key)));
        None
    }
}

/// "did you mean …?", or the list of what there is.
fn nearest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.collect();
    let close = known.iter().map(|k| (strsim::damerau_levenshtein(name, k), k)).min();
    match close {
        Some((distance, best)) if distance <= 1.max(name.len() / 3) => format!("did you mean `{best}`?"),
        _ if known.is_empty() => "there is none".to_owned(),
        _ => format!("known are: {}", known.join(", ")),
    }
}
