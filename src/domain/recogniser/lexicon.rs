//! Looks words up: the longest known phrase at a place in a text.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::text::{Token, fold};
use super::words::Class;
use super::{european, plain, unspaced, words};

/// Letters that an ending may have.
const ENDING_CHARS_MAX: usize = 6;

struct Entry {
    words: Vec<(String, bool)>,
    class: Class,
}

/// Phrases in scripts with blanks, by the first two characters of their first word, longest first.
static SPACED: LazyLock<HashMap<String, Vec<Entry>>> = LazyLock::new(|| {
    let mut map: HashMap<String, Vec<Entry>> = HashMap::new();
    for (phrase, class) in phrases(words::STATES).chain(phrases(european::STATES)) {
        let words: Vec<(String, bool)> =
            phrase.split(' ').map(|word| (word.trim_end_matches('*').to_owned(), word.ends_with('*'))).collect();
        let start = words.first().map(|(word, _)| bucket(word)).unwrap_or_default();
        map.entry(start).or_default().push(Entry { words, class });
    }
    for entries in map.values_mut() {
        // Stable, so that the first line wins where two languages share a word. A whole word beats a stem.
        entries.sort_by_key(|entry| std::cmp::Reverse((entry.words.len(), entry.words.iter().all(|(_, stem)| !stem))));
    }
    map
});

/// Phrases in scripts without blanks.
static UNSPACED: LazyLock<HashMap<String, Option<Class>>> = LazyLock::new(|| {
    let plain = unspaced::PLAIN.split_whitespace().map(|word| (word.to_owned(), None));
    let states = phrases(unspaced::STATES).map(|(phrase, class)| (phrase.replace(' ', ""), Some(class)));
    plain.chain(states).collect()
});

static UNSPACED_CHARS_MAX: LazyLock<usize> =
    LazyLock::new(|| UNSPACED.keys().map(|word| word.chars().count()).max().unwrap_or_default());

static PLAIN: LazyLock<HashSet<String>> =
    LazyLock::new(|| plain::PLAIN.iter().flat_map(|(_, words)| words.split_whitespace()).map(fold).collect());

fn phrases(table: &'static [(&'static str, Class, &'static str)]) -> impl Iterator<Item = (String, Class)> + use<> {
    table
        .iter()
        .flat_map(|(_, class, list)| {
            list.split(',').map(|phrase| (phrase.split_whitespace().collect::<Vec<_>>().join(" "), *class))
        })
        .map(|(phrase, class)| (without_elision(&fold(&phrase)), class))
}

/// The tokeniser cuts "l'alerte" to "alerte", so the phrases do as well.
fn without_elision(phrase: &str) -> String {
    let words = phrase.split(' ').map(|word| match word.split_once('\'') {
        Some((left, right)) if left.chars().count() <= 2 && !right.is_empty() => right,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn bucket(word: &str) -> String {
    word.chars().take(2).collect()
}

/// The longest phrase that starts at a token: how many tokens it takes and what it says.
pub(super) fn phrase_at(tokens: &[Token], at: usize) -> Option<(usize, Class)> {
    let token = tokens.get(at).filter(|token| !token.mark)?;
    if token.cjk {
        return UNSPACED.get(&token.text).copied().flatten().map(|class| (1, class));
    }
    let entries = SPACED.get(&bucket(&token.text)).map(Vec::as_slice).unwrap_or_default();
    if let Some(entry) = entries.iter().find(|entry| matches_at(&entry.words, &tokens[at..])) {
        return Some((entry.words.len(), entry.class));
    }
    // "back-to-normal" is one token.
    if !token.text.contains(['-', '_']) {
        return compound(&token.text).map(|(_, class)| (1, class));
    }
    let parts: Vec<&str> = token.text.split(['-', '_']).collect();
    let same = |entry: &&Entry| {
        entry.words.len() == parts.len() && entry.words.iter().zip(&parts).all(|((word, _), part)| word == part)
    };
    entries.iter().find(same).map(|entry| (1, entry.class))
}

/// The first part of a compound and what its end says.
pub(super) fn compound(word: &str) -> Option<(&str, Class)> {
    words::COMPOUND_ENDS.iter().find_map(|(class, ends)| {
        let stem = ends.split(' ').find_map(|end| word.strip_suffix(end))?;
        let long = stem.chars().count() >= 4 && stem.chars().all(char::is_alphabetic);
        long.then_some((stem, *class))
    })
}

fn matches_at(words: &[(String, bool)], tokens: &[Token]) -> bool {
    words.len() <= tokens.len()
        && words.iter().zip(tokens).all(|((word, stem), token)| {
            !token.mark
                && match token.text.strip_prefix(word.as_str()) {
                    Some("") => true,
                    Some(ending) => {
                        *stem && ending.chars().count() <= ENDING_CHARS_MAX && ending.chars().all(char::is_alphabetic)
                    }
                    None => false,
                }
        })
}

/// Bytes of the longest known word at the start of a text without blanks; 0 when there is none.
pub(super) fn unspaced_prefix(text: &str) -> usize {
    let ends: Vec<usize> =
        text.char_indices().skip(1).map(|(at, _)| at).chain([text.len()]).take(*UNSPACED_CHARS_MAX).collect();
    ends.into_iter().rev().find(|end| UNSPACED.contains_key(&text[..*end])).unwrap_or(0)
}

/// Characters that count things when a number stands before them.
pub(super) fn is_counter(c: char) -> bool {
    "个個台件次条條名回つ건개대项項".contains(c)
}

/// Kinds of things that a number behind them makes a name: "node 12".
const KINDS: &str =
    "host server node device machine computer instance service system entity component item object resource";

/// Whether a number behind this word may be part of a name.
pub(super) fn takes_number(token: &Token) -> bool {
    !is_plain(token) || KINDS.split(' ').any(|kind| kind == token.text)
}

/// Whether a word names nothing: grammar, words of reporting, words for kinds of things.
pub(super) fn is_plain(token: &Token) -> bool {
    if token.cjk { matches!(UNSPACED.get(&token.text), Some(None)) } else { PLAIN.contains(&token.text) }
}
