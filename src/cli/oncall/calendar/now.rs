//! Who is on call now, one line per schedule.

use jiff::{SignedDuration, Timestamp};

use super::NOBODY;
use super::line::{self, Line, Paint};
use super::words;
use crate::domain::schedule::{Handoff, OnCall, Schedule, Source};

/// Up to so far ahead a weekday is enough to tell the day.
const WEEKDAY_TELLS: SignedDuration = SignedDuration::from_hours(6 * 24);

/// Columns between a schedule's name and who is on call.
const SPACE: usize = 2;

/// Who is on call now: per schedule a line such as
/// "primary  ann (weekdays) until Mon 09:00 (in 2 d 3 h), then bob".
///
/// With each schedule come the answers of [`Schedule::on_call`] and [`Schedule::next_handoff`] at this instant. Times
/// are those of the schedule's zone, which is named where not all have the same. Lines end with a line feed.
pub(crate) fn now_line(schedules: &[(&Schedule, Vec<OnCall>, Option<Handoff>)], at: Timestamp) -> String {
    let name_width = schedules.iter().map(|(schedule, ..)| line::columns(&schedule.name)).max().unwrap_or(0);
    let is_one_zone = schedules.windows(2).all(|pair| match pair {
        [(one, ..), (other, ..)] => one.zone == other.zone,
        _ => true,
    });
    let mut text = String::new();
    for (schedule, on_call, handoff) in schedules {
        let mut line = Line::of(Paint::Plain, &schedule.name);
        line.pad_to(name_width + SPACE);
        line.push(Paint::Plain, &people(on_call));
        let next = match handoff {
            Some(handoff) => until(schedule, on_call, handoff, at, is_one_zone),
            None => ", and no handoff within 400 days".to_owned(),
        };
        line.push(Paint::Plain, &next);
        text.push_str(&line.finish(usize::MAX, false));
        text.push('\n');
    }
    text
}

/// " until Mon 09:00 (in 2 d 3 h), then bob".
fn until(schedule: &Schedule, on_call: &[OnCall], handoff: &Handoff, at: Timestamp, is_one_zone: bool) -> String {
    let zone = &schedule.zone;
    let away = at.duration_until(handoff.at);
    let date = zone.to_datetime(handoff.at).date();
    let day = if away < WEEKDAY_TELLS { date.strftime("%a").to_string() } else { words::day(date) };
    let mut clock = words::clock(zone, handoff.at);
    let abbreviation = zone.to_offset_info(handoff.at).abbreviation().to_owned();
    if !is_one_zone && !clock.ends_with(&abbreviation) {
        clock = format!("{clock} {abbreviation}");
    }
    let stay = on_call.iter().map(|on_call| &on_call.user).filter(|user| !handoff.off.contains(user));
    let mut then: Vec<&str> = stay.chain(&handoff.on).map(String::as_str).collect();
    then.sort_unstable();
    let then = if then.is_empty() { NOBODY.to_owned() } else { then.join(" + ") };
    format!(" until {day} {clock} (in {}), then {then}", words::away(away))
}

/// "ann (weekdays) + zoe (override)", "ann + bob (weekdays)", "nobody".
fn people(on_call: &[OnCall]) -> String {
    let Some(first) = on_call.first() else { return NOBODY.to_owned() };
    if on_call.iter().all(|one| one.source == first.source) {
        let names: Vec<_> = on_call.iter().map(|one| one.user.as_str()).collect();
        return format!("{}{}", names.join(" + "), reason(&first.source));
    }
    let each: Vec<_> = on_call.iter().map(|one| format!("{}{}", one.user, reason(&one.source))).collect();
    each.join(" + ")
}

fn reason(source: &Source) -> String {
    match source {
        Source::Layer(name) if name.is_empty() => String::new(),
        Source::Layer(name) => format!(" ({name})"),
        Source::Calendar => " (calendar)".to_owned(),
        Source::Override(_) => " (override)".to_owned(),
    }
}
