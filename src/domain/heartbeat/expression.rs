//! Cron expressions: five fields that name civil times, as crontab(5) has them.
//!
//! Time zones are the business of [`timetable`](super::timetable); here a time is what a clock on the wall shows.
//! No searching runs longer than the calendar takes to repeat itself.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};

use super::field::{self, Numbers};

#[cfg(test)]
pub(super) mod tests;

/// Longest expression in bytes. A list of all sixty minutes has 170.
const LENGTH_MAX: usize = 400;

/// Days in 400 years, after which the Gregorian calendar repeats, weekdays included: what has not matched by then
/// never will.
const CALENDAR_CYCLE_DAYS: u32 = 146_097;

/// Minutes in a day as a clock shows it.
const DAY_MINUTES: u16 = 24 * 60;

/// Days of each month in a leap year.
const MONTH_LENGTHS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// So many times of day are still told one by one.
const TIMES_TOLD_MAX: u32 = 4;

/// Shorthands, and what they stand for.
const SHORTHANDS: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// A cron expression: minute, hour, day of month, month, day of week.
///
/// Each field is a list of `*`, numbers, ranges and steps; months and days of the week may be named by three letters.
/// A day must match both day fields if one of them begins with `*`, else one of them is enough (crontab(5)).
/// There is no `L`, `W`, `#`, `?` and no field for seconds or years.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expression {
    /// As written, with single spaces.
    text: String,
    minutes: Numbers,
    hours: Numbers,
    days_of_month: Numbers,
    months: Numbers,
    /// Sunday is 0.
    days_of_week: Numbers,
}

/// The expression cannot be read, or names no time at all; in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidExpression(pub String);

impl fmt::Display for InvalidExpression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidExpression {}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for Expression {
    type Err = InvalidExpression;

    /// Reads an expression: five fields, or a shorthand such as `@daily`.
    ///
    /// # Errors
    ///
    /// What cannot be read, and days that no calendar has, such as 30 February.
    fn from_str(text: &str) -> Result<Self, InvalidExpression> {
        if text.len() > LENGTH_MAX {
            return Err(InvalidExpression(format!("longer than {LENGTH_MAX} bytes")));
        }
        let written = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        let fields: Vec<&str> = expand(&written)?.split(' ').collect();
        let [minute, hour, day_of_month, month, day_of_week] = fields[..] else {
            let count = if written.is_empty() { 0 } else { fields.len() };
            let order = "minute, hour, day of month, month, day of week";
            return Err(InvalidExpression(format!("{count} fields instead of five: {order}")));
        };
        let read = |field: field::Field, text| field.read(text).map_err(InvalidExpression);
        let mut days_of_week = read(field::DAY_OF_WEEK, day_of_week)?;
        days_of_week.bits = (days_of_week.bits | days_of_week.bits >> 7) & 0x7f;
        let expression = Self {
            minutes: read(field::MINUTE, minute)?,
            hours: read(field::HOUR, hour)?,
            days_of_month: read(field::DAY_OF_MONTH, day_of_month)?,
            months: read(field::MONTH, month)?,
            days_of_week,
            text: written,
        };
        if expression.names_a_day() {
            Ok(expression)
        } else {
            Err(InvalidExpression("no month has that day".to_owned()))
        }
    }
}

impl Expression {
    /// Whether it goes by the running clock instead of by fixed times of day: the minute or the hour begins with
    /// `*`. Cron makes the same distinction when the clock is changed.
    pub(super) fn is_running(&self) -> bool {
        self.minutes.starred || self.hours.starred
    }

    /// The first time named that is not before `from`, and before `until`.
    pub(super) fn first(&self, from: DateTime, until: DateTime) -> Option<DateTime> {
        let (mut date, mut minute) = (from.date(), minute_of_day(from));
        for _ in 0..=CALENDAR_CYCLE_DAYS {
            if date > until.date() {
                return None;
            }
            if !self.has_month(date) {
                date = date.last_of_month();
            } else if self.has_day(date)
                && let Some(found) = self.first_minute(minute)
            {
                return at(date, found).filter(|found| *found < until);
            }
            (date, minute) = (date.tomorrow().ok()?, 0);
        }
        None
    }

    /// The last time named that is before `until`, and not before `from`.
    pub(super) fn last(&self, from: DateTime, until: DateTime) -> Option<DateTime> {
        let (mut date, mut minutes) = (until.date(), minute_of_day(until));
        for _ in 0..=CALENDAR_CYCLE_DAYS {
            if date < from.date() {
                return None;
            }
            if !self.has_month(date) {
                date = date.first_of_month();
            } else if self.has_day(date)
                && let Some(found) = self.last_minute(minutes)
            {
                return at(date, found).filter(|found| *found >= from);
            }
            (date, minutes) = (date.yesterday().ok()?, DAY_MINUTES);
        }
        None
    }

    /// The times of day ("03:00"), if they are few and the same every day.
    pub(super) fn times_of_every_day(&self) -> Option<Vec<String>> {
        let every_month = self.months.bits.count_ones() == 12;
        let every_day = (self.days_of_month.bits.count_ones() == 31, self.days_of_week.bits.count_ones() == 7);
        let few = self.hours.bits.count_ones() * self.minutes.bits.count_ones() <= TIMES_TOLD_MAX;
        if !(every_month && self.days_agree(every_day) && few) {
            return None;
        }
        let times = (0..DAY_MINUTES).filter(|minute| self.has_minute(*minute));
        Some(times.map(|minute| format!("{:02}:{:02}", minute / 60, minute % 60)).collect())
    }

    /// Whether any day matches. Every date there is falls on every day of the week in some year, so only the day of
    /// the month can be impossible.
    fn names_a_day(&self) -> bool {
        let by_date = (1..).zip(MONTH_LENGTHS).any(|(month, length)| {
            has(self.months, month) && (1..=length).any(|day| has(self.days_of_month, i16::from(day)))
        });
        self.days_agree((by_date, true))
    }

    fn has_month(&self, date: Date) -> bool {
        has(self.months, date.month().into())
    }

    fn has_day(&self, date: Date) -> bool {
        let of_week = has(self.days_of_week, date.weekday().to_sunday_zero_offset().into());
        self.days_agree((has(self.days_of_month, date.day().into()), of_week))
    }

    /// What crontab(5) makes of the two day fields.
    fn days_agree(&self, (of_month, of_week): (bool, bool)) -> bool {
        if self.days_of_month.starred || self.days_of_week.starred { of_month && of_week } else { of_month || of_week }
    }

    /// The first minute of the day that is named and not before `from`.
    fn first_minute(&self, from: u16) -> Option<u16> {
        let (hour, minute) = (from / 60, from % 60);
        let same_hour = first_bit(self.hours.bits, hour) == Some(hour);
        if let Some(minute) = first_bit(self.minutes.bits, minute).filter(|_| same_hour) {
            return Some(hour * 60 + minute);
        }
        Some(first_bit(self.hours.bits, hour + 1)? * 60 + first_bit(self.minutes.bits, 0)?)
    }

    /// The last minute of the day that is named and before `until`.
    fn last_minute(&self, until: u16) -> Option<u16> {
        let (hour, minute) = (until / 60, until % 60);
        let same_hour = first_bit(self.hours.bits, hour) == Some(hour);
        if let Some(minute) = last_bit(self.minutes.bits, minute).filter(|_| same_hour) {
            return Some(hour * 60 + minute);
        }
        Some(last_bit(self.hours.bits, hour)? * 60 + last_bit(self.minutes.bits, 60)?)
    }

    fn has_minute(&self, minute_of_day: u16) -> bool {
        self.hours.bits >> (minute_of_day / 60) & 1 == 1 && self.minutes.bits >> (minute_of_day % 60) & 1 == 1
    }
}

/// The fields that a shorthand stands for; anything else stands for itself.
fn expand(written: &str) -> Result<&str, InvalidExpression> {
    if !written.starts_with('@') {
        return Ok(written);
    }
    let found = SHORTHANDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(written));
    found.map(|(_, fields)| *fields).ok_or_else(|| {
        let known: Vec<&str> = SHORTHANDS.iter().map(|(name, _)| *name).collect();
        InvalidExpression(format!("{written:?} is none of {}", known.join(", ")))
    })
}

fn has(numbers: Numbers, number: i16) -> bool {
    u32::try_from(number).is_ok_and(|number| numbers.bits.checked_shr(number).unwrap_or(0) & 1 == 1)
}

/// The lowest bit set from `low` on; `low` is below 64.
fn first_bit(bits: u64, low: u16) -> Option<u16> {
    (low..64).nth((bits >> low).trailing_zeros().try_into().ok()?)
}

/// The highest bit set below `high`, which is below 64.
fn last_bit(bits: u64, high: u16) -> Option<u16> {
    (bits & ((1 << high) - 1)).checked_ilog2()?.try_into().ok()
}

/// The minute of the day, rounded up.
fn minute_of_day(civil: DateTime) -> u16 {
    let (hour, minute) = (civil.hour().unsigned_abs(), civil.minute().unsigned_abs());
    let begun = civil.second() > 0 || civil.subsec_nanosecond() > 0;
    u16::from(hour) * 60 + u16::from(minute) + u16::from(begun)
}

fn at(date: Date, minute_of_day: u16) -> Option<DateTime> {
    let (hour, minute) = (i8::try_from(minute_of_day / 60).ok()?, i8::try_from(minute_of_day % 60).ok()?);
    Some(date.to_datetime(Time::new(hour, minute, 0, 0).ok()?))
}
