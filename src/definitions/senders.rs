//! `[services.NAME.senders]`: whose mail counts.

use super::criteria::read_pattern;
use super::reader::{Placed, Table};
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
    let suffix = table.string("suffix").map(|suffix| suffix.value);
    let proof = Proof {
        networks: networks.iter().filter_map(network).collect(),
        users: words(users),
        certificates: words(certificates),
        envelope: pattern(envelope),
        from: pattern(from),
        suffix,
    };
    if proof.is_suffix_only() && proof.suffix.is_none() && networks.is_empty() {
        let hint = "networks, users, certificates, envelope, from or suffix";
        reader.note_with_hint(table.span(), "this sender is known by nothing", hint);
    }
    table.finish();
    proof
}
