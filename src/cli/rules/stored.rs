//! Stored mail judged again, for the commands that ask what rules would say of it. Changes nothing.

use std::collections::HashMap;
use std::path::PathBuf;

use anyhow::Context as _;
use jiff::{SpanRelativeTo, Timestamp};

use crate::cli::{ConfigArg, told};
use crate::clock::Clock;
use crate::definitions::{self, Loaded};
use crate::domain::mail::Mail;
use crate::domain::rulebook::Verdict;
use crate::engine::intake::{REPEAT_WINDOW, fingerprint};
use crate::store::Store;
use crate::store::archive::Archived;

/// Mails read at once.
const PAGE: i64 = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct Stored {
    #[command(flatten)]
    config: ConfigArg,
    /// How far back: a duration such as 30d or 12h, or an instant such as 2026-11-01T00:00Z
    #[arg(long, value_name = "TIME", default_value = "30d")]
    since: String,
    /// Folder of rule packs to judge with [default: the configured one]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
}

/// A stored mail and what the rules make of it now.
pub(crate) struct Judged {
    pub(crate) archived: Archived,
    pub(crate) mail: Mail,
    pub(crate) verdicts: Vec<Verdict>,
    /// The same mail had come before, so that it did nothing (I6).
    pub(crate) repeated: bool,
}

impl Stored {
    /// The definitions to judge with.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        let now = Clock::System.now();
        let loaded = match &self.rules {
            None => definitions::load(&self.config.config, now),
            Some(folder) => definitions::load_with_rules(&self.config.config, folder, now),
        };
        loaded.map_err(|problems| told(&problems))
    }

    /// When it begins.
    pub(crate) fn since(&self) -> anyhow::Result<Timestamp> {
        since(&self.since, Clock::System.now())
    }

    /// Judges every mail since then, oldest first.
    pub(crate) async fn each(&self, loaded: &Loaded, mut look: impl FnMut(Judged)) -> anyhow::Result<u64> {
        let since = self.since()?;
        let store = Store::open(&loaded.settings.database_url).await.context("cannot use the database")?;
        let mut first: HashMap<(String, String), Timestamp> = HashMap::new();
        let (mut after, mut count): (Option<String>, u64) = (None, 0);
        loop {
            let page = store.archived(since, after.as_deref(), PAGE).await?;
            let Some(last) = page.last() else { return Ok(count) };
            after = Some(last.mail.id.clone());
            for archived in page {
                count += 1;
                look(judge(loaded, archived, &mut first));
            }
        }
    }
}

fn judge(loaded: &Loaded, archived: Archived, first: &mut HashMap<(String, String), Timestamp>) -> Judged {
    let stored = &archived.mail;
    let mail = Mail::parse(&archived.raw).with_sender(&stored.reverse_path);
    let book = &loaded.definitions.rulebook;
    let verdicts = book.judge(&mail, &stored.handed_in());
    let print = fingerprint(&mail, &archived.raw);
    let mut repeated = false;
    if let Some(print) = print {
        for recipient in &stored.recipients {
            let seen = first.entry((recipient.clone(), print.clone())).or_insert(stored.received_at);
            if *seen < stored.received_at - REPEAT_WINDOW {
                *seen = stored.received_at;
            }
            repeated |= *seen != stored.received_at;
        }
    }
    Judged { archived, mail, verdicts, repeated }
}

fn since(text: &str, now: Timestamp) -> anyhow::Result<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let span: jiff::Span =
        text.parse().with_context(|| format!("{text:?} is no time: write it like 30d, 12h or 2026-11-01T00:00Z"))?;
    let back =
        span.to_duration(SpanRelativeTo::days_are_24_hours()).context("months and years have no fixed length")?;
    now.checked_sub(back.abs()).context("that is too long ago")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_back() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("timestamp");
        for (text, expected) in [
            ("30d", "2026-10-22T12:00:00Z"),
            ("12h", "2026-11-21T00:00:00Z"),
            ("1w 1d", "2026-11-13T12:00:00Z"),
            ("2026-11-01T00:00Z", "2026-11-01T00:00:00Z"),
        ] {
            assert_eq!(since(text, now).expect(text).to_string(), expected);
        }
        for bad in ["", "yesterday", "3 months", "999999999d"] {
            assert!(since(bad, now).is_err(), "{bad:?}");
        }
    }
}
