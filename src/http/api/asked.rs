//! The incident that a request is about, and which versions of it are meant: what every act on one takes, and what the
//! document says of it.

use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Required, Schema};

use super::extract::Path;
use crate::domain::act::Act;
use crate::engine::act::NotDone;
use crate::engine::version::version;
use crate::http::auth::Caller;
use crate::http::view::IncidentView;
use crate::http::{Error, Shared};

/// The number of the incident in the address.
#[derive(Debug, Clone, Copy)]
pub struct Number(pub i64);

impl FromRequestParts<Arc<Shared>> for Number {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<Shared>) -> Result<Self, Error> {
        let Path(text) = Path::<String>::from_request_parts(parts, app).await?;
        let number = text.parse().map_err(|_| Error::NotFound(format!("{text:?} is not an incident number")));
        number.map(Self)
    }
}

impl Number {
    /// The number, if there is such an incident.
    pub(super) async fn existing(self, app: &Shared) -> Result<i64, Error> {
        let found = app.engine.store().incident(self.0).await?;
        found.map(|incident| incident.number).ok_or_else(|| NotDone::Missing(self.0).into())
    }

    /// The incident with its timeline and version.
    pub(super) async fn shown(self, app: &Shared) -> Result<Response, Error> {
        let store = app.engine.store();
        let incident = store.incident(self.0).await?.ok_or(NotDone::Missing(self.0))?;
        let timeline = store.timeline(self.0).await?;
        let version = version(&incident, i64::try_from(timeline.len()).unwrap_or(i64::MAX));
        let response = Json(IncidentView::from(incident).with_timeline(timeline)).into_response();
        Ok(with_etag(response, &version))
    }
}

impl IntoParams for Number {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1));
        let schema = schema.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        let number = ParameterBuilder::new().name("number").parameter_in(ParameterIn::Path).required(Required::True);
        let number = number.description(Some("Its number")).schema(Some(RefOr::T(Schema::Object(schema.build()))));
        vec![number.example(Some(json!(1))).build()]
    }
}

/// What somebody wants to do to the incident in the address, if it is one of the versions in `If-Match`.
#[derive(Debug)]
pub struct Asked {
    pub(super) app: Arc<Shared>,
    caller: Caller,
    number: Number,
    versions: Option<Vec<String>>,
}

impl FromRequestParts<Arc<Shared>> for Asked {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<Shared>) -> Result<Self, Error> {
        let caller = Caller::from_request_parts(parts, app).await?;
        let number = Number::from_request_parts(parts, app).await?;
        Ok(Self { app: Arc::clone(app), caller, number, versions: versions(&parts.headers)? })
    }
}

impl IntoParams for Asked {
    fn into_params(place: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let mut parameters = Number::into_params(place);
        let text = ObjectBuilder::new().schema_type(Type::String).build();
        let version = ParameterBuilder::new().name("If-Match").parameter_in(ParameterIn::Header);
        let version = version.required(Required::False).schema(Some(RefOr::T(Schema::Object(text))));
        parameters.push(version.description(Some("ETags: only if it is one of these versions")).build());
        parameters
    }
}

impl Asked {
    /// Does it; the incident as it is then.
    pub(super) async fn act(self, act: &Act) -> Result<Response, Error> {
        let Self { app, caller, number, versions } = self;
        app.engine.act(number.0, act, &caller.actor(), versions).await?;
        number.shown(&app).await
    }
}

/// The versions that are meant: those of `If-Match`, or any.
pub(super) fn versions(headers: &HeaderMap) -> Result<Option<Vec<String>>, Error> {
    Ok(tags(headers, "If-Match")?.filter(|tags| !tags.is_empty()))
}

/// An answer as it is, or 304 where whoever asks has seen this version (`If-None-Match`).
pub(super) fn unless_known(response: Response, headers: &HeaderMap) -> Result<Response, Error> {
    let known = tags(headers, "If-None-Match")?;
    let current = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    match (known, current) {
        (Some(known), Some(current)) if known.is_empty() || known.iter().any(|tag| current == format!("\"{tag}\"")) => {
            Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, current)]).into_response())
        }
        _ => Ok(response),
    }
}

pub(super) fn with_etag(mut response: Response, version: &str) -> Response {
    if let Ok(etag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// The entity tags of a header, without their quotes (RFC 9110, section 8.8.3); none for `*`. A weak one is never the
/// same as ours.
fn tags(headers: &HeaderMap, name: &str) -> Result<Option<Vec<String>>, Error> {
    let mut all = Vec::new();
    let mut is_there = false;
    for value in headers.get_all(name) {
        is_there = true;
        let text = value.to_str().ok().map(str::trim);
        if text == Some("*") {
            return Ok(Some(Vec::new()));
        }
        for tag in text.unwrap_or_default().split(',').map(str::trim).filter(|tag| !tag.is_empty()) {
            let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            all.push(inner.unwrap_or(tag).to_owned());
        }
    }
    if is_there && all.is_empty() {
        return Err(Error::BadRequest(format!("{name} must be *, or ETags in quotes as they were given")));
    }
    Ok(is_there.then_some(all))
}
