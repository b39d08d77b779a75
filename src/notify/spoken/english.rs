//! English.

use super::Phrase;
use crate::domain::alert::Severity;
use crate::notify::exchange::Act;

pub(super) fn say(phrase: &Phrase<'_>) -> String {
    let fixed = match phrase {
        Phrase::Greeting => "This is nightcall.",
        Phrase::PressToAcknowledge { all: false } => "Press 4 to acknowledge.",
        Phrase::PressToAcknowledge { all: true } => "Press 4 to acknowledge all.",
        Phrase::Alert { severity, service, summary } => {
            return format!("{} alert in service {service}: {summary}.", severity_word(*severity));
        }
        Phrase::Count(count) => return format!("{count} incidents. The worst:"),
        Phrase::Keys { all: false } => "Press 4 to acknowledge, 6 to resolve, 5 to escalate, star to repeat.",
        Phrase::Keys { all: true } => "Press 4 to acknowledge all, 5 to escalate all, star to repeat.",
        Phrase::NoKey => "No key was pressed. The next person will be called. Goodbye.",
        Phrase::Done(Act::Acknowledge) => "Acknowledged. Thank you.",
        Phrase::Done(Act::Resolve) => "Resolved. Good night.",
        Phrase::Done(Act::Escalate) => "Escalated. The next person is being called.",
        Phrase::PressAgainToResolve => "Press 6 again to resolve this incident.",
        Phrase::StaysOpen => "It stays open. Goodbye.",
        Phrase::NotResolved => "It was not resolved.",
        Phrase::ManyNotResolved => "Several incidents are not resolved by phone at once.",
        Phrase::KeyUnknown("*") => "The star key has no meaning here.",
        Phrase::KeyUnknown("#") => "The pound key has no meaning here.",
        Phrase::KeyUnknown(key) => return format!("Key {key} has no meaning here."),
        Phrase::AlreadyAcknowledged { by } => return format!("Already acknowledged by {by}. Good night."),
        Phrase::AlreadyResolved => "This incident is already resolved. Good night.",
        Phrase::NotStored => "That could not be stored. Please press the key again.",
        Phrase::DoneAlready => "This call has done its work already. Goodbye.",
        Phrase::EnterPin => "This is nightcall. Enter your PIN, then press the pound key.",
        Phrase::PinWrong => "That PIN is wrong. Please try again.",
        Phrase::PinRefused => "That PIN is wrong. The next person will be called. Goodbye.",
        Phrase::Test => "This is a test call from nightcall. Nothing is wrong.",
        Phrase::PressToConfirm => "Press 4 to confirm that this phone reaches you.",
        Phrase::Confirmed => "Confirmed. Thank you.",
        Phrase::NotConfirmed => "Nothing was confirmed. Goodbye.",
        Phrase::TestCode(digits) => return format!("Your code is {digits}."),
        Phrase::OnCall { schedule, until: None } => return format!("You are now on call for {schedule}."),
        Phrase::OnCall { schedule, until: Some(until) } => {
            return format!("You are now on call for {schedule}, until {}.", until.strftime("%H:%M on %A, %B %-d"));
        }
        Phrase::ActElsewhere => {
            "This call cannot take an answer. Acknowledge by text message, by mail or on the web page, or the next \
             person will be called."
        }
        Phrase::Goodbye => "Goodbye.",
    };
    fixed.to_owned()
}

fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "Critical",
        Severity::Error => "Error",
        Severity::Warning => "Warning",
        Severity::Info => "Information",
    }
}

/// What a sign is called where it is spoken.
pub(super) fn sign(sign: char) -> &'static str {
    match sign {
        '.' => "dot",
        ':' => "colon",
        '-' => "minus",
        '/' => "slash",
        '%' => "percent",
        '@' => "at",
        '&' => "and",
        '+' => "plus",
        '=' => "equals",
        '<' => "less than",
        '>' => "greater than",
        '#' => "number",
        '°' => "degrees",
        _ => "",
    }
}
