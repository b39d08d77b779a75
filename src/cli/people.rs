//! `people`: lets somebody set a password for the pages, or be admin for an hour when nobody can sign in.

use anyhow::bail;
use jiff::SignedDuration;
use serde_json::json;

use super::ConfigArg;
use crate::clock::Clock;
use crate::definitions::Loaded;
use crate::domain::actor::Actor;
use crate::domain::request;
use crate::http::auth;
use crate::http::pages::access::BREAK_GLASS;
use crate::store::trail::Act;

/// How long an invitation is good.
const INVITED_FOR: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How long the address for emergencies is good.
const GLASS_FOR: SignedDuration = SignedDuration::from_mins(15);

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Print an address, good once and for three days, where somebody sets a password; an old one is replaced
    Invite(Invite),
    /// Print an address, good once and for a quarter of an hour, that signs in as admin for one hour, whatever passwords
    /// and sign-in providers do; it opens an incident and is told in the trail
    BreakGlass {
        #[command(flatten)]
        config: ConfigArg,
        /// Why; told in the trail
        #[arg(long)]
        reason: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Invite {
    #[command(flatten)]
    config: ConfigArg,
    /// Who; a name of [users]
    user: String,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Invite(Invite { config, user }) => {
            let loaded = config.load()?;
            request::check_user(user, &loaded.definitions.roster)?;
            if !loaded.settings.sign_in.passwords {
                bail!(
                    "passwords do not count here ([http.sign_in] passwords = false): give {user} an identity that the \
                     provider knows"
                );
            }
            print(loaded, "invite", user, INVITED_FOR, &super::actor()).await
        }
        Command::BreakGlass { config, reason } => {
            if reason.trim().is_empty() {
                bail!("say why: --reason \"the sign-in provider is down\"");
            }
            let by = super::actor();
            let loaded = config.load()?;
            let store = super::store(&loaded).await?;
            let act = Act::new(&by, "break_glass_made", BREAK_GLASS).became(json!({ "reason": reason.trim() }));
            store.tell(act, Clock::System.now()).await?;
            store.close().await;
            print(loaded, "break-glass", BREAK_GLASS, GLASS_FOR, &by).await
        }
    }
}

/// Keeps an invitation and prints its address.
async fn print(loaded: Loaded, path: &str, user: &str, lasts: SignedDuration, by: &Actor) -> anyhow::Result<()> {
    let base = loaded.settings.public_url.clone().unwrap_or_else(|| {
        tracing::warn!("public_url in [http] is not set, so this address is good on this machine only");
        format!("http://{}", loaded.settings.http_listen)
    });
    let store = super::store(&loaded).await?;
    let (secret, now) = (auth::mint_secret(), Clock::System.now());
    store.add_invite(&auth::hash(&secret), user, now, now + lasts, by).await?;
    store.close().await;
    println!("{base}/{path}/{secret}");
    Ok(())
}
