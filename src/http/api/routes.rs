//! Every route of the API with what it takes. The guard goes by this table; so do the document and the tests.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, delete, get, post};

use super::{document, events, guard, health, incidents, mails, oncall, people, push, several};
use crate::domain::scope::Scope;
use crate::http::{Error, Shared};

/// What a route takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Anybody may.
    Nothing,
    /// A token of at least this scope, which reaches so far.
    Token(Scope, Reach),
}

/// What a route is about: how it is with tokens that are for named services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// No service: any token may.
    Anything,
    /// The whole house: a token for named services may not.
    House,
    /// The incident in the address, which is of one service.
    Incident,
    /// The mail in the address, which went to some services.
    Mail,
    /// Several services: the handler leaves out, or refuses, those that the token is not for.
    Own,
}

/// One route.
#[derive(Debug, Clone)]
pub struct Route {
    /// GET shows; the others act.
    pub method: Method,
    /// Behind `/api/v1`, with its parameters in braces.
    pub path: &'static str,
    /// What it takes.
    pub need: Need,
    handler: MethodRouter<Arc<Shared>>,
}

fn show<T: 'static>(path: &'static str, reach: Reach, handler: impl Handler<T, Arc<Shared>>) -> Route {
    Route { method: Method::GET, path, need: Need::Token(Scope::Read, reach), handler: get(handler) }
}

fn act<T: 'static>(path: &'static str, scope: Scope, reach: Reach, handler: impl Handler<T, Arc<Shared>>) -> Route {
    Route { method: Method::POST, path, need: Need::Token(scope, reach), handler: post(handler) }
}

fn remove<T: 'static>(path: &'static str, reach: Reach, handler: impl Handler<T, Arc<Shared>>) -> Route {
    Route { method: Method::DELETE, path, need: Need::Token(Scope::Respond, reach), handler: delete(handler) }
}

/// Every route of the API.
pub fn routes() -> Vec<Route> {
    use Reach::{Anything, House, Incident, Mail, Own};
    use Scope::{Admin, Respond};
    vec![
        Route { method: Method::GET, path: "/openapi.json", need: Need::Nothing, handler: get(document::openapi) },
        show("/incidents", Own, incidents::incidents),
        act("/incidents/act", Respond, Own, several::several),
        show("/incidents/{number}", Incident, incidents::incident),
        show("/incidents/{number}/calls", Incident, incidents::calls),
        show("/incidents/{number}/mails", Incident, incidents::mails),
        show("/incidents/{number}/report", Incident, incidents::report),
        act("/incidents/{number}/acknowledge", Respond, Incident, incidents::acknowledge),
        act("/incidents/{number}/resolve", Respond, Incident, incidents::resolve),
        act("/incidents/{number}/snooze", Respond, Incident, incidents::snooze),
        act("/incidents/{number}/reassign", Respond, Incident, incidents::reassign),
        act("/incidents/{number}/responders", Respond, Incident, incidents::responders),
        act("/incidents/{number}/take", Respond, Incident, incidents::take),
        act("/incidents/{number}/note", Respond, Incident, incidents::note),
        act("/incidents/{number}/escalate", Respond, Incident, incidents::escalate),
        show("/events", Own, events::events),
        show("/mails", Own, mails::mails),
        show("/mails/{id}", Mail, mails::mail),
        show("/mails/{id}/raw", Mail, mails::mail_raw),
        act("/mails/{id}/reprocess", Respond, Mail, mails::reprocess),
        act("/mails/{id}/release", Admin, Mail, mails::release),
        show("/quarantined", Own, mails::quarantined),
        show("/unmatched", House, mails::unmatched),
        show("/senders", Own, mails::senders),
        show("/oncall", Anything, oncall::now),
        show("/schedules/{name}", Anything, oncall::schedule),
        show("/overrides", Anything, oncall::overrides),
        act("/overrides", Respond, House, oncall::add_override),
        remove("/overrides/{id}", House, oncall::remove_override),
        show("/silences", Own, oncall::silences),
        act("/silences", Respond, Own, oncall::add_silence),
        act("/silences/{id}/end", Respond, Own, oncall::end_silence),
        show("/services", Own, health::services),
        show("/people", House, people::people),
        act("/people/{name}/contacts/{contact}/test", Respond, House, people::test),
        act("/people/{name}/contacts/{contact}/verify", Respond, House, people::verify),
        show("/push/key", House, push::key),
        show("/people/{name}/push", House, push::subscriptions),
        act("/people/{name}/push", Respond, House, push::subscribe),
        remove("/people/{name}/push/{id}", House, push::unsubscribe),
        show("/health", House, health::health),
        show("/definitions", Anything, health::definitions),
    ]
}

/// All of them, each behind the guard.
pub(in crate::http) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let guarded = |router: Router<Arc<Shared>>, route: Route| {
        let guard = from_fn_with_state((Arc::clone(shared), route.need), guard::guard);
        router.route(route.path, route.handler.route_layer(guard))
    };
    let router = routes().into_iter().fold(Router::new(), guarded);
    let missing = "there is no such address in the API; /api lists those that there are";
    router
        .fallback(async move || Error::NotFound(missing.to_owned()))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
}
