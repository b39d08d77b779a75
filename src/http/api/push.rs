//! Web Push: what a page needs to subscribe the browser it is shown in.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::extract::{Body, Path};
use crate::domain::channel::Channel;
use crate::engine::push::{PushAsked, SUBSCRIPTIONS_MAX};
use crate::http::auth::Caller;
use crate::http::view::lists::{KeyView, SubscribedView, SubscriptionsView};
use crate::http::view::people::SubscriptionView;
use crate::http::{Error, Shared};

/// A browser: `PushSubscription.toJSON` of the Push API, and a name for it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubscribeBody {
    /// Where its push service takes messages for it.
    endpoint: String,
    keys: PushKeys,
    /// Browsers say `null`; a push service tells the end of a subscription by 410 anyway.
    #[serde(default, rename = "expirationTime")]
    _expiration_time: Option<f64>,
    /// What its owner calls it.
    #[serde(default)]
    name: String,
}

/// What a browser's push messages are encrypted with, in base64url.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushKeys {
    p256dh: String,
    auth: String,
}

/// What a page subscribes with (`applicationServerKey`)
#[utoipa::path(get, path = "/push/key", tag = "people", responses((status = 200, body = KeyView)))]
pub async fn key(State(app): App, _: Caller) -> Result<Json<KeyView>, Error> {
    let key = app.engine.push_key().await?;
    Ok(Json(KeyView { key: URL_SAFE_NO_PAD.encode(key.public_key().to_sec1_bytes()) }))
}

/// Somebody's browsers: 10 at most
#[utoipa::path(get, path = "/people/{name}/push", tag = "people",
    params(("name" = String, Path, description = "Whose")), responses((status = 200, body = SubscriptionsView)))]
pub async fn subscriptions(
    State(app): App,
    _: Caller,
    Path(name): Path<String>,
) -> Result<Json<SubscriptionsView>, Error> {
    check(&app, &name)?;
    let known = app.engine.store().push_subscriptions(&name).await?;
    Ok(Json(SubscriptionsView { subscriptions: known.iter().map(SubscriptionView::of).collect() }))
}

/// Subscribe a browser to pages; one that is known is changed
#[utoipa::path(post, path = "/people/{name}/push", tag = "people", request_body = SubscribeBody,
    params(("name" = String, Path, description = "Whose")), responses((status = 201, body = SubscribedView)))]
pub async fn subscribe(
    State(app): App,
    caller: Caller,
    Path(name): Path<String>,
    Body(body): Body<SubscribeBody>,
) -> Result<(StatusCode, Json<SubscribedView>), Error> {
    check(&app, &name)?;
    let SubscribeBody { endpoint, keys: PushKeys { p256dh, auth }, name: browser, .. } = body;
    let asked = PushAsked { endpoint, p256dh, auth, name: browser };
    let subscription = asked.checked(&name, app.engine.clock().now())?;
    if !app.engine.subscribe_push(&subscription, &caller.actor()).await? {
        let why = format!("{name} has {SUBSCRIPTIONS_MAX} browsers already; remove one of them first");
        return Err(Error::Conflict(why));
    }
    Ok((StatusCode::CREATED, Json(SubscribedView { id: subscription.id })))
}

/// Forget a browser
#[utoipa::path(delete, path = "/people/{name}/push/{id}", tag = "people",
    params(("name" = String, Path, description = "Whose"), ("id" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is forgotten")))]
pub async fn unsubscribe(
    State(app): App,
    caller: Caller,
    Path((name, id)): Path<(String, String)>,
) -> Result<StatusCode, Error> {
    if app.engine.unsubscribe_push(&name, &id, &caller.actor()).await? {
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
