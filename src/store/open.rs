//! Opening the database: create, check, migrate, and say in plain words why not.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::any::{AnyPoolOptions, install_default_drivers};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{AnyPool, Executor, Row};

use super::{Dialect, Store};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long to wait for a connection before giving up.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither of the two URL schemes.
    #[error("the database URL must start with sqlite:// or postgres://")]
    UnknownScheme,
    /// The file cannot be made or opened for writing.
    #[error("cannot open the database file {}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// No connection.
    #[error("cannot connect to the database: {0}")]
    Connect(sqlx::Error),
    /// The database is not set up so that a commit survives power loss.
    #[error("the database will not promise durability: {0}")]
    NotDurable(String),
    /// A newer version of this program has written it.
    #[error("the database was written by a newer nightcall (it has migration {0}); install that version or newer")]
    Newer(i64),
    /// Its schema is not the one this program made.
    #[error("the database cannot be brought to this version's schema: {0}")]
    Migrate(MigrateError),
}

impl Store {
    /// Opens the database if it is there: who only looks something up makes none.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_existing(url: &str) -> Result<Option<Self>, OpenError> {
        if Dialect::of(url) == Some(Dialect::Sqlite) && !sqlite_path(url).exists() {
            return Ok(None);
        }
        Self::open(url).await.map(Some)
    }

    /// Opens the database, creating and migrating it as needed.
    ///
    /// # Errors
    /// [`OpenError`] says what is wrong in words for the person who starts the program.
    pub async fn open(url: &str) -> Result<Self, OpenError> {
        install_default_drivers();
        let dialect = Dialect::of(url).ok_or(OpenError::UnknownScheme)?;
        if dialect == Dialect::Sqlite {
            create_file(&sqlite_path(url))?;
        }
        let writing = connect(url, dialect, dialect.writers(), dialect.on_connect_for_writing()).await?;
        for statement in dialect.before_migrations() {
            writing.execute(*statement).await.map_err(OpenError::Connect)?;
        }
        MIGRATIONS.run(&writing).await.map_err(|error| match error {
            MigrateError::VersionMissing(version) => OpenError::Newer(version),
            other => OpenError::Migrate(other),
        })?;
        check_durability(&writing, dialect).await?;
        let reading = connect(url, dialect, 4, &[]).await?;
        Ok(Self { dialect, reading, writing, growth: Arc::default() })
    }
}

/// Opens connections; `besides` is run on each, after what is run on all.
async fn connect(
    url: &str,
    dialect: Dialect,
    connections_max: u32,
    besides: &'static [&'static str],
) -> Result<AnyPool, OpenError> {
    let options = AnyPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A file does not go away as a server does, and asking first doubles what a small query costs.
        .test_before_acquire(dialect == Dialect::Postgres)
        // A server behind a failed-over address is noticed by reconnecting now and then.
        .max_lifetime((dialect == Dialect::Postgres).then(|| Duration::from_secs(300)))
        .idle_timeout(None)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                for statement in dialect.on_connect().iter().chain(besides) {
                    connection.execute(*statement).await?;
                }
                Ok(())
            })
        });
    options.connect(url).await.map_err(OpenError::Connect)
}

/// Asserts what the promise of durability rests on.
async fn check_durability(pool: &AnyPool, dialect: Dialect) -> Result<(), OpenError> {
    if dialect == Dialect::Postgres {
        for setting in ["show fsync", "show full_page_writes"] {
            let row = pool.fetch_one(setting).await.map_err(OpenError::Connect)?;
            if row.try_get::<String, _>(0).map_err(OpenError::Connect)? != "on" {
                tracing::warn!("the database server has `{setting}` off: a power cut may lose accepted mail");
            }
        }
        return Ok(());
    }
    let journal = pool.fetch_one("pragma journal_mode").await.map_err(OpenError::Connect)?;
    let journal: String = journal.try_get(0).map_err(OpenError::Connect)?;
    let synchronous = pool.fetch_one("pragma synchronous").await.map_err(OpenError::Connect)?;
    let synchronous: i64 = synchronous.try_get(0).map_err(OpenError::Connect)?;
    if journal != "wal" || synchronous != 2 {
        let found = format!("journal_mode is {journal}, synchronous is {synchronous}; wal and 2 (full) are needed");
        return Err(OpenError::NotDurable(found));
    }
    Ok(())
}

fn sqlite_path(url: &str) -> PathBuf {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    let path = path.split('?').next().unwrap_or(path);
    PathBuf::from(path.replace("%23", "#").replace("%3F", "?").replace("%25", "%"))
}

/// Makes the file, readable by its owner only: it will hold mail. Opening it here gives a plainer error than
/// the driver does.
fn create_file(path: &Path) -> Result<(), OpenError> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(|_| ()).map_err(|error| OpenError::File { path: path.to_owned(), error })
}
