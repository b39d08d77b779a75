//! Why a page waits.

use jiff::{SignedDuration, Timestamp};

use super::incident::Incident;
use super::situation::Situation;

/// How soon an incident that waits for another one is looked at again.
const PARENT_RECHECK: SignedDuration = SignedDuration::from_secs(30);

/// A page that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// When to look again, at the latest.
    pub until: Timestamp,
    /// In words.
    pub reason: String,
}

/// Why the incident's next page waits, if it does. Of several reasons the one that lasts longest is told.
pub fn hold(incident: &Incident, situation: &Situation<'_>) -> Option<Hold> {
    let now = situation.now;
    let silences = situation.silences.iter().filter(|silence| silence.covers(incident, now)).map(|silence| Hold {
        until: silence.ends_at,
        reason: format!("silenced by {}: {}", silence.author, silence.reason),
    });
    let windows = situation.roster.maintenance.iter().filter_map(|window| {
        let until = window.covers(incident, now)?;
        Some(Hold { until, reason: format!("maintenance {}: {}", window.name, window.reason) })
    });
    let parents = situation.parents.iter().map(|parent| Hold {
        until: now + PARENT_RECHECK,
        reason: format!("it is below incident #{}: {}", parent.number, parent.summary),
    });
    silences.chain(windows).chain(parents).max_by_key(|hold| hold.until)
}
