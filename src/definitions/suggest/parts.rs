//! A line of one sample as parts of a pattern.

use std::collections::BTreeSet;

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// Text that stands there in every mail of this layout.
    Text(String),
    /// The name of a thing.
    Name(Name),
    /// A word of a column that says how the thing is.
    State { column: usize, value: String },
    /// Anything: a reading of the moment.
    Gap(Gap),
}

/// The name of a thing in a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) capture: String,
    pub(super) value: String,
    pub(super) sort: Sort,
}

/// What a name names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    /// A host or the like.
    Place,
    /// One word that looks like a name, but what of is unknown.
    Thing,
    /// Words.
    Phrase,
    /// An address, a link, a number of an event: tells things apart only when nothing else does.
    Weak,
}

/// What a gap may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gap {
    Digits,
    Solid,
    Some,
    Any,
}

/// How the words of a state column are written as a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StateColumn {
    pub(super) column: usize,
    /// The capture's name; none: the words are matched, not captured.
    pub(super) capture: Option<String>,
    /// `[A-Z]+`, `\w+`; none: the words seen.
    pub(super) open: Option<&'static str>,
    pub(super) words: BTreeSet<String>,
}

/// Two lines of equal signature differ in names and states only.
pub(super) fn signature(parts: &[Part]) -> String {
    let mut out = String::new();
    for part in parts {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Name(name) => out.extend(["\u{1}", &name.capture]),
            Part::State { column, .. } => out.extend(["\u{2}".to_owned(), column.to_string()]),
            Part::Gap(gap) => out.extend(["\u{3}", gap.pattern()]),
        }
        out.push('\0');
    }
    out
}

/// The anchored pattern of a line. `samples` are lines of equal signature.
pub(super) fn pattern(samples: &[&[Part]], columns: &[StateColumn], per_line: bool) -> String {
    let Some(parts) = samples.first() else { return String::new() };
    let mut out = String::from(if per_line { "(?m)^" } else { "^" });
    for (at, part) in parts.iter().enumerate() {
        match part {
            Part::Text(text) => out.push_str(&escape(text)),
            Part::Gap(gap) => out.push_str(gap.pattern()),
            Part::State { column, .. } => {
                if let Some(state) = columns.iter().find(|state| state.column == *column) {
                    let seen = samples.iter().filter_map(|sample| match sample.get(at) {
                        Some(Part::State { value, .. }) => Some(value.clone()),
                        _ => None,
                    });
                    out.push_str(&state_pattern(&StateColumn { words: seen.collect(), ..state.clone() }));
                }
            }
            Part::Name(name) => {
                let values: Vec<&str> = samples.iter().filter_map(|sample| name_at(sample, at)).collect();
                let before = at.checked_sub(1).and_then(|at| parts.get(at));
                let inner = name_pattern(name, &values, before, parts.get(at + 1), parts.get(at + 2));
                out.push_str(&format!("(?<{}>{inner})", name.capture));
            }
        }
    }
    out.push('$');
    out
}

/// Text as a pattern, without escapes that are not needed.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '|' | '[' | ']' | '{' | '}' | '^' | '$' => out.extend(['\\', c]),
            // A pattern stands in TOML single quotes.
            '\'' => out.push_str(r"\x27"),
            '\t' => out.push_str(r"\t"),
            _ => out.push(c),
        }
    }
    out
}

impl Gap {
    fn pattern(self) -> &'static str {
        match self {
            Self::Digits => r"\d+",
            Self::Solid => r"\S+",
            Self::Some => ".+?",
            Self::Any => ".*",
        }
    }
}

fn name_at(sample: &[Part], at: usize) -> Option<&str> {
    match sample.get(at) {
        Some(Part::Name(name)) => Some(&name.value),
        _ => None,
    }
}

fn state_pattern(state: &StateColumn) -> String {
    let closed = || state.words.iter().map(|word| escape(word)).collect::<Vec<_>>().join("|");
    match (&state.capture, state.open) {
        (Some(name), Some(open)) => format!("(?<{name}>{open})"),
        (Some(name), None) => format!("(?<{name}>{})", closed()),
        (None, _) if state.words.len() == 1 => closed(),
        (None, _) => format!("(?:{})", closed()),
    }
}

/// As narrow as what follows allows: up to the mark behind it, or without blanks where none was seen.
fn name_pattern(
    name: &Name,
    values: &[&str],
    before: Option<&Part>,
    next: Option<&Part>,
    after: Option<&Part>,
) -> String {
    let text = |part: Option<&Part>| match part {
        Some(Part::Text(text)) => text.clone(),
        _ => String::new(),
    };
    let (ahead, behind) = (text(before), text(next));
    let is_mark = |c: &char| !c.is_alphanumeric() && !c.is_whitespace();
    let mark = behind.chars().next().filter(is_mark);
    // Between marks there is room for other things' blanks.
    let walled =
        ahead.trim_end().chars().next_back().is_some_and(|c| is_mark(&c)) && (next.is_none() || mark.is_some());
    let blanks = name.sort == Sort::Phrase || values.iter().any(|value| value.contains(char::is_whitespace));
    let solid = !blanks && !walled;
    if let Some(mark) = mark.filter(|mark| values.iter().all(|value| !value.contains(*mark))) {
        let mark = match mark {
            ']' | '[' | '^' | '-' | '\\' | '&' | '~' => format!("\\{mark}"),
            '\'' => r"\x27".to_owned(),
            _ => mark.to_string(),
        };
        return if solid { format!(r"[^\s{mark}]+") } else { format!("[^{mark}]+") };
    }
    // A dash or the like ends a name; what stands behind it is the next one's.
    let dash = behind.trim_start().starts_with(['-', '–', '—', '|', ':']) && behind.starts_with(' ');
    let more = matches!(after, Some(Part::Name(_) | Part::Gap(_)));
    match (solid, dash && more) {
        (true, _) => r"\S+".to_owned(),
        (false, true) => ".+?".to_owned(),
        (false, false) => ".+".to_owned(),
    }
}
