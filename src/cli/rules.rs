//! `rules`: what would this mail mean, and do the rules still say what their tests expect?

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::{print_json, told};
use crate::definitions::pack::{self, PackFile, RuleTest};
use crate::definitions::problem::{Problem, Problems, SourceFile};
use crate::definitions::{self, shipped_rulebook};
use crate::domain::alert::Alert;
use crate::domain::mail::Mail;
use crate::domain::rulebook::{AddressPattern, Route, Rulebook, Service, Verdict};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Show what a mail means: which rule reads it, how, and why the others do not
    Explain(Explain),
    /// Run the tests that stand in rule packs
    Test {
        /// A pack or a folder of packs
        #[arg(default_value = "rules")]
        path: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// The mail, as it came; - for standard input
    mail: PathBuf,
    /// Configuration file [default: the shipped packs alone]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Envelope recipient [default: the mail's own To, where a service owns it]
    #[arg(long, value_name = "ADDR")]
    to: Option<String>,
    /// Envelope sender, for mail without a From header
    #[arg(long, value_name = "ADDR", default_value = "", hide_default_value = true)]
    from: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(command: &Command) -> anyhow::Result<()> {
    match command {
        Command::Explain(args) => explain(args),
        Command::Test { path } => test(path),
    }
}

fn explain(args: &Explain) -> anyhow::Result<()> {
    let raw = read_mail(&args.mail)?;
    let mail = Mail::parse(&raw).with_sender(&args.from);
    let rulebook = match &args.config {
        Some(config) => definitions::load(config).map_err(|problems| told(&problems))?.definitions.rulebook,
        None => {
            let domain =
                args.to.as_deref().and_then(|to| to.rsplit_once('@')).map_or("localhost", |(_, domain)| domain);
            shipped_rulebook(domain)
        }
    };
    let (service, recipient) = recipient(&rulebook, args.to.as_deref(), &mail)?;
    let verdict = service.judge(&mail, &recipient.to_lowercase());
    if args.json {
        return print_json(&json!({
            "service": verdict.service,
            "alerts": verdict.alerts,
            "trace": verdict.trace,
            "defects": mail.defects,
        }));
    }
    print_verdict(&mail, &verdict);
    Ok(())
}

/// Who the mail is for: as told, else the first of its own recipients that a service owns, else the first service.
fn recipient(rulebook: &Rulebook, told: Option<&str>, mail: &Mail) -> anyhow::Result<(Arc<Service>, String)> {
    if let Some(to) = told {
        return match rulebook.route(to) {
            Route::Service(service) => Ok((service, to.to_owned())),
            Route::UnknownMailbox => bail!("no service has the address {to}"),
            Route::ForeignDomain => bail!("{to} is not in one of the domains {}", rulebook.domains.join(", ")),
        };
    }
    // A header may name several people; whatever looks like an address is tried.
    let words = mail.header("To").flat_map(|to| to.split([',', ' ', '<', '>', ';'])).filter(|word| word.contains('@'));
    for address in words {
        if let Route::Service(service) = rulebook.route(address) {
            return Ok((service, address.to_owned()));
        }
    }
    let service = rulebook.services.first().context("there is no service")?;
    Ok((Arc::clone(service), String::new()))
}

fn print_verdict(mail: &Mail, verdict: &Verdict) {
    println!("subject   {}", mail.subject_raw);
    println!("service   {}", verdict.service);
    for alert in &verdict.alerts {
        println!("action    {}  (by {}: {})", alert.action, alert.rule, alert.reason);
        println!("key       {}", alert.dedup_key);
        println!("severity  {}", alert.severity);
        println!("summary   {}", alert.summary);
    }
    println!("\nrules tried, in order:");
    for line in &verdict.trace {
        println!("  {} {:<28} {}", if line.matched { "✓" } else { "·" }, line.rule, line.reason);
    }
    if !mail.defects.is_empty() {
        println!("\nodd about the mail: {}", mail.defects.join("; "));
    }
}

fn test(path: &Path) -> anyhow::Result<()> {
    let files = if path.is_dir() { definitions::toml_files(path) } else { Ok(vec![path.to_owned()]) };
    let files = files.map_err(|problem| told(&Problems(vec![problem])))?;
    if files.is_empty() {
        bail!("there are no rule packs in {}", path.display());
    }
    let (mut problems, mut failed, mut passed) = (Vec::new(), Vec::new(), 0);
    for path in files {
        let source = match SourceFile::read(&path) {
            Ok(source) => source,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (file, found) = pack::read(&name, &source);
        problems.extend(found);
        for test in &file.tests {
            match check(&file, test) {
                Ok(()) => passed += 1,
                Err(why) => failed.push(Problem::new(&file.source, test.span.clone(), why)),
            }
        }
    }
    if !problems.is_empty() {
        return Err(told(&Problems(problems)));
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() { Ok(()) } else { Err(told(&Problems(failed))) }
}

/// Runs one test: its mail, judged by its pack alone, must be read by its rule as expected.
fn check(file: &PackFile, test: &RuleTest) -> Result<(), String> {
    let folder = file.source.path.as_deref().and_then(Path::parent).unwrap_or(Path::new("."));
    let path = folder.join(&test.mail);
    let raw = std::fs::read(&path).map_err(|error| format!("cannot read the sample {}: {error}", path.display()))?;
    let service = Service {
        name: "test".to_owned(),
        addresses: vec![AddressPattern { mailbox: None, domain: None }],
        packs: vec![Arc::clone(&file.pack)],
        policy: String::new(),
    };
    let verdict = service.judge(&Mail::parse(&raw), "test@localhost");
    let alert = verdict.alerts.first().ok_or("the mail gave no alert")?;
    let differences = differences(test, alert);
    if differences.is_empty() { Ok(()) } else { Err(format!("{}: {}", test.mail.display(), differences.join("; "))) }
}

fn differences(test: &RuleTest, alert: &Alert) -> Vec<String> {
    let expect = &test.expect;
    let compare = |what: &str, expected: Option<&str>, got: &str| {
        expected
            .filter(|expected| *expected != got)
            .map(|expected| format!("{what} should be {expected:?}, is {got:?}"))
    };
    [
        compare("rule", Some(&test.rule), &alert.rule),
        compare("action", expect.action.map(super::super::domain::alert::Action::word), alert.action.word()),
        compare("dedup_key", expect.dedup_key.as_deref(), &alert.dedup_key),
        compare("severity", expect.severity.map(super::super::domain::alert::Severity::word), alert.severity.word()),
        compare("summary", expect.summary.as_deref(), &alert.summary),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn read_mail(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path == Path::new("-") {
        let mut raw = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut raw).context("cannot read standard input")?;
        return Ok(raw);
    }
    std::fs::read(path).with_context(|| format!("cannot read the mail {}", path.display()))
}
