//! Templates for dedup keys and summaries: text with `{name}` holes, `{{` and `}}` for the braces themselves.

use std::fmt;

/// A checked template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Hole(String),
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TemplateError {
    /// A `{` without its `}`.
    Unclosed,
    /// A `}` without its `{`.
    Unopened,
    /// A hole whose name is not a capture name (letters, digits, `_`).
    BadName(String),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed => f.write_str("a `{` has no closing `}`"),
            Self::Unopened => f.write_str("a `}` has no opening `{`"),
            Self::BadName(name) => write!(f, "`{{{name}}}` is not a capture name"),
        }
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// When braces do not pair up or a name is not one.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '{' if chars.next_if_eq(&'{').is_some() => literal.push('{'),
                '}' if chars.next_if_eq(&'}').is_some() => literal.push('}'),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some('}') => break,
                            Some(c) => name.push(c),
                            None => return Err(TemplateError::Unclosed),
                        }
                    }
                    if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || c == '_') {
                        return Err(TemplateError::BadName(name));
                    }
                    if !literal.is_empty() {
                        parts.push(Part::Text(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Hole(name));
                }
                '}' => return Err(TemplateError::Unopened),
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Self { parts })
    }

    /// The names of its holes, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Hole(name) => Some(name.as_str()),
            Part::Text(_) => None,
        })
    }

    /// Whether it is one hole and nothing else.
    pub fn is_only(&self, name: &str) -> bool {
        matches!(&self.parts[..], [Part::Hole(only)] if only == name)
    }

    /// Fills the holes.
    ///
    /// # Errors
    /// The name of the first hole that `value` has nothing for.
    pub fn render<'a>(&self, value: impl Fn(&str) -> Option<&'a str>) -> Result<String, String> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Hole(name) => out.push_str(value(name).ok_or_else(|| name.clone())?),
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_holes_and_braces() {
        let template = Template::parse("{{{host}}}/{service} at 5%").expect("parses");
        let value = |name: &str| match name {
            "host" => Some("db"),
            "service" => Some("disk"),
            _ => None,
        };
        assert_eq!(template.render(value), Ok("{db}/disk at 5%".to_owned()));
        assert_eq!(template.names().collect::<Vec<_>>(), ["host", "service"]);
    }

    #[test]
    fn a_missing_value_is_named() {
        let template = Template::parse("{host}").expect("parses");
        assert_eq!(template.render(|_| None), Err("host".to_owned()));
    }

    #[test]
    fn bad_templates_say_why() {
        assert_eq!(Template::parse("{host"), Err(TemplateError::Unclosed));
        assert_eq!(Template::parse("host}"), Err(TemplateError::Unopened));
        assert_eq!(Template::parse("{ho st}"), Err(TemplateError::BadName("ho st".to_owned())));
        assert_eq!(Template::parse("{}"), Err(TemplateError::BadName(String::new())));
    }
}
