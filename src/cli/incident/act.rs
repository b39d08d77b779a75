//! What people do about an incident beyond acknowledging and resolving it.

use super::{One, shown};
use crate::cli::oncall::silences::EndArg;
use crate::cli::oncall::times;
use crate::clock::Clock;
use crate::domain::act::Act;

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
    let gateway = args.one.place.open()?;
    let zone = match &args.zone {
        Some(name) => times::named_zone(name)?,
        None => gateway.zone(None).await?,
    };
    let until = args.end.instant(Clock::System.now(), &zone)?;
    shown(&gateway.act(args.one.number, Act::Snooze(until)).await?, args.one.json)
}

pub(super) async fn reassign(args: &Targets) -> anyhow::Result<()> {
    args.one.act(Act::Reassign(args.targets.clone())).await
}

pub(super) async fn add_responder(args: &Targets) -> anyhow::Result<()> {
    args.one.act(Act::AddResponders(args.targets.clone())).await
}

pub(super) async fn take(args: &Take) -> anyhow::Result<()> {
    args.one.act(Act::Take(Some(args.user.clone()))).await
}

pub(super) async fn note(args: &Note) -> anyhow::Result<()> {
    args.one.act(Act::Note(args.text.clone())).await
}
