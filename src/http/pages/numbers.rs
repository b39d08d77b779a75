//! Numbers on a page: as plots, as a table, and as CSV.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use serde::Deserialize;

use super::access::Viewer;
use super::escaped;
use super::frame::{Fault, Frame, page};
use super::plot::{Plot, Value};
use super::words::length;
use crate::domain::numbers::{self, Case, Line, Paged, Range, Spread};
use crate::http::Shared;
use crate::http::numbers::Counted;
use crate::store::numbers::By;

/// Days shown where nobody asks for others.
const DAYS: i32 = 28;

/// Groups that are shown; the CSV has all.
const GROUPS_MAX: usize = 50;

/// Query of `GET /numbers` and `/numbers.csv`. What is no day or word is as if it were not there.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    by: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
}

#[derive(Template)]
#[template(path = "numbers.html", config = "src/http/pages/askama.toml")]
struct NumbersPage {
    frame: Frame,
    by: &'static str,
    range: Range,
    zone: String,
    stretches: Vec<Stretch>,
    csv: String,
    all: Row,
    rows: Vec<Row>,
    more: usize,
    is_cut: bool,
    plots: Vec<Plot>,
    people: Vec<Paged>,
}

/// A stretch to choose.
struct Stretch {
    words: &'static str,
    address: String,
    is_here: bool,
}

/// A line in words.
struct Row {
    group: String,
    incidents: i64,
    folded: i64,
    pages: i64,
    noise: String,
    take: (String, String),
    resolve: (String, String),
}

/// `GET /numbers`.
pub(super) async fn show(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/numbers").await?;
    let today = viewer.zone.to_datetime(frame.now).date();
    let counted = counted(&app, &viewer.zone, &asked, today).await?;
    let is_cut = counted.is_cut();
    let Counted { by, range, cases, people } = counted;
    let (all, lines) = numbers::lines(&cases, &range);
    let address = |path: &str, first: Date, last: Date| {
        format!("{path}?by={}&from={}&to={}", by.word(), escaped(&first.to_string()), escaped(&last.to_string()))
    };
    let stretch = |(words, days): (&'static str, i32)| {
        let first = today.checked_sub((days - 1).days()).unwrap_or(today);
        Stretch {
            words,
            address: address("/numbers", first, today),
            is_here: (range.first, range.last) == (first, today),
        }
    };
    Ok(page(&NumbersPage {
        by: by.word(),
        zone: viewer.zone.iana_name().unwrap_or("UTC").to_owned(),
        stretches: [("7 days", 7), ("4 weeks", 28), ("a quarter", 91), ("a year", 365)].map(stretch).into(),
        csv: address("/numbers.csv", range.first, range.last),
        plots: plots(&all, &cases, &range, &people),
        more: lines.len().saturating_sub(GROUPS_MAX),
        rows: lines.iter().take(GROUPS_MAX).map(row).collect(),
        all: row(&all),
        is_cut,
        people,
        range,
        frame,
    }))
}

/// `GET /numbers.csv`: every group, lengths in seconds (RFC 4180).
pub(super) async fn download(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let today = viewer.zone.to_datetime(app.engine.clock().now()).date();
    Ok(counted(&app, &viewer.zone, &asked, today).await?.csv())
}

async fn counted(app: &Shared, zone: &TimeZone, asked: &Asked, today: Date) -> Result<Counted, Fault> {
    let by = By::ALL.into_iter().find(|by| by.word() == asked.by).unwrap_or_default();
    let last = asked.to.parse::<Date>().ok().filter(|day| *day <= today).unwrap_or(today);
    let first = asked.from.parse::<Date>().ok().filter(|day| *day <= last);
    let first = first.or_else(|| last.checked_sub((DAYS - 1).days()).ok()).unwrap_or(last);
    Ok(Counted::of(app, by, Range::new(first, last, zone), zone).await?)
}

fn row(line: &Line) -> Row {
    let spread = |spread: Option<Spread>| {
        let none = || ("–".to_owned(), "–".to_owned());
        spread.map_or_else(none, |it| (length(it.median), length(it.p90)))
    };
    Row {
        group: line.group.clone(),
        incidents: line.incidents,
        folded: line.folded,
        pages: line.pages,
        noise: line.noise_percent().map_or_else(|| "–".to_owned(), |percent| format!("{percent} %")),
        take: spread(line.to_take),
        resolve: spread(line.to_resolve),
    }
}

fn plots(all: &Line, cases: &[Case], range: &Range, people: &[Paged]) -> Vec<Plot> {
    let labels: Vec<String> = range.days.iter().map(|day| day.strftime("%-d %b").to_string()).collect();
    let each = |values: &[i64]| -> Vec<Value> {
        labels.iter().cloned().zip(values.iter().map(|value| Some(*value))).collect()
    };
    let part = if range.step == 1 { "day" } else { "week" };
    let number = |value: i64| value.to_string();
    let taking = numbers::taking(cases, range).into_iter().map(|median| median.map(|median| median.as_secs()));
    let taking: Vec<Value> = labels.iter().cloned().zip(taking).collect();
    let mut plots = vec![
        Plot::new("opened", &format!("Incidents a {part}"), "incidents", &each(&all.opened), number),
        Plot::new("paged", &format!("Pages a {part}"), "pages", &each(&all.paged), number),
        Plot::new("taken", &format!("Until somebody has it, median of the {part}"), "time", &taking, |seconds| {
            length(SignedDuration::from_secs(seconds))
        }),
    ];
    let nights: Vec<Value> = people.iter().take(20).map(|it| (it.user.clone(), Some(it.at_night))).collect();
    if !nights.is_empty() {
        plots.push(Plot::new("nights", "Pages at night, by person", "pages at night", &nights, number));
    }
    plots
}
