//! Looking for a text among much that is stored: literally, in any case as far as the database knows cases, and among so
//! many rows at a time that a search takes the same however much there is. How far it went is told.

use jiff::Timestamp;

use super::board::{Past, SEARCHED_AT_ONCE};
use super::incident::{self, Filter};
use super::mail::{StoredAlert, StoredMail};
use super::{Error, Store, int, text};
use crate::domain::alert::Severity;
use crate::domain::incident::{Incident, Status};

/// Mails among which a text is looked for at once.
pub const MAILS_SEARCHED_AT_ONCE: i64 = 10_000;

/// Bytes of mails among which a text is looked for at once: SQLite reads a mail to get at its subject.
pub const MAIL_BYTES_SEARCHED_AT_ONCE: i64 = 64 << 20;

/// Longest text that is looked for, in bytes.
pub const TEXT_BYTES_MAX: usize = 200;

/// Values of the question for incidents before the names of services.
const FIXED_VALUES: usize = 10;

/// Which mails to show.
#[derive(Debug, Clone, Default)]
pub struct WantedMails {
    /// Only those of which sender, a recipient or the subject has this text.
    pub text: Option<String>,
    /// Only ids below this one.
    pub before: Option<String>,
    /// At most so many.
    pub limit: i64,
}

/// Mails, and how far they were looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundMails {
    /// Newest first.
    pub mails: Vec<(StoredMail, Vec<StoredAlert>)>,
    /// Those with a lower id were not looked at: ask for them by [`WantedMails::before`]. `None`: there are none.
    pub looked_back_to: Option<String>,
    /// The page is full; otherwise a search stopped on its way, or is through.
    pub is_full: bool,
}

impl FoundMails {
    /// When the oldest mail that was looked at came.
    pub fn looked_back_to_instant(&self) -> Option<Timestamp> {
        self.looked_back_to.as_deref().and_then(came_at)
    }
}

/// When the mail with this id came: ids begin with the millisecond, in hex.
pub fn came_at(id: &str) -> Option<Timestamp> {
    let millis = i64::from_str_radix(id.get(..12)?, 16).ok()?;
    Timestamp::from_millisecond(millis).ok()
}

impl Store {
    /// Incidents, newest first, in one go: for questions that an index answers. Probes are none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn incidents(&self, filter: &Filter) -> Result<Vec<Incident>, Error> {
        Ok(self.find_incidents(filter).await?.incidents)
    }

    /// Incidents, newest first. What no index knows (a text, a severity, a time) is looked for among
    /// [`SEARCHED_AT_ONCE`] numbers at a time; open ones alone are few, and are looked at as a whole. Probes are none.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_incidents(&self, filter: &Filter) -> Result<Past, Error> {
        let wanted = |status: Status| i64::from(filter.statuses.is_empty() || filter.statuses.contains(&status));
        let only_open = wanted(Status::Resolved) == 0;
        let is_search = filter.text.is_some()
            || filter.severity.is_some()
            || filter.opened_from.is_some()
            || filter.opened_to.is_some();
        let before = filter.before.unwrap_or(i64::MAX);
        let from = if is_search && !only_open { self.search_ends_at(before).await? } else { 1 };
        // Without the sum SQLite goes through all numbers instead of the index of open ones.
        let (number, of_open) = if only_open { ("number + 0", "and resolved_at is null") } else { ("number", "") };
        let places: Vec<String> =
            (FIXED_VALUES + 1..).take(filter.services.len()).map(|nth| format!("${nth}")).collect();
        let of_services = match places.len() {
            0 => String::new(),
            _ => format!("and service in ({})", places.join(", ")),
        };
        let has_text = self.dialect.has_text(&["summary", "dedup_key"], "$8");
        let sql = format!(
            "select * from incident where {number} >= $9 and {number} < $1 {of_open} \
             and ((status = 'triggered' and $2 = 1) or (status = 'acknowledged' and $3 = 1) \
             or (status = 'resolved' and $4 = 1)) and ($5 = '' or severity = $5) \
             and opened_at >= $6 and opened_at < $7 and ($8 = '' or {has_text}) {of_services} \
             order by number desc limit $10"
        );
        // Only our own words are in the text; every value is bound.
        let mut query = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(before)
            .bind(wanted(Status::Triggered))
            .bind(wanted(Status::Acknowledged))
            .bind(wanted(Status::Resolved))
            .bind(filter.severity.map(Severity::word).unwrap_or_default())
            .bind(filter.opened_from.map_or(i64::MIN, Timestamp::as_millisecond))
            .bind(filter.opened_to.map_or(i64::MAX, Timestamp::as_millisecond))
            .bind(pattern(filter.text.as_deref()))
            .bind(from)
            .bind(filter.limit.saturating_add(1));
        for service in &filter.services {
            query = query.bind(service);
        }
        let rows = self.rows(query).await?;
        let incidents = rows.iter().map(incident::incident).collect::<Result<_, _>>()?;
        Ok(Past::cut(incidents, filter.limit, from))
    }

    /// Mails, newest first. A text is looked for among [`MAILS_SEARCHED_AT_ONCE`] mails at a time, or fewer large ones.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn find_mails(&self, wanted: &WantedMails) -> Result<FoundMails, Error> {
        let before = wanted.before.as_deref();
        let Some(looked_for) = wanted.text.as_deref() else {
            let mails = self.mails(before, wanted.limit.saturating_add(1)).await?;
            return Ok(FoundMails::cut(mails, wanted.limit, None));
        };
        // Ids are lower-case hex, so this is above all of them.
        let before = before.unwrap_or("g");
        let Some(from) = self.mail_search_ends_at(before).await? else {
            return Ok(FoundMails::cut(Vec::new(), wanted.limit, None));
        };
        let has_text = self.dialect.has_text(&["header_from", "reverse_path", "subject"], "$3");
        let is_to = self.dialect.has_text(&["recipients"], "$4");
        let sql = format!(
            "select id from mail where id >= $1 and id < $2 and ({has_text} or ($4 <> '' and {is_to})) \
             order by id desc limit $5"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(&from).bind(before).bind(pattern(Some(looked_for)));
        let query = query.bind(pattern_in_list(looked_for)).bind(wanted.limit.saturating_add(1));
        let mut mails = Vec::new();
        for row in &self.rows(query).await? {
            mails.extend(self.mail(&text(row, "id")?).await?);
        }
        let older = sqlx::query("select id from mail where id < $1 order by id desc limit 1").bind(&from);
        let end = self.row(older).await?.map(|_| from);
        Ok(FoundMails::cut(mails, wanted.limit, end))
    }

    /// The lowest number that a search from below `before` looks at.
    pub(super) async fn search_ends_at(&self, before: i64) -> Result<i64, Error> {
        let row = self.row(sqlx::query("select coalesce(max(number), 0) as newest from incident")).await?;
        let newest = row.map(|row| int(&row, "newest")).transpose()?.unwrap_or(0);
        Ok((before.min(newest.saturating_add(1)) - SEARCHED_AT_ONCE).max(1))
    }

    /// The lowest id that a search from below `before` looks at; at least one mail's, `None` when there is none.
    async fn mail_search_ends_at(&self, before: &str) -> Result<Option<String>, Error> {
        let sql = "select min(id) as id from (select id, size_bytes, sum(size_bytes) over (order by id desc) as bytes \
                   from (select id, size_bytes from mail where id < $1 order by id desc limit $2) newest) walked \
                   where bytes - size_bytes < $3";
        let query = sqlx::query(sql).bind(before).bind(MAILS_SEARCHED_AT_ONCE).bind(MAIL_BYTES_SEARCHED_AT_ONCE);
        let Some(row) = self.row(query).await? else { return Ok(None) };
        super::text_or_none(&row, "id")
    }
}

impl Past {
    /// What was found of one more than asked for, looking down to the number `from`.
    pub(super) fn cut(mut incidents: Vec<Incident>, limit: i64, from: i64) -> Self {
        let is_cut = incidents.len() as i64 > limit;
        if is_cut {
            incidents.pop();
        }
        let last = incidents.last().map(|last| last.number);
        Self { looked_back_to: if is_cut { last } else { Some(from).filter(|from| *from > 1) }, incidents }
    }
}

impl FoundMails {
    fn cut(mut mails: Vec<(StoredMail, Vec<StoredAlert>)>, limit: i64, end: Option<String>) -> Self {
        let is_full = mails.len() as i64 > limit;
        if is_full {
            mails.pop();
        }
        let last = mails.last().map(|(last, _)| last.id.clone());
        Self { looked_back_to: if is_full { last } else { end }, mails, is_full }
    }
}

/// A text as a pattern for `like` with `!` as its escape; empty where nothing is looked for.
pub(super) fn pattern(text: Option<&str>) -> String {
    let Some(text) = text else { return String::new() };
    let escaped: String = text.chars().flat_map(|c| "!%_".contains(c).then_some('!').into_iter().chain([c])).collect();
    format!("%{escaped}%")
}

/// The same for a list of texts in JSON. What is only punctuation of the list is in none of its texts.
fn pattern_in_list(text: &str) -> String {
    if ["[", "]", ",", "[]"].contains(&text) {
        return String::new();
    }
    let written = super::to_json(&text);
    let inner = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    pattern(Some(inner.unwrap_or(&written)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_literal() {
        for (looked_for, expected, in_list) in [
            ("disk", "%disk%", "%disk%"),
            ("100%_!", "%100!%!_!!%", "%100!%!_!!%"),
            (",", "%,%", ""),
            ("a,b", "%a,b%", "%a,b%"),
            ("\"", "%\"%", "%\\\"%"),
            ("\\", "%\\%", "%\\\\%"),
        ] {
            assert_eq!((pattern(Some(looked_for)), pattern_in_list(looked_for)), (expected.into(), in_list.into()));
        }
        assert_eq!(pattern(None), "");
    }

    #[test]
    fn ids_tell_when_a_mail_came() {
        let at = Timestamp::from_millisecond(1_700_000_000_123).expect("an instant");
        assert_eq!(came_at(&format!("{:012x}{:020x}", 1_700_000_000_123_i64, 7)), Some(at));
        assert_eq!((came_at("x"), came_at("zzzzzzzzzzzzz")), (None, None));
    }
}
