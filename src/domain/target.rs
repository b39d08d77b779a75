//! Whom a step of a policy calls.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One target of a step. Written as a user's name, `schedule:NAME`, `everyone:NAME` or `room:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Target {
    /// This person.
    User(String),
    /// Whoever is on call by this schedule at that moment.
    Schedule(String),
    /// Everybody who appears in this schedule, on call or not.
    Everyone(String),
    /// A room where several people read, such as a chat.
    Room(String),
}

impl Target {
    /// The word in front of the name, and the name.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::User(name) => ("", name),
            Self::Schedule(name) => ("schedule", name),
            Self::Everyone(name) => ("everyone", name),
            Self::Room(name) => ("room", name),
        }
    }
}

impl From<String> for Target {
    fn from(text: String) -> Self {
        match text.split_once(':') {
            Some(("schedule", name)) => Self::Schedule(name.to_owned()),
            Some(("everyone", name)) => Self::Everyone(name.to_owned()),
            Some(("room", name)) => Self::Room(name.to_owned()),
            _ => Self::User(text),
        }
    }
}

impl From<Target> for String {
    fn from(target: Target) -> Self {
        target.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            ("", name) => f.pad(name),
            (word, name) => write!(f, "{word}:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_written_and_read_alike() {
        for (text, target) in [
            ("ann", Target::User("ann".to_owned())),
            ("schedule:primary", Target::Schedule("primary".to_owned())),
            ("everyone:primary", Target::Everyone("primary".to_owned())),
            ("room:ops", Target::Room("ops".to_owned())),
        ] {
            assert_eq!(Target::from(text.to_owned()), target);
            assert_eq!(target.to_string(), text);
        }
    }
}
