//! `override`: somebody takes over shifts.

use std::collections::HashMap;

use jiff::tz::TimeZone;
use serde_json::json;

use super::by_prefix;
use super::times::{self, Edge};
use crate::cli::gateway::PlaceArg;
use crate::cli::print_json;
use crate::clock::Clock;
use crate::domain::schedule::Override;
use crate::domain::situation::Swap;
use crate::engine::arrangement_id;
use crate::http::view::oncall::OverrideView;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Let somebody take over for some time
    Add(Add),
    /// List overrides that are not over
    List(List),
    /// Take an override back, as if it had never been
    Remove(One),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Add {
    #[command(flatten)]
    place: PlaceArg,
    /// Which schedule
    #[arg(long, value_name = "NAME")]
    schedule: String,
    /// Who takes over
    #[arg(long, value_name = "USER")]
    user: String,
    /// Whose shifts [default: everybody's, and also the time in which nobody is on call]
    #[arg(long = "for", value_name = "USER")]
    replaces: Option<String>,
    /// From when: now, 09:00 (the next one), "2026-11-23 09:00" or RFC 3339
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Until when, written alike; 17:00 is the next one after --from
    #[arg(long, value_name = "TIME")]
    to: String,
    /// Zone of times without one [default: the schedule's]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
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
        Command::Remove(one) => remove(one).await,
    }
}

async fn add(args: &Add) -> anyhow::Result<()> {
    let gateway = args.place.open()?;
    let own = gateway.zone(Some(&args.schedule)).await?;
    let (zone, now) = (times::zone(args.zone.as_deref(), own.clone())?, Clock::System.now());
    let starts_at = times::instant(&args.from, &zone, now, Edge::Start)?;
    let ends_at = times::instant(&args.to, &zone, starts_at.max(now), Edge::End)?;
    let (id, user, replaces) = (arrangement_id(), args.user.clone(), args.replaces.clone());
    let shift = Override { id, user, replaces, starts_at, ends_at };
    let made = gateway.add_override(Swap { schedule: args.schedule.clone(), shift }, now).await?;
    if args.json {
        return print_json(&made);
    }
    println!("{}", line(&made, &own));
    Ok(())
}

async fn list(args: &List) -> anyhow::Result<()> {
    let gateway = args.place.open()?;
    let found = gateway.overrides().await?;
    if args.json {
        return print_json(&json!({ "overrides": found }));
    }
    if found.is_empty() {
        println!("no overrides");
    }
    let mut zones: HashMap<&str, TimeZone> = HashMap::new();
    for made in &found {
        if !zones.contains_key(made.schedule.as_str()) {
            // The schedule may be gone since.
            let zone = gateway.zone(Some(&made.schedule)).await.unwrap_or(TimeZone::UTC);
            zones.insert(&made.schedule, zone);
        }
        println!("{}", line(made, zones.get(made.schedule.as_str()).unwrap_or(&TimeZone::UTC)));
    }
    Ok(())
}

async fn remove(one: &One) -> anyhow::Result<()> {
    let gateway = one.place.open()?;
    let found = gateway.overrides().await?;
    let id = by_prefix("override", &one.id, found.iter().map(|made| made.id.as_str()))?;
    gateway.remove_override(&id).await?;
    println!("removed override {id}");
    Ok(())
}

/// "1f0c…  primary: zoe for ann, Mon 2026-11-23 09:00 – 17:00 Europe/Berlin, by command line".
fn line(made: &OverrideView, zone: &TimeZone) -> String {
    let (when, replaced) =
        (times::stretch(zone, made.starts_at, made.ends_at), made.replaces.as_deref().unwrap_or("everybody"));
    format!("{}  {}: {} for {replaced}, {when}, by {}", made.id, made.schedule, made.user, made.author)
}
