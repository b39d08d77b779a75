//! `check`: is this configuration good, and what will on-call miss by it?

use std::process::ExitCode;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};

use super::ConfigArg;
use crate::clock::Clock;
use crate::domain::Definitions;
use crate::domain::outlook::{self, Warning};
use crate::smtp::listener::{ClientCertificates, Encryption, Listener};
use crate::smtp::tls::Files;

/// Short enough to be forgotten, long enough to be renewed.
const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(21 * 24);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// End with 1 when there are warnings
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let loaded = args.config.load()?;
    let now = Clock::System.now();
    let certificate = loaded.settings.smtp_tls.as_ref().map(Files::load).transpose();
    let expires_at = certificate.context("TLS cannot be offered (section smtp.tls)")?.and_then(|it| it.expires_at());
    println!("{} is good", args.config.config.display());
    for listener in &loaded.settings.smtp_listeners {
        println!("smtp {}: {}", listener.address, terms(listener));
    }
    summary(&loaded.definitions);
    let mut warnings: Vec<Warning> = outlook::outlook(&loaded.definitions.roster, now);
    warnings.extend(expires_at.and_then(|at| ends_soon(at, now)));
    for service in &loaded.definitions.rulebook.services {
        warnings.extend(outlook::of_service(service, now));
    }
    for warning in &warnings {
        println!("warning: {}\n  hint: {}", warning.what, warning.hint);
    }
    Ok(if args.strict && !warnings.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn ends_soon(expires_at: Timestamp, now: Timestamp) -> Option<Warning> {
    let what = match expires_at.duration_since(now) {
        left if left.is_negative() => format!("the certificate for SMTP ended on {expires_at}"),
        left if left < EXPIRES_SOON => format!("the certificate for SMTP ends on {expires_at}"),
        _ => return None,
    };
    Some(Warning { what, hint: "put a new one into its files; a running gateway reads them by itself" })
}

/// What a listener offers and demands.
fn terms(listener: &Listener) -> String {
    let required = |what: &str, required| if required { format!("{what} required") } else { what.to_owned() };
    let mut terms = vec![match listener.tls {
        Encryption::None => "plaintext".to_owned(),
        Encryption::StartTls => required("STARTTLS", listener.require_tls),
        Encryption::Implicit => "TLS".to_owned(),
    }];
    if listener.client_certificates != ClientCertificates::None {
        let demanded = listener.client_certificates == ClientCertificates::Required;
        terms.push(required("client certificates", demanded));
    }
    if listener.auth {
        terms.push(required("AUTH", listener.require_auth));
    }
    if !listener.proxies.is_empty() {
        let proxies: Vec<String> = listener.proxies.iter().map(ToString::to_string).collect();
        terms.push(format!("proxies {}", proxies.join(" ")));
    }
    terms.join(", ")
}

fn summary(definitions: &Definitions) {
    let (rulebook, roster) = (&definitions.rulebook, &definitions.roster);
    println!("domains: {}", rulebook.domains.join(", "));
    for service in &rulebook.services {
        let rules = service.rules.rules();
        let mut packs: Vec<&str> = rules.iter().filter_map(|rule| Some(rule.name.rsplit_once('/')?.0)).collect();
        packs.dedup();
        println!(
            "service {}: {} rules ({}), policy {}",
            service.name,
            rules.len(),
            packs.join(", "),
            service.handling.policy
        );
    }
    for user in roster.users.values() {
        let channels: Vec<&str> = user.methods.iter().map(|method| method.channel.word()).collect();
        println!("user {}: {}", user.name, channels.join(", "));
    }
    for schedule in roster.schedules.values() {
        let people = schedule.people().join(", ");
        match roster.calendars.get(&schedule.name) {
            None => println!("schedule {}: {people}", schedule.name),
            Some(elsewhere) => println!(
                "schedule {}: a calendar at {}, which only the running gateway reads{}{people}",
                schedule.name,
                elsewhere.url.host(),
                if people.is_empty() { "" } else { "; else " },
            ),
        }
    }
}
