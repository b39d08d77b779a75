//! Walks as people would tell them.

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::*;
use crate::domain::alert::{Action, Severity};
use crate::domain::escalation::{ACK_TIMEOUT, Policy, Step};
use crate::domain::handling::{Handling, Urgency};
use crate::domain::matcher::{Matcher, Wanted};
use crate::domain::roster::{ContactMethod, PersonalRule, Roster, User};
use crate::domain::schedule::{Layer, Override, Schedule};
use crate::domain::silence::{Maintenance, Silence};
use crate::domain::situation::{Parent, Swap};
use crate::domain::window::{Window, Windows};

const NOW: &str = "2026-11-23T10:00:00Z";

fn minute(minutes: i64) -> Timestamp {
    NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
}

fn user(name: &str) -> User {
    let method = |channel| ContactMethod::new(channel, name);
    User::new(name, vec![method(Channel::Voice)])
}

/// Primary is ann on weekdays, bob is called next; the boss is the fallback contact.
fn roster() -> Roster {
    let turns = vec![vec!["ann".to_owned()]];
    let layer = Layer::new("weekdays", "2026-01-05T09:00".parse().unwrap(), "1 week".parse().unwrap(), turns).unwrap();
    let step = |target: &str, minutes| Step {
        delay: SignedDuration::from_mins(minutes),
        targets: vec![Target::from(target.to_owned())],
    };
    let policy = Policy {
        name: "default".to_owned(),
        steps: vec![step("schedule:primary", 5), step("bob", 10)],
        rounds: 2,
        ack_timeout: Some(ACK_TIMEOUT),
        fallback_repeat: SignedDuration::from_mins(30),
    };
    Roster {
        users: ["ann", "bob", "cid", "boss"].map(|name| (name.to_owned(), user(name))).into(),
        schedules: [("primary".to_owned(), Schedule::new("primary", TimeZone::UTC, vec![layer]).unwrap())].into(),
        policies: [("default".to_owned(), policy)].into(),
        fallback: "boss".to_owned(),
        ..Roster::default()
    }
}

fn alert() -> Alert {
    Alert {
        action: Action::Trigger,
        dedup_key: "disk/db1".to_owned(),
        severity: Severity::Critical,
        summary: "disk full".to_owned(),
        details: BTreeMap::new(),
        links: BTreeMap::new(),
        rule: String::new(),
        reason: String::new(),
        hold: None,
        downtime: None,
        objection: None,
    }
}

fn told(forecast: &Forecast) -> Vec<String> {
    let minutes = |at: Timestamp| minute(0).duration_until(at).as_mins();
    let tell = |moment: &Moment| {
        let what = match &moment.what {
            What::Call { user, channel, by, step } => format!("{user} by {channel} ({by}) {step}"),
            What::Wait { reason, until } => format!("waits until {:?}: {reason}", until.map(minutes)),
            What::Note(text) => text.clone(),
        };
        format!("+{} {what}", minutes(moment.at))
    };
    forecast.moments.iter().map(tell).collect()
}

fn of(roster: &Roster, handling: &Handling) -> Forecast {
    forecast("db", &alert(), minute(0), &Situation::quiet(roster, handling, minute(0)))
}

fn silence(from: i64, to: i64) -> Silence {
    let matcher = Matcher::new(Wanted { key: Some("^disk/".to_owned()), ..Wanted::default() }).unwrap();
    let (id, reason, author) = ("1".to_owned(), "swapping".to_owned(), "bob".to_owned());
    Silence { id, matcher, starts_at: minute(from), ends_at: minute(to), reason, author }
}

#[test]
fn the_whole_policy_with_all_rounds() {
    let forecast = of(&roster(), &Handling::by_policy("default"));
    let expected = [
        "+0 ann by voice (primary: weekdays) round 1, step 1",
        "+5 bob by voice () round 1, step 2",
        "+15 ann by voice (primary: weekdays) round 2, step 1",
        "+20 bob by voice () round 2, step 2",
        "+30 boss by voice (fallback) fallback",
    ];
    assert_eq!(told(&forecast), expected);
    assert!(forecast.calls_somebody());
    assert_eq!(forecast.repeats_every, Some(SignedDuration::from_mins(30)));
}

#[test]
fn overrides_and_wishes_count_when_they_are_met() {
    let mut roster = roster();
    if let Some(bob) = roster.users.get_mut("bob") {
        bob.methods.push(ContactMethod::new(Channel::Webhook, "https://push"));
        bob.high.push(PersonalRule { method: 1, after: SignedDuration::from_mins(12) });
    }
    let shift = Override {
        id: "1".to_owned(),
        user: "cid".to_owned(),
        replaces: None,
        starts_at: minute(10),
        ends_at: minute(60),
    };
    let (swaps, handling) = ([Swap { schedule: "primary".to_owned(), shift }], Handling::by_policy("default"));
    let situation = Situation { overrides: &swaps, ..Situation::quiet(&roster, &handling, minute(0)) };
    let forecast = forecast("db", &alert(), minute(0), &situation);
    assert_eq!(
        told(&forecast)[1..4],
        [
            "+5 bob by voice () round 1, step 2",
            "+15 cid by voice (primary: override) round 2, step 1",
            "+17 bob by webhook () round 1, step 2",
        ]
    );
}

#[test]
fn an_open_incident_goes_on_where_it_stands() {
    let (roster, handling) = (roster(), Handling::by_policy("default"));
    let quiet = |now| Situation::quiet(&roster, &handling, minute(now));
    let opened = of(&roster, &handling).opened;
    let timer = Cause { actor: Actor::ourselves("timer"), mail_id: None };
    let paged = opened.apply(&Event::TimerDue, &timer, &quiet(0)).incident;
    let told = |incident: &Incident, now: i64, calls: usize| {
        let moments = ahead(incident, &quiet(now), calls);
        told(&Forecast { opened: incident.clone(), moments, repeats_every: None })
    };
    assert_eq!(
        told(&paged, 2, 2),
        ["+5 bob by voice () round 1, step 2", "+15 ann by voice (primary: weekdays) round 2, step 1"]
    );
    // Overdue: now.
    assert_eq!(told(&paged, 8, 1), ["+8 bob by voice () round 1, step 2"]);
    let ann = Cause { actor: Actor::ourselves("ann"), mail_id: None };
    let taken = paged.apply(&Event::Acknowledged { origin_at: None }, &ann, &quiet(2)).incident;
    // The acknowledgement runs out after half an hour.
    assert_eq!(told(&taken, 2, 1), ["+32 ann by voice (primary: weekdays) round 1, step 1"]);
    let over = taken.apply(&Event::Resolved { origin_at: None }, &ann, &quiet(3)).incident;
    assert_eq!(told(&over, 3, 1), Vec::<String>::new());
}

#[test]
fn a_silence_holds_and_lets_go() {
    let (roster, handling) = (roster(), Handling::by_policy("default"));
    let silences = [silence(-5, 60)];
    let situation = Situation { silences: &silences, ..Situation::quiet(&roster, &handling, minute(0)) };
    let held = forecast("db", &alert(), minute(0), &situation);
    assert_eq!((held.calls_somebody(), held.held()), (false, Some("silenced by bob: swapping")));
    assert_eq!(
        told(&held)[..2],
        ["+0 waits until Some(60): silenced by bob: swapping", "+60 ann by voice (primary: weekdays) round 1, step 1"]
    );
    let later = [silence(3, 60)];
    let situation = Situation { silences: &later, ..situation };
    let forecast = forecast("db", &alert(), minute(0), &situation);
    assert!(forecast.calls_somebody(), "ann is called before it begins");
    assert_eq!(told(&forecast)[1], "+5 waits until Some(60): silenced by bob: swapping");
}

#[test]
fn maintenance_parents_and_a_wait_for_the_recovery() {
    let (mut roster, mut handling) = (roster(), Handling::by_policy("default"));
    handling.hold = SignedDuration::from_mins(2);
    assert_eq!(told(&of(&roster, &handling))[0], "+2 ann by voice (primary: weekdays) round 1, step 1");
    let parents = [Parent { number: 7, summary: "switch down".to_owned(), opened_at: minute(-10) }];
    let situation = Situation { parents: &parents, ..Situation::quiet(&roster, &handling, minute(0)) };
    let below = forecast("db", &alert(), minute(0), &situation);
    assert_eq!(told(&below), ["+2 waits until None: it is below incident #7: switch down"]);
    assert!(!below.calls_somebody());
    let window = |days: &str, from: &str, to: &str| Maintenance {
        name: "nightly".to_owned(),
        matcher: Matcher::new(Wanted::default()).unwrap(),
        windows: Windows::new(vec![Window {
            days: days.parse().unwrap(),
            from: from.parse().unwrap(),
            to: to.parse().unwrap(),
        }]),
        zone: TimeZone::UTC,
        reason: "backups".to_owned(),
    };
    roster.maintenance = vec![window("mon", "09:00", "11:00")];
    let expected = "+2 waits until Some(60): maintenance nightly: backups";
    assert_eq!(told(&of(&roster, &handling))[0], expected);
    roster.maintenance = vec![window("daily", "00:00", "00:00")];
    let forever = of(&roster, &handling);
    assert_eq!(forever.moments.len(), 1, "one window without an end is told once: {:?}", told(&forever));
    assert!(!forever.calls_somebody());
}

#[test]
fn what_nobody_stands_behind_is_told() {
    let (mut roster, handling) = (roster(), Handling::by_policy("default"));
    roster.users.remove("ann");
    let expected = ["+0 round 1, step 1 has nobody who can be reached", "+0 bob by voice () round 1, step 2"];
    assert_eq!(told(&of(&roster, &handling))[..2], expected);
    roster.users.clear();
    let nobody = of(&roster, &handling);
    assert!(!nobody.calls_somebody() && nobody.held().is_none());
    assert!(told(&nobody).last().unwrap().contains("not even the fallback contact"), "{:?}", told(&nobody));
}

#[test]
fn low_urgency_waits_for_the_end_of_quiet_hours() {
    let (mut roster, mut handling) = (roster(), Handling::by_policy("default"));
    handling.urgency = [(Severity::Critical, Urgency::Low)].into();
    if let Some(ann) = roster.users.get_mut("ann") {
        let (days, from, to) = ("daily".parse().unwrap(), "09:00".parse().unwrap(), "11:00".parse().unwrap());
        ann.quiet = Windows::new(vec![Window { days, from, to }]);
    }
    let forecast = of(&roster, &handling);
    assert_eq!(forecast.opened.urgency, Urgency::Low);
    let expected = ["+60 ann by voice (primary: weekdays) round 1, step 1", "+65 bob by voice () round 1, step 2"];
    assert_eq!(told(&forecast)[..2], expected);
}
