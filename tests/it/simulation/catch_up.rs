//! T19: five hundred incidents came due while every node was down for six hours (I18, I21).

use jiff::SignedDuration;
use nightcall::domain::alert::Action;
use nightcall::domain::dispatch::{self, Due};
use nightcall::domain::escalation::{Policy, Step};
use nightcall::domain::handling::Handling;
use nightcall::domain::incident::Kind;
use nightcall::domain::roster::Channel;
use nightcall::domain::target::Target;

use super::options::Options;
use super::world::{Todo, World};

const INCIDENTS: usize = 500;
const MINUTE_MS: i64 = 60_000;
const DOWN_AT_MS: i64 = 4 * MINUTE_MS;
const BACK_AT_MS: i64 = DOWN_AT_MS + 6 * 60 * MINUTE_MS;

/// How long each step has to answer.
const DELAY: SignedDuration = SignedDuration::from_mins(5);

/// A house in which ann, cid and dee are called one after the other.
fn house() -> World {
    let mut world = World::new(Options::quiet());
    let step = |name: &str| Step { delay: DELAY, targets: vec![Target::User(name.to_owned())] };
    let policy = Policy { rounds: 2, steps: ["cid", "ann", "dee"].map(step).to_vec(), ..Policy::fallback_only() };
    for definitions in &mut world.definitions {
        definitions.roster.policies.insert("three".to_owned(), policy.clone());
        definitions.services.insert("web".to_owned(), Handling::by_policy("three"));
    }
    world.heal();
    world
}

#[test]
fn after_six_hours_down_each_incident_calls_its_current_step_once() {
    let mut world = house();
    for nth in 0..INCIDENTS {
        world.send("web", &format!("disk {nth}"), Action::Trigger, 0);
    }
    world.plan(DOWN_AT_MS, Todo::Blackout { minutes: (BACK_AT_MS - DOWN_AT_MS) / MINUTE_MS });
    world.run_until(DOWN_AT_MS - 1);
    assert_eq!(world.broken, None);
    let taken = world.database.incidents.len();
    let paged = world.database.incidents.values().filter(|incident| incident.pages == 1).count();
    assert!(taken > INCIDENTS / 2 && paged == taken, "{paged} of {taken} have called their first step");
    world.run_until(BACK_AT_MS - 1);
    let known = world.database.rows.len();
    assert!(world.rung.iter().all(|(at, _)| *at < DOWN_AT_MS), "nobody calls while all are down");

    world.run_until(BACK_AT_MS + 2_000);
    assert_eq!(world.broken, None);
    let (back, seen) = (world.at(BACK_AT_MS), world.at(BACK_AT_MS + 2_000));
    for incident in world.database.incidents.values().take(taken) {
        let number = incident.number;
        assert_eq!((incident.pages, incident.position.step), (2, 2), "#{number}: one page, of the step it was at");
        let due_at = incident.due_at.expect("it goes on");
        assert!(back + DELAY <= due_at && due_at <= seen + DELAY, "#{number}: the next delay counts from this page");
        let late = world.database.timeline.iter().filter(|told| **told == (number, Kind::Late)).count();
        assert_eq!(late, 1, "#{number}: it is told that the page was late");
    }

    // What waits is one call to each person, the worst first.
    let fresh = world.database.rows.values().filter(|row| row.id > known as u64 && row.page == 2);
    let due: Vec<Due> = fresh
        .map(|row| Due {
            id: row.id.to_string(),
            incident: row.incident,
            channel: row.planned.channel,
            address: row.planned.address.clone(),
            severity: world.database.incidents[&row.incident].severity,
            due_at: row.due_at,
        })
        .filter(|due| due.channel == Channel::Voice)
        .collect();
    let in_two_minutes = seen + SignedDuration::from_mins(2);
    let bundles = dispatch::plan(&due, |_, _| None, in_two_minutes, 32);
    assert_eq!(bundles.len(), 1, "one call for all of them");
    assert_eq!(bundles[0].due.len(), taken);
    assert!(bundles[0].due.is_sorted_by(|one, other| one.severity >= other.severity), "the worst first");

    // Nothing bursts afterwards: whoever is next is called a whole delay later.
    world.run_until(BACK_AT_MS + 5 * MINUTE_MS - 1);
    assert_eq!(world.broken, None);
    assert!(world.database.incidents.values().take(taken).all(|incident| incident.pages == 2));
}
