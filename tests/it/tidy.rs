//! Keeps the house in order: who may import whom, how long a file may be, and that the map shows every room.

use std::path::{Path, PathBuf};

use nightcall::definitions::{SHIPPED, packs};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("readable") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(root()).expect("inside").display().to_string();
                files.push((name, std::fs::read_to_string(&path).expect("UTF-8")));
            }
        }
    }
    files.sort();
    files
}

/// The part of a file before its inline tests.
fn shipped(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

#[test]
fn arrows_never_turn_back() {
    // Each room with the rooms it may not name.
    let forbidden: [(&str, &[&str]); 8] = [
        (
            "src/domain/",
            &["clock", "store", "engine", "smtp", "http", "notify", "app", "cli", "settings", "definitions", "ical"],
        ),
        ("src/ical", &["clock", "store", "engine", "smtp", "http", "notify", "app", "cli", "settings", "definitions"]),
        ("src/store/", &["engine", "smtp", "http", "notify", "app", "cli", "settings", "definitions", "clock"]),
        ("src/engine/", &["smtp", "http", "notify", "app", "cli", "settings", "definitions"]),
        ("src/smtp/", &["http", "notify", "store", "app", "cli", "settings", "definitions"]),
        ("src/http/", &["smtp", "notify", "app", "cli", "settings", "definitions"]),
        ("src/notify/", &["smtp", "http", "app", "cli", "settings", "definitions"]),
        ("src/definitions/", &["engine", "store", "smtp", "http", "notify", "app", "cli", "clock"]),
    ];
    for (name, text) in rust_files(&root().join("src")) {
        for (room, others) in forbidden {
            if !name.starts_with(room) || name.contains("/tests") {
                continue;
            }
            for other in others {
                let named = shipped(&text).contains(&format!("crate::{other}::"))
                    || shipped(&text).contains(&format!("crate::{{{other}"));
                assert!(!named, "{name} names {other}");
            }
        }
    }
}

#[test]
fn the_core_is_pure() {
    // What reads mail and rules: the regex family, and decoders of mail, HTML and old encodings.
    let decoders = ["mail_parser", "htmlize", "encoding_rs", "chardetng"];
    let allowed = ["std", "jiff", "serde", "regex", "regex_syntax", "aho_corasick", "memchr", "super", "crate", "self"];
    let own =
        |name: &str, import: &str| root().join(name.trim_end_matches(".rs")).join(format!("{import}.rs")).exists();
    let own_libraries: [(&str, &[&str]); 2] = [("src/domain/", &[]), ("src/ical", &["calcard", "thiserror"])];
    for (name, text) in rust_files(&root().join("src")) {
        let Some((_, libraries)) = own_libraries.iter().find(|(room, _)| name.starts_with(room)) else { continue };
        for line in shipped(&text).lines().filter(|line| line.starts_with("use ")) {
            let import = line.trim_start_matches("use ").split([':', ';', ' ']).next().expect("a name");
            let own_type = import.starts_with(char::is_uppercase);
            let known = own_type
                || [&allowed[..], &decoders[..], libraries].iter().any(|known| known.contains(&import))
                || own(&name, import);
            assert!(known || name.contains("tests"), "{name} imports {import}");
        }
        for forbidden in
            ["async fn", "tokio", "sqlx", "tracing", "rand::", "std::fs", "TcpStream", "UdpSocket", "Timestamp::now"]
        {
            assert!(!shipped(&text).contains(forbidden), "{name} uses {forbidden}");
        }
    }
}

#[test]
fn no_file_outgrows_its_room() {
    for (name, text) in rust_files(&root().join("src")) {
        let lines = text.lines().count();
        assert!(lines <= 600, "{name} has {lines} lines; 600 are allowed");
        let tests = text.lines().count() - shipped(&text).lines().count();
        assert!(tests <= 130, "{name} has {tests} lines of tests; move them to a sibling tests.rs");
        assert!(name.contains("/tests") || text.starts_with("//!"), "{name} does not say what it is");
    }
}

#[test]
fn only_the_store_speaks_sql() {
    for (name, text) in rust_files(&root().join("src")) {
        if !name.starts_with("src/store/") {
            assert!(!text.contains("sqlx::"), "{name} speaks SQL");
        }
    }
}

#[test]
fn the_map_shows_every_room_and_no_other() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the map");
    for (name, _) in rust_files(&root().join("src")) {
        let module = name.trim_start_matches("src/");
        let shown = module.contains("/tests")
            || map.contains(module)
            || map.contains(&format!("{}`", module.trim_end_matches(".rs")));
        assert!(shown, "ARCHITECTURE.md does not show {module}");
    }
    for word in map.split(|c: char| !(c.is_alphanumeric() || "._/-".contains(c))).filter(|word| word.ends_with(".rs")) {
        let exists = ["src", "tests/it", "benches", ""].iter().any(|folder| root().join(folder).join(word).exists());
        assert!(exists, "ARCHITECTURE.md shows {word}, which does not exist");
    }
}

#[test]
fn every_pack_ships_and_has_tests() {
    let files = nightcall::definitions::toml_files(&root().join("rules")).expect("readable");
    let names: Vec<String> =
        files.iter().map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    let shipped: Vec<&str> = SHIPPED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, shipped, "src/definitions/mod.rs lists every pack of rules/, in order");
    let (packs, problems) = packs(None);
    assert!(problems.is_empty(), "{problems:?}");
    for (name, file) in packs {
        assert!(!file.tests.is_empty(), "rules/{name}.toml has no tests");
        let folder = root().join("tests/mails").join(&name);
        assert!(folder.is_dir(), "{} has no sample mails", folder.display());
    }
}

#[test]
fn every_migration_is_portable() {
    for entry in std::fs::read_dir(root().join("migrations")).expect("readable") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("UTF-8").to_lowercase();
        for word in ["autoincrement", "serial", "bytea", "jsonb", " integer", "timestamp", "boolean", "now()"] {
            assert!(
                !text.lines().any(|line| !line.starts_with("--") && line.contains(word)),
                "{} uses {word}",
                path.display()
            );
        }
    }
}
