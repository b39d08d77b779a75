//! Templates as tables; hostile values, and templates that go wrong.

use proptest::prelude::*;

use super::*;
use crate::notify::message::Subject;
use crate::notify::tests::pages::{HOSTILE, paged, subject};

fn checked(name: &str, source: &str) -> Result<(), String> {
    check(name.parse()?, source)
}

fn rendered(name: &str, source: &str, message: &Message<'_>) -> String {
    render(name.parse().unwrap(), source, message).unwrap()
}

#[test]
fn names() {
    for place in Place::ALL {
        for kind in KINDS.into_iter().map(Some).chain([None]) {
            let name = Name { place, kind };
            assert_eq!(name.to_string().parse(), Ok(name));
        }
    }
    for bad in ["", "mail", "fax", "sms.", "sms.fax", "mail.subject.paged.x"] {
        assert!(bad.parse::<Name>().is_err(), "{bad}");
    }
}

#[test]
fn good_templates() {
    let message = paged(vec![subject("Disk <b>full</b> 98%"), subject("y")]);
    for (name, source, expected) in [
        ("mail.subject", "{{ kind }} {{ incident.severity|upper if incident }}\n x", "paged CRITICAL x"),
        ("sms.paged", "{{ incident.summary }}: 4 {{ code }}", "Disk <b>full</b> 98%: 4 K7"),
        ("mail.html.paged", "<b>{{ incident.summary }}</b>", "<b>Disk &lt;b&gt;full&lt;/b&gt; 98%</b>"),
        (
            "mail.html.paged",
            "<a href=\"{{ url|url if url }}\">",
            "<a href=\"https://nightcall.example/incidents/123\">",
        ),
        (
            "voice.paged",
            "{{ incident.summary }}",
            "Disk less than b greater than full less than slash b greater than 98 percent",
        ),
        (
            "text",
            "{{ kind }} {% for i in incidents %}#{{ i.number }} {{ i.opened_at }};{% endfor %}",
            "paged #123 2026-11-21 17:04 UTC;#123 2026-11-21 17:04 UTC;",
        ),
        ("text", "{{ by }}{{ until }}{{ schedule }}{{ user }}", "ann"),
        ("text.paged", "{{ incident.details.nothing is defined }} {{ incident.links|length }}", "False 0"),
    ] {
        assert_eq!(checked(name, source), Ok(()), "{source}");
        let text = rendered(name, source, &message);
        assert_eq!(text, expected, "{source}");
    }
}

#[test]
fn bad_templates() {
    for (name, source, part) in [
        ("text", "{{ incident.sumary }}", "line 1: undefined value"),
        ("text", "{{ nothing }}", "undefined value"),
        ("text", "a\n{% if %}", "line 2: syntax error"),
        ("text", "", "says nothing for paged"),
        ("text.paged", "{% if count > 1 %}x{% endif %}", "says nothing for paged"),
        ("text", "{{ incident.summary|safe }}", "unknown filter"),
        ("text", "{{ namespace() }}", "unknown function"),
        ("text", "{% include 'x' %}", "line 1"),
        (
            "text",
            "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
            "engine ran out of fuel",
        ),
        ("text", "{% for i in range(999) %}{{ 'x' * 1000 }}{% endfor %}", "the template makes more than"),
        ("sms.paged", "{{ incident.summary }} x", "does not tell {{ code }}"),
        ("sms", "{{ kind }}", "does not tell {{ code }}"),
    ] {
        let problem = checked(name, source).expect_err(source);
        assert!(problem.contains(part), "{source}: {problem}");
    }
    assert!(checked("text", &"x".repeat(SOURCE_OCTETS_MAX + 1)).is_err());
}

#[test]
fn the_kind_goes_first_and_ours_is_left() {
    let owned =
        |pairs: &[(&str, &str)]| pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let sources = owned(&[("text", "any {{ kind }}"), ("text.paged", "page"), ("title", "t")]);
    let templates = Templates::new(sources).unwrap();
    let message = paged(vec![subject("x")]);
    let test = Message { kind: Kind::Test, ..message.clone() };
    assert_eq!(templates.render(Place::Text, &message), Some(Ok("page".to_owned())));
    assert_eq!(templates.render(Place::Text, &test), Some(Ok("any test".to_owned())));
    assert_eq!(templates.render(Place::Sms, &message), None);
    let problems = Templates::new(owned(&[("text", "x"), ("fax", "x"), ("title", "{{")])).unwrap_err();
    let names: Vec<&str> = problems.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["fax", "title"]);
    let late = Templates::new(owned(&[("text", "{{ 1 // (count - 3) }}")])).unwrap();
    let three = paged(vec![subject("x"); 3]);
    assert_eq!(late.text(Place::Text, &three), None);
    assert!(late.render(Place::Text, &three).unwrap().is_err(), "found only when it matters: ours is said");
}

/// Ways by which a template's author might let a value through by mistake.
const SOURCES: [&str; 9] = [
    "{{ incident.summary }}",
    "{% autoescape false %}{{ incident.summary }}{% endautoescape %}",
    "{% autoescape 'html' %}{{ incident.summary }}{% endautoescape %}",
    "{% set x %}{{ incident.summary }}{% endset %}{{ x }}",
    "{% autoescape false %}{% set x %}{{ incident.summary }}{% endset %}{{ x }}{% endautoescape %}",
    "{{ 'a' ~ incident.summary }}",
    "{{ [incident.summary, 1]|join(', ') }}",
    "{{ incident.summary|replace('x', 'y')|trim|e }}",
    "{{ incident.links|length }}{{ incident.summary|url }}{% for k, v in incident.details|items %}{{ k }}{{ v|upper }}{% endfor %}",
];

#[test]
fn values_stay_text_in_every_dialect() {
    for text in HOSTILE {
        let map = BTreeMap::from([(text.to_owned(), text.to_owned())]);
        let message = paged(vec![Subject { details: &map, links: &map, ..subject(text) }]);
        for source in SOURCES {
            let html = rendered("mail.html", source, &message);
            assert!(!html.contains(['<', '>', '"']), "{source} {html}");
            let voice = rendered("voice", source, &message);
            assert!(!voice.contains(['<', '>', '&', '{']), "{source} {voice}");
            let subject = rendered("mail.subject", source, &message);
            assert!(!subject.contains(['\r', '\n', '\0']), "{source} {subject}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn no_template_and_no_value_panics(source in "(\\{\\{|\\}\\}|\\{%|%\\}| |incident|summary|\\.|\\||for|if|in|set|1|'|\\PC){0,20}", text in "\\PC*") {
        for place in Place::ALL {
            let _ = check(Name { place, kind: None }, &source);
            let name = Name { place, kind: Some("paged") };
            let _ = render(name, "{{ incident.summary }}", &paged(vec![subject(&text)]));
        }
    }
}
