//! People: how they are reached, and whether that works.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Sent, actor, sent};
use crate::domain::notice::Proof;
use crate::domain::rulebook::PROBE;
use crate::http::Error;
use crate::http::auth::Caller;
use crate::http::view::people::UserView;

/// Body of `POST /people/{name}/contacts/{contact}/verify`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyBody {
    code: String,
}

/// `GET /people`: everybody, with how well their contact methods work.
pub async fn people(State(app): App, _: Caller) -> Result<Json<Value>, Error> {
    let (definitions, contacts) = (app.engine.definitions(), app.engine.store().contacts().await?);
    let people = definitions.roster.users.values().filter(|user| user.name != PROBE);
    let people: Vec<UserView> = people.map(|user| UserView::of(user, &contacts)).collect();
    Ok(Json(json!({ "people": people })))
}

/// `POST /people/{name}/contacts/{contact}/test`: a message with a code, or a call that asks for a key.
pub async fn test(
    State(app): App,
    caller: Caller,
    Path((name, contact)): Path<(String, String)>,
) -> Result<(StatusCode, Json<Value>), Error> {
    let test = app.engine.test_contact(&name, &contact, &actor(&caller)).await?;
    let test = test.ok_or_else(|| no_contact(&name, &contact))?;
    Ok((StatusCode::ACCEPTED, Json(json!({ "notice": test.id }))))
}

/// `POST /people/{name}/contacts/{contact}/verify`: with the code that the test brought.
pub async fn verify(
    State(app): App,
    caller: Caller,
    Path((name, contact)): Path<(String, String)>,
    body: Sent<VerifyBody>,
) -> Result<Json<Value>, Error> {
    let code = sent(body)?.code;
    let proof = app.engine.verify_contact(&name, &contact, &code, &actor(&caller)).await?;
    match proof.ok_or_else(|| no_contact(&name, &contact))? {
        Proof::Verified => Ok(Json(json!({ "verified": true }))),
        other => Err(Error::Conflict(other.to_string())),
    }
}

fn no_contact(name: &str, contact: &str) -> Error {
    Error::NotFound(format!("{name:?} has no contact {contact:?}"))
}
