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
use subtle::ConstantTimeEq as _;

use super::keys::{self, Pressed, Stand};
use super::pin::{self, Entered};
use super::watch::call_end;
use super::{Addresses, Config, poll, signature, twiml};
use crate::domain::actor::Actor;
use crate::domain::incident::{Cause, Incident, Status};
use crate::domain::notice::Notice;
use crate::domain::roster::Pin;
use crate::engine::{About, Engine};
use crate::notify::answering::saying;
use crate::notify::exchange::Act;
use crate::notify::form;
use crate::notify::message::{Kind, Subject};
use crate::notify::saying::Reader;
use crate::notify::spoken::speakable::speakable;
use crate::notify::spoken::{self, NAME_CHARS_MAX, Phrase};
use crate::notify::telephone::reference_at;
use crate::notify::twilio;
use crate::store;
use crate::store::notice::StoredNotice;
use crate::store::notification::Notification;

struct Shared {
    engine: Arc<Engine>,
    /// Whose calls count.
    accounts: Vec<twilio::Config>,
    addresses: Addresses,
}

/// The routes the provider calls; none where it cannot reach us.
pub fn router(engine: Arc<Engine>, config: Config) -> Router {
    let Config { accounts, addresses: Some(addresses) } = config else { return Router::new() };
    Router::new()
        .route("/voice/{id}/{nonce}/answer", post(answered))
        .route("/voice/{id}/{nonce}/key", post(key_pressed))
        .route("/voice/{id}/{nonce}/pin", post(pin_entered))
        .route("/voice/{id}/{nonce}/resolve", post(resolve_confirmed))
        .route("/voice/{id}/{nonce}/status", post(ended))
        .route("/voice/notice/{id}/{nonce}/answer", post(notice_answered))
        .route("/voice/notice/{id}/{nonce}/key", post(notice_key_pressed))
        .with_state(Arc::new(Shared { engine, accounts, addresses }))
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
    /// The place of its provider.
    place: usize,
    /// What stands behind the `?` of its address.
    query: String,
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
    query: String,
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
        let url = format!("{}{path_and_query}", shared.addresses.public_url);
        let query = parts.uri.query().unwrap_or_default().to_owned();
        let form = Form::<Parameters>::from_request(Request::from_parts(parts, body), shared).await;
        let Form(parameters) = form.map_err(bad_request)?;
        let mut accounts = shared.accounts.iter();
        if !accounts.any(|account| signature::is_valid(account.token.expose(), &url, &parameters, &given)) {
            return Err(refuse(&id, StatusCode::FORBIDDEN, "its signature is wrong"));
        }
        Ok(Self { id, nonce, query, parameters })
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
        Ok(Self::about(notification, incident, bundled, signed.parameters, signed.query))
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
    let listener = Listener::of(&shared, &call.told.user);
    let said = |phrase: &Phrase<'_>| spoken::say(listener.reader.locale(), phrase);
    match &call.told.notice {
        Notice::Test { .. } => {
            let action = shared.addresses.notice(&call.told.id, &call.told.nonce, "key");
            let sentences = [said(&Phrase::Test), said(&Phrase::PressToConfirm)];
            xml(twiml::menu(&sentences, &action, &said(&Phrase::NotConfirmed), listener.voice()))
        }
        Notice::OnCall { schedule, until } => {
            let until = until.map(|until| until.to_zoned(listener.reader.zone().clone()));
            let schedule = speakable(schedule, listener.reader.locale(), NAME_CHARS_MAX);
            let shift = Phrase::OnCall { schedule: &schedule, until: until.as_ref() };
            xml(listener.tell(&[Phrase::Greeting, shift, Phrase::Goodbye]))
        }
    }
}

async fn notice_key_pressed(State(shared): State<Arc<Shared>>, call: NoticeCall) -> Response {
    let listener = Listener::of(&shared, &call.told.user);
    let pressed = call.parameters.iter().any(|(name, value)| name == "Digits" && value == "4");
    if !pressed || call.told.notice.code().is_none() {
        return xml(listener.tell(&[Phrase::NotConfirmed]));
    }
    xml(match shared.engine.test_answered(&call.told).await {
        Ok(()) => listener.tell(&[Phrase::Confirmed]),
        Err(error) => {
            tracing::error!(%error, "a confirmed test was not stored");
            listener.tell(&[Phrase::NotStored])
        }
    })
}

async fn answered(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    let listener = Listener::of(&shared, &call.notification.user);
    xml(match listener.pin {
        Some(_) => call.ask_pin(&shared.addresses, &listener, 1),
        None => call.menu(&shared, &listener, &[Phrase::Greeting]),
    })
}

/// A PIN was entered: what is wrong is told to whoever knows it.
async fn pin_entered(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    let listener = Listener::of(&shared, &call.notification.user);
    // Taken out of the definitions while the phone rang: nothing is asked any more.
    let Some(pin) = &listener.pin else { return xml(call.menu(&shared, &listener, &[Phrase::Greeting])) };
    let this_try = call.query.strip_prefix("try=").and_then(|text| text.parse().ok()).unwrap_or(u8::MAX);
    xml(match pin::entered(pin, call.parameter("Digits"), this_try) {
        Entered::Right => call.menu(&shared, &listener, &[Phrase::Greeting]),
        Entered::Again(next) => call.ask_pin(&shared.addresses, &listener, next),
        Entered::Refused => {
            tracing::warn!(notification.id = call.notification.id, "a wrong PIN was entered too often");
            listener.tell(&[Phrase::PinRefused])
        }
    })
}

async fn key_pressed(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    let listener = Listener::of(&shared, &call.notification.user);
    let key = call.parameter("Digits");
    let spoken = match keys::pressed(key, call.stand()) {
        Pressed::Act(act) => call.act(&shared, &listener, act).await,
        Pressed::AskAgain if call.incident.status == Status::Resolved => call.menu(&shared, &listener, &[]),
        Pressed::AskAgain => {
            let action = shared.addresses.page(&call.notification.id, &call.notification.nonce, "resolve");
            twiml::confirm(&action, listener.reader.locale(), listener.voice())
        }
        Pressed::Menu(before) => call.menu(&shared, &listener, &before),
    };
    xml(spoken)
}

/// Resolving by phone takes a second key press: a wrong resolve is dangerous, and sleepy fingers slip.
async fn resolve_confirmed(State(shared): State<Arc<Shared>>, call: Call) -> Response {
    let listener = Listener::of(&shared, &call.notification.user);
    let spoken = match keys::pressed_again(call.parameter("Digits"), call.stand()) {
        Pressed::Act(act) => call.act(&shared, &listener, act).await,
        Pressed::Menu(before) => call.menu(&shared, &listener, &before),
        Pressed::AskAgain => call.menu(&shared, &listener, &[]),
    };
    xml(spoken)
}

async fn ended(State(shared): State<Arc<Shared>>, call: Call) -> Result<StatusCode, Refusal> {
    let Some(poll::Stand::Ended(end)) = poll::stand(call.parameter("CallStatus")) else {
        return Ok(StatusCode::NO_CONTENT);
    };
    let end = call_end(end);
    let about = About { attempt: call.attempt, provider_ref: reference_at(call.place, call.parameter("CallSid")) };
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
        query: String,
    ) -> Self {
        let pairs = form::read(query.as_bytes());
        let attempt = form::value(&pairs, "attempt").parse().unwrap_or_default();
        let place = form::value(&pairs, "provider").parse().unwrap_or_default();
        let mut waiting: Vec<Incident> =
            bundled.into_iter().filter(|incident| incident.status == Status::Triggered).collect();
        waiting.sort_by_key(|incident| (std::cmp::Reverse(incident.severity), incident.number));
        let count = waiting.len();
        // What it was about first, as long as it needs somebody: people hear again what they heard before.
        let incident = match waiting.into_iter().next() {
            Some(worst) if incident.status != Status::Triggered => worst,
            _ => incident,
        };
        Self { notification, incident, waiting: count, parameters, attempt, place, query }
    }

    fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value)
    }

    /// How things stand for keys.
    fn stand(&self) -> Stand {
        if self.incident.status == Status::Triggered { Stand::Waiting(self.waiting.max(1)) } else { Stand::Over }
    }

    fn ask_pin(&self, addresses: &Addresses, listener: &Listener, this_try: u8) -> String {
        let name = format!("pin?try={this_try}");
        let action = addresses.page(&self.notification.id, &self.notification.nonce, &name);
        twiml::ask_pin(this_try > 1, &action, listener.reader.locale(), listener.voice())
    }

    /// What is wrong and which keys there are, or that there is nothing left to do.
    fn menu(&self, shared: &Shared, listener: &Listener, before: &[Phrase<'_>]) -> String {
        let incident = &self.incident;
        let kind = saying(incident).unwrap_or(Kind::Paged);
        let subject = Subject::of(incident, self.notification.page);
        // How many there are is told, and of the first what it is.
        let incidents = vec![subject; self.waiting.max(1)];
        let now = shared.engine.clock().now();
        let message = listener.reader.message(&self.notification.id, kind, &self.notification.user, incidents, now);
        let action = shared.addresses.page(&self.notification.id, &self.notification.nonce, "key");
        twiml::run(&spoken::script(&message, before), &action, listener.voice())
    }

    /// Lets the key act. When it cannot be stored, the caller hears so and may press again.
    async fn act(&self, shared: &Shared, listener: &Listener, act: Act) -> String {
        let Notification { user, channel, address, .. } = &self.notification;
        let cause = Cause { actor: Actor::answering(user, *channel, address), mail_id: None };
        match shared.engine.answer(&self.notification, act.event(), cause).await {
            Ok(Some(handled)) if handled.kinds.is_empty() => {
                // Somebody else was faster, by a moment.
                Self { incident: handled.incident, waiting: 0, ..self.clone() }.menu(shared, listener, &[])
            }
            Ok(Some(_)) => listener.tell(&[Phrase::Done(act)]),
            Ok(None) => listener.tell(&[Phrase::DoneAlready]),
            Err(error) => {
                tracing::error!(%error, "a key press was not stored");
                self.menu(shared, listener, &[Phrase::NotStored])
            }
        }
    }
}

/// Whoever picked up: how they are spoken to.
struct Listener {
    reader: Reader,
    pin: Option<Pin>,
}

impl Listener {
    /// The person of that name, as the definitions in force have them.
    fn of(shared: &Shared, user: &str) -> Self {
        let definitions = shared.engine.definitions();
        let pin = definitions.roster.users.get(user).and_then(|user| user.pin.clone());
        Self { reader: Reader::of(&definitions, user), pin }
    }

    fn voice(&self) -> twiml::Voice<'static> {
        twiml::Voice::of(self.reader.locale())
    }

    /// Says something and hangs up.
    fn tell(&self, phrases: &[Phrase<'_>]) -> String {
        let sentences: Vec<String> = phrases.iter().map(|phrase| spoken::say(self.reader.locale(), phrase)).collect();
        twiml::goodbye(&sentences, self.voice())
    }
}

fn xml(document: String) -> Response {
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}
