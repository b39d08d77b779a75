//! A pretend telephone provider that speaks Twilio's API over loopback: takes calls, signs its callbacks, and
//! presses the keys it is told to. The demo's telephone, and the tests'.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use axum::extract::{Form, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::json;
use tokio::sync::mpsc;

use crate::notify::voice::signature;

/// Account and token the provider knows.
pub const ACCOUNT: &str = "AC00000000000000000000000000000000";
/// See [`ACCOUNT`].
pub const TOKEN: &str = "pretend-token";

/// The provider.
#[derive(Debug)]
pub struct Phone {
    /// Base URL of its API.
    pub base_url: String,
    calls: mpsc::UnboundedReceiver<Call>,
    client: reqwest::Client,
    shared: Arc<Shared>,
}

/// A phone that rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The provider's name for it.
    pub sid: String,
    /// The number called.
    pub to: String,
    /// Asked what to say when somebody picks up.
    pub answer_url: String,
    /// Told how the call ended.
    pub status_url: String,
}

/// What the phone said, and where the next key goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heard {
    /// The sentences, in order.
    pub sentences: Vec<String>,
    /// Where a key press goes; none when the call is over.
    pub key_url: Option<String>,
}

#[derive(Debug)]
struct Shared {
    ringing: mpsc::UnboundedSender<Call>,
    placed: AtomicU64,
    /// Answers to give instead of taking the next calls.
    refusals: Mutex<Vec<StatusCode>>,
}

impl Phone {
    /// Starts the provider on a free loopback port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> anyhow::Result<Self> {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
        let base_url = format!("http://{}", listener.local_addr()?);
        let (ringing, calls) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { ringing, placed: AtomicU64::new(0), refusals: Mutex::default() });
        let router = Router::new()
            .route("/2010-04-01/Accounts/{account}/Calls.json", post(place))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(Self { base_url, calls, client: crate::notify::http_client()?, shared })
    }

    /// The next phone to ring; waits for it.
    pub async fn ring(&mut self) -> Option<Call> {
        self.calls.recv().await
    }

    /// A phone that is ringing already, if any.
    pub fn ringing(&mut self) -> Option<Call> {
        self.calls.try_recv().ok()
    }

    /// Answers the next request for a call with this status instead.
    pub fn refuse_next(&self, status: StatusCode) {
        self.shared.refusals.lock().unwrap_or_else(PoisonError::into_inner).push(status);
    }

    /// Picks up and listens.
    ///
    /// # Errors
    /// When the gateway has nothing to say.
    pub async fn pick_up(&self, call: &Call) -> anyhow::Result<Heard> {
        listen(&self.post(&call.answer_url, call, &[("CallStatus", "in-progress")]).await?)
    }

    /// Presses a key and listens.
    ///
    /// # Errors
    /// When nothing was asked, or the gateway has nothing to say.
    pub async fn press(&self, call: &Call, heard: &Heard, key: &str) -> anyhow::Result<Heard> {
        let url = heard.key_url.as_deref().context("the phone did not ask for a key")?;
        listen(&self.post(url, call, &[("Digits", key)]).await?)
    }

    /// Ends the call, in Twilio's words: completed, busy, no-answer, failed.
    ///
    /// # Errors
    /// When the gateway does not take it.
    pub async fn hang_up(&self, call: &Call, status: &str) -> anyhow::Result<()> {
        self.post(&call.status_url, call, &[("CallStatus", status)]).await.map(|_| ())
    }

    async fn post(&self, url: &str, call: &Call, more: &[(&str, &str)]) -> anyhow::Result<String> {
        let fixed = [("AccountSid", ACCOUNT), ("CallSid", call.sid.as_str()), ("To", call.to.as_str())];
        let parameters: Vec<(String, String)> =
            fixed.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let signed = signature::header(TOKEN, url, &parameters);
        let response = self.client.post(url).header("X-Twilio-Signature", signed).form(&parameters).send().await?;
        if !response.status().is_success() {
            bail!("the gateway answered {} to {url}", response.status());
        }
        Ok(response.text().await?)
    }
}

/// `POST /2010-04-01/Accounts/{account}/Calls.json`.
async fn place(
    State(shared): State<Arc<Shared>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    Form(form): Form<Vec<(String, String)>>,
) -> Response {
    let expected = format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:{TOKEN}")));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if account != ACCOUNT || given != Some(expected.as_str()) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "code": 20003, "message": "Authenticate" }))).into_response();
    }
    if let Some(status) = shared.refusals.lock().unwrap_or_else(PoisonError::into_inner).pop() {
        return status.into_response();
    }
    let field = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, value)| value.clone()).unwrap_or_default();
    let number = shared.placed.fetch_add(1, Ordering::Relaxed) + 1;
    let call = Call {
        sid: format!("CA{number:032x}"),
        to: field("To"),
        answer_url: field("Url"),
        status_url: field("StatusCallback"),
    };
    if call.to.is_empty() || call.answer_url.is_empty() {
        return (StatusCode::BAD_REQUEST, Json(json!({ "code": 21201, "message": "No 'To' or 'Url'" })))
            .into_response();
    }
    let created = json!({ "sid": call.sid, "status": "queued", "to": call.to });
    // When nobody watches the phones any more, there is nobody to tell.
    let _ = shared.ringing.send(call);
    (StatusCode::CREATED, Json(created)).into_response()
}

/// Reads a TwiML document as a telephone would: what is said, and where a key goes.
fn listen(twiml: &str) -> anyhow::Result<Heard> {
    let mut reader = Reader::from_str(twiml);
    let mut heard = Heard::default();
    let mut saying = None;
    loop {
        match reader.read_event()? {
            Event::Eof => return Ok(heard),
            Event::Start(tag) => match tag.name().as_ref() {
                "Say" => saying = Some(String::new()),
                "Gather" => {
                    let action = tag.try_get_attribute("action")?.context("a Gather without an action")?;
                    heard.key_url = Some(action.normalized_value(quick_xml::XmlVersion::Implicit1_0)?.into_owned());
                }
                "Response" => {}
                other => bail!("no telephone knows the verb {}", other),
            },
            Event::Text(text) => {
                if let Some(sentence) = &mut saying {
                    sentence.push_str(&text.xml10_content());
                }
            }
            Event::GeneralRef(name) => {
                if let Some(sentence) = &mut saying {
                    sentence.push_str(quick_xml::escape::resolve_predefined_entity(&name).unwrap_or("?"));
                }
            }
            Event::End(tag) if tag.name().as_ref() == "Say" => heard.sentences.extend(saying.take()),
            _ => {}
        }
    }
}
