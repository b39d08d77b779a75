//! What a transaction keeps back, so that a batch of mails is a few statements and not half a dozen for each mail.
//!
//! What nobody needs to see before the end of a transaction (rows to insert, incidents to update) is kept back for
//! its flush; what a batch of mails will ask for (delivered before? an open incident with this key?) is asked ahead.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::Timestamp;
use sqlx::AnyConnection;

use super::statement::{
    CLAIM, Cell, INSERT_ALERTS, INSERT_ENTRIES, INSERT_MAILS, LOCK_OPEN, REMEMBER_DELIVERIES, REMEMBER_SENDERS, Run,
    UPDATE_INCIDENTS, run,
};
use super::{Dialect, Error};
use crate::domain::incident::{Incident, Status};

/// Bytes kept back before they are written, so that large mails do not lie in memory twice for long.
const BYTES_MAX: usize = 4 << 20;

/// A mail for one recipient that may have been delivered before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Delivery<'a> {
    /// The envelope recipient.
    pub(crate) recipient: &'a str,
    /// What stays the same when it is delivered again.
    pub(crate) fingerprint: &'a str,
    /// Its id.
    pub(crate) mail_id: &'a str,
}

/// The tables whose rows are kept back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Mail,
    Alert,
    Timeline,
}

/// Everything kept back by one transaction.
#[derive(Debug)]
pub(super) struct Pending {
    dialect: Dialect,
    mails: Vec<Vec<Cell>>,
    alerts: Vec<Vec<Cell>>,
    entries: Vec<Vec<Cell>>,
    bytes: usize,
    flushed_bytes: usize,
    incidents: HashMap<i64, Locked>,
    stirred: bool,
    /// Who was heard of, by (service, sender). In order, as every node writes them, so that two do not wait for each
    /// other.
    heard: BTreeMap<(String, String), Heard>,
    /// The first delivery of each mail asked for ahead, by (recipient, fingerprint).
    first: HashMap<(String, String), String>,
}

/// Mails of one sender to one service.
#[derive(Debug)]
struct Heard {
    mails: i64,
    last_mail_id: String,
    last_at: Timestamp,
}

/// An incident that this transaction has locked, as it stands now.
#[derive(Debug)]
struct Locked {
    incident: Incident,
    changed: bool,
}

impl Pending {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            mails: Vec::new(),
            alerts: Vec::new(),
            entries: Vec::new(),
            bytes: 0,
            flushed_bytes: 0,
            incidents: HashMap::new(),
            stirred: false,
            heard: BTreeMap::new(),
            first: HashMap::new(),
        }
    }

    /// Keeps a row back. `true` asks for a flush soon.
    pub(super) fn row(&mut self, table: Table, cells: Vec<Cell>) -> bool {
        let bytes = |cell: &Cell| match cell {
            Cell::BlobOrNull(Some(blob)) => blob.len(),
            Cell::Text(text) => text.len(),
            _ => 8,
        };
        self.bytes += cells.iter().map(bytes).sum::<usize>();
        match table {
            Table::Mail => self.mails.push(cells),
            Table::Alert => self.alerts.push(cells),
            Table::Timeline => self.entries.push(cells),
        }
        self.bytes > BYTES_MAX
    }

    /// Remembers that a service has heard of a sender.
    pub(super) fn heard(&mut self, service: &str, sender: &str, mail_id: &str, at: Timestamp) {
        let new = || Heard { mails: 0, last_mail_id: String::new(), last_at: at };
        let heard = self.heard.entry((service.to_owned(), sender.to_owned())).or_insert_with(new);
        heard.mails += 1;
        mail_id.clone_into(&mut heard.last_mail_id);
        heard.last_at = heard.last_at.max(at);
    }

    /// Remembers an incident that is locked and unchanged.
    pub(super) fn locked(&mut self, incident: &Incident) {
        self.incidents.insert(incident.number, Locked { incident: incident.clone(), changed: false });
    }

    /// Remembers an incident that is new.
    pub(super) fn opened(&mut self, incident: &Incident) {
        self.locked(incident);
        self.stirred = true;
    }

    /// Bytes of the rows that were flushed.
    pub(super) fn flushed_bytes(&self) -> usize {
        self.flushed_bytes
    }

    /// Whether anything may be due at another time than before.
    pub(super) fn has_stirred(&self) -> bool {
        self.stirred
    }

    /// Remembers what an incident has become. `true` asks for a flush: the next one with this key can only be opened
    /// once this one is closed in the database (I10).
    pub(super) fn changed(&mut self, incident: &Incident) -> bool {
        let before = self.incidents.insert(incident.number, Locked { incident: incident.clone(), changed: true });
        let due = |incident: &Incident| (incident.status, incident.pages, incident.next_at());
        self.stirred |= before.is_none_or(|before| due(&before.incident) != due(incident));
        incident.status == Status::Resolved
    }

    /// An incident locked before.
    pub(super) fn by_number(&self, number: i64) -> Option<&Incident> {
        self.incidents.get(&number).map(|locked| &locked.incident)
    }

    /// An open incident locked before.
    pub(super) fn by_key(&self, service: &str, key: &str) -> Option<&Incident> {
        let open = |incident: &&Incident| {
            incident.dedup_key == key && incident.service == service && incident.status != Status::Resolved
        };
        self.incidents.values().map(|locked| &locked.incident).find(open)
    }

    /// The first delivery, as it was asked ahead.
    pub(super) fn first_delivery(&self, recipient: &str, fingerprint: &str) -> Option<&str> {
        self.first.get(&(recipient.to_owned(), fingerprint.to_owned())).map(String::as_str)
    }

    /// Remembers deliveries and finds out for each which was the first since `since` (I6), and locks the open incidents
    /// with these keys. Should another node open one that was not there, the unique index refuses ours and the
    /// transaction is run again (I10).
    pub(super) async fn ask_ahead(
        &mut self,
        connection: &mut AnyConnection,
        deliveries: &[Delivery<'_>],
        keys: &HashSet<(&str, &str)>,
        now: Timestamp,
        since: Timestamp,
    ) -> Result<(), Error> {
        let mut asked = HashSet::new();
        // Within one statement no row may be touched twice; the first of equals stands for all.
        let news = deliveries.iter().filter(|delivery| asked.insert((delivery.recipient, delivery.fingerprint)));
        let delivery = |delivery: &Delivery<'_>| {
            vec![
                Cell::Text(delivery.recipient.to_owned()),
                Cell::Text(delivery.fingerprint.to_owned()),
                Cell::Text(delivery.mail_id.to_owned()),
                Cell::Int(now.as_millisecond()),
            ]
        };
        let key =
            |(service, key): &(&str, &str)| vec![Cell::Text((*service).to_owned()), Cell::Text((*key).to_owned())];
        let runs = vec![
            Run {
                statement: &REMEMBER_DELIVERIES,
                leading: vec![Cell::Int(since.as_millisecond())],
                rows: news.map(delivery).collect(),
            },
            Run {
                statement: &LOCK_OPEN,
                leading: vec![Cell::Int(now.as_millisecond())],
                rows: keys.iter().map(key).collect(),
            },
        ];
        let mut answers = run((connection, self.dialect), runs).await?.into_iter();
        for row in answers.next().into_iter().flatten() {
            let key = (super::text(&row, "recipient")?, super::text(&row, "fingerprint")?);
            self.first.insert(key, super::text(&row, "mail_id")?);
        }
        for row in answers.next().into_iter().flatten() {
            self.locked(&super::incident::incident(&row)?);
        }
        Ok(())
    }

    /// Writes everything.
    pub(super) async fn flush(&mut self, connection: &mut AnyConnection) -> Result<(), Error> {
        self.flushed_bytes += std::mem::take(&mut self.bytes);
        let changed = |locked: &mut Locked| {
            std::mem::take(&mut locked.changed).then(|| super::incident::changed_cells(&locked.incident))
        };
        let changed = self.incidents.values_mut().filter_map(changed).collect();
        let heard = std::mem::take(&mut self.heard).into_iter().map(|((service, sender), heard)| {
            vec![
                Cell::Text(service),
                Cell::Text(sender),
                Cell::Int(heard.mails),
                Cell::Text(heard.last_mail_id),
                Cell::Int(heard.last_at.as_millisecond()),
            ]
        });
        let all = [
            (&UPDATE_INCIDENTS, changed),
            (&INSERT_MAILS, std::mem::take(&mut self.mails)),
            (&INSERT_ALERTS, std::mem::take(&mut self.alerts)),
            (&INSERT_ENTRIES, std::mem::take(&mut self.entries)),
            (&REMEMBER_SENDERS, heard.collect()),
        ];
        let runs = all.into_iter().map(|(statement, rows)| Run { statement, leading: Vec::new(), rows });
        run((connection, self.dialect), runs.collect()).await?;
        Ok(())
    }
}

impl Pending {
    /// Leases notifications, as far as they are due and their incidents still need somebody. `false` if none is left.
    pub(super) async fn claim(
        &mut self,
        connection: &mut AnyConnection,
        ids: &[&str],
        lead: &str,
        now: Timestamp,
        lease_until: Timestamp,
        lease_token: &str,
    ) -> Result<bool, Error> {
        let leading = vec![
            Cell::Int(now.as_millisecond()),
            Cell::Int(lease_until.as_millisecond()),
            Cell::Text(lease_token.to_owned()),
            Cell::Text(lead.to_owned()),
        ];
        let rows = ids.iter().map(|id| vec![Cell::Text((*id).to_owned())]).collect();
        let claimed = run((connection, self.dialect), vec![Run { statement: &CLAIM, leading, rows }]).await?;
        Ok(claimed.iter().any(|rows| !rows.is_empty()))
    }
}
