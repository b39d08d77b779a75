//! Group commit: whatever waits while one transaction is being made durable shares the next one.
//!
//! One task owns the writing. A batch whose work fails is undone and its parts are tried one by one, so that one
//! poisonous mail refuses itself and nobody else.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};

use super::delivery::{self, Report};
use super::door::{self, Handled};
use super::intake::{self, Intake, Receipt};
use super::{Error, Wakes};
use crate::domain::Definitions;
use crate::domain::incident::{Cause, Event};
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
    /// A human answered a notification with an event.
    Answer { id: String, number: i64, event: Event, cause: Cause, now: Timestamp, definitions: Arc<Definitions> },
    /// News of a notification.
    Report(Box<Report>),
}

impl Work {
    fn mail(&self) -> Option<&Intake> {
        match self {
            Self::Receive(intake) => Some(intake),
            Self::Handle { .. } | Self::Answer { .. } | Self::Report(_) => None,
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
    /// The news is noted.
    Reported,
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
        tokio::spawn(run(store, wakes, queue));
        Self { jobs }
    }

    /// Hands a change in and waits until it is durable.
    pub(crate) async fn submit(&self, work: Work) -> Result<Done, Error> {
        let (reply, answer) = oneshot::channel();
        self.jobs.send(Job { work, reply }).await.map_err(|_| Error::Closed)?;
        answer.await.map_err(|_| Error::Closed)?
    }
}

async fn run(store: Store, wakes: Arc<Wakes>, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::with_capacity(BATCH_MAX);
    while queue.recv_many(&mut jobs, BATCH_MAX).await > 0 {
        let (works, replies): (Vec<Work>, Vec<_>) = jobs.drain(..).map(|job| (job.work, job.reply)).unzip();
        commit(&store, Arc::new(works), replies).await;
        wakes.timer.notify_one();
        wakes.worker.notify_one();
    }
}

/// Commits a batch, together or one by one, and answers everybody.
async fn commit(store: &Store, works: Arc<Vec<Work>>, replies: Vec<oneshot::Sender<Result<Done, Error>>>) {
    let answers: Vec<Result<Done, Error>> = match together(store, &works, 0..works.len()).await {
        Ok(all) => all.into_iter().map(Ok).collect(),
        Err(Failure::Begin(error) | Failure::Commit(error)) => {
            tracing::error!(%error, changes = works.len(), "changes could not be stored");
            works.iter().map(|_| Err(error.clone())).collect()
        }
        Err(Failure::Work(error)) => {
            if works.len() > 1 {
                tracing::warn!(%error, "a batch failed; trying its parts one by one");
            }
            let mut answers = Vec::with_capacity(works.len());
            for at in 0..works.len() {
                answers.push(alone(store, &works, at).await);
            }
            answers
        }
    };
    for (reply, answer) in replies.into_iter().zip(answers) {
        // A caller that has gone away does not mind.
        let _ = reply.send(answer);
    }
}

/// Where a transaction failed.
enum Failure {
    /// It could not even begin: the database is away, for everybody.
    Begin(Error),
    /// In its work: nothing was committed, trying again is safe.
    Work(Error),
    /// At commit: nobody knows what is stored. Senders will repeat, and repeats are recognised (I6).
    Commit(Error),
}

/// Makes a range of changes in one transaction, on a task of its own: a panic then fails this transaction and
/// nothing else.
async fn together(store: &Store, works: &Arc<Vec<Work>>, range: Range<usize>) -> Result<Vec<Done>, Failure> {
    let (store, works) = (store.clone(), Arc::clone(works));
    let transaction = tokio::spawn(async move { transact(&store, &works[range]).await });
    transaction.await.unwrap_or(Err(Failure::Work(Error::Panicked)))
}

async fn transact(store: &Store, works: &[Work]) -> Result<Vec<Done>, Failure> {
    let failed = |error| Error::NotCommitted(Arc::new(error));
    let begun = tokio::time::timeout(BEGIN_TIMEOUT, store.begin()).await;
    let mut tx = begun.map_err(|_| Failure::Begin(Error::TimedOut))?.map_err(|error| Failure::Begin(failed(error)))?;
    let working = async {
        let mut all = Vec::with_capacity(works.len());
        let mails: Vec<&Intake> = works.iter().filter_map(Work::mail).collect();
        intake::ask_ahead(&mut tx, &mails).await.map_err(|error| Failure::Work(failed(error)))?;
        for work in works {
            all.push(perform(&mut tx, work).await.map_err(|error| Failure::Work(failed(error)))?);
        }
        tx.flush().await.map_err(|error| Failure::Work(failed(error)))?;
        Ok(all)
    };
    let all = tokio::time::timeout(WORK_TIMEOUT, working).await.unwrap_or(Err(Failure::Work(Error::TimedOut)))?;
    let committed = tokio::time::timeout(COMMIT_TIMEOUT, tx.commit()).await;
    committed.map_err(|_| Failure::Commit(Error::TimedOut))?.map_err(|error| Failure::Commit(failed(error)))?;
    Ok(all)
}

/// Runs one change by itself, again while the database asks for it.
async fn alone(store: &Store, works: &Arc<Vec<Work>>, at: usize) -> Result<Done, Error> {
    let mut conflicts = 0;
    loop {
        let error = match together(store, works, at..at + 1).await {
            Ok(mut all) => return all.pop().ok_or(Error::Closed),
            Err(Failure::Begin(error) | Failure::Commit(error) | Failure::Work(error)) => error,
        };
        conflicts += 1;
        let again = matches!(&error, Error::NotCommitted(cause) if matches!(**cause, store::Error::Conflict(_)));
        if !again || conflicts > CONFLICTS_MAX {
            tracing::error!(%error, "a change could not be stored");
            return Err(error);
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
        Work::Answer { id, number, event, cause, now, definitions } => {
            // Incident before notification: everybody takes locks in this order.
            let known = tx.lock_incident(*number, *now).await?.is_some();
            if !known || !tx.mark_delivered(id, *now).await? {
                return Ok(Done::Handled(None));
            }
            let handled = door::handle(tx, *number, event, cause, definitions, *now).await?;
            Ok(Done::Handled(handled.map(Box::new)))
        }
        Work::Report(report) => delivery::note(tx, report).await.map(|()| Done::Reported),
    }
}
