//! The roster: people, how they are reached, schedules, and the escalation policies that name them.

use std::collections::BTreeMap;
use std::fmt;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::calendar::Subscription;
pub use super::channel::Channel;
use super::dependency::Dependency;
use super::escalation::Policy;
use super::handling::Urgency;
use super::role::{Rights, Role};
use super::schedule::Schedule;
use super::silence::Maintenance;
use super::window::Windows;

/// Everybody who can be called, in which order, and when not.
#[derive(Debug, Clone, Default)]
pub struct Roster {
    /// By name.
    pub users: BTreeMap<String, User>,
    /// By name.
    pub schedules: BTreeMap<String, Schedule>,
    /// Calendars that the running gateway fetches, by the schedule that takes its shifts from it.
    pub calendars: BTreeMap<String, Subscription>,
    /// By name: where several people read.
    pub rooms: BTreeMap<String, ContactMethod>,
    /// By name.
    pub policies: BTreeMap<String, Policy>,
    /// The user paged when a policy has run out of people (I19). Definition files must name one.
    pub fallback: String,
    /// Planned, recurring times of work.
    pub maintenance: Vec<Maintenance>,
    /// Which incidents lie below which.
    pub dependencies: Vec<Dependency>,
}

impl Roster {
    /// Whom somebody else means by this name: the person of this name, or with this identity, whatever its case.
    pub fn identified(&self, name: &str) -> Option<&User> {
        let is_theirs = |user: &&User| user.identities.iter().any(|identity| identity.eq_ignore_ascii_case(name));
        self.users.get(name).or_else(|| self.users.values().find(is_theirs))
    }
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Unique name.
    pub name: String,
    /// Every way to reach them.
    pub methods: Vec<ContactMethod>,
    /// What is used for pages of high urgency, in this order. Never empty while there is a method.
    pub high: Vec<PersonalRule>,
    /// The same for low urgency.
    pub low: Vec<PersonalRule>,
    /// Where they live.
    pub zone: TimeZone,
    /// What they want to be spoken to in.
    pub locale: Locale,
    /// When pages of low urgency wait, in their zone's civil time.
    pub quiet: Windows,
    /// Which methods tell them that they come on call.
    pub on_call_notice: Vec<usize>,
    /// What a call asks for before it tells anything, where they want that.
    pub pin: Option<Pin>,
    /// Whether they are told that somebody has what they were paged for, or that it is over.
    pub follow_ups: bool,
    /// What they may do on the pages.
    pub role: Role,
    /// What they may do for these services instead.
    pub service_roles: BTreeMap<String, Role>,
    /// What others who vouch for them call them: an address of mail, a name at a proxy.
    pub identities: Vec<String>,
}

/// Digits that somebody has to enter on the phone; never shown (I38).
#[derive(Clone, PartialEq, Eq)]
pub struct Pin(String);

impl Pin {
    /// Fewest and most digits.
    pub const DIGITS: [usize; 2] = [4, 8];

    /// Takes digits; `None` for anything else, and for too few or too many.
    pub fn new(digits: &str) -> Option<Self> {
        let fits = (Self::DIGITS[0]..=Self::DIGITS[1]).contains(&digits.len());
        (fits && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| Self(digits.to_owned()))
    }

    /// The digits themselves.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(pin)")
    }
}

/// One way to reach one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactMethod {
    /// What its person calls it; unique among theirs.
    pub name: String,
    /// By which channel.
    pub channel: Channel,
    /// A phone number in E.164 form, a URL, or empty where the channel needs none.
    pub address: String,
}

impl ContactMethod {
    /// A method that is called like its channel.
    pub fn new(channel: Channel, address: &str) -> Self {
        Self { name: channel.word().to_owned(), channel, address: address.to_owned() }
    }
}

/// A person's wish: use this method so long after the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonalRule {
    /// Which of their methods.
    pub method: usize,
    /// How long after the page; nothing is at once.
    pub after: SignedDuration,
}

impl User {
    /// A person who is reached by all methods at once, at any hour.
    pub fn new(name: &str, methods: Vec<ContactMethod>) -> Self {
        let at_once = |method| PersonalRule { method, after: SignedDuration::ZERO };
        let rules: Vec<PersonalRule> = (0..methods.len()).map(at_once).collect();
        // A phone that rings to say that nothing is wrong would be switched off.
        let quiet = |channel: Channel| !channel.asks_a_person() && channel.hears_of_shifts();
        let quiet_one = methods.iter().position(|method| quiet(method.channel));
        Self {
            name: name.to_owned(),
            on_call_notice: quiet_one.into_iter().collect(),
            methods,
            high: rules.clone(),
            low: rules,
            zone: TimeZone::UTC,
            locale: Locale::default(),
            quiet: Windows::default(),
            pin: None,
            follow_ups: true,
            role: Role::default(),
            service_roles: BTreeMap::new(),
            identities: Vec::new(),
        }
    }

    /// What they may do on the pages.
    pub fn rights(&self) -> Rights {
        Rights { role: self.role, services: self.service_roles.clone() }
    }

    /// When the quiet hours end that they keep now.
    pub fn quiet_until(&self, now: Timestamp) -> Option<Timestamp> {
        if self.quiet.contains(&self.zone, now) { self.quiet.end_after(&self.zone, now) } else { None }
    }

    /// By what and how long from now they are reached. Quiet hours hold back low urgency until they end.
    pub fn reached(&self, urgency: Urgency, now: Timestamp) -> impl Iterator<Item = (&ContactMethod, SignedDuration)> {
        let quiet = if urgency == Urgency::Low { self.quiet_until(now) } else { None };
        let quiet = quiet.map_or(SignedDuration::ZERO, |end| end.duration_since(now));
        let rules = if urgency == Urgency::High { &self.high } else { &self.low };
        rules.iter().filter_map(move |rule| Some((self.methods.get(rule.method)?, rule.after.saturating_add(quiet))))
    }
}

/// The language of spoken texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Locale {
    /// English.
    #[default]
    English,
    /// Japanese.
    Japanese,
    /// Chinese as spoken in the north (Mandarin).
    Chinese,
}

impl Locale {
    /// Every locale.
    pub const ALL: [Self; 3] = [Self::English, Self::Japanese, Self::Chinese];

    /// The word used in definition files (ISO 639-1).
    pub fn word(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Japanese => "ja",
            Self::Chinese => "zh",
        }
    }
}
