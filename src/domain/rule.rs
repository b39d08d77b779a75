//! One rule: criteria over a mail, and what it claims when they all hold.
//!
//! A criterion answers yes with its captures or no with its reason; an absent criterion is a yes. A rule that
//! matches but cannot fill its templates falls through with a reason (I9).

use std::collections::BTreeMap;

use regex::Regex;

use super::alert::{self, Action, Alert, Severity};
use super::mail::Mail;
use super::template::Template;

/// Names that templates may use without capturing them.
pub const BUILT_IN_NAMES: [&str; 3] = ["subject", "from", "recipient"];

/// What a criterion looks at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The normalised subject.
    Subject,
    /// The decoded subject as it came.
    SubjectRaw,
    /// The text, or the HTML as text.
    Body,
    /// The address in `From`.
    From,
    /// The envelope recipient, lower case.
    Recipient,
    /// Any header, by name; any of its occurrences may match.
    Header(String),
}

impl Field {
    /// How definition files write it.
    pub fn name(&self) -> String {
        match self {
            Self::Subject => "subject".to_owned(),
            Self::SubjectRaw => "subject_raw".to_owned(),
            Self::Body => "body".to_owned(),
            Self::From => "from".to_owned(),
            Self::Recipient => "recipient".to_owned(),
            Self::Header(name) => format!("header.{name}"),
        }
    }
}

/// One condition on one field.
#[derive(Debug, Clone)]
pub struct Criterion {
    /// What it looks at.
    pub field: Field,
    /// At least one of these must match; empty means no such demand.
    pub any: Vec<Regex>,
    /// None of these may match.
    pub not: Vec<Regex>,
}

/// A value that is fixed, or looked up from a captured word (without regard to case).
#[derive(Debug, Clone)]
pub enum Choice<T> {
    /// Always this.
    Fixed(T),
    /// By the word in a capture.
    Lookup {
        /// The capture's name.
        capture: String,
        /// Lower-case word to value.
        map: BTreeMap<String, T>,
        /// For words that are not in the map.
        default: Option<T>,
    },
}

/// A checked rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `pack/rule`.
    pub name: String,
    /// All must hold.
    pub criteria: Vec<Criterion>,
    /// What it asks for.
    pub action: Choice<Action>,
    /// How bad it is.
    pub severity: Choice<Severity>,
    /// Identifies the thing within its service.
    pub dedup_key: Template,
    /// One line for a person.
    pub summary: Template,
    /// Why a mail like this is ignored or treated so; shown with the verdict.
    pub reason: Option<String>,
}

/// Named captures of one mail.
type Captures = BTreeMap<String, String>;

impl Rule {
    /// Judges a mail.
    ///
    /// # Errors
    /// In words, why the rule says nothing about it.
    pub fn judge(&self, mail: &Mail, recipient: &str) -> Result<Alert, String> {
        let mut captures = Captures::new();
        for criterion in &self.criteria {
            criterion.test(mail, recipient, &mut captures)?;
        }
        let (action, action_why) = self.action.choose("action", &captures)?;
        let (severity, _) = self.severity.choose("severity", &captures)?;
        let value = |name: &str| match name {
            "subject" => Some(mail.subject.as_str()),
            "from" => Some(mail.from.as_str()),
            "recipient" => Some(recipient),
            name => captures.get(name).map(String::as_str),
        };
        let render = |what: &str, template: &Template| {
            template.render(value).map_err(|name| format!("{what} needs `{{{name}}}`, which captured nothing here"))
        };
        let dedup_key = alert::dedup_key(&render("dedup_key", &self.dedup_key)?);
        if dedup_key.is_empty() {
            return Err("dedup_key came out empty".to_owned());
        }
        let why = self.reason.clone().unwrap_or(action_why);
        Ok(Alert {
            action,
            dedup_key,
            severity,
            summary: alert::summary(&render("summary", &self.summary)?),
            rule: self.name.clone(),
            reason: why,
        })
    }
}

impl Criterion {
    /// Tests one field and adds what it captured.
    fn test(&self, mail: &Mail, recipient: &str, captures: &mut Captures) -> Result<(), String> {
        let values: Vec<&str> = match &self.field {
            Field::Subject => vec![&mail.subject],
            Field::SubjectRaw => vec![&mail.subject_raw],
            Field::Body => vec![&mail.body],
            Field::From => vec![&mail.from],
            Field::Recipient => vec![recipient],
            Field::Header(name) => mail.header(name).collect(),
        };
        let name = self.field.name();
        if let Some(regex) = self.not.iter().find(|regex| values.iter().any(|value| regex.is_match(value))) {
            return Err(format!("{name} matches the excluded {:?}", regex.as_str()));
        }
        if self.any.is_empty() {
            return Ok(());
        }
        if values.is_empty() {
            return Err(format!("{name} is not in the mail"));
        }
        let hit =
            self.any.iter().find_map(|regex| values.iter().find_map(|value| Some((regex, regex.captures(value)?))));
        let Some((regex, found)) = hit else {
            return Err(match &self.any[..] {
                [only] => format!("{name} does not match {:?}", only.as_str()),
                all => format!("{name} matches none of its {} patterns", all.len()),
            });
        };
        for group in regex.capture_names().flatten() {
            if let Some(capture) = found.name(group) {
                captures.insert(group.to_owned(), capture.as_str().trim().to_owned());
            }
        }
        Ok(())
    }
}

impl<T: Copy + std::fmt::Display> Choice<T> {
    /// The value, and how it came about.
    fn choose(&self, what: &str, captures: &Captures) -> Result<(T, String), String> {
        match self {
            Self::Fixed(value) => Ok((*value, format!("the rule says {value}"))),
            Self::Lookup { capture, map, default } => {
                let word = captures.get(capture).map_or("", String::as_str);
                match map.get(&word.to_lowercase()).or(default.as_ref()) {
                    Some(value) => Ok((*value, format!("{capture} {word:?} means {value}"))),
                    None => Err(format!("{what} has no entry for {capture} {word:?}")),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        let regex = |pattern: &str| Regex::new(pattern).expect("pattern");
        Rule {
            name: "test/one".to_owned(),
            criteria: vec![
                Criterion {
                    field: Field::Subject,
                    any: vec![regex("^(?<state>DOWN|UP|ODD): (?<host>\\S+)(?: (?<port>\\d+))?$")],
                    not: vec![regex("drill")],
                },
                Criterion { field: Field::Header("X-Site".to_owned()), any: vec![regex("(?<site>.+)")], not: vec![] },
            ],
            action: Choice::Lookup {
                capture: "state".to_owned(),
                map: BTreeMap::from([("down".to_owned(), Action::Trigger), ("up".to_owned(), Action::Resolve)]),
                default: None,
            },
            severity: Choice::Fixed(Severity::Critical),
            dedup_key: Template::parse("{site}/{host}").expect("template"),
            summary: Template::parse("{host} is {state}").expect("template"),
            reason: None,
        }
    }

    fn judge(mail: &str) -> Result<Alert, String> {
        rule().judge(&Mail::parse(mail.as_bytes()), "ops@example.com")
    }

    #[test]
    fn all_criteria_together_make_an_alert() {
        let alert = judge("Subject: DOWN: db1\nX-Site: fra\n\n").expect("matches");
        assert_eq!((alert.action, alert.dedup_key.as_str()), (Action::Trigger, "fra/db1"));
        assert_eq!(alert.summary, "db1 is DOWN");
        assert_eq!(alert.reason, "state \"DOWN\" means trigger");
    }

    #[test]
    fn every_no_has_its_reason() {
        for (mail, reason) in [
            ("Subject: hello\nX-Site: fra\n\n", "subject does not match"),
            ("Subject: DOWN: drill\nX-Site: fra\n\n", "subject matches the excluded"),
            ("Subject: DOWN: db1\n\n", "header.X-Site is not in the mail"),
            ("Subject: ODD: db1\nX-Site: fra\n\n", "action has no entry for state \"ODD\""),
        ] {
            let why = judge(mail).expect_err(mail);
            assert!(why.starts_with(reason), "{mail:?}: {why}");
        }
    }

    #[test]
    fn an_empty_optional_capture_falls_through() {
        let mut rule = rule();
        rule.dedup_key = Template::parse("{host}:{port}").expect("template");
        let mail = Mail::parse(b"Subject: DOWN: db1\nX-Site: fra\n\n");
        let why = rule.judge(&mail, "ops@example.com").expect_err("no port");
        assert!(why.contains("`{port}`"), "{why}");
    }
}
