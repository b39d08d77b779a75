//! `check`: is this configuration good, and what will on-call miss by it?

use std::process::ExitCode;

use super::ConfigArg;
use crate::clock::Clock;
use crate::domain::Definitions;
use crate::domain::outlook::{self, Warning};

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
    println!("{} is good", args.config.config.display());
    summary(&loaded.definitions);
    let now = Clock::System.now();
    let mut warnings: Vec<Warning> = outlook::outlook(&loaded.definitions.roster, now);
    for service in &loaded.definitions.rulebook.services {
        warnings.extend(outlook::of_service(service, now));
    }
    for warning in &warnings {
        println!("warning: {}\n  hint: {}", warning.what, warning.hint);
    }
    Ok(if args.strict && !warnings.is_empty() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
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
