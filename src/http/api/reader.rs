//! The API for people: one page that is made of the document, with a command to try for each route.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::Value;

use super::document::{BASE, document};
use super::routes::{Need, Route, routes};
use crate::http::Shared;
use crate::http::error::{Kind, kinds};
use crate::http::pages::frame::{Frame, page};

#[derive(Template)]
#[template(path = "api.html", config = "src/http/pages/askama.toml")]
struct ReaderPage {
    frame: Frame,
    groups: Vec<Group>,
    problems: [Kind; 13],
}

struct Group {
    name: String,
    description: String,
    operations: Vec<Operation>,
}

struct Operation {
    method: String,
    address: String,
    summary: String,
    description: String,
    scope: Option<&'static str>,
    parameters: Vec<Parameter>,
    body: Vec<Field>,
    answers: Vec<(String, String)>,
    curl: String,
}

struct Parameter {
    name: String,
    place: String,
    required: bool,
    description: String,
}

struct Field {
    name: String,
    kind: String,
    required: bool,
    description: String,
}

/// `GET /api`: there is nothing in it but what everybody may know.
pub async fn show(State(app): State<Arc<Shared>>) -> Response {
    let frame = Frame::outside(app.engine.clock().now());
    let base = app.pages.public_url.clone().unwrap_or_else(|| "http://127.0.0.1:8025".to_owned());
    let all = routes();
    let tags = document()["tags"].as_array().cloned().unwrap_or_default();
    let groups = tags.iter().map(|tag| {
        let name = text(&tag["name"]);
        let own = all.iter().filter(|route| described(route)["tags"][0] == tag["name"]);
        Group {
            operations: own.map(|route| operation(route, &base)).collect(),
            description: text(&tag["description"]),
            name,
        }
    });
    page(&ReaderPage { frame, groups: groups.collect(), problems: kinds() })
}

fn described(route: &Route) -> &'static Value {
    &document()["paths"][route.path][route.method.as_str().to_lowercase().as_str()]
}

fn operation(route: &Route, base: &str) -> Operation {
    let operation = described(route);
    let parameters = operation["parameters"].as_array().map(Vec::as_slice).unwrap_or_default();
    let body = operation.pointer("/requestBody/content/application~1json/schema").map(fields).unwrap_or_default();
    let answers = operation["responses"].as_object().into_iter().flatten();
    Operation {
        method: route.method.to_string(),
        address: format!("{BASE}{}", route.path),
        summary: text(&operation["summary"]),
        description: text(&operation["description"]),
        scope: match route.need {
            Need::Token(scope, _) => Some(scope.word()),
            Need::Nothing => None,
        },
        parameters: parameters.iter().map(parameter).collect(),
        curl: curl(route, base, &body),
        body,
        answers: answers.map(|(status, answer)| (status.clone(), answer_words(answer))).collect(),
    }
}

fn answer_words(answer: &Value) -> String {
    let description = text(&answer["description"]);
    if !description.is_empty() {
        return description;
    }
    let content = answer["content"].as_object().into_iter().flatten().next();
    content.map_or_else(String::new, |(kind, content)| {
        content["schema"]["$ref"].as_str().map_or_else(|| kind.clone(), |name| schema_name(name).to_owned())
    })
}

fn parameter(parameter: &Value) -> Parameter {
    Parameter {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        required: parameter["required"] == true,
        description: text(&parameter["description"]),
    }
}

/// The fields of a body: those of the schema that it names, also where it may be left out.
fn fields(schema: &Value) -> Vec<Field> {
    let named =
        |schema: &Value| schema["$ref"].as_str().and_then(|name| document().pointer(name.trim_start_matches('#')));
    let either = schema["oneOf"].as_array().into_iter().flatten().find_map(named);
    let Some(target) = named(schema).or(either) else { return Vec::new() };
    let required = target["required"].as_array().cloned().unwrap_or_default();
    let properties = target["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| Field {
            name: name.clone(),
            kind: kind(property),
            required: required.iter().any(|one| one == name),
            description: text(&property["description"]),
        })
        .collect()
}

fn kind(property: &Value) -> String {
    if let Some(name) = property["$ref"].as_str() {
        return schema_name(name).to_owned();
    }
    match &property["type"] {
        Value::String(kind) => kind.clone(),
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

fn schema_name(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn curl(route: &Route, base: &str, body: &[Field]) -> String {
    let mut command = "curl".to_owned();
    if route.method != axum::http::Method::GET {
        command.push_str(&format!(" -X {}", route.method));
    }
    if route.need != Need::Nothing {
        command.push_str(" -H \"Authorization: Bearer $NIGHTCALL_TOKEN\"");
    }
    let needed: Vec<String> =
        body.iter().filter(|field| field.required).map(|field| format!("\"{}\": …", field.name)).collect();
    if !needed.is_empty() {
        command.push_str(&format!(" -H 'Content-Type: application/json' -d '{{{}}}'", needed.join(", ")));
    }
    format!("{command} '{base}{BASE}{}'", route.path)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
