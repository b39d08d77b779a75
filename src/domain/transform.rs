//! What may be done to a capture before it becomes part of a key, a summary or a lookup.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::pattern::{Budget, Captures, Pattern};

/// Steps that make the value of one name. The name may be a capture's or a new one.
#[derive(Debug, Clone)]
pub struct Transform {
    /// Whose value.
    pub name: String,
    /// In order.
    pub steps: Vec<Step>,
}

/// One step. A step that has nothing to work on does nothing.
#[derive(Debug, Clone)]
pub enum Step {
    /// `Db1` → `db1`.
    Lower,
    /// `Db1` → `DB1`.
    Upper,
    /// Without blanks around it, and single blanks within.
    Trim,
    /// `db1.example.com` → `db1`; an IP address stays as it is.
    StripDomain,
    /// Up to the first blank.
    FirstWord,
    /// Up to the end of the first line.
    FirstLine,
    /// The value of another name.
    From(String),
    /// The first of these names that has a value.
    FirstOf(Vec<String>),
    /// All matches replaced; `${name}` and `$1` are what was captured.
    Replace {
        /// What to replace.
        pattern: Pattern,
        /// With what.
        with: String,
    },
    /// By a table, without regard to case; what is not in it stays, unless there is a default.
    Map {
        /// Lower-case word to value.
        map: BTreeMap<String, String>,
        /// For all other words.
        default: Option<String>,
    },
    /// Where there is no value.
    Default(String),
}

impl Transform {
    /// Sets the value. `built_in` are the names that need no capture.
    ///
    /// # Errors
    /// When the work that a mail may cost is used up.
    pub(super) fn apply<'a>(
        &self,
        captures: &mut Captures,
        built_in: impl Fn(&str) -> Option<&'a str>,
        budget: &mut Budget,
    ) -> Result<(), String> {
        let named = |name: &str| captures.get(name).or_else(|| built_in(name)).map(str::to_owned);
        let mut value = named(&self.name).unwrap_or_default();
        for step in &self.steps {
            value = match step {
                Step::Lower => value.to_lowercase(),
                Step::Upper => value.to_uppercase(),
                Step::Trim => value.split_whitespace().collect::<Vec<_>>().join(" "),
                Step::StripDomain => strip_domain(&value).to_owned(),
                Step::FirstWord => value.split_whitespace().next().unwrap_or_default().to_owned(),
                Step::FirstLine => value.trim_start().lines().next().unwrap_or_default().trim_end().to_owned(),
                Step::From(name) => named(name).unwrap_or_default(),
                Step::FirstOf(names) => names.iter().find_map(|name| named(name)).unwrap_or_default(),
                Step::Replace { pattern, with } => pattern.replace(&value, with, budget)?.trim().to_owned(),
                Step::Map { map, default } => {
                    let found = map.get(&value.to_lowercase()).or(default.as_ref());
                    found.cloned().unwrap_or(value)
                }
                Step::Default(text) if value.is_empty() => text.clone(),
                Step::Default(_) => value,
            };
        }
        captures.set(&self.name, value, None);
        Ok(())
    }
}

fn strip_domain(host: &str) -> &str {
    if host.parse::<IpAddr>().is_ok() { host } else { host.split('.').next().unwrap_or(host) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_work_one_after_the_other() {
        let pattern = |text: &str| Pattern::new(text).expect("pattern");
        let map = |default: Option<&str>| Step::Map {
            map: BTreeMap::from([("does not exist".to_owned(), "existence".to_owned())]),
            default: default.map(str::to_owned),
        };
        let cases: [(&str, Vec<Step>, Option<&str>); 13] = [
            ("DB1.Example.COM", vec![Step::Lower, Step::StripDomain], Some("db1")),
            ("192.0.2.7", vec![Step::StripDomain], Some("192.0.2.7")),
            ("2001:db8::1", vec![Step::StripDomain, Step::Upper], Some("2001:DB8::1")),
            (" a \t b ", vec![Step::Trim], Some("a b")),
            ("one two", vec![Step::FirstWord], Some("one")),
            ("\n one two \n three", vec![Step::FirstLine], Some("one two")),
            ("Does Not Exist", vec![map(None)], Some("existence")),
            ("Size", vec![map(None)], Some("Size")),
            ("Size", vec![map(Some("other"))], Some("other")),
            ("disk (93 %)", vec![Step::Replace { pattern: pattern(r"\s*\(.*\)$"), with: String::new() }], Some("disk")),
            ("x", vec![Step::FirstOf(vec!["nothing".to_owned(), "subject".to_owned()])], Some("the subject")),
            ("x", vec![Step::From("nothing".to_owned())], None),
            ("x", vec![Step::From("nothing".to_owned()), Step::Default("d".to_owned())], Some("d")),
        ];
        for (value, steps, expected) in cases {
            let mut captures = Captures::default();
            captures.set("name", value.to_owned(), None);
            let shown = format!("{value:?} {steps:?}");
            let built_in = |name: &str| (name == "subject").then_some("the subject");
            let transform = Transform { name: "name".to_owned(), steps };
            transform.apply(&mut captures, built_in, &mut Budget::default()).expect("within the budget");
            assert_eq!(captures.get("name"), expected, "{shown}");
        }
    }
}
