//! `rules replay`: what changed definitions would have made of the mail that came. Changes nothing.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::stored::{Judged, Stored};
use crate::cli::print_json;
use crate::domain::alert::{Action, Alert};
use crate::domain::ledger::Ledger;
use crate::domain::rulebook::is_unmatched;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stored: Stored,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What one set of rules made of all mails.
#[derive(Debug, Default)]
struct Sum {
    ledger: Ledger,
    alerts: BTreeMap<&'static str, u64>,
    unmatched: u64,
}

impl Sum {
    fn add(&mut self, judged: &Judged, alerts: &[(String, Alert)]) {
        for (service, alert) in alerts {
            *self.alerts.entry(alert.action.word()).or_default() += 1;
            self.ledger.raise(service, alert, judged.archived.mail.origin_at, judged.archived.mail.received_at);
        }
        self.unmatched += u64::from(alerts.iter().any(|(_, alert)| is_unmatched(&alert.rule)));
    }

    fn json(&self) -> Value {
        json!({
            "alerts": self.alerts,
            "incidents": self.ledger.incidents,
            "pages": self.ledger.pages,
            "unmatched_mails": self.unmatched,
        })
    }
}

/// A mail that would be read differently.
struct Different {
    id: String,
    received_at: String,
    from: String,
    subject: String,
    before: Vec<(String, Alert)>,
    after: Vec<(String, Alert)>,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let loaded = args.stored.load()?;
    let (mut before, mut after, mut different) = (Sum::default(), Sum::default(), Vec::new());
    let look = |judged: Judged| {
        let then: Vec<(String, Alert)> = first_reading(&judged);
        let now: Vec<(String, Alert)> = judged
            .verdicts
            .iter()
            .flat_map(|verdict| verdict.alerts.iter().map(|alert| (verdict.service.clone(), alert.clone())))
            .collect();
        if !judged.repeated {
            before.add(&judged, &then);
            after.add(&judged, &now);
        }
        if claims(&then) != claims(&now) {
            let mail = &judged.archived.mail;
            different.push(Different {
                id: mail.id.clone(),
                received_at: mail.received_at.strftime("%Y-%m-%d %H:%M:%S").to_string(),
                from: mail.header_from.clone(),
                subject: mail.subject.clone(),
                before: then,
                after: now,
            });
        }
    };
    let count = args.stored.each(&loaded, look).await?;
    if args.json {
        return print_json(&json!({
            "mails": count,
            "different": different.iter().map(Different::json).collect::<Vec<_>>(),
            "before": before.json(),
            "after": after.json(),
        }));
    }
    different.iter().for_each(Different::print);
    println!("{count} mails judged again, {} would be read differently", different.len());
    if count > 0 {
        print_sums(&before, &after);
    }
    Ok(())
}

/// What the mail said when it came, without what reprocessing added.
fn first_reading(judged: &Judged) -> Vec<(String, Alert)> {
    let first = judged.archived.alerts.iter().filter(|stored| !stored.outcome.starts_with("reprocessed by "));
    first.map(|stored| (stored.service.clone(), stored.alert.clone())).collect()
}

/// What makes a difference: service, action, key and severity, whatever the rule is called.
fn claims(alerts: &[(String, Alert)]) -> Vec<(&str, Action, &str, &'static str)> {
    alerts
        .iter()
        .map(|(service, alert)| (service.as_str(), alert.action, alert.dedup_key.as_str(), alert.severity.word()))
        .collect()
}

impl Different {
    fn print(&self) {
        println!("{}  {}  {}  {:?}", self.id, self.received_at, self.from, self.subject);
        for (mark, alerts) in [("-", &self.before), ("+", &self.after)] {
            for (service, alert) in alerts {
                println!(
                    "  {mark} {service}: {} {}  {}  (by {})",
                    alert.action, alert.severity, alert.dedup_key, alert.rule
                );
            }
        }
    }

    fn json(&self) -> Value {
        let alerts = |alerts: &[(String, Alert)]| -> Vec<Value> {
            alerts.iter().map(|(service, alert)| json!({ "service": service, "alert": alert })).collect()
        };
        json!({
            "mail_id": self.id,
            "received_at": self.received_at,
            "from": self.from,
            "subject": self.subject,
            "before": alerts(&self.before),
            "after": alerts(&self.after),
        })
    }
}

fn print_sums(before: &Sum, after: &Sum) {
    println!("\n{:<20} {:>9} {:>9}", "", "as it was", "with these");
    let line = |what: &str, before: u64, after: u64| println!("{what:<20} {before:>9} {after:>9}");
    for action in Action::ALL.map(Action::word) {
        let count = |sum: &Sum| sum.alerts.get(action).copied().unwrap_or(0);
        line(&format!("alerts: {action}"), count(before), count(after));
    }
    line("incidents opened", before.ledger.incidents, after.ledger.incidents);
    line("first calls", before.ledger.pages, after.ledger.pages);
    line("mails no rule knew", before.unmatched, after.unmatched);
    println!("(by mail alone: nobody acknowledges and no timer runs here)");
}
