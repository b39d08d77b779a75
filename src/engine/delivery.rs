//! Delivery: leases for workers, and what their news does to a notification and its incident.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration as Span, Timestamp};
use rand::RngExt as _;

use super::committer::{Done, Work};
use super::door::{self, Handled, random_id};
use super::follow_up;
use super::{Engine, Error};
use crate::domain::Definitions;
use crate::domain::actor::Actor;
use crate::domain::channel::Channel;
use crate::domain::code::Code;
use crate::domain::dispatch::{self, Budget, Bundle};
use crate::domain::incident::{Cause, Event, Incident};
use crate::domain::notification::{ATTEMPTS_MAX, Outcome, Status, retry_delay};
use crate::store::notice::News as ContactNews;
use crate::store::notification::{Move, Notification, needs_somebody};
use crate::store::{self, WriteTx};

/// How long a worker owns what it claimed. Providers are given up on well before (RELIABILITY: lease rules).
const LEASE: Span = Span::from_secs(30);

/// Notifications looked at to find what is said now.
const DUE_MAX: i64 = 5_000;

/// How long a call waits for what is being planned at the same moment.
const GATHER_MAX: Span = Span::from_secs(3);

/// How long a call is waited for whose end nobody tells: ringing, listening twice, answering.
const CALL_MAX: Span = Span::from_mins(3);

/// Longest time for leasing; what was leased by then runs out by itself.
const CLAIM_TIMEOUT: Duration = Duration::from_secs(10);

/// How long to wait before calling again somebody who is on the phone or did not pick up.
const RING_AGAIN: Span = Span::from_secs(60);

/// After so many attempts in vain, a quarter of a minute, a person's next method does not wait for its own time: one or
/// two may be a hiccup, for which nobody is woken by the phone.
const PATIENCE: i64 = 3;

/// Longest time for which a provider that asks for it is left alone; the next step would come before.
const LATER_MAX: Span = Span::from_mins(5);

/// Random bytes for a code; far more than one reader's open pages can use up.
const CODE_BYTES: usize = 64;

/// Calls to one person for one page that may ring in vain.
const RINGS_MAX: i64 = 2;

/// What is said at once to one person by one method.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Whom to reach and how; it stands for the others.
    pub notification: Notification,
    /// What happened; the worst of all.
    pub incident: Incident,
    /// What else there is to say, worst first.
    pub others: Vec<(Notification, Incident)>,
}

impl Claimed {
    /// The incidents it tells of, worst first, each once.
    pub fn incidents(&self) -> Vec<&Incident> {
        let mut incidents = vec![&self.incident];
        for (_, incident) in &self.others {
            if !incidents.iter().any(|known| known.number == incident.number) {
                incidents.push(incident);
            }
        }
        incidents
    }

    fn into_notifications(self) -> Vec<Notification> {
        let others = self.others.into_iter().map(|(notification, _)| notification);
        std::iter::once(self.notification).chain(others).collect()
    }
}

/// How far calls are apart.
#[derive(Debug, Default)]
pub(super) struct Pace {
    apart: Span,
    last: Option<Timestamp>,
}

impl Pace {
    /// Leaves the worst call in, if it is time for one. A clock that went back holds nothing up.
    fn spread(&self, bundles: &mut Vec<Bundle<'_>>, now: Timestamp) {
        if !self.apart.is_positive() {
            return;
        }
        let since = self.last.map(|last| now.duration_since(last)).filter(|since| !since.is_negative());
        let mut free = since.is_none_or(|since| since >= self.apart);
        bundles.retain(|bundle| bundle.channel != Channel::Voice || std::mem::take(&mut free));
    }
}

/// How a phone call ended, in Twilio's words (`CallStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallEnd {
    /// It was answered, by a person or a machine.
    Completed,
    /// The line was busy.
    Busy,
    /// It rang out.
    NoAnswer,
    /// The provider could not place it.
    Failed,
    /// We took it back before anybody answered.
    Cancelled,
}

/// Which call some news is about: a notification may have been called about several times.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Which attempt it was, from 1.
    pub attempt: i64,
    /// The provider's name for the call.
    pub provider_ref: String,
}

/// News of notifications that were said together; the first stands for all.
#[derive(Debug)]
pub(crate) struct Report {
    notifications: Vec<Notification>,
    news: News,
    now: Timestamp,
    jitter: f64,
    definitions: Arc<Definitions>,
}

impl Report {
    pub(crate) fn incidents(&self) -> impl Iterator<Item = (i64, Timestamp)> {
        self.notifications.iter().map(|notification| (notification.incident_number, self.now))
    }
}

#[derive(Debug)]
enum News {
    /// A worker has tried.
    Tried(Outcome),
    /// The provider tells how a call went.
    CallEnded(CallEnd, About),
    /// What the provider had taken did not arrive.
    Lost(String, About),
}

impl News {
    /// What the provider says it is about, where it comes from there.
    fn about(&self) -> Option<&About> {
        match self {
            Self::Tried(_) => None,
            Self::CallEnded(_, about) | Self::Lost(_, about) => Some(about),
        }
    }
}

impl Engine {
    /// Leases what is to be said now, at most so many bundles.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn claim(&self, limit: usize) -> Result<Vec<Claimed>, store::Error> {
        let now = self.clock.now();
        let due = self.store.due_notifications(now, DUE_MAX).await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let lines = self.store.lines().await?;
        let line = |channel, address: &str| lines.get(&(channel, address.to_owned()));
        let mut bundles = dispatch::plan(&due, line, now, usize::MAX);
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).spread(&mut bundles, now);
        bundles.truncate(limit);
        // While the timer is still planning, a person would be told of half of it, and of the rest a minute later.
        let waiting = due.iter().map(|due| due.due_at).min().unwrap_or(now);
        if now.duration_since(waiting) < GATHER_MAX && !self.store.due_incidents(now, 1).await?.is_empty() {
            bundles.retain(|bundle| !Budget::of(bundle.channel).bundles);
        }
        if bundles.is_empty() {
            return Ok(Vec::new());
        }
        let claiming = async {
            let mut tx = self.store.begin().await?;
            let mut claimed = Vec::with_capacity(bundles.len());
            for bundle in &bundles {
                claimed.extend(claim(&mut tx, bundle, now).await?);
            }
            tx.commit().await?;
            Ok(claimed)
        };
        let claimed = tokio::time::timeout(CLAIM_TIMEOUT, claiming).await.unwrap_or(Err(store::Error::TimedOut))?;
        if claimed.iter().any(|claimed| claimed.notification.channel == Channel::Voice) {
            self.pace.lock().unwrap_or_else(PoisonError::into_inner).last = Some(now);
        }
        Ok(claimed)
    }

    /// From now on calls begin at least so far apart, whoever is called. Telephone providers queue what comes faster,
    /// for hours if need be (Twilio: one call a second), and a page that is told late is none.
    pub fn pace_calls(&self, apart: Span) {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).apart = apart;
    }

    /// Tells what a worker's attempt came to.
    ///
    /// # Errors
    /// When it could not be stored; the lease then runs out and the attempt is made again (I27).
    pub async fn report(&self, claimed: Claimed, outcome: Outcome) -> Result<(), Error> {
        self.submit_report(claimed.into_notifications(), News::Tried(outcome)).await
    }

    /// Tells how a phone call ended. News of any other than the newest call changes nothing.
    ///
    /// # Errors
    /// When it could not be stored; the provider may repeat it.
    pub async fn call_ended(&self, notification: Notification, end: CallEnd, about: About) -> Result<(), Error> {
        let together = self.together(&notification).await?;
        self.submit_report(together, News::CallEnded(end, about)).await
    }

    /// Tells that what the provider had taken did not arrive. News of any other than the newest attempt changes nothing.
    ///
    /// # Errors
    /// When it could not be stored; the provider may repeat it.
    pub async fn lost(&self, notification: Notification, why: String, about: About) -> Result<(), Error> {
        let together = self.together(&notification).await?;
        self.submit_report(together, News::Lost(why, about)).await
    }

    /// A human answered a notification: it and what was said with it count as delivered, and the event happens to all
    /// their incidents. What it did to the worst of them; `None` when it was answered before: a key press repeated by
    /// the provider acts once (I15).
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn answer(
        &self,
        notification: &Notification,
        event: Event,
        cause: Cause,
    ) -> Result<Option<Handled>, Error> {
        let together = self.together(notification).await?;
        let answered = together.iter().map(|said| (said.id.clone(), said.incident_number)).collect();
        let (now, definitions) = (self.clock.now(), self.definitions());
        match self.committer.submit(Work::Answer { answered, event, cause, now, definitions }).await? {
            Done::Handled(handled) => Ok(handled.map(|handled| *handled)),
            other => unreachable!("an answer is answered by what it did, not by {other:?}"),
        }
    }

    /// A notification, and behind it all that were said together with it.
    async fn together(&self, lead: &Notification) -> Result<Vec<Notification>, Error> {
        let unread = |error| Error::NotCommitted(Arc::new(error));
        let bundle = self.store.bundle(&lead.id).await.map_err(unread)?;
        let others = bundle.into_iter().filter(|other| other.id != lead.id);
        Ok(std::iter::once(lead.clone()).chain(others).collect())
    }

    async fn submit_report(&self, notifications: Vec<Notification>, news: News) -> Result<(), Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        let report = Report { notifications, news, now, jitter: rand::rng().random(), definitions };
        self.committer.submit(Work::Report(Box::new(report))).await.map(|_| ())
    }
}

/// Leases a bundle, unless another node has been faster on that line.
async fn claim(tx: &mut WriteTx, bundle: &Bundle<'_>, now: Timestamp) -> Result<Option<Claimed>, store::Error> {
    let budget = Budget::of(bundle.channel);
    let mut line = None;
    if budget.bundles {
        let known = tx.lock_line(bundle.channel, bundle.address).await?;
        if known.free_at(&budget, now) > now {
            return Ok(None);
        }
        line = Some(known);
    }
    let ids: Vec<&str> = bundle.due.iter().map(|due| due.id.as_str()).collect();
    let mut leased = tx.claim(&ids, now, now + LEASE, &random_id()).await?.into_iter();
    let Some((mut notification, incident)) = leased.next() else { return Ok(None) };
    if bundle.channel == Channel::Sms && notification.code.is_none() {
        let taken = tx.codes_in_use(bundle.channel, bundle.address).await?;
        notification.code = Code::fresh(&rand::rng().random::<[u8; CODE_BYTES]>(), |code| taken.contains(code));
        if let Some(code) = &notification.code {
            tx.set_code(&notification.id, code).await?;
        }
    }
    if let Some(mut line) = line {
        line.sent(now, now + LEASE);
        tx.update_line(bundle.channel, bundle.address, &line).await?;
    }
    Ok(Some(Claimed { notification, incident, others: leased.collect() }))
}

/// Moves the notifications on, tells the timelines, and lets the incidents know when their page reached nobody.
pub(crate) async fn note(tx: &mut WriteTx, report: &Report) -> Result<(), store::Error> {
    let Some(lead) = report.notifications.first() else { return Ok(()) };
    let mut moved = false;
    for notification in &report.notifications {
        moved |= note_one(tx, report, notification, lead).await?;
    }
    // A call that was answered has moved everything already; its line is free all the same once it ends.
    let counts = moved || report.news.about().is_some_and(|about| about.attempt == lead.attempts);
    let contact = match &report.news {
        // A phone that rings has reached nobody yet; that is told by a key.
        News::Tried(Outcome::Accepted(_)) if lead.channel.asks_a_person() => None,
        News::Tried(Outcome::Accepted(_)) => Some(ContactNews::Accepted),
        News::Tried(Outcome::Failed(why)) | News::Lost(why, _) => Some(ContactNews::Failed(why)),
        News::CallEnded(CallEnd::Failed, _) => Some(ContactNews::Failed("the call could not be placed")),
        // It was called, in vain. What a key told stays the last word.
        News::CallEnded(CallEnd::Completed | CallEnd::Busy | CallEnd::NoAnswer, _) if moved => {
            Some(ContactNews::Accepted)
        }
        News::Tried(_) | News::CallEnded(..) => None,
    };
    if let Some(news) = contact.filter(|_| counts) {
        tx.note_contact(lead.channel, &lead.address, news, report.now).await?;
    }
    if counts && Budget::of(lead.channel).bundles {
        let mut line = tx.lock_line(lead.channel, &lead.address).await?;
        match &report.news {
            News::Tried(Outcome::Accepted(_)) if lead.channel.asks_a_person() => {
                line.goes_on(report.now, report.now + CALL_MAX);
            }
            News::Tried(Outcome::Accepted(_)) | News::CallEnded(..) | News::Lost(..) => line.ended(),
            News::Tried(_) => line.failed(),
        }
        tx.update_line(lead.channel, &lead.address, &line).await?;
    }
    Ok(())
}

/// The same for one of them. `false` when the news comes too late for it.
async fn note_one(
    tx: &mut WriteTx,
    report: &Report,
    notification: &Notification,
    lead: &Notification,
) -> Result<bool, store::Error> {
    let Report { news, now, jitter, definitions, .. } = report;
    let (number, page) = (notification.incident_number, notification.page);
    // Incident before notification: everybody takes locks in this order.
    let Some(incident) = tx.lock_incident(number, *now).await? else { return Ok(false) };
    let wanted = needs_somebody(notification, incident.status);
    let (to, told) = match news {
        News::Tried(outcome) => tried(notification, outcome, *now, *jitter),
        News::CallEnded(end, _) => ended(notification, *end, wanted, *now),
        News::Lost(why, _) => (failed(notification, why, *now), format!("failed: {why}")),
    };
    let moved = match news {
        News::Tried(_) => {
            let lease = notification.lease_token.as_deref().unwrap_or_default();
            tx.move_leased(&notification.id, lease, &to, *now).await?
        }
        News::CallEnded(_, about) | News::Lost(_, about) => {
            // The address of the callback says which attempt of the first it was; the others were in the same call.
            let attempt = if notification.id == lead.id { about.attempt } else { notification.attempts };
            tx.move_sent((&notification.id, &lead.id), (attempt, &about.provider_ref), &to, *now).await?
        }
    };
    if !moved {
        // Cancelled meanwhile, or another worker's by now: nothing to change (I26).
        tracing::debug!(notification.id, "late news of a notification");
        if let News::Tried(Outcome::Accepted(reference)) = news {
            follow_up::plan_late(tx, (&incident, notification), reference, definitions, *now).await?;
        }
        return Ok(false);
    }
    let cause = Cause { actor: Actor::ourselves(notification.channel.word()), mail_id: None };
    let detail = format!("{} by {}: {told}", notification.user, notification.channel);
    door::handle(tx, number, &Event::Noted { detail }, &cause, definitions, *now).await?;
    // A way that fails, or that cannot be used once more, costs no time: the person's next one is due (I30).
    let again = matches!(news, News::Tried(Outcome::Retry(_) | Outcome::Unknown(_)));
    if to.to == Status::Failed || (again && notification.attempts >= PATIENCE) {
        tx.hasten(notification, *now).await?;
    }
    if to.to == Status::Failed && tx.page_has_failed(number, page).await? {
        door::handle(tx, number, &Event::PageFailed { page }, &cause, definitions, *now).await?;
    }
    Ok(true)
}

fn tried(notification: &Notification, outcome: &Outcome, now: Timestamp, jitter: f64) -> (Move, String) {
    let rings = notification.rings;
    match outcome {
        Outcome::Accepted(reference) => {
            let provider_ref = Some(reference.clone()).filter(|reference| !reference.is_empty());
            let to = Move { to: Status::Sent, due_at: now, provider_ref, error: None, rings, uncertain: false };
            (to, "on its way".to_owned())
        }
        Outcome::Retry(why) | Outcome::Unknown(why) | Outcome::Later { why, .. }
            if notification.attempts < ATTEMPTS_MAX =>
        {
            let wanted = if let Outcome::Later { wait, .. } = outcome { (*wait).min(LATER_MAX) } else { Span::ZERO };
            let delay = retry_delay(notification.attempts, jitter).max(wanted);
            let uncertain = matches!(outcome, Outcome::Unknown(_));
            let error = Some(why.clone());
            let to = Move { to: Status::Pending, due_at: now + delay, provider_ref: None, error, rings, uncertain };
            (to, format!("{why}; trying again in {} s", delay.as_secs()))
        }
        Outcome::Retry(why) | Outcome::Unknown(why) | Outcome::Later { why, .. } | Outcome::Failed(why) => {
            (failed(notification, why, now), format!("failed: {why}"))
        }
    }
}

/// "Completed" without a key press is not "reached": voicemail completes too (I29). A call in vain is made again only
/// while it is wanted: somebody else may have the incident by now (I31).
fn ended(notification: &Notification, end: CallEnd, wanted: bool, now: Timestamp) -> (Move, String) {
    let why = match end {
        CallEnd::Completed => "the call ended without a key press",
        CallEnd::Busy => "the line is busy",
        CallEnd::NoAnswer => "nobody picked up",
        CallEnd::Failed => "the call could not be placed",
        CallEnd::Cancelled => "the call was taken back",
    };
    let rings = notification.rings + 1;
    if wanted && matches!(end, CallEnd::Busy | CallEnd::NoAnswer) && rings < RINGS_MAX {
        let error = Some(why.to_owned());
        let due_at = now + RING_AGAIN;
        let to = Move { to: Status::Pending, due_at, provider_ref: None, error, rings, uncertain: false };
        return (to, format!("{why}; calling again in {} s", RING_AGAIN.as_secs()));
    }
    (Move { rings, ..failed(notification, why, now) }, format!("failed: {why}"))
}

fn failed(notification: &Notification, why: &str, now: Timestamp) -> Move {
    Move {
        to: Status::Failed,
        due_at: now,
        provider_ref: notification.provider_ref.clone(),
        error: Some(why.to_owned()),
        rings: notification.rings,
        uncertain: false,
    }
}
