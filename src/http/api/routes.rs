//! Every route of the API with what it takes. The guard goes by this table; so do the document and the tests.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;

use super::{
    document, duty, events, guard, health, incidents, mails, numbers, oncall, people, push, rules, sessions, several,
    trail,
};
use crate::domain::scope::Scope;
use crate::http::pages::WRITTEN_MAX;
use crate::http::{Error, Shared, table};

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

/// One route; its path is behind `/api/v1`.
pub type Route = table::Route<Need>;

fn show<T: 'static>(path: &'static str, reach: Reach, handler: impl Handler<T, Arc<Shared>>) -> Route {
    Route::get(path, Need::Token(Scope::Read, reach), handler)
}

fn act<T: 'static>(path: &'static str, scope: Scope, reach: Reach, handler: impl Handler<T, Arc<Shared>>) -> Route {
    Route::post(path, Need::Token(scope, reach), handler)
}

fn remove<T: 'static>(path: &'static str, reach: Reach, handler: impl Handler<T, Arc<Shared>>) -> Route {
    Route::delete(path, Need::Token(Scope::Respond, reach), handler)
}

/// Every route of the API.
pub fn routes() -> Vec<Route> {
    use Reach::{Anything, House, Incident, Mail, Own};
    use Scope::{Admin, Respond};
    vec![
        Route::get("/openapi.json", Need::Nothing, document::openapi),
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
        show("/mails/{id}/content", Mail, mails::mail_content),
        show("/mails/{id}/html", Mail, mails::mail_html),
        show("/mails/{id}/foreseen", Mail, mails::foreseen),
        act("/mails/{id}/reprocess", Respond, Mail, mails::reprocess),
        act("/mails/{id}/release", Admin, Mail, mails::release),
        show("/quarantined", Own, mails::quarantined),
        show("/unmatched", House, mails::unmatched),
        show("/senders", Own, mails::senders),
        act("/rules/try", Respond, Own, rules::attempt).of_size(WRITTEN_MAX),
        act("/rules/suggest", Respond, Own, rules::suggest).of_size(WRITTEN_MAX),
        show("/oncall", Anything, oncall::now),
        show("/oncall/people", Anything, duty::people),
        show("/schedules/{name}", Anything, oncall::schedule),
        // Whoever has such an address reads by it, whatever becomes of the token.
        Route::get("/schedules/{name}/feed", Need::Token(Respond, House), duty::schedule_feed),
        Route::get("/people/{name}/feed", Need::Token(Respond, House), duty::person_feed),
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
        show("/numbers", House, numbers::numbers),
        show("/numbers.csv", House, numbers::csv),
        Route::get("/sessions", Need::Token(Admin, House), sessions::sessions),
        Route::delete("/sessions/{id}", Need::Token(Admin, House), sessions::end),
        Route::delete("/people/{name}/sessions", Need::Token(Admin, House), sessions::end_all),
        Route::get("/trail", Need::Token(Admin, House), trail::trail),
        Route::get("/trail/verify", Need::Token(Admin, House), trail::verify),
        Route::get("/trail/export", Need::Token(Admin, House), trail::export),
        show("/health", House, health::health),
        show("/definitions", Anything, health::definitions),
    ]
}

/// All of them, each behind the guard.
pub(in crate::http) fn router(shared: &Arc<Shared>) -> Router<Arc<Shared>> {
    let router = table::router(routes(), |handler, need, body_bytes_max| {
        handler.route_layer(from_fn_with_state((Arc::clone(shared), need, body_bytes_max), guard::guard))
    });
    let missing = "there is no such address in the API; /api lists those that there are";
    router
        .fallback(async move || Error::NotFound(missing.to_owned()))
        .method_not_allowed_fallback(async || Error::MethodNotAllowed)
}
