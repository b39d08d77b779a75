//! Many rows to a statement: a statement costs a round trip to the database, and a batch of mails would otherwise
//! need half a dozen of them for each.
//!
//! What nobody needs to see before the end of a transaction (rows to insert, incidents to update) is kept back for
//! its flush; what a batch of mails will ask for (delivered before? an open incident with this key?) is asked ahead.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt::Write as _;

use jiff::Timestamp;
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, AssertSqlSafe};

use super::{Dialect, Error};
use crate::domain::incident::{Incident, Status};

/// Most rows in a statement. Statements come in powers of two, so that few different ones are prepared.
const ROWS_MAX: usize = 128;

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

/// A value of a row.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Int(i64),
    Text(String),
    BlobOrNull(Option<Vec<u8>>),
    IntOrNull(Option<i64>),
    TextOrNull(Option<String>),
}

impl Cell {
    /// No value, of the same type: PostgreSQL wants to know it.
    fn nothing(&self) -> Self {
        match self {
            Self::Int(_) | Self::IntOrNull(_) => Self::IntOrNull(None),
            Self::Text(_) | Self::TextOrNull(_) => Self::TextOrNull(None),
            Self::BlobOrNull(_) => Self::BlobOrNull(None),
        }
    }
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

    /// Remembers deliveries, and finds out for each which was the first since `since` (I6).
    pub(super) async fn ask_deliveries(
        &mut self,
        connection: &mut AnyConnection,
        deliveries: &[Delivery<'_>],
        now: Timestamp,
        since: Timestamp,
    ) -> Result<(), Error> {
        let mut asked = HashSet::new();
        // Within one statement no row may be touched twice; the first of equals stands for all.
        let news = deliveries.iter().filter(|delivery| asked.insert((delivery.recipient, delivery.fingerprint)));
        let rows = news.map(|delivery| {
            vec![
                Cell::Text(delivery.recipient.to_owned()),
                Cell::Text(delivery.fingerprint.to_owned()),
                Cell::Text(delivery.mail_id.to_owned()),
                Cell::Int(now.as_millisecond()),
            ]
        });
        let since = [Cell::Int(since.as_millisecond())];
        for row in run((&mut *connection, self.dialect), &REMEMBER_DELIVERIES, &since, rows.collect()).await? {
            let key = (super::text(&row, "recipient")?, super::text(&row, "fingerprint")?);
            self.first.insert(key, super::text(&row, "mail_id")?);
        }
        Ok(())
    }

    /// Locks the open incidents with these keys. Should another node open one that was not there, the unique index
    /// refuses ours and the transaction is run again (I10).
    pub(super) async fn ask_open(
        &mut self,
        connection: &mut AnyConnection,
        keys: &HashSet<(&str, &str)>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let row =
            |(service, key): &(&str, &str)| vec![Cell::Text((*service).to_owned()), Cell::Text((*key).to_owned())];
        let rows = keys.iter().map(row).collect();
        for row in &run((&mut *connection, self.dialect), &LOCK_OPEN, &[Cell::Int(now.as_millisecond())], rows).await? {
            self.locked(&super::incident::incident(row)?);
        }
        Ok(())
    }

    /// Writes everything.
    pub(super) async fn flush(&mut self, connection: &mut AnyConnection) -> Result<(), Error> {
        self.bytes = 0;
        let changed = |locked: &mut Locked| {
            std::mem::take(&mut locked.changed).then(|| super::incident::changed_cells(&locked.incident))
        };
        let changed: Vec<Vec<Cell>> = self.incidents.values_mut().filter_map(changed).collect();
        run((&mut *connection, self.dialect), &UPDATE_INCIDENTS, &[], changed).await?;
        run((&mut *connection, self.dialect), &INSERT_MAILS, &[], std::mem::take(&mut self.mails)).await?;
        run((&mut *connection, self.dialect), &INSERT_ALERTS, &[], std::mem::take(&mut self.alerts)).await?;
        run((&mut *connection, self.dialect), &INSERT_ENTRIES, &[], std::mem::take(&mut self.entries)).await?;
        let heard = std::mem::take(&mut self.heard).into_iter().map(|((service, sender), heard)| {
            vec![
                Cell::Text(service),
                Cell::Text(sender),
                Cell::Int(heard.mails),
                Cell::Text(heard.last_mail_id),
                Cell::Int(heard.last_at.as_millisecond()),
            ]
        });
        run((&mut *connection, self.dialect), &REMEMBER_SENDERS, &[], heard.collect()).await?;
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
        let leading = [
            Cell::Int(now.as_millisecond()),
            Cell::Int(lease_until.as_millisecond()),
            Cell::Text(lease_token.to_owned()),
            Cell::Text(lead.to_owned()),
        ];
        let rows = ids.iter().map(|id| vec![Cell::Text((*id).to_owned())]).collect();
        Ok(!run((&mut *connection, self.dialect), &CLAIM, &leading, rows).await?.is_empty())
    }
}

/// A statement over any number of rows: what stands before the rows and what stands after them.
struct Statement {
    head: &'static str,
    /// Parameters before those of the rows.
    leading: usize,
    columns: usize,
    tail: &'static str,
}

/// Leading: the instant before which an earlier delivery does not count any more.
const REMEMBER_DELIVERIES: Statement = Statement {
    head: "insert into seen (recipient, fingerprint, mail_id, received_at) select * from (values ",
    leading: 1,
    columns: 4,
    tail: ") as new where column1 is not null on conflict (recipient, fingerprint) do update set \
           mail_id = case when seen.received_at < $1 then excluded.mail_id else seen.mail_id end, \
           received_at = case when seen.received_at < $1 then excluded.received_at else seen.received_at end \
           returning recipient, fingerprint, mail_id",
};

/// Leading: now.
const LOCK_OPEN: Statement = Statement {
    // Selected from, not given: SQLite then looks each key up instead of walking through all open incidents.
    head: "update incident set touched_at = $1 where resolved_at is null and (service, dedup_key) in \
           (select column1, column2 from (values ",
    leading: 1,
    columns: 2,
    tail: ") as wanted) returning *",
};

/// Leading: now, the lease's end and token, and the notification that stands for all.
const CLAIM: Statement = Statement {
    head: "update notification set attempts = attempts + 1, lease_until = $2, lease_token = $3, bundle = $4, \
           uncertain_since = case when status = 'sending' then coalesce(uncertain_since, attempted_at) \
           else uncertain_since end, attempted_at = $1, status = 'sending' where (status = 'pending' or (status = 'sending' and lease_until <= $1)) and due_at <= $1 \
           and exists (select 1 from incident i where i.number = notification.incident_number \
           and (i.status = 'triggered' or (i.status = 'acknowledged' and notification.called_in = 1))) \
           and id in (select column1 from (values ",
    leading: 4,
    columns: 1,
    tail: ") as wanted) returning id",
};

/// Mails may be committed in another order than they came in.
const REMEMBER_SENDERS: Statement = Statement {
    head: "insert into sender (service, sender, mails, last_mail_id, last_at) select * from (values ",
    leading: 0,
    columns: 5,
    tail: ") as new where column1 is not null on conflict (service, sender) do update set mails = sender.mails + excluded.mails, \
           last_mail_id = case when excluded.last_at >= sender.last_at then excluded.last_mail_id else sender.last_mail_id end, \
           last_at = case when excluded.last_at >= sender.last_at then excluded.last_at else sender.last_at end",
};

const INSERT_MAILS: Statement = Statement {
    head: "insert into mail (id, received_at, peer, helo, reverse_path, recipients, size_bytes, sha256, raw, message_id, \
           header_from, subject, origin_at, defects, trace, client, authentication) select * from (values ",
    leading: 0,
    columns: 17,
    tail: ") as new where column1 is not null",
};

const INSERT_ALERTS: Statement = Statement {
    head: "insert into alert (mail_id, ordinal, recipient, service, action, dedup_key, severity, summary, rule, reason, \
           outcome, incident_number, details, links, held) select * from (values ",
    leading: 0,
    columns: 15,
    tail: ") as new where column1 is not null",
};

/// The second cell counts the rows of one incident in this flush. Whether a database sees the rows before it or
/// not, the ordinals come out different and in order.
const INSERT_ENTRIES: Statement = Statement {
    head: "insert into timeline (incident_number, ordinal, at, kind, actor, detail, mail_id) \
           select column1, (select coalesce(max(ordinal), 0) from timeline where incident_number = column1) + column2, \
           column3, column4, column5, column6, column7 from (values ",
    leading: 0,
    columns: 7,
    tail: ") as new where column1 is not null",
};

const UPDATE_INCIDENTS: Statement = Statement {
    head: "with new (number, status, severity, summary, alert_count, acknowledged_at, acknowledged_by, resolved_at, \
           triggered_at, policy, policy_round, policy_step, exhausted, pages, due_at, details, links, held, state) \
           as (values ",
    leading: 0,
    columns: 19,
    tail: ") update incident set status = new.status, severity = new.severity, summary = new.summary, \
           alert_count = new.alert_count, acknowledged_at = new.acknowledged_at, acknowledged_by = new.acknowledged_by, \
           resolved_at = new.resolved_at, triggered_at = new.triggered_at, policy = new.policy, \
           policy_round = new.policy_round, \
           policy_step = new.policy_step, exhausted = new.exhausted, pages = new.pages, due_at = new.due_at, \
           details = new.details, links = new.links, held = new.held, state = new.state from new where incident.number = new.number",
};

impl Statement {
    fn sql(&self, rows: usize, dialect: Dialect) -> String {
        // SQLite finds a parameter by its name in a list that it walks through each time; without names it need not.
        let nameless = self.leading == 0 && dialect == Dialect::Sqlite;
        let mut sql = self.head.to_owned();
        for row in 0..rows {
            for column in 0..self.columns {
                sql.push_str(match (row, column) {
                    (0, 0) => "(",
                    (_, 0) => "),(",
                    _ => ",",
                });
                if nameless {
                    sql.push('?');
                } else {
                    let _ = write!(sql, "${}", 1 + self.leading + row * self.columns + column);
                }
            }
        }
        sql.push(')');
        sql.push_str(self.tail);
        sql
    }
}

/// Runs a statement over all rows and returns what it returns. Rows of nothing fill it up: one statement more costs
/// more than they do.
async fn run(
    (connection, dialect): (&mut AnyConnection, Dialect),
    statement: &Statement,
    leading: &[Cell],
    rows: Vec<Vec<Cell>>,
) -> Result<Vec<AnyRow>, Error> {
    let mut rows = rows.into_iter();
    let mut returned = Vec::new();
    while let Some(first) = rows.next() {
        let count = ROWS_MAX.min((1 + rows.len()).next_power_of_two());
        // Only our own words and numbers are in the text; every value is bound.
        let mut query = sqlx::query(AssertSqlSafe(statement.sql(count, dialect)));
        let nothing: Vec<Cell> = first.iter().map(Cell::nothing).collect();
        let given = std::iter::once(first).chain(rows.by_ref().take(count - 1));
        let filled = given.chain(std::iter::repeat(nothing)).take(count);
        for cell in leading.iter().cloned().chain(filled.flatten()) {
            query = match cell {
                Cell::Int(value) => query.bind(value),
                Cell::Text(value) => query.bind(value),
                Cell::BlobOrNull(value) => query.bind(value),
                Cell::IntOrNull(value) => query.bind(value),
                Cell::TextOrNull(value) => query.bind(value),
            };
        }
        returned.extend(query.fetch_all(&mut *connection).await?);
    }
    Ok(returned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_number_their_parameters() {
        let sql = INSERT_ALERTS.sql(2, Dialect::Postgres);
        assert!(
            sql.contains("$14,$15),($16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30)) as new"),
            "{sql}"
        );
        assert_eq!(INSERT_ALERTS.sql(2, Dialect::Sqlite).matches('?').count(), 30);
        let asked = REMEMBER_DELIVERIES.sql(2, Dialect::Sqlite);
        assert!(asked.contains("(values ($2,$3,$4,$5),($6,$7,$8,$9)) as new"), "what comes first is counted: {asked}");
    }
}
