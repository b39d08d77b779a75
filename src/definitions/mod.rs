//! Definition files: TOML read into checked settings and one consistent [`Definitions`].
//!
//! Called by the CLI and the app. Reading never stops at the first problem; a set of files with any problem
//! yields none of its definitions, so that the old ones stay in force.

mod calendar;
mod civil;
mod criteria;
pub mod draft;
mod handling;
mod oncall;
pub mod pack;
mod people;
mod probe;
pub mod problem;
mod reader;
mod roster;
mod rule;
pub mod sample;
pub mod schema;
mod senders;
pub mod suggest;
mod transform;
pub mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use self::calendar::Calendars;
use self::pack::PackFile;
pub use self::probe::with_probe;
use self::problem::{Problem, Problems, SourceFile};
pub use self::reader::{Placed, Reader, Table};
use crate::domain::Definitions;
use crate::domain::handling::Handling;
use crate::domain::hex::hex;
use crate::domain::rulebook::{AddressPattern, Pack, Rulebook, Service};
use crate::domain::ruleset::RuleSet;
use crate::settings::Settings;

/// The rule packs compiled into the program: file name and text. `tests/it/tidy.rs` checks that it lists every
/// file of `rules/`.
pub const SHIPPED: [(&str, &str); 21] = [
    ("alertmanager", include_str!("../../rules/alertmanager.toml")),
    ("alibaba", include_str!("../../rules/alibaba.toml")),
    ("apcupsd", include_str!("../../rules/apcupsd.toml")),
    ("argocd", include_str!("../../rules/argocd.toml")),
    ("checkmk", include_str!("../../rules/checkmk.toml")),
    ("cloudwatch", include_str!("../../rules/cloudwatch.toml")),
    ("cron", include_str!("../../rules/cron.toml")),
    ("datadog", include_str!("../../rules/datadog.toml")),
    ("grafana", include_str!("../../rules/grafana.toml")),
    ("harness", include_str!("../../rules/harness.toml")),
    ("icinga2", include_str!("../../rules/icinga2.toml")),
    ("mail-system", include_str!("../../rules/mail-system.toml")),
    ("mdadm", include_str!("../../rules/mdadm.toml")),
    ("monit", include_str!("../../rules/monit.toml")),
    ("nagios", include_str!("../../rules/nagios.toml")),
    ("pagerduty", include_str!("../../rules/pagerduty.toml")),
    ("prtg", include_str!("../../rules/prtg.toml")),
    ("sensu", include_str!("../../rules/sensu.toml")),
    ("smartd", include_str!("../../rules/smartd.toml")),
    ("uptime-kuma", include_str!("../../rules/uptime-kuma.toml")),
    ("zabbix", include_str!("../../rules/zabbix.toml")),
];

/// The shipped pack that reads delivery reports and automatic replies.
const MAIL_SYSTEM: &str = "mail-system";

/// Everything a configuration file and its rule packs say.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// How the process runs.
    pub settings: Settings,
    /// Who is called for what.
    pub definitions: Definitions,
}

/// Reads a configuration file and the rule packs and calendar files it points to; the calendars for the time around
/// `now`.
///
/// # Errors
/// Every problem of every file at once.
pub fn load(path: &Path, now: Timestamp) -> Result<Loaded, Problems> {
    read(path, None, now)
}

/// The same with another folder of rule packs than the configured one.
///
/// # Errors
/// Every problem of every file at once.
pub fn load_with_rules(path: &Path, rules: &Path, now: Timestamp) -> Result<Loaded, Problems> {
    read(path, Some(rules), now)
}

fn read(path: &Path, rules: Option<&Path>, now: Timestamp) -> Result<Loaded, Problems> {
    let source = SourceFile::read(path).map_err(|problem| Problems(vec![problem]))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let reader = Reader::new(Arc::clone(&source));
    let Some(mut root) = reader.root() else { return Err(Problems(reader.into_problems())) };
    let settings = Settings::read(&mut root, folder);
    let (packs, pack_problems) = packs(rules.or(settings.rules.as_deref()));
    let mut sources = vec![Arc::clone(&source)];
    sources.extend(packs.values().map(|file| Arc::clone(&file.source)));
    let packs: BTreeMap<String, Arc<Pack>> = packs.into_iter().map(|(name, file)| (name, file.pack)).collect();
    let calendars = Calendars::new(folder, now);
    let definitions = roster::read(&mut root, &packs, &settings, &calendars);
    sources.extend(calendars.sources());
    let definitions = Definitions { version: version(&sources), files: files(&sources, folder), ..definitions };
    root.finish();
    let problems: Vec<Problem> = reader.into_problems().into_iter().chain(pack_problems).collect();
    if problems.is_empty() { Ok(Loaded { settings, definitions }) } else { Err(Problems(problems)) }
}

/// A short digest of all files.
fn version(sources: &[Arc<SourceFile>]) -> String {
    let mut digest = Sha256::new();
    for source in sources {
        digest.update(source.text.len().to_be_bytes());
        digest.update(&source.text);
    }
    short(digest)
}

/// A short digest of each file, by its name as seen from the configuration file: it may lie elsewhere on each node.
fn files(sources: &[Arc<SourceFile>], folder: &Path) -> BTreeMap<String, String> {
    let named = |source: &Arc<SourceFile>| {
        let path = source.path.as_deref();
        let inside =
            path.map(|path| path.strip_prefix(folder).ok().or(path.file_name().map(Path::new)).unwrap_or(path));
        let name = inside.map_or_else(|| source.name.clone(), |path| path.display().to_string());
        let mut digest = Sha256::new();
        digest.update(&source.text);
        (name, short(digest))
    };
    sources.iter().map(named).collect()
}

fn short(digest: Sha256) -> String {
    hex(&digest.finalize()[..6])
}

/// Reads the shipped packs and those of a folder; a pack there replaces the shipped one of its name.
pub fn packs(folder: Option<&Path>) -> (BTreeMap<String, PackFile>, Vec<Problem>) {
    let mut packs = BTreeMap::new();
    let mut problems = Vec::new();
    for (name, text) in SHIPPED {
        let source = SourceFile { name: format!("shipped rules/{name}.toml"), path: None, text: text.to_owned() };
        let (file, found) = pack::read(name, &Arc::new(source));
        problems.extend(found);
        packs.insert(name.to_owned(), file);
    }
    if let Some(folder) = folder {
        let (own, found) = packs_at(folder);
        packs.extend(own);
        problems.extend(found);
    }
    (packs, problems)
}

/// Reads a pack, or all packs of a folder, and nothing else.
pub fn packs_at(path: &Path) -> (BTreeMap<String, PackFile>, Vec<Problem>) {
    let mut packs = BTreeMap::new();
    let mut problems = Vec::new();
    let files = if path.is_file() { Ok(vec![path.to_owned()]) } else { toml_files(path) };
    for path in files.unwrap_or_else(|problem| {
        problems.push(problem);
        Vec::new()
    }) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match SourceFile::read(&path) {
            Ok(source) => {
                let (file, found) = pack::read(&name, &source);
                problems.extend(found);
                packs.insert(name, file);
            }
            Err(problem) => problems.push(problem),
        }
    }
    (packs, problems)
}

/// A rulebook for trying mails without a configuration: one service takes any address, with these packs.
pub fn rulebook_of<'p>(packs: impl Iterator<Item = &'p PackFile>, domain: &str) -> Rulebook {
    let service = Service {
        name: "default".to_owned(),
        addresses: vec![AddressPattern { mailbox: None, domain: None }],
        rules: Arc::new(RuleSet::new(packs.flat_map(|file| file.pack.rules.iter().cloned()).collect())),
        handling: Handling::default(),
        senders: None,
    };
    Rulebook { domains: vec![domain.to_lowercase()], services: vec![Arc::new(service)] }
}

/// The same with the shipped packs.
pub fn shipped_rulebook(domain: &str) -> Rulebook {
    let packs = packs(None).0;
    let first = packs.get(MAIL_SYSTEM).into_iter();
    rulebook_of(first.chain(packs.values().filter(|file| file.pack.name != MAIL_SYSTEM)), domain)
}

/// The `*.toml` files of a folder, by name.
///
/// # Errors
/// When the folder cannot be read: rules that are there but unseen must not look like rules taken away.
pub fn toml_files(folder: &Path) -> Result<Vec<PathBuf>, Problem> {
    let read = || std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<PathBuf>>>();
    let mut files = read().map_err(|error| {
        let source = SourceFile { name: folder.display().to_string(), path: None, text: String::new() };
        Problem::new(&Arc::new(source), 0..0, format!("cannot read the folder {}: {error}", folder.display()))
    })?;
    files.retain(|path| path.extension().is_some_and(|end| end == "toml"));
    files.sort();
    Ok(files)
}
