//! Our shifts as a calendar that others subscribe to.

use std::fmt::Write as _;

use calcard::common::PartialDateTime;
use calcard::icalendar::{
    ICalendar, ICalendarComponent, ICalendarComponentType, ICalendarProperty, ICalendarTransparency, ICalendarValue,
};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// One stretch of one person's duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedShift {
    /// User name.
    pub person: String,
    /// What the person is on call for: "primary".
    pub rotation: String,
    /// When it begins, to the second.
    pub start: Timestamp,
    /// When it ends, exclusive.
    pub end: Timestamp,
}

/// Writes shifts as an iCalendar text in UTC, which [`super::read`] reads back. The same shifts give the same text.
///
/// `name` and `zone` are what a calendar program shows the feed as. A shift keeps its UID as long as person, rotation
/// and start stay, so a shift that ends earlier moves and does not double.
pub fn write(name: &str, zone: &TimeZone, shifts: &[FeedShift]) -> String {
    let mut root = ICalendarComponent::new(ICalendarComponentType::VCalendar);
    let other = |name: &str| ICalendarProperty::Other(name.to_owned());
    root.add_property(ICalendarProperty::Version, text("2.0"));
    root.add_property(ICalendarProperty::Prodid, text("-//nightcall//on-call shifts//EN"));
    root.add_property(ICalendarProperty::Name, text(name));
    // What programs read that do not know NAME (RFC 7986).
    root.add_property(other("X-WR-CALNAME"), text(name));
    if let Some(zone) = zone.iana_name() {
        root.add_property(other("X-WR-TIMEZONE"), text(zone));
    }
    let mut calendar = ICalendar { components: vec![root] };
    for (number, shift) in (1_u32..).zip(shifts) {
        calendar.components.push(event(name, shift));
        if let Some(root) = calendar.components.first_mut() {
            root.component_ids.push(number);
        }
    }
    let mut out = String::new();
    // Writing to a string cannot fail.
    let _ = write!(out, "{calendar}");
    out
}

fn event(name: &str, shift: &FeedShift) -> ICalendarComponent {
    let mut event = ICalendarComponent::new(ICalendarComponentType::VEvent);
    let uid = format!("{}/{}/{}/{}@nightcall", name, shift.rotation, shift.person, shift.start.as_second());
    event.add_property(ICalendarProperty::Uid, text(&uid));
    // The time of writing would change the text every time; the start is as good a revision (RFC 5545, 3.8.7.2).
    event.add_property(ICalendarProperty::Dtstamp, utc(shift.start));
    event.add_property(ICalendarProperty::Dtstart, utc(shift.start));
    event.add_property(ICalendarProperty::Dtend, utc(shift.end));
    event.add_property(ICalendarProperty::Summary, text(&format!("{} on call: {}", shift.person, shift.rotation)));
    // Being on call does not keep anybody from meetings.
    event.add_property(ICalendarProperty::Transp, ICalendarValue::Transparency(ICalendarTransparency::Transparent));
    event
}

/// A text without control characters, which no calendar may contain (RFC 5545, section 3.1).
fn text(value: &str) -> ICalendarValue {
    ICalendarValue::Text(value.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

/// A time in UTC. Years before our era cannot be written; no shift is there.
fn utc(instant: Timestamp) -> ICalendarValue {
    let civil = TimeZone::UTC.to_datetime(instant);
    let part = |value: i8| Some(value.unsigned_abs());
    ICalendarValue::PartialDateTime(Box::new(PartialDateTime {
        year: Some(u16::try_from(civil.year()).unwrap_or(0)),
        month: part(civil.month()),
        day: part(civil.day()),
        hour: part(civil.hour()),
        minute: part(civil.minute()),
        second: part(civil.second()),
        tz_hour: Some(0),
        tz_minute: Some(0),
        tz_minus: false,
    }))
}
