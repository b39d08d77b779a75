use std::collections::BTreeMap;

use super::*;
use crate::domain::choice::Lookup;

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).expect(text)
}

fn template(text: &str) -> Template {
    Template::parse(text).expect(text)
}

fn rule() -> Rule {
    Rule {
        name: "test/one".to_owned(),
        criteria: vec![
            Criterion {
                any: vec![pattern("^(?<state>DOWN|UP|ODD): (?<host>\\S+)(?: (?<port>\\d+))?$")],
                not: vec![pattern("drill")],
                ..Criterion::on(Field::Subject)
            },
            Criterion { any: vec![pattern("(?<site>.+)")], ..Criterion::on(Field::Header("X-Site".to_owned())) },
        ],
        for_each: None,
        transforms: Vec::new(),
        action: Choice::Lookup(Lookup {
            capture: "state".to_owned(),
            map: BTreeMap::from([("down".to_owned(), Action::Trigger), ("up".to_owned(), Action::Resolve)]),
            at_least: Vec::new(),
            default: None,
        }),
        severity: Choice::Fixed(Severity::Critical),
        dedup_key: template("{site}/{host}"),
        summary: template("{host} is {state}"),
        details: vec![("Host".to_owned(), template("{host}")), ("Port".to_owned(), template("{port}"))],
        links: vec![("Page".to_owned(), template("https://mon/{host}")), ("Bad".to_owned(), template("{state}"))],
        reason: None,
        hold: None,
        downtime: None,
    }
}

fn judge(rule: &Rule, mail: &str) -> Result<Vec<Alert>, String> {
    let (mail, envelope) = (Mail::parse(mail.as_bytes()), Envelope::new("", "ops@example.com", ""));
    rule.judge(Input { mail: &mail, envelope: &envelope }, &mut Budget::default()).map(|matched| matched.alerts)
}

#[test]
fn all_criteria_together_make_an_alert() {
    let alerts = judge(&rule(), "Subject: DOWN: db1\nX-Site: fra\n\n").expect("matches");
    let [alert] = &alerts[..] else { panic!("one alert: {alerts:?}") };
    assert_eq!((alert.action, alert.dedup_key.as_str()), (Action::Trigger, "fra/db1"));
    assert_eq!(alert.summary, "db1 is DOWN");
    assert_eq!(alert.reason, "state \"DOWN\" means trigger");
    assert_eq!(alert.details, BTreeMap::from([("Host".to_owned(), "db1".to_owned())]), "no port, no entry");
    assert_eq!(alert.links, BTreeMap::from([("Page".to_owned(), "https://mon/db1".to_owned())]), "DOWN is no address");
}

#[test]
fn every_no_has_its_reason() {
    for (mail, reason) in [
        ("Subject: hello\nX-Site: fra\n\n", "subject does not match"),
        ("Subject: DOWN: drill\nX-Site: fra\n\n", "subject matches the excluded"),
        ("Subject: DOWN: db1\n\n", "header.X-Site is not in the mail"),
        ("Subject: ODD: db1\nX-Site: fra\n\n", "action has no entry for state \"ODD\""),
    ] {
        let why = judge(&rule(), mail).expect_err(mail);
        assert!(why.starts_with(reason), "{mail:?}: {why}");
    }
}

#[test]
fn an_empty_optional_capture_falls_through() {
    let rule = Rule { dedup_key: template("{host}:{port}"), ..rule() };
    let why = judge(&rule, "Subject: DOWN: db1\nX-Site: fra\n\n").expect_err("no port");
    assert!(why.contains("`{port}`"), "{why}");
}

fn digest() -> Rule {
    Rule {
        criteria: vec![Criterion { any: vec![pattern("^digest (?<site>\\w+)$")], ..Criterion::on(Field::Subject) }],
        for_each: Some(ForEach {
            field: Field::Body,
            pattern: pattern(r"(?m)^(?<host>\S+) (?<port>\d+)$"),
            section: Some(pattern(r"(?m)^== (?<state>\w+)$")),
        }),
        ..rule()
    }
}

#[test]
fn one_mail_may_trigger_one_and_resolve_another() {
    let alerts =
        judge(&digest(), "Subject: digest fra\n\n== DOWN\ndb1 1\ndb2 2\n== UP\ndb3 3\ndb1 4\n").expect("matches");
    let told: Vec<_> = alerts.iter().map(|alert| (alert.action.word(), alert.dedup_key.as_str())).collect();
    let expected = [("trigger", "fra/db1"), ("trigger", "fra/db2"), ("resolve", "fra/db3")];
    assert_eq!(told, expected, "db1 is both down and up, so it is down");
}

#[test]
fn an_alert_that_is_left_out_takes_its_captures_with_it() {
    let mail = Mail::parse(b"Subject: digest fra\n\n== UP\ndb1 1\n== DOWN\ndb1 1\ndb2 2\n");
    let envelope = Envelope::new("", "ops@example.com", "");
    let matched = digest().judge(Input { mail: &mail, envelope: &envelope }, &mut Budget::default()).expect("matches");
    let hosts: Vec<_> = matched.captures.iter().map(|captures| captures.get("host")).collect();
    assert_eq!(matched.alerts.len(), 2, "{:?}", matched.alerts);
    assert_eq!(hosts, [Some("db1"), Some("db2")]);
}

#[test]
fn a_digest_that_cannot_be_read_as_a_whole_falls_through() {
    for (body, reason) in [
        ("nothing here\n".to_owned(), "for_each finds nothing in body"),
        ("== DOWN\ndb1 1\n== ODD\ndb2 2\n".to_owned(), "alert 2 of 2: action has no entry"),
        ("db1 1\n== DOWN\ndb2 2\n".to_owned(), "alert 1 of 2: action has no entry for state \"\""),
        ("== DOWN\n".to_owned() + &"db1 1\n".repeat(ALERTS_MAX + 1), "for_each finds more than 256 alerts"),
        ("== DOWN\n".repeat(ALERTS_MAX + 1) + "db1 1\n", "for_each finds more than 256 sections"),
    ] {
        let why = judge(&digest(), &format!("Subject: digest fra\n\n{body}")).expect_err(reason);
        assert!(why.starts_with(reason), "{why}");
    }
}

#[test]
fn a_mail_without_subject_still_has_a_summary() {
    let rule = Rule {
        criteria: vec![Criterion { any: vec![pattern("(?<host>pump \\d+)")], ..Criterion::on(Field::Body) }],
        action: Choice::Fixed(Action::Trigger),
        dedup_key: template("pump/{host}"),
        summary: template("{subject}"),
        ..rule()
    };
    assert_eq!(judge(&rule, "\n\npump 17 stopped").expect("matches")[0].summary, "pump/pump 17");
}
