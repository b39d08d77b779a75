//! Reprocessing: a stored mail is judged again, by rules that were mended since, and acts.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::committer::{Done, Work};
use super::door::{self, Raise};
use super::intake::{Held, sender};
use super::{Engine, Error, trail, version};
use crate::domain::Definitions;
use crate::domain::actor::Actor;
use crate::domain::alert::{Action, Alert};
use crate::domain::hex::hex;
use crate::domain::mail::Mail;
use crate::domain::rulebook::Verdict;
use crate::store::mail::StoredAlert;
use crate::store::{self, WriteTx};

/// A stored mail with its new verdicts.
#[derive(Debug)]
pub(crate) struct Again {
    mail_id: String,
    sender: String,
    client: String,
    origin_at: Timestamp,
    pub(super) verdicts: Vec<Verdict>,
    /// What it said before: service, action and key.
    said: HashSet<(String, Action, String)>,
    /// Its alerts so far.
    alerts: i64,
    actor: Actor,
    /// What its service's senders say against it is overruled.
    released: bool,
    pub(super) now: Timestamp,
    definitions: Arc<Definitions>,
}

/// What an alert of a stored mail would do if the mail were judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreseen {
    /// For which service.
    pub service: String,
    /// What it would say.
    pub alert: Alert,
    /// What would come of it, in words.
    pub what: String,
    /// The incident it would touch.
    pub incident_number: Option<i64>,
}

/// What came of judging a mail again.
#[derive(Debug)]
pub enum Judged {
    /// It has acted, by these alerts.
    Done(Vec<StoredAlert>),
    /// It is none of the versions that were meant.
    Changed,
    /// There is no such mail.
    Missing,
}

impl Engine {
    /// What [`Engine::reprocess`], or where `released` [`Engine::release`], would do now, and the version of the mail
    /// that this is told of. Nothing is done. `None` when there is no such mail.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn foresee(&self, mail_id: &str, released: bool) -> Result<Option<(Vec<Foreseen>, String)>, Error> {
        let Some(again) = self.again(mail_id, &Actor::ourselves("foresight"), released).await? else { return Ok(None) };
        let mut said = again.said.clone();
        let mut foreseen = Vec::new();
        for verdict in &again.verdicts {
            for alert in &verdict.alerts {
                let claim = (verdict.service.clone(), alert.action, alert.dedup_key.clone());
                let open = self.store.open_with_key(&verdict.service, &alert.dedup_key).await;
                let open = open.map_err(|error| Error::NotCommitted(Arc::new(error)))?;
                let (what, incident_number) = match Held::of(alert).keeps().filter(|_| !released) {
                    Some(objection) => (format!("It would be kept aside: {}.", objection.why), None),
                    None if said.insert(claim) => would(alert.action, open),
                    None => ("The mail has said so already, so nothing would be done again.".to_owned(), None),
                };
                foreseen.push(Foreseen {
                    service: verdict.service.clone(),
                    alert: alert.clone(),
                    what,
                    incident_number,
                });
            }
        }
        Ok(Some((foreseen, again.version())))
    }

    /// Judges a stored mail again with the definitions in force and lets it act: what it says that it did not say
    /// before opens incidents or touches open ones. The mail keeps the record of both. `None` when there is no such
    /// mail.
    ///
    /// # Errors
    /// When it could not be read or made durable.
    pub async fn reprocess(&self, mail_id: &str, actor: &Actor) -> Result<Option<Vec<StoredAlert>>, Error> {
        Ok(self.judge_again(mail_id, actor, false, None).await?.done())
    }

    /// Lets a mail act that was kept aside because of its sender. `None` when there is no such mail.
    ///
    /// # Errors
    /// When it could not be read or made durable.
    pub async fn release(&self, mail_id: &str, actor: &Actor) -> Result<Option<Vec<StoredAlert>>, Error> {
        Ok(self.judge_again(mail_id, actor, true, None).await?.done())
    }

    /// [`Engine::reprocess`], or where `released` [`Engine::release`]; where versions are named, if the mail is one of
    /// them. Of two at once only one is stored: both would add the same rows.
    ///
    /// # Errors
    /// When it could not be read or made durable.
    pub async fn judge_again(
        &self,
        mail_id: &str,
        actor: &Actor,
        released: bool,
        versions: Option<&[String]>,
    ) -> Result<Judged, Error> {
        let Some(again) = self.again(mail_id, actor, released).await? else { return Ok(Judged::Missing) };
        if versions.is_some_and(|versions| !versions.contains(&again.version())) {
            return Ok(Judged::Changed);
        }
        match self.committer.submit(Work::Reprocess(Box::new(again))).await? {
            Done::Reprocessed(alerts) => Ok(Judged::Done(alerts)),
            other => unreachable!("a mail judged again is answered by its alerts, not by {other:?}"),
        }
    }

    /// A stored mail with the verdicts of the definitions in force.
    async fn again(&self, mail_id: &str, actor: &Actor, released: bool) -> Result<Option<Again>, Error> {
        let unread = |error| Error::NotCommitted(Arc::new(error));
        let Some((mail, alerts)) = self.store.mail(mail_id).await.map_err(unread)? else { return Ok(None) };
        let Some(raw) = self.store.mail_raw(mail_id).await.map_err(unread)? else { return Ok(None) };
        let definitions = self.definitions();
        let parsed = Mail::parse(&raw).with_sender(&mail.reverse_path);
        let verdicts = definitions.rulebook.judge(&parsed, &mail.handed_in());
        Ok(Some(Again {
            sender: sender(&mail).to_owned(),
            client: mail.client.address,
            mail_id: mail.id,
            origin_at: mail.origin_at,
            verdicts,
            alerts: alerts.len() as i64,
            said: alerts
                .into_iter()
                // What was kept aside has said nothing yet.
                .filter(|stored| stored.held != "quarantine")
                .map(|stored| (stored.service, stored.alert.action, stored.alert.dedup_key))
                .collect(),
            actor: actor.clone(),
            released,
            now: self.clock.now(),
            definitions,
        }))
    }
}

/// What an alert would do, with the incident of its key that is open.
fn would(action: Action, open: Option<i64>) -> (String, Option<i64>) {
    let what = match (action, open) {
        (Action::Trigger, None) => "It would open an incident, and people would be called.".to_owned(),
        (Action::Trigger, Some(number)) => format!("It would count as one more alert of incident #{number}."),
        (Action::Resolve, Some(number)) => {
            format!("It would resolve incident #{number}, unless newer news came since.")
        }
        (Action::Acknowledge, Some(number)) => format!("It would acknowledge incident #{number}."),
        (Action::Resolve | Action::Acknowledge, None) => {
            "Nothing with its key is open, so nothing would be done.".to_owned()
        }
        (Action::Heartbeat, _) => "It would count as a sign of life.".to_owned(),
        (Action::Ignore, _) => "It is ignored, so nothing would be done.".to_owned(),
    };
    (what, open.filter(|_| matches!(action, Action::Trigger | Action::Resolve | Action::Acknowledge)))
}

impl Judged {
    fn done(self) -> Option<Vec<StoredAlert>> {
        match self {
            Self::Done(alerts) => Some(alerts),
            Self::Changed | Self::Missing => None,
        }
    }
}

impl Again {
    /// Another one when the mail has said more since, or other definitions are in force.
    fn version(&self) -> String {
        let all = format!("{}/{}/{}", self.mail_id, self.alerts, self.definitions.version);
        let mut version = hex(&Sha256::digest(all));
        version.truncate(version::LENGTH);
        version
    }

    fn what(&self) -> &'static str {
        if self.released { "released" } else { "reprocessed" }
    }

    /// Lets the alerts act, in the caller's transaction.
    pub(crate) async fn act(&self, tx: &mut WriteTx) -> Result<Vec<StoredAlert>, store::Error> {
        if self.released {
            tx.release_alerts(&self.mail_id).await?;
        }
        let mut done = Vec::new();
        let mut said = self.said.clone();
        for verdict in &self.verdicts {
            for alert in &verdict.alerts {
                let claim = (verdict.service.clone(), alert.action, alert.dedup_key.clone());
                let held = Held::of(alert);
                let (outcome, incident_number) = if let Some(objection) = held.keeps().filter(|_| !self.released) {
                    (format!("quarantined: {}", objection.why), None)
                } else if said.insert(claim) {
                    let raise = Raise {
                        service: &verdict.service,
                        alert,
                        mail_id: Some(&self.mail_id),
                        sender: &self.sender,
                        client: &self.client,
                        asked_by: Some(&self.actor),
                        origin_at: self.origin_at,
                        over_after: None,
                        now: self.now,
                        definitions: &self.definitions,
                    };
                    let raised = door::raise(tx, &raise).await?;
                    (raised.outcome, raised.incident_number)
                } else {
                    ("the mail had said so already; nothing was done again".to_owned(), None)
                };
                let stored = StoredAlert {
                    mail_id: self.mail_id.clone(),
                    recipient: verdict.recipient.clone(),
                    service: verdict.service.clone(),
                    alert: alert.clone(),
                    outcome: format!("{} by {}: {outcome}", self.what(), self.actor),
                    incident_number,
                    held: if self.released { String::new() } else { held.word().to_owned() },
                };
                tx.insert_alert(self.alerts + done.len() as i64 + 1, &stored).await?;
                done.push(stored);
            }
        }
        tx.tell(trail::judged_again(&self.mail_id, self.what(), self.alerts, &done, &self.actor), self.now);
        Ok(done)
    }
}
