//! Who looks at a page, and what they may do: the guard before every route.
//!
//! A session is 256 random bits in a cookie, of which the database has the hash. Whoever it belongs to may do what
//! the definitions in force say: a person who is taken out of them is out at once, and one who has another role signs
//! in anew.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::frame::Fault;
use super::scope::{self, Scope};
use super::{Need, escaped, forms};
use crate::domain::actor::Actor;
use crate::domain::role::{Reach, Rights, Role};
use crate::domain::roster::User;
use crate::domain::rulebook::PROBE;
use crate::http::origin::Origin;
use crate::http::{Shared, auth};
use crate::store;
use crate::store::access::Session;
use crate::store::trail::Act;

/// The cookie that holds the session.
const COOKIE: &str = "nightcall";

/// How long a session lasts: nobody should have to look for a password at night.
pub const SESSION_LASTS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long a break-glass session lasts.
pub const BREAK_GLASS_LASTS: SignedDuration = SignedDuration::from_hours(1);

/// The admin for the day on which nobody else can sign in. No person can be called so: names have no blank.
pub const BREAK_GLASS: &str = "break glass";

/// How exactly it is known when a session was last used. Each note of it is a write.
const SEEN_EVERY: SignedDuration = SignedDuration::from_mins(5);

/// Characters kept of a name that somebody was refused under.
const NAME_CHARS_MAX: usize = 100;

/// Characters kept of what a browser calls itself.
const AGENT_CHARS_MAX: usize = 160;

/// How somebody signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// By a password of ours.
    Password,
    /// By the invitation that set it.
    Invitation,
    /// A reverse proxy says so, and goes on saying so.
    Proxy,
    /// By an OpenID provider.
    Provider,
    /// By the way for emergencies.
    BreakGlass,
}

impl Entry {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Invitation => "invitation",
            Self::Proxy => "proxy",
            Self::Provider => "provider",
            Self::BreakGlass => "break-glass",
        }
    }
}

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Who.
    pub name: String,
    /// What they may do where their team has no say.
    pub role: Role,
    /// What they may do for which service.
    pub rights: Rights,
    /// Where they live: pages tell times so.
    pub zone: TimeZone,
    /// The hash of their session.
    pub session: String,
    /// From which address they look.
    pub origin: String,
}

impl Viewer {
    /// Who acts, on timelines and in the trail.
    pub fn actor(&self) -> Actor {
        Actor::page(&self.name, &self.origin)
    }

    fn of(user: &User, session: &Session, origin: &Origin) -> Self {
        Self {
            name: user.name.clone(),
            role: user.role,
            rights: user.rights(),
            zone: user.zone.clone(),
            session: session.hash.clone(),
            origin: origin.address.clone(),
        }
    }
}

impl FromRequestParts<Arc<Shared>> for Viewer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Fault> {
        let forgotten = || Fault::new(StatusCode::FORBIDDEN, "Nobody may see this page without signing in.");
        parts.extensions.get::<Self>().cloned().ok_or_else(forgotten)
    }
}

/// From where and with what somebody comes who may not have signed in yet.
#[derive(Debug, Clone)]
pub struct Visit {
    /// Their address, and whom a proxy names.
    pub origin: Origin,
    /// What their browser calls itself.
    pub agent: String,
}

impl Visit {
    fn of(headers: &HeaderMap, extensions: &axum::http::Extensions) -> Self {
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        Self { origin: Origin::of(extensions), agent: agent.chars().take(AGENT_CHARS_MAX).collect() }
    }
}

impl FromRequestParts<Arc<Shared>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, &parts.extensions))
    }
}

/// Somebody who looks, the secret of their session, and the cookie where they have just signed in.
struct Entered {
    viewer: Viewer,
    secret: String,
    cookie: Option<String>,
}

/// Lets a request through if it comes from our own pages and from somebody who may do what it asks for.
pub(super) async fn guard(State((shared, need)): State<(Arc<Shared>, Need)>, request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    if !is_read && !is_from_ourselves(request.headers(), shared.pages.public_url.as_deref()) {
        let why = "This was sent by another site, so nothing was done. Open the page here and try again.";
        return Fault::new(StatusCode::FORBIDDEN, why).into_response();
    }
    let (least, scope) = match need {
        Need::Nothing => return next.run(request).await,
        Need::Role(least) => (least, None),
        Need::Within(least, scope) => (least, Some(scope)),
    };
    match guarded(&shared, (least, scope), is_read, request).await {
        Ok((request, entered)) => {
            let token = forms::token(&entered.secret);
            let mut response = forms::with_token(next.run(request).await, &token);
            if let Some(cookie) = entered.cookie.and_then(|cookie| HeaderValue::from_str(&cookie).ok()) {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            response
        }
        Err(answer) => *answer,
    }
}

/// Whoever may do what is asked for, or what they are answered.
async fn guarded(
    shared: &Arc<Shared>,
    (least, scope): (Role, Option<Scope>),
    is_read: bool,
    request: Request,
) -> Result<(Request, Entered), Box<Response>> {
    let refused = |fault: Fault| Box::new(fault.into_response());
    // What is sent may not be looked at by two threads, so what is needed of it is taken first.
    let (headers, visit) = (request.headers().clone(), Visit::of(request.headers(), request.extensions()));
    let entered = enter(shared, &headers, &visit, is_read).await.map_err(refused)?;
    let Some(entered) = entered else { return Err(Box::new(sign_in_first(&request, is_read))) };
    let (form, mut request) = if is_read {
        (axum::body::Bytes::new(), request)
    } else {
        let why = "This form is too long, or broke off.";
        let whole = forms::read(request).await;
        let (form, request) = whole.ok_or_else(|| refused(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, why)))?;
        if !forms::is_ours(request.headers(), &form, &entered.secret) {
            let why =
                "This form is from before you signed in, so nothing was done. Open its page again and send it anew.";
            return Err(refused(Fault::new(StatusCode::FORBIDDEN, why)));
        }
        (form, request)
    };
    let viewer = &entered.viewer;
    let (may, why) = match scope {
        None => (viewer.role >= least, String::new()),
        Some(scope) => {
            let path = request.uri().path().to_owned();
            let reach = scope::reach(shared, scope, &path, &form).await;
            let reach = reach.map_err(|error| refused(error.into()))?;
            (viewer.rights.suffice(least, &reach), about(&reach))
        }
    };
    if !may {
        let why = format!("{} is {} here; this takes {}{why}.", viewer.name, viewer.rights, with_article(least));
        return Err(refused(Fault::new(StatusCode::FORBIDDEN, why)));
    }
    request.extensions_mut().insert(viewer.clone());
    Ok((request, entered))
}

fn about(reach: &Reach) -> String {
    match reach {
        Reach::Each(services) => format!(" for {}", services.join(" and ")),
        Reach::AnyOf(services) if !services.is_empty() => format!(" for {}", services.join(" or ")),
        Reach::Everything => " for every service".to_owned(),
        Reach::AnyOf(_) | Reach::Nothing => String::new(),
    }
}

/// Whose request this is: by a session, or by the word of a proxy, which begins one.
async fn enter(
    shared: &Arc<Shared>,
    headers: &HeaderMap,
    visit: &Visit,
    is_read: bool,
) -> Result<Option<Entered>, Fault> {
    let origin = &visit.origin;
    if let Some(secret) = secret(headers)
        && let Some(viewer) = viewer(shared, &auth::hash(secret), origin).await?
    {
        return Ok(Some(Entered { viewer, secret: secret.to_owned(), cookie: None }));
    }
    // What is sent without a session cannot have its token; its page signs in.
    let Some(named) = origin.named.clone().filter(|_| is_read) else { return Ok(None) };
    let definitions = shared.engine.definitions();
    let Some(user) = definitions.roster.identified(&named).filter(|user| user.name != PROBE) else {
        refuse(shared, &named, Entry::Proxy, "no such person", visit).await;
        let why = format!("The proxy says that you are {named:?}, and nobody in the definitions is called so.");
        return Err(Fault::new(StatusCode::FORBIDDEN, why));
    };
    let (opened, secret) = open_session(shared, &user.name, &user.rights(), Entry::Proxy, visit).await?;
    let viewer = Viewer::of(user, &opened, &visit.origin);
    Ok(Some(Entered { viewer, cookie: Some(cookie(shared, &secret, SESSION_LASTS)), secret }))
}

/// Who looks by the session with this hash.
async fn viewer(shared: &Arc<Shared>, hash: &str, origin: &Origin) -> Result<Option<Viewer>, store::Error> {
    let now = shared.engine.clock().now();
    let Some(session) = shared.engine.store().session(hash, now).await? else { return Ok(None) };
    let definitions = shared.engine.definitions();
    if session.user == BREAK_GLASS && session.way == Entry::BreakGlass.word() {
        let rights = Rights::everywhere(Role::Admin);
        let (name, origin) = (session.user, origin.address.clone());
        let (role, zone) = (rights.role, TimeZone::UTC);
        return Ok(Some(Viewer { name, role, rights, zone, session: session.hash, origin }));
    }
    let Some(user) = definitions.roster.users.get(&session.user).filter(|user| user.name != PROBE) else {
        return Ok(None);
    };
    let rights = user.rights().to_string();
    if !session.rights.is_empty() && session.rights != rights {
        return Ok(None);
    }
    // A proxy signs people out by not naming them any more.
    let is_named = || {
        let named = origin.named.as_deref().and_then(|named| definitions.roster.identified(named));
        named.is_some_and(|named| named.name == user.name)
    };
    if session.way == Entry::Proxy.word() && !is_named() {
        return Ok(None);
    }
    let is_old = session.seen_at > now || now.duration_since(session.seen_at) >= SEEN_EVERY;
    if is_old || session.seen_origin != origin.address {
        // Nobody waits for this, and a page is not refused because of it.
        let (shared, hash, address) = (Arc::clone(shared), session.hash.clone(), origin.address.clone());
        tokio::spawn(async move {
            if let Err(error) = shared.engine.store().note_seen(&hash, &address, &rights, now).await {
                tracing::warn!(%error, "it could not be noted that a session is used");
            }
        });
    }
    Ok(Some(Viewer::of(user, &session, origin)))
}

/// Whether somebody who was let in before would be now.
pub(super) async fn still_in(shared: &Shared, viewer: &Viewer) -> Result<bool, store::Error> {
    let session = shared.engine.store().session(&viewer.session, shared.engine.clock().now()).await?;
    let definitions = shared.engine.definitions();
    let rights = definitions.roster.users.get(&viewer.name).map(User::rights);
    Ok(session.is_some() && (viewer.name == BREAK_GLASS || rights.as_ref() == Some(&viewer.rights)))
}

/// The secret in the cookie.
fn secret(headers: &HeaderMap) -> Option<&str> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let secret = pairs.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret)?;
    (secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(secret)
}

/// Where to sign in, and back to what was asked for. An act is not repeated by itself: its page is shown.
fn sign_in_first(request: &Request, is_read: bool) -> Response {
    let asked = request.uri().path_and_query().map_or("/", |asked| asked.as_str());
    let back = if is_read { asked } else { request.uri().path().rsplit_once('/').map_or("/", |(page, _)| page) };
    let address = format!("/sign-in?next={}", escaped(back));
    if request.headers().contains_key("hx-request") {
        // A part of a page that reloads itself cannot show the form; the whole page goes there.
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", address)]).into_response();
    }
    Redirect::to(&address).into_response()
}

/// Whether a browser says that one of our own pages sent this. Browsers that know `Sec-Fetch-Site` tell it where the
/// connection is trustworthy; all tell `Origin` with a POST. One that tells neither is not believed.
fn is_from_ourselves(headers: &HeaderMap, public_url: Option<&str>) -> bool {
    let text = |name| headers.get(name).and_then(|value: &axum::http::HeaderValue| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = text("origin") else { return false };
    let Some((_, asked)) = origin.split_once("://") else { return false };
    let is_public = |url: &str| url == origin || url.strip_prefix(origin).is_some_and(|path| path.starts_with('/'));
    text("host").is_some_and(|host| host.eq_ignore_ascii_case(asked)) || public_url.is_some_and(is_public)
}

/// A new session for somebody and its secret, which the browser is to keep.
pub(super) async fn open_session(
    shared: &Shared,
    name: &str,
    rights: &Rights,
    entry: Entry,
    visit: &Visit,
) -> Result<(Session, String), store::Error> {
    let (secret, session) = new_session(shared, name, rights, entry, visit);
    shared.engine.store().open_session(&session).await?;
    tracing::info!("{name} has signed in by {}", entry.word());
    Ok((session, secret))
}

/// What a new session is, before it is kept.
pub(super) fn new_session(
    shared: &Shared,
    name: &str,
    rights: &Rights,
    entry: Entry,
    visit: &Visit,
) -> (String, Session) {
    let (secret, now) = (auth::mint_secret(), shared.engine.clock().now());
    let lasts = if entry == Entry::BreakGlass { BREAK_GLASS_LASTS } else { SESSION_LASTS };
    let session = Session {
        hash: auth::hash(&secret),
        user: name.to_owned(),
        way: entry.word().to_owned(),
        origin: visit.origin.address.clone(),
        agent: visit.agent.clone(),
        rights: rights.to_string(),
        created_at: now,
        seen_at: now,
        seen_origin: visit.origin.address.clone(),
        expires_at: now.checked_add(lasts).unwrap_or(Timestamp::MAX),
    };
    (secret, session)
}

/// Has the trail tell that somebody was not let in. Who guesses does not fill it.
pub(super) async fn refuse(shared: &Shared, name: &str, entry: Entry, why: &str, visit: &Visit) {
    let now = shared.engine.clock().now();
    tracing::warn!(origin = visit.origin.address, "a sign-in by {} was refused: {why}", entry.word());
    let Some(untold) = shared.pages.refusals.one_more(now) else { return };
    let name: String = name.chars().take(NAME_CHARS_MAX).collect();
    let told = json!({ "by": entry.word(), "why": why, "browser": visit.agent, "others_before": untold });
    let act = Act::new(&Actor::page("nobody", &visit.origin.address), "sign_in_refused", name).became(told);
    if let Err(error) = shared.engine.store().tell(act, now).await {
        tracing::error!(%error, "a refused sign-in could not be told in the trail");
    }
}

/// What the browser is to keep of a session.
pub(super) fn cookie(shared: &Shared, secret: &str, lasts: SignedDuration) -> String {
    let seconds = lasts.as_secs();
    let is_https = shared.pages.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let secure = if is_https { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// What makes the browser forget its session.
pub(super) fn no_session(shared: &Shared) -> String {
    cookie(shared, "", SignedDuration::ZERO)
}

fn with_article(role: Role) -> String {
    let article = if role == Role::Admin { "an" } else { "a" };
    format!("{article} {role}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_post() {
        let public = Some("https://nc.example/call");
        for (headers, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-site"), ("origin", "http://nc.example:8025")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("origin", "http://nc.example:8025")], true),
            (&[("origin", "https://nc.example")], true),
            (&[("origin", "https://nc.example.evil.example")], false),
            (&[("origin", "https://nc")], false),
            (&[("origin", "http://evil.example")], false),
            (&[("origin", "null")], false),
            (&[], false),
        ] {
            let mut map = HeaderMap::new();
            map.insert("host", "nc.example:8025".parse().unwrap());
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_from_ourselves(&map, public), expected, "{headers:?}");
        }
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let mine = "a".repeat(64);
        let of = |cookies: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookies.parse().unwrap());
            secret(&headers).map(str::to_owned)
        };
        assert_eq!(of(&format!("a=b; nightcall={mine}")), Some(mine.clone()));
        assert_eq!(of(&format!("nightcall2={mine}")), None);
        assert_eq!(of("nightcall=short"), None);
        assert_eq!(of("nightcall="), None);
    }
}
