//! The definitions in force, and how the last attempts to replace them went.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jiff::Timestamp;

use crate::domain::Definitions;

/// The definitions in force. Whoever works with them keeps the set it began with.
#[derive(Debug)]
pub struct InForce {
    definitions: RwLock<Arc<Definitions>>,
    reloads: Mutex<Reloads>,
}

/// How reading definitions again went so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reloads {
    /// When the set in force was read.
    pub loaded_at: Timestamp,
    /// Replaced so many times since the start.
    pub succeeded: u64,
    /// Kept so many times because the new set had problems.
    pub failed: u64,
    /// What is wrong with the newest files, while the set in force is an older one.
    pub problem: Option<String>,
}

impl InForce {
    /// The first set.
    pub fn new(definitions: Definitions, now: Timestamp) -> Self {
        let reloads = Reloads { loaded_at: now, succeeded: 0, failed: 0, problem: None };
        Self { definitions: RwLock::new(Arc::new(definitions)), reloads: Mutex::new(reloads) }
    }

    /// The set in force.
    pub fn definitions(&self) -> Arc<Definitions> {
        Arc::clone(&self.definitions.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the set, all at once.
    pub fn replace(&self, definitions: Definitions, now: Timestamp) {
        *self.definitions.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(definitions);
        let mut reloads = self.reloads.lock().unwrap_or_else(PoisonError::into_inner);
        reloads.loaded_at = now;
        reloads.succeeded += 1;
        reloads.problem = None;
    }

    /// Notes that the new files have a problem, so that the set in force stays.
    pub fn keep(&self, problem: String) {
        let mut reloads = self.reloads.lock().unwrap_or_else(PoisonError::into_inner);
        reloads.failed += 1;
        reloads.problem = Some(problem);
    }

    /// How it went so far.
    pub fn reloads(&self) -> Reloads {
        self.reloads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
