//! The pages that people on call look at: made here, whole without scripts, and live with them.
//!
//! GET shows, POST acts (I36). Every route stands in one table with what it takes, and [`access::guard`] stands before
//! each of them, so that none can be forgotten. What mail says is text here: templates escape it, and the one page that
//! shows a mail's own HTML does so in a sandbox (T23).

pub mod access;
mod act;
mod again;
mod assets;
mod bench;
pub mod forms;
pub mod frame;
mod glass;
mod health;
mod incident;
mod incidents;
mod listed;
pub mod live;
mod mail;
mod mails;
mod marks;
mod numbers;
mod oncall;
pub mod password;
mod people;
mod phone;
mod playground;
mod plot;
mod provider;
mod refusals;
mod report;
mod sanitised;
pub mod scope;
mod services;
mod sessions;
mod sign_in;
mod silences;
mod trail;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Redirect, Response};
use tokio_util::sync::CancellationToken;

use self::bench::Bench;
use self::frame::Fault;
use self::listed::Lists;
use self::live::Live;
pub(super) use self::mail::{Content, content, own_html};
use self::password::Passwords;
pub(super) use self::playground::{OnBench, Outcome, Today, WRITTEN_MAX, outcome};
use self::refusals::Refusals;
pub(super) use self::report::report_of;
use self::scope::Scope;
use super::oidc::Provider;
use super::rate::Rates;
use super::{Shared, table};
use crate::domain::role::Role;

/// What pages may load and where their forms may go: only ourselves, and no script or style that stands in the text.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     form-action 'self'; frame-src 'self'; worker-src 'self'; manifest-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Sign-ins at the provider that an address may begin in a minute: anybody may, and each is written down.
const BEGUN_A_MINUTE: u32 = 60;

/// What the pages share.
#[derive(Debug)]
pub struct Setup {
    /// The address under which others reach us.
    pub public_url: Option<String>,
    /// Ends streams when the process is asked to end.
    pub stop: CancellationToken,
    /// What has changed.
    pub live: Live,
    /// Whether people sign in by passwords of ours.
    with_passwords: bool,
    /// Who vouches for people, where somebody does.
    provider: Option<Provider>,
    passwords: Passwords,
    lists: Lists,
    /// Sign-ins at the provider that each address has begun.
    begun: Rates,
    /// Who was not let in lately.
    refusals: Refusals,
    /// Work that somebody's text may make long: one at a time, and away from those who answer requests.
    pub(super) bench: Bench,
}

impl Setup {
    /// A setup for one process.
    pub fn new(public_url: Option<String>, stop: CancellationToken) -> Self {
        let (live, passwords, refusals) = (Live::default(), Passwords::default(), Refusals::default());
        let (bench, lists, begun) = (Bench::default(), Lists::default(), Rates::new(BEGUN_A_MINUTE));
        Self { public_url, stop, live, with_passwords: true, provider: None, passwords, lists, begun, refusals, bench }
    }

    /// The same with a provider that vouches for people, and with or without passwords of ours.
    #[must_use]
    pub fn with_sign_in(self, provider: Option<Provider>, with_passwords: bool) -> Self {
        Self { provider, with_passwords, ..self }
    }
}

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Anybody may.
    Nothing,
    /// Somebody who has signed in and is at least this.
    Role(Role),
    /// Somebody who is at least this for the services it is about.
    Within(Role, Scope),
}

/// One route: GET shows, POST acts.
pub type Route = table::Route<Need>;

fn show<T: 'static>(path: &'static str, need: Need, handler: impl Handler<T, Arc<Shared>>) -> Route {
    Route::get(path, need, handler)
}

fn act<T: 'static>(path: &'static str, need: Need, handler: impl Handler<T, Arc<Shared>>) -> Route {
    Route::post(path, need, handler)
}

/// Every route of the pages.
pub fn routes() -> Vec<Route> {
    let (anybody, viewer) = (Need::Nothing, Need::Role(Role::Viewer));
    let admin = Need::Role(Role::Admin);
    let responds = |scope| Need::Within(Role::Responder, scope);
    vec![
        show("/static/{hash}/{name}", anybody, assets::asset),
        show("/manifest.webmanifest", anybody, phone::manifest),
        show("/worker.js", anybody, phone::worker),
        show("/sign-in", anybody, sign_in::form),
        act("/sign-in", anybody, sign_in::sign_in),
        act("/sign-in/provider", anybody, provider::begin),
        show("/sign-in/provider/answer", anybody, provider::finish),
        act("/sign-out", viewer, sign_in::sign_out),
        show("/invite/{secret}", anybody, sign_in::invitation),
        act("/invite/{secret}", anybody, sign_in::accept),
        show("/break-glass/{secret}", anybody, sign_in::break_glass),
        act("/break-glass/{secret}", anybody, sign_in::break_in),
        show("/", viewer, async || Redirect::to("/incidents")),
        show("/events", viewer, live::events),
        show("/incidents", viewer, incidents::list),
        show("/incidents/{number}", viewer, incident::show),
        show("/incidents/{number}/report", viewer, report::download),
        act("/incidents/act", responds(Scope::Incidents), act::several),
        act("/incidents/{number}/acknowledge", responds(Scope::Incident), act::acknowledge),
        act("/incidents/{number}/resolve", responds(Scope::Incident), act::resolve),
        act("/incidents/{number}/take", responds(Scope::Incident), act::take),
        act("/incidents/{number}/snooze", responds(Scope::Incident), act::snooze),
        act("/incidents/{number}/reassign", responds(Scope::Incident), act::reassign),
        act("/incidents/{number}/responders", responds(Scope::Incident), act::responders),
        act("/incidents/{number}/escalate", responds(Scope::Incident), act::escalate),
        act("/incidents/{number}/note", responds(Scope::Incident), act::note),
        show("/mails", viewer, mails::list),
        show("/mails/{mail}", viewer, mail::show),
        show("/mails/{mail}/raw", viewer, mail::download),
        show("/mails/{mail}/html", viewer, mail::html),
        show("/mails/{mail}/again", responds(Scope::Mail), again::show),
        act("/mails/{mail}/judge", responds(Scope::Mail), again::judge),
        act("/mails/{mail}/release", Need::Within(Role::Admin, Scope::Mail), again::release),
        show("/rules/try", responds(Scope::Anywhere), playground::show),
        act("/rules/try", responds(Scope::Anywhere), playground::attempt).of_size(playground::FORM_BYTES_MAX),
        show("/on-call", viewer, oncall::show),
        act("/on-call/take", responds(Scope::Schedule), oncall::take),
        act("/on-call/give", responds(Scope::Schedule), oncall::give),
        act("/on-call/overrides/{id}/remove", responds(Scope::Override), oncall::remove),
        show("/services", viewer, services::show),
        show("/people", viewer, people::show),
        act("/people/{person}/contacts/{contact}/test", responds(Scope::Anywhere), people::test),
        act("/people/{person}/contacts/{contact}/verify", responds(Scope::Anywhere), people::verify),
        show("/phone", viewer, phone::show),
        act("/phone", viewer, phone::subscribe),
        act("/phone/{id}/remove", viewer, phone::remove),
        show("/silences", viewer, silences::list),
        act("/silences", responds(Scope::Service), silences::add),
        act("/silences/{id}/end", responds(Scope::Silence), silences::end),
        show("/numbers", viewer, numbers::show),
        show("/numbers.csv", viewer, numbers::download),
        show("/health", viewer, health::show),
        show("/api", anybody, super::api::reader::show),
        show("/sessions", viewer, sessions::show),
        act("/sessions/others/end", viewer, sessions::end_others),
        act("/sessions/{id}/end", viewer, sessions::end),
        act("/people/{person}/sessions/end", admin, sessions::end_all),
        show("/trail", admin, trail::show),
    ]
}

/// All pages, each behind the guard.
pub(super) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let router = table::router(routes(), |handler, need, _| {
        handler.route_layer(from_fn_with_state((Arc::clone(shared), need), access::guard))
    });
    router.fallback(async || Fault::missing("There is no such page.")).layer(from_fn(careful))
}

/// Tells browsers what pages may do. A page that says something itself is left with it.
async fn careful(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Without any, browsers would send no Origin, by which our own forms are known.
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// A text as part of an address.
fn escaped(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
