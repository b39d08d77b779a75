//! What a plan costs in a storm. `cargo bench --bench dispatch`.

use std::collections::HashMap;

use divan::{Bencher, black_box};
use jiff::{SignedDuration, Timestamp};
use nightcall::domain::alert::Severity;
use nightcall::domain::dispatch::{Bundle, Due, Line, plan};
use nightcall::domain::roster::Channel;

fn main() {
    divan::main();
}

const STORM: usize = 10_000;
const LIMIT: usize = 64;

/// Due incidents of mixed severities, in no order, for so many people.
fn storm(people: usize, channel: Channel) -> Vec<Due> {
    (0..STORM)
        .map(|n| {
            // A stride prime to the number of incidents: every incident once, none where its neighbour is.
            let incident = n * 7919 % STORM;
            Due {
                id: format!("{incident:032x}"),
                incident: i64::try_from(incident).unwrap_or_default(),
                channel,
                address: format!("+4930{:07}", incident % people),
                severity: Severity::ALL[incident / people % 4],
                due_at: Timestamp::UNIX_EPOCH + SignedDuration::from_millis(i64::try_from(n).unwrap_or_default()),
            }
        })
        .collect()
}

fn run(bencher: Bencher<'_, '_>, due: &[Due], line: Option<&Line>) {
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(30);
    let lines: HashMap<(Channel, &str), &Line> = line
        .map(|line| due.iter().map(|due| ((due.channel, due.address.as_str()), line)).collect())
        .unwrap_or_default();
    bencher.bench(|| plan(black_box(due), |channel, address| lines.get(&(channel, address)).copied(), now, LIMIT));
}

#[divan::bench(args = [50, 1])]
fn free_phones(bencher: Bencher<'_, '_>, people: usize) {
    run(bencher, &storm(people, Channel::Voice), None);
}

/// What every plan costs while the calls are under way.
#[divan::bench(args = [50, 1])]
fn busy_phones(bencher: Bencher<'_, '_>, people: usize) {
    let line = Line { busy_until: Some(Timestamp::UNIX_EPOCH + SignedDuration::from_mins(31)), sent_at: Vec::new() };
    run(bencher, &storm(people, Channel::Voice), Some(&line));
}

#[divan::bench(args = [50, 1])]
fn webhooks(bencher: Bencher<'_, '_>, programs: usize) {
    run(bencher, &storm(programs, Channel::Webhook), None);
}

#[divan::bench]
fn incidents(bencher: Bencher<'_, '_>) {
    let due = storm(1, Channel::Voice);
    let bundles = plan(&due, |_, _| None, Timestamp::UNIX_EPOCH, 1);
    bencher.bench(|| black_box(&bundles).iter().map(Bundle::incidents).collect::<Vec<_>>());
}
