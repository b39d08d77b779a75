//! Who changes something: a person, a script, or nightcall itself, and by what way.
//!
//! Whatever somebody changes is told twice: on timelines by name, and in the trail with the way it came by.

use std::fmt;

use super::channel::Channel;

/// By what way a change is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nobody asked: a mail, a timer or the auditor did it.
    Ourselves,
    /// A page in a browser.
    Page,
    /// The API.
    Api,
    /// The command line, on the database itself.
    CommandLine,
    /// An answer to what we told somebody: a key on the phone, a button, a text.
    Answer(Channel),
    /// Files that were changed.
    Files,
}

impl Way {
    /// The word for it in the trail.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ourselves => "itself",
            Self::Page => "page",
            Self::Api => "api",
            Self::CommandLine => "command line",
            Self::Answer(channel) => channel.word(),
            Self::Files => "files",
        }
    }
}

/// Whoever changes something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    /// A person, or the name of a token.
    pub who: String,
    /// By what.
    pub way: Way,
    /// From where, as far as it is known: an address of the network, a user of the machine.
    pub origin: String,
}

impl Actor {
    /// Nobody but ourselves: "timer", "mail (rule)".
    pub fn ourselves(name: impl Into<String>) -> Self {
        let name = name.into();
        Self { who: name.clone(), name, way: Way::Ourselves, origin: String::new() }
    }

    /// Somebody in a browser at this address.
    pub fn page(person: &str, origin: &str) -> Self {
        Self::new(format!("{person} by web"), person, Way::Page, origin)
    }

    /// A script with a token of this name.
    pub fn token(name: &str, origin: &str) -> Self {
        Self::new(format!("token {name}"), &format!("token {name}"), Way::Api, origin)
    }

    /// Somebody who has the database itself; the user of the machine as it says.
    pub fn command_line(user: &str) -> Self {
        Self::new("command line".to_owned(), "command line", Way::CommandLine, user)
    }

    /// Somebody who answers what they were told; the address they answer from, where it is known.
    pub fn answering(person: &str, channel: Channel, origin: &str) -> Self {
        Self::new(format!("{person} by {channel}"), person, Way::Answer(channel), origin)
    }

    /// Whoever has changed the files of this node.
    pub fn files(node: &str) -> Self {
        Self::new("files".to_owned(), "files", Way::Files, node)
    }

    fn new(name: String, who: &str, way: Way, origin: &str) -> Self {
        Self { name, who: who.to_owned(), way, origin: origin.to_owned() }
    }

    /// The name on timelines.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, told by another name on timelines.
    #[must_use]
    pub fn named(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Whether this is somebody else than ourselves, so that the trail must tell it.
    pub fn is_somebody(&self) -> bool {
        self.way != Way::Ourselves
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timelines_know_people_by_their_way() {
        for (actor, name, who, is_somebody) in [
            (Actor::ourselves("timer"), "timer", "timer", false),
            (Actor::page("ann", "::1"), "ann by web", "ann", true),
            (Actor::token("ops", "::1"), "token ops", "token ops", true),
            (Actor::command_line("root"), "command line", "command line", true),
            (Actor::answering("bob", Channel::Sms, "+49151"), "bob by sms", "bob", true),
        ] {
            assert_eq!((actor.name(), actor.who.as_str(), actor.is_somebody()), (name, who, is_somebody));
            assert_eq!(actor.to_string(), name);
        }
        let released = Actor::page("ann", "::1").named("ann by reprocessing (x)".to_owned());
        assert_eq!((released.name(), released.who.as_str()), ("ann by reprocessing (x)", "ann"));
    }
}
