//! What people arrange by hand: shifts they take over, and silences.

use jiff::Timestamp;

use super::committer::{Done, Work};
use super::door;
use super::{Engine, Error, trail};
use crate::domain::Definitions;
use crate::domain::actor::Actor;
use crate::domain::incident::{Cause, Event};
use crate::domain::silence::Silence;
use crate::store::oncall::StoredOverride;
use crate::store::{self, WriteTx};

/// One arrangement.
#[derive(Debug, Clone)]
pub enum Arrangement {
    /// Somebody takes over shifts.
    Override(StoredOverride),
    /// An override is taken back.
    WithdrawOverride(String),
    /// Some incidents are known for a while.
    Silence(Box<Silence>),
    /// A silence ends now.
    EndSilence(String),
}

/// An id for something arranged: 48 random bits in hex, because people type it.
pub fn arrangement_id() -> String {
    door::random_id().split_off(20)
}

impl Engine {
    /// Makes an arrangement. `false` when what it is about does not exist.
    ///
    /// # Errors
    /// When it could not be made durable.
    pub async fn arrange(&self, arrangement: Arrangement, actor: &Actor) -> Result<bool, Error> {
        let (now, definitions) = (self.clock.now(), self.definitions());
        let work = Work::Arrange { arrangement, actor: actor.clone(), now, definitions };
        match self.committer.submit(work).await? {
            Done::Arranged(known) => Ok(known),
            other => unreachable!("an arrangement is answered by whether it was made, not by {other:?}"),
        }
    }
}

/// Makes the arrangement in the caller's transaction. Whoever waits for something that may be over by it is asked
/// again at once (I16).
pub(crate) async fn make(
    tx: &mut WriteTx,
    arrangement: &Arrangement,
    actor: &Actor,
    definitions: &Definitions,
    now: Timestamp,
) -> Result<bool, store::Error> {
    match arrangement {
        Arrangement::Override(stored) => {
            tx.tell(trail::override_made(stored, actor), now);
            tx.insert_override(stored).await.map(|()| true)
        }
        Arrangement::WithdrawOverride(id) => {
            let Some(stored) = tx.delete_override(id).await? else { return Ok(false) };
            tx.tell(trail::override_withdrawn(&stored, actor), now);
            Ok(true)
        }
        Arrangement::Silence(silence) => {
            tx.tell(trail::silence_made(silence, actor), now);
            tx.insert_silence(silence, now).await.map(|()| true)
        }
        Arrangement::EndSilence(id) => {
            let arranged = tx.arranged(now).await?;
            let ended = arranged.silences.iter().find(|silence| silence.id == *id);
            let known = tx.end_silence(id, now).await?;
            let Some(silence) = ended.filter(|_| known) else { return Ok(known) };
            tx.tell(trail::silence_ended(silence, actor, now), now);
            let cause = Cause { actor: actor.clone(), mail_id: None };
            for number in tx.held_incidents().await? {
                let incident = tx.lock_incident(number, now).await?;
                if incident.is_some_and(|incident| silence.covers(&incident, now)) {
                    door::handle(tx, number, &Event::HoldEnded, &cause, definitions, now).await?;
                }
            }
            Ok(known)
        }
    }
}
