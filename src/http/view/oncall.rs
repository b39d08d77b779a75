//! On-call as JSON: who is on call, final schedules, and what people have arranged by hand.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{instant, instant_or_null, schema};
use crate::domain::alert::Severity;
use crate::domain::matcher::Wanted;
use crate::domain::schedule::{OnCall, Override, Schedule, Shift, Source};
use crate::domain::silence::Silence;
use crate::domain::stretch::Stretch;
use crate::store::oncall::StoredOverride;

/// Who is on call by one schedule at one instant.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OnCallView {
    /// The schedule's name.
    pub schedule: String,
    /// IANA name of its zone.
    pub zone: String,
    /// Empty when nobody is.
    pub on_call: Vec<PersonView>,
    /// When other people come on call; null if that is not within 400 days.
    #[serde(serialize_with = "instant_or_null")]
    pub until: Option<Timestamp>,
    /// Who is on call from then on; empty when nobody is.
    pub next: Vec<PersonView>,
}

/// Somebody on call, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    /// Who.
    pub user: String,
    /// layer, calendar or override.
    #[schema(example = "layer")]
    pub source: String,
    /// The layer's name, or the override's id.
    pub source_name: Option<String>,
}

/// The final schedule of some time.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ScheduleView {
    /// Its name.
    pub name: String,
    /// IANA name of its zone.
    pub zone: String,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub from: Timestamp,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub to: Timestamp,
    /// By start, then by name.
    pub shifts: Vec<ShiftView>,
    /// When nobody is on call.
    pub gaps: Vec<GapView>,
}

/// One shift.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ShiftView {
    /// Who, and why.
    #[serde(flatten)]
    pub person: PersonView,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub starts_at: Timestamp,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub ends_at: Timestamp,
}

/// Some time in which nobody is on call.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GapView {
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub starts_at: Timestamp,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub ends_at: Timestamp,
}

/// An override.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OverrideView {
    /// For taking it back.
    pub id: String,
    /// Of which schedule.
    pub schedule: String,
    /// Who takes over.
    pub user: String,
    /// Whose shifts; null is everybody's.
    pub replaces: Option<String>,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub starts_at: Timestamp,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub ends_at: Timestamp,
    /// Who made it.
    pub author: String,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub created_at: Timestamp,
}

/// A silence.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SilenceView {
    /// For ending it.
    pub id: String,
    /// Only of this service, where it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Only keys that this regex matches, where it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Only summaries that this regex matches, where it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Only up to this severity, where it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = schema::severity_or_null)]
    pub severity: Option<Severity>,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub starts_at: Timestamp,
    /// RFC 3339.
    #[serde(serialize_with = "instant")]
    pub ends_at: Timestamp,
    /// Why.
    pub reason: String,
    /// Who made it.
    pub author: String,
}

impl OnCallView {
    /// Who is on call at an instant. Overrides are those of the schedule, oldest first.
    pub fn of(schedule: &Schedule, overrides: &[Override], at: Timestamp) -> Self {
        let people = |at| schedule.on_call(overrides, at).into_iter().map(PersonView::from).collect();
        let until = schedule.next_handoff(overrides, at).map(|handoff| handoff.at);
        Self {
            schedule: schedule.name.clone(),
            zone: zone(&schedule.zone),
            on_call: people(at),
            next: until.map(people).unwrap_or_default(),
            until,
        }
    }
}

impl ScheduleView {
    /// The final schedule between two instants. Overrides are those of the schedule, oldest first.
    pub fn of(schedule: &Schedule, overrides: &[Override], (from, to): Stretch) -> Self {
        let gap = |(starts_at, ends_at)| GapView { starts_at, ends_at };
        Self {
            name: schedule.name.clone(),
            zone: zone(&schedule.zone),
            from,
            to,
            shifts: schedule.shifts(overrides, from, to).into_iter().map(ShiftView::from).collect(),
            gaps: schedule.gaps(overrides, from, to).into_iter().map(gap).collect(),
        }
    }
}

impl From<OnCall> for PersonView {
    fn from(on_call: OnCall) -> Self {
        Self::new(on_call.user, on_call.source)
    }
}

impl From<Shift> for ShiftView {
    fn from(shift: Shift) -> Self {
        let Shift { user, starts_at, ends_at, source } = shift;
        Self { person: PersonView::new(user, source), starts_at, ends_at }
    }
}

impl PersonView {
    fn new(user: String, source: Source) -> Self {
        let (source, source_name) = match source {
            Source::Layer(name) => ("layer", Some(name)),
            Source::Calendar => ("calendar", None),
            Source::Override(id) => ("override", Some(id)),
        };
        Self { user, source: source.to_owned(), source_name }
    }
}

impl From<StoredOverride> for OverrideView {
    fn from(stored: StoredOverride) -> Self {
        let StoredOverride { swap, author, created_at } = stored;
        let Override { id, user, replaces, starts_at, ends_at } = swap.shift;
        Self { id, schedule: swap.schedule, user, replaces, starts_at, ends_at, author, created_at }
    }
}

impl From<Silence> for SilenceView {
    fn from(silence: Silence) -> Self {
        let Wanted { service, key, summary, severity } = silence.matcher.wanted().clone();
        let Silence { id, starts_at, ends_at, reason, author, .. } = silence;
        Self { id, service, key, summary, severity, starts_at, ends_at, reason, author }
    }
}

impl SilenceView {
    /// Which incidents it is about.
    pub fn wanted(&self) -> Wanted {
        let Self { service, key, summary, severity, .. } = self;
        Wanted { service: service.clone(), key: key.clone(), summary: summary.clone(), severity: *severity }
    }
}

impl OverrideView {
    /// The shift that it is about.
    pub fn shift(&self) -> Override {
        let Self { id, user, replaces, starts_at, ends_at, .. } = self.clone();
        Override { id, user, replaces, starts_at, ends_at }
    }
}

impl PersonView {
    /// Why they are on call.
    pub fn source(&self) -> Source {
        let name = self.source_name.clone().unwrap_or_default();
        match self.source.as_str() {
            "layer" => Source::Layer(name),
            "override" => Source::Override(name),
            _ => Source::Calendar,
        }
    }
}

fn zone(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}
