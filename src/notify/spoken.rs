//! What a call says, in the listener's language: sentences only. How they become a document for the provider is
//! `voice/twiml.rs`; which key does what is `voice/keys.rs`.
//!
//! What mail brought goes through [`speakable()`] first, so that it can be listened to and holds no markup (I35).

mod chinese;
mod english;
mod japanese;
pub mod speakable;

use jiff::Zoned;

use crate::domain::alert::Severity;
use crate::domain::roster::Locale;
use crate::notify::exchange::Act;
use crate::notify::line::one_line;
use crate::notify::message::{Kind, Message, Subject};
use crate::notify::templates::Place;
use speakable::speakable;

/// Longest part of a mail that is read out, in characters: about 15 seconds.
pub const SPOKEN_CHARS_MAX: usize = 200;

/// Longest name that is read out, in characters: of a service, a person or a schedule.
pub const NAME_CHARS_MAX: usize = 60;

/// One thing a call says. Texts in it are speakable already.
#[derive(Debug, Clone, PartialEq)]
pub enum Phrase<'a> {
    /// Who calls.
    Greeting,
    /// The first thing to know, for those who do not wait for the rest.
    PressToAcknowledge {
        /// Several incidents at once.
        all: bool,
    },
    /// What is wrong.
    Alert {
        /// How bad.
        severity: Severity,
        /// Where.
        service: &'a str,
        /// What.
        summary: &'a str,
    },
    /// So many incidents; the worst of them is said next.
    Count(usize),
    /// Which keys there are.
    Keys {
        /// Several incidents at once: no resolving.
        all: bool,
    },
    /// What is said when time runs out.
    NoKey,
    /// It was done.
    Done(Act),
    /// Resolving takes a second key press.
    PressAgainToResolve,
    /// No second key press came.
    StaysOpen,
    /// Another key came instead of the second.
    NotResolved,
    /// A bundle cannot be resolved by phone.
    ManyNotResolved,
    /// This key means nothing; a digit, `*` or `#`.
    KeyUnknown(&'a str),
    /// Somebody else was first.
    AlreadyAcknowledged {
        /// Who.
        by: &'a str,
    },
    /// It is over.
    AlreadyResolved,
    /// The database did not answer.
    NotStored,
    /// A late key press of a call that has been answered.
    DoneAlready,
    /// Before anything is told.
    EnterPin,
    /// Once more.
    PinWrong,
    /// No more tries.
    PinRefused,
    /// Somebody tries whether calls arrive.
    Test,
    /// How to prove that the call has arrived.
    PressToConfirm,
    /// It was proven.
    Confirmed,
    /// It was not.
    NotConfirmed,
    /// What to type to verify this number: digits with blanks between.
    TestCode(&'a str),
    /// A shift begins.
    OnCall {
        /// Name of the schedule.
        schedule: &'a str,
        /// In the listener's civil time.
        until: Option<&'a Zoned>,
    },
    /// Keys do nothing in this call.
    ActElsewhere,
    /// The end.
    Goodbye,
}

/// A phrase in a language.
pub fn say(locale: Locale, phrase: &Phrase<'_>) -> String {
    match locale {
        Locale::English => english::say(phrase),
        Locale::Japanese => japanese::say(phrase),
        Locale::Chinese => chinese::say(phrase),
    }
}

/// What a call says and whether it then waits for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Script {
    /// Says it and waits for a key; says `closing` when none comes.
    Ask {
        /// What is said, repeated while waiting.
        sentences: Vec<String>,
        /// What is said at last.
        closing: String,
    },
    /// Says it and hangs up.
    Tell(Vec<String>),
}

/// What the call about this message says once it is picked up (and the PIN was right, where there is one).
/// `before` is said first, such as that a key has no meaning. Where a template says what is wrong, it goes before our
/// own words.
pub fn script(message: &Message<'_>, before: &[Phrase<'_>]) -> Script {
    let said = |phrase: &Phrase<'_>| say(message.locale, phrase);
    let mut sentences: Vec<String> = before.iter().map(said).collect();
    match message.kind {
        Kind::Paged => {
            let all = message.incidents.len() > 1;
            sentences.push(said(&Phrase::PressToAcknowledge { all }));
            sentences.extend(what_is_wrong(message));
            sentences.push(said(&Phrase::Keys { all }));
            return Script::Ask { sentences, closing: said(&Phrase::NoKey) };
        }
        Kind::Acknowledged { by } => {
            let by = speakable(by, message.locale, NAME_CHARS_MAX);
            sentences.push(said(&Phrase::AlreadyAcknowledged { by: &by }));
        }
        Kind::Resolved { .. } => sentences.push(said(&Phrase::AlreadyResolved)),
        Kind::Test => {
            sentences.push(said(&Phrase::Test));
            if let Some(code) = message.code {
                let spelled: Vec<String> = one_line(code, 12).chars().map(String::from).collect();
                let code = said(&Phrase::TestCode(&spelled.join(" ")));
                // Twice: there is time to write it down.
                sentences.extend([code.clone(), code]);
            }
            sentences.push(said(&Phrase::Goodbye));
        }
        Kind::OnCall { schedule, until } => {
            let schedule = speakable(schedule, message.locale, NAME_CHARS_MAX);
            let until = until.map(|until| until.to_zoned(message.zone.clone()));
            sentences.push(said(&Phrase::OnCall { schedule: &schedule, until: until.as_ref() }));
            sentences.push(said(&Phrase::Goodbye));
        }
    }
    Script::Tell(sentences)
}

/// What a call says that cannot take keys: what is wrong, and that it is to be acted on elsewhere.
pub fn announcement(message: &Message<'_>) -> Vec<String> {
    let mut sentences = vec![say(message.locale, &Phrase::Greeting)];
    match script(message, &[]) {
        Script::Ask { .. } => {
            sentences.extend(what_is_wrong(message));
            sentences.push(say(message.locale, &Phrase::ActElsewhere));
        }
        Script::Tell(told) => sentences.extend(told),
    }
    sentences
}

fn what_is_wrong(message: &Message<'_>) -> Vec<String> {
    if let Some(said) = message.templates.text(Place::Voice, message) {
        return vec![said];
    }
    let Some(worst) = message.incidents.first() else { return Vec::new() };
    let count = message.incidents.len();
    let count = (count > 1).then(|| say(message.locale, &Phrase::Count(count)));
    count.into_iter().chain([alert(worst, message.locale)]).collect()
}

fn alert(subject: &Subject<'_>, locale: Locale) -> String {
    let service = speakable(subject.service, locale, NAME_CHARS_MAX);
    let summary = speakable(subject.summary, locale, SPOKEN_CHARS_MAX);
    say(locale, &Phrase::Alert { severity: subject.severity, service: &service, summary: &summary })
}

#[cfg(test)]
mod tests;
