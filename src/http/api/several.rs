//! Several incidents at once.

use axum::Json;
use axum::extract::State;
use futures_util::future::join_all;
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::extract::Body;
use crate::domain::act::Act;
use crate::engine::act::NotDone;
use crate::http::Error;
use crate::http::auth::Caller;
use crate::http::view::lists::{ActedView, SeveralView};

/// Most incidents that are acted on at once: as many as the page of them does.
const SEVERAL_MAX: usize = 200;

/// What is to happen to several incidents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeveralAct {
    /// Somebody has them.
    Acknowledge,
    /// They are over.
    Resolve,
}

/// Which incidents, and what is to happen to them.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SeveralBody {
    /// What is to happen.
    act: SeveralAct,
    /// Their numbers: 1 to 200.
    #[schema(min_items = 1, max_items = 200)]
    numbers: Vec<i64>,
}

/// Acknowledge or resolve several at once
///
/// What is over meanwhile stays so. Each is told with where it stands afterwards.
#[utoipa::path(post, path = "/incidents/act", tag = "incidents", request_body = SeveralBody,
    responses((status = 200, body = SeveralView)))]
pub async fn several(
    State(app): App,
    caller: Caller,
    Body(body): Body<SeveralBody>,
) -> Result<Json<SeveralView>, Error> {
    let mut numbers = body.numbers;
    if numbers.is_empty() || numbers.len() > SEVERAL_MAX {
        return Err(Error::BadRequest(format!("name 1 to {SEVERAL_MAX} incidents by their numbers")));
    }
    numbers.sort_unstable();
    numbers.dedup();
    // All are there and may be touched, or nothing is done.
    for number in &numbers {
        let found = app.engine.store().incident(*number).await?;
        found.filter(|incident| caller.is_for(&incident.service)).ok_or(NotDone::Missing(*number))?;
    }
    let act = match body.act {
        SeveralAct::Acknowledge => Act::Acknowledge,
        SeveralAct::Resolve => Act::Resolve,
    };
    let definitions = app.engine.definitions();
    let (event, cause) = act.checked(&caller.actor(), &definitions.roster, app.engine.clock().now())?;
    // Together, so that they share a commit.
    let acts = numbers.into_iter().map(|number| app.engine.handle(number, event.clone(), cause.clone()));
    let mut incidents = Vec::new();
    for done in join_all(acts).await {
        incidents.extend(done?.map(|handled| ActedView {
            number: handled.incident.number,
            status: handled.incident.status,
            changed: !handled.kinds.is_empty(),
        }));
    }
    Ok(Json(SeveralView { incidents }))
}
