//! The model database: serialisable transactions over plain rows.
//!
//! A transaction stages what it writes. At every call the node may be killed; then nothing of it is left. Whether a
//! commit is made, and whether its caller gets to know, is decided by the world.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use nightcall::domain::alert::Action;
use nightcall::domain::incident::{Cause, Change, Event, Incident, Kind, Status as IncidentStatus};
use nightcall::domain::notification::{Planned, Status};
use nightcall::domain::silence::Silence;
use nightcall::domain::situation::{Parent, Swap};

/// How long a mail is recognised when it comes again, as in the engine's intake.
const REPEAT_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// A notification's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) id: u64,
    pub(super) incident: i64,
    pub(super) page: i64,
    pub(super) planned: Planned,
    pub(super) status: Status,
    pub(super) attempts: i64,
    pub(super) rings: i64,
    pub(super) due_at: Timestamp,
    pub(super) called_in: bool,
    pub(super) provider_ref: Option<String>,
    pub(super) lease: Option<(u64, Timestamp)>,
}

/// A stored mail: which one it is, and what became of it.
#[derive(Debug, Clone)]
pub(super) struct StoredMail {
    pub(super) mail: usize,
    pub(super) received_at: Timestamp,
    pub(super) outcome: MailOutcome,
}

/// What became of a mail (I2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MailOutcome {
    Opened(i64),
    Touched(i64, Action),
    NothingOpen,
    Repeated,
}

/// Something that happened to an incident, for the checks.
#[derive(Debug, Clone)]
pub(super) struct Happened {
    pub(super) before: Option<Incident>,
    pub(super) event: Event,
    pub(super) cause: Cause,
    pub(super) change: Change,
    pub(super) now: Timestamp,
    /// Silenced or in maintenance, at that instant.
    pub(super) hushed: bool,
}

#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) incidents: BTreeMap<i64, Incident>,
    pub(super) rows: BTreeMap<u64, Row>,
    pub(super) mails: Vec<StoredMail>,
    pub(super) overrides: Vec<Swap>,
    pub(super) silences: Vec<Silence>,
    pub(super) leases: u64,
    /// What was told of which incident, oldest first.
    pub(super) timeline: Vec<(i64, Kind)>,
    /// When the next timer is due.
    pub(super) next_timer: Option<Timestamp>,
    /// When the next notification may be taken.
    pub(super) next_row: Option<Timestamp>,
}

/// What a transaction has written so far.
#[derive(Debug, Default)]
pub(super) struct Staged {
    incidents: BTreeMap<i64, Incident>,
    pub(super) rows: BTreeMap<u64, Row>,
    mails: Vec<StoredMail>,
    overrides: Option<Vec<Swap>>,
    silences: Option<Vec<Silence>>,
    leases: u64,
    pub(super) happened: Vec<Happened>,
}

/// The node was killed in the middle of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Killed;

/// A transaction.
pub(super) struct Tx<'a> {
    base: &'a Database,
    pub(super) staged: Staged,
    /// Calls until the node is killed.
    fuse: Option<u32>,
}

impl<'a> Tx<'a> {
    pub(super) fn begin(base: &'a Database, fuse: Option<u32>) -> Self {
        Self { base, staged: Staged::default(), fuse }
    }

    /// One call to the database.
    fn call(&mut self) -> Result<(), Killed> {
        match &mut self.fuse {
            Some(0) => return Err(Killed),
            Some(calls) => *calls -= 1,
            None => {}
        }
        Ok(())
    }

    pub(super) fn incident(&mut self, number: i64) -> Result<Option<Incident>, Killed> {
        self.call()?;
        Ok(self.staged.incidents.get(&number).or_else(|| self.base.incidents.get(&number)).cloned())
    }

    fn all_incidents(&self) -> impl Iterator<Item = &Incident> {
        let base = self.base.incidents.values().filter(|known| !self.staged.incidents.contains_key(&known.number));
        base.chain(self.staged.incidents.values())
    }

    pub(super) fn open_incident(&mut self, service: &str, key: &str) -> Result<Option<Incident>, Killed> {
        self.call()?;
        let is_it = |incident: &&Incident| {
            incident.status != IncidentStatus::Resolved && incident.service == service && incident.dedup_key == key
        };
        Ok(self.all_incidents().find(is_it).cloned())
    }

    pub(super) fn open_parent(&mut self, service: &str, key: Option<&str>) -> Result<Option<Parent>, Killed> {
        self.call()?;
        let is_it = |incident: &&Incident| {
            incident.service == service
                && incident.resolved_at.is_none()
                && key.is_none_or(|key| key == incident.dedup_key)
        };
        let parent = self.all_incidents().filter(is_it).min_by_key(|incident| incident.number);
        Ok(parent.map(|parent| Parent {
            number: parent.number,
            summary: parent.summary.clone(),
            opened_at: parent.opened_at,
        }))
    }

    pub(super) fn opened_since(&mut self, service: &str, key: &str, since: Timestamp) -> Result<u32, Killed> {
        self.call()?;
        let is_it = |incident: &&Incident| {
            incident.service == service && incident.dedup_key == key && incident.opened_at >= since
        };
        Ok(u32::try_from(self.all_incidents().filter(is_it).count()).unwrap_or(u32::MAX))
    }

    pub(super) fn next_number(&mut self) -> Result<i64, Killed> {
        self.call()?;
        Ok(self.all_incidents().map(|incident| incident.number).max().unwrap_or_default() + 1)
    }

    pub(super) fn store_incident(&mut self, incident: &Incident) -> Result<(), Killed> {
        self.call()?;
        self.staged.incidents.insert(incident.number, incident.clone());
        Ok(())
    }

    pub(super) fn held_incidents(&mut self) -> Result<Vec<i64>, Killed> {
        self.call()?;
        let held = self.all_incidents().filter(|it| it.held.is_some() && it.resolved_at.is_none());
        Ok(held.map(|incident| incident.number).collect())
    }

    pub(super) fn row(&mut self, id: u64) -> Result<Option<Row>, Killed> {
        self.call()?;
        Ok(self.staged.rows.get(&id).or_else(|| self.base.rows.get(&id)).cloned())
    }

    fn all_rows(&self) -> impl Iterator<Item = &Row> {
        let base = self.base.rows.values().filter(|known| !self.staged.rows.contains_key(&known.id));
        base.chain(self.staged.rows.values())
    }

    pub(super) fn rows_of(&mut self, incident: i64) -> Result<Vec<Row>, Killed> {
        self.call()?;
        Ok(self.all_rows().filter(|row| row.incident == incident).cloned().collect())
    }

    /// Notifications that a worker may take, in order.
    pub(super) fn due_rows(&mut self, may_be_taken: impl Fn(&Row) -> bool) -> Result<Vec<Row>, Killed> {
        self.call()?;
        let mut due: Vec<Row> = self.all_rows().filter(|row| may_be_taken(row)).cloned().collect();
        due.sort_by_key(|row| (row.due_at, row.id));
        Ok(due)
    }

    /// Plans a notification; planned twice it stays one (I24).
    pub(super) fn insert_row(
        &mut self,
        page: (i64, i64),
        planned: &Planned,
        called_in: bool,
        now: Timestamp,
    ) -> Result<(), Killed> {
        self.call()?;
        let same = |row: &Row| {
            let (one, other) = (&row.planned, planned);
            (row.incident, row.page) == page
                && (&one.user, one.channel, &one.address) == (&other.user, other.channel, &other.address)
        };
        if !self.all_rows().any(same) {
            let newest = [&self.base.rows, &self.staged.rows].map(|rows| rows.keys().next_back().copied());
            let id = newest.into_iter().flatten().max().unwrap_or_default() + 1;
            let row = Row {
                id,
                incident: page.0,
                page: page.1,
                planned: planned.clone(),
                status: Status::Pending,
                attempts: 0,
                rings: 0,
                due_at: now + planned.wait,
                called_in,
                provider_ref: None,
                lease: None,
            };
            self.staged.rows.insert(id, row);
        }
        Ok(())
    }

    pub(super) fn store_row(&mut self, row: Row) -> Result<(), Killed> {
        self.call()?;
        self.staged.rows.insert(row.id, row);
        Ok(())
    }

    /// A token that no other lease has.
    pub(super) fn lease_token(&mut self) -> u64 {
        self.staged.leases += 1;
        self.base.leases + self.staged.leases
    }

    /// Whether this mail has been stored before, as far back as one looks.
    pub(super) fn was_delivered(&mut self, mail: usize, now: Timestamp) -> Result<bool, Killed> {
        self.call()?;
        Ok(self.base.mails.iter().any(|known| known.mail == mail && known.received_at >= now - REPEAT_WINDOW))
    }

    pub(super) fn insert_mail(&mut self, mail: StoredMail) -> Result<(), Killed> {
        self.call()?;
        self.staged.mails.push(mail);
        Ok(())
    }

    /// What people have arranged and is not over.
    pub(super) fn arranged(&mut self, now: Timestamp) -> Result<(Vec<Swap>, Vec<Silence>), Killed> {
        self.call()?;
        let overrides = self.staged.overrides.as_ref().unwrap_or(&self.base.overrides);
        let silences = self.staged.silences.as_ref().unwrap_or(&self.base.silences);
        Ok((
            overrides.iter().filter(|swap| swap.shift.ends_at > now).cloned().collect(),
            silences.iter().filter(|silence| silence.ends_at > now).cloned().collect(),
        ))
    }

    pub(super) fn overrides(&mut self) -> Result<&mut Vec<Swap>, Killed> {
        self.call()?;
        Ok(self.staged.overrides.get_or_insert_with(|| self.base.overrides.clone()))
    }

    pub(super) fn silences(&mut self) -> Result<&mut Vec<Silence>, Killed> {
        self.call()?;
        Ok(self.staged.silences.get_or_insert_with(|| self.base.silences.clone()))
    }
}

impl Database {
    /// Makes what a transaction has staged durable.
    pub(super) fn commit(&mut self, staged: &Staged) {
        self.incidents.extend(staged.incidents.iter().map(|(number, incident)| (*number, incident.clone())));
        self.rows.extend(staged.rows.iter().map(|(id, row)| (*id, row.clone())));
        self.mails.extend(staged.mails.iter().cloned());
        self.overrides = staged.overrides.clone().unwrap_or_else(|| std::mem::take(&mut self.overrides));
        self.silences = staged.silences.clone().unwrap_or_else(|| std::mem::take(&mut self.silences));
        self.leases += staged.leases;
        let told = staged.happened.iter().flat_map(|what| {
            let number = what.change.incident.number;
            what.change.entries.iter().map(move |entry| (number, entry.kind))
        });
        self.timeline.extend(told);
        (self.next_timer, self.next_row) = (self.find_next_timer(), self.find_next_row());
    }

    /// Numbers of the incidents whose timer is due, longest overdue first.
    pub(super) fn due_incidents(&self, now: Timestamp) -> Vec<i64> {
        let due = self.incidents.values().filter_map(|it| Some((it.next_at().filter(|at| *at <= now)?, it.number)));
        let mut due: Vec<_> = due.collect();
        due.sort_unstable();
        due.into_iter().map(|(_, number)| number).collect()
    }

    /// When the next timer is due.
    fn find_next_timer(&self) -> Option<Timestamp> {
        self.incidents.values().filter_map(Incident::next_at).min()
    }

    /// When the next notification may be taken.
    fn find_next_row(&self) -> Option<Timestamp> {
        let waiting = self.rows.values().filter_map(|row| match (row.status, row.lease) {
            (Status::Pending, _) => Some((row, row.due_at)),
            (Status::Sending, Some((_, until))) => Some((row, row.due_at.max(until))),
            _ => None,
        });
        let is_wanted = |row: &Row| self.incidents.get(&row.incident).is_some_and(|it| row.is_wanted(it.status));
        waiting.filter(|(row, _)| is_wanted(row)).map(|(_, at)| at).min()
    }
}

impl Row {
    /// `store::notification::needs_somebody`: somebody is still to be reached by it (I31).
    pub(super) fn is_wanted(&self, status: IncidentStatus) -> bool {
        match status {
            IncidentStatus::Triggered => true,
            IncidentStatus::Acknowledged => self.called_in,
            IncidentStatus::Resolved => false,
        }
    }
}
