//! `oncall feed`: the address by which a calendar program subscribes to shifts.

use anyhow::Context as _;

use super::schedule;
use crate::cli::{self, ConfigArg};
use crate::clock::Clock;
use crate::domain::request;
use crate::http::auth;
use crate::http::feeds::{Feed, SECRET};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    #[command(flatten)]
    of: Of,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Of {
    /// Everybody's shifts by this schedule
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// All shifts of this person
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<()> {
    let loaded = args.config.load()?;
    let feed = match (&args.of.schedule, &args.of.user) {
        (Some(name), _) => Feed::Schedule(schedule(&loaded, name)?.name.clone()),
        (None, name) => {
            let name = name.clone().unwrap_or_default();
            request::check_user(&name, &loaded.definitions.roster)?;
            Feed::Person(name)
        }
    };
    let base = loaded.settings.public_url.clone().unwrap_or_else(|| {
        tracing::warn!("public_url in [http] is not set, so this address is good on this machine only");
        format!("http://{}", loaded.settings.http_listen)
    });
    let store = cli::store(&loaded).await?;
    let secret = store.secret_or(SECRET, &auth::mint_secret(), Clock::System.now()).await?;
    store.close().await;
    println!("{}", address(&base, &feed, &secret)?);
    Ok(())
}

fn address(base: &str, feed: &Feed, secret: &str) -> anyhow::Result<String> {
    let mut url = reqwest::Url::parse(base).with_context(|| format!("public_url {base:?} is not a URL"))?;
    url.path_segments_mut()
        .map_err(|()| anyhow::anyhow!("public_url {base:?} is not the address of a server"))?
        .pop_if_empty()
        .extend(feed.path().trim_start_matches('/').splitn(3, '/'));
    url.query_pairs_mut().append_pair("token", &feed.token(secret));
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_holds_any_name() {
        for (base, name, expected) in [
            ("http://127.0.0.1:8025", "primary", "http://127.0.0.1:8025/feeds/schedules/primary.ics?token="),
            ("https://x.example/call/", "a/b?ü", "https://x.example/call/feeds/schedules/a%2Fb%3F%C3%BC.ics?token="),
        ] {
            let feed = Feed::Schedule(name.to_owned());
            let address = address(base, &feed, "secret").unwrap();
            assert_eq!(address, format!("{expected}{}", feed.token("secret")));
        }
        assert!(address("nonsense", &Feed::Person("ann".to_owned()), "secret").is_err());
    }
}
