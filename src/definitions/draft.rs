//! Rules that somebody tries on a page: read like a pack, but as text that anybody may have written.
//!
//! Nothing here opens a file, whatever a draft names, and what a draft may cost is bounded before it is read: checking
//! a pattern may compile it, and a short text may ask for large ones.

use std::sync::{Arc, LazyLock};

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, Value, value};

use super::pack;
use super::problem::{Problem, SourceFile};
use super::sample::{RuleTest, Sample};
use super::shipped_rulebook;
use super::suggest::{SampleMail, suggest};
use crate::domain::alert::Alert;
use crate::domain::mail::{Envelope, Mail};
use crate::domain::recogniser::recognise;
use crate::domain::rulebook::{Rulebook, is_unmatched};
use crate::domain::workbench::{DRAFT, DRAFT_BYTES_MAX, Draft, Suggested, Tested, Workbench, Written};

/// The workbench that pages are given.
pub const WORKBENCH: Workbench = Workbench { read, suggest: suggest_for, with_test, shipped };

/// Most rules, tests, and counted repetitions in patterns, of a draft.
const RULES_MAX: usize = 20;
const TESTS_MAX: usize = 20;
const REPETITIONS_MAX: usize = 100;

/// Problems that are shown: the first ones say what the others follow from.
const PROBLEMS_MAX: usize = 10;

/// Words in front of the `@` that say nothing about what sends.
const COMMON_MAILBOXES: [&str; 14] = [
    "root",
    "admin",
    "alert",
    "alerts",
    "info",
    "mail",
    "monitor",
    "monitoring",
    "no-reply",
    "noreply",
    "nobody",
    "notifications",
    "ops",
    "system",
];

fn read(text: &str) -> Draft {
    if let Some(problem) = too_much(text) {
        return Draft { problems: vec![problem], ..Draft::default() };
    }
    let source = Arc::new(SourceFile { name: format!("{DRAFT}.toml"), path: None, text: text.to_owned() });
    let (file, mut problems) = pack::read(DRAFT, &source);
    if file.pack.rules.len() > RULES_MAX || file.tests.len() > TESTS_MAX {
        let what = format!("at most {RULES_MAX} rules and {TESTS_MAX} tests are tried here");
        problems.push(Problem::new(&source, 0..0, what).hint("nightcall rules test has no such limit"));
    }
    if !problems.is_empty() {
        let problems = problems.iter().take(PROBLEMS_MAX).map(ToString::to_string).collect();
        return Draft { problems, ..Draft::default() };
    }
    let run = |test: &RuleTest| match &test.sample {
        // Its file would be one of this machine.
        Sample::File(_) => Some("its mail is in a file, which is not read here: use mail_text".to_owned()),
        Sample::Text(_) => test.run(&file).err(),
    };
    let tests = file.tests.iter().map(|test| Tested { name: test.name(), failure: run(test) }).collect();
    Draft { rules: file.pack.rules.clone(), problems: Vec::new(), tests }
}

/// Why a text is not read at all.
fn too_much(text: &str) -> Option<String> {
    if text.len() > DRAFT_BYTES_MAX {
        return Some(format!("a draft has {DRAFT_BYTES_MAX} bytes at most; this one has {}", text.len()));
    }
    let counted = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    let repetitions = text.split('{').skip(1).filter(|rest| counted(rest)).count();
    (repetitions > REPETITIONS_MAX)
        .then(|| format!("at most {REPETITIONS_MAX} counted repetitions like {{2,5}} are tried here"))
}

fn suggest_for(mail: &Mail) -> Result<Suggested, String> {
    let guess = |mail: &Mail| recognise(mail).map(|reading| reading.action);
    let name = pack_name(mail);
    let found = suggest(&name, &[SampleMail { path: "this mail", mail, action: None }], &guess)?;
    let mut document: DocumentMut = found.toml.parse().map_err(|_| "No rule was found for this mail.".to_owned())?;
    if let Some(rules) = document.get_mut("rule").and_then(Item::as_array_of_tables_mut) {
        // They name a file that nobody has; the playground writes another one with the mail in it.
        for rule in rules.iter_mut() {
            rule.remove("test");
        }
    }
    Ok(Suggested { toml: document.to_string().trim().to_owned() + "\n", notes: found.notes })
}

/// What to call a pack for such mail: keys begin with it.
fn pack_name(mail: &Mail) -> String {
    let (mailbox, domain) = mail.from.rsplit_once('@').unwrap_or((mail.from.as_str(), ""));
    let is_common = COMMON_MAILBOXES.contains(&mailbox);
    let word = if is_common { domain.split('.').rev().nth(1).unwrap_or_default() } else { mailbox };
    let word: String = word.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(30).collect();
    let word = word.trim_matches('-');
    if word.chars().any(|c| c.is_ascii_alphabetic()) { word.to_owned() } else { "site".to_owned() }
}

fn with_test(text: &str, rule: &str, mail: Written<'_>, alerts: &[Alert]) -> Option<String> {
    let mut document: DocumentMut = text.parse().ok()?;
    let rules = document.get_mut("rule").and_then(Item::as_array_of_tables_mut)?;
    let short = rule.strip_prefix(DRAFT)?.strip_prefix('/')?;
    let is_it = |table: &&mut Table| table.get("name").and_then(Item::as_str) == Some(short);
    let table = rules.iter_mut().find(is_it)?;
    let tests = table.entry("test").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let tests = tests.as_array_of_tables_mut()?;
    let has_it = |test: &Table| match mail {
        Written::Text(text) => test.get("mail_text").and_then(Item::as_str) == Some(text),
        Written::File(name) => test.get("mail").and_then(Item::as_str) == Some(name),
    };
    if !tests.iter().any(has_it) {
        let mut test = Table::new();
        match mail {
            Written::Text(text) => test.insert("mail_text", Item::Value(written(text))),
            Written::File(name) => test.insert("mail", value(name)),
        };
        match alerts {
            [alert] => {
                for (key, text) in expected(alert) {
                    test.insert(key, value(text));
                }
            }
            several => {
                let entries = several.iter().map(|alert| {
                    let pairs = expected(alert).into_iter().map(|(key, text)| (key, Value::from(text)));
                    Value::from_iter(pairs)
                });
                test.insert("alerts", Item::Value(Value::from_iter(entries)));
            }
        }
        tests.push(test);
    }
    Some(document.to_string())
}

fn expected(alert: &Alert) -> [(&'static str, &str); 4] {
    [
        ("action", alert.action.word()),
        ("dedup_key", &alert.dedup_key),
        ("severity", alert.severity.word()),
        ("summary", &alert.summary),
    ]
}

/// A mail as a literal string, as people would write it; where TOML allows none, with escapes.
fn written(text: &str) -> Value {
    let is_literal = !text.contains("'''") && !text.ends_with('\'');
    let plain = is_literal && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    let literal = plain.then(|| format!("'''\n{text}'''").parse().ok()).flatten();
    literal.unwrap_or_else(|| Value::from(text))
}

fn shipped(mail: &Mail, envelope: &Envelope) -> Option<Alert> {
    static SHIPPED: LazyLock<Rulebook> = LazyLock::new(|| shipped_rulebook("localhost"));
    let verdict = SHIPPED.services.first()?.judge(mail, envelope);
    verdict.alerts.into_iter().next().filter(|alert| !is_unmatched(&alert.rule))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Stopwatch;

    const MAIL: &str = "Subject: Backup of db01 failed\nFrom: backup@nas.example\n\nReason: the disk is full\n";

    #[test]
    fn a_suggestion_reads_its_mail_and_becomes_a_pack_with_its_test() {
        let mail = Mail::parse(MAIL.as_bytes());
        let suggested = suggest_for(&mail).expect("a rule");
        assert!(!suggested.toml.contains("[[rule.test]]"), "{}", suggested.toml);
        let draft = read(&suggested.toml);
        assert_eq!(draft.problems, Vec::<String>::new(), "{}", suggested.toml);
        let verdict = draft.judge(&mail, &Envelope::default()).verdict;
        let [alert] = &verdict.alerts[..] else { panic!("one alert: {verdict:?}") };
        assert!(alert.rule.starts_with("draft/"), "{alert:?}");
        let kept = with_test(&suggested.toml, &alert.rule, Written::Text(MAIL), &verdict.alerts).expect("a pack");
        assert!(kept.contains("mail_text = '''\nSubject: Backup"), "{kept}");
        let again = read(&kept);
        let names: Vec<_> = again.tests.iter().map(|test| (test.name.as_str(), &test.failure)).collect();
        assert_eq!(names, [("Subject: Backup of db01 failed", &None)], "{kept}");
        let twice = with_test(&kept, &alert.rule, Written::Text(MAIL), &verdict.alerts).expect("a pack");
        assert_eq!(twice, kept, "a test that is there is not added again");
        assert_eq!(with_test(&kept, "draft/other", Written::Text(MAIL), &verdict.alerts), None);
    }

    #[test]
    fn mails_that_are_no_literal_are_escaped() {
        for text in ["it''' ends", "bell\u{7}", "ends with '", "plain\n", "tab\t'' two\n"] {
            let pack = "[[rule]]\nname = \"a\"\naction = \"trigger\"\ndedup_key = \"k\"\n[rule.when]\nbody = 'x'\n";
            let kept = with_test(pack, "draft/a", Written::Text(text), &[]).expect(text);
            let document: DocumentMut = kept.parse().expect(text);
            let written = document["rule"][0]["test"][0]["mail_text"].as_str().map(str::to_owned);
            assert_eq!(written.as_deref(), Some(text), "{kept}");
        }
    }

    #[test]
    fn a_draft_opens_no_file_and_is_bounded() {
        let rule = "[[rule]]\nname = \"a\"\naction = \"trigger\"\ndedup_key = \"k\"\n[rule.when]\nsubject = 'x'\n";
        let draft = read(&format!("{rule}[[rule.test]]\nmail = \"/etc/passwd\"\naction = \"trigger\"\n"));
        let failure = draft.tests[0].failure.as_deref().expect("it is not run");
        assert!(failure.contains("not read here"), "{failure}");
        for (text, why) in [
            ("#".repeat(DRAFT_BYTES_MAX + 1), "bytes at most"),
            (format!("x = '{}'", "a{2}".repeat(REPETITIONS_MAX + 1)), "repetitions"),
            (rule.repeat(RULES_MAX + 1).replace("\"a\"", "\"b\""), "two rules named"),
            ("name = ".to_owned(), "draft.toml:1:"),
            (String::new(), "no rules"),
        ] {
            let problems = read(&text).problems.join("\n");
            assert!(problems.contains(why), "{why}: {problems}");
        }
        let watch = Stopwatch::start();
        let patterns: Vec<String> = (0..REPETITIONS_MAX).map(|n| format!("'\\w{{400}}\\d\\w{n}'")).collect();
        let _ = read(&rule.replace("'x'", &format!("[{}]", patterns.join(","))));
        let worst = format!("{rule}body = [{}]", vec![format!("'{}'", "\\w".repeat(2000)); 3].join(","));
        let _ = read(&worst);
        assert!(watch.elapsed().as_secs() < 20, "took {:?}", watch.elapsed());
    }

    #[test]
    fn packs_are_called_after_what_sends() {
        for (from, expected) in [
            ("backup@nas.example", "backup"),
            ("root@ups.example.com", "example"),
            ("noreply@x", "site"),
            ("4711@h.example", "site"),
            ("", "site"),
        ] {
            let mail = Mail::parse(format!("From: {from}\nSubject: x\n\nx\n").as_bytes());
            assert_eq!(pack_name(&mail), expected, "{from}");
        }
        let nagios = Mail::parse(b"Subject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\n\nx\n");
        assert_eq!(shipped(&nagios, &Envelope::default()).expect("known").rule, "nagios/service");
        assert_eq!(shipped(&Mail::parse(MAIL.as_bytes()), &Envelope::default()).map(|alert| alert.rule), None);
    }
}
