//! Bugs that other on-call products had, each as a test named for it.

use super::*;

/// Both changes of the clock in Berlin in 2026, with some days around them.
const CHANGES: [(&str, &str); 2] = [("2026-03-27T12:00", "2026-04-02T12:00"), ("2026-10-23T12:00", "2026-10-29T12:00")];

#[test]
fn oncall_3261_and_2950_a_shift_kept_as_utc_or_fixed_offset_moves_by_an_hour() {
    let base = layer("base", "2025-12-01T09:00", "1 week", &["ann", "bob"]);
    let schedule = schedule("Europe/Berlin", vec![base]);
    let shifts = schedule.shifts(&[], at(&schedule, "2025-12-01T09:00"), at(&schedule, "2026-12-28T09:00"));
    assert_eq!(shifts.len(), 56);
    for shift in shifts {
        assert!(civil(&schedule, shift.starts_at).starts_with("Mon "));
        assert!(civil(&schedule, shift.starts_at).ends_with(" 09:00"));
        assert!(civil(&schedule, shift.ends_at).ends_with(" 09:00"));
    }
}

#[test]
fn oncall_5247_5455_and_4103_a_duration_in_place_of_an_end_makes_gaps_and_overlaps() {
    let mut day = layer("day", "2026-01-01T09:00", "1 day", &["ann", "bob"]);
    day.only = Some(windows(&["daily 09:00-21:00"]));
    let mut night = layer("night", "2026-01-01T21:00", "1 day", &["cid", "dan"]);
    night.only = Some(windows(&["daily 21:00-09:00"]));
    let restricted = schedule("Europe/Berlin", vec![day, night]);
    let halves = layer("halves", "2026-01-01T09:00", "12h", &["ann", "bob", "cid"]);
    let rotated = schedule("Europe/Berlin", vec![halves]);
    for schedule in [restricted, rotated] {
        for (from, to) in CHANGES.map(|(from, to)| (at(&schedule, from), at(&schedule, to))) {
            assert_eq!(schedule.gaps(&[], from, to), []);
            let shifts = schedule.shifts(&[], from, to);
            assert_eq!(shifts.len(), 13);
            for pair in shifts.windows(2) {
                assert_eq!(pair[0].ends_at, pair[1].starts_at);
                let time = civil(&schedule, pair[1].starts_at);
                assert!(time.ends_with("09:00") || time.ends_with("21:00"), "{time}");
            }
        }
    }
}

#[test]
fn oncall_4197_daily_and_weekly_rotations_roll_by_the_days_of_the_zone() {
    for name in ["Pacific/Kiritimati", "Asia/Kolkata", "America/Los_Angeles", "Pacific/Pago_Pago"] {
        let daily = schedule(
            name,
            vec![layer("base", "2026-03-02T00:00", "1 day", &["mon", "tue", "wed", "thu", "fri", "sat", "sun"])],
        );
        let weekly = schedule(name, vec![layer("base", "2026-03-02T00:00", "1 week", &["even", "odd"])]);
        for (day, user) in [("16", "mon"), ("17", "tue"), ("21", "sat"), ("22", "sun"), ("23", "mon")] {
            for time in ["00:00:00", "23:59:59"] {
                assert_eq!(who(&daily, &[], &format!("2026-03-{day}T{time}")), user, "{name}");
            }
        }
        for (time, user) in [("15T23:59:59", "odd"), ("16T00:00", "even"), ("22T23:59:59", "even"), ("23T00:00", "odd")]
        {
            assert_eq!(who(&weekly, &[], &format!("2026-03-{time}")), user, "{name}");
        }
    }
}

#[test]
fn goalert_512_a_time_of_day_is_the_same_in_the_week_after_the_change() {
    let mut base = layer("base", "2026-01-05T08:00", "1 week", &["ann"]);
    base.only = Some(windows(&["daily 08:00-16:30"]));
    let schedule = schedule("America/New_York", vec![base]);
    for (from, to) in [("2026-03-07T00:00", "2026-03-16T00:00"), ("2026-10-31T00:00", "2026-11-09T00:00")] {
        let lines = lines(&schedule, &[], from, to);
        assert_eq!(lines.len(), 9);
        for line in lines {
            assert!(line.contains(" 08:00 - ") && line.contains(" 16:30 ann"), "{line}");
        }
    }
}

#[test]
fn oneuptime_1890_the_date_of_the_first_handoff_has_no_offset_of_its_own() {
    // The same rotation, written down in winter and in summer, in the middle of the repeated hour and of the gap.
    for starts in ["2025-12-03T02:30", "2026-07-01T02:30", "2025-10-26T02:30", "2025-03-30T02:30"] {
        let schedule = schedule("Europe/Berlin", vec![layer("base", starts, "1 day", &["ann", "bob"])]);
        for day in ["2026-08-20", "2026-11-15", "2027-03-27", "2027-03-29"] {
            let [before, after] = ["02:29:59", "02:30"].map(|time| who(&schedule, &[], &format!("{day}T{time}")));
            assert_ne!(before, after, "{starts} {day}");
        }
    }
}

#[test]
fn a_handoff_in_the_repeated_hour_is_at_its_first_occurrence() {
    let schedule = schedule("Europe/Berlin", vec![layer("base", "2026-10-24T02:30", "1 day", &["ann", "bob"])]);
    let handoff = at(&schedule, "2026-10-25T00:30Z");
    assert_eq!(schedule.next_handoff(&[], at(&schedule, "2026-10-24T12:00")).unwrap().at, handoff);
    // 02:10 for the second time: still bob.
    assert_eq!(who(&schedule, &[], "2026-10-25T00:29:59Z"), "ann");
    assert_eq!(who(&schedule, &[], "2026-10-25T01:10Z"), "bob");
}

#[test]
fn hours_are_those_of_the_clock_on_the_wall() {
    let hourly = layer("base", "2026-01-01T00:00", "1h", &["0", "1", "2", "3", "4", "5"]);
    let schedule = schedule("Europe/Berlin", vec![hourly]);
    let spring = [
        "Sun 29 Mar 01:00 - Sun 29 Mar 03:00 1 (base)",
        "Sun 29 Mar 03:00 - Sun 29 Mar 04:00 3 (base)",
        "Sun 29 Mar 04:00 - Sun 29 Mar 05:00 4 (base)",
    ];
    assert_eq!(lines(&schedule, &[], "2026-03-29T01:00", "2026-03-29T05:00"), spring);
    // Two hours long.
    let autumn = ["Sun 25 Oct 02:00 - Sun 25 Oct 03:00 2 (base)", "Sun 25 Oct 03:00 - Sun 25 Oct 04:00 3 (base)"];
    assert_eq!(lines(&schedule, &[], "2026-10-25T00:00Z", "2026-10-25T04:00"), autumn);
    assert_eq!(who(&schedule, &[], "2026-10-25T01:59:59Z"), "2");
}

#[test]
fn a_day_that_never_was_skips_its_turn() {
    // Samoa had no 30 December 2011.
    let schedule =
        schedule("Pacific/Apia", vec![layer("base", "2011-12-28T00:00", "1 day", &["28", "29", "30", "31"])]);
    let expected = [
        "Wed 28 Dec 00:00 - Thu 29 Dec 00:00 28 (base)",
        "Thu 29 Dec 00:00 - Sat 31 Dec 00:00 29 (base)",
        "Sat 31 Dec 00:00 - Sun 01 Jan 00:00 31 (base)",
    ];
    assert_eq!(lines(&schedule, &[], "2011-12-28T00:00", "2012-01-01T00:00"), expected);
}
