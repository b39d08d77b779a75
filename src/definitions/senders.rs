//! `[services.NAME.senders]`: whose mail counts.

use super::criteria::read_pattern;
use super::reader::{Placed, Table};
use crate::domain::authentication::{Demands, Domains};
use crate::domain::network::Network;
use crate::domain::pattern::Pattern;
use crate::domain::sender_policy::{Mode, Proof, SenderPolicy};

/// Reads whose mail counts for a service, where it says so.
pub(super) fn read(table: &mut Table<'_>) -> Option<SenderPolicy> {
    let mut senders = table.table("senders")?;
    let mode = senders.string("mode").map_or(Some(Mode::default()), |word| {
        let mode = word.parse().ok();
        if mode.is_none() {
            senders.reader().note_unknown(&word, "mode", Mode::ALL.into_iter().map(Mode::word));
        }
        mode
    });
    let trigger: Vec<Proof> = senders.tables("trigger").into_iter().map(read_proof).collect();
    let resolve = senders.has("resolve");
    let resolve: Vec<Proof> = if resolve {
        let tables = senders.tables("resolve");
        let read = |table: Table<'_>| {
            let (reader, span) = (table.reader(), table.span());
            let proof = read_proof(table);
            if proof.is_suffix_only() {
                let hint = "ask for a network, a user, a certificate or an address as well";
                reader.note_with_hint(span, "a suffix alone must not end incidents: every mail has shown it", hint);
            }
            proof
        };
        tables.into_iter().map(read).collect()
    } else {
        trigger.iter().filter(|proof| !proof.is_suffix_only()).cloned().collect()
    };
    if trigger.is_empty() && resolve.is_empty() {
        let hint = "add trigger = [{ networks = [\"10.0.0.0/8\"] }], or resolve = […]";
        senders.reader().note_with_hint(senders.span(), "this names no senders", hint);
    }
    senders.finish();
    Some(SenderPolicy { mode: mode?, trigger, resolve })
}

fn read_proof(mut table: Table<'_>) -> Proof {
    let reader = table.reader();
    let network = |text: &Placed<String>| {
        let network = text.parse::<Network>().ok();
        if network.is_none() {
            let hint = "write it like 10.0.0.0/8, 192.0.2.7 or 2001:db8::/32";
            reader.note_with_hint(text.span.clone(), format!("{:?} is no network", text.value), hint);
        }
        network
    };
    let words = |list: Option<Vec<Placed<String>>>| -> Vec<String> {
        list.unwrap_or_default().into_iter().map(|word| word.value).collect()
    };
    let pattern =
        |text: Option<Placed<String>>| -> Option<Pattern> { text.and_then(|text| read_pattern(reader, &text)) };
    let networks = table.strings("networks").unwrap_or_default();
    let (users, certificates) = (table.strings("users"), table.strings("certificates"));
    let (envelope, from) = (table.string("envelope"), table.string("from"));
    let authenticated = read_demands(&mut table, envelope.is_some(), from.is_some());
    let suffix = table.string("suffix").map(|suffix| suffix.value);
    let proof = Proof {
        networks: networks.iter().filter_map(network).collect(),
        users: words(users),
        certificates: words(certificates),
        envelope: pattern(envelope),
        from: pattern(from),
        authenticated,
        suffix,
    };
    if proof.is_suffix_only() && proof.suffix.is_none() && networks.is_empty() {
        let hint = "networks, users, certificates, envelope, from, spf, dkim, dmarc, arc or suffix";
        reader.note_with_hint(table.span(), "this sender is known by nothing", hint);
    }
    table.finish();
    proof
}

/// `spf = "pass"`, `dkim = ["mon.example"]`. Anybody has a domain for which everything passes, so something must say
/// which one counts: the list, or the pattern of the address that the check is about.
fn read_demands(table: &mut Table<'_>, has_envelope: bool, has_from: bool) -> Demands {
    Demands {
        spf: read_domains(table, "spf", has_envelope.then_some("envelope")),
        dkim: read_domains(table, "dkim", None),
        dmarc: read_domains(table, "dmarc", has_from.then_some("from")),
        arc: read_domains(table, "arc", None),
    }
}

/// The word that stands for any domain.
const PASS: &str = "pass";

fn read_domains(table: &mut Table<'_>, key: &'static str, named_by: Option<&str>) -> Option<Domains> {
    let span = table.span();
    let given = table.strings(key)?;
    let reader = table.reader();
    if let [word] = &given[..]
        && word.value == PASS
    {
        if named_by.is_none() {
            let hint = match key {
                "spf" => "name the domains, like spf = [\"mon.example\"], or add envelope = '@mon\\.example$'",
                "dmarc" => "name the domains, like dmarc = [\"mon.example\"], or add from = '@mon\\.example$'",
                _ => "name the domains whose signature counts, like [\"mon.example\"]",
            };
            reader.note_with_hint(word.span.clone(), format!("anybody has a domain for which {key} passes"), hint);
        }
        return Some(Vec::new());
    }
    if given.is_empty() {
        reader.note(span, format!("{key} names no domains"));
    }
    for domain in given.iter().filter(|domain| !is_domain(domain)) {
        let hint = "write it like \"mon.example\"";
        reader.note_with_hint(domain.span.clone(), format!("{:?} is not a domain", domain.value), hint);
    }
    Some(given.into_iter().map(|domain| domain.value.to_ascii_lowercase()).collect())
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_');
    text.contains('.') && text.split('.').all(label)
}
