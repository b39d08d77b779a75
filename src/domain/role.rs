//! What somebody may do on the pages.

use std::fmt;

/// What somebody may do; each may do all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Role {
    /// Sees everything, changes nothing.
    Viewer,
    /// Acts on incidents, takes shifts, silences, sends tests.
    #[default]
    Responder,
    /// Overrules what definitions say as well: lets mail act whose sender they do not list.
    Admin,
}

impl Role {
    /// Every role, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Responder, Self::Admin];

    /// The word used in definition files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Responder => "responder",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_may_do_what_the_lesser_may() {
        assert!(Role::Viewer < Role::Responder && Role::Responder < Role::Admin);
        assert_eq!(Role::ALL.map(Role::word), ["viewer", "responder", "admin"]);
        assert_eq!(Role::default(), Role::Responder);
    }
}
