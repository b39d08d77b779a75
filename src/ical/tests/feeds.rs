//! What is written, and that it can be read back.

use proptest::prelude::*;

use super::*;

fn shift(person: &str, rotation: &str, start: i64, hours: i64) -> FeedShift {
    let (person, rotation) = (person.to_owned(), rotation.to_owned());
    let instant = |second| Timestamp::from_second(second).unwrap();
    FeedShift { person, rotation, start: instant(start), end: instant(start + hours * 3600) }
}

#[test]
fn a_feed_word_for_word() {
    let shifts = [shift("ann", "primary", 1_774_854_000, 24)];
    let expected = "\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//nightcall//on-call shifts//EN
NAME:Platform
X-WR-CALNAME:Platform
X-WR-TIMEZONE:Europe/Berlin
BEGIN:VEVENT
UID:Platform/primary/ann/1774854000@nightcall
DTSTAMP:20260330T070000Z
DTSTART:20260330T070000Z
DTEND:20260331T070000Z
SUMMARY:ann on call: primary
TRANSP:TRANSPARENT
END:VEVENT
END:VCALENDAR
";
    assert_eq!(write("Platform", &zone("Europe/Berlin"), &shifts), expected.replace('\n', "\r\n"));
    assert!(write("empty", &TimeZone::UTC, &[]).ends_with("END:VCALENDAR\r\n"));
}

#[test]
fn lines_are_folded_between_characters() {
    let shifts = [shift(&"Jörg-Ödön ".repeat(20), "prim,ary; \\ night\nBEGIN:VEVENT", 0, 8)];
    let text = write("Überwachung", &TimeZone::UTC, &shifts);
    assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains('\n')), "{text}");
    assert_eq!(text.matches("\r\nBEGIN:VEVENT").count(), 1, "a name cannot add an event");
}

/// What is read back from written shifts: person and rotation, start, end.
fn back(shifts: &[FeedShift]) -> Calendar {
    let window = (Timestamp::from_second(-1).unwrap(), Timestamp::from_second(4_102_444_800).unwrap());
    read(&write("any, name", &TimeZone::UTC, shifts), window, &TimeZone::UTC).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(
        person in "[^\\s\\p{Cc}]\\PC{0,60}[^\\s\\p{Cc}]", rotation in "[^\\s\\p{Cc}]\\PC{0,30}[^\\s\\p{Cc}]",
        start in 0_i64..3_000_000_000, hours in 1_i64..400,
    ) {
        let shift = shift(&person, &rotation, start, hours);
        let calendar = back(std::slice::from_ref(&shift));
        prop_assert_eq!(calendar.problems, [""; 0]);
        prop_assert_eq!(calendar.events.len(), 1);
        let event = &calendar.events[0];
        prop_assert_eq!(&event.summary, &format!("{person} on call: {rotation}"));
        prop_assert_eq!((event.start, event.end), (When::Instant(shift.start), When::Instant(shift.end)));
    }

    #[test]
    fn writing_never_panics(person in any::<String>(), start in any::<i64>(), end in any::<i64>()) {
        let clamp = |second: i64| Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        let shift = FeedShift { rotation: person.clone(), person, start: clamp(start), end: clamp(end) };
        let _ = back(&[shift.clone(), FeedShift { start: Timestamp::MIN, ..shift }]);
    }
}
