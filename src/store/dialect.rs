//! Where SQLite and PostgreSQL must differ. Everything else is one SQL text for both.

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// An embedded file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Dialect {
    /// The dialect of a URL.
    pub(crate) fn of(url: &str) -> Option<Self> {
        match url.split_once(':')?.0 {
            "sqlite" => Some(Self::Sqlite),
            "postgres" | "postgresql" => Some(Self::Postgres),
            _ => None,
        }
    }

    /// Starts a write transaction. SQLite must take its write lock at once: a transaction that reads first and
    /// writes later fails under concurrency.
    pub(crate) fn begin(self) -> &'static str {
        match self {
            Self::Sqlite => "begin immediate",
            Self::Postgres => "begin isolation level read committed",
        }
    }

    /// Run on every new connection.
    pub(crate) fn on_connect(self) -> &'static [&'static str] {
        match self {
            // FULL syncs the log at every commit; NORMAL may lose the last ones at power loss (sqlite.org/pragma).
            Self::Sqlite => &["pragma synchronous = full", "pragma foreign_keys = on", "pragma busy_timeout = 5000"],
            Self::Postgres => &["set idle_in_transaction_session_timeout = '60s'", "set lock_timeout = '10s'"],
        }
    }

    /// Run once before the migrations.
    pub(crate) fn before_migrations(self) -> &'static [&'static str] {
        match self {
            Self::Sqlite => &["pragma journal_mode = wal"],
            // Columns of a domain report their base type, so the driver sees bytea.
            Self::Postgres => &["do $$ begin create domain blob as bytea; \
                 exception when duplicate_object or unique_violation then null; end $$"],
        }
    }

    /// Connections for writing. SQLite has one writer by nature.
    pub(crate) fn writers(self) -> u32 {
        match self {
            Self::Sqlite => 1,
            Self::Postgres => 4,
        }
    }

    /// Leases due notifications of incidents that still need somebody (I26, I31). PostgreSQL passes over rows
    /// another node is just leasing; SQLite has only one writer.
    pub(crate) fn claim_notifications(self) -> &'static str {
        match self {
            Self::Sqlite => {
                "update notification set status = 'sending', attempts = attempts + 1, lease_until = $2, lease_token = $3 \
                 where id in (select n.id from notification n join incident i on i.number = n.incident_number \
                 where (n.status = 'pending' or (n.status = 'sending' and n.lease_until <= $1)) \
                 and n.due_at <= $1 and i.status = 'triggered' order by n.due_at, n.id limit $4) returning id"
            }
            Self::Postgres => {
                "update notification set status = 'sending', attempts = attempts + 1, lease_until = $2, lease_token = $3 \
                 where id in (select n.id from notification n join incident i on i.number = n.incident_number \
                 where (n.status = 'pending' or (n.status = 'sending' and n.lease_until <= $1)) \
                 and n.due_at <= $1 and i.status = 'triggered' order by n.due_at, n.id limit $4 \
                 for update of n skip locked) returning id"
            }
        }
    }
}
