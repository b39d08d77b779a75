//! What is said, made of what is stored: pages and notices become messages, whatever the channel.

use std::sync::OnceLock;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::message::{Kind, Message, Subject};
use super::templates::Templates;
use crate::domain::Definitions;
use crate::domain::channel::Manner;
use crate::domain::code::Code;
use crate::domain::follow_up::News;
use crate::domain::incident::Incident;
use crate::domain::notice::Notice;
use crate::domain::roster::Locale;
use crate::engine::{Claimed, FollowUp};
use crate::store::notice::StoredNotice;

/// How a reader wants to be spoken to.
#[derive(Debug, Clone)]
pub struct Reader {
    zone: TimeZone,
    locale: Locale,
    templates: Templates,
    /// Where our pages are, without a slash at its end.
    pages: Option<String>,
    /// The page about the incident of this number.
    page: OnceLock<(i64, String)>,
}

impl Reader {
    /// A person of the roster; whoever is not there, rooms for instance, reads English and UTC.
    pub fn of(definitions: &Definitions, user: &str) -> Self {
        let user = definitions.roster.users.get(user);
        Self {
            templates: Templates::of(&definitions.templates),
            pages: None,
            page: OnceLock::new(),
            zone: user.map_or(TimeZone::UTC, |user| user.zone.clone()),
            locale: user.map_or(Locale::default(), |user| user.locale),
        }
    }

    /// The same reader, who can open our pages under this address.
    #[must_use]
    pub fn with_pages(self, public_url: Option<&str>) -> Self {
        Self { pages: public_url.map(str::to_owned), ..self }
    }

    /// The page about an incident. A reader has one at a time.
    fn page_about(&self, number: i64) -> Option<&str> {
        let pages = self.pages.as_ref()?;
        let (known, page) = self.page.get_or_init(|| (number, format!("{pages}/incidents/{number}")));
        (*known == number).then_some(page)
    }

    /// Where they live.
    pub fn zone(&self) -> &TimeZone {
        &self.zone
    }

    /// What they are spoken to in.
    pub fn locale(&self) -> Locale {
        self.locale
    }

    /// A page, about everything that is said at once.
    pub fn page<'a>(&'a self, claimed: &'a Claimed, now: Timestamp) -> Message<'a> {
        let lead = &claimed.notification;
        let page =
            |incident: &Incident| if incident.number == lead.incident_number { lead.page } else { incident.pages };
        let incidents = claimed.incidents().into_iter().map(|incident| Subject::of(incident, page(incident))).collect();
        let code = lead.code.as_ref().map(Code::as_str);
        Message { code, ..self.message(&lead.id, Kind::Paged, &lead.user, incidents, now) }
    }

    /// A test, or that somebody comes on call.
    pub fn notice<'a>(&'a self, told: &'a StoredNotice, now: Timestamp) -> Message<'a> {
        let kind = match &told.notice {
            Notice::Test { .. } => Kind::Test,
            Notice::OnCall { schedule, until } => Kind::OnCall { schedule, until: *until },
        };
        Message { code: told.notice.code(), ..self.message(&told.id, kind, &told.user, Vec::new(), now) }
    }

    /// That somebody has it, or that it is over. People answer by the buttons of the message that told them; for
    /// programs it is an event of its own.
    pub fn follow_up<'a>(&'a self, told: &'a FollowUp, now: Timestamp) -> Message<'a> {
        let FollowUp { stored, notification, incidents, .. } = told;
        let kind = match stored.news {
            News::Acknowledged => Kind::Acknowledged { by: &stored.actor },
            News::Resolved => Kind::Resolved { by: &stored.actor },
        };
        let own = notification.channel.manner() == Manner::Program;
        let id = if own { &stored.id } else { &notification.id };
        let incidents = incidents.iter().map(|incident| Subject::of(incident, incident.pages)).collect();
        self.message(id, kind, &notification.user, incidents, now)
    }

    /// Anything about these incidents.
    pub fn message<'a>(
        &'a self,
        id: &'a str,
        kind: Kind<'a>,
        user: &'a str,
        incidents: Vec<Subject<'a>>,
        now: Timestamp,
    ) -> Message<'a> {
        let url = incidents.first().and_then(|first| self.page_about(first.number));
        Message {
            id,
            kind,
            user,
            incidents,
            url,
            code: None,
            locale: self.locale,
            zone: &self.zone,
            now,
            templates: &self.templates,
        }
    }
}
