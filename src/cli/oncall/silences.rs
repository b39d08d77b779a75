//! `silence`: some incidents are known for a while.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::by_prefix;
use super::times::{self, Edge};
use crate::cli::gateway::{Gateway, PlaceArg};
use crate::cli::print_json;
use crate::clock::Clock;
use crate::domain::alert::Severity;
use crate::domain::matcher::Wanted;
use crate::domain::request::{self, SilenceAsked};
use crate::http::view::oncall::SilenceView;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Let the pages of some incidents wait: they open and are seen, and what is open at the end pages then
    Add(Add),
    /// List silences that are not over
    List(List),
    /// End a silence: what is still open pages now
    End(One),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    #[command(flatten)]
    place: PlaceArg,
    /// Only of this service
    #[arg(long, value_name = "NAME")]
    service: Option<String>,
    /// Only keys that this regex matches
    #[arg(long, value_name = "REGEX")]
    key: Option<String>,
    /// Only summaries that this regex matches
    #[arg(long, value_name = "REGEX")]
    summary: Option<String>,
    /// Only up to this severity: critical, error, warning or info
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    severity: Option<Severity>,
    /// Every incident is meant
    #[arg(long)]
    everything: bool,
    #[command(flatten)]
    end: EndArg,
    /// Zone of times without one [default: that of the schedules, where they agree; else UTC]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Why; people will read it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// When something ends.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(crate) struct EndArg {
    /// Until when: 09:00 (the next one), "2026-11-23 09:00" or RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// For how long: 2h, 90m, 1d 12h
    #[arg(long = "for", value_name = "LENGTH")]
    length: Option<String>,
}

impl EndArg {
    /// The instant at which it ends, for something that begins now.
    pub(crate) fn instant(&self, now: Timestamp, zone: &TimeZone) -> anyhow::Result<Timestamp> {
        match (&self.until, &self.length) {
            (Some(until), _) => times::instant(until, zone, now, Edge::End),
            (None, Some(length)) => Ok(now.checked_add(request::length(length)?)?),
            (None, None) => anyhow::bail!("say --until or --for"),
        }
    }
}

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    place: PlaceArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    place: PlaceArg,
    /// Its id, or how it begins
    id: String,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Add(args) => add(args).await,
        Command::List(args) => list(args).await,
        Command::End(one) => end(one).await,
    }
}

async fn add(args: &Add) -> anyhow::Result<()> {
    let gateway = args.place.open()?;
    let zone = match &args.zone {
        Some(name) => times::named_zone(name)?,
        None => gateway.zone(None).await?,
    };
    let now = Clock::System.now();
    let (service, key, summary) = (args.service.clone(), args.key.clone(), args.summary.clone());
    let asked = SilenceAsked {
        wanted: Wanted { service, key, summary, severity: args.severity },
        everything: args.everything,
        starts_at: now,
        ends_at: args.end.instant(now, &zone)?,
        reason: args.reason.clone(),
    };
    let silence = gateway.add_silence(asked, now).await?;
    if args.json {
        return print_json(&silence);
    }
    println!("{}", line(&silence, &zone));
    Ok(())
}

async fn list(args: &List) -> anyhow::Result<()> {
    let gateway = args.place.open()?;
    let found = gateway.silences().await?;
    if args.json {
        return print_json(&json!({ "silences": found }));
    }
    told(&gateway, &found).await
}

async fn told(gateway: &Gateway, found: &[SilenceView]) -> anyhow::Result<()> {
    if found.is_empty() {
        println!("no silences");
        return Ok(());
    }
    let zone = gateway.zone(None).await?;
    for silence in found {
        println!("{}", line(silence, &zone));
    }
    Ok(())
}

async fn end(one: &One) -> anyhow::Result<()> {
    let gateway = one.place.open()?;
    let found = gateway.silences().await?;
    let id = by_prefix("silence", &one.id, found.iter().map(|silence| silence.id.as_str()))?;
    gateway.end_silence(&id).await?;
    println!("ended silence {id}; what is still open pages now");
    Ok(())
}

/// "1f0c…  service db, key '^disk/': swapping disks, Mon 2026-11-23 09:00 – 11:00 Europe/Berlin, by command line".
fn line(silence: &SilenceView, zone: &TimeZone) -> String {
    let when = times::stretch(zone, silence.starts_at, silence.ends_at);
    format!("{}  {}: {}, {when}, by {}", silence.id, silence.wanted(), silence.reason, silence.author)
}

fn severity(word: &str) -> Result<Severity, String> {
    word.parse().map_err(|_| "known are critical, error, warning, info".to_owned())
}
