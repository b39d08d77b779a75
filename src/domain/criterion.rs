//! One condition on one field: it answers yes with its captures, or no with its reason.

use super::field::Field;
use super::mail::{Envelope, Mail};
use super::network::Network;
use super::pattern::{Budget, Captures, Pattern};

/// One condition on one field. All demands must hold; an absent one holds.
#[derive(Debug, Clone)]
pub struct Criterion {
    /// What it looks at.
    pub field: Field,
    /// Every one of these must match.
    pub all: Vec<Pattern>,
    /// At least one of these must match; empty means no such demand.
    pub any: Vec<Pattern>,
    /// One of these plain values it must be; empty means no such demand.
    pub is: Vec<Plain>,
    /// None of these may match.
    pub not: Vec<Pattern>,
    /// These may match and add their captures.
    pub optional: Vec<Pattern>,
}

/// A plain value to compare with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plain {
    /// A text; the case of ASCII letters does not matter.
    Text(String),
    /// A network of client addresses, as in `10.0.0.0/8`.
    Network(Network),
}

impl Plain {
    /// Reads the value for a field: for the client an address or a network, else a text.
    pub fn parse(field: &Field, text: &str) -> Option<Self> {
        if *field != Field::Client {
            return Some(Self::Text(text.to_owned()));
        }
        text.parse().ok().map(Self::Network)
    }

    fn is(&self, value: &str) -> bool {
        match self {
            Self::Text(text) => text.eq_ignore_ascii_case(value),
            Self::Network(network) => value.parse().is_ok_and(|address| network.contains(address)),
        }
    }
}

impl Criterion {
    /// A criterion that demands nothing yet.
    pub fn on(field: Field) -> Self {
        Self { field, all: Vec::new(), any: Vec::new(), is: Vec::new(), not: Vec::new(), optional: Vec::new() }
    }

    /// Whether it has no demand and no captures.
    pub fn is_empty(&self) -> bool {
        self.patterns().next().is_none() && self.not.is_empty() && self.is.is_empty()
    }

    /// The patterns that may capture.
    pub fn patterns(&self) -> impl Iterator<Item = &Pattern> {
        self.all.iter().chain(&self.any).chain(&self.optional)
    }

    /// Tests the field and adds what it captured.
    ///
    /// # Errors
    /// In words, why it does not hold.
    pub(super) fn test(
        &self,
        mail: &Mail,
        envelope: &Envelope,
        captures: &mut Captures,
        budget: &mut Budget,
    ) -> Result<(), String> {
        let (field, values) = (&self.field, self.field.values(mail, envelope));
        for pattern in &self.not {
            for value in values.clone() {
                if pattern.is_match(value, budget)? {
                    return Err(format!("{field} matches the excluded '{}'", pattern.as_str()));
                }
            }
        }
        let demands = !(self.all.is_empty() && self.any.is_empty() && self.is.is_empty());
        if demands && values.clone().next().is_none() {
            return Err(format!("{field} is not in the mail"));
        }
        if !self.is.is_empty() && !values.clone().any(|value| self.is.iter().any(|plain| plain.is(value))) {
            return Err(format!("{field} is none of the {} listed values", self.is.len()));
        }
        let mut capture = |pattern: &Pattern, budget: &mut Budget| -> Result<bool, String> {
            for (nth, value) in values.clone().enumerate() {
                if let Some(found) = pattern.captures(value, budget)? {
                    captures.add(pattern, &found, field, nth);
                    return Ok(true);
                }
            }
            Ok(false)
        };
        let no_match = |pattern: &Pattern, budget: &mut Budget| {
            let beginning = pattern.matching_beginning(&values.clone().collect::<Vec<_>>(), budget);
            let as_far_as = beginning.map(|beginning| format!(", only its beginning '{beginning}' does"));
            format!("{field} does not match '{}'{}", pattern.as_str(), as_far_as.unwrap_or_default())
        };
        for pattern in &self.all {
            if !capture(pattern, budget)? {
                return Err(no_match(pattern, budget));
            }
        }
        let mut matched = self.any.is_empty();
        for pattern in &self.any {
            matched = capture(pattern, budget)?;
            if matched {
                break;
            }
        }
        if !matched {
            return Err(match &self.any[..] {
                [only] => no_match(only, budget),
                all => format!("{field} matches none of its {} patterns", all.len()),
            });
        }
        for pattern in &self.optional {
            capture(pattern, budget)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(criterion: &Criterion, raw: &str) -> Result<Captures, String> {
        let mut captures = Captures::default();
        let envelope = Envelope::new("", "ops@example.com", "192.0.2.7");
        let mail = Mail::parse(raw.as_bytes());
        criterion.test(&mail, &envelope, &mut captures, &mut Budget::default()).map(|()| captures)
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::new(text).expect(text)).collect()
    }

    #[test]
    fn every_demand_must_hold() {
        let criterion = Criterion {
            all: patterns(&["(?m)^Host: (?<host>.+)$", "(?m)^Check: (?<check>.+)$"]),
            not: patterns(&["DRILL"]),
            optional: patterns(&["(?m)^URL: (?<url>.+)$"]),
            ..Criterion::on(Field::Body)
        };
        let captures = test(&criterion, "Subject: x\n\nHost: db1\nCheck: disk\n").expect("holds");
        assert_eq!(
            (captures.get("host"), captures.get("check"), captures.get("url")),
            (Some("db1"), Some("disk"), None)
        );
        let captures = test(&criterion, "Subject: x\n\nCheck: disk\nHost: db1\nURL: https://x\n").expect("holds");
        assert_eq!(captures.get("url"), Some("https://x"));
        for (raw, reason) in [
            ("Subject: x\n\nHost: db1\n", "body does not match"),
            ("Subject: x\n\nDRILL\nHost: db1\nCheck: disk\n", "body matches the excluded"),
            ("Subject: x\n\n", "body is not in the mail"),
        ] {
            let why = test(&criterion, raw).expect_err(raw);
            assert!(why.starts_with(reason), "{raw:?}: {why}");
        }
    }

    #[test]
    fn plain_values_and_networks() {
        let is = |field: Field, text: &str| Criterion {
            is: vec![Plain::parse(&field, text).expect(text)],
            ..Criterion::on(field)
        };
        assert!(test(&is(Field::From, "Mon@Example.com"), "From: mon@example.com\n\n").is_ok());
        assert!(test(&is(Field::From, "example.com"), "From: mon@example.com\n\n").is_err());
        for (network, within) in [
            ("192.0.2.0/24", true),
            ("192.0.2.7", true),
            ("192.0.2.8/31", false),
            ("0.0.0.0/0", true),
            ("2001:db8::/32", false),
        ] {
            assert_eq!(test(&is(Field::Client, network), "Subject: x\n\n").is_ok(), within, "{network}");
        }
        for bad in ["192.0.2.0/33", "example.com", "::/129"] {
            assert_eq!(Plain::parse(&Field::Client, bad), None, "{bad}");
        }
    }
}
