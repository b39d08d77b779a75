//! Decides what a mail asks for, from what its subject, its labelled values and its first lines say.

use std::collections::BTreeSet;

use super::fields::{Field, Role};
use super::key;
use super::notice;
use super::state::{self, CLEAR, Stand};
use super::text::{Token, tokens};
use super::words::Class;
use crate::domain::alert::{Action, Severity};

/// The decision and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decision {
    /// What it asks for.
    pub action: Action,
    /// How bad it is.
    pub severity: Severity,
    /// A sentence without its full stop.
    pub why: String,
    /// The line of the text that decided, where neither subject nor labels did.
    pub line: Option<usize>,
    /// Whether anything in the mail speaks of a state.
    pub knows_state: bool,
}

/// Decides. The subject comes first; the labelled state speaks where the subject does not or is unsure; the
/// text last.
pub(super) fn decide(subject: &[Token], fields: &[Field], prose: &[Vec<Token>]) -> Decision {
    let stand = state::read(subject);
    let labelled = labelled(fields);
    let decided = notice::nobody_called(subject, &stand)
        .map(|why| (Action::Ignore, why.to_owned()))
        .or_else(|| by_kind(fields, &stand))
        .or_else(|| notice::remark(subject, &stand).map(|why| (Action::Trigger, why.to_owned())))
        .or_else(|| torn(subject))
        .or_else(|| notice::sign_of_life(subject, &stand).map(|why| (Action::Heartbeat, why.to_owned())))
        .or_else(|| by_subject(&stand, &labelled))
        .or_else(|| by_fields(&labelled));
    let by_line = || by_prose(prose).map(|(line, action, why)| (Some(line), (action, why)));
    let decided = decided.map(|decided| (None, decided)).or_else(by_line);
    let knows_state = decided.is_some();
    let (line, (action, why)) = decided.unwrap_or_else(|| {
        (None, (Action::Trigger, "no state word is known in it, so it opens an incident".to_owned()))
    });
    let severity = match action {
        Action::Resolve | Action::Ignore | Action::Heartbeat => Severity::Info,
        Action::Trigger | Action::Acknowledge => severity(&stand, &labelled, fields, subject),
    };
    Decision { action, severity, why, line, knows_state }
}

/// What the labelled states say together.
struct Labelled {
    good: Option<String>,
    bad: Option<String>,
    acknowledged: Option<String>,
    severity: Option<Severity>,
}

fn labelled(fields: &[Field]) -> Labelled {
    let mut labelled = Labelled { good: None, bad: None, acknowledged: None, severity: None };
    for field in fields.iter().filter(|field| matches!(field.role, Role::State | Role::Event | Role::Severity)) {
        let tokens = tokens(&field.value);
        let stand = state::read(&tokens);
        let said = format!("{}: {}", field.label, field.value);
        if field.role == Role::Severity {
            // A severity of "cleared" or "normal" is a state; the other severities stay in a recovery as well.
            if stand.good.0 >= CLEAR && stand.bad.0 == 0 {
                labelled.good.get_or_insert(said);
            }
            continue;
        }
        // A sentence is less sure than a state.
        let sure =
            stand.good.0 >= CLEAR && stand.good.0 - stand.bad.0 >= 3 || stand.bad.0 >= 5 && stand.bad.0 >= stand.good.0;
        if field.role == Role::Event && !sure {
            continue;
        }
        labelled.severity = labelled.severity.max(stand.severity);
        if stand.acknowledged.is_some() && stand.good.0 == 0 {
            labelled.acknowledged.get_or_insert(said);
        } else if stand.good.0 > stand.bad.0 {
            labelled.good.get_or_insert(said);
        } else if stand.bad.0 > 0 && (field.role == Role::State || labelled.good.is_none()) {
            labelled.bad.get_or_insert(said);
        }
    }
    labelled
}

fn by_subject(stand: &Stand, labelled: &Labelled) -> Option<(Action, String)> {
    let ((good, well), (bad, ill)) = (&stand.good, &stand.bad);
    if let Some((word, tag)) = &stand.quiet
        && (*tag || *bad < 5)
    {
        return Some((Action::Ignore, format!("\"{word}\" in the subject announces planned work")));
    }
    if let Some(word) = &stand.acknowledged
        && *good < CLEAR
    {
        return Some((Action::Acknowledge, format!("\"{word}\" in the subject says that somebody has taken it")));
    }
    if let Some(word) = &stand.alive
        && *bad == 0
        && *good < CLEAR
    {
        return Some((Action::Heartbeat, format!("\"{word}\" in the subject is a sign of life")));
    }
    if stand.is_silent() {
        return None;
    }
    if good > bad {
        // A word for "well" in a sentence is weak against a labelled "down"; a tag or "resolved" is not.
        return Some(match &labelled.bad {
            Some(said) if *good < CLEAR || good - bad < 2 => {
                (Action::Trigger, format!("the subject says \"{well}\", but the mail says \"{said}\""))
            }
            _ if *bad > 0 => (Action::Resolve, format!("\"{well}\" in the subject outweighs \"{ill}\", so it is over")),
            _ => (Action::Resolve, format!("\"{well}\" in the subject says that it is well")),
        });
    }
    let unsure = *bad < 5 || (*good > 0 && bad - good <= 2);
    Some(match (&labelled.good, &labelled.bad) {
        (Some(said), None) if unsure => {
            (Action::Resolve, format!("the subject is unclear (\"{ill}\"), and the mail says \"{said}\""))
        }
        _ if *good > 0 => (Action::Trigger, format!("\"{ill}\" in the subject outweighs \"{well}\"")),
        _ => (Action::Trigger, format!("\"{ill}\" in the subject")),
    })
}

/// A label that says what kind of notification this is rules over the state that it mentions: a note on a host
/// that is up closes nothing.
fn by_kind(fields: &[Field], subject: &Stand) -> Option<(Action, String)> {
    let kind = fields.iter().find(|field| KINDS.contains(&field.label.as_str()))?;
    let words = tokens(&kind.value);
    let stand = state::read(&words);
    let said = format!("{}: {}", kind.label, kind.value);
    if stand.quiet.is_some() {
        return Some((Action::Ignore, format!("the mail says \"{said}\", which is planned work")));
    }
    if stand.acknowledged.is_some() && stand.is_silent() {
        return Some((Action::Acknowledge, format!("the mail says \"{said}\"")));
    }
    let other = matches!(words.as_slice(), [word] if word.caps && stand.hits.is_empty());
    let over = subject.hits.iter().any(|hit| matches!(hit.class, Class::Over | Class::OverNoun) && hit.weight > 0);
    (other && !over && subject.good.0 > 0)
        .then(|| (Action::Trigger, format!("the mail says \"{said}\", which is no recovery")))
}

/// Labels of the kind of a notification.
const KINDS: [&str; 4] = ["notification type", "通知类型", "通知種別", "通知類型"];

/// "cam-4 is back, cam-9 is lost": where one thing is well and another is not, the bad news counts.
fn torn(subject: &[Token]) -> Option<(Action, String)> {
    let joins = |token: &Token| token.is(",") || token.is(";") || CLAUSES.contains(&token.text.as_str());
    let clauses: Vec<(Stand, BTreeSet<String>)> = subject
        .split(joins)
        .map(|clause| {
            let stand = state::read(clause);
            let names = key::names(clause, &stand).hard;
            (stand, names)
        })
        .collect();
    let well = clauses.iter().find(|(stand, names)| stand.good.0 > 0 && stand.bad.0 == 0 && !names.is_empty())?;
    let ill = clauses.iter().find(|(stand, names)| {
        let reason = stand.hits.iter().any(|hit| matches!(hit.class, Class::Detail | Class::Was));
        stand.bad.0 >= 7 && stand.good.0 == 0 && !reason && !names.is_empty() && names.is_disjoint(&well.1)
    })?;
    Some((
        Action::Trigger,
        format!("the subject says \"{}\" of one thing and \"{}\" of another", well.0.good.1, ill.0.bad.1),
    ))
}

/// Words between two statements.
const CLAUSES: [&str; 9] = ["and", "but", "while", "und", "aber", "et", "mais", "y", "pero"];

fn by_fields(labelled: &Labelled) -> Option<(Action, String)> {
    if let Some(said) = &labelled.bad {
        return Some((Action::Trigger, format!("the mail says \"{said}\"")));
    }
    if let Some(said) = &labelled.good {
        return Some((Action::Resolve, format!("the mail says \"{said}\", so it is over")));
    }
    labelled.acknowledged.as_ref().map(|said| (Action::Acknowledge, format!("the mail says \"{said}\"")))
}

/// The text resolves only when nothing in it speaks against it.
fn by_prose(prose: &[Vec<Token>]) -> Option<(usize, Action, String)> {
    let mut well: Option<(usize, i32, String)> = None;
    let mut settled: Option<BTreeSet<String>> = None;
    for (n, line) in prose.iter().enumerate() {
        let stand = state::read(line);
        if let Some(settled) = &settled {
            // Only what is bad about another thing still counts.
            let names = key::names(line, &stand).hard;
            if stand.bad.0 >= 8 && stand.good.0 == 0 && !names.is_empty() && names.is_disjoint(settled) {
                return Some((n, Action::Trigger, format!("\"{}\" in the text, of another thing", stand.bad.1)));
            }
            continue;
        }
        if stand.bad.0 > 0 && stand.bad.0 >= stand.good.0 {
            return Some((n, Action::Trigger, format!("\"{}\" in the text", stand.bad.1)));
        }
        if stand.good.0 > 0 && well.is_none() {
            let (weight, word) = stand.good.clone();
            well = Some((n, weight, word));
            if weight >= 10 {
                let names = key::names(line, &stand).hard;
                // "The following alert has been cleared:" speaks for what follows.
                if names.is_empty() {
                    break;
                }
                settled = Some(names);
            }
        }
    }
    let (line, _, word) = well.filter(|(_, weight, _)| *weight >= 6)?;
    Some((line, Action::Resolve, format!("\"{word}\" in the text says that it is well")))
}

/// The worst severity that the subject or a labelled value names.
fn severity(stand: &Stand, labelled: &Labelled, fields: &[Field], subject: &[Token]) -> Severity {
    let named = fields.iter().filter(|field| field.role == Role::Severity).find_map(|field| {
        let tokens = tokens(&field.value);
        state::read(&tokens).severity.or_else(|| ranked(&tokens).or_else(|| graded(&tokens)))
    });
    let telling = |severity: &Severity| *severity != Severity::Error;
    stand
        .severity
        .filter(telling)
        .or(named)
        .or(labelled.severity.filter(telling))
        .or_else(|| ranked(subject))
        .unwrap_or(Severity::Error)
}

/// High, medium, low, as the value of a severity; elsewhere they are part of a name.
fn graded(tokens: &[Token]) -> Option<Severity> {
    tokens.iter().find_map(|token| match token.text.as_str() {
        "high" | "hoch" | "alta" | "alto" | "haute" | "urgent" | "高" => Some(Severity::Error),
        "medium" | "mittel" | "moderate" | "media" | "moyenne" | "中" => Some(Severity::Warning),
        "low" | "niedrig" | "baja" | "baixa" | "basse" | "低" => Some(Severity::Info),
        _ => None,
    })
}

/// P1 to P5, sev 2, priority 3, a lone number: one is the worst.
fn ranked(tokens: &[Token]) -> Option<Severity> {
    let rank = |text: &str| match text {
        "1" => Some(Severity::Critical),
        "2" => Some(Severity::Error),
        "3" => Some(Severity::Warning),
        "4" | "5" => Some(Severity::Info),
        _ => None,
    };
    let words: Vec<&Token> = tokens.iter().filter(|token| !token.mark).collect();
    if let [lone] = words.as_slice()
        && let Some(found) = rank(&lone.text)
    {
        return Some(found);
    }
    words.iter().enumerate().find_map(|(at, token)| {
        let text = token.text.as_str();
        let glued = ["sev", "s", "p", "prio"].iter().find_map(|start| text.strip_prefix(start)).and_then(rank);
        let named = matches!(text, "severity" | "sev" | "priority" | "prio" | "high" | "low");
        glued
            .filter(|_| token.caps || text.len() > 2 || text.starts_with('p'))
            .or_else(|| words.get(at + 1).filter(|_| named).and_then(|next| rank(&next.text)))
    })
}
