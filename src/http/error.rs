//! What an HTTP caller is told when something is not done. Internal causes are logged, never sent.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::{engine, store};

/// Why a request was not done.
#[derive(Debug)]
pub enum Error {
    /// No token, or one nobody issued.
    Unauthorized,
    /// No such thing.
    NotFound(String),
    /// The request makes no sense; the text says why.
    BadRequest(String),
    /// The thing is not in a state for this.
    Conflict(String),
    /// The database does not answer. Trying again may help.
    Unavailable,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, message) = match self {
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "send a token: Authorization: Bearer TOKEN (made by `nightcall token create`)".to_owned(),
            ),
            Self::NotFound(message) => (StatusCode::NOT_FOUND, message),
            Self::BadRequest(message) => (StatusCode::BAD_REQUEST, message),
            Self::Conflict(message) => (StatusCode::CONFLICT, message),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the database does not answer; nothing was changed for certain".to_owned(),
            ),
        };
        let mut response = (status, Json(json!({ "error": message }))).into_response();
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
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
