//! Numbers as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::numbers::{Line, Paged};

/// The numbers of a stretch of time.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NumbersView {
    /// By what incidents are told apart: service, sender or rule.
    pub by: &'static str,
    /// The first day.
    pub from: String,
    /// The last day.
    pub to: String,
    /// IANA name of the zone of these days.
    pub zone: String,
    /// There were more incidents than the 100,000 that are counted.
    pub is_cut: bool,
    /// The first day of each part that `opened` and `paged` tell.
    pub days: Vec<String>,
    /// All together.
    pub all: LineView,
    /// The one with the most incidents first; 500 at most.
    pub groups: Vec<LineView>,
    /// Groups that are not told here.
    pub more_groups: usize,
    /// Who was paged, and how often; who was paged at night most often comes first.
    pub people: Vec<PagedView>,
}

/// What is told of a group.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LineView {
    /// Its name; empty for all, and for what has none.
    pub group: String,
    /// Incidents that opened.
    pub incidents: i64,
    /// Alerts that came to an incident that was there already.
    pub alerts_folded: i64,
    /// Calls for attention.
    pub pages: i64,
    /// Incidents that paged and needed nobody, in percent of those that paged and are over.
    pub noise_percent: Option<i64>,
    /// Seconds until somebody had it, the median.
    pub acknowledged_median_s: Option<i64>,
    /// The same for nine of ten.
    pub acknowledged_p90_s: Option<i64>,
    /// Seconds until it was over, the median.
    pub resolved_median_s: Option<i64>,
    /// The same for nine of ten.
    pub resolved_p90_s: Option<i64>,
    /// Incidents that opened in each part of the time.
    pub opened: Vec<i64>,
    /// Calls for attention about those.
    pub paged: Vec<i64>,
}

/// How often somebody was paged.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PagedView {
    /// Who.
    pub user: String,
    /// How often in all.
    pub pages: i64,
    /// How often at night, where they live.
    pub at_night: i64,
}

impl From<Line> for LineView {
    fn from(line: Line) -> Self {
        Self {
            noise_percent: line.noise_percent(),
            group: line.group,
            incidents: line.incidents,
            alerts_folded: line.folded,
            pages: line.pages,
            acknowledged_median_s: line.to_take.map(|spread| spread.median.as_secs()),
            acknowledged_p90_s: line.to_take.map(|spread| spread.p90.as_secs()),
            resolved_median_s: line.to_resolve.map(|spread| spread.median.as_secs()),
            resolved_p90_s: line.to_resolve.map(|spread| spread.p90.as_secs()),
            opened: line.opened,
            paged: line.paged,
        }
    }
}

impl From<Paged> for PagedView {
    fn from(Paged { user, pages, at_night }: Paged) -> Self {
        Self { user, pages, at_night }
    }
}
