//! The API's document: OpenAPI 3.1, made of the handlers, their types and the table of routes.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use utoipa::OpenApi as _;

use super::guard::{IDEMPOTENCY_KEY, KEY_BYTES_MAX};
use super::routes::{Need, Route, routes};
use super::{duty, events, health, incidents, mails, numbers, oncall, people, push, rules, sessions, several, trail};
use crate::http::error::{Kind, PROBLEM_JSON, Problem, kinds};

/// Where the API is.
pub(super) const BASE: &str = "/api/v1";

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "nightcall",
        description = "Incidents, mails and on-call for scripts. Send `Authorization: Bearer TOKEN`, made by \
            `nightcall token create`. Lists come in pages: send `next_cursor` as `cursor`. What is refused is told \
            as a problem (RFC 9457) whose detail says what to do.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    servers((url = "/api/v1")),
    paths(
        openapi,
        incidents::incidents, incidents::incident, incidents::calls, incidents::mails, incidents::report,
        incidents::acknowledge, incidents::resolve, incidents::snooze, incidents::reassign, incidents::responders,
        incidents::take, incidents::note, incidents::escalate, several::several, events::events,
        mails::mails, mails::mail, mails::mail_raw, mails::reprocess, mails::release, mails::quarantined,
        mails::unmatched, mails::senders, mails::mail_content, mails::mail_html, mails::foreseen,
        rules::attempt, rules::suggest,
        oncall::now, oncall::schedule, oncall::overrides, oncall::add_override, oncall::remove_override,
        duty::people, duty::schedule_feed, duty::person_feed,
        oncall::silences, oncall::add_silence, oncall::end_silence,
        people::people, people::test, people::verify,
        push::key, push::subscriptions, push::subscribe, push::unsubscribe,
        health::services, health::health, health::definitions, numbers::numbers, numbers::csv,
        sessions::sessions, sessions::end, sessions::end_all, trail::trail, trail::verify, trail::export,
    ),
    components(schemas(Problem)),
    tags(
        (name = "incidents", description = "What is broken, and who has it"),
        (name = "mails", description = "What came, and what it was read as"),
        (name = "rules", description = "Rules that somebody tries: nothing is stored"),
        (name = "on-call", description = "Who is called, and who takes over"),
        (name = "silences", description = "What is known for a while"),
        (name = "people", description = "How people are reached"),
        (name = "house", description = "Services, numbers, this node, and this document"),
        (name = "access", description = "Who is in, and who has changed what"),
    )
)]
struct Annotated;

static DOCUMENT: LazyLock<Value> = LazyLock::new(made);
static TEXT: LazyLock<String> = LazyLock::new(|| serde_json::to_string_pretty(&*DOCUMENT).unwrap_or_default());

/// The document.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// This document
#[utoipa::path(get, path = "/openapi.json", tag = "house", responses((status = 200, body = Value)))]
pub async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], TEXT.as_str()).into_response()
}

/// What is annotated, and for each route what the table and the guard say about it.
fn made() -> Value {
    let mut document = serde_json::to_value(Annotated::openapi()).unwrap_or_default();
    if let Some(info) = document["info"].as_object_mut() {
        info.remove("contact");
    }
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["components"]["securitySchemes"] = json!({ "token": { "type": "http", "scheme": "bearer" } });
    for route in routes() {
        let method = route.method.as_str().to_lowercase();
        if let Some(operation) = document.pointer_mut(&format!("/paths/{}/{method}", pointed(route.path))) {
            complete(operation, &route);
        }
    }
    document
}

/// A path as part of a JSON pointer (RFC 6901).
fn pointed(path: &str) -> String {
    path.replace('~', "~0").replace('/', "~1")
}

fn complete(operation: &mut Value, route: &Route) {
    let Need::Token(scope, _) = route.need else {
        operation["security"] = json!([]);
        return;
    };
    operation["security"] = json!([{ "token": [] }]);
    operation["x-scope"] = json!(scope.word());
    let is_post = route.method == axum::http::Method::POST;
    if is_post {
        let key = json!({
            "name": IDEMPOTENCY_KEY, "in": "header", "required": false,
            "description": "Names the request: sent again within 24 hours it is not done again, and has the same answer",
            "schema": { "type": "string", "minLength": 1, "maxLength": KEY_BYTES_MAX },
        });
        match operation["parameters"].as_array_mut() {
            Some(parameters) => parameters.push(key),
            None => operation["parameters"] = json!([key]),
        }
    }
    let takes_version = operation["parameters"]
        .as_array()
        .is_some_and(|all| all.iter().any(|parameter| parameter["name"] == "If-Match"));
    for kind in kinds() {
        let is_possible = match kind.status {
            404 => route.path.contains('{') || operation.get("requestBody").is_some(),
            405 => false,
            409 => is_post || route.path.contains('{'),
            413 | 415 => is_post,
            412 => takes_version,
            422 => is_post,
            _ => true,
        };
        if is_possible {
            operation["responses"][kind.status.to_string()] = response(&kind);
        }
    }
}

fn response(kind: &Kind) -> Value {
    json!({
        "description": kind.title,
        "content": { (PROBLEM_JSON): { "schema": { "$ref": "#/components/schemas/Problem" } } },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_document_and_the_router_have_the_same_routes() {
        let paths = document()["paths"].as_object().unwrap();
        let documented: BTreeSet<(String, String)> = paths
            .iter()
            .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| (path.clone(), method.clone())))
            .collect();
        let routed: BTreeSet<(String, String)> =
            routes().iter().map(|route| (route.path.to_owned(), route.method.as_str().to_lowercase())).collect();
        assert_eq!(documented, routed);
        assert_eq!(routed.len(), routes().len(), "no route is there twice");
    }

    #[test]
    fn every_operation_says_what_it_takes_and_how_it_is_refused() {
        assert_eq!(document()["openapi"], "3.1.0");
        for route in routes() {
            let method = route.method.as_str().to_lowercase();
            let operation = &document()["paths"][route.path][method.as_str()];
            let case = format!("{method} {}", route.path);
            assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{case}");
            let Need::Token(scope, _) = route.need else { continue };
            assert_eq!(operation["x-scope"], scope.word(), "{case}");
            for status in ["400", "401", "403", "429", "503"] {
                assert!(operation["responses"][status].is_object(), "{case} {status}");
            }
            // Every parameter of the address is described.
            for name in route.path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
                let known = operation["parameters"].as_array().unwrap().iter();
                assert!(known.clone().any(|one| one["in"] == "path" && one["name"] == name), "{case} {name}");
            }
        }
    }

    #[test]
    fn references_lead_somewhere() {
        fn check(value: &Value) {
            match value {
                Value::Object(map) => {
                    if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                        assert!(document().pointer(target.trim_start_matches('#')).is_some(), "{target}");
                    }
                    map.values().for_each(check);
                }
                Value::Array(all) => all.iter().for_each(check),
                _ => {}
            }
        }
        check(document());
    }
}
