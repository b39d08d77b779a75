//! One statement over many rows, and several of them in one go.

use std::fmt::Write as _;

use futures_util::TryStreamExt as _;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::query::Query;
use sqlx::{Any, AnyConnection, AssertSqlSafe, Either, Executor as _};

use super::{Dialect, Error};

/// Most rows in a statement. Statements come in powers of two, so that few different ones are prepared.
const ROWS_MAX: usize = 128;

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

/// A statement over any number of rows: what stands before the rows and what stands after them.
#[derive(Debug)]
pub(super) struct Statement {
    head: &'static str,
    /// Parameters besides those of the rows, `$1` and on in head and tail.
    leading: usize,
    columns: usize,
    tail: &'static str,
}

/// A statement with what it is run over.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) statement: &'static Statement,
    pub(super) leading: Vec<Cell>,
    pub(super) rows: Vec<Vec<Cell>>,
}

/// Leading: the instant before which an earlier delivery does not count any more.
pub(super) const REMEMBER_DELIVERIES: Statement = Statement {
    head: "insert into seen (recipient, fingerprint, mail_id, received_at) select * from (values ",
    leading: 1,
    columns: 4,
    tail: ") as new where column1 is not null on conflict (recipient, fingerprint) do update set \
           mail_id = case when seen.received_at < $1 then excluded.mail_id else seen.mail_id end, \
           received_at = case when seen.received_at < $1 then excluded.received_at else seen.received_at end \
           returning recipient, fingerprint, mail_id",
};

/// Leading: now.
pub(super) const LOCK_OPEN: Statement = Statement {
    // Selected from, not given: SQLite then looks each key up instead of walking through all open incidents.
    head: "update incident set touched_at = $1 where resolved_at is null and (service, dedup_key) in \
           (select column1, column2 from (values ",
    leading: 1,
    columns: 2,
    tail: ") as wanted) returning *",
};

/// Leading: now, the lease's end and token, and the notification that stands for all.
pub(super) const CLAIM: Statement = Statement {
    head: "update notification set attempts = attempts + 1, lease_until = $2, lease_token = $3, bundle = $4, \
           uncertain_since = case when status = 'sending' then coalesce(uncertain_since, attempted_at) \
           else uncertain_since end, attempted_at = $1, status = 'sending' \
           where (status = 'pending' or (status = 'sending' and lease_until <= $1)) and due_at <= $1 \
           and exists (select 1 from incident i where i.number = notification.incident_number \
           and (i.status = 'triggered' or (i.status = 'acknowledged' and notification.called_in = 1))) \
           and id in (select column1 from (values ",
    leading: 4,
    columns: 1,
    tail: ") as wanted) returning id",
};

/// Mails may be committed in another order than they came in.
pub(super) const REMEMBER_SENDERS: Statement = Statement {
    head: "insert into sender (service, sender, mails, last_mail_id, last_at) select * from (values ",
    leading: 0,
    columns: 5,
    tail: ") as new where column1 is not null on conflict (service, sender) do update set mails = sender.mails + excluded.mails, \
           last_mail_id = case when excluded.last_at >= sender.last_at then excluded.last_mail_id else sender.last_mail_id end, \
           last_at = case when excluded.last_at >= sender.last_at then excluded.last_at else sender.last_at end",
};

pub(super) const INSERT_MAILS: Statement = Statement {
    head: "insert into mail (id, received_at, peer, helo, reverse_path, recipients, size_bytes, sha256, raw, message_id, \
           header_from, subject, origin_at, defects, trace, client, authentication) select * from (values ",
    leading: 0,
    columns: 17,
    tail: ") as new where column1 is not null",
};

pub(super) const INSERT_ALERTS: Statement = Statement {
    head: "insert into alert (mail_id, ordinal, recipient, service, action, dedup_key, severity, summary, rule, reason, \
           outcome, incident_number, details, links, held) select * from (values ",
    leading: 0,
    columns: 15,
    tail: ") as new where column1 is not null",
};

/// The second cell counts the rows of one incident in this flush. Whether a database sees the rows before it or
/// not, the ordinals come out different and in order.
pub(super) const INSERT_ENTRIES: Statement = Statement {
    head: "insert into timeline (incident_number, ordinal, at, kind, actor, detail, mail_id) \
           select column1, (select coalesce(max(ordinal), 0) from timeline where incident_number = column1) + column2, \
           column3, column4, column5, column6, column7 from (values ",
    leading: 0,
    columns: 7,
    tail: ") as new where column1 is not null",
};

pub(super) const UPDATE_INCIDENTS: Statement = Statement {
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
    /// As PostgreSQL takes it.
    fn numbered(&self, rows: usize) -> String {
        let mut sql = self.head.to_owned();
        self.write_rows(&mut sql, rows, |sql, nth| _ = write!(sql, "${}", 1 + self.leading + nth));
        sql.push_str(self.tail);
        sql
    }

    /// As SQLite likes it: it finds a parameter with a name in a list that it walks through each time. Those of the rows
    /// need none; the leading ones are named by where they stand among all arguments, behind `ahead` others.
    fn nameless(&self, sql: &mut String, rows: usize, ahead: usize) {
        let named = |sql: &mut String, text: &str| {
            let mut parts = text.split('$');
            sql.push_str(parts.next().unwrap_or_default());
            for part in parts {
                // At most nine lead.
                let (digit, rest) = part.split_at(1);
                let _ = write!(sql, "${}{rest}", ahead + digit.parse::<usize>().unwrap_or_default());
            }
        };
        named(sql, self.head);
        self.write_rows(sql, rows, |sql, _| sql.push('?'));
        named(sql, self.tail);
    }

    fn write_rows(&self, sql: &mut String, rows: usize, parameter: impl Fn(&mut String, usize)) {
        for row in 0..rows {
            for column in 0..self.columns {
                sql.push_str(match (row, column) {
                    (0, 0) => "(",
                    (_, 0) => "),(",
                    _ => ",",
                });
                parameter(sql, row * self.columns + column);
            }
        }
        sql.push(')');
    }
}

/// Runs statements one after the other and returns what each returns. Rows of nothing fill them up to a power of two,
/// so that few different texts are prepared.
pub(super) async fn run(
    (connection, dialect): (&mut AnyConnection, Dialect),
    runs: Vec<Run>,
) -> Result<Vec<Vec<AnyRow>>, Error> {
    match dialect {
        Dialect::Sqlite => run_together(connection, runs).await,
        Dialect::Postgres => run_by_turns(connection, runs).await,
    }
}

/// Asks another thread once: to wake it costs more than most statements do. The driver takes several statements as one,
/// with their arguments in a row.
async fn run_together(connection: &mut AnyConnection, runs: Vec<Run>) -> Result<Vec<Vec<AnyRow>>, Error> {
    let most = runs.iter().map(|run| run.rows.len()).max().unwrap_or_default();
    if most == 0 {
        return Ok(runs.iter().map(|_| Vec::new()).collect());
    }
    // All of one size: what there are other sizes of would be prepared in every combination.
    let count = ROWS_MAX.min(most.next_power_of_two());
    // How often each is there; not at all where it has no rows.
    let times: Vec<usize> = runs.iter().map(|run| run.rows.len().div_ceil(count)).collect();
    let (mut sql, mut leading) = (String::new(), Vec::new());
    let mut ahead: usize = runs.iter().zip(&times).map(|(run, times)| times * count * run.statement.columns).sum();
    for (run, &times) in runs.iter().zip(&times).filter(|(_, times)| **times > 0) {
        for _ in 0..times {
            run.statement.nameless(&mut sql, count, ahead);
            sql.push(';');
        }
        ahead += run.leading.len();
        leading.extend(run.leading.iter().cloned());
    }
    // Only our own words and numbers are in the text; every value is bound.
    let query = runs
        .into_iter()
        .zip(&times)
        .fold(sqlx::query(AssertSqlSafe(sql)), |query, (run, times)| bind_rows(query, run.rows, times * count));
    let query = leading.into_iter().fold(query, bind);
    let mut stream = (&mut *connection).fetch_many(query);
    let mut returned = Vec::with_capacity(times.len());
    for times in times {
        let (mut rows, mut ended) = (Vec::new(), 0);
        while ended < times {
            match stream.try_next().await? {
                Some(Either::Right(row)) => rows.push(row),
                Some(Either::Left(_)) => ended += 1,
                None => break,
            }
        }
        returned.push(rows);
    }
    // To its end: what follows the last row may still fail.
    while stream.try_next().await?.is_some() {}
    Ok(returned)
}

async fn run_by_turns(connection: &mut AnyConnection, runs: Vec<Run>) -> Result<Vec<Vec<AnyRow>>, Error> {
    let mut returned = Vec::with_capacity(runs.len());
    for run in runs {
        let mut rows = run.rows.into_iter();
        let mut of_this = Vec::new();
        while rows.len() > 0 {
            let given: Vec<Vec<Cell>> = rows.by_ref().take(ROWS_MAX).collect();
            let count = given.len().next_power_of_two();
            let query = sqlx::query(AssertSqlSafe(run.statement.numbered(count)));
            let query = bind_rows(run.leading.iter().cloned().fold(query, bind), given, count);
            of_this.extend(query.fetch_all(&mut *connection).await?);
        }
        returned.push(of_this);
    }
    Ok(returned)
}

type AnyQuery<'a> = Query<'a, Any, AnyArguments>;

/// Binds rows, and rows of nothing up to `count` of them.
fn bind_rows(query: AnyQuery<'_>, rows: Vec<Vec<Cell>>, count: usize) -> AnyQuery<'_> {
    let nothing: Vec<Cell> = rows.first().into_iter().flatten().map(Cell::nothing).collect();
    let more = count - rows.len();
    let nothings = std::iter::repeat_n(nothing, more).flatten();
    rows.into_iter().flatten().chain(nothings).fold(query, bind)
}

fn bind(query: AnyQuery<'_>, cell: Cell) -> AnyQuery<'_> {
    match cell {
        Cell::Int(value) => query.bind(value),
        Cell::Text(value) => query.bind(value),
        Cell::BlobOrNull(value) => query.bind(value),
        Cell::IntOrNull(value) => query.bind(value),
        Cell::TextOrNull(value) => query.bind(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_number_their_parameters() {
        let sql = INSERT_ALERTS.numbered(2);
        assert!(
            sql.contains("$14,$15),($16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,$28,$29,$30)) as new"),
            "{sql}"
        );
        let asked = REMEMBER_DELIVERIES.numbered(2);
        assert!(asked.contains("(values ($2,$3,$4,$5),($6,$7,$8,$9)) as new"), "what comes first is counted: {asked}");
    }

    #[test]
    fn where_parameters_have_no_names_the_leading_ones_stand_behind_all_others() {
        let mut sql = String::new();
        CLAIM.nameless(&mut sql, 3, 40);
        assert_eq!(sql.matches('?').count(), 3);
        assert!(
            sql.contains("lease_until = $42") && sql.contains("due_at <= $41") && sql.contains("bundle = $44"),
            "{sql}"
        );
    }
}
