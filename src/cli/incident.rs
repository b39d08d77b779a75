//! `incident`: the same incidents the API shows, on the database itself.

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{ConfigArg, print_json};
use crate::clock::Clock;
use crate::domain::incident::{Cause, Event, Incident, Status};
use crate::engine::Engine;
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
        Command::Show(one) => show(&open(&one.config).await?, one).await,
        Command::Ack(one) => act(one, Event::Acknowledged { origin_at: None }).await,
        Command::Resolve(one) => act(one, Event::Resolved { origin_at: None }).await,
    }
}

async fn list(config: &ConfigArg, filter: &Filter, as_json: bool) -> anyhow::Result<()> {
    let incidents = open(config).await?.incidents(filter).await?;
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

async fn act(one: &One, event: Event) -> anyhow::Result<()> {
    let loaded = one.config.load()?;
    let store = Store::open(&loaded.settings.database_url).await.context("cannot use the database")?;
    let engine = Engine::start(store, Clock::System, loaded.definitions);
    let cause = Cause { actor: "command line".to_owned(), mail_id: None };
    let acknowledging = matches!(event, Event::Acknowledged { .. });
    let Some(handled) = engine.handle(one.number, event, cause).await? else {
        bail!("there is no incident #{}", one.number);
    };
    if acknowledging && handled.incident.status == Status::Resolved {
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
    for (name, text) in incident.details.iter().chain(&incident.links) {
        println!("{name}: {}", text.replace('\n', "\n  "));
    }
    for entry in timeline {
        let mail = entry.mail_id.map(|id| format!("  [mail {id}]")).unwrap_or_default();
        println!("  {}  {:<24} {}{mail}", entry.at.strftime("%H:%M:%S%.3f"), entry.kind, entry.detail);
    }
    Ok(())
}

async fn open(config: &ConfigArg) -> anyhow::Result<Store> {
    let loaded = config.load()?;
    Store::open(&loaded.settings.database_url).await.context("cannot use the database")
}

fn parse_status(word: &str) -> anyhow::Result<Status> {
    word.parse().map_err(|_| anyhow::anyhow!("unknown status {word:?}; known are triggered, acknowledged, resolved"))
}
