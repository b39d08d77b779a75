//! Recurrences: clock changes by name, what replaces what, and the whole grammar against another implementation.

use calcard::common::timezone::Tz;
use calcard::icalendar::ICalendar;
use proptest::prelude::*;

use super::*;

/// What is read from one event in Berlin.
fn check(lines: &str, from: &str, to: &str, expected: &[&str]) {
    let shown = shown(&around(lines), from, to, "Europe/Berlin");
    assert_eq!(shown.iter().map(|line| line.trim_end_matches(" x")).collect::<Vec<_>>(), expected, "{lines}");
}

const WEEK: &str = "DTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/Berlin:20260112T090000\n";

#[test]
fn a_weekly_handover_stays_at_nine_across_both_clock_changes() {
    let weekly = format!("{WEEK}RRULE:FREQ=WEEKLY;BYDAY=MO");
    check(&weekly, "2026-03-27", "2026-04-05", &["03-23 09:00..03-30 09:00", "03-30 09:00..04-06 09:00"]);
    check(&weekly, "2026-10-24", "2026-10-27", &["10-19 09:00..10-26 09:00", "10-26 09:00..11-02 09:00"]);
    let zone = zone("Europe/Berlin");
    let year = read(&around(&weekly), window("2026-01-05", "2027-01-04", &zone), &zone).unwrap();
    assert_eq!(year.events.len(), 52);
    for pair in year.events.windows(2) {
        assert_eq!(pair[0].end, pair[1].start, "no hour is uncovered, none covered twice");
    }
}

#[test]
fn times_that_a_clock_change_skips_or_repeats() {
    let night = "DTSTART;TZID=Europe/Berlin:20260328T023000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=2";
    check(night, "2026-03-28", "2026-03-31", &["03-28 02:30..03-28 03:30", "03-29 03:30..03-29 04:30"]);
    // 02:30 comes twice; the first counts, and an hour later it is 02:30 again.
    let night = "DTSTART;TZID=Europe/Berlin:20261025T023000\nDURATION:PT1H";
    check(night, "2026-10-25", "2026-10-26", &["10-25 02:30..10-25 02:30"]);
    // A duration's days are civil, its hours exact (RFC 5545, section 3.3.6).
    let night = "DTSTART;TZID=Europe/Berlin:20261024T220000\nDURATION:P1D";
    check(night, "2026-10-24", "2026-10-26", &["10-24 22:00..10-25 22:00"]);
    let night = "DTSTART;TZID=Europe/Berlin:20261024T220000\nDURATION:PT8H";
    check(night, "2026-10-24", "2026-10-26", &["10-24 22:00..10-25 05:00"]);
}

#[test]
fn a_rule_in_utc_moves_in_civil_time() {
    let utc = "DTSTART:20260322T080000Z\nDTEND:20260322T160000Z\nRRULE:FREQ=WEEKLY;COUNT=2";
    check(utc, "2026-03-01", "2026-04-30", &["03-22 09:00..03-22 17:00", "03-29 10:00..03-29 18:00"]);
}

#[test]
fn ends_of_series() {
    let none: &[&str] = &[];
    check(&format!("{WEEK}RRULE:FREQ=WEEKLY;COUNT=2"), "2026-01-20", "2026-03-01", none);
    check(&format!("{WEEK}RRULE:FREQ=WEEKLY;COUNT=2"), "2026-01-18", "2026-03-01", &["01-12 09:00..01-19 09:00"]);
    // UNTIL is inclusive: to the second, or the whole day.
    let last = &["01-12 09:00..01-19 09:00"];
    check(&format!("{WEEK}RRULE:FREQ=WEEKLY;UNTIL=20260112T080000Z"), "2026-01-13", "2026-03-01", last);
    check(&format!("{WEEK}RRULE:FREQ=WEEKLY;UNTIL=20260112T075959Z"), "2026-01-13", "2026-03-01", none);
    check(&format!("{WEEK}RRULE:FREQ=WEEKLY;UNTIL=20260112"), "2026-01-13", "2026-03-01", last);
    check(&format!("{WEEK}RRULE:FREQ=WEEKLY;UNTIL=20251231T235959Z"), "2026-01-01", "2026-03-01", none);
}

#[test]
fn weekdays_with_and_without_number_are_one_list() {
    let lines = "DTSTART:20260105T080000Z\nRRULE:FREQ=MONTHLY;BYDAY=MO,1TU";
    let starts = ["01-05", "01-06", "01-12", "01-19", "01-26", "02-02", "02-03", "02-09"];
    let expected = starts.map(|day| format!("{day} 09:00..{day} 09:00"));
    check(lines, "2026-01-01", "2026-02-15", &expected.each_ref().map(String::as_str));
    // The second of Monday and Tuesday is Tuesday, also in the week that the series begins in.
    let lines = "DTSTART:20260106T080000Z\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU;BYSETPOS=2";
    check(lines, "2026-01-01", "2026-01-15", &["01-06 09:00..01-06 09:00", "01-13 09:00..01-13 09:00"]);
}

#[test]
fn weeks_at_the_turn_of_the_year() {
    // 2020 and 2026 have a week 53, 2021 and 2027 have not.
    let starts = |rule: &str, first: &str| {
        let text = around(&format!("DTSTART;VALUE=DATE:{first}\nRRULE:FREQ=YEARLY;{rule}"));
        let calendar = read(&text, window("2020-12-01", "2029-12-01", &TimeZone::UTC), &TimeZone::UTC).unwrap();
        let day = |event: &CalendarEvent| match event.start {
            When::Day(day) => day.to_string(),
            When::Instant(instant) => instant.to_string(),
        };
        calendar.events.iter().map(day).collect::<Vec<_>>()
    };
    assert_eq!(starts("BYWEEKNO=53;BYDAY=SU", "20210103"), ["2021-01-03", "2027-01-03"]);
    assert_eq!(starts("BYWEEKNO=-1;BYDAY=SU;COUNT=3", "20210103"), ["2021-01-03", "2022-01-02", "2023-01-01"]);
    assert_eq!(starts("BYWEEKNO=1;COUNT=2", "20241230"), ["2024-12-30", "2025-12-29"]);
    assert_eq!(starts("BYWEEKNO=53;BYDAY=MO;WKST=WE", "20230102"), ["2023-01-02", "2029-01-01"]);
}

#[test]
fn dates_added_and_removed() {
    let base = "DTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/Berlin:20260105T170000\n";
    // A removed date may be in UTC, without zone, or a whole day.
    for removed in ["EXDATE:20260106T080000Z", "EXDATE:20260106T090000", "EXDATE;VALUE=DATE:20260106"] {
        let lines = format!("{base}RRULE:FREQ=DAILY;COUNT=3\n{removed}");
        check(&lines, "2026-01-01", "2026-02-01", &["01-05 09:00..01-05 17:00", "01-07 09:00..01-07 17:00"]);
    }
    let lines = format!("{base}RDATE;VALUE=PERIOD:20260110T110000Z/PT2H,20260111T110000Z/20260111T120000Z");
    let expected = &["01-05 09:00..01-05 17:00", "01-10 12:00..01-10 14:00", "01-11 12:00..01-11 13:00"];
    check(&lines, "2026-01-01", "2026-02-01", expected);
}

#[test]
fn series_with_the_same_start_do_not_mix() {
    let event = |uid: &str, rest: &str| format!("BEGIN:VEVENT\nUID:{uid}\nSUMMARY:{uid}\n{rest}\nEND:VEVENT\n");
    let text = format!(
        "BEGIN:VCALENDAR\n{}{}{}END:VCALENDAR\n",
        event("ann", "DTSTART:20260105T090000Z\nDURATION:PT8H\nRRULE:FREQ=DAILY;COUNT=2"),
        event("bob", "DTSTART:20260105T090000Z\nDURATION:PT8H\nRRULE:FREQ=DAILY;COUNT=2"),
        event("bob", "RECURRENCE-ID:20260106T090000Z\nDTSTART:20260106T120000Z\nDURATION:PT1H"),
    );
    let expected = [
        "01-05 09:00..01-05 17:00 ann",
        "01-05 09:00..01-05 17:00 bob",
        "01-06 09:00..01-06 17:00 ann",
        "01-06 12:00..01-06 13:00 bob",
    ];
    assert_eq!(shown(&text, "2026-01-01", "2026-02-01", "UTC"), expected);
}

#[test]
fn an_occurrence_moved_into_the_window_is_in_it() {
    let text = around("DTSTART:20260105T090000Z\nDURATION:PT1H\nRRULE:FREQ=YEARLY").replace(
        "END:VCALENDAR",
        "BEGIN:VEVENT\r\nUID:one\r\nSUMMARY:moved\r\nRECURRENCE-ID:20270105T090000Z\r\nDTSTART:20260301T090000Z\r\n\
         DURATION:PT1H\r\nEND:VEVENT\r\nEND:VCALENDAR",
    );
    assert_eq!(shown(&text, "2026-02-01", "2026-04-01", "UTC"), ["03-01 09:00..03-01 10:00 moved"]);
    assert_eq!(shown(&text, "2027-01-01", "2027-02-01", "UTC"), [""; 0]);
}

/// Rules of every kind, as text.
fn rules() -> impl Strategy<Value = String> {
    let list = |name: &'static str, values: Vec<&'static str>| {
        let some = prop::sample::subsequence(values.clone(), 1..=values.len().min(2))
            .prop_map(move |chosen| format!(";{name}={}", chosen.join(",")));
        prop_oneof![3 => Just(String::new()), 1 => some]
    };
    let frequency = prop::sample::select(vec!["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]);
    frequency.prop_flat_map(move |frequency| {
        let days = match frequency {
            // The other implementation takes "MO,1MO" for days that are both, so only days with numbers.
            "YEARLY" | "MONTHLY" => vec!["1MO", "-1FR", "2WE", "5SA", "3TH"],
            _ => vec!["MO", "TU", "FR", "SU"],
        };
        // Week numbers without days are read differently by the other implementation, and those at the turn of the
        // year wrongly: they have a test of their own.
        let weeks = if frequency == "YEARLY" { list("BYDAY", vec!["MO", "SU"]) } else { list("BYDAY", vec!["MO"]) };
        let by_week = (list("BYWEEKNO", vec!["10", "20", "-20"]), weeks)
            .prop_map(|(weeks, days)| if days.is_empty() { String::new() } else { weeks + &days });
        let by_day = list("BYDAY", days);
        let days = if frequency == "YEARLY" { prop_oneof![by_week, by_day].boxed() } else { by_day.boxed() };
        let month_days = if frequency == "WEEKLY" { vec!["1"] } else { vec!["1", "13", "29", "31", "-1", "-3"] };
        let year_days = if frequency == "YEARLY" { vec!["1", "100", "366", "-1"] } else { vec!["1"] };
        (
            1_u16..4,
            list("BYMONTH", vec!["1", "2", "6", "11"]),
            days,
            list("BYMONTHDAY", month_days),
            list("BYYEARDAY", year_days),
            list("BYHOUR", vec!["0", "9", "21"]),
            list("BYMINUTE", vec!["0", "30"]),
            list("BYSETPOS", vec!["1", "2", "-1"]),
            prop::sample::select(vec!["", ";WKST=SU", ";WKST=WE"]),
        )
            .prop_map(move |(interval, month, day, month_day, year_day, hour, minute, position, week)| {
                let month_day = if frequency == "WEEKLY" { "" } else { month_day.as_str() };
                let year_day = if frequency == "YEARLY" { year_day.as_str() } else { "" };
                let by = format!("{month}{day}{month_day}{year_day}{hour}{minute}");
                // In the first week, the other implementation counts positions from the start on, not from Monday.
                let position = if by.is_empty() || frequency == "WEEKLY" { "" } else { position.as_str() };
                format!("FREQ={frequency};INTERVAL={interval}{by}{position}{week}")
            })
    })
}

/// What the library's own expansion makes of a rule: the first `limit` starts.
fn by_the_library(start: &str, rule: &str, limit: usize) -> Vec<String> {
    let text = around(&format!("DTSTART:{start}\r\nDTEND:{start}\r\nRRULE:{rule}"));
    let expanded = ICalendar::parse(&text).unwrap().expand_dates(Tz::Floating, limit);
    expanded.events.iter().map(|event| event.start.format("%Y%m%dT%H%M%S").to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The library expands from the start only, and only so far; but there it is a second opinion.
    #[test]
    fn agrees_with_the_expansion_of_the_library(rule in rules(), day in 0_i64..3000, count in 1_usize..30) {
        let start = jiff::civil::date(2020, 1, 1).checked_add(jiff::Span::new().days(day)).unwrap().at(9, 0, 0, 0);
        // A start that is an occurrence; for others, the two differ by intent.
        let found = by_the_library(&start.strftime("%Y%m%dT%H%M%S").to_string(), &rule, 1);
        prop_assume!(!found.is_empty());
        let expected = by_the_library(&found[0], &rule, count);
        let last = expected.last().unwrap();
        let zone = TimeZone::UTC;
        let instant = |text: &str| {
            zone.to_timestamp(jiff::civil::DateTime::strptime("%Y%m%dT%H%M%S", text).unwrap()).unwrap()
        };
        prop_assume!(instant(last) < instant("22000101T000000"));
        let lines = around(&format!("DTSTART:{}\r\nRRULE:{rule}", found[0]));
        let show = |from: Timestamp, to: Timestamp, lines: &str| -> Vec<String> {
            let calendar = read(lines, (from, to), &zone).unwrap();
            assert_eq!(calendar.problems, [""; 0]);
            let start = |event: &CalendarEvent| match event.start {
                When::Instant(instant) => instant.to_zoned(zone.clone()).strftime("%Y%m%dT%H%M%S").to_string(),
                When::Day(day) => day.to_string(),
            };
            calendar.events.iter().map(start).collect()
        };
        let end = instant(last).checked_add(jiff::SignedDuration::from_secs(1)).unwrap();
        prop_assert_eq!(&show(instant(&found[0]), end, &lines), &expected);
        // Seeking into the middle gives the same, and so does counting there.
        let middle = expected.len() / 2;
        prop_assert_eq!(&show(instant(&expected[middle]), end, &lines), &expected[middle..]);
        let counted = lines.replace("RRULE:", &format!("RRULE:COUNT={};", expected.len()));
        let ever = instant("22000101T000000");
        prop_assert_eq!(&show(instant(&expected[middle]), ever, &counted), &expected[middle..]);
    }
}
