use super::*;
use crate::domain::choice::Choice;
use crate::domain::criterion::Criterion;
use crate::domain::field::Field;
use crate::domain::handling::Handling;
use crate::domain::pattern::Pattern;
use crate::domain::template::Template;

fn rule(name: &str, pattern: &str, action: Action) -> Rule {
    Rule {
        name: name.to_owned(),
        criteria: vec![Criterion {
            any: vec![Pattern::new(pattern).expect("pattern")],
            ..Criterion::on(Field::Subject)
        }],
        for_each: None,
        transforms: Vec::new(),
        action: Choice::Fixed(action),
        severity: Choice::Fixed(Severity::Error),
        dedup_key: Template::parse("{subject}").expect("template"),
        summary: Template::parse("{subject}").expect("template"),
        details: Vec::new(),
        links: Vec::new(),
        reason: None,
        hold: None,
        downtime: None,
    }
}

fn service(name: &str, mailbox: Option<&str>, rules: Vec<Rule>) -> Arc<Service> {
    Arc::new(Service {
        name: name.to_owned(),
        addresses: vec![AddressPattern { mailbox: mailbox.map(str::to_owned), domain: None }],
        rules: Arc::new(RuleSet::new(rules.into_iter().map(Arc::new).collect())),
        handling: Handling::by_policy("default"),
        senders: None,
    })
}

fn rulebook() -> Rulebook {
    let two = AddressPattern { mailbox: Some("db".to_owned()), domain: Some("two.example".to_owned()) };
    let mut only_two = Service::clone(&service("only-two", None, Vec::new()));
    only_two.addresses = vec![two];
    Rulebook {
        domains: vec!["one.example".to_owned(), "two.example".to_owned()],
        services: vec![
            service("db", Some("db"), Vec::new()),
            service("db-vip", Some("db+vip"), Vec::new()),
            Arc::new(only_two),
        ],
    }
}

#[test]
fn recipients_find_their_service() {
    let rulebook = rulebook();
    let route = |recipient: &str| match rulebook.route(recipient) {
        Route::Service(service) => service.name.clone(),
        Route::UnknownMailbox => "unknown".to_owned(),
        Route::ForeignDomain => "foreign".to_owned(),
    };
    for (recipient, expected) in [
        ("db@one.example", "db"),
        ("DB+Nagios@One.Example", "db"),
        ("db+VIP@one.example", "db-vip"),
        ("db@two.example", "only-two"),
        ("db", "db"),
        ("\"db\"@one.example", "db"),
        ("other@one.example", "unknown"),
        ("db@three.example", "foreign"),
        ("db%three.example@one.example", "unknown"),
        ("three.example!db@one.example", "unknown"),
        ("db@three.example@one.example", "unknown"),
        ("db@one.example.", "foreign"),
        ("db@", "foreign"),
        ("", "unknown"),
    ] {
        assert_eq!(route(recipient), expected, "{recipient:?}");
    }
}

#[test]
fn a_wildcard_takes_what_is_left() {
    let mut rulebook = rulebook();
    rulebook.services.insert(0, service("rest", None, Vec::new()));
    let name = |recipient: &str| match rulebook.route(recipient) {
        Route::Service(service) => service.name.clone(),
        other => format!("{other:?}"),
    };
    assert_eq!(name("db@one.example"), "db");
    assert_eq!(name("anything@one.example"), "rest");
}

fn verdict(rules: Vec<Rule>, subject: &str) -> Verdict {
    let mail = Mail::parse(format!("From: a@b.example\nSubject: {subject}\n\nfirst line\n").as_bytes());
    let envelope = Envelope::new("", "s@one.example", "192.0.2.1");
    let service = service("s", None, rules);
    let verdict = service.judge(&mail, &envelope);
    let explained = service.explain(&mail, &envelope).verdict;
    assert_eq!(explained.alerts, verdict.alerts, "asking why changes nothing");
    Verdict { alerts: verdict.alerts, ..explained }
}

#[test]
fn the_first_match_wins_and_stops() {
    let rules = vec![
        rule("t/a", "nope", Action::Trigger),
        rule("t/b", "disk", Action::Ignore),
        rule("t/c", "disk", Action::Trigger),
    ];
    let verdict = verdict(rules, "disk full");
    assert_eq!(verdict.alerts[0].rule, "t/b");
    let tried: Vec<_> = verdict.trace.iter().map(|line| (line.rule.as_str(), line.matched)).collect();
    assert_eq!(tried, [("t/a", false), ("t/b", true)]);
}

#[test]
fn a_trigger_beats_a_resolve() {
    let rules = vec![rule("t/ok", "disk", Action::Resolve), rule("t/bad", "disk", Action::Trigger)];
    let verdict = verdict(rules, "disk full");
    assert_eq!((verdict.alerts[0].rule.as_str(), verdict.alerts[0].action), ("t/bad", Action::Trigger));
}

#[test]
fn a_lone_resolve_stands() {
    let rules = vec![rule("t/ok", "disk", Action::Resolve), rule("t/bad", "cpu", Action::Trigger)];
    assert_eq!(verdict(rules, "disk fine").alerts[0].action, Action::Resolve);
}

#[test]
fn unknown_mail_opens_an_incident() {
    let unknown = verdict(Vec::new(), "Re: Disk   FULL");
    assert_eq!((unknown.alerts[0].rule.as_str(), unknown.alerts[0].action), (RECOGNISER, Action::Trigger));
    let nameless = verdict(Vec::new(), "Re: 17   X");
    assert_eq!((nameless.alerts[0].rule.as_str(), nameless.alerts[0].action), (CATCH_ALL, Action::Trigger));
    assert_eq!(nameless.alerts[0].dedup_key, "subject/17 x");
    let empty = verdict(Vec::new(), "");
    assert_eq!(empty.alerts[0].dedup_key, "mail/a@b.example/first line");
    assert_eq!(empty.alerts[0].summary, "first line");
}

#[test]
fn a_reply_opens_but_never_closes() {
    let rules = |action| vec![rule("t/a", "disk", action)];
    let reply = verdict(rules(Action::Resolve), "Re: disk fine");
    assert_eq!(reply.alerts[0].action, Action::Ignore);
    assert!(reply.alerts[0].reason.starts_with("a reply by a person"), "{}", reply.alerts[0].reason);
    assert_eq!(verdict(rules(Action::Resolve), "Fwd: disk fine").alerts[0].action, Action::Resolve);
    assert_eq!(verdict(rules(Action::Trigger), "Re: disk full").alerts[0].action, Action::Trigger);
}
