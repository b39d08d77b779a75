//! What the probe mail needs of the definitions: a service of its own, whose page ends in the gateway itself.
//!
//! Only the running gateway adds it: to people it is no service, and its incidents are counted apart.

use std::sync::Arc;

use jiff::SignedDuration;

use super::pack;
use super::problem::SourceFile;
use crate::domain::Definitions;
use crate::domain::escalation::{Policy, Step};
use crate::domain::handling::Handling;
use crate::domain::roster::{Channel, ContactMethod, User};
use crate::domain::rulebook::{AddressPattern, PROBE, Service};
use crate::domain::ruleset::RuleSet;
use crate::domain::target::Target;

/// How its mails are read; see `crate::probe` for what they look like.
const RULES: &str = r#"
[[rule]]
name = "probe"
action = { from = "what", map = { begins = "trigger", ends = "resolve" } }
dedup_key = "probe/{id}"
severity = "info"

[rule.when]
subject = '^nightcall probe (?<id>[0-9a-f]{32}) (?<what>begins|ends)$'
"#;

/// Adds it.
#[must_use]
pub fn with_probe(mut definitions: Definitions) -> Definitions {
    let source = SourceFile { name: PROBE.to_owned(), path: None, text: RULES.to_owned() };
    let (file, problems) = pack::read(PROBE, &Arc::new(source));
    debug_assert!(problems.is_empty(), "{problems:?}");
    let step = Step { delay: SignedDuration::from_mins(5), targets: vec![Target::User(PROBE.to_owned())] };
    let (ack_timeout, fallback_repeat) = (None, SignedDuration::from_mins(30));
    let policy = Policy { name: PROBE.to_owned(), steps: vec![step], rounds: 1, ack_timeout, fallback_repeat };
    let user = User::new(PROBE, vec![ContactMethod::new(Channel::Sink, "")]);
    definitions.roster.policies.insert(PROBE.to_owned(), policy);
    definitions.roster.users.insert(PROBE.to_owned(), user);
    definitions.rulebook.services.push(Arc::new(Service {
        name: PROBE.to_owned(),
        addresses: vec![AddressPattern { mailbox: Some(PROBE.to_owned()), domain: None }],
        rules: Arc::new(RuleSet::new(file.pack.rules.clone())),
        // One whose recovery got lost ends by itself, long before it would call anybody.
        handling: Handling { inactive_after: Some(SignedDuration::from_mins(2)), ..Handling::by_policy(PROBE) },
        senders: None,
    }));
    definitions
}
