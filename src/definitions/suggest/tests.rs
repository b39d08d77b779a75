//! What a suggestion says, by the mails it was made from.

use super::*;

/// `ACTION|SUBJECT|BODY` as a mail; `\n` parts the lines of the body.
fn mail(text: &str) -> (Action, Mail) {
    let mut parts = text.splitn(3, '|');
    let action = parts.next().unwrap_or_default().parse().unwrap();
    let subject = parts.next().unwrap_or_default();
    let raw = format!("From: mon@mon.example\nSubject: {subject}\n\n{}\n", parts.next().unwrap_or_default());
    (action, Mail::parse(raw.as_bytes()))
}

fn suggested(texts: &[&str]) -> Result<Suggestion, String> {
    let mails: Vec<(Action, Mail)> = texts.iter().map(|text| mail(text)).collect();
    let samples: Vec<SampleMail<'_>> =
        mails.iter().map(|(action, mail)| SampleMail { path: "a.eml", mail, action: Some(*action) }).collect();
    suggest("shop", &samples, &|_| None)
}

#[test]
fn writes_what_an_operator_would() {
    for (texts, lines) in [
        // One layout: a state word, a host, a service; words of the frame stay.
        (
            &["trigger|PROBLEM: web01/HTTP check is CRITICAL|", "resolve|RECOVERY: web01/HTTP check is OK|"][..],
            &[
                r#"action = { from = "type", map = { ACKNOWLEDGEMENT = "acknowledge", PROBLEM = "trigger", RECOVERY = "resolve" }, default = "trigger" }"#,
                r#"dedup_key = "shop/{host}/{name}""#,
                r"subject = '^(?<type>[A-Z]+): (?<host>[^/]+)/(?<name>.+) check is (?<state>[A-Z]+)$'",
                r#"severity = { from = "state", map = { CRITICAL = "critical", OK = "info", WARNING = "warning" }, default = "error" }"#,
            ][..],
        ),
        // Readings are gaps, not names; a duration parts the layouts, so each has its rule.
        (
            &["trigger|Problem: Disk full|Host: db-1", "resolve|Resolved in 1h 2m: Disk full|Host: db-1"],
            &[
                "subject = '^Problem: (?<name>.+)$'",
                "subject = '^Resolved in .+?: (?<name>.+)$'",
                r"body = '(?m)^Host[ \t]*:[ \t]*(?<host>.+)$'",
                r#"dedup_key = "shop/{host}/{name}""#,
            ],
        ),
        // Different sentences about the same thing.
        (
            &["trigger|Failed to sync application pay-eu.|", "resolve|Application pay-eu has been synced.|"],
            &[
                r"subject = '^Failed to sync application (?<host>[^\s.]+)\.$'",
                r"subject = '^Application (?<host>\S+) has been synced\.$'",
            ],
        ),
        // A constant subject: the body has the names and the state.
        (
            &[
                "trigger|Message from monitor|HOST : sap-1\nOBJECT : work queue\nSTATUS : DOWN",
                "resolve|Message from monitor|HOST : sap-1\nOBJECT : work queue\nSTATUS : UP",
            ],
            &[
                r#"dedup_key = "shop/{host}/{object}""#,
                r#"action = { from = "status", map = { DOWN = "trigger", UP = "resolve" }, default = "trigger" }"#,
                "subject = '^Message from monitor$'",
                r#"from = { is = ["mon@mon.example"] }"#,
            ],
        ),
        // A sentence in the body tells, and names its thing.
        (
            &["trigger|UPS message|UPS eaton-5p on battery", "resolve|UPS message|UPS eaton-5p on line power"],
            &[
                r#"dedup_key = "shop/{host}/{name}""#,
                r"body = '(?m)^(?<name>.+) (?<host>\S+) on (?<type>battery|line power)$'",
            ],
        ),
        // One sample: what it says is looked up; anything else is a problem.
        (
            &["trigger|[DOWN] web01|"],
            &[
                r#"action = { from = "state", map = { DOWN = "trigger" }, default = "trigger" }"#,
                r#"dedup_key = "shop/{host}""#,
            ],
        ),
        // Scripts without blanks between words.
        (
            &["trigger|[障害発生] web-01|", "resolve|[障害復旧] web-01|"],
            &[r#"action = { from = "type", map = { "復旧" = "resolve", "発生" = "trigger" }, default = "trigger" }"#],
        ),
    ] {
        let toml = suggested(texts).unwrap_or_else(|error| panic!("{texts:?}: {error}")).toml;
        for line in lines {
            assert!(toml.contains(line), "{line}\nis missing in\n{toml}");
        }
    }
}

#[test]
fn several_things_have_several_keys() {
    let toml = suggested(&[
        "trigger|[CRITICAL] web-01: load 9.1|",
        "resolve|[OK] web-01: load 0.2|",
        "trigger|[CRITICAL] db-02: load 7.7|",
        "resolve|[OK] db-02: load 0.4|",
    ]);
    let toml = toml.unwrap().toml;
    for key in [r#"dedup_key = "shop/web-01"#, r#"dedup_key = "shop/db-02"#] {
        assert_eq!(toml.matches(key).count(), 2, "{toml}");
    }
    assert!(!toml.contains("9.1") && !toml.contains("web-01:"), "{toml}");
}

#[test]
fn says_what_is_missing() {
    for (texts, words) in [
        (&[][..], "at least one"),
        (&["trigger|Notice|same text", "resolve|Notice|same text"], "tells a.eml from a.eml"),
        (&["resolve|Message from the monitor|"], "Give the problem's mail as well"),
        (&["trigger||"], "neither a subject nor a text"),
    ] {
        let error = suggested(texts).expect_err("no rule holds");
        assert!(error.contains(words), "{error}");
    }
    let notes = suggested(&["trigger|Backup of nas-1 failed|"]).unwrap().notes;
    assert!(notes.iter().any(|note| note.contains("No sample is a recovery")), "{notes:?}");
}

#[test]
fn any_mail_is_survived() {
    for subject in ["(", "]]>", "{a}", "'''", "\\", "**", "a'b'c", "é\u{301}🔴", "1", "[", "%s %d", "{{", "– —"]
    {
        for body in ["", "a: {b}\n'x'='y'", "\t\t", "Host:\nHost: a'b"] {
            let _ = suggested(&[&format!("trigger|{subject}|{body}"), &format!("resolve|{subject} ok|{body}")]);
        }
    }
}
