//! Has a file changed? Asked every second by looking at sizes and times of change, which works on every
//! file system, also where editors and deployments replace files or whole folders.
//!
//! Where there are calendars, a new day is a change as well: they are read for the time around today.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::{calendar, toml_files};

/// Watches the main file, the folder of rule packs and the calendar files that the main file names.
#[derive(Debug)]
pub struct Watch {
    config: PathBuf,
    rules: Option<PathBuf>,
    /// As the main file named them when it looked like `seen`.
    calendars: Vec<PathBuf>,
    looks: Looks<Stamp>,
}

/// What the files looked like.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    config: Look,
    others: Vec<(PathBuf, Look)>,
    /// The day in UTC, where there are calendars.
    day: Option<Date>,
}

/// When a file was changed, and its length; nothing if it is not there.
type Look = Option<(SystemTime, u64)>;

impl Watch {
    /// Watches from now on.
    pub fn start(config: &Path, rules: Option<&Path>, now: Timestamp) -> Self {
        let (config, rules) = (config.to_owned(), rules.map(Path::to_owned));
        // Looked at before it is read, so that a change in between is seen the next time.
        let look_at_config = look(&config);
        let calendars = calendar::files_named(&config);
        let stamp = stamp(look_at_config, rules.as_deref(), &calendars, now);
        Self { config, rules, calendars, looks: Looks::like(stamp) }
    }

    /// Whether something changed since the last time this said so, and has been still since it was last asked:
    /// nobody wants a file that is half written.
    pub fn has_changed(&mut self, now: Timestamp) -> bool {
        let config = look(&self.config);
        if config != self.looks.seen.config {
            self.calendars = calendar::files_named(&self.config);
        }
        let stamp = stamp(config, self.rules.as_deref(), &self.calendars, now);
        self.looks.now_like(stamp)
    }
}

/// What files look like, and looked like when a change was last told.
#[derive(Debug)]
struct Looks<T> {
    handled: T,
    seen: T,
}

impl<T: Clone + PartialEq> Looks<T> {
    fn like(seen: T) -> Self {
        Self { handled: seen.clone(), seen }
    }

    /// Whether that is a change that was not told yet and has been still since the last look.
    fn now_like(&mut self, now: T) -> bool {
        let still = now == self.seen;
        self.seen = now;
        let changed = still && self.seen != self.handled;
        if changed {
            self.handled.clone_from(&self.seen);
        }
        changed
    }
}

/// Watches files that stand alone, such as a certificate and its key.
#[derive(Debug)]
pub struct FileWatch {
    files: Vec<PathBuf>,
    looks: Looks<Vec<Look>>,
}

impl FileWatch {
    /// Watches from now on.
    pub fn start(files: Vec<PathBuf>) -> Self {
        let seen: Vec<Look> = files.iter().map(|path| look(path)).collect();
        Self { files, looks: Looks::like(seen) }
    }

    /// As [`Watch::has_changed`].
    pub fn has_changed(&mut self) -> bool {
        let now: Vec<Look> = self.files.iter().map(|path| look(path)).collect();
        self.looks.now_like(now)
    }
}

fn stamp(config: Look, rules: Option<&Path>, calendars: &[PathBuf], now: Timestamp) -> Stamp {
    let packs = rules.and_then(|folder| toml_files(folder).ok()).unwrap_or_default();
    let others = packs.into_iter().chain(calendars.iter().cloned()).map(|path| (path.clone(), look(&path))).collect();
    let day = (!calendars.is_empty()).then(|| TimeZone::UTC.to_datetime(now).date());
    Stamp { config, others, day }
}

fn look(path: &Path) -> Look {
    std::fs::metadata(path).ok().and_then(|data| Some((data.modified().ok()?, data.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "2026-11-21T12:00:00Z";

    #[test]
    fn a_change_is_told_once_and_when_it_is_still() {
        let folder = tempfile::tempdir().expect("a folder");
        let (config, rules) = (folder.path().join("nightcall.toml"), folder.path().join("rules"));
        std::fs::create_dir(&rules).expect("made");
        std::fs::write(&config, "a").expect("written");
        let now = DAY.parse().expect("a timestamp");
        let mut watch = Watch::start(&config, Some(&rules), now);
        assert!(!watch.has_changed(now));
        let calendar = folder.path().join("primary.ics");
        let named = "[schedules.primary]\ncalendar = \"primary.ics\"\n";
        let changes: [&dyn Fn(); 7] = [
            &|| std::fs::write(&config, "ab").expect("written"),
            &|| std::fs::write(rules.join("new.toml"), "x").expect("written"),
            &|| std::fs::rename(rules.join("new.toml"), rules.join("other.toml")).expect("renamed"),
            &|| std::fs::remove_dir_all(&rules).expect("removed"),
            &|| std::fs::write(&config, named).expect("written"),
            &|| std::fs::write(&calendar, "x").expect("written"),
            &|| std::fs::remove_file(&calendar).expect("removed"),
        ];
        for change in changes {
            change();
            assert!(!watch.has_changed(now), "it may be half written");
            assert!(watch.has_changed(now));
            assert!(!watch.has_changed(now), "told once");
        }
    }

    #[test]
    fn a_new_day_is_a_change_where_there_are_calendars() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("nightcall.toml");
        let now: Timestamp = DAY.parse().expect("a timestamp");
        let tomorrow = now + jiff::SignedDuration::from_hours(12);
        for (text, changes) in [
            ("[schedules.primary]\nholiday_files = [\"de.ics\"]\nwrong =", false),
            ("[schedules.primary]\nholiday_files = [\"de.ics\"]\nwrong = 1", true),
            ("[schedules.primary]\ncalendar = \"https://example.com/a.ics\"", false),
        ] {
            std::fs::write(&config, text).expect("written");
            let mut watch = Watch::start(&config, None, now);
            assert!(!watch.has_changed(tomorrow));
            assert_eq!(watch.has_changed(tomorrow), changes, "{text}");
            assert!(!watch.has_changed(tomorrow), "told once");
        }
    }
}
