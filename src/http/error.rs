//! What an API caller is told when something is not done: a problem (RFC 9457) whose type has an entry on the reader
//! page, and whose detail tells the fix. Internal causes are logged, never sent.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::request::Refused;
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

/// Every kind of problem there is.
pub const KINDS: [Kind; 13] = [
    Kind { name: "no-token", status: 401, title: "A valid token is needed" },
    Kind { name: "not-allowed", status: 403, title: "The token may not do this" },
    Kind { name: "not-found", status: 404, title: "There is no such thing" },
    Kind { name: "method", status: 405, title: "The address takes other methods" },
    Kind { name: "bad-request", status: 400, title: "The request makes no sense" },
    Kind { name: "too-slow", status: 408, title: "The request took too long" },
    Kind { name: "conflict", status: 409, title: "Not possible as things are" },
    Kind { name: "changed", status: 412, title: "It has changed meanwhile" },
    Kind { name: "too-large", status: 413, title: "The body is too large" },
    Kind { name: "media-type", status: 415, title: "The body must be JSON" },
    Kind { name: "key-reused", status: 422, title: "The Idempotency-Key was used for another request" },
    Kind { name: "too-many", status: 429, title: "Too many requests" },
    Kind { name: "unavailable", status: 503, title: "The database does not answer" },
];

impl Error {
    /// The kind of problem.
    pub fn kind(&self) -> Kind {
        KINDS[match self {
            Self::Unauthorized(_) => 0,
            Self::Forbidden(_) => 1,
            Self::NotFound(_) => 2,
            Self::MethodNotAllowed => 3,
            Self::BadRequest(_) => 4,
            Self::TimedOut => 5,
            Self::Conflict(_) => 6,
            Self::Changed(_) => 7,
            Self::TooLarge(_) => 8,
            Self::UnsupportedMediaType(_) => 9,
            Self::KeyReused => 10,
            Self::TooManyRequests(_) => 11,
            Self::Unavailable => 12,
        }]
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
                format!("this token makes too many requests; wait {seconds} s, and see http.requests_per_minute")
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
