//! Schedules, maintenance windows and dependencies: who is called when, and when not.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::Calendars;
use super::civil;
use super::people::check_name;
use super::reader::{Placed, Table};
use crate::domain::dependency::Dependency;
use crate::domain::matcher::{Matcher, Wanted};
use crate::domain::pattern::PatternError;
use crate::domain::roster::User;
use crate::domain::schedule::{HolidayRule, Layer, Length, Schedule};
use crate::domain::silence::Maintenance;
use crate::domain::template::Template;

/// Most maintenance windows, and most dependencies.
const LIST_MAX: usize = 1000;

type Users = BTreeMap<String, User>;

/// Reads a schedule.
pub(super) fn read_schedule(
    name: &Placed<String>,
    mut table: Table<'_>,
    users: &Users,
    calendars: &Calendars<'_>,
) -> Schedule {
    check_name(name, &table, "a schedule");
    let zone = civil::zone(&mut table);
    let mut holidays: BTreeSet<_> = civil::dates(&mut table, "holidays").into_iter().collect();
    holidays.extend(calendars.holidays(&mut table, &zone));
    let has_calendar = table.has("calendar");
    let events = calendars.events(&name.value, &mut table, &zone, users).unwrap_or_default();
    let layers: Vec<Layer> =
        (1..).zip(table.tables("layers")).filter_map(|(number, layer)| read_layer(number, layer, users)).collect();
    if layers.is_empty() && !has_calendar {
        let hint = "[[schedules.NAME.layers]] with starts = \"2026-01-05T09:00\", every = \"1 week\", turns = [\"ann\"]; or calendar = \"FILE.ics\"";
        table.reader().note_with_hint(
            table.span(),
            format!("schedule {} has no layer and no calendar", name.value),
            hint,
        );
    }
    let schedule = Schedule { name: name.value.clone(), zone, layers, holidays, events };
    if let Err(invalid) = schedule.check() {
        table.reader().note(table.span(), invalid.to_string());
    }
    table.finish();
    schedule
}

fn read_layer(number: usize, mut table: Table<'_>, users: &Users) -> Option<Layer> {
    let name = table.string("name").map_or_else(|| format!("layer {number}"), |name| name.value);
    if !table.has("starts") {
        table.missing("starts");
    }
    let starts = civil::date_time(&mut table, "starts");
    let ends = civil::date_time(&mut table, "ends");
    let every = table.required_string("every").and_then(|text| {
        let parsed = text.parse::<Length>();
        if let Err(error) = &parsed {
            let hint = "write it like \"12h\", \"1 day\", \"1 week\" or \"1 month\"";
            table.reader().note_with_hint(text.span.clone(), error.to_string(), hint);
        }
        parsed.ok()
    });
    let turns = read_turns(&mut table, users);
    let only = civil::windows(&mut table, "only");
    let holidays = match table.string("holidays") {
        None => HolidayRule::Ignore,
        Some(word) if word.value == "only" => HolidayRule::Only,
        Some(word) if word.value == "except" => HolidayRule::Except,
        Some(word) => {
            table.reader().note_unknown(&word, "holiday rule", ["only", "except"].into_iter());
            HolidayRule::Ignore
        }
    };
    table.finish();
    Some(Layer { name, starts: starts?, ends, every: every?, turns, only, holidays })
}

/// Each turn is a name, or a list of several.
fn read_turns(table: &mut Table<'_>, users: &Users) -> Vec<Vec<String>> {
    let Some(value) = table.value("turns") else {
        table.missing("turns");
        return Vec::new();
    };
    let mut turns = Vec::new();
    for turn in table.items(value) {
        let people = table.as_strings(turn, "turns");
        for person in people.iter().filter(|person| !users.contains_key(&person.value)) {
            table.reader().note_unknown(person, "user", users.keys().map(String::as_str));
        }
        turns.push(people.into_iter().map(|person| person.value).collect());
    }
    turns
}

/// Reads the maintenance windows.
pub(super) fn read_maintenance(root: &mut Table<'_>) -> Vec<Maintenance> {
    let tables = root.tables("maintenance");
    check_count(root, tables.len(), "maintenance windows");
    tables.into_iter().filter_map(read_window).collect()
}

fn read_window(mut table: Table<'_>) -> Option<Maintenance> {
    let name = table.required_string("name");
    let reason = table.required_string("reason");
    let zone = civil::zone(&mut table);
    let windows = civil::windows(&mut table, "when");
    if windows.is_none() {
        table.missing("when");
    }
    let matcher = match table.table("match") {
        Some(wanted) => read_matcher(wanted),
        None => {
            let hint = "match = { service = \"db\" }, or match = {} for every incident";
            table.reader().note_with_hint(table.span(), "this window must say what it is about", hint);
            None
        }
    };
    table.finish();
    let (name, reason) = (name?.value, reason?.value);
    Some(Maintenance { name, matcher: matcher?, windows: windows?, zone, reason })
}

/// Reads what incidents must be like.
fn read_matcher(mut table: Table<'_>) -> Option<Matcher> {
    let severity = table.string("severity").and_then(|word| {
        let parsed = word.parse().ok();
        if parsed.is_none() {
            table.reader().note_unknown(&word, "severity", ["critical", "error", "warning", "info"].into_iter());
        }
        parsed
    });
    let (service, key, summary) = (table.string("service"), table.string("key"), table.string("summary"));
    let span = [&key, &summary].into_iter().flatten().next().map_or(table.span(), |text| text.span.clone());
    let value = |placed: Option<Placed<String>>| placed.map(|placed| placed.value);
    let wanted = Wanted { service: value(service), key: value(key), summary: value(summary), severity };
    let matcher = Matcher::new(wanted).map_err(|error| {
        let why = match error {
            PatternError::TooLong(bytes) => format!("a pattern of {bytes} bytes is too long"),
            PatternError::Invalid(why) => why,
        };
        table.reader().note(span, format!("this is no regex: {why}"));
    });
    table.finish();
    matcher.ok()
}

/// Reads what lies below what.
pub(super) fn read_dependencies(root: &mut Table<'_>) -> Vec<Dependency> {
    let tables = root.tables("dependencies");
    check_count(root, tables.len(), "dependencies");
    tables.into_iter().filter_map(read_dependency).collect()
}

fn read_dependency(mut table: Table<'_>) -> Option<Dependency> {
    let name = table.required_string("name");
    let (child, parent) = (table.table("child"), table.table("parent"));
    if child.is_none() || parent.is_none() {
        let hint = "child = { service = \"web\" }, parent = { service = \"network\" }";
        table.reader().note_with_hint(table.span(), "a dependency needs a child and a parent", hint);
    }
    let child = child.and_then(read_matcher);
    let parent = parent.and_then(|mut parent| {
        let service = parent.required_string("service");
        let key = parent.string("key").and_then(|text| {
            let parsed = Template::parse(&text);
            if let Err(error) = &parsed {
                parent.reader().note(text.span.clone(), error.to_string());
            }
            parsed.ok()
        });
        parent.finish();
        Some((service?.value, key))
    });
    table.finish();
    let (parent_service, parent_key) = parent?;
    Some(Dependency { name: name?.value, child: child?, parent_service, parent_key })
}

fn check_count(root: &Table<'_>, count: usize, what: &str) {
    if count > LIST_MAX {
        root.reader().note(root.span(), format!("there are {count} {what}; {LIST_MAX} are allowed"));
    }
}
