//! `rules test`: run the tests that stand in rule packs, or write what the rules say now into them.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::cli::told;
use crate::definitions;
use crate::definitions::pack::PackFile;
use crate::definitions::problem::{Problem, Problems};
use crate::definitions::sample::Expect;
use crate::domain::alert::Alert;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A pack or a folder of packs
    #[arg(default_value = "rules")]
    path: PathBuf,
    /// Write what the rules say now into the tests that fail, for review
    #[arg(long)]
    update: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let (packs, problems) = definitions::packs_at(&args.path);
    if !problems.is_empty() {
        return Err(told(&Problems(problems)));
    }
    if packs.is_empty() {
        bail!("there are no rule packs in {}", args.path.display());
    }
    let (mut failed, mut tests, mut updated) = (Vec::new(), 0, 0);
    for file in packs.values() {
        tests += file.tests.len();
        let failures: Vec<(usize, String)> =
            file.tests.iter().enumerate().filter_map(|(nth, test)| Some((nth, test.run(file).err()?))).collect();
        let written = if args.update { update(file, &failures)? } else { Vec::new() };
        updated += written.len();
        let left = failures.into_iter().filter(|(nth, _)| !written.contains(nth));
        failed.extend(left.map(|(nth, why)| Problem::new(&file.source, file.tests[nth].span.clone(), why)));
    }
    println!("{} passed, {} failed", tests - failed.len() - updated, failed.len());
    if updated > 0 {
        println!("{updated} updated: look at the difference before you keep it");
    }
    if failed.is_empty() { Ok(()) } else { Err(told(&Problems(failed))) }
}

/// Writes what the rules say now into the failing tests of a pack, and returns which. A mail that another rule
/// reads, or none, stays a failure: that is for a person to decide.
fn update(file: &PackFile, failures: &[(usize, String)]) -> anyhow::Result<Vec<usize>> {
    let (Some(path), false) = (&file.source.path, failures.is_empty()) else { return Ok(Vec::new()) };
    let mut document: DocumentMut = file.source.text.parse().context("the pack cannot be written again")?;
    let mut written = Vec::new();
    let mut nth = 0;
    let rules = document.get_mut("rule").and_then(Item::as_array_of_tables_mut);
    for rule in rules.into_iter().flat_map(ArrayOfTables::iter_mut) {
        let Some(tests) = rule.get_mut("test").and_then(Item::as_array_of_tables_mut) else { continue };
        for table in tests.iter_mut() {
            let test = &file.tests[nth];
            let failing = failures.iter().any(|(failed, _)| *failed == nth);
            if let (true, Expect::Alerts(_), Ok(verdict)) = (failing, &test.expect, test.verdict(file))
                && verdict.alerts.iter().all(|alert| alert.rule == test.rule)
            {
                write_expectations(table, &verdict.alerts);
                written.push(nth);
            }
            nth += 1;
        }
    }
    if !written.is_empty() {
        std::fs::write(path, document.to_string()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(written)
}

fn write_expectations(table: &mut Table, alerts: &[Alert]) {
    if let ([alert], false) = (alerts, table.contains_key("alerts")) {
        write_alert(table, alert, !table.contains_key("action") && !table.contains_key("dedup_key"));
        return;
    }
    let mut list = toml_edit::Array::new();
    for alert in alerts {
        let mut entry = toml_edit::InlineTable::new();
        entry.insert("action", alert.action.word().into());
        entry.insert("dedup_key", alert.dedup_key.as_str().into());
        entry.insert("severity", alert.severity.word().into());
        list.push(entry);
    }
    table.insert("alerts", value(list));
}

/// Writes the fields that the test looks at already; a test that looks at nothing gets all.
fn write_alert(table: &mut Table, alert: &Alert, all: bool) {
    let fields = [
        ("action", alert.action.word()),
        ("dedup_key", &alert.dedup_key),
        ("severity", alert.severity.word()),
        ("summary", &alert.summary),
    ];
    for (key, text) in fields {
        if all || table.contains_key(key) {
            table.insert(key, value(text));
        }
    }
    for (key, now) in [("details", &alert.details), ("links", &alert.links)] {
        let Some(entries) = table.get_mut(key).and_then(Item::as_table_like_mut) else { continue };
        let names: Vec<String> = entries.iter().map(|(name, _)| name.to_owned()).collect();
        for name in names {
            match now.get(&name) {
                Some(text) => entries.insert(&name, value(text)),
                None => entries.remove(&name),
            };
        }
    }
}
