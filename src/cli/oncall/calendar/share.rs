//! Who carries how much: hours on call, at night and on weekends.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, civil};

use super::line::{self, Line, Paint};
use super::plan::Plan;
use super::words;
use super::{Layout, NOBODY};
use crate::domain::stretch::{self, Stretch};
use crate::domain::window::{Weekdays, Window, Windows};

/// When the night begins and ends, as hours of the civil day.
const NIGHT: (i8, i8) = (22, 6);

/// Columns between two columns of the table.
const SPACE: usize = 2;

/// As many columns as a name should have, as far as it needs them, before percentages are shown.
const NAME_WANTED: usize = 12;

/// Time on call within the days shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    /// All of it.
    pub(super) whole: SignedDuration,
    /// Between 22:00 and 06:00.
    pub(super) night: SignedDuration,
    /// On Saturdays and Sundays.
    pub(super) weekend: SignedDuration,
}

/// How much there is of everything, and who has it.
#[derive(Debug)]
pub(super) struct Shares {
    /// Of each person, in their order. Several at once are counted each in full.
    pub(super) people: Vec<Load>,
    /// Of nobody.
    pub(super) gaps: Load,
    /// Of the days shown.
    pub(super) period: Load,
}

impl Shares {
    pub(super) fn new(plan: &Plan<'_>) -> Self {
        let (night, weekend) = (nights(plan.zone, plan.range), weekends(plan.zone, plan.range));
        let load = |list: &[Stretch]| Load {
            whole: total(list),
            night: total(&stretch::common(list, &night)),
            weekend: total(&stretch::common(list, &weekend)),
        };
        let mut own: Vec<Vec<Stretch>> = plan.people.iter().map(|_| Vec::new()).collect();
        for part in &plan.parts {
            for number in &part.lanes {
                own.get_mut(*number).into_iter().for_each(|list| list.push(part.when));
            }
        }
        let gaps: Vec<_> = plan.gaps().collect();
        let period: Vec<_> = stretch::range(plan.range.0, plan.range.1).into_iter().collect();
        Self { people: own.iter().map(|list| load(list)).collect(), gaps: load(&gaps), period: load(&period) }
    }
}

fn nights(zone: &TimeZone, (from, to): Stretch) -> Vec<Stretch> {
    let window = Window { days: Weekdays::DAILY, from: hour(NIGHT.0), to: hour(NIGHT.1) };
    Windows::new(vec![window]).occurrences(zone, from, to)
}

fn weekends(zone: &TimeZone, (from, to): Stretch) -> Vec<Stretch> {
    let days = Weekdays::new([civil::Weekday::Saturday, civil::Weekday::Sunday]);
    let window = days.map(|days| Window { days, from: hour(0), to: hour(0) });
    Windows::new(window.into_iter().collect()).occurrences(zone, from, to)
}

fn hour(hour: i8) -> civil::Time {
    civil::Time::new(hour, 0, 0, 0).unwrap_or(civil::Time::midnight())
}

fn total(list: &[Stretch]) -> SignedDuration {
    list.iter().fold(SignedDuration::ZERO, |sum, (from, to)| sum.saturating_add(from.duration_until(*to)))
}

/// One line of the table: how it is drawn, whose it is, and the load.
type Row<'a> = (Paint, char, &'a str, Load);

/// The legend: a line for each person and one for nobody, with their hours.
pub(super) fn lines(plan: &Plan<'_>, layout: &Layout) -> Vec<Line> {
    let shares = Shares::new(plan);
    let people = plan.people.iter().zip(&shares.people).enumerate();
    let mut rows: Vec<Row<'_>> =
        people.map(|(number, (one, load))| (Paint::Person(number), one.letter, &*one.name, *load)).collect();
    if shares.gaps.whole.is_positive() {
        rows.push((Paint::Alarm, '·', NOBODY, shares.gaps));
    }
    rows.push((Paint::Plain, ' ', "period", shares.period));

    let name_width = rows.iter().map(|(_, _, name, _)| line::columns(name)).max().unwrap_or(0);
    let with_percent = Table::new(&rows, &shares.period, true);
    let table = if layout.width >= with_percent.columns() + name_width.min(NAME_WANTED) {
        with_percent
    } else {
        Table::new(&rows, &shares.period, false)
    };
    table.lines(&rows, name_width.min(layout.width.saturating_sub(table.columns())))
}

/// What is written behind the names.
struct Table {
    heads: [&'static str; 3],
    cells: Vec<[String; 3]>,
    widths: [usize; 3],
}

impl Table {
    fn new(rows: &[Row<'_>], period: &Load, percent: bool) -> Self {
        let heads = if percent { ["on call", "night 22–06", "weekend"] } else { ["on call", "22–06", "weekend"] };
        let kinds: [fn(&Load) -> SignedDuration; 3] = [|load| load.whole, |load| load.night, |load| load.weekend];
        let cells = rows.iter().map(|(.., load)| {
            kinds.map(|kind| {
                let hours = words::hours(kind(load));
                if percent { format!("{hours} {:>5}", share(kind(load), kind(period))) } else { hours }
            })
        });
        let cells: Vec<[String; 3]> = cells.collect();
        let mut widths = heads.map(line::columns);
        for row in &cells {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(line::columns(cell));
            }
        }
        Self { heads, cells, widths }
    }

    /// Columns it takes without the names.
    fn columns(&self) -> usize {
        1 + SPACE + self.widths.iter().map(|width| SPACE + width).sum::<usize>()
    }

    fn lines(&self, rows: &[Row<'_>], name_width: usize) -> Vec<Line> {
        let fill = |line: &mut Line, cells: [&str; 3], paint: Paint| {
            let mut end = 1 + SPACE + name_width;
            for (cell, width) in cells.into_iter().zip(self.widths) {
                end += SPACE + width;
                line.pad_to(end.saturating_sub(line::columns(cell)));
                line.push(paint, cell);
            }
        };
        let mut head = Line::default();
        fill(&mut head, self.heads, Paint::Dim);
        let mut lines = vec![head];
        for ((paint, letter, name, _), cells) in rows.iter().zip(&self.cells) {
            let mut line = Line::of(*paint, letter.encode_utf8(&mut [0; 4]));
            line.pad_to(1 + SPACE);
            line.push(if matches!(paint, Paint::Alarm) { *paint } else { Paint::Plain }, &line::fit(name, name_width));
            fill(&mut line, cells.each_ref().map(String::as_str), Paint::Plain);
            lines.push(line);
        }
        lines
    }
}

/// "50 %" of something, "-" if there is nothing of it.
fn share(part: SignedDuration, whole: SignedDuration) -> String {
    if !whole.is_positive() {
        return "-".to_owned();
    }
    let percent = (part.as_secs_f64() / whole.as_secs_f64() * 100.0).round();
    if percent == 0.0 && part.is_positive() { "<1 %".to_owned() } else { format!("{percent:.0} %") }
}
