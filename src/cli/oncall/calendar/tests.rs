//! Calendars as people see them.

use jiff::tz::TimeZone;

use super::*;
use crate::domain::schedule::{Event, Layer};
use crate::domain::window::{Window, Windows};

mod clock;
mod now;
mod properties;

fn layer(name: &str, starts: &str, every: &str, turns: &[&str]) -> Layer {
    let turns = turns.iter().map(|turn| turn.split('+').map(str::to_owned).collect()).collect();
    Layer::new(name, starts.parse().unwrap(), every.parse().unwrap(), turns).unwrap()
}

fn during(mut layer: Layer, days: &str, from: &str, to: &str) -> Layer {
    let window = Window { days: days.parse().unwrap(), from: from.parse().unwrap(), to: to.parse().unwrap() };
    layer.only = Some(Windows::new(vec![window]));
    layer
}

fn schedule(name: &str, zone: &str, layers: Vec<Layer>) -> Schedule {
    Schedule::new(name, TimeZone::get(zone).unwrap(), layers).unwrap()
}

fn at(schedule: &Schedule, text: &str) -> Timestamp {
    schedule.zone.to_timestamp(text.parse().unwrap()).unwrap()
}

fn over(schedule: &Schedule, user: &str, replaces: Option<&str>, times: [&str; 2]) -> Override {
    let [starts_at, ends_at] = times.map(|text| at(schedule, text));
    Override { id: times.concat(), user: user.to_owned(), replaces: replaces.map(str::to_owned), starts_at, ends_at }
}

fn primary() -> (Schedule, Vec<Override>) {
    let week = layer("weekdays", "2026-11-02T09:00", "1 week", &["ann", "bob"]);
    let weekend = layer("weekend", "2026-11-07T09:00", "1 day", &["cid", "dora"]);
    let layers = vec![during(week, "mon-fri", "00:00", "00:00"), during(weekend, "sat,sun", "09:00", "00:00")];
    let schedule = schedule("primary", "Europe/Berlin", layers);
    let overrides = vec![
        over(&schedule, "zoe", Some("bob"), ["2026-11-24T09:00", "2026-11-24T17:00"]),
        over(&schedule, "dora", None, ["2026-11-27T22:00", "2026-11-28T03:15"]),
        over(&schedule, "ann", Some("zoe"), ["2026-11-29T12:00", "2026-11-29T13:00"]),
    ];
    (schedule, overrides)
}

fn columns(width: usize, days: u32) -> Look {
    Look { width, colour: false, days }
}

/// People by turns of one day, which begin at 09:30.
fn pair(zone: &str, turns: &[&str]) -> Schedule {
    schedule("ops", zone, vec![layer("all", "2010-01-01T09:30", "1 day", turns)])
}

#[track_caller]
fn check(schedule: &Schedule, overrides: &[Override], from: &str, look: Look, expected: &str) {
    let from = from.parse().unwrap_or_else(|_| at(schedule, from));
    let found = render(schedule, overrides, from, &look);
    assert_eq!(found, expected.trim_start_matches('\n'), "\n{found}");
}

#[test]
fn a_week() {
    let (schedule, overrides) = primary();
    check(
        &schedule,
        &overrides,
        "2026-11-23T10:20",
        columns(80, 7),
        "
primary, Europe/Berlin
Mon 2026-11-23 – Sun 2026-11-29, 7 days

               00 03 06 09 12 15 18 21
                         v now 10:20
Mon 2026-11-23 AAAAAAAAABBBBBBBBBBBBBBB  00:00 dora → ann, 09:00 → bob
Tue 2026-11-24 BBBBBBBBBZZZZZZZZBBBBBBB  09:00 bob → zoe, 17:00 → bob
Wed 2026-11-25 BBBBBBBBBBBBBBBBBBBBBBBB
Thu 2026-11-26 BBBBBBBBBBBBBBBBBBBBBBBB
Fri 2026-11-27 BBBBBBBBBBBBBBBBBBBBBBDD  22:00 bob → dora
Sat 2026-11-28 DDD!·····DDDDDDDDDDDDDDD  03:15 dora → nobody, 09:00 → dora
Sun 2026-11-29 ·········CCCCCCCCCCCCCCC  00:00 dora → nobody, 09:00 → cid

                 on call   night 22–06        weekend
A  ann         9 h   5 %     6 h  11 %      0 h   0 %
B  bob       101 h  60 %    32 h  57 %      0 h   0 %
Z  zoe         8 h   5 %     0 h   0 %      0 h   0 %
D  dora    20:15 h  12 %  7:15 h  13 %  18:15 h  38 %
C  cid        15 h   9 %     2 h   4 %     15 h  31 %
·  nobody  14:45 h   9 %  8:45 h  16 %  14:45 h  31 %
   period    168 h 100 %    56 h 100 %     48 h 100 %
!  nobody for a part of the hour

override: Tue 2026-11-24 09:00–17:00 zoe for bob
override: Fri 2026-11-27 22:00 – Sat 2026-11-28 03:15 dora for everybody
override: Sun 2026-11-29 12:00–13:00 ann for zoe, without effect
nobody: Sat 2026-11-28 03:15–09:00, 5:45 h
nobody: Sun 2026-11-29 00:00–09:00, 9 h
",
    );
}

#[test]
fn a_narrow_one_cuts_words_and_breaks_lists() {
    let (schedule, overrides) = primary();
    check(
        &schedule,
        &overrides,
        "2026-11-28T22:40",
        columns(40, 2),
        "
primary, Europe/Berlin
Sat 2026-11-28 – Sun 2026-11-29, 2 days

          00 03 06 09 12 15 18 21
                      now 22:40 v
Sat 11-28 DDD!·····DDDDDDDDDDDDDDD 03:1…
Sun 11-29 ·········CCCCCCCCCCCCCCC 00:0…

           on call   22–06  weekend
D  dora    18:15 h  5:15 h  18:15 h
C  cid        15 h     2 h     15 h
·  nobody  14:45 h  8:45 h  14:45 h
   period     48 h    16 h     48 h
!  nobody for a part of the hour

override: Fri 2026-11-27 22:00 –
    Sat 2026-11-28 03:15 dora for
    everybody, over
override: Sun 2026-11-29 12:00–13:00 ann
    for zoe, without effect
nobody: Sat 2026-11-28 03:15–09:00,
    5:45 h, over
nobody: Sun 2026-11-29 00:00–09:00, 9 h
",
    );
}

#[test]
fn a_wide_one_has_half_hours() {
    check(
        &pair("Asia/Kolkata", &["ann", "bob"]),
        &[],
        "2026-03-29T10:50",
        columns(112, 2),
        "
ops, Asia/Kolkata
Sun 2026-03-29 – Mon 2026-03-30, 2 days

               00    03    06    09    12    15    18    21
                                    v now 10:50
Sun 2026-03-29 AAAAAAAAAAAAAAAAAAABBBBBBBBBBBBBBBBBBBBBBBBBBBBB  09:30 ann → bob
Mon 2026-03-30 BBBBBBBBBBBBBBBBBBBAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  09:30 bob → ann

              on call  night 22–06        weekend
A  ann     24 h  50 %    8 h  50 %   9:30 h  40 %
B  bob     24 h  50 %    8 h  50 %  14:30 h  60 %
   period  48 h 100 %   16 h 100 %     24 h 100 %

no overrides
no gaps
",
    );
}

#[test]
fn a_handoff_within_the_hour_is_marked() {
    check(
        &pair("Asia/Kolkata", &["ann", "bob"]),
        &[],
        "2026-03-29T10:50",
        columns(80, 1),
        "
ops, Asia/Kolkata
Sun 2026-03-29

               00 03 06 09 12 15 18 21
                         v now 10:50
Sun 2026-03-29 AAAAAAAAA/BBBBBBBBBBBBBB  09:30 ann → bob

                 on call  night 22–06        weekend
A  ann      9:30 h  40 %    6 h  75 %   9:30 h  40 %
B  bob     14:30 h  60 %    2 h  25 %  14:30 h  60 %
   period     24 h 100 %    8 h 100 %     24 h 100 %
/  handoff within the hour

no overrides
no gaps
",
    );
}

#[test]
fn several_at_once_have_a_line_each() {
    let schedule = pair("Asia/Tokyo", &["田中さん+bob", "bob", "a+b+c+d+e"]);
    check(
        &schedule,
        &[],
        "2026-04-04T10:50",
        columns(80, 3),
        "
ops, Asia/Tokyo
Sat 2026-04-04 – Mon 2026-04-06, 3 days

               00 03 06 09 12 15 18 21
                         v now 10:50
Sat 2026-04-04 AAAAAAAAA/OOOOOOOOOOOOOO  09:30 a+b+c+d+e → bob+田中さん
               BBBBBBBBB/11111111111111
               CCCCCCCCC/
               +++++++++/
Sun 2026-04-05 OOOOOOOOOOOOOOOOOOOOOOOO  09:30 bob+田中さん → bob
               111111111/
Mon 2026-04-06 OOOOOOOOO/AAAAAAAAAAAAAA  09:30 bob → a+b+c+d+e
                        /BBBBBBBBBBBBBB
                        /CCCCCCCCCCCCCC
                        /++++++++++++++

                on call  night 22–06        weekend
A  a         24 h  33 %    8 h  33 %   9:30 h  20 %
B  b         24 h  33 %    8 h  33 %   9:30 h  20 %
C  c         24 h  33 %    8 h  33 %   9:30 h  20 %
D  d         24 h  33 %    8 h  33 %   9:30 h  20 %
E  e         24 h  33 %    8 h  33 %   9:30 h  20 %
O  bob       48 h  67 %   16 h  67 %  38:30 h  80 %
1  田中さん  24 h  33 %    8 h  33 %     24 h  50 %
   period    72 h 100 %   24 h 100 %     48 h 100 %
/  handoff within the hour
+  more people at once than lines

no overrides
no gaps
",
    );
}

#[test]
fn events_past_and_present() {
    let mut schedule = schedule("bare", "UTC", Vec::new());
    let event = |user: &str, from: &str, to: &str| Event {
        user: user.to_owned(),
        starts_at: from.parse().unwrap(),
        ends_at: to.parse().unwrap(),
    };
    schedule.events = vec![
        event("ann", "2026-01-05T00:00Z", "2026-01-05T08:00Z"),
        event("evil\x1b[2J\n", "2026-01-05T09:00:30Z", "2026-01-05T12:00Z"),
    ]
    .into();
    check(
        &schedule,
        &[],
        "2026-01-05T13:00Z",
        columns(80, 1),
        "
bare, UTC
Mon 2026-01-05

               00 03 06 09 12 15 18 21
                            v now 13:00
Mon 2026-01-05 AAAAAAAA·!EE············  00:00 nobody → ann, 08:00 → nobody, 09…

                   on call  night 22–06    weekend
A  ann           8 h  33 %    6 h  75 %  0 h     -
E  evil�[2J�  2:59 h  12 %    0 h   0 %  0 h     -
·  nobody       13 h  54 %    2 h  25 %  0 h     -
   period       24 h 100 %    8 h 100 %  0 h     -
!  nobody for a part of the hour

no overrides
nobody: Mon 2026-01-05 08:00–09:00:30, 1 h, over
nobody: Mon 2026-01-05 12:00–24:00, 12 h, now
",
    );
}

#[test]
fn colours() {
    let (schedule, _) = primary();
    let look = Look { colour: true, ..columns(40, 1) };
    let found = render(&schedule, &[], at(&schedule, "2026-11-28T10:20"), &look);
    assert!(found.contains("\x1b[2mSat 11-28\x1b[0m \x1b[31m·········\x1b[0m\x1b[32mDDD"), "{found}");
    assert!(found.ends_with("\n\x1b[31mnobody\x1b[0m: Sat 2026-11-28 00:00–09:00, 9 h,\n    over\n"), "{found}");
}

#[test]
fn what_is_outside_the_limits_means_the_nearest_within() {
    let (schedule, overrides) = primary();
    let render = |width, days| render(&schedule, &overrides, at(&schedule, "2026-11-23T10:20"), &columns(width, days));
    assert_eq!(render(0, 0), render(40, 1));
    assert_eq!(render(70, u32::MAX), render(70, 366));
    let office = [during(layer("office", "2026-11-02T09:00", "1 week", &["ann"]), "mon-fri", "09:00", "17:00")];
    let schedule = self::schedule("office", "UTC", office.to_vec());
    let found = super::render(&schedule, &[], at(&schedule, "2026-11-23T10:20"), &columns(80, 366));
    assert!(found.ends_with("\nand 203 more\n"), "{found}");
}
