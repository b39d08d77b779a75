//! `incident`: the same incidents the API shows, here or by a running gateway.

mod act;

use serde_json::json;

use super::gateway::{Gateway, Listed, PlaceArg};
use super::print_json;
use crate::domain::act::Act;
use crate::domain::incident::Status;
use crate::http::view::IncidentView;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List incidents, newest first
    List {
        #[command(flatten)]
        place: PlaceArg,
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
    place: PlaceArg,
    /// Its number
    number: i64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::List { place, status, service, limit, json } => {
            let statuses = status.iter().map(|word| parse_status(word)).collect::<anyhow::Result<_>>()?;
            let listed = Listed { statuses, service: service.clone(), limit: *limit };
            list(&place.open()?, &listed, *json).await
        }
        Command::Show(one) => shown(&one.place.open()?.incident(one.number).await?, one.json),
        Command::Ack(one) => one.act(Act::Acknowledge).await,
        Command::Resolve(one) => one.act(Act::Resolve).await,
        Command::Snooze(args) => act::snooze(args).await,
        Command::Reassign(args) => act::reassign(args).await,
        Command::AddResponder(args) => act::add_responder(args).await,
        Command::Take(args) => act::take(args).await,
        Command::Note(args) => act::note(args).await,
        Command::Escalate(one) => one.act(Act::Escalate).await,
    }
}

impl One {
    async fn act(&self, act: Act) -> anyhow::Result<()> {
        shown(&self.place.open()?.act(self.number, act).await?, self.json)
    }
}

async fn list(gateway: &Gateway, listed: &Listed, as_json: bool) -> anyhow::Result<()> {
    let incidents = gateway.incidents(listed).await?;
    if as_json {
        return print_json(&json!({ "incidents": incidents }));
    }
    if incidents.is_empty() {
        println!("no such incidents");
    }
    for incident in &incidents {
        println!("{}", line(incident));
    }
    Ok(())
}

fn line(incident: &IncidentView) -> String {
    let opened = incident.opened_at.strftime("%Y-%m-%d %H:%M:%S");
    format!(
        "#{:<5} {:<12} {:<8} {opened}  ×{:<4} {}: {}",
        incident.number, incident.status, incident.severity, incident.alert_count, incident.service, incident.summary
    )
}

fn shown(incident: &IncidentView, as_json: bool) -> anyhow::Result<()> {
    if as_json {
        return print_json(incident);
    }
    println!("{}", line(incident));
    println!("key: {}", incident.dedup_key);
    state_lines(incident).iter().for_each(|line| println!("{line}"));
    for (name, text) in incident.details.iter().chain(&incident.links) {
        println!("{name}: {}", text.replace('\n', "\n  "));
    }
    for entry in incident.timeline.iter().flatten() {
        let mail = entry.mail_id.as_ref().map(|id| format!("  [mail {id}]")).unwrap_or_default();
        println!("  {}  {:<24} {}{mail}", entry.at.strftime("%H:%M:%S%.3f"), entry.kind, entry.detail);
    }
    Ok(())
}

/// What is not to be seen in the timeline at a glance: how it stands, of what is so.
fn state_lines(incident: &IncidentView) -> Vec<String> {
    let mut lines = vec![format!("urgency: {}", incident.urgency)];
    let acknowledged = incident.acknowledged_at.zip(incident.acknowledged_by.as_ref());
    lines.extend(acknowledged.map(|(at, by)| format!("acknowledged: by {by} at {at:.0}")));
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
