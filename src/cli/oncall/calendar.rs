//! A schedule as a calendar of letters, for a person at a terminal and in a mail.
//!
//! [`render`] draws some civil days, hour by hour, and says below what the letters stand for, who carries how much,
//! what is overridden and when nobody is on call. [`now_line`] says who is on call now. Both only write down what
//! [`Schedule`] says; they decide nothing about time themselves.

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};

pub(crate) use now::now_line;

use crate::domain::schedule::{Override, Schedule, Source};
use crate::domain::stretch::{self, Stretch};
use day::Mark;
use line::{Line, Paint};
use plan::Plan;

mod day;
mod line;
mod now;
mod plan;
mod share;
#[cfg(test)]
mod tests;
mod words;

/// A narrower terminal than this is written to as if it had so many columns.
pub(crate) const WIDTH_MIN: usize = 40;

/// More days than this are not shown at once.
pub(crate) const DAYS_MAX: u32 = 366;

/// As many overrides and as many gaps are listed; of the rest it says how many there are.
const LISTED_MAX: usize = 60;

/// Stands where a name would.
const NOBODY: &str = "nobody";

/// From so many columns on a date is written with its year.
const YEAR_FROM: usize = 64;

/// From so many columns on a bar has a column for each half hour.
const HALF_HOURS_FROM: usize = 112;

/// How a calendar looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Columns that a line may take, from [`WIDTH_MIN`] on.
    pub(crate) width: usize,
    /// Whether to use colours (ECMA-48 escape sequences): for terminals only.
    pub(crate) colour: bool,
    /// Civil days to show, from 1 to [`DAYS_MAX`].
    pub(crate) days: u32,
}

/// Draws a schedule day by day, beginning with the civil day in which `from` is, which is now.
///
/// Hours are counted over the whole days shown, what is past of the first one among them. `overrides` are oldest
/// first. Values of [`Look`] outside their limits mean the nearest one within. Lines end with a line feed.
pub(crate) fn render(schedule: &Schedule, overrides: &[Override], from: Timestamp, look: &Look) -> String {
    let layout = Layout::new(look);
    let plan = Plan::new(schedule, overrides, from, look.days.clamp(1, DAYS_MAX));
    let mut lines = header(schedule, &plan, from);
    lines.push(Line::default());
    lines.push(day::axis(&layout));
    let today = plan.days.first().map(|today| day::columns(plan.zone, *today, &layout));
    lines.extend(today.and_then(|columns| day::now_marker(plan.zone, &columns, from, &layout)));
    let mut marks = Vec::new();
    for day in &plan.days {
        lines.extend(day::lines(&plan, *day, &layout, &mut marks));
    }
    lines.push(Line::default());
    lines.extend(share::lines(&plan, &layout));
    lines.extend(meanings(&plan, &marks, &layout));
    lines.push(Line::default());
    lines.extend(override_lines(&plan, overrides, from, &layout));
    lines.extend(gap_lines(&plan, from, &layout));
    lines.into_iter().map(|line| line.finish(layout.width, look.colour) + "\n").collect()
}

/// Where things are on a line, in columns from 0.
#[derive(Debug)]
struct Layout {
    /// Columns a line may take.
    width: usize,
    /// What one column of a bar stands for.
    unit: SignedDuration,
    /// Whether that is half an hour.
    is_wide: bool,
    /// Whether dates have their year.
    has_year: bool,
    /// Where bars begin.
    bar_at: usize,
    /// Where the words behind a bar of 24 hours begin.
    words_at: usize,
}

impl Layout {
    fn new(look: &Look) -> Self {
        let width = look.width.max(WIDTH_MIN);
        let (is_wide, has_year) = (width >= HALF_HOURS_FROM, width >= YEAR_FROM);
        let unit = SignedDuration::from_mins(if is_wide { 30 } else { 60 });
        // "Mon 2026-11-23" or "Mon 11-23", and a column that tells whether the clock is changed.
        let (bar_at, space) = if has_year { (15, 2) } else { (10, 1) };
        let mut layout = Self { width, unit, is_wide, has_year, bar_at, words_at: 0 };
        layout.words_at = bar_at + 24 * layout.columns_of_hour() + space;
        layout
    }

    fn columns_of_hour(&self) -> usize {
        if self.is_wide { 2 } else { 1 }
    }

    fn date(&self, date: Date) -> String {
        if self.has_year { words::day(date) } else { date.strftime("%a %m-%d").to_string() }
    }
}

/// The schedule's name and zone, and the days shown.
fn header(schedule: &Schedule, plan: &Plan<'_>, from: Timestamp) -> Vec<Line> {
    let zone = match schedule.zone.iana_name() {
        Some(name) => name.to_owned(),
        None => format!("UTC{}", schedule.zone.to_offset(from)),
    };
    let mut name = Line::of(Paint::Bold, &schedule.name);
    name.push(Paint::Plain, &format!(", {zone}"));
    let days = match (plan.days.first(), plan.days.last()) {
        (Some(first), Some(last)) if plan.days.len() > 1 => {
            format!("{} – {}, {} days", words::day(first.date), words::day(last.date), plan.days.len())
        }
        (first, _) => first.map(|day| words::day(day.date)).unwrap_or_default(),
    };
    vec![name, Line::of(Paint::Plain, &days)]
}

/// What the marks in the bars mean, of those that are there.
fn meanings(plan: &Plan<'_>, marks: &[Mark], layout: &Layout) -> Vec<Line> {
    let all = [Mark::PartlyNobody, Mark::Change, Mark::More];
    let drawn = all.into_iter().filter(|mark| marks.contains(mark)).filter_map(|mark| mark.meaning(layout));
    let clock = plan.days.iter().any(|day| day::is_odd(*day)).then(|| "*  the clock is changed".to_owned());
    drawn.chain(clock).map(|text| Line::of(Paint::Plain, &text)).collect()
}

/// "override: Mon 2026-11-23 09:00–17:00 zoe for ann".
fn override_lines(plan: &Plan<'_>, overrides: &[Override], now: Timestamp, layout: &Layout) -> Vec<Line> {
    let when = |over: &Override| (over.starts_at, over.ends_at);
    let mut shown: Vec<_> =
        overrides.iter().filter(|over| stretch::clipped(when(over), plan.range).is_some()).collect();
    shown.sort_by_key(|over| when(over));
    let texts = shown.iter().map(|over| {
        let replaced = over.replaces.as_deref().unwrap_or("everybody");
        let is_used = plan.shifts.iter().any(|shift| matches!(&shift.source, Source::Override(id) if *id == over.id));
        let is_within = stretch::clipped(when(over), plan.range) == Some(when(over));
        let effect = if is_within && !is_used { ", without effect" } else { "" };
        let (time, state) = (line::tied(&words::stretch(plan.zone, when(over))), state(when(over), now));
        format!("override: {time} {} for {replaced}{effect}{state}", over.user)
    });
    listed(texts, "no overrides", layout)
}

/// "nobody: Sat 2026-11-28 00:00–09:00, 9 h".
fn gap_lines(plan: &Plan<'_>, now: Timestamp, layout: &Layout) -> Vec<Line> {
    let gaps: Vec<_> = plan.gaps().collect();
    let texts = gaps.iter().map(|gap| {
        let (time, length) = (words::stretch(plan.zone, *gap), words::hours(gap.0.duration_until(gap.1)));
        format!("{NOBODY}: {}, {}{}", line::tied(&time), line::tied(&length), state(*gap, now))
    });
    listed(texts, "no gaps", layout)
}

fn state((from, to): Stretch, now: Timestamp) -> &'static str {
    if to <= now {
        ", over"
    } else if from <= now {
        ", now"
    } else {
        ""
    }
}

/// The first of them and how many more there are, or that there are none.
fn listed(texts: impl ExactSizeIterator<Item = String>, none: &str, layout: &Layout) -> Vec<Line> {
    let count = texts.len();
    let more = count.checked_sub(LISTED_MAX).filter(|more| *more > 0).map(|more| format!("and {more} more"));
    let none = (count == 0).then(|| none.to_owned());
    let texts = texts.take(LISTED_MAX).chain(more).chain(none);
    texts.flat_map(|text| line::wrap(&text, layout.width)).map(|text| paint(&text)).collect()
}

/// The line with the word for a gap in the colour of gaps.
fn paint(text: &str) -> Line {
    let (alarm, rest) = text.strip_prefix(NOBODY).map_or(("", text), |rest| (NOBODY, rest));
    let mut line = Line::of(Paint::Alarm, alarm);
    line.push(Paint::Plain, rest);
    line
}
