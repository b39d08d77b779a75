//! People: how they are reached, whether that works, and testing it.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::access::Viewer;
use super::escaped;
use super::frame::{Fault, Frame, page};
use super::words::{At, Teller};
use crate::domain::notice::Proof;
use crate::domain::roster::User;
use crate::domain::rulebook::PROBE;
use crate::domain::situation::{Swap, overrides_of};
use crate::http::Shared;
use crate::http::view::people::{ContactView, UserView};

#[derive(Template)]
#[template(path = "people.html", config = "src/http/pages/askama.toml")]
struct PeoplePage {
    frame: Frame,
    tested: Option<String>,
    people: Vec<Shown>,
}

struct Shown {
    name: String,
    role: &'static str,
    zone: String,
    is_on_call: bool,
    contacts: Vec<Contact>,
}

struct Contact {
    name: String,
    channel: &'static str,
    address: String,
    verified: bool,
    /// When a human last answered, or its provider last took something, whichever was later, in words and time.
    worked: Option<(&'static str, At)>,
    failed: Option<Failure>,
}

/// The last failure of a contact method.
struct Failure {
    at: At,
    why: String,
    /// Whether nothing has worked since.
    stands: bool,
}

/// Query of `GET /people`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    tested: Option<String>,
}

/// Form of `POST /people/{person}/contacts/{contact}/verify`.
#[derive(Debug, Deserialize)]
pub(super) struct Code {
    code: String,
}

/// `GET /people`.
pub(super) async fn show(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/people").await?;
    let (store, definitions) = (app.engine.store(), app.engine.definitions());
    let (contacts, stored) = (store.contacts().await?, store.overrides_since(frame.now).await?);
    let swaps: Vec<Swap> = stored.into_iter().map(|stored| stored.swap).collect();
    let roster = &definitions.roster;
    let schedules = roster.schedules.values();
    let on_call: BTreeSet<String> = schedules
        .flat_map(|schedule| schedule.on_call(&overrides_of(&swaps, &schedule.name), frame.now))
        .map(|on_call| on_call.user)
        .collect();
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let shown = |user: &User| {
        let view = UserView::of(user, &contacts);
        Shown {
            is_on_call: on_call.contains(&user.name),
            name: view.name,
            role: user.role.word(),
            zone: view.zone,
            contacts: view.contacts.into_iter().map(|contact| Contact::of(contact, &teller)).collect(),
        }
    };
    let people = roster.users.values().filter(|user| user.name != PROBE).map(shown).collect();
    Ok(page(&PeoplePage { frame, tested: asked.tested, people }))
}

/// `POST /people/{person}/contacts/{contact}/test`: a message with a code, or a call that asks for a key.
pub(super) async fn test(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path((person, contact)): Path<(String, String)>,
) -> Result<Response, Fault> {
    app.engine.test_contact(&person, &contact, &viewer.actor()).await?.ok_or_else(no_contact)?;
    let address = format!("/people?tested={}", escaped(&format!("{contact} of {person}")));
    Ok(Redirect::to(&address).into_response())
}

/// `POST /people/{person}/contacts/{contact}/verify`: with the code that the test brought.
pub(super) async fn verify(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path((person, contact)): Path<(String, String)>,
    Form(form): Form<Code>,
) -> Result<Response, Fault> {
    let proof = app.engine.verify_contact(&person, &contact, form.code.trim(), &viewer.actor()).await?;
    match proof.ok_or_else(no_contact)? {
        Proof::Verified => Ok(Redirect::to("/people").into_response()),
        other => Err(Fault::new(StatusCode::CONFLICT, format!("Not verified: {other}.")).back("/people")),
    }
}

impl Contact {
    fn of(view: ContactView, teller: &Teller) -> Self {
        let worked_at = view.answered_at.max(view.accepted_at);
        let word = if view.answered_at == worked_at { "answered" } else { view.accepted_word() };
        let failed = view.failed_at.map(|at| Failure {
            at: teller.at(at),
            why: view.failed_why.unwrap_or_default(),
            stands: worked_at < Some(at),
        });
        Self {
            name: view.name,
            channel: view.channel,
            address: view.address,
            verified: view.verified,
            worked: worked_at.map(|at| (word, teller.at(at))),
            failed,
        }
    }
}

fn no_contact() -> Fault {
    Fault::missing("There is no such person, or they have no such contact.").back("/people")
}
