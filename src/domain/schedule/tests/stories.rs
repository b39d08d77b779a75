//! Whole years of teams.

use std::collections::BTreeMap;

use super::*;

/// Main and sub are two schedules: the same people, one turn apart.
fn main_and_sub(people: &[&str]) -> [Schedule; 2] {
    let mut shifted = people.to_vec();
    shifted.rotate_left(1);
    [people.to_vec(), shifted]
        .map(|turns| schedule("Asia/Tokyo", vec![layer("base", "2026-01-05T10:00", "1 week", &turns)]))
}

/// Walks through a year, from one change of either schedule to the next, and counts the seconds each pair has.
fn pairs(schedules: &[Schedule; 2]) -> BTreeMap<(String, String), i64> {
    let [from, to] = ["2026-01-05T10:00", "2027-01-05T10:00"].map(|text| at(&schedules[0], text));
    let mut seconds = BTreeMap::new();
    let mut now = from;
    while now < to {
        let [main, sub] = schedules.each_ref().map(|schedule| schedule.on_call(&[], now));
        assert_eq!((main.len(), sub.len()), (1, 1), "at {now}");
        let next =
            schedules.iter().filter_map(|schedule| schedule.next_handoff(&[], now)).map(|handoff| handoff.at).min();
        let end = next.unwrap_or(to).min(to);
        *seconds.entry((main[0].user.clone(), sub[0].user.clone())).or_default() += end.as_second() - now.as_second();
        now = end;
    }
    seconds
}

#[test]
fn main_and_sub_are_two_people_at_every_instant_of_a_year() {
    let schedules = main_and_sub(&["ann", "bob", "cid"]);
    let seconds = pairs(&schedules);
    let names: Vec<_> = seconds.keys().map(|(main, sub)| format!("{main}/{sub}")).collect();
    assert_eq!(names, ["ann/bob", "bob/cid", "cid/ann"]);
    assert_eq!(seconds.values().sum::<i64>(), 365 * 24 * 60 * 60);
}

#[test]
fn at_the_turn_of_the_year_the_holiday_layer_has_other_people() {
    let mut schedules = main_and_sub(&["ann", "bob", "cid"]);
    for (schedule, turns) in schedules.iter_mut().zip([["kim", "lee"], ["lee", "kim"]]) {
        let mut holidays = layer("holidays", "2026-01-01T00:00", "1 day", &turns);
        holidays.holidays = HolidayRule::Only;
        schedule.layers.push(holidays);
        let days = ["2026-12-29", "2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02", "2027-01-03"];
        schedule.holidays = days.iter().map(|day| day.parse().unwrap()).collect();
        schedule.check().unwrap();
    }
    for ((main, sub), _) in pairs(&schedules) {
        assert_ne!(main, sub);
        assert_eq!(["kim", "lee"].contains(&main.as_str()), ["kim", "lee"].contains(&sub.as_str()));
    }
    let expected = [
        "Mon 28 Dec 10:00 - Tue 29 Dec 00:00 ann (base)",
        "Tue 29 Dec 00:00 - Wed 30 Dec 00:00 kim (holidays)",
        "Wed 30 Dec 00:00 - Thu 31 Dec 00:00 lee (holidays)",
        "Thu 31 Dec 00:00 - Fri 01 Jan 00:00 kim (holidays)",
        "Fri 01 Jan 00:00 - Sat 02 Jan 00:00 lee (holidays)",
        "Sat 02 Jan 00:00 - Sun 03 Jan 00:00 kim (holidays)",
        "Sun 03 Jan 00:00 - Mon 04 Jan 00:00 lee (holidays)",
        "Mon 04 Jan 00:00 - Mon 04 Jan 10:00 ann (base)",
        "Mon 04 Jan 10:00 - Tue 05 Jan 10:00 bob (base)",
    ];
    assert_eq!(lines(&schedules[0], &[], "2026-12-28T10:00", "2027-01-05T10:00"), expected);
}
