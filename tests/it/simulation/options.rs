//! What one run is like, drawn from its seed. Printed in full when the run fails.

use jiff::Timestamp;

use super::chance::Chance;

/// A bug put in on purpose, to see that the simulation finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bug {
    /// A mail is answered with 250 although nobody knows whether its commit was made.
    UnknownCommitIsTakenForDone,
    /// A snooze does not keep the timer quiet.
    SnoozePages,
    /// After a page that reached nobody the timer is forgotten.
    FailedPageForgetsTheTimer,
    /// A worker takes what another one has leased.
    LeaseIsNotLookedAt,
    /// A worker's result counts although its lease is no longer the worker's.
    ResultIsNotFenced,
    /// Voicemail acknowledges.
    CompletedAcknowledges,
    /// A recovery closes whatever is open, however old it is.
    OldRecoveryCloses,
    /// The incident is stored, its notifications are not.
    PageIsNotInserted,
    /// What waited for a silence is not looked at again.
    HoldNeverEnds,
    /// A repeated mail acts again.
    RepeatedMailActs,
}

impl Bug {
    pub(super) const ALL: [Self; 10] = [
        Self::UnknownCommitIsTakenForDone,
        Self::SnoozePages,
        Self::FailedPageForgetsTheTimer,
        Self::LeaseIsNotLookedAt,
        Self::ResultIsNotFenced,
        Self::CompletedAcknowledges,
        Self::OldRecoveryCloses,
        Self::PageIsNotInserted,
        Self::HoldNeverEnds,
        Self::RepeatedMailActs,
    ];
}

/// One run. Chances are per mille.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) seed: u64,
    /// When it begins; near a change of clocks in some runs.
    pub(super) start: Timestamp,
    /// How long things go wrong.
    pub(super) trouble_minutes: i64,
    /// How long all is well afterwards.
    pub(super) calm_minutes: i64,
    pub(super) alarms: usize,
    pub(super) acts: usize,
    pub(super) kills: usize,
    pub(super) outages: usize,
    pub(super) reloads: usize,
    /// All nodes are down for so long, once.
    pub(super) blackout_minutes: i64,
    /// Clocks go wrong by so much at most, either way.
    pub(super) skew_ms: i64,
    pub(super) fails_before_commit: i64,
    pub(super) fails_after_commit: i64,
    pub(super) killed_in_transaction: i64,
    pub(super) reply_lost: i64,
    /// The provider answers "not now".
    pub(super) provider_refuses: i64,
    /// It says that it will never work.
    pub(super) provider_rejects: i64,
    /// It does not answer; the call may be made all the same.
    pub(super) provider_times_out: i64,
    /// It takes the call and that is the last one hears of it.
    pub(super) provider_is_silent: i64,
    /// It tells everything twice.
    pub(super) provider_repeats: i64,
    /// It tells how a call went before it has said that it took it.
    pub(super) provider_is_early: i64,
    /// Busy, not picked up, or not placed.
    pub(super) call_is_vain: i64,
    /// Who picks up presses a key.
    pub(super) person_answers: i64,
    pub(super) person_answers_twice: i64,
    /// Somebody follows the link of a message, sooner or later.
    pub(super) person_answers_late: i64,
    pub(super) bug: Option<Bug>,
}

/// Around these, clocks change in Berlin, New York or on Lord Howe Island; or nothing happens at all.
const STARTS: [&str; 6] = [
    "2026-10-24T22:30:00Z",
    "2026-03-28T23:30:00Z",
    "2026-11-01T04:00:00Z",
    "2026-04-04T13:30:00Z",
    "2026-11-21T06:30:00Z",
    "2026-12-31T21:00:00Z",
];

impl Options {
    /// Every kind of trouble is on in some runs and off in others: a rare one shows better where others are not.
    pub(super) fn of_seed(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let start = *chance.pick(&STARTS);
        let start: Timestamp = start.parse().expect("a timestamp");
        let mut some = |most: i64| if chance.per_mille(500) { chance.between(1, most) } else { 0 };
        let count = |some: i64| usize::try_from(some).expect("not negative");
        Self {
            seed,
            start,
            trouble_minutes: 60 + some(60),
            calm_minutes: 95,
            alarms: 3 + count(some(7)),
            acts: count(some(14)),
            kills: count(some(8)),
            outages: count(some(3)),
            reloads: count(some(4)),
            blackout_minutes: (some(240) - 100).max(0),
            skew_ms: some(4000),
            fails_before_commit: some(80),
            fails_after_commit: some(80),
            killed_in_transaction: some(20),
            reply_lost: some(200),
            provider_refuses: some(300),
            provider_rejects: some(200),
            provider_times_out: some(200),
            provider_is_silent: some(300),
            provider_repeats: some(300),
            provider_is_early: some(300),
            call_is_vain: some(800),
            person_answers: some(500),
            person_answers_twice: some(300),
            person_answers_late: some(300),
            bug: None,
        }
    }

    /// Nothing happens and nothing goes wrong but what a story asks for.
    pub(super) fn quiet() -> Self {
        Self {
            seed: 0,
            start: STARTS[4].parse().expect("a timestamp"),
            trouble_minutes: 0,
            calm_minutes: 0,
            alarms: 0,
            acts: 0,
            kills: 0,
            outages: 0,
            reloads: 0,
            blackout_minutes: 0,
            skew_ms: 0,
            fails_before_commit: 0,
            fails_after_commit: 0,
            killed_in_transaction: 0,
            reply_lost: 0,
            provider_refuses: 0,
            provider_rejects: 0,
            provider_times_out: 0,
            provider_is_silent: 0,
            provider_repeats: 0,
            provider_is_early: 0,
            call_is_vain: 0,
            person_answers: 0,
            person_answers_twice: 0,
            person_answers_late: 0,
            bug: None,
        }
    }

    pub(super) fn with(self, bug: Bug) -> Self {
        Self { bug: Some(bug), ..self }
    }
}
