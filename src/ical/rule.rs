//! Recurrence rules (RFC 5545, section 3.3.10), expanded in civil time.
//!
//! A rule goes through its periods (years, months, weeks, days or hours). In each it tests every day against the parts
//! of the rule, crosses those that fit with the times of day, and picks positions. A rule without COUNT starts at the
//! window, not at its first year; so a window costs what it is long, and no rule can hide its next date behind a
//! million empty periods.

use calcard::icalendar::{ICalendarFrequency, ICalendarRecurrenceRule, ICalendarWeekday};
use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::{SignedDuration, Span};

use super::IcalError;
use super::limits::Work;

/// A rule with more times of day than this is refused.
const MAX_TIMES_A_DAY: usize = 288;

/// A rule, completed by what it takes from its first occurrence.
#[derive(Debug, Clone)]
pub(super) struct Rule {
    start: DateTime,
    frequency: ICalendarFrequency,
    interval: i64,
    /// Last moment, inclusive.
    until: Option<DateTime>,
    count: Option<u32>,
    months: Vec<i16>,
    weeks: Vec<i16>,
    year_days: Vec<i16>,
    month_days: Vec<i16>,
    /// With the number within month or year, if there is one.
    weekdays: Vec<(Option<i16>, Weekday)>,
    hours: Vec<i8>,
    minutes: Vec<i8>,
    seconds: Vec<i8>,
    positions: Vec<i32>,
    week_start: Weekday,
}

/// Days that a rule looks at together, and the hour if it goes by hours.
struct Period {
    first: Date,
    days: i16,
    hour: Option<i8>,
}

impl Rule {
    /// Completes a rule; `until` is its UNTIL in the civil time of the series. The error says what is not supported.
    pub(super) fn new(
        rule: &ICalendarRecurrenceRule,
        start: DateTime,
        until: Option<DateTime>,
    ) -> Result<Self, &'static str> {
        if matches!(rule.freq, ICalendarFrequency::Minutely | ICalendarFrequency::Secondly) {
            return Err("it repeats more often than every hour");
        }
        if rule.rscale.as_ref().is_some_and(|scale| *scale != calcard::common::CalendarScale::Gregorian) {
            return Err("it does not follow the Gregorian calendar");
        }
        if rule.skip.is_some_and(|skip| skip != calcard::icalendar::ICalendarSkip::Omit) {
            return Err("it moves days that do not exist (SKIP)");
        }
        let [hours, minutes, seconds] = times(rule, start)?;
        let mut completed = Self {
            start,
            frequency: rule.freq,
            interval: i64::from(rule.interval.unwrap_or(1).max(1)),
            until,
            count: rule.count,
            months: rule.bymonth.iter().map(|month| i16::from(month.month())).collect(),
            weeks: rule.byweekno.iter().map(|week| i16::from(*week)).collect(),
            year_days: rule.byyearday.clone(),
            month_days: rule.bymonthday.iter().map(|day| i16::from(*day)).collect(),
            weekdays: rule.byday.iter().map(|day| (day.ordwk, weekday(day.weekday))).collect(),
            hours,
            minutes,
            seconds,
            positions: rule.bysetpos.clone(),
            week_start: rule.wkst.map_or(Weekday::Monday, weekday),
        };
        completed.take_days_from_start();
        Ok(completed)
    }

    /// "Information, not contained in the rule, … is derived from DTSTART."
    fn take_days_from_start(&mut self) {
        if !(self.year_days.is_empty() && self.month_days.is_empty() && self.weekdays.is_empty()) {
            return;
        }
        match self.frequency {
            _ if !self.weeks.is_empty() => self.weekdays = vec![(None, self.start.weekday())],
            ICalendarFrequency::Yearly => {
                if self.months.is_empty() {
                    self.months = vec![i16::from(self.start.month())];
                }
                self.month_days = vec![i16::from(self.start.day())];
            }
            ICalendarFrequency::Monthly => self.month_days = vec![i16::from(self.start.day())],
            ICalendarFrequency::Weekly => self.weekdays = vec![(None, self.start.weekday())],
            _ => {}
        }
    }

    /// Whether UNTIL leaves no occurrence.
    pub(super) fn is_over_before_start(&self) -> bool {
        self.until.is_some_and(|until| self.start > until)
    }

    /// The occurrences from `from` up to, not including, `to`, in order. The start of the series is always the first
    /// of them, also where it does not fit the rule (section 3.8.5.3 leaves that open; calendars show it).
    pub(super) fn occurrences(
        &self,
        from: DateTime,
        to: DateTime,
        work: &mut Work,
    ) -> Result<Vec<DateTime>, IcalError> {
        let mut found = Vec::new();
        if self.start >= to || self.is_over_before_start() {
            return Ok(found);
        }
        if self.start >= from {
            found.push(self.start);
        }
        let mut left = self.count.map(|count| count.saturating_sub(1));
        let mut number = if self.count.is_some() { 0 } else { self.period_before(from) };
        while left != Some(0) {
            work.charge(1)?;
            let Some(period) = self.period(number) else { break };
            let begin = period.first.at(period.hour.unwrap_or(0), 0, 0, 0);
            if begin >= to || self.until.is_some_and(|until| begin > until) {
                break;
            }
            for moment in self.within(&period, work)? {
                if moment <= self.start {
                    continue;
                }
                if left == Some(0) || moment >= to || self.until.is_some_and(|until| moment > until) {
                    return Ok(found);
                }
                left = left.map(|left| left - 1);
                if moment >= from {
                    found.push(moment);
                }
            }
            number += 1;
        }
        Ok(found)
    }

    /// Number of a period that is not after `from`, and not long before it.
    fn period_before(&self, from: DateTime) -> i64 {
        let hours_each = match self.frequency {
            ICalendarFrequency::Yearly => 366 * 24,
            ICalendarFrequency::Monthly => 31 * 24,
            ICalendarFrequency::Weekly => 7 * 24,
            ICalendarFrequency::Daily => 24,
            _ => 1,
        };
        let hours = from.duration_since(self.start).as_hours();
        (hours / (hours_each * self.interval) - 1).max(0)
    }

    /// The period with this number; none where the calendar ends.
    fn period(&self, number: i64) -> Option<Period> {
        let steps = number.checked_mul(self.interval)?;
        let start = self.start.date();
        match self.frequency {
            ICalendarFrequency::Yearly => {
                let year = i16::try_from(i64::from(start.year()).checked_add(steps)?).ok()?;
                let first = Date::new(year, 1, 1).ok()?;
                Some(Period { first, days: first.days_in_year(), hour: None })
            }
            ICalendarFrequency::Monthly => {
                let months = (i64::from(start.year()) * 12 + i64::from(start.month()) - 1).checked_add(steps)?;
                let year = i16::try_from(months.div_euclid(12)).ok()?;
                let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
                let first = Date::new(year, month, 1).ok()?;
                Some(Period { first, days: i16::from(first.days_in_month()), hour: None })
            }
            ICalendarFrequency::Weekly => {
                let week = start_of_week(start, self.week_start)?;
                let first = week.checked_add(Span::new().try_days(steps.checked_mul(7)?).ok()?).ok()?;
                Some(Period { first, days: 7, hour: None })
            }
            ICalendarFrequency::Daily => {
                let first = start.checked_add(Span::new().try_days(steps).ok()?).ok()?;
                Some(Period { first, days: 1, hour: None })
            }
            _ => {
                let from = start.at(self.start.hour(), 0, 0, 0);
                let hour = from.checked_add(SignedDuration::from_secs(steps.checked_mul(3600)?)).ok()?;
                Some(Period { first: hour.date(), days: 1, hour: Some(hour.hour()) })
            }
        }
    }

    /// What a period holds, in order.
    fn within(&self, period: &Period, work: &mut Work) -> Result<Vec<DateTime>, IcalError> {
        work.charge(usize::from(period.days.unsigned_abs()))?;
        let day = |number: i16| period.first.checked_add(Span::new().days(number)).ok();
        let days: Vec<Date> = (0..period.days).filter_map(day).filter(|day| self.fits(*day)).collect();
        let hours = match &period.hour {
            Some(hour) if self.hours.is_empty() || self.hours.contains(hour) => std::slice::from_ref(hour),
            Some(_) => &[],
            None => self.hours.as_slice(),
        };
        work.charge(days.len() * hours.len() * self.minutes.len() * self.seconds.len())?;
        let mut moments = Vec::new();
        for day in days {
            for hour in hours {
                for minute in &self.minutes {
                    moments.extend(self.seconds.iter().map(|second| day.at(*hour, *minute, *second, 0)));
                }
            }
        }
        Ok(if self.positions.is_empty() { moments } else { pick(&moments, &self.positions) })
    }

    /// Whether a day has everything that the rule asks for; a part that is absent asks for nothing.
    fn fits(&self, day: Date) -> bool {
        let from_either_end = |wanted: &[i16], number: i16, of: i16| {
            wanted.is_empty() || wanted.contains(&number) || wanted.contains(&(number - of - 1))
        };
        (self.months.is_empty() || self.months.contains(&i16::from(day.month())))
            && from_either_end(&self.month_days, i16::from(day.day()), i16::from(day.days_in_month()))
            && from_either_end(&self.year_days, day.day_of_year(), day.days_in_year())
            && (self.weekdays.is_empty() || self.fits_weekday(day))
            && (self.weeks.is_empty()
                || week_number(day, self.week_start).is_some_and(|(week, of)| from_either_end(&self.weeks, week, of)))
    }

    /// Whether BYDAY names the day. "2MO" counts in the month, or in the year for a yearly rule without BYMONTH; other
    /// frequencies have no such numbers, so they are passed over there.
    fn fits_weekday(&self, day: Date) -> bool {
        let (number, of) = match self.frequency {
            ICalendarFrequency::Yearly if self.months.is_empty() => (day.day_of_year(), day.days_in_year()),
            _ => (i16::from(day.day()), i16::from(day.days_in_month())),
        };
        let counts = matches!(self.frequency, ICalendarFrequency::Yearly | ICalendarFrequency::Monthly);
        self.weekdays.iter().any(|(nth, weekday)| {
            let fits = nth.is_none_or(|nth| nth == (number - 1) / 7 + 1 || nth == -((of - number) / 7 + 1));
            *weekday == day.weekday() && (fits || !counts)
        })
    }
}

/// The hours, minutes and seconds of a rule, each sorted; no hours mean every hour, for a rule that goes by hours.
fn times(rule: &ICalendarRecurrenceRule, start: DateTime) -> Result<[Vec<i8>; 3], &'static str> {
    let part = |values: &[u8], default: &[i8]| {
        let mut part: Vec<i8> = values.iter().filter_map(|value| i8::try_from(*value).ok()).collect();
        part.sort_unstable();
        part.dedup();
        if values.is_empty() { default.to_vec() } else { part }
    };
    let hour = [start.hour()];
    let hours = part(&rule.byhour, if rule.freq == ICalendarFrequency::Hourly { &[] } else { &hour });
    let minutes = part(&rule.byminute, &[start.minute()]);
    // RFC 5545 allows second 60, for leap seconds; no clock here has one.
    let seconds: Vec<i8> = part(&rule.bysecond, &[start.second()]);
    let exist = |hour: i8, minute: i8, second: i8| Time::new(hour, minute, second, 0).is_ok();
    let last = |part: &[i8]| part.last().copied().unwrap_or(0);
    if rule.byhour.len() + rule.byminute.len() + rule.bysecond.len() > 3 * MAX_TIMES_A_DAY
        || hours.len().max(1) * minutes.len() * seconds.len() > MAX_TIMES_A_DAY
    {
        return Err("it has too many times of day");
    }
    if !exist(last(&hours), last(&minutes), last(&seconds)) || minutes.is_empty() || seconds.is_empty() {
        return Err("it has a time of day that does not exist");
    }
    Ok([hours, minutes, seconds])
}

/// The moments at these positions, counted from 1, or from the end for negative ones.
fn pick(moments: &[DateTime], positions: &[i32]) -> Vec<DateTime> {
    let index = |position: &i32| {
        let position = isize::try_from(*position).ok()?;
        let length = isize::try_from(moments.len()).ok()?;
        usize::try_from(if position > 0 { position - 1 } else { length.checked_add(position)? }).ok()
    };
    let mut picked: Vec<DateTime> =
        positions.iter().filter_map(index).filter_map(|i| moments.get(i).copied()).collect();
    picked.sort_unstable();
    picked.dedup();
    picked
}

/// The first day of the week that a day is in.
fn start_of_week(day: Date, week_start: Weekday) -> Option<Date> {
    day.checked_sub(Span::new().days(day.weekday().since(week_start))).ok()
}

/// Number of the week that a day is in, and how many that week's year has. The first week of a year is the first with
/// at least four days in it.
fn week_number(day: Date, week_start: Weekday) -> Option<(i16, i16)> {
    let week = start_of_week(day, week_start)?;
    let year = week.checked_add(Span::new().days(3)).ok()?.year();
    let first_of = |year: i16| start_of_week(Date::new(year, 1, 4).ok()?, week_start);
    let weeks_since =
        |later: Date, earlier: Date| i16::try_from(later.duration_since(earlier).as_hours() / (7 * 24)).ok();
    let first = first_of(year)?;
    Some((weeks_since(week, first)? + 1, weeks_since(first_of(year.checked_add(1)?)?, first)?))
}

/// The library's weekday as ours.
fn weekday(weekday: ICalendarWeekday) -> Weekday {
    match weekday {
        ICalendarWeekday::Sunday => Weekday::Sunday,
        ICalendarWeekday::Monday => Weekday::Monday,
        ICalendarWeekday::Tuesday => Weekday::Tuesday,
        ICalendarWeekday::Wednesday => Weekday::Wednesday,
        ICalendarWeekday::Thursday => Weekday::Thursday,
        ICalendarWeekday::Friday => Weekday::Friday,
        ICalendarWeekday::Saturday => Weekday::Saturday,
    }
}
