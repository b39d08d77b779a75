//! The pure core: what a mail claims, what an incident becomes, who is called next.
//!
//! Every function here is a function of (state, event, now). Nothing in this folder reads a clock,
//! a socket, a file or a database, writes a log line or draws a random number; `tests/it/tidy.rs`
//! holds it to that. The engine executes what these functions return.

pub mod act;
pub mod actor;
pub mod alert;
pub mod aside;
pub mod authentication;
pub mod calendar;
pub mod channel;
mod charset;
pub mod choice;
pub mod civil_time;
pub mod client;
pub mod code;
pub mod criterion;
pub mod dependency;
pub mod dispatch;
pub mod escalation;
pub mod field;
pub mod follow_up;
pub mod forecast;
pub mod handling;
pub mod heartbeat;
pub mod hex;
pub mod hold;
pub mod html;
pub mod incident;
pub mod ledger;
pub mod mail;
pub mod matcher;
pub mod network;
pub mod notice;
pub mod notification;
pub mod numbers;
pub mod outlook;
pub mod pattern;
pub mod prefilter;
pub mod recogniser;
pub mod request;
pub mod role;
pub mod roster;
pub mod rule;
pub mod rulebook;
pub mod ruleset;
pub mod schedule;
pub mod scope;
pub mod sender_policy;
pub mod silence;
pub mod situation;
pub mod stretch;
pub mod subject;
pub mod target;
pub mod template;
pub mod transform;
pub mod window;
pub mod workbench;

use std::collections::BTreeMap;

/// Everything that definition files say, checked: one consistent set, replaced as a whole.
#[derive(Debug, Clone, Default)]
pub struct Definitions {
    /// Tells sets apart: a digest of the files they were read from.
    pub version: String,
    /// The files, by name, with a digest of each: what tells two sets apart.
    pub files: BTreeMap<String, String>,
    /// Services and their rules.
    pub rulebook: rulebook::Rulebook,
    /// People and policies.
    pub roster: roster::Roster,
    /// Texts in place of ours, by name; checked, and read by whoever says something.
    pub templates: BTreeMap<String, String>,
}
