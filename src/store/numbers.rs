//! What the numbers of a stretch of time are made of: one row an incident, one row a page that somebody got.
//!
//! Both go from the incidents that opened in that time, by index, and are bounded.

use jiff::Timestamp;
use sqlx::any::AnyRow;

use super::{Error, Store, instant, instant_or_none, int, text};
use crate::domain::numbers::Case;

/// By what incidents are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum By {
    /// The service.
    #[default]
    Service,
    /// Whoever sent the mail that opened it.
    Sender,
    /// The rule that read that mail.
    Rule,
}

impl By {
    /// All, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::Service, Self::Sender, Self::Rule];

    /// The word in addresses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Sender => "sender",
            Self::Rule => "rule",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Service => "i.service",
            Self::Sender => "i.sender",
            Self::Rule => {
                "coalesce((select a.rule from alert a where a.incident_number = i.number \
                 order by a.mail_id, a.ordinal limit 1), '')"
            }
        }
    }
}

impl Store {
    /// Incidents that opened from one instant to before another, the newest first, and at most so many. Probes are
    /// none. Somebody has touched one when the timeline has an act of a person: theirs are told as "NAME by WAY",
    /// "token NAME", or "command line".
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn cases(&self, by: By, from: Timestamp, to: Timestamp, limit: i64) -> Result<Vec<Case>, Error> {
        let sql = format!(
            "select {group} as told_by, i.opened_at, i.resolved_at, i.alert_count, i.pages, \
             (select min(t.at) from timeline t where t.incident_number = i.number \
             and t.kind in ('acknowledged', 'taken_over')) as taken_at, \
             (select count(*) from timeline t where t.incident_number = i.number and t.mail_id is null \
             and (t.actor like '% by %' or t.actor like 'token %' or t.actor like 'command line%') \
             and t.kind in ('acknowledged', 'taken_over', 'resolved', 'snoozed', 'reassigned', 'responders_added')) \
             as touched \
             from incident i where i.opened_at >= $1 and i.opened_at < $2 and i.number > 0 \
             order by i.opened_at desc, i.number desc limit $3",
            group = by.column()
        );
        // Only our own words are in the text; every value is bound.
        let query = sqlx::query(sqlx::AssertSqlSafe(sql));
        let query = query.bind(from.as_millisecond()).bind(to.as_millisecond()).bind(limit);
        let case = |row: &AnyRow| {
            Ok(Case {
                group: text(row, "told_by")?,
                opened_at: instant(row, "opened_at")?,
                taken_at: instant_or_none(row, "taken_at")?,
                resolved_at: instant_or_none(row, "resolved_at")?,
                alerts: int(row, "alert_count")?,
                pages: int(row, "pages")?,
                touched: int(row, "touched")? > 0,
            })
        };
        self.rows(query).await?.iter().map(case).collect()
    }

    /// Who was paged and when about incidents that opened in that time: once a page, by however many ways. Rooms and
    /// what was never said do not count.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn pages_told(
        &self,
        from: Timestamp,
        to: Timestamp,
        limit: i64,
    ) -> Result<Vec<(String, Timestamp)>, Error> {
        let sql = "select n.username, min(n.attempted_at) as told_at \
                   from incident i join notification n on n.incident_number = i.number \
                   where i.opened_at >= $1 and i.opened_at < $2 and i.number > 0 \
                   and n.attempted_at is not null and n.username not like 'room:%' \
                   group by n.incident_number, n.page, n.username order by told_at desc, n.username limit $3";
        let query = sqlx::query(sql).bind(from.as_millisecond()).bind(to.as_millisecond()).bind(limit);
        let told = |row: &AnyRow| Ok((text(row, "username")?, instant(row, "told_at")?));
        self.rows(query).await?.iter().map(told).collect()
    }
}
