//! `rules coverage`: which rules read the stored mail, which never did, and who sends mail that no rule knows.

use std::collections::BTreeMap;

use serde_json::json;

use super::stored::{Judged, Stored};
use crate::cli::print_json;
use crate::domain::rulebook::is_unmatched;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    stored: Stored,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Mails of one sender that no rule knew.
#[derive(Debug, Default, serde::Serialize)]
struct Unmatched {
    mails: u64,
    newest_id: String,
    newest_subject: String,
}

pub(crate) async fn run(args: &Args) -> anyhow::Result<()> {
    let loaded = args.stored.load()?;
    let services = &loaded.definitions.rulebook.services;
    let rules = services.iter().flat_map(|service| service.rules.rules());
    let mut matched: BTreeMap<String, u64> = rules.map(|rule| (rule.name.clone(), 0)).collect();
    let mut unmatched: BTreeMap<String, Unmatched> = BTreeMap::new();
    let look = |judged: Judged| {
        let mut rules: Vec<&str> =
            judged.verdicts.iter().flat_map(|verdict| &verdict.alerts).map(|alert| alert.rule.as_str()).collect();
        rules.sort_unstable();
        rules.dedup();
        if rules.iter().any(|rule| is_unmatched(rule)) {
            let sender = unmatched.entry(judged.mail.from.clone()).or_default();
            sender.mails += 1;
            sender.newest_id.clone_from(&judged.archived.mail.id);
            sender.newest_subject.clone_from(&judged.archived.mail.subject);
        }
        for rule in rules {
            *matched.entry(rule.to_owned()).or_default() += 1;
        }
    };
    let count = args.stored.each(&loaded, look).await?;
    let mut senders: Vec<(&String, &Unmatched)> = unmatched.iter().collect();
    senders.sort_by_key(|(_, sender)| std::cmp::Reverse(sender.mails));
    if args.json {
        return print_json(&json!({ "mails": count, "rules": matched, "unmatched": unmatched }));
    }
    let mut used: Vec<(&String, &u64)> = matched.iter().filter(|(_, count)| **count > 0).collect();
    used.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), (*name).clone()));
    println!("{count} mails");
    for (rule, count) in used {
        println!("{count:>9}  {rule}");
    }
    let never: Vec<&str> = matched.iter().filter(|(_, count)| **count == 0).map(|(name, _)| name.as_str()).collect();
    if !never.is_empty() {
        println!("\nnever matched: {}", never.join(", "));
    }
    if !senders.is_empty() {
        println!("\nno rule knows the mail of:");
        for (from, sender) in senders {
            let from = if from.is_empty() { "(no sender)" } else { from };
            println!("{:>9}  {from}  newest {} {:?}", sender.mails, sender.newest_id, sender.newest_subject);
        }
        println!("\n`nightcall rules suggest` writes a first rule from such mails.");
    }
    Ok(())
}
