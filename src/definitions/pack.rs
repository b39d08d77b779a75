//! Rule packs: one TOML file a mail source, read into checked rules and their tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::problem::{Problem, SourceFile};
use super::reader::{Reader, Table};
use super::rule::{self, Defaults};
use super::sample::RuleTest;
use crate::domain::rule::Rule;
use crate::domain::rulebook::Pack;

/// Most rules in one file.
const RULES_MAX: usize = 100_000;

/// A rule pack with its tests.
#[derive(Debug, Clone)]
pub struct PackFile {
    /// The rules.
    pub pack: Arc<Pack>,
    /// What kind of mail it reads, in one line.
    pub description: Option<String>,
    /// In the order of the file.
    pub tests: Vec<RuleTest>,
    /// Where it came from.
    pub source: Arc<SourceFile>,
}

/// Reads a pack. The problems are returned beside whatever could be read.
pub fn read(name: &str, source: &Arc<SourceFile>) -> (PackFile, Vec<Problem>) {
    let reader = Reader::new(Arc::clone(source));
    let (mut rules, mut tests, mut description) = (Vec::new(), Vec::new(), None);
    if let Some(mut root) = reader.root() {
        description = root.string("description").map(|text| text.value);
        let defaults = root.table("defaults").map(Defaults::read).unwrap_or_default();
        let tables = root.tables("rule");
        if tables.is_empty() {
            reader.note_with_hint(root.span(), "this pack has no rules", "a rule starts with [[rule]]");
        }
        (rules, tests) = read_rules(name, tables, &defaults);
        root.finish();
    }
    let pack = Arc::new(Pack { name: name.to_owned(), rules });
    (PackFile { pack, description, tests, source: Arc::clone(source) }, reader.into_problems())
}

/// Reads a list of rules, of a pack or of a service's own.
pub(super) fn read_rules(name: &str, tables: Vec<Table<'_>>, defaults: &Defaults) -> (Vec<Arc<Rule>>, Vec<RuleTest>) {
    let (mut rules, mut tests, mut names) = (Vec::new(), Vec::new(), BTreeSet::new());
    let count = tables.len();
    for (nth, mut table) in tables.into_iter().enumerate() {
        let reader = table.reader();
        if nth == RULES_MAX {
            reader.note(table.span(), format!("there are {count} rules here; {RULES_MAX} are allowed"));
            break;
        }
        let rule_name = table.required_string("name");
        if let Some(rule_name) = &rule_name
            && !names.insert(rule_name.value.clone())
        {
            reader.note(rule_name.span.clone(), format!("there are two rules named {:?}", rule_name.value));
        }
        let full_name = format!("{name}/{}", rule_name.map_or_else(|| "?".to_owned(), |n| n.value));
        for test in table.tables("test") {
            tests.extend(RuleTest::read(test, &full_name));
        }
        rules.extend(rule::read(table, full_name, defaults).map(Arc::new));
    }
    (rules, tests)
}
