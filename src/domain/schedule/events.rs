//! The shifts of a calendar, in an order in which few of them are looked at.

use std::ops::Deref;

use jiff::Timestamp;

use super::super::stretch::Stretch;
use super::Event;

/// Events by start. Those that matter at some time are found by two binary searches: none from the first that starts
/// too late, and none before the first that, with all before it, has ended. Only what overlaps a very long event is
/// looked at in vain.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Events {
    by_start: Vec<Event>,
    /// For each event, when it and all before it have ended.
    all_ended: Vec<Timestamp>,
}

impl Events {
    /// Those that are running at an instant.
    pub(super) fn at(&self, at: Timestamp) -> impl Iterator<Item = &Event> {
        let begun = self.by_start.partition_point(|event| event.starts_at <= at);
        self.unended(at, begun).iter().filter(move |event| event.ends_at > at)
    }

    /// A list that has all that overlap a range, and few others.
    pub(super) fn around(&self, range: Stretch) -> &[Event] {
        let begun = self.by_start.partition_point(|event| event.starts_at < range.1);
        self.unended(range.0, begun)
    }

    fn unended(&self, at: Timestamp, begun: usize) -> &[Event] {
        let ended = self.all_ended.partition_point(|end| *end <= at);
        self.by_start.get(ended..begun).unwrap_or_default()
    }
}

impl From<Vec<Event>> for Events {
    fn from(mut by_start: Vec<Event>) -> Self {
        by_start.sort_by(|one, other| (one.starts_at, &one.user).cmp(&(other.starts_at, &other.user)));
        let mut latest = Timestamp::MIN;
        let ended = |event: &Event| {
            latest = latest.max(event.ends_at);
            latest
        };
        let all_ended = by_start.iter().map(ended).collect();
        Self { by_start, all_ended }
    }
}

impl FromIterator<Event> for Events {
    fn from_iter<T: IntoIterator<Item = Event>>(events: T) -> Self {
        Self::from(events.into_iter().collect::<Vec<_>>())
    }
}

impl Deref for Events {
    type Target = [Event];

    fn deref(&self) -> &[Event] {
        &self.by_start
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_found_is_what_looking_at_all_finds(
            list in prop::collection::vec((0_i64..40, -3_i64..20), 0..12), now in 0_i64..60, length in 1_i64..9,
        ) {
            let event = |(number, (from, length)): (usize, &(i64, i64))| {
                Event { user: number.to_string(), starts_at: at(*from), ends_at: at(from + length) }
            };
            let events: Events = list.iter().enumerate().map(event).collect();
            let users = |found: Vec<&Event>| {
                let mut users: Vec<String> = found.into_iter().map(|event| event.user.clone()).collect();
                users.sort();
                users
            };
            let range = (at(now), at(now + length));
            let running = |event: &&Event| event.starts_at <= range.0 && range.0 < event.ends_at;
            prop_assert_eq!(users(events.at(range.0).collect()), users(events.iter().filter(running).collect()));
            let overlaps = |event: &&Event| event.starts_at.max(range.0) < event.ends_at.min(range.1);
            let around = events.around(range).iter().filter(overlaps).collect();
            prop_assert_eq!(users(around), users(events.iter().filter(overlaps).collect()));
        }
    }
}
