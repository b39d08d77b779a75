//! The rules of a service in order, and which of them can match a mail at all.
//!
//! Trying ten thousand rules one after the other costs milliseconds. The fixed words that a rule cannot match
//! without are looked for first, all rules at once, so that judging costs the length of the mail, not the number
//! of rules. The verdict is the same as if every rule had been tried.

use std::cell::RefCell;
use std::sync::Arc;

use super::alert::Action;
use super::criterion::Plain;
use super::field::Field;
use super::mail::{Envelope, Mail};
use super::pattern::Budget;
use super::prefilter::{Need, Prefilter, Requirements, Scratch};
use super::rule::{Input, Match, Rule};
use super::rulebook::TraceLine;

/// Most rules of one service.
pub const RULES_MAX: usize = 200_000;

/// Rules in order, with the words they need.
#[derive(Debug, Default)]
pub struct RuleSet {
    rules: Vec<Arc<Rule>>,
    /// The prefilter's numbers for the fields.
    fields: Vec<Field>,
    prefilter: Prefilter,
}

thread_local! {
    /// Memory that looking for words uses again for the next mail; it holds no knowledge.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Which rules are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// Those whose words are in the mail.
    Candidates,
    /// All of them, each with its reason: for people who ask why.
    All,
    /// The same within the work of two mails, whatever the rules are: for rules that anybody may have written.
    AllWithin,
}

impl RuleSet {
    /// Rules to be asked in this order.
    pub fn new(rules: Vec<Arc<Rule>>) -> Self {
        let mut fields: Vec<Field> = Vec::new();
        let mut number = |field: &Field| match fields.iter().position(|known| known == field) {
            Some(at) => at,
            None => {
                fields.push(field.clone());
                fields.len() - 1
            }
        };
        let prefilter = Prefilter::build(rules.iter().map(|rule| needs(rule, &mut number)).collect::<Vec<_>>());
        Self { rules, fields, prefilter }
    }

    /// In order.
    pub fn rules(&self) -> &[Arc<Rule>] {
        &self.rules
    }

    /// First match wins, except that a later trigger beats a resolve: closing needs certainty, opening does not.
    pub(super) fn judge(&self, mail: &Mail, envelope: &Envelope, tried: Tried) -> (Option<Match>, Vec<TraceLine>) {
        let input = Input { mail, envelope };
        let candidates = self.candidates(mail, envelope);
        if tried != Tried::Candidates {
            return self.explain(input, &candidates, tried);
        }
        let (mut trace, mut budget) = (Vec::new(), Budget::default());
        let mut chosen: Option<Match> = None;
        let mut asked = 0;
        for rule in candidates.into_iter().filter_map(|at| self.rules.get(at as usize)) {
            asked += 1;
            let (matched, reason) = weigh(&mut chosen, rule.judge(input, &mut budget));
            trace.push(TraceLine { rule: rule.name.clone(), matched, reason });
            if chosen.as_ref().is_some_and(|chosen| !only_resolves(chosen)) {
                return (chosen, trace);
            }
        }
        let others = self.rules.len() - asked;
        if others > 0 {
            let reason = "none of the words that they need is in the mail".to_owned();
            trace.push(TraceLine { rule: format!("{others} more rules"), matched: false, reason });
        }
        (chosen, trace)
    }

    /// Tries every rule. What judging would not have tried costs judging's budget nothing, so that the verdict is the
    /// same.
    fn explain(&self, input: Input<'_>, candidates: &[u32], tried: Tried) -> (Option<Match>, Vec<TraceLine>) {
        let (mut shared, mut others) = (Budget::for_explaining(), Budget::for_explaining());
        let mut chosen: Option<Match> = None;
        let mut trace = Vec::new();
        for (at, rule) in (0..).zip(&self.rules) {
            let mut own = Budget::for_explaining();
            let budget = match (candidates.binary_search(&at).is_ok(), tried) {
                (true, _) => &mut shared,
                (false, Tried::AllWithin) => &mut others,
                (false, _) => &mut own,
            };
            let (matched, reason) = weigh(&mut chosen, rule.judge(input, budget));
            trace.push(TraceLine { rule: rule.name.clone(), matched, reason });
            if chosen.as_ref().is_some_and(|chosen| !only_resolves(chosen)) {
                break;
            }
        }
        (chosen, trace)
    }

    /// The rules whose words are in the mail, in order.
    fn candidates(&self, mail: &Mail, envelope: &Envelope) -> Vec<u32> {
        SCRATCH.with_borrow_mut(|scratch| {
            let values = |field: usize, look: &mut dyn FnMut(&str)| {
                let field = self.fields.get(field).into_iter();
                field.flat_map(|field| field.values(mail, envelope)).for_each(look);
            };
            self.prefilter.candidates(values, scratch).to_vec()
        })
    }
}

/// What a rule's answer changes, and the line that tells it.
fn weigh(chosen: &mut Option<Match>, answer: Result<Match, String>) -> (bool, String) {
    let found = match answer {
        Ok(found) => found,
        Err(why) => return (false, why),
    };
    match chosen {
        None => {
            let reason = reason(&found);
            *chosen = Some(found);
            (true, reason)
        }
        Some(earlier) if found.alerts.iter().any(|alert| alert.action == Action::Trigger) => {
            let reason = format!("a trigger beats the resolve of {}", earlier.alerts[0].rule);
            let mut found = found;
            found.alerts.iter_mut().for_each(|alert| alert.reason.clone_from(&reason));
            *chosen = Some(found);
            (true, reason)
        }
        Some(earlier) => {
            (false, format!("would say {}, but {} comes first", found.alerts[0].action, earlier.alerts[0].rule))
        }
    }
}

fn reason(found: &Match) -> String {
    match &found.alerts[..] {
        [only] => only.reason.clone(),
        several => format!("{} alerts in one mail", several.len()),
    }
}

fn only_resolves(found: &Match) -> bool {
    found.alerts.iter().all(|alert| alert.action == Action::Resolve)
}

/// What the rule cannot match without.
fn needs(rule: &Rule, number: &mut impl FnMut(&Field) -> usize) -> Vec<Need> {
    let mut needs = Vec::new();
    for criterion in &rule.criteria {
        let (field, weight) = (number(&criterion.field), weight(&criterion.field));
        needs.extend(criterion.all.iter().map(|pattern| Need {
            field,
            any: vec![pattern.requirements().clone()],
            weight,
        }));
        if !criterion.any.is_empty() {
            let any = criterion.any.iter().map(|pattern| pattern.requirements().clone()).collect();
            needs.push(Need { field, any, weight });
        }
        let plain = criterion.is.iter().map(|plain| match plain {
            Plain::Text(text) => Requirements::plain(text),
            Plain::Network(..) => Requirements::default(),
        });
        let any: Vec<Requirements> = plain.collect();
        if !any.is_empty() {
            needs.push(Need { field, any, weight });
        }
    }
    if let Some(for_each) = &rule.for_each {
        let (field, weight) = (number(&for_each.field), weight(&for_each.field));
        needs.push(Need { field, any: vec![for_each.pattern.requirements().clone()], weight });
    }
    needs
}

/// What looking through a field costs, compared to a subject.
fn weight(field: &Field) -> u64 {
    match field {
        Field::Text | Field::HtmlText | Field::Body | Field::Html => 16,
        _ => 1,
    }
}
