//! Days on which the clock is changed.

use super::*;

fn half_days() -> Schedule {
    schedule("nights", "Europe/Berlin", vec![layer("n", "2026-01-01T09:00", "12h", &["ann", "bob"])])
}

#[test]
fn a_long_day_has_another_column() {
    check(
        &half_days(),
        &[],
        "2026-10-24T23:50",
        columns(80, 3),
        "
nights, Europe/Berlin
Sat 2026-10-24 – Mon 2026-10-26, 3 days

               00 03 06 09 12 15 18 21
                                      v now 23:50
Sat 2026-10-24 BBBBBBBBBAAAAAAAAAAAABBB  09:00 bob → ann, 21:00 → bob
Sun 2026-10-25*BBBBBBBBBBAAAAAAAAAAAABBB 25 h, 09:00 bob → ann, 21:00 → bob
Mon 2026-10-26 BBBBBBBBBAAAAAAAAAAAABBB  09:00 bob → ann, 21:00 → bob

              on call  night 22–06     weekend
B  bob     37 h  51 %   25 h 100 %  25 h  51 %
A  ann     36 h  49 %    0 h   0 %  24 h  49 %
   period  73 h 100 %   25 h 100 %  49 h 100 %
*  the clock is changed

no overrides
no gaps
",
    );
}

#[test]
fn a_short_day_has_a_hole() {
    check(
        &half_days(),
        &[],
        "2026-03-28T23:50",
        columns(80, 3),
        "
nights, Europe/Berlin
Sat 2026-03-28 – Mon 2026-03-30, 3 days

               00 03 06 09 12 15 18 21
                                      v now 23:50
Sat 2026-03-28 BBBBBBBBBAAAAAAAAAAAABBB  09:00 bob → ann, 21:00 → bob
Sun 2026-03-29*BB BBBBBBAAAAAAAAAAAABBB  23 h, 09:00 bob → ann, 21:00 → bob
Mon 2026-03-30 BBBBBBBBBAAAAAAAAAAAABBB  09:00 bob → ann, 21:00 → bob

              on call  night 22–06     weekend
B  bob     35 h  49 %   23 h 100 %  23 h  49 %
A  ann     36 h  51 %    0 h   0 %  24 h  51 %
   period  71 h 100 %   23 h 100 %  47 h 100 %
*  the clock is changed

no overrides
no gaps
",
    );
}

#[test]
fn a_repeated_hour_is_told_from_the_first() {
    let early = schedule("early", "Europe/Berlin", vec![layer("n", "2026-01-01T02:30", "1 day", &["ann", "bob"])]);
    check(
        &early,
        &[],
        "2026-10-25T01:10Z",
        columns(64, 1),
        "
early, Europe/Berlin
Sun 2026-10-25

               00 03 06 09 12 15 18 21
                  v now 02:10 CET
Sun 2026-10-25*AA/BBBBBBBBBBBBBBBBBBBBBB 25 h, 02:30 CEST ann →…

                 on call   night 22–06        weekend
A  ann      2:30 h  10 %  2:30 h  28 %   2:30 h  10 %
B  bob     22:30 h  90 %  6:30 h  72 %  22:30 h  90 %
   period     25 h 100 %     9 h 100 %     25 h 100 %
/  handoff within the hour
*  the clock is changed

no overrides
no gaps
",
    );
}

#[test]
fn half_an_hour_on_lord_howe_island() {
    let schedule = pair("Australia/Lord_Howe", &["ann", "bob"]);
    check(
        &schedule,
        &[],
        "2026-04-05T10:50",
        columns(80, 1),
        "
ops, Australia/Lord_Howe
Sun 2026-04-05

               00 03 06 09 12 15 18 21
                          v now 10:50
Sun 2026-04-05*BBBBBBBBBB/AAAAAAAAAAAAAA 24:30 h, 09:30 bob → ann

                 on call   night 22–06        weekend
B  bob        10 h  41 %  6:30 h  76 %     10 h  41 %
A  ann     14:30 h  59 %     2 h  24 %  14:30 h  59 %
   period  24:30 h 100 %  8:30 h 100 %  24:30 h 100 %
/  handoff within the hour
*  the clock is changed

no overrides
no gaps
",
    );
    check(
        &schedule,
        &[],
        "2026-10-04T10:50",
        columns(112, 1),
        "
ops, Australia/Lord_Howe
Sun 2026-10-04

               00    03    06    09    12    15    18    21
                                    v now 10:50
Sun 2026-10-04*BBBB BBBBBBBBBBBBBBAAAAAAAAAAAAAAAAAAAAAAAAAAAAA  23:30 h, 09:30 bob → ann

                 on call   night 22–06        weekend
B  bob         9 h  38 %  5:30 h  73 %      9 h  38 %
A  ann     14:30 h  62 %     2 h  27 %  14:30 h  62 %
   period  23:30 h 100 %  7:30 h 100 %  23:30 h 100 %
*  the clock is changed

no overrides
no gaps
",
    );
}

#[test]
fn a_clock_put_back_over_midnight() {
    // At 00:01 it was 23:01 of the day before again: that hour is the new day's.
    check(
        &pair("America/St_Johns", &["ann", "bob"]),
        &[],
        "2010-11-07T01:30Z",
        columns(80, 2),
        "
ops, America/St_Johns
Sat 2010-11-06 – Sun 2010-11-07, 2 days

               00 03 06 09 12 15 18 21
                                      v now 23:00
Sat 2010-11-06 AAAAAAAAA/BBBBBBBBBBBBBB  09:30 ann → bob
Sun 2010-11-07*BBBBBBBBBBB/AAAAAAAAAAAAAA 25 h, 09:30 bob → ann

              on call  night 22–06     weekend
A  ann     24 h  49 %    8 h  47 %  24 h  49 %
B  bob     25 h  51 %    9 h  53 %  25 h  51 %
   period  49 h 100 %   17 h 100 %  49 h 100 %
/  handoff within the hour
*  the clock is changed

no overrides
no gaps
",
    );
}

#[test]
fn a_day_left_out() {
    check(
        &pair("Pacific/Apia", &["ann", "bob"]),
        &[],
        "2011-12-29T10:50",
        columns(80, 3),
        "
ops, Pacific/Apia
Thu 2011-12-29 – Sat 2011-12-31, 3 days

               00 03 06 09 12 15 18 21
                         v now 10:50
Thu 2011-12-29 AAAAAAAAA/BBBBBBBBBBBBBB  09:30 ann → bob
Fri 2011-12-30*                          the clock jumps over this day
Sat 2011-12-31 AAAAAAAAA/BBBBBBBBBBBBBB  00:00 bob → ann, 09:30 → bob

              on call  night 22–06        weekend
A  ann     19 h  40 %   12 h  75 %   9:30 h  40 %
B  bob     29 h  60 %    4 h  25 %  14:30 h  60 %
   period  48 h 100 %   16 h 100 %     24 h 100 %
/  handoff within the hour
*  the clock is changed

no overrides
no gaps
",
    );
}
