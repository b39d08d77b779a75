//! `mail`: stored mails, here or by a running gateway.

use anyhow::Context as _;
use serde_json::json;

use super::gateway::PlaceArg;
use super::print_json;
use crate::domain::rulebook::SENDERS;
use crate::http::view::AlertView;

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
    place: PlaceArg,
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
    place: PlaceArg,
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
    place: PlaceArg,
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
    let mail = one.id.place.open()?.mail(&one.id.id).await?;
    if one.json {
        return print_json(&mail);
    }
    let (listed, client) = (&mail.mail, &mail.client);
    println!("received  {}", listed.received_at);
    println!("from      <{}>", listed.from);
    println!("to        {}", listed.recipients.join(", "));
    println!("subject   {}", listed.subject.replace(char::is_control, " "));
    println!("client    {} (HELO {})", mail.peer, mail.helo);
    println!("tls       {}", client.tls.as_deref().unwrap_or("none"));
    println!("user      {}", client.user.as_deref().unwrap_or("none"));
    if let Some(certificate) = &client.certificate {
        println!("showed    {} ({})", certificate.subject, certificate.names.join(", "));
        println!("          SHA-256 {}", certificate.fingerprint);
    }
    let found = mail.authentication.to_string();
    println!("origin    {}", if found.is_empty() { "not looked for" } else { &found });
    told(&listed.alerts);
    for line in mail.trace.iter().flat_map(|recipient| &recipient.trace).filter(|line| line.rule == SENDERS) {
        println!("senders: {}", line.reason);
    }
    Ok(())
}

fn told(alerts: &[AlertView]) {
    for alert in alerts {
        println!("{}: {} {}  {}  (by {})", alert.service, alert.action, alert.severity, alert.dedup_key, alert.rule);
        println!("  {}", alert.outcome);
    }
}

async fn quarantined(which: &Quarantined) -> anyhow::Result<()> {
    let found = which.place.open()?.quarantined().await?;
    if which.json {
        return print_json(&json!({ "mails": found }));
    }
    if found.is_empty() {
        println!("nothing is kept aside");
    }
    for mail in &found {
        println!("{}  {:.0}  {}  {:?}", mail.id, mail.received_at, mail.header_from, mail.subject);
        for alert in mail.alerts.iter().filter(|alert| alert.held == "quarantine") {
            println!("  {}: {} {}  {}", alert.service, alert.action, alert.dedup_key, alert.outcome);
        }
    }
    Ok(())
}

async fn reprocess(one: &One, release: bool) -> anyhow::Result<()> {
    let alerts = one.id.place.open()?.again(&one.id.id, release).await?;
    if one.json {
        return print_json(&json!({ "alerts": alerts }));
    }
    told(&alerts);
    Ok(())
}

async fn senders(which: &Senders) -> anyhow::Result<()> {
    let found = which.place.open()?.senders(which.service.as_deref()).await?;
    if which.json {
        return print_json(&json!({ "senders": found }));
    }
    for sender in found {
        let name = if sender.sender.is_empty() { "(no address in From)" } else { &sender.sender };
        println!("{:.0}  {}  {name}  ({} mails)", sender.last_at, sender.service, sender.mails);
    }
    Ok(())
}

async fn raw(id: &Id) -> anyhow::Result<()> {
    let raw = id.place.open()?.raw(&id.id).await?;
    std::io::Write::write_all(&mut std::io::stdout(), &raw).context("cannot print it")
}
