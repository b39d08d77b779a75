//! The engine: the one door through which every change of an incident goes.
//!
//! Mail, API, phone keys and timers all end in [`door`]: load, ask the domain, save state, timeline, timers and
//! notifications in one transaction. It holds no `if` about what an incident means; that is the domain's.

pub mod act;
mod again;
mod arrange;
pub mod audit;
pub mod calendar;
mod committer;
mod delivery;
mod door;
mod downtime;
mod follow_up;
mod heartbeat;
mod in_force;
pub mod intake;
mod notice;
pub mod push;
mod storm;
pub mod timer;
mod trail;
pub mod version;
mod world;

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Notify, Semaphore};

pub use self::again::{Foreseen, Judged};
pub use self::arrange::{Arrangement, arrangement_id};
use self::audit::Audit;
use self::committer::{Committer, Done, Work};
pub use self::delivery::{About, CallEnd, Claimed};
pub use self::door::Handled;
pub use self::follow_up::FollowUp;
pub use self::in_force::{InForce, Reloads};
use crate::clock::{Clock, Stopwatch};
use crate::domain::Definitions;
use crate::domain::authentication::Wanted;
use crate::domain::incident::{Cause, Event};
use crate::domain::rulebook::{PROBE, Route};
use crate::store::{self, Store};

/// Why a change was not made.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// It is not durable; the caller must not say it is. Trying again may help.
    #[error("the change could not be stored: {0}")]
    NotCommitted(Arc<store::Error>),
    /// The transaction took too long and was broken off.
    #[error("the database did not answer in time")]
    TimedOut,
    /// Our own fault; it was undone.
    #[error("the change failed inside")]
    Panicked,
    /// The service takes no such mail from this sender; why, in words.
    #[error("not allowed: {0}")]
    Refused(String),
    /// The committer has stopped.
    #[error("shutting down")]
    Closed,
}

/// Large mails being read at once.
const LARGE_MAILS_MAX: usize = 4;

/// The engine. Cheap to share by `Arc`.
#[derive(Debug)]
pub struct Engine {
    store: Store,
    clock: Clock,
    in_force: InForce,
    committer: Committer,
    wakes: Arc<Wakes>,
    large_mails: Semaphore,
    pulses: Pulses,
    /// The definitions whose heartbeats the database expects.
    expected: Mutex<Weak<Definitions>>,
    audit: Mutex<Audit>,
    /// How far calls are apart.
    pace: Mutex<delivery::Pace>,
    /// What channels have found out about providers.
    found: Mutex<Vec<audit::Finding>>,
    /// When it was last looked at who has come on call.
    handoffs_looked_at: Mutex<Option<Timestamp>>,
}

/// Hints that something is due now. Losing one costs a polling interval, nothing else.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    pub(crate) timer: Notify,
    pub(crate) worker: Notify,
}

/// When the background tasks last finished a round; nothing for one that does not run.
#[derive(Debug, Default)]
pub struct Pulses {
    timer: Mutex<Option<Stopwatch>>,
    worker: Mutex<Option<Stopwatch>>,
}

impl Pulses {
    /// The timer has finished a round, or begins.
    pub fn timer_beats(&self) {
        *self.timer.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::start());
    }

    /// The worker has finished a round, or begins.
    pub fn worker_beats(&self) {
        *self.worker.lock().unwrap_or_else(PoisonError::into_inner) = Some(Stopwatch::start());
    }

    /// How long the slower of those that run has been silent.
    pub fn silence(&self) -> Duration {
        let silent = |pulse: &Mutex<Option<Stopwatch>>| {
            pulse.lock().unwrap_or_else(PoisonError::into_inner).map_or(Duration::ZERO, |beat| beat.elapsed())
        };
        silent(&self.timer).max(silent(&self.worker))
    }
}

impl Engine {
    /// The heartbeats of the background tasks.
    pub fn pulses(&self) -> &Pulses {
        &self.pulses
    }

    /// Starts the engine's committer on the current runtime.
    pub fn start(store: Store, clock: Clock, definitions: Definitions) -> Arc<Self> {
        let wakes = Arc::new(Wakes::default());
        let committer = Committer::start(store.clone(), Arc::clone(&wakes));
        Arc::new(Self {
            store,
            in_force: InForce::new(definitions, clock.now()),
            clock,
            committer,
            wakes,
            large_mails: Semaphore::new(LARGE_MAILS_MAX),
            pulses: Pulses::default(),
            expected: Mutex::default(),
            audit: Mutex::default(),
            pace: Mutex::default(),
            found: Mutex::default(),
            handoffs_looked_at: Mutex::default(),
        })
    }

    /// The definitions in force.
    pub fn definitions(&self) -> Arc<Definitions> {
        self.in_force.definitions()
    }

    /// Replaces the definitions, all at once.
    pub fn replace_definitions(&self, definitions: Definitions) {
        self.in_force.replace(definitions, self.clock.now());
    }

    /// Has the trail tell that definitions were replaced, or are others than those that were in force last.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn tell_definitions(&self, node: &str) -> Result<(), store::Error> {
        let version = self.definitions().version.clone();
        let telling = self.store.tell_definitions(node, &version, self.clock.now());
        tokio::time::timeout(Duration::from_secs(10), telling).await.unwrap_or(Err(store::Error::TimedOut))
    }

    /// How definitions were replaced, or kept.
    pub fn in_force(&self) -> &InForce {
        &self.in_force
    }

    /// Whose address it is; from memory only.
    pub fn route(&self, recipient: &str) -> Route {
        self.definitions().rulebook.route(recipient)
    }

    /// What must be known of a mail's authentication before it is received for these recipients; from memory only.
    pub fn wanted(&self, recipients: &[String]) -> Wanted {
        self.definitions().rulebook.wanted(recipients)
    }

    /// The clock everything here goes by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Waits until nothing can be changed any more: the writing task has ended, which it never should.
    pub async fn committer_ended(&self) {
        self.committer.ended().await;
    }

    /// For reads.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Lets an event happen to an incident. `None` when there is no such incident.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn handle(&self, number: i64, event: Event, cause: Cause) -> Result<Option<Handled>, Error> {
        let work = Work::Handle { number, event, cause, now: self.clock.now(), definitions: self.definitions() };
        match self.committer.submit(work).await? {
            Done::Handled(handled) => Ok(handled.map(|handled| *handled)),
            other => unreachable!("an event is answered by what it did, not by {other:?}"),
        }
    }

    /// Removes what probes that are over left behind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn forget_probes(&self) -> Result<(), store::Error> {
        let forgetting = async {
            let mut tx = self.store.begin().await?;
            tx.forget_probes(PROBE).await?;
            tx.commit().await
        };
        tokio::time::timeout(Duration::from_secs(10), forgetting).await.unwrap_or(Err(store::Error::TimedOut))
    }

    /// Waits for a hint that a timer may be due.
    pub async fn timer_hint(&self) {
        self.wakes.timer.notified().await;
    }

    /// Waits for a hint that a notification may be due.
    pub async fn worker_hint(&self) {
        self.wakes.worker.notified().await;
    }
}
