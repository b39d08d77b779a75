//! What the database knows beside the incident when an event happens to it.

use std::sync::Arc;

use jiff::Timestamp;

use super::storm;
use crate::domain::Definitions;
use crate::domain::handling::Handling;
use crate::domain::incident::{Event, Incident};
use crate::domain::situation::{Parent, Situation};
use crate::store::oncall::Arranged;
use crate::store::{Error, WriteTx};

/// The world around one incident.
#[derive(Debug)]
pub(crate) struct World<'a> {
    definitions: &'a Definitions,
    handling: Handling,
    arranged: Arc<Arranged>,
    parents: Vec<Parent>,
    now: Timestamp,
}

impl<'a> World<'a> {
    /// The world as far as files know it: enough for what calls nobody.
    pub(crate) fn without_database(definitions: &'a Definitions, service: &str, now: Timestamp) -> Self {
        let service = definitions.rulebook.service(service);
        let handling = service.map(|service| service.handling.clone()).unwrap_or_default();
        Self { definitions, handling, arranged: Arc::default(), parents: Vec::new(), now }
    }

    /// The whole world, where the event may call somebody.
    pub(crate) async fn around(
        tx: &mut WriteTx,
        incident: &Incident,
        event: &Event,
        definitions: &'a Definitions,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let mut world = Self::without_database(definitions, &incident.service, now);
        let calls = matches!(
            event,
            Event::TimerDue | Event::EscalationAsked | Event::PageFailed { .. } | Event::RespondersAdded { .. }
        );
        if calls {
            world.arranged = tx.arranged(now).await?;
            world.parents.extend(storm::around(tx, &world.handling, incident).await?);
            for dependency in &definitions.roster.dependencies {
                if let Some(wanted) = dependency.parent_of(incident) {
                    world.parents.extend(tx.open_parent(&wanted).await?);
                }
            }
        }
        Ok(world)
    }

    /// What the domain asks for.
    pub(crate) fn situation(&self) -> Situation<'_> {
        Situation {
            roster: &self.definitions.roster,
            handling: &self.handling,
            overrides: &self.arranged.overrides,
            silences: &self.arranged.silences,
            parents: &self.parents,
            now: self.now,
        }
    }
}
