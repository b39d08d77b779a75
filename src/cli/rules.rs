//! `rules`: what would this mail mean, do the rules still say what their tests expect, and what would change?

mod coverage;
mod explain;
mod replay;
mod stored;
mod suggest;
mod test;

use std::path::Path;

use anyhow::Context as _;

pub(crate) use self::explain::recipient;
use super::print_json;
use crate::definitions::schema::pack_schema;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what a mail means: which rule reads it, how, and why the others do not
    Explain(explain::Args),
    /// Run the tests that stand in rule packs
    Test(test::Args),
    /// Write a first rule, with its tests, from sample mails
    Suggest(suggest::Args),
    /// Print the JSON Schema of rule packs, for editors
    Schema,
    /// Judge stored mail again with changed definitions and tell what would have been different; changes nothing
    Replay(replay::Args),
    /// Tell how often each rule matches stored mail, which never do, and whose mail no rule knows
    Coverage(coverage::Args),
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Explain(args) => explain::run(args),
        Command::Test(args) => test::run(args),
        Command::Suggest(args) => suggest::run(args),
        Command::Schema => print_json(&pack_schema()),
        Command::Replay(args) => replay::run(args).await,
        Command::Coverage(args) => coverage::run(args).await,
    }
}

/// Reads a mail from a file, or from standard input for `-`.
pub(crate) fn read_mail(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut raw = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut raw).context("cannot read standard input")?;
        return Ok(raw);
    }
    std::fs::read(path).with_context(|| format!("cannot read the mail {}", path.display()))
}
