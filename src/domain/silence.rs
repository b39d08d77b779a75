//! Not calling for a while: silences that people make, and maintenance windows from definition files.
//!
//! Neither drops anything: the incident opens and is seen, its page waits, and what is still open at the end pages
//! then (I16).

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::incident::Incident;
use super::matcher::Matcher;
use super::window::Windows;

/// A silence: somebody says that some incidents are known for now.
#[derive(Debug, Clone)]
pub struct Silence {
    /// Minted by us.
    pub id: String,
    /// Which incidents.
    pub matcher: Matcher,
    /// From when.
    pub starts_at: Timestamp,
    /// Until just before.
    pub ends_at: Timestamp,
    /// Why; never empty.
    pub reason: String,
    /// Who made it.
    pub author: String,
}

impl Silence {
    /// Whether it holds the incident's page at this instant.
    pub fn covers(&self, incident: &Incident, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at && self.matcher.matches(incident)
    }
}

/// A planned, recurring time of work.
#[derive(Debug, Clone)]
pub struct Maintenance {
    /// Unique name.
    pub name: String,
    /// Which incidents.
    pub matcher: Matcher,
    /// When, in the civil time of `zone`.
    pub windows: Windows,
    /// Where that time is meant.
    pub zone: TimeZone,
    /// Why; never empty.
    pub reason: String,
}

impl Maintenance {
    /// When the window ends that holds the incident's page at this instant.
    pub fn covers(&self, incident: &Incident, now: Timestamp) -> Option<Timestamp> {
        if !self.windows.contains(&self.zone, now) || !self.matcher.matches(incident) {
            return None;
        }
        // A window without an end is a silence for ever; it is looked at again every day.
        Some(self.windows.end_after(&self.zone, now).unwrap_or(now + jiff::SignedDuration::from_hours(24)))
    }
}
