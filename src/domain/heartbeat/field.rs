//! One field of a cron expression: which numbers it names.

use std::ops::RangeInclusive;

/// A field: its name, its numbers, and the words that stand for them.
pub(super) struct Field {
    name: &'static str,
    range: RangeInclusive<u8>,
    /// Words for the numbers, from the lowest on.
    words: &'static [&'static str],
}

pub(super) const MINUTE: Field = Field { name: "minute", range: 0..=59, words: &[] };
pub(super) const HOUR: Field = Field { name: "hour", range: 0..=23, words: &[] };
pub(super) const DAY_OF_MONTH: Field = Field { name: "day of month", range: 1..=31, words: &[] };
pub(super) const MONTH: Field = Field {
    name: "month",
    range: 1..=12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
/// 0 and 7 are both Sunday, so that a range may begin or end with it.
pub(super) const DAY_OF_WEEK: Field =
    Field { name: "day of week", range: 0..=7, words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"] };

/// What a field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Numbers {
    /// Bit n is set for the number n; never empty.
    pub(super) bits: u64,
    /// Whether the field begins with `*`; cron treats it differently then, whatever it names.
    pub(super) starred: bool,
}

impl Field {
    /// Reads a comma-separated list of `*`, `a` and `a-b`, the first and the last with `/step` if wished.
    ///
    /// # Errors
    ///
    /// A sentence about what is wrong.
    pub(super) fn read(&self, text: &str) -> Result<Numbers, String> {
        let mut bits = 0;
        for item in text.split(',') {
            bits |= self.item(item).map_err(|problem| format!("{} {item:?}: {problem}", self.name))?;
        }
        Ok(Numbers { bits, starred: text.starts_with('*') })
    }

    fn item(&self, item: &str) -> Result<u64, String> {
        let (base, step) = match item.split_once('/') {
            Some((base, step)) => (base, Some(step)),
            None => (item, None),
        };
        let (first, last) = match base.split_once('-') {
            _ if base == "*" => (*self.range.start(), *self.range.end()),
            Some((first, last)) => self.bounds(first, last)?,
            None => {
                let only = self.number(base)?;
                if step.is_some() {
                    return Err(format!("a step needs a range, as in {only}-{}/n or */n", self.range.end()));
                }
                (only, only)
            }
        };
        let step = match step {
            Some(step) => step_width(step, last - first + 1)?,
            None => 1,
        };
        Ok((first..=last).step_by(step).fold(0, |bits, number| bits | 1 << number))
    }

    fn bounds(&self, first: &str, last: &str) -> Result<(u8, u8), String> {
        let (from, to) = (self.number(first)?, self.number(last)?);
        // "fri-sun" means to the end of the week.
        let to = if to == 0 && from > 0 && self.word(last).is_some() { *self.range.end() } else { to };
        if from > to {
            return Err("the range runs backwards; write it as two, separated by a comma".to_owned());
        }
        Ok((from, to))
    }

    fn number(&self, text: &str) -> Result<u8, String> {
        let (low, high) = (self.range.start(), self.range.end());
        if text.is_empty() {
            return Err("a number is missing".to_owned());
        }
        if let Some(number) = digits(text) {
            let wrong = || format!("{text} is not between {low} and {high}");
            return number.filter(|number| self.range.contains(number)).ok_or_else(wrong);
        }
        self.word(text).ok_or_else(|| match self.words {
            [first, .., last] => format!("neither a number from {low} to {high} nor a name from {first} to {last}"),
            _ => format!("not a number from {low} to {high}"),
        })
    }

    /// The number that a word stands for, upper or lower case.
    fn word(&self, text: &str) -> Option<u8> {
        let mut words = (*self.range.start()..).zip(self.words);
        words.find(|(_, word)| word.eq_ignore_ascii_case(text)).map(|(number, _)| number)
    }
}

/// A number in digits, and nothing but digits. The inner `None` is one too large for any field.
fn digits(text: &str) -> Option<Option<u8>> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())
}

/// A step wider than its range is refused: whoever writes `*/90` for minutes expects ninety minutes, not an hour.
fn step_width(text: &str, width: u8) -> Result<usize, String> {
    match digits(text) {
        _ if text.is_empty() => Err("the step is missing".to_owned()),
        None => Err("the step is not a number".to_owned()),
        Some(Some(step)) if (1..=width).contains(&step) => Ok(step.into()),
        Some(_) => Err(format!("the step is not between 1 and {width}")),
    }
}
