//! The tools for rules: explain, test, replay, coverage, reprocess, each as a person runs it.

use std::process::{Command, Output};

use nightcall::domain::incident::Status;
use serde_json::Value;

use crate::world::World;

const PACK: &str = r#"description = "the pumps"

[[rule]]
name = "pump"
action = { from = "state", map = { STOPPED = "trigger", RUNNING = "resolve" } }
severity = { from = "litres", at_least = { "100" = "critical", "10" = "error" }, default = "warning" }
dedup_key = "pump/{pump}"
summary = "Pump {pump} is {state}"

[rule.when]
subject = '^Pump (?<pump>\d+): (?<state>\w+)$'
body = { optional = ['(?m)^Leak: (?<litres>\S+)', '(?m)^See (?<url>\S+)'] }

[rule.details]
Leak = "{litres}"
[rule.links]
Camera = "{url}"

[[rule.test]]
mail_text = '''
Subject: Pump 17: STOPPED

Leak: 120 l
'''
action = "trigger"
dedup_key = "pump/17"
severity = "critical"
"#;

/// A folder with a configuration, the pack and a mail.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(pack: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("rules")).expect("made");
        let place = Self { folder };
        place.write("rules/pumps.toml", pack);
        place
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect("readable")
    }
}

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_nightcall")).args(args).output().expect("it runs")
}

fn told(args: &[&str]) -> String {
    let output = run(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn explain_marks_what_was_captured() {
    let place = Place::new(PACK);
    place.write("mail.eml", "Subject: Pump 17: STOPPED\n\nHello.\nLeak: 120 l\nSee https://cam/17\n");
    let text = told(&["rules", "explain", "--rules", &place.path("rules"), &place.path("mail.eml")]);
    for line in [
        "action    trigger  (by pumps/pump: state \"STOPPED\" means trigger)",
        "key       pump/17",
        "severity  critical",
        "summary   Pump 17 is STOPPED",
        "detail    Leak: 120",
        "link      Camera: https://cam/17",
        "subject   Pump ⟦17⟧: ⟦STOPPED⟧   ← pump, state",
        "body      Leak: ⟦120⟧ l   ← litres",
        "body      See ⟦https://cam/17⟧   ← url",
    ] {
        assert!(text.lines().any(|told| told == line), "{line:?} is not in\n{text}");
    }
    place.write("other.eml", "Subject: Pump 17: stopped by hand\n\nx\n");
    let text = told(&["rules", "explain", "--rules", &place.path("rules"), &place.path("other.eml")]);
    assert!(text.contains(r"only its beginning '^Pump (?<pump>\d+): (?<state>\w+)' does"), "{text}");
}

#[test]
fn test_tells_the_place_and_update_writes_what_is_so_now() {
    let place =
        Place::new(&PACK.replace("severity = \"critical\"", "severity = \"info\"").replace("pump/17", "pump/18"));
    let rules = place.path("rules");
    let failed = run(&["rules", "test", &rules]);
    let error = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(!failed.status.success());
    assert!(error.contains("dedup_key should be \"pump/18\", is \"pump/17\""), "{error}");
    assert!(error.contains("pumps.toml:19:1"), "{error}");
    assert!(told(&["rules", "test", &rules, "--update"]).contains("1 updated"));
    assert_eq!(place.read("rules/pumps.toml"), PACK, "only the expectations were written");
    assert!(told(&["rules", "test", &rules]).contains("1 passed, 0 failed"));

    // A mail that the rule does not read any more is a question for a person.
    place.write("rules/pumps.toml", &PACK.replace("Subject: Pump 17", "Subject: Pumpe 17"));
    let failed = run(&["rules", "test", &rules, "--update"]);
    let error = String::from_utf8_lossy(&failed.stderr).into_owned();
    assert!(
        !failed.status.success() && error.contains("rule should be \"pumps/pump\", is \"catch-all\"")
            || error.contains("recogniser"),
        "{error}"
    );
}

fn config(place: &Place, database_url: &str) {
    place.write(
        "nightcall.toml",
        &format!(
            "rules = \"rules\"\nfallback = \"me\"\n[database]\nurl = \"{database_url}\"\n[smtp]\n\
             domains = [\"alerts.example.com\"]\n[users.me]\ncontacts = [\"console\"]\n[policies.default]\n\
             steps = [{{ delay = \"5m\", targets = [\"me\"] }}]\n[services.db]\naddresses = [\"db\"]\n\
             policy = \"default\"\n[services.web]\naddresses = [\"web\"]\npolicy = \"default\"\n"
        ),
    );
}

/// A gateway that received mail of the pumps while no rule knew them; its database and the folder of the rules.
async fn history() -> (World, Place, tempfile::TempDir) {
    let database = tempfile::tempdir().expect("a folder");
    let url = crate::world::sqlite_url(database.path());
    let mut world = World::build(crate::world::STANDARD, "", Some(&url)).await;
    for subject in ["Pump 17: STOPPED", "Pump 18: STOPPED", "Pump 17: RUNNING"] {
        let raw = format!("From: scada@plant.example\r\nSubject: {subject}\r\n\r\nx\r\n");
        world.mail("db@alerts.example.com", raw.as_bytes()).await;
        world.advance_minutes(1).await;
    }
    while world.phone.ringing().is_some() {}
    let place = Place::new(PACK);
    config(&place, &url);
    (world, place, database)
}

#[tokio::test(flavor = "multi_thread")]
async fn replay_tells_what_would_have_been_different_and_changes_nothing() {
    let (world, place, _database) = history().await;
    let before = world.incident_count().await;
    let (config, since) = (place.path("nightcall.toml"), "2026-11-21T00:00Z");
    let arguments = ["rules", "replay", "--config", &config, "--since", since];
    let text = told(&arguments);
    assert!(text.contains("3 mails judged again, 3 would be read differently"), "{text}");
    assert!(text.contains("  + db: resolve warning  pump/17  (by pumps/pump)"), "{text}");
    let json: Value = serde_json::from_str(&told(&[&arguments[..], &["--json"]].concat())).expect("JSON");
    assert_eq!(json["after"]["incidents"], 2);
    assert_eq!(json["after"]["pages"], 2);
    assert_eq!(json["after"]["unmatched_mails"], 0);
    assert_eq!(json["before"]["unmatched_mails"], 3);
    assert_eq!(world.incident_count().await, before, "it changes nothing");

    std::fs::create_dir(place.folder.path().join("none")).expect("made");
    let none = place.path("none");
    let text = told(&[&arguments[..], &["--rules", &none]].concat());
    assert!(text.contains("3 mails judged again, 0 would be read differently"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn coverage_tells_what_rules_read_and_whose_mail_none_does() {
    let (mut world, place, _database) = history().await;
    let raw = b"From: who@elsewhere.example\r\nSubject: quite another thing broke\r\n\r\nx\r\n";
    world.mail("db@alerts.example.com", raw).await;
    while world.phone.ringing().is_some() {}
    let text = told(&["rules", "coverage", "--config", &place.path("nightcall.toml"), "--since", "2026-11-21T00:00Z"]);
    assert!(text.starts_with("4 mails\n"), "{text}");
    assert!(text.contains("        3  pumps/pump\n"), "{text}");
    assert!(text.contains("never matched: ") && text.contains("nagios/service"), "{text}");
    assert!(text.contains("        1  who@elsewhere.example  newest "), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_reprocessed_once_its_rule_is_mended() {
    let (world, place, _database) = history().await;
    let (_, listed) = world.get("/api/v1/mails").await;
    let id_of = |subject: &str| {
        let mails = listed["mails"].as_array().expect("a list");
        let mail = mails.iter().find(|mail| mail["subject"] == subject).expect(subject);
        mail["id"].as_str().expect("an id").to_owned()
    };
    let config = place.path("nightcall.toml");
    let before = world.incident_count().await as i64;
    let text = told(&["mail", "reprocess", "--config", &config, &id_of("Pump 17: STOPPED")]);
    assert!(text.contains("db: trigger warning  pump/17  (by pumps/pump)"), "{text}");
    assert!(text.contains(&format!("reprocessed by command line: opened incident #{}", before + 1)), "{text}");
    let incident = world.incident(before + 1).await;
    assert_eq!((incident.dedup_key.as_str(), incident.status), ("pump/17", Status::Triggered));
    let timeline = world.running.engine.store().timeline(before + 1).await.expect("readable");
    assert_eq!(timeline[0].actor, "command line by reprocessing (pumps/pump)", "who did it stays known");

    let again = told(&["mail", "reprocess", "--config", &config, &id_of("Pump 17: STOPPED")]);
    assert!(again.contains("the mail had said so already; nothing was done again"), "{again}");
    told(&["mail", "reprocess", "--config", &config, &id_of("Pump 17: RUNNING")]);
    world.expect_status(before + 1, Status::Resolved).await;
    let raw = run(&["mail", "raw", "--config", &config, &id_of("Pump 17: RUNNING")]).stdout;
    assert!(raw.starts_with(b"From: scada@plant.example\r\n"));
    let unknown = run(&["mail", "reprocess", "--config", &config, "0123"]);
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no mail \"0123"));

    // The same through the API of the gateway, whose own definitions do not know the pumps.
    let (status, body) = world.post(&format!("/api/v1/mails/{}/reprocess", id_of("Pump 18: STOPPED"))).await;
    assert_eq!(status, 200, "{body}");
    assert!(body["alerts"][0]["outcome"].as_str().is_some_and(|text| text.starts_with("reprocessed by token test: ")));
    assert_eq!(world.post("/api/v1/mails/00000000000000000000000000000000/reprocess").await.0, 404);
}

#[test]
fn suggest_writes_a_rule_that_passes_its_own_tests() {
    let place = Place::new(PACK);
    let mail = |state: &str, host: &str, percent: u32| {
        format!("From: mon@ops.example\nSubject: [{state}] {host}: disk /var at {percent}%\n\nHost: {host}\n")
    };
    for (file, text) in [
        ("bad.eml", mail("CRITICAL", "db01.ops.example.net", 97)),
        ("good.eml", mail("OK", "db01.ops.example.net", 41)),
        ("other.eml", mail("CRITICAL", "web7.ops.example.net", 99)),
    ] {
        place.write(file, &text);
    }
    let (out, bad, good) = (place.path("rules/disks.toml"), place.path("bad.eml"), place.path("good.eml"));
    told(&["rules", "suggest", "--out", &out, &bad, &good]);
    assert!(place.read("rules/disks.toml").contains("mail = \"../bad.eml\""), "{}", place.read("rules/disks.toml"));
    assert!(told(&["rules", "test", &out]).contains("2 passed, 0 failed"));
    let other = told(&["rules", "explain", "--json", "--rules", &out, &place.path("other.eml")]);
    let other: Value = serde_json::from_str(&other).expect("JSON");
    assert_eq!(other["alerts"][0]["action"], "trigger", "it reads other objects too: {other}");
    assert!(other["alerts"][0]["dedup_key"].as_str().is_some_and(|key| key.contains("web7")), "{other}");
    let refused = run(&["rules", "suggest", "--out", &out, &bad]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is there already"));
}

#[test]
fn a_reader_who_has_read_enough_is_no_mistake() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_nightcall"))
        .args(["rules", "schema"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
