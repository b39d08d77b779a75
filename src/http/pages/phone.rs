//! The pages on a phone's home screen: what installs them there (W3C Web Application Manifest), and the subscription by
//! which pages reach it without any other app (W3C Push API, Service Workers).

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::json;

use super::access::Viewer;
use super::assets;
use super::frame::{Fault, Frame, page};
use super::words::{At, Teller};
use crate::domain::channel::Channel;
use crate::engine::push::{PushAsked, SUBSCRIPTIONS_MAX};
use crate::http::Shared;

/// What shows a page on the phone. It lies at the root, because a worker is for what lies below it.
const WORKER: &str = include_str!("static/worker.js");

#[derive(Template)]
#[template(path = "phone.html", config = "src/http/pages/askama.toml")]
struct PhonePage {
    frame: Frame,
    /// What browsers subscribe with (`applicationServerKey`).
    key: String,
    /// Whether a contact of theirs is `web-push`: without one nothing would ever be told.
    is_contact: bool,
    browsers: Vec<Browser>,
}

struct Browser {
    id: String,
    name: String,
    since: At,
    last_ok: Option<At>,
    is_gone: bool,
}

/// Form of `POST /phone`: what the browser says of its subscription.
#[derive(Deserialize)]
pub(super) struct Subscription {
    endpoint: String,
    p256dh: String,
    auth: String,
    name: String,
}

/// `GET /manifest.webmanifest`.
pub(super) async fn manifest() -> Response {
    let icon = json!({ "src": assets::address("icon.svg"), "sizes": "any", "type": "image/svg+xml" });
    let manifest = json!({
        "name": "nightcall", "short_name": "nightcall", "id": "/", "start_url": "/incidents", "scope": "/",
        "display": "standalone", "background_color": "#0d1117", "theme_color": "#14213d", "icons": [icon],
    });
    let kind = [(header::CONTENT_TYPE, "application/manifest+json"), (header::CACHE_CONTROL, "no-cache")];
    (kind, manifest.to_string()).into_response()
}

/// `GET /worker.js`.
pub(super) async fn worker() -> Response {
    let kind = [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (kind, WORKER).into_response()
}

/// `GET /phone`.
pub(super) async fn show(State(app): State<Arc<Shared>>, viewer: Viewer) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/people").await?;
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let known = app.engine.store().push_subscriptions(&viewer.name).await?;
    let browser = |known: crate::store::push::Subscription| Browser {
        since: teller.at(known.created_at),
        last_ok: known.last_ok_at.map(|at| teller.at(at)),
        is_gone: known.gone_at.is_some(),
        id: known.id,
        name: known.name,
    };
    let is_contact = is_contact(&app, &viewer);
    let mut key = String::new();
    if is_contact {
        key = URL_SAFE_NO_PAD.encode(app.engine.push_key().await?.public_key().to_sec1_bytes());
    }
    let browsers = known.into_iter().map(browser).collect();
    Ok(page(&PhonePage { frame, key, is_contact, browsers }))
}

/// `POST /phone`: subscribes the browser that asks, for whoever has signed in there.
pub(super) async fn subscribe(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Form(form): Form<Subscription>,
) -> Result<Response, Fault> {
    if !is_contact(&app, &viewer) {
        let why =
            "You have no contact \"web-push\": nothing would be told here. Whoever writes the definitions adds it.";
        return Err(Fault::new(StatusCode::CONFLICT, why).back("/phone"));
    }
    let Subscription { endpoint, p256dh, auth, name } = form;
    let asked = PushAsked { endpoint, p256dh, auth, name };
    let subscription = asked.checked(&viewer.name, app.engine.clock().now());
    let subscription = subscription.map_err(|refused| Fault::refused(refused.to_string()).back("/phone"))?;
    if !app.engine.subscribe_push(&subscription, &viewer.actor()).await? {
        let why = format!("You have {SUBSCRIPTIONS_MAX} browsers already; remove one of them first.");
        return Err(Fault::new(StatusCode::CONFLICT, why).back("/phone"));
    }
    Ok(Redirect::to("/phone").into_response())
}

/// `POST /phone/{id}/remove`: forgets a browser of one's own.
pub(super) async fn remove(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    if app.engine.unsubscribe_push(&viewer.name, &id, &viewer.actor()).await? {
        return Ok(Redirect::to("/phone").into_response());
    }
    Err(Fault::missing("There is no such browser of yours.").back("/phone"))
}

fn is_contact(app: &Shared, viewer: &Viewer) -> bool {
    let definitions = app.engine.definitions();
    let user = definitions.roster.users.get(&viewer.name);
    user.is_some_and(|user| user.methods.iter().any(|method| method.channel == Channel::WebPush))
}
