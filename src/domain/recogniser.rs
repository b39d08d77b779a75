//! Reads mail that no pack knows: whether it reports a problem, an end of one, or neither, and about what.
//!
//! It goes by the words and the form of a mail, never by its sender's product. Pure, total and bounded: only
//! the beginning of a mail is read. Where it is in doubt, it opens an incident: closing needs certainty.

mod context;
mod decision;
mod european;
mod fields;
mod key;
mod lexicon;
mod notice;
mod plain;
mod state;
mod text;
mod unspaced;
mod value;
mod words;

use std::collections::BTreeSet;

use crate::domain::alert::{self, Action, Severity};
use crate::domain::mail::Mail;

use decision::Decision;
use fields::{Field, Role};
use key::Names;
use text::Token;

/// What the recogniser makes of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What the mail asks for.
    pub action: Action,
    /// How bad it is.
    pub severity: Severity,
    /// The same for a problem and its end.
    pub dedup_key: String,
    /// One line for a person.
    pub summary: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// Lines of the body that are read as text, and their bytes; of the subject as well.
const PROSE_LINES_MAX: usize = 8;
const PROSE_BYTES_MAX: usize = 1500;

/// A mail cut into what is weighed.
struct Parts {
    subject: Vec<Token>,
    fields: Vec<Field>,
    /// The first lines of the body that are no labelled values.
    prose: Vec<Vec<Token>>,
    /// The first line with words.
    first_line: String,
}

/// Reads a mail; `None` when it says nothing about a state and names nothing, which is for the catch-all.
pub fn recognise(mail: &Mail) -> Option<Reading> {
    let parts = Parts::of(mail);
    let decision = match notice::not_an_alert(mail) {
        Some(why) => Decision { action: Action::Ignore, severity: Severity::Info, why, line: None, knows_state: true },
        None => decision::decide(&parts.subject, &parts.fields, &parts.prose),
    };
    let mut names = names_of(&parts, decision.line);
    // Where it names nothing, the sender tells a problem and its end from those of others. Without a state that
    // would fold everything a sender has to say into one.
    if names.is_empty() && decision.knows_state && !mail.from.is_empty() {
        names.push(mail.from.clone());
    }
    if names.is_empty() {
        return None;
    }
    let summary = summary(mail, &parts, &names);
    let reason = format!("{}; keyed on {}", decision.why, names.join(", "));
    Some(Reading {
        action: decision.action,
        severity: decision.severity,
        dedup_key: alert::dedup_key(&format!("auto/{}", names.join("/"))),
        summary: alert::summary(&summary),
        reason: alert::summary(&reason),
    })
}

impl Parts {
    fn of(mail: &Mail) -> Self {
        let body = text::unify(mail.body());
        let fields = fields::read(mail);
        let lines = body.lines().map(str::trim).filter(|line| line.chars().any(char::is_alphanumeric));
        // A labelled sentence says best what it is about.
        let texts = fields.iter().filter(|field| field.role == Role::Text);
        let mut prose: Vec<Vec<Token>> = texts.take(2).map(|field| text::tokens(&field.value)).collect();
        let mut bytes = 0;
        for line in lines.clone().take(PROSE_LINES_MAX) {
            bytes += line.len();
            if bytes > PROSE_BYTES_MAX && !prose.is_empty() {
                break;
            }
            if !fields::is_list(line) {
                prose.push(text::tokens(beginning(line)));
            }
        }
        let first_line =
            lines.clone().find(|line| line.chars().any(char::is_alphabetic)).unwrap_or_default().to_owned();
        Self { subject: text::tokens(beginning(&text::unify(&mail.subject))), fields, prose, first_line }
    }
}

/// What is weighed of one line: words are compared with each other, so that the cost grows with the square of it.
fn beginning(line: &str) -> &str {
    &line[..line.floor_char_boundary(PROSE_BYTES_MAX)]
}

/// The names that make the key.
fn names_of(parts: &Parts, line: Option<usize>) -> Vec<String> {
    let stand = state::read(&parts.subject);
    let mut subject = key::names(&parts.subject, &stand);
    let mut hosts = key::field_names(&parts.fields, Role::Host, 2);
    if !hosts.is_empty() {
        // What could not be decoded differs from mail to mail.
        subject.hard.retain(|name| !name.contains('\u{fffd}'));
        subject.soft.retain(|name| !name.contains('\u{fffd}'));
    }
    let mut objects = key::field_names(&parts.fields, Role::Object, 3);
    if objects.is_empty() && subject.soft.is_empty() && subject.hard.is_empty() {
        objects = key::field_names(&parts.fields, Role::Event, 1);
    }
    if hosts.is_empty() && subject.hard.is_empty() {
        hosts = key::field_names(&parts.fields, Role::Address, 1);
    }
    if hosts.is_empty() && subject.hard.is_empty() {
        hosts.extend(parts.prose.iter().find_map(|line| key::announced(line)));
    }
    let mut names: Vec<String> = hosts.clone();
    names.extend(objects.iter().filter(|object| !hosts.contains(object)).cloned());
    let complete = names.len() > 1 && !objects.is_empty() || hosts.len() > 1;
    add(&mut names, subject.hard);
    if !complete {
        add(&mut names, subject.soft);
    }
    if let Some(said) = said(parts, line, complete) {
        add(&mut names, said.hard);
        add(&mut names, said.soft);
    }
    names
}

/// Adds names that are not part of one already there.
fn add(names: &mut Vec<String>, more: BTreeSet<String>) {
    let fresh: Vec<String> = more.into_iter().filter(|word| !names.iter().any(|name| covers(name, word))).collect();
    names.extend(fresh);
}

/// A name covers a word of its own, and a host name its own first part.
fn covers(name: &str, word: &str) -> bool {
    name.split([' ', '/']).any(|part| part == word || value::is_hard(word) && part.contains(word))
}

/// The names in the text, where the subject says too little: where the text decided the state, or where the
/// subject is a cover ("Notification from server1") that says nothing of its own.
fn said(parts: &Parts, line: Option<usize>, complete: bool) -> Option<Names> {
    let stand = state::read(&parts.subject);
    let names = key::names(&parts.subject, &stand);
    let covering = parts.subject.iter().any(|token| COVERS.contains(&token.text.as_str()));
    let poor = names.soft.len() < 2;
    let cover = stand.is_silent() && (poor || covering) || covering && poor;
    if !cover {
        return None;
    }
    let text = parts.fields.iter().find(|field| field.role == Role::Text).map(|field| text::tokens(&field.value));
    let stating = || parts.prose.iter().find(|line| !state::read(line).is_silent()).cloned();
    let naming = |line: &&Vec<Token>| !key::names(line, &state::Stand::default()).hard.is_empty();
    let tokens = match line {
        _ if complete => text.filter(|_| covering)?,
        Some(line) => parts.prose.get(line).cloned()?,
        None => text.or_else(stating).or_else(|| parts.prose.iter().find(naming).cloned())?,
    };
    let end = tokens.iter().position(|token| token.is(".") && !token.glued || token.is(";")).unwrap_or(tokens.len());
    let end = tokens.windows(2).position(|pair| pair[0].is(".") && !pair[1].glued).unwrap_or(end);
    let sentence = &tokens[..end];
    Some(key::names(sentence, &state::read(sentence)))
}

/// Words of a subject that says only that there is a mail.
const COVERS: [&str; 21] = [
    "notification",
    "notifications",
    "message",
    "event",
    "meldung",
    "benachrichtigung",
    "nachricht",
    "notificacion",
    "notificacao",
    "mensaje",
    "mensagem",
    "evento",
    "notifica",
    "melding",
    "通知",
    "お知らせ",
    "уведомление",
    "알림",
    "alerts",
    "mail",
    "report",
];

fn summary(mail: &Mail, parts: &Parts, names: &[String]) -> String {
    let names_something = parts.subject.iter().any(|token| !token.mark && !lexicon::is_plain(token));
    match (mail.subject.is_empty(), names_something) {
        (true, _) if parts.first_line.is_empty() => names.join(", "),
        (true, _) => parts.first_line.clone(),
        (false, true) => mail.subject.clone(),
        (false, false) => format!("{}: {}", mail.subject, names.join(", ")),
    }
}

#[cfg(test)]
mod tests;
