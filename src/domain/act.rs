//! What somebody does about an incident by hand: on a page, by the API, on the command line. All three ask for it here,
//! so that they mean and refuse the same.

use jiff::Timestamp;

use super::actor::Actor;
use super::incident::{Cause, Event, Status};
use super::request::{self, Refused};
use super::roster::Roster;

/// What somebody does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// They have it: calling stops.
    Acknowledge,
    /// It is over.
    Resolve,
    /// The next step is called now.
    Escalate,
    /// They have it, and it is quiet until then.
    Snooze(Timestamp),
    /// These targets are called first, the policy follows.
    Reassign(Vec<String>),
    /// These targets are called as well.
    AddResponders(Vec<String>),
    /// Somebody has it from now on, whoever had it: the person named, or whoever asks.
    Take(Option<String>),
    /// A remark on its timeline.
    Note(String),
}

impl Act {
    /// What happens, and who is told to have done it.
    ///
    /// # Errors
    /// When it names somebody who is not there, or a time or text that cannot be.
    pub fn checked(&self, by: &Actor, roster: &Roster, now: Timestamp) -> Result<(Event, Cause), Refused> {
        let mut actor = by.clone();
        let event = match self {
            Self::Acknowledge => Event::Acknowledged { origin_at: None },
            Self::Resolve => Event::Resolved { origin_at: None },
            Self::Escalate => Event::EscalationAsked,
            Self::Snooze(until) => {
                request::check_snooze(*until, now)?;
                Event::Snoozed { until: *until }
            }
            Self::Reassign(words) => Event::Reassigned { targets: request::targets(words, roster)? },
            Self::AddResponders(words) => Event::RespondersAdded { targets: request::targets(words, roster)? },
            Self::Take(user) => {
                if let Some(user) = user {
                    request::check_user(user, roster)?;
                    actor = actor.named(format!("{user} by {by}"));
                }
                Event::TakenOver
            }
            Self::Note(text) => Event::Remarked { text: request::remark(text)? },
        };
        Ok((event, Cause { actor, mail_id: None }))
    }

    /// Whether it came too late for an incident that stands there afterwards. What is over can be remarked upon, and is
    /// as good as resolved once more.
    pub fn came_too_late(&self, status: Status) -> bool {
        status == Status::Resolved && !matches!(self, Self::Resolve | Self::Note(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::User;

    #[test]
    fn acts_are_checked_and_told_by_name() {
        let users = [("ann".to_owned(), User::new("ann", Vec::new()))].into();
        let roster = Roster { users, ..Roster::default() };
        let (by, now) = (Actor::token("ops", "::1"), Timestamp::UNIX_EPOCH);
        let checked = |act: Act| act.checked(&by, &roster, now);
        let named = |act| checked(act).map(|(_, cause)| cause.actor.name().to_owned()).map_err(|refused| refused.0);
        assert_eq!(named(Act::Take(None)), Ok("token ops".to_owned()));
        assert_eq!(named(Act::Take(Some("ann".to_owned()))), Ok("ann by token ops".to_owned()));
        for refused in [
            Act::Take(Some("eve".to_owned())),
            Act::Reassign(vec!["eve".to_owned()]),
            Act::AddResponders(Vec::new()),
            Act::Snooze(now),
            Act::Note(" ".to_owned()),
        ] {
            assert!(checked(refused.clone()).is_err(), "{refused:?}");
        }
        let (event, cause) = checked(Act::Note(" x ".to_owned())).expect("a remark");
        assert_eq!((event, cause.mail_id), (Event::Remarked { text: "x".to_owned() }, None));
    }

    #[test]
    fn what_is_over_can_only_be_remarked_upon() {
        for (act, expected) in [(Act::Acknowledge, true), (Act::Take(None), true), (Act::Resolve, false)] {
            assert_eq!(act.came_too_late(Status::Resolved), expected, "{act:?}");
            assert!(!act.came_too_late(Status::Triggered), "{act:?}");
        }
    }
}
