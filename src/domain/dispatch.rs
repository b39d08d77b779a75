//! Which due notifications are sent now, and together with which.
//!
//! In a storm thousands of incidents want the same person. One call tells of all of them, one call at a time, and
//! what goes beyond the budget of a contact method waits; nothing is ever dropped (I32). Asked before every round of
//! sending, with what is due and still open: what has been acknowledged must not be in it any more (I31).
//!
//! A worse incident does not break the spacing of a line. It would save a minute at the most, the person has just
//! been called and is at the phone or will not be in a minute either, and a storm that grows worse step by step would
//! ring without a pause. The hourly budget has no exception either; it is spent ever more slowly, so that a phone that
//! rang all the time is never silent for long, and escalation goes on to the next person meanwhile.
//!
//! What a line waits for. Lines compete only for the number of bundles of a plan. No line has its second bundle in a
//! plan before every other one has its first, and a line that bundles is out for its spacing once it was sent to. So a
//! free line that bundles is sent to within (lines / limit, rounded up) plans, however bad what the others have is, as
//! long as these plans fall into one spacing of the others. Webhooks have no spacing: each that has worse to tell takes
//! one place of every plan. Within a line the worst goes first, [`BUNDLE_MAX`] at a time.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};

use jiff::{SignedDuration, Timestamp};

use super::alert::Severity;
use super::channel::{Channel, Manner};

#[cfg(test)]
mod tests;

/// Notifications in one bundle at the most: what one answer acknowledges stays a small transaction.
pub const BUNDLE_MAX: usize = 1000;

/// Sends a line remembers at the most: as many as the largest hourly budget counts.
pub const SENT_MAX: usize = 600;

/// How long a line can be busy. A mark further ahead was set by a clock that has gone back since, and is not believed.
pub const BUSY_MAX: SignedDuration = SignedDuration::from_mins(10);

/// What an hourly budget looks back on.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A notification that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// The notification's own id; unique.
    pub id: String,
    /// Number of the incident it tells of.
    pub incident: i64,
    /// How it travels.
    pub channel: Channel,
    /// Where it goes: phone number, URL, or whatever the channel calls an address.
    pub address: String,
    /// How bad the incident is.
    pub severity: Severity,
    /// Since when it has been due.
    pub due_at: Timestamp,
}

/// One contact method as the database remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Until when the send under way is waited for, should nobody say that it has ended.
    pub busy_until: Option<Timestamp>,
    /// When it was sent to, oldest first: at most an hour back and at most [`SENT_MAX`] times.
    pub sent_at: Vec<Timestamp>,
}

/// What a channel allows for one contact method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// A person reads it: what is due goes together, and one send ends before the next begins. Otherwise each
    /// notification goes alone and does not wait for another.
    pub bundles: bool,
    /// Least time from the beginning of a send to the beginning of the next; at most an hour.
    pub spacing: SignedDuration,
    /// From so many sends in an hour on, `wide` is the spacing: the rest of the hour's budget lasts for its end.
    pub many: u32,
    /// The wider spacing; at most an hour.
    pub wide: SignedDuration,
    /// Sends in any hour at the most. `u32::MAX` is no limit; else it counts as at least 1, so that nothing waits for
    /// ever, and at most [`SENT_MAX`].
    pub per_hour: u32,
}

/// What goes out now over one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle<'a> {
    /// How it travels.
    pub channel: Channel,
    /// Where it goes.
    pub address: &'a str,
    /// What it tells of: worst severity first, then oldest incident. Never empty, at most [`BUNDLE_MAX`].
    pub due: Vec<&'a Due>,
}

/// Chooses what is sent now, at most `limit` bundles: the worst first, then what has waited longest. The order of
/// `due` does not matter. What is not chosen stays due and is asked for again; what is chosen must be recorded with
/// [`Line::sent`] before the next plan. `line` finds a contact method; one that it does not know was never sent to.
pub fn plan<'a, 'l>(
    due: &'a [Due],
    line: impl Fn(Channel, &str) -> Option<&'l Line>,
    now: Timestamp,
    limit: usize,
) -> Vec<Bundle<'a>> {
    let mut waiting: HashMap<(Channel, &str), Vec<&Due>> = HashMap::new();
    for due in due {
        waiting.entry((due.channel, due.address.as_str())).or_default().push(due);
    }
    let mut bundles = Vec::new();
    for ((channel, address), mut due) in waiting {
        let budget = Budget::of(channel);
        let room = line(channel, address).map_or_else(|| budget.at_once(), |line| line.room(&budget, now)).min(limit);
        let size = if budget.bundles { BUNDLE_MAX } else { 1 };
        keep_worst(&mut due, room.saturating_mul(size));
        let of_line = due.chunks(size).map(|due| Bundle { channel, address, due: due.to_vec() });
        bundles.extend(of_line.enumerate());
    }
    bundles.sort_unstable_by_key(|(round, bundle)| (*round, bundle.rank()));
    bundles.truncate(limit);
    bundles.into_iter().map(|(_, bundle)| bundle).collect()
}

/// Keeps so many, worst first. The rest of a storm is not put in order.
fn keep_worst(due: &mut Vec<&Due>, count: usize) {
    if count < due.len() {
        due.select_nth_unstable_by(count, |left, right| left.rank().cmp(&right.rank()));
        due.truncate(count);
    }
    due.sort_unstable_by(|left, right| left.rank().cmp(&right.rank()));
}

impl Due {
    /// Its place within a line, the first is the least. The id makes it the same whatever the order of the input.
    fn rank(&self) -> (Reverse<Severity>, i64, Timestamp, &str) {
        (Reverse(self.severity), self.incident, self.due_at, &self.id)
    }
}

impl<'a> Bundle<'a> {
    /// The incidents it tells of, worst first, each once: a person who is told twice of one would count wrongly.
    pub fn incidents(&self) -> Vec<i64> {
        let mut told = HashSet::with_capacity(self.due.len());
        self.due.iter().map(|due| due.incident).filter(|incident| told.insert(*incident)).collect()
    }

    /// Its place among the bundles of other lines, the first is the least.
    fn rank(&self) -> (Reverse<Option<Severity>>, Option<Timestamp>, Channel, &'a str) {
        let worst = self.due.first().map(|due| due.severity);
        let waiting_since = self.due.iter().map(|due| due.due_at).min();
        (Reverse(worst), waiting_since, self.channel, self.address)
    }
}

impl Budget {
    /// The budget of a channel. A call a minute leaves time to answer one and to put the phone down; a console prints
    /// at once what is due. Providers of chat and push want about a message a second, some robots 20 a minute, and mute
    /// who goes beyond; a program wants each notification at once.
    pub fn of(channel: Channel) -> Self {
        let unlimited = Self {
            bundles: false,
            spacing: SignedDuration::ZERO,
            many: u32::MAX,
            wide: SignedDuration::ZERO,
            per_hour: u32::MAX,
        };
        let bundled = |seconds| Self { bundles: true, spacing: SignedDuration::from_secs(seconds), ..unlimited };
        match (channel, channel.manner()) {
            (_, Manner::Rings) => Self { many: 10, wide: SignedDuration::from_mins(5), per_hour: 20, ..bundled(60) },
            (Channel::DingTalk | Channel::WeCom, _) => bundled(4),
            (_, Manner::Read) => bundled(3),
            (Channel::Console, _) => bundled(0),
            (_, Manner::Program | Manner::Own) => unlimited,
        }
    }

    /// Sends in any hour at the most; none: no limit.
    fn hourly(&self) -> Option<usize> {
        (self.per_hour != u32::MAX)
            .then(|| usize::try_from(self.per_hour).map_or(SENT_MAX, |count| count.clamp(1, SENT_MAX)))
    }

    /// Sends that may begin at the same moment over a line that was never sent to.
    fn at_once(&self) -> usize {
        if self.bundles || self.spacing.is_positive() { 1 } else { self.hourly().unwrap_or(usize::MAX) }
    }
}

impl Line {
    /// When the next send may begin; `now` if nothing is in its way. A send in the future was recorded before the clock
    /// went back: it does not count, because a call too many is better than a silent line.
    pub fn free_at(&self, budget: &Budget, now: Timestamp) -> Timestamp {
        let believed = after(now, BUSY_MAX);
        let busy = self.busy_until.filter(|until| budget.bundles && *until <= believed);
        let past = self.past(now);
        let lately = past.len() - past.partition_point(|sent| after(*sent, HOUR) <= now);
        let wide = lately >= usize::try_from(budget.many).unwrap_or(usize::MAX);
        let spacing = if wide { budget.wide.max(budget.spacing) } else { budget.spacing };
        // Of a send that was waited for in vain nobody knows whether it was heard: the next does not wait for it.
        let lost = budget.bundles && self.busy_until.is_some_and(|until| until <= now);
        let spaced = past.last().filter(|_| !lost).map(|last| after(*last, spacing));
        let counted = budget.hourly().and_then(|most| past.len().checked_sub(most)).and_then(|first| past.get(first));
        let counted = counted.map(|first| after(*first, HOUR));
        [busy, spaced, counted].into_iter().flatten().fold(now, Timestamp::max)
    }

    /// Records a send that begins now and is waited for until `busy_until`, [`BUSY_MAX`] at the longest. Forgets what
    /// no budget counts any more: sends an hour ago, and sends in the future.
    pub fn sent(&mut self, now: Timestamp, busy_until: Timestamp) {
        self.sent_at.retain(|sent| *sent <= now && after(*sent, HOUR) > now);
        self.sent_at.push(now);
        let surplus = self.sent_at.len().saturating_sub(SENT_MAX);
        self.sent_at.drain(..surplus);
        self.busy_until = Some(busy_until.min(after(now, BUSY_MAX)));
    }

    /// Records that the send that began last came to nothing: nobody heard it, so it counts for no budget.
    pub fn failed(&mut self) {
        self.sent_at.pop();
        self.busy_until = None;
    }

    /// Records that the send under way is waited for until then, [`BUSY_MAX`] at the longest.
    pub fn goes_on(&mut self, now: Timestamp, until: Timestamp) {
        self.busy_until = Some(until.min(after(now, BUSY_MAX)));
    }

    /// Records that the send under way has ended. The spacing still counts from its beginning.
    pub fn ended(&mut self) {
        self.busy_until = None;
    }

    /// Sends that may begin now.
    fn room(&self, budget: &Budget, now: Timestamp) -> usize {
        if self.free_at(budget, now) > now {
            return 0;
        }
        let past = self.past(now);
        let counted = past.len() - past.partition_point(|sent| after(*sent, HOUR) <= now);
        let left = budget.hourly().map_or(usize::MAX, |most| most.saturating_sub(counted));
        budget.at_once().min(left)
    }

    /// Sends up to now.
    fn past(&self, now: Timestamp) -> &[Timestamp] {
        &self.sent_at[..self.sent_at.partition_point(|sent| *sent <= now)]
    }
}

/// The later time, or the last there is.
fn after(time: Timestamp, wait: SignedDuration) -> Timestamp {
    time.checked_add(wait).unwrap_or(Timestamp::MAX)
}
