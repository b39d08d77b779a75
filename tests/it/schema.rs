//! The JSON Schema of rule packs and the program that reads them must be of one mind.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use nightcall::definitions::problem::SourceFile;
use nightcall::definitions::{pack, schema, toml_files};
use serde_json::Value;

fn schema() -> Value {
    serde_json::to_value(schema::pack_schema()).expect("JSON")
}

fn json(toml: &str) -> Value {
    toml::from_str(toml).expect("TOML")
}

fn packs() -> Vec<(PathBuf, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("rules"), root.join("tests/packs")];
    let files = folders.iter().flat_map(|folder| toml_files(folder).expect("readable"));
    files.map(|path| (path.clone(), std::fs::read_to_string(path).expect("UTF-8"))).collect()
}

#[test]
fn every_pack_fits_the_schema() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    for (path, text) in packs() {
        let errors: Vec<String> = validator.iter_errors(&json(&text)).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:?}", path.display());
    }
}

const RULE: &str = "[[rule]]\nname = 'a'\naction = 'trigger'\ndedup_key = 'k'\n[rule.when]\nsubject = 'x'\n";

/// What the program says about a pack.
fn problems(text: &str) -> Vec<String> {
    let source = SourceFile { name: "p.toml".to_owned(), path: None, text: text.to_owned() };
    let (_, problems) = pack::read("p", &Arc::new(source));
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn both_know_the_same_keys() {
    let schema = schema();
    // Where a table stands in a pack, and what the schema calls it.
    for (table, place) in [
        ("", "colour = 'red'\n{RULE}"),
        ("Defaults", "[defaults]\ncolour = 'red'\n{RULE}"),
        (
            "Rule",
            "{RULE}[[rule]]\nname = 'b'\naction = 'trigger'\ndedup_key = 'k'\nwhen.subject = 'x'\ncolour = 'red'\n",
        ),
        ("When", "{RULE}colour = 'red'\n"),
        ("Demands", "{RULE}body = { any = 'y', colour = 'red' }\n"),
        (
            "ActionLookup",
            "[[rule]]\nname = 'a'\naction = { from = 'subject', map = {}, colour = 'red' }\ndedup_key = 'k'\nwhen.subject = 'x'\n",
        ),
        ("Replace", "{RULE}[rule.transform]\nx = { replace = 'a', with = 'b', colour = 'red' }\n"),
        ("Map", "{RULE}[rule.transform]\nx = { map = {}, colour = 'red' }\n"),
        ("FirstOf", "{RULE}[rule.transform]\nx = { first_of = [], colour = 'red' }\n"),
        ("From", "{RULE}[rule.transform]\nx = { from = 'subject', colour = 'red' }\n"),
        ("DefaultText", "{RULE}[rule.transform]\nx = { default = 'a', colour = 'red' }\n"),
        ("ForEach", "{RULE}[rule.for_each]\nfield = 'body'\nmatch = 'y'\ncolour = 'red'\n"),
        ("Test", "{RULE}[[rule.test]]\nmail = 'x'\ncolour = 'red'\n"),
        ("ExpectedAlert", "{RULE}[[rule.test]]\nmail = 'x'\nalerts = [{ colour = 'red' }]\n"),
    ] {
        let text = place.replace("{RULE}", RULE);
        let said = problems(&text);
        let said = said.iter().find(|problem| problem.contains("colour is not a setting")).expect(table);
        let known = said.rsplit("known are: ").next().expect("a hint").trim_end_matches(')');
        let read: BTreeSet<&str> = known.split(", ").map(str::trim).collect();
        let described = if table.is_empty() { &schema["properties"] } else { &schema["$defs"][table]["properties"] };
        let mut described: BTreeSet<&str> = described.as_object().expect(table).keys().map(String::as_str).collect();
        if table == "Test" {
            // Several alerts, or one: the program asks for the keys of what is there.
            described.remove("alerts");
        }
        assert_eq!(read, described, "{table}");
        let validator = jsonschema::validator_for(&schema).expect("a schema");
        assert!(!validator.is_valid(&json(&text)), "the schema lets an unknown key of {table} pass");
        assert!(
            validator.is_valid(&json(
                &text.replace("colour = 'red'\n", "").replace(", colour = 'red'", "").replace("colour = 'red'", "")
            )),
            "{table}: without it all is good"
        );
    }
}
