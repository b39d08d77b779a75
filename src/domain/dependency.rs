//! What lies below what: while a switch is down, the services behind it need nobody of their own.

use super::incident::Incident;
use super::matcher::Matcher;
use super::template::Template;

/// While the parent's incident is open, the pages of its children wait.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Unique name.
    pub name: String,
    /// Which incidents lie below.
    pub child: Matcher,
    /// The parent's service.
    pub parent_service: String,
    /// The parent's dedup key, filled with what the child's key pattern captured. Without one any open incident of
    /// the service is a parent.
    pub parent_key: Option<Template>,
}

/// Where to look for a parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentKey {
    /// Its service.
    pub service: String,
    /// Its dedup key; `None` is any.
    pub key: Option<String>,
}

impl Dependency {
    /// Which parent this incident may have. An incident is never its own.
    pub fn parent_of(&self, incident: &Incident) -> Option<ParentKey> {
        let captures = self.child.captures(incident)?;
        let key = match &self.parent_key {
            Some(template) => Some(template.render(|name| captures.get(name)).ok()?),
            None => None,
        };
        let is_itself =
            self.parent_service == incident.service && key.as_ref().is_none_or(|key| *key == incident.dedup_key);
        (!is_itself).then(|| ParentKey { service: self.parent_service.clone(), key })
    }
}
