//! What people do about an incident beyond acknowledging and resolving it.

use super::{One, act, act_as};
use crate::cli::oncall::silences::EndArg;
use crate::cli::oncall::times;
use crate::cli::{self, COMMAND_LINE};
use crate::clock::Clock;
use crate::domain::incident::Event;
use crate::domain::request;

#[derive(Debug, clap::Args)]
pub(crate) struct Snooze {
    #[command(flatten)]
    one: One,
    #[command(flatten)]
    end: EndArg,
    /// Zone of times without one [default: that of the schedules, where they agree; else UTC]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Targets {
    #[command(flatten)]
    one: One,
    /// ann, schedule:primary, everyone:ops or room:ops; several with blanks between
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Take {
    #[command(flatten)]
    one: One,
    /// Who has it from now on
    #[arg(long = "as", value_name = "USER")]
    user: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Note {
    #[command(flatten)]
    one: One,
    /// What is worth writing down
    text: String,
}

pub(super) async fn snooze(args: &Snooze) -> anyhow::Result<()> {
    let loaded = args.one.config.load()?;
    let now = Clock::System.now();
    let zone = times::zone(args.zone.as_deref(), times::zone_of(&loaded.definitions.roster))?;
    let until = args.end.instant(now, &zone)?;
    request::check_snooze(until, now)?;
    act(&args.one, loaded, Event::Snoozed { until }).await
}

pub(super) async fn reassign(args: &Targets) -> anyhow::Result<()> {
    let loaded = args.one.config.load()?;
    let targets = request::targets(&args.targets, &loaded.definitions.roster)?;
    act(&args.one, loaded, Event::Reassigned { targets }).await
}

pub(super) async fn add_responder(args: &Targets) -> anyhow::Result<()> {
    let loaded = args.one.config.load()?;
    let targets = request::targets(&args.targets, &loaded.definitions.roster)?;
    act(&args.one, loaded, Event::RespondersAdded { targets }).await
}

pub(super) async fn take(args: &Take) -> anyhow::Result<()> {
    let loaded = args.one.config.load()?;
    request::check_user(&args.user, &loaded.definitions.roster)?;
    act_as(cli::actor().named(format!("{} by {COMMAND_LINE}", args.user)), &args.one, loaded, Event::TakenOver).await
}

pub(super) async fn note(args: &Note) -> anyhow::Result<()> {
    let text = request::remark(&args.text)?;
    act(&args.one, args.one.config.load()?, Event::Remarked { text }).await
}
