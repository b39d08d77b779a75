//! Times as people type and read them: civil time in a zone, or RFC 3339.

use anyhow::{Context as _, bail};
use jiff::civil::{DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use crate::domain::civil_time;
use crate::domain::roster::Roster;

/// Which end of something a civil time is: one that occurs twice is the first for a start and the last for an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    Start,
    End,
}

/// Days after which a time of day must have come: in some zones a day was left out.
const DAYS_MAX: i32 = 3;

/// Reads `now`, RFC 3339, a civil date and time such as `2026-11-23 09:00`, or a time of day such as `09:00`, which is
/// the next one after `after`.
pub(crate) fn instant(text: &str, zone: &TimeZone, after: Timestamp, edge: Edge) -> anyhow::Result<Timestamp> {
    let text = text.trim();
    if text == "now" {
        return Ok(after);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let resolve = |time: DateTime| match edge {
        Edge::Start => civil_time::first(zone, time),
        Edge::End => civil_time::last(zone, time),
    };
    let has_time = |text: &str| text.contains(':');
    let is_time_alone = has_time(text) && !text.contains('-');
    if is_time_alone && let Ok(time) = text.parse::<Time>() {
        let today = zone.to_datetime(after).date();
        let days = (0..=DAYS_MAX).filter_map(|days| today.checked_add(days.days()).ok());
        let next = days.map(|day| resolve(day.to_datetime(time))).find(|at| *at > after);
        return next.with_context(|| format!("there is no {text} soon"));
    }
    if has_time(text)
        && let Ok(time) = text.parse::<DateTime>()
    {
        return Ok(resolve(time));
    }
    bail!("{text:?} is no time: write it like 09:00, \"2026-11-23 09:00\", 2026-11-23T09:00:00Z or now")
}

/// The zone of that name, or else this one.
pub(crate) fn zone(name: Option<&str>, otherwise: TimeZone) -> anyhow::Result<TimeZone> {
    name.map_or(Ok(otherwise), named_zone)
}

/// The zone of that name.
pub(crate) fn named_zone(name: &str) -> anyhow::Result<TimeZone> {
    TimeZone::get(name).with_context(|| format!("there is no time zone {name:?}; write it like Europe/Berlin"))
}

/// The zone of all schedules, where they have the same one; UTC else.
pub(crate) fn zone_of(roster: &Roster) -> TimeZone {
    let mut zones = roster.schedules.values().map(|schedule| &schedule.zone);
    let first = zones.next().cloned().unwrap_or(TimeZone::UTC);
    if zones.all(|zone| *zone == first) { first } else { TimeZone::UTC }
}

/// "Mon 2026-11-23 09:00 Europe/Berlin".
pub(crate) fn moment(zone: &TimeZone, at: Timestamp) -> String {
    format!("{} {}", zone.to_datetime(at).strftime("%a %Y-%m-%d %H:%M"), name(zone))
}

/// "Mon 2026-11-23 09:00 – 17:00 Europe/Berlin".
pub(crate) fn stretch(zone: &TimeZone, from: Timestamp, to: Timestamp) -> String {
    let (first, last) = (zone.to_datetime(from), zone.to_datetime(to));
    let end = if first.date() == last.date() { "%H:%M" } else { "%a %Y-%m-%d %H:%M" };
    format!("{} – {} {}", first.strftime("%a %Y-%m-%d %H:%M"), last.strftime(end), name(zone))
}

fn name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, edge: Edge, expected: &str) {
        // Sunday, 2026-10-25: at 03:00 CEST clocks go back to 02:00 CET. It is 01:30 CEST.
        let after = "2026-10-24T23:30:00Z".parse().unwrap();
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        assert_eq!(instant(text, &zone, after, edge).unwrap().to_string(), expected, "{text}");
    }

    #[test]
    fn times_as_people_type_them() {
        check("2026-11-23T09:00:00Z", Edge::Start, "2026-11-23T09:00:00Z");
        check("2026-11-23T09:00+01:00", Edge::Start, "2026-11-23T08:00:00Z");
        check("2026-11-23 09:00", Edge::Start, "2026-11-23T08:00:00Z");
        check("2026-11-23T09:00", Edge::Start, "2026-11-23T08:00:00Z");
        check("now", Edge::Start, "2026-10-24T23:30:00Z");
        check("09:00", Edge::Start, "2026-10-25T08:00:00Z");
        check("01:00", Edge::Start, "2026-10-26T00:00:00Z");
        check("01:30", Edge::Start, "2026-10-26T00:30:00Z");
    }

    #[test]
    fn an_hour_that_comes_twice() {
        for text in ["02:30", "2026-10-25 02:30"] {
            check(text, Edge::Start, "2026-10-25T00:30:00Z");
            check(text, Edge::End, "2026-10-25T01:30:00Z");
        }
    }

    #[test]
    fn what_is_no_time_says_how_to_write_one() {
        for text in ["", "tomorrow", "2026-11-23", "25:00", "9", "2026-13-01 09:00"] {
            let error = instant(text, &TimeZone::UTC, Timestamp::UNIX_EPOCH, Edge::Start).unwrap_err();
            assert!(error.to_string().contains("write it like 09:00"), "{error}");
        }
        assert!(zone(Some("Europe/Nowhere"), TimeZone::UTC).is_err());
    }

    #[test]
    fn stretches_name_a_day_once() {
        let zone = TimeZone::get("Asia/Kolkata").unwrap();
        let at = |text: &str| text.parse().unwrap();
        assert_eq!(
            stretch(&zone, at("2026-11-23T03:30Z"), at("2026-11-23T11:30Z")),
            "Mon 2026-11-23 09:00 – 17:00 Asia/Kolkata"
        );
        assert_eq!(
            stretch(&zone, at("2026-11-23T03:30Z"), at("2026-11-24T03:30Z")),
            "Mon 2026-11-23 09:00 – Tue 2026-11-24 09:00 Asia/Kolkata"
        );
    }
}
