//! What pages and API tell of the house: the other nodes, how their definitions differ, and how channels have fared.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};

use super::Shared;
use crate::domain::roster::Channel;
use crate::store;
use crate::store::node::Node;
use crate::store::notice::Contact;

/// Nodes that have been silent for longer are gone for good.
const NODES_SINCE: SignedDuration = SignedDuration::from_hours(24);

/// A node writes every few seconds; one that has not for so long is away.
const AWAY: SignedDuration = SignedDuration::from_secs(30);

/// Another process on the same database.
pub(super) struct Seen {
    /// What it says of itself.
    pub(super) node: Node,
    /// It has not written for a while.
    pub(super) is_away: bool,
    /// What differs from the definitions here, in words.
    pub(super) differences: Vec<String>,
}

/// How what is said by a channel has fared.
pub(super) struct Used {
    /// The channel.
    pub(super) channel: &'static str,
    /// When something was last taken or answered.
    pub(super) taken_at: Option<Timestamp>,
    /// When something last failed for good, and why.
    pub(super) failed: Option<(Timestamp, String)>,
}

impl Used {
    /// Whether nothing was taken since it failed.
    pub(super) fn is_wrong(&self) -> bool {
        self.failed.as_ref().is_some_and(|(at, _)| self.taken_at.is_none_or(|taken| *at > taken))
    }
}

/// The other processes that have worked on this database lately.
pub(super) async fn others(app: &Shared, now: Timestamp) -> Result<Vec<Seen>, store::Error> {
    let since = now.checked_sub(NODES_SINCE).unwrap_or(Timestamp::MIN);
    let others = app.engine.store().nodes(since).await?.into_iter().filter(|node| node.name != app.node);
    let definitions = app.engine.definitions();
    let seen = |node: Node| Seen {
        is_away: node.seen_at.duration_until(now) > AWAY,
        differences: differences(&definitions.files, &node.files),
        node,
    };
    Ok(others.map(seen).collect())
}

/// How two sets of files differ, in words.
fn differences(here: &BTreeMap<String, String>, there: &BTreeMap<String, String>) -> Vec<String> {
    let of_here = here.iter().filter_map(|(name, digest)| match there.get(name) {
        Some(other) if other == digest => None,
        Some(_) => Some(format!("{name} is another one there")),
        None => Some(format!("{name} is only here")),
    });
    let of_there = there.keys().filter(|name| !here.contains_key(*name)).map(|name| format!("{name} is only there"));
    of_here.chain(of_there).collect()
}

/// What became last of what was said by each channel, whoever it was for.
pub(super) fn channels(contacts: &HashMap<(Channel, String), Contact>) -> Vec<Used> {
    let mut by_channel: BTreeMap<&'static str, Vec<&Contact>> = BTreeMap::new();
    for ((channel, _), contact) in contacts {
        by_channel.entry(channel.word()).or_default().push(contact);
    }
    let used = |(channel, contacts): (&'static str, Vec<&Contact>)| Used {
        channel,
        taken_at: contacts.iter().filter_map(|contact| contact.accepted_at.max(contact.answered_at)).max(),
        failed: contacts.iter().filter_map(|contact| contact.failed_at.zip(contact.failed_why.clone())).max(),
    };
    by_channel.into_iter().map(used).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_differ_are_named() {
        let files = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(name, digest)| ((*name).to_owned(), (*digest).to_owned())).collect()
        };
        let here = files(&[("a.toml", "1"), ("b.toml", "2"), ("c.toml", "3")]);
        let there = files(&[("a.toml", "1"), ("b.toml", "9"), ("d.toml", "4")]);
        assert_eq!(
            differences(&here, &there),
            ["b.toml is another one there", "c.toml is only here", "d.toml is only there"]
        );
        assert!(differences(&here, &here).is_empty());
    }
}
