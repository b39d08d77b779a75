//! What every page has around it, and the page that says why something was not done.

use std::sync::Arc;

use askama::Template;
use axum::Extension;
use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::access::Viewer;
use super::forms::Written;
use super::{assets, live};
use crate::domain::request::Refused;
use crate::domain::role::{Rights, Role};
use crate::http::Shared;
use crate::{engine, store};

/// What the layout needs.
#[derive(Debug, Clone, Default)]
pub struct Frame {
    /// Which entry of the navigation this is.
    pub here: &'static str,
    /// Who looks at it; nobody before signing in.
    pub viewer: Option<Viewer>,
    /// What the database was like when the page was made: see `live`. Empty where a page does not follow.
    pub stamp: String,
    /// When it was made.
    pub now: Timestamp,
}

impl Frame {
    /// The frame of a page for somebody, before anything on it is read.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn of(shared: &Arc<Shared>, viewer: &Viewer, here: &'static str) -> Result<Self, Fault> {
        let stamp = shared.pages.live.stamp(&shared.engine).await?;
        let stamp = live::followed(&stamp, is_about_mails(here)).to_owned();
        Ok(Self { here, viewer: Some(viewer.clone()), stamp, now: shared.engine.clock().now() })
    }

    /// Where the page hears of news.
    pub fn events(&self) -> &'static str {
        if is_about_mails(self.here) { "/events?of=mails" } else { "/events" }
    }

    /// A frame without navigation.
    pub fn outside(now: Timestamp) -> Self {
        Self { now, ..Self::default() }
    }

    /// Whether who looks at it may act.
    pub fn may_act(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.rights.somewhere() >= Role::Responder)
    }

    /// The same frame for a page about one service.
    #[must_use]
    pub fn within(mut self, service: &str) -> Self {
        if let Some(viewer) = &mut self.viewer {
            viewer.rights = Rights::everywhere(viewer.rights.for_service(service));
        }
        self
    }

    /// Whether who looks at it may see who has done what.
    pub fn may_audit(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.role >= Role::Admin)
    }

    /// Whether who looks at it may overrule definitions.
    pub fn may_overrule(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.rights.somewhere() >= Role::Admin)
    }

    /// Whether this is who looks at it.
    pub fn is_me(&self, name: &str) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.name == name)
    }

    /// Whether this entry of the navigation is where the page is.
    pub fn is_here(&self, address: &str) -> bool {
        self.here == address
    }

    /// The address of a file that the page needs.
    pub fn asset(&self, name: &str) -> String {
        assets::address(name)
    }

    /// The entries of the navigation: address and words, as far as who looks may go there.
    pub fn places(&self) -> Vec<(&'static str, &'static str)> {
        let places = [
            ("/incidents", "Incidents"),
            ("/on-call", "On call"),
            ("/mails", "Mails"),
            ("/rules/try", "Rules"),
            ("/services", "Services"),
            ("/people", "People"),
            ("/silences", "Silences"),
            ("/numbers", "Numbers"),
            ("/health", "Health"),
        ];
        places.into_iter().filter(|(address, _)| *address != "/rules/try" || self.may_act()).collect()
    }
}

/// Whether pages of this entry of the navigation change with every mail.
fn is_about_mails(here: &str) -> bool {
    ["/mails", "/services", "/health"].contains(&here)
}

/// A page, written.
pub(in crate::http) fn page(template: &impl Template) -> Response {
    with_status(StatusCode::OK, template)
}

/// The same with another status.
pub(super) fn with_status(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => {
            let html = HeaderValue::from_static("text/html; charset=utf-8");
            let text = Bytes::from(text);
            let written = Extension(Written(text.clone()));
            (status, [(header::CONTENT_TYPE, html)], written, text).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Why something was not done, in words.
#[derive(Debug, Clone)]
pub struct Fault {
    status: StatusCode,
    why: String,
    back: Option<String>,
}

#[derive(Template)]
#[template(path = "fault.html", config = "src/http/pages/askama.toml")]
struct FaultPage {
    frame: Frame,
    title: &'static str,
    why: String,
    back: String,
}

impl Fault {
    /// A reason with its status.
    pub fn new(status: StatusCode, why: impl Into<String>) -> Self {
        Self { status, why: why.into(), back: None }
    }

    /// There is no such thing.
    pub fn missing(why: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, why)
    }

    /// What was asked for makes no sense.
    pub fn refused(why: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, why)
    }

    /// Where to go on.
    #[must_use]
    pub fn back(self, address: &str) -> Self {
        Self { back: Some(address.to_owned()), ..self }
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let title = match self.status {
            StatusCode::NOT_FOUND => "There is no such thing",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::CONFLICT => "Not possible any more",
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "Not now",
            _ => "Not done",
        };
        let back = self.back.unwrap_or_else(|| "/incidents".to_owned());
        with_status(self.status, &FaultPage { frame: Frame::default(), title, why: self.why, back })
    }
}

impl From<store::Error> for Fault {
    fn from(error: store::Error) -> Self {
        tracing::error!(%error, "a page failed");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The database does not answer. Try again in a moment.")
    }
}

impl From<engine::Error> for Fault {
    fn from(error: engine::Error) -> Self {
        tracing::error!(%error, "an act on a page failed");
        let why = "The database does not answer; nothing was changed for certain. Look at the page again.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, why)
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        Self::refused(sentence(&refused.0))
    }
}

/// A reason as a sentence.
fn sentence(why: &str) -> String {
    let mut letters = why.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}
