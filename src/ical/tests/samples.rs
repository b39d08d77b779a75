//! Exports in the manner of the programs that on-call teams keep their calendars in.

use super::*;

#[test]
fn google_with_a_swap_a_cancelled_week_and_a_removed_one() {
    let lines = shown(include_str!("samples/google.ics"), "2026-03-01", "2026-06-01", "Europe/Berlin");
    assert_eq!(
        lines,
        [
            "03-02 09:00..03-09 09:00 Ann, primary <ann@example.org>",
            "03-16 09:00..03-23 09:00 Ann, primary <ann@example.org>",
            "04-14 12:00..04-20 09:00 Bob for Ann <bob@example.org>",
        ]
    );
}

#[test]
fn outlook_with_windows_zones_across_the_end_of_summer_time() {
    let lines = shown(include_str!("samples/outlook.ics"), "2026-10-20", "2026-11-01", "Europe/Berlin");
    assert_eq!(
        lines,
        [
            "10-23 22:00..10-24 06:00 Nachtdienst Müller <Müller, Jörg>",
            "10-24 22:00..10-25 06:00 Nachtdienst Müller <Müller, Jörg>",
            "10-25 22:00..10-26 06:00 Nachtdienst Müller <Müller, Jörg>",
            "10-26 22:00..10-27 06:00 Nachtdienst Müller <Müller, Jörg>",
            "10-27 08:00..10-27 16:00 Day shift",
            "2026-10-28..2026-10-29 Site visit",
        ]
    );
}

#[test]
fn apple_with_an_extra_date_and_a_time_without_zone() {
    let lines = shown(include_str!("samples/apple.ics"), "2026-03-01", "2026-05-01", "America/New_York");
    assert_eq!(
        lines,
        [
            "03-06 17:00..03-09 08:00 Weekend — Chloë <chloe@example.com>",
            "03-10 22:00..03-11 06:00 Floating night",
            "03-20 17:00..03-23 08:00 Weekend — Chloë <chloe@example.com>",
            "04-03 17:00..04-06 08:00 Weekend — Chloë <chloe@example.com>",
        ]
    );
}

#[test]
fn nextcloud_with_a_path_as_zone_and_a_cancelled_series() {
    let lines = shown(include_str!("samples/nextcloud.ics"), "2026-01-13", "2026-01-20", "UTC");
    assert_eq!(
        lines,
        [
            "01-12 17:00..01-13 05:00 Dora <dora@example.at>",
            "01-13 17:00..01-14 05:00 Dora <dora@example.at>",
            "01-15 17:00..01-16 05:00 Dora <dora@example.at>",
            "01-16 17:00..01-17 05:00 Dora <dora@example.at>",
            "01-19 17:00..01-20 05:00 Dora <dora@example.at>",
        ]
    );
}

#[test]
fn grafana_oncall_in_utc() {
    let lines = shown(include_str!("samples/grafana.ics"), "2026-03-30", "2026-04-03", "UTC");
    assert_eq!(
        lines,
        [
            "03-30 07:00..03-30 19:00 [L1] ann",
            "03-30 19:00..03-31 07:00 [L1] bob",
            "03-31 07:00..03-31 19:00 [L1] ann",
            "04-01 07:00..04-01 19:00 [L1] ann",
            "04-01 19:00..04-02 07:00 [L1] bob",
        ]
    );
}

#[test]
fn public_holidays() {
    let lines = shown(include_str!("samples/holidays.ics"), "2026-01-01", "2027-01-02", "Europe/Berlin");
    assert_eq!(
        lines,
        [
            "2026-01-01..2026-01-02 Neujahr",
            "2026-04-03..2026-04-04 Karfreitag",
            "2026-11-01..2026-11-02 Allerheiligen",
            "2026-11-18..2026-11-19 Buß- und Bettag",
            "2026-12-25..2026-12-27 Weihnachten",
            "2027-01-01..2027-01-02 Neujahr",
        ]
    );
}
