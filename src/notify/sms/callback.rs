//! What the provider tells of texts: how far ours got, and what somebody sent back.
//!
//! Every call must be signed. Repeated calls do no harm, and may come before our request was answered (I28).

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use subtle::ConstantTimeEq as _;

use super::reply::{self, Inbound, Keyword, NOT_STORED};
use super::{Setup, reported};
use crate::domain::channel::Channel;
use crate::domain::code::Code;
use crate::engine::{About, Engine, Error};
use crate::notify::answering;
use crate::notify::exchange::{Outcome, Refusal};
use crate::notify::form;
use crate::notify::telephone::reference_at;
use crate::notify::twilio::Config;
use crate::store;
use crate::store::notification::Notification;

struct Shared {
    engine: Arc<Engine>,
    setup: Setup,
    public_url: String,
}

/// The routes the provider calls; none where it cannot reach us.
pub fn router(engine: Arc<Engine>, setup: Setup) -> Router {
    let Some(public_url) = setup.public_url.clone() else { return Router::new() };
    Router::new()
        .route("/sms/received", post(received))
        .route("/sms/{id}/{nonce}/status", post(status_told))
        .with_state(Arc::new(Shared { engine, setup, public_url }))
}

impl Shared {
    /// Reads a call by the provider that has signed it.
    fn read<T>(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        read: impl Fn(&Config, &str, &str) -> Result<T, Refusal>,
    ) -> Result<T, StatusCode> {
        let path = uri.path_and_query().map_or("", |path| path.as_str());
        let url = format!("{}{path}", self.public_url);
        let given = headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mut refused = Refusal::Forged("nobody is set up who could have sent it");
        for (account, _) in &self.setup.providers {
            match read(account, &url, given) {
                Err(forged @ Refusal::Forged(_)) => refused = forged,
                Err(other) => {
                    refused = other;
                    break;
                }
                Ok(read) => return Ok(read),
            }
        }
        tracing::warn!("refused a call about a text: {refused}");
        Err(StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::BAD_REQUEST))
    }
}

fn unavailable(_: store::Error) -> StatusCode {
    StatusCode::SERVICE_UNAVAILABLE
}

async fn status_told(
    State(shared): State<Arc<Shared>>,
    Path((id, nonce)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, StatusCode> {
    let report = shared.read(&uri, &headers, |account, url, given| reported(account, url, given, &body))?;
    let found = shared.engine.store().notification(&id).await.map_err(unavailable)?;
    let known = found.filter(|known| known.nonce.as_bytes().ct_eq(nonce.as_bytes()).into());
    let notification = known.filter(|known| known.channel == Channel::Sms).ok_or(StatusCode::NOT_FOUND)?;
    // On its way, or there: nobody need have seen it (I29).
    let Some(Outcome::Failed(why)) = report.state.outcome(&report.sid, &report.error) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let query = form::read(uri.query().unwrap_or_default().as_bytes());
    let number = |name| form::value(&query, name).parse().unwrap_or_default();
    let place = form::value(&query, "provider").parse().unwrap_or_default();
    let about = About { attempt: number("attempt"), provider_ref: reference_at(place, &report.sid) };
    match shared.engine.lost(notification, why, about).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => {
            tracing::error!(%error, "the end of a text was not stored");
            Err(StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

async fn received(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, StatusCode> {
    let inbound = shared.read(&uri, &headers, |account, url, given| reply::received(account, url, given, &body))?;
    let said = match shared.hear(&inbound).await {
        Ok(said) => said,
        Err(error) => {
            tracing::error!(%error, "an answer by text was not stored");
            Some(NOT_STORED.to_owned())
        }
    };
    let document = reply::twiml(said.as_deref());
    Ok(([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response())
}

impl Shared {
    /// Does what a text asks for; what is answered.
    async fn hear(&self, inbound: &Inbound) -> Result<Option<String>, Error> {
        let unread = |error| Error::NotCommitted(Arc::new(error));
        let answerable = self.engine.store().answerable(Channel::Sms).await.map_err(unread)?;
        let sent: Vec<reply::Sent<'_>> = answerable.iter().filter_map(sent).collect();
        let owner = self.owner(inbound);
        let verdict = reply::judge(inbound, &sent, owner.is_some());
        for answer in &verdict.answers {
            let done = answering::act(&self.engine, Channel::Sms, answer).await?;
            tracing::info!("{} answered by sms: {}", answer.who, done.said);
        }
        if let Some((user, address)) = owner {
            match verdict.keyword {
                Some(Keyword::Stop) => self.engine.contact_stopped(Channel::Sms, &address, &user).await?,
                Some(Keyword::Start) => self.engine.contact_started(Channel::Sms, &user).await?,
                Some(Keyword::Help) | None => {}
            }
        }
        Ok(verdict.text)
    }

    /// Whose number it is, as the definitions write it.
    fn owner(&self, inbound: &Inbound) -> Option<(String, String)> {
        let definitions = self.engine.definitions();
        let mut users = definitions.roster.users.values();
        users.find_map(|user| {
            let mut methods = user.methods.iter().filter(|method| method.channel == Channel::Sms);
            let method = methods.find(|method| reply::is_same_number(&method.address, &inbound.from))?;
            Some((user.name.clone(), method.address.clone()))
        })
    }
}

fn sent((notification, incidents): &(Notification, usize)) -> Option<reply::Sent<'_>> {
    let code: &Code = notification.code.as_ref()?;
    Some(reply::Sent {
        message_id: &notification.id,
        code,
        address: &notification.address,
        user: &notification.user,
        incidents: *incidents,
    })
}
