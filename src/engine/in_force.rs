//! The definitions in force, what they are made of, and how the last attempts to replace them went.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use jiff::Timestamp;

use super::calendar::{Answer, CalendarState, Calendars, Keep, Wanted};
use crate::domain::Definitions;
use crate::domain::calendar::Url;
use crate::store::calendar::StoredCalendar;

/// The definitions in force. Whoever works with them keeps the set it began with.
#[derive(Debug)]
pub struct InForce {
    definitions: RwLock<Arc<Definitions>>,
    sources: Mutex<Sources>,
    calendars: Mutex<Vec<CalendarState>>,
    reloads: Mutex<Reloads>,
}

/// What the set in force is made of. Held while calendars are read, which may take a while; nobody who only wants the
/// set waits for it.
#[derive(Debug)]
struct Sources {
    /// As the files have them, without the shifts of calendars elsewhere.
    files: Definitions,
    calendars: Calendars,
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
        let sources = Sources { files: definitions.clone(), calendars: Calendars::default() };
        Self {
            calendars: Mutex::new(sources.calendars.states(&definitions)),
            definitions: RwLock::new(Arc::new(definitions)),
            sources: Mutex::new(sources),
            reloads: Mutex::new(reloads),
        }
    }

    /// The set in force.
    pub fn definitions(&self) -> Arc<Definitions> {
        Arc::clone(&self.definitions.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the set, all at once. Calendars elsewhere keep their shifts.
    pub fn replace(&self, definitions: Definitions, now: Timestamp) {
        let mut sources = self.sources();
        sources.files = definitions;
        self.join(&mut sources, now);
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

    /// How it stands with the calendars elsewhere.
    pub fn calendars(&self) -> Vec<CalendarState> {
        self.calendars.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Joins the calendars that the database knows.
    pub(super) fn learn(&self, stored: Vec<StoredCalendar>, now: Timestamp) {
        let mut sources = self.sources();
        sources.calendars.learn(stored);
        if !sources.files.roster.calendars.is_empty() {
            self.join(&mut sources, now);
        }
    }

    /// The calendars to ask for now.
    pub(super) fn calendars_due(&self, now: Timestamp) -> Vec<Wanted> {
        let sources = self.sources();
        sources.calendars.due(&sources.files, now)
    }

    /// Takes a checked answer, joins a new text, and says what is to be stored.
    pub(super) fn calendar_answered(&self, url: &Url, answer: Result<Answer, String>, now: Timestamp) -> Keep {
        let mut sources = self.sources();
        let (keep, is_new) = sources.calendars.answered(url, answer, now);
        if is_new {
            self.join(&mut sources, now);
        }
        self.show(&sources);
        keep
    }

    /// The database has a calendar's text.
    pub(super) fn calendar_stored(&self, url: &Url) {
        self.sources().calendars.stored(url);
    }

    /// Joins calendars again on a new day; returns those that are forgotten.
    pub(super) fn calendars_age(&self, now: Timestamp) -> Vec<Url> {
        let mut sources = self.sources();
        if sources.calendars.is_stale(&sources.files, now) {
            self.join(&mut sources, now);
        }
        let Sources { files, calendars } = &mut *sources;
        calendars.forgotten(files, now)
    }

    fn sources(&self) -> MutexGuard<'_, Sources> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(&self, sources: &mut Sources, now: Timestamp) {
        let joined = sources.calendars.join(&sources.files, &self.definitions(), now);
        *self.definitions.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(joined);
        self.show(sources);
    }

    fn show(&self, sources: &Sources) {
        let states = sources.calendars.states(&sources.files);
        *self.calendars.lock().unwrap_or_else(PoisonError::into_inner) = states;
    }
}
