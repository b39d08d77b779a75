//! `people invite`: lets somebody set a password for the pages.

use jiff::SignedDuration;

use super::ConfigArg;
use crate::clock::Clock;
use crate::domain::request;
use crate::http::auth;

/// How long an invitation is good.
const INVITED_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print an address, good once and for three days, where somebody sets a password; an old one is replaced
    Invite(Invite),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Invite {
    #[command(flatten)]
    config: ConfigArg,
    /// Who; a name of [users]
    user: String,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    let Command::Invite(Invite { config, user }) = command;
    let loaded = config.load()?;
    request::check_user(user, &loaded.definitions.roster)?;
    let base = loaded.settings.public_url.clone().unwrap_or_else(|| {
        tracing::warn!("public_url in [http] is not set, so this address is good on this machine only");
        format!("http://{}", loaded.settings.http_listen)
    });
    let store = super::store(&loaded).await?;
    let (secret, now) = (auth::mint_secret(), Clock::System.now());
    store.add_invite(&auth::hash(&secret), user, now, now + INVITED_FOR).await?;
    store.close().await;
    println!("{base}/invite/{secret}");
    Ok(())
}
