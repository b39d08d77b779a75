//! Stories of incidents that wait, are given away, flap, or are forgotten by their monitor.

use jiff::civil::time;
use jiff::tz::TimeZone;

use super::*;

/// Minute 0 of these stories is Friday, 2027-01-15 08:00 UTC.
pub(super) fn office() -> SupportHours {
    let days = "mon-fri".parse::<Weekdays>().expect("days");
    let hours = Window { days, from: time(9, 0, 0, 0), to: time(17, 0, 0, 0) };
    SupportHours { windows: Windows::new(vec![hours]), zone: TimeZone::UTC }
}

pub(super) fn silence(from: i64, to: i64) -> Silence {
    Silence {
        id: "1".to_owned(),
        matcher: Matcher::new(Wanted { key: Some("^k$".to_owned()), ..Wanted::default() }).expect("a regex"),
        starts_at: at(from),
        ends_at: at(to),
        reason: "disk is being swapped".to_owned(),
        author: "bob".to_owned(),
    }
}

#[test]
fn a_recovery_within_the_hold_calls_nobody() {
    let handling = || Handling { hold: SignedDuration::from_mins(2), ..Handling::by_policy("p") };
    let mut tale = Tale::open_as(handling(), 0);
    assert_eq!(tale.incident.held.as_deref(), Some("a recovery within 2m calls nobody"));
    tale.event(1, &Event::TimerDue).event(1, &Event::Resolved { origin_at: Some(at(1)) });
    tale.tells(&["1:  []", "1: resolved [cancel]"]);
    let mut tale = Tale::open_as(handling(), 0);
    tale.event(2, &Event::TimerDue).event(7, &Event::TimerDue);
    tale.tells(&["2: released paged [ann]", "7: paged [bob]"]);
    let mut tale = Tale::open_as(handling(), 0);
    tale.event(1, &Event::Triggered(trigger(Severity::Critical, 1))).event(1, &Event::TimerDue);
    tale.tells(&["1: repeated severity_raised []", "1: released paged [ann]"]);
}

#[test]
fn a_silenced_incident_pages_when_the_silence_ends() {
    let mut tale = Tale::open();
    tale.silences.push(silence(0, 60));
    tale.event(0, &Event::TimerDue).event(30, &Event::TimerDue).event(60, &Event::TimerDue);
    tale.tells(&["0: held []", "30:  []", "60: released paged [ann]"]);
}

#[test]
fn a_silence_that_is_ended_early_lets_the_page_go() {
    let mut tale = Tale::open();
    tale.silences.push(silence(0, 60));
    tale.event(0, &Event::TimerDue);
    tale.silences.clear();
    tale.event(10, &Event::HoldEnded).event(10, &Event::TimerDue);
    tale.tells(&["0: held []", "10:  []", "10: released paged [ann]"]);
}

#[test]
fn asked_for_by_hand_the_next_step_is_called_even_if_it_is_silenced() {
    let mut tale = Tale::open();
    tale.silences.push(silence(0, 60));
    tale.event(0, &Event::TimerDue).event(1, &Event::EscalationAsked);
    assert_eq!(tale.incident.held, None);
    tale.event(6, &Event::TimerDue).event(60, &Event::TimerDue);
    tale.tells(&["0: held []", "1: escalated paged [ann]", "6: held []", "60: released paged [bob]"]);
}

#[test]
fn what_lies_below_an_open_incident_waits_for_it() {
    let mut tale = Tale::open();
    tale.parents.push(Parent { number: 7, summary: "switch is down".to_owned(), opened_at: at(0) });
    tale.event(0, &Event::TimerDue).event(5, &Event::TimerDue);
    assert_eq!(tale.incident.held.as_deref(), Some("it is below incident #7: switch is down"));
    tale.parents.clear();
    tale.event(6, &Event::TimerDue);
    tale.tells(&["0: held []", "5:  []", "6: released paged [ann]"]);
}

#[test]
fn a_flapping_incident_is_over_when_it_stays_calm() {
    let flapping = Flapping { opens: 3, within: SignedDuration::from_mins(20) };
    let handling = || Handling { flapping: Some(flapping), ..Handling::by_policy("p") };
    assert!(!Tale::open_as(handling(), 1).incident.flapping);
    let mut tale = Tale::open_as(handling(), 2);
    tale.event(0, &Event::TimerDue).event(1, &ACK);
    for minute in [2, 4, 6] {
        tale.event(minute, &Event::Resolved { origin_at: Some(at(minute)) });
        tale.event(minute + 1, &Event::Triggered(trigger(Severity::Warning, minute + 1)));
    }
    tale.event(8, &Event::Resolved { origin_at: Some(at(8)) }).event(9, &Event::Resolved { origin_at: Some(at(9)) });
    tale.event(27, &Event::TimerDue).event(28, &Event::TimerDue);
    tale.tells(&[
        "0: paged [ann]",
        "1: acknowledged [cancel]",
        "2: calming []",
        "3: repeated []",
        "4: calming []",
        "5: repeated []",
        "6: calming []",
        "7: repeated []",
        "8: calming []",
        "9:  []",
        "27:  []",
        "28: resolved [cancel]",
    ]);
    let mut tale = Tale::open_as(handling(), 2);
    tale.event(1, &RESOLVE);
    tale.tells(&["1: resolved [cancel]"]);
}

#[test]
fn a_monitor_that_falls_silent_makes_its_incident_doubtful() {
    let repeats = Repeats { every: SignedDuration::from_mins(10), missed: 3 };
    let handling = Handling {
        repeats: Some(repeats),
        inactive_after: Some(SignedDuration::from_mins(300)),
        ..Handling::by_policy("p")
    };
    let mut tale = Tale::open_as(handling, 0);
    tale.event(0, &Event::TimerDue).event(1, &ACK).event(10, &Event::Triggered(trigger(Severity::Warning, 10)));
    tale.incident.due_at = Some(at(1000));
    tale.event(30, &Event::TimerDue).event(40, &Event::TimerDue);
    assert!(tale.incident.doubtful);
    tale.event(50, &Event::Triggered(trigger(Severity::Warning, 50)));
    assert!(!tale.incident.doubtful);
    tale.event(80, &Event::TimerDue).event(350, &Event::TimerDue);
    tale.tells(&[
        "0: paged [ann]",
        "1: acknowledged [cancel]",
        "10: repeated []",
        "30:  []",
        "40: probably_over []",
        "50: repeated []",
        "80: probably_over []",
        "350: resolved [cancel]",
    ]);
}

#[test]
fn a_snooze_ends_with_a_page() {
    let mut tale = Tale::open();
    tale.event(0, &Event::TimerDue).event(1, &Event::Snoozed { until: at(90) });
    tale.event(40, &Event::TimerDue).event(90, &Event::TimerDue);
    tale.tells(&["0: paged [ann]", "1: snoozed [cancel]", "40:  []", "90: snooze_ended paged [ann]"]);
}

#[test]
fn somebody_else_may_take_it_over() {
    let mut tale = Tale::open();
    tale.event(0, &Event::TimerDue).event(1, &ACK).event(2, &Event::TakenOver);
    tale.event_by("bob", 3, &Event::TakenOver);
    assert_eq!(tale.incident.acknowledged, Some((at(3), "bob".to_owned())));
    tale.tells(&["0: paged [ann]", "1: acknowledged [cancel]", "2:  []", "3: taken_over [cancel]"]);
}

#[test]
fn whom_it_is_given_to_is_called_first() {
    let mut tale = Tale::open();
    let bob = vec![Target::User("bob".to_owned())];
    tale.event(0, &Event::TimerDue).event(1, &ACK).event(2, &Event::Reassigned { targets: bob });
    tale.event(2, &Event::TimerDue).event(7, &Event::TimerDue);
    tale.tells(&[
        "0: paged [ann]",
        "1: acknowledged [cancel]",
        "2: reassigned [cancel]",
        "2: paged [bob]",
        "7: paged [ann]",
    ]);
}

#[test]
fn others_may_be_called_in_while_somebody_has_it() {
    let mut tale = Tale::open();
    let targets = |name: &str| Event::RespondersAdded { targets: vec![Target::User(name.to_owned())] };
    tale.event(0, &Event::TimerDue).event(1, &ACK).event(2, &targets("bob")).event(3, &targets("gone"));
    assert_eq!(tale.incident.status, Status::Acknowledged);
    tale.tells(&[
        "0: paged [ann]",
        "1: acknowledged [cancel]",
        "2: responders_added paged [bob]",
        "3: responders_added []",
    ]);
}

#[test]
fn a_call_in_that_fails_is_no_failed_step_and_hides_none() {
    let mut tale = Tale::open();
    let bob = Event::RespondersAdded { targets: vec![Target::User("bob".to_owned())] };
    tale.event(0, &Event::TimerDue).event(1, &bob).event(2, &Event::PageFailed { page: 2 });
    tale.event(3, &Event::PageFailed { page: 1 });
    tale.tells(&["0: paged [ann]", "1: responders_added paged [bob]", "2:  []", "3: undeliverable paged [bob]"]);
}

#[test]
fn support_hours_make_it_urgent_when_they_begin() {
    let handling = Handling { support: Some(office()), ..Handling::by_policy("p") };
    let mut tale = Tale::open_as(handling, 0);
    for step in &mut tale.incident.policy.steps {
        step.delay = SignedDuration::from_hours(8);
    }
    assert_eq!(tale.incident.urgency, Urgency::Low, "08:00 is before work");
    tale.event(0, &Event::TimerDue).event(59, &Event::TimerDue).event(60, &Event::TimerDue);
    assert_eq!(tale.incident.urgency, Urgency::High);
    tale.tells(&["0: paged [ann]", "59:  []", "60: urgency_raised paged [ann]"]);
}

#[test]
fn a_page_that_comes_late_says_so() {
    let mut tale = Tale::open();
    tale.event(360, &Event::TimerDue);
    tale.tells(&["360: late paged [ann]"]);
    assert_eq!(tale.incident.due_at, Some(at(365)), "the next one counts from the page that was made");
}

#[test]
fn a_page_that_failed_under_a_silence_waits_for_its_end() {
    let mut tale = Tale::open();
    tale.event(0, &Event::TimerDue);
    tale.silences.push(silence(1, 60));
    tale.event(2, &Event::PageFailed { page: 1 }).event(60, &Event::TimerDue);
    tale.tells(&["0: paged [ann]", "2: undeliverable held []", "60: released paged [bob]"]);
}

#[test]
fn quiet_hours_put_the_next_step_off_as_well() {
    let urgency = [(Severity::Warning, Urgency::Low)].into();
    let mut tale = Tale::open_as(Handling { urgency, ..Handling::by_policy("p") }, 0);
    let morning = Window { days: Weekdays::DAILY, from: time(7, 0, 0, 0), to: time(9, 0, 0, 0) };
    tale.roster.users.get_mut("ann").expect("ann").quiet = Windows::new(vec![morning]);
    tale.event(0, &Event::TimerDue).event(5, &Event::TimerDue).event(64, &Event::TimerDue).event(65, &Event::TimerDue);
    tale.tells(&["0: paged [ann]", "5:  []", "64:  []", "65: paged [bob]"]);
}

#[test]
fn our_own_absence_closes_nothing() {
    let inactive_after = Some(SignedDuration::from_mins(60));
    let mut tale = Tale::open_as(Handling { inactive_after, ..Handling::by_policy("p") }, 0);
    tale.event(61, &Event::TimerDue).event(66, &Event::TimerDue).event(71, &Event::TimerDue);
    tale.tells(&["61: late late paged [ann]", "66: paged [bob]", "71: exhausted paged [boss]"]);
    tale.event(101, &Event::TimerDue).event(128, &Event::TimerDue);
    assert_eq!(tale.lines[3..], ["101: paged [boss]", "128: resolved [cancel]"]);
}
