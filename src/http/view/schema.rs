//! How the words of the domain look in the API's document: every word that there is.

use utoipa::openapi::schema::{Object, ObjectBuilder, SchemaType, Type};

use crate::domain::alert::{Action, Severity};
use crate::domain::incident::Status;

fn words(words: impl IntoIterator<Item = &'static str>) -> Object {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)).build()
}

/// Where incidents stand.
pub fn status() -> Object {
    words(Status::ALL.map(Status::word))
}

/// How bad something is.
pub fn severity() -> Object {
    words(Severity::ALL.map(Severity::word))
}

/// The same where it may be left out.
pub fn severity_or_null() -> Object {
    let values = Severity::ALL.map(|severity| Some(severity.word())).into_iter().chain([None]);
    let kinds = SchemaType::from_iter([Type::String, Type::Null]);
    ObjectBuilder::new().schema_type(kinds).enum_values(Some(values)).build()
}

/// How urgently somebody is needed.
pub fn urgency() -> Object {
    words(["low", "high"])
}

/// What an alert asks for.
pub fn action() -> Object {
    words(Action::ALL.map(Action::word))
}
