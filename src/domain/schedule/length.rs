//! How long a turn lasts, in civil time: "12h", "1 day", "2 weeks", "1 month".

use std::fmt;
use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::{SignedDuration, Span};

use super::Invalid;

/// The time between two handoffs, counted by the clock on the wall: a day is from nine to nine, whether it has 23, 24
/// or 25 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Length {
    /// Hours of the civil clock: twelve from 09:00 on are 09:00, 21:00, 09:00 on every day of the year.
    Hours(u32),
    /// Days.
    Days(u32),
    /// Weeks.
    Weeks(u32),
    /// Calendar months. In a month too short for the day of the first handoff it is the month's last day.
    Months(u32),
}

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

impl Length {
    /// Refuses nothing at all and more than a year.
    pub fn check(self) -> Result<(), Invalid> {
        let (count, most) = match self {
            Self::Hours(count) => (count, 366 * 24),
            Self::Days(count) => (count, 366),
            Self::Weeks(count) => (count, 52),
            Self::Months(count) => (count, 12),
        };
        match count {
            0 => Err(Invalid(format!("A turn of {self} has no length."))),
            _ if count > most => Err(Invalid(format!("A turn of {self} is longer than a year."))),
            _ => Ok(()),
        }
    }

    /// The handoff of this number, where the anchor is number 0. `None` beyond the end of the calendar.
    ///
    /// Always counted from the anchor: after 31 January and 28 February comes 31 March.
    pub(super) fn handoff(self, anchor: DateTime, number: i64) -> Option<DateTime> {
        match self.units() {
            Units::Seconds(seconds) => anchor.checked_add(SignedDuration::from_secs(seconds.checked_mul(number)?)).ok(),
            Units::Months(months) => {
                let months = Span::new().try_months(months.checked_mul(number)?).ok()?;
                anchor.checked_add(months).ok()
            }
        }
    }

    /// The number of the last handoff that is not after this civil time; negative before the anchor.
    pub(super) fn number_at(self, anchor: DateTime, time: DateTime) -> i64 {
        match self.units() {
            Units::Seconds(seconds) => {
                let passed = time.duration_since(anchor);
                let whole = passed.as_secs() - i64::from(passed.subsec_nanos() < 0);
                whole.div_euclid(seconds)
            }
            Units::Months(months) => {
                let years = i64::from(time.year()) - i64::from(anchor.year());
                let passed = years * 12 + i64::from(time.month()) - i64::from(anchor.month());
                let number = passed.div_euclid(months);
                let is_later = self.handoff(anchor, number).is_none_or(|handoff| handoff > time);
                number - i64::from(is_later)
            }
        }
    }

    /// A length of nothing, which [`check`](Self::check) refuses, counts as one: harmless where nobody checked.
    fn units(self) -> Units {
        let count = |count: u32| i64::from(count.max(1));
        match self {
            Self::Hours(hours) => Units::Seconds(count(hours) * HOUR),
            Self::Days(days) => Units::Seconds(count(days) * DAY),
            Self::Weeks(weeks) => Units::Seconds(count(weeks) * 7 * DAY),
            Self::Months(months) => Units::Months(count(months)),
        }
    }
}

/// Civil days all have 24 hours, so everything but months is a number of civil seconds.
enum Units {
    Seconds(i64),
    Months(i64),
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (count, unit) = match self {
            Self::Hours(hours) => return write!(f, "{hours}h"),
            Self::Days(days) => (days, "day"),
            Self::Weeks(weeks) => (weeks, "week"),
            Self::Months(months) => (months, "month"),
        };
        write!(f, "{count} {unit}{}", if *count == 1 { "" } else { "s" })
    }
}

impl FromStr for Length {
    type Err = Invalid;

    /// Reads a whole number and a unit, and [checks](Self::check) them.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let unknown = || Invalid(format!("{text:?} is no length of a turn: write 12h, 1 day, 2 weeks or 1 month."));
        let digits = text.trim().find(|letter: char| !letter.is_ascii_digit()).ok_or_else(unknown)?;
        let (count, unit) = text.trim().split_at(digits);
        let count = count.parse().map_err(|_| unknown())?;
        let length = match unit.trim_start() {
            "h" | "hour" | "hours" => Self::Hours(count),
            "d" | "day" | "days" => Self::Days(count),
            "w" | "week" | "weeks" => Self::Weeks(count),
            "month" | "months" => Self::Months(count),
            _ => return Err(unknown()),
        };
        length.check()?;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_written_as_people_say_them() {
        for text in ["1h", "12h", "1 day", "3 days", "1 week", "2 weeks", "1 month", "12 months"] {
            assert_eq!(text.parse::<Length>().unwrap().to_string(), text);
        }
        for (text, shown) in [(" 8 hours", "8h"), ("7d", "7 days"), ("1w ", "1 week"), ("01 months", "1 month")] {
            assert_eq!(text.parse::<Length>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_length_is_refused_in_a_sentence() {
        for (text, expected) in [
            ("0h", "A turn of 0h has no length."),
            ("53 weeks", "A turn of 53 weeks is longer than a year."),
            ("8785h", "A turn of 8785h is longer than a year."),
            ("week", "\"week\" is no length of a turn: write 12h, 1 day, 2 weeks or 1 month."),
        ] {
            assert_eq!(text.parse::<Length>().unwrap_err().to_string(), expected);
        }
        for text in ["", "1", "-1 day", "1.5 days", "99999999999 h", "1 y", "٣ days"] {
            assert!(text.parse::<Length>().is_err(), "{text}");
        }
    }

    #[test]
    fn months_are_counted_from_the_anchor() {
        let anchor: DateTime = "2025-10-31T09:00".parse().unwrap();
        let days = (0..6).map(|number| Length::Months(1).handoff(anchor, number).unwrap().date().to_string());
        let expected = ["2025-10-31", "2025-11-30", "2025-12-31", "2026-01-31", "2026-02-28", "2026-03-31"];
        assert_eq!(days.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_number_of_a_handoff_is_found_again() {
        let anchor: DateTime = "2024-01-31T09:00:00.5".parse().unwrap();
        let moment = SignedDuration::from_nanos(1);
        for length in [Length::Hours(1), Length::Days(3), Length::Weeks(2), Length::Months(1), Length::Months(5)] {
            for number in -40..400 {
                let handoff = length.handoff(anchor, number).unwrap();
                assert_eq!(length.number_at(anchor, handoff), number);
                assert_eq!(length.number_at(anchor, handoff.checked_sub(moment).unwrap()), number - 1);
            }
            for time in [DateTime::MIN, DateTime::MAX] {
                length.number_at(anchor, time);
                assert!(length.handoff(time, i64::MAX).is_none() && length.handoff(time, i64::MIN).is_none());
            }
        }
    }
}
