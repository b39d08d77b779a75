//! One civil day: its bar, and what happens in it in words.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::line::{Line, Paint};
use super::plan::{Day, Part, Plan};
use super::words;
use super::{Layout, NOBODY};
use crate::domain::stretch::{self, Stretch};

/// Most lines a day's bar has: with more people at once the last line says so.
const LANES_MAX: usize = 4;

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What one column of a bar tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// This person is on call.
    Person(usize),
    /// Nobody is on call.
    Nobody,
    /// Nobody is on call for a part of it.
    PartlyNobody,
    /// One person hands over to another within it.
    Change,
    /// More people are on call than there are lines.
    More,
    /// There is nothing to tell: other lines do, or the clock jumps over it.
    Blank,
}

impl Mark {
    fn draw(self, plan: &Plan<'_>) -> (Paint, char) {
        match self {
            Self::Person(number) => (Paint::Person(number), plan.people.get(number).map_or(' ', |one| one.letter)),
            Self::Nobody => (Paint::Alarm, '·'),
            Self::PartlyNobody => (Paint::Alarm, '!'),
            Self::Change => (Paint::Plain, '/'),
            Self::More => (Paint::Plain, '+'),
            Self::Blank => (Paint::Plain, ' '),
        }
    }

    /// What a legend says about it; people are told about elsewhere.
    pub(super) fn meaning(self, layout: &Layout) -> Option<String> {
        let column = if layout.is_wide { "half hour" } else { "hour" };
        match self {
            Self::PartlyNobody => Some(format!("!  nobody for a part of the {column}")),
            Self::Change => Some(format!("/  handoff within the {column}")),
            Self::More => Some("+  more people at once than lines".to_owned()),
            Self::Person(_) | Self::Nobody | Self::Blank => None,
        }
    }
}

/// The stretches of time that the columns of a day's bar stand for, `None` for what the clock jumps over.
pub(super) type Columns = Vec<Option<Stretch>>;

/// Cuts a day where the civil clock shows a full hour (or half hour), and where it is changed. A repeated hour has
/// columns of its own.
pub(super) fn columns(zone: &TimeZone, day: Day, layout: &Layout) -> Columns {
    let changes = changes(zone, day.when);
    let unit = layout.unit.as_nanos();
    let mut columns: Columns = Vec::new();
    let (mut at, mut next_slot) = (day.when.0, 0);
    while at < day.when.1 {
        let time = zone.to_datetime(at).time();
        let since_midnight = time.duration_since(jiff::civil::Time::midnight()).as_nanos();
        let slot = usize::try_from(since_midnight / unit).unwrap_or(0);
        let is_put_forward = changes.contains(&at) && zone.to_offset(words::just_before(at)) < zone.to_offset(at);
        if at == day.when.0 || is_put_forward {
            // The columns after a jump stay under their hours.
            columns.extend(std::iter::repeat_n(None, slot.saturating_sub(next_slot)));
        }
        let left = SignedDuration::try_from_nanos_i128(unit - since_midnight % unit).unwrap_or(layout.unit);
        let end = stretch::later(at, left).min(day.when.1);
        let end = changes.iter().copied().find(|change| at < *change && *change < end).unwrap_or(end);
        columns.push(Some((at, end)));
        (at, next_slot) = (end, slot + 1);
    }
    columns
}

/// When the clock is put forward or back within a stretch of time or at its start.
fn changes(zone: &TimeZone, (from, to): Stretch) -> Vec<Timestamp> {
    let transitions = zone.following(words::just_before(from)).map(|transition| transition.timestamp());
    let is_change = |at: &Timestamp| zone.to_offset(words::just_before(*at)) != zone.to_offset(*at);
    transitions.take_while(|at| *at < to).filter(is_change).collect()
}

/// Whether the clock is changed on this day: it is longer or shorter than others.
pub(super) fn is_odd(day: Day) -> bool {
    day.when.0.duration_until(day.when.1) != DAY
}

/// Draws the day: a line, and another below it for each further person on call at once. What was drawn is added to
/// `marks`.
pub(super) fn lines(plan: &Plan<'_>, day: Day, layout: &Layout, marks: &mut Vec<Mark>) -> Vec<Line> {
    let parts = plan.parts_in(day.when);
    let columns = columns(plan.zone, day, layout);
    let count = parts.iter().map(|part| part.lanes.len()).max().unwrap_or(0).clamp(1, LANES_MAX);
    let mut lines = Vec::with_capacity(count);
    for lane in 0..count {
        let mut line = Line::default();
        if lane == 0 {
            line.push(
                if day.date.weekday().to_monday_zero_offset() < 5 { Paint::Plain } else { Paint::Dim },
                &layout.date(day.date),
            );
            line.push(Paint::Plain, if is_odd(day) { "*" } else { " " });
        }
        line.pad_to(layout.bar_at);
        for column in &columns {
            let mark = column.map_or(Mark::Blank, |column| mark_of(plan.parts_in(column), lane));
            let (paint, letter) = mark.draw(plan);
            line.push(paint, letter.encode_utf8(&mut [0; 4]));
            if !marks.contains(&mark) {
                marks.push(mark);
            }
        }
        if lane == 0 {
            line.pad_to(layout.words_at.max(line.columns() + 1));
            tell(&mut line, plan, day, parts);
        }
        lines.push(line);
    }
    lines
}

/// What a column says on one line of the bar.
pub(super) fn mark_of(parts: &[Part], lane: usize) -> Mark {
    let of_part = |part: &Part| match part.lanes.get(lane) {
        Some(_) if lane + 1 == LANES_MAX && part.lanes.len() > LANES_MAX => Mark::More,
        Some(number) => Mark::Person(*number),
        None if part.lanes.is_empty() && lane == 0 => Mark::Nobody,
        None => Mark::Blank,
    };
    let mut marks = parts.iter().map(of_part);
    let Some(first) = marks.next() else { return Mark::Blank };
    if marks.all(|mark| mark == first) {
        first
    } else if lane == 0 && parts.iter().any(|part| part.lanes.is_empty()) {
        Mark::PartlyNobody
    } else {
        Mark::Change
    }
}

/// "25 h, 09:00 ann → bob, 17:00 → nobody": after the first handoff it is known who hands over.
fn tell(line: &mut Line, plan: &Plan<'_>, day: Day, parts: &[Part]) {
    let mut separator = "";
    if is_odd(day) {
        let length = day.when.0.duration_until(day.when.1);
        let text = if length.is_zero() { "the clock jumps over this day".to_owned() } else { words::hours(length) };
        line.push(Paint::Plain, &text);
        separator = ", ";
    }
    let first = plan.parts.partition_point(|part| part.when.1 <= day.when.0);
    let before = first.checked_sub(1).and_then(|number| plan.parts.get(number));
    let mut before = before.map_or_else(|| plan.before.iter().map(String::as_str).collect(), |part| plan.names(part));
    let mut is_known = false;
    for part in parts {
        let now = plan.names(part);
        if part.when.0 >= day.when.0 && before != now {
            line.push(Paint::Plain, &format!("{separator}{} ", words::clock(plan.zone, part.when.0)));
            if !is_known {
                push_names(line, &before);
                line.push(Paint::Plain, " ");
            }
            line.push(Paint::Plain, "→ ");
            push_names(line, &now);
            (separator, is_known) = (", ", true);
        }
        before = now;
    }
}

fn push_names(line: &mut Line, names: &[&str]) {
    if names.is_empty() {
        line.push(Paint::Alarm, NOBODY);
    } else {
        line.push(Paint::Plain, &names.join("+"));
    }
}

/// "v now 10:20", above the column of this instant.
pub(super) fn now_marker(zone: &TimeZone, columns: &Columns, at: Timestamp, layout: &Layout) -> Option<Line> {
    let holds = |column: &Option<Stretch>| column.is_some_and(|(from, to)| from <= at && at < to);
    let column = layout.bar_at + columns.iter().position(holds)?;
    let clock = words::clock(zone, at);
    let (right, left) = (format!("v now {clock}"), format!("now {clock} v"));
    let mut line = Line::default();
    // The arrow's column is the last thing to give up.
    if column + right.len() <= layout.width || column + 1 < left.len() {
        line.pad_to(column);
        line.push(Paint::Bold, &right);
    } else {
        line.pad_to(column + 1 - left.len());
        line.push(Paint::Bold, &left);
    }
    Some(line)
}

/// "00 03 06 09 12 15 18 21", each above the column of its hour.
pub(super) fn axis(layout: &Layout) -> Line {
    let mut line = Line::default();
    for hour in (0..24).step_by(3) {
        line.pad_to(layout.bar_at + hour * layout.columns_of_hour());
        line.push(Paint::Dim, &format!("{hour:02}"));
    }
    line
}
