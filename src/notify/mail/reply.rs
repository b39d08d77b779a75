//! A mail that came to an address for answers: who may act is known by the address, what is wanted by the first word.
//! When anything is unclear, nothing is done.

use super::{Config, address, automatic, looped, quote};
use crate::domain::code::Code;
use crate::notify::exchange::{Act, Answer, Refusal};
use crate::notify::words::{Word, split, word};

/// Most words of a line looked at.
const WORDS_MAX: usize = 60;

/// Most recipients looked at.
const RECIPIENTS_MAX: usize = 100;

/// A mail that our SMTP server took for an address for answers.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// The envelope's sender; nothing for bounces.
    pub sender: &'a str,
    /// The envelope's recipients.
    pub recipients: &'a [&'a str],
    /// Names and values, decoded, in order.
    pub headers: &'a [(String, String)],
    /// The text, of the plain part where there is one.
    pub text: &'a str,
}

/// What is known of the message that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// Whom it went to.
    pub user: String,
    /// How many incidents it told of.
    pub incidents: usize,
}

/// Reads an answer. `sent` finds a message of ours by its id. `From` is not looked at: anybody can write there what
/// they like, but only who got our mail knows the address.
///
/// # Errors
/// Why nothing is to be done.
pub fn read(config: &Config, mail: &Received<'_>, sent: impl Fn(&str) -> Option<Sent>) -> Result<Answer, Refusal> {
    let recipients = mail.recipients.iter().take(RECIPIENTS_MAX);
    let mut ids: Vec<String> =
        recipients.filter_map(|recipient| address::verify(&config.secret, &config.domain, recipient)).collect();
    ids.sort();
    ids.dedup();
    let id = match ids.as_slice() {
        [id] => id,
        [] => return Err(Refusal::Forged("its address is none that we gave")),
        _ => return Err(Refusal::Unreadable("it answers several messages at once")),
    };
    let loops = mail.headers.iter().filter(|(name, _)| name.trim().eq_ignore_ascii_case(looped::NAME));
    if looped::is_ours(&config.secret, loops.map(|(_, value)| value.as_str())) {
        return Err(Refusal::Nothing("it is our own mail"));
    }
    if let Some(why) = automatic::why(mail.sender, mail.headers) {
        return Err(Refusal::Nothing(why));
    }
    let Sent { user, incidents } = sent(id).ok_or(Refusal::Nothing("there is no such notification"))?;
    let act = wanted(mail.text).map_err(Refusal::Unreadable)?;
    if act == Act::Resolve && incidents > 1 {
        return Err(Refusal::Unreadable("several incidents are not resolved by one mail"));
    }
    Ok(Answer::by_text(act, id, &user))
}

/// What the first line asks for.
fn wanted(text: &str) -> Result<Act, &'static str> {
    let lines = quote::above(text);
    let line = lines.first().ok_or("nothing is written above the quoted mail")?;
    let words = split(line, WORDS_MAX);
    let first = words.first().map_or("", String::as_str);
    let Word::Verb(act) = word(first) else { return Err("its first word asks for nothing") };
    let mut rest = words[1..].iter().map(|text| match word(text) {
        Word::Unknown if Code::read(text).is_some() => Word::Filler,
        found => found,
    });
    let meant: Vec<Word> = rest.by_ref().filter(|found| *found != Word::Filler).collect();
    if line.contains(['?', '？']) || meant.contains(&Word::Doubt) {
        return Err("it is in doubt");
    }
    if meant.first().is_some_and(|next| matches!(next, Word::Verb(other) if *other != act)) {
        return Err("it asks for two things");
    }
    let same_only = meant.iter().all(|found| *found == Word::Verb(act));
    if same_only || tells_a_fact(act, first) { Ok(act) } else { Err("its first line says more than that") }
}

/// Words behind which people explain themselves: "ack, looking", "Resolved by a restart". Behind a bare number or
/// "resolve" other words may change what is meant: "4 servers are down", "resolve tomorrow".
fn tells_a_fact(act: Act, first: &str) -> bool {
    let is_number = first.chars().all(|c| c.is_ascii_digit());
    match act {
        Act::Acknowledge => !is_number,
        Act::Resolve => !first.is_ascii() || first.eq_ignore_ascii_case("resolved"),
        Act::Escalate => false,
    }
}

#[cfg(test)]
mod tests;
