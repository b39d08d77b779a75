//! Numbers of a stretch of time: as JSON, and as the CSV that the page gives.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::ToSpan as _;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::Query;
use super::{App, given};
use crate::domain::numbers::{DAYS_MAX, Range, lines};
use crate::http::auth::Caller;
use crate::http::numbers::Counted;
use crate::http::view::numbers::{NumbersView, PagedView};
use crate::http::{Error, Shared};
use crate::store::numbers::By;

/// Days that are told where nobody asks for others.
const DAYS: i32 = 28;

/// Groups that are told; the CSV has all.
const GROUPS_MAX: usize = 500;

/// Query of `GET /numbers` and `/numbers.csv`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct NumbersQuery {
    /// What incidents are told apart by: service, sender or rule; the service where it is left out.
    #[param(example = "service")]
    by: Option<String>,
    /// The first day, such as 2026-11-01; 28 days are told where it is left out, 366 at most.
    from: Option<String>,
    /// The last day; today where it is left out.
    to: Option<String>,
    /// IANA name of the zone of these days; UTC where it is left out.
    #[param(example = "Europe/Berlin")]
    zone: Option<String>,
}

/// Incidents, noise, pages, and how fast people were, by service, sender or rule
///
/// A stretch of up to 35 days is told day by day, a longer one week by week.
#[utoipa::path(get, path = "/numbers", tag = "house", params(NumbersQuery),
    responses((status = 200, body = NumbersView)))]
pub async fn numbers(
    State(app): App,
    _: Caller,
    Query(query): Query<NumbersQuery>,
) -> Result<Json<NumbersView>, Error> {
    let (counted, zone) = counted(&app, query).await?;
    let (all, mut groups) = lines(&counted.cases, &counted.range);
    let more_groups = groups.len().saturating_sub(GROUPS_MAX);
    groups.truncate(GROUPS_MAX);
    Ok(Json(NumbersView {
        by: counted.by.word(),
        from: counted.range.first.to_string(),
        to: counted.range.last.to_string(),
        zone: zone.iana_name().unwrap_or("UTC").to_owned(),
        is_cut: counted.is_cut(),
        days: counted.range.days.iter().map(ToString::to_string).collect(),
        all: all.into(),
        groups: groups.into_iter().map(Into::into).collect(),
        more_groups,
        people: counted.people.into_iter().map(PagedView::from).collect(),
    }))
}

/// The same as CSV: every group, lengths in seconds
#[utoipa::path(get, path = "/numbers.csv", tag = "house", params(NumbersQuery),
    responses((status = 200, body = String, content_type = "text/csv")))]
pub async fn csv(State(app): App, _: Caller, Query(query): Query<NumbersQuery>) -> Result<Response, Error> {
    Ok(counted(&app, query).await?.0.csv())
}

async fn counted(app: &Shared, query: NumbersQuery) -> Result<(Counted, TimeZone), Error> {
    let by = match given(query.by) {
        None => By::default(),
        Some(word) => By::ALL.into_iter().find(|by| by.word() == word).ok_or_else(|| {
            Error::BadRequest(format!("numbers are not told by {word:?}; known are service, sender, rule"))
        })?,
    };
    let zone = match given(query.zone) {
        None => TimeZone::UTC,
        Some(name) => TimeZone::get(&name)
            .map_err(|_| Error::BadRequest(format!("there is no zone {name:?}: name one such as Europe/Berlin")))?,
    };
    let today = zone.to_datetime(app.engine.clock().now()).date();
    let last = day("to", given(query.to))?.unwrap_or(today);
    let first = match day("from", given(query.from))? {
        Some(first) => first,
        None => last.checked_sub((DAYS - 1).days()).unwrap_or(last),
    };
    if first > last || i64::from((last - first).get_days()) >= DAYS_MAX {
        return Err(Error::BadRequest(format!("to must not be before from, nor {DAYS_MAX} days or more after it")));
    }
    Ok((Counted::of(app, by, Range::new(first, last, &zone), &zone).await?, zone))
}

fn day(what: &str, text: Option<String>) -> Result<Option<Date>, Error> {
    let Some(text) = text else { return Ok(None) };
    let wrong = |_| Error::BadRequest(format!("{what} {text:?} is no day: write it like 2026-11-23"));
    let day: Date = text.parse().map_err(wrong)?;
    // Beyond them instants run out.
    if !(1970..=9000).contains(&day.year()) {
        return Err(Error::BadRequest(format!("{what} must be a day of the years 1970 to 9000")));
    }
    Ok(Some(day))
}
