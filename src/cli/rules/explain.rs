//! `rules explain`: what a mail means, with the captures marked in it, and why the other rules do not match.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use serde_json::json;

use super::read_mail;
use crate::cli::{print_json, told};
use crate::clock::Clock;
use crate::definitions::{self, problem::Problems};
use crate::domain::alert::Alert;
use crate::domain::mail::{Envelope, Mail};
use crate::domain::pattern::{Captures, Place};
use crate::domain::rulebook::{Explanation, Route, Rulebook, Service};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The mail, as it came; - for standard input
    mail: PathBuf,
    /// Configuration file [default: the shipped packs alone]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A pack or a folder of packs, instead of a configuration
    #[arg(long, value_name = "PATH", conflicts_with = "config")]
    rules: Option<PathBuf>,
    /// Envelope recipient [default: the mail's own To, where a service owns it]
    #[arg(long, value_name = "ADDR")]
    to: Option<String>,
    /// Envelope sender
    #[arg(long, value_name = "ADDR", default_value = "", hide_default_value = true)]
    from: String,
    /// Address of the client that delivers it
    #[arg(long, value_name = "IP", default_value = "", hide_default_value = true)]
    client: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let raw = read_mail(&args.mail)?;
    let mail = Mail::parse(&raw).with_sender(&args.from);
    let domain = args.to.as_deref().and_then(|to| to.rsplit_once('@')).map_or("localhost", |(_, domain)| domain);
    let rulebook = match (&args.config, &args.rules) {
        (Some(config), _) => {
            definitions::load(config, Clock::System.now()).map_err(|problems| told(&problems))?.definitions.rulebook
        }
        (None, Some(path)) => {
            let (packs, problems) = definitions::packs_at(path);
            if !problems.is_empty() {
                return Err(told(&Problems(problems)));
            }
            definitions::rulebook_of(packs.values(), domain)
        }
        (None, None) => definitions::shipped_rulebook(domain),
    };
    let (service, recipient) = recipient(&rulebook, args.to.as_deref(), &mail)?;
    let envelope = Envelope::new(&args.from, &recipient, &args.client);
    let explanation = service.explain(&mail, &envelope);
    if args.json {
        let verdict = &explanation.verdict;
        return print_json(&json!({
            "service": verdict.service,
            "alerts": verdict.alerts,
            "trace": verdict.trace,
            "defects": mail.defects,
        }));
    }
    print!("{}", told_to_people(&mail, &envelope, &explanation, &Marks::for_output()));
    Ok(())
}

/// Who the mail is for: as told, else the first of its own recipients that a service owns, else the first service.
pub(crate) fn recipient(
    rulebook: &Rulebook,
    told: Option<&str>,
    mail: &Mail,
) -> anyhow::Result<(Arc<Service>, String)> {
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

/// What stands around a capture: colour on a terminal, brackets elsewhere.
struct Marks {
    open: &'static str,
    close: &'static str,
}

impl Marks {
    fn for_output() -> Self {
        if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
            Self { open: "\u{1b}[1;36m", close: "\u{1b}[0m" }
        } else {
            Self { open: "⟦", close: "⟧" }
        }
    }
}

fn told_to_people(mail: &Mail, envelope: &Envelope, explanation: &Explanation, marks: &Marks) -> String {
    let verdict = &explanation.verdict;
    let mut lines = vec![format!("subject   {}", mail.subject_raw), format!("service   {}", verdict.service)];
    for (nth, alert) in verdict.alerts.iter().enumerate() {
        if verdict.alerts.len() > 1 {
            lines.push(format!("\nalert {} of {}", nth + 1, verdict.alerts.len()));
        }
        lines.extend(alert_lines(alert));
        if let Some(captures) = explanation.captures.get(nth) {
            lines.extend(capture_lines(mail, envelope, captures, marks));
        }
    }
    lines.push("\nrules tried, in order:".to_owned());
    let width = verdict.trace.iter().map(|line| line.rule.chars().count()).max().unwrap_or(0).min(40);
    for line in &verdict.trace {
        let mark = if line.matched { "✓" } else { "·" };
        lines.push(format!("  {mark} {:<width$}  {}", line.rule, line.reason));
    }
    if !mail.defects.is_empty() {
        lines.push(format!("\nodd about the mail: {}", mail.defects.join("; ")));
    }
    lines.join("\n") + "\n"
}

fn alert_lines(alert: &Alert) -> Vec<String> {
    let mut lines = vec![
        format!("action    {}  (by {}: {})", alert.action, alert.rule, alert.reason),
        format!("key       {}", alert.dedup_key),
        format!("severity  {}", alert.severity),
        format!("summary   {}", alert.summary),
    ];
    let entry = |what: &'static str| {
        move |(name, text): (&String, &String)| format!("{what:<9} {name}: {}", text.replace('\n', "\n          "))
    };
    lines.extend(alert.details.iter().map(entry("detail")));
    lines.extend(alert.links.iter().map(entry("link")));
    lines
}

/// The lines of the mail that something was captured from, with the captures marked, and what each is called.
fn capture_lines(mail: &Mail, envelope: &Envelope, captures: &Captures, marks: &Marks) -> Vec<String> {
    let mut places: Vec<(&Place, &str)> =
        captures.iter().filter_map(|capture| Some((capture.place.as_ref()?, capture.name.as_str()))).collect();
    places.sort_by_key(|(place, _)| (place.field.clone(), place.nth, place.range.start, place.range.end));
    let mut lines = Vec::new();
    let mut rest = &places[..];
    while let Some((first, _)) = rest.first() {
        let values: Vec<&str> = first.field.values(mail, envelope).collect();
        let Some(value) = values.get(first.nth) else { break };
        let start = value[..first.range.start].rfind('\n').map_or(0, |at| at + 1);
        let end = value[first.range.start..].find('\n').map_or(value.len(), |at| first.range.start + at);
        let on_line = |(place, _): &(&Place, &str)| {
            place.field == first.field && place.nth == first.nth && place.range.start <= end
        };
        let count = rest.iter().take_while(|place| on_line(place)).count();
        let (here, later) = rest.split_at(count);
        rest = later;
        let (mut marked, mut at) = (String::new(), start);
        for (place, _) in here {
            // Captures within captures are told by name only.
            if place.range.start < at {
                continue;
            }
            let close = place.range.end.min(end);
            marked.push_str(&value[at..place.range.start]);
            marked.push_str(&format!("{}{}{}", marks.open, &value[place.range.start..close], marks.close));
            at = close;
        }
        marked.push_str(&value[at..end]);
        let names: Vec<&str> = here.iter().map(|(_, name)| *name).collect();
        lines.push(format!("{:<9} {}   ← {}", first.field, marked.trim(), names.join(", ")));
    }
    lines
}
