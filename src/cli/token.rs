//! `token`: tokens for the API. A new one is shown once.

use anyhow::{Context as _, bail};
use jiff::Timestamp;

use super::ConfigArg;
use super::oncall::times::{self, Edge};
use crate::clock::Clock;
use crate::definitions::Loaded;
use crate::domain::request;
use crate::domain::scope::Scope;
use crate::http::auth;
use crate::store::Store;
use crate::store::token::Token;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a token and print it, once; only its hash is kept
    Create(Create),
    /// List tokens: what each is for and may do, and until when
    List {
        #[command(flatten)]
        config: ConfigArg,
    },
    /// Take a token back: it opens nothing any more
    Revoke {
        #[command(flatten)]
        config: ConfigArg,
        /// Its name
        name: String,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    #[command(flatten)]
    config: ConfigArg,
    /// What it is for; shown on timelines
    #[arg(long)]
    name: String,
    /// What it may do: read (see everything), respond (act as well), admin (release quarantined mail as well)
    #[arg(long, default_value = "respond", value_parser = scope)]
    scope: Scope,
    /// Only for this service; may be given several times
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Until when it is good: 90d, 2027-01-01, "2027-01-01 09:00" or RFC 3339 [default: until it is revoked]
    #[arg(long, value_name = "TIME")]
    expires: Option<String>,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Create(args) => create(args).await,
        Command::List { config } => list(config).await,
        Command::Revoke { config, name } => revoke(config, name).await,
    }
}

async fn create(args: &Create) -> anyhow::Result<()> {
    let name = args.name.trim();
    if name.is_empty() || name.contains(char::is_control) {
        bail!("a token needs a name that says what it is for");
    }
    let (loaded, now) = (args.config.load()?, Clock::System.now());
    let known: Vec<&str> = loaded.definitions.rulebook.services.iter().map(|service| service.name.as_str()).collect();
    if let Some(unknown) = args.service.iter().find(|service| !known.contains(&service.as_str())) {
        bail!("there is no service {unknown:?}; known are {}", known.join(", "));
    }
    let expires_at = args.expires.as_deref().map(|text| expiry(text, &loaded, now)).transpose()?;
    let token =
        Token { scope: args.scope, services: args.service.clone(), expires_at, ..Token::for_everything(name, now) };
    let (store, secret) = (open(&loaded).await?, auth::mint());
    if !store.add_token(&token, &auth::hash(&secret), &super::actor()).await? {
        bail!("there is a token named {name:?} already; choose another name");
    }
    store.close().await;
    println!("{secret}");
    Ok(())
}

/// After a length such as `90d`, or at a time; a date alone is where it begins.
fn expiry(text: &str, loaded: &Loaded, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(length) = request::length(text) {
        return Ok(now.checked_add(length)?);
    }
    let zone = times::zone_of(&loaded.definitions.roster);
    let is_date = text.trim().parse::<jiff::civil::Date>().is_ok() && !text.contains(':');
    let text = if is_date { format!("{} 00:00", text.trim()) } else { text.to_owned() };
    let at = times::instant(&text, &zone, now, Edge::Start)?;
    if at <= now {
        bail!("a token that expires at {at:.0} would open nothing: it is over already");
    }
    Ok(at)
}

async fn list(config: &ConfigArg) -> anyhow::Result<()> {
    let now = Clock::System.now();
    let tokens = open(&config.load()?).await?.tokens().await?;
    if tokens.is_empty() {
        println!("no tokens; `nightcall token create` makes one");
    }
    for token in &tokens {
        println!("{}", line(token, now));
    }
    Ok(())
}

/// "grafana  read  db, web  made 2026-11-21, expires 2027-02-19".
fn line(token: &Token, now: Timestamp) -> String {
    let services = if token.services.is_empty() { "all services".to_owned() } else { token.services.join(", ") };
    let day = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    let end = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", day(at)),
        (None, Some(at)) if at <= now => format!("expired {}", day(at)),
        (None, Some(at)) => format!("expires {}", day(at)),
        (None, None) => "until it is revoked".to_owned(),
    };
    format!("{:<20} {:<8} {services}  made {}, {end}", token.name, token.scope, day(token.created_at))
}

async fn revoke(config: &ConfigArg, name: &str) -> anyhow::Result<()> {
    let store = open(&config.load()?).await?;
    if !store.revoke_token(name, &super::actor(), Clock::System.now()).await? {
        bail!("there is no token {name:?} that is good; `nightcall token list` shows all");
    }
    store.close().await;
    println!("revoked {name}");
    Ok(())
}

async fn open(loaded: &Loaded) -> anyhow::Result<Store> {
    Store::open(&loaded.settings.database_url).await.context("cannot use the database")
}

fn scope(word: &str) -> Result<Scope, String> {
    word.parse().map_err(|_| format!("known are {}", Scope::ALL.map(Scope::word).join(", ")))
}
