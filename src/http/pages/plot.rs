//! Plots as SVG, made here: bars over time, with a title, a description and the same values as a table, for those who
//! do not see them.

/// Width and height of the drawing, in its own units, and the room for what is written around it.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 160.0;
const LEFT: f64 = 44.0;
const TOP: f64 = 8.0;
const BOTTOM: f64 = 22.0;

/// Days that are written below the bars.
const LABELS_MAX: usize = 6;

/// A plot of bars.
pub(super) struct Plot {
    /// Tells it from the others of its page.
    pub(super) id: &'static str,
    /// What it shows.
    pub(super) title: String,
    /// The same in a sentence with its largest value.
    pub(super) description: String,
    /// What the values of the table are.
    pub(super) unit: &'static str,
    /// From left to right.
    pub(super) bars: Vec<Bar>,
    /// Lines of equal value: where, and what is written at it.
    pub(super) lines: Vec<(String, String)>,
    /// Where they begin.
    pub(super) left: String,
    /// Where they end, and where the bars stand.
    pub(super) right: String,
    pub(super) floor: String,
    /// The drawing as `viewBox` has it.
    pub(super) view: String,
}

/// One bar.
pub(super) struct Bar {
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: String,
    /// Where its label stands, if it has one.
    pub(super) label_x: Option<String>,
    pub(super) label: String,
    /// The value in words.
    pub(super) value: String,
}

/// What is plotted: a label and a value, `None` where there is none.
pub(super) type Value = (String, Option<i64>);

impl Plot {
    /// Bars of values, told by `words`.
    pub(super) fn new(
        id: &'static str,
        title: &str,
        unit: &'static str,
        values: &[Value],
        words: impl Fn(i64) -> String,
    ) -> Self {
        let largest = values.iter().filter_map(|(_, value)| *value).max().unwrap_or(0);
        let top = ceiling(largest);
        let floor = TOP + HEIGHT;
        let height_of = |value: i64| HEIGHT * value as f64 / top as f64;
        let slot = (WIDTH - LEFT) / values.len().max(1) as f64;
        let every = values.len().div_ceil(LABELS_MAX).max(1);
        let bar = |(nth, (label, value)): (usize, &Value)| {
            let (x, height) = (LEFT + slot * nth as f64, height_of(value.unwrap_or(0)));
            Bar {
                x: units(x + slot * 0.1),
                y: units(floor - height),
                width: units(slot * 0.8),
                height: units(height),
                label_x: (nth % every == 0).then(|| units(x + slot * 0.1)),
                label: label.clone(),
                value: value.map_or_else(|| "none".to_owned(), &words),
            }
        };
        let line = |part: i64| (units(floor - height_of(top) * part as f64 / 2.0), words(top * part / 2));
        let description = match values.iter().rfind(|(_, value)| *value == Some(largest)) {
            Some((label, _)) if largest > 0 => format!("The most is {} at {label}.", words(largest)),
            _ => "There is nothing to show.".to_owned(),
        };
        Self {
            id,
            title: title.to_owned(),
            description,
            unit,
            bars: values.iter().enumerate().map(bar).collect(),
            lines: (0..=2).map(line).collect(),
            left: units(LEFT),
            right: units(WIDTH),
            floor: units(floor + BOTTOM - 6.0),
            view: format!("0 0 {} {}", units(WIDTH), units(floor + BOTTOM)),
        }
    }
}

/// The next even number of one digit and zeros: half of it is written as well.
fn ceiling(largest: i64) -> i64 {
    let mut scale = 1;
    loop {
        for step in [2, 4, 6, 10] {
            if largest <= step * scale {
                return step * scale;
            }
        }
        if scale > i64::MAX / 100 {
            return largest;
        }
        scale *= 10;
    }
}

fn units(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_reach_from_the_floor_to_their_value() {
        let values = [("Mon".to_owned(), Some(5)), ("Tue".to_owned(), None), ("Wed".to_owned(), Some(6))];
        let plot = Plot::new("x", "Incidents", "incidents", &values, |value| value.to_string());
        let heights: Vec<&str> = plot.bars.iter().map(|bar| bar.height.as_str()).collect();
        assert_eq!(heights, ["133.3", "0", "160"]);
        assert_eq!(plot.bars[2].y, "8");
        assert_eq!(plot.lines, [("168", "0"), ("88", "3"), ("8", "6")].map(|(y, w)| (y.to_owned(), w.to_owned())));
        assert_eq!((plot.description.as_str(), plot.bars[1].value.as_str()), ("The most is 6 at Wed.", "none"));
        let nothing = Plot::new("x", "Incidents", "incidents", &[], |value| value.to_string());
        assert_eq!((nothing.bars.len(), nothing.description.as_str()), (0, "There is nothing to show."));
    }

    #[test]
    fn the_scale_ends_with_a_round_number() {
        for (largest, expected) in
            [(0, 2), (1, 2), (3, 4), (5, 6), (7, 10), (11, 20), (99, 100), (101, 200), (601, 1000)]
        {
            assert_eq!(ceiling(largest), expected, "{largest}");
        }
        assert_eq!(ceiling(i64::MAX), i64::MAX);
    }
}
