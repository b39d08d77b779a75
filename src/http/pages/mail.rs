//! One mail: what it was read as and why, and what it looks like.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};

use super::access::Viewer;
use super::bench::Undone;
use super::frame::{Fault, Frame, page};
use super::sanitised::sanitised;
use super::words::{At, Teller};
use crate::domain::mail::Mail;
use crate::http::{Shared, is_mail_id};
use crate::store::mail::{RecipientTrace, StoredAlert, StoredMail};

/// What a mail's own HTML may do: nothing. No script, no form, no frame, no request to anywhere; it is not even of our
/// origin (HTML standard, sandboxing; CSP level 3, `sandbox`).
const SANDBOX: &str = "default-src 'none'; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; sandbox";

/// Characters of a mail's text that are shown; the whole is in the raw mail.
const TEXT_SHOWN: usize = 100_000;

#[derive(Template)]
#[template(path = "mail.html", config = "src/http/pages/askama.toml")]
struct MailPage {
    frame: Frame,
    mail: StoredMail,
    received: At,
    origin: At,
    alerts: Vec<StoredAlert>,
    traces: Vec<RecipientTrace>,
    headers: Vec<(String, String)>,
    text: String,
    is_cut: bool,
    /// The bytes, as far as they are text.
    source: String,
    is_source_cut: bool,
    has_html: bool,
    attachments: Vec<String>,
    is_quarantined: bool,
}

/// `GET /mails/{mail}`.
pub(super) async fn show(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(id): Path<String>,
) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/mails").await?;
    let found = if is_mail_id(&id) { app.engine.store().mail(&id).await? } else { None };
    let (mail, alerts) = found.ok_or_else(no_mail)?;
    let raw = raw(&app, &id).await?;
    let Content { headers, text, is_cut, has_html, attachments } = content(&raw);
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    Ok(page(&MailPage {
        received: teller.second(mail.received_at),
        origin: teller.second(mail.origin_at),
        is_quarantined: alerts.iter().any(|alert| alert.held == "quarantine"),
        traces: mail.trace.clone(),
        headers,
        text,
        is_cut,
        source: String::from_utf8_lossy(&raw[..raw.len().min(TEXT_SHOWN)]).into_owned(),
        is_source_cut: raw.len() > TEXT_SHOWN,
        has_html,
        attachments,
        alerts,
        mail,
        frame,
    }))
}

/// `GET /mails/{mail}/raw`: the bytes exactly as they came, as a download that no browser interprets.
pub(super) async fn download(State(app): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, Fault> {
    let raw = raw(&app, &id).await?;
    let headers =
        [(header::CONTENT_TYPE, "message/rfc822"), (header::CONTENT_DISPOSITION, "attachment; filename=\"mail.eml\"")];
    Ok((headers, raw).into_response())
}

/// `GET /mails/{mail}/html`: its own HTML, sanitised, for the frame in its page. What it may do, [`SANDBOX`] says,
/// wherever it is opened.
pub(super) async fn html(State(app): State<Arc<Shared>>, Path(id): Path<String>) -> Result<Response, Fault> {
    let raw = raw(&app, &id).await?;
    own_html(&app, raw).await?.ok_or_else(|| Fault::missing("This mail has no HTML."))
}

/// A mail's own HTML, sanitised and told to do nothing; `None` where it has none.
pub(in crate::http) async fn own_html(app: &Shared, raw: Vec<u8>) -> Result<Option<Response>, Undone> {
    let cleaned = app.pages.bench.work(move || {
        let parsed = Mail::parse(&raw);
        (!parsed.html.is_empty()).then(|| sanitised(&parsed.html, parsed.html_text()))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_DNS_PREFETCH_CONTROL, "off"),
    ];
    Ok(cleaned.await?.map(|cleaned| (headers, cleaned).into_response()))
}

/// What a mail says, as far as it is shown.
pub(in crate::http) struct Content {
    pub(in crate::http) headers: Vec<(String, String)>,
    pub(in crate::http) text: String,
    /// There is more text.
    pub(in crate::http) is_cut: bool,
    pub(in crate::http) has_html: bool,
    /// Names of what is attached.
    pub(in crate::http) attachments: Vec<String>,
}

/// Reads a mail for people.
pub(in crate::http) fn content(raw: &[u8]) -> Content {
    let parsed = Mail::parse(raw);
    let text = parsed.body();
    let end = text.char_indices().nth(TEXT_SHOWN).map(|(at, _)| at);
    Content {
        headers: parsed.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        text: text[..end.unwrap_or(text.len())].to_owned(),
        is_cut: end.is_some(),
        has_html: !parsed.html.is_empty(),
        attachments: parsed.attachments.clone(),
    }
}

async fn raw(app: &Shared, id: &str) -> Result<Vec<u8>, Fault> {
    let found = if is_mail_id(id) { app.engine.store().mail_raw(id).await? } else { None };
    found.ok_or_else(no_mail)
}

pub(super) fn no_mail() -> Fault {
    Fault::missing("There is no such mail.").back("/mails")
}
