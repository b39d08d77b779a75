//! The list of mails: all that came, those that no rule knew, those kept aside because of their sender.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::access::Viewer;
use super::escaped;
use super::frame::{Fault, Frame, page};
use super::incidents::given;
use super::words::{At, Teller};
use crate::http::{Shared, is_mail_id};
use crate::store::mail::{StoredAlert, StoredMail};
use crate::store::search::WantedMails;

/// Mails to a page.
const MAILS_MAX: i64 = 50;

/// Senders whose mail no rule knew.
const SENDERS_MAX: i64 = 200;

/// Mails that no rule knew are shown and counted for this long.
const UNMATCHED_SINCE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Mails that wait are counted so far.
const COUNTED_MAX: i64 = 1000;

/// Query of `GET /mails`. What is not known is as if it were not there.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    view: String,
    /// What sender, recipient or subject has.
    #[serde(default)]
    text: String,
    before: Option<String>,
}

#[derive(Template)]
#[template(path = "mails.html", config = "src/http/pages/askama.toml")]
struct MailsPage {
    frame: Frame,
    view: &'static str,
    unmatched: String,
    quarantined: String,
    rows: Vec<Row>,
    senders: Vec<Sender>,
    more: Option<String>,
    text: String,
    /// Up to when a search went that stopped before it was through.
    searched_to: Option<At>,
    /// Up to when mails that no rule knew were looked at, where there are more.
    looked_back_to: Option<At>,
}

struct Row {
    id: String,
    at: At,
    subject: String,
    from: String,
    to: String,
    said: Vec<Said>,
}

/// What a mail was read as.
struct Said {
    action: &'static str,
    severity: &'static str,
    service: String,
    rule: String,
    held: String,
    incident: Option<i64>,
}

struct Sender {
    name: String,
    mails: i64,
    id: String,
    subject: String,
}

/// `GET /mails`.
pub(super) async fn list(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/mails").await?;
    let store = app.engine.store();
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let since = frame.now.checked_sub(UNMATCHED_SINCE).unwrap_or(Timestamp::MIN);
    let waiting = store.waiting_mails(since, COUNTED_MAX).await?;
    let (mut rows, mut senders, mut more) = (Vec::new(), Vec::new(), None);
    let (mut text, mut searched_to, mut looked_back_to) = (None, None, None);
    let view = match asked.view.as_str() {
        "unmatched" => {
            let found = store.unmatched(since, SENDERS_MAX).await?;
            looked_back_to = found.looked_back_to.map(|at| teller.at(at));
            senders.extend(found.senders.into_iter().map(|found| Sender {
                name: found.header_from,
                mails: found.mails,
                id: found.newest_id,
                subject: found.newest_subject,
            }));
            "unmatched"
        }
        "quarantined" => {
            rows.extend(store.quarantined(MAILS_MAX).await?.into_iter().map(|found| row(found, &teller)));
            "quarantined"
        }
        _ => {
            let before = asked.before.filter(|before| is_mail_id(before));
            text = given(&asked.text);
            let wanted = WantedMails { text: text.clone(), before, limit: MAILS_MAX };
            let found = store.find_mails(&wanted).await?;
            searched_to = found.looked_back_to_instant().filter(|_| !found.is_full).map(|at| teller.at(at));
            let address =
                |before| format!("/mails?text={}&before={before}", escaped(text.as_deref().unwrap_or_default()));
            more = found.looked_back_to.map(address);
            rows.extend(found.mails.into_iter().map(|found| row(found, &teller)));
            "all"
        }
    };
    let count = |n: i64| if n < COUNTED_MAX { n.to_string() } else { format!("{COUNTED_MAX} or more") };
    let (unmatched, quarantined) = (count(waiting.unmatched), count(waiting.quarantined));
    let text = text.unwrap_or_default();
    Ok(page(&MailsPage { frame, view, unmatched, quarantined, rows, senders, more, text, searched_to, looked_back_to }))
}

fn row((mail, alerts): (StoredMail, Vec<StoredAlert>), teller: &Teller) -> Row {
    let said = |stored: StoredAlert| Said {
        action: stored.alert.action.word(),
        severity: stored.alert.severity.word(),
        service: stored.service,
        rule: stored.alert.rule,
        held: stored.held,
        incident: stored.incident_number.filter(|number| *number > 0),
    };
    let from = if mail.header_from.is_empty() { mail.reverse_path } else { mail.header_from };
    Row {
        id: mail.id,
        at: teller.at(mail.received_at),
        subject: if mail.subject.trim().is_empty() { "(no subject)".to_owned() } else { mail.subject },
        from,
        to: mail.recipients.join(", "),
        said: alerts.into_iter().map(said).collect(),
    }
}
