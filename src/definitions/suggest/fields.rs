//! The `Key: value` lines of a mail's body, and the patterns that find them again.

use std::sync::LazyLock;

use regex::Regex;

use super::words::{self, Topic};
use crate::domain::mail::Mail;

/// Most fields of one mail that are looked at.
const FIELDS_MAX: usize = 60;

/// Longest value that can be a name.
const VALUE_CHARS_MAX: usize = 200;

/// How a field is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `Key: value`, `Key = value` or a table row, on a line of its own.
    Line(char),
    /// `key="value"` among others on one line.
    Quoted,
}

/// One field of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) topic: Topic,
    style: Style,
    /// Whether it stands at the beginning of its line.
    plain: bool,
}

impl Field {
    /// A pattern that captures the value under `name`.
    pub(super) fn pattern(&self, name: &str) -> String {
        let key = super::parts::escape(&self.key);
        match self.style {
            Style::Line(mark @ (':' | '：')) if self.plain => format!(r"(?m)^{key}[ \t]*{mark}[ \t]*(?<{name}>.+)$"),
            Style::Line(mark @ (':' | '：')) => {
                format!(r"(?m)^[ \t>*•·■●◆○・-]*{key}[\s　]*{mark}[ \t　]*(?<{name}>.+)$")
            }
            Style::Line('\t') => format!(r"(?m)^{key}:?\t(?<{name}>.+)$"),
            Style::Line(mark) => format!(r"(?m)^[ \t]*{key}[ \t]*{mark}[ \t]*(?<{name}>.+)$"),
            Style::Quoted => format!(r#"\b{key}="(?<{name}>[^"]*)""#),
        }
    }
}

static LINE: LazyLock<Regex> = LazyLock::new(|| {
    let key = r"[\p{L}][\p{L}\p{N} _./#'’-]{0,38}?";
    Regex::new(&format!(r"^(?<lead>[ \t>*•·■●◆○・-]*)(?<key>{key})(?:[ \t　]*(?<mark>:)[ \t　]+|[ \t　]*(?<wide>：)[ \t　]*|:?(?<tab>\t)|[ \t]+(?<is>=)[ \t]+)(?<value>\S.*)$"))
        .expect("the pattern is fixed")
});

static PAIR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"\b(\w+)="([^"]+)""#).expect("the pattern is fixed"));

/// The fields of a body in order; of several with one key the first, which is what a pattern finds.
pub(super) fn read(mail: &Mail) -> Vec<Field> {
    let mut fields: Vec<Field> = Vec::new();
    for line in mail.body().lines() {
        let found: Vec<Field> = match LINE.captures(line) {
            Some(found) => {
                let style = if found.name("wide").is_some() {
                    Style::Line('：')
                } else if found.name("mark").is_some() {
                    Style::Line(':')
                } else if found.name("tab").is_some() {
                    Style::Line('\t')
                } else {
                    Style::Line('=')
                };
                let mut field = field(&found["key"], &found["value"], style);
                field.plain = found["lead"].is_empty();
                vec![field]
            }
            None => PAIR.captures_iter(line).map(|found| field(&found[1], &found[2], Style::Quoted)).collect(),
        };
        for field in found {
            let short = field.value.chars().count() <= VALUE_CHARS_MAX && !field.value.is_empty();
            if short && fields.len() < FIELDS_MAX && fields.iter().all(|known| known.key != field.key) {
                fields.push(field);
            }
        }
    }
    fields
}

fn field(key: &str, value: &str, style: Style) -> Field {
    let key = key.trim();
    Field { key: key.to_owned(), value: value.trim().to_owned(), topic: words::topic(key), style, plain: false }
}
