//! The trail, for admins: who has changed what, newest first.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::words::{At, Teller};
use crate::http::Shared;
use crate::store::trail::Told;

/// Rows of a page.
const ROWS: i64 = 100;

#[derive(Template)]
#[template(path = "trail.html", config = "src/http/pages/askama.toml")]
struct TrailPage {
    frame: Frame,
    rows: Vec<Row>,
    /// Where the next page begins, if there is one.
    older: Option<i64>,
    is_first: bool,
}

struct Row {
    number: i64,
    at: At,
    who: String,
    way: String,
    origin: String,
    what: String,
    about: String,
    was: String,
    became: String,
}

/// Query of `GET /trail`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    before: Option<String>,
}

/// `GET /trail`.
pub(super) async fn show(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let frame = Frame { stamp: String::new(), ..Frame::of(&app, &viewer, "/trail").await? };
    let before = asked.before.and_then(|before| before.parse().ok());
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let told = app.engine.store().trail_before(before, ROWS).await?;
    let older = told.last().map(|row| row.number).filter(|number| *number > 1);
    let rows = told.into_iter().map(|told| Row::of(told, &teller)).collect();
    Ok(page(&TrailPage { frame, rows, older, is_first: before.is_none() }))
}

impl Row {
    fn of(told: Told, teller: &Teller) -> Self {
        let Told { number, at, who, way, origin, what, about, was, became, previous: _, hash: _ } = told;
        Self { number, at: teller.at(at), who, way, origin, what: what.replace('_', " "), about, was, became }
    }
}
