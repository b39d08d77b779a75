//! Web Push: what a page needs to subscribe the browser it is shown in.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, Sent, actor, refused, sent};
use crate::domain::channel::Channel;
use crate::engine::push::{PushAsked, SUBSCRIPTIONS_MAX};
use crate::http::auth::Caller;
use crate::http::view::people::SubscriptionView;
use crate::http::{Error, Shared};

/// Body of `POST /people/{name}/push`: `PushSubscription.toJSON` of the Push API, and a name for the browser.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubscribeBody {
    endpoint: String,
    keys: Keys,
    /// Browsers say `null`; a push service tells the end of a subscription by 410 anyway.
    #[serde(default, rename = "expirationTime")]
    _expiration_time: Option<f64>,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    p256dh: String,
    auth: String,
}

/// `GET /push/key`: what a page subscribes with (`applicationServerKey`).
pub async fn key(State(app): App, _: Caller) -> Result<Json<Value>, Error> {
    let key = app.engine.push_key().await?;
    Ok(Json(json!({ "key": URL_SAFE_NO_PAD.encode(key.public_key().to_sec1_bytes()) })))
}

/// `GET /people/{name}/push`: their browsers.
pub async fn subscriptions(State(app): App, _: Caller, Path(name): Path<String>) -> Result<Json<Value>, Error> {
    check(&app, &name)?;
    let known = app.engine.store().push_subscriptions(&name).await?;
    let known: Vec<SubscriptionView> = known.iter().map(SubscriptionView::of).collect();
    Ok(Json(json!({ "subscriptions": known })))
}

/// `POST /people/{name}/push`: subscribes a browser; one that is known is changed.
pub async fn subscribe(
    State(app): App,
    caller: Caller,
    Path(name): Path<String>,
    body: Sent<SubscribeBody>,
) -> Result<(StatusCode, Json<Value>), Error> {
    check(&app, &name)?;
    let SubscribeBody { endpoint, keys: Keys { p256dh, auth }, name: browser, .. } = sent(body)?;
    let asked = PushAsked { endpoint, p256dh, auth, name: browser };
    let subscription = asked.checked(&name, app.engine.clock().now()).map_err(refused)?;
    if !app.engine.subscribe_push(&subscription, &actor(&caller)).await? {
        let why = format!("{name} has {SUBSCRIPTIONS_MAX} browsers already; remove one of them first");
        return Err(Error::Conflict(why));
    }
    Ok((StatusCode::CREATED, Json(json!({ "id": subscription.id }))))
}

/// `DELETE /people/{name}/push/{id}`: forgets a browser.
pub async fn unsubscribe(
    State(app): App,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    if app.engine.unsubscribe_push(&name, &id, &actor(&caller)).await? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Error::NotFound(format!("{name:?} has no subscription {id:?}")))
}

/// A browser of somebody who has no such contact would be subscribed, and never told.
fn check(app: &Shared, name: &str) -> Result<(), Error> {
    let definitions = app.engine.definitions();
    let user = definitions.roster.users.get(name).ok_or_else(|| Error::NotFound(format!("there is no {name:?}")))?;
    if user.methods.iter().any(|method| method.channel == Channel::WebPush) {
        return Ok(());
    }
    Err(Error::Conflict(format!("{name} has no contact \"web-push\"")))
}
