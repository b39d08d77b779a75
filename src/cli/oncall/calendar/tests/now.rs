//! Who is on call now.

use super::*;

#[track_caller]
fn check(schedules: &[(&Schedule, &[Override])], at: &str, expected: &[&str]) {
    let at = at.parse().unwrap();
    let answers = schedules.iter().map(|(schedule, overrides)| {
        (*schedule, schedule.on_call(overrides, at), schedule.next_handoff(overrides, at))
    });
    let found = now_line(&answers.collect::<Vec<_>>(), at);
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn one_line_each() {
    let (primary, overrides) = primary();
    let two = schedule("日本", "Europe/Berlin", vec![layer("", "2026-11-01T09:00", "1 month", &["cid+ann", "bob"])]);
    let alone = schedule("boss", "Europe/Berlin", vec![layer("boss", "2026-11-01T09:00", "12 months", &["dan"])]);
    let all: &[(&Schedule, &[Override])] = &[(&primary, &overrides), (&two, &[]), (&alone, &[])];
    check(
        all,
        "2026-11-24T09:20:00+01:00",
        &[
            "primary  zoe (override) until Tue 17:00 (in 7 h 40 min), then bob",
            "日本     ann + cid until Tue 2026-12-01 09:00 (in 6 d 23 h), then bob",
            "boss     dan (boss), and no handoff within 400 days",
        ],
    );
    check(&all[..1], "2026-11-28T06:00:00+01:00", &["primary  nobody until Sat 09:00 (in 3 h), then dora"]);
}

#[test]
fn zones_are_named_where_they_differ() {
    let (here, there) = (pair("Europe/Berlin", &["ann", "bob"]), pair("Asia/Kolkata", &["ann+bob", "bob"]));
    check(
        &[(&here, &[]), (&there, &[])],
        "2026-07-01T07:29:30Z",
        &[
            "ops  ann (all) until Wed 09:30 CEST (in less than a minute), then bob",
            "ops  bob (all) until Thu 09:30 IST (in 20 h 30 min), then ann + bob",
        ],
    );
}

#[test]
fn two_reasons() {
    let mut schedule = pair("UTC", &["ann+bob", "cid"]);
    let overrides = [over(&schedule, "zoe", Some("bob"), ["2026-07-01T00:00", "2026-07-02T00:00"])];
    check(
        &[(&schedule, &overrides)],
        "2026-07-02T08:00:00Z",
        &["ops  cid (all) until Thu 09:30 (in 1 h 30 min), then ann + bob"],
    );
    check(
        &[(&schedule, &overrides)],
        "2026-07-01T08:00:00Z",
        &["ops  ann (all) + zoe (override) until Wed 09:30 (in 1 h 30 min), then cid"],
    );
    let times = ["2026-07-01T00:00Z", "2026-07-02T00:00Z"].map(|text| text.parse().unwrap());
    schedule.events = vec![Event { user: "dan".to_owned(), starts_at: times[0], ends_at: times[1] }].into();
    schedule.layers.clear();
    check(&[(&schedule, &[])], "2026-07-01T10:00:00Z", &["ops  dan (calendar) until Thu 00:00 (in 14 h), then nobody"]);
    assert_eq!(now_line(&[], Timestamp::UNIX_EPOCH), "");
}
