//! What people do by hand about an incident, by page, API or command line: checked, then through the door.

use super::door::Handled;
use super::version::IfSo;
use super::{Engine, Error};
use crate::domain::act::Act;
use crate::domain::actor::Actor;
use crate::domain::request::Refused;

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// There is no incident of that number.
    #[error("there is no incident #{0}")]
    Missing(i64),
    /// It is none of the versions that were meant.
    #[error("incident #{0} has changed meanwhile")]
    Changed(i64),
    /// It is over.
    #[error("incident #{0} is resolved already")]
    Over(i64),
    /// What was asked for cannot be.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It could not be made durable.
    #[error(transparent)]
    Failed(#[from] Error),
}

impl Engine {
    /// Does what somebody asks for about an incident: where versions are named, if it is one of them.
    ///
    /// # Errors
    /// When it was not done.
    pub async fn act(
        &self,
        number: i64,
        act: &Act,
        by: &Actor,
        versions: Option<Vec<String>>,
    ) -> Result<Handled, NotDone> {
        let (event, cause) = act.checked(by, &self.definitions().roster, self.clock.now())?;
        let handled = match versions {
            None => self.handle(number, event, cause).await?.ok_or(NotDone::Missing(number))?,
            Some(versions) => match self.handle_if(number, versions, event, cause).await? {
                IfSo::Handled(handled) => *handled,
                IfSo::Missing => return Err(NotDone::Missing(number)),
                IfSo::Changed => return Err(NotDone::Changed(number)),
            },
        };
        if act.came_too_late(handled.incident.status) {
            return Err(NotDone::Over(number));
        }
        Ok(handled)
    }
}
