//! People, policies and services: the part of `nightcall.toml` that says who is called for what.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;
use toml_span::Value;

use super::calendar::Calendars;
use super::reader::{Placed, Table};
use super::rule::Defaults;
use super::{MAIL_SYSTEM, handling, oncall, pack, people, senders};
use crate::domain::Definitions;
use crate::domain::escalation::{ACK_TIMEOUT, FALLBACK_REPEAT, Policy, Step};
use crate::domain::roster::{ContactMethod, Roster, User};
use crate::domain::rulebook::{AddressPattern, Pack, Rulebook, Service};
use crate::domain::ruleset::{RULES_MAX, RuleSet};
use crate::domain::schedule::Schedule;
use crate::domain::target::Target;
use crate::settings::Settings;

/// Longest acknowledgement that ever runs out.
const ACK_TIMEOUT_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Most steps and rounds of a policy.
const STEPS_MAX: usize = 50;
const ROUNDS_MAX: i64 = 100;

/// Reads the users, policies and services of the main file.
pub(super) fn read(
    root: &mut Table<'_>,
    packs: &BTreeMap<String, Arc<Pack>>,
    settings: &Settings,
    calendars: &Calendars<'_>,
) -> Definitions {
    let users: BTreeMap<String, User> = named(root, "users", |name, table| people::read_user(name, table, settings));
    let schedules: BTreeMap<String, Schedule> =
        named(root, "schedules", |name, table| oncall::read_schedule(name, table, &users, calendars));
    let rooms = people::read_rooms(root, settings);
    let known = Known { users: &users, schedules: &schedules, rooms: &rooms };
    let policies: BTreeMap<String, Policy> = named(root, "policies", |name, table| read_policy(name, table, known));
    let (maintenance, dependencies) = (oncall::read_maintenance(root), oncall::read_dependencies(root));
    let fallback = read_fallback(root, &users);
    let mut services: Vec<Arc<Service>> = Vec::new();
    let mut shared = RuleSets::default();
    for (name, table) in root.table("services").map(|mut table| table.named_tables()).unwrap_or_default() {
        let service = read_service(&name, table, &settings.domains, packs, &policies, &mut shared);
        check_addresses(root, &name, &service, &services);
        services.push(Arc::new(service));
    }
    if services.is_empty() {
        let hint = "add one, like [services.default] with addresses = [\"*\"] and policy = \"…\"";
        root.reader().note_with_hint(root.span(), "there is no service, so no mail would be taken", hint);
    }
    people::check_rights(root, &users, &services);
    let rulebook = Rulebook { domains: settings.domains.clone(), services };
    let calendars = calendars.take_subscriptions();
    let roster = Roster { users, schedules, calendars, rooms, policies, fallback, maintenance, dependencies };
    Definitions {
        version: String::new(),
        files: BTreeMap::new(),
        rulebook,
        roster,
        templates: settings.templates.clone(),
    }
}

fn named<T>(
    root: &mut Table<'_>,
    key: &'static str,
    read: impl Fn(&Placed<String>, Table<'_>) -> T,
) -> BTreeMap<String, T> {
    let tables = root.table(key).map(|mut table| table.named_tables()).unwrap_or_default();
    tables.into_iter().map(|(name, table)| (name.value.clone(), read(&name, table))).collect()
}

/// What a target may name.
#[derive(Clone, Copy)]
struct Known<'a> {
    users: &'a BTreeMap<String, User>,
    schedules: &'a BTreeMap<String, Schedule>,
    rooms: &'a BTreeMap<String, ContactMethod>,
}

fn read_policy(name: &Placed<String>, mut table: Table<'_>, known: Known<'_>) -> Policy {
    let name = name.value.as_str();
    let rounds = table.integer("rounds", 1..=ROUNDS_MAX).unwrap_or(1);
    let ack_timeout = match table.value("ack_timeout") {
        Some(value) if value.as_str() == Some("never") => None,
        Some(value) => Some(duration(&table, &value, "ack_timeout").unwrap_or(ACK_TIMEOUT)),
        None => Some(ACK_TIMEOUT),
    };
    let fallback_repeat = table.duration("fallback_repeat").unwrap_or(FALLBACK_REPEAT);
    if fallback_repeat < SignedDuration::from_mins(1) {
        table.reader().note(table.span(), format!("policy {name}: fallback_repeat must be at least \"1m\""));
    }
    let steps = table.tables("steps");
    if steps.is_empty() || steps.len() > STEPS_MAX {
        let message = format!("policy {name} must have 1 to {STEPS_MAX} steps");
        table.reader().note_with_hint(table.span(), message, "steps = [{ delay = \"5m\", targets = [\"ann\"] }]");
    }
    let steps = steps.into_iter().map(|step| read_step(step, known)).collect();
    table.finish();
    Policy { name: name.to_owned(), steps, rounds: u32::try_from(rounds).unwrap_or(1), ack_timeout, fallback_repeat }
}

fn duration(table: &Table<'_>, value: &Value<'_>, key: &str) -> Option<SignedDuration> {
    let span = value.span;
    let parsed = value.as_str().and_then(|text| text.parse::<SignedDuration>().ok());
    let parsed = parsed.filter(|wait| (SignedDuration::from_mins(1)..=ACK_TIMEOUT_MAX).contains(wait));
    if parsed.is_none() {
        let hint = "write it like \"30m\", or \"never\"";
        table.reader().note_with_hint(span.into(), format!("{key} must be a duration of 1m to 30 days"), hint);
    }
    parsed
}

fn read_step(mut table: Table<'_>, known: Known<'_>) -> Step {
    let delay = table.duration("delay").unwrap_or(SignedDuration::from_mins(5));
    if delay < SignedDuration::from_secs(30) {
        let hint = "it is how long the people of this step have to answer";
        table.reader().note_with_hint(table.span(), "a step's delay must be at least \"30s\"", hint);
    }
    let targets = table.strings("targets").unwrap_or_default();
    if targets.is_empty() {
        table.reader().note(table.span(), "this step pages nobody: it needs targets");
    }
    let targets = targets.iter().map(|target| read_target(&table, target, known)).collect();
    table.finish();
    Step { delay, targets }
}

fn read_target(table: &Table<'_>, text: &Placed<String>, known: Known<'_>) -> Target {
    let target = Target::from(text.value.clone());
    let unknown = |what: &str, name: &str, names: Vec<&str>| {
        let name = Placed { value: name.to_owned(), span: text.span.clone() };
        table.reader().note_unknown(&name, what, names.into_iter());
    };
    match &target {
        Target::User(name) if !known.users.contains_key(name) => {
            unknown("user", name, known.users.keys().map(String::as_str).collect());
        }
        Target::Schedule(name) | Target::Everyone(name) if !known.schedules.contains_key(name) => {
            unknown("schedule", name, known.schedules.keys().map(String::as_str).collect());
        }
        Target::Room(name) if !known.rooms.contains_key(name) => {
            unknown("room", name, known.rooms.keys().map(String::as_str).collect());
        }
        Target::User(_) | Target::Schedule(_) | Target::Everyone(_) | Target::Room(_) => {}
    }
    target
}

fn read_fallback(root: &mut Table<'_>, users: &BTreeMap<String, User>) -> String {
    let Some(fallback) = root.string("fallback") else {
        let hint = "add fallback = \"NAME\": who is paged when everybody else has been and nobody answered";
        root.reader().note_with_hint(root.span(), "there is no fallback contact", hint);
        return String::new();
    };
    if !users.contains_key(&fallback.value) {
        root.reader().note_unknown(&fallback, "user", users.keys().map(String::as_str));
    }
    fallback.value
}

fn read_service(
    name: &Placed<String>,
    mut table: Table<'_>,
    domains: &[String],
    packs: &BTreeMap<String, Arc<Pack>>,
    policies: &BTreeMap<String, Policy>,
    shared: &mut RuleSets,
) -> Service {
    let reader = table.reader();
    let addresses = table.strings("addresses").unwrap_or_default();
    if addresses.is_empty() {
        let hint = "add addresses = [\"NAME\"], or [\"*\"] for every mailbox of your domains";
        reader.note_with_hint(table.span(), format!("service {} has no address", name.value), hint);
    }
    let addresses = addresses.iter().filter_map(|address| read_address(&table, address, domains)).collect();
    let packs: Vec<Arc<Pack>> = match table.strings("packs") {
        Some(names) => names
            .iter()
            .filter_map(|name| {
                let pack = packs.get(&name.value).cloned();
                if pack.is_none() {
                    reader.note_unknown(name, "rule pack", packs.keys().map(String::as_str));
                }
                pack
            })
            .collect(),
        None => in_order(packs),
    };
    let rules = read_service_rules(name, &mut table, &packs, shared);
    let handling = handling::read(&mut table, policies);
    let senders = senders::read(&mut table);
    table.finish();
    Service { name: name.value.clone(), addresses, rules, handling, senders }
}

/// All packs, for a service that names none. What the mail system itself says comes first: its reports quote alerts.
fn in_order(packs: &BTreeMap<String, Arc<Pack>>) -> Vec<Arc<Pack>> {
    let mut packs: Vec<Arc<Pack>> = packs.values().cloned().collect();
    packs.sort_by_key(|pack| (pack.name != MAIL_SYSTEM, pack.name.clone()));
    packs
}

/// Sets of rules by the names of their packs: services with the same packs share one.
type RuleSets = BTreeMap<Vec<String>, Arc<RuleSet>>;

/// The service's own rules before the packs, the packs, its own rules after them.
fn read_service_rules(
    name: &Placed<String>,
    table: &mut Table<'_>,
    packs: &[Arc<Pack>],
    shared: &mut RuleSets,
) -> Arc<RuleSet> {
    let defaults = Defaults::default();
    let mut own = |key: &'static str| {
        let rules = table.tables(key);
        pack::read_rules(&format!("{}/{key}", name.value), rules, &defaults).0
    };
    let (before, after) = (own("before"), own("after"));
    let of_packs = packs.iter().flat_map(|pack| pack.rules.iter().cloned());
    if before.is_empty() && after.is_empty() {
        check_count(name, table, packs.iter().map(|pack| pack.rules.len()).sum());
        let names = packs.iter().map(|pack| pack.name.clone()).collect();
        return Arc::clone(shared.entry(names).or_insert_with(|| Arc::new(RuleSet::new(of_packs.collect()))));
    }
    let rules: Vec<_> = before.into_iter().chain(of_packs).chain(after).collect();
    check_count(name, table, rules.len());
    Arc::new(RuleSet::new(rules))
}

fn check_count(name: &Placed<String>, table: &Table<'_>, rules: usize) {
    if rules > RULES_MAX {
        let message = format!("service {} has {rules} rules; {RULES_MAX} are allowed", name.value);
        table.reader().note(name.span.clone(), message);
    }
}

fn read_address(table: &Table<'_>, address: &Placed<String>, domains: &[String]) -> Option<AddressPattern> {
    let lower = address.to_lowercase();
    let (mailbox, domain) = match lower.rsplit_once('@') {
        Some((mailbox, domain)) => (mailbox, Some(domain)),
        None => (lower.as_str(), None),
    };
    if let Some(domain) = domain
        && !domains.iter().any(|own| own == domain)
    {
        let hint = format!("[smtp] domains are: {}", domains.join(", "));
        table.reader().note_with_hint(address.span.clone(), format!("{domain:?} is not one of our domains"), hint);
        return None;
    }
    if mailbox.is_empty() || mailbox.contains(char::is_whitespace) {
        table.reader().note(address.span.clone(), format!("{:?} is not an address", address.value));
        return None;
    }
    let mailbox = (mailbox != "*").then(|| mailbox.to_owned());
    Some(AddressPattern { mailbox, domain: domain.map(str::to_owned) })
}

fn check_addresses(root: &Table<'_>, name: &Placed<String>, service: &Service, earlier: &[Arc<Service>]) {
    for other in earlier {
        for address in service.addresses.iter().filter(|address| other.addresses.contains(address)) {
            let shown = address.mailbox.as_deref().unwrap_or("*");
            let message = format!("{:?} belongs to service {} already", shown, other.name);
            root.reader().note(name.span.clone(), message);
        }
    }
}
