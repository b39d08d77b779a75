use proptest::prelude::*;

use super::expression::tests::{expression, expressions};
use super::timetable::tests::{ZONES, zone};
use super::*;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

fn every(period: SignedDuration, grace: SignedDuration) -> Heartbeat {
    Heartbeat { name: "backup".to_owned(), expected: Expected::Every(period), grace }
}

fn cron(text: &str, zone_name: &str, grace: SignedDuration) -> Heartbeat {
    let expected = Expected::Cron { expression: expression(text), zone: zone(zone_name) };
    Heartbeat { name: "backup".to_owned(), expected, grace }
}

fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Declared on 1 June 2026 at 12:00 UTC; `last` and the deadline are on 2 June or later, "dd hh:mm".
#[track_caller]
fn check(heartbeat: &Heartbeat, cases: &[(&str, &str)]) {
    let june = |text: &str| instant(&format!("2026-06-{}:00Z", text.replace(' ', "T")));
    for (last, deadline) in cases {
        let last = (!last.is_empty()).then(|| june(last));
        assert_eq!(heartbeat.deadline(june("01 12:00"), last), Some(june(deadline)), "{last:?}");
    }
}

#[test]
fn every_counts_from_the_last_arrival_or_from_the_declaration() {
    check(&every(24 * HOUR, HOUR), &[("", "02 13:00"), ("01 11:00", "02 13:00"), ("02 03:10", "03 04:10")]);
    let shortest = every(SignedDuration::MIN, -HOUR);
    let since = instant("2026-06-01T12:00:00Z");
    assert_eq!(shortest.deadline(since, None), Some(since + SHORTEST_PERIOD));
}

#[test]
fn an_arrival_counts_for_the_expected_time_it_is_nearest_to() {
    let daily = cron("0 3 * * *", "UTC", HOUR);
    check(
        &daily,
        &[
            // Nothing arrived: the first expected time.
            ("", "02 04:00"),
            // Before the declaration, or too early for the first one.
            ("01 03:00", "02 04:00"),
            ("02 01:59", "02 04:00"),
            // A little early, in time, late, very late: it counts for 2 June.
            ("02 02:00", "03 04:00"),
            ("02 03:00", "03 04:00"),
            ("02 04:30", "03 04:00"),
            ("03 01:59", "03 04:00"),
            ("03 02:00", "04 04:00"),
        ],
    );
    // With a long grace, half the distance to the expected time before is the most it may be early.
    let hourly = cron("@hourly", "UTC", 3 * HOUR);
    check(&hourly, &[("", "01 16:00"), ("02 01:29", "02 05:00"), ("02 01:30", "02 06:00"), ("02 02:00", "02 06:00")]);
    let strict = cron("@hourly", "UTC", SignedDuration::ZERO);
    check(&strict, &[("02 01:59", "02 02:00"), ("02 02:00", "02 03:00")]);
}

#[test]
fn several_missed_in_a_row_are_one_missing_since_the_first() {
    let daily = cron("0 3 * * *", "Europe/Berlin", HOUR / 2);
    let since = instant("2026-06-01T12:00:00Z");
    let last = instant("2026-06-02T01:05:00Z");
    let deadline = instant("2026-06-03T01:30:00Z");
    let at = |now: &str| daily.standing(since, Some(last), instant(now));
    let present = Standing::Present { last, next_deadline: Some(deadline) };
    assert_eq!(at("2026-06-03T01:29:59Z"), present);
    assert_eq!(at("2026-06-03T01:30:00Z"), Standing::Missing { since: deadline });
    assert_eq!(at("2026-06-09T12:00:00Z"), Standing::Missing { since: deadline });
    let arrived = instant("2026-06-09T12:00:00Z");
    let next_deadline = Some(instant("2026-06-10T01:30:00Z"));
    assert_eq!(daily.standing(since, Some(arrived), arrived), Standing::Present { last: arrived, next_deadline });
    let waiting = Standing::Waiting { deadline: Some(instant("2026-06-02T01:30:00Z")) };
    assert_eq!(daily.standing(since, None, since), waiting);
}

#[test]
fn without_an_expected_time_left_it_is_never_missing() {
    for heartbeat in
        [every(SignedDuration::MAX, SignedDuration::MAX), cron("*/10 2 25-31 3 */7", "Europe/Berlin", HOUR)]
    {
        let since = instant("2026-06-01T12:00:00Z");
        let waiting = Standing::Waiting { deadline: None };
        assert_eq!(heartbeat.standing(since, None, Timestamp::MAX), waiting);
        let present = Standing::Present { last: since, next_deadline: None };
        assert_eq!(heartbeat.standing(since, Some(since), Timestamp::MAX), present);
    }
}

#[test]
fn in_words() {
    let cases = [
        (every(24 * HOUR, HOUR), "every 24h, grace 1h"),
        (every(90 * MINUTE, -HOUR), "every 1h 30m, grace 0s"),
        (cron("0 3 * * *", "Europe/Berlin", HOUR / 2), "at 03:00 daily Europe/Berlin, grace 30m"),
        (cron("15 6,18 * * *", "UTC", HOUR), "at 06:15 and 18:15 daily UTC, grace 1h"),
        (cron("0 3 * * mon-fri", "Asia/Tokyo", HOUR), "at the times of \"0 3 * * mon-fri\" Asia/Tokyo, grace 1h"),
    ];
    for (heartbeat, words) in cases {
        assert_eq!(heartbeat.describe(), words);
    }
    let fixed = Expected::Cron { expression: expression("@daily"), zone: TimeZone::fixed(jiff::tz::offset(-3)) };
    assert_eq!(fixed.to_string(), "at 00:00 daily UTC-03");
}

fn heartbeats() -> impl Strategy<Value = Heartbeat> {
    let seconds = prop_oneof![8 => 0..200_000_i64, 1 => any::<i64>()].prop_map(SignedDuration::from_secs);
    let named = proptest::sample::select(&ZONES[..]).prop_map(zone);
    let expected = prop_oneof![
        1 => seconds.clone().prop_map(Expected::Every),
        3 => (expressions(), named).prop_map(|(expression, zone)| Expected::Cron { expression, zone }),
    ];
    (expected, seconds).prop_map(|(expected, grace)| Heartbeat { name: "backup".to_owned(), expected, grace })
}

fn instants() -> impl Strategy<Value = Timestamp> {
    let near = (1_420_000_000..2_240_000_000_i64).prop_map(|second| Timestamp::from_second(second).unwrap());
    let any = (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second())
        .prop_map(|second| Timestamp::from_second(second).unwrap());
    prop_oneof![20 => near, 1 => any, 1 => Just(Timestamp::MIN), 1 => Just(Timestamp::MAX)]
}

fn is_missing(standing: Standing) -> bool {
    matches!(standing, Standing::Missing { .. })
}

/// A deadline that can be compared: never is later than any.
fn or_never(deadline: Option<Timestamp>) -> (bool, Option<Timestamp>) {
    (deadline.is_none(), deadline)
}

proptest! {
    #[test]
    fn a_later_arrival_never_brings_the_deadline_forward(
        heartbeat in heartbeats(), since in instants(), one in instants(), other in instants(),
        minutes in 0..3000_i64,
    ) {
        let soon_after = one.checked_add(MINUTE * i32::try_from(minutes).unwrap()).unwrap_or(Timestamp::MAX);
        for other in [other, soon_after] {
            let (earlier, later) = (one.min(other), one.max(other));
            let deadline = |last| or_never(heartbeat.deadline(since, last));
            prop_assert!(deadline(None) <= deadline(Some(earlier)));
            prop_assert!(deadline(Some(earlier)) <= deadline(Some(later)));
        }
    }

    #[test]
    fn the_standing_follows_from_the_deadline(
        heartbeat in heartbeats(), since in instants(), last in proptest::option::of(instants()), now in instants(),
    ) {
        let deadline = heartbeat.deadline(since, last);
        prop_assert!(deadline.is_none_or(|deadline| deadline > since && last.is_none_or(|last| deadline > last)));
        match heartbeat.standing(since, last, now) {
            Standing::Waiting { deadline: told } => {
                prop_assert!(last.is_none() && told == deadline && deadline.is_none_or(|deadline| now < deadline));
            }
            Standing::Present { last: told, next_deadline } => {
                prop_assert_eq!((Some(told), next_deadline), (last, deadline));
                prop_assert!(deadline.is_none_or(|deadline| now < deadline));
            }
            Standing::Missing { since: told } => {
                prop_assert_eq!(Some(told), deadline);
                prop_assert!(now >= told);
            }
        }
        if let Some(deadline) = deadline {
            let missing = Standing::Missing { since: deadline };
            prop_assert_eq!(heartbeat.standing(since, last, deadline), missing);
        }
        prop_assert!(!heartbeat.describe().is_empty());
    }

    #[test]
    fn what_arrives_is_not_missing_at_that_instant(heartbeat in heartbeats(), one in instants(), other in instants()) {
        let (since, now) = (one.min(other), one.max(other));
        prop_assert!(!is_missing(heartbeat.standing(since, Some(now), now)));
    }

    #[test]
    fn what_arrives_when_expected_is_never_missing(heartbeat in heartbeats(), since in instants()) {
        let (mut last, mut next) = (None, heartbeat.expected.first_after(since));
        for _ in 0..40 {
            let Some(expected) = next else { break };
            let just_before = expected - SignedDuration::from_nanos(1);
            for (last, now) in [(last, just_before), (Some(expected), expected)] {
                prop_assert!(!is_missing(heartbeat.standing(since, last, now)));
            }
            (last, next) = (Some(expected), heartbeat.expected.first_after(expected));
        }
    }
}
