//! Layers for holidays and layers that rest on them.

use super::*;

fn with_holidays(zone: &str, rule: HolidayRule, days: &[&str]) -> Schedule {
    let mut base = layer("base", "2026-01-01T09:00", "1 day", &["ann", "bob"]);
    base.holidays = rule;
    let mut schedule = schedule(zone, vec![base]);
    schedule.holidays = days.iter().map(|day| day.parse().unwrap()).collect();
    schedule
}

#[test]
fn a_holiday_goes_from_midnight_to_midnight() {
    let days = ["2026-12-25", "2026-12-26"];
    let only = with_holidays("Europe/Berlin", HolidayRule::Only, &days);
    let expected = [
        "Fri 25 Dec 00:00 - Fri 25 Dec 09:00 bob (base)",
        "Fri 25 Dec 09:00 - Sat 26 Dec 09:00 ann (base)",
        "Sat 26 Dec 09:00 - Sun 27 Dec 00:00 bob (base)",
    ];
    assert_eq!(lines(&only, &[], "2026-12-20T00:00", "2026-12-31T00:00"), expected);
    let except = with_holidays("Europe/Berlin", HolidayRule::Except, &days);
    let gaps = except.gaps(&[], at(&except, "2026-12-20T00:00"), at(&except, "2026-12-31T00:00"));
    assert_eq!(gaps, [(at(&except, "2026-12-25T00:00"), at(&except, "2026-12-27T00:00"))]);
    let ignore = with_holidays("Europe/Berlin", HolidayRule::Ignore, &days);
    assert_eq!(ignore.gaps(&[], at(&ignore, "2026-12-20T00:00"), at(&ignore, "2026-12-31T00:00")), []);
}

#[test]
fn a_holiday_with_a_change_of_the_clock_at_midnight_is_whole() {
    // Beirut has no 00:00 that day, Havana has it twice, and twice that belongs to the holiday.
    let beirut = with_holidays("Asia/Beirut", HolidayRule::Only, &["2026-03-29"]);
    let shifts = beirut.shifts(&[], at(&beirut, "2026-03-20T00:00"), at(&beirut, "2026-04-05T00:00"));
    assert_eq!(shifts[0].starts_at, at(&beirut, "2026-03-28T22:00Z"));
    assert_eq!(shifts[1].ends_at, at(&beirut, "2026-03-30T00:00"));
    for (day, from, to) in [
        ("2026-11-01", "2026-11-01T04:00Z", "2026-11-02T05:00Z"),
        ("2026-10-31", "2026-10-31T04:00Z", "2026-11-01T05:00Z"),
    ] {
        let havana = with_holidays("America/Havana", HolidayRule::Only, &[day]);
        let shifts = havana.shifts(&[], at(&havana, "2026-10-20T00:00"), at(&havana, "2026-11-05T00:00"));
        assert_eq!((shifts[0].starts_at, shifts[1].ends_at), (at(&havana, from), at(&havana, to)));
        let except = with_holidays("America/Havana", HolidayRule::Except, &[day]);
        let gaps = except.gaps(&[], at(&havana, "2026-10-20T00:00"), at(&havana, "2026-11-05T00:00"));
        assert_eq!(gaps, [(at(&havana, from), at(&havana, to))]);
    }
}
