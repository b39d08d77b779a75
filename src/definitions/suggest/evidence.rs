//! What the bodies of samples tell: fields that name things, fields and lines that say how they are.

use std::collections::{BTreeMap, BTreeSet};

use super::align::{frame_similarity, similarity};
use super::fields::Field;
use super::tokens::{Kind, holds, tokens};
use super::words::{self, Topic};
use crate::domain::alert::Action;
use crate::domain::mail::Mail;

/// Lines of a body that are compared, and the longest of them.
const LINES_MAX: usize = 40;
const LINE_CHARS_MAX: usize = 300;

/// Below this, two lines are not two states of one.
const SIMILAR: f64 = 0.3;

/// One sample with its action and its body's fields.
#[derive(Debug, Clone)]
pub(super) struct Sample<'a> {
    pub(super) path: &'a str,
    pub(super) mail: &'a Mail,
    pub(super) action: Action,
    pub(super) fields: Vec<Field>,
}

impl Sample<'_> {
    fn field(&self, wanted: &Field) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == wanted.key)
    }
}

/// Fields that every sample has with one value.
pub(super) fn shared_fields(samples: &[&Sample<'_>]) -> Vec<Field> {
    let Some((first, others)) = samples.split_first() else { return Vec::new() };
    let shared = |field: &&Field| others.iter().all(|other| other.field(field).is_some_and(|own| own == *field));
    first.fields.iter().filter(shared).cloned().collect()
}

/// Fields of a topic that every sample has, with values that come again in the recovery of what was reported.
pub(super) fn naming_fields(samples: &[&Sample<'_>], topic: Topic) -> Vec<Field> {
    let Some(first) = samples.first() else { return Vec::new() };
    let fit = |field: &&Field| {
        let values: Option<Vec<&Field>> = samples.iter().map(|sample| sample.field(field)).collect();
        let Some(values) = values.filter(|values| values.iter().all(|own| own.pattern("x") == field.pattern("x")))
        else {
            return false;
        };
        let of = |recovery: bool| -> BTreeSet<&str> {
            let pairs =
                samples.iter().zip(&values).filter(|(sample, _)| (sample.action == Action::Resolve) == recovery);
            pairs.map(|(_, field)| field.value.as_str()).collect()
        };
        let (open, resolved) = (of(false), of(true));
        let again = open.is_empty() || resolved.is_subset(&open);
        again && values.iter().all(|field| is_name(&field.value))
    };
    first.fields.iter().filter(|field| field.topic == topic).filter(fit).cloned().collect()
}

fn is_name(value: &str) -> bool {
    value.chars().count() <= 120 && value.chars().any(char::is_alphabetic) && !words::is_state(value)
}

/// The field whose words tell the actions apart: a few words each, one of them a state.
pub(super) fn state_field(samples: &[&Sample<'_>], actions: &[Action]) -> Option<Field> {
    let first = samples.first()?;
    let several = actions.iter().any(|action| *action != actions[0]);
    let rank = |field: &&Field| -> Option<u32> {
        let values: Vec<&str> =
            samples.iter().map(|sample| sample.field(field).map(|own| own.value.as_str())).collect::<Option<_>>()?;
        let short =
            values.iter().all(|value| value.split_whitespace().count() <= 4 && !holds(value, &[Kind::Volatile]));
        let told = if several { is_function(&values, actions) } else { true };
        let stated = values.iter().any(|value| words::holds_state(value));
        let mere =
            values.iter().zip(actions).any(|(value, action)| *action == Action::Resolve && words::is_mere_grade(value));
        let topic = match field.topic {
            Topic::State => 0,
            Topic::Other => 2,
            Topic::Severity => 3,
            Topic::Place | Topic::Object | Topic::Moment => return None,
        };
        (short && told && stated && !mere && (several || field.topic == Topic::State)).then_some(topic)
    };
    first
        .fields
        .iter()
        .filter_map(|field| Some((rank(&field)?, field)))
        .min_by_key(|(rank, _)| *rank)
        .map(|(_, field)| field.clone())
}

fn is_function(values: &[&str], actions: &[Action]) -> bool {
    let mut seen: BTreeMap<String, Action> = BTreeMap::new();
    values.iter().zip(actions).all(|(value, action)| *seen.entry(value.to_lowercase()).or_insert(*action) == *action)
}

/// For each sample the line of its body that tells how the thing is (`telling`), or at least what it is called.
pub(super) fn telling_lines(samples: &[&Sample<'_>], telling: bool) -> Option<Vec<String>> {
    let lines: Vec<Vec<&str>> = samples.iter().map(|sample| lines(sample.mail)).collect();
    let actions: Vec<Action> = samples.iter().map(|sample| sample.action).collect();
    let (first, others) = lines.split_first()?;
    let mut best: Option<(f64, Vec<&str>)> = None;
    for (number, line) in first.iter().enumerate() {
        let Some((likeness, group)) = likest(line, others) else { continue };
        let worth = if telling { tells(&group, &actions) } else { names(&group) };
        let Some(worth) = worth else { continue };
        let score = worth + likeness - 0.02 * f64::from(u32::try_from(number).unwrap_or(0));
        if best.as_ref().is_none_or(|(most, _)| score > *most) {
            best = Some((score, group));
        }
    }
    best.map(|(_, group)| group.into_iter().map(str::to_owned).collect())
}

/// A line that every recovery has and nothing else: what is not known for a recovery stays a problem.
pub(super) fn recovery_line(samples: &[&Sample<'_>]) -> Option<String> {
    let (recoveries, others): (Vec<&Sample<'_>>, Vec<&Sample<'_>>) =
        samples.iter().copied().partition(|sample| sample.action == Action::Resolve);
    let words = |line: &str| plain_words(line);
    let fit = |line: &&str| {
        let own = words(line);
        let has = |sample: &&Sample<'_>| lines(sample.mail).iter().any(|line| words(line) == own);
        words::holds_state(line) && recoveries.iter().all(has) && !others.iter().any(has)
    };
    lines(recoveries.first()?.mail).into_iter().find(fit).map(str::to_owned)
}

/// The line, and what is most like it in every other sample.
fn likest<'a>(line: &'a str, others: &[Vec<&'a str>]) -> Option<(f64, Vec<&'a str>)> {
    let mut group = vec![line];
    let mut least: f64 = 1.0;
    for other in others {
        let scored = other
            .iter()
            .map(|candidate| (similarity(line, candidate).max(frame_similarity(line, candidate)), *candidate));
        let (likeness, found) = scored.fold(None, |best: Option<(f64, &str)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        })?;
        least = least.min(likeness);
        group.push(found);
    }
    (least >= SIMILAR).then_some((least, group))
}

/// How well the lines tell the actions apart by their words.
fn tells(group: &[&str], actions: &[Action]) -> Option<f64> {
    let words: Vec<BTreeSet<String>> = group.iter().map(|line| plain_words(line)).collect();
    let folded: Vec<String> = words.iter().map(|words| words.iter().cloned().collect::<Vec<_>>().join(" ")).collect();
    let folded: Vec<&str> = folded.iter().map(String::as_str).collect();
    let differs = actions.iter().zip(&folded).any(|(action, line)| *action != actions[0] && *line != folded[0]);
    if !differs || !is_function(&folded, actions) {
        return None;
    }
    let differing = words.iter().flatten().filter(|word| !words.iter().all(|other| other.contains(*word)));
    let stated = differing.clone().any(|word| words::holds_state(word));
    let named = names(group).is_some();
    Some(if stated { 2.0 } else { 0.0 } + if named { 1.0 } else { 0.0 })
}

/// How well the lines name a thing.
fn names(group: &[&str]) -> Option<f64> {
    let named = |line: &&str| {
        let name = |text: &str, kind: Kind| kind == Kind::Name && !text.contains("://");
        tokens(line).iter().any(|token| name(token.text, token.kind)) || line.contains('"')
    };
    group.iter().all(named).then_some(1.0)
}

fn plain_words(line: &str) -> BTreeSet<String> {
    tokens(line).iter().filter(|token| token.kind == Kind::Word).map(|token| token.text.to_lowercase()).collect()
}

fn lines(mail: &Mail) -> Vec<&str> {
    let fit = |line: &&str| {
        let length = line.trim().chars().count();
        (4..=LINE_CHARS_MAX).contains(&length) && (line.trim().contains(' ') || !line.contains("://"))
    };
    mail.body().lines().filter(fit).take(LINES_MAX).collect()
}
