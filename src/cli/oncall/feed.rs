//! `oncall feed`: the address by which a calendar program subscribes to shifts.

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
    println!("{}", feed.address(&base, &secret).map_err(anyhow::Error::msg)?);
    Ok(())
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
            let address = feed.address(base, "secret").unwrap();
            assert_eq!(address, format!("{expected}{}", feed.token("secret")));
        }
        assert!(Feed::Person("ann".to_owned()).address("nonsense", "secret").is_err());
    }
}
