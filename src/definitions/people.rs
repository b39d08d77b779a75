//! People and rooms: the part of `nightcall.toml` that says how somebody is reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::SignedDuration;

use super::civil;
use super::reader::{Placed, Table};
use crate::domain::role::Role;
use crate::domain::roster::{Channel, ContactMethod, Locale, PersonalRule, Pin, User};
use crate::domain::rulebook::Service;
use crate::settings::{Settings, is_e164};

/// Longest time after a page at which a method may come.
const AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Reads a person.
pub(super) fn read_user(name: &Placed<String>, mut table: Table<'_>, settings: &Settings) -> User {
    check_name(name, &table, "a person");
    let contacts = read_contacts(&mut table, settings);
    if contacts.is_empty() {
        let hint = "add contacts = [\"voice:+49…\", \"webhook:https://…\", \"console\"]";
        table.reader().note_with_hint(table.span(), format!("{} cannot be reached", name.value), hint);
    }
    let names: Vec<String> = contacts.iter().map(|(name, _)| name.clone()).collect();
    let mut methods: Vec<ContactMethod> = contacts.into_iter().filter_map(|(_, method)| method).collect();
    for own in methods.iter_mut().filter(|method| method.channel == Channel::WebPush) {
        // Their browsers are known by their name.
        name.value.clone_into(&mut own.address);
    }
    let mut user = User::new(&name.value, methods);
    if let Some(told) = table.strings("on_call_notice") {
        user.on_call_notice = told.iter().filter_map(|name| position(&table, name, &names)).collect();
    }
    if let Some(rules) = read_rules(&mut table, "high", &names) {
        if !rules.iter().any(|rule| rule.after == SignedDuration::ZERO) {
            let hint = "let the first one come without `after`";
            let message = format!("{} is not reached at once by any method of `high`", name.value);
            table.reader().note_with_hint(table.span(), message, hint);
        }
        user.high = rules;
    }
    user.low = read_rules(&mut table, "low", &names).unwrap_or_else(|| user.high.clone());
    user.zone = civil::zone(&mut table);
    user.quiet = civil::windows(&mut table, "quiet").unwrap_or_default();
    user.follow_ups = table.boolean("follow_ups").unwrap_or(true);
    if let Some(word) = table.string("locale") {
        match Locale::ALL.into_iter().find(|locale| locale.word() == word.value) {
            Some(locale) => user.locale = locale,
            None => table.reader().note_unknown(&word, "locale", Locale::ALL.into_iter().map(Locale::word)),
        }
    }
    if let Some(role) = table.string("role").and_then(|word| role(&table, &word)) {
        user.role = role;
    }
    user.service_roles = read_service_roles(&mut table);
    let identities = table.strings("identities").unwrap_or_default();
    user.identities = identities.into_iter().map(|identity| identity.value).collect();
    if let Some(pin) = table.string("pin") {
        user.pin = Pin::new(&pin);
        if user.pin.is_none() {
            let hint = "a call asks for it before it tells anything";
            table.reader().note_with_hint(pin.span, "a pin is 4 to 8 digits, in quotes", hint);
        }
    }
    table.finish();
    user
}

fn role(table: &Table<'_>, word: &Placed<String>) -> Option<Role> {
    let found = Role::ALL.into_iter().find(|role| role.word() == word.value);
    if found.is_none() {
        table.reader().note_unknown(word, "role", Role::ALL.into_iter().map(Role::word));
    }
    found
}

/// `service_roles = { db = "admin" }`; whether there are such services is seen when all are read.
fn read_service_roles(table: &mut Table<'_>) -> BTreeMap<String, Role> {
    let Some(mut services) = table.table("service_roles") else { return BTreeMap::new() };
    let mut roles = BTreeMap::new();
    for (name, value) in services.named_values() {
        let word = services.as_string(value, &name.value);
        if let Some(role) = word.and_then(|word| role(&services, &word)) {
            roles.insert(name.value, role);
        }
    }
    roles
}

/// Roles are for services that there are, and an identity is one person's.
pub(super) fn check_rights(root: &Table<'_>, users: &BTreeMap<String, User>, services: &[Arc<Service>]) {
    let mut owners: BTreeMap<String, &str> = BTreeMap::new();
    for user in users.values() {
        for name in user.service_roles.keys().filter(|name| services.iter().all(|service| service.name != **name)) {
            let message = format!("service_roles of {} names no service: {name:?}", user.name);
            let known = services.iter().map(|service| service.name.as_str()).collect::<Vec<_>>().join(", ");
            root.reader().note_with_hint(root.span(), message, format!("there are {known}"));
        }
        for identity in &user.identities {
            let owner = owners.insert(identity.to_ascii_lowercase(), &user.name);
            if let Some(other) = owner.or_else(|| users.get(identity).map(|other| other.name.as_str())) {
                let message = format!("{identity:?} is an identity of {other} and of {}", user.name);
                root.reader().note_with_hint(
                    root.span(),
                    message,
                    "an identity says who has signed in: give it to one",
                );
            }
        }
    }
}

/// Targets are told apart by what stands before a colon.
pub(super) fn check_name(name: &Placed<String>, table: &Table<'_>, what: &str) {
    if name.is_empty() || name.contains([':', ',']) || name.contains(char::is_whitespace) {
        let message = format!("{what} cannot be called {:?}: no blank, colon or comma is allowed", name.value);
        table.reader().note(name.span.clone(), message);
    }
}

/// The rooms: a name, and where it is.
pub(super) fn read_rooms(root: &mut Table<'_>, settings: &Settings) -> BTreeMap<String, ContactMethod> {
    let Some(mut table) = root.table("rooms") else { return BTreeMap::new() };
    let mut rooms = BTreeMap::new();
    for (name, value) in table.named_values() {
        check_name(&name, &table, "a room");
        let contact = table.as_string(value, &name.value);
        let method = contact.and_then(|contact| read_contact(&table, &name.value, &contact, settings));
        if method.as_ref().is_some_and(|method| method.channel == Channel::WebPush) {
            table.reader().note(name.span.clone(), "a room has no browser; web-push is for people");
        } else if let Some(method) = method {
            rooms.insert(name.value, method);
        }
    }
    rooms
}

/// A list of contacts, named after their channels, or a table of named ones. `None` is one that is wrong: it keeps
/// its name, so that rules which use it are not wrong as well.
fn read_contacts(table: &mut Table<'_>, settings: &Settings) -> Vec<(String, Option<ContactMethod>)> {
    let Some(value) = table.value("contacts") else { return Vec::new() };
    if value.as_table().is_none() {
        let contacts = table.as_strings(value, "contacts");
        let mut named: Vec<(String, Option<ContactMethod>)> = Vec::new();
        for contact in &contacts {
            let word = contact.split(':').next().unwrap_or_default();
            // The second phone is called voice2.
            let taken = named.iter().filter(|(name, _)| name.trim_end_matches(char::is_numeric) == word).count();
            let name = if taken == 0 { word.to_owned() } else { format!("{word}{}", taken + 1) };
            let method = read_contact(table, &name, contact, settings);
            named.push((name, method));
        }
        return named;
    }
    let Some(mut contacts) = table.as_table(value, "contacts") else { return Vec::new() };
    let named = |(name, value): (Placed<String>, _)| {
        let contact = table.as_string(value, &name.value);
        let method = contact.and_then(|contact| read_contact(table, &name.value, &contact, settings));
        (name.value, method)
    };
    contacts.named_values().into_iter().map(named).collect()
}

fn read_contact(table: &Table<'_>, name: &str, contact: &Placed<String>, settings: &Settings) -> Option<ContactMethod> {
    let reader = table.reader();
    let (word, address) = contact.split_once(':').unwrap_or((contact, ""));
    let people = |channel: &Channel| *channel != Channel::Sink;
    let Some(channel) = word.parse::<Channel>().ok().filter(people) else {
        let word = Placed { value: word.to_owned(), span: contact.span.clone() };
        reader.note_unknown(&word, "channel", Channel::ALL.into_iter().filter(people).map(Channel::word));
        return None;
    };
    let note = |message: &str| reader.note(contact.span.clone(), message);
    match channel {
        Channel::Voice | Channel::Sms if !is_e164(address) => note("a phone number looks like +4915112345678 (E.164)"),
        Channel::Voice if settings.voice.is_none() => {
            let hint = "add a [voice] section with a provider";
            reader.note_with_hint(contact.span.clone(), "nobody can be called yet", hint);
        }
        Channel::Console if !address.is_empty() => note("console needs no address"),
        Channel::WebPush if !address.is_empty() => {
            note("web-push needs no address: it reaches all browsers of its person");
        }
        _ => match settings.channels.check(channel, address) {
            Ok(()) => return Some(ContactMethod { name: name.to_owned(), channel, address: address.to_owned() }),
            Err(unusable) => match unusable.hint() {
                Some(hint) => reader.note_with_hint(contact.span.clone(), unusable.to_string(), hint),
                None => note(&unusable.to_string()),
            },
        },
    }
    None
}

/// Rules such as `push` or `phone after 2m`, over the names of the contacts.
fn read_rules(table: &mut Table<'_>, key: &'static str, names: &[String]) -> Option<Vec<PersonalRule>> {
    let rules = table.strings(key)?;
    if rules.is_empty() {
        let hint = "name at least one contact, or leave it out to use all";
        table.reader().note_with_hint(table.span(), format!("{key} names no contact"), hint);
    }
    let rule = |rule: &Placed<String>| {
        let (name, after) = match rule.split_once(" after ") {
            Some((name, after)) => (name.trim(), Some(after.trim())),
            None => (rule.trim(), None),
        };
        let placed = Placed { value: name.to_owned(), span: rule.span.clone() };
        let method = position(table, &placed, names)?;
        let after = match after.map(str::parse::<SignedDuration>) {
            None => SignedDuration::ZERO,
            Some(Ok(after)) if !after.is_negative() && after <= AFTER_MAX => after,
            Some(_) => {
                let hint = "write it like \"phone after 2m\", at most 24h";
                table.reader().note_with_hint(rule.span.clone(), "this is no wait", hint);
                return None;
            }
        };
        Some(PersonalRule { method, after })
    };
    Some(rules.iter().filter_map(rule).collect())
}

/// Which of the contacts has this name.
fn position(table: &Table<'_>, name: &Placed<String>, names: &[String]) -> Option<usize> {
    let found = names.iter().position(|known| *known == name.value);
    if found.is_none() {
        table.reader().note_unknown(name, "contact", names.iter().map(String::as_str));
    }
    found
}
