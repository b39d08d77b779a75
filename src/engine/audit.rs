//! The auditor: an independent look at whether anything is forgotten.
//!
//! Every paging system has lost a page to a timer that was never set. This one asks the database itself, apart from
//! everything that sets timers, and opens an incident when it finds something.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use super::committer::Work;
use super::door::{self, Raise};
use super::{Engine, Error};
use crate::domain::Definitions;
use crate::domain::alert::{Action, Alert, Severity};
use crate::domain::channel::Channel;
use crate::domain::dispatch::BUSY_MAX;
use crate::domain::situation::{Situation, Swap};
use crate::domain::{escalation, handling::Urgency};
use crate::store::{self, WriteTx};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(30);

/// A timer so much overdue is forgotten (I18).
const TIMER_LATE: SignedDuration = SignedDuration::from_secs(90);

/// A notification that has waited so long beyond what any budget asks for is stuck.
const NOTIFICATION_LATE: SignedDuration = SignedDuration::from_mins(10);

/// How far ahead schedules are looked at.
const GAPS_AHEAD: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Gaps and policies change by the hour, not by the second.
const OUTLOOK_EVERY: SignedDuration = SignedDuration::from_mins(10);

/// The name in verdicts of what it finds.
const RULE: &str = "auditor";

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// A short word for its kind, part of its incident's key.
    pub kind: &'static str,
    /// How bad.
    pub severity: Severity,
    /// In words.
    pub detail: String,
}

/// What the auditor found when it looked last.
#[derive(Debug, Clone, Default)]
pub struct Audit {
    /// When it looked; never yet.
    pub at: Option<Timestamp>,
    /// What it found; nothing is good.
    pub findings: Vec<Finding>,
    outlook_at: Option<Timestamp>,
    outlook: Vec<Finding>,
}

/// The kind of what channels find: a provider that does not take what is said.
pub const PROVIDER_TROUBLE: &str = "provider-trouble";

/// Every kind there is: what is not found any more is resolved.
pub const KINDS: [&str; 6] =
    ["timer-missing", "timer-overdue", "notification-stuck", "schedule-gap", "policy-unreachable", PROVIDER_TROUBLE];

impl Engine {
    /// What the auditor found when it looked last.
    pub fn audited(&self) -> Audit {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What channels have found; it counts from the next look on, until they find otherwise.
    pub fn found(&self, by_channels: Vec<Finding>) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = by_channels;
    }

    /// Looks, and opens or resolves incidents of its own where that changes something.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn audit(&self) -> Result<Audit, Error> {
        let (now, definitions, before) = (self.clock.now(), self.definitions(), self.audited());
        let mut audit = Audit { at: Some(now), ..before.clone() };
        let unread = |error| Error::NotCommitted(Arc::new(error));
        if before.outlook_at.is_none_or(|at| now.duration_since(at) >= OUTLOOK_EVERY) {
            let stored = self.store.overrides_since(now).await.map_err(unread)?;
            let overrides: Vec<Swap> = stored.into_iter().map(|stored| stored.swap).collect();
            // A calendar that was not asked for yet says nothing about gaps; soon it will.
            let calendars = self.in_force.calendars();
            let awaited: Vec<&str> =
                calendars.iter().filter(|state| state.is_awaited).map(|state| state.schedule.as_str()).collect();
            audit.outlook = outlook(&definitions, &overrides, &awaited, now);
            audit.outlook_at = awaited.is_empty().then_some(now);
        }
        let forgotten = self.store.forgotten(now - TIMER_LATE, now - NOTIFICATION_LATE - BUSY_MAX).await;
        let forgotten = forgotten.map_err(unread)?;
        let mut findings = Vec::new();
        for (kind, numbers, what) in [
            ("timer-missing", &forgotten.without_timer, "is open, and nothing will ever call anybody"),
            ("timer-overdue", &forgotten.overdue, "should have been looked at long ago"),
            ("notification-stuck", &forgotten.stuck, "has a notification that is not being sent"),
        ] {
            if let [first, others @ ..] = &numbers[..] {
                let more = if others.is_empty() { String::new() } else { format!(" (and {} more)", others.len()) };
                findings.push(Finding {
                    kind,
                    severity: Severity::Critical,
                    detail: format!("incident #{first}{more} {what}"),
                });
            }
        }
        findings.extend(audit.outlook.iter().cloned());
        findings.extend(self.found.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
        audit.findings = findings;
        if before.at.is_none() || before.findings != audit.findings {
            for alert in alerts(&audit.findings) {
                let definitions = Arc::clone(&definitions);
                self.committer.submit(Work::Alarm { alert: Box::new(alert), now, definitions }).await?;
            }
        }
        *self.audit.lock().unwrap_or_else(PoisonError::into_inner) = audit.clone();
        Ok(audit)
    }
}

/// Looks again and again until told to stop.
pub async fn run(engine: Arc<Engine>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        if let Err(error) = engine.audit().await {
            tracing::error!(%error, "the auditor could not look");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What the definitions will come to: gaps in schedules that somebody relies on, policies that reach nobody now.
fn outlook(definitions: &Definitions, overrides: &[Swap], awaited: &[&str], now: Timestamp) -> Vec<Finding> {
    let roster = &definitions.roster;
    let mut findings = Vec::new();
    for schedule in roster.schedules.values().filter(|schedule| !awaited.contains(&schedule.name.as_str())) {
        let shifts: Vec<_> =
            overrides.iter().filter(|swap| swap.schedule == schedule.name).map(|swap| swap.shift.clone()).collect();
        let gaps = schedule.gaps(&shifts, now, now.checked_add(GAPS_AHEAD).unwrap_or(now));
        if let Some((from, _)) = gaps.first() {
            let from = from.to_zoned(schedule.zone.clone()).strftime("%a %Y-%m-%d %H:%M %Z");
            findings.push(Finding {
                kind: "schedule-gap",
                severity: Severity::Warning,
                detail: format!(
                    "schedule {} has nobody from {from} on ({} gaps in 14 days)",
                    schedule.name,
                    gaps.len()
                ),
            });
        }
    }
    for service in definitions.rulebook.services.iter().filter(|_| awaited.is_empty()) {
        let situation = Situation { overrides, ..Situation::quiet(roster, &service.handling, now) };
        let policy = escalation::Policy::of(&situation, Severity::Critical);
        let next = escalation::next(&policy, escalation::Position::default(), Urgency::High, &situation);
        if next.notifications.is_empty() || next.position.exhausted {
            findings.push(Finding {
                kind: "policy-unreachable",
                severity: Severity::Critical,
                detail: format!("policy {} of service {} reaches nobody but the fallback", policy.name, service.name),
            });
        }
    }
    findings
}

/// One alert for each kind: found, or not any more.
fn alerts(findings: &[Finding]) -> Vec<Alert> {
    let mut by_kind: BTreeMap<&str, Vec<&Finding>> = KINDS.iter().map(|kind| (*kind, Vec::new())).collect();
    for finding in findings {
        by_kind.entry(finding.kind).or_default().push(finding);
    }
    let alert = |(kind, findings): (&str, Vec<&Finding>)| {
        let action = if findings.is_empty() { Action::Resolve } else { Action::Trigger };
        let severity = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Info);
        let summary = match &findings[..] {
            [] => format!("{kind}: not any more"),
            all => all.iter().map(|finding| finding.detail.as_str()).collect::<Vec<_>>().join("; "),
        };
        own(action, format!("nightcall/{kind}"), severity, summary)
    };
    by_kind.into_iter().map(alert).collect()
}

/// A way to reach somebody that was switched off where we cannot switch it on: an incident until it is on again.
pub(super) fn stopped(channel: Channel, user: &str, is_stopped: bool) -> Alert {
    let what = if is_stopped {
        format!("{user} has replied STOP: no {channel} reaches them until they reply START")
    } else {
        format!("{user} takes {channel} again")
    };
    let action = if is_stopped { Action::Trigger } else { Action::Resolve };
    own(action, format!("nightcall/contact-stopped/{channel}/{user}"), Severity::Error, what)
}

/// Somebody came in by the way for emergencies: everybody who is on call hears of it, and ends it once it is explained.
pub(super) fn glass_broken(origin: &str, at: Timestamp) -> Alert {
    let from = if origin.is_empty() { "an address that is not known" } else { origin };
    let what = format!("the glass was broken: somebody from {from} is admin for an hour");
    own(Action::Trigger, format!("nightcall/break-glass/{}", at.as_second()), Severity::Critical, what)
}

/// An alert of our own.
fn own(action: Action, dedup_key: String, severity: Severity, summary: String) -> Alert {
    Alert {
        action,
        dedup_key,
        severity,
        summary,
        details: BTreeMap::new(),
        links: BTreeMap::new(),
        rule: RULE.to_owned(),
        reason: "found by looking for what is forgotten".to_owned(),
        hold: None,
        downtime: None,
        objection: None,
    }
}

/// Lets an alert of our own act, in the caller's transaction: in the first service, which always exists.
pub(crate) async fn alarm(
    tx: &mut WriteTx,
    alert: &Alert,
    now: Timestamp,
    definitions: &Definitions,
) -> Result<(), store::Error> {
    let Some(service) = definitions.rulebook.services.first() else { return Ok(()) };
    let service = service.name.as_str();
    tx.ask_ahead(&[], &HashSet::from([(service, alert.dedup_key.as_str())]), now, now).await?;
    let (mail_id, [sender, client], asked_by, over_after) = (None, [""; 2], None, None);
    door::raise(
        tx,
        &Raise { service, alert, mail_id, sender, client, asked_by, origin_at: now, over_after, now, definitions },
    )
    .await?;
    Ok(())
}
