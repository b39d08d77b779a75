//! A table of rosters and what is wrong with them.

use std::sync::Arc;

use super::*;
use crate::domain::escalation::{ACK_TIMEOUT, Policy, Step};
use crate::domain::handling::SupportHours;
use crate::domain::matcher::{Matcher, Wanted};
use crate::domain::roster::ContactMethod;
use crate::domain::ruleset::RuleSet;
use crate::domain::schedule::Layer;
use crate::domain::silence::Maintenance;
use crate::domain::window::Window;

fn user(name: &str, channels: &[Channel]) -> (String, User) {
    let method = |channel: &Channel| ContactMethod::new(*channel, "x");
    (name.to_owned(), User::new(name, channels.iter().map(method).collect()))
}

fn layer(starts: &str, every: &str, only: Option<&str>) -> Layer {
    let turns = vec![vec!["ann".to_owned()], vec!["bob".to_owned()]];
    let mut layer = Layer::new("week", starts.parse().unwrap(), every.parse().unwrap(), turns).unwrap();
    layer.only = only.map(windows);
    layer
}

fn windows(text: &str) -> Windows {
    let (days, hours) = text.split_once(' ').unwrap();
    let (from, to) = hours.split_once('-').unwrap();
    let (days, from, to) = (days.parse().unwrap(), from.parse().unwrap(), to.parse().unwrap());
    Windows::new(vec![Window { days, from, to }])
}

fn roster(zone: &str, layer: Layer) -> Roster {
    let both = [Channel::Voice, Channel::Webhook];
    let schedule = Schedule::new("primary", TimeZone::get(zone).unwrap(), vec![layer]).unwrap();
    Roster {
        users: [user("ann", &both), user("bob", &both)].into(),
        schedules: [("primary".to_owned(), schedule)].into(),
        ..Roster::default()
    }
}

fn whats(warnings: &[Warning]) -> Vec<&str> {
    assert!(warnings.iter().all(|warning| !warning.hint.is_empty()));
    warnings.iter().map(|warning| warning.what.as_str()).collect()
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

#[track_caller]
fn check(zone: &str, layer: Layer, expected: &[&str]) {
    assert_eq!(whats(&outlook(&roster(zone, layer), now())), expected);
}

#[test]
fn a_good_schedule_needs_no_words() {
    check("Europe/Berlin", layer("2026-01-05T09:00", "1 week", None), &[]);
    check("Asia/Kolkata", layer("2026-01-05T02:30", "1 day", None), &[]);
    // Weekly handoffs on Mondays meet no change of the clock, which is on Sundays.
    check("Europe/Berlin", layer("2026-01-05T02:30", "1 week", None), &[]);
}

#[test]
fn gaps_are_summed_up() {
    check(
        "Europe/Berlin",
        layer("2026-01-05T09:00", "1 week", Some("mon-fri 00:00-00:00")),
        &[
            "schedule primary has nobody for 96h within 14 days: 3 times, first Sat 2026-11-21 11:00 to Mon 2026-11-23 00:00",
        ],
    );
    check(
        "UTC",
        layer("2026-11-22T10:00", "1 week", None),
        &["schedule primary has nobody for 24h within 14 days: Sat 2026-11-21 10:00 to Sun 2026-11-22 10:00"],
    );
}

#[test]
fn handoffs_in_a_changed_hour() {
    check(
        "Europe/Berlin",
        layer("2026-01-05T02:30", "1 day", None),
        &[
            "schedule primary, layer week: the handoff at 02:30 does not exist on Sun 2027-03-28 in Europe/Berlin; it is \
             made at 03:00",
            "schedule primary, layer week: the handoff at 02:30 comes twice on Sun 2027-10-31 in Europe/Berlin; it is \
             made the first time",
        ],
    );
    let mut ending = layer("2026-01-05T02:30", "1 day", None);
    ending.ends = Some("2027-05-01T00:00".parse().unwrap());
    assert_eq!(outlook(&roster("Europe/Berlin", ending), now()).len(), 1, "it has ended by October");
    let not_yet = layer("2028-01-05T02:30", "1 day", None);
    assert_eq!(outlook(&roster("Europe/Berlin", not_yet), now()).len(), 1, "only the gap until it starts");
    let mut alone = layer("2026-01-05T02:30", "1 day", None);
    alone.turns.truncate(1);
    check("Europe/Berlin", alone, &[]);
    let by_day = layer("2026-01-05T02:30", "1 day", Some("daily 04:00-03:00"));
    let told = outlook(&roster("Europe/Berlin", by_day), now());
    assert!(whats(&told).iter().all(|what| what.contains("has nobody") || what.contains("the handoff")), "{told:?}");
    let hours = layer("2026-01-05T02:30", "1 day", Some("daily 04:00-01:00"));
    let told = outlook(&roster("Europe/Berlin", hours), now());
    assert!(!whats(&told).iter().any(|what| what.contains("the handoff")), "nobody is on call then: {told:?}");
    // 03:00 is there once in spring and once in autumn; 02:00 is not there, and twice.
    check("Europe/Berlin", layer("2026-01-05T03:00", "1 day", None), &[]);
    assert_eq!(outlook(&roster("Europe/Berlin", layer("2026-01-05T02:00", "1 day", None)), now()).len(), 2);
    // Half an hour on Lord Howe Island: from 02:00 in October, from 01:30 in April.
    let hits = |time: &str| {
        let layer = layer(&format!("2026-01-05T{time}"), "1 day", None);
        outlook(&roster("Australia/Lord_Howe", layer), now()).len()
    };
    assert_eq!(["01:15", "01:45", "02:15", "02:30"].map(hits), [0, 1, 1, 0]);
}

#[test]
fn windows_in_a_changed_hour() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let mut roster = roster("Europe/Berlin", layer("2026-01-05T09:00", "1 week", None));
    roster.maintenance.push(Maintenance {
        name: "backup".to_owned(),
        matcher: Matcher::new(Wanted::default()).unwrap(),
        windows: windows("sat,sun 01:00-02:30"),
        zone: berlin.clone(),
        reason: "backups".to_owned(),
    });
    if let Some(ann) = roster.users.get_mut("ann") {
        (ann.zone, ann.quiet) = (berlin.clone(), windows("sat 22:00-02:15"));
    }
    if let Some(bob) = roster.users.get_mut("bob") {
        (bob.zone, bob.quiet) = (berlin.clone(), windows("fri 22:00-02:15"));
    }
    let at = |what: &str, edge: &str, how: [&str; 2]| {
        [("does not exist on Sun 2027-03-28", how[0]), ("comes twice on Sun 2027-10-31", how[1])]
            .map(|(when, is)| format!("{what}: the end at {edge} {when} in Europe/Berlin; it is {is}"))
    };
    let backup = at("maintenance backup", "02:30", ["later", "the second time"]);
    let quiet = at("quiet hours of ann", "02:15", ["later", "the second time"]);
    assert_eq!(whats(&outlook(&roster, now())), [backup, quiet].concat());

    let support = SupportHours { windows: windows("sun 02:30-10:00"), zone: berlin };
    let service = Service {
        name: "db".to_owned(),
        addresses: Vec::new(),
        rules: Arc::new(RuleSet::new(Vec::new())),
        handling: Handling { support: Some(support), ..Handling::default() },
        senders: None,
    };
    let told = of_service(&service, now());
    assert_eq!(told.len(), 2);
    assert!(told[1].what.contains("support hours of db: the start at 02:30 comes twice"), "{told:?}");
}

#[test]
fn steps_and_people_out_of_reach() {
    let mut roster = roster("UTC", layer("2026-12-01T09:00", "1 week", None));
    roster.users.extend([
        user("cid", &[Channel::Voice, Channel::Voice]),
        user("dora", &[Channel::Console]),
        user("eve", &[Channel::Voice, Channel::Console]),
    ]);
    let step = |targets: &[&str]| Step {
        delay: SignedDuration::from_mins(5),
        targets: targets.iter().map(|target| Target::from((*target).to_owned())).collect(),
    };
    let policy = Policy {
        name: "default".to_owned(),
        steps: vec![step(&["schedule:primary", "room:gone"]), step(&["ann"]), step(&["schedule:primary", "bob"])],
        rounds: 1,
        ack_timeout: Some(ACK_TIMEOUT),
        fallback_repeat: SignedDuration::from_mins(30),
    };
    roster.policies.insert("default".to_owned(), policy);
    let warnings = outlook(&roster, now());
    assert_eq!(
        whats(&warnings)[1..],
        [
            "policy default, step 1 can reach nobody now: schedule:primary, room:gone",
            "reached by no channel that wakes anybody: dora",
            "reached by voice only: cid, eve",
        ]
    );
}
