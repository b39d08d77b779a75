//! Definition files with problems: all of them at once, each with its place, an excerpt and a hint.

use std::path::Path;

use nightcall::definitions::problem::Problems;
use nightcall::definitions::{self, Loaded};

/// Loads a configuration on a Saturday in November.
fn load(path: &Path) -> Result<Loaded, Problems> {
    definitions::load(path, "2026-11-21T10:00:00Z".parse().expect("a timestamp"))
}

/// Loads a configuration and one rule pack, and returns the problems.
fn problems(config: &str, pack: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rules")).expect("made");
    std::fs::write(folder.path().join("nightcall.toml"), config).expect("written");
    std::fs::write(folder.path().join("rules/mine.toml"), pack).expect("written");
    match load(&folder.path().join("nightcall.toml")) {
        Ok(_) => Vec::new(),
        Err(problems) => {
            let prefix = format!("{}/", folder.path().display());
            problems.0.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
        }
    }
}

const GOOD: &str = r#"rules = "rules"
fallback = "ann"
[users.ann]
contacts = ["console"]
[policies.p]
steps = [{ delay = "5m", targets = ["ann"] }]
[services.s]
addresses = ["*"]
policy = "p"
"#;

#[test]
fn contacts_need_their_channel() {
    let of = |more: &str, contact: &str| {
        let config =
            GOOD.replace("\"console\"", &format!("\"{contact}\"")).replace("[users", &format!("{more}\n[users"));
        problems(&config, GOOD_PACK)
    };
    let found: Vec<String> = [
        ("", "slack:C1"),
        ("", "dingtalk:ops"),
        ("", "webhook:board"),
        ("", "webhook:ftp://x"),
        ("", "exec:/bin/sh"),
        ("", "slak:C1"),
        ("[ntfy]", "ntfy:no/topic"),
        ("[telegram]\ntoken = \"1:a\"\nwebhook_secret = \"s\"", "telegram:1"),
        ("[webhook]\nsecret = \"s\"", "webhook:http://10.1.2.3/x"),
        ("[webhook]\nsecret = \"s\"\n[egress]\nallow = [\"10.0.0.0/8\"]", "webhook:http://10.1.2.3/x"),
        (
            "[webhooks.board]\nurl = \"https://b.example/\"\nbody = '{\"a\": \"{{ message.summary }}\"}'",
            "webhook:board",
        ),
    ]
    .iter()
    .map(|(more, contact)| format!("{contact} -> {}", of(more, contact).join("; ")))
    .collect();
    insta::assert_snapshot!(found.join("\n"));
}

const GOOD_PACK: &str = "[[rule]]\nname = 'a'\naction = 'trigger'\ndedup_key = '{h}'\nwhen.subject = '(?<h>x)'\n";

#[test]
fn good_files_have_no_problems() {
    assert_eq!(problems(GOOD, GOOD_PACK), [""; 0]);
}

#[test]
fn all_problems_of_all_files_are_told_at_once() {
    let config = r#"rules = "rules"
fallback = "anne"
colour = "red"
[smtp]
listen = "here"
domains = ["bad domain"]
size_bytes_max = 0
idle_timeout = "soon"
commit_timeout = "10h"
session_timeout = "0s"
[http]
public_url = "nonsense"
[webhook]
secret = " "
[voice]
base_url = "nonsense"
account = "AC1"
[users.ann]
contacts = ["consol", "voice:12", 7]
[users.bob]
[policies.p]
rounds = "two"
ack_timeout = "1s"
steps = [{ delay = "1s", targets = ["ane"], extra = 1 }]
[services.s]
addresses = ["*", "x@elsewhere.example"]
packs = ["nagos"]
policy = "q"
[services.t]
addresses = ["*"]
policy = "p"
"#;
    let pack = r#"[[rule]]
name = "a"
action = "triger"
dedup_key = "{hots}/{"
summary = "{hots}"
[rule.when]
subject = '(?<host>x'
boddy = 'x'

[[rule]]
name = "a"
action = { from = "wrod", map = { X = "resolve", Y = "page" } }
[rule.when]
body = '(?<word>x)(?=y)'

[[rule]]
name = "silent"
action = "ignore"
dedup_key = "k"
"#;
    insta::assert_snapshot!(problems(config, pack).join("\n"));
}

#[test]
fn a_file_that_is_no_toml_says_where() {
    let found = problems("fallback = \n", GOOD_PACK);
    assert!(found[0].starts_with("nightcall.toml:1:"), "{found:?}");
    assert!(found[0].contains("this is not TOML"), "{found:?}");
    assert_eq!(found.len(), 1, "and nothing that only follows from it");
}

#[test]
fn a_problem_shows_its_excerpt() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("nightcall.toml");
    std::fs::write(&path, GOOD.replace("rules = \"rules\"\n", "").replace("policy = \"p\"", "policy = \"pp\""))
        .expect("written");
    let rendered = load(&path).expect_err("a problem").render(false);
    let rendered = rendered.replace(&folder.path().display().to_string(), "DIR");
    insta::assert_snapshot!(rendered);
}

#[test]
fn a_users_pack_replaces_the_shipped_one_of_its_name() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("nagios.toml"), GOOD_PACK).expect("written");
    let (packs, problems) = definitions::packs(Some(folder.path()));
    assert!(problems.is_empty());
    assert_eq!(packs["nagios"].pack.rules.len(), 1);
}

#[test]
fn odd_toml_is_a_problem_not_a_panic() {
    for text in [
        "users = 1",
        "users = []",
        "services = [[1]]",
        "[policies]\np = 1",
        "[policies.p]\nsteps = 1",
        "[users.a]\ncontacts = { a = 1 }",
        "smtp = \"x\"",
        "fallback = 1",
        "[users.\"\"]\ncontacts = [\"\"]",
        "rules = 1",
        "[services.s]\naddresses = [\"\", \"@\", \"a@\"]",
        "[webhook]\nsecret = \"a\"\nsecret_file = \"b\"",
        "[policies.p]\nsteps = [{}]",
        "\u{feff}",
        "[users.ann]\ncontacts = [\"voice:+\"]",
    ] {
        assert!(!problems(text, "").is_empty(), "{text:?}");
    }
    for pack in [
        "rule = 1",
        "[[rule]]",
        "[[rule]]\nwhen = 1",
        "[[rule]]\nwhen.header = 1",
        "[[rule]]\nwhen.subject = []",
        "[[rule]]\nwhen.subject = {}",
        "[[rule]]\naction = 1",
        "[[rule]]\naction = { map = 1 }",
        "[[rule]]\ntest = 1",
        "[[rule]]\n[[rule.test]]\nmail = 1\naction = 'x'",
        "x = 1",
        "[[rule]]\nname='a'\naction='trigger'\ndedup_key='k'\nwhen.subject='((((((((((a{99}){99}){99}){99}){99}){99}){99}){99}){99}){99}'",
    ] {
        assert!(!problems(GOOD, pack).is_empty(), "{pack:?}");
    }
}

#[test]
fn the_language_is_checked_where_it_is_written() {
    let rule = |lines: &str| {
        format!("[[rule]]\nname = 'a'\naction = 'trigger'\ndedup_key = '{{h}}'\nwhen.subject = '(?<h>x)'\n{lines}\n")
    };
    for (lines, problem) in [
        ("transform.h = 'uper'", "there is no transform \"uper\" (did you mean `upper`?)"),
        ("transform.h = { replace = '(', with = '' }", "this is not a regular expression"),
        ("transform.h = { nothing = 1 }", "this step for h does nothing"),
        ("for_each = { field = 'bodi', match = 'x' }", "there is no field \"bodi\" (did you mean `body`?)"),
        ("for_each = { field = 'body' }", "[rule.for_each] needs `match`"),
        ("details = { A = '{nope}' }", "there is no capture \"nope\""),
        ("links = { A = '{h' }", "a `{` has no closing `}`"),
        ("when.client = { is = 'nowhere' }", "\"nowhere\" is no address or network"),
        ("when.body = {}", "body demands nothing"),
        ("severity = { from = 'h' }", "severity looks nothing up"),
        ("severity = { from = 'h', at_least = { many = 'info' } }", "\"many\" is not a number"),
        ("severity = { from = 'h', map = { A = 'info', a = 'info' } }", "\"a\" is in this table twice"),
        ("action = { from = 'h', map = { X = 'ignore' } }", "a rule that ignores mail must say why"),
        ("test = [{ mail = 'a', mail_text = 'b' }]", "a test needs either mail or mail_text"),
        ("test = [{ mail = 'a', matches = 'no' }]", "matches must be true or false"),
    ] {
        let text = match lines.starts_with("action") {
            true => rule(lines).replace("action = 'trigger'\n", ""),
            false => rule(lines),
        };
        let told = problems(GOOD, &text);
        assert!(told[0].contains(problem), "{lines}: {told:?}");
    }
    let defaults = "[defaults]\nseverity = { from = 'level', map = { a = 'info' } }\n".to_owned() + &rule("");
    assert!(
        problems(GOOD, &defaults)[0].contains("rule mine/a captures no \"level\""),
        "{:?}",
        problems(GOOD, &defaults)
    );
}

#[test]
fn a_service_has_rules_of_its_own_before_and_after_its_packs() {
    let own = "packs = [\"mine\"]\n[[services.s.before]]\nname = 'first'\naction = 'ignore'\nreason = 'a drill'\n\
               when.subject = 'drill'\n[[services.s.after]]\nname = 'rest'\naction = 'trigger'\n\
               dedup_key = 'rest'\nwhen.subject = '.'\n";
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rules")).expect("made");
    std::fs::write(folder.path().join("nightcall.toml"), GOOD.to_owned() + own).expect("written");
    std::fs::write(folder.path().join("rules/mine.toml"), GOOD_PACK).expect("written");
    let loaded = load(&folder.path().join("nightcall.toml")).expect("good");
    let names: Vec<&str> =
        loaded.definitions.rulebook.services[0].rules.rules().iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["s/before/first", "mine/a", "s/after/rest"]);
    let before = loaded.definitions.version.clone();
    std::fs::write(folder.path().join("rules/mine.toml"), GOOD_PACK.replace('x', "y")).expect("written");
    let loaded = load(&folder.path().join("nightcall.toml")).expect("good");
    assert_ne!(loaded.definitions.version, before, "another set has another version");
}

/// The examples in the starter file are commented out; with their marks off they must be as good as they say.
#[test]
fn the_examples_of_the_starter_file_are_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let starter = include_str!("../../src/cli/init/nightcall.toml");
    let (head, examples) = starter.split_once("Everything below is an example").expect("the examples are there");
    let examples: String = examples
        .lines()
        .skip(1)
        .map(|line| {
            let text = line.strip_prefix("# ").or_else(|| line.strip_prefix('#')).unwrap_or(line);
            format!("{}\n", text.replace(", [\"ann\", \"bob\"]]", "]"))
        })
        .collect();
    let webhook = "[webhook]\nsecret = \"x\"\n";
    let head = head.replace("# public_url", "public_url");
    std::fs::create_dir(folder.path().join("rules")).expect("a folder");
    let config = folder.path().join("nightcall.toml");
    std::fs::write(&config, format!("{head}\n{webhook}{examples}")).expect("written");
    std::fs::write(folder.path().join("de.ics"), "BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n").expect("written");
    let loaded = load(&config).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(loaded.definitions.roster.schedules["primary"].layers.len(), 2);
    assert_eq!(loaded.definitions.roster.calendars["secondary"].named.len(), 3);
    assert_eq!(loaded.definitions.roster.users["eve"].methods.len(), 14);
    let web = loaded.definitions.rulebook.service("web").expect("a service");
    assert_eq!(web.handling.heartbeats.len(), 1);
}

/// Those of `[smtp]` stand where they belong, so they are tried there.
#[test]
fn the_smtp_examples_of_the_starter_file_are_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let starter = include_str!("../../src/cli/init/nightcall.toml").replace("listen = \"127.0.0.1:2525\"\n", "");
    let (before, after) = starter.split_once("[smtp]\n").expect("the section");
    let (section, after) = after.split_once("[http]\n").expect("the next section");
    let is_setting = |text: &str| text.starts_with('[') || text.split(" = ").next().is_some_and(is_key);
    let section: String = section
        .lines()
        .map(|line| line.strip_prefix("# ").filter(|text| is_setting(text)).unwrap_or(line))
        .map(|line| format!("{line}\n"))
        .collect();
    let hash = nightcall::smtp::users::hash(b"secret").expect("hashed");
    let section = section.replace("$argon2id$…", &hash);
    std::fs::create_dir(folder.path().join("rules")).expect("a folder");
    let config = folder.path().join("nightcall.toml");
    std::fs::write(&config, format!("{before}[smtp]\n{section}[http]\n{after}")).expect("written");
    let loaded = definitions::load(&config, jiff::Timestamp::UNIX_EPOCH)
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(loaded.settings.smtp_listeners.len(), 1);
    assert!(loaded.settings.smtp_listeners[0].auth && loaded.settings.smtp_tls.is_some());
    assert_eq!(loaded.settings.smtp.auth_plain_from.len(), 1);
}

fn is_key(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

#[test]
fn listeners_that_cannot_work_are_told() {
    let smtp = r#"[smtp]
listen = "127.0.0.1:25"
auth_plain_from = ["10.0.0.0/40"]
[[smtp.listeners]]
tls = "star"
auth = 1
[[smtp.listeners]]
listen = "0.0.0.0:25"
tls = "starttls"
auth = true
[[smtp.listeners]]
listen = "0.0.0.0:26"
require_tls = true
require_auth = true
proxy_protocol_from = ["lb"]
client_certificates = "required"
"#;
    let told = problems(&format!("{GOOD}{smtp}"), GOOD_PACK).join("\n");
    for words in [
        "smtp has both `listen` and listeners",
        "\"10.0.0.0/40\" is no address or network",
        "[smtp.listeners] needs `listen`",
        "there is no tls \"star\"",
        "smtp.listeners.auth must be true or false",
        "this listener needs a certificate",
        "this listener offers AUTH, but nobody has a password",
        "this listener requires TLS but offers none",
        "this listener requires AUTH but does not offer it",
        "\"lb\" is no address or network",
        "nobody says whose client certificates count",
    ] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let smtp = r#"[smtp.tls]
certificate = "cert.pem"
client_ca = "ca.pem"
[smtp.users]
ups = "secret"
[[smtp.listeners]]
listen = "0.0.0.0:25"
client_certificates = "required"
"#;
    let told = problems(&format!("{GOOD}{smtp}"), GOOD_PACK).join("\n");
    for words in ["[smtp.tls] needs `key`", "this is no password hash"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    let told =
        problems(&format!("{GOOD}{}", smtp.replace("client_ca", "key = \"k\"\nclient_ca")), GOOD_PACK).join("\n");
    assert!(told.contains("who stays in plaintext needs none"), "{told}");
}
