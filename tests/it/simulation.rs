//! Deterministic simulation of the paging core (RELIABILITY T3): three gateways, a database, providers and people, of
//! which everything may go wrong, in virtual time and on one thread. A seed is a whole history.
//!
//! First there is trouble, and after every step nothing may be broken that people rely on ([`safety`]). Then all is
//! well, and what was promised must come about ([`liveness`]). `NIGHTCALL_SEEDS` says how many seeds to run,
//! `NIGHTCALL_SEED` which one alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use options::{Bug, Options};
use safety::Verdict;
use world::World;

mod catch_up;
mod chance;
mod database;
mod engine;
mod liveness;
mod options;
mod people;
mod safety;
mod setup;
mod world;

/// Seeds that a push has time for.
const SEEDS: u64 = 2_000;

/// Seeds after which a bug that was put in must have been found.
const SEEDS_FOR_A_BUG: u64 = 200;

/// Runs one history. `Err` tells what was broken, and how it came about.
fn run(options: Options) -> Result<(), String> {
    let Err(broken) = history(options.clone(), false).1 else { return Ok(()) };
    let (world, again) = history(options, true);
    assert_eq!(again.as_ref(), Err(&broken), "a seed is a whole history");
    let mut story = format!("{broken}\n{:#?}\n", world.options);
    for line in &world.trace {
        let _ = writeln!(story, "{line}");
    }
    Err(story)
}

/// First trouble, then calm.
fn history(options: Options, traced: bool) -> (World, Verdict) {
    let (trouble_ms, calm_ms) = (options.trouble_minutes * 60_000, options.calm_minutes * 60_000);
    let mut world = World::new(options);
    world.traced = traced;
    world.draw();
    world.run_until(trouble_ms);
    world.heal();
    world.run_until(trouble_ms + calm_ms);
    let verdict = world.broken.take().map_or_else(|| world.has_settled(), Err);
    (world, verdict)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number of seeds, or a seed"))
}

#[test]
fn promises_are_kept_whatever_goes_wrong() {
    let seeds = match number("NIGHTCALL_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("NIGHTCALL_SEEDS").unwrap_or(SEEDS),
    };
    let mut broken: BTreeMap<String, (u64, u64, String)> = BTreeMap::new();
    for seed in seeds {
        if let Err(story) = run(Options::of_seed(seed)) {
            let promise: String = story.chars().take_while(|c| !matches!(c, ':' | '\n')).collect();
            broken.entry(promise).or_insert((0, seed, story)).0 += 1;
        }
    }
    for (promise, (times, seed, story)) in &broken {
        println!("{promise} is broken in {times} runs, first in NIGHTCALL_SEED={seed}: {story}");
    }
    assert!(broken.is_empty(), "broken: {:?}", broken.keys());
}

#[test]
fn a_seed_is_a_whole_history() {
    let story = || history(Options::of_seed(7), true).0.trace;
    assert_eq!(story(), story());
}

#[test]
fn bugs_put_in_on_purpose_are_found() {
    for bug in Bug::ALL {
        let found = (0..SEEDS_FOR_A_BUG).find_map(|seed| Some((seed, run(Options::of_seed(seed).with(bug)).err()?)));
        let (seed, story) = found.unwrap_or_else(|| panic!("{bug:?} was not found in {SEEDS_FOR_A_BUG} seeds"));
        println!("{bug:?}: seed {seed}: {}", story.lines().next().unwrap_or_default());
    }
}
