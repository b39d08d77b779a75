//! `incident`: the same incidents the API shows, on the database itself.

mod act;

use anyhow::bail;
use serde_json::json;

use super::{ConfigArg, print_json};
use crate::definitions::Loaded;
use crate::domain::actor::Actor;
use crate::domain::incident::{Cause, Event, Incident, Status};
use crate::http::view::IncidentView;
use crate::store::Store;
use crate::store::incident::Filter;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List incidents, newest first
    List {
        #[command(flatten)]
        config: ConfigArg,
        /// triggered, acknowledged, resolved; several with commas [default: open ones]
        #[arg(long, value_delimiter = ',', default_value = "triggered,acknowledged", hide_default_value = true)]
        status: Vec<String>,
        /// Only of this service
        #[arg(long)]
        service: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..=10_000))]
        limit: i64,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show an incident and its timeline
    Show(One),
    /// Acknowledge an incident: calling stops
    Ack(One),
    /// Resolve an incident
    Resolve(One),
    /// Have an incident and hear nothing of it for a while; then calling starts again
    Snooze(act::Snooze),
    /// Give an incident to others: they are called first, the policy follows
    Reassign(act::Targets),
    /// Call others in as well
    AddResponder(act::Targets),
    /// Take an incident over, whoever has it
    Take(act::Take),
    /// Write something on the timeline
    Note(act::Note),
    /// Call the next step now
    Escalate(One),
}

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    config: ConfigArg,
    /// Its number
    number: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { config, status, service, limit, json } => {
            let statuses = status.iter().map(|word| parse_status(word)).collect::<anyhow::Result<_>>()?;
            let filter = Filter { statuses, service: service.clone(), before: None, limit: *limit };
            list(config, &filter, *json).await
        }
        Command::Show(one) => show(&super::store(&one.config.load()?).await?, one).await,
        Command::Ack(one) => act(one, one.config.load()?, Event::Acknowledged { origin_at: None }).await,
        Command::Resolve(one) => act(one, one.config.load()?, Event::Resolved { origin_at: None }).await,
        Command::Snooze(args) => act::snooze(args).await,
        Command::Reassign(args) => act::reassign(args).await,
        Command::AddResponder(args) => act::add_responder(args).await,
        Command::Take(args) => act::take(args).await,
        Command::Note(args) => act::note(args).await,
        Command::Escalate(one) => act(one, one.config.load()?, Event::EscalationAsked).await,
    }
}

async fn list(config: &ConfigArg, filter: &Filter, as_json: bool) -> anyhow::Result<()> {
    let incidents = super::store(&config.load()?).await?.incidents(filter).await?;
    if as_json {
        let views: Vec<IncidentView> = incidents.into_iter().map(IncidentView::from).collect();
        return print_json(&json!({ "incidents": views }));
    }
    if incidents.is_empty() {
        println!("no such incidents");
    }
    for incident in &incidents {
        println!("{}", line(incident));
    }
    Ok(())
}

fn line(incident: &Incident) -> String {
    let opened = incident.opened_at.strftime("%Y-%m-%d %H:%M:%S");
    format!(
        "#{:<5} {:<12} {:<8} {opened}  ×{:<4} {}: {}",
        incident.number, incident.status, incident.severity, incident.alert_count, incident.service, incident.summary
    )
}

async fn act(one: &One, loaded: Loaded, event: Event) -> anyhow::Result<()> {
    act_as(super::actor(), one, loaded, event).await
}

async fn act_as(actor: Actor, one: &One, loaded: Loaded, event: Event) -> anyhow::Result<()> {
    let engine = super::engine(loaded).await?;
    let cause = Cause { actor, mail_id: None };
    let is_for_any = matches!(event, Event::Resolved { .. } | Event::Remarked { .. });
    let Some(handled) = engine.handle(one.number, event, cause).await? else {
        bail!("there is no incident #{}", one.number);
    };
    if !is_for_any && handled.incident.status == Status::Resolved {
        bail!("incident #{} is resolved already", one.number);
    }
    show(engine.store(), one).await
}

async fn show(store: &Store, one: &One) -> anyhow::Result<()> {
    let Some(incident) = store.incident(one.number).await? else {
        bail!("there is no incident #{}", one.number);
    };
    let timeline = store.timeline(one.number).await?;
    if one.json {
        return print_json(&IncidentView::from(incident).with_timeline(timeline));
    }
    println!("{}", line(&incident));
    println!("key: {}", incident.dedup_key);
    state_lines(&incident).iter().for_each(|line| println!("{line}"));
    for (name, text) in incident.details.iter().chain(&incident.links) {
        println!("{name}: {}", text.replace('\n', "\n  "));
    }
    for entry in timeline {
        let mail = entry.mail_id.map(|id| format!("  [mail {id}]")).unwrap_or_default();
        println!("  {}  {:<24} {}{mail}", entry.at.strftime("%H:%M:%S%.3f"), entry.kind, entry.detail);
    }
    Ok(())
}

/// What is not to be seen in the timeline at a glance: how it stands, of what is so.
fn state_lines(incident: &Incident) -> Vec<String> {
    let mut lines = vec![format!("urgency: {}", incident.urgency)];
    lines.extend(incident.acknowledged.as_ref().map(|(at, by)| format!("acknowledged: by {by} at {at:.0}")));
    lines.extend(incident.held.as_ref().map(|reason| format!("held: {reason}")));
    lines.extend(incident.snoozed_until.map(|until| format!("snoozed: until {until:.0}")));
    if incident.flapping {
        lines.push("flapping: a recovery closes it once it stays calm".to_owned());
    }
    if incident.doubtful {
        lines.push("doubtful: the monitor has been silent for long; probably over".to_owned());
    }
    lines.extend(incident.due_at.map(|at| format!("next: {at:.0}")));
    lines
}

fn parse_status(word: &str) -> anyhow::Result<Status> {
    word.parse().map_err(|_| anyhow::anyhow!("unknown status {word:?}; known are triggered, acknowledged, resolved"))
}
