//! One rule: criteria over a mail, and what it claims when they all hold.
//!
//! An absent criterion holds. A rule that matches but cannot fill its templates, or runs out of the work a mail may
//! cost, falls through with a reason (I9).

use jiff::SignedDuration;

use super::alert::{self, Action, Alert, Downtime, Severity};
use super::choice::Choice;
use super::criterion::Criterion;
use super::field::Field;
use super::mail::{Envelope, Mail};
use super::pattern::{Budget, Captures, Pattern};
use super::template::Template;
use super::transform::Transform;

/// Names that templates, lookups and transforms may use without capturing them.
pub const BUILT_IN_NAMES: [&str; 7] = ["subject", "subject_raw", "from", "recipient", "suffix", "sender", "client"];

/// Most alerts that one mail may carry for one recipient. A mail with more falls through as a whole, so that none of
/// them is lost quietly.
pub const ALERTS_MAX: usize = 256;

/// A checked rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// `pack/rule`.
    pub name: String,
    /// All must hold.
    pub criteria: Vec<Criterion>,
    /// Where one mail carries several alerts.
    pub for_each: Option<ForEach>,
    /// Applied to the captures, in order.
    pub transforms: Vec<Transform>,
    /// What it asks for.
    pub action: Choice<Action>,
    /// How bad it is.
    pub severity: Choice<Severity>,
    /// Identifies the thing within its service.
    pub dedup_key: Template,
    /// One line for a person.
    pub summary: Template,
    /// Name and text of what else is worth knowing; an entry with a missing capture is left out.
    pub details: Vec<(String, Template)>,
    /// Name and address of pages worth opening; an entry that makes no web address is left out.
    pub links: Vec<(String, Template)>,
    /// Why a mail like this is ignored or treated so; shown with the verdict.
    pub reason: Option<String>,
    /// How long the first page of its incident waits: a recovery within that time calls nobody.
    pub hold: Option<SignedDuration>,
    /// What it announces about planned work, with `ignore` only; a word that is in no table announces nothing.
    pub downtime: Option<Choice<Downtime>>,
}

/// One alert for each match in a field.
#[derive(Debug, Clone)]
pub struct ForEach {
    /// Where to look.
    pub field: Field,
    /// Every match is an alert.
    pub pattern: Pattern,
    /// Its captures hold for the matches that follow, until it matches again.
    pub section: Option<Pattern>,
}

/// What a rule reads in a mail.
#[derive(Debug, Clone)]
pub struct Match {
    /// Never empty.
    pub alerts: Vec<Alert>,
    /// What was captured; with several alerts, by all of them.
    pub captures: Vec<Captures>,
}

/// A mail and how it came.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) mail: &'a Mail,
    pub(super) envelope: &'a Envelope,
}

impl<'a> Input<'a> {
    fn built_in(self, name: &str) -> Option<&'a str> {
        let value = match name {
            "subject" => &self.mail.subject,
            "subject_raw" => &self.mail.subject_raw,
            "from" => &self.mail.from,
            "recipient" => &self.envelope.recipient,
            "suffix" => self.envelope.suffix(),
            "sender" => &self.envelope.sender,
            "client" => &self.envelope.client.address,
            _ => "",
        };
        (!value.is_empty()).then_some(value)
    }
}

impl Rule {
    /// Judges a mail.
    ///
    /// # Errors
    /// In words, why the rule says nothing about it.
    pub(super) fn judge(&self, input: Input<'_>, budget: &mut Budget) -> Result<Match, String> {
        let mut captures = Captures::default();
        for criterion in &self.criteria {
            criterion.test(input.mail, input.envelope, &mut captures, budget)?;
        }
        let all = match &self.for_each {
            None => vec![captures],
            Some(for_each) => for_each.split(input, &captures, budget)?,
        };
        let mut matched = Match { alerts: Vec::with_capacity(all.len()), captures: Vec::with_capacity(all.len()) };
        let count = all.len();
        for (nth, mut captures) in all.into_iter().enumerate() {
            let alert = self.alert(input, &mut captures, budget).map_err(|why| match count {
                1 => why,
                _ => format!("alert {} of {count}: {why}", nth + 1),
            })?;
            matched.alerts.push(alert);
            matched.captures.push(captures);
        }
        trigger_beats_resolve(&mut matched);
        Ok(matched)
    }

    fn alert(&self, input: Input<'_>, captures: &mut Captures, budget: &mut Budget) -> Result<Alert, String> {
        for transform in &self.transforms {
            transform.apply(captures, |name| input.built_in(name), budget)?;
        }
        let (action, action_why) = self.action.choose("action", captures)?;
        let (severity, _) = self.severity.choose("severity", captures)?;
        let value = |name: &str| captures.get(name).or_else(|| input.built_in(name));
        let render = |what: &str, template: &Template| {
            template.render(value).map_err(|name| format!("{what} needs `{{{name}}}`, which captured nothing here"))
        };
        let dedup_key = alert::dedup_key(&render("dedup_key", &self.dedup_key)?);
        if dedup_key.is_empty() {
            return Err("dedup_key came out empty".to_owned());
        }
        let summary = match render("summary", &self.summary) {
            Ok(summary) => alert::summary(&summary),
            // A mail without a subject is no reason to let an alert fall through.
            Err(_) if self.summary.is_only("subject") => dedup_key.clone(),
            Err(why) => return Err(why),
        };
        let rendered = |entries: &[(String, Template)], fit: fn(&str) -> Option<String>| {
            let entry = |(name, template): &(String, Template)| {
                let text = template.render(value).ok()?;
                Some((name.clone(), fit(&text)?))
            };
            entries.iter().filter_map(entry).collect()
        };
        Ok(Alert {
            action,
            dedup_key,
            severity,
            summary,
            details: rendered(&self.details, alert::detail),
            links: rendered(&self.links, alert::link),
            rule: self.name.clone(),
            hold: self.hold,
            downtime: self
                .downtime
                .as_ref()
                .and_then(|choice| choice.choose("downtime", captures).ok())
                .map(|(of, _)| of),
            objection: None,
            reason: match (&self.reason, &self.action) {
                (Some(reason), Choice::Fixed(_)) => reason.clone(),
                // The reason of a rule that ignores some of its mails is for those.
                (Some(reason), Choice::Lookup(_)) if action == Action::Ignore => reason.clone(),
                _ => action_why,
            },
        })
    }
}

impl ForEach {
    /// The captures of every alert in the mail: those of the rule, of the section it stands in, and its own.
    fn split(&self, input: Input<'_>, common: &Captures, budget: &mut Budget) -> Result<Vec<Captures>, String> {
        for (nth, value) in self.field.values(input.mail, input.envelope).enumerate() {
            let found = self.pattern.all_captures(value, ALERTS_MAX, budget)?;
            if found.is_empty() {
                continue;
            }
            if found.len() > ALERTS_MAX {
                return Err(format!("for_each finds more than {ALERTS_MAX} alerts in {}", self.field));
            }
            let sections = match &self.section {
                Some(section) => section.all_captures(value, ALERTS_MAX, budget)?,
                None => Vec::new(),
            };
            if sections.len() > ALERTS_MAX {
                return Err(format!("for_each finds more than {ALERTS_MAX} sections in {}", self.field));
            }
            let start = |found: &regex::Captures<'_>| found.get_match().start();
            let all = found.iter().map(|found| {
                let mut captures = common.clone();
                let before = sections.iter().rev().find(|section| start(section) <= start(found));
                if let (Some(pattern), Some(section)) = (&self.section, before) {
                    captures.add(pattern, section, &self.field, nth);
                }
                captures.add(&self.pattern, found, &self.field, nth);
                captures
            });
            return Ok(all.collect());
        }
        Err(format!("for_each finds nothing in {} with '{}'", self.field, self.pattern.as_str()))
    }
}

/// Where one mail both triggers and resolves one key, it is not over.
fn trigger_beats_resolve(matched: &mut Match) {
    let triggers = matched.alerts.iter().filter(|alert| alert.action == Action::Trigger);
    let triggered: Vec<String> = triggers.map(|alert| alert.dedup_key.clone()).collect();
    let all = matched.alerts.drain(..).zip(matched.captures.drain(..));
    let stays = |alert: &Alert| alert.action != Action::Resolve || !triggered.contains(&alert.dedup_key);
    (matched.alerts, matched.captures) = all.filter(|(alert, _)| stays(alert)).unzip();
}

#[cfg(test)]
mod tests;
