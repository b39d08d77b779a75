//! What the telephone provider tells us: somebody picked up, pressed a key, or the call has ended.
//!
//! A callback must be signed and carry the notification's nonce; anything else is refused, logged and changes
//! nothing. Repeated callbacks do no harm (I28).

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, FromRequest, FromRequestParts as _, Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use jiff::tz::TimeZone;
use subtle::ConstantTimeEq as _;

use super::{Config, signature, twiml};
use crate::domain::incident::{Cause, Event, Incident, Status};
use crate::domain::notice::Notice;
use crate::engine::{About, CallEnd, Engine};
use crate::store;
use crate::store::notice::StoredNotice;
use crate::store::notification::Notification;

const KEYS: &str = "Press 4 to acknowledge, 6 to resolve, 5 to escalate, star to repeat.";
const KEYS_FOR_ALL: &str = "Press 4 to acknowledge all, 5 to escalate all, star to repeat.";
const NO_KEY: &str = "No key was pressed. The next person will be called. Goodbye.";

struct Shared {
    engine: Arc<Engine>,
    config: Config,
}

/// The routes the provider calls.
pub fn router(engine: Arc<Engine>, config: Config) -> Router {
    Router::new()
        .route("/voice/{id}/{nonce}/answer", post(answered))
        .route("/voice/{id}/{nonce}/key", post(key_pressed))
        .route("/voice/{id}/{nonce}/resolve", post(resolve_confirmed))
        .route("/voice/{id}/{nonce}/status", post(ended))
        .route("/voice/notice/{id}/{nonce}/answer", post(notice_answered))
        .route("/voice/notice/{id}/{nonce}/key", post(notice_key_pressed))
        .with_state(Arc::new(Shared { engine, config }))
}

type Parameters = Vec<(String, String)>;

/// A callback that proved to come from the provider.
#[derive(Clone)]
struct Call {
    notification: Notification,
    /// The worst that it tells of and that still needs somebody, or what the notification was about.
    incident: Incident,
    /// How many it tells of still need somebody.
    waiting: usize,
    parameters: Parameters,
    /// Which attempt the call was, where its address says so.
    attempt: i64,
}

/// Why a callback is refused.
struct Refusal(StatusCode);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.0.into_response()
    }
}

/// A request that the provider has signed.
struct Signed {
    id: String,
    nonce: String,
    /// Which attempt the call was, where its address says so.
    attempt: i64,
    parameters: Parameters,
}

impl Signed {
    async fn read(request: Request, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let bad_request = |_| Refusal(StatusCode::BAD_REQUEST);
        let path = Path::<(String, String)>::from_request_parts(&mut parts, shared).await;
        let Path((id, nonce)) = path.map_err(|_| Refusal(StatusCode::NOT_FOUND))?;
        let given = parts.headers.get("x-twilio-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let given = given.to_owned();
        let path_and_query = parts.uri.path_and_query().map_or("", |path| path.as_str());
        let url = format!("{}{path_and_query}", shared.config.public_url);
        let attempt =
            parts.uri.query().and_then(|query| query.strip_prefix("attempt=")?.parse().ok()).unwrap_or_default();
        let form = Form::<Parameters>::from_request(Request::from_parts(parts, body), shared).await;
        let Form(parameters) = form.map_err(bad_request)?;
        if !signature::is_valid(shared.config.token.expose(), &url, &parameters, &given) {
            return Err(refuse(&id, StatusCode::FORBIDDEN, "its signature is wrong"));
        }
        Ok(Self { id, nonce, attempt, parameters })
    }

    /// What the address is about, if it has the secret of it.
    fn known<T>(&self, found: Option<T>, nonce: impl Fn(&T) -> &str) -> Result<T, Refusal> {
        let known = found.filter(|known| nonce(known).as_bytes().ct_eq(self.nonce.as_bytes()).into());
        known.ok_or_else(|| refuse(&self.id, StatusCode::NOT_FOUND, "there is nothing of that name"))
    }
}

fn refuse(id: &str, status: StatusCode, why: &str) -> Refusal {
    tracing::warn!(notification.id = id, "refused a voice callback: {why}");
    Refusal(status)
}

fn unavailable(_: store::Error) -> Refusal {
    Refusal(StatusCode::SERVICE_UNAVAILABLE)
}

impl FromRequest<Arc<Shared>> for Call {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let signed = Signed::read(request, shared).await?;
        let store = shared.engine.store();
        let found = store.notification(&signed.id).await.map_err(unavailable)?;
        let notification = signed.known(found, |known| &known.nonce)?;
        let incident = store.incident(notification.incident_number).await.map_err(unavailable)?;
        let incident = incident.ok_or_else(|| refuse(&signed.id, StatusCode::NOT_FOUND, "its incident is gone"))?;
        let bundled = store.bundled_incidents(&signed.id).await.map_err(unavailable)?;
        Ok(Self::about(notification, incident, bundled, signed.parameters, signed.attempt))
    }
}

/// A call that tells a notice.
struct NoticeCall {
    told: StoredNotice,
    parameters: Parameters,
}

impl FromRequest<Arc<Shared>> for NoticeCall {
    type Rejection = Refusal;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let signed = Signed::read(request, shared).await?;
        let found = shared.engine.store().notice(&signed.id).await.map_err(unavailable)?;
        Ok(Self { told: signed.known(found, |told| &told.nonce)?, parameters: signed.parameters })
    }
}

async fn notice_answered(State(shared): State<Arc<Shared>>, call: NoticeCall) -> Response {
    let definitions = shared.engine.definitions();
    let zone = definitions.roster.users.get(&call.told.user).map_or(TimeZone::UTC, |user| user.zone.clone());
    match &call.told.notice {
        Notice::Test { .. } => {
            let action = shared.config.notice_url(&call.told.id, &call.told.nonce, "key");
            let sentences = ["This is a test of nightcall.", "Press 4 to confirm that your phone is reached."];
            xml(twiml::ask(&sentences, &action, "Nothing was confirmed. Goodbye."))
        }
        told @ Notice::OnCall { .. } => xml(twiml::say(&["This is nightcall.", &told.text(&zone), "Goodbye."])),
    }
}

async fn notice_key_pressed(State(shared): State<Arc<Shared>>, call: NoticeCall) -> Response {
    let pressed = call.parameters.iter().any(|(name, value)| name == "Digits" && value == "4");
    if !pressed || call.told.notice.code().is_none() {
        return xml(twiml::say(&["Nothing was confirmed. Goodbye."]));
    }
    xml(match shared.engine.test_answered(&call.told).await {
        Ok(()) => twiml::say(&["Confirmed. Thank you."]),
        Err(error) => {
            tracing::error!(%error, "a confirmed test was not stored");
            twiml::say(&["That could not be stored. Please ask for another test."])
        }
    })
}

async fn answered(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    xml(call.menu(&shared.config, &["This is nightcall."]))
}

async fn key_pressed(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    let config = &shared.config;
    let spoken = match call.parameter("Digits") {
        // Whatever the key, somebody who comes late hears who has it.
        "4" | "5" | "*" if call.incident.status != Status::Triggered => call.menu(config, &[]),
        "4" => call.act(&shared, Event::Acknowledged { origin_at: None }, "Acknowledged. Thank you.").await,
        "6" if call.waiting > 1 => call.menu(config, &["Several incidents are not resolved by phone at once."]),
        "6" => {
            let question = ["Press 6 again to resolve this incident."];
            let action = config.callback_url(&call.notification.id, &call.notification.nonce, "resolve");
            twiml::ask(&question, &action, "It stays open. Goodbye.")
        }
        "5" => call.act(&shared, Event::EscalationAsked, "Escalated. The next person is being called.").await,
        "*" => call.menu(config, &[]),
        key => {
            tracing::warn!(notification.id = call.notification.id, "a key without meaning was pressed");
            call.menu(config, &[&format!("Key {key} has no meaning here.")])
        }
    };
    xml(spoken)
}

/// Resolving by phone takes a second key press: a wrong resolve is dangerous, and sleepy fingers slip.
async fn resolve_confirmed(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    let spoken = if call.parameter("Digits") == "6" {
        call.act(&shared, Event::Resolved { origin_at: None }, "Resolved. Good night.").await
    } else {
        call.menu(&shared.config, &["It was not resolved."])
    };
    xml(spoken)
}

async fn ended(State(shared): State<Arc<Shared>>, call: Call) -> Result<StatusCode, Refusal> {
    let end = match call.parameter("CallStatus") {
        "completed" => CallEnd::Completed,
        "busy" => CallEnd::Busy,
        "no-answer" => CallEnd::NoAnswer,
        "failed" | "canceled" => CallEnd::Failed,
        // Progress on the way, such as "ringing".
        _ => return Ok(StatusCode::NO_CONTENT),
    };
    let about = About { attempt: call.attempt, provider_ref: call.parameter("CallSid").to_owned() };
    match shared.engine.call_ended(call.notification, end, about).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => {
            tracing::error!(%error, "the end of a call was not stored");
            Err(Refusal(StatusCode::SERVICE_UNAVAILABLE))
        }
    }
}

impl Call {
    fn about(
        notification: Notification,
        incident: Incident,
        bundled: Vec<Incident>,
        parameters: Parameters,
        attempt: i64,
    ) -> Self {
        let mut waiting: Vec<Incident> =
            bundled.into_iter().filter(|incident| incident.status == Status::Triggered).collect();
        waiting.sort_by_key(|incident| (std::cmp::Reverse(incident.severity), incident.number));
        let count = waiting.len();
        // What it was about first, as long as it needs somebody: people hear again what they heard before.
        let incident = match waiting.into_iter().next() {
            Some(worst) if incident.status != Status::Triggered => worst,
            _ => incident,
        };
        Self { notification, incident, waiting: count, parameters, attempt }
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// What is wrong and which keys there are, or that there is nothing left to do.
    fn menu(&self, config: &Config, before: &[&str]) -> String {
        let incident = &self.incident;
        match (incident.status, &incident.acknowledged) {
            (Status::Resolved, _) => return twiml::say(&["This incident is already resolved. Good night."]),
            (Status::Acknowledged, Some((_, by))) => {
                return twiml::say(&[&format!("Already acknowledged by {by}. Good night.")]);
            }
            (Status::Triggered | Status::Acknowledged, _) => {}
        }
        let alert = format!("{} alert in service {}: {}.", incident.severity, incident.service, incident.summary);
        if self.waiting > 1 {
            let count = format!("{} incidents. The worst: {alert}", self.waiting);
            let action = config.callback_url(&self.notification.id, &self.notification.nonce, "key");
            let sentences: Vec<&str> =
                before.iter().copied().chain(["Press 4 to acknowledge all.", count.as_str(), KEYS_FOR_ALL]).collect();
            return twiml::ask(&sentences, &action, NO_KEY);
        }
        let action = config.callback_url(&self.notification.id, &self.notification.nonce, "key");
        let sentences: Vec<&str> =
            before.iter().copied().chain(["Press 4 to acknowledge.", alert.as_str(), KEYS]).collect();
        twiml::ask(&sentences, &action, NO_KEY)
    }

    /// Lets the key act. When it cannot be stored, the caller hears so and may press again.
    async fn act(&self, shared: &Shared, event: Event, done: &str) -> String {
        let cause =
            Cause { actor: format!("{} by {}", self.notification.user, self.notification.channel), mail_id: None };
        match shared.engine.answer(&self.notification, event, cause).await {
            Ok(Some(handled)) if handled.kinds.is_empty() => {
                // Somebody else was faster, by a moment.
                Self { incident: handled.incident, waiting: 0, ..self.clone() }.menu(&shared.config, &[])
            }
            Ok(Some(_)) => twiml::say(&[done]),
            Ok(None) => twiml::say(&["This call has done its work already. Goodbye."]),
            Err(error) => {
                tracing::error!(%error, "a key press was not stored");
                self.menu(&shared.config, &["That could not be stored. Please press the key again."])
            }
        }
    }
}

fn xml(document: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}
