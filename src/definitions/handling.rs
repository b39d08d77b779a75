//! How a service wants its incidents handled.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::civil;
use super::people::check_name;
use super::reader::{Placed, Table};
use crate::domain::alert::Severity;
use crate::domain::escalation::Policy;
use crate::domain::handling::{Awaited, Flapping, Handling, Repeats, Storm, SupportHours, Urgency};
use crate::domain::heartbeat::{Expected, Heartbeat};

/// Longest wait before a first page: who wants more wants a silence.
const HOLD_MAX: SignedDuration = SignedDuration::from_hours(1);

type Policies = BTreeMap<String, Policy>;

/// Reads the keys of a service that say how its incidents are handled.
pub(super) fn read(table: &mut Table<'_>, policies: &Policies) -> Handling {
    let named = |table: &Table<'_>, name: Option<Placed<String>>| {
        let name = name?;
        if !policies.contains_key(&name.value) {
            table.reader().note_unknown(&name, "policy", policies.keys().map(String::as_str));
        }
        Some(name.value)
    };
    let policy = table.required_string("policy");
    let policy = named(table, policy).unwrap_or_default();
    let policy_low = table.string("policy_low");
    let policy_low = named(table, policy_low);
    let mut handling = Handling { policy, policy_low, ..Handling::default() };
    if let Some(mut by_severity) = table.table("policies") {
        for (word, value) in by_severity.named_values() {
            let name = by_severity.as_string(value, &word.value);
            if let (Some(severity), Some(name)) = (severity(&by_severity, &word), named(&by_severity, name)) {
                handling.policies.insert(severity, name);
            }
        }
    }
    handling.urgency = read_urgency(table);
    handling.support = table.table("support_hours").and_then(|mut hours| {
        let zone = civil::zone(&mut hours);
        let windows = civil::windows(&mut hours, "when");
        if windows.is_none() {
            hours.missing("when");
        }
        hours.finish();
        Some(SupportHours { windows: windows?, zone })
    });
    handling.hold = read_hold(table).unwrap_or_default();
    handling.flapping = counted(table, "flapping", "opens").map(|(opens, within)| Flapping { opens, within });
    handling.storm = counted(table, "storm", "opens").map(|(opens, within)| Storm { opens, within });
    handling.sender_storm = counted(table, "sender_storm", "opens").map(|(opens, within)| Storm { opens, within });
    handling.client_storm = counted(table, "client_storm", "opens").map(|(opens, within)| Storm { opens, within });
    handling.repeats = table.table("repeats").and_then(|mut repeats| {
        let every = repeats.duration("every");
        if every.is_none() && !repeats.has("every") {
            repeats.missing("every");
        }
        let missed = repeats.integer("missed", 1..=1000).unwrap_or(3);
        repeats.finish();
        Some(Repeats { every: every?, missed: u32::try_from(missed).unwrap_or(u32::MAX) })
    });
    handling.inactive_after = table.duration("inactive_after");
    handling.downtime = table.duration("downtime");
    let heartbeats = table.table("heartbeats").map(|mut table| table.named_tables()).unwrap_or_default();
    handling.heartbeats = heartbeats.into_iter().filter_map(|(name, table)| read_heartbeat(&name, table)).collect();
    handling
}

/// `every = "24h"`, or `cron = "0 3 * * *"` in a zone; `grace` on top of it.
fn read_heartbeat(name: &Placed<String>, mut table: Table<'_>) -> Option<Awaited> {
    check_name(name, &table, "a heartbeat");
    let key = table.string("key").map(|key| key.value);
    let grace = table.duration("grace").unwrap_or(SignedDuration::ZERO);
    let zone = civil::zone(&mut table);
    let (every, cron) = (table.duration("every"), table.string("cron"));
    let severity = table.string("severity").map_or(Some(Severity::Error), |word| severity(&table, &word));
    let expected = match (every, cron) {
        (Some(every), None) => Some(Expected::Every(every)),
        (None, Some(cron)) => match cron.parse() {
            Ok(expression) => Some(Expected::Cron { expression, zone }),
            Err(invalid) => {
                table.reader().note(cron.span.clone(), format!("cron {:?}: {invalid}", cron.value));
                None
            }
        },
        _ => {
            let hint = "every = \"24h\", or cron = \"0 3 * * *\"";
            table.reader().note_with_hint(table.span(), "a heartbeat needs either `every` or `cron`", hint);
            None
        }
    };
    table.finish();
    let heartbeat = Heartbeat { name: name.value.clone(), expected: expected?, grace };
    Some(Awaited { heartbeat, key, severity: severity? })
}

/// How long a first page waits.
pub(super) fn read_hold(table: &mut Table<'_>) -> Option<SignedDuration> {
    let hold = table.duration("hold")?;
    if hold > HOLD_MAX {
        let hint = "a page that waits for longer is a silence";
        table.reader().note_with_hint(table.span(), "hold is at most \"1h\"", hint);
    }
    Some(hold)
}

/// `{ opens = 4, within = "30m" }`.
fn counted(table: &mut Table<'_>, key: &'static str, count: &'static str) -> Option<(u32, SignedDuration)> {
    let mut counted = table.table(key)?;
    for needed in [count, "within"] {
        if !counted.has(needed) {
            counted.missing(needed);
        }
    }
    let number = counted.integer(count, 2..=100_000);
    let within = counted.duration("within");
    counted.finish();
    Some((u32::try_from(number?).ok()?, within?))
}

/// One word for all, or a table by severity.
fn read_urgency(table: &mut Table<'_>) -> BTreeMap<Severity, Urgency> {
    let Some(value) = table.value("urgency") else { return BTreeMap::new() };
    let urgency = |table: &Table<'_>, word: Placed<String>| {
        let parsed = word.parse::<Urgency>().ok();
        if parsed.is_none() {
            table.reader().note_unknown(&word, "urgency", ["high", "low"].into_iter());
        }
        parsed
    };
    if value.as_table().is_none() {
        let all = table.as_string(value, "urgency").and_then(|word| urgency(table, word));
        return all.map_or_else(BTreeMap::new, |all| Severity::ALL.into_iter().map(|s| (s, all)).collect());
    }
    let Some(mut by_severity) = table.as_table(value, "urgency") else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for (word, value) in by_severity.named_values() {
        let wanted = by_severity.as_string(value, &word.value).and_then(|word| urgency(&by_severity, word));
        if let (Some(severity), Some(wanted)) = (severity(&by_severity, &word), wanted) {
            found.insert(severity, wanted);
        }
    }
    found
}

fn severity(table: &Table<'_>, word: &Placed<String>) -> Option<Severity> {
    let parsed = word.parse().ok();
    if parsed.is_none() {
        table.reader().note_unknown(word, "severity", Severity::ALL.into_iter().map(Severity::word));
    }
    parsed
}
