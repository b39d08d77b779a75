//! What the list of incidents shows, read from the database: for whoever asks, or, while many follow, once for all of
//! them, because news makes all of them ask again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::clock::Stopwatch;
use crate::domain::incident::{Incident, Status};
use crate::http::Shared;
use crate::store::board::{Past, Wanted};
use crate::store::{Error, Store};

/// Open incidents shown at once: the worst. Nobody works through more, and the page must come at once in a storm.
pub(super) const OPEN_MAX: usize = 200;

/// Resolved ones to a page.
pub(super) const RESOLVED_MAX: usize = 50;

/// Lists kept at once; of more, all are forgotten.
const KEPT_MAX: usize = 20;

/// How long they are kept at most, whatever the stamp says.
const KEPT_FOR: Duration = Duration::from_secs(2);

/// Incidents to be listed.
#[derive(Debug)]
pub(super) struct Listed {
    /// The worst first, at most [`OPEN_MAX`].
    pub(super) open: Vec<Incident>,
    /// There are more open ones.
    pub(super) is_cut: bool,
    /// Resolved ones.
    pub(super) past: Past,
    /// Who is called, by the incident's number.
    pub(super) called: HashMap<i64, Vec<String>>,
}

/// A list that one reads and the others wait for.
type Place = Arc<OnceCell<Arc<Listed>>>;

/// Lists that were read for all who follow.
#[derive(Debug, Default)]
pub(super) struct Lists {
    kept: Mutex<Option<Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// What the database was like when these were read, or before.
    stamp: String,
    since: Stopwatch,
    lists: HashMap<Wanted, Place>,
}

impl Lists {
    /// What is to be listed, at least as new as this stamp. While many follow, whoever asks for the same open incidents
    /// under the same stamp gets the same. Of resolved ones a stamp says nothing, and a search is everybody's own.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn list(&self, app: &Shared, wanted: &Wanted, stamp: &str) -> Result<Arc<Listed>, Error> {
        let read = async || read(app.engine.store(), wanted).await.map(Arc::new);
        let shows_past = wanted.before.is_some() || wanted.statuses.contains(&Status::Resolved);
        if !app.pages.live.many_follow() || wanted.text.is_some() || shows_past {
            return read().await;
        }
        self.place(wanted, stamp).get_or_try_init(read).await.cloned()
    }

    /// Where the list for this stamp is, or will be.
    fn place(&self, wanted: &Wanted, stamp: &str) -> Place {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_good = |kept: &Kept| kept.stamp == stamp && kept.since.elapsed() < KEPT_FOR;
        let kept = match kept.take().filter(is_good) {
            Some(good) => kept.insert(good),
            None => {
                let (stamp, lists) = (stamp.to_owned(), HashMap::new());
                kept.insert(Kept { stamp, since: Stopwatch::start(), lists })
            }
        };
        if kept.lists.len() >= KEPT_MAX && !kept.lists.contains_key(wanted) {
            kept.lists.clear();
        }
        Arc::clone(kept.lists.entry(wanted.clone()).or_default())
    }
}

/// Whether open incidents are among what is wanted: they are all on the first page.
pub(super) fn shows_open(wanted: &Wanted) -> bool {
    wanted.before.is_none() && wanted.statuses.iter().any(|status| *status != Status::Resolved)
}

async fn read(store: &Store, wanted: &Wanted) -> Result<Listed, Error> {
    let (mut open, mut called) = (Vec::new(), HashMap::new());
    if shows_open(wanted) {
        open = store.open_incidents(&Wanted { limit: OPEN_MAX as i64 + 1, ..wanted.clone() }).await?;
    }
    let is_cut = open.len() > OPEN_MAX;
    open.truncate(OPEN_MAX);
    if !open.is_empty() {
        called = store.being_called().await?;
    }
    let mut past = Past { incidents: Vec::new(), looked_back_to: None };
    if wanted.statuses.contains(&Status::Resolved) {
        past = store.resolved_incidents(&Wanted { limit: RESOLVED_MAX as i64, ..wanted.clone() }).await?;
    }
    Ok(Listed { open, is_cut, past, called })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_shared_by_who_asks_for_the_same_under_the_same_stamp() {
        let (lists, open) = (Lists::default(), Wanted::default());
        let web = Wanted { service: Some("web".to_owned()), ..Wanted::default() };
        let first = lists.place(&open, "a");
        assert!(Arc::ptr_eq(&first, &lists.place(&open, "a")));
        assert!(!Arc::ptr_eq(&first, &lists.place(&web, "a")));
        assert!(Arc::ptr_eq(&first, &lists.place(&open, "a")), "another list is beside it");
        assert!(!Arc::ptr_eq(&first, &lists.place(&open, "b")));
        assert!(!Arc::ptr_eq(&first, &lists.place(&open, "a")), "what was read under an older stamp is gone");
    }

    #[test]
    fn no_more_lists_are_kept_than_fit() {
        let lists = Lists::default();
        let of = |number: usize| Wanted { service: Some(number.to_string()), ..Wanted::default() };
        let first = lists.place(&of(0), "a");
        for number in 1..KEPT_MAX {
            lists.place(&of(number), "a");
        }
        assert!(Arc::ptr_eq(&first, &lists.place(&of(0), "a")));
        lists.place(&of(KEPT_MAX), "a");
        assert!(!Arc::ptr_eq(&first, &lists.place(&of(0), "a")));
    }
}
