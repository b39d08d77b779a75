//! The list of incidents: what is open first, what nobody has before what somebody has, the worst first.

use std::collections::HashMap;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::access::Viewer;
use super::escaped;
use super::frame::{Fault, Frame, page};
use super::listed::{OPEN_MAX, RESOLVED_MAX, shows_open};
use super::words::{At, Count, Teller};
use crate::domain::incident::{Incident, Status};
use crate::http::Shared;
use crate::store::board::Wanted;
use crate::store::search::TEXT_BYTES_MAX;

/// Query of `GET /incidents`. What is not known is as if it were not there: a link in a mail must open.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    status: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    text: String,
    before: Option<String>,
    /// `some` or `all`: several are chosen, to act on them together.
    #[serde(default)]
    select: String,
}

#[derive(Template)]
#[template(path = "incidents.html", config = "src/http/pages/askama.toml")]
struct IncidentsPage {
    frame: Frame,
    asked: Asked,
    services: Vec<String>,
    /// Why nothing is shown, or how much is.
    headline: String,
    groups: Vec<Group>,
    /// The address of what comes behind these.
    more: Option<String>,
    /// The number at which a search among resolved ones stopped before it was through.
    searched_to: Option<i64>,
    is_filtered: bool,
    /// Not all that is open is shown.
    is_cut: bool,
    /// Where several are chosen: none yet, and all.
    choose: [String; 2],
}

impl IncidentsPage {
    fn is_choosing(&self) -> bool {
        self.frame.may_act() && !self.asked.select.is_empty()
    }

    fn can_choose(&self) -> bool {
        self.frame.may_act() && self.groups.iter().any(|group| group.rows.iter().any(|row| row.status != "resolved"))
    }
}

struct Group {
    title: &'static str,
    rows: Vec<Row>,
}

/// One incident as it is listed.
struct Row {
    number: i64,
    severity: &'static str,
    status: &'static str,
    summary: String,
    service: String,
    opened: At,
    since: Count,
    alerts: i64,
    /// Who has it, who is called, why nobody is.
    who: String,
    alarming: bool,
}

/// `GET /incidents`.
pub(super) async fn list(
    State(app): State<Arc<Shared>>,
    viewer: Viewer,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let frame = Frame::of(&app, &viewer, "/incidents").await?;
    let wanted = Wanted {
        statuses: statuses(&asked.status),
        service: given(&asked.service),
        text: given(&asked.text),
        before: asked.before.as_deref().and_then(|before| before.parse().ok()),
        limit: 0,
    };
    let listed = app.pages.lists.list(&app, &wanted, &frame.stamp).await?;
    // A search may end before its page is full.
    let searched_to = listed.past.looked_back_to.filter(|_| listed.past.incidents.len() < RESOLVED_MAX);
    let more = listed.past.looked_back_to.map(|before| {
        let (status, service, text) = (escaped(&asked.status), escaped(&asked.service), escaped(&asked.text));
        format!("/incidents?status={status}&service={service}&text={text}&before={before}")
    });
    let teller = Teller { now: frame.now, zone: viewer.zone.clone() };
    let row = |incident: &Incident| Row::of(incident, &listed.called, &teller);
    let (triggered, taken): (Vec<&Incident>, Vec<&Incident>) =
        listed.open.iter().partition(|incident| incident.status == Status::Triggered);
    let headline = match listed.is_cut {
        true => format!("More than {OPEN_MAX} are open"),
        false => headline(triggered.len(), taken.len(), shows_open(&wanted)),
    };
    let resolved = listed.past.incidents.iter().collect();
    let groups = [("Nobody has these yet", triggered), ("Somebody has these", taken), ("Resolved", resolved)];
    let groups = groups.map(|(title, found)| Group { title, rows: found.into_iter().map(row).collect() });
    let services = app.engine.definitions().rulebook.services.iter().map(|service| service.name.clone()).collect();
    let (status, service, text) = (escaped(&asked.status), escaped(&asked.service), escaped(&asked.text));
    let choose =
        ["some", "all"].map(|some| format!("/incidents?status={status}&service={service}&text={text}&select={some}"));
    let is_filtered = wanted.service.is_some() || wanted.text.is_some();
    let groups = groups.into_iter().filter(|group| !group.rows.is_empty()).collect();
    Ok(page(&IncidentsPage {
        frame,
        asked,
        services,
        headline,
        groups,
        more,
        searched_to,
        is_filtered,
        is_cut: listed.is_cut,
        choose,
    }))
}

fn statuses(word: &str) -> Vec<Status> {
    match word {
        "triggered" => vec![Status::Triggered],
        "acknowledged" => vec![Status::Acknowledged],
        "resolved" => vec![Status::Resolved],
        "all" => Status::ALL.to_vec(),
        _ => vec![Status::Triggered, Status::Acknowledged],
    }
}

/// A text or name that is looked for; what cannot be is as if it were not there.
pub(super) fn given(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && text.len() <= TEXT_BYTES_MAX && !text.contains('\0')).then(|| text.to_owned())
}

fn headline(triggered: usize, taken: usize, shows_open: bool) -> String {
    match (triggered, taken) {
        _ if !shows_open => "Resolved incidents".to_owned(),
        (0, 0) => "Nothing is open".to_owned(),
        (0, taken) => format!("{taken} open, all taken"),
        (triggered, 0) => format!("{triggered} open, nobody has {}", if triggered == 1 { "it" } else { "them" }),
        (triggered, taken) => format!("{} open, {triggered} not taken", triggered + taken),
    }
}

impl Row {
    fn of(incident: &Incident, called: &HashMap<i64, Vec<String>>, teller: &Teller) -> Self {
        let people = called.get(&incident.number).map(|people| people.join(", "));
        let mut alarming = false;
        let who = match (incident.status, &incident.acknowledged, people) {
            (Status::Resolved, _, _) => String::new(),
            (Status::Acknowledged, Some((_, who)), _) => format!("{who} has it"),
            (Status::Acknowledged, None, _) => "taken".to_owned(),
            (Status::Triggered, _, Some(people)) if incident.position.exhausted => {
                alarming = true;
                format!("nobody answered; calling {people} again and again")
            }
            (Status::Triggered, _, Some(people)) => format!("calling {people}"),
            (Status::Triggered, _, None) => match &incident.held {
                Some(why) => format!("waits: {why}"),
                None if incident.pages == 0 => "nobody called yet".to_owned(),
                None => {
                    alarming = true;
                    "nobody is being called".to_owned()
                }
            },
        };
        Self {
            number: incident.number,
            severity: incident.severity.word(),
            status: incident.status.word(),
            summary: incident.summary.clone(),
            service: incident.service.clone(),
            opened: teller.at(incident.opened_at),
            since: teller.since(incident.opened_at),
            alerts: incident.alert_count,
            who,
            alarming,
        }
    }
}
