//! Has a file changed? Asked every second by looking at sizes and times of change, which works on every
//! file system, also where editors and deployments replace files or whole folders.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::toml_files;

/// Watches files, and a folder of rule packs.
#[derive(Debug)]
pub struct Watch {
    files: Vec<PathBuf>,
    rules: Option<PathBuf>,
    handled: Stamp,
    seen: Stamp,
}

/// What the files looked like.
type Stamp = Vec<(PathBuf, Option<(SystemTime, u64)>)>;

impl Watch {
    /// Watches from now on.
    pub fn start(files: Vec<PathBuf>, rules: Option<&Path>) -> Self {
        let rules = rules.map(Path::to_owned);
        let now = stamp(&files, rules.as_deref());
        Self { files, rules, handled: now.clone(), seen: now }
    }

    /// Whether something changed since the last time this said so, and has been still since it was last asked:
    /// nobody wants a file that is half written.
    pub fn has_changed(&mut self) -> bool {
        let now = stamp(&self.files, self.rules.as_deref());
        let still = now == self.seen;
        self.seen = now;
        let changed = still && self.seen != self.handled;
        if changed {
            self.handled.clone_from(&self.seen);
        }
        changed
    }
}

fn stamp(files: &[PathBuf], rules: Option<&Path>) -> Stamp {
    let packs = rules.and_then(|folder| toml_files(folder).ok()).unwrap_or_default();
    let look = |path: PathBuf| {
        let seen = std::fs::metadata(&path).ok().and_then(|data| Some((data.modified().ok()?, data.len())));
        (path, seen)
    };
    files.iter().cloned().chain(packs).map(look).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_when_it_is_still() {
        let folder = tempfile::tempdir().expect("a folder");
        let (config, rules) = (folder.path().join("nightcall.toml"), folder.path().join("rules"));
        std::fs::create_dir(&rules).expect("made");
        std::fs::write(&config, "a").expect("written");
        let mut watch = Watch::start(vec![config.clone()], Some(&rules));
        assert!(!watch.has_changed());
        let changes: [&dyn Fn(); 4] = [
            &|| std::fs::write(&config, "ab").expect("written"),
            &|| std::fs::write(rules.join("new.toml"), "x").expect("written"),
            &|| std::fs::rename(rules.join("new.toml"), rules.join("other.toml")).expect("renamed"),
            &|| std::fs::remove_dir_all(&rules).expect("removed"),
        ];
        for change in changes {
            change();
            assert!(!watch.has_changed(), "it may be half written");
            assert!(watch.has_changed());
            assert!(!watch.has_changed(), "told once");
        }
    }
}
