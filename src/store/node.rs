//! Nodes: who works on this database, what they run, and what waits for them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, instant, instant_or_none, int, json, text, to_json};

/// A process that works on this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its machine and port.
    pub name: String,
    /// When it last wrote.
    pub seen_at: Timestamp,
    /// What it runs.
    pub version: String,
    /// The digest of its definitions.
    pub definitions: String,
    /// The files that they were read from, with a digest of each.
    pub files: BTreeMap<String, String>,
}

/// Work of one kind that is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backlog {
    /// `timer`, `page`, `notice` or `follow-up`.
    pub kind: String,
    /// How much of it is planned, for later included.
    pub waiting: i64,
    /// When the first of it is or was due.
    pub oldest_due_at: Option<Timestamp>,
}

impl Store {
    /// Writes what a node runs.
    ///
    /// # Errors
    /// When that does not work.
    pub async fn introduce(&self, node: &Node) -> Result<(), Error> {
        let mut tx = self.begin().await?;
        let sql = "insert into node (name, seen_at, version, definitions, files) values ($1, $2, $3, $4, $5) \
                   on conflict (name) do update set seen_at = excluded.seen_at, version = excluded.version, \
                   definitions = excluded.definitions, files = excluded.files";
        let query = sqlx::query(sql).bind(&node.name).bind(node.seen_at.as_millisecond());
        let query = query.bind(&node.version).bind(&node.definitions).bind(to_json(&node.files));
        query.execute(tx.connection()).await?;
        tx.commit().await
    }

    /// Nodes that wrote since an instant and said what they run, by name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn nodes(&self, since: Timestamp) -> Result<Vec<Node>, Error> {
        let sql = "select * from node where seen_at >= $1 and version <> '' order by name";
        let node = |row: &AnyRow| {
            Ok(Node {
                name: text(row, "name")?,
                seen_at: instant(row, "seen_at")?,
                version: text(row, "version")?,
                definitions: text(row, "definitions")?,
                files: json(row, "files")?,
            })
        };
        self.rows(sqlx::query(sql).bind(since.as_millisecond())).await?.iter().map(node).collect()
    }

    /// What is to be done, of every kind.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn backlogs(&self) -> Result<Vec<Backlog>, Error> {
        let sql = "select 'timer' as kind, count(*) as n, min(due_at) as oldest from incident where due_at is not null \
                   union all select 'page', count(*), min(due_at) from notification where status in ('pending', 'sending') \
                   union all select 'notice', count(*), min(due_at) from notice where status in ('pending', 'sending') \
                   union all select 'follow-up', count(*), min(due_at) from follow_up where status in ('pending', 'sending')";
        let backlog = |row: &AnyRow| {
            let (kind, waiting) = (text(row, "kind")?, int(row, "n")?);
            Ok(Backlog { kind, waiting, oldest_due_at: instant_or_none(row, "oldest")? })
        };
        self.rows(sqlx::query(sql)).await?.iter().map(backlog).collect()
    }

    /// When the last mail for each service came.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn last_mails(&self) -> Result<BTreeMap<String, Timestamp>, Error> {
        let sql = "select service, max(last_at) as last_at from sender group by service";
        let last = |row: &AnyRow| Ok((text(row, "service")?, instant(row, "last_at")?));
        self.rows(sqlx::query(sql)).await?.iter().map(last).collect()
    }
}
