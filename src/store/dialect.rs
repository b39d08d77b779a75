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
            // What SQLite puts aside while a statement runs is gone after a crash anyway, so it need not be a file.
            Self::Sqlite => &[
                "pragma synchronous = full",
                "pragma foreign_keys = on",
                "pragma busy_timeout = 5000",
                "pragma temp_store = memory",
            ],
            Self::Postgres => &["set idle_in_transaction_session_timeout = '60s'", "set lock_timeout = '10s'"],
        }
    }

    /// Run besides on every new connection for writing.
    pub(crate) fn on_connect_for_writing(self) -> &'static [&'static str] {
        match self {
            // 8 MiB hold the pages that mails change, and all of a cache is walked through after a commit that has put
            // pages of a table in order. The log is copied back beside the commits (store/log.rs); where nobody does it,
            // a commit does after 8000 pages (32 MiB).
            Self::Sqlite => &["pragma cache_size = -8192", "pragma wal_autocheckpoint = 8000"],
            Self::Postgres => &[],
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

    /// Whether one of these columns has the text of a pattern, in any case. SQLite knows the cases of ASCII only, and other
    /// letters as they are written.
    pub(crate) fn has_text(self, columns: &[&str], pattern: &str) -> String {
        let like = match self {
            Self::Sqlite => "like",
            Self::Postgres => "ilike",
        };
        let has = columns.iter().map(|column| format!("{column} {like} {pattern} escape '!'"));
        format!("({})", has.collect::<Vec<_>>().join(" or "))
    }
}
