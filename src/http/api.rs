//! `/api/v1`: incidents, mails, on-call and people for scripts. Every handler takes a [`Caller`]: no token, no data.

pub mod incidents;
pub mod mails;
pub mod oncall;
pub mod people;
pub mod push;

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Query, State};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::auth::Caller;
use super::{Error, Shared};
use crate::domain::actor::Actor;
use crate::domain::request::{self, Refused};

/// Rows of a list, unless the caller asks for fewer or more.
const LIMIT_DEFAULT: i64 = 50;

/// Most rows of a list.
const LIMIT_MAX: i64 = 500;

type App = State<Arc<Shared>>;
type Queried<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;
type Sent<T> = Result<Json<T>, JsonRejection>;

/// The body of a request that needs none: nothing, or `{}`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Who acts, in timelines and in the trail.
fn actor(caller: &Caller) -> Actor {
    Actor::token(&caller.name, &caller.origin)
}

fn queried<T>(query: Queried<T>) -> Result<T, Error> {
    query.map(|Query(query)| query).map_err(|rejection| Error::BadRequest(rejection.body_text()))
}

/// A parameter that is there but empty is not given.
fn given(parameter: Option<String>) -> Option<String> {
    parameter.filter(|text| !text.is_empty())
}

fn limit(limit: Option<String>) -> Result<i64, Error> {
    let Some(text) = limit else { return Ok(LIMIT_DEFAULT) };
    let number = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    number.ok_or_else(|| Error::BadRequest(format!("limit must be 1 to {LIMIT_MAX}")))
}

/// Of one row more than asked for: the rows, and where the next page begins if there is one.
fn page<T>(mut found: Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let more = found.len() as i64 > limit;
    found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next_cursor = found.last().filter(|_| more).map(cursor);
    (found, next_cursor)
}

fn bad_cursor() -> Error {
    Error::BadRequest("cursor must be a next_cursor given before".to_owned())
}

fn sent<T>(sent: Sent<T>) -> Result<T, Error> {
    sent.map(|Json(sent)| sent).map_err(|rejection| Error::BadRequest(rejection.body_text()))
}

fn sent_or_nothing(body: &Bytes) -> Result<(), Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    let parsed = serde_json::from_slice::<Nothing>(body).map(|Nothing {}| ());
    parsed.map_err(|error| Error::BadRequest(format!("this needs no body, or {{}}: {error}")))
}

fn refused(refused: Refused) -> Error {
    Error::BadRequest(refused.0)
}

/// When something ends that begins at `from`: at an instant, or after a while.
fn end(until: Option<&str>, after: Option<&str>, from: Timestamp) -> Result<Timestamp, Error> {
    match (until, after) {
        (Some(until), None) => instant("until", until),
        (None, Some(after)) => {
            let length: SignedDuration = request::length(after).map_err(refused)?;
            from.checked_add(length).map_err(|_| Error::BadRequest(format!("{after:?} is too long")))
        }
        _ => Err(Error::BadRequest("say either \"until\" (RFC 3339) or \"for\" (such as \"2h\")".to_owned())),
    }
}

fn instant(what: &str, text: &str) -> Result<Timestamp, Error> {
    text.parse().map_err(|_| {
        let hint = "write it like 2026-11-23T08:00:00Z; in an address a + is written %2B";
        Error::BadRequest(format!("{what} {text:?} is no RFC 3339 instant: {hint}"))
    })
}
