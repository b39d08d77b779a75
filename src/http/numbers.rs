//! Numbers: what came in a stretch of time, how much of it was noise, how fast people were, and whom it woke; for the page
//! and the API.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use jiff::tz::TimeZone;

use super::Shared;
use crate::domain::numbers::{self, Case, Paged, Range, Spread};
use crate::store;
use crate::store::numbers::By;

/// Most incidents, and most pages, that are counted: what a busy site has in a year.
const CASES_MAX: i64 = 100_000;

/// What was counted.
pub(super) struct Counted {
    /// By what incidents are told apart.
    pub(super) by: By,
    /// In which days.
    pub(super) range: Range,
    /// Incidents that opened in them.
    pub(super) cases: Vec<Case>,
    /// Who was paged.
    pub(super) people: Vec<Paged>,
}

impl Counted {
    /// Counts. Who has left is told by the clock of this zone.
    pub(super) async fn of(app: &Shared, by: By, range: Range, zone: &TimeZone) -> Result<Self, store::Error> {
        let store = app.engine.store();
        let cases = store.cases(by, range.from(), range.to(), CASES_MAX).await?;
        let told = store.pages_told(range.from(), range.to(), CASES_MAX).await?;
        let definitions = app.engine.definitions();
        let users = &definitions.roster.users;
        let people = numbers::by_person(&told, |user| users.get(user).map_or(zone, |user| &user.zone));
        Ok(Self { by, range, cases, people })
    }

    /// Whether there were more than are counted.
    pub(super) fn is_cut(&self) -> bool {
        self.cases.len() as i64 >= CASES_MAX
    }

    /// Every group, lengths in seconds (RFC 4180).
    pub(super) fn csv(&self) -> Response {
        let (all, lines) = numbers::lines(&self.cases, &self.range);
        let mut text = format!(
            "{},incidents,alerts_folded,pages,noise_percent,acknowledged_median_s,acknowledged_p90_s,resolved_median_s,resolved_p90_s\r\n",
            self.by.word()
        );
        for (group, line) in lines.iter().map(|line| (line.group.as_str(), line)).chain([("(all)", &all)]) {
            let spread = |spread: Option<Spread>| {
                spread.map_or_else(|| ",".to_owned(), |it| format!("{},{}", it.median.as_secs(), it.p90.as_secs()))
            };
            let noise = line.noise_percent().map(|percent| percent.to_string()).unwrap_or_default();
            let (take, resolve) = (spread(line.to_take), spread(line.to_resolve));
            let counts = format!("{},{},{},{noise},{take},{resolve}", line.incidents, line.folded, line.pages);
            text.push_str(&format!("{},{counts}\r\n", cell(group)));
        }
        let name = format!(
            "attachment; filename=\"nightcall-{}-{}-{}.csv\"",
            self.by.word(),
            self.range.first,
            self.range.last
        );
        let headers =
            [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
        (headers, text).into_response()
    }
}

/// A text as a cell. Names come from mail: one that a spreadsheet would take for a formula is marked as text.
fn cell(text: &str) -> String {
    let mark = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_text_for_every_spreadsheet() {
        for (text, expected) in [
            ("db", "\"db\""),
            ("a,b", "\"a,b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=HYPERLINK(\"//evil\")", "\"'=HYPERLINK(\"\"//evil\"\")\""),
            ("@x", "\"'@x\""),
            ("", "\"\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
