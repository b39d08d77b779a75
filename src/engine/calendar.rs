//! Calendars elsewhere: their shifts join the definitions in force, and a broken answer never empties a schedule.
//!
//! `notify/calendar.rs` asks the remotes. What they say is checked here, kept in the database, and only then put in
//! force. The set in force is always the files' definitions with the kept texts read anew, so a reload keeps the
//! shifts, and other names in the files find other people in the same text.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Engine;
use crate::domain::Definitions;
use crate::domain::calendar::Url;
use crate::domain::schedule::Events;
use crate::ical::{self, Duty, People};
use crate::store;
use crate::store::calendar::StoredCalendar;

/// How often a calendar is asked for.
const EVERY: SignedDuration = SignedDuration::from_mins(15);

/// How often while there is none at all.
const EVERY_WITHOUT: SignedDuration = SignedDuration::from_mins(1);

/// How long a text is kept that no schedule names: files may come back.
const FORGET_AFTER: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Most names that one log line tells.
const TOLD_MAX: usize = 10;

/// A calendar to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Where.
    pub url: Url,
    /// The tag of the text that is known already.
    pub etag: Option<String>,
}

/// What a remote answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The text with the tag that was asked with is still the newest.
    Unchanged,
    /// A text, and its tag.
    Text(String, Option<String>),
}

/// How it stands with the calendar of one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarState {
    /// Which schedule.
    pub schedule: String,
    /// When the remote last said that the text in force is the newest; never yet.
    pub fetched_at: Option<Timestamp>,
    /// Why the shifts in force may be old ones, or are none.
    pub problem: Option<String>,
    /// So many names of shifts to come mean nobody here.
    pub strangers: usize,
    /// Whether the remote was not asked yet.
    pub is_awaited: bool,
}

/// What is known of the calendars elsewhere.
#[derive(Debug, Default)]
pub(super) struct Calendars {
    by_url: BTreeMap<Url, Known>,
    /// How joining went, by schedule.
    joined: BTreeMap<String, Joined>,
    joined_on: Option<Date>,
}

#[derive(Debug, Default)]
struct Known {
    text: Option<Kept>,
    asked_at: Option<Timestamp>,
    problem: Option<String>,
}

#[derive(Debug)]
struct Kept {
    text: Arc<str>,
    etag: Option<String>,
    fetched_at: Timestamp,
    /// Whether the database has it as well.
    is_stored: bool,
}

/// How reading a calendar for one schedule went.
#[derive(Debug, Default)]
struct Joined {
    strangers: usize,
    problem: Option<String>,
}

impl Calendars {
    /// Knows what the database knows.
    pub(super) fn learn(&mut self, stored: Vec<StoredCalendar>) {
        for calendar in stored {
            let StoredCalendar { url, text, etag, fetched_at, problem } = calendar;
            let text = Some(Kept { text: text.into(), etag, fetched_at, is_stored: true });
            self.by_url.insert(url, Known { text, asked_at: None, problem });
        }
    }

    /// The files' definitions with the shifts of all calendars. One that cannot be read for these days keeps the
    /// shifts that are in force.
    pub(super) fn join(&mut self, files: &Definitions, in_force: &Definitions, now: Timestamp) -> Definitions {
        let mut definitions = files.clone();
        self.joined.clear();
        self.joined_on = Some(day(now));
        for (name, subscription) in &files.roster.calendars {
            let Some(schedule) = definitions.roster.schedules.get_mut(name) else { continue };
            let Some(kept) = self.by_url.get(&subscription.url).and_then(|known| known.text.as_ref()) else { continue };
            let people = People { users: &files.roster.users, named: &subscription.named };
            let joined = match ical::shifts(&kept.text, now, &schedule.zone, people) {
                Ok(duty) => {
                    tell(name, &duty);
                    schedule.events = duty.events.into();
                    Joined { strangers: duty.strangers.len(), problem: None }
                }
                Err(error) => {
                    tracing::error!("the calendar of schedule {name} cannot be read any more: {error}");
                    let before = in_force.roster.schedules.get(name);
                    schedule.events = before.map(|before| before.events.clone()).unwrap_or_default();
                    Joined { strangers: 0, problem: Some(error.to_string()) }
                }
            };
            self.joined.insert(name.clone(), joined);
        }
        definitions
    }

    /// How it stands with each schedule's calendar.
    pub(super) fn states(&self, files: &Definitions) -> Vec<CalendarState> {
        let state = |(schedule, url): (&String, &Url)| {
            let (known, joined) = (self.by_url.get(url), self.joined.get(schedule));
            let kept = known.and_then(|known| known.text.as_ref());
            let asked = known.is_some_and(|known| known.asked_at.is_some());
            CalendarState {
                schedule: schedule.clone(),
                fetched_at: kept.map(|kept| kept.fetched_at),
                problem: known
                    .and_then(|known| known.problem.clone())
                    .or_else(|| joined.and_then(|joined| joined.problem.clone())),
                strangers: joined.map_or(0, |joined| joined.strangers),
                is_awaited: kept.is_none() && !asked,
            }
        };
        let calendars = &files.roster.calendars;
        calendars.iter().map(|(schedule, subscription)| state((schedule, &subscription.url))).collect()
    }

    /// Those to ask for now.
    pub(super) fn due(&self, files: &Definitions, now: Timestamp) -> Vec<Wanted> {
        let wanted = |url: &Url| {
            let known = self.by_url.get(url);
            let kept = known.and_then(|known| known.text.as_ref());
            let every = if kept.is_some() { EVERY } else { EVERY_WITHOUT };
            let asked_at = known.and_then(|known| known.asked_at);
            let is_due = asked_at.is_none_or(|at| now.duration_since(at) >= every);
            is_due.then(|| Wanted { url: url.clone(), etag: kept.and_then(|kept| kept.etag.clone()) })
        };
        let mut due: Vec<Wanted> = files.roster.calendars.values().filter_map(|one| wanted(&one.url)).collect();
        due.sort_by(|one, other| one.url.cmp(&other.url));
        due.dedup();
        due
    }

    /// Whether the time for which calendars are read has moved since they were.
    pub(super) fn is_stale(&self, files: &Definitions, now: Timestamp) -> bool {
        !files.roster.calendars.is_empty() && self.joined_on != Some(day(now))
    }

    /// Takes note of an answer that was checked. Returns what the database is to keep, and whether there is a new text.
    pub(super) fn answered(&mut self, url: &Url, answer: Result<Answer, String>, now: Timestamp) -> (Keep, bool) {
        let known = self.by_url.entry(url.clone()).or_default();
        known.asked_at = Some(now);
        let mut is_new = false;
        let outcome = match (answer, &mut known.text) {
            (Ok(Answer::Text(text, etag)), Some(kept)) if *kept.text == text => {
                kept.is_stored &= kept.etag == etag;
                (kept.etag, kept.fetched_at) = (etag, now);
                Ok(())
            }
            (Ok(Answer::Text(text, etag)), slot) => {
                *slot = Some(Kept { text: text.into(), etag, fetched_at: now, is_stored: false });
                is_new = true;
                Ok(())
            }
            (Ok(Answer::Unchanged), Some(kept)) => {
                kept.fetched_at = now;
                Ok(())
            }
            (Ok(Answer::Unchanged), None) => Err("it says that nothing has changed, but nothing was known".to_owned()),
            (Err(why), _) => Err(why),
        };
        known.problem = outcome.err();
        let keep = match &known.text {
            None => Keep::Nothing,
            Some(kept) if kept.is_stored => Keep::Mark(kept.fetched_at, known.problem.clone()),
            Some(kept) => Keep::All(StoredCalendar {
                url: url.clone(),
                text: kept.text.to_string(),
                etag: kept.etag.clone(),
                fetched_at: kept.fetched_at,
                problem: known.problem.clone(),
            }),
        };
        (keep, is_new)
    }

    /// The database has it.
    pub(super) fn stored(&mut self, url: &Url) {
        if let Some(kept) = self.by_url.get_mut(url).and_then(|known| known.text.as_mut()) {
            kept.is_stored = true;
        }
    }

    /// Takes out those that no schedule has named for long.
    pub(super) fn forgotten(&mut self, files: &Definitions, now: Timestamp) -> Vec<Url> {
        let is_old = |known: &Known| {
            let at = known.text.as_ref().map(|kept| kept.fetched_at).or(known.asked_at);
            at.is_none_or(|at| now.duration_since(at) > FORGET_AFTER)
        };
        let is_named = |url: &Url| files.roster.calendars.values().any(|one| one.url == *url);
        let old: Vec<Url> = self
            .by_url
            .iter()
            .filter(|(url, known)| is_old(known) && !is_named(url))
            .map(|(url, _)| url.clone())
            .collect();
        for url in &old {
            self.by_url.remove(url);
        }
        old
    }
}

/// What the database is to keep of an answer.
#[derive(Debug)]
pub(super) enum Keep {
    Nothing,
    /// When the text it has was confirmed, and what is wrong.
    Mark(Timestamp, Option<String>),
    All(StoredCalendar),
}

fn day(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

/// Whether a text may take the place of what is in force: it can be read for every schedule that names it, and leaves
/// none without shifts to come that has some now.
fn check(text: &str, url: &Url, in_force: &Definitions, now: Timestamp) -> Result<(), String> {
    // PostgreSQL has no such texts, and neither has RFC 5545, section 3.1.
    if text.contains('\0') {
        return Err("it has NUL characters".to_owned());
    }
    let roster = &in_force.roster;
    if !roster.calendars.values().any(|subscription| subscription.url == *url) {
        return Err("no schedule names it any more".to_owned());
    }
    for (name, subscription) in roster.calendars.iter().filter(|(_, subscription)| subscription.url == *url) {
        let Some(schedule) = roster.schedules.get(name) else { continue };
        let people = People { users: &roster.users, named: &subscription.named };
        let duty = ical::shifts(text, now, &schedule.zone, people).map_err(|error| error.to_string())?;
        let to_come = |events: &Events| events.iter().any(|event| event.ends_at > now);
        if to_come(&schedule.events) && !to_come(&duty.events.into()) {
            return Err("it has no shift of anybody known here from now on".to_owned());
        }
    }
    Ok(())
}

/// Tells the log what of a calendar is not used.
fn tell(schedule: &str, duty: &Duty) {
    if !duty.strangers.is_empty() {
        let names: Vec<&str> = duty.strangers.keys().take(TOLD_MAX).map(String::as_str).collect();
        tracing::warn!(
            "the calendar of schedule {schedule} has shifts of {} people unknown here, which are left out: {}",
            duty.strangers.len(),
            names.join(", ")
        );
    }
    for problem in duty.problems.iter().take(TOLD_MAX) {
        tracing::warn!("the calendar of schedule {schedule}: {problem}");
    }
}

/// Definitions as the database knows their calendars: for who looks without being the gateway.
pub fn joined(files: &Definitions, stored: Vec<StoredCalendar>, now: Timestamp) -> Definitions {
    let mut calendars = Calendars::default();
    calendars.learn(stored);
    calendars.join(files, files, now)
}

impl Engine {
    /// Puts the calendars in force that the database knows, those included that only later definitions will name.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn learn_calendars(&self) -> Result<(), store::Error> {
        self.in_force.learn(self.store.calendars().await?, self.clock.now());
        Ok(())
    }

    /// The calendars to ask for now.
    pub fn calendars_due(&self) -> Vec<Wanted> {
        self.in_force.calendars_due(self.clock.now())
    }

    /// Takes what a remote answered, or why it did not. A new text is checked, then in force, then kept.
    pub async fn calendar_answered(self: &Arc<Self>, url: &Url, answer: Result<Answer, String>) {
        let (engine, asked, now) = (Arc::clone(self), url.clone(), self.clock.now());
        // Large texts take a while to read, and one that makes the reader panic is a problem of that text.
        let reading = tokio::task::spawn_blocking(move || {
            let answer = answer.and_then(|answer| match answer {
                Answer::Text(text, etag) => {
                    check(&text, &asked, &engine.definitions(), now).map(|()| Answer::Text(text, etag))
                }
                Answer::Unchanged => Ok(Answer::Unchanged),
            });
            if let Err(why) = &answer {
                tracing::warn!("the calendar at {} is kept as it was: {why}", asked.host());
            }
            engine.in_force.calendar_answered(&asked, answer, now)
        });
        let keep = match reading.await {
            Ok(keep) => keep,
            Err(error) => {
                tracing::error!(%error, "reading the calendar at {} failed", url.host());
                self.in_force.calendar_answered(url, Err("reading it failed inside".to_owned()), now)
            }
        };
        let kept = match &keep {
            Keep::Nothing => return,
            Keep::Mark(fetched_at, problem) => self.store.mark_calendar(url, *fetched_at, problem.as_deref()).await,
            Keep::All(calendar) => self.store.keep_calendar(calendar).await,
        };
        match kept {
            Ok(()) => self.in_force.calendar_stored(url),
            Err(error) => tracing::error!(%error, "the calendar at {} is in force, but not stored", url.host()),
        }
    }

    /// What a new day changes: calendars are read for other days, and those that nobody names are forgotten.
    pub async fn calendars_age(self: &Arc<Self>) {
        let (engine, now) = (Arc::clone(self), self.clock.now());
        let aging = tokio::task::spawn_blocking(move || engine.in_force.calendars_age(now)).await;
        let forgotten = aging.unwrap_or_else(|error| {
            tracing::error!(%error, "reading the calendars for a new day failed");
            Vec::new()
        });
        for url in forgotten {
            if let Err(error) = self.store.forget_calendar(&url).await {
                tracing::warn!(%error, "an unused calendar was not cleared away");
            }
        }
    }
}
