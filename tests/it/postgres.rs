//! A private, throw-away PostgreSQL cluster for the tests, where Debian's binaries are installed.
//!
//! One cluster per run, one database per test. A shell holds the server and ends it when this process is gone,
//! however it goes: it waits on a pipe that only we hold open.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use sqlx::{Connection as _, Executor as _};

use crate::world::{free_address, skip};

static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
static DATABASES: AtomicU32 = AtomicU32::new(0);

struct Cluster {
    port: u16,
    _keeper: Mutex<Child>,
}

/// The URL of a fresh database, or nothing where PostgreSQL is not installed.
pub(crate) async fn database() -> Option<String> {
    let cluster = tokio::task::spawn_blocking(|| CLUSTER.get_or_init(start).as_ref().map(|cluster| cluster.port));
    let Some(port) = cluster.await.expect("the cluster starts") else {
        skip("PostgreSQL is not installed");
        return None;
    };
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let admin = format!("postgres://postgres@127.0.0.1:{port}/postgres");
    let mut connection = connect(&admin).await;
    let create = sqlx::AssertSqlSafe(format!("create database {name}"));
    connection.execute(create).await.expect("a database is made");
    Some(format!("postgres://postgres@127.0.0.1:{port}/{name}"))
}

pub(crate) async fn connect(url: &str) -> sqlx::PgConnection {
    for _ in 0..200 {
        if let Ok(connection) = sqlx::PgConnection::connect(url).await {
            return connection;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("PostgreSQL did not come up");
}

fn binaries() -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> =
        std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|e| e.path().join("bin")).collect();
    versions.sort();
    versions.into_iter().rev().find(|bin| bin.join("initdb").exists() && bin.join("postgres").exists())
}

fn start() -> Option<Cluster> {
    let bin = binaries()?;
    let folder = tempfile::Builder::new().prefix("nightcall-pg-").tempdir().expect("a folder").keep();
    let port = free_address().port();
    // The server refuses to run as root, so root hands everything to the package's own user.
    let root = std::fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me) == 0).unwrap_or(false);
    let user = if root { "setpriv --reuid=postgres --regid=postgres --clear-groups" } else { "" };
    let script = format!(
        "set -e; cd /; d='{folder}'; [ -z '{user}' ] || chown postgres \"$d\"\n\
         {user} '{bin}/initdb' -D \"$d/data\" -U postgres -A trust --no-sync >\"$d/initdb.log\" 2>&1\n\
         {user} '{bin}/postgres' -D \"$d/data\" -p {port} -k \"$d\" -c listen_addresses=127.0.0.1 \
         -c max_connections=300 >\"$d/postgres.log\" 2>&1 </dev/null &\n\
         server=$!; echo started; read -r _ || true; kill -INT $server; wait $server || true; rm -rf \"$d\"",
        folder = folder.display(),
        bin = bin.display(),
    );
    let keeper = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("a shell starts");
    Some(wait_for(keeper, port))
}

fn wait_for(mut keeper: Child, port: u16) -> Cluster {
    let stdout = keeper.stdout.take().expect("a pipe");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("the shell speaks");
    assert_eq!(line.trim(), "started", "initdb works");
    Cluster { port, _keeper: Mutex::new(keeper) }
}
