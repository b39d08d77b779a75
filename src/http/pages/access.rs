//! Who looks at a page, and what they may do: the guard before every route.
//!
//! A session is 256 random bits in a cookie, of which the database has the hash. Whoever it belongs to may do what
//! the definitions in force say: a person who is taken out of them is out at once.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::frame::Fault;
use super::{Need, escaped};
use crate::domain::role::Role;
use crate::http::{Shared, auth};
use crate::store;

/// The cookie that holds the session.
const COOKIE: &str = "nightcall";

/// How long a session lasts: nobody should have to look for a password at night.
pub const SESSION_LASTS: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Somebody who has signed in.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Who.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Where they live: pages tell times so.
    pub zone: TimeZone,
    /// The hash of their session.
    pub session: String,
}

impl Viewer {
    /// The name in timelines.
    pub fn actor(&self) -> String {
        format!("{} by web", self.name)
    }
}

impl FromRequestParts<Arc<Shared>> for Viewer {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Shared>) -> Result<Self, Fault> {
        let forgotten = || Fault::new(StatusCode::FORBIDDEN, "Nobody may see this page without signing in.");
        parts.extensions.get::<Self>().cloned().ok_or_else(forgotten)
    }
}

/// Lets a request through if it comes from our own pages and from somebody who may do what it asks for.
pub(super) async fn guard(
    State((shared, need)): State<(Arc<Shared>, Need)>,
    mut request: Request,
    next: Next,
) -> Response {
    let is_read = request.method() == Method::GET || request.method() == Method::HEAD;
    if !is_read && !is_from_ourselves(request.headers(), shared.pages.public_url.as_deref()) {
        let why = "This was sent by another site, so nothing was done. Open the page here and try again.";
        return Fault::new(StatusCode::FORBIDDEN, why).into_response();
    }
    if let Need::Role(least) = need {
        let viewer = match viewer(&shared, request.headers()).await {
            Ok(viewer) => viewer,
            Err(error) => return Fault::from(error).into_response(),
        };
        let Some(viewer) = viewer else { return sign_in_first(&request, is_read) };
        if viewer.role < least {
            let why = format!("{} is {} here; this takes a {least}.", viewer.name, with_article(viewer.role));
            return Fault::new(StatusCode::FORBIDDEN, why).into_response();
        }
        request.extensions_mut().insert(viewer);
    }
    next.run(request).await
}

async fn viewer(shared: &Shared, headers: &HeaderMap) -> Result<Option<Viewer>, store::Error> {
    let Some(session) = session(headers) else { return Ok(None) };
    let Some(name) = shared.engine.store().session_user(&session, shared.engine.clock().now()).await? else {
        return Ok(None);
    };
    let definitions = shared.engine.definitions();
    let user = definitions.roster.users.get(&name);
    Ok(user.map(|user| Viewer { name, role: user.role, zone: user.zone.clone(), session }))
}

/// The hash of the session in the cookie.
fn session(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let secret = pairs.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret)?;
    (secret.len() == 64 && secret.bytes().all(|byte| byte.is_ascii_hexdigit())).then(|| auth::hash(secret))
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

/// A new session for somebody; what the browser is to keep of it.
pub(super) async fn open_session(shared: &Shared, name: &str) -> Result<String, store::Error> {
    let (secret, now) = (auth::mint_secret(), shared.engine.clock().now());
    let ends_at = now.checked_add(SESSION_LASTS).unwrap_or(Timestamp::MAX);
    shared.engine.store().add_session(&auth::hash(&secret), name, now, ends_at).await?;
    Ok(cookie(shared, &secret, SESSION_LASTS.as_secs()))
}

/// What makes the browser forget its session.
pub(super) fn no_session(shared: &Shared) -> String {
    cookie(shared, "", 0)
}

fn cookie(shared: &Shared, secret: &str, seconds: i64) -> String {
    let is_https = shared.pages.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    let secure = if is_https { "; Secure" } else { "" };
    format!("{COOKIE}={secret}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
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
        let secret = "a".repeat(64);
        let of = |cookies: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::COOKIE, cookies.parse().unwrap());
            session(&headers)
        };
        assert_eq!(of(&format!("a=b; nightcall={secret}")), Some(auth::hash(&secret)));
        assert_eq!(of(&format!("nightcall2={secret}")), None);
        assert_eq!(of("nightcall=short"), None);
        assert_eq!(of("nightcall="), None);
    }
}
