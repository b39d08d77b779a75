//! `override`: somebody takes over shifts.

use jiff::tz::TimeZone;
use serde_json::json;

use super::times::{self, Edge};
use super::{by_prefix, schedule};
use crate::cli::{self, COMMAND_LINE, ConfigArg, print_json};
use crate::clock::Clock;
use crate::domain::request;
use crate::domain::roster::Roster;
use crate::domain::schedule::Override;
use crate::domain::situation::Swap;
use crate::engine::{Arrangement, arrangement_id};
use crate::http::view::oncall::OverrideView;
use crate::store::oncall::StoredOverride;

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
    config: ConfigArg,
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
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    config: ConfigArg,
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
    let loaded = args.config.load()?;
    let zone = times::zone(args.zone.as_deref(), schedule(&loaded, &args.schedule)?.zone.clone())?;
    let now = Clock::System.now();
    let starts_at = times::instant(&args.from, &zone, now, Edge::Start)?;
    let ends_at = times::instant(&args.to, &zone, starts_at.max(now), Edge::End)?;
    let (id, user, replaces) = (arrangement_id(), args.user.clone(), args.replaces.clone());
    let shift = Override { id, user, replaces, starts_at, ends_at };
    let swap = Swap { schedule: args.schedule.clone(), shift };
    request::check_takeover(&swap, &loaded.definitions.roster, now)?;
    let stored = StoredOverride { swap, author: COMMAND_LINE.to_owned(), created_at: now };
    let line = line(&stored, &loaded.definitions.roster);
    let engine = cli::engine(loaded).await?;
    engine.arrange(Arrangement::Override(stored.clone()), &cli::actor()).await?;
    if args.json {
        return print_json(&OverrideView::from(stored));
    }
    println!("{line}");
    Ok(())
}

async fn list(args: &List) -> anyhow::Result<()> {
    let loaded = args.config.load()?;
    let store = cli::store(&loaded).await?;
    let found = store.overrides_since(Clock::System.now()).await?;
    if args.json {
        let views: Vec<OverrideView> = found.into_iter().map(OverrideView::from).collect();
        return print_json(&json!({ "overrides": views }));
    }
    if found.is_empty() {
        println!("no overrides");
    }
    for stored in &found {
        println!("{}", line(stored, &loaded.definitions.roster));
    }
    Ok(())
}

async fn remove(one: &One) -> anyhow::Result<()> {
    let loaded = one.config.load()?;
    let engine = cli::engine(loaded).await?;
    let found = engine.store().overrides_since(Clock::System.now()).await?;
    let id = by_prefix("override", &one.id, found.iter().map(|stored| stored.swap.shift.id.as_str()))?;
    engine.arrange(Arrangement::WithdrawOverride(id.clone()), &cli::actor()).await?;
    println!("removed override {id}");
    Ok(())
}

/// "1f0c…  primary: zoe for ann, Mon 2026-11-23 09:00 – 17:00 Europe/Berlin, by command line".
fn line(stored: &StoredOverride, roster: &Roster) -> String {
    let Swap { schedule, shift } = &stored.swap;
    let zone = roster.schedules.get(schedule).map_or(TimeZone::UTC, |schedule| schedule.zone.clone());
    let (when, replaced) =
        (times::stretch(&zone, shift.starts_at, shift.ends_at), shift.replaces.as_deref().unwrap_or("everybody"));
    format!("{}  {schedule}: {} for {replaced}, {when}, by {}", shift.id, shift.user, stored.author)
}
