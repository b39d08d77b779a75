//! Versions of incidents: who has seen one may ask that something happens to it only while it is as it was.

use sha2::{Digest as _, Sha256};

use super::committer::{Done, Work};
use super::door::{self, Handled};
use super::{Engine, Error};
use crate::domain::Definitions;
use crate::domain::hex::hex;
use crate::domain::incident::{Cause, Event, Incident};
use crate::store::{self, WriteTx};

/// Characters of a version.
pub(super) const LENGTH: usize = 32;

/// What came of an event that was to happen to a version only.
#[derive(Debug)]
pub enum IfSo {
    /// It has happened.
    Handled(Box<Handled>),
    /// The incident has changed since.
    Changed,
    /// There is no such incident.
    Missing,
}

/// The version of an incident whose timeline has so many lines: it changes with every change of either.
pub fn version(incident: &Incident, lines: i64) -> String {
    // How a field is written down does not matter as long as another value is written otherwise.
    let mut version = hex(&Sha256::digest(format!("{incident:?}/{lines}")));
    version.truncate(LENGTH);
    version
}

impl Engine {
    /// Lets an event happen to an incident if it is one of these versions. Whether it is, is looked at in the same
    /// transaction.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn handle_if(
        &self,
        number: i64,
        versions: Vec<String>,
        event: Event,
        cause: Cause,
    ) -> Result<IfSo, Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        let work = Work::HandleIf { number, versions, event, cause, now, definitions };
        match self.committer.submit(work).await? {
            Done::Handled(Some(handled)) => Ok(IfSo::Handled(handled)),
            Done::Handled(None) => Ok(IfSo::Missing),
            Done::Changed => Ok(IfSo::Changed),
            other => unreachable!("an event is answered by what it did, not by {other:?}"),
        }
    }
}

/// The same in the committer's transaction.
pub(super) async fn handle(
    tx: &mut WriteTx,
    number: i64,
    versions: &[String],
    (event, cause): (&Event, &Cause),
    definitions: &Definitions,
    now: jiff::Timestamp,
) -> Result<Done, store::Error> {
    let Some(incident) = tx.lock_incident(number, now).await? else { return Ok(Done::Handled(None)) };
    let current = version(&incident, tx.timeline_length(number).await?);
    if !versions.contains(&current) {
        return Ok(Done::Changed);
    }
    let handled = door::handle(tx, number, event, cause, definitions, now).await?;
    Ok(Done::Handled(handled.map(Box::new)))
}
