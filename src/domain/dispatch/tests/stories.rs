//! Lines over hours: what is due is planned, sent, ended, and planned again.

use super::*;

/// A world that sends whatever is planned.
#[derive(Default)]
struct World {
    /// Not sent yet, whether due or not.
    waiting: Vec<Due>,
    lines: HashMap<(Channel, String), Line>,
    /// When the send under way over a line ends.
    ends: HashMap<(Channel, String), i64>,
    /// By line: when it was sent to.
    sends: BTreeMap<(Channel, String), Vec<i64>>,
    /// Ids in the order of sending.
    sent: Vec<String>,
}

impl World {
    fn new(waiting: Vec<Due>) -> Self {
        Self { waiting, ..Self::default() }
    }

    /// Plans what is due and sends it. A send takes so long; should nobody say that it has ended, it counts as ended
    /// after five minutes.
    fn tick(&mut self, second: i64, limit: usize, takes: i64) {
        let lines = &mut self.lines;
        self.ends.retain(|line, end| {
            let under_way = *end > second;
            if let Some(line) = lines.get_mut(line).filter(|_| !under_way) {
                line.ended();
            }
            under_way
        });
        let due: Vec<Due> = self.waiting.iter().filter(|due| due.due_at <= at(second)).cloned().collect();
        let bundles = plan(&due, |channel, address| self.lines.get(&(channel, address.to_owned())), at(second), limit);
        check(&bundles, limit);
        let mut gone = BTreeSet::new();
        for bundle in &bundles {
            let key = (bundle.channel, bundle.address.to_owned());
            let under_way = self.ends.insert(key.clone(), second + takes);
            assert!(under_way.is_none() || !Budget::of(bundle.channel).bundles, "one at a time: {key:?}");
            self.lines.entry(key.clone()).or_default().sent(at(second), at(second + 300));
            self.sends.entry(key).or_default().push(second);
            gone.extend(bundle.due.iter().map(|due| due.id.as_str()));
            self.sent.extend(bundle.due.iter().map(|due| due.id.clone()));
        }
        self.waiting.retain(|due| !gone.contains(due.id.as_str()));
    }

    /// No line was sent to more often in any hour than its budget allows, nor in shorter turns.
    fn check_budgets(&self) {
        for ((channel, address), sends) in &self.sends {
            let budget = Budget::of(*channel);
            if let Some(most) = budget.hourly() {
                for hour in sends.windows(most + 1) {
                    assert!(hour[most] - hour[0] >= 3600, "{channel:?} {address}: {hour:?}");
                }
            }
            for pair in sends.windows(2) {
                assert!(pair[1] - pair[0] >= budget.spacing.as_secs(), "{channel:?} {address}: {pair:?}");
            }
        }
    }
}

/// What holds for every plan.
fn check(bundles: &[Bundle<'_>], limit: usize) {
    assert!(bundles.len() <= limit);
    let mut lines = BTreeSet::new();
    let mut firsts = Vec::new();
    for bundle in bundles {
        let most = if Budget::of(bundle.channel).bundles { BUNDLE_MAX } else { 1 };
        assert!((1..=most).contains(&bundle.due.len()));
        let first = lines.insert((bundle.channel, bundle.address));
        assert!(first || !Budget::of(bundle.channel).bundles, "two bundles for one line");
        assert!(bundle.due.iter().all(|due| (due.channel, due.address.as_str()) == (bundle.channel, bundle.address)));
        assert!(bundle.due.is_sorted_by_key(|due| (Reverse(due.severity), due.incident)), "worst first");
        let incidents = bundle.incidents();
        assert_eq!(incidents.iter().collect::<BTreeSet<_>>().len(), incidents.len(), "each incident once");
        if first {
            firsts.push(Reverse(bundle.due[0].severity));
        }
    }
    assert!(firsts.is_sorted(), "the worst line first: {firsts:?}");
}

/// 20,000 incidents for one phone over 30 minutes, each call answered after 30 s for the whole bundle.
#[test]
fn a_storm_for_one_phone_is_a_few_calls_and_every_incident_is_told() {
    let count = 20_000;
    let storm = |n: i64| call(n, "ann", Severity::ALL[usize::try_from(n % 4).unwrap()], n * 1800 / count);
    let mut world = World::new((0..count).map(storm).collect());
    let mut second = 0;
    while !world.waiting.is_empty() {
        world.tick(second, 64, 30);
        second += 30;
    }
    world.check_budgets();
    let calls: Vec<i64> = world.sends.values().flatten().copied().collect();
    let during = calls.iter().filter(|second| **second < 1800).count();
    assert!(during <= 15, "{during} calls while the storm lasts");
    assert!(calls.len() <= 30, "{} calls in all", calls.len());
    assert_eq!(world.sent.len(), 20_000);
    assert_eq!(world.sent.iter().collect::<BTreeSet<_>>().len(), 20_000);
}

/// Seven phones, two calls a plan; six of them have something critical all the time.
#[test]
fn a_line_with_little_to_tell_is_not_starved_by_worse_ones() {
    let phones = 7;
    let mut world = World::new(vec![call(0, "phone0", Severity::Info, 0)]);
    let mut plans = 0;
    while !world.sent.contains(&"n0".to_owned()) {
        plans += 1;
        let worse = |n: i64| call(plans * 100 + n, &format!("phone{n}"), Severity::Critical, plans);
        world.waiting.extend((1..phones).map(worse));
        world.tick(plans, 2, 5);
        assert!(plans <= phones, "starved");
    }
    assert_eq!(plans, 4, "7 lines / 2 places, rounded up");
}

/// A program that takes thousands at once leaves the people their places.
#[test]
fn a_flooded_webhook_takes_no_place_from_a_person() {
    let mut world = World::new((0..5000).map(|n| due(n, Channel::Webhook, "hook", Severity::Critical, 0)).collect());
    world.waiting.push(call(9999, "ann", Severity::Info, 0));
    world.tick(1, 2, 5);
    assert_eq!(world.sent, ["n0", "n9999"]);
}

fn any_due() -> impl Strategy<Value = Due> {
    let severity = prop::sample::select(Severity::ALL.to_vec());
    let channel = prop::sample::select(Channel::ALL.to_vec());
    (0..40_i64, channel, 0..3_u8, severity, 0..3600_i64).prop_map(|(incident, channel, line, severity, second)| {
        due(incident, channel, &format!("line{line}"), severity, second)
    })
}

/// Up to so many, each with its own id.
fn any_storm(count: usize) -> impl Strategy<Value = Vec<Due>> {
    prop::collection::vec(any_due(), 0..count).prop_map(|mut storm| {
        storm.iter_mut().enumerate().for_each(|(n, due)| due.id = format!("n{n}"));
        storm
    })
}

fn any_line() -> impl Strategy<Value = Line> {
    let sends = prop::collection::vec(-4000..4000_i64, 0..60);
    (prop::option::of(-100..400_i64), sends).prop_map(|(busy_until, mut sends)| {
        sends.sort_unstable();
        Line { busy_until: busy_until.map(at), sent_at: sends.into_iter().map(at).collect() }
    })
}

proptest! {
    #[test]
    fn everything_due_is_sent_exactly_once(
        storm in any_storm(150), limit in 1..5_usize, pause in 5..40_i64, takes in 0..200_i64,
    ) {
        let ids: BTreeSet<String> = storm.iter().map(|due| due.id.clone()).collect();
        let mut world = World::new(storm);
        let mut second = 0;
        while !world.waiting.is_empty() {
            prop_assert!(second < 86_400, "still waiting: {:?}", world.waiting);
            world.tick(second, limit, takes);
            second += pause;
        }
        world.check_budgets();
        prop_assert_eq!(world.sent.len(), ids.len());
        prop_assert_eq!(world.sent.into_iter().collect::<BTreeSet<_>>(), ids);
    }

    /// Sixty notifications come one by one, so that the hourly budget of a phone is what they wait for.
    #[test]
    fn no_hour_has_more_calls_than_its_budget(gaps in prop::collection::vec(0..150_i64, 60), takes in 0..90_i64) {
        let mut waiting = Vec::new();
        let mut second = 0;
        for (n, gap) in (0..).zip(gaps) {
            second += gap;
            waiting.push(call(n, "ann", Severity::Error, second));
        }
        let mut world = World::new(waiting);
        let mut second = 0;
        while !world.waiting.is_empty() {
            prop_assert!(second < 86_400, "still waiting: {:?}", world.waiting);
            world.tick(second, 1, takes);
            second += 7;
        }
        world.check_budgets();
        prop_assert_eq!(world.sent.len(), 60);
    }

    #[test]
    fn the_order_of_the_input_does_not_matter(
        (storm, shuffled) in any_storm(60).prop_flat_map(|storm| (Just(storm.clone()), Just(storm).prop_shuffle())),
        line in any_line(), limit in 0..9_usize,
    ) {
        let known = |_: Channel, address: &str| (address == "line0").then_some(&line);
        prop_assert_eq!(plan(&storm, known, at(0), limit), plan(&shuffled, known, at(0), limit));
    }

    /// Whatever a line remembers, waiting until it says it is free is enough, and it is never for more than an hour.
    #[test]
    fn a_line_is_free_when_it_says_so(line in any_line()) {
        for channel in Channel::ALL {
            let budget = Budget::of(channel);
            let free = line.free_at(&budget, at(0));
            prop_assert!(free >= at(0) && free <= at(3600));
            prop_assert_eq!(line.room(&budget, at(0)) > 0, free == at(0));
            let past = Line { sent_at: line.past(at(0)).to_vec(), ..line.clone() };
            prop_assert_eq!(past.free_at(&budget, free), free);
        }
    }
}
