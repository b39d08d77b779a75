use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::escalation::Step;
use crate::domain::handling::{Flapping, Handling, Repeats, SupportHours};
use crate::domain::incident::change::WAIT_MAX;
use crate::domain::matcher::{Matcher, Wanted};
use crate::domain::roster::{Channel, ContactMethod, Roster, User};
use crate::domain::silence::Silence;
use crate::domain::situation::Parent;
use crate::domain::window::{Weekdays, Window, Windows};

mod stories;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + minute * 60).expect("in range")
}

fn roster() -> Roster {
    let user = |name: &str| User::new(name, vec![ContactMethod::new(Channel::Voice, &format!("+49{name}"))]);
    Roster {
        users: ["ann", "bob", "boss"].map(|name| (name.to_owned(), user(name))).into(),
        fallback: "boss".to_owned(),
        policies: [("p".to_owned(), policy())].into(),
        ..Roster::default()
    }
}

fn policy() -> Policy {
    let step =
        |target: &str| Step { delay: SignedDuration::from_mins(5), targets: vec![Target::User(target.to_owned())] };
    Policy {
        name: "p".to_owned(),
        steps: vec![step("ann"), step("bob")],
        rounds: 1,
        ack_timeout: Some(SignedDuration::from_mins(30)),
        fallback_repeat: SignedDuration::from_mins(30),
    }
}

fn trigger(severity: Severity, minute: i64) -> Trigger {
    Trigger {
        severity,
        summary: "disk".to_owned(),
        details: BTreeMap::new(),
        links: BTreeMap::new(),
        origin_at: at(minute),
        hold: None,
        over_after: None,
    }
}

/// An incident that tells its story in short lines.
struct Tale {
    incident: Incident,
    lines: Vec<String>,
    roster: Roster,
    handling: Handling,
    silences: Vec<Silence>,
    parents: Vec<Parent>,
}

impl Tale {
    fn open() -> Self {
        Self::open_as(Handling::by_policy("p"), 0)
    }

    fn open_as(handling: Handling, opened_before: u32) -> Self {
        let roster = roster();
        let opening = Opening { number: 1, service: "s", dedup_key: "k", sender: "", client: "", opened_before };
        let situation = Situation::quiet(&roster, &handling, at(0));
        let incident = Incident::open(&opening, &trigger(Severity::Warning, 0), &situation).incident;
        Self { incident, lines: Vec::new(), handling, roster, silences: Vec::new(), parents: Vec::new() }
    }

    fn change(&self, minute: i64, event: &Event) -> Change {
        self.change_by("ann", minute, event)
    }

    fn change_by(&self, actor: &str, minute: i64, event: &Event) -> Change {
        let cause = Cause { actor: Actor::ourselves(actor), mail_id: None };
        let situation = Situation {
            silences: &self.silences,
            parents: &self.parents,
            ..Situation::quiet(&self.roster, &self.handling, at(minute))
        };
        self.incident.apply(event, &cause, &situation)
    }

    fn event(&mut self, minute: i64, event: &Event) -> &mut Self {
        self.event_by("ann", minute, event)
    }

    fn event_by(&mut self, actor: &str, minute: i64, event: &Event) -> &mut Self {
        let change = self.change_by(actor, minute, event);
        let kinds: Vec<_> = change.entries.iter().map(|entry| entry.kind.word()).collect();
        let paged = change.effects.iter().map(|effect| match effect {
            Effect::Page { notifications, .. } => notifications[0].user.clone(),
            Effect::CancelPages => "cancel".to_owned(),
        });
        self.lines.push(format!("{minute}: {} [{}]", kinds.join(" "), paged.collect::<Vec<_>>().join(" ")));
        self.incident = change.incident;
        self
    }

    fn tells(&self, expected: &[&str]) {
        assert_eq!(self.lines, expected);
    }
}

const ACK: Event = Event::Acknowledged { origin_at: None };
const RESOLVE: Event = Event::Resolved { origin_at: None };

#[test]
fn unanswered_pages_climb_to_the_fallback() {
    let mut tale = Tale::open();
    for minute in [0, 4, 5, 10, 40] {
        tale.event(minute, &Event::TimerDue);
    }
    tale.tells(&["0: paged [ann]", "4:  []", "5: paged [bob]", "10: exhausted paged [boss]", "40: paged [boss]"]);
    assert!(tale.incident.position.exhausted);
}

#[test]
fn an_acknowledgement_stops_paging_until_it_expires() {
    let mut tale = Tale::open();
    tale.event(0, &Event::TimerDue)
        .event(1, &ACK)
        .event(2, &ACK)
        .event(5, &Event::TimerDue)
        .event(31, &Event::TimerDue);
    tale.tells(&[
        "0: paged [ann]",
        "1: acknowledged [cancel]",
        "2:  []",
        "5:  []",
        "31: acknowledgement_expired paged [ann]",
    ]);
    assert_eq!(tale.incident.status, Status::Triggered);
}

#[test]
fn a_resolved_incident_is_over() {
    let mut tale = Tale::open();
    tale.event(1, &RESOLVE).event(2, &ACK).event(3, &Event::TimerDue).event(4, &RESOLVE);
    tale.event(5, &Event::Triggered(trigger(Severity::Critical, 5)));
    tale.tells(&["1: resolved [cancel]", "2:  []", "3:  []", "4:  []", "5:  []"]);
}

#[test]
fn a_recovery_older_than_the_newest_trigger_closes_nothing() {
    let mut tale = Tale::open();
    tale.event(10, &Event::Triggered(trigger(Severity::Warning, 10)));
    tale.event(11, &Event::Resolved { origin_at: Some(at(9)) });
    tale.event(11, &Event::Acknowledged { origin_at: Some(at(9)) });
    tale.event(12, &Event::Resolved { origin_at: Some(at(10)) });
    tale.tells(&["10: repeated []", "11: stale []", "11: stale []", "12: resolved [cancel]"]);
}

#[test]
fn a_late_repeat_does_not_make_a_recovery_stale_twice() {
    let mut tale = Tale::open();
    tale.event(10, &Event::Triggered(trigger(Severity::Warning, 10)));
    tale.event(11, &Event::Triggered(trigger(Severity::Warning, 3)));
    assert_eq!(tale.incident.triggered_at, at(10), "the newest origin stays the newest");
    let late = Trigger { summary: "old news".to_owned(), ..trigger(Severity::Warning, 2) };
    tale.event(12, &Event::Triggered(late));
    assert_eq!(tale.incident.summary, "disk", "and so does its summary");
}

#[test]
fn worse_news_page_again_after_an_acknowledgement() {
    let mut tale = Tale::open();
    tale.event(0, &Event::TimerDue).event(1, &ACK).event(2, &Event::Triggered(trigger(Severity::Warning, 2)));
    tale.event(3, &Event::Triggered(trigger(Severity::Critical, 3))).event(3, &Event::TimerDue);
    tale.event(4, &Event::Triggered(trigger(Severity::Info, 4)));
    tale.tells(&[
        "0: paged [ann]",
        "1: acknowledged [cancel]",
        "2: repeated []",
        "3: repeated severity_raised []",
        "3: paged [ann]",
        "4: repeated []",
    ]);
    assert_eq!(tale.incident.severity, Severity::Critical, "severity never falls by itself");
}

#[test]
fn worse_news_while_nobody_has_answered_page_at_once() {
    let mut tale = Tale::open();
    tale.event(0, &Event::TimerDue).event(1, &Event::Triggered(trigger(Severity::Critical, 1)));
    tale.event(1, &Event::TimerDue).event(6, &Event::TimerDue);
    tale.tells(&["0: paged [ann]", "1: repeated severity_raised []", "1: paged [ann]", "6: paged [bob]"]);
}

#[test]
fn an_absurd_delay_is_a_long_time_not_a_panic() {
    let mut tale = Tale::open();
    tale.incident.policy.steps[0].delay = SignedDuration::MAX;
    tale.event(0, &Event::TimerDue);
    assert_eq!(tale.incident.due_at, Some(at(0) + WAIT_MAX));
}

#[test]
fn a_page_that_reached_nobody_moves_on_at_once() {
    let mut tale = Tale::open();
    tale.event(0, &Event::TimerDue).event(1, &Event::PageFailed { page: 1 });
    tale.event(1, &Event::PageFailed { page: 1 }).event(2, &Event::PageFailed { page: 2 });
    tale.event(3, &Event::PageFailed { page: 3 }).event(4, &Event::TimerDue);
    tale.tells(&[
        "0: paged [ann]",
        "1: undeliverable paged [bob]",
        "1:  []",
        "2: undeliverable exhausted paged [boss]",
        "3: undeliverable []",
        "4: paged [boss]",
    ]);
}

#[test]
fn a_person_may_ask_for_the_next_step() {
    let mut tale = Tale::open();
    tale.event(0, &Event::TimerDue).event(1, &Event::EscalationAsked).event(2, &ACK).event(3, &Event::EscalationAsked);
    tale.tells(&[
        "0: paged [ann]",
        "1: escalated paged [bob]",
        "2: acknowledged [cancel]",
        "3: escalated exhausted paged [boss]",
    ]);
}

fn any_event() -> impl Strategy<Value = Event> {
    let severity = prop::sample::select(Severity::ALL.to_vec());
    let targets = prop::collection::vec(prop::sample::select(vec!["ann", "bob", "gone"]), 0..3);
    let targets = targets.prop_map(|names| names.into_iter().map(|n| Target::User(n.to_owned())).collect());
    let targets: BoxedStrategy<Vec<Target>> = targets.boxed();
    prop_oneof![
        (severity, -100_i64..100).prop_map(|(severity, minute)| Event::Triggered(trigger(severity, minute))),
        prop::option::of(-100_i64..100).prop_map(|m| Event::Acknowledged { origin_at: m.map(at) }),
        prop::option::of(-100_i64..100).prop_map(|m| Event::Resolved { origin_at: m.map(at) }),
        Just(Event::EscalationAsked),
        Just(Event::TimerDue),
        Just(Event::TimerDue),
        Just(Event::TakenOver),
        Just(Event::HoldEnded),
        (-50_i64..200).prop_map(|m| Event::Snoozed { until: at(m) }),
        targets.clone().prop_map(|targets| Event::Reassigned { targets }),
        targets.prop_map(|targets| Event::RespondersAdded { targets }),
        (0_i64..8).prop_map(|page| Event::PageFailed { page }),
        Just(Event::Noted { detail: "x".to_owned() }),
        Just(Event::Remarked { text: "x".to_owned() }),
    ]
}

/// Services of every kind: hold, flapping, doubt, inactivity, support hours.
fn any_handling() -> impl Strategy<Value = Handling> {
    let minutes = |range: std::ops::Range<i64>| {
        prop::option::of(range).prop_map(|m: Option<i64>| m.map(SignedDuration::from_mins))
    };
    (0_i64..3, minutes(1..90), minutes(1..60), minutes(1..200), any::<bool>()).prop_map(
        |(hold, flapping, repeats, inactive_after, support)| Handling {
            hold: SignedDuration::from_mins(hold),
            flapping: flapping.map(|within| Flapping { opens: 2, within }),
            repeats: repeats.map(|every| Repeats { every, missed: 2 }),
            inactive_after,
            support: support.then(stories::office),
            ..Handling::by_policy("p")
        },
    )
}

proptest! {
    /// I13, I16, I17, I19, I20, I31 and the shape of the machine, over any sequence of events at any times, in services
    /// of any kind, silenced or not.
    #[test]
    fn the_machine_keeps_its_promises(
        handling in any_handling(),
        opened_before in 0_u32..3,
        silenced in prop::option::of((0_i64..100, 0_i64..100)),
        has_parent in any::<bool>(),
        events in prop::collection::vec((0_i64..20, any_event()), 1..60),
    ) {
        let mut tale = Tale::open_as(handling, opened_before);
        tale.silences.extend(silenced.map(|(from, length)| stories::silence(from, from + length)));
        tale.parents.extend(has_parent.then(|| Parent { number: 9, summary: "switch".to_owned(), opened_at: at(0) }));
        let mut minute = 0;
        let mut pages = 0;
        for (wait, event) in &events {
            minute += wait;
            let before = tale.incident.clone();
            let change = tale.change(minute, event);
            let after = &change.incident;
            prop_assert!(after.severity >= before.severity, "severity never falls by itself");
            prop_assert!(after.triggered_at >= before.triggered_at);
            match after.status {
                Status::Triggered => prop_assert!(after.due_at.is_some(), "a triggered incident has a timer"),
                Status::Acknowledged => prop_assert!(after.due_at.is_some() && after.acknowledged.is_some()),
                Status::Resolved => prop_assert!(after.next_at().is_none() && after.resolved_at.is_some()),
            }
            if matches!(event, Event::TimerDue) {
                prop_assert!(after.next_at().is_none_or(|next| next > at(minute)), "the timer leaves nothing due");
            }
            let called_in = matches!(event, Event::RespondersAdded { .. });
            for effect in &change.effects {
                if let Effect::Page { page, notifications } = effect {
                    pages += 1;
                    prop_assert_eq!(*page, pages, "no page number is used twice");
                    prop_assert!(!notifications.is_empty());
                    prop_assert!(after.status == Status::Triggered || called_in, "only a triggered incident pages");
                    if matches!(event, Event::TimerDue) {
                        prop_assert!(tale.parents.is_empty(), "what lies below an open incident does not page");
                        let silent = |silence: &Silence| silence.covers(after, at(minute));
                        prop_assert!(!tale.silences.iter().any(silent), "what is silenced does not page");
                    }
                }
            }
            if before.status == Status::Resolved {
                prop_assert_eq!(after, &before, "a resolved incident never changes");
            }
            let told = change.incident == before || !change.entries.is_empty() || matches!(event, Event::HoldEnded);
            // A wait that is only made longer is no news.
            let waits_on = before.held.is_some() && before.held == after.held;
            prop_assert!(told || waits_on, "every change is on the timeline");
            tale.incident = change.incident;
            let again = tale.change(minute, event);
            if matches!(event, Event::TimerDue | Event::Acknowledged { .. } | Event::Resolved { .. }) {
                let paged = again.effects.iter().any(|e| matches!(e, Effect::Page { .. }));
                prop_assert!(!paged, "the same event at the same time pages nobody twice");
            }
        }
    }
}
