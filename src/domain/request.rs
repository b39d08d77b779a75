//! What people ask for by hand, checked before anything is done: shifts taken over, silences, snoozes, targets.
//!
//! The command line and the API refuse the same things with the same sentences.

use std::fmt;

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use super::Definitions;
use super::matcher::{Matcher, Wanted};
use super::pattern::PatternError;
use super::roster::Roster;
use super::silence::Silence;
use super::situation::Swap;
use super::target::Target;

/// Longest silence. Whoever knows of something for longer changes the monitor, or plans a maintenance window.
pub const SILENCE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Longest snooze.
pub const SNOOZE_MAX: SignedDuration = SILENCE_MAX;

/// Longest time that somebody takes over at once.
const TAKEOVER_MAX: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Longest reason, in bytes.
const REASON_BYTES_MAX: usize = 1000;

/// Longest remark, in bytes.
const REMARK_BYTES_MAX: usize = 4000;

/// Most targets named at once.
const TARGETS_MAX: usize = 50;

/// So many names are told where one is not known.
const NAMES_TOLD: usize = 20;

/// Why it is not done, in one sentence that says what to do instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A silence as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SilenceAsked {
    /// Which incidents.
    pub wanted: Wanted,
    /// Whoever asks knows that it is about every incident.
    pub everything: bool,
    /// From when.
    pub starts_at: Timestamp,
    /// Until just before.
    pub ends_at: Timestamp,
    /// Why.
    pub reason: String,
}

impl SilenceAsked {
    /// The silence, under this id.
    ///
    /// # Errors
    /// When it is over, too long, without a reason, about a service that is not there, or about every incident
    /// without saying so.
    pub fn checked(
        self,
        definitions: &Definitions,
        id: &str,
        author: &str,
        now: Timestamp,
    ) -> Result<Silence, Refused> {
        let Self { wanted, everything, starts_at, ends_at, reason } = self;
        in_order("silence", starts_at, ends_at, now)?;
        if starts_at.duration_until(ends_at) > SILENCE_MAX {
            return refused("a silence lasts 30 days at most; what is known for longer is a maintenance window");
        }
        let reason = text("reason", &reason, REASON_BYTES_MAX)?;
        if let Some(service) = &wanted.service {
            let services = definitions.rulebook.services.iter().map(|service| service.name.as_str());
            known("service", service, services)?;
        }
        let matcher = Matcher::new(wanted).map_err(|error| match error {
            PatternError::TooLong(bytes) => Refused(format!("a pattern of {bytes} bytes is too long")),
            PatternError::Invalid(why) => Refused(format!("this is no regex: {why}")),
        })?;
        if matcher.is_everything() && !everything {
            return refused(
                "this would silence every incident: name a service, key, summary or severity, or say that everything is \
                 meant (--everything on the command line, \"everything\": true in the API)",
            );
        }
        Ok(Silence { id: id.to_owned(), matcher, starts_at, ends_at, reason, author: author.to_owned() })
    }
}

/// Whether somebody may take over these shifts.
///
/// # Errors
/// When schedule or people are not known, or it ends before it starts or now.
pub fn check_takeover(swap: &Swap, roster: &Roster, now: Timestamp) -> Result<(), Refused> {
    let shift = &swap.shift;
    known("schedule", &swap.schedule, roster.schedules.keys().map(String::as_str))?;
    check_user(&shift.user, roster)?;
    if let Some(replaced) = &shift.replaces {
        check_user(replaced, roster)?;
        if *replaced == shift.user {
            return Err(Refused(format!("{replaced} cannot take over from {replaced}: name somebody else")));
        }
    }
    in_order("override", shift.starts_at, shift.ends_at, now)?;
    if shift.starts_at.duration_until(shift.ends_at) > TAKEOVER_MAX {
        return refused("an override lasts 400 days at most; for longer, change the schedule");
    }
    Ok(())
}

/// Whether there is such a person.
///
/// # Errors
/// When there is not.
pub fn check_user(name: &str, roster: &Roster) -> Result<(), Refused> {
    known("user", name, roster.users.keys().map(String::as_str))
}

/// The targets that these words name.
///
/// # Errors
/// When there are none, too many, or one is not known.
pub fn targets(words: &[String], roster: &Roster) -> Result<Vec<Target>, Refused> {
    if words.is_empty() || words.len() > TARGETS_MAX {
        return Err(Refused(format!(
            "name 1 to {TARGETS_MAX} targets: ann, schedule:primary, everyone:ops or room:ops"
        )));
    }
    let target = |word: &String| {
        let target = Target::from(word.clone());
        match &target {
            Target::User(name) => check_user(name, roster)?,
            Target::Schedule(name) | Target::Everyone(name) => {
                known("schedule", name, roster.schedules.keys().map(String::as_str))?;
            }
            Target::Room(name) => known("room", name, roster.rooms.keys().map(String::as_str))?,
        }
        Ok(target)
    };
    words.iter().map(target).collect()
}

/// Whether a snooze may last until then.
///
/// # Errors
/// When that is not after now, or too far away.
pub fn check_snooze(until: Timestamp, now: Timestamp) -> Result<(), Refused> {
    if until <= now {
        return Err(Refused(format!("a snooze must end after now, which is {now:.0}")));
    }
    if now.duration_until(until) > SNOOZE_MAX {
        return refused("a snooze lasts 30 days at most; what is known for longer is resolved or silenced");
    }
    Ok(())
}

/// A remark, without blanks around it.
///
/// # Errors
/// When it is empty or too long.
pub fn remark(words: &str) -> Result<String, Refused> {
    text("text", words, REMARK_BYTES_MAX)
}

/// A length such as `2h`, `90m` or `1d 12h`; a day is 24 hours.
///
/// # Errors
/// When it is none, or not positive.
pub fn length(text: &str) -> Result<SignedDuration, Refused> {
    let parsed = text.parse::<Span>().ok();
    let parsed = parsed.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let parsed = parsed.filter(SignedDuration::is_positive);
    parsed.ok_or_else(|| Refused(format!("{text:?} is no length of time: write it like 2h, 90m or 1d 12h")))
}

fn in_order(what: &str, starts_at: Timestamp, ends_at: Timestamp, now: Timestamp) -> Result<(), Refused> {
    if ends_at <= starts_at {
        return Err(Refused(format!("this {what} ends before it starts: {starts_at:.0} to {ends_at:.0}")));
    }
    if ends_at <= now {
        return Err(Refused(format!("this {what} is over already: it ends at {ends_at:.0}")));
    }
    Ok(())
}

fn text(what: &str, text: &str, bytes_max: usize) -> Result<String, Refused> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Refused(format!("a {what} is needed: people will want to know")));
    }
    if text.len() > bytes_max || text.contains('\0') {
        return Err(Refused(format!("this {what} must be text of at most {bytes_max} bytes")));
    }
    Ok(text.to_owned())
}

fn known<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str> + Clone) -> Result<(), Refused> {
    if names.clone().any(|known| known == name) {
        return Ok(());
    }
    let count = names.clone().count();
    let mut told = names.take(NAMES_TOLD).collect::<Vec<_>>().join(", ");
    if count > NAMES_TOLD {
        told.push_str(&format!(" and {} more", count - NAMES_TOLD));
    }
    Err(Refused(match count {
        0 => format!("there is no {what} {name:?}, and no other one"),
        _ => format!("there is no {what} {name:?}; known are {told}"),
    }))
}

fn refused<T>(why: &str) -> Result<T, Refused> {
    Err(Refused(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::alert::Severity;
    use crate::domain::roster::User;
    use crate::domain::schedule::{Override, Schedule};
    use jiff::tz::TimeZone;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    fn definitions() -> Definitions {
        let mut definitions = Definitions::default();
        let roster = &mut definitions.roster;
        roster.users = ["ann", "bob"].map(|name| (name.to_owned(), User::new(name, Vec::new()))).into();
        let schedule = Schedule::new("primary", TimeZone::UTC, Vec::new()).unwrap();
        roster.schedules = [("primary".to_owned(), schedule)].into();
        definitions
    }

    fn silence(change: impl Fn(&mut SilenceAsked)) -> String {
        let wanted = Wanted { key: Some("^disk/".to_owned()), ..Wanted::default() };
        let (starts_at, ends_at, reason) = (at(10), at(12), " swapping disks ".to_owned());
        let mut asked = SilenceAsked { wanted, everything: false, starts_at, ends_at, reason };
        change(&mut asked);
        let silence = asked.checked(&definitions(), "1", "bob", at(10));
        silence.map_or_else(|refused| refused.0, |silence| format!("for {}", silence.reason))
    }

    #[test]
    fn silences_need_an_end_a_reason_and_an_aim() {
        assert_eq!(silence(|_| {}), "for swapping disks");
        assert_eq!(silence(|asked| asked.everything = true), "for swapping disks");
        assert!(silence(|asked| asked.ends_at = at(10)).starts_with("this silence ends before it starts"));
        let over = |asked: &mut SilenceAsked| (asked.starts_at, asked.ends_at) = (at(8), at(9));
        assert!(silence(over).starts_with("this silence is over already"));
        assert!(silence(|asked| asked.ends_at = at(10 + 30 * 24 + 1)).contains("30 days at most"));
        assert_eq!(silence(|asked| asked.ends_at = at(10 + 30 * 24)), "for swapping disks");
        assert!(silence(|asked| asked.reason = " ".to_owned()).contains("a reason is needed"));
        assert!(silence(|asked| asked.reason = "a\0".to_owned()).contains("at most 1000 bytes"));
        assert!(silence(|asked| asked.wanted.key = Some("(".to_owned())).contains("this is no regex"));
        let service = |asked: &mut SilenceAsked| asked.wanted.service = Some("gone".to_owned());
        assert_eq!(silence(service), "there is no service \"gone\", and no other one");
    }

    #[test]
    fn everything_must_be_meant() {
        for (key, severity, is_everything) in [
            (None, None, true),
            (Some(".*"), None, true),
            (Some("."), Some(Severity::Critical), true),
            (Some(""), None, true),
            (Some("^$"), None, false),
            (Some("disk"), None, false),
            (None, Some(Severity::Error), false),
        ] {
            let wanted = Wanted { key: key.map(str::to_owned), severity, ..Wanted::default() };
            assert_eq!(Matcher::new(wanted.clone()).unwrap().is_everything(), is_everything, "{wanted}");
            let said = silence(|asked| asked.wanted = wanted.clone());
            assert_eq!(said.contains("--everything"), is_everything, "{said}");
        }
    }

    #[test]
    fn takeovers_are_about_people_and_schedules_that_are_there() {
        let check = |schedule: &str, user: &str, replaces: Option<&str>, hours: (i64, i64)| {
            let (user, replaces) = (user.to_owned(), replaces.map(str::to_owned));
            let shift = Override { id: "1".to_owned(), user, replaces, starts_at: at(hours.0), ends_at: at(hours.1) };
            let swap = Swap { schedule: schedule.to_owned(), shift };
            check_takeover(&swap, &definitions().roster, at(10)).err().map(|refused| refused.0).unwrap_or_default()
        };
        assert_eq!(check("primary", "ann", Some("bob"), (9, 12)), "");
        assert_eq!(check("prime", "ann", None, (9, 12)), "there is no schedule \"prime\"; known are primary");
        assert_eq!(check("primary", "eve", None, (9, 12)), "there is no user \"eve\"; known are ann, bob");
        assert!(check("primary", "ann", Some("eve"), (9, 12)).contains("no user \"eve\""));
        assert!(check("primary", "ann", Some("ann"), (9, 12)).contains("somebody else"));
        assert!(check("primary", "ann", None, (12, 11)).contains("ends before it starts"));
        assert!(check("primary", "ann", None, (8, 9)).contains("over already"));
        assert!(check("primary", "ann", None, (8, 10_000)).contains("400 days"));
    }

    #[test]
    fn lengths_targets_and_snoozes() {
        assert_eq!(length("1d 12h").unwrap(), SignedDuration::from_hours(36));
        for bad in ["", "2", "-2h", "0s", "1 month", "soon"] {
            assert!(length(bad).is_err(), "{bad}");
        }
        let roster = definitions().roster;
        let words = |words: &[&str]| targets(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>(), &roster);
        assert_eq!(words(&["ann", "schedule:primary"]).unwrap().len(), 2);
        for bad in [&[][..], &["eve"], &["schedule:gone"], &["room:ops"], &["ann"; 51]] {
            assert!(words(bad).is_err(), "{bad:?}");
        }
        assert!(check_snooze(at(11), at(10)).is_ok());
        assert!(check_snooze(at(10), at(10)).is_err() && check_snooze(at(10_000), at(10)).is_err());
    }
}
