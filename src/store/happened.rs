//! Timelines of all incidents in the order of time: what streams of events read.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::incident::TimelineEntry;
use super::{Error, Store, instant, int, text, text_or_none};

/// A place in the order of what happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// When.
    pub at: Timestamp,
    /// To which incident.
    pub number: i64,
    /// The line of its timeline.
    pub ordinal: i64,
}

impl Place {
    /// Before all that happened at an instant.
    pub fn before(at: Timestamp) -> Self {
        Self { at, number: i64::MIN, ordinal: i64::MIN }
    }
}

/// One line of a timeline with its place among all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    /// Where it stands.
    pub place: Place,
    /// The incident's service.
    pub service: String,
    /// The line.
    pub entry: TimelineEntry,
}

impl Store {
    /// What happened after a place, oldest first. Probes are left out.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn happened(&self, after: Place, limit: i64) -> Result<Vec<Happened>, Error> {
        let sql = "select t.*, i.service from timeline t join incident i on i.number = t.incident_number \
                   where t.at >= $1 and (t.at > $1 or t.incident_number > $2 \
                   or (t.incident_number = $2 and t.ordinal > $3)) and t.incident_number > 0 \
                   order by t.at, t.incident_number, t.ordinal limit $4";
        let query = sqlx::query(sql).bind(after.at.as_millisecond()).bind(after.number).bind(after.ordinal);
        let happened = |row: &AnyRow| {
            let at = instant(row, "at")?;
            Ok(Happened {
                place: Place { at, number: int(row, "incident_number")?, ordinal: int(row, "ordinal")? },
                service: text(row, "service")?,
                entry: TimelineEntry {
                    at,
                    kind: text(row, "kind")?,
                    actor: text(row, "actor")?,
                    detail: text(row, "detail")?,
                    mail_id: text_or_none(row, "mail_id")?,
                },
            })
        };
        self.rows(query.bind(limit)).await?.iter().map(happened).collect()
    }
}
