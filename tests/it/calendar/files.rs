//! `calendar`, `calendar_users` and `holiday_files` of a schedule.

use nightcall::definitions;
use nightcall::domain::Definitions;
use nightcall::domain::schedule::{Schedule, Source};

use super::{NOW, at, calendar};

const MAIN: &str = r#"fallback = "ann"
[users.ann]
contacts = ["console"]
[users.bob]
contacts = ["console"]
[policies.p]
steps = [{ delay = "5m", targets = ["schedule:s"] }]
[services.s]
addresses = ["*"]
policy = "p"
[schedules.s]
zone = "Europe/Berlin"
"#;

/// Loads these lines of schedule `s` with these files beside them: the definitions, or the problems.
fn load(lines: &str, files: &[(&str, &str)]) -> Result<Definitions, Vec<String>> {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    std::fs::write(&config, format!("{MAIN}{lines}\n")).expect("written");
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    match definitions::load(&config, at(NOW)) {
        Ok(loaded) => Ok(loaded.definitions),
        Err(problems) => {
            let prefix = format!("{}/", folder.path().display());
            Err(problems.0.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect())
        }
    }
}

fn schedule(lines: &str, files: &[(&str, &str)]) -> Schedule {
    let mut definitions = load(lines, files).unwrap_or_else(|problems| panic!("{problems:?}"));
    definitions.roster.schedules.remove("s").expect("the schedule")
}

/// The shifts, times in the schedule's zone.
fn shown(schedule: &Schedule) -> Vec<String> {
    let civil = |at| schedule.zone.to_datetime(at).strftime("%m-%d %H:%M").to_string();
    let line = |event: &nightcall::domain::schedule::Event| {
        format!("{}..{} {}", civil(event.starts_at), civil(event.ends_at), event.user)
    };
    schedule.events.iter().map(line).collect()
}

#[test]
fn people_are_meant_by_address_by_name_or_by_title() {
    let text = calendar(&[
        "SUMMARY:On call\nATTENDEE;CN=Ann Example:mailto:someone@example.com\nDTSTART:20261123T080000Z\nDTEND:20261123T160000Z",
        "SUMMARY:On call\nATTENDEE:mailto:BOB@example.com\nDTSTART:20261124T080000Z\nDTEND:20261124T160000Z",
        "SUMMARY: bob \nDTSTART;VALUE=DATE:20261125\nDTEND;VALUE=DATE:20261127",
        "SUMMARY:the Boss\nDTSTART:20261128T090000\nDTEND:20261128T170000",
        // The team's own address is nobody; the title says who.
        "SUMMARY:ann\nATTENDEE:mailto:team@example.com\nDTSTART:20261130T080000Z\nDTEND:20261130T160000Z",
        // Two people are on call together, and the room is no person.
        "SUMMARY:both\nATTENDEE:mailto:bob@example.com\nATTENDEE;CN=ann:mailto:a@example.com\nATTENDEE;CUTYPE=ROOM:mailto:room@example.com\nDTSTART:20261201T080000Z\nDTEND:20261201T160000Z",
        "SUMMARY:Team lunch\nDTSTART:20261202T110000Z\nDTEND:20261202T120000Z",
        // Who left is no problem once the shift is over.
        "SUMMARY:zoe\nDTSTART:20261101T080000Z\nDTEND:20261101T160000Z",
    ]);
    let lines = r#"calendar = "team.ics"
calendar_users = { "Ann Example" = "ann", "bob@example.com" = "bob", "The boss" = "ann", "Team lunch" = "" }"#;
    let schedule = schedule(lines, &[("team.ics", &text)]);
    assert_eq!(
        shown(&schedule),
        [
            "11-23 09:00..11-23 17:00 ann",
            "11-24 09:00..11-24 17:00 bob",
            "11-25 00:00..11-27 00:00 bob",
            "11-28 09:00..11-28 17:00 ann",
            "11-30 09:00..11-30 17:00 ann",
            "12-01 09:00..12-01 17:00 ann",
            "12-01 09:00..12-01 17:00 bob",
        ]
    );
    let on_call = schedule.on_call(&[], at("2026-11-25T12:00:00Z"));
    assert_eq!((on_call[0].user.as_str(), &on_call[0].source), ("bob", &Source::Calendar));
}

#[test]
fn a_series_is_known_for_the_time_around_now() {
    let weekly = calendar(&[
        "SUMMARY:ann\nDTSTART;TZID=Europe/Berlin:20200106T090000\nDTEND;TZID=Europe/Berlin:20200107T090000\nRRULE:FREQ=WEEKLY",
    ]);
    let events = schedule("calendar = \"a.ics\"", &[("a.ics", &weekly)]).events;
    let (first, last) = (events.first().expect("one"), events.last().expect("one"));
    assert_eq!(first.starts_at, at("2026-10-19T07:00:00Z"), "35 days back");
    assert_eq!(last.starts_at, at("2027-12-20T08:00:00Z"), "400 days ahead");
    assert_eq!(events.len(), 62);
}

#[test]
fn the_calendar_lies_above_the_layers_and_gaps_are_theirs() {
    let text = calendar(&["SUMMARY:bob\nDTSTART:20261123T080000Z\nDTEND:20261123T160000Z"]);
    let lines =
        "calendar = \"a.ics\"\nlayers = [{ starts = \"2026-01-05T09:00\", every = \"1 week\", turns = [\"ann\"] }]";
    let schedule = schedule(lines, &[("a.ics", &text)]);
    let who = |when: &str| schedule.on_call(&[], at(when)).into_iter().map(|on| on.user).collect::<Vec<_>>();
    assert_eq!((who("2026-11-23T12:00:00Z"), who("2026-11-23T16:00:00Z")), (vec!["bob".into()], vec!["ann".into()]));
}

#[test]
fn holidays_are_the_whole_days_of_a_calendar() {
    let text = calendar(&[
        "SUMMARY:Weihnachten\nDTSTART;VALUE=DATE:20261225\nDTEND;VALUE=DATE:20261227",
        "SUMMARY:Neujahr\nDTSTART;VALUE=DATE:20200101\nRRULE:FREQ=YEARLY",
        "SUMMARY:a talk\nDTSTART:20261201T100000Z\nDTEND:20261201T110000Z",
    ]);
    let lines = "holidays = [\"2026-12-24\"]\nholiday_files = [\"de.ics\"]\n\
                 layers = [{ starts = \"2026-01-05T09:00\", every = \"1 week\", turns = [\"ann\"], holidays = \"only\" }]";
    let days: Vec<String> = schedule(lines, &[("de.ics", &text)]).holidays.iter().map(ToString::to_string).collect();
    assert_eq!(days, ["2026-12-24", "2026-12-25", "2026-12-26", "2027-01-01"]);
}

#[test]
fn a_calendar_file_belongs_to_the_version() {
    let text = |user: &str| calendar(&[&format!("SUMMARY:{user}\nDTSTART:20261123T080000Z\nDTEND:20261123T160000Z")]);
    let version = |text: &str| load("calendar = \"a.ics\"", &[("a.ics", text)]).expect("good").version;
    assert_ne!(version(&text("ann")), version(&text("bob")));
    assert_eq!(version(&text("ann")), version(&text("ann")));
}

#[test]
fn a_url_is_left_to_the_running_gateway_and_keeps_its_secret() {
    let lines =
        "calendar = \"https://calendar.example.com/private-abc/basic.ics\"\ncalendar_users = { \"Ann\" = \"ann\" }";
    let definitions = load(lines, &[]).expect("good");
    assert!(definitions.roster.schedules["s"].events.is_empty());
    let subscription = &definitions.roster.calendars["s"];
    assert_eq!(subscription.url.host(), "calendar.example.com");
    assert_eq!(subscription.named["ann"], "ann");
    assert!(!format!("{definitions:?}").contains("private-abc"));
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let event = |lines: &str| calendar(&[lines]);
    let when = "DTSTART:20261123T080000Z\nDTEND:20261123T160000Z";
    let strange =
        "a.ics gives a shift on 2026-11-23 09:00 to “Zoe”, who is no user here (say who that is in calendar_users";
    let zoe = event(&format!("SUMMARY:Zoe\n{when}"));
    let named =
        event(&format!("SUMMARY:x\nATTENDEE;CN=Zoe:invalid:nomail\nATTENDEE;CN=ann:mailto:ann@example.com\n{when}"));
    let unzoned = event("SUMMARY:ann\nDTSTART;TZID=Mars/Olympus:20261123T080000\nDURATION:PT8H");
    let cut = zoe.replace("END:VCALENDAR", "");
    let calendar = "calendar = \"a.ics\"";
    for (lines, text, problem) in [
        (calendar, zoe.as_str(), strange),
        (calendar, &named, strange),
        (calendar, &unzoned, "a.ics: the time zone “Mars/Olympus” is not known"),
        (calendar, &cut, "cannot read the calendar a.ics: the calendar is cut off"),
        (calendar, "<html>", "cannot read the calendar a.ics: this is not an iCalendar text"),
        (calendar, &"x".repeat(5 * 1024 * 1024 + 1), "cannot read the calendar a.ics: it is larger than 5 MiB"),
        ("calendar = \"b.ics\"", "", "cannot read the calendar b.ics: No such file"),
        ("calendar = \".\"", "", "cannot read the calendar .: it is no file"),
        ("calendar = 7", "", "schedules.s.calendar must be a string"),
        ("calendar = \"webcal://example.com/a.ics\"", "", "this is no address of a calendar (write https://"),
        ("calendar = \"https:///a.ics\"", "", "this is no address of a calendar"),
        ("calendar_users = { \"A\" = \"ann\" }", "", "calendar_users needs a calendar"),
        ("", "", "schedule s has no layer and no calendar"),
        (
            "calendar = \"https://x/\"\ncalendar_users = { \"A\" = \"anne\" }",
            "",
            "there is no user \"anne\" (did you mean `ann`?)",
        ),
        (
            "calendar = \"https://x/\"\ncalendar_users = { \"A\" = \"ann\", \"a\" = \"bob\" }",
            "",
            "\"a\" is in calendar_users twice",
        ),
        ("calendar = \"https://x/\"\nholiday_files = [\"https://x/de.ics\"]", "", "holidays are read from files only"),
        ("calendar = \"https://x/\"\nholiday_files = [\"b.ics\"]", "", "cannot read the calendar b.ics"),
    ] {
        let problems = load(lines, &[("a.ics", text)]).expect_err(lines);
        assert!(problems.iter().any(|told| told.contains(problem)), "{lines}: {problems:?}");
        assert!(problems.iter().all(|told| told.starts_with("nightcall.toml:")), "{problems:?}");
    }
    let many: Vec<String> = (0..30).map(|number| format!("SUMMARY:p{number:02}\n{when}")).collect();
    let many = super::calendar(&many.iter().map(String::as_str).collect::<Vec<_>>());
    let problems = load(calendar, &[("a.ics", &many)]).expect_err("strangers");
    assert_eq!(problems.len(), 11, "{problems:?}");
    assert!(problems[10].contains("names 20 more people"), "{problems:?}");
}
