//! Civil time in definition files: zones, days, hours, and the windows they make.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

use super::reader::{Placed, Table};
use crate::domain::window::{Weekdays, Window, Windows};

/// Most windows of one list.
const WINDOWS_MAX: usize = 100;

/// The zone named `zone` (IANA), UTC where none is.
pub(super) fn zone(table: &mut Table<'_>) -> TimeZone {
    let Some(name) = table.string("zone") else { return TimeZone::UTC };
    TimeZone::get(&name).unwrap_or_else(|_| {
        let hint = "write it like \"Europe/Berlin\"; the names are those of the IANA time zone database";
        table.reader().note_with_hint(name.span.clone(), format!("there is no time zone {:?}", name.value), hint);
        TimeZone::UTC
    })
}

/// A civil date and time such as `2026-01-05T09:00`, which must be there.
pub(super) fn date_time(table: &mut Table<'_>, key: &'static str) -> Option<DateTime> {
    let text = table.string(key)?;
    let parsed = text.parse::<DateTime>().ok();
    if parsed.is_none() {
        let message = format!("{key} {:?} is not a date with a time", text.value);
        table.reader().note_with_hint(text.span.clone(), message, "write it like \"2026-01-05T09:00\"");
    }
    parsed
}

/// Civil dates such as `2026-12-25`.
pub(super) fn dates(table: &mut Table<'_>, key: &'static str) -> Vec<Date> {
    let texts = table.strings(key).unwrap_or_default();
    let date = |text: &Placed<String>| {
        let parsed = text.parse::<Date>().ok();
        if parsed.is_none() {
            let message = format!("{:?} is not a date", text.value);
            table.reader().note_with_hint(text.span.clone(), message, "write it like \"2026-12-25\"");
        }
        parsed
    };
    texts.iter().filter_map(date).collect()
}

/// Windows such as `mon-fri 09:00-17:00`, `daily 22:00-07:00` or `sat,sun`.
pub(super) fn windows(table: &mut Table<'_>, key: &'static str) -> Option<Windows> {
    let texts = table.strings(key)?;
    if texts.is_empty() || texts.len() > WINDOWS_MAX {
        table.reader().note(table.span(), format!("{key} needs 1 to {WINDOWS_MAX} windows"));
    }
    let window = |text: &Placed<String>| match parse(text) {
        Ok(window) => Some(window),
        Err(why) => {
            let message = format!("{:?} is not a window: {why}", text.value);
            let hint = "write it like \"mon-fri 09:00-17:00\", \"daily 22:00-07:00\" or \"sat,sun\"";
            table.reader().note_with_hint(text.span.clone(), message, hint);
            None
        }
    };
    Some(Windows::new(texts.iter().filter_map(window).collect()))
}

fn parse(text: &str) -> Result<Window, String> {
    let mut parts = text.split_whitespace();
    let days: Weekdays = parts.next().unwrap_or_default().parse().map_err(|error| format!("{error}"))?;
    let (from, to) = match parts.next() {
        Some(hours) => hours.split_once('-').ok_or_else(|| format!("{hours:?} has no end"))?,
        None => ("00:00", "00:00"),
    };
    if let Some(more) = parts.next() {
        return Err(format!("{more:?} is too much"));
    }
    let time = |text: &str| -> Result<Time, String> {
        // A day ends at 24:00 for people, and at the next 00:00 for clocks.
        let text = if text == "24:00" { "00:00" } else { text };
        let parsed = text.parse::<Time>().ok().filter(|_| text.len() == 5);
        parsed.ok_or_else(|| format!("{text:?} is not a time of day"))
    };
    Ok(Window { days, from: time(from)?, to: time(to)? })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn windows_read_as_people_write_them() {
        for (text, days, from, to) in [
            ("mon-fri 09:00-17:00", "mon-fri", "09:00:00", "17:00:00"),
            ("daily 22:00-07:00", "daily", "22:00:00", "07:00:00"),
            ("sat,sun", "sat,sun", "00:00:00", "00:00:00"),
            ("fri 18:00-24:00", "fri", "18:00:00", "00:00:00"),
        ] {
            let window = parse(text).expect(text);
            let shown = (window.days.to_string(), window.from.to_string(), window.to.to_string());
            assert_eq!(shown, (days.to_owned(), from.to_owned(), to.to_owned()), "{text}");
        }
        for bad in
            ["", "someday", "mon 9-17", "mon 09:00", "mon 09:00-25:00", "mon 09:00-17:00 UTC", "mon 09:00:00-17:00"]
        {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }
}
