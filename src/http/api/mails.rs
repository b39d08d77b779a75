//! Mails: listed, shown, printed as they came, judged again.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use super::asked::{versions, with_etag};
use super::extract::{NoBody, Path, Query};
use super::{
    App, COUNTED_MAX, LIMIT_MAX, bad_cursor, given, limit, looked_for, page, slice, sortable, text_looked_for,
};
use crate::engine::Judged;
use crate::http::auth::Caller;
use crate::http::pages::{Content, content, own_html};
use crate::http::view::lists::{AlertsView, MailsView, SendersView, UnmatchedsView};
use crate::http::view::rules::{ContentView, ForeseenView, ForeseensView, HeaderView};
use crate::http::view::{AlertView, MailDetailView, MailView, SenderView, UnmatchedView};
use crate::http::{Error, Shared, is_mail_id};
use crate::store::mail::{StoredAlert, StoredMail};
use crate::store::search::WantedMails;

/// Mails that are read at most to fill a page of a token for named services; then its next_cursor goes on from there.
const READ_MAX: i64 = 2000;

/// A page of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PageQuery {
    /// Rows of a page: 1 to 500.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, example = 50)]
    pub(super) limit: Option<String>,
    /// The next_cursor of the page before.
    pub(super) cursor: Option<String>,
}

/// Query of `GET /mails`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MailsQuery {
    /// Only those of which sender, a recipient or the subject has this text, as it stands; 200 bytes at most.
    #[param(max_length = 200)]
    text: Option<String>,
    /// Rows of a page: 1 to 500.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, example = 50)]
    limit: Option<String>,
    /// The next_cursor of the page before.
    cursor: Option<String>,
}

/// Query of `GET /senders`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SendersQuery {
    /// Only of this service.
    service: Option<String>,
    /// Rows of a page: 1 to 500.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500, example = 50)]
    limit: Option<String>,
    /// The next_cursor of the page before.
    cursor: Option<String>,
}

/// Query of `GET /mails/{id}/foreseen`.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ForeseenQuery {
    /// As if its sender were listed: what releasing it would do.
    released: Option<bool>,
}

/// Mails, newest first
///
/// A text is looked for among 10,000 mails at a time, or fewer large ones, so a page may have fewer rows than asked for,
/// or none, and go on: next_cursor is null where there are no more.
#[utoipa::path(get, path = "/mails", tag = "mails", params(MailsQuery), responses((status = 200, body = MailsView)))]
pub async fn mails(State(app): App, caller: Caller, Query(query): Query<MailsQuery>) -> Result<Json<MailsView>, Error> {
    let (limit, before, text) = (limit(query.limit)?, given(query.cursor), text_looked_for(query.text)?);
    if before.as_deref().is_some_and(|cursor| !is_mail_id(cursor)) {
        return Err(bad_cursor());
    }
    // Few tokens are for named services; for them mails are read until the page is full.
    let reads = match (caller.is_for_all(), &text) {
        (true, _) => limit,
        (false, None) => READ_MAX,
        (false, Some(_)) => LIMIT_MAX,
    };
    let found = app.engine.store().find_mails(&WantedMails { text, before, limit: reads }).await?;
    let own = found.mails.into_iter().filter(|found| is_own(&caller, found)).collect();
    let (own, next_cursor) = page(own, limit, |(last, _): &(StoredMail, Vec<StoredAlert>)| last.id.clone());
    let next_cursor = next_cursor.or(found.looked_back_to);
    Ok(Json(MailsView { mails: own.into_iter().map(listed).collect(), next_cursor }))
}

/// One mail with its decision trace
#[utoipa::path(get, path = "/mails/{id}", tag = "mails", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = MailDetailView)))]
pub async fn mail(State(app): App, _: Caller, Path(id): Path<String>) -> Result<Json<MailDetailView>, Error> {
    let found = if is_mail_id(&id) { app.engine.store().mail(&id).await? } else { None };
    let (mail, alerts) = found.ok_or_else(|| no_mail(&id))?;
    Ok(Json(MailDetailView::of(mail, alerts)))
}

/// A mail exactly as it came
#[utoipa::path(get, path = "/mails/{id}/raw", tag = "mails", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = String, content_type = "message/rfc822")))]
pub async fn mail_raw(State(app): App, _: Caller, Path(id): Path<String>) -> Result<Response, Error> {
    let raw = raw(&app, &id).await?;
    // As a download that no browser interprets.
    let headers = [
        (header::CONTENT_TYPE, "message/rfc822"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"mail.eml\""),
    ];
    Ok((headers, raw).into_response())
}

/// What a mail says: headers, text, names of what is attached
#[utoipa::path(get, path = "/mails/{id}/content", tag = "mails",
    params(("id" = String, Path, description = "Its id")), responses((status = 200, body = ContentView)))]
pub async fn mail_content(State(app): App, _: Caller, Path(id): Path<String>) -> Result<Json<ContentView>, Error> {
    let raw = raw(&app, &id).await?;
    let Content { headers, text, is_cut, has_html, attachments } = app.pages.bench.work(move || content(&raw)).await?;
    let headers = headers.into_iter().map(|(name, value)| HeaderView { name, value }).collect();
    Ok(Json(ContentView { headers, text, text_cut: is_cut, has_html, attachments }))
}

/// A mail's own HTML without links, pictures, styles and scripts
#[utoipa::path(get, path = "/mails/{id}/html", tag = "mails", params(("id" = String, Path, description = "Its id")),
    responses((status = 200, body = String, content_type = "text/html")))]
pub async fn mail_html(State(app): App, _: Caller, Path(id): Path<String>) -> Result<Response, Error> {
    let raw = raw(&app, &id).await?;
    own_html(&app, raw).await?.ok_or_else(|| Error::NotFound(format!("the mail {id} has no HTML")))
}

/// What judging a mail again would do now: nothing is done
///
/// Its ETag may be sent as If-Match when the mail is judged again: it changes when the mail is, and with the definitions.
#[utoipa::path(get, path = "/mails/{id}/foreseen", tag = "mails",
    params(("id" = String, Path, description = "Its id"), ForeseenQuery),
    responses((status = 200, body = ForeseensView, headers(("ETag" = String, description = "Of what version")))))]
pub async fn foreseen(
    State(app): App,
    _: Caller,
    Path(id): Path<String>,
    Query(query): Query<ForeseenQuery>,
) -> Result<Response, Error> {
    let released = query.released.unwrap_or(false);
    let foreseen = if is_mail_id(&id) { app.engine.foresee(&id, released).await? } else { None };
    let (foreseen, version) = foreseen.ok_or_else(|| no_mail(&id))?;
    let foreseen = foreseen.into_iter().map(ForeseenView::from).collect();
    Ok(with_etag(Json(ForeseensView { foreseen }).into_response(), &version))
}

async fn raw(app: &Shared, id: &str) -> Result<Vec<u8>, Error> {
    let found = if is_mail_id(id) { app.engine.store().mail_raw(id).await? } else { None };
    found.ok_or_else(|| no_mail(id))
}

/// Judge a mail again with the definitions in force, and let it act
#[utoipa::path(post, path = "/mails/{id}/reprocess", tag = "mails",
    params(("id" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what was foreseen: only if that still holds")),
    responses((status = 200, body = AlertsView)))]
pub async fn reprocess(
    State(app): App,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Json<AlertsView>, Error> {
    judged(&app, &caller, (&id, &headers), false).await
}

/// Let a mail act although its sender is not listed
#[utoipa::path(post, path = "/mails/{id}/release", tag = "mails",
    params(("id" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what was foreseen: only if that still holds")),
    responses((status = 200, body = AlertsView)))]
pub async fn release(
    State(app): App,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    NoBody: NoBody,
) -> Result<Json<AlertsView>, Error> {
    judged(&app, &caller, (&id, &headers), true).await
}

async fn judged(
    app: &Shared,
    caller: &Caller,
    (id, headers): (&str, &HeaderMap),
    released: bool,
) -> Result<Json<AlertsView>, Error> {
    let versions = versions(headers)?;
    if !is_mail_id(id) {
        return Err(no_mail(id));
    }
    match app.engine.judge_again(id, &caller.actor(), released, versions.as_deref()).await? {
        Judged::Done(alerts) => Ok(Json(AlertsView { alerts: alerts.into_iter().map(AlertView::from).collect() })),
        Judged::Changed => {
            let why = "the mail was judged again since this ETag, or other definitions are in force: \
                       GET what is foreseen again, and decide anew";
            Err(Error::Changed(why.to_owned()))
        }
        Judged::Missing => Err(no_mail(id)),
    }
}

/// Mails of which something is kept aside because of its sender, newest first
#[utoipa::path(get, path = "/quarantined", tag = "mails", params(PageQuery),
    responses((status = 200, body = MailsView)))]
pub async fn quarantined(
    State(app): App,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<MailsView>, Error> {
    let limit = limit(query.limit)?;
    let cursor = given(query.cursor);
    if cursor.as_deref().is_some_and(|cursor| !is_mail_id(cursor)) {
        return Err(bad_cursor());
    }
    let found = app.engine.store().quarantined_before(cursor.as_deref(), limit + 1).await?;
    let (found, next_cursor) = page(found, limit, |(last, _)| last.id.clone());
    let own = found.into_iter().filter(|found| is_own(&caller, found));
    Ok(Json(MailsView { mails: own.map(listed).collect(), next_cursor }))
}

/// Who sends mail that no rule knows, most first
///
/// The newest 5,000 such mails are looked at.
#[utoipa::path(get, path = "/unmatched", tag = "mails", params(PageQuery),
    responses((status = 200, body = UnmatchedsView)))]
pub async fn unmatched(
    State(app): App,
    _: Caller,
    Query(query): Query<PageQuery>,
) -> Result<Json<UnmatchedsView>, Error> {
    let found = app.engine.store().unmatched(Timestamp::UNIX_EPOCH, COUNTED_MAX).await?;
    let looked_back_to = found.looked_back_to;
    let key = |row: &crate::store::archive::Unmatched| format!("{}/{}", sortable(-row.mails), row.header_from);
    let (found, next_cursor) = slice(found.senders, (query.limit, query.cursor), key)?;
    let senders = found.into_iter().map(UnmatchedView::from).collect();
    Ok(Json(UnmatchedsView { senders, looked_back_to, next_cursor }))
}

/// Who writes to which service, the one not heard of for longest first
#[utoipa::path(get, path = "/senders", tag = "mails", params(SendersQuery),
    responses((status = 200, body = SendersView)))]
pub async fn senders(
    State(app): App,
    caller: Caller,
    Query(query): Query<SendersQuery>,
) -> Result<Json<SendersView>, Error> {
    let service = looked_for("service", query.service)?;
    let mut found = app.engine.store().senders(service.as_deref(), COUNTED_MAX).await?;
    found.retain(|sender| caller.is_for(&sender.service));
    let key = |row: &crate::store::archive::Sender| {
        format!("{}/{}\n{}", sortable(row.last_at.as_millisecond()), row.service, row.sender)
    };
    let (found, next_cursor) = slice(found, (query.limit, query.cursor), key)?;
    Ok(Json(SendersView { senders: found.into_iter().map(SenderView::from).collect(), next_cursor }))
}

fn listed((mail, alerts): (StoredMail, Vec<StoredAlert>)) -> MailView {
    MailView::listed(mail, alerts)
}

fn is_own(caller: &Caller, (_, alerts): &(StoredMail, Vec<StoredAlert>)) -> bool {
    caller.is_for_all() || alerts.iter().any(|alert| caller.is_for(&alert.service))
}

pub(super) fn no_mail(id: &str) -> Error {
    Error::NotFound(format!("there is no mail {id:?}"))
}
