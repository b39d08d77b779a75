//! People: how they are reached, and whether that works.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{Body, NoBody, Path, Query};
use super::mails::PageQuery;
use super::oncall::overrides_since;
use super::{App, slice};
use crate::domain::notice::Proof;
use crate::domain::roster::User;
use crate::domain::rulebook::PROBE;
use crate::domain::schedule::OnCall;
use crate::domain::situation::overrides_of;
use crate::http::Error;
use crate::http::auth::Caller;
use crate::http::view::lists::{NoticeView, PeopleView, VerifiedView};
use crate::http::view::people::UserView;

/// The proof that somebody was reached.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyBody {
    /// The code that the test brought.
    code: String,
}

/// Everybody, with how well their contact methods work
#[utoipa::path(get, path = "/people", tag = "people", params(PageQuery), responses((status = 200, body = PeopleView)))]
pub async fn people(State(app): App, _: Caller, Query(query): Query<PageQuery>) -> Result<Json<PeopleView>, Error> {
    let (definitions, contacts) = (app.engine.definitions(), app.engine.store().contacts().await?);
    let people = definitions.roster.users.values().filter(|user| user.name != PROBE);
    let now = app.engine.clock().now();
    let swaps = overrides_since(&app, now).await?;
    let on_call: Vec<(&String, Vec<OnCall>)> = definitions
        .roster
        .schedules
        .iter()
        .map(|(name, schedule)| (name, schedule.on_call(&overrides_of(&swaps, name), now)))
        .collect();
    let is_on_call = |user: &str| {
        let by = on_call.iter().filter(|(_, people)| people.iter().any(|one| one.user == user));
        by.map(|(name, _)| (*name).clone()).collect()
    };
    let view = |user: &User| UserView { on_call: is_on_call(&user.name), ..UserView::of(user, &contacts) };
    let people: Vec<UserView> = people.map(view).collect();
    let (people, next_cursor) = slice(people, (query.limit, query.cursor), |person| person.name.clone())?;
    Ok(Json(PeopleView { people, next_cursor }))
}

/// Send a test to a contact method: a message with a code, or a call that asks for a key
#[utoipa::path(post, path = "/people/{name}/contacts/{contact}/test", tag = "people",
    params(("name" = String, Path, description = "Whose"), ("contact" = String, Path, description = "Which of theirs")),
    responses((status = 202, body = NoticeView)))]
pub async fn test(
    State(app): App,
    caller: Caller,
    Path((name, contact)): Path<(String, String)>,
    NoBody: NoBody,
) -> Result<(StatusCode, Json<NoticeView>), Error> {
    let test = app.engine.test_contact(&name, &contact, &caller.actor()).await?;
    let test = test.ok_or_else(|| no_contact(&name, &contact))?;
    Ok((StatusCode::ACCEPTED, Json(NoticeView { notice: test.id })))
}

/// Prove that a contact method reaches its person, with the code that the test brought
#[utoipa::path(post, path = "/people/{name}/contacts/{contact}/verify", tag = "people", request_body = VerifyBody,
    params(("name" = String, Path, description = "Whose"), ("contact" = String, Path, description = "Which of theirs")),
    responses((status = 200, body = VerifiedView)))]
pub async fn verify(
    State(app): App,
    caller: Caller,
    Path((name, contact)): Path<(String, String)>,
    Body(body): Body<VerifyBody>,
) -> Result<Json<VerifiedView>, Error> {
    let proof = app.engine.verify_contact(&name, &contact, &body.code, &caller.actor()).await?;
    match proof.ok_or_else(|| no_contact(&name, &contact))? {
        Proof::Verified => Ok(Json(VerifiedView { verified: true })),
        other => Err(Error::Conflict(other.to_string())),
    }
}

fn no_contact(name: &str, contact: &str) -> Error {
    Error::NotFound(format!("{name:?} has no contact {contact:?}"))
}
