//! What handlers take from a request. What does not parse is a problem with words, never plain text of a library.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::http::{Error, Shared};

/// The parameters in the address.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Arc<Shared>> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<Shared>) -> Result<Self, Error> {
        let found = axum::extract::Path::<T>::from_request_parts(parts, app).await;
        let no_text = |_| Error::NotFound("there is no such thing: the address is no UTF-8".to_owned());
        found.map(|axum::extract::Path(found)| Self(found)).map_err(no_text)
    }
}

/// The query behind the address.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Shared>> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<Shared>) -> Result<Self, Error> {
        let found = axum::extract::Query::<T>::from_request_parts(parts, app).await;
        found
            .map(|axum::extract::Query(found)| Self(found))
            .map_err(|rejection| Error::BadRequest(rejection.body_text()))
    }
}

/// A body in JSON.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<Arc<Shared>> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<Shared>) -> Result<Self, Error> {
        if !is_json(request.headers()) {
            let why = "send the body as JSON, with Content-Type: application/json";
            return Err(Error::UnsupportedMediaType(why.to_owned()));
        }
        let body = read(request, app).await?;
        let parsed = axum::Json::<T>::from_bytes(&body).map(|axum::Json(sent)| Self(sent));
        parsed.map_err(|rejection| Error::BadRequest(rejection.body_text()))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

/// The bytes of a body. A NUL in a text is refused: databases know none, and no name or text has one.
async fn read(request: Request, app: &Arc<Shared>) -> Result<Bytes, Error> {
    let body = Bytes::from_request(request, app).await.map_err(|rejection| unread(&rejection))?;
    if memchr::memmem::find(&body, b"\\u0000").is_some() {
        return Err(Error::BadRequest("a text has a NUL (\\u0000) in it: leave it out".to_owned()));
    }
    Ok(body)
}

/// The body of a request that needs none: nothing, or `{}`.
#[derive(Debug, Clone, Copy)]
pub struct NoBody;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl FromRequest<Arc<Shared>> for NoBody {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<Shared>) -> Result<Self, Error> {
        optional::<Nothing>(request, app).await.map(|_| Self)
    }
}

/// A body in JSON that may be left out.
#[derive(Debug, Clone, Default)]
pub struct MaybeBody<T>(pub T);

impl<T: DeserializeOwned + Default> FromRequest<Arc<Shared>> for MaybeBody<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &Arc<Shared>) -> Result<Self, Error> {
        optional::<T>(request, app).await.map(|sent| Self(sent.unwrap_or_default()))
    }
}

async fn optional<T: DeserializeOwned>(request: Request, app: &Arc<Shared>) -> Result<Option<T>, Error> {
    let body = read(request, app).await?;
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let parsed = serde_json::from_slice(&body).map(Some);
    parsed.map_err(|error| Error::BadRequest(format!("this needs no body, or JSON such as {{}}: {error}")))
}

fn unread(rejection: &BytesRejection) -> Error {
    if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Error::TooLarge("the body is longer than this takes: most take 64 KiB, a mail to try 1 MiB".to_owned());
    }
    Error::BadRequest(rejection.body_text())
}
