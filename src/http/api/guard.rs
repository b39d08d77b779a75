//! The guard before every route of the API: whose token it is, what it may do, how often, and whether this very request
//! was answered before.

use std::sync::Arc;

use axum::RequestExt as _;
use axum::body::{Body, to_bytes};
use axum::extract::{RawPathParams, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use sha2::{Digest as _, Sha256};

use super::mails::no_mail;
use super::routes::{Need, Reach};
use crate::domain::hex::hex;
use crate::engine::act::NotDone;
use crate::http::auth::Caller;
use crate::http::{Error, Shared, is_mail_id};
use crate::store::answered::{Answer, Begun, Keyed};

/// The header that names a request, so that it is done once however often it is sent.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Says that an answer was given before.
pub(super) const REPLAYED: &str = "idempotent-replayed";

/// Longest key, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 255;

/// Longest answer that is kept for a key, in bytes. What is longer is answered again.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Lets a request through if its token may do what it asks for.
pub(super) async fn guard(
    State((app, need, body_bytes_max)): State<(Arc<Shared>, Need, usize)>,
    mut request: Request,
    next: Next,
) -> Response {
    if request.uri().path().contains("%00") {
        return Error::NotFound("there is no such thing: no name or id has a NUL in it".to_owned()).into_response();
    }
    let Need::Token(scope, reach) = need else { return next.run(request).await };
    let caller = match Caller::of(&app, request.headers(), request.extensions()).await {
        Ok(caller) => caller,
        Err(error) => return error.into_response(),
    };
    if let Err(seconds) = app.api.rates.take(&caller.hash, app.engine.clock().now()) {
        return Error::TooManyRequests(seconds).into_response();
    }
    if caller.scope < scope {
        let why = format!("the token {:?} has the scope {}; this takes {scope}", caller.name, caller.scope);
        return Error::Forbidden(why).into_response();
    }
    if let Err(error) = check_reach(&app, &caller, reach, &mut request).await {
        return error.into_response();
    }
    let answered = match key(request.headers()) {
        Ok(Some(key)) if request.method() == Method::POST => {
            once(&app, caller, &key, (request, body_bytes_max), next).await
        }
        Ok(_) => {
            request.extensions_mut().insert(caller);
            return next.run(request).await;
        }
        Err(error) => Err(error),
    };
    answered.unwrap_or_else(Error::into_response)
}

/// Refuses what is about services that the token is not for.
async fn check_reach(app: &Shared, caller: &Caller, reach: Reach, request: &mut Request) -> Result<(), Error> {
    if caller.is_for_all() {
        return Ok(());
    }
    match reach {
        Reach::Anything | Reach::Own => Ok(()),
        Reach::House => {
            let why = format!(
                "the token {:?} is for {} only; this is about the whole house and takes a token for all services",
                caller.name,
                caller.services.join(", ")
            );
            Err(Error::Forbidden(why))
        }
        Reach::Incident => {
            let number = parameter(request, "number").await?;
            let Ok(number) = number.parse() else { return Ok(()) };
            let found = app.engine.store().incident(number).await?;
            // Whose incident it is stays untold.
            if found.is_some_and(|incident| caller.is_for(&incident.service)) {
                Ok(())
            } else {
                Err(NotDone::Missing(number).into())
            }
        }
        Reach::Mail => {
            let id = parameter(request, "id").await?;
            let found = if is_mail_id(&id) { app.engine.store().mail(&id).await? } else { None };
            let Some((_, alerts)) = found else { return Err(no_mail(&id)) };
            let mut own = alerts.iter().map(|alert| caller.is_for(&alert.service));
            // A mail to several services is seen by each of them, and acts for none of them alone.
            let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
            let is_own = if is_read { own.any(|own| own) } else { !alerts.is_empty() && own.all(|own| own) };
            if is_own { Ok(()) } else { Err(no_mail(&id)) }
        }
    }
}

async fn parameter(request: &mut Request, name: &str) -> Result<String, Error> {
    let no_text = |_| Error::NotFound("there is no such thing: the address is no UTF-8".to_owned());
    let found: RawPathParams = request.extract_parts().await.map_err(no_text)?;
    let value = found.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_owned());
    Ok(value.unwrap_or_default())
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| !text.trim().is_empty() && text.len() <= KEY_BYTES_MAX);
    let wrong =
        || Error::BadRequest(format!("an Idempotency-Key is 1 to {KEY_BYTES_MAX} characters of ASCII, such as a UUID"));
    text.map(|text| Some(text.to_owned())).ok_or_else(wrong)
}

/// Does a request with a key, or gives the answer it had before. An answer is kept when something was done: what was
/// refused may be sent again.
async fn once(
    app: &Shared,
    caller: Caller,
    key: &str,
    (request, body_bytes_max): (Request, usize),
    next: Next,
) -> Result<Response, Error> {
    let too_large = |_| Error::TooLarge(format!("this takes a body of at most {body_bytes_max} bytes"));
    let (mut parts, body) = request.into_parts();
    let body = to_bytes(body, body_bytes_max).await.map_err(too_large)?;
    let mut digest = Sha256::new();
    for part in [parts.method.as_str(), &parts.uri.to_string()] {
        digest.update(part);
        digest.update([0]);
    }
    digest.update(&body);
    let fingerprint = hex(&digest.finalize());
    let (store, token) = (app.engine.store(), caller.hash.clone());
    let keyed = Keyed { token: &token, key };
    match store.begin_request(keyed, &fingerprint, app.engine.clock().now()).await? {
        Begun::New => {}
        Begun::Answered(answer) => return Ok(replayed(answer)),
        Begun::UnderWay => {
            let why = "a request with this Idempotency-Key is being done now; send it again in a minute";
            return Err(Error::Conflict(why.to_owned()));
        }
        Begun::Other => return Err(Error::KeyReused),
    }
    parts.extensions.insert(caller);
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !response.status().is_success() {
        store.forget_request(keyed).await?;
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        store.forget_request(keyed).await?;
        return Err(Error::Unavailable);
    };
    let etag = parts.headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let text = String::from_utf8_lossy(&body).into_owned();
    let answer = Answer { status: parts.status.as_u16(), body: text, etag };
    // What was done stays done; without the answer a second request would do it again, and says so by a 409 first.
    if let Err(error) = store.answer_request(keyed, &answer).await {
        tracing::error!(%error, "the answer to a request with an Idempotency-Key is not kept");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replayed(answer: Answer) -> Response {
    let Answer { status, body, etag } = answer;
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    let has_body = !body.is_empty();
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some(etag) = etag.and_then(|etag| HeaderValue::from_str(&etag).ok()) {
        headers.insert(header::ETAG, etag);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
