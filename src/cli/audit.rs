//! `audit`: the trail of who has changed what. On the database itself, for it must not pass through what it tells about.

use std::io::Write as _;

use anyhow::{Context as _, bail};

use super::ConfigArg;
use crate::store::trail::{End, Told};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Go through the whole trail and name the first row that does not fit
    Verify(Verify),
    /// Print the trail, one JSON object a line, oldest first; it stops at a row that does not fit
    Export {
        #[command(flatten)]
        config: ConfigArg,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    #[command(flatten)]
    config: ConfigArg,
    /// What `audit verify` has printed before: that row must still be there as it was
    #[arg(long, value_name = "NUMBER:HASH", value_parser = noted)]
    noted: Option<End>,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Verify(args) => verify(args).await,
        Command::Export { config } => export(config).await,
    }
}

async fn verify(args: &Verify) -> anyhow::Result<()> {
    let store = super::store(&args.config.load()?).await?;
    let mut is_there = false;
    let wanted = args.noted.as_ref();
    let seen = |row: &Told| is_there |= wanted.is_some_and(|end| end.number == row.number && end.hash == row.hash);
    let walked = store.walk_trail(seen).await?;
    store.close().await;
    let end = walked.map_err(|broken| anyhow::anyhow!("the trail is broken: {broken}"))?;
    if let Some(noted) = wanted.filter(|_| !is_there) {
        bail!("the trail was written anew: row {} is not the one that was noted", noted.number);
    }
    let rows = end.number;
    println!("{rows} rows, each fits the one before; keep this elsewhere and give it with --noted the next time:");
    println!("{rows}:{}", end.hash);
    Ok(())
}

async fn export(config: &ConfigArg) -> anyhow::Result<()> {
    let store = super::store(&config.load()?).await?;
    let mut output = std::io::BufWriter::new(std::io::stdout().lock());
    let mut written = Ok(());
    let walked = store
        .walk_trail(|row| {
            if written.is_ok() {
                written = serde_json::to_writer(&mut output, row)
                    .map_err(std::io::Error::from)
                    .and_then(|()| output.write_all(b"\n"));
            }
        })
        .await?;
    store.close().await;
    written.and_then(|()| output.flush()).context("cannot print")?;
    walked.map(|_| ()).map_err(|broken| anyhow::anyhow!("the trail is broken: {broken}"))
}

fn noted(text: &str) -> Result<End, String> {
    let (number, hash) = text.split_once(':').ok_or("write it as it was printed: NUMBER:HASH")?;
    let number = number.parse().map_err(|_| "the number is none".to_owned())?;
    Ok(End { number, hash: hash.to_owned() })
}
