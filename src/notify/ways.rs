//! The ways to providers as the channels use them: what each attempt tells of its way, and the auditor of all (I30).

use std::sync::Arc;

use super::exchange::Outcome;
use super::health::Health;
use crate::domain::alert::Severity;
use crate::domain::incident::Incident;
use crate::engine::Engine;
use crate::engine::audit::{Finding, PROVIDER_TROUBLE};

/// How the ways fare, told to the auditor.
#[derive(Debug)]
pub struct Ways {
    engine: Arc<Engine>,
    health: Health,
}

impl Ways {
    /// All of them well, for all we know.
    pub fn new(engine: Arc<Engine>) -> Self {
        Self { engine, health: Health::default() }
    }

    /// The places of these ways in the order in which they are tried.
    pub fn order(&self, ways: &[String]) -> Vec<usize> {
        self.health.order(ways, self.engine.clock().now())
    }

    /// Notes what an attempt came to. `refused`: the provider does not know us, which is no fault of what was said.
    pub fn note(&self, way: &str, outcome: &Outcome, refused: bool) {
        let failure = match outcome {
            Outcome::Accepted(_) => None,
            Outcome::Retry(why) | Outcome::Unknown(why) => Some(why.as_str()),
            Outcome::Failed(why) if refused => Some(why.as_str()),
            // What was said is wrong, or came too fast: that tells nothing of the way.
            Outcome::Failed(_) | Outcome::Later { .. } => return,
        };
        let now = self.engine.clock().now();
        if self.health.note(way, failure, now) {
            match failure {
                Some(why) => tracing::warn!("{way} is in trouble: {why}"),
                None => tracing::info!("{way} works again"),
            }
        }
        self.tell();
    }

    /// Tells the auditor what is in trouble now; what was not used for an hour is not any more.
    pub fn tell(&self) {
        let troubles = self.health.troubles(self.engine.clock().now());
        let finding = |trouble: super::health::Trouble| Finding {
            kind: PROVIDER_TROUBLE,
            severity: Severity::Critical,
            detail: format!("{} has been failing since {:.0}: {}", trouble.way, trouble.since, trouble.why),
        };
        self.engine.found(troubles.into_iter().map(finding).collect());
    }

    /// Whether an incident tells of trouble, and this way is in it.
    pub fn is_about(&self, incident: &Incident, way: &str) -> bool {
        incident.dedup_key == format!("nightcall/{PROVIDER_TROUBLE}")
            && self.health.is_in_trouble(way, self.engine.clock().now())
    }
}
