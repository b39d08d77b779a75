//! Writes a first rule file from sample mails: typically a problem and its recovery.
//!
//! Called by `nightcall rules suggest`. What differs between a problem and its recovery is a state or noise; what stays
//! is the message's frame or the name of the thing. Every suggestion has read its own samples as told before it is
//! given; it never reads or writes a file itself.

use std::collections::BTreeSet;

use self::check::Checker;
use self::evidence::Sample;
use self::rule::{Asks, Expected, Rule};
use crate::domain::alert::Action;
use crate::domain::mail::Mail;

mod align;
mod check;
mod evidence;
mod fields;
mod layout;
mod names;
mod parts;
mod plan;
mod rule;
mod source;
#[cfg(test)]
mod tests;
mod tokens;
mod words;
mod write;

/// Most samples of one call.
const SAMPLES_MAX: usize = 50;

/// Subjects that share this much are of one layout.
const ONE_LAYOUT: f64 = 0.5;

/// One mail to write rules for.
#[derive(Debug, Clone, Copy)]
pub struct SampleMail<'a> {
    /// The file, as it should stand in the test.
    pub path: &'a str,
    /// The mail.
    pub mail: &'a Mail,
    /// What it asks for, where the user has said so.
    pub action: Option<Action>,
}

/// A rule file, and what a person should look at before using it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The file's text.
    pub toml: String,
    /// One sentence each.
    pub notes: Vec<String>,
}

/// Suggests rules for the samples. `guess` reads the action of a mail where the user has not told it.
///
/// # Errors
///
/// A sentence for the user, when no rules were found that read every sample as told.
pub fn suggest(
    name: &str,
    samples: &[SampleMail<'_>],
    guess: &dyn Fn(&Mail) -> Option<Action>,
) -> Result<Suggestion, String> {
    if samples.is_empty() || samples.len() > SAMPLES_MAX {
        return Err(format!("Give at least one sample mail and at most {SAMPLES_MAX}."));
    }
    let mut notes = Vec::new();
    let samples = read(samples, guess, &mut notes)?;
    let all: Vec<&Sample<'_>> = samples.iter().collect();
    let brand = source::brand(name, &all);
    let mut failure = None;
    let mut found: Option<(usize, Vec<Rule>)> = None;
    for clusters in divisions(&all) {
        match attempt(name, &clusters, &brand) {
            Ok(rules) => {
                let strays = strays(&rules).len();
                if found.as_ref().is_none_or(|(fewest, _)| strays < *fewest) {
                    found = Some((strays, rules));
                }
            }
            Err(sentence) => failure = failure.or(Some(sentence)),
        }
    }
    match found {
        Some((_, rules)) => {
            notes.extend(doubts(&rules, &all));
            Ok(Suggestion { toml: write::pack(name, &rules), notes })
        }
        None => Err(failure.unwrap_or_else(|| "No rule was found for these samples.".to_owned())),
    }
}

fn read<'a>(
    samples: &[SampleMail<'a>],
    guess: &dyn Fn(&Mail) -> Option<Action>,
    notes: &mut Vec<String>,
) -> Result<Vec<Sample<'a>>, String> {
    let mut out = Vec::new();
    for sample in samples {
        let guessed = sample.action.or_else(|| guess(sample.mail));
        let action = guessed.unwrap_or(Action::Trigger);
        if guessed.is_none() {
            notes.push(format!(
                "{} does not say whether it is a problem or a recovery; it is taken for a problem.",
                sample.path
            ));
        } else if sample.action.is_none() {
            notes.push(format!("{} is read as {}; if that is wrong, say what it is.", sample.path, action.word()));
        }
        if sample.mail.subject.is_empty() && sample.mail.body().trim().is_empty() {
            return Err(format!("{} has neither a subject nor a text.", sample.path));
        }
        out.push(Sample { path: sample.path, mail: sample.mail, action, fields: fields::read(sample.mail) });
    }
    Ok(out)
}

/// Ways to divide the samples into layouts: by likeness, then all in one, then each kind of news on its own.
fn divisions<'s, 'a>(samples: &[&'s Sample<'a>]) -> Vec<Vec<Vec<&'s Sample<'a>>>> {
    let mut alike: Vec<Vec<&Sample<'_>>> = Vec::new();
    for sample in samples {
        let near = |cluster: &Vec<&Sample<'_>>| {
            cluster.first().map_or(0.0, |first| align::similarity(&first.mail.subject, &sample.mail.subject))
        };
        let best =
            alike.iter_mut().map(|cluster| (near(cluster), cluster)).filter(|(likeness, _)| *likeness >= ONE_LAYOUT);
        match best.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((_, cluster)) => cluster.push(sample),
            None => alike.push(vec![sample]),
        }
    }
    // A layout of problems alone has its recoveries in another layout: they are read together.
    let complete = |cluster: &Vec<&Sample<'_>>| {
        let has = |recovery: bool| cluster.iter().any(|sample| (sample.action == Action::Resolve) == recovery);
        has(true) && has(false)
    };
    let (mut joined, loose): (Vec<_>, Vec<_>) = alike.iter().cloned().partition(complete);
    let rest: Vec<&Sample<'_>> = loose.into_iter().flatten().collect();
    if !rest.is_empty() {
        joined.push(rest);
    }
    vec![joined, alike, vec![samples.to_vec()]]
}

/// Plans each layout and tries the rules on all samples.
fn attempt(name: &str, clusters: &[Vec<&Sample<'_>>], brand: &[String]) -> Result<Vec<Rule>, String> {
    let mut rules: Vec<Rule> = Vec::new();
    for cluster in clusters {
        let mut planned = plan::plan(name, cluster, brand)?;
        let checker = Checker::new(&planned)?;
        let keys: Vec<String> = cluster.iter().filter_map(|sample| Some(checker.read(sample.mail)?.key)).collect();
        let source = source::criterion(&planned, cluster, &keys);
        for rule in &mut planned {
            rule.source.clone_from(&source);
            if rules.iter().any(|other| other.name == rule.name) {
                let free = |number: &usize| !rules.iter().any(|other| other.name == format!("{}-{number}", rule.name));
                let number = (2..).find(free).unwrap_or(2);
                rule.name = format!("{}-{number}", rule.name);
            }
        }
        rules.extend(planned);
    }
    let all: Vec<&Sample<'_>> = clusters.iter().flatten().copied().collect();
    let tests = verify(&rules, &all)?;
    for (number, test) in tests {
        rules[number].tests.push(test);
    }
    Ok(rules)
}

/// Reads every sample by the rules: each must come to its action, and a recovery to the key of a problem.
fn verify(rules: &[Rule], samples: &[&Sample<'_>]) -> Result<Vec<(usize, Expected)>, String> {
    let checker = Checker::new(rules)?;
    let mut out = Vec::new();
    for sample in samples {
        let Some(outcome) = checker.read(sample.mail) else {
            return Err(format!(
                "No common rule reads {}: its layout differs from the other samples. Try it on its own.",
                sample.path
            ));
        };
        if outcome.action != sample.action {
            return Err(format!(
                "{} should mean {}, but reads like the samples that mean {}. Give samples whose words differ.",
                sample.path,
                sample.action.word(),
                outcome.action.word()
            ));
        }
        let key = (outcome.action != Action::Ignore).then_some(outcome.key);
        out.push((
            outcome.rule,
            Expected { path: sample.path.to_owned(), action: outcome.action, key, severity: outcome.severity },
        ));
    }
    let keys = |recovery: bool| -> BTreeSet<&String> {
        let kept = out
            .iter()
            .filter(|(_, test)| (test.action == Action::Resolve) == recovery && test.action != Action::Heartbeat);
        kept.filter_map(|(_, test)| test.key.as_ref()).collect()
    };
    let (open, resolved) = (keys(false), keys(true));
    // A recovery known by its frame alone would close incidents by any mail of that frame.
    let vague = |rule: &&Rule| rule.asks == Asks::Always(Action::Resolve) && !source::says_state(rule);
    if open.is_empty()
        && let Some(rule) = rules.iter().find(vague)
    {
        return Err(format!(
            "Nothing in the samples of rule {} says that it is over. Give the problem's mail as well.",
            rule.name
        ));
    }
    if !open.is_empty() && !resolved.is_empty() && open.is_disjoint(&resolved) {
        return Err("No recovery has the key of a problem: the samples seem to be of different \
                    things. Give a problem and the recovery of the same thing."
            .to_owned());
    }
    Ok(out)
}

/// Tests of recoveries and acknowledgements whose key no problem has.
fn strays(rules: &[Rule]) -> Vec<&Expected> {
    let tests = || rules.iter().flat_map(|rule| &rule.tests);
    let opened = |test: &Expected| tests().any(|other| other.action == Action::Trigger && other.key == test.key);
    let follows = |test: &&Expected| matches!(test.action, Action::Resolve | Action::Acknowledge);
    if tests().any(|test| test.action == Action::Trigger) {
        tests().filter(follows).filter(|test| !opened(test)).collect()
    } else {
        Vec::new()
    }
}

/// What a person should check.
fn doubts(rules: &[Rule], samples: &[&Sample<'_>]) -> Vec<String> {
    let mut notes = Vec::new();
    for rule in rules {
        if !rule.key.contains('{') {
            notes.push(format!(
                "Rule {} has one key for all its mails: nothing in the samples names a thing.",
                rule.name
            ));
        }
        if let Asks::ByWord { capture, words } = &rule.asks {
            let seen: Vec<&str> = words.keys().map(String::as_str).collect();
            notes.push(format!("Rule {}: any {capture} other than {} opens an incident.", rule.name, seen.join(", ")));
        }
    }
    for test in strays(rules) {
        let key = test.key.as_deref().unwrap_or_default();
        notes.push(format!("{} has the key {key}, which no problem among the samples has.", test.path));
    }
    let has = |action: Action| samples.iter().any(|sample| sample.action == action);
    if !has(Action::Resolve) {
        notes.push(
            "No sample is a recovery, so no rule closes an incident; give one if the product sends them.".to_owned(),
        );
    }
    if samples.len() == 1 {
        notes.push(
            "With one sample, names and fixed words are told apart by their look only; check the patterns and the key."
                .to_owned(),
        );
    }
    notes
}
