//! `mail`: stored mails, on the database itself.

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{ConfigArg, print_json};
use crate::clock::Clock;
use crate::domain::rulebook::SENDERS;
use crate::engine::Engine;
use crate::http::view::{AlertView, MailView, SenderView};
use crate::store::mail::StoredAlert;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show a stored mail: who handed it in, what it claimed and what was done
    Show(One),
    /// Judge a stored mail again, by rules that were mended since, and let it act
    Reprocess(One),
    /// Let a mail act that was kept aside because of its sender
    Release(One),
    /// List mails that are kept aside because of their sender, newest first
    Quarantined(Quarantined),
    /// Print a stored mail exactly as it came
    Raw(Id),
    /// List who writes to which service and when last; the longest silent first
    Senders(Senders),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Senders {
    #[command(flatten)]
    config: ConfigArg,
    /// Only those that write to this service
    #[arg(long)]
    service: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Quarantined {
    #[command(flatten)]
    config: ConfigArg,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct One {
    #[command(flatten)]
    id: Id,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Id {
    #[command(flatten)]
    config: ConfigArg,
    /// Its id, as the sender was given it
    id: String,
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Show(one) => show(one).await,
        Command::Reprocess(one) => reprocess(one, false).await,
        Command::Release(one) => reprocess(one, true).await,
        Command::Quarantined(which) => quarantined(which).await,
        Command::Raw(id) => raw(id).await,
        Command::Senders(which) => senders(which).await,
    }
}

async fn show(one: &One) -> anyhow::Result<()> {
    let loaded = one.id.config.load()?;
    let store = super::store(&loaded).await?;
    let Some((mail, alerts)) = store.mail(&one.id.id).await? else { bail!("there is no mail {}", one.id.id) };
    if one.json {
        return print_json(&MailView::detailed(mail, alerts));
    }
    let client = &mail.client;
    println!("received  {}", mail.received_at);
    println!("from      <{}>", mail.reverse_path);
    println!("to        {}", mail.recipients.join(", "));
    println!("subject   {}", mail.subject.replace(char::is_control, " "));
    println!("client    {} (HELO {})", client.address, mail.helo);
    println!("tls       {}", client.tls.as_deref().unwrap_or("none"));
    println!("user      {}", client.user.as_deref().unwrap_or("none"));
    if let Some(certificate) = &client.certificate {
        println!("showed    {} ({})", certificate.subject, certificate.names.join(", "));
        println!("          SHA-256 {}", certificate.fingerprint);
    }
    let found = mail.authentication.to_string();
    println!("origin    {}", if found.is_empty() { "not looked for" } else { &found });
    told(&alerts);
    for line in mail.trace.iter().flat_map(|recipient| &recipient.trace).filter(|line| line.rule == SENDERS) {
        println!("senders: {}", line.reason);
    }
    Ok(())
}

fn told(alerts: &[StoredAlert]) {
    for stored in alerts {
        let alert = &stored.alert;
        println!("{}: {} {}  {}  (by {})", stored.service, alert.action, alert.severity, alert.dedup_key, alert.rule);
        println!("  {}", stored.outcome);
    }
}

/// Most mails listed.
const QUARANTINED_MAX: i64 = 1000;

async fn quarantined(which: &Quarantined) -> anyhow::Result<()> {
    let loaded = which.config.load()?;
    let store = super::store(&loaded).await?;
    let found = store.quarantined(QUARANTINED_MAX).await?;
    if which.json {
        let views: Vec<MailView> = found.into_iter().map(|(mail, alerts)| MailView::listed(mail, alerts)).collect();
        return print_json(&json!({ "mails": views }));
    }
    if found.is_empty() {
        println!("nothing is kept aside");
    }
    for (mail, alerts) in &found {
        println!("{}  {:.0}  {}  {:?}", mail.id, mail.received_at, mail.header_from, mail.subject);
        for stored in alerts.iter().filter(|stored| stored.held == "quarantine") {
            println!("  {}: {} {}  {}", stored.service, stored.alert.action, stored.alert.dedup_key, stored.outcome);
        }
    }
    Ok(())
}

async fn reprocess(one: &One, release: bool) -> anyhow::Result<()> {
    let loaded = one.id.config.load()?;
    let store = super::store(&loaded).await?;
    let engine = Engine::start(store, Clock::System, loaded.definitions);
    let done = if release {
        engine.release(&one.id.id, &super::actor()).await?
    } else {
        engine.reprocess(&one.id.id, &super::actor()).await?
    };
    let Some(alerts) = done else {
        bail!("there is no mail {}", one.id.id);
    };
    if one.json {
        let views: Vec<AlertView> = alerts.into_iter().map(AlertView::from).collect();
        return print_json(&json!({ "alerts": views }));
    }
    told(&alerts);
    Ok(())
}

/// Most senders listed.
const SENDERS_MAX: i64 = 10_000;

async fn senders(which: &Senders) -> anyhow::Result<()> {
    let loaded = which.config.load()?;
    let store = super::store(&loaded).await?;
    let found = store.senders(which.service.as_deref(), SENDERS_MAX).await?;
    if which.json {
        let views: Vec<SenderView> = found.into_iter().map(SenderView::from).collect();
        return print_json(&json!({ "senders": views }));
    }
    for sender in found {
        let name = if sender.sender.is_empty() { "(no address in From)" } else { &sender.sender };
        println!("{:.0}  {}  {name}  ({} mails)", sender.last_at, sender.service, sender.mails);
    }
    Ok(())
}

async fn raw(id: &Id) -> anyhow::Result<()> {
    let loaded = id.config.load()?;
    let store = super::store(&loaded).await?;
    let Some(raw) = store.mail_raw(&id.id).await? else { bail!("there is no mail {}", id.id) };
    std::io::Write::write_all(&mut std::io::stdout(), &raw).context("cannot print it")
}
