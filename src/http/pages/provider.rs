//! Signing in by a provider: there and back. What is between is kept in the database, once, and bound to the browser by
//! a cookie, so that nobody can be signed in as somebody else by a link.
//!
//! Nobody is made here: who comes in is a person of the definitions.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use subtle::ConstantTimeEq as _;

use super::access::{self, Entry, Visit};
use super::frame::{Fault, Frame, page};
use super::sign_in::{destination, signed_in};
use crate::domain::network::place;
use crate::domain::roster::User;
use crate::domain::rulebook::PROBE;
use crate::http::oidc::{Provider, Refusal};
use crate::http::{Shared, auth};
use crate::store::sign_in::SignInBegun;

/// The cookie that the browser keeps while it is away.
const COOKIE: &str = "nightcall-sign-in";

/// How long somebody may take there.
const AWAY_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Sign-ins under way; of more, the oldest are forgotten, as anybody may begin one.
const UNDER_WAY_MAX: i64 = 10_000;

/// Characters kept of why somebody was refused: a provider's own words are part of it.
const WHY_CHARS_MAX: usize = 600;

/// Longest code or state that is looked at, in bytes.
const PARAMETER_BYTES_MAX: usize = 4096;

#[derive(Template)]
#[template(path = "provider.html", config = "src/http/pages/askama.toml")]
struct LeadPage {
    frame: Frame,
    name: String,
    address: String,
}

/// Form of `POST /sign-in/provider`.
#[derive(Deserialize)]
pub(super) struct Begin {
    next: Option<String>,
}

/// Query of `GET /sign-in/provider/answer`.
#[derive(Deserialize)]
pub(super) struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    iss: Option<String>,
}

/// `POST /sign-in/provider`: leads there.
pub(super) async fn begin(
    State(app): State<Arc<Shared>>,
    visit: Visit,
    Form(form): Form<Begin>,
) -> Result<Response, Fault> {
    let (provider, now) = (provider(&app)?, app.engine.clock().now());
    // Where the address is not known, all who are there share what one may.
    let from = visit.origin.address.parse().map_or_else(|_| String::new(), |address| place(address).to_string());
    if let Err(seconds) = app.pages.begun.take(&from, now) {
        let why = format!("Too many begin to sign in where you are. Try again in {seconds} s.");
        return Err(Fault::new(StatusCode::TOO_MANY_REQUESTS, why).back("/sign-in"));
    }
    let begun = match provider.begin(now).await {
        Ok(begun) => begun,
        Err(refusal) => return Err(refused(&app, &visit, &refusal).await),
    };
    let browser = auth::mint_secret();
    let kept = SignInBegun {
        state_hash: auth::hash(&begun.state),
        browser_hash: auth::hash(&browser),
        nonce: begun.nonce,
        verifier: begun.verifier,
        next: destination(form.next),
        expires_at: now.checked_add(AWAY_MAX).unwrap_or(Timestamp::MAX),
    };
    app.engine.store().begin_sign_in(&kept, UNDER_WAY_MAX, now).await?;
    let mut response = lead_to(&app, provider.name(), begun.address);
    keep(&app, &mut response, &browser, AWAY_MAX);
    Ok(response)
}

/// `GET /sign-in/provider/answer`: whoever comes back has signed in, if all fits. The provider leads here by a link, so
/// this GET acts; what it acts on is taken once, and is this browser's.
pub(super) async fn finish(
    State(app): State<Arc<Shared>>,
    visit: Visit,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response, Fault> {
    let (provider, now) = (provider(&app)?, app.engine.clock().now());
    let state = short(answer.state.as_deref());
    let begun = app.engine.store().take_sign_in(&auth::hash(state), now).await?;
    let browser = auth::hash(cookie(&headers).unwrap_or_default());
    let is_same = |begun: &SignInBegun| bool::from(begun.browser_hash.as_bytes().ct_eq(browser.as_bytes()));
    let Some(begun) = begun.filter(is_same) else {
        let why = "it was not begun in this browser at this address, or took too long, or is over already";
        return Err(refused(&app, &visit, &Refusal::Unproven(why.to_owned())).await);
    };
    let proven = match code(provider, &answer) {
        Ok(code) => provider.finish(code, begun.nonce, begun.verifier, now).await,
        Err(refusal) => Err(refusal),
    };
    let user = proven.and_then(|named| person(&app, provider, named));
    let user = match user {
        Ok(user) => user,
        Err(refusal) => return Err(refused(&app, &visit, &refusal).await),
    };
    let mut response = signed_in(&app, &user, Entry::Provider, &visit, &begun.next).await?;
    keep(&app, &mut response, "", SignedDuration::ZERO);
    Ok(response)
}

/// The code for which the provider gives a token.
fn code(provider: &Provider, answer: &Answer) -> Result<String, Refusal> {
    // RFC 9207: an answer that says by whom it is must be by the one that was asked.
    if answer.iss.as_deref().is_some_and(|issuer| issuer != provider.issuer()) {
        return Err(Refusal::Unproven("the answer is by another provider".to_owned()));
    }
    let code = short(answer.code.as_deref());
    if let Some(error) = &answer.error {
        let is_word = |error: &&String| error.len() <= 64 && error.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let word = Some(error).filter(is_word).map(|error| format!(": {error}")).unwrap_or_default();
        return Err(Refusal::Unproven(format!("the provider has refused it{word}")));
    }
    if code.is_empty() {
        return Err(Refusal::Unproven("the provider sent no code".to_owned()));
    }
    Ok(code.to_owned())
}

/// Whom the provider means. A name of ours proves nothing there: only what the definitions list as an identity does.
fn person(app: &Shared, provider: &Provider, named: String) -> Result<String, Refusal> {
    let definitions = app.engine.definitions();
    let is_theirs = |user: &&User| user.identities.iter().any(|identity| provider.means(identity, &named));
    let user = definitions.roster.users.values().find(is_theirs).filter(|user| user.name != PROBE);
    user.map(|user| user.name.clone()).ok_or_else(|| {
        let why = format!(
            "nobody in the definitions has the identity {named:?}; whoever writes them can add it to a person: \
             identities = [{named:?}]"
        );
        Refusal::Unknown { who: named, why }
    })
}

/// What is short enough to be looked at.
fn short(text: Option<&str>) -> &str {
    text.filter(|text| text.len() <= PARAMETER_BYTES_MAX).unwrap_or_default()
}

/// Tells log, trail and whoever tried why nobody was signed in, and what to do.
async fn refused(app: &Shared, visit: &Visit, refusal: &Refusal) -> Fault {
    let (who, status) = match refusal {
        Refusal::Unavailable(_) => ("unknown", StatusCode::SERVICE_UNAVAILABLE),
        Refusal::Unproven(_) => ("unknown", StatusCode::FORBIDDEN),
        Refusal::Unknown { who, .. } => (who.as_str(), StatusCode::FORBIDDEN),
    };
    let why: String = refusal.to_string().chars().take(WHY_CHARS_MAX).collect();
    access::refuse(app, who, Entry::Provider, &why, visit).await;
    let way_on = match refusal {
        Refusal::Unavailable(_) if app.pages.with_passwords => " Try again, or sign in by a password meanwhile.",
        Refusal::Unavailable(_) => " Try again, or ask whoever has the machine: nightcall people break-glass.",
        Refusal::Unproven(_) => " Begin again.",
        Refusal::Unknown { .. } => "",
    };
    Fault::new(status, format!("You were not signed in: {why}.{way_on}")).back("/sign-in")
}

/// A page that leads to the provider. A redirect would not do: it is the answer to a form, and forms of ours lead
/// nowhere else.
pub(super) fn lead_to(app: &Shared, name: &str, address: String) -> Response {
    let frame = Frame::outside(app.engine.clock().now());
    let refresh = HeaderValue::from_str(&format!("0; url={address}"));
    let mut response = page(&LeadPage { frame, name: name.to_owned(), address });
    if let Ok(refresh) = refresh {
        response.headers_mut().insert(header::REFRESH, refresh);
    }
    response
}

fn provider(app: &Shared) -> Result<&Provider, Fault> {
    app.pages.provider.as_ref().ok_or_else(|| Fault::missing("No provider is set up here.").back("/sign-in"))
}

/// The browser comes back from another site by a link, with which `Lax` cookies are sent.
fn keep(app: &Shared, response: &mut Response, secret: &str, lasts: SignedDuration) {
    let is_https = app.pages.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let secure = if is_https { "; Secure" } else { "" };
    let seconds = lasts.as_secs();
    let cookie = format!("{COOKIE}={secret}; Path=/sign-in; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret)
}
