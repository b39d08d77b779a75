//! What a schedule means, case by case, and the bugs others had. Times are civil unless they end in "Z".

use super::*;
use crate::domain::window::{Window, Windows};

mod bugs;
mod holidays;
mod overrides;
mod properties;
mod stories;
mod transitions;

pub(super) fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

/// A turn is written "ann" or "ann+bob".
pub(super) fn layer(name: &str, starts: &str, every: &str, turns: &[&str]) -> Layer {
    let turns = turns.iter().map(|turn| turn.split('+').map(str::to_owned).collect()).collect();
    Layer::new(name, starts.parse().unwrap(), every.parse().unwrap(), turns).unwrap()
}

/// "mon-fri 09:00-17:00"
pub(super) fn windows(texts: &[&str]) -> Windows {
    let window = |text: &&str| {
        let (days, times) = text.split_once(' ').unwrap();
        let (from, to) = times.split_once('-').unwrap();
        Window { days: days.parse().unwrap(), from: from.parse().unwrap(), to: to.parse().unwrap() }
    };
    Windows::new(texts.iter().map(window).collect())
}

pub(super) fn schedule(zone_name: &str, layers: Vec<Layer>) -> Schedule {
    Schedule::new("team", zone(zone_name), layers).unwrap()
}

/// An instant, written as one or as a civil time that occurs once.
pub(super) fn at(schedule: &Schedule, text: &str) -> Timestamp {
    text.parse().unwrap_or_else(|_| {
        schedule.zone.to_ambiguous_timestamp(text.parse().unwrap()).unambiguous().expect("occurs once")
    })
}

pub(super) fn over(
    schedule: &Schedule,
    id: &str,
    user: &str,
    replaces: Option<&str>,
    from: &str,
    to: &str,
) -> Override {
    let (starts_at, ends_at) = (at(schedule, from), at(schedule, to));
    Override { id: id.to_owned(), user: user.to_owned(), replaces: replaces.map(str::to_owned), starts_at, ends_at }
}

fn civil(schedule: &Schedule, at: Timestamp) -> String {
    schedule.zone.to_datetime(at).strftime("%a %d %b %H:%M").to_string()
}

/// The final schedule in lines: "Mon 02 Mar 09:00 - Tue 03 Mar 09:00 ann (base)".
pub(super) fn lines(schedule: &Schedule, overrides: &[Override], from: &str, to: &str) -> Vec<String> {
    let line = |shift: &Shift| {
        let source = match &shift.source {
            Source::Layer(name) => name,
            Source::Calendar => "calendar",
            Source::Override(id) => id,
        };
        let [from, to] = [shift.starts_at, shift.ends_at].map(|at| civil(schedule, at));
        format!("{from} - {to} {} ({source})", shift.user)
    };
    schedule.shifts(overrides, at(schedule, from), at(schedule, to)).iter().map(line).collect()
}

/// Who is on call, joined by "+".
pub(super) fn who(schedule: &Schedule, overrides: &[Override], instant: &str) -> String {
    let on_call = schedule.on_call(overrides, at(schedule, instant));
    on_call.iter().map(|on_call| on_call.user.as_str()).collect::<Vec<_>>().join("+")
}

#[test]
fn a_rotation_starts_at_its_first_handoff_and_stops_at_its_end() {
    let mut base = layer("base", "2026-03-02T09:00", "1 day", &["ann", "bob"]);
    base.ends = Some("2026-03-05T12:00".parse().unwrap());
    let schedule = schedule("Europe/Berlin", vec![base]);
    let expected = [
        "Mon 02 Mar 09:00 - Tue 03 Mar 09:00 ann (base)",
        "Tue 03 Mar 09:00 - Wed 04 Mar 09:00 bob (base)",
        "Wed 04 Mar 09:00 - Thu 05 Mar 09:00 ann (base)",
        "Thu 05 Mar 09:00 - Thu 05 Mar 12:00 bob (base)",
    ];
    assert_eq!(lines(&schedule, &[], "2026-02-01T00:00", "2026-04-01T00:00"), expected);
    assert_eq!(who(&schedule, &[], "2026-03-02T08:59:59.999999999"), "");
    assert_eq!(who(&schedule, &[], "2026-03-05T12:00"), "");
}

#[test]
fn restrictions_leave_gaps_and_the_rotation_goes_on_in_them() {
    let mut base = layer("base", "2026-03-02T00:00", "1 day", &["ann", "bob", "cid"]);
    base.only = Some(windows(&["mon,wed-fri 09:00-17:00"]));
    let schedule = schedule("Europe/Berlin", vec![base]);
    let expected = [
        "Mon 02 Mar 09:00 - Mon 02 Mar 17:00 ann (base)",
        "Wed 04 Mar 09:00 - Wed 04 Mar 17:00 cid (base)",
        "Thu 05 Mar 09:00 - Thu 05 Mar 16:00 ann (base)",
    ];
    assert_eq!(lines(&schedule, &[], "2026-03-02T00:00", "2026-03-05T16:00"), expected);
    let gaps = schedule.gaps(&[], at(&schedule, "2026-03-02T10:00"), at(&schedule, "2026-03-04T12:00"));
    assert_eq!(gaps, [(at(&schedule, "2026-03-02T17:00"), at(&schedule, "2026-03-04T09:00"))]);
}

#[test]
fn later_layers_overrule_earlier_ones_and_never_stack() {
    let mut day = layer("day", "2026-03-02T09:00", "1 week", &["dan+eve"]);
    day.only = Some(windows(&["mon-fri 09:00-17:00"]));
    let schedule = schedule("Europe/Berlin", vec![layer("base", "2026-03-02T09:00", "1 week", &["ann"]), day]);
    let expected = [
        "Fri 06 Mar 12:00 - Fri 06 Mar 17:00 dan (day)",
        "Fri 06 Mar 12:00 - Fri 06 Mar 17:00 eve (day)",
        "Fri 06 Mar 17:00 - Mon 09 Mar 09:00 ann (base)",
        "Mon 09 Mar 09:00 - Mon 09 Mar 10:00 dan (day)",
        "Mon 09 Mar 09:00 - Mon 09 Mar 10:00 eve (day)",
    ];
    assert_eq!(lines(&schedule, &[], "2026-03-06T12:00", "2026-03-09T10:00"), expected);
}

#[test]
fn the_calendar_lies_above_the_layers() {
    let mut schedule = schedule("Europe/Berlin", vec![layer("base", "2026-03-02T09:00", "1 week", &["ann"])]);
    let mut events = Vec::new();
    for (user, from, to) in
        [("zoe", "2026-03-03T10:00", "2026-03-03T14:00"), ("bob", "2026-03-03T12:00", "2026-03-03T15:00")]
    {
        let (starts_at, ends_at) = (at(&schedule, from), at(&schedule, to));
        events.push(Event { user: user.to_owned(), starts_at, ends_at });
        // The wrong way round: no shift at all.
        events.push(Event { user: "nobody".to_owned(), starts_at: ends_at, ends_at: starts_at });
    }
    schedule.events = events.into();
    let expected = [
        "Tue 03 Mar 00:00 - Tue 03 Mar 10:00 ann (base)",
        "Tue 03 Mar 10:00 - Tue 03 Mar 14:00 zoe (calendar)",
        "Tue 03 Mar 12:00 - Tue 03 Mar 15:00 bob (calendar)",
        "Tue 03 Mar 15:00 - Wed 04 Mar 00:00 ann (base)",
    ];
    assert_eq!(lines(&schedule, &[], "2026-03-03T00:00", "2026-03-04T00:00"), expected);
}

#[test]
fn a_month_is_handed_over_on_the_anchors_day_or_the_last_one() {
    let schedule = schedule("Europe/Berlin", vec![layer("base", "2026-01-31T09:00", "1 month", &["ann", "bob"])]);
    let expected = [
        "Sat 31 Jan 09:00 - Sat 28 Feb 09:00 ann (base)",
        "Sat 28 Feb 09:00 - Tue 31 Mar 09:00 bob (base)",
        "Tue 31 Mar 09:00 - Thu 30 Apr 09:00 ann (base)",
        "Thu 30 Apr 09:00 - Fri 01 May 00:00 bob (base)",
    ];
    assert_eq!(lines(&schedule, &[], "2026-01-01T00:00", "2026-05-01T00:00"), expected);
}

#[test]
fn the_next_handoff_tells_who_comes_and_who_goes() {
    let base = layer("base", "2026-03-02T09:00", "1 day", &["ann+bob", "bob+cid", "bob+cid"]);
    let schedule = schedule("Europe/Berlin", vec![base]);
    let next = |after| schedule.next_handoff(&[], at(&schedule, after)).unwrap();
    let expected = |time, on: &str, off: &str| Handoff {
        at: at(&schedule, time),
        on: on.split_whitespace().map(str::to_owned).collect(),
        off: off.split_whitespace().map(str::to_owned).collect(),
    };
    assert_eq!(next("2026-02-28T00:00"), expected("2026-03-02T09:00", "ann bob", ""));
    assert_eq!(next("2026-03-02T09:00"), expected("2026-03-03T09:00", "cid", "ann"));
    // From the same people to the same people is no handoff.
    assert_eq!(next("2026-03-03T09:00"), expected("2026-03-05T09:00", "ann", "cid"));
}

#[test]
fn the_next_handoff_is_looked_for_within_400_days() {
    let schedule = schedule("Europe/Berlin", vec![layer("base", "2026-03-02T09:00", "12 months", &["ann", "bob"])]);
    let handoff = schedule.next_handoff(&[], at(&schedule, "2026-03-02T09:00"));
    assert_eq!(handoff.unwrap().at, at(&schedule, "2027-03-02T09:00"));
    assert_eq!(schedule.next_handoff(&[], at(&schedule, "2025-01-01T00:00")), None);
    let alone = super::Schedule { layers: vec![layer("base", "2020-01-01T00:00", "1h", &["ann"])], ..schedule };
    assert_eq!(alone.next_handoff(&[], at(&alone, "2026-03-02T09:00")), None);
    assert_eq!(alone.next_handoff(&[], Timestamp::MAX), None);
}

#[test]
fn what_cannot_be_is_refused_in_a_sentence() {
    let turns =
        |turns: &[&[&str]]| turns.iter().map(|turn| turn.iter().map(|name| (*name).to_owned()).collect()).collect();
    let starts = "2026-03-02T09:00".parse().unwrap();
    let refused = |every, people| Layer::new("base", starts, every, people).unwrap_err().to_string();
    assert_eq!(refused(Length::Days(1), vec![]), "Layer \"base\" has no turns.");
    assert_eq!(refused(Length::Days(1), turns(&[&["ann"], &[]])), "Layer \"base\" has nobody in turn 2.");
    assert_eq!(
        refused(Length::Days(1), turns(&[&["ann"] as &[&str]; 1001])),
        "Layer \"base\" has 1001 turns; 1000 are the most."
    );
    assert_eq!(refused(Length::Weeks(0), turns(&[&["ann"]])), "A turn of 0 weeks has no length.");
    assert_eq!(refused(Length::Months(13), turns(&[&["ann"]])), "A turn of 13 months is longer than a year.");
    let base = || layer("base", "2026-03-02T09:00", "1 day", &["ann"]);
    let twice = Schedule::new("team", TimeZone::UTC, vec![base(), base()]).unwrap_err();
    assert_eq!(twice.to_string(), "Two layers are named \"base\".");
    assert!(Schedule::new("team", TimeZone::UTC, vec![base(); 101]).is_err());
    assert!(Layer { ends: Some(starts), ..base() }.check().is_err());
}

#[test]
fn what_was_never_checked_is_harmless() {
    let unchecked = |every, turns: &[&[&str]]| {
        let mut base = layer("base", "2026-03-02T09:00", "1 day", &["ann"]);
        base.every = every;
        base.turns = turns.iter().map(|turn| turn.iter().map(|name| (*name).to_owned()).collect()).collect();
        Schedule { layers: vec![base], ..schedule("Europe/Berlin", vec![]) }
    };
    let range = (Timestamp::MIN, Timestamp::MAX);
    for schedule in [unchecked(Length::Days(1), &[]), unchecked(Length::Months(0), &[&[]])] {
        assert_eq!(schedule.shifts(&[], range.0, range.1), []);
        assert_eq!(who(&schedule, &[], "2026-03-03T00:00"), "");
    }
    let hourly = unchecked(Length::Hours(0), &[&["ann"], &["bob"], &[]]);
    assert_eq!(who(&hourly, &[], "2026-03-02T10:30"), "bob");
    assert_eq!(who(&hourly, &[], "2026-03-02T11:30"), "");
    for every in [Length::Hours(u32::MAX), Length::Weeks(u32::MAX), Length::Months(u32::MAX)] {
        let endless = unchecked(every, &[&["ann"], &["bob"]]);
        assert_eq!(who(&endless, &[], "9999-12-30T00:00Z"), "ann");
    }
}

#[test]
fn the_ends_of_time_are_harmless() {
    for starts in [jiff::civil::DateTime::MIN, jiff::civil::DateTime::MAX] {
        for every in [Length::Hours(1), Length::Weeks(1), Length::Months(1)] {
            let mut base = layer("base", "2026-03-02T09:00", "1 day", &["ann", "bob"]);
            (base.starts, base.every, base.only) = (starts, every, Some(windows(&["daily 08:00-08:00"])));
            let mut schedule = schedule("Pacific/Kiritimati", vec![base]);
            schedule.holidays = [Date::MIN, Date::MAX].into();
            for holidays in [HolidayRule::Ignore, HolidayRule::Only, HolidayRule::Except] {
                schedule.layers[0].holidays = holidays;
                for instant in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
                    schedule.on_call(&[], instant);
                    schedule.shifts(&[], instant, instant);
                    schedule.shifts(&[], stretch::later(instant, SignedDuration::from_hours(-50)), instant);
                    schedule.gaps(&[], instant, stretch::later(instant, SignedDuration::from_hours(50)));
                    schedule.next_handoff(&[], instant);
                }
            }
        }
    }
}
