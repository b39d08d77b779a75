//! `oncall`: who is on call, and who would be called for a mail; beside it `override` and `silence`.

mod calendar;
mod feed;
pub(crate) mod overrides;
mod remote;
pub(crate) mod silences;
pub(crate) mod times;
mod who;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use anyhow::bail;
use jiff::Timestamp;
use serde_json::json;

use self::calendar::Look;
use self::times::Edge;
use super::gateway::{Gateway, PlaceArg};
use super::print_json;
use crate::clock::Clock;
use crate::definitions::Loaded;
use crate::domain::schedule::Schedule;
use crate::domain::silence::Silence;
use crate::domain::situation::{Swap, overrides_of};
use crate::engine::calendar as calendars;
use crate::http::view::oncall::{OnCallView, ScheduleView};
use crate::store::Store;

/// Columns where nothing tells how wide the terminal is.
const WIDTH_DEFAULT: usize = 80;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Tell who is on call by each schedule, why, until when, and who is next
    Now(Now),
    /// Show schedules as a calendar
    Show(Show),
    /// Tell who would be called for a mail, how and when; ends with 0 if somebody is, 1 if nobody is, 2 by mistake
    Who(who::Args),
    /// Print the address by which a calendar program subscribes to shifts; whoever has it can read them
    Feed(feed::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Now {
    #[command(flatten)]
    place: PlaceArg,
    /// Another time than now, such as 09:00 or "2026-11-23 09:00"
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    place: PlaceArg,
    /// Which schedule [default: all]
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
    /// So many days
    #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=i64::from(calendar::DAYS_MAX)))]
    days: u32,
    /// From this time on, in the schedule's zone [default: now]
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Columns to use [default: those of the terminal]
    #[arg(long, value_name = "COLUMNS")]
    width: Option<usize>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Command {
    /// The code to end with after a mistake.
    pub(crate) fn failure_code(&self) -> u8 {
        if matches!(self, Self::Who(_)) { who::MISTAKE } else { 1 }
    }
}

pub(crate) async fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Now(args) => now(args).await.map(|()| ExitCode::SUCCESS),
        Command::Show(args) => show(args).await.map(|()| ExitCode::SUCCESS),
        Command::Who(args) => who::run(args).await,
        Command::Feed(args) => feed::run(args).await.map(|()| ExitCode::SUCCESS),
    }
}

/// What people have arranged, as far as the database tells.
#[derive(Debug, Default)]
struct Arranged {
    overrides: Vec<Swap>,
    silences: Vec<Silence>,
    store: Option<Store>,
    /// Why the database was not read.
    unread: Option<String>,
}

impl Arranged {
    /// What matters from an instant on. Without a database nothing is arranged, and that is said.
    ///
    /// Puts the calendars that the gateway has fetched into the definitions.
    async fn since(loaded: &mut Loaded, at: Timestamp) -> Self {
        let has_calendars = !loaded.definitions.roster.calendars.is_empty();
        let also = if has_calendars { "; neither are calendars that the gateway fetches" } else { "" };
        let unread = |why: String| Self { unread: Some(format!("{why}{also}")), ..Self::default() };
        let store = match Store::open_existing(&loaded.settings.database_url).await {
            Ok(Some(store)) => store,
            Ok(None) => return unread("there is no database yet".to_owned()),
            Err(error) => return unread(error.to_string()),
        };
        match (store.overrides_since(at).await, store.silences_since(at).await, store.calendars().await) {
            (Ok(overrides), Ok(silences), Ok(calendars)) => {
                if has_calendars {
                    loaded.definitions = calendars::joined(&loaded.definitions, calendars, Clock::System.now());
                }
                let overrides = overrides.into_iter().map(|stored| stored.swap).collect();
                Self { overrides, silences, store: Some(store), unread: None }
            }
            (Err(error), ..) | (_, Err(error), _) | (.., Err(error)) => unread(error.to_string()),
        }
    }

    /// Says it when the database was not read.
    fn note(&self) {
        if let Some(why) = &self.unread {
            println!("\nnote: overrides and silences are not counted: {why}");
        }
    }
}

async fn now(args: &Now) -> anyhow::Result<()> {
    let mut loaded = match args.place.open()? {
        Gateway::Here(here) => here.into_loaded(),
        Gateway::There(there) => return remote::now(args, &there).await,
    };
    let now = Clock::System.now();
    let at = match &args.at {
        Some(text) => times::instant(text, &times::zone_of(&loaded.definitions.roster), now, Edge::Start)?,
        None => now,
    };
    let arranged = Arranged::since(&mut loaded, at).await;
    let roster = &loaded.definitions.roster;
    let overrides = |schedule: &Schedule| overrides_of(&arranged.overrides, &schedule.name);
    if args.json {
        let view = |schedule| OnCallView::of(schedule, &overrides(schedule), at);
        let schedules: Vec<OnCallView> = roster.schedules.values().map(view).collect();
        return print_json(&json!({ "at": format!("{at:.3}"), "schedules": schedules, "unread": arranged.unread }));
    }
    if roster.schedules.is_empty() {
        println!("there are no schedules; policies name people themselves");
    }
    let line = |schedule| {
        let overrides = overrides(schedule);
        (schedule, schedule.on_call(&overrides, at), schedule.next_handoff(&overrides, at))
    };
    let lines: Vec<_> = roster.schedules.values().map(line).collect();
    print!("{}", calendar::now_line(&lines, at));
    arranged.note();
    Ok(())
}

async fn show(args: &Show) -> anyhow::Result<()> {
    let mut loaded = match args.place.open()? {
        Gateway::Here(here) => here.into_loaded(),
        Gateway::There(there) => return remote::show(args, &there).await,
    };
    let arranged = Arranged::since(&mut loaded, Timestamp::UNIX_EPOCH).await;
    let schedules: Vec<&Schedule> = match &args.schedule {
        Some(name) => vec![schedule(&loaded, name)?],
        None => loaded.definitions.roster.schedules.values().collect(),
    };
    if schedules.is_empty() {
        bail!("there are no schedules; policies name people themselves");
    }
    let now = Clock::System.now();
    let mut views = Vec::new();
    for (nth, schedule) in schedules.into_iter().enumerate() {
        let from = match &args.from {
            Some(text) => times::instant(text, &schedule.zone, now, Edge::Start)?,
            None => now,
        };
        let overrides = overrides_of(&arranged.overrides, &schedule.name);
        if args.json {
            let days = jiff::SignedDuration::from_hours(24 * i64::from(args.days));
            let to = from.checked_add(days).unwrap_or(Timestamp::MAX);
            views.push(ScheduleView::of(schedule, &overrides, (from, to)));
            continue;
        }
        if nth > 0 {
            println!();
        }
        print!("{}", calendar::render(schedule, &overrides, from, &look(args)));
    }
    if args.json {
        return print_json(&json!({ "schedules": views, "unread": arranged.unread }));
    }
    arranged.note();
    Ok(())
}

fn look(args: &Show) -> Look {
    let is_terminal = std::io::stdout().is_terminal();
    let terminal = terminal_size::terminal_size().filter(|_| is_terminal);
    let width = args.width.or(terminal.map(|(width, _)| usize::from(width.0))).unwrap_or(WIDTH_DEFAULT);
    Look { width, colour: is_terminal && std::env::var_os("NO_COLOR").is_none(), days: args.days }
}

/// The schedule of this name.
pub(crate) fn schedule<'a>(loaded: &'a Loaded, name: &str) -> anyhow::Result<&'a Schedule> {
    let schedules = &loaded.definitions.roster.schedules;
    let Some(schedule) = schedules.get(name) else {
        let names: Vec<&str> = schedules.keys().map(String::as_str).collect();
        match names.as_slice() {
            [] => bail!("there is no schedule {name:?}, and no other one"),
            names => bail!("there is no schedule {name:?}; known are {}", names.join(", ")),
        }
    };
    Ok(schedule)
}

/// The one id that begins like this.
fn by_prefix<'a>(what: &str, prefix: &str, ids: impl Iterator<Item = &'a str>) -> anyhow::Result<String> {
    let found: Vec<&str> = ids.filter(|id| !prefix.is_empty() && id.starts_with(prefix)).collect();
    match found.as_slice() {
        [one] => Ok((*one).to_owned()),
        [] => bail!("there is no {what} {prefix:?}; `nightcall {what} list` shows those that are not over"),
        several => bail!("{prefix:?} begins several ids: {}", several.join(", ")),
    }
}
