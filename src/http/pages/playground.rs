//! The playground: a mail, a rule, and at once what the rule reads in it. Nothing is stored or changed, whatever is
//! tried: what works is copied into a file, where it is reviewed like any rule.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::marks::{Marked, marked};
use crate::domain::Definitions;
use crate::domain::alert::Alert;
use crate::domain::mail::{Envelope, Mail};
use crate::domain::pattern::Captures;
use crate::domain::rulebook::{Route, TraceLine, Verdict, is_unmatched};
use crate::domain::workbench::{DRAFT, DRAFT_BYTES_MAX, Tested, Workbench, Written};
use crate::http::{Shared, is_mail_id};
use crate::store::mail::StoredMail;

/// Largest form, in bytes: a mail of 256 KiB whose every byte is escaped, and a draft.
pub(super) const FORM_BYTES_MAX: usize = WRITTEN_MAX;

/// Most that is read of somebody who tries a rule, in bytes.
pub(in crate::http) const WRITTEN_MAX: usize = 1024 * 1024;

/// Longest mail that is written into a pack, in bytes; longer ones belong into a file beside it.
const WRITTEN_BYTES_MAX: usize = 16 * 1024;

/// Senders that no rule knew, to choose from.
const OFFERED_MAX: i64 = 8;

/// What the file of a mail is called that does not fit into its pack.
const FILE_NAME: &str = "mail.eml";

/// A rule to begin with.
const FIRST_RULE: &str = r#"[[rule]]
name = "job"
action = { from = "state", map = { failed = "trigger", finished = "resolve" } }
dedup_key = "backup/{host}"
summary = "Backup of {host} {state}"

[rule.when]
subject = '^Backup of (?<host>\S+) (?<state>failed|finished)'
"#;

/// Query of `GET /rules/try`.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    mail: String,
}

/// Form of `POST /rules/try`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Attempt {
    /// A stored mail; where it is empty, the text counts.
    #[serde(default)]
    mail: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    toml: String,
    /// `suggest` asks for a first rule.
    #[serde(default)]
    act: String,
}

#[derive(Template)]
#[template(path = "playground.html", config = "src/http/pages/askama.toml")]
struct PlaygroundPage {
    frame: Frame,
    /// The stored mail: its id and subject.
    stored: Option<(String, String)>,
    text: String,
    toml: String,
    toml_max: usize,
    notes: Vec<String>,
    outcome: Option<Outcome>,
    offered: Vec<Offered>,
}

struct Offered {
    id: String,
    sender: String,
    subject: String,
}

/// A mail on the bench, and how it came.
pub(in crate::http) struct OnBench {
    raw: Vec<u8>,
    pub(in crate::http) mail: Mail,
    envelope: Envelope,
}

/// What came of it.
pub(in crate::http) struct Outcome {
    pub(in crate::http) problems: Vec<String>,
    pub(in crate::http) alerts: Vec<Read>,
    pub(in crate::http) trace: Vec<TraceLine>,
    marked: Vec<Marked>,
    pub(in crate::http) tests: Vec<Tested>,
    pub(in crate::http) today: Today,
    pub(in crate::http) kept: Option<Kept>,
}

/// An alert, with what the rule captured for it.
pub(in crate::http) struct Read {
    pub(in crate::http) alert: Alert,
    pub(in crate::http) captures: Vec<(String, String)>,
}

/// What the rules in force say about the mail.
pub(in crate::http) struct Today {
    pub(in crate::http) service: String,
    pub(in crate::http) rule: String,
    pub(in crate::http) said: String,
    pub(in crate::http) is_known: bool,
    /// A shipped pack that would know it, where those in force do not.
    pub(in crate::http) shipped: Option<String>,
}

/// The draft with its test.
pub(in crate::http) struct Kept {
    pub(in crate::http) toml: String,
    /// The mail is too long or no text: it goes into a file of that name.
    pub(in crate::http) file: Option<&'static str>,
}

/// `GET /rules/try`: with a stored mail, a first rule is suggested for it.
pub(super) async fn show(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let act = if asked.mail.is_empty() { "" } else { "suggest" };
    let attempt = Attempt { mail: asked.mail, act: act.to_owned(), ..Attempt::default() };
    answer(&app, &viewer, attempt).await
}

/// `POST /rules/try`: tried, and nothing else. It is a POST because a mail does not fit into an address.
pub(super) async fn attempt(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Form(attempt): Form<Attempt>,
) -> Result<Response, Fault> {
    answer(&app, &viewer, attempt).await
}

async fn answer(app: &Arc<Shared>, viewer: &Viewer, attempt: Attempt) -> Result<Response, Fault> {
    let frame = Frame::of(app, viewer, "/rules/try").await?;
    let stored = stored(app, &attempt.mail).await?;
    let named = stored.as_ref().map(|(mail, _)| (mail.id.clone(), mail.subject.clone()));
    let text = if stored.is_some() { String::new() } else { attempt.text };
    let pasted = text.clone();
    let (workbench, definitions) = (app.workbench, app.engine.definitions());
    let (draft, asks_for_rule) = (attempt.toml, attempt.act == "suggest");
    let tried = move || {
        let on_bench = match stored {
            Some((stored, raw)) => Some(OnBench::from_store(&stored, raw)),
            None if pasted.trim().is_empty() => None,
            None => Some(OnBench::from_text(&pasted)),
        };
        let (toml, notes) = match &on_bench {
            Some(on_bench) if asks_for_rule => match (workbench.suggest)(&on_bench.mail) {
                Ok(suggested) => (suggested.toml, suggested.notes),
                Err(why) => (if draft.is_empty() { FIRST_RULE.to_owned() } else { draft }, vec![why]),
            },
            _ if draft.trim().is_empty() => (FIRST_RULE.to_owned(), Vec::new()),
            _ => (draft, Vec::new()),
        };
        let outcome = on_bench.map(|on_bench| outcome(&on_bench, &toml, workbench, &definitions));
        (toml, notes, outcome)
    };
    let (toml, notes, outcome) = app.pages.bench.work(tried).await?;
    let offered = if outcome.is_some() { Vec::new() } else { offered(app).await? };
    let toml_max = DRAFT_BYTES_MAX;
    Ok(page(&PlaygroundPage { frame, stored: named, text, toml, toml_max, notes, outcome, offered }))
}

/// The stored mail of that id. Other words than ids are none.
async fn stored(app: &Shared, id: &str) -> Result<Option<(StoredMail, Vec<u8>)>, Fault> {
    if id.is_empty() {
        return Ok(None);
    }
    let missing = || Fault::missing("There is no such mail.").back("/rules/try");
    if !is_mail_id(id) {
        return Err(missing());
    }
    let store = app.engine.store();
    let (mail, _) = store.mail(id).await?.ok_or_else(missing)?;
    let raw = store.mail_raw(id).await?.ok_or_else(missing)?;
    Ok(Some((mail, raw)))
}

/// Mails to begin with: of those whom no rule knew.
async fn offered(app: &Shared) -> Result<Vec<Offered>, Fault> {
    let found = app.engine.store().unmatched(Timestamp::UNIX_EPOCH, OFFERED_MAX).await?;
    let offered = found.senders.into_iter().map(|found| Offered {
        id: found.newest_id,
        sender: found.header_from,
        subject: found.newest_subject,
    });
    Ok(offered.collect())
}

impl OnBench {
    /// A stored mail, as it came.
    pub(in crate::http) fn from_store(stored: &StoredMail, raw: Vec<u8>) -> Self {
        let mail = Mail::parse(&raw).with_sender(&stored.reverse_path);
        let recipient = stored.recipients.first().map(String::as_str).unwrap_or_default();
        let envelope = Envelope::from_client(&stored.reverse_path, recipient, &stored.client);
        let envelope = Envelope { authentication: stored.authentication.clone(), ..envelope };
        Self { raw, mail, envelope }
    }

    /// A pasted mail is for whom its own headers name.
    pub(in crate::http) fn from_text(text: &str) -> Self {
        let raw = text.replace("\r\n", "\n").trim_start_matches('\n').to_owned().into_bytes();
        let mail = Mail::parse(&raw);
        let to = mail.header("To").next().unwrap_or_default();
        let mut words = to.split([',', ' ', '<', '>', ';']);
        let recipient = words.find(|word| word.contains('@')).unwrap_or_default().to_owned();
        Self { envelope: Envelope::new("", &recipient, ""), raw, mail }
    }
}

/// What a draft makes of a mail. It may take its time: only on the bench.
pub(in crate::http) fn outcome(
    on_bench: &OnBench,
    toml: &str,
    workbench: Workbench,
    definitions: &Definitions,
) -> Outcome {
    let OnBench { raw, mail, envelope } = on_bench;
    let draft = (workbench.read)(toml);
    let today = today(on_bench, workbench, definitions);
    if !draft.problems.is_empty() {
        let (problems, marked) = (draft.problems, marked(mail, envelope, &[]));
        let (alerts, trace, tests) = (Vec::new(), Vec::new(), Vec::new());
        return Outcome { problems, alerts, trace, marked, tests, today, kept: None };
    }
    let explanation = draft.judge(mail, envelope);
    let Verdict { alerts, trace, .. } = explanation.verdict;
    let is_own = |rule: &str| rule.strip_prefix(DRAFT).is_some_and(|rest| rest.starts_with('/'));
    // Where no rule of the draft matches, the recogniser has read it; that is told by what holds today.
    let alerts: Vec<Alert> = alerts.into_iter().filter(|alert| is_own(&alert.rule)).collect();
    let kept = alerts.first().and_then(|first| {
        let text = std::str::from_utf8(raw).ok().filter(|text| text.len() <= WRITTEN_BYTES_MAX);
        let text = text.map(|text| text.replace("\r\n", "\n")).filter(|text| !text.contains(['\r', '\0']));
        let written = text.as_deref().map_or(Written::File(FILE_NAME), Written::Text);
        let file = text.is_none().then_some(FILE_NAME);
        (workbench.with_test)(toml, &first.rule, written, &alerts).map(|toml| Kept { toml, file })
    });
    let marked = marked(mail, envelope, &explanation.captures);
    let captured = |nth: usize| {
        let captures = explanation.captures.get(nth).into_iter().flat_map(Captures::iter);
        captures.map(|capture| (capture.name.clone(), capture.value.clone())).collect()
    };
    let read = |(nth, alert): (usize, Alert)| Read { captures: captured(nth), alert };
    Outcome {
        problems: Vec::new(),
        alerts: alerts.into_iter().enumerate().map(read).collect(),
        trace: trace.into_iter().filter(|line| is_own(&line.rule)).collect(),
        marked,
        tests: draft.tests,
        today,
        kept,
    }
}

fn today(on_bench: &OnBench, workbench: Workbench, definitions: &Definitions) -> Today {
    let OnBench { mail, envelope, .. } = on_bench;
    let rulebook = &definitions.rulebook;
    let service = match rulebook.route(&envelope.recipient) {
        Route::Service(service) => Some(service),
        Route::UnknownMailbox | Route::ForeignDomain => rulebook.services.first().cloned(),
    };
    let Some(service) = service else {
        return Today {
            service: String::new(),
            rule: String::new(),
            said: String::new(),
            is_known: false,
            shipped: None,
        };
    };
    let alert = service.judge(mail, envelope).alerts.into_iter().next();
    let rule = alert.as_ref().map(|alert| alert.rule.clone()).unwrap_or_default();
    let is_known = !is_unmatched(&rule);
    let shipped = if is_known { None } else { (workbench.shipped)(mail, envelope).map(|alert| alert.rule) };
    let said = alert.map(|alert| format!("{}, key {}", alert.action, alert.dedup_key)).unwrap_or_default();
    Today { service: service.name.clone(), rule, said, is_known, shipped }
}
