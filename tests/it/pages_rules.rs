//! The playground of rules, as browsers see it.

use reqwest::Method;

use crate::pages::{HOSTILE, ask, cookie, get, seen, staffed};
use crate::world::World;

const MAIL: &str = "Subject: Backup of db01 failed\nFrom: backup@nas.example\nTo: web@alerts.example.com\n\n\
                    Reason: the target disk is full\n";

const RULE: &str = r#"
[[rule]]
name = "job"
action = { from = "state", map = { failed = "trigger", finished = "resolve" } }
severity = "critical"
dedup_key = "backup/{host}"
summary = "Backup of {host} {state}"

[rule.when]
subject = '^Backup of (?<host>\S+) (?<state>failed|finished)'
body = { optional = '(?m)^Reason: (?<reason>.+)$' }
"#;

async fn tried(world: &World, form: &[(&str, &str)]) -> (u16, String) {
    tried_by(world, &cookie(world, "rae").await, form).await
}

async fn tried_by(world: &World, cookie: &str, form: &[(&str, &str)]) -> (u16, String) {
    let answer = ask(world, Method::POST, "/rules/try", Some(cookie), form).await;
    (answer.status().as_u16(), answer.text().await.expect("text"))
}

/// What the page offers to keep, as it would be copied.
fn kept(page: &str) -> String {
    let kept = page.split("id=\"kept\" tabindex=\"0\">").nth(1).and_then(|rest| rest.split("</pre>").next());
    let kept = kept.unwrap_or_else(|| panic!("something to keep: {page}"));
    let entities = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    entities.iter().fold(kept.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

#[tokio::test]
async fn a_rule_is_tried_on_a_mail_and_kept_with_its_test() {
    let world = staffed().await;
    let (status, page) = tried(&world, &[("text", MAIL), ("toml", RULE)]).await;
    assert_eq!(status, 200);
    for shown in [
        "It matches",
        "key <code>backup/db01</code>",
        "<mark>db01</mark><small>host</small>",
        "<mark>failed</mark><small>state</small>",
        "<mark>the target disk is full</mark><small>reason</small>",
        "No rule of service web knows this mail.",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let pack = kept(&page);
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("backup.toml"), &pack).expect("written");
    let (packs, problems) = nightcall::definitions::packs_at(folder.path());
    assert!(problems.is_empty(), "{problems:?}: {pack}");
    let [test] = &packs["backup"].tests[..] else { panic!("one test: {pack}") };
    test.run(&packs["backup"]).expect("what was copied holds");

    for (toml, why) in [
        (RULE.replace("failed|finished", "lost|found"), "only its beginning"),
        (RULE.replace("{host}\"", "{hast}\""), "draft.toml:6:"),
        (RULE.replace("(?<state>", "("), "state"),
        ("[[rule]".to_owned(), "draft.toml:1:"),
        ("#".repeat(20_000), "bytes at most"),
    ] {
        let (status, page) = tried(&world, &[("text", MAIL), ("toml", &toml)]).await;
        assert_eq!(status, 200, "{why}");
        assert!(page.contains(why) && !page.contains("It matches"), "{why}: {page}");
    }
    let (_, page) = tried(&world, &[("text", " "), ("toml", RULE)]).await;
    assert!(page.contains("Paste a mail above") && page.contains("Backup of {host}"), "{page}");
}

#[tokio::test]
async fn a_stored_mail_leads_to_a_rule() {
    let mut world = staffed().await;
    let id = world.mail("web@alerts.example.com", MAIL.as_bytes()).await;
    while world.phone.ringing().is_some() {}
    let mine = cookie(&world, "rae").await;
    let (_, page) = get(&world, &format!("/mails/{id}"), &mine).await;
    assert!(page.contains(&format!("href=\"/rules/try?mail={id}\"")), "{page}");
    let (_, page) = get(&world, "/rules/try", &mine).await;
    assert!(page.contains(&format!("/rules/try?mail={id}")) && page.contains("backup@nas.example"), "{page}");
    let (status, page) = get(&world, &format!("/rules/try?mail={id}"), &mine).await;
    assert_eq!(status, 200);
    assert!(page.contains("It matches") && page.contains("<mark>"), "{page}");
    assert!(page.contains("No sample is a recovery"), "{page}");
    assert!(kept(&page).contains("mail_text = '''\nSubject: Backup of db01 failed\n"), "{page}");
    let (_, page) = tried(&world, &[("mail", &id), ("toml", RULE)]).await;
    assert!(page.contains("key <code>backup/db01</code>"), "{page}");
    for missing in ["0".repeat(32).as_str(), "../x", "<xss>"] {
        assert_eq!(tried(&world, &[("mail", missing), ("toml", RULE)]).await.0, 404, "{missing}");
    }
    let (_, page) = tried(&world, &[("text", MAIL), ("toml", RULE), ("act", "suggest")]).await;
    assert!(page.contains("It matches") && !page.contains("name = &#34;job&#34;"), "{page}");
}

#[tokio::test]
async fn a_mail_that_is_known_already_says_so() {
    let world = staffed().await;
    let nagios = "Subject: ** PROBLEM Service Alert: db1/disk is CRITICAL **\nTo: db@alerts.example.com\n\nx\n";
    let (_, page) = tried(&world, &[("text", nagios), ("toml", RULE)]).await;
    for shown in
        ["It does not match", "Service db has a rule for this mail already", "nagios/service", "[[services.db.before]]"]
    {
        assert!(page.contains(shown), "{shown}: {page}");
    }
}

/// T23, and drafts that are made to cost much or to read files.
#[tokio::test]
async fn hostile_drafts_and_mails_do_nothing() {
    let mut world = staffed().await;
    world.mail("web@alerts.example.com", b"Subject: odd thing\r\n\r\nhello\r\n").await;
    while world.phone.ringing().is_some() {}
    // Signing in is told in the trail; trying is not.
    let mine = cookie(&world, "rae").await;
    let before = seen(&world).await;
    let hostile =
        format!("Subject: {HOSTILE} failed\nFrom: \"{HOSTILE}\" <a@b.example>\nX-A: {HOSTILE}\n\n{HOSTILE}\n");
    let rule = RULE.replace(r"'^Backup of (?<host>\S+) (?<state>failed|finished)'", "'^(?<host>.+) (?<state>failed)'");
    let (status, page) = tried_by(&world, &mine, &[("text", &hostile), ("toml", &rule)]).await;
    assert_eq!(status, 200);
    assert!(page.contains("It matches") && !page.contains("<xss") && !page.contains("\"'>"), "{page}");
    let (_, page) = tried_by(&world, &mine, &[("text", &hostile), ("toml", HOSTILE)]).await;
    assert!(!page.contains("<xss") && !page.contains("\"'>"), "{page}");
    let file = format!("{RULE}[[rule.test]]\nmail = \"/etc/passwd\"\naction = \"trigger\"\n");
    let (_, page) = tried_by(&world, &mine, &[("text", MAIL), ("toml", &file)]).await;
    assert!(page.contains("which is not read here") && !page.contains("root:"), "{page}");

    let watch = nightcall::clock::Stopwatch::start();
    let long = format!("{MAIL}{}", "a".repeat(200_000));
    let slow: Vec<String> = (0..90).map(|n| format!(r"'(?:\w\pL?){{200}}x{n}'")).collect();
    let slow = RULE.replace("{ optional = '(?m)^Reason: (?<reason>.+)$' }", &format!("[{}]", slow.join(", ")));
    let (status, page) = tried_by(&world, &mine, &[("text", &long), ("toml", &slow)]).await;
    assert!(matches!(status, 200 | 408), "{status}: {page}");
    println!("a draft that is made to cost much took {:?}", watch.elapsed());
    assert_eq!(seen(&world).await, before, "trying changes nothing");
}
