//! The command line: one file per command family. It parses, calls the app or the engine, and prints.
#![expect(clippy::print_stdout, reason = "the command line talks to people on standard output")]

mod audit;
mod check;
mod contact;
pub mod demo;
mod gateway;
mod incident;
mod init;
mod mail;
mod oncall;
mod people;
mod rules;
mod serve;
mod smtp;
mod token;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::clock::Clock;
use crate::definitions::Loaded;
use crate::definitions::problem::Problems;
use crate::domain::actor::Actor;
use crate::engine::Engine;
use crate::store::Store;

/// Who acts, on timelines.
const COMMAND_LINE: &str = "command line";

/// Who acts: whoever may write to the database, and is who the environment says.
fn actor() -> Actor {
    let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    Actor::command_line(&user.unwrap_or_default())
}

/// Turns alert mail into incidents and gets a human out of bed.
#[derive(Debug, Parser)]
#[command(name = "nightcall", version, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a commented, working starter configuration
    Init(init::Args),
    /// Check a configuration and its rules, and report every problem at once
    Check(check::Args),
    /// Run the gateway
    Serve(ConfigArg),
    /// Show the whole way from a mail to a phone call on this machine, with a pretend telephone
    Demo(demo::Args),
    /// Explain, test and replay rules, and ask what they cover
    #[command(subcommand)]
    Rules(rules::Command),
    /// List and show incidents, and act on them
    #[command(subcommand)]
    Incident(incident::Command),
    /// Tell who is on call, and who would be called for a mail
    #[command(subcommand)]
    Oncall(oncall::Command),
    /// Let people take over shifts
    #[command(subcommand)]
    Override(oncall::overrides::Command),
    /// Let the pages of known incidents wait
    #[command(subcommand)]
    Silence(oncall::silences::Command),
    /// Let people sign in to the pages
    #[command(subcommand)]
    People(people::Command),
    /// See and test how people are reached
    #[command(subcommand)]
    Contact(contact::Command),
    /// Show stored mails, judge them again, or print them
    #[command(subcommand)]
    Mail(mail::Command),
    /// Make passwords for devices that log in
    #[command(subcommand)]
    Smtp(smtp::Command),
    /// Make, list and revoke tokens for the API
    #[command(subcommand)]
    Token(token::Command),
    /// Tell who has changed what, and prove that nobody changed that
    #[command(subcommand)]
    Audit(audit::Command),
}

/// The configuration file, for commands that need one.
#[derive(Debug, Clone, clap::Args)]
pub struct ConfigArg {
    /// Configuration file
    #[arg(long, value_name = "FILE", default_value = "nightcall.toml")]
    config: PathBuf,
}

impl Cli {
    /// The log level unless `NIGHTCALL_LOG` says otherwise: only `serve` tells what it does all the time.
    pub fn log_level(&self) -> &'static str {
        match self.command {
            Command::Serve(_) => "info",
            _ => "warn",
        }
    }

    /// Whether it prints an answer and ends, instead of serving.
    pub fn prints_and_ends(&self) -> bool {
        !matches!(self.command, Command::Serve(_) | Command::Demo(_))
    }

    /// The code to end with when it fails: where 1 is an answer, a mistake is 2.
    pub fn failure_code(&self) -> ExitCode {
        match &self.command {
            Command::Oncall(command) => ExitCode::from(command.failure_code()),
            _ => ExitCode::FAILURE,
        }
    }

    /// Runs the command.
    ///
    /// # Errors
    /// As a chain of reasons, for the person at the terminal.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let done = match self.command {
            Command::Check(args) => return check::run(&args),
            Command::Oncall(command) => return oncall::run(&command).await,
            Command::Init(args) => init::run(&args),
            Command::Serve(config) => serve::run(&config).await,
            Command::Demo(args) => demo::run(&args).await,
            Command::Rules(command) => rules::run(&command).await,
            Command::Incident(command) => incident::run(&command).await,
            Command::Override(command) => oncall::overrides::run(&command).await,
            Command::Silence(command) => oncall::silences::run(&command).await,
            Command::People(command) => people::run(&command).await,
            Command::Contact(command) => contact::run(&command).await,
            Command::Mail(command) => mail::run(&command).await,
            Command::Smtp(command) => smtp::run(&command),
            Command::Token(command) => token::run(&command).await,
            Command::Audit(command) => audit::run(&command).await,
        };
        done.map(|()| ExitCode::SUCCESS)
    }
}

impl ConfigArg {
    /// Reads the configuration, or tells every problem in it.
    fn load(&self) -> anyhow::Result<Loaded> {
        crate::definitions::load(&self.config, Clock::System.now()).map_err(|problems| told(&problems))
    }
}

/// The configured database, made if it is not there.
async fn store(loaded: &Loaded) -> anyhow::Result<Store> {
    Store::open(&loaded.settings.database_url).await.context("cannot use the database")
}

/// An engine on the configured database, for one change.
async fn engine(loaded: Loaded) -> anyhow::Result<Arc<Engine>> {
    let store = store(&loaded).await?;
    let engine = Engine::start(store, Clock::System, loaded.definitions);
    engine.learn_calendars().await.context("cannot read the calendars in the database")?;
    Ok(engine)
}

/// Problems as an error for the terminal, with excerpts.
fn told(problems: &Problems) -> anyhow::Error {
    anyhow::anyhow!("{}", problems.render(std::io::stderr().is_terminal()).trim_end().to_owned())
}

/// Prints a value as JSON.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
