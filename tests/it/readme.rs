//! What the README shows about rules is what running it gives.

use std::process::Command;

use nightcall::definitions::SHIPPED;

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README")
}

/// The block of that language whose text has these words.
fn block<'a>(readme: &'a str, language: &str, words: &str) -> &'a str {
    let blocks = readme.split("```").skip(1).step_by(2);
    let mut texts = blocks.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n'));
    texts.find(|text| text.contains(words)).unwrap_or_else(|| panic!("no block of the README has {words:?}"))
}

#[test]
fn the_first_rule_its_test_and_its_explanation_are_real() {
    let readme = readme();
    let rule = block(&readme, "toml", "name = \"job\"");
    let shown = block(&readme, "", "$ nightcall rules test rules");
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("rules")).expect("made");
    std::fs::write(folder.path().join("rules/backup.toml"), rule).expect("written");
    let mail = rule.split("'''\n").nth(1).expect("the test's mail");
    std::fs::write(folder.path().join("backup.eml"), mail.trim_end_matches("'''")).expect("written");
    let mut given = String::new();
    for line in shown.lines().filter(|line| line.starts_with("$ nightcall ")) {
        let arguments = line.trim_start_matches("$ nightcall ").split(' ');
        let output = Command::new(env!("CARGO_BIN_EXE_nightcall")).args(arguments).current_dir(folder.path()).output();
        let output = output.expect("it runs");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        given += &format!("{line}\n{}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(shown.trim_end(), given.trim_end(), "the README shows what running gives");
}

#[test]
fn the_settings_for_taking_mail_in_are_real() {
    let readme = readme();
    let hash = nightcall::smtp::users::hash(b"secret").expect("hashed");
    let settings = block(&readme, "toml", "[[smtp.listeners]]").replace("$argon2id$…", &hash);
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("nightcall.toml");
    let people = "fallback = \"me\"\n[users.me]\ncontacts = [\"console\"]\n\
                  [policies.p]\nsteps = [{ delay = \"5m\", targets = [\"me\"] }]\n\
                  [services.s]\naddresses = [\"*\"]\npolicy = \"p\"\n";
    std::fs::write(&config, format!("{people}{settings}")).expect("written");
    let loaded = nightcall::definitions::load(&config, jiff::Timestamp::UNIX_EPOCH)
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(loaded.settings.smtp_listeners.len(), 2);
}

#[test]
fn the_settings_for_access_are_real() {
    let readme = readme();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("oidc-secret"), "s3cret\n").expect("written");
    let config = folder.path().join("nightcall.toml");
    let more = "fallback = \"ann\"\n[http]\npublic_url = \"https://nightcall.example.com\"\n\
                [policies.p]\nsteps = [{ delay = \"5m\", targets = [\"ann\"] }]\n\
                [services.db]\naddresses = [\"*\"]\npolicy = \"p\"\n";
    let access = block(&readme, "toml", "[http.proxy]").replace("ntfy:ann", "console");
    std::fs::write(&config, format!("{more}{access}{}", block(&readme, "toml", "[http.sign_in]"))).expect("written");
    let loaded = nightcall::definitions::load(&config, jiff::Timestamp::UNIX_EPOCH)
        .unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert!(!loaded.settings.sign_in.passwords && loaded.settings.sign_in.provider.is_some());
    assert_eq!(loaded.definitions.roster.identified("Ann@example.com").map(|ann| ann.name.as_str()), Some("ann"));
}

#[test]
fn every_shipped_pack_is_named() {
    let readme = readme();
    for (name, text) in SHIPPED {
        let titled = readme.to_lowercase().contains(&name.replace('-', " ")) || readme.contains(name);
        assert!(titled, "the README does not name the pack {name}");
        assert!(text.contains("description = "), "{name} does not say what it reads");
    }
}
