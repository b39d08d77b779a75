//! The trail: who has changed what, newest first; whether its rows still fit, some at a time; and all of it.

use std::sync::Arc;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::Query;
use super::mails::PageQuery;
use super::{App, bad_cursor, given, limit, page};
use crate::http::auth::Caller;
use crate::http::view::access::{BrokenView, ToldView, TrailView, VerifiedTrailView};
use crate::http::{Error, Shared};
use crate::store::trail::{Broken, End};

/// Rows that are gone through for one request.
const VERIFIED_MAX: i64 = 20_000;

/// Rows read at once.
const STRIDE: i64 = 1000;

/// Query of `GET /trail/verify`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerifyQuery {
    /// What was verified before, as NUMBER:HASH: that row must still be there as it was, and those behind it are gone
    /// through. From the first row where it is left out.
    after: Option<String>,
}

/// Who has changed what, newest first
#[utoipa::path(get, path = "/trail", tag = "access", params(PageQuery), responses((status = 200, body = TrailView)))]
pub async fn trail(State(app): App, _: Caller, Query(query): Query<PageQuery>) -> Result<Json<TrailView>, Error> {
    let limit = limit(query.limit)?;
    let before = given(query.cursor).map(|cursor| cursor.parse().map_err(|_| bad_cursor())).transpose()?;
    let told = app.engine.store().trail_before(before, limit + 1).await?;
    let (told, next_cursor) = page(told, limit, |last| last.number.to_string());
    Ok(Json(TrailView { rows: told.into_iter().map(ToldView::from).collect(), next_cursor }))
}

/// Go through the trail and tell the first row that does not fit
///
/// 20,000 rows at a time: ask again with `verified` as `after` until it is complete. An answer kept elsewhere shows the
/// next time whether the trail was written anew.
#[utoipa::path(get, path = "/trail/verify", tag = "access", params(VerifyQuery),
    responses((status = 200, body = VerifiedTrailView)))]
pub async fn verify(
    State(app): App,
    _: Caller,
    Query(query): Query<VerifyQuery>,
) -> Result<Json<VerifiedTrailView>, Error> {
    let store = app.engine.store();
    let mut end = given(query.after).map_or_else(|| Ok(End::default()), |noted| parsed(&noted))?;
    let last = store.trail_end().await?;
    if end.number > 0 {
        let found = store.trail_after(end.number - 1, 1).await?;
        if !found.iter().any(|row| row.number == end.number && row.hash == end.hash) {
            let why = "is not the row that was noted: the trail was written anew";
            return Ok(Json(verified(&End::default(), false, Some(Broken { number: end.number, why }))));
        }
    }
    let stop = last.number.min(end.number.saturating_add(VERIFIED_MAX));
    while end.number < stop {
        let rows = store.trail_after(end.number, STRIDE.min(stop - end.number)).await?;
        if rows.is_empty() {
            break;
        }
        for row in &rows {
            if let Err(broken) = end.follow(row) {
                return Ok(Json(verified(&end, false, Some(broken))));
            }
        }
    }
    let is_through = end.number >= last.number || end.number < stop;
    let broken = if is_through && end.number <= last.number { end.is_last(&last).err() } else { None };
    Ok(Json(verified(&end, is_through && broken.is_none(), broken)))
}

fn verified(end: &End, complete: bool, broken: Option<Broken>) -> VerifiedTrailView {
    let broken = broken.map(|broken| BrokenView { number: broken.number, why: broken.why.to_owned() });
    VerifiedTrailView { verified: format!("{}:{}", end.number, end.hash), complete, broken }
}

fn parsed(noted: &str) -> Result<End, Error> {
    let wrong = || Error::BadRequest("after must be NUMBER:HASH as it was given before".to_owned());
    let (number, hash) = noted.split_once(':').ok_or_else(wrong)?;
    let number: i64 = number.parse().ok().filter(|number| *number >= 0).ok_or_else(wrong)?;
    let is_hash = hash.bytes().all(|byte| byte.is_ascii_hexdigit()) && hash.is_empty() == (number == 0);
    if is_hash { Ok(End { number, hash: hash.to_owned() }) } else { Err(wrong()) }
}

/// The whole trail, one JSON object a line, oldest first
///
/// It breaks off at a row that does not fit.
#[utoipa::path(get, path = "/trail/export", tag = "access",
    responses((status = 200, body = String, content_type = "application/x-ndjson")))]
pub async fn export(State(app): App, _: Caller) -> Result<Response, Error> {
    let last = app.engine.store().trail_end().await?;
    let rows = stream::try_unfold((app, End::default(), last.number), async |(app, mut end, last)| {
        let text = lines(&app, &mut end, last).await?;
        Ok::<_, std::io::Error>(text.map(|text| (text, (app, end, last))))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(rows)).into_response())
}

/// The next lines behind the end so far, up to the row of a number. A reader that does not take them keeps none waiting
/// but itself.
async fn lines(app: &Arc<Shared>, end: &mut End, last: i64) -> std::io::Result<Option<Bytes>> {
    if end.number >= last {
        return Ok(None);
    }
    let rows = app.engine.store().trail_after(end.number, STRIDE.min(last - end.number)).await;
    let rows = rows.map_err(std::io::Error::other)?;
    let mut text = Vec::new();
    for row in &rows {
        end.follow(row).map_err(std::io::Error::other)?;
        serde_json::to_writer(&mut text, row)?;
        text.push(b'\n');
    }
    Ok(if text.is_empty() { None } else { Some(Bytes::from(text)) })
}
