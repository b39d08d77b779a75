//! Acts on an incident: the same events that API, phone and chat cause, through the same door.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use futures_util::future::join_all;
use jiff::Timestamp;
use serde::Deserialize;

use super::access::Viewer;
use super::frame::Fault;
use super::incident::{no_incident, parse_number};
use super::words::Teller;
use crate::domain::act::Act;
use crate::domain::request;
use crate::engine::act::NotDone;
use crate::http::Shared;

type App = State<Arc<Shared>>;

/// Form of `POST /incidents/{number}/snooze`.
#[derive(Debug, Deserialize)]
pub(super) struct Snooze {
    /// A length such as `4h`, or `morning`.
    until: String,
}

/// Form of `POST /incidents/{number}/reassign` and `/responders`.
#[derive(Debug, Deserialize)]
pub(super) struct Whom {
    target: String,
}

/// Form of `POST /incidents/{number}/note`.
#[derive(Debug, Deserialize)]
pub(super) struct Note {
    text: String,
}

/// Most incidents that are acted on at once: as many as the list shows.
const SEVERAL_MAX: usize = 200;

/// `POST /incidents/act`: acknowledges or resolves several. What is over meanwhile stays so.
pub(super) async fn several(State(app): App, viewer: Viewer, form: String) -> Result<Response, Fault> {
    let back = |why: String| Fault::refused(why).back("/incidents?select=some");
    let (mut numbers, mut act) = (Vec::new(), None);
    for (name, value) in url::form_urlencoded::parse(form.as_bytes()) {
        match (&*name, &*value) {
            ("number", number) => numbers.push(parse_number(number)?),
            ("act", "acknowledge") => act = Some(Act::Acknowledge),
            ("act", "resolve") => act = Some(Act::Resolve),
            _ => {}
        }
    }
    let Some(act) = act else { return Err(back("This says not what to do.".to_owned())) };
    if numbers.is_empty() || numbers.len() > SEVERAL_MAX {
        return Err(back(format!("Choose 1 to {SEVERAL_MAX} incidents.")));
    }
    let definitions = app.engine.definitions();
    let (event, cause) = act.checked(&viewer.actor(), &definitions.roster, app.engine.clock().now())?;
    // Together, so that they share a commit.
    let acts = numbers.into_iter().map(|number| app.engine.handle(number, event.clone(), cause.clone()));
    for done in join_all(acts).await {
        done?;
    }
    Ok(Redirect::to("/incidents").into_response())
}

/// `POST /incidents/{number}/acknowledge`.
pub(super) async fn acknowledge(
    State(app): App,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Fault> {
    act(&app, &viewer, &number, &Act::Acknowledge).await
}

/// `POST /incidents/{number}/resolve`.
pub(super) async fn resolve(State(app): App, viewer: Viewer, Path(number): Path<String>) -> Result<Response, Fault> {
    act(&app, &viewer, &number, &Act::Resolve).await
}

/// `POST /incidents/{number}/take`: whoever asks has it now, whoever had it before.
pub(super) async fn take(State(app): App, viewer: Viewer, Path(number): Path<String>) -> Result<Response, Fault> {
    act(&app, &viewer, &number, &Act::Take(None)).await
}

/// `POST /incidents/{number}/escalate`: the next step is called now.
pub(super) async fn escalate(State(app): App, viewer: Viewer, Path(number): Path<String>) -> Result<Response, Fault> {
    act(&app, &viewer, &number, &Act::Escalate).await
}

/// `POST /incidents/{number}/snooze`: whoever asks has it, and it is quiet until then.
pub(super) async fn snooze(
    State(app): App,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Snooze>,
) -> Result<Response, Fault> {
    let now = app.engine.clock().now();
    let until = if form.until == "morning" {
        Teller { now, zone: viewer.zone.clone() }.morning()
    } else {
        let length = request::length(&form.until).map_err(|refused| back(refused.into(), &number))?;
        now.checked_add(length).unwrap_or(Timestamp::MAX)
    };
    act(&app, &viewer, &number, &Act::Snooze(until)).await
}

/// `POST /incidents/{number}/reassign`: the target is called first, the policy follows.
pub(super) async fn reassign(
    State(app): App,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Whom>,
) -> Result<Response, Fault> {
    act(&app, &viewer, &number, &Act::Reassign(vec![form.target])).await
}

/// `POST /incidents/{number}/responders`: the target is called as well.
pub(super) async fn responders(
    State(app): App,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Whom>,
) -> Result<Response, Fault> {
    act(&app, &viewer, &number, &Act::AddResponders(vec![form.target])).await
}

/// `POST /incidents/{number}/note`: a remark on the timeline.
pub(super) async fn note(
    State(app): App,
    viewer: Viewer,
    Path(number): Path<String>,
    Form(form): Form<Note>,
) -> Result<Response, Fault> {
    act(&app, &viewer, &number, &Act::Note(form.text)).await
}

/// Does it, and shows the incident again.
async fn act(app: &Shared, viewer: &Viewer, number: &str, act: &Act) -> Result<Response, Fault> {
    let parsed = parse_number(number)?;
    let why = match app.engine.act(parsed, act, &viewer.actor(), None).await {
        Ok(_) => return Ok(Redirect::to(&format!("/incidents/{parsed}")).into_response()),
        Err(why) => why,
    };
    Err(match why {
        NotDone::Missing(number) => no_incident(number),
        NotDone::Over(_) => {
            let why = format!("Incident #{parsed} is resolved already.");
            back(Fault::new(StatusCode::CONFLICT, why), number)
        }
        NotDone::Changed(_) => back(Fault::new(StatusCode::CONFLICT, "It has changed meanwhile."), number),
        NotDone::Refused(refused) => back(refused.into(), number),
        NotDone::Failed(error) => error.into(),
    })
}

fn back(fault: Fault, number: &str) -> Fault {
    match parse_number(number) {
        Ok(number) => fault.back(&format!("/incidents/{number}")),
        Err(_) => fault,
    }
}
