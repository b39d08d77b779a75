//! The pure core: what a mail claims, what an incident becomes, who is called next.
//!
//! Every function here is a function of (state, event, now). Nothing in this folder reads a clock,
//! a socket, a file or a database, writes a log line or draws a random number; `tests/it/tidy.rs`
//! holds it to that. The engine executes what these functions return.

pub mod alert;
pub mod escalation;
pub mod incident;
pub mod mail;
pub mod notification;
pub mod roster;
pub mod rule;
pub mod rulebook;
pub mod subject;
pub mod template;

/// Everything that definition files say, checked: one consistent set, replaced as a whole.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// Services and their rules.
    pub rulebook: rulebook::Rulebook,
    /// People and policies.
    pub roster: roster::Roster,
}
