//! `/api/v1`: everything the pages do, for scripts. One table of [`routes`] says what each takes, [`guard`] stands
//! before each of them, and [`document`] describes them.

mod asked;
pub mod document;
pub mod duty;
pub mod events;
mod extract;
mod guard;
pub mod health;
pub mod incidents;
pub mod mails;
pub mod numbers;
pub mod oncall;
pub mod people;
pub mod push;
pub mod reader;
pub mod routes;
pub mod rules;
pub mod sessions;
pub mod several;
pub mod trail;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use axum::extract::State;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};

use super::rate::Rates;
use super::{Error, Shared};
use crate::domain::request;
use crate::store::search::TEXT_BYTES_MAX;

/// Rows of a list, unless the caller asks for fewer or more.
const LIMIT_DEFAULT: i64 = 50;

/// Most rows of a list.
pub const LIMIT_MAX: i64 = 500;

/// Most rows of a list that is ordered by what is counted, not stored: looked at as a whole, page by page.
const COUNTED_MAX: i64 = 10_000;

type App = State<Arc<Shared>>;

/// What the API keeps between requests.
#[derive(Debug)]
pub struct Setup {
    rates: Rates,
    streams: AtomicUsize,
}

impl Setup {
    /// Lets each token make so many requests a minute.
    pub fn new(requests_per_minute: u32) -> Self {
        Self { rates: Rates::new(requests_per_minute), streams: AtomicUsize::new(0) }
    }
}

/// A parameter that is there but empty is not given.
fn given(parameter: Option<String>) -> Option<String> {
    parameter.filter(|text| !text.is_empty())
}

/// A name or text that is looked for. The database refuses a NUL, and nothing has one.
fn looked_for(what: &str, parameter: Option<String>) -> Result<Option<String>, Error> {
    let text = given(parameter);
    if text.as_ref().is_some_and(|text| text.contains('\0')) {
        return Err(Error::BadRequest(format!("no {what} has a NUL in it")));
    }
    Ok(text)
}

/// A text that is looked for, of a bounded length.
fn text_looked_for(parameter: Option<String>) -> Result<Option<String>, Error> {
    let text = looked_for("text", parameter)?;
    if text.as_ref().is_some_and(|text| text.len() > TEXT_BYTES_MAX) {
        return Err(Error::BadRequest(format!("text has at most {TEXT_BYTES_MAX} bytes: look for less of it")));
    }
    Ok(text)
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

/// A page of a list that is there as a whole. `key` puts it in order, and the cursor is the key of the last row before.
fn slice<T>(
    mut all: Vec<T>,
    asked: (Option<String>, Option<String>),
    key: impl Fn(&T) -> String,
) -> Result<(Vec<T>, Option<String>), Error> {
    let (limit, after) = (limit(asked.0)?, given(asked.1).map(|cursor| decoded(&cursor)).transpose()?);
    all.sort_by_cached_key(&key);
    if let Some(after) = after {
        all.retain(|row| key(row) > after);
    }
    Ok(page(all, limit, |last| URL_SAFE_NO_PAD.encode(key(last))))
}

fn decoded(cursor: &str) -> Result<String, Error> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| bad_cursor())?;
    String::from_utf8(bytes).map_err(|_| bad_cursor())
}

/// A number or instant as a text that sorts as it does.
fn sortable(number: i64) -> String {
    format!("{:020}", i128::from(number) - i128::from(i64::MIN))
}

fn bad_cursor() -> Error {
    Error::BadRequest("cursor must be a next_cursor given before".to_owned())
}

/// When something ends that begins at `from`: at an instant, or after a while.
fn end(until: Option<&str>, after: Option<&str>, from: Timestamp) -> Result<Timestamp, Error> {
    match (until, after) {
        (Some(until), None) => instant("until", until),
        (None, Some(after)) => {
            let length: SignedDuration = request::length(after)?;
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

fn instant_given(what: &str, parameter: Option<String>) -> Result<Option<Timestamp>, Error> {
    given(parameter).map(|text| instant(what, &text)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_whole_list_leave_nothing_out_and_repeat_nothing() {
        let all = || vec![3, -1, 7, 0, 5];
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let (rows, next) = slice(all(), (Some("2".to_owned()), cursor), |row| sortable(*row)).unwrap();
            seen.extend(rows);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, [-1, 0, 3, 5, 7]);
        for bad in ["§", "x", "____"] {
            let refused = slice(all(), (None, Some(bad.to_owned())), |row| sortable(*row));
            assert_eq!(refused, Err(bad_cursor()), "{bad}");
        }
    }

    #[test]
    fn numbers_sort_as_texts() {
        let numbers = [i64::MIN, -10, -9, 0, 1, 10, i64::MAX];
        assert!(numbers.map(sortable).is_sorted());
    }
}
