//! The time zones that a calendar names.

use std::collections::HashMap;

use calcard::icalendar::ICalendar;
use calcard::icalendar::timezone::TzResolver;
use jiff::tz::TimeZone;

use super::limits::{Problems, quote};

/// Finds the zone behind a TZID: an IANA name, also behind a path like "/mozilla.org/20050126_1/Europe/Berlin", a name
/// of Windows or Outlook, or a VTIMEZONE that says which of them it is. The offsets that a VTIMEZONE spells out are not
/// used: they are often old, and the database knows better.
pub(super) struct Zones<'a> {
    resolver: TzResolver<&'a str>,
    default: &'a TimeZone,
    known: HashMap<String, TimeZone>,
}

impl<'a> Zones<'a> {
    /// The zones of one calendar.
    pub(super) fn new(calendar: &'a ICalendar, default: &'a TimeZone) -> Self {
        Self { resolver: calendar.build_tz_resolver(), default, known: HashMap::new() }
    }

    /// The zone of times that name none.
    pub(super) fn default_zone(&self) -> TimeZone {
        self.default.clone()
    }

    /// The zone called `id`. One that nobody knows is a problem, told once, and the default is used.
    pub(super) fn named(&mut self, id: &str, problems: &mut Problems) -> TimeZone {
        if let Some(zone) = self.known.get(id) {
            return zone.clone();
        }
        let name = self.resolver.resolve(id).and_then(|zone| zone.name());
        let zone = name.and_then(|name| TimeZone::get(&name).ok()).unwrap_or_else(|| {
            let default = self.default.iana_name().unwrap_or("the default zone");
            problems.add(format!("the time zone {} is not known, {default} is taken instead", quote(id)));
            self.default.clone()
        });
        self.known.insert(id.to_owned(), zone.clone());
        zone
    }
}
