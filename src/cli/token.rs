//! `token create`: a token for the API, shown once.

use anyhow::{Context as _, bail};

use super::ConfigArg;
use crate::clock::Clock;
use crate::http::auth;
use crate::store::Store;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token and print it, once; only its hash is kept
    Create {
        #[command(flatten)]
        config: ConfigArg,
        /// What it is for; shown on timelines
        #[arg(long)]
        name: String,
    },
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Create { config, name } = command;
    if name.trim().is_empty() {
        bail!("a token needs a name that says what it is for");
    }
    let loaded = config.load()?;
    let store = Store::open(&loaded.settings.database_url).await.context("cannot use the database")?;
    let token = auth::mint();
    if !store.add_token(name.trim(), &auth::hash(&token), Clock::System.now()).await? {
        bail!("there is a token named {:?} already; choose another name", name.trim());
    }
    store.close().await;
    println!("{token}");
    Ok(())
}
