//! Who is on call, for which services, in the simulated house. There are two versions of it: in the second one people,
//! a schedule, a policy and a service are gone (I22).

use std::collections::BTreeMap;

use jiff::SignedDuration;
use jiff::civil::{datetime, time};
use jiff::tz::TimeZone;
use nightcall::domain::alert::Severity;
use nightcall::domain::dependency::Dependency;
use nightcall::domain::escalation::{Policy, Step};
use nightcall::domain::handling::{Flapping, Handling, Repeats, SupportHours, Urgency};
use nightcall::domain::matcher::{Matcher, Wanted};
use nightcall::domain::roster::{Channel, ContactMethod, PersonalRule, Roster, User};
use nightcall::domain::schedule::{Layer, Length, Schedule};
use nightcall::domain::silence::Maintenance;
use nightcall::domain::target::Target;
use nightcall::domain::window::{Weekdays, Window, Windows};

use super::chance::Chance;

/// What definition files say.
#[derive(Debug, Clone)]
pub(super) struct Definitions {
    pub(super) roster: Roster,
    pub(super) services: BTreeMap<String, Handling>,
}

impl Definitions {
    /// How a service's incidents are handled; as the engine does it, a service that is gone has nothing special.
    pub(super) fn handling(&self, service: &str) -> Handling {
        self.services.get(service).cloned().unwrap_or_default()
    }
}

pub(super) const SERVICES: [&str; 5] = ["web", "db", "batch", "net", "lab"];
pub(super) const PEOPLE: [&str; 5] = ["ann", "bob", "cid", "dee", "boss"];
const ZONES: [&str; 4] = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC"];

/// Both versions.
pub(super) fn definitions(chance: &mut Chance) -> [Definitions; 2] {
    let zone = *chance.pick(&ZONES);
    let zone = TimeZone::get(zone).expect("a zone");
    let full = Definitions { roster: roster(chance, &zone), services: services(chance, &zone) };
    let mut fewer = full.clone();
    fewer.roster.users.remove("bob");
    fewer.roster.schedules.remove("primary");
    fewer.roster.policies.remove("low");
    fewer.roster.maintenance.clear();
    fewer.services.remove("batch");
    [full, fewer]
}

fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

fn windows(from: i8, to: i8) -> Windows {
    Windows::new(vec![Window { days: Weekdays::DAILY, from: time(from, 0, 0, 0), to: time(to, 0, 0, 0) }])
}

fn roster(chance: &mut Chance, zone: &TimeZone) -> Roster {
    let mut users = BTreeMap::new();
    for name in PEOPLE {
        let method = |channel, address: &str| ContactMethod::new(channel, &format!("{address}-{name}"));
        let mut user = User::new(name, vec![method(Channel::Voice, "phone"), method(Channel::Webhook, "push")]);
        user.zone = zone.clone();
        let rule = |method, after| PersonalRule { method, after: minutes(after) };
        match name {
            "ann" => user.high = vec![rule(1, 0), rule(0, 2)],
            "bob" => user.high = vec![rule(0, 0)],
            "dee" => user.quiet = windows(22, 7),
            _ => {}
        }
        users.insert(name.to_owned(), user);
    }
    users.insert("nemo".to_owned(), User::new("nemo", Vec::new()));
    let room = ContactMethod::new(Channel::Webhook, "room");
    let matcher = |service: &str| {
        Matcher::new(Wanted { service: Some(service.to_owned()), ..Wanted::default() }).expect("no pattern")
    };
    let maintenance = Maintenance {
        name: "nightly".to_owned(),
        matcher: matcher("batch"),
        windows: windows(1, 2),
        zone: zone.clone(),
        reason: "backups".to_owned(),
    };
    let below = Dependency {
        name: "behind the switch".to_owned(),
        child: matcher("db"),
        parent_service: "net".to_owned(),
        parent_key: None,
    };
    Roster {
        calendars: BTreeMap::new(),
        users,
        schedules: [
            ("primary", rotation("primary", zone, None)),
            ("days", rotation("days", zone, Some(windows(8, 20)))),
        ]
        .map(|(name, schedule)| (name.to_owned(), schedule))
        .into(),
        rooms: [("ops".to_owned(), room)].into(),
        policies: policies(chance),
        fallback: "boss".to_owned(),
        maintenance: vec![maintenance],
        dependencies: vec![below],
    }
}

fn rotation(name: &str, zone: &TimeZone, only: Option<Windows>) -> Schedule {
    let turns = ["ann", "bob", "cid"].map(|name| vec![name.to_owned()]).to_vec();
    let mut layer = Layer::new("base", datetime(2026, 1, 5, 9, 0, 0, 0), Length::Hours(1), turns).expect("a layer");
    layer.only = only;
    Schedule::new(name, zone.clone(), vec![layer]).expect("a schedule")
}

fn policies(chance: &mut Chance) -> BTreeMap<String, Policy> {
    let mut policy = |name: &str, steps: &[&[&str]]| {
        let step = |targets: &&[&str], chance: &mut Chance| Step {
            delay: minutes(chance.between(3, 12)),
            targets: targets.iter().map(|target| Target::from((*target).to_owned())).collect(),
        };
        let policy = Policy {
            name: name.to_owned(),
            steps: steps.iter().map(|targets| step(targets, chance)).collect(),
            rounds: u32::try_from(chance.between(1, 2)).expect("small"),
            ack_timeout: chance.per_mille(700).then(|| minutes(chance.between(10, 40))),
            fallback_repeat: minutes(30),
        };
        (name.to_owned(), policy)
    };
    [
        policy("usual", &[&["schedule:primary", "room:ops"], &["bob", "nemo"], &["everyone:primary"]]),
        policy("days", &[&["schedule:days"], &["dee", "ann"]]),
        policy("low", &[&["dee"]]),
        policy("ghosts", &[&["nemo"], &["schedule:gone", "gone"]]),
    ]
    .into()
}

fn services(chance: &mut Chance, zone: &TimeZone) -> BTreeMap<String, Handling> {
    let web = Handling { hold: minutes(chance.between(0, 3)), ..Handling::by_policy("usual") };
    let db = Handling {
        flapping: Some(Flapping { opens: 2, within: minutes(20) }),
        repeats: Some(Repeats { every: minutes(10), missed: 2 }),
        ..Handling::by_policy("days")
    };
    let batch = Handling {
        policy_low: Some("low".to_owned()),
        urgency: [(Severity::Info, Urgency::Low)].into(),
        support: Some(SupportHours { windows: windows(9, 17), zone: zone.clone() }),
        ..Handling::by_policy("usual")
    };
    let net = Handling {
        hold: minutes(chance.between(0, 3)),
        inactive_after: Some(minutes(chance.between(60, 180))),
        policies: [(Severity::Critical, "usual".to_owned())].into(),
        ..Handling::by_policy("days")
    };
    let lab = Handling::by_policy("ghosts");
    [("web", web), ("db", db), ("batch", batch), ("net", net), ("lab", lab)]
        .map(|(name, handling)| (name.to_owned(), handling))
        .into()
}
