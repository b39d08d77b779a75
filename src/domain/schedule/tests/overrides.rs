//! Who takes over from whom.

use super::*;

fn pair() -> Schedule {
    schedule("Europe/Berlin", vec![layer("base", "2026-03-02T09:00", "1 day", &["ann+bob", "cid"])])
}

#[test]
fn an_override_takes_everything_and_fills_gaps() {
    let mut schedule = pair();
    schedule.layers[0].only = Some(windows(&["daily 09:00-17:00"]));
    let overrides = [over(&schedule, "o1", "zoe", None, "2026-03-02T16:00", "2026-03-02T20:00")];
    let expected = [
        "Mon 02 Mar 09:00 - Mon 02 Mar 16:00 ann (base)",
        "Mon 02 Mar 09:00 - Mon 02 Mar 16:00 bob (base)",
        "Mon 02 Mar 16:00 - Mon 02 Mar 20:00 zoe (o1)",
        "Tue 03 Mar 09:00 - Tue 03 Mar 10:00 cid (base)",
    ];
    assert_eq!(lines(&schedule, &overrides, "2026-03-02T00:00", "2026-03-03T10:00"), expected);
}

#[test]
fn a_swap_takes_one_persons_shifts_and_leaves_the_others() {
    let schedule = pair();
    let overrides = [over(&schedule, "o1", "zoe", Some("ann"), "2026-03-02T12:00", "2026-03-04T12:00")];
    let expected = [
        "Mon 02 Mar 09:00 - Mon 02 Mar 12:00 ann (base)",
        "Mon 02 Mar 09:00 - Tue 03 Mar 09:00 bob (base)",
        "Mon 02 Mar 12:00 - Tue 03 Mar 09:00 zoe (o1)",
        "Tue 03 Mar 09:00 - Wed 04 Mar 09:00 cid (base)",
        "Wed 04 Mar 09:00 - Wed 04 Mar 14:00 bob (base)",
        "Wed 04 Mar 09:00 - Wed 04 Mar 12:00 zoe (o1)",
        "Wed 04 Mar 12:00 - Wed 04 Mar 14:00 ann (base)",
    ];
    assert_eq!(lines(&schedule, &overrides, "2026-03-02T00:00", "2026-03-04T14:00"), expected);
}

#[test]
fn the_newest_override_wins() {
    let schedule = pair();
    let day = |id, user, replaces| over(&schedule, id, user, replaces, "2026-03-02T09:00", "2026-03-03T09:00");
    #[track_caller]
    fn check(schedule: &Schedule, overrides: &[Override], expected: &str) {
        assert_eq!(who(schedule, overrides, "2026-03-02T12:00"), expected);
    }
    check(&schedule, &[day("1", "yul", None), day("2", "zoe", None)], "zoe");
    check(&schedule, &[day("1", "yul", Some("ann")), day("2", "zoe", None)], "zoe");
    // Two people were found for ann, one after the other.
    check(&schedule, &[day("1", "yul", Some("ann")), day("2", "zoe", Some("ann"))], "bob+zoe");
    // Who took a shift over gives it away.
    check(&schedule, &[day("1", "yul", Some("ann")), day("2", "zoe", Some("yul"))], "bob+zoe");
    // And back again.
    check(&schedule, &[day("1", "yul", Some("ann")), day("2", "ann", Some("yul"))], "ann+bob");
    // Nothing is left of ann's shift that could be swapped.
    check(&schedule, &[day("1", "yul", None), day("2", "zoe", Some("ann"))], "yul");
    // Nobody is on call twice; who is there anyway is so by the schedule.
    check(&schedule, &[day("1", "bob", Some("ann"))], "bob");
    let on_call = schedule.on_call(&[day("1", "bob", Some("ann"))], at(&schedule, "2026-03-02T12:00"));
    assert_eq!(on_call[0].source, Source::Layer("base".to_owned()));
    // Somebody who is not on call cannot be replaced.
    check(&schedule, &[day("1", "zoe", Some("cid"))], "ann+bob");
}

#[test]
fn an_override_that_ends_before_it_starts_is_none() {
    let schedule = pair();
    for to in ["2026-03-02T11:00", "2026-03-02T12:00"] {
        let overrides = [over(&schedule, "o1", "zoe", None, "2026-03-02T12:00", to)];
        assert_eq!(lines(&schedule, &overrides, "2026-03-02T00:00", "2026-03-03T00:00").len(), 2);
        assert_eq!(who(&schedule, &overrides, "2026-03-02T12:00"), "ann+bob");
    }
}
