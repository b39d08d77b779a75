//! Calendars that schedules name. Files are read here; those at a URL are left to the running gateway.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::problem::SourceFile;
use super::reader::{Placed, Reader, Table};
use crate::domain::calendar::{Subscription, Url};
use crate::domain::roster::User;
use crate::domain::schedule::Events;
use crate::ical::{self, MAX_TEXT_BYTES, People};

/// Most names, or problems, that are told of one calendar.
const TOLD_MAX: usize = 10;

/// Reads calendar files, each once, for the time around `now`.
#[derive(Debug)]
pub(super) struct Calendars<'a> {
    folder: &'a Path,
    now: Timestamp,
    files: RefCell<BTreeMap<PathBuf, Result<Arc<SourceFile>, String>>>,
    subscriptions: RefCell<BTreeMap<String, Subscription>>,
}

impl<'a> Calendars<'a> {
    /// A reader of files that lie in, or are named from, this folder.
    pub(super) fn new(folder: &'a Path, now: Timestamp) -> Self {
        Self { folder, now, files: RefCell::default(), subscriptions: RefCell::default() }
    }

    /// The files that were read.
    pub(super) fn sources(&self) -> Vec<Arc<SourceFile>> {
        self.files.borrow().values().flatten().cloned().collect()
    }

    /// The calendars at URLs, by schedule.
    pub(super) fn take_subscriptions(&self) -> BTreeMap<String, Subscription> {
        self.subscriptions.take()
    }

    /// Reads `calendar` and `calendar_users` of a schedule: its shifts. `None` if it names no calendar.
    pub(super) fn events(
        &self,
        schedule: &str,
        table: &mut Table<'_>,
        zone: &TimeZone,
        users: &BTreeMap<String, User>,
    ) -> Option<Events> {
        let named = read_named(table, users);
        let Some(place) = table.string("calendar") else {
            if named.is_some() {
                table.reader().note(table.span(), "calendar_users needs a calendar");
            }
            return None;
        };
        let named = named.unwrap_or_default();
        if is_url(&place) {
            check_url(table, &place);
            let subscription = Subscription { url: Url::new(place.value), named };
            self.subscriptions.borrow_mut().insert(schedule.to_owned(), subscription);
            return Some(Events::default());
        }
        let source = self.file(table, &place)?;
        let reading = ical::shifts(&source.text, self.now, zone, People { users, named: &named });
        let duty = reading.map_err(|error| table.reader().note(place.span.clone(), told(&place, &error))).ok()?;
        note_problems(table, &place, &duty.problems);
        for (name, starts_at) in duty.strangers.iter().take(TOLD_MAX) {
            let starts = zone.to_datetime(*starts_at).strftime("%Y-%m-%d %H:%M");
            let message = format!("{} gives a shift on {starts} to {name}, who is no user here", place.value);
            let hint =
                "say who that is in calendar_users = { \"name or mail address\" = \"user\" }, or \"\" for nobody";
            table.reader().note_with_hint(place.span.clone(), message, hint);
        }
        if let Some(more) = duty.strangers.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
            table.reader().note(place.span.clone(), format!("{} names {more} more people unknown here", place.value));
        }
        Some(duty.events.into())
    }

    /// Reads `holiday_files`: the days of their whole-day events.
    pub(super) fn holidays(&self, table: &mut Table<'_>, zone: &TimeZone) -> BTreeSet<Date> {
        let mut days = BTreeSet::new();
        for place in table.strings("holiday_files").unwrap_or_default() {
            if is_url(&place) {
                let hint = "save the calendar beside this file and name that file";
                table.reader().note_with_hint(place.span.clone(), "holidays are read from files only", hint);
                continue;
            }
            let Some(source) = self.file(table, &place) else { continue };
            match ical::holidays(&source.text, self.now, zone) {
                Ok((found, problems)) => {
                    note_problems(table, &place, &problems);
                    days.extend(found);
                }
                Err(error) => table.reader().note(place.span.clone(), told(&place, &error)),
            }
        }
        days
    }

    fn file(&self, table: &Table<'_>, place: &Placed<String>) -> Option<Arc<SourceFile>> {
        let path = self.folder.join(&place.value);
        let mut files = self.files.borrow_mut();
        let file = files.entry(path).or_insert_with_key(|path| read_file(path, &place.value));
        match file {
            Ok(source) => Some(Arc::clone(source)),
            Err(why) => {
                let hint = "a calendar is a file like \"primary.ics\" beside this one, or an https:// address";
                table.reader().note_with_hint(place.span.clone(), why.clone(), hint);
                None
            }
        }
    }
}

/// The calendar files that a main file names, whatever else is wrong with it, so that they can be watched.
pub(super) fn files_named(config: &Path) -> Vec<PathBuf> {
    let folder = config.parent().unwrap_or(Path::new("."));
    let Ok(source) = SourceFile::read(config) else { return Vec::new() };
    let reader = Reader::new(source);
    let mut files = BTreeSet::new();
    let schedules = reader.root().and_then(|mut root| root.table("schedules"));
    for (_, mut schedule) in schedules.map(|mut schedules| schedules.named_tables()).unwrap_or_default() {
        let places =
            schedule.string("calendar").into_iter().chain(schedule.strings("holiday_files").unwrap_or_default());
        files.extend(places.filter(|place| !is_url(place)).map(|place| folder.join(place.value)));
    }
    files.into_iter().collect()
}

/// User names by what the calendar calls them, that in lower case.
fn read_named(table: &mut Table<'_>, users: &BTreeMap<String, User>) -> Option<BTreeMap<String, String>> {
    let mut entries = table.table("calendar_users")?;
    let mut named = BTreeMap::new();
    for (name, value) in entries.named_values() {
        let Some(user) = entries.as_string(value, &name.value) else { continue };
        if !user.is_empty() && !users.contains_key(&user.value) {
            table.reader().note_unknown(&user, "user", users.keys().map(String::as_str));
        }
        if named.insert(name.trim().to_lowercase(), user.value).is_some() {
            table.reader().note(name.span.clone(), format!("{:?} is in calendar_users twice", name.value));
        }
    }
    Some(named)
}

fn is_url(place: &str) -> bool {
    place.contains("://")
}

fn check_url(table: &Table<'_>, place: &Placed<String>) {
    let known = place.starts_with("http://") || place.starts_with("https://");
    let whole = !Url::new(place.value.clone()).host().is_empty() && !place.contains(char::is_whitespace);
    if !known || !whole {
        let hint = "write https://…; an address that begins with webcal:// works with https:// as well";
        table.reader().note_with_hint(place.span.clone(), "this is no address of a calendar", hint);
    }
}

fn read_file(path: &Path, shown: &str) -> Result<Arc<SourceFile>, String> {
    let cannot = |why: &dyn std::fmt::Display| format!("cannot read the calendar {shown}: {why}");
    let data = std::fs::metadata(path).map_err(|error| cannot(&error))?;
    if !data.is_file() {
        return Err(cannot(&"it is no file"));
    }
    if data.len() > MAX_TEXT_BYTES as u64 {
        return Err(cannot(&"it is larger than 5 MiB"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    Ok(Arc::new(SourceFile { name: shown.to_owned(), path: Some(path.to_owned()), text }))
}

fn told(place: &Placed<String>, error: &ical::IcalError) -> String {
    format!("cannot read the calendar {}: {error}", place.value)
}

fn note_problems(table: &Table<'_>, place: &Placed<String>, problems: &[String]) {
    for problem in problems.iter().take(TOLD_MAX) {
        table.reader().note(place.span.clone(), format!("{}: {problem}", place.value));
    }
    if let Some(more) = problems.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        table.reader().note(place.span.clone(), format!("{} has {more} more problems", place.value));
    }
}
