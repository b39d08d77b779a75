//! A command by the API of a running gateway.

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Listed, TOKEN};
use crate::domain::act::Act;
use crate::domain::request::SilenceAsked;
use crate::domain::situation::Swap;
use crate::http::api::LIMIT_MAX;
use crate::http::error::Problem;
use crate::http::view::lists::{
    AlertsView, IncidentsView, MailsView, OnCallsView, OverridesView, SendersView, SilencesView,
};
use crate::http::view::oncall::{OnCallView, OverrideView, ScheduleView, SilenceView};
use crate::http::view::{AlertView, IncidentView, MailDetailView, MailView, SenderView};

/// The API of a running gateway.
pub(crate) struct Remote {
    base: Url,
    token: String,
    client: reqwest::Client,
}

impl std::fmt::Debug for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Remote").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Remote {
    pub(super) fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let base: Url = url.trim().trim_end_matches('/').parse().with_context(|| format!("{url:?} is no URL"))?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            bail!("{url:?} is no address of a gateway: write it like https://nightcall.example.com");
        }
        let Some(token) = token.map(str::trim).filter(|token| !token.is_empty()) else {
            bail!("put a token for {base} into the environment variable {TOKEN}; `nightcall token create` makes one");
        };
        let client = crate::notify::http_client().context("cannot set up HTTPS")?;
        Ok(Self { base, token: token.to_owned(), client })
    }

    async fn ask(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<Value>,
    ) -> anyhow::Result<reqwest::Response> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "v1"]).extend(path);
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.with_context(|| format!("cannot reach the gateway at {}", self.base))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.unwrap_or_default();
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => Err(anyhow!("{}", problem.detail)),
            Err(_) => Err(anyhow!("{} answered {status}; is that a nightcall of this version?", self.base)),
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &[&str], query: &[(&str, &str)]) -> anyhow::Result<T> {
        let response = self.ask(Method::GET, path, query, None).await?;
        response.json().await.with_context(|| format!("cannot read what {} answered", self.base))
    }

    async fn post<T: DeserializeOwned>(&self, path: &[&str], body: Value) -> anyhow::Result<T> {
        let response = self.ask(Method::POST, path, &[], Some(body)).await?;
        response.json().await.with_context(|| format!("cannot read what {} answered", self.base))
    }

    /// The rows of a list, page by page, until there are so many or no more.
    async fn rows<P: DeserializeOwned, T>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
        most: Option<i64>,
        of_page: impl Fn(P) -> (Vec<T>, Option<String>),
    ) -> anyhow::Result<Vec<T>> {
        let mut rows = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let wanted = most.map_or(LIMIT_MAX, |most| (most - rows.len() as i64).min(LIMIT_MAX));
            let limit = wanted.to_string();
            let mut query = query.to_vec();
            query.push(("limit", &limit));
            query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
            let (more, next) = of_page(self.get(path, &query).await?);
            rows.extend(more);
            let is_enough = most.is_some_and(|most| rows.len() as i64 >= most);
            if next.is_none() || next == cursor || is_enough {
                return Ok(rows);
            }
            cursor = next;
        }
    }

    pub(super) async fn incidents(&self, listed: &Listed) -> anyhow::Result<Vec<IncidentView>> {
        let status = listed.statuses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let mut query = vec![("status", status.as_str())];
        query.extend(listed.service.as_deref().map(|service| ("service", service)));
        let of_page = |page: IncidentsView| (page.incidents, page.next_cursor);
        self.rows(&["incidents"], &query, Some(listed.limit), of_page).await
    }

    pub(super) async fn incident(&self, number: i64) -> anyhow::Result<IncidentView> {
        self.get(&["incidents", &number.to_string()], &[]).await
    }

    pub(super) async fn act(&self, number: i64, act: Act) -> anyhow::Result<IncidentView> {
        let (word, body) = match act {
            Act::Acknowledge => ("acknowledge", json!({})),
            Act::Resolve => ("resolve", json!({})),
            Act::Escalate => ("escalate", json!({})),
            Act::Snooze(until) => ("snooze", json!({ "until": until.to_string() })),
            Act::Reassign(targets) => ("reassign", json!({ "targets": targets })),
            Act::AddResponders(targets) => ("responders", json!({ "targets": targets })),
            Act::Take(user) => ("take", json!({ "as": user })),
            Act::Note(text) => ("note", json!({ "text": text })),
        };
        self.post(&["incidents", &number.to_string(), word], body).await
    }

    pub(super) async fn mail(&self, id: &str) -> anyhow::Result<MailDetailView> {
        self.get(&["mails", id], &[]).await
    }

    pub(super) async fn raw(&self, id: &str) -> anyhow::Result<Vec<u8>> {
        let response = self.ask(Method::GET, &["mails", id, "raw"], &[], None).await?;
        Ok(response.bytes().await?.to_vec())
    }

    pub(super) async fn again(&self, id: &str, release: bool) -> anyhow::Result<Vec<AlertView>> {
        let word = if release { "release" } else { "reprocess" };
        self.post(&["mails", id, word], json!({})).await.map(|view: AlertsView| view.alerts)
    }

    pub(super) async fn quarantined(&self) -> anyhow::Result<Vec<MailView>> {
        self.rows(&["quarantined"], &[], None, |page: MailsView| (page.mails, page.next_cursor)).await
    }

    pub(super) async fn senders(&self, service: Option<&str>) -> anyhow::Result<Vec<SenderView>> {
        let query: Vec<(&str, &str)> = service.map(|service| ("service", service)).into_iter().collect();
        self.rows(&["senders"], &query, None, |page: SendersView| (page.senders, page.next_cursor)).await
    }

    pub(super) async fn zone(&self, schedule: Option<&str>) -> anyhow::Result<TimeZone> {
        let schedules = self.on_call(None).await?.schedules;
        let Some(name) = schedule else {
            let mut zones = schedules.iter().map(|schedule| &schedule.zone);
            let Some(first) = zones.next() else { return Ok(TimeZone::UTC) };
            return Ok(if zones.all(|zone| zone == first) { zone(first) } else { TimeZone::UTC });
        };
        let known = |schedules: &[OnCallView]| {
            schedules.iter().map(|schedule| schedule.schedule.clone()).collect::<Vec<_>>().join(", ")
        };
        let found = schedules.iter().find(|schedule| schedule.schedule == name);
        let found = found.with_context(|| format!("there is no schedule {name:?}; known are {}", known(&schedules)));
        Ok(zone(&found?.zone))
    }

    /// Who is on call at an instant, or now.
    pub(crate) async fn on_call(&self, at: Option<Timestamp>) -> anyhow::Result<OnCallsView> {
        let at = at.map(|at| at.to_string());
        let query: Vec<(&str, &str)> = at.iter().map(|at| ("at", at.as_str())).collect();
        self.get(&["oncall"], &query).await
    }

    /// The final schedule between two instants.
    pub(crate) async fn schedule(&self, name: &str, from: Timestamp, to: Timestamp) -> anyhow::Result<ScheduleView> {
        let (from, to) = (from.to_string(), to.to_string());
        self.get(&["schedules", name], &[("from", &from), ("to", &to)]).await
    }

    pub(crate) async fn overrides(&self) -> anyhow::Result<Vec<OverrideView>> {
        self.rows(&["overrides"], &[], None, |page: OverridesView| (page.overrides, page.next_cursor)).await
    }

    pub(super) async fn add_override(&self, swap: &Swap) -> anyhow::Result<OverrideView> {
        let shift = &swap.shift;
        let body = json!({
            "schedule": swap.schedule, "user": shift.user, "replaces": shift.replaces,
            "starts_at": shift.starts_at.to_string(), "ends_at": shift.ends_at.to_string(),
        });
        self.post(&["overrides"], body).await
    }

    pub(super) async fn remove_override(&self, id: &str) -> anyhow::Result<()> {
        self.ask(Method::DELETE, &["overrides", id], &[], None).await.map(|_| ())
    }

    pub(super) async fn silences(&self) -> anyhow::Result<Vec<SilenceView>> {
        self.rows(&["silences"], &[], None, |page: SilencesView| (page.silences, page.next_cursor)).await
    }

    pub(super) async fn add_silence(&self, asked: SilenceAsked) -> anyhow::Result<SilenceView> {
        // It begins when it arrives there.
        let SilenceAsked { wanted, everything, ends_at, reason, .. } = asked;
        let mut body = json!({ "everything": everything, "until": ends_at.to_string(), "reason": reason });
        body["service"] = json!(wanted.service);
        body["key"] = json!(wanted.key);
        body["summary"] = json!(wanted.summary);
        body["severity"] = json!(wanted.severity);
        self.post(&["silences"], body).await
    }

    pub(super) async fn end_silence(&self, id: &str) -> anyhow::Result<()> {
        self.ask(Method::POST, &["silences", id, "end"], &[], Some(json!({}))).await.map(|_| ())
    }
}

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap_or(TimeZone::UTC)
}
