//! Rules on the bench: a draft is tried on a mail, or a first rule is written for one. Nothing is stored or changed.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::extract::Body;
use super::mails::no_mail;
use crate::http::auth::Caller;
use crate::http::pages::{OnBench, Outcome, Today, outcome};
use crate::http::view::rules::{KeptView, ReadView, SuggestedView, TestedView, TodayView, TriedView};
use crate::http::{Error, Shared, is_mail_id};

/// A mail, stored or written out.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SampleBody {
    /// The id of a stored mail: either this or `text`.
    mail: Option<String>,
    /// A mail as it is sent, headers first.
    text: Option<String>,
}

/// A mail, and rules that are tried on it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TryBody {
    /// The id of a stored mail: either this or `text`.
    mail: Option<String>,
    /// A mail as it is sent, headers first.
    text: Option<String>,
    /// The rules as they would stand in a pack: 16 KiB at most.
    toml: String,
}

/// Try rules on a mail: nothing is stored or changed
///
/// The body may have 1 MiB. One is tried at a time; 429 says that others are trying.
#[utoipa::path(post, path = "/rules/try", tag = "rules", request_body = TryBody,
    responses((status = 200, body = TriedView)))]
pub async fn attempt(State(app): App, caller: Caller, Body(body): Body<TryBody>) -> Result<Json<TriedView>, Error> {
    let sample = sample(&app, &caller, SampleBody { mail: body.mail, text: body.text }).await?;
    let (workbench, definitions) = (app.workbench, app.engine.definitions());
    let tried = move || outcome(&sample.on_bench(), &body.toml, workbench, &definitions);
    let Outcome { problems, alerts, trace, tests, today, kept, .. } = app.pages.bench.work(tried).await?;
    let Today { service, rule, said, is_known, shipped } = today;
    Ok(Json(TriedView {
        matches: !alerts.is_empty(),
        problems,
        alerts: alerts.into_iter().map(|read| ReadView::of(read.alert, read.captures)).collect(),
        trace,
        tests: tests.into_iter().map(|test| TestedView { name: test.name, failure: test.failure }).collect(),
        today: TodayView { service, rule, said, known: is_known, shipped },
        kept: kept.map(|kept| KeptView { toml: kept.toml, file: kept.file }),
    }))
}

/// Write a first rule for a mail: nothing is stored or changed
///
/// The body may have 1 MiB.
#[utoipa::path(post, path = "/rules/suggest", tag = "rules", request_body = SampleBody,
    responses((status = 200, body = SuggestedView)))]
pub async fn suggest(
    State(app): App,
    caller: Caller,
    Body(body): Body<SampleBody>,
) -> Result<Json<SuggestedView>, Error> {
    let sample = sample(&app, &caller, body).await?;
    let workbench = app.workbench;
    let suggested = app.pages.bench.work(move || (workbench.suggest)(&sample.on_bench().mail)).await?;
    let suggested = suggested.map_err(Error::Conflict)?;
    Ok(Json(SuggestedView { toml: suggested.toml, notes: suggested.notes }))
}

/// A mail to be put on the bench: reading it may take its time, too.
enum Sample {
    Stored(Box<crate::store::mail::StoredMail>, Vec<u8>),
    Text(String),
}

impl Sample {
    fn on_bench(self) -> OnBench {
        match self {
            Self::Stored(stored, raw) => OnBench::from_store(&stored, raw),
            Self::Text(text) => OnBench::from_text(&text),
        }
    }
}

async fn sample(app: &Shared, caller: &Caller, body: SampleBody) -> Result<Sample, Error> {
    let id = match (body.mail, body.text) {
        (None, Some(text)) if !text.trim().is_empty() => return Ok(Sample::Text(text)),
        (Some(id), None) => id,
        _ => return Err(Error::BadRequest("say either \"mail\" (an id) or \"text\" (a mail)".to_owned())),
    };
    let store = app.engine.store();
    let found = if is_mail_id(&id) { store.mail(&id).await? } else { None };
    let own = |alerts: &[crate::store::mail::StoredAlert]| {
        caller.is_for_all() || alerts.iter().any(|alert| caller.is_for(&alert.service))
    };
    let (stored, _) = found.filter(|(_, alerts)| own(alerts)).ok_or_else(|| no_mail(&id))?;
    let raw = store.mail_raw(&id).await?.ok_or_else(|| no_mail(&id))?;
    Ok(Sample::Stored(Box::new(stored), raw))
}
