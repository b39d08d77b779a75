//! What a token may do.

use std::fmt;
use std::str::FromStr;

use super::alert::UnknownWord;

/// What a token may do; each may do all that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Sees everything, changes nothing.
    Read,
    /// Acts on incidents, takes shifts, silences, sends tests.
    Respond,
    /// Overrules what definitions say as well: lets mail act whose sender they do not list.
    Admin,
}

impl Scope {
    /// Every scope, the least first.
    pub const ALL: [Self; 3] = [Self::Read, Self::Respond, Self::Admin];

    /// The word used on the command line and in the database.
    pub fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Respond => "respond",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Scope {
    type Err = UnknownWord;

    fn from_str(word: &str) -> Result<Self, UnknownWord> {
        Self::ALL.into_iter().find(|scope| scope.word() == word).ok_or_else(|| UnknownWord(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_may_do_what_the_lesser_may() {
        assert!(Scope::Read < Scope::Respond && Scope::Respond < Scope::Admin);
        for scope in Scope::ALL {
            assert_eq!(scope.word().parse(), Ok(scope));
        }
        assert!("root".parse::<Scope>().is_err());
    }
}
