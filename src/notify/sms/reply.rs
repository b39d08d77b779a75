//! What a text that somebody sent back means: `4 K7`, `ack K7`, `6 k7 m2`, `確認K7`, STOP. Nothing is guessed: what is
//! not understood changes nothing and is answered with what can be said.

use std::collections::BTreeMap;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::verified;
use crate::domain::code::{Code, narrow};
use crate::notify::exchange::{Act, Answer, Refusal};
use crate::notify::form;
use crate::notify::twilio::Config;
use crate::notify::words::{Word, split, word};

/// Most words looked at; a longer text is not understood.
const WORDS_MAX: usize = 40;

/// Most codes named in an answer.
const CODES_SHOWN_MAX: usize = 8;

/// What is answered when the database did not take an answer.
pub const NOT_STORED: &str = "That could not be stored. Please send it again.";

/// A text that somebody sent to our number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inbound {
    /// The provider's name for it; the same when it is told again.
    pub sid: String,
    /// The sender's number.
    pub from: String,
    /// Our number.
    pub to: String,
    /// What it says.
    pub text: String,
    /// The word the provider itself has taken as leaving, joining or asking, where it tells.
    pub opt_out: String,
}

/// Reads a callback about a received text.
///
/// # Errors
/// When it is not the provider's, or has no sender.
pub fn received(config: &Config, url: &str, given: &str, body: &[u8]) -> Result<Inbound, Refusal> {
    let pairs = verified(config, url, given, body)?;
    let value = |name| form::value(&pairs, name).to_owned();
    let inbound = Inbound {
        sid: value("MessageSid"),
        from: value("From"),
        to: value("To"),
        text: value("Body"),
        opt_out: value("OptOutType"),
    };
    if number(&inbound.from).is_empty() { Err(Refusal::Unreadable("it has no sender")) } else { Ok(inbound) }
}

/// What a text asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// A word that the provider acts on itself.
    Keyword(Keyword),
    /// These, in order.
    Commands(Vec<Command>),
    /// Nobody can be sure.
    Unclear,
}

/// Words every provider knows (Twilio docs, "Support for opt-out keywords").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keyword {
    /// From now on the provider refuses texts to this number: an alarm must be raised.
    Stop,
    /// That is over.
    Start,
    /// How this works.
    Help,
}

/// One thing asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub act: Act,
    /// About what; without, the only page there is.
    pub code: Option<Code>,
}

/// Reads what somebody wrote. Verbs come before their codes (`4 K7 M2, 6 X3`), or one verb behind all (`K7 ack`).
pub fn read(text: &str) -> Reading {
    if let Some(keyword) = keyword(text) {
        return Reading::Keyword(keyword);
    }
    let words = split(text, WORDS_MAX + 1);
    if words.len() > WORDS_MAX || text.contains(['?', '？']) {
        return Reading::Unclear;
    }
    let mut commands: Vec<Command> = Vec::new();
    let mut before: Vec<Code> = Vec::new();
    for text in words.iter().flat_map(|word| glued(word)) {
        if let Some(code) = Code::read(&text) {
            match commands.last_mut() {
                None => before.push(code),
                Some(last) if last.code.is_none() => last.code = Some(code),
                Some(last) => {
                    let act = last.act;
                    commands.push(Command { act, code: Some(code) });
                }
            }
            continue;
        }
        match word(&text) {
            // `4 K7 = ack` says it twice.
            Word::Verb(act) if commands.last().is_some_and(|last| last.act == act) => {}
            Word::Verb(act) => commands.push(Command { act, code: None }),
            Word::Filler => {}
            Word::Doubt | Word::Unknown => return Reading::Unclear,
        }
    }
    match (before.is_empty(), commands.as_slice()) {
        (_, []) => Reading::Unclear,
        (true, _) => Reading::Commands(commands),
        (false, [Command { act, code: None }]) => {
            let about = |code| Command { act: *act, code: Some(code) };
            Reading::Commands(before.into_iter().map(about).collect())
        }
        (false, _) => Reading::Unclear,
    }
}

/// `4K7` is `4` and `K7`.
fn glued(word: &str) -> Vec<String> {
    match word.split_at_checked(1) {
        Some((verb @ ("4" | "5" | "6"), code)) if Code::read(code).is_some() => vec![verb.to_owned(), code.to_owned()],
        _ => vec![word.to_owned()],
    }
}

/// A text that is one of the provider's words and nothing else.
pub fn keyword(text: &str) -> Option<Keyword> {
    let word: String = text.trim().chars().take(20).map(narrow).map(|c| c.to_ascii_uppercase()).collect();
    match word.trim_end_matches(['.', '!']) {
        "STOP" | "STOPALL" | "UNSUBSCRIBE" | "CANCEL" | "END" | "QUIT" | "OPTOUT" | "REVOKE" => Some(Keyword::Stop),
        "START" | "YES" | "UNSTOP" => Some(Keyword::Start),
        "HELP" | "INFO" => Some(Keyword::Help),
        _ => None,
    }
}

/// A page that was sent by SMS and still needs somebody.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// [`crate::notify::message::Message::id`].
    pub message_id: &'a str,
    /// What it asked to be named.
    pub code: &'a Code,
    /// The number it went to.
    pub address: &'a str,
    /// Who has that number.
    pub user: &'a str,
    /// How many incidents it told of.
    pub incidents: usize,
}

/// What a received text comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// What is to be done.
    pub answers: Vec<Answer>,
    /// A word the provider acts on; STOP must raise an alarm.
    pub keyword: Option<Keyword>,
    /// What is answered once the answers are stored, or [`NOT_STORED`] instead; nothing to strangers, nor where the
    /// provider answers itself.
    pub text: Option<String>,
}

/// Judges a received text. `sent` are pages to any number; only those to the sender's count. `is_contact` says
/// whether the number is somebody's at all: strangers get no answer, for each costs money.
pub fn judge(inbound: &Inbound, sent: &[Sent<'_>], is_contact: bool) -> Verdict {
    if let Some(keyword) = keyword(&inbound.opt_out).or_else(|| keyword(&inbound.text)) {
        let text = (keyword == Keyword::Help && is_contact && inbound.opt_out.is_empty()).then(|| possible(&[]));
        return Verdict { keyword: Some(keyword), text, ..Verdict::default() };
    }
    let from = number(&inbound.from);
    let own: Vec<&Sent<'_>> = sent.iter().filter(|sent| !from.is_empty() && number(sent.address) == from).collect();
    let mut verdict = Verdict::default();
    let problem = match read(&inbound.text) {
        Reading::Commands(commands) => match choose(&commands, &own) {
            Ok(chosen) => {
                let answer = |(sent, act): (&Sent<'_>, Act)| Answer::by_text(act, sent.message_id, sent.user);
                verdict.answers = chosen.iter().copied().map(answer).collect();
                let done = |(sent, act): &(&Sent<'_>, Act)| format!("{}: {}", sent.code, done_word(*act));
                let done: Vec<String> = chosen.iter().take(CODES_SHOWN_MAX).map(done).collect();
                verdict.text = Some(format!("{}.", done.join(", ")));
                return verdict;
            }
            Err(problem) => problem,
        },
        Reading::Keyword(_) | Reading::Unclear => "Not understood, nothing was changed.".to_owned(),
    };
    verdict.text = is_contact.then(|| format!("{problem} {}", possible(&own)));
    verdict
}

/// Which pages are meant. All or nothing: a text of which a part cannot be done changes nothing.
fn choose<'s>(commands: &[Command], own: &[&'s Sent<'s>]) -> Result<Vec<(&'s Sent<'s>, Act)>, String> {
    let mut chosen: BTreeMap<&str, (&Sent<'_>, Act)> = BTreeMap::new();
    for Command { act, code } in commands {
        let sent = match (code, own) {
            (Some(code), _) => own.iter().find(|sent| sent.code == code).copied(),
            // Which one is clear; but an end needs its name.
            (None, [only]) if *act != Act::Resolve => Some(*only),
            (None, []) => None,
            (None, _) => return Err("Name the code, nothing was changed.".to_owned()),
        };
        let sent = sent.ok_or_else(|| match code {
            Some(code) => format!("There is no open page {code} for you, nothing was changed."),
            None => "There is no open page for you.".to_owned(),
        })?;
        if *act == Act::Resolve && sent.incidents > 1 {
            return Err(format!("{} tells of several incidents, which cannot be resolved at once.", sent.code));
        }
        if chosen.insert(sent.message_id, (sent, *act)).is_some_and(|(_, other)| other != *act) {
            return Err(format!("{} is named twice, nothing was changed.", sent.code));
        }
    }
    Ok(chosen.into_values().collect())
}

fn done_word(act: Act) -> &'static str {
    match act {
        Act::Acknowledge => "acknowledged",
        Act::Resolve => "resolved",
        Act::Escalate => "escalated",
    }
}

/// What can be said.
fn possible(own: &[&Sent<'_>]) -> String {
    let codes: Vec<&str> = own.iter().take(CODES_SHOWN_MAX).map(|sent| sent.code.as_str()).collect();
    let open = if codes.is_empty() { String::new() } else { format!(" Open: {}.", codes.join(", ")) };
    format!("Reply 4 CODE = ack, 6 CODE = resolve, 5 CODE = escalate.{open}")
}

/// Whether both are one telephone number.
pub fn is_same_number(one: &str, other: &str) -> bool {
    let one = number(one);
    !one.is_empty() && one == number(other)
}

/// Digits of a number, so that `+49 170 1` and `+491701` are the same. Letters make it none.
fn number(text: &str) -> String {
    let odd = |c: char| !c.is_ascii_digit() && !" +-().".contains(c);
    if text.contains(odd) { String::new() } else { text.chars().filter(char::is_ascii_digit).collect() }
}

/// The document that answers the provider's callback (Twilio docs, "TwiML for Programmable Messaging").
pub fn twiml(text: Option<&str>) -> String {
    let mut writer = Writer::new(Vec::new());
    let clean = |text: &str| -> String {
        text.chars().filter(|c| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}')).collect()
    };
    let written = writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None))).and_then(|()| {
        writer.create_element("Response").write_inner_content(|writer| match text {
            Some(text) => writer.create_element("Message").write_text_content(BytesText::new(&clean(text))).map(|_| ()),
            None => Ok(()),
        })
    });
    written.expect("writing to memory does not fail");
    String::from_utf8(writer.into_inner()).expect("only text was written")
}

#[cfg(test)]
mod tests;
