//! Signing in and out, setting a password by an invitation, and breaking the glass.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::access::{self, BREAK_GLASS, BREAK_GLASS_LASTS, Entry, SESSION_LASTS, Viewer, Visit};
use super::frame::{Fault, Frame, page, with_status};
use super::password::{self, CHARACTERS_MIN, Checked};
use super::provider;
use crate::domain::role::{Rights, Role};
use crate::http::{Shared, auth};

type App = State<Arc<Shared>>;

#[derive(Template)]
#[template(path = "sign_in.html", config = "src/http/pages/askama.toml")]
struct SignInPage {
    frame: Frame,
    name: String,
    next: String,
    wrong: Option<&'static str>,
    /// What the provider is called, where there is one.
    provider: Option<String>,
    /// Whether passwords of ours count.
    passwords: bool,
}

#[derive(Template)]
#[template(path = "break_glass.html", config = "src/http/pages/askama.toml")]
struct BreakGlassPage {
    frame: Frame,
}

#[derive(Template)]
#[template(path = "invitation.html", config = "src/http/pages/askama.toml")]
struct InvitationPage {
    frame: Frame,
    name: String,
    least: usize,
    wrong: Option<String>,
}

/// Query of `GET /sign-in`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    next: Option<String>,
}

/// Form of `POST /sign-in`.
#[derive(Deserialize)]
pub(super) struct Credentials {
    name: String,
    password: String,
    next: Option<String>,
}

/// Form of `POST /invite/{secret}`.
#[derive(Deserialize)]
pub(super) struct NewPassword {
    password: String,
    repeated: String,
}

/// `GET /sign-in`.
pub(super) async fn form(State(app): App, Query(asked): Query<Asked>) -> Response {
    page(&sign_in_page(&app, String::new(), destination(asked.next), None))
}

/// `POST /sign-in`.
pub(super) async fn sign_in(State(app): App, visit: Visit, Form(given): Form<Credentials>) -> Result<Response, Fault> {
    passwords_count(&app)?;
    let (name, next) = (given.name.trim().to_owned(), destination(given.next));
    let is_possible = name.len() <= password::BYTES_MAX && !name.contains('\0');
    let is_known = is_possible && app.engine.definitions().roster.users.contains_key(&name);
    let known = if is_known { app.engine.store().password(&name).await? } else { None };
    let mut secret = given.password;
    secret.truncate(secret.floor_char_boundary(password::BYTES_MAX + 1));
    let (status, wrong) = match app.pages.passwords.check(secret, known).await {
        Checked::Right => {
            return signed_in(&app, &name, Entry::Password, &visit, &next).await;
        }
        Checked::Wrong => {
            access::refuse(&app, &name, Entry::Password, "name or password is wrong", &visit).await;
            (StatusCode::FORBIDDEN, "Name or password is wrong.")
        }
        Checked::Busy => (StatusCode::SERVICE_UNAVAILABLE, "Too many are signing in. Try again in a moment."),
    };
    Ok(with_status(status, &sign_in_page(&app, name, next, Some(wrong))))
}

/// `POST /sign-out`: this session ends.
pub(super) async fn sign_out(State(app): App, viewer: Viewer) -> Result<Response, Fault> {
    let now = app.engine.clock().now();
    let session = app.engine.store().session(&viewer.session, now).await?;
    app.engine.store().end_session(&viewer.session, Some(&viewer.name), &viewer.actor(), now).await?;
    if session.is_some_and(|session| session.way == Entry::Provider.word())
        && let Some(provider) = &app.pages.provider
        && let Some(address) = provider.sign_out(now).await
    {
        let mut answer = provider::lead_to(&app, provider.name(), address);
        if let Ok(cookie) = HeaderValue::from_str(&access::no_session(&app)) {
            answer.headers_mut().append(header::SET_COOKIE, cookie);
        }
        return Ok(answer);
    }
    Ok(([(header::SET_COOKIE, access::no_session(&app))], Redirect::to("/sign-in")).into_response())
}

/// `GET /invite/{secret}`: shows who is invited. The invitation stays good, as whatever looks at links in mails may
/// have asked for this.
pub(super) async fn invitation(State(app): App, Path(secret): Path<String>) -> Result<Response, Fault> {
    let name = invited(&app, &secret).await?;
    Ok(page(&InvitationPage { frame: frame(&app), name, least: CHARACTERS_MIN, wrong: None }))
}

/// `POST /invite/{secret}`: sets the password and signs in.
pub(super) async fn accept(
    State(app): App,
    visit: Visit,
    Path(secret): Path<String>,
    Form(given): Form<NewPassword>,
) -> Result<Response, Fault> {
    let name = invited(&app, &secret).await?;
    if let Err(why) = password::check(&given.password, &given.repeated) {
        let again = InvitationPage { frame: frame(&app), name, least: CHARACTERS_MIN, wrong: Some(why) };
        return Ok(with_status(StatusCode::BAD_REQUEST, &again));
    }
    let busy = || Fault::new(StatusCode::SERVICE_UNAVAILABLE, "Too many are signing in. Try again in a moment.");
    let hashed = app.pages.passwords.hash(given.password).await.ok_or_else(busy)?;
    let now = app.engine.clock().now();
    let origin = &visit.origin.address;
    let accepted = app.engine.store().accept_invite(&auth::hash(&secret), &hashed, now, origin).await?;
    let name = accepted.ok_or_else(no_invitation)?;
    tracing::info!("{name} has set a password");
    signed_in(&app, &name, Entry::Invitation, &visit, "/incidents").await
}

/// `GET /break-glass/{secret}`: says what it is. It stays good.
pub(super) async fn break_glass(State(app): App, Path(secret): Path<String>) -> Result<Response, Fault> {
    let found = app.engine.store().invited(&auth::hash(&secret), app.engine.clock().now()).await?;
    found.filter(|name| name == BREAK_GLASS).ok_or_else(no_glass)?;
    Ok(page(&BreakGlassPage { frame: frame(&app) }))
}

/// `POST /break-glass/{secret}`: an admin for an hour, whatever passwords and providers do. Everybody is told.
pub(super) async fn break_in(State(app): App, visit: Visit, Path(secret): Path<String>) -> Result<Response, Fault> {
    let rights = Rights::everywhere(Role::Admin);
    let (cookie, session) = access::new_session(&app, BREAK_GLASS, &rights, Entry::BreakGlass, &visit);
    if !app.engine.store().enter_by_invite(&auth::hash(&secret), &session).await? {
        access::refuse(&app, BREAK_GLASS, Entry::BreakGlass, "the address is used up or too old", &visit).await;
        return Err(no_glass());
    }
    tracing::error!(origin = visit.origin.address, "the glass was broken: somebody is admin for an hour");
    // The session counts even where this fails: it is for days on which much fails.
    if let Err(error) = app.engine.glass_broken(&visit.origin.address).await {
        tracing::error!(%error, "no incident tells that the glass was broken");
    }
    let cookie = access::cookie(&app, &cookie, BREAK_GLASS_LASTS);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/incidents")).into_response())
}

/// Begins a session of somebody in the definitions, and leads on.
pub(super) async fn signed_in(
    app: &Shared,
    name: &str,
    entry: Entry,
    visit: &Visit,
    next: &str,
) -> Result<Response, Fault> {
    let definitions = app.engine.definitions();
    let user = definitions.roster.users.get(name);
    let user = user.ok_or_else(|| Fault::new(StatusCode::FORBIDDEN, format!("{name} is not in the definitions.")))?;
    let (_, secret) = access::open_session(app, name, &user.rights(), entry, visit).await?;
    let cookie = access::cookie(app, &secret, SESSION_LASTS);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}

fn no_glass() -> Fault {
    let why =
        "This address is used up or too old. Whoever has the machine makes a new one: nightcall people break-glass.";
    Fault::missing(why).back("/sign-in")
}

fn sign_in_page(app: &Shared, name: String, next: String, wrong: Option<&'static str>) -> SignInPage {
    let provider = app.pages.provider.as_ref().map(|provider| provider.name().to_owned());
    SignInPage { frame: frame(app), name, next, wrong, provider, passwords: app.pages.with_passwords }
}

fn passwords_count(app: &Shared) -> Result<(), Fault> {
    let why = "Passwords do not count here. Sign in by the provider.";
    let fault = || Fault::new(StatusCode::FORBIDDEN, why).back("/sign-in");
    app.pages.with_passwords.then_some(()).ok_or_else(fault)
}

async fn invited(app: &Shared, secret: &str) -> Result<String, Fault> {
    passwords_count(app)?;
    let found = app.engine.store().invited(&auth::hash(secret), app.engine.clock().now()).await?;
    let known = found.filter(|name| app.engine.definitions().roster.users.contains_key(name));
    known.ok_or_else(no_invitation)
}

fn no_invitation() -> Fault {
    let why = "This invitation is used up or too old. Ask for a new one: nightcall people invite NAME.";
    Fault::missing(why).back("/sign-in")
}

fn frame(app: &Shared) -> Frame {
    Frame::outside(app.engine.clock().now())
}

/// Where to go after signing in: a path of ours and nothing else.
pub(super) fn destination(next: Option<String>) -> String {
    let is_ours = |next: &String| {
        next.starts_with('/') && !next.starts_with("//") && !next.contains('\\') && !next.contains(char::is_control)
    };
    next.filter(is_ours).unwrap_or_else(|| "/incidents".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signing_in_leads_nowhere_else() {
        for (next, expected) in [
            (Some("/incidents/12"), "/incidents/12"),
            (Some("/mails?view=all"), "/mails?view=all"),
            (Some("//evil.example"), "/incidents"),
            (Some("/\\evil.example"), "/incidents"),
            (Some("https://evil.example"), "/incidents"),
            (Some("/\tx"), "/incidents"),
            (Some(""), "/incidents"),
            (None, "/incidents"),
        ] {
            assert_eq!(destination(next.map(str::to_owned)), expected, "{next:?}");
        }
    }
}
