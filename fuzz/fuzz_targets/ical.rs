//! A calendar of any kind is read as shifts, or refused, without a panic and within what it may cost.
#![no_main]

use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use nightcall::ical::{MAX_OCCURRENCES, read};

fuzz_target!(|lines: &str| {
    let text = format!("BEGIN:VCALENDAR\nBEGIN:VEVENT\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n");
    let from = Timestamp::from_second(1_700_000_000).expect("valid");
    let to = Timestamp::from_second(1_740_000_000).expect("valid");
    if let Ok(calendar) = read(&text, (from, to), &TimeZone::UTC) {
        assert!(calendar.events.len() <= MAX_OCCURRENCES);
    }
});
