use jiff::civil::{Date, date};
use proptest::prelude::*;

use super::*;

pub(in crate::domain::heartbeat) fn expression(text: &str) -> Expression {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Texts that are mostly readable and cover the grammar; `None`-like ones are filtered by reading them.
pub(in crate::domain::heartbeat) fn expressions() -> impl Strategy<Value = Expression> {
    let field = |low: u8, high: u8| {
        let range = move |a: u8, b: u8| (a.min(b), a.max(b));
        prop_oneof![
            4 => Just("*".to_owned()),
            3 => (low..=high).prop_map(|n| n.to_string()),
            1 => (1..=high - low).prop_map(|step| format!("*/{step}")),
            2 => (low..=high, low..=high).prop_map(move |(a, b)| { let (a, b) = range(a, b); format!("{a}-{b}") }),
            1 => (low..=high, low..=high).prop_map(|(a, b)| format!("{a},{b}")),
        ]
    };
    (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 7))
        .prop_map(|(minute, hour, day, month, weekday)| format!("{minute} {hour} {day} {month} {weekday}"))
        .prop_filter_map("no such day", |text| text.parse().ok())
}

/// Whether a date matches, told from the text alone.
fn day_matches(text: &str, date: Date) -> bool {
    let fields: Vec<&str> = text.split(' ').collect();
    let names = |field: &str, numbers: &[i8]| {
        let low = if std::ptr::eq(field, fields[4]) { 0 } else { 1 };
        field.split(',').any(|item| {
            let (base, step) = item.split_once('/').unwrap_or((item, "1"));
            let (first, last) = match base {
                "*" => (low, 99),
                _ => base.split_once('-').map_or((base, base), |pair| pair).map_pair(|n| n.parse().unwrap()),
            };
            let step: i8 = step.parse().unwrap();
            numbers.iter().any(|n| (first..=last).contains(n) && (n - first) % step == 0)
        })
    };
    let weekday = date.weekday().to_sunday_zero_offset();
    let weekdays: &[i8] = if weekday == 0 { &[0, 7] } else { &[weekday] };
    let (of_month, of_week) = (names(fields[2], &[date.day()]), names(fields[4], weekdays));
    let both = fields[2].starts_with('*') || fields[4].starts_with('*');
    names(fields[3], &[date.month()]) && if both { of_month && of_week } else { of_month || of_week }
}

trait MapPair<'a> {
    fn map_pair(self, f: impl Fn(&'a str) -> i8) -> (i8, i8);
}

impl<'a> MapPair<'a> for (&'a str, &'a str) {
    fn map_pair(self, f: impl Fn(&'a str) -> i8) -> (i8, i8) {
        (f(self.0), f(self.1))
    }
}

#[track_caller]
fn check(text: &str, from: DateTime, expected: &[&str]) {
    let expression = expression(text);
    let mut from = from;
    for expected in expected {
        let found = expression.first(from, DateTime::MAX).unwrap();
        assert_eq!(found.strftime("%a %Y-%m-%d %H:%M").to_string(), *expected, "{text}");
        from = found.saturating_add(SECOND);
    }
}

const SECOND: jiff::SignedDuration = jiff::SignedDuration::from_secs(1);

#[test]
fn the_times_an_expression_names() {
    let new_year = date(2026, 1, 1).at(0, 0, 0, 0);
    check("0 3 * * *", new_year, &["Thu 2026-01-01 03:00", "Fri 2026-01-02 03:00"]);
    check("@hourly", new_year, &["Thu 2026-01-01 00:00", "Thu 2026-01-01 01:00"]);
    check("@Weekly", new_year, &["Sun 2026-01-04 00:00", "Sun 2026-01-11 00:00"]);
    check("@monthly", new_year, &["Thu 2026-01-01 00:00", "Sun 2026-02-01 00:00"]);
    check("@yearly", new_year, &["Thu 2026-01-01 00:00", "Fri 2027-01-01 00:00"]);
    check("*/20 9-10 * * *", new_year, &["Thu 2026-01-01 09:00", "Thu 2026-01-01 09:20", "Thu 2026-01-01 09:40"]);
    check("05 7-9/2 * * *", new_year, &["Thu 2026-01-01 07:05", "Thu 2026-01-01 09:05", "Fri 2026-01-02 07:05"]);
    check("0 0 * Mar,JUL mon", new_year, &["Mon 2026-03-02 00:00", "Mon 2026-03-09 00:00"]);
    check("30 22 * * fri-SUN", new_year, &["Fri 2026-01-02 22:30", "Sat 2026-01-03 22:30", "Sun 2026-01-04 22:30"]);
    check("0 12 * * 5-7", new_year, &["Fri 2026-01-02 12:00", "Sat 2026-01-03 12:00", "Sun 2026-01-04 12:00"]);
    check("0 12 * * 0-1", new_year, &["Sun 2026-01-04 12:00", "Mon 2026-01-05 12:00"]);
    check("0 0 31 * *", new_year, &["Sat 2026-01-31 00:00", "Tue 2026-03-31 00:00", "Sun 2026-05-31 00:00"]);
    check("0 0 29 2 *", new_year, &["Tue 2028-02-29 00:00", "Sun 2032-02-29 00:00"]);
    check("59 23 31 12 *", new_year, &["Thu 2026-12-31 23:59"]);
}

#[test]
fn either_day_field_is_enough_unless_one_is_starred() {
    let new_year = date(2026, 1, 1).at(0, 0, 0, 0);
    check("0 0 13 * fri", new_year, &["Fri 2026-01-02 00:00", "Fri 2026-01-09 00:00", "Tue 2026-01-13 00:00"]);
    check("0 0 30 2 mon", new_year, &["Mon 2026-02-02 00:00"]);
    check("0 0 1-31 * mon", new_year, &["Thu 2026-01-01 00:00", "Fri 2026-01-02 00:00"]);
    check("0 0 */2 * mon", new_year, &["Mon 2026-01-05 00:00", "Mon 2026-01-19 00:00"]);
    // The known way to write the first Sunday of a month.
    check("0 0 1-7 * */7", new_year, &["Sun 2026-01-04 00:00", "Sun 2026-02-01 00:00", "Sun 2026-03-01 00:00"]);
}

#[test]
fn the_rarest_date_is_found_across_a_year_without_leap_day() {
    check("0 0 29 2 */7", date(2080, 1, 1).at(0, 0, 0, 0), &["Sun 2088-02-29 00:00", "Sun 2128-02-29 00:00"]);
    let before = expression("0 0 29 2 */7").last(DateTime::MIN, date(2128, 2, 29).at(0, 0, 0, 0)).unwrap();
    assert_eq!(before, date(2088, 2, 29).at(0, 0, 0, 0));
}

#[test]
fn what_is_refused_says_why() {
    for (text, why) in [
        ("", "0 fields instead of five"),
        ("0 3 * *", "4 fields instead of five"),
        ("0 0 3 * * *", "6 fields instead of five"),
        ("60 * * * *", "minute \"60\": 60 is not between 0 and 59"),
        ("0 24 * * *", "hour \"24\": 24 is not between 0 and 23"),
        ("0 0 0 * *", "day of month \"0\": 0 is not between 1 and 31"),
        ("0 0 * 13 *", "month \"13\": 13 is not between 1 and 12"),
        ("0 0 * * 8", "day of week \"8\": 8 is not between 0 and 7"),
        ("0 0 * * 99999999999999999999", "is not between 0 and 7"),
        ("0 0 * monday *", "neither a number from 1 to 12 nor a name from jan to dec"),
        ("0 jan * * *", "hour \"jan\": not a number from 0 to 23"),
        ("0 22-2 * * *", "the range runs backwards"),
        ("0 0 * * sat-mon", "the range runs backwards"),
        ("0, * * * *", "a number is missing"),
        ("1- * * * *", "a number is missing"),
        ("-1 * * * *", "a number is missing"),
        ("+1 * * * *", "not a number"),
        ("5/15 * * * *", "a step needs a range, as in 5-59/n or */n"),
        ("*/0 * * * *", "the step is not between 1 and 60"),
        ("*/90 * * * *", "the step is not between 1 and 60"),
        ("1-9/10 * * * *", "the step is not between 1 and 9"),
        ("*/ * * * *", "the step is missing"),
        ("*/x * * * *", "the step is not a number"),
        ("0 0 L * *", "not a number"),
        ("0 0 ? * 1", "not a number"),
        ("0 0 * * 5#2", "neither a number"),
        ("0 0 30 2 *", "no month has that day"),
        ("0 0 31 2,4,6,9,11 *", "no month has that day"),
        ("0 0 30 feb */2", "no month has that day"),
        ("@reboot", "\"@reboot\" is none of @yearly,"),
        ("@daily 5", "\"@daily 5\" is none of @yearly,"),
        ("0 0 \u{1b}[2J * *", "\"\\u{1b}[2J\""),
    ] {
        let error = text.parse::<Expression>().unwrap_err().to_string();
        assert!(error.contains(why), "{text:?}: {error}");
    }
    assert!("1,".repeat(300).parse::<Expression>().unwrap_err().to_string().starts_with("longer than"));
}

#[test]
fn it_is_shown_as_written() {
    assert_eq!(expression("  0\t3   * *  MON-fri ").to_string(), "0 3 * * MON-fri");
    assert_eq!(expression("@daily").to_string(), "@daily");
    assert_eq!(expression("@daily").times_of_every_day().unwrap(), ["00:00"]);
    assert_eq!(expression("5 */12 * * *").times_of_every_day().unwrap(), ["00:05", "12:05"]);
    for not_told in ["* 3 * * *", "0 3 * * 1", "0 3 1 * *", "0 3 * 1-11 *"] {
        assert_eq!(expression(not_told).times_of_every_day(), None, "{not_told}");
    }
    assert_eq!(expression("0 3 1-31 * 1").times_of_every_day().unwrap(), ["03:00"]);
}

#[test]
fn the_ends_of_the_calendar_are_no_danger() {
    for text in ["* * * * *", "0 3 * * *", "0 0 29 2 */7", "59 23 31 12 *"] {
        let every = expression(text);
        for edge in [DateTime::MIN, DateTime::MAX] {
            let found = [every.first(edge, DateTime::MAX), every.last(DateTime::MIN, edge)];
            assert!(found.iter().flatten().count() <= 1, "{text} {edge}");
        }
    }
}

proptest! {
    #[test]
    fn reading_never_panics(text in "\\PC{0,40}", fields in "[-*/,0-9a-zA-Z@# ]{0,60}") {
        let _ = text.parse::<Expression>();
        let _ = fields.parse::<Expression>();
    }

    #[test]
    fn the_next_and_the_last_time_are_the_ones_a_plain_walk_finds(
        expression in expressions(), days in -20_000..20_000_i64, minutes in 0..1440_i64,
    ) {
        let start = date(2030, 1, 1).saturating_add(jiff::Span::new().days(days));
        let from = start.at(0, 0, 0, 0).saturating_add(jiff::Span::new().minutes(minutes));
        let until = from.saturating_add(jiff::Span::new().days(60));
        let in_days = |date: &Date| day_matches(&expression.text, *date);
        let times = (0..DAY_MINUTES).filter(|minute| expression.has_minute(*minute)).collect::<Vec<_>>();
        let all: Vec<DateTime> = start.series(jiff::Span::new().days(1)).take(61).filter(in_days)
            .flat_map(|date| times.iter().map(move |minute| at(date, *minute).unwrap()))
            .filter(|time| (from..until).contains(time))
            .collect();
        prop_assert_eq!(expression.first(from, until), all.first().copied());
        prop_assert_eq!(expression.last(from, until), all.last().copied());
    }
}
