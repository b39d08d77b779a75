//! Makes the dedup key: what a problem and its recovery have in common and no other check has.
//!
//! What names something stays; what changes from mail to mail (states, values, times, counters, ids of the mail's
//! own) goes. The words of a sentence are sorted, because a recovery often says the same in another order.

use std::collections::BTreeSet;

use super::fields::{self, Field, Role};
use super::lexicon;
use super::state::Stand;
use super::text::{Place, Token, tokens};
use super::value::{is_address, is_hard, is_rank, is_unit_word, name, url};
use super::words::Class;

/// What is left of a text when everything that changes is taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Names by their form: digits, dots, dashes, slashes inside.
    pub hard: BTreeSet<String>,
    /// Other words.
    pub soft: BTreeSet<String>,
}

/// Takes the names out of a subject or a sentence.
pub(super) fn names(tokens: &[Token], stand: &Stand) -> Names {
    let mut drop = vec![false; tokens.len()];
    for hit in &stand.hits {
        let keep = tokens[hit.start].place == Place::Quoted || hit.class == Class::Thing || hit.class == Class::Alive;
        drop[hit.start..hit.end].fill(!keep);
    }
    drop_agents(tokens, stand, &mut drop);
    let remarks = remarks(tokens);
    let mut names = Names::default();
    let mut aside = Names::default();
    let end = verdict_end(tokens, stand).unwrap_or(tokens.len());
    for (at, token) in tokens[..end].iter().enumerate() {
        if drop[at]
            && !remarks[at]
            && let Some((stem, _)) = lexicon::compound(&token.text)
        {
            names.soft.insert(stem.to_owned());
        }
        if token.mark || drop[at] || lexicon::is_plain(token) {
            continue;
        }
        if stand.hits.iter().any(|hit| hit.class == Class::Detail && hit.end <= at && hit.start > 0)
            && !(names.hard.is_empty() && names.soft.is_empty())
        {
            break;
        }
        let Some(name) = name(tokens, at, &drop) else { continue };
        let into = if remarks[at] { &mut aside } else { &mut names };
        if is_hard(&name) {
            into.hard.insert(name);
        } else {
            into.soft.insert(if token.cjk { name } else { stem(&name) });
        }
    }
    if names.hard.len() > LIST_MIN
        && let Some(colon) = tokens.iter().position(|token| token.is(":")).filter(|colon| *colon < end)
    {
        // "Cluster search-eu degraded: shard-1, shard-2, ...": the list is cut off somewhere and names nothing.
        let before = self::names(&tokens[..colon], &super::state::read(&tokens[..colon]));
        if !before.hard.is_empty() || !before.soft.is_empty() {
            return before;
        }
    }
    // A remark names something only where nothing else does.
    if names.hard.is_empty() {
        names.hard.append(&mut aside.hard);
        if names.soft.is_empty() {
            names.soft.append(&mut aside.soft);
        }
    }
    names
}

/// Names from which on they are a list.
const LIST_MIN: usize = 8;

/// "web-1 is DOWN: timeout": behind the verdict on a whole thing comes its explanation. Words that grade one
/// property ("web-1 CRITICAL disk") are no such verdict.
fn verdict_end(tokens: &[Token], stand: &Stand) -> Option<usize> {
    stand.hits.iter().find_map(|hit| {
        let verdict = tokens[hit.start..hit.end].iter().any(|token| WHOLE.contains(&token.text.as_str()));
        let before = hit.start.checked_sub(1).and_then(|at| tokens.get(at))?;
        let tag = tokens[hit.start].place == Place::Tag;
        let said = tag || ["is", "are", "now", "ist", "est", "es", "esta"].contains(&before.text.as_str());
        let named = tokens[..hit.start].iter().any(|token| {
            !token.mark
                && !lexicon::is_plain(token)
                && !is_rank(token)
                && (is_hard(&token.text) || tag && token.place == Place::Tag)
                && !stand
                    .hits
                    .iter()
                    .any(|other| other.class != Class::Thing && tokens[other.start..other.end].contains(token))
        });
        (verdict && said && named).then_some(hit.end)
    })
}

/// Words that judge a thing as a whole.
const WHOLE: [&str; 12] = [
    "down",
    "up",
    "offline",
    "online",
    "unreachable",
    "reachable",
    "unavailable",
    "available",
    "dead",
    "alive",
    "🔴",
    "✅",
];

/// "acknowledged by Ann Lee:" names who did it, not what it is about.
fn drop_agents(tokens: &[Token], stand: &Stand, drop: &mut [bool]) {
    for hit in &stand.hits {
        if tokens
            .get(hit.end)
            .is_some_and(|token| ["by", "von", "par", "por", "da", "door"].contains(&token.text.as_str()))
        {
            let end = tokens[hit.end..].iter().take(5).position(|token| token.mark && !token.is(".")).unwrap_or(3);
            let end = (hit.end + end).min(tokens.len());
            drop[hit.end..end].fill(true);
        }
    }
}

/// Which tokens are remarks: in round brackets, except where the bracket holds one name alone.
fn remarks(tokens: &[Token]) -> Vec<bool> {
    let mut remarks = vec![false; tokens.len()];
    let mut open: Option<usize> = None;
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        if token.is("(") {
            depth += 1;
            open.get_or_insert(at);
        }
        if token.is(")") {
            depth = depth.saturating_sub(1);
        }
        if let (Some(start), true) = (open, token.is(")") && depth == 0) {
            let inner: Vec<&Token> = tokens[start + 1..at].iter().filter(|token| !token.mark).collect();
            // "Booking (login) is down": a remark inside the sentence is part of the name.
            let counts = inner.len() > 1 && inner[0].is_number();
            let inside = !counts && tokens.get(at + 1).is_some_and(|token| !token.mark || token.is("("));
            let single = inside || inner.len() == 1 && inner.iter().all(|t| is_hard(&t.text) && !is_address(&t.text));
            remarks[start..=at].fill(!single);
            open = None;
        }
    }
    remarks
}

/// Takes the commonest English endings off, so that "synced" is "sync".
fn stem(word: &str) -> String {
    if !word.is_ascii() || word.len() < 5 || word.contains(|c: char| !c.is_ascii_alphabetic()) {
        return word.to_owned();
    }
    if let Some(root) = word.strip_suffix("ies") {
        return format!("{root}y");
    }
    let root = ["ing", "ed", "es", "s"].iter().find_map(|end| {
        word.strip_suffix(end).filter(|root| root.len() >= 4 && !(*end == "s" && root.ends_with(['s', 'u', 'i'])))
    });
    root.unwrap_or(word).trim_end_matches('e').to_owned()
}

/// What the labelled values name: hosts first, then objects. Events count where there is no object.
pub(super) fn field_names(fields: &[Field], wanted: Role, max: usize) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for field in fields.iter().filter(|field| field.role == wanted).take(max) {
        let first = field.value.split_whitespace().next().filter(|word| word.contains("://")).and_then(url);
        let tokens = tokens(first.as_deref().unwrap_or(&field.value));
        let stand = if wanted == Role::Host { Stand::default() } else { super::state::read(&tokens) };
        let kept = kept(&tokens, &stand, wanted == Role::Event);
        if !kept.is_empty() && !found.contains(&kept) {
            found.push(kept);
        }
    }
    found
}

/// A value in its own order, without what changes.
fn kept(tokens: &[Token], stand: &Stand, event: bool) -> String {
    let mut drop = vec![false; tokens.len()];
    if event {
        for hit in stand.hits.iter().filter(|hit| hit.class != Class::Thing) {
            drop[hit.start..hit.end].fill(true);
        }
    } else if !stand.hits.is_empty() {
        // The name of a check may say "high"; that it failed is no name.
        for hit in stand.hits.iter().filter(|hit| hit.weight >= 5 && hit.end - hit.start < tokens.len()) {
            let state = matches!(hit.class, Class::Bad | Class::Good | Class::GoodShy | Class::Over);
            drop[hit.start..hit.end].fill(state && tokens[hit.start].place != Place::Quoted);
        }
    }
    let remarks = remarks(tokens);
    let mut words: Vec<String> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.mark || drop[at] || (remarks[at] && !words.is_empty()) || (event && lexicon::is_plain(token)) {
            continue;
        }
        // The label is the noun of a number in front: "Outlet: 7".
        let lone = at == 0
            && token.is_number()
            && !tokens.get(1).is_some_and(|next| next.is("%") || next.is("/") || is_unit_word(&next.text));
        if lone && !token.text.contains(['.', ',']) {
            words.push(token.text.clone());
        } else if let Some(name) = name(tokens, at, &drop) {
            words.push(name);
        }
    }
    words.join(" ")
}

/// The thing that a sentence names behind a word for such things: "for host k8s-2", `resource "db-1"`.
pub(super) fn announced(tokens: &[Token]) -> Option<String> {
    let nowhere = vec![false; tokens.len()];
    tokens.iter().enumerate().find_map(|(at, token)| {
        let quote = tokens.get(at + 1).is_some_and(|next| next.is("\""));
        let next = at + 1 + usize::from(quote);
        let announced =
            !token.mark && fields::announces(&token.text) && tokens.get(next).is_some_and(|next| !next.mark);
        let name = if announced { name(tokens, next, &nowhere) } else { None };
        name.filter(|name| is_hard(name) || name.contains('-'))
    })
}
