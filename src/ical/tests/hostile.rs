//! Texts that mean harm, and texts that mean nothing. Every test here would hang or exhaust memory without its limit.

use proptest::prelude::*;

use super::*;

fn year(text: &str) -> Result<Calendar, IcalError> {
    read(text, window("2026-01-01", "2027-01-01", &TimeZone::UTC), &TimeZone::UTC)
}

/// The problems of one event.
fn problems(lines: &str) -> Vec<String> {
    year(&around(lines)).unwrap().problems
}

/// A calendar of this event over and over, nearly as long as is read.
fn full_of(lines: &str) -> String {
    let event = |number: usize| format!("BEGIN:VEVENT\nUID:{number}\n{lines}\nEND:VEVENT\n");
    let count = (MAX_TEXT_BYTES - 100) / event(100_000).len();
    format!("BEGIN:VCALENDAR\n{}END:VCALENDAR\n", (0..count).map(event).collect::<String>())
}

#[test]
fn what_is_no_whole_calendar() {
    assert_eq!(year(""), Err(IcalError::NotCalendar));
    assert_eq!(year("<!DOCTYPE html><title>Sign in</title>"), Err(IcalError::NotCalendar));
    assert_eq!(year("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260101T0"), Err(IcalError::Truncated));
    assert_eq!(year(&"x".repeat(MAX_TEXT_BYTES + 1)), Err(IcalError::TooLarge));
    assert_eq!(year("\u{FEFF}BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n\r\n"), Ok(Calendar::default()));
}

#[test]
fn what_one_event_may_not_ask_for_is_a_problem() {
    let rule = |rule: &str| problems(&format!("DTSTART:20200101T000000Z\nRRULE:{rule}"));
    let first_only = |reason: &str| {
        [format!("event “one” repeats by a rule that is not supported: {reason}; only its first occurrence is taken")]
    };
    assert_eq!(rule("FREQ=SECONDLY"), first_only("it repeats more often than every hour"));
    assert_eq!(rule("FREQ=MINUTELY;INTERVAL=1440"), first_only("it repeats more often than every hour"));
    assert_eq!(rule("FREQ=DAILY;BYHOUR=99"), first_only("it has a time of day that does not exist"));
    assert_eq!(rule("FREQ=DAILY;UNTIL=20261399"), first_only("its UNTIL does not exist"));
    assert_eq!(rule("RSCALE=HEBREW;FREQ=DAILY"), first_only("it does not follow the Gregorian calendar"));
    let minutes: Vec<_> = (0..60).map(|minute| minute.to_string()).collect();
    let often = format!("FREQ=DAILY;BYHOUR=1,2,3,4,5;BYMINUTE={}", minutes.join(","));
    assert_eq!(rule(&often), first_only("it has too many times of day"));
    assert_eq!(rule("FREQ=NEVER"), ["event “one” repeats by a rule that cannot be read"]);
    assert_eq!(problems("DTSTART:99999999T999999Z"), ["event “one” has no start that can be read"]);
    assert_eq!(
        problems("DTSTART:20260102T000000Z\nDTEND:20260101T000000Z"),
        ["event “one” has no end that makes sense"]
    );
    assert_eq!(
        problems("DTSTART;TZID=Mars/Olympus:20260102T000000"),
        ["the time zone “Mars/Olympus” is not known, UTC is taken instead"]
    );
}

#[test]
fn rules_without_end_and_rules_without_a_date() {
    let count = |rule: &str| {
        let text = around(&format!("DTSTART:00010101T000000Z\nDURATION:PT1H\nRRULE:{rule}"));
        year(&text).map(|calendar| calendar.events.len())
    };
    assert_eq!(count("FREQ=HOURLY"), Ok(8760));
    assert_eq!(count("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30"), Ok(0));
    assert_eq!(count("FREQ=YEARLY;INTERVAL=65535"), Ok(0));
    assert_eq!(count("FREQ=DAILY;UNTIL=99991231T235959Z"), Ok(365));
    assert_eq!(count("FREQ=DAILY;COUNT=4294967295"), Ok(365));
    assert_eq!(count("FREQ=HOURLY;COUNT=4294967295"), Err(IcalError::TooCostly));
    let ever = around("DTSTART:00010101T000000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30");
    let all = (Timestamp::MIN, Timestamp::MAX);
    assert_eq!(read(&ever, all, &TimeZone::UTC), Err(IcalError::TooCostly));
    assert_eq!(count("FREQ=HOURLY;BYMINUTE=0,30"), Err(IcalError::TooManyOccurrences));
}

#[test]
fn many_events_that_cost_much_each() {
    let barren = "DTSTART:20000101T000000Z\nRRULE:FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30";
    assert_eq!(year(&full_of(barren)), Err(IcalError::TooCostly));
    let plain = "DTSTART:20260101T000000Z";
    assert_eq!(year(&full_of(plain)), Err(IcalError::TooManyOccurrences));
    // One UID: every event would be laid against every replacement.
    let same = full_of("DTSTART:20270101T000000Z\nRECURRENCE-ID:20270101T000000Z");
    let same = (0..10).fold(same, |same, digit| same.replace(&format!("UID:{digit}"), "UID:x"));
    let events = same.lines().filter(|line| !line.starts_with("UID:")).collect::<Vec<_>>().join("\n");
    let events = events.replace("BEGIN:VEVENT", "BEGIN:VEVENT\nUID:x");
    let half = events.replacen("\nRECURRENCE-ID:20270101T000000Z", "", events.matches("RECURRENCE-ID").count() / 2);
    assert_eq!(year(&half), Err(IcalError::TooCostly));
}

#[test]
fn a_series_that_repeats_a_long_title() {
    let lines = format!("SUMMARY:{}\nDTSTART:20260101T000000Z\nRRULE:FREQ=DAILY", "x".repeat(1_000_000));
    assert_eq!(year(&around(&lines).replace("SUMMARY:x\r\n", "")), Err(IcalError::TooCostly));
}

#[test]
fn nesting_and_long_lines() {
    let wrap = |middle: &str| format!("BEGIN:VCALENDAR\n{middle}\nEND:VCALENDAR\n");
    for piece in
        ["BEGIN:VEVENT\n", "BEGIN:X\n", "END:VEVENT\n", ";", "A;B=\"", "RRULE:FREQ=", "\n ", ",", "EXDATE:20260101,"]
    {
        let _ = year(&wrap(&piece.repeat(1_000_000 / piece.len())));
    }
    let _ = year(&around(&format!("DTSTART:20260101T000000Z\nEXDATE:{}", "20260101T000000Z,".repeat(50_000))));
    let _ = year(&around(&format!("DTSTART:20260101T000000Z\nRDATE:{}", "20260101T000000Z,".repeat(50_000))));
}

#[test]
fn problems_do_not_pile_up() {
    let text = full_of("DTSTART:x").chars().take(200_000).collect::<String>() + "\nEND:VCALENDAR";
    let problems = year(&text).unwrap().problems;
    assert_eq!(problems.len(), MAX_PROBLEMS + 1);
    assert!(problems.last().unwrap().starts_with("and "));
}

/// Pieces of which calendars are made, to get past the parser.
fn pieces() -> impl Strategy<Value = String> {
    let words = vec![
        "BEGIN:VEVENT",
        "END:VEVENT",
        "BEGIN:VTIMEZONE",
        "END:VTIMEZONE",
        "UID:a",
        "UID:b",
        "SEQUENCE:2",
        "DTSTART",
        "DTEND",
        "DURATION",
        "RRULE",
        "EXDATE",
        "RDATE",
        "RECURRENCE-ID",
        "TZID",
        "ATTENDEE",
        "SUMMARY",
        "STATUS:CANCELLED",
        ":",
        ";",
        ",",
        "=",
        "\n",
        "\r\n",
        "\n ",
        "\"",
        "VALUE=DATE",
        "VALUE=PERIOD",
        "VALUE=RECUR",
        "ENCODING=BASE64",
        "TZID=Europe/Berlin",
        "TZID=W. Europe Standard Time",
        "FREQ=DAILY",
        "FREQ=HOURLY",
        "FREQ=YEARLY",
        "FREQ=WEEKLY",
        "COUNT=3",
        "COUNT=99999999999",
        "INTERVAL=70000",
        "INTERVAL=0",
        "UNTIL=20261231",
        "BYDAY=MO",
        "BYDAY=-99999MO",
        "BYMONTH=13",
        "BYMONTHDAY=-128",
        "BYYEARDAY=-32768",
        "BYWEEKNO=-128",
        "BYSETPOS=-2147483648",
        "BYHOUR=24",
        "BYSECOND=60",
        "WKST=SU",
        "20260329T023000",
        "20261025T023000Z",
        "20260101",
        "99991231T235959Z",
        "00000101",
        "00010101T000000Z",
        "P1D",
        "-P1D",
        "P4294967295W",
        "PT0S",
        "/",
        "+9999",
        "-0000",
    ];
    let piece = prop_oneof![8 => prop::sample::select(words).prop_map(str::to_owned), 1 => "\\PC{0,6}"];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Lines with values in their places, for what comes after the parser.
fn lines() -> impl Strategy<Value = String> {
    let times = vec![
        "20260329T023000",
        "20261025T023000Z",
        "20260101",
        "99991231T235959Z",
        "00000101",
        "99991231",
        "99990101T000000",
    ];
    let time = move || prop::sample::select(times.clone());
    let zone = || prop::sample::select(vec!["", ";TZID=Europe/Berlin", ";TZID=Asia/Kolkata", ";TZID=nowhere"]);
    let rule = || {
        "(RRULE:FREQ=(YEARLY|MONTHLY|WEEKLY|DAILY|HOURLY)(;COUNT=[0-9]{1,10}|;UNTIL=[0-9]{8})?(;INTERVAL=[0-9]{1,5})?\
        (;BYDAY=-?[0-9]{1,5}MO)?(;BYMONTHDAY=-?[0-9]{1,3})?(;BYYEARDAY=-?[0-9]{1,5})?(;BYWEEKNO=-?[0-9]{1,3})?(;BYSETPOS=-?[0-9]{1,10})?)?"
    };
    let length = "(DURATION:-?P([0-9]{1,10}W|[0-9]{1,10}D|T[0-9]{1,10}H))?";
    (time(), zone(), time(), zone(), rule(), rule(), length, any::<bool>()).prop_map(
        |(start, start_zone, other, other_zone, rule, second, length, replaced)| {
            let property = if replaced { "RECURRENCE-ID" } else { "DTEND" };
            format!("DTSTART{start_zone}:{start}\n{property}{other_zone}:{other}\n{rule}\n{second}\n{length}\nRDATE{other_zone}:{other}\nEXDATE:{start}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_never_panics(text in any::<String>(), pieces in pieces(), lines in lines()) {
        let _ = year(&text);
        let _ = year(&around(&text));
        let _ = year(&around(&pieces));
        let _ = year(&around(&lines));
    }
}

proptest! {
    // Fewer, for many of them go to the limit.
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_for_ever_never_panics(lines in lines(), backwards in any::<bool>()) {
        // A few years at either end of time; all of it at once is too costly, see above.
        let span = jiff::SignedDuration::from_hours(24 * 1000);
        let window = match backwards {
            true => (Timestamp::MIN, Timestamp::MIN.checked_add(span).unwrap()),
            false => (Timestamp::MAX.checked_sub(span).unwrap(), Timestamp::MAX),
        };
        let _ = read(&around(&lines), window, &zone("America/New_York"));
        let _ = read(&around(&lines), (window.1, window.0), &TimeZone::UTC);
    }
}
