//! Weighs the state words of one text: what is good, what is bad, and which of them is meant.
//!
//! Where a word stands says more than the word: a tag, a segment of its own, or the end of a sentence states
//! how things are, the middle of a sentence may only name something.

use super::context::{self, Tense};
use super::lexicon;
use super::text::{Place, Token};
use super::words::Class;
use crate::domain::alert::Severity;

/// One word or phrase of the lexicon in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hit {
    /// What it says, after negation.
    pub class: Class,
    /// Its first token.
    pub start: usize,
    /// The token after its last one.
    pub end: usize,
    /// How much it counts.
    pub weight: i32,
}

/// What a text says about the state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stand {
    /// Every known word, in order.
    pub hits: Vec<Hit>,
    /// The weight of the best word for "it is over" or "it is well", and the word.
    pub good: (i32, String),
    /// The weight of the worst word against that, and the word.
    pub bad: (i32, String),
    /// The word that says that a person has taken it.
    pub acknowledged: Option<String>,
    /// The word that says that the work is planned, and whether it is a tag.
    pub quiet: Option<(String, bool)>,
    /// The word that says that this is a sign of life.
    pub alive: Option<String>,
    /// The worst severity named.
    pub severity: Option<Severity>,
}

/// A weight from which on a word is a statement, not a mention.
pub(super) const CLEAR: i32 = 7;

/// Words that join a subject and its state.
const JOINS: [&str; 50] = [
    "is",
    "are",
    "was",
    "were",
    "been",
    "be",
    "has",
    "have",
    "now",
    "became",
    "status",
    "state",
    "again",
    "again",
    "link",
    "ist",
    "sind",
    "wurde",
    "wieder",
    "zustand",
    "est",
    "sont",
    "ete",
    "etat",
    "es",
    "esta",
    "estan",
    "estado",
    "ha",
    "sido",
    "foi",
    "e",
    "situacao",
    "stato",
    "jest",
    "ar",
    "er",
    "on",
    "all",
    "host",
    "fully",
    "currently",
    "back",
    "going",
    "went",
    "gone",
    "came",
    "interface",
    "port",
    "comes",
];

/// Reads a text.
pub(super) fn read(tokens: &[Token]) -> Stand {
    let mut hits = find(tokens);
    context::negate(tokens, &mut hits);
    context::oppose(tokens, &mut hits);
    let tense = context::transitions(tokens, &mut hits);
    let mut stand = Stand::default();
    let shouting = tokens.iter().filter(|token| token.caps).count() * 2 > tokens.iter().filter(|t| !t.mark).count();
    for (n, hit) in hits.iter_mut().enumerate() {
        let stated = stated(tokens, hit, shouting);
        hit.weight += weight(hit.class, stated, tokens[hit.start].place, tokens[hit.start].caps && !shouting);
        match tense[n] {
            Tense::Past => hit.weight = 0,
            Tense::Present if hit.weight > 0 => hit.weight += 3,
            Tense::Present | Tense::None => {}
        }
        let word = words(tokens, hit);
        stand.count(hit, word, stated);
    }
    stand.hits = hits;
    stand
}

impl Stand {
    fn count(&mut self, hit: &Hit, word: String, stated: Stated) {
        let side = match hit.class {
            Class::Over | Class::OverNoun | Class::Good | Class::GoodShy | Class::Done => &mut self.good,
            Class::Bad | Class::BadShy | Class::Mild | Class::Grave | Class::Warning | Class::Alarm | Class::Unable => {
                &mut self.bad
            }
            Class::Acknowledged => {
                if hit.weight > 0 {
                    self.acknowledged.get_or_insert(word);
                }
                return;
            }
            Class::Quiet => {
                self.quiet.get_or_insert((word, stated.tag));
                return;
            }
            Class::Alive => {
                self.alive.get_or_insert(word);
                return;
            }
            Class::Info => {
                self.severity = self.severity.max(Some(Severity::Info));
                return;
            }
            Class::Not
            | Class::NotBefore
            | Class::Code
            | Class::Unreal
            | Class::Was
            | Class::Now
            | Class::Detail
            | Class::Moot
            | Class::Thing => return,
        };
        if hit.weight > side.0 {
            *side = (hit.weight, word);
        }
        let severity = match hit.class {
            Class::Grave => Some(Severity::Critical),
            Class::Warning | Class::Mild => Some(Severity::Warning),
            Class::Bad => Some(Severity::Error),
            _ => None,
        };
        if hit.weight > 0 {
            self.severity = self.severity.max(severity);
        }
    }

    /// Whether it says anything about the state.
    pub(super) fn is_silent(&self) -> bool {
        self.good.0 == 0 && self.bad.0 == 0
    }
}

/// The words of a hit, as read.
pub(super) fn words(tokens: &[Token], hit: &Hit) -> String {
    let words: Vec<&str> = tokens[hit.start..hit.end].iter().map(|token| token.text.as_str()).collect();
    words.join(" ")
}

fn find(tokens: &[Token]) -> Vec<Hit> {
    let mut hits = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match lexicon::phrase_at(tokens, at) {
            Some((length, class)) => {
                hits.push(Hit { class, start: at, end: at + length, weight: 0 });
                at += length;
            }
            None => at += 1,
        }
    }
    hits
}

/// How a word is made to state something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Stated {
    /// In brackets, or alone between marks, or in front of a colon at the very beginning.
    tag: bool,
    /// At the end of the text or behind "is".
    said: bool,
    /// It is the first word.
    first: bool,
    /// A mark stands behind it.
    closes: bool,
    /// "by" somebody.
    agent: bool,
}

fn stated(tokens: &[Token], hit: &Hit, shouting: bool) -> Stated {
    let word = |token: &&Token| !token.mark;
    let before = hit.start.checked_sub(1).and_then(|at| tokens.get(at));
    let after = tokens.get(hit.end);
    let opens = before.is_none_or(|token| token.mark && !token.is(",") && !token.is("/"));
    let closes = after.is_none_or(|token| token.mark && !token.is(",") && !token.is("/"));
    let joined = before.is_some_and(|token| JOINS.contains(&token.text.as_str()));
    let last = after.is_some_and(|token| token.is("]"))
        || !tokens[hit.end..].iter().any(|token| !token.mark && !token.is_number());
    let first = !tokens[..hit.start].iter().filter(word).any(|token| !token.is_number());
    let counted = after.is_some_and(Token::is_number);
    // "[Triggered on host]" is a tag as well: its first word is the state.
    let bracket = tokens[hit.start].place == Place::Tag && before.is_some_and(|t| t.is("[") || t.is("{") || t.is("<"));
    let caps = tokens[hit.start].caps && !shouting;
    Stated {
        tag: (opens && closes) || bracket || (opens && caps && first),
        said: joined || last || counted && opens,
        first,
        closes,
        agent: after.is_some_and(|token| ["by", "von", "par", "por", "da", "door"].contains(&token.text.as_str())),
    }
}

fn weight(class: Class, stated: Stated, place: Place, caps: bool) -> i32 {
    if class == Class::OverNoun && !(stated.tag || caps || stated.said && place == Place::Tag) {
        return 0;
    }
    let shy = matches!(class, Class::OverNoun | Class::GoodShy | Class::BadShy | Class::Acknowledged);
    if shy
        && !(stated.tag
            || stated.said
            || caps
            || class == Class::Acknowledged && (stated.first || stated.agent || stated.closes))
    {
        return 0;
    }
    let base = match class {
        Class::Over | Class::OverNoun => 8,
        Class::Bad | Class::BadShy | Class::Unable | Class::Acknowledged => 5,
        Class::Good if caps => 5,
        Class::Good | Class::GoodShy | Class::Grave => 4,
        Class::Done | Class::Mild | Class::Warning => 3,
        Class::Alarm => 2,
        _ => 0,
    };
    let bonus = match (stated.tag, stated.said || stated.first) {
        (true, _) => 3,
        (false, true) => 2,
        (false, false) => 0,
    };
    let heading = if class == Class::Alarm && stated.tag && stated.first { 2 } else { 0 };
    let quoted = if place == Place::Quoted { 4 } else { 0 };
    (base + bonus + heading + i32::from(caps) - quoted).max(0)
}
