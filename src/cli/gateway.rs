//! Where a command works: on the database itself, or by the API of a running gateway. Both speak in the API's views, so
//! that commands print the same.

mod here;
mod remote;

use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

pub(crate) use self::here::Here;
pub(crate) use self::remote::Remote;
use super::ConfigArg;
use crate::domain::act::Act;
use crate::domain::incident::Status;
use crate::domain::request::SilenceAsked;
use crate::domain::situation::Swap;
use crate::http::view::oncall::{OverrideView, SilenceView};
use crate::http::view::{AlertView, IncidentView, MailDetailView, MailView, SenderView};

/// The address of a running gateway, for commands that are not told one.
const URL: &str = "NIGHTCALL_URL";

/// The token for it. No argument, since arguments can be read by everybody on a machine.
const TOKEN: &str = "NIGHTCALL_TOKEN";

/// The configuration file, or the gateway to ask.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct PlaceArg {
    /// Configuration file: works on its database [default: nightcall.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "url")]
    config: Option<PathBuf>,
    /// Running gateway, whose API is asked with the token in `NIGHTCALL_TOKEN` [default: `NIGHTCALL_URL`]
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Where a command works.
#[derive(Debug)]
pub(crate) enum Gateway {
    /// On the database of a configuration.
    Here(Box<Here>),
    /// By the API of a running gateway.
    There(Remote),
}

/// Which incidents to list.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) statuses: Vec<Status>,
    pub(crate) service: Option<String>,
    pub(crate) limit: i64,
}

impl PlaceArg {
    /// The place. A file that is named wins over the environment.
    pub(crate) fn open(&self) -> anyhow::Result<Gateway> {
        let url = self.url.clone().or_else(|| match self.config {
            Some(_) => None,
            None => std::env::var(URL).ok().filter(|url| !url.trim().is_empty()),
        });
        let Some(url) = url else {
            let config = self.config.clone().unwrap_or_else(|| PathBuf::from("nightcall.toml"));
            return Ok(Gateway::Here(Box::new(Here::new(ConfigArg { config }.load()?))));
        };
        Ok(Gateway::There(Remote::new(&url, std::env::var(TOKEN).ok().as_deref())?))
    }
}

impl Gateway {
    /// Incidents, newest first.
    pub(crate) async fn incidents(&self, listed: &Listed) -> anyhow::Result<Vec<IncidentView>> {
        match self {
            Self::Here(here) => here.incidents(listed).await,
            Self::There(there) => there.incidents(listed).await,
        }
    }

    /// One incident with its timeline.
    pub(crate) async fn incident(&self, number: i64) -> anyhow::Result<IncidentView> {
        match self {
            Self::Here(here) => here.incident(number).await,
            Self::There(there) => there.incident(number).await,
        }
    }

    /// Does something about an incident; how it is then.
    pub(crate) async fn act(&self, number: i64, act: Act) -> anyhow::Result<IncidentView> {
        match self {
            Self::Here(here) => here.act(number, act).await,
            Self::There(there) => there.act(number, act).await,
        }
    }

    /// One mail.
    pub(crate) async fn mail(&self, id: &str) -> anyhow::Result<MailDetailView> {
        match self {
            Self::Here(here) => here.mail(id).await,
            Self::There(there) => there.mail(id).await,
        }
    }

    /// A mail exactly as it came.
    pub(crate) async fn raw(&self, id: &str) -> anyhow::Result<Vec<u8>> {
        match self {
            Self::Here(here) => here.raw(id).await,
            Self::There(there) => there.raw(id).await,
        }
    }

    /// Judges a mail again, or releases it.
    pub(crate) async fn again(&self, id: &str, release: bool) -> anyhow::Result<Vec<AlertView>> {
        match self {
            Self::Here(here) => here.again(id, release).await,
            Self::There(there) => there.again(id, release).await,
        }
    }

    /// Mails that are kept aside, newest first.
    pub(crate) async fn quarantined(&self) -> anyhow::Result<Vec<MailView>> {
        match self {
            Self::Here(here) => here.quarantined().await,
            Self::There(there) => there.quarantined().await,
        }
    }

    /// Who writes to a service, or to any.
    pub(crate) async fn senders(&self, service: Option<&str>) -> anyhow::Result<Vec<SenderView>> {
        match self {
            Self::Here(here) => here.senders(service).await,
            Self::There(there) => there.senders(service).await,
        }
    }

    /// The zone of a schedule. Of all of them, where none is named: the one they agree on, or UTC.
    pub(crate) async fn zone(&self, schedule: Option<&str>) -> anyhow::Result<TimeZone> {
        match self {
            Self::Here(here) => here.zone(schedule),
            Self::There(there) => there.zone(schedule).await,
        }
    }

    /// Overrides that are not over, oldest first.
    pub(crate) async fn overrides(&self) -> anyhow::Result<Vec<OverrideView>> {
        match self {
            Self::Here(here) => here.overrides().await,
            Self::There(there) => there.overrides().await,
        }
    }

    /// Lets somebody take over.
    pub(crate) async fn add_override(&self, swap: Swap, now: Timestamp) -> anyhow::Result<OverrideView> {
        match self {
            Self::Here(here) => here.add_override(swap, now).await,
            Self::There(there) => there.add_override(&swap).await,
        }
    }

    /// Takes an override back.
    pub(crate) async fn remove_override(&self, id: &str) -> anyhow::Result<()> {
        match self {
            Self::Here(here) => here.remove_override(id).await,
            Self::There(there) => there.remove_override(id).await,
        }
    }

    /// Silences that are not over, oldest first.
    pub(crate) async fn silences(&self) -> anyhow::Result<Vec<SilenceView>> {
        match self {
            Self::Here(here) => here.silences().await,
            Self::There(there) => there.silences().await,
        }
    }

    /// Adds a silence.
    pub(crate) async fn add_silence(&self, asked: SilenceAsked, now: Timestamp) -> anyhow::Result<SilenceView> {
        match self {
            Self::Here(here) => here.add_silence(asked, now).await,
            Self::There(there) => there.add_silence(asked).await,
        }
    }

    /// Ends a silence.
    pub(crate) async fn end_silence(&self, id: &str) -> anyhow::Result<()> {
        match self {
            Self::Here(here) => here.end_silence(id).await,
            Self::There(there) => there.end_silence(id).await,
        }
    }
}
