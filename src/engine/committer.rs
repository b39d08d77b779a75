//! Group commit: whatever waits while one transaction is being made durable shares the next one.
//!
//! One task owns the writing. A batch whose work fails is undone and its parts are tried one by one, so that one
//! poisonous mail refuses itself and nobody else.

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
const BATCH_MAX: usize = 256;

/// Changes that may wait. Beyond it the callers wait, and senders feel it as back-pressure.
const QUEUE_MAX: usize = 1024;

/// Longest time for one transaction. Well under the 60 s after which senders must have an answer (I3).
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(15);

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
        let batch = std::mem::take(&mut jobs);
        // A panic in a batch answers its callers with an error and leaves this loop alive.
        let (store, wakes) = (store.clone(), Arc::clone(&wakes));
        if let Err(error) = tokio::spawn(async move { commit(&store, batch, &wakes).await }).await {
            tracing::error!(%error, "a transaction panicked; its callers were refused");
        }
    }
}

async fn commit(store: &Store, jobs: Vec<Job>, wakes: &Wakes) {
    let (works, replies): (Vec<Work>, Vec<_>) = jobs.into_iter().map(|job| (job.work, job.reply)).unzip();
    match together(store, &works).await {
        Ok(all) => all.into_iter().zip(replies).for_each(|(done, reply)| {
            // A caller that has gone away does not mind.
            let _ = reply.send(Ok(done));
        }),
        Err(Failure::Commit(error)) => replies.into_iter().for_each(|reply| {
            let _ = reply.send(Err(error.clone()));
        }),
        Err(Failure::Work(error)) => {
            if works.len() > 1 {
                tracing::warn!(%error, batch = works.len(), "a batch failed; trying its parts one by one");
            }
            for (work, reply) in works.iter().zip(replies) {
                let _ = reply.send(alone(store, work).await);
            }
        }
    }
    wakes.timer.notify_one();
    wakes.worker.notify_one();
}

/// Where a batch failed.
enum Failure {
    /// In its work: nothing was committed, trying again is safe.
    Work(Error),
    /// At commit: nobody knows what is stored. Senders will repeat, and repeats are recognised (I6).
    Commit(Error),
}

async fn together(store: &Store, works: &[Work]) -> Result<Vec<Done>, Failure> {
    let attempt = async {
        let failed = |error| Failure::Work(Error::NotCommitted(Arc::new(error)));
        let mut tx = store.begin().await.map_err(failed)?;
        let mut all = Vec::with_capacity(works.len());
        for work in works {
            all.push(perform(&mut tx, work).await.map_err(failed)?);
        }
        tx.commit().await.map_err(|error| Failure::Commit(Error::NotCommitted(Arc::new(error))))?;
        Ok(all)
    };
    tokio::time::timeout(TRANSACTION_TIMEOUT, attempt).await.unwrap_or(Err(Failure::Commit(Error::TimedOut)))
}

async fn alone(store: &Store, work: &Work) -> Result<Done, Error> {
    let mut conflicts = 0;
    loop {
        let error = match together(store, std::slice::from_ref(work)).await {
            Ok(mut all) => return all.pop().ok_or(Error::Closed),
            Err(Failure::Commit(error) | Failure::Work(error)) => error,
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
            let handled = door::handle(tx, *number, event, cause, definitions, *now).await?;
            tx.mark_delivered(id, *now).await?;
            Ok(Done::Handled(handled.map(Box::new)))
        }
        Work::Report(report) => delivery::note(tx, report).await.map(|()| Done::Reported),
    }
}
