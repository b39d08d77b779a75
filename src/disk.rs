//! How much room is left where the database is. The SMTP door takes no new mail before it is all gone: what runs out
//! in the middle of a commit is told to the sender too, but by then nothing else can be written either.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio_util::sync::CancellationToken;

/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The room that is left.
#[derive(Debug)]
pub struct Disk {
    /// Where to look; nothing where the database is elsewhere and looks after itself.
    folder: Option<PathBuf>,
    free_bytes_min: u64,
    low: AtomicBool,
    free_bytes: Gauge,
    is_low: Gauge,
}

impl Disk {
    /// The disk of a database, which is low with less than so many bytes free.
    pub fn of_database(url: &str, free_bytes_min: u64) -> Arc<Self> {
        let path = url.strip_prefix("sqlite://").map(|rest| rest.split('?').next().unwrap_or(rest));
        let path = path.filter(|path| !path.is_empty() && !path.starts_with(':'));
        let folder = path.map(|path| match Path::new(path).parent() {
            Some(parent) if parent != Path::new("") => parent.to_owned(),
            _ => PathBuf::from("."),
        });
        let (low, free_bytes, is_low) = (AtomicBool::new(false), Gauge::default(), Gauge::default());
        let disk = Self { folder, free_bytes_min, low, free_bytes, is_low };
        disk.look();
        Arc::new(disk)
    }

    /// Makes it visible.
    pub fn register(&self, registry: &mut Registry) {
        if self.folder.is_some() {
            registry.register("disk_free_bytes", "Bytes free where the database is", self.free_bytes.clone());
            registry.register(
                "disk_low",
                "Whether mail is put off because the disk is nearly full",
                self.is_low.clone(),
            );
        }
    }

    /// Whether there is too little for more mail.
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Relaxed)
    }

    /// Bytes free when it was last looked at; nothing where there is nowhere to look.
    pub fn free_bytes(&self) -> Option<i64> {
        self.folder.as_ref().map(|_| self.free_bytes.get())
    }

    /// Looks now and then until told to stop. A file system that hangs holds up nothing but the looking.
    pub async fn watch(self: Arc<Self>, stop: CancellationToken) {
        while self.folder.is_some() && !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {
                    let disk = Arc::clone(&self);
                    let _ = tokio::task::spawn_blocking(move || disk.look()).await;
                }
            }
        }
        stop.cancelled().await;
    }

    fn look(&self) {
        let Some(folder) = &self.folder else { return };
        match rustix::fs::statvfs(folder) {
            // What is kept for the administrator is not ours (statvfs(3)).
            Ok(found) => self.note(found.f_bavail.saturating_mul(found.f_frsize)),
            Err(error) => tracing::error!(%error, "cannot see how much room the disk has"),
        }
    }

    fn note(&self, free_bytes: u64) {
        let low = free_bytes < self.free_bytes_min;
        self.free_bytes.set(i64::try_from(free_bytes).unwrap_or(i64::MAX));
        self.is_low.set(i64::from(low));
        match (self.low.swap(low, Ordering::Relaxed), low) {
            (false, true) => {
                tracing::error!(free_bytes, "the disk is nearly full: senders are told to try again later");
            }
            (true, false) => tracing::info!(free_bytes, "the disk has room again: mail is taken"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_is_put_off_until_there_is_room_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let url = format!("sqlite://{}?mode=rwc", folder.path().join("test.db").display());
        let disk = Disk::of_database(&url, 1);
        assert!(!disk.is_low() && disk.free_bytes().is_some_and(|free| free > 0));
        assert!(Disk::of_database(&url, u64::MAX).is_low(), "no disk has so much");
        for (free, low) in [(0, true), (1, false), (0, true)] {
            disk.note(free);
            assert_eq!(disk.is_low(), low, "{free}");
        }
        for elsewhere in ["postgres://localhost/x", "sqlite://:memory:"] {
            let disk = Disk::of_database(elsewhere, u64::MAX);
            assert!(!disk.is_low() && disk.free_bytes().is_none(), "{elsewhere}");
        }
    }
}
