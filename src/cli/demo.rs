//! `demo`: the whole way, on this machine, with real mail, real SMTP and a pretend telephone.

pub mod phone;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use self::phone::Phone;
use crate::app::{self, Drive, Running};
use crate::clock::{Clock, Stopwatch};
use crate::definitions;
use crate::domain::incident::{Incident, Status};
use crate::http::auth;
use crate::smtp::client;
use crate::store::token::Token;

/// Captured from Debian's nagios4 with its stock notification commands.
const PROBLEM: &[u8] = include_bytes!("../../tests/mails/nagios/nagios-svc-problem-critical.eml");
const RECOVERY: &[u8] = include_bytes!("../../tests/mails/nagios/nagios-svc-recovery.eml");

/// Longest wait for anything here.
const PATIENCE: Duration = Duration::from_secs(15);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Keep the gateway running afterwards, until Ctrl-C
    #[arg(long)]
    stay: bool,
}

/// A folder that goes away with the demo.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // Nothing depends on it; the system clears its temporary folder too.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct Narrator(Stopwatch);

impl Narrator {
    fn tell(&self, text: &str) {
        println!("{:>7.3} s  {text}", self.0.elapsed().as_secs_f64());
    }

    fn more(&self, text: &str) {
        println!("             {text}");
    }
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let folder = Folder(std::env::temp_dir().join(format!("nightcall-demo-{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).with_context(|| format!("cannot make {}", folder.0.display()))?;
    let mut phone = Phone::start().await?;
    let narrator = Narrator(Stopwatch::start());
    let running = start(&folder, &phone).await?;
    narrator.tell(&format!("nightcall listens: SMTP on {}, HTTP on {}", running.smtp_address(), running.http_address));

    let token = auth::mint();
    let demo = Token::for_everything("demo", Clock::System.now());
    running.engine.store().add_token(&demo, &auth::hash(&token), &super::actor()).await?;
    tell_story(&narrator, &running, &mut phone).await?;

    let api = format!("http://{}/api/v1/incidents/1", running.http_address);
    println!("\nThe API has it all:\n  curl -H 'Authorization: Bearer {token}' {api}");
    if args.stay {
        println!("\nThe gateway stays up until Ctrl-C. Send it a mail of your own:");
        println!("  swaks --server {} --to db@localhost --header 'Subject: disk full on db01'", running.smtp_address());
        tokio::signal::ctrl_c().await?;
    } else {
        println!("(this demo ends here; `nightcall demo --stay` keeps it up)");
    }
    ensure!(running.shut_down().await, "the gateway did not stop in time");
    Ok(())
}

async fn tell_story(narrator: &Narrator, running: &Running, phone: &mut Phone) -> anyhow::Result<()> {
    let engine = &running.engine;
    narrator
        .tell("an old Nagios mails: ** PROBLEM Service Alert: Primary PostgreSQL node/Replication Lag is CRITICAL **");
    let mail_id = send(running, PROBLEM).await?;
    narrator.tell(&format!("answered 250, so it is on disk: mail {mail_id}"));
    let (_, alerts) = engine.store().mail(&mail_id).await?.context("the mail is not in the database")?;
    let alert = alerts.first().context("the mail gave no alert")?;
    narrator.more(&format!("rule {}: {}", alert.alert.rule, alert.alert.reason));
    narrator.more(&format!("key  {}", alert.alert.dedup_key));
    let number = alert.incident_number.context("no incident was opened")?;
    narrator.more(&format!("{}, severity {}", alert.outcome, alert.alert.severity));

    let call = tokio::time::timeout(PATIENCE, phone.ring()).await.ok().flatten().context("the phone did not ring")?;
    narrator.tell(&format!("the phone rings: {}", call.to));
    let heard = phone.pick_up(&call).await?;
    narrator.tell("somebody picks up and hears:");
    for sentence in heard.sentences.iter().take(4) {
        narrator.more(&format!("“{sentence}”"));
    }
    let heard = phone.press(&call, &heard, "4").await?;
    narrator.tell(&format!("presses 4 and hears: “{}”", heard.sentences.join(" ")));
    phone.hang_up(&call, "completed").await?;
    expect(running, number, Status::Acknowledged).await?;
    narrator.tell(&format!("incident #{number} is acknowledged; nobody else is called"));

    narrator.tell("the Nagios mails: ** RECOVERY Service Alert: Primary PostgreSQL node/Replication Lag is OK **");
    let mail_id = send(running, RECOVERY).await?;
    let (_, alerts) = engine.store().mail(&mail_id).await?.context("the mail is not in the database")?;
    narrator.tell(&alerts.first().context("the mail gave no alert")?.outcome.clone());
    expect(running, number, Status::Resolved).await?;

    println!("\nIncident #{number} from beginning to end:");
    for entry in engine.store().timeline(number).await? {
        println!("  {}  {:<14} {}", entry.at.strftime("%H:%M:%S%.3f"), entry.kind, entry.detail);
    }
    Ok(())
}

async fn start(folder: &Folder, phone: &Phone) -> anyhow::Result<Running> {
    let config = folder.0.join("nightcall.toml");
    // The provider must know our address before we have it, so HTTP takes a port that is free now.
    let http = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let text = format!(
        r#"fallback = "ann"
[smtp]
listen = "127.0.0.1:0"
domains = ["localhost"]
[http]
listen = "{http}"
public_url = "http://{http}"
[voice]
base_url = "{}"
account = "{}"
token = "{}"
caller = "+15005550006"
[users.ann]
contacts = ["voice:+15005550010"]
[policies.default]
steps = [{{ delay = "5m", targets = ["ann"] }}]
[services.databases]
addresses = ["*"]
policy = "default"
"#,
        phone.base_url,
        phone::ACCOUNT,
        phone::TOKEN
    );
    std::fs::write(&config, text)?;
    // The three variables that override a configuration are for real gateways, not for this one.
    let mut loaded = definitions::load(&config, Clock::System.now()).map_err(|problems| super::told(&problems))?;
    for listener in &mut loaded.settings.smtp_listeners {
        listener.address = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    }
    loaded.settings.http_listen = http;
    loaded.settings.database_url = format!("sqlite://{}", folder.0.join("demo.db").display());
    app::start(loaded, Clock::System, Drive::Background).await
}

async fn send(running: &Running, raw: &[u8]) -> anyhow::Result<String> {
    let reply = client::send(running.smtp_address(), "root@mon01.ops.example.net", "db-core@localhost", raw).await?;
    reply.rsplit(' ').next().map(str::to_owned).context("the gateway gave no mail id")
}

async fn expect(running: &Running, number: i64, status: Status) -> anyhow::Result<Incident> {
    let incident = running.engine.store().incident(number).await?.context("the incident is gone")?;
    ensure!(incident.status == status, "incident #{number} is {}, not {status}", incident.status);
    Ok(incident)
}
