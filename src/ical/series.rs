//! From VEVENTs to occurrences: what belongs together by UID, what replaces what, what falls into the window.

use std::collections::{BTreeMap, HashMap, HashSet};

use calcard::icalendar::{ICalendar, ICalendarComponentType, ICalendarMethod, ICalendarProperty, ICalendarValue};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::component::{self, Component, End, Length, Moment};
use super::limits::{MAX_OCCURRENCES, Problems, Work, quote};
use super::rule::Rule;
use super::zones::Zones;
use super::{CalendarEvent, IcalError, When};

/// No clock change moves a civil time further than this away from where the window's edge is.
const SLACK: SignedDuration = SignedDuration::from_hours(48);

/// What is asked for.
pub(super) struct Window<'a> {
    pub(super) from: Timestamp,
    /// Exclusive.
    pub(super) to: Timestamp,
    /// Where whole days begin at midnight.
    pub(super) zone: &'a TimeZone,
}

/// What was found so far, and at what cost.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) events: Vec<CalendarEvent>,
    pub(super) work: Work,
    pub(super) problems: Problems,
}

/// All VEVENTs with one UID.
#[derive(Default)]
struct Series<'a> {
    masters: Vec<Component<'a>>,
    /// Those with a RECURRENCE-ID.
    replacements: Vec<Component<'a>>,
}

/// Occurrences that do not take place as the rule has them.
#[derive(Default)]
struct Gone {
    moments: HashSet<DateTime>,
    /// A date among times takes away that whole day; older Outlook and Nextcloud write it so.
    days: HashSet<Date>,
}

/// Adds what one calendar has in the window.
pub(super) fn collect(
    calendar: &ICalendar,
    mut zones: Zones<'_>,
    window: &Window<'_>,
    found: &mut Found,
) -> Result<(), IcalError> {
    if is_cancellation(calendar) {
        return Ok(());
    }
    let mut series: Vec<Series<'_>> = Vec::new();
    let mut by_uid: HashMap<&str, usize> = HashMap::new();
    for component in &calendar.components {
        if component.component_type != ICalendarComponentType::VEvent {
            continue;
        }
        let event = Component::read(component, &mut zones, &mut found.problems);
        let new = series.len();
        // Without a UID nothing belongs together.
        let index = if event.uid.is_empty() { new } else { *by_uid.entry(event.uid).or_insert(new) };
        if index == new {
            series.push(Series::default());
        }
        if let Some(series) = series.get_mut(index) {
            let list = if event.replaces.is_some() { &mut series.replacements } else { &mut series.masters };
            list.push(event);
        }
    }
    for series in &series {
        series.collect(window, found)?;
    }
    Ok(())
}

/// Midnight in a zone; a day that the zone's clocks cannot tell is at the end of time.
pub(super) fn midnight(day: Date, zone: &TimeZone) -> Timestamp {
    Moment::Day(day).instant(zone).unwrap_or(if day.year() < 0 { Timestamp::MIN } else { Timestamp::MAX })
}

/// METHOD:CANCEL takes back everything in the calendar (RFC 5546, section 3.2.5).
fn is_cancellation(calendar: &ICalendar) -> bool {
    let method = calendar.components.first().and_then(|calendar| calendar.property(&ICalendarProperty::Method));
    method.is_some_and(|entry| entry.values.contains(&ICalendarValue::Method(ICalendarMethod::Cancel)))
}

impl Series<'_> {
    fn collect(&self, window: &Window<'_>, found: &mut Found) -> Result<(), IcalError> {
        let latest = self.masters.iter().map(|master| master.sequence).max();
        let mut masters = self.masters.iter().filter(|master| Some(master.sequence) == latest).peekable();
        let first = masters.peek().copied();
        let mut any = first.is_none();
        for master in masters.filter(|master| !master.cancelled) {
            any = true;
            expand(master, &self.replacements, window, found)?;
        }
        // Of a series that is cancelled as a whole, nothing is left.
        if !any {
            return Ok(());
        }
        let mut newest: HashMap<DateTime, i64> = HashMap::new();
        let key = |component: &Component<'_>| component.replaces.as_ref().map(Moment::civil);
        for replacement in &self.replacements {
            if let Some(key) = key(replacement) {
                let newest = newest.entry(key).or_insert(replacement.sequence);
                *newest = replacement.sequence.max(*newest);
            }
        }
        for replacement in &self.replacements {
            if key(replacement).and_then(|key| newest.get(&key)) != Some(&replacement.sequence) || replacement.cancelled
            {
                continue;
            }
            if replacement.replaces_later {
                found.problems.add(format!(
                    "event {} changes all its later occurrences at once; only the first is changed",
                    quote(replacement.uid)
                ));
            }
            let start = replacement.start.as_ref().or(replacement.replaces.as_ref());
            // What it does not say, it has from the series.
            let from_master = if replacement.start.is_none() { first.and_then(length_as_written) } else { None };
            let Some(start) = start else { continue };
            match end_of(replacement.end.as_ref().or(from_master.map(End::After).as_ref()), start, window) {
                Some(end) => emit(replacement, start, &end, window, found)?,
                None => found.problems.add(format!("event {} has no end that makes sense", quote(replacement.uid))),
            }
        }
        Ok(())
    }
}

/// Adds the occurrences of one event that is not a replacement.
fn expand(
    event: &Component<'_>,
    replacements: &[Component<'_>],
    window: &Window<'_>,
    found: &mut Found,
) -> Result<(), IcalError> {
    let Some(start) = &event.start else {
        found.problems.add(format!("event {} has no start that can be read", quote(event.uid)));
        return Ok(());
    };
    let Some((first_end, length)) =
        end_of(event.end.as_ref(), start, window).and_then(|end| Some((end.clone(), length_of(event, start, &end)?)))
    else {
        found.problems.add(format!("event {} has no end that makes sense", quote(event.uid)));
        return Ok(());
    };
    if event.unreadable_rule {
        found.problems.add(format!("event {} repeats by a rule that cannot be read", quote(event.uid)));
    }
    found.work.charge(event.removed.len() + replacements.len())?;
    let mut gone = Gone::default();
    for moment in event.removed.iter().chain(replacements.iter().filter_map(|other| other.replaces.as_ref())) {
        gone.add(start, moment);
    }
    let mut occurrences: BTreeMap<DateTime, Option<&End>> = BTreeMap::from([(start.civil(), None)]);
    let (from, to) = civil_window(start, length, window);
    for rule in &event.rules {
        match resolve(rule, start, window) {
            Ok(rule) => {
                // A rule whose UNTIL is before the start has no occurrence at all; Outlook ends a series like this.
                if event.rules.len() == 1 && rule.is_over_before_start() {
                    occurrences.clear();
                }
                let repeated = rule.occurrences(from, to, &mut found.work)?;
                if repeated.len() > MAX_OCCURRENCES {
                    return Err(IcalError::TooManyOccurrences);
                }
                occurrences.extend(repeated.into_iter().map(|moment| (moment, None)));
            }
            Err(reason) => found.problems.add(format!(
                "event {} repeats by a rule that is not supported: {reason}; only its first occurrence is taken",
                quote(event.uid)
            )),
        }
    }
    for (moment, end) in &event.added {
        occurrences.extend(start.adopt(moment).map(|moment| (moment, end.as_ref())));
    }
    for (civil, end) in occurrences {
        if gone.contains(civil) {
            continue;
        }
        let moment = start.at(civil);
        let end = match end {
            Some(end) => end_of(Some(end), &moment, window),
            None if civil == start.civil() => Some(first_end.clone()),
            None => after(&moment, length, window),
        };
        if let Some(end) = end {
            emit(event, &moment, &end, window, found)?;
        }
    }
    Ok(())
}

/// The rule of a series, with its UNTIL in the series' civil time.
fn resolve(
    rule: &calcard::icalendar::ICalendarRecurrenceRule,
    start: &Moment,
    window: &Window<'_>,
) -> Result<Rule, &'static str> {
    let zone = match start {
        Moment::Day(_) => window.zone,
        Moment::Time(_, zone) => zone,
    };
    let until = match &rule.until {
        None => None,
        Some(until) => match component::moment(until, zone).ok_or("its UNTIL does not exist")? {
            Moment::Day(day) => Some(day.at(23, 59, 59, 0)),
            // The last second of the year 9999, which some write for "for ever", is no instant in most zones.
            Moment::Time(civil, other) => other.to_timestamp(civil).ok().map(|until| zone.to_datetime(until)),
        },
    };
    Rule::new(rule, start.civil(), until)
}

/// Where occurrences have to begin to touch the window, roughly, in the civil time of the series.
fn civil_window(start: &Moment, length: Length, window: &Window<'_>) -> (DateTime, DateTime) {
    let zone = match start {
        Moment::Day(_) => window.zone,
        Moment::Time(_, zone) => zone,
    };
    let long = length.civil.saturating_add(length.exact).saturating_add(SLACK);
    let from = zone.to_datetime(window.from).saturating_sub(long);
    (from, zone.to_datetime(window.to).saturating_add(SLACK))
}

impl Gone {
    fn add(&mut self, start: &Moment, moment: &Moment) {
        match (start, moment) {
            (Moment::Time(..), Moment::Day(day)) => {
                self.days.insert(*day);
            }
            _ => self.moments.extend(start.adopt(moment)),
        }
    }

    fn contains(&self, civil: DateTime) -> bool {
        self.moments.contains(&civil) || self.days.contains(&civil.date())
    }
}

/// The end of an occurrence as written; none if it is before the start or cannot be told. A day without an end is one
/// day, a time without one has no length (RFC 5545, section 3.6.1).
fn end_of(end: Option<&End>, start: &Moment, window: &Window<'_>) -> Option<Moment> {
    let end = match end {
        None => after(start, Length::default(), window)?,
        Some(End::After(length)) => after(start, *length, window)?,
        Some(End::At(end)) => match (start, end) {
            (Moment::Day(_), Moment::Time(civil, _)) => Moment::Day(civil.date()),
            (Moment::Time(_, zone), Moment::Day(day)) => Moment::Time(day.at(0, 0, 0, 0), zone.clone()),
            _ => end.clone(),
        },
    };
    let end = match (start, &end) {
        // Some write the last day instead of the day after; a day is never shorter than one.
        (Moment::Day(first), Moment::Day(last)) if first == last => Moment::Day(first.tomorrow().ok()?),
        _ => end,
    };
    (end.instant(window.zone)? >= start.instant(window.zone)?).then_some(end)
}

/// The point that is a length after another.
fn after(start: &Moment, length: Length, window: &Window<'_>) -> Option<Moment> {
    let civil = start.civil().checked_add(length.civil).ok()?;
    match start {
        Moment::Day(day) => {
            let end = civil.checked_add(length.exact).ok()?.date();
            Some(Moment::Day(if end == *day { day.tomorrow().ok()? } else { end }))
        }
        Moment::Time(_, zone) if length.exact.is_zero() => Some(Moment::Time(civil, zone.clone())),
        Moment::Time(..) => {
            let instant = start.at(civil).instant(window.zone)?.checked_add(length.exact).ok()?;
            // In UTC, so that an hour that comes twice is still told apart.
            Some(Moment::Time(TimeZone::UTC.to_datetime(instant), TimeZone::UTC))
        }
    }
}

/// How long the occurrences of a series are. An end that is written down is kept in civil time: the RFC's exact length
/// would leave an hour uncovered, or covered twice, whenever the clocks change.
fn length_of(event: &Component<'_>, start: &Moment, end: &Moment) -> Option<Length> {
    match &event.end {
        Some(End::After(length)) => Some(*length),
        _ => {
            let civil = start.adopt(end)?.duration_since(start.civil());
            Some(Length { civil, exact: SignedDuration::ZERO })
        }
    }
}

/// The length of an event that says one.
fn length_as_written(event: &Component<'_>) -> Option<Length> {
    match (&event.end, &event.start) {
        (Some(End::At(end)), Some(start)) => length_of(event, start, end),
        (Some(End::After(length)), _) => Some(*length),
        _ => None,
    }
}

/// Adds an occurrence if it overlaps the window.
fn emit(
    event: &Component<'_>,
    start: &Moment,
    end: &Moment,
    window: &Window<'_>,
    found: &mut Found,
) -> Result<(), IcalError> {
    let (Some(begins), Some(ends)) = (start.instant(window.zone), end.instant(window.zone)) else { return Ok(()) };
    let is_ahead = ends > window.from || (begins == ends && begins == window.from);
    if begins >= window.to || !is_ahead || ends < begins {
        return Ok(());
    }
    if found.events.len() >= MAX_OCCURRENCES {
        return Err(IcalError::TooManyOccurrences);
    }
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let names: usize = event.attendees.iter().map(|named| length(&named.address) + length(&named.name)).sum();
    found.work.copy(event.uid.len() + event.summary.len() + names)?;
    let when = |moment: &Moment, instant: Timestamp| match moment {
        Moment::Day(day) => When::Day(*day),
        Moment::Time(..) => When::Instant(instant),
    };
    found.events.push(CalendarEvent {
        uid: event.uid.to_owned(),
        summary: event.summary.to_owned(),
        attendees: event.attendees.clone(),
        start: when(start, begins),
        end: when(end, ends),
    });
    Ok(())
}
