//! Calendars elsewhere that schedules take their shifts from.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::stretch::{self, Stretch};

/// How far back shifts are known: what is told of a shift that is over.
const BACK: SignedDuration = SignedDuration::from_hours(35 * 24);

/// How far ahead shifts are known.
const AHEAD: SignedDuration = SignedDuration::from_hours(400 * 24);

/// The time for which a calendar is read. It moves with the days, so calendars are read again daily.
pub fn window(now: Timestamp) -> Stretch {
    (now.checked_sub(BACK).unwrap_or(Timestamp::MIN), stretch::later(now, AHEAD))
}

/// A calendar that the running gateway fetches, for one schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Where it is.
    pub url: Url,
    /// Whom its events mean: user names by mail address, common name or title, those in lower case. An empty name is
    /// nobody, on purpose.
    pub named: BTreeMap<String, String>,
}

/// The address of a calendar. Whoever knows it can read it, so it shows no more than its host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Url(String);

impl Url {
    /// An address that begins with `http://` or `https://`.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// All of it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Host and port.
    pub fn host(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        authority.rsplit('@').next().unwrap_or_default()
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(a calendar at {})", self.host())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_its_host_only() {
        for (url, host) in [
            ("https://user:pass@calendar.example.com/private-abc/basic.ics", "calendar.example.com"),
            ("http://127.0.0.1:8080?token=abc", "127.0.0.1:8080"),
            ("https://x", "x"),
            ("nonsense", ""),
        ] {
            let shown = format!("{:?}", Url::new(url));
            assert_eq!(shown, format!("(a calendar at {host})"));
        }
    }

    #[test]
    fn the_window_stays_within_time() {
        assert_eq!(window(Timestamp::MIN).0, Timestamp::MIN);
        assert_eq!(window(Timestamp::MAX).1, Timestamp::MAX);
    }
}
