//! `oncall who`: who would be called for this mail at that time, or why nobody is.

use std::path::PathBuf;
use std::process::ExitCode;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Unit};
use serde_json::{Value, json};

use super::Arranged;
use super::times::{self, Edge};
use crate::cli::{ConfigArg, print_json, rules};
use crate::clock::Clock;
use crate::definitions::Loaded;
use crate::domain::alert::{Action, Alert};
use crate::domain::forecast::{Forecast, Moment, What, forecast};
use crate::domain::incident::{Incident, Status};
use crate::domain::mail::{Envelope, Mail};
use crate::domain::rulebook::Service;
use crate::domain::situation::{Parent, Situation};
use crate::store::incident::Filter;

/// The code to end with when nobody would be called.
const NOBODY: u8 = 1;

/// The code to end with after a mistake; wrong arguments end with it too.
pub(super) const MISTAKE: u8 = 2;

/// Open incidents of one service that are looked through.
const OPEN_MAX: i64 = 10_000;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// The mail, as it came; - for standard input
    #[arg(long, value_name = "FILE")]
    mail: PathBuf,
    /// When it comes: 03:00 (the next one), "2026-12-24 03:00" or RFC 3339 [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Zone of times without one, and of those shown [default: that of the schedules, where they agree; else UTC]
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Envelope recipient [default: the mail's own To, where a service owns it]
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// Envelope sender
    #[arg(long, value_name = "ADDRESS", default_value = "", hide_default_value = true)]
    from: String,
    /// Address of the client that delivers it
    #[arg(long, value_name = "IP", default_value = "", hide_default_value = true)]
    client: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let raw = rules::read_mail(&args.mail)?;
    let mut loaded = args.config.load()?;
    let zone = times::zone(args.zone.as_deref(), times::zone_of(&loaded.definitions.roster))?;
    let now = Clock::System.now();
    let at = match &args.at {
        Some(text) => times::instant(text, &zone, now, Edge::Start)?,
        None => now,
    };
    let mail = Mail::parse(&raw).with_sender(&args.from);
    let (service, recipient) = rules::recipient(&loaded.definitions.rulebook, args.to.as_deref(), &mail)?;
    let verdict = service.judge(&mail, &Envelope::new(&args.from, &recipient, &args.client));
    let arranged = Arranged::since(&mut loaded, at).await;
    let mut answers = Vec::new();
    for alert in verdict.alerts {
        let asked = Asked { loaded: &loaded, arranged: &arranged, service: &service, at, is_now: args.at.is_none() };
        answers.push(asked.answer(alert, mail.origin_at(at)).await?);
    }
    let is_called = answers.iter().any(Answer::calls_somebody);
    if args.json {
        let alerts: Vec<Value> = answers.iter().map(|answer| answer.json(at)).collect();
        print_json(&json!({
            "service": service.name,
            "at": format!("{at:.3}"),
            "called": is_called,
            "alerts": alerts,
            "unread": arranged.unread,
        }))?;
    } else {
        println!("subject   {}\nservice   {}\nat        {}", mail.subject_raw, service.name, times::moment(&zone, at));
        for answer in &answers {
            println!("\n{}", answer.lines(&zone, at).join("\n"));
        }
        arranged.note();
    }
    Ok(if is_called { ExitCode::SUCCESS } else { ExitCode::from(NOBODY) })
}

/// What an answer takes besides the alert.
struct Asked<'a> {
    loaded: &'a Loaded,
    arranged: &'a Arranged,
    service: &'a Service,
    at: Timestamp,
    /// Incidents that are open now matter.
    is_now: bool,
}

/// What would become of one alert.
struct Answer {
    alert: Alert,
    /// `None` for an alert that opens nothing.
    forecast: Option<Forecast>,
    /// The open incident that it would be attached to.
    open: Option<Incident>,
}

impl Asked<'_> {
    async fn answer(&self, alert: Alert, origin_at: Timestamp) -> anyhow::Result<Answer> {
        if alert.action != Action::Trigger {
            return Ok(Answer { alert, forecast: None, open: None });
        }
        let (roster, arranged) = (&self.loaded.definitions.roster, self.arranged);
        let quiet = Situation::quiet(roster, &self.service.handling, self.at);
        let situation = Situation { overrides: &arranged.overrides, silences: &arranged.silences, ..quiet };
        let first = forecast(&self.service.name, &alert, origin_at, &situation);
        let open = self.open_incidents(&self.service.name).await?;
        let open = open.into_iter().find(|incident| incident.dedup_key == alert.dedup_key);
        let parents = self.parents(&first.opened).await?;
        let forecast = match parents.is_empty() {
            true => first,
            false => forecast(&self.service.name, &alert, origin_at, &Situation { parents: &parents, ..situation }),
        };
        Ok(Answer { alert, forecast: Some(forecast), open })
    }

    async fn parents(&self, opened: &Incident) -> anyhow::Result<Vec<Parent>> {
        let mut parents = Vec::new();
        for dependency in &self.loaded.definitions.roster.dependencies {
            let Some(wanted) = dependency.parent_of(opened) else { continue };
            let mut open = self.open_incidents(&wanted.service).await?;
            open.retain(|incident| wanted.key.as_ref().is_none_or(|key| *key == incident.dedup_key));
            let parent = |Incident { number, summary, opened_at, .. }| Parent { number, summary, opened_at };
            parents.extend(open.into_iter().map(parent).min_by_key(|parent| parent.number));
        }
        Ok(parents)
    }

    async fn open_incidents(&self, service: &str) -> anyhow::Result<Vec<Incident>> {
        let Some(store) = self.arranged.store.as_ref().filter(|_| self.is_now) else { return Ok(Vec::new()) };
        let statuses = vec![Status::Triggered, Status::Acknowledged];
        let filter = Filter { statuses, services: vec![service.to_owned()], limit: OPEN_MAX, ..Filter::default() };
        Ok(store.incidents(&filter).await?)
    }
}

impl Answer {
    fn calls_somebody(&self) -> bool {
        self.forecast.as_ref().is_some_and(Forecast::calls_somebody)
    }

    /// Why nobody is called, if that is so.
    fn why_nobody(&self) -> Option<String> {
        let Alert { rule, reason, action, .. } = &self.alert;
        let Some(forecast) = &self.forecast else {
            return Some(match action {
                Action::Ignore => format!("ignored by rule {rule}: {reason}"),
                Action::Heartbeat => format!("a sign of life, by rule {rule}: {reason}"),
                Action::Acknowledge | Action::Resolve | Action::Trigger => {
                    format!("it opens nothing: {action} by rule {rule}: {reason}")
                }
            });
        };
        if let Some(reason) = forecast.held() {
            return Some(format!("held: {reason}"));
        }
        (!forecast.calls_somebody())
            .then(|| "nobody of its policy can be reached, not even the fallback contact".to_owned())
    }

    fn lines(&self, zone: &TimeZone, at: Timestamp) -> Vec<String> {
        let Alert { action, severity, dedup_key, rule, summary, .. } = &self.alert;
        let mut lines =
            vec![format!("alert     {action} {severity} {dedup_key}  (by {rule})"), format!("summary   {summary}")];
        if let Some(forecast) = &self.forecast {
            let Incident { policy, urgency, .. } = &forecast.opened;
            lines.push(format!("policy    {}, urgency {urgency}", policy.name));
        }
        if let Some(open) = &self.open {
            let Incident { number, status, .. } = open;
            lines.push(format!("open      #{number} is {status} with this key: the mail is attached to it; else:"));
        }
        let why = self.why_nobody();
        lines.extend(why.as_ref().map(|why| format!("nobody is called: {why}")));
        let Some(forecast) = &self.forecast else { return lines };
        if forecast.held().is_some() && forecast.moments.len() > 1 {
            lines.push("what is still open then:".to_owned());
        }
        let rows: Vec<[String; 4]> = forecast.moments.iter().map(|moment| row(moment, zone, at)).collect();
        // What has no step behind it may be as long as it likes.
        let counted = |nth: usize| rows.iter().filter(move |row| nth < 2 || !row[3].is_empty());
        let width = |nth: usize| counted(nth).map(|row| row[nth].chars().count()).max().unwrap_or(0);
        let [first, second, third] = [width(0), width(1), width(2)];
        for [after, clock, what, step] in &rows {
            let line = format!("  {after:<first$}  {clock:<second$}  {what:<third$}  {step}");
            lines.push(line.trim_end().to_owned());
        }
        if let (Some(last), Some(every)) = (lines.last_mut(), forecast.repeats_every) {
            last.push_str(&format!(", again every {every:#}"));
        }
        lines
    }

    fn json(&self, at: Timestamp) -> Value {
        let alert = &self.alert;
        let moments = |forecast: &Forecast| forecast.moments.iter().map(|one| moment(one, at)).collect::<Vec<Value>>();
        json!({
            "action": alert.action,
            "severity": alert.severity,
            "dedup_key": alert.dedup_key,
            "summary": alert.summary,
            "rule": alert.rule,
            "called": self.calls_somebody(),
            "why_nobody": self.why_nobody(),
            "policy": self.forecast.as_ref().map(|forecast| &forecast.opened.policy.name),
            "urgency": self.forecast.as_ref().map(|forecast| forecast.opened.urgency.word()),
            "open_incident": self.open.as_ref().map(|open| open.number),
            "moments": self.forecast.as_ref().map(moments).unwrap_or_default(),
            "repeats_every_seconds":
                self.forecast.as_ref().and_then(|forecast| Some(forecast.repeats_every?.as_secs())),
        })
    }
}

/// "+5m", "Mon 03:05", "bob by voice (primary: weekdays)", "round 1, step 2".
fn row(moment: &Moment, zone: &TimeZone, at: Timestamp) -> [String; 4] {
    let is_far = at.duration_until(moment.at) >= SignedDuration::from_hours(24);
    let clock = zone.to_datetime(moment.at).strftime(if is_far { "%a %Y-%m-%d %H:%M" } else { "%a %H:%M" });
    let (what, step) = match &moment.what {
        What::Call { user, channel, by, step } if by.is_empty() => (format!("{user} by {channel}"), step.clone()),
        What::Call { user, channel, by, step } => (format!("{user} by {channel} ({by})"), step.clone()),
        What::Wait { reason, until: Some(until) } => {
            (format!("waits until {}: {reason}", times::moment(zone, *until)), String::new())
        }
        What::Wait { reason, until: None } => (format!("waits: {reason}"), String::new()),
        What::Note(text) => (text.clone(), String::new()),
    };
    [after(at.duration_until(moment.at)), clock.to_string(), what, step]
}

/// "+0m", "+30s", "+5m", "+1h 5m": to the minute after an hour.
fn after(wait: SignedDuration) -> String {
    let unit = if wait.as_hours() >= 1 { Unit::Minute } else { Unit::Second };
    let wait = wait.round(unit).unwrap_or(wait);
    if wait.is_zero() { "+0m".to_owned() } else { format!("+{wait:#}") }
}

fn moment(moment: &Moment, at: Timestamp) -> Value {
    let mut value = match &moment.what {
        What::Call { user, channel, by, step } => {
            json!({ "what": "call", "user": user, "channel": channel.word(), "by": by, "step": step })
        }
        What::Wait { reason, until } => {
            json!({ "what": "wait", "reason": reason, "until": until.map(|until| format!("{until:.3}")) })
        }
        What::Note(text) => json!({ "what": "note", "text": text }),
    };
    value["at"] = format!("{:.3}", moment.at).into();
    value["after_seconds"] = at.duration_until(moment.at).as_secs().into();
    value
}
