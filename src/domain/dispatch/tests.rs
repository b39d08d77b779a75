//! Tables first, then stories: lines over hours, with a clock that only the test moves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use proptest::prelude::*;

use super::*;

mod stories;

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn due(incident: i64, channel: Channel, address: &str, severity: Severity, second: i64) -> Due {
    let id = format!("n{incident}");
    Due { id, incident, channel, address: address.to_owned(), severity, due_at: at(second) }
}

fn call(incident: i64, address: &str, severity: Severity, second: i64) -> Due {
    due(incident, Channel::Voice, address, severity, second)
}

/// "address: id id", bundle by bundle, over lines never sent to.
fn planned(due: &[Due], limit: usize) -> Vec<String> {
    told(&plan(due, |_, _| None, at(1000), limit))
}

fn told(bundles: &[Bundle<'_>]) -> Vec<String> {
    let ids = |bundle: &Bundle<'_>| bundle.due.iter().map(|due| due.id.as_str()).collect::<Vec<_>>().join(" ");
    bundles.iter().map(|bundle| format!("{}: {}", bundle.address, ids(bundle))).collect()
}

#[test]
fn nothing_due_is_no_bundle_and_no_place_is_none_either() {
    assert!(planned(&[], 9).is_empty());
    for channel in Channel::ALL {
        assert!(planned(&[due(1, channel, "ann", Severity::Critical, 0)], 0).is_empty());
    }
}

#[test]
fn one_call_tells_of_everything_worst_first_then_oldest_incident() {
    let due = [
        call(5, "ann", Severity::Info, 0),
        call(4, "ann", Severity::Critical, 9),
        call(3, "ann", Severity::Warning, 1),
        call(2, "ann", Severity::Critical, 11),
        call(1, "ann", Severity::Error, 12),
    ];
    assert_eq!(planned(&due, 9), ["ann: n2 n4 n1 n3 n5"]);
}

#[test]
fn bundles_go_by_severity_then_by_waiting_then_by_line() {
    let due = [
        call(1, "ann", Severity::Warning, 0),
        call(2, "bob", Severity::Error, 30),
        call(3, "cid", Severity::Error, 40),
        call(4, "cid", Severity::Info, 20),
        due(5, Channel::Console, "ann", Severity::Warning, 0),
        call(6, "dee", Severity::Critical, 50),
    ];
    let all = ["dee: n6", "cid: n3 n4", "bob: n2", "ann: n1", "ann: n5"];
    assert_eq!(planned(&due, 9), all);
    assert_eq!(planned(&due, 2), all[..2]);
}

#[test]
fn channels_to_the_same_address_are_lines_of_their_own() {
    let due = [call(1, "x", Severity::Error, 0), due(2, Channel::Console, "x", Severity::Error, 0)];
    assert_eq!(planned(&due, 9), ["x: n1", "x: n2"]);
}

#[test]
fn a_program_gets_each_notification_alone_and_others_have_their_first_before_its_second() {
    let due = [
        due(1, Channel::Webhook, "hook", Severity::Critical, 0),
        due(2, Channel::Webhook, "hook", Severity::Critical, 1),
        due(3, Channel::Webhook, "hook", Severity::Info, 0),
        due(4, Channel::Webhook, "link", Severity::Error, 0),
        call(5, "ann", Severity::Warning, 9),
    ];
    let all = ["hook: n1", "link: n4", "ann: n5", "hook: n2", "hook: n3"];
    assert_eq!(planned(&due, 9), all);
    assert_eq!(planned(&due, 3), all[..3]);
}

#[test]
fn a_bundle_is_full_at_its_most_and_holds_the_worst() {
    let mut storm: Vec<Due> = (0..BUNDLE_MAX as i64).map(|n| call(n, "ann", Severity::Warning, n)).collect();
    storm.push(call(9999, "ann", Severity::Critical, 9999));
    let bundles = plan(&storm, |_, _| None, at(0), 9);
    assert_eq!((bundles.len(), bundles[0].due.len()), (1, BUNDLE_MAX));
    assert_eq!((bundles[0].due[0].incident, bundles[0].due[1].incident), (9999, 0));
    assert!(bundles[0].due.iter().all(|due| due.incident != BUNDLE_MAX as i64 - 1), "the youngest waits");
}

#[test]
fn an_incident_due_twice_goes_with_both_ids_and_counts_once() {
    let mut due = [
        call(7, "ann", Severity::Critical, 0),
        call(3, "ann", Severity::Error, 0),
        call(7, "ann", Severity::Error, 5),
        call(3, "ann", Severity::Error, 0),
    ];
    due[2].id = "again".to_owned();
    due[3].id = "n2".to_owned();
    let bundles = plan(&due, |_, _| None, at(9), 9);
    assert_eq!(told(&bundles), ["ann: n7 n2 n3 again"]);
    assert_eq!(bundles[0].incidents(), [7, 3]);
}

#[test]
fn a_busy_line_waits_and_one_that_ended_waits_for_its_spacing() {
    let due = [call(1, "ann", Severity::Critical, 0)];
    let mut line = Line::default();
    let goes = |line: &Line, second| !plan(&due, |_, _| Some(line), at(second), 9).is_empty();
    assert!(goes(&line, 100));
    line.sent(at(100), at(190));
    assert!(!goes(&line, 100) && !goes(&line, 160) && !goes(&line, 189));
    assert!(goes(&line, 190), "nobody said that it ended");
    line.ended();
    assert!(!goes(&line, 159), "a worse one does not break the spacing");
    assert!(goes(&line, 160));
}

#[test]
fn a_program_is_never_busy() {
    let hooks =
        [due(1, Channel::Webhook, "hook", Severity::Info, 0), due(2, Channel::Webhook, "hook", Severity::Info, 0)];
    let mut line = Line::default();
    line.sent(at(100), at(190));
    assert_eq!(told(&plan(&hooks, |_, _| Some(&line), at(100), 9)), ["hook: n1", "hook: n2"]);
}

#[test]
fn when_a_line_is_free() {
    let voice = Budget::of(Channel::Voice);
    let minutes = |count: i64| (0..count).map(|n| at(n * 60)).collect::<Vec<_>>();
    // busy until, sends, now, free at
    let table: [(Option<i64>, Vec<Timestamp>, i64, i64); 13] = [
        (None, vec![], 50, 50),
        (Some(40), vec![], 50, 50),
        (Some(80), vec![], 50, 80),
        (None, vec![at(0)], 50, 60),
        (None, vec![at(0)], 61, 61),
        (Some(55), vec![at(0)], 50, 60),
        (None, minutes(9), 540, 540),
        // The tenth within an hour: from here on the spacing is wide.
        (None, minutes(10), 600, 840),
        (None, minutes(19), 1140, 1380),
        (None, minutes(20), 1200, 3600),
        (None, minutes(21), 1260, 3660),
        (None, minutes(20), 3600, 3600),
        // More than it should hold: the twentieth from the end counts.
        (None, minutes(50), 3000, 5400),
    ];
    for (busy_until, sent_at, now, free) in table {
        let line = Line { busy_until: busy_until.map(at), sent_at };
        assert_eq!(line.free_at(&voice, at(now)), at(free), "{line:?} at {now}");
    }
}

#[test]
fn a_clock_that_goes_back_silences_no_line() {
    let due = [call(1, "ann", Severity::Critical, 0)];
    for back in [1, 59, 60, 61, 600, 3600, 86_400] {
        let line = Line { busy_until: None, sent_at: vec![at(200_000)] };
        let (mut blocked, mut longest) = (0, 0);
        for second in 200_000 - back..200_200 {
            let goes = !plan(&due, |_, _| Some(&line), at(second), 9).is_empty();
            blocked = if goes { 0 } else { blocked + 1 };
            longest = longest.max(blocked);
        }
        assert!(longest <= 60, "{back} s back: blocked for {longest} s");
    }
}

#[test]
fn after_the_clock_went_back_the_future_is_forgotten() {
    let mut line = Line { busy_until: Some(at(9000)), sent_at: vec![at(100), at(5000), at(8990)] };
    assert_eq!(line.free_at(&Budget::of(Channel::Voice), at(1000)), at(1000), "a mark too far ahead is not believed");
    line.sent(at(1000), at(99_000));
    assert_eq!(line, Line { busy_until: Some(at(1600)), sent_at: vec![at(100), at(1000)] });
}

#[test]
fn a_line_forgets_what_is_an_hour_old_and_stays_bounded() {
    let mut line = Line::default();
    line.sent(at(0), at(0));
    line.sent(at(3599), at(3599));
    assert_eq!(line.sent_at.len(), 2);
    line.sent(at(3600), at(3600));
    assert_eq!(line.sent_at, [at(3599), at(3600)]);
    (0..5000).for_each(|_| line.sent(at(3601), at(3601)));
    assert_eq!(line.sent_at.len(), SENT_MAX);
}

#[test]
fn what_a_line_remembers_is_enough_for_every_budget() {
    for channel in Channel::ALL {
        let budget = Budget::of(channel);
        assert!(budget.hourly().is_none_or(|most| most <= SENT_MAX) && budget.spacing <= HOUR, "{channel:?}");
    }
}

#[test]
fn a_budget_without_bundles_still_counts() {
    let budget = |per_hour| Budget { per_hour, ..Budget::of(Channel::Webhook) };
    let mut line = Line::default();
    assert_eq!((budget(3).at_once(), budget(0).at_once(), budget(10_000).at_once()), (3, 1, SENT_MAX));
    line.sent(at(0), at(0));
    line.sent(at(10), at(10));
    assert_eq!(
        (line.room(&budget(3), at(10)), line.room(&budget(2), at(10)), line.room(&budget(0), at(10))),
        (1, 0, 0)
    );
    assert_eq!((line.room(&budget(3), at(3600)), line.room(&budget(2), at(3600))), (2, 1));
    let spaced = Budget { spacing: SignedDuration::from_secs(5), ..budget(u32::MAX) };
    assert_eq!((line.room(&spaced, at(14)), line.room(&spaced, at(15))), (0, 1));
}

#[test]
fn the_ends_of_time_do_not_panic() {
    let budget = Budget { spacing: SignedDuration::MAX, ..Budget::of(Channel::Console) };
    let mut line = Line::default();
    for now in [Timestamp::MAX, Timestamp::MIN, Timestamp::MAX] {
        line.sent(now, Timestamp::MAX);
        assert_eq!(line.free_at(&budget, now), Timestamp::MAX);
        plan(&[call(1, "ann", Severity::Info, 0)], |_, _| Some(&line), now, usize::MAX);
    }
}
