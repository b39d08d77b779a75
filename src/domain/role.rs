//! What somebody may do on the pages: everywhere, and for services of their team.

use std::collections::BTreeMap;
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

/// What a person may do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    /// Where nothing else is said.
    pub role: Role,
    /// For these services instead, more or less than elsewhere.
    pub services: BTreeMap<String, Role>,
}

/// What an act is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// No service, or all of them.
    Everything,
    /// All of these services.
    Each(Vec<String>),
    /// One of these services is enough: what they share.
    AnyOf(Vec<String>),
    /// Nothing that exists. Whoever may do it anywhere is told so.
    Nothing,
}

impl Rights {
    /// The same everywhere.
    pub fn everywhere(role: Role) -> Self {
        Self { role, services: BTreeMap::new() }
    }

    /// What they may do for a service.
    pub fn for_service(&self, service: &str) -> Role {
        self.services.get(service).copied().unwrap_or(self.role)
    }

    /// The most they may do for any service.
    pub fn somewhere(&self) -> Role {
        self.services.values().copied().fold(self.role, Role::max)
    }

    /// Whether they may do what takes at least this.
    pub fn suffice(&self, least: Role, reach: &Reach) -> bool {
        match reach {
            // Whoever may do less for one of them may not act on all of them.
            Reach::Everything => self.role >= least && self.services.values().all(|role| *role >= least),
            Reach::Each(services) => services.iter().all(|service| self.for_service(service) >= least),
            Reach::AnyOf(services) => {
                self.role >= least || services.iter().any(|service| self.for_service(service) >= least)
            }
            Reach::Nothing => self.somewhere() >= least,
        }
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.role)?;
        self.services.iter().try_for_each(|(service, role)| write!(f, "; {service}: {role}"))
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

    #[test]
    fn a_team_may_do_more_or_less_for_its_services() {
        let each = |services: &[&str]| Reach::Each(services.iter().map(|&service| service.to_owned()).collect());
        let any = |services: &[&str]| Reach::AnyOf(services.iter().map(|&service| service.to_owned()).collect());
        let rights = |role, services: &[(&str, Role)]| Rights {
            role,
            services: services.iter().map(|(service, role)| ((*service).to_owned(), *role)).collect(),
        };
        let team = rights(Role::Viewer, &[("db", Role::Responder), ("web", Role::Admin)]);
        let guest = rights(Role::Responder, &[("db", Role::Viewer)]);
        for (rights, least, reach, expected) in [
            (&team, Role::Responder, each(&["db"]), true),
            (&team, Role::Admin, each(&["db"]), false),
            (&team, Role::Admin, each(&["web"]), true),
            (&team, Role::Responder, each(&["db", "web"]), true),
            (&team, Role::Responder, each(&["db", "mail"]), false),
            (&team, Role::Responder, any(&["db", "mail"]), true),
            (&team, Role::Responder, any(&["mail"]), false),
            (&team, Role::Responder, any(&[]), false),
            (&team, Role::Viewer, Reach::Everything, true),
            (&team, Role::Responder, Reach::Everything, false),
            (&team, Role::Admin, Reach::Nothing, true),
            (&guest, Role::Responder, each(&["mail"]), true),
            (&guest, Role::Responder, each(&["db"]), false),
            (&guest, Role::Responder, Reach::Everything, false),
            (&guest, Role::Responder, any(&["db"]), true),
            (&guest, Role::Admin, Reach::Nothing, false),
        ] {
            assert_eq!(rights.suffice(least, &reach), expected, "{rights} {least} {reach:?}");
        }
        assert_eq!(team.to_string(), "viewer; db: responder; web: admin");
        assert!(Rights::everywhere(Role::Admin).suffice(Role::Admin, &Reach::Everything));
    }
}
