//! When the way for emergencies was used last, and for how long: what the trail tells, in words.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::access::BREAK_GLASS_LASTS;
use super::words::{At, Teller, length};
use crate::store::trail::Told;

/// Rows of the trail that are looked at; two sessions at once are rare already.
pub(super) const ROWS: i64 = 20;

/// The last session by the way for emergencies.
pub(super) struct Glass {
    /// When it began.
    pub(super) at: At,
    /// For how long somebody was admin by it, so far.
    pub(super) lasted: String,
    /// Whether somebody still is.
    pub(super) is_open: bool,
}

/// The last session, from rows of the trail, newest first. It ends when somebody ends it, or by itself.
pub(super) fn last(rows: &[Told], teller: &Teller) -> Option<Glass> {
    let begun = rows.iter().find(|row| row.what == "signed_in")?;
    let name = session(&begun.became);
    let is_its_end = |row: &&Told| row.what == "session_ended" && name.is_some() && session(&row.was) == name;
    let over_at = begun.at.checked_add(BREAK_GLASS_LASTS).unwrap_or(Timestamp::MAX);
    let ended_at = rows.iter().find(is_its_end).map_or(over_at, |row| row.at.min(over_at));
    let lasted = begun.at.duration_until(ended_at.min(teller.now)).max(SignedDuration::ZERO);
    Some(Glass { at: teller.at(begun.at), lasted: length(lasted), is_open: teller.now < ended_at })
}

/// The session that a row names.
fn session(told: &str) -> Option<String> {
    let told: Value = serde_json::from_str(told).ok()?;
    told["session"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use super::*;

    fn row(at: &str, what: &str, was: &str, became: &str) -> Told {
        Told {
            number: 0,
            at: at.parse().expect("a timestamp"),
            who: "break glass".to_owned(),
            way: "page".to_owned(),
            origin: String::new(),
            what: what.to_owned(),
            about: "break glass".to_owned(),
            was: was.to_owned(),
            became: became.to_owned(),
            previous: String::new(),
            hash: String::new(),
        }
    }

    #[test]
    fn a_session_lasts_until_it_is_ended_or_an_hour() {
        let begun = row("2026-11-21T10:00:00Z", "signed_in", "", r#"{"session":"a"}"#);
        let ended = row("2026-11-21T10:20:00Z", "session_ended", r#"{"session":"a"}"#, "");
        let other = row("2026-11-21T10:30:00Z", "session_ended", r#"{"session":"b"}"#, "");
        for (rows, now, expected) in [
            (vec![], "2026-11-21T10:05:00Z", None),
            (vec![ended.clone()], "2026-11-21T10:05:00Z", None),
            (vec![begun.clone()], "2026-11-21T10:05:00Z", Some(("5 min", true))),
            (vec![begun.clone()], "2026-11-21T11:00:00Z", Some(("1 h", false))),
            (vec![begun.clone()], "2026-12-01T00:00:00Z", Some(("1 h", false))),
            (vec![begun.clone()], "2026-11-21T09:00:00Z", Some(("0 s", true))),
            (vec![ended, begun.clone()], "2026-11-21T12:00:00Z", Some(("20 min", false))),
            (vec![other, begun], "2026-11-21T10:40:00Z", Some(("40 min", true))),
        ] {
            let teller = Teller { now: now.parse().expect("a timestamp"), zone: TimeZone::UTC };
            let found = last(&rows, &teller);
            assert_eq!(found.as_ref().map(|glass| (glass.lasted.as_str(), glass.is_open)), expected, "{now}");
        }
    }
}
