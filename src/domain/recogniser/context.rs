//! What words do to each other: negations, transitions, opposition, counts of nothing.

use super::lexicon;
use super::state::{Hit, words};
use super::text::{ARROW, Token};
use super::words::Class;

/// Words that lead from the old state to the new one.
const LEADS: [&str; 16] =
    [ARROW, "to", "auf", "nach", "a", "para", "into", "in", "vers", "naar", "в", "на", "к", "zu", "до", "till"];

/// Words that name the old state.
const FROMS: [&str; 12] = ["from", "von", "de", "da", "od", "ot", "van", "du", "из", "с", "从", "由"];

pub(super) fn is_good(class: Class) -> bool {
    matches!(class, Class::Over | Class::OverNoun | Class::Good | Class::GoodShy | Class::Done)
}

pub(super) fn is_bad(class: Class) -> bool {
    matches!(class, Class::Bad | Class::BadShy | Class::Mild | Class::Grave | Class::Warning | Class::Alarm)
}

/// Turns words round: "not reachable", "no errors", "failed to recover", "no longer failing".
pub(super) fn negate(tokens: &[Token], hits: &mut [Hit]) {
    uncount(tokens, hits);
    look_around(tokens, hits);
    for n in 1..hits.len() {
        let (before, here) = (hits[n - 1].clone(), hits[n].clone());
        let between = &tokens[before.end..here.start];
        if between.len() > 3 || between.iter().any(|token| token.mark && !token.is("*")) {
            continue;
        }
        let longer = words(tokens, &before);
        let over = ["longer", "more", "mehr", "mais", "plus"].iter().any(|word| longer.ends_with(word));
        hits[n].class = match before.class {
            Class::Not if over && is_bad(here.class) => Class::Over,
            Class::Not | Class::Unable if is_good(here.class) || here.class == Class::Acknowledged => Class::Bad,
            Class::Not if is_bad(here.class) => Class::Done,
            // "stopped responding", "restore failed": the failing wins over what it fails at.
            Class::Bad
                if between.is_empty()
                    && matches!(here.class, Class::Good | Class::GoodShy)
                    && !before_is_name(tokens, &before) =>
            {
                Class::Moot
            }
            class => {
                let noun = matches!(class, Class::OverNoun | Class::Done)
                    || (class == Class::Over && tokens[before.start].cjk);
                if noun && between.is_empty() && here.class == Class::Bad {
                    hits[n - 1].class = Class::Moot;
                }
                here.class
            }
        };
    }
}

/// Words whose meaning hangs on a neighbour: verbs that negate what stands before them, codes that are good when zero.
fn look_around(tokens: &[Token], hits: &mut [Hit]) {
    for n in 0..hits.len() {
        if attempted(tokens, &hits[n..]) {
            hits[n].class = Class::Moot;
        }
        let before = n.checked_sub(1).filter(|before| hits[n].start - hits[*before].end <= 3);
        match (hits[n].class, before.map(|before| (before, hits[before].class))) {
            (Class::NotBefore, Some((before, class))) if is_bad(class) => {
                hits[before].class = Class::Done;
                hits[n].class = Class::Moot;
            }
            (Class::NotBefore, Some((before, class))) if is_good(class) => {
                hits[before].class = Class::Moot;
                hits[n].class = Class::Bad;
            }
            (Class::NotBefore, _) => hits[n].class = Class::Bad,
            (Class::Code, _) => {
                let rest = &tokens[hits[n].end..];
                let code = rest.iter().take(2).find(|token| !token.is(":") && !token.is("="));
                hits[n].class = match code.filter(|token| token.is_number()) {
                    Some(code) if code.text.chars().all(|c| c == '0') => Class::Done,
                    Some(_) => Class::Bad,
                    None => Class::Thing,
                };
            }
            // "Alert X closed", "Incident 7 cancelled": what ends is the alarm.
            (Class::GoodShy | Class::Bad, _) if ENDINGS.contains(&tokens[hits[n].start].text.as_str()) => {
                let start = hits[n].start;
                let same = |token: &&Token| !token.mark || ["\"", "#", "(", ")", "'"].contains(&token.text.as_str());
                let about = tokens[..start].iter().rev().take(10).take_while(same);
                if about.into_iter().any(|token| ALARMS.contains(&token.text.as_str())) {
                    hits[n].class = Class::Over;
                }
            }
            // "Successful login from nowhere": the adjective of a noun states nothing.
            (Class::Good, _) if tokens[hits[n].start].text == "successful" => {
                let noun = tokens.get(hits[n].end).is_some_and(|next| !next.mark && !lexicon::is_plain(next));
                if noun {
                    hits[n].class = Class::Thing;
                }
            }
            _ => {}
        }
    }
}

/// "备份恢复任务失败": in one run of a script without blanks, what failed at the end is the recovery.
fn attempted(tokens: &[Token], hits: &[Hit]) -> bool {
    let [here, next, ..] = hits else { return false };
    let run = |token: &Token| token.cjk && token.glued;
    here.class == Class::Over
        && next.class == Class::Bad
        && next.start > here.end
        && tokens[here.start].cjk
        && tokens[here.end..next.end].iter().all(run)
        && tokens.get(next.end).is_none_or(|token| token.mark)
}

/// Verbs that end an alarm, though other things close or are cancelled as well.
const ENDINGS: [&str; 7] = ["closed", "cancelled", "canceled", "geschlossen", "cerrado", "cerrada", "chiuso"];

/// Nouns for an alarm or its record.
const ALARMS: [&str; 14] = [
    "alert",
    "alarm",
    "incident",
    "problem",
    "issue",
    "ticket",
    "case",
    "event",
    "storung",
    "meldung",
    "alerta",
    "alarma",
    "incidente",
    "incidencia",
];

/// "Failed: 0" and "0% loss" count, and there is nothing to count. "Completed: 0 errors" counts something else.
fn uncount(tokens: &[Token], hits: &mut [Hit]) {
    let zero = |token: &Token| {
        token.text.starts_with('0') && token.text.trim_end_matches('%').trim_matches(['0', '.']).is_empty()
    };
    for n in 0..hits.len() {
        let (start, end) = (hits[n].start, hits[n].end);
        let before = start.checked_sub(1).and_then(|at| tokens.get(at));
        let share = before.is_some_and(|token| token.text.ends_with('%') && zero(token));
        let labels = tokens.get(end).is_some_and(|token| token.is(":") || token.is("="));
        // "3 of 5 are online" is not well.
        let part = is_good(hits[n].class)
            && tokens[start.saturating_sub(6)..start].windows(3).any(|part| {
                let of = matches!(part[1].text.as_str(), "of" | "von" | "de" | "di" | "van" | "из");
                of && part[0].is_number() && part[2].is_number() && part[0].text != part[2].text
            });
        let other = hits.iter().any(|hit| hit.start == end + 2);
        let counts = labels && tokens.get(end + 1).is_some_and(zero) && !other;
        if counts || part || share && is_bad(hits[n].class) {
            hits[n].class = Class::Moot;
        }
    }
}

/// "Completed with errors", "up, but slow": what is said against the good word counts more. "No backup of db1 has
/// succeeded" and "once it is back" are not good at all.
pub(super) fn oppose(tokens: &[Token], hits: &mut [Hit]) {
    for n in 1..hits.len() {
        let (earlier, later) = hits.split_at_mut(n);
        let here = &mut later[0];
        for before in earlier.iter().rev().take(3) {
            let between = &tokens[before.end..here.start];
            if between.len() > 8 || between.iter().any(|token| token.mark && !token.is("-")) {
                break;
            }
            let but = |token: &Token| BUTS.contains(&token.text.as_str());
            if is_good(before.class) && is_bad(here.class) && between.iter().any(but) {
                here.weight += 4;
            }
            let unsaid = matches!(before.class, Class::Not | Class::Unable | Class::Unreal) && between.len() <= 6;
            // "0 errors" is good because of the negation.
            let good = lexicon::phrase_at(tokens, here.start).is_some_and(|(_, class)| is_good(class));
            if unsaid && good && here.class != Class::Over && here.class != Class::Moot {
                here.class = if before.class == Class::Unreal { Class::Moot } else { Class::Bad };
            }
            if before.class == Class::Unreal && here.class == Class::Over && between.len() <= 4 {
                here.class = Class::Moot;
            }
        }
    }
}

/// Words that take something back.
const BUTS: [&str; 12] = ["with", "but", "mit", "aber", "avec", "mais", "con", "com", "pero", "mas", "met", "ma"];

/// "Failure OK" has two opinions; "stopped responding" has one. Capitals are a state of their own.
fn before_is_name(tokens: &[Token], hit: &Hit) -> bool {
    tokens.get(hit.end).is_some_and(|token| token.caps) || tokens[hit.start].cjk
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tense {
    None,
    Past,
    Present,
}

/// "DOWN -> UP", "from red to green", "was down, is now up": the last state counts.
pub(super) fn transitions(tokens: &[Token], hits: &mut [Hit]) -> Vec<Tense> {
    let mut tense = vec![Tense::None; hits.len()];
    let states = |class: Class| is_good(class) || is_bad(class) || class == Class::Info;
    for n in 1..hits.len() {
        let (before, here) = (&hits[n - 1], &hits[n]);
        let between = &tokens[before.end..here.start];
        if between.len() > 4 {
            continue;
        }
        let leads = between.iter().any(|token| LEADS.contains(&token.text.as_str()));
        let arrow = between.iter().any(|token| token.is(ARROW));
        let from = before.start.checked_sub(1).and_then(|at| tokens.get(at));
        let from = from.is_some_and(|token| FROMS.contains(&token.text.as_str()));
        if states(before.class) && states(here.class) && leads && (arrow || from) {
            tense[n - 1] = Tense::Past;
            tense[n] = Tense::Present;
        }
        // "was disconnected" is what happened, unless there is another state beside it.
        let other = hits.iter().enumerate().any(|(m, hit)| m != n && states(hit.class) && hit.class != Class::Alarm);
        if before.class == Class::Was && states(here.class) && tense[n] == Tense::None && other {
            tense[n] = Tense::Past;
        }
        // "Previous state was: OK (Normal)" goes on for a few words.
        let old = hits[..n].iter().rev().find(|hit| hit.class == Class::Was);
        if old.is_some_and(|old| !tokens[old.start].text.starts_with("wa") && here.start - old.end <= 6)
            && states(here.class)
        {
            tense[n] = Tense::Past;
        }
        if before.class == Class::Now && states(here.class) {
            tense[n] = Tense::Present;
        }
    }
    for (n, hit) in hits.iter().enumerate().filter(|(_, hit)| states(hit.class)) {
        // "from Initial to OK": the old state may be no word we know.
        let start = hit.start;
        let lead = start.checked_sub(1).is_some_and(|at| LEADS.contains(&tokens[at].text.as_str()));
        let from = tokens[start.saturating_sub(4)..start].iter().any(|token| FROMS.contains(&token.text.as_str()));
        if lead && from && tense[n] == Tense::None {
            tense[n] = Tense::Present;
        }
    }
    tense
}
