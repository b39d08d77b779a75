//! How well mails are read: actions and the grouping by key, against what a manifest expects.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nightcall::domain::alert::{Action, Alert};
use nightcall::domain::mail::{Envelope, Mail};
use serde_json::Value;

/// One line of a `manifest.jsonl`: a mail and what it means.
pub(crate) struct Sample {
    pub(crate) file: String,
    pub(crate) path: PathBuf,
    pub(crate) recipients: Vec<String>,
    pub(crate) sender: String,
    pub(crate) expected: Value,
}

impl Sample {
    pub(crate) fn raw(&self) -> Vec<u8> {
        std::fs::read(&self.path).unwrap_or_else(|error| panic!("{}: {error}", self.path.display()))
    }

    pub(crate) fn mail(&self) -> Mail {
        Mail::parse(&self.raw()).with_sender(&self.sender)
    }

    pub(crate) fn envelope(&self) -> Envelope {
        Envelope::new(&self.sender, &self.recipients[0], "192.0.2.1")
    }

    pub(crate) fn monitor(&self) -> &str {
        self.expected["monitor"].as_str().expect("a monitor")
    }

    fn group(&self) -> Option<&str> {
        self.expected["key_group"].as_str()
    }

    /// The action that is right, and others that a reasonable person would take too.
    fn accepted(&self) -> Vec<&str> {
        let listed = self.expected["accept"].as_array().into_iter().flatten().filter_map(Value::as_str);
        listed.chain(self.expected["action"].as_str()).collect()
    }
}

/// The samples of a folder under `tests/mails`, or of all of it. The mails lie in the folder or below it.
pub(crate) fn samples(folder: &str) -> Vec<Sample> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mails").join(folder);
    let mut paths = BTreeMap::new();
    find(&folder, &mut paths);
    let manifest = std::fs::read_to_string(folder.join("manifest.jsonl")).expect("the manifest");
    let sample = |line: &str| {
        let expected: Value = serde_json::from_str(line).expect("JSON");
        let file = expected["file"].as_str().expect("a file").to_owned();
        let path = paths.get(&file).unwrap_or_else(|| panic!("{file} is missing")).clone();
        let recipients = expected["rcpt"].as_array().expect("recipients").iter();
        let recipients = recipients.map(|r| r.as_str().expect("an address").to_owned()).collect();
        let sender = expected["envelope_from"].as_str().expect("a sender").to_owned();
        Sample { file, path, recipients, sender, expected }
    };
    manifest.lines().filter(|line| !line.trim().is_empty()).map(sample).collect()
}

fn find(folder: &Path, paths: &mut BTreeMap<String, PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            // A corpus within is one of its own.
            if !path.join("manifest.jsonl").exists() {
                find(&path, paths);
            }
        } else if path.extension().is_some_and(|end| end == "eml") {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            assert!(paths.insert(name, path.clone()).is_none(), "{} is there twice", path.display());
        }
    }
}

/// How well the mails of one monitor, or of all, were read.
#[derive(Debug, Default, Clone)]
pub(crate) struct Score {
    pub(crate) mails: u32,
    pub(crate) actions: u32,
    /// A resolve, or silence, where somebody had to be called.
    pub(crate) dangerous: u32,
    /// Mails with a group, and those whose key is that of their whole group and of no other.
    pub(crate) grouped: u32,
    pub(crate) keys: u32,
    /// Pairs of mails that share a key, a group, and both.
    same_key: u32,
    same_group: u32,
    same_both: u32,
}

impl Score {
    pub(crate) fn precision(&self) -> f64 {
        ratio(self.same_both, self.same_key)
    }

    pub(crate) fn recall(&self) -> f64 {
        ratio(self.same_both, self.same_group)
    }

    fn add(&mut self, other: &Self) {
        self.mails += other.mails;
        self.actions += other.actions;
        self.dangerous += other.dangerous;
        self.grouped += other.grouped;
        self.keys += other.keys;
        self.same_key += other.same_key;
        self.same_group += other.same_group;
        self.same_both += other.same_both;
    }
}

fn ratio(part: u32, whole: u32) -> f64 {
    if whole == 0 { 1.0 } else { f64::from(part) / f64::from(whole) }
}

/// Scores by monitor, the sum, and what was wrong in words.
pub(crate) struct Scores {
    pub(crate) monitors: BTreeMap<String, Score>,
    pub(crate) sum: Score,
    pub(crate) wrong: Vec<String>,
}

/// Measures a way of reading mails.
pub(crate) fn measure(samples: &[Sample], read: impl Fn(&Sample) -> Alert) -> Scores {
    let mut by_monitor: BTreeMap<&str, Vec<(&Sample, Alert)>> = BTreeMap::new();
    for sample in samples {
        by_monitor.entry(sample.monitor()).or_default().push((sample, read(sample)));
    }
    let mut scores = Scores { monitors: BTreeMap::new(), sum: Score::default(), wrong: Vec::new() };
    for (monitor, read) in by_monitor {
        let score = score(&read, &mut scores.wrong);
        scores.sum.add(&score);
        scores.monitors.insert(monitor.to_owned(), score);
    }
    scores
}

fn score(read: &[(&Sample, Alert)], wrong: &mut Vec<String>) -> Score {
    let mut score = Score::default();
    for (sample, alert) in read {
        let accepted = sample.accepted();
        score.mails += 1;
        if accepted.contains(&alert.action.word()) {
            score.actions += 1;
        } else {
            wrong.push(format!("{}: {} is none of {accepted:?} ({})", sample.file, alert.action, alert.reason));
            let quiet = alert.action != Action::Trigger && alert.action != Action::Acknowledge;
            score.dangerous += u32::from(quiet && accepted.contains(&"trigger"));
        }
    }
    // What is ignored has no key to speak of.
    let keyed: Vec<(&str, &str, &str)> = read
        .iter()
        .filter(|(_, alert)| alert.action != Action::Ignore)
        .filter_map(|(sample, alert)| Some((sample.group()?, alert.dedup_key.as_str(), sample.file.as_str())))
        .collect();
    for (nth, (group, key, _)) in keyed.iter().enumerate() {
        for (other_group, other_key, _) in &keyed[nth + 1..] {
            score.same_group += u32::from(group == other_group);
            score.same_key += u32::from(key == other_key);
            score.same_both += u32::from(group == other_group && key == other_key);
        }
    }
    for (group, key, file) in &keyed {
        let keys: BTreeSet<&str> = keyed.iter().filter(|(g, ..)| g == group).map(|(_, key, _)| *key).collect();
        let groups: BTreeSet<&str> = keyed.iter().filter(|(_, k, _)| k == key).map(|(group, ..)| *group).collect();
        score.grouped += 1;
        if keys.len() == 1 && groups.len() == 1 {
            score.keys += 1;
        } else {
            wrong.push(format!(
                "{file}: key {key:?}; its group {group:?} has {} keys, the key {} groups",
                keys.len(),
                groups.len()
            ));
        }
    }
    score
}

impl Scores {
    /// A line for each monitor.
    pub(crate) fn table(&self) -> String {
        let mut lines =
            vec![format!("{:<32} {:>9} {:>9} {:>9} {:>7}", "monitor", "actions", "keys", "precision", "recall")];
        let line = |name: &str, score: &Score| {
            format!(
                "{name:<32} {:>9} {:>9} {:>9.3} {:>7.3}",
                format!("{}/{}", score.actions, score.mails),
                format!("{}/{}", score.keys, score.grouped),
                score.precision(),
                score.recall()
            )
        };
        lines.extend(self.monitors.iter().map(|(name, score)| line(name, score)));
        lines.push(line("all", &self.sum));
        lines.join("\n")
    }
}
