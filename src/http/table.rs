//! Tables of routes: each stands in one with what it takes, and a guard goes by that, so that none can be forgotten.
//! Pages and API have one each.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodRouter, delete, get, post};

use super::{BODY_BYTES_MAX, Shared};

/// One route.
#[derive(Debug, Clone)]
pub struct Route<Need> {
    /// GET shows; the others act.
    pub method: Method,
    /// With its parameters in braces.
    pub path: &'static str,
    /// What it takes.
    pub need: Need,
    /// Longest body, in bytes.
    pub body_bytes_max: usize,
    handler: MethodRouter<Arc<Shared>>,
}

impl<Need> Route<Need> {
    pub(super) fn get<T: 'static>(path: &'static str, need: Need, handler: impl Handler<T, Arc<Shared>>) -> Self {
        Self::new(Method::GET, path, need, get(handler))
    }

    pub(super) fn post<T: 'static>(path: &'static str, need: Need, handler: impl Handler<T, Arc<Shared>>) -> Self {
        Self::new(Method::POST, path, need, post(handler))
    }

    pub(super) fn delete<T: 'static>(path: &'static str, need: Need, handler: impl Handler<T, Arc<Shared>>) -> Self {
        Self::new(Method::DELETE, path, need, delete(handler))
    }

    fn new(method: Method, path: &'static str, need: Need, handler: MethodRouter<Arc<Shared>>) -> Self {
        Self { method, path, need, body_bytes_max: BODY_BYTES_MAX, handler }
    }

    /// With a body that may be larger than those of other routes, in bytes.
    pub(super) fn of_size(self, bytes_max: usize) -> Self {
        Self { body_bytes_max: bytes_max, handler: self.handler.layer(DefaultBodyLimit::max(bytes_max)), ..self }
    }
}

/// All routes of a table; `guarded` puts the guard before a handler, by what its route takes and how long its body may
/// be.
pub(super) fn router<Need>(
    table: Vec<Route<Need>>,
    guarded: impl Fn(MethodRouter<Arc<Shared>>, Need, usize) -> MethodRouter<Arc<Shared>>,
) -> Router<Arc<Shared>> {
    let with = |router: Router<Arc<Shared>>, route: Route<Need>| {
        router.route(route.path, guarded(route.handler, route.need, route.body_bytes_max))
    };
    table.into_iter().fold(Router::new(), with)
}
