//! Sets of weekdays and how they are written: "mon-fri", "sat,sun", "mon,wed-fri", "daily".

use std::fmt;
use std::str::FromStr;

use jiff::civil::Weekday;

/// A set of weekdays with at least one in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Weekdays(u8);

/// Monday first, as ISO 8601 counts.
const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const LONG_NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

impl Weekdays {
    /// All seven.
    pub const DAILY: Self = Self(0b111_1111);

    /// The set of these days; `None` if there are none.
    pub fn new(days: impl IntoIterator<Item = Weekday>) -> Option<Self> {
        let bits = days.into_iter().fold(0, |bits, day| bits | 1 << day.to_monday_zero_offset());
        (bits != 0).then_some(Self(bits))
    }

    /// Whether the day is one of them.
    pub fn contains(self, day: Weekday) -> bool {
        self.has(day.to_monday_zero_offset() as usize)
    }

    fn has(self, day: usize) -> bool {
        self.0 & 1 << day != 0
    }
}

/// The text does not name weekdays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWeekday(pub String);

impl fmt::Display for UnknownWeekday {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no weekday: write mon, tue, wed, thu, fri, sat, sun, a range as in mon-fri, or daily",
            self.0
        )
    }
}

impl std::error::Error for UnknownWeekday {}

impl FromStr for Weekdays {
    type Err = UnknownWeekday;

    /// Reads days and ranges between commas, without regard to case. A range may go over the end of the week:
    /// "fri-mon" has four days.
    fn from_str(text: &str) -> Result<Self, UnknownWeekday> {
        if text.trim().eq_ignore_ascii_case("daily") {
            return Ok(Self::DAILY);
        }
        let mut bits = 0;
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (mut day, last) = (number(first)?, number(last)?);
            while day != last {
                bits |= 1 << day;
                day = (day + 1) % NAMES.len();
            }
            bits |= 1 << last;
        }
        Ok(Self(bits))
    }
}

impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::DAILY {
            return f.write_str("daily");
        }
        let mut separator = "";
        let mut day = 0;
        while day < NAMES.len() {
            let run = (day..NAMES.len()).take_while(|day| self.has(*day)).count();
            // Two days are shorter as a list: "sat,sun" is what people write.
            let shown = if run > 2 { run } else { run.min(1) };
            match NAMES.get(day..day + shown) {
                Some([first, .., last]) => write!(f, "{separator}{first}-{last}")?,
                Some([only]) => write!(f, "{separator}{only}")?,
                Some([]) | None => {}
            }
            if shown > 0 {
                separator = ",";
            }
            day += shown.max(1);
        }
        Ok(())
    }
}

fn number(name: &str) -> Result<usize, UnknownWeekday> {
    let name = name.trim();
    let is_name = |known: &&str| known.eq_ignore_ascii_case(name);
    let found = NAMES.iter().position(is_name).or_else(|| LONG_NAMES.iter().position(is_name));
    found.ok_or_else(|| UnknownWeekday(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let days: Weekdays = text.parse().unwrap();
        assert_eq!(days.to_string(), expected);
        assert_eq!(expected.parse(), Ok(days));
    }

    #[test]
    fn as_people_write_them() {
        for text in ["mon-fri", "sat,sun", "mon,wed-fri", "daily", "tue", "mon,tue,thu-sat"] {
            check(text, text);
        }
        check(" Monday - wed , SUN", "mon-wed,sun");
        check("mon,tue,wed,thu,fri,sat,sun", "daily");
        check("wed-tue", "daily");
        check("fri-mon", "mon,fri-sun");
        check("sun-sun", "sun");
    }

    #[test]
    fn every_set_survives_the_way_to_text_and_back() {
        for bits in 1..=Weekdays::DAILY.0 {
            assert_eq!(Weekdays(bits).to_string().parse(), Ok(Weekdays(bits)));
        }
    }

    #[test]
    fn what_is_no_weekday_is_named() {
        for (text, bad) in
            [("", ""), ("mon,", ""), ("mon-", ""), ("mo", "mo"), ("mon-fri-sun", "fri-sun"), ("mañana", "mañana")]
        {
            assert_eq!(text.parse::<Weekdays>(), Err(UnknownWeekday(bad.to_owned())));
        }
    }

    #[test]
    fn an_empty_set_cannot_be_made() {
        assert_eq!(Weekdays::new([]), None);
        let days = Weekdays::new([Weekday::Saturday, Weekday::Sunday]).unwrap();
        assert!(days.contains(Weekday::Sunday) && !days.contains(Weekday::Monday));
    }
}
