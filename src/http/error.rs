//! What an API caller is told when something is not done: a problem (RFC 9457) whose type has an entry on the reader
//! page, and whose detail tells the fix. Internal causes are logged, never sent.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::request::Refused;
use crate::engine::act::NotDone;
use crate::{engine, store};

/// The media type of a problem (RFC 9457, section 6.1).
pub const PROBLEM_JSON: &str = "application/problem+json";

/// Why a request was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// No token, one nobody issued, or one that is over.
    Unauthorized(&'static str),
    /// The token may not do this; the text says what it takes.
    Forbidden(String),
    /// No such thing.
    NotFound(String),
    /// The address is there, and takes other methods.
    MethodNotAllowed,
    /// The request makes no sense; the text says why.
    BadRequest(String),
    /// The request did not come in time.
    TimedOut,
    /// The thing is not in a state for this.
    Conflict(String),
    /// It has changed since the caller looked.
    Changed(String),
    /// The body has too many bytes.
    TooLarge(String),
    /// The body is not JSON, or does not say that it is.
    UnsupportedMediaType(String),
    /// The key was used for another request.
    KeyReused,
    /// Too many requests; how many seconds to wait.
    TooManyRequests(u64),
    /// The database does not answer. Trying again may help.
    Unavailable,
}

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// The end of its type.
    pub name: &'static str,
    /// The status it comes with.
    pub status: u16,
    /// The same for every problem of the kind.
    pub title: &'static str,
}

/// A problem as JSON (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Where the kind of problem is described: an address relative to that of the request.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    pub status: u16,
    /// What is wrong with this request, and what to do.
    pub detail: String,
}

/// Every kind of problem there is, in the order in which the reader page tells them.
pub fn kinds() -> [Kind; 13] {
    let text = String::new;
    [
        Error::Unauthorized(""),
        Error::Forbidden(text()),
        Error::NotFound(text()),
        Error::MethodNotAllowed,
        Error::BadRequest(text()),
        Error::TimedOut,
        Error::Conflict(text()),
        Error::Changed(text()),
        Error::TooLarge(text()),
        Error::UnsupportedMediaType(text()),
        Error::KeyReused,
        Error::TooManyRequests(0),
        Error::Unavailable,
    ]
    .map(|error| error.kind())
}

impl Error {
    /// The kind of problem.
    pub fn kind(&self) -> Kind {
        let (name, status, title) = match self {
            Self::Unauthorized(_) => ("no-token", 401, "A valid token is needed"),
            Self::Forbidden(_) => ("not-allowed", 403, "The token may not do this"),
            Self::NotFound(_) => ("not-found", 404, "There is no such thing"),
            Self::MethodNotAllowed => ("method", 405, "The address takes other methods"),
            Self::BadRequest(_) => ("bad-request", 400, "The request makes no sense"),
            Self::TimedOut => ("too-slow", 408, "The request took too long"),
            Self::Conflict(_) => ("conflict", 409, "Not possible as things are"),
            Self::Changed(_) => ("changed", 412, "It has changed meanwhile"),
            Self::TooLarge(_) => ("too-large", 413, "The body is too large"),
            Self::UnsupportedMediaType(_) => ("media-type", 415, "The body must be JSON"),
            Self::KeyReused => ("key-reused", 422, "The Idempotency-Key was used for another request"),
            Self::TooManyRequests(_) => ("too-many", 429, "Too many requests"),
            Self::Unavailable => ("unavailable", 503, "The database does not answer"),
        };
        Kind { name, status, title }
    }

    /// What is wrong with this request, and what to do.
    pub fn detail(&self) -> String {
        match self {
            Self::Unauthorized(why) => (*why).to_owned(),
            Self::Forbidden(why)
            | Self::NotFound(why)
            | Self::BadRequest(why)
            | Self::Conflict(why)
            | Self::Changed(why)
            | Self::TooLarge(why)
            | Self::UnsupportedMediaType(why) => why.clone(),
            Self::MethodNotAllowed => {
                "this address does not take that method: the header Allow lists those that it takes".to_owned()
            }
            Self::TimedOut => "the request took too long; send it again, in one go".to_owned(),
            Self::KeyReused => {
                "this Idempotency-Key came with another request within the last 24 hours: make a new key for a new request"
                    .to_owned()
            }
            Self::TooManyRequests(seconds) => {
                format!("too many requests at once; wait {seconds} s, and see http.requests_per_minute")
            }
            Self::Unavailable => "the database does not answer; nothing was changed for certain, try again".to_owned(),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (kind, detail) = (self.kind(), self.detail());
        let problem =
            Problem { kind: format!("/api#{}", kind.name), title: kind.title.to_owned(), status: kind.status, detail };
        let status = StatusCode::from_u16(kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_string(&problem).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match self {
            Self::Unauthorized(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooManyRequests(seconds) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
            }
            Self::Unavailable => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(5));
            }
            _ => {}
        }
        response
    }
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        tracing::error!(%error, "a request failed");
        Self::Unavailable
    }
}

impl From<engine::Error> for Error {
    fn from(error: engine::Error) -> Self {
        tracing::error!(%error, "a request failed");
        Self::Unavailable
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::BadRequest(refused.0)
    }
}

impl From<NotDone> for Error {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Missing(_) => Self::NotFound(why.to_string()),
            NotDone::Changed(number) => {
                Self::Changed(format!("incident #{number} has changed since this ETag: GET it again, and decide anew"))
            }
            NotDone::Over(_) => Self::Conflict(why.to_string()),
            NotDone::Refused(refused) => refused.into(),
            NotDone::Failed(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_kind_is_told_once() {
        let kinds = kinds();
        let statuses: BTreeSet<u16> = kinds.iter().map(|kind| kind.status).collect();
        let names: BTreeSet<&str> = kinds.iter().map(|kind| kind.name).collect();
        assert_eq!((statuses.len(), names.len()), (kinds.len(), kinds.len()));
        assert!(statuses.iter().all(|status| StatusCode::from_u16(*status).is_ok_and(|status| !status.is_success())));
    }
}
