//! One incident: what broke, how bad, since when, who is called now and next, and one big button.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

use super::access::Viewer;
use super::frame::{Fault, Frame, page};
use super::words::{At, Count, Teller};
use crate::domain::forecast::{self, What};
use crate::domain::incident::{Incident, Status};
use crate::domain::notification;
use crate::domain::roster::Roster;
use crate::domain::rulebook::PROBE;
use crate::domain::situation::{Situation, Swap};
use crate::http::Shared;
use crate::store;
use crate::store::board::{Call, Evidence};
use crate::store::incident::TimelineEntry;

/// Notifications looked at, of the newest pages.
const CALLS_MAX: i64 = 50;

/// Coming calls that are shown.
const AHEAD_MAX: usize = 5;

/// Alerts shown, the newest.
const EVIDENCE_MAX: i64 = 50;

#[derive(Template)]
#[template(path = "incident.html", config = "src/http/pages/askama.toml")]
struct IncidentPage {
    frame: Frame,
    incident: Incident,
    opened: At,
    since: Count,
    /// Since when and by whom it is taken, or when it was over.
    taken: Option<(At, String)>,
    resolved: Option<At>,
    snoozed: Option<(At, Count)>,
    held: Option<String>,
    is_mine: bool,
    now: Vec<Calling>,
    next: Vec<Coming>,
    timeline: Vec<Told>,
    evidence: Vec<Mail>,
    targets: Vec<(String, String)>,
}

/// Somebody who is being called.
struct Calling {
    who: String,
    channel: &'static str,
    state: String,
    is_bad: bool,
}

/// What comes if nobody does anything.
struct Coming {
    when: Count,
    at: At,
    what: String,
    is_call: bool,
}

struct Told {
    at: At,
    kind: String,
    actor: String,
    detail: String,
    mail_id: Option<String>,
}

struct Mail {
    id: String,
    at: At,
    subject: String,
    from: String,
    action: &'static str,
    rule: String,
    outcome: String,
}

impl IncidentPage {
    fn is_open(&self) -> bool {
        self.incident.status != Status::Resolved
    }

    fn is_triggered(&self) -> bool {
        self.incident.status == Status::Triggered
    }
}

/// `GET /incidents/{number}`.
pub(super) async fn show(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Path(number): Path<String>,
) -> Result<Response, Fault> {
    let number = parse_number(&number)?;
    let frame = Frame::of(&app, &viewer, "/incidents").await?;
    let store = app.engine.store();
    let incident = store.incident(number).await?.ok_or_else(|| no_incident(number))?;
    let frame = frame.within(&incident.service);
    let calls = store.calls(number, CALLS_MAX).await?;
    let timeline = store.timeline(number).await?;
    let evidence = store.evidence(number, EVIDENCE_MAX).await?;
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let next = next(&app, &incident, &calls, &teller).await?;
    let targets = targets(&app.engine.definitions().roster);
    let mine = format!("{} by ", viewer.name);
    let is_mine = incident.acknowledged.as_ref().is_some_and(|(_, who)| who.starts_with(&mine));
    Ok(page(&IncidentPage {
        opened: teller.at(incident.opened_at),
        since: teller.since(incident.opened_at),
        taken: incident.acknowledged.clone().map(|(at, who)| (teller.at(at), who)),
        resolved: incident.resolved_at.map(|at| teller.at(at)),
        snoozed: incident.snoozed_until.map(|at| (teller.at(at), teller.until(at))),
        held: incident.held.clone().filter(|_| incident.status == Status::Triggered),
        is_mine,
        now: now(&incident, &calls, &teller),
        next,
        timeline: timeline.into_iter().rev().map(|entry| told(entry, &teller)).collect(),
        evidence: evidence.into_iter().map(|one| mail(one, &teller)).collect(),
        targets,
        incident,
        frame,
    }))
}

/// Who is being called: everybody of the newest page, and those called in beside it who have not answered.
fn now(incident: &Incident, calls: &[Call], teller: &Teller) -> Vec<Calling> {
    use notification::Status as Sending;
    if incident.status == Status::Resolved {
        return Vec::new();
    }
    // Who has it is called no more; who was called in by them is.
    let counts = |call: &&Call| incident.status == Status::Triggered || call.called_in;
    let waits = |call: &&Call| matches!(call.status, Sending::Pending | Sending::Sending | Sending::Sent);
    let is_now = |call: &&Call| call.status != Sending::Pending || call.due_at <= teller.now;
    let newest = |call: &&Call| waits(call) || (call.status == Sending::Failed && call.page == incident.pages);
    let calling = |call: &Call| Calling {
        who: call.user.clone(),
        channel: call.channel.word(),
        state: match call.status {
            Sending::Pending if call.attempts > 0 => {
                format!("tries again: {}", call.error.as_deref().unwrap_or("it did not work"))
            }
            Sending::Pending => "is next in line".to_owned(),
            Sending::Sending => "is being reached".to_owned(),
            Sending::Sent | Sending::Delivered => "told, no answer yet".to_owned(),
            Sending::Failed => format!("failed: {}", call.error.as_deref().unwrap_or("nobody knows why")),
            Sending::Cancelled => "not needed any more".to_owned(),
        },
        is_bad: call.status == Sending::Failed,
    };
    calls.iter().filter(counts).filter(newest).filter(is_now).map(calling).collect()
}

/// What comes if nobody does anything: what is planned already, then what the policy says.
async fn next(app: &Shared, incident: &Incident, calls: &[Call], teller: &Teller) -> Result<Vec<Coming>, store::Error> {
    if incident.status == Status::Resolved {
        return Ok(Vec::new());
    }
    let coming = |at, what, is_call| (at, Coming { when: teller.until(at), at: teller.at(at), what, is_call });
    let counts = |call: &&Call| incident.status == Status::Triggered || call.called_in;
    let is_planned =
        |call: &&Call| counts(call) && call.status == notification::Status::Pending && call.due_at > teller.now;
    let planned = calls.iter().filter(is_planned);
    let mut found: Vec<_> =
        planned.map(|call| coming(call.due_at, format!("{} by {}", call.user, call.channel), true)).collect();
    let definitions = app.engine.definitions();
    let handling = definitions.rulebook.service(&incident.service).map(|service| service.handling.clone());
    let stored = app.engine.store().overrides_since(teller.now).await?;
    let overrides: Vec<Swap> = stored.into_iter().map(|stored| stored.swap).collect();
    let silences = app.engine.store().silences_since(teller.now).await?;
    let situation = Situation {
        roster: &definitions.roster,
        handling: &handling.unwrap_or_default(),
        overrides: &overrides,
        silences: &silences,
        parents: &[],
        now: teller.now,
    };
    let moments = forecast::ahead(incident, &situation, AHEAD_MAX);
    // What holds it may be another incident, of which nobody knows the end: then nothing is foretold.
    let is_foretold = moments.iter().any(|moment| matches!(moment.what, What::Wait { .. }));
    let is_known = incident.held.is_none() || incident.status == Status::Acknowledged || is_foretold;
    for moment in moments.into_iter().filter(|_| is_known) {
        let what = match moment.what {
            What::Call { user, channel, by, step } => {
                let by = if by.is_empty() || by == step { String::new() } else { format!(", {by}") };
                (format!("{user} by {channel} ({step}{by})"), true)
            }
            What::Wait { reason, until: Some(until) } => {
                (format!("waits until {}: {reason}", plain(teller, until)), false)
            }
            What::Wait { reason, until: None } => (format!("waits: {reason}"), false),
            What::Note(text) => (text, false),
        };
        found.push(coming(moment.at, what.0, what.1));
    }
    found.sort_by_key(|(at, _)| *at);
    found.truncate(AHEAD_MAX);
    Ok(found.into_iter().map(|(_, coming)| coming).collect())
}

fn plain(teller: &Teller, at: jiff::Timestamp) -> String {
    teller.zone.to_datetime(at).strftime("%a %H:%M").to_string()
}

fn told(entry: TimelineEntry, teller: &Teller) -> Told {
    Told {
        at: teller.second(entry.at),
        kind: entry.kind.replace('_', " "),
        actor: entry.actor,
        detail: entry.detail,
        mail_id: entry.mail_id,
    }
}

fn mail(evidence: Evidence, teller: &Teller) -> Mail {
    let Evidence { alert, received_at, subject, header_from } = evidence;
    Mail {
        id: alert.mail_id,
        at: teller.second(received_at),
        subject,
        from: header_from,
        action: alert.alert.action.word(),
        rule: alert.alert.rule,
        outcome: alert.outcome,
    }
}

/// Whom it can be given to: what is sent, and what is shown.
fn targets(roster: &Roster) -> Vec<(String, String)> {
    let people = roster.users.keys().filter(|name| *name != PROBE).map(|name| (name.clone(), name.clone()));
    let schedules = roster.schedules.keys().flat_map(|name| {
        [
            (format!("schedule:{name}"), format!("who is on call for {name}")),
            (format!("everyone:{name}"), format!("everyone of {name}")),
        ]
    });
    let rooms = roster.rooms.keys().map(|name| (format!("room:{name}"), format!("room {name}")));
    people.chain(schedules).chain(rooms).collect()
}

/// The number in an address. Those of probes are none of people's.
pub(super) fn parse_number(text: &str) -> Result<i64, Fault> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Fault::missing("There is no such incident."))
}

/// What is said where there is no such incident.
pub(super) fn no_incident(number: i64) -> Fault {
    Fault::missing(format!("There is no incident #{number}."))
}
