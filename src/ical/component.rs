//! One VEVENT as it is written, before recurrences.

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendarComponent, ICalendarDuration, ICalendarEntry, ICalendarParameterName, ICalendarParameterValue,
    ICalendarPeriod, ICalendarProperty, ICalendarRecurrenceRule, ICalendarStatus, ICalendarUserTypes, ICalendarValue,
};
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use super::Attendee;
use super::limits::Problems;
use super::zones::Zones;

/// A point as written: a day, or a civil time in a zone.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Moment {
    Day(Date),
    Time(DateTime, TimeZone),
}

/// How long an occurrence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Length {
    /// Added to the civil start.
    pub(super) civil: SignedDuration,
    /// Added to the instant after that.
    pub(super) exact: SignedDuration,
}

/// Where an event ends, as written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum End {
    At(Moment),
    After(Length),
}

/// A VEVENT.
#[derive(Debug, Default)]
pub(super) struct Component<'a> {
    /// Empty if there is none.
    pub(super) uid: &'a str,
    pub(super) summary: &'a str,
    pub(super) attendees: Vec<Attendee>,
    pub(super) sequence: i64,
    pub(super) cancelled: bool,
    pub(super) start: Option<Moment>,
    pub(super) end: Option<End>,
    pub(super) rules: Vec<&'a ICalendarRecurrenceRule>,
    /// It has a rule that could not be read, or an EXRULE, which RFC 5545 took away.
    pub(super) unreadable_rule: bool,
    /// RDATE.
    pub(super) added: Vec<(Moment, Option<End>)>,
    /// EXDATE.
    pub(super) removed: Vec<Moment>,
    /// The occurrence that this one replaces.
    pub(super) replaces: Option<Moment>,
    /// It would replace all later occurrences too (RANGE=THISANDFUTURE).
    pub(super) replaces_later: bool,
}

impl Moment {
    /// The civil time; midnight for a day.
    pub(super) fn civil(&self) -> DateTime {
        match self {
            Moment::Day(day) => day.at(0, 0, 0, 0),
            Moment::Time(civil, _) => *civil,
        }
    }

    /// A moment of the same kind at another civil time.
    pub(super) fn at(&self, civil: DateTime) -> Moment {
        match self {
            Moment::Day(_) => Moment::Day(civil.date()),
            Moment::Time(_, zone) => Moment::Time(civil, zone.clone()),
        }
    }

    /// `other` in the civil time of this moment. A day among times has this moment's time of day.
    pub(super) fn adopt(&self, other: &Moment) -> Option<DateTime> {
        match (self, other) {
            (Moment::Day(_), other) => Some(other.civil().date().at(0, 0, 0, 0)),
            (Moment::Time(civil, _), Moment::Day(day)) => Some(day.to_datetime(civil.time())),
            (Moment::Time(_, zone), Moment::Time(civil, other)) if zone == other => Some(*civil),
            (Moment::Time(_, zone), Moment::Time(civil, other)) => {
                Some(zone.to_datetime(other.to_timestamp(*civil).ok()?))
            }
        }
    }

    /// The instant, with days beginning at midnight in `zone`. A civil time that does not exist or exists twice is
    /// read as RFC 5545, section 3.3.5 has it.
    pub(super) fn instant(&self, zone: &TimeZone) -> Option<Timestamp> {
        match self {
            Moment::Day(day) => zone.to_timestamp(day.at(0, 0, 0, 0)).ok(),
            Moment::Time(civil, zone) => zone.to_timestamp(*civil).ok(),
        }
    }
}

impl<'a> Component<'a> {
    /// Takes from a VEVENT what counts here.
    pub(super) fn read(component: &'a ICalendarComponent, zones: &mut Zones<'_>, problems: &mut Problems) -> Self {
        let mut read = Component {
            uid: text(component, &ICalendarProperty::Uid),
            summary: text(component, &ICalendarProperty::Summary),
            cancelled: matches!(component.status(), Some(ICalendarStatus::Cancelled)),
            ..Component::default()
        };
        // The zone of the start is that of times without one elsewhere in the event, so it comes first.
        if let Some(entry) = component.property(&ICalendarProperty::Dtstart) {
            read.start = moments(entry, None, zones, problems).into_iter().next();
        }
        let near = read.start.clone();
        for entry in &component.entries {
            let mut all = || moments(entry, near.as_ref(), zones, problems);
            match (&entry.name, entry.values.first()) {
                (ICalendarProperty::Dtend, _) => read.end = all().into_iter().next().map(End::At).or(read.end),
                (ICalendarProperty::Duration, Some(ICalendarValue::Duration(duration))) => {
                    read.end.get_or_insert(End::After(length(duration)));
                }
                (ICalendarProperty::Rrule, Some(ICalendarValue::RecurrenceRule(rule))) => read.rules.push(rule),
                (ICalendarProperty::Rrule | ICalendarProperty::Exrule, _) => read.unreadable_rule = true,
                (ICalendarProperty::Exdate, _) => read.removed.extend(all()),
                (ICalendarProperty::Rdate, _) => {
                    read.added.extend(all().into_iter().map(|moment| (moment, None)));
                    read.added.extend(periods(entry, near.as_ref(), zones, problems));
                }
                (ICalendarProperty::RecurrenceId, _) => {
                    read.replaces = all().into_iter().next();
                    read.replaces_later = entry.has_parameter(&ICalendarParameterName::Range);
                }
                (ICalendarProperty::Sequence, Some(ICalendarValue::Integer(number))) => read.sequence = *number,
                (ICalendarProperty::Attendee, _) => read.attendees.extend(attendee(entry)),
                _ => {}
            }
        }
        read
    }
}

/// The text of a property; empty if there is none.
fn text<'a>(component: &'a ICalendarComponent, name: &ICalendarProperty) -> &'a str {
    component.property(name).and_then(|entry| entry.values.first()).and_then(ICalendarValue::as_text).unwrap_or("")
}

/// Whom an ATTENDEE names. Calendars put a placeholder where an address should be; then the name is what is left.
fn attendee(entry: &ICalendarEntry) -> Option<Attendee> {
    let is_thing = |value: &ICalendarParameterValue| {
        matches!(value, ICalendarParameterValue::Cutype(ICalendarUserTypes::Resource | ICalendarUserTypes::Room))
    };
    if entry.parameter(&ICalendarParameterName::Cutype).is_some_and(is_thing) {
        return None;
    }
    let parameter = |name| entry.parameter(&name).and_then(ICalendarParameterValue::as_text).map(str::trim);
    let given = |text: &&str| !text.is_empty();
    let calendar_address = entry.calendar_address().map(str::trim);
    let address = calendar_address.filter(|address| address.contains('@'));
    let address = address.or_else(|| parameter(ICalendarParameterName::Email).filter(given));
    let name = parameter(ICalendarParameterName::Cn).filter(given);
    let address = if name.is_none() { address.or(calendar_address.filter(given)) } else { address };
    let owned = |text: Option<&str>| text.map(str::to_owned);
    (address.is_some() || name.is_some()).then(|| Attendee { address: owned(address), name: owned(name) })
}

/// The dates and times of a property. Those without a zone are in that of `near`, else in the default zone.
fn moments(
    entry: &ICalendarEntry,
    near: Option<&Moment>,
    zones: &mut Zones<'_>,
    problems: &mut Problems,
) -> Vec<Moment> {
    let zone = zone_of(entry, near, zones, problems);
    let values = entry.values.iter().filter_map(ICalendarValue::as_partial_date_time);
    values.filter_map(|value| moment(value, &zone)).collect()
}

/// The periods of an RDATE.
fn periods(
    entry: &ICalendarEntry,
    near: Option<&Moment>,
    zones: &mut Zones<'_>,
    problems: &mut Problems,
) -> Vec<(Moment, Option<End>)> {
    let zone = zone_of(entry, near, zones, problems);
    let period = |value: &ICalendarValue| match value {
        ICalendarValue::Period(ICalendarPeriod::Range { start, end }) => {
            Some((moment(start, &zone)?, Some(End::At(moment(end, &zone)?))))
        }
        ICalendarValue::Period(ICalendarPeriod::Duration { start, duration }) => {
            Some((moment(start, &zone)?, Some(End::After(length(duration)))))
        }
        _ => None,
    };
    entry.values.iter().filter_map(period).collect()
}

/// The zone in which a property's times are.
fn zone_of(entry: &ICalendarEntry, near: Option<&Moment>, zones: &mut Zones<'_>, problems: &mut Problems) -> TimeZone {
    match (entry.tz_id(), near) {
        (Some(id), _) => zones.named(id, problems),
        (None, Some(Moment::Time(_, zone))) => zone.clone(),
        (None, _) => zones.default_zone(),
    }
}

/// A date or time that exists.
pub(super) fn moment(value: &PartialDateTime, zone: &TimeZone) -> Option<Moment> {
    let date = Date::new(i16::try_from(value.year?).ok()?, signed(value.month?)?, signed(value.day?)?).ok()?;
    let Some(hour) = value.hour else { return Some(Moment::Day(date)) };
    let minute = signed(value.minute.unwrap_or(0))?;
    // Second 60 is a leap second (RFC 5545, section 3.3.12); it is read as 59.
    let second = signed(value.second.unwrap_or(0).min(59))?;
    let civil = date.to_datetime(jiff::civil::Time::new(signed(hour)?, minute, second, 0).ok()?);
    let zone = match value.tz_hour {
        None => zone.clone(),
        Some(0) if value.tz_minute.unwrap_or(0) == 0 => TimeZone::UTC,
        Some(hours) => {
            let seconds = i32::from(hours) * 3600 + i32::from(value.tz_minute.unwrap_or(0)) * 60;
            TimeZone::fixed(Offset::from_seconds(if value.tz_minus { -seconds } else { seconds }).ok()?)
        }
    };
    Some(Moment::Time(civil, zone))
}

fn signed(value: u8) -> Option<i8> {
    i8::try_from(value).ok()
}

/// A DURATION: its days are civil, its hours exact (RFC 5545, section 3.3.6).
fn length(duration: &ICalendarDuration) -> Length {
    let days = i64::from(duration.weeks) * 7 + i64::from(duration.days);
    let seconds = i64::from(duration.hours) * 3600 + i64::from(duration.minutes) * 60 + i64::from(duration.seconds);
    let sign = if duration.neg { -1 } else { 1 };
    Length { civil: SignedDuration::from_secs(sign * days * 86_400), exact: SignedDuration::from_secs(sign * seconds) }
}
