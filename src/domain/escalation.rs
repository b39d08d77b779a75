//! Escalation policies: whom to page next.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::alert::Severity;
use super::handling::Urgency;
use super::notification::{self, Planned};
use super::situation::Situation;
use super::target::Target;

/// How long an acknowledgement holds unless a policy says otherwise; PagerDuty's default too.
pub const ACK_TIMEOUT: SignedDuration = SignedDuration::from_mins(30);

/// How often the fallback contact is paged again unless a policy says otherwise.
pub const FALLBACK_REPEAT: SignedDuration = SignedDuration::from_mins(30);

/// An escalation policy. An incident keeps a snapshot of it, so that edits never disturb a running escalation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Unique name.
    pub name: String,
    /// Paged one after the other.
    pub steps: Vec<Step>,
    /// How often the steps are gone through before the fallback contact is paged; at least 1.
    pub rounds: u32,
    /// How long an acknowledgement holds before escalation starts again; `None` is for ever.
    pub ack_timeout: Option<SignedDuration>,
    /// How often the fallback contact is paged again while nobody answers.
    pub fallback_repeat: SignedDuration,
}

/// One step of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// How long its targets have to answer before the next step is paged.
    pub delay: SignedDuration,
    /// Whom it calls.
    pub targets: Vec<Target>,
}

/// Where an escalation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Position {
    /// Finished rounds.
    pub round: u32,
    /// Index of the step to page next.
    pub step: u32,
    /// Every step of every round was paged and nobody answered (I17, I19).
    pub exhausted: bool,
}

/// What comes next in an escalation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Where the escalation stands after it.
    pub position: Position,
    /// Whom to page; empty only when not even the fallback contact can be reached.
    pub notifications: Vec<Planned>,
    /// When to look again.
    pub wait: SignedDuration,
    /// "round 1, step 2", or "fallback".
    pub label: String,
    /// Labels of the steps passed over because they have nobody to page.
    pub skipped: Vec<String>,
}

impl Policy {
    /// The policy for an incident: what its service names for this severity and urgency. Definition files are checked
    /// to name one; should it be gone all the same, the fallback contact is paged at once.
    pub fn of(situation: &Situation<'_>, severity: Severity) -> Self {
        let (urgency, _) = situation.handling.urgency(severity, situation.now);
        let name = situation.handling.policy(severity, urgency);
        situation.roster.policies.get(name).cloned().unwrap_or_else(Self::fallback_only)
    }

    /// The policy without steps: it pages the fallback contact at once.
    pub fn fallback_only() -> Self {
        let (name, steps) = ("fallback".to_owned(), Vec::new());
        Self { name, steps, rounds: 1, ack_timeout: Some(ACK_TIMEOUT), fallback_repeat: FALLBACK_REPEAT }
    }
}

/// Finds the next step that reaches somebody. Steps without a reachable target are passed over at once; when
/// the policy has no more, the fallback contact is paged (I19).
pub fn next(policy: &Policy, position: Position, urgency: Urgency, situation: &Situation<'_>) -> Next {
    let mut at = position;
    let mut skipped = Vec::new();
    while !at.exhausted {
        let Some(step) = policy.steps.get(at.step as usize) else {
            at = Position { round: at.round + 1, step: 0, exhausted: at.round + 1 >= policy.rounds };
            continue;
        };
        let label = format!("round {}, step {}", at.round + 1, at.step + 1);
        at.step += 1;
        let notifications = notification::plan(situation, &step.targets, urgency);
        if notifications.is_empty() {
            skipped.push(label);
            continue;
        }
        return Next { position: at, notifications, wait: step.delay, label, skipped };
    }
    let fallback = Target::User(situation.roster.fallback.clone());
    // The last resort keeps no quiet hours.
    let notifications = notification::plan(situation, &[fallback], Urgency::High);
    Next { position: at, notifications, wait: policy.fallback_repeat, label: "fallback".to_owned(), skipped }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::handling::Handling;
    use crate::domain::roster::{Channel, ContactMethod, Roster, User};

    fn roster(names: &[&str]) -> Roster {
        let user = |name: &str| User::new(name, vec![ContactMethod::new(Channel::Console, "")]);
        Roster {
            users: names.iter().map(|name| ((*name).to_owned(), user(name))).collect(),
            fallback: "boss".to_owned(),
            ..Roster::default()
        }
    }

    fn policy(steps: &[&[&str]], rounds: u32) -> Policy {
        let step = |targets: &&[&str]| Step {
            delay: SignedDuration::from_mins(5),
            targets: targets.iter().map(|t| Target::from((*t).to_owned())).collect(),
        };
        Policy {
            name: "p".to_owned(),
            steps: steps.iter().map(step).collect(),
            rounds,
            ack_timeout: None,
            fallback_repeat: SignedDuration::from_mins(30),
        }
    }

    fn next_step(policy: &Policy, position: Position, roster: &Roster) -> Next {
        let handling = Handling::default();
        next(policy, position, Urgency::High, &Situation::quiet(roster, &handling, Timestamp::UNIX_EPOCH))
    }

    /// Walks an escalation for `pages` pages and names what was paged.
    fn walk(policy: &Policy, roster: &Roster, pages: usize) -> Vec<String> {
        let mut position = Position::default();
        let mut out = Vec::new();
        for _ in 0..pages {
            let next = next_step(policy, position, roster);
            let users: Vec<_> = next.notifications.iter().map(|n| n.user.as_str()).collect();
            out.push(format!("{}: {}", next.label, users.join("+")));
            position = next.position;
        }
        out
    }

    #[test]
    fn steps_then_rounds_then_the_fallback_for_ever() {
        let policy = policy(&[&["ann"], &["bob", "cid"]], 2);
        let paged = walk(&policy, &roster(&["ann", "bob", "cid", "boss"]), 6);
        assert_eq!(
            paged,
            [
                "round 1, step 1: ann",
                "round 1, step 2: bob+cid",
                "round 2, step 1: ann",
                "round 2, step 2: bob+cid",
                "fallback: boss",
                "fallback: boss"
            ]
        );
    }

    #[test]
    fn a_step_nobody_stands_behind_is_passed_over_at_once() {
        let next = next_step(&policy(&[&["gone"], &[], &["ann"]], 1), Position::default(), &roster(&["ann", "boss"]));
        assert_eq!(next.label, "round 1, step 3");
        assert_eq!(next.skipped, ["round 1, step 1", "round 1, step 2"]);
    }

    #[test]
    fn a_policy_of_ghosts_pages_the_fallback() {
        for steps in [&[&["gone"] as &[&str]] as &[&[&str]], &[]] {
            let next = next_step(&policy(steps, 3), Position::default(), &roster(&["boss"]));
            assert_eq!((next.label.as_str(), next.position.exhausted), ("fallback", true));
            assert_eq!(next.notifications.len(), 1);
        }
    }

    #[test]
    fn without_a_fallback_it_says_so_by_an_empty_page() {
        let next = next_step(&policy(&[], 1), Position::default(), &roster(&[]));
        assert!(next.notifications.is_empty());
    }
}
