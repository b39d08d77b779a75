//! Group commit: whatever waits while one transaction is being made durable shares the next one.
//!
//! One task owns the writing. A batch whose work fails is undone and its parts are tried one by one, so that one
//! poisonous mail refuses itself and nobody else.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::again::Again;
use super::arrange::{self, Arrangement};
use super::audit;
use super::delivery::{self, Report};
use super::door::{self, Handled};
use super::heartbeat;
use super::intake::{self, Intake, Receipt};
use super::version;
use super::{Error, Wakes};
use crate::domain::Definitions;
use crate::domain::actor::Actor;
use crate::domain::alert::Alert;
use crate::domain::incident::{Cause, Event};
use crate::store::mail::StoredAlert;
use crate::store::notice::News;
use crate::store::{self, Store, WriteTx};

/// Most changes in one transaction. Taken as they wait; there is no artificial delay.
const BATCH_MAX: usize = 128;

/// Changes that may wait. Beyond it the callers wait, and senders feel it as back-pressure.
const QUEUE_MAX: usize = 1024;

/// Longest waits for one transaction's parts. Together well under the 60 s after which senders must have an answer
/// (I3).
const BEGIN_TIMEOUT: Duration = Duration::from_secs(10);
const WORK_TIMEOUT: Duration = Duration::from_secs(15);
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);

/// Times a change is run again when the database asks for it.
const CONFLICTS_MAX: u32 = 8;

/// One change to make.
#[derive(Debug)]
pub(crate) enum Work {
    /// A mail with its verdict.
    Receive(Box<Intake>),
    /// An event for an incident.
    Handle { number: i64, event: Event, cause: Cause, now: Timestamp, definitions: Arc<Definitions> },
    /// The same, if the incident is one of these versions.
    HandleIf {
        number: i64,
        versions: Vec<String>,
        event: Event,
        cause: Cause,
        now: Timestamp,
        definitions: Arc<Definitions>,
    },
    /// A human answered notifications that were said together: their ids and incidents, the worst first.
    Answer { answered: Vec<(String, i64)>, event: Event, cause: Cause, now: Timestamp, definitions: Arc<Definitions> },
    /// A stored mail, judged again.
    Reprocess(Box<Again>),
    /// News of a notification.
    Report(Box<Report>),
    /// An alert of our own.
    Alarm { alert: Box<Alert>, now: Timestamp, definitions: Arc<Definitions> },
    /// An expected mail has not come.
    HeartbeatMissed { service: String, name: String, now: Timestamp, definitions: Arc<Definitions> },
    /// What a person arranges.
    Arrange { arrangement: Arrangement, actor: Actor, now: Timestamp, definitions: Arc<Definitions> },
}

impl Work {
    /// The incidents it is about, where they are known before.
    fn incidents(&self) -> Vec<(i64, Timestamp)> {
        match self {
            Self::Handle { number, now, .. } | Self::HandleIf { number, now, .. } => vec![(*number, *now)],
            Self::Answer { answered, now, .. } => answered.iter().map(|(_, number)| (*number, *now)).collect(),
            Self::Report(report) => report.incidents().collect(),
            Self::Receive(_)
            | Self::Reprocess(_)
            | Self::Alarm { .. }
            | Self::HeartbeatMissed { .. }
            | Self::Arrange { .. } => Vec::new(),
        }
    }

    fn mail(&self) -> Option<&Intake> {
        match self {
            Self::Receive(intake) => Some(intake),
            _ => None,
        }
    }

    fn again(&self) -> Option<&Again> {
        match self {
            Self::Reprocess(again) => Some(again),
            _ => None,
        }
    }
}

/// What a change did.
#[derive(Debug)]
pub(crate) enum Done {
    /// The mail is stored and has acted.
    Received(Receipt),
    /// The event has happened; nothing when there is no such incident.
    Handled(Option<Box<Handled>>),
    /// Nothing: the incident has changed since its caller looked.
    Changed,
    /// The mail has acted again: what became of its alerts.
    Reprocessed(Vec<StoredAlert>),
    /// The news is noted.
    Reported,
    /// Whether what it is about exists.
    Arranged(bool),
}

#[derive(Debug)]
struct Job {
    work: Work,
    reply: oneshot::Sender<Result<Done, Error>>,
}

/// The way to the writing task.
#[derive(Debug)]
pub(crate) struct Committer {
    jobs: mpsc::Sender<Job>,
}

impl Committer {
    pub(crate) fn start(store: Store, wakes: Arc<Wakes>) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE_MAX);
        tokio::spawn(run(Writer { store, wakes }, queue));
        Self { jobs }
    }

    /// Waits until the writing task has ended.
    pub(crate) async fn ended(&self) {
        self.jobs.closed().await;
    }

    /// Hands a change in and waits until it is durable.
    pub(crate) async fn submit(&self, work: Work) -> Result<Done, Error> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { work, reply }).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

/// What every transaction needs.
#[derive(Debug, Clone)]
struct Writer {
    store: Store,
    /// Hears of what may have become due.
    wakes: Arc<Wakes>,
}

async fn run(writer: Writer, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
        let (works, replies): (Vec<Work>, Vec<_>) = jobs.drain(..).map(|job| (job.work, job.reply)).unzip();
        commit(&writer, Arc::new(works), replies).await;
    }
}

/// Commits a batch, together or one by one, and answers everybody. A caller that has gone away does not mind.
async fn commit(writer: &Writer, works: Arc<Vec<Work>>, replies: Vec<oneshot::Sender<Result<Done, Error>>>) {
    let mut outcome = together(writer, &works, 0..works.len()).await;
    if works.len() > 1 && outcome.as_ref().is_err_and(Failure::is_conflict) {
        // Another node was in the way; it is through by now.
        outcome = together(writer, &works, 0..works.len()).await;
    }
    let mut away = match outcome {
        Ok(all) => {
            replies.into_iter().zip(all).for_each(|(reply, done)| _ = reply.send(Ok(done)));
            // All at once, so that the writer of the log is woken once.
            works.iter().filter_map(Work::mail).for_each(Intake::tell);
            return;
        }
        Err(Failure::Work(error)) => {
            if works.len() > 1 {
                tracing::warn!(%error, "a batch failed; trying its parts one by one");
            }
            None
        }
        Err(Failure::Database(error)) => Some(error),
    };
    for (at, reply) in replies.into_iter().enumerate() {
        // Once the database is away, nobody waits for it in vain.
        let answer = match &away {
            Some(error) => Err(error.clone()),
            None => alone(writer, &works, at).await.map_err(|failure| match failure {
                Failure::Work(error) => error,
                Failure::Database(error) => away.insert(error).clone(),
            }),
        };
        match (&answer, works[at].mail()) {
            (Err(error), _) => tracing::error!(%error, "a change could not be stored"),
            (Ok(_), Some(intake)) => intake.tell(),
            (Ok(_), None) => {}
        }
        let _ = reply.send(answer);
    }
}

/// Why a transaction failed.
enum Failure {
    /// By what it was to do: nothing was committed, and other changes may fare better.
    Work(Error),
    /// By the database itself: it is away, too slow, or broke off at the commit, when nobody knows what is stored.
    /// Senders will repeat, and repeats are recognised (I6).
    Database(Error),
}

impl Failure {
    /// Trying again will see the work of whoever was in the way.
    fn is_conflict(&self) -> bool {
        let (Self::Work(error) | Self::Database(error)) = self;
        matches!(error, Error::NotCommitted(cause) if matches!(**cause, store::Error::Conflict(_)))
    }
}

/// Makes a range of changes in one transaction, on a task of its own: a panic then fails this transaction and
/// nothing else.
async fn together(writer: &Writer, works: &Arc<Vec<Work>>, range: Range<usize>) -> Result<Vec<Done>, Failure> {
    let (writer, works) = (writer.clone(), Arc::clone(works));
    let transaction = tokio::spawn(async move { transact(&writer, &works[range]).await });
    transaction.await.unwrap_or(Err(Failure::Work(Error::Panicked)))
}

async fn transact(writer: &Writer, works: &[Work]) -> Result<Vec<Done>, Failure> {
    let work_failed = |error: store::Error| match error {
        store::Error::TimedOut => Failure::Database(Error::TimedOut),
        error => Failure::Work(Error::NotCommitted(Arc::new(error))),
    };
    let database_failed = |error| Failure::Database(Error::NotCommitted(Arc::new(error)));
    let too_slow = |_| Failure::Database(Error::TimedOut);
    let begun = tokio::time::timeout(BEGIN_TIMEOUT, writer.store.begin()).await;
    let mut tx = begun.map_err(too_slow)?.map_err(database_failed)?;
    let working = async {
        let mut all = Vec::with_capacity(works.len());
        // In ascending order, as every node does it, so that two of them do not wait for each other.
        let known: BTreeMap<i64, Timestamp> = works.iter().flat_map(Work::incidents).collect();
        for (number, now) in known {
            tx.lock_incident(number, now).await?;
        }
        let mails: Vec<&Intake> = works.iter().filter_map(Work::mail).collect();
        let again: Vec<&Again> = works.iter().filter_map(Work::again).collect();
        intake::ask_ahead(&mut tx, &mails, &again).await?;
        for work in works {
            all.push(perform(&mut tx, work).await?);
        }
        tx.flush().await?;
        tx.seal().await?;
        Ok(all)
    };
    let all = tokio::time::timeout(WORK_TIMEOUT, working).await.map_err(too_slow)?.map_err(work_failed)?;
    // Most mails say again what is known: then nothing has become due, and nobody needs to look.
    let stirred = tx.has_stirred() || works.iter().any(|work| work.mail().is_none());
    let committed = tokio::time::timeout(COMMIT_TIMEOUT, tx.commit()).await;
    committed.map_err(too_slow)?.map_err(database_failed)?;
    if stirred {
        writer.wakes.timer.notify_one();
        writer.wakes.worker.notify_one();
    }
    Ok(all)
}

/// Makes one change by itself, again while the database asks for it.
async fn alone(writer: &Writer, works: &Arc<Vec<Work>>, at: usize) -> Result<Done, Failure> {
    let mut conflicts = 0;
    loop {
        let failure = match together(writer, works, at..at + 1).await {
            Ok(mut all) => return all.pop().ok_or(Failure::Work(Error::Closed)),
            Err(failure) => failure,
        };
        conflicts += 1;
        if !failure.is_conflict() || conflicts > CONFLICTS_MAX {
            return Err(failure);
        }
    }
}

async fn perform(tx: &mut WriteTx, work: &Work) -> Result<Done, store::Error> {
    match work {
        Work::Receive(intake) => intake::store(tx, intake).await.map(Done::Received),
        Work::Handle { number, event, cause, now, definitions } => {
            let handled = door::handle(tx, *number, event, cause, definitions, *now).await?;
            Ok(Done::Handled(handled.map(Box::new)))
        }
        Work::HandleIf { number, versions, event, cause, now, definitions } => {
            version::handle(tx, *number, versions, (event, cause), definitions, *now).await
        }
        Work::Answer { answered, event, cause, now, definitions } => {
            let mut worst = None;
            for (nth, (id, number)) in answered.iter().enumerate() {
                // Incident before notification: everybody takes locks in this order.
                let known = tx.lock_incident(*number, *now).await?.is_some();
                let answered = if known { tx.mark_delivered(id, *now).await? } else { None };
                let Some((channel, address)) = answered else { continue };
                if nth == 0 {
                    tx.note_contact(channel, &address, News::Answered, *now).await?;
                }
                let handled = door::handle(tx, *number, event, cause, definitions, *now).await?;
                if nth == 0 {
                    worst = handled.map(Box::new);
                }
            }
            Ok(Done::Handled(worst))
        }
        Work::Reprocess(again) => again.act(tx).await.map(Done::Reprocessed),
        Work::Report(report) => delivery::note(tx, report).await.map(|()| Done::Reported),
        Work::Alarm { alert, now, definitions } => {
            audit::alarm(tx, alert, *now, definitions).await.map(|()| Done::Reported)
        }
        Work::HeartbeatMissed { service, name, now, definitions } => {
            heartbeat::missed(tx, service, name, *now, definitions).await.map(|()| Done::Reported)
        }
        Work::Arrange { arrangement, actor, now, definitions } => {
            arrange::make(tx, arrangement, actor, definitions, *now).await.map(Done::Arranged)
        }
    }
}
