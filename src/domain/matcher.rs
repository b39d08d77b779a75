//! Which incidents something is about: a silence, a maintenance window, a dependency.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::alert::Severity;
use super::field::Field;
use super::incident::Incident;
use super::pattern::{Budget, Captures, Pattern, PatternError};

/// What an incident must be like, as people write it. All that is given must hold; nothing given matches every
/// incident.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The service's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// A regex over the dedup key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// A regex over the summary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// The worst severity that still matches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
}

/// [`Wanted`], checked and ready.
#[derive(Debug, Clone)]
pub struct Matcher {
    wanted: Wanted,
    key: Option<Pattern>,
    summary: Option<Pattern>,
}

impl Matcher {
    /// Checks the patterns.
    ///
    /// # Errors
    /// When one of them is no regex.
    pub fn new(wanted: Wanted) -> Result<Self, PatternError> {
        let pattern = |text: &Option<String>| text.as_deref().map(Pattern::new).transpose();
        Ok(Self { key: pattern(&wanted.key)?, summary: pattern(&wanted.summary)?, wanted })
    }

    /// As it was written.
    pub fn wanted(&self) -> &Wanted {
        &self.wanted
    }

    /// Whether the incident is one of those.
    pub fn matches(&self, incident: &Incident) -> bool {
        // A pattern that costs too much matches nothing: what is not silenced pages.
        let holds = |pattern: &Option<Pattern>, text: &str| {
            pattern.as_ref().is_none_or(|pattern| pattern.is_match(text, &mut Budget::default()).unwrap_or(false))
        };
        self.wanted.service.as_deref().is_none_or(|service| service == incident.service)
            && self.wanted.severity.is_none_or(|worst| incident.severity <= worst)
            && holds(&self.key, &incident.dedup_key)
            && holds(&self.summary, &incident.summary)
    }
}

impl Matcher {
    /// Whether it leaves no incident out, as far as odd keys and summaries show: `.*` does not look like everything,
    /// and is.
    pub fn is_everything(&self) -> bool {
        let odd_texts = ["\u{1}", "§ 0", "zQ"];
        let matches_all = |pattern: &Option<Pattern>| {
            let matches = |pattern: &Pattern, text| pattern.is_match(text, &mut Budget::default()).unwrap_or(false);
            pattern.as_ref().is_none_or(|pattern| odd_texts.iter().all(|text| matches(pattern, text)))
        };
        let worst = Severity::ALL.into_iter().max();
        self.wanted.service.is_none()
            && (self.wanted.severity.is_none() || self.wanted.severity == worst)
            && matches_all(&self.key)
            && matches_all(&self.summary)
    }

    /// What the key's pattern captured, if the incident is one of those.
    pub(super) fn captures(&self, incident: &Incident) -> Option<Captures> {
        if !self.matches(incident) {
            return None;
        }
        let mut captures = Captures::default();
        if let Some(pattern) = &self.key {
            let found = pattern.captures(&incident.dedup_key, &mut Budget::default()).ok()??;
            captures.add(pattern, &found, &Field::Subject, 0);
        }
        Some(captures)
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.extend(self.service.as_ref().map(|service| format!("service {service}")));
        parts.extend(self.key.as_ref().map(|key| format!("key '{key}'")));
        parts.extend(self.summary.as_ref().map(|summary| format!("summary '{summary}'")));
        parts.extend(self.severity.map(|severity| format!("up to {severity}")));
        if parts.is_empty() { f.write_str("everything") } else { f.write_str(&parts.join(", ")) }
    }
}
