//! A value that a rule fixes or looks up from a captured word or number.

use std::collections::BTreeMap;
use std::fmt::Display;

use super::pattern::Captures;

/// A value that is fixed or looked up.
#[derive(Debug, Clone)]
pub enum Choice<T> {
    /// Always this.
    Fixed(T),
    /// By what was captured.
    Lookup(Lookup<T>),
}

/// A table from captured words or numbers to values.
#[derive(Debug, Clone)]
pub struct Lookup<T> {
    /// The capture's name.
    pub capture: String,
    /// Lower-case word to value.
    pub map: BTreeMap<String, T>,
    /// Bounds, greatest first: the first that is not above the captured number counts.
    pub at_least: Vec<(f64, T)>,
    /// For what is in neither.
    pub default: Option<T>,
}

impl<T> Choice<T> {
    /// Every value that it can give.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        let (fixed, lookup) = match self {
            Self::Fixed(value) => (Some(value), None),
            Self::Lookup(lookup) => (None, Some(lookup)),
        };
        let looked_up = lookup.into_iter().flat_map(|lookup| {
            lookup.map.values().chain(lookup.at_least.iter().map(|(_, value)| value)).chain(&lookup.default)
        });
        fixed.into_iter().chain(looked_up)
    }
}

impl<T: Copy + Display> Choice<T> {
    /// The value, and how it came about.
    ///
    /// # Errors
    /// In words, when the table has no entry.
    pub(super) fn choose(&self, what: &str, captures: &Captures) -> Result<(T, String), String> {
        match self {
            Self::Fixed(value) => Ok((*value, format!("the rule says {value}"))),
            Self::Lookup(lookup) => lookup.choose(what, captures),
        }
    }
}

impl<T: Copy + Display> Lookup<T> {
    fn choose(&self, what: &str, captures: &Captures) -> Result<(T, String), String> {
        let (capture, word) = (&self.capture, captures.get(&self.capture).unwrap_or(""));
        if let Some(value) = self.map.get(&word.to_lowercase()) {
            return Ok((*value, format!("{capture} {word:?} means {value}")));
        }
        if let Some(number) = number(word)
            && let Some((bound, value)) = self.at_least.iter().find(|(bound, _)| number >= *bound)
        {
            return Ok((*value, format!("{capture} {word:?} is at least {bound}, so {value}")));
        }
        match self.default {
            Some(value) => Ok((value, format!("{capture} {word:?} is not in the table, so {value}"))),
            None => Err(format!("{what} has no entry for {capture} {word:?}")),
        }
    }
}

/// The number that a text starts with, whatever unit follows.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.".contains(c))).unwrap_or(text.len());
    text[..end].trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(word: &str) -> Result<(u8, String), String> {
        let lookup = Lookup {
            capture: "value".to_owned(),
            map: BTreeMap::from([("down".to_owned(), 9)]),
            at_least: vec![(95.5, 3), (80.0, 2)],
            default: None,
        };
        let mut captures = Captures::default();
        captures.set("value", word.to_owned(), None);
        Choice::Lookup(lookup).choose("severity", &captures)
    }

    #[test]
    fn words_and_numbers() {
        for (word, expected) in [("DOWN", 9), ("97%", 3), ("95.5", 3), ("95.4 °C", 2), ("80.", 2), ("+81", 2)] {
            assert_eq!(choose(word).map(|(value, _)| value), Ok(expected), "{word}");
        }
        for word in ["79", "-99", "up", "", "-"] {
            let why = choose(word).expect_err(word);
            assert_eq!(why, format!("severity has no entry for value {word:?}"));
        }
        assert_eq!(choose("97").expect("a number").1, "value \"97\" is at least 95.5, so 3");
    }
}
