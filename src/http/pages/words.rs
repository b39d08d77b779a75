//! Times and lengths as people read them, in the zone of who looks.

use std::fmt;

use askama::filters::HtmlSafe;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};

/// Tells times to somebody.
#[derive(Debug, Clone)]
pub(super) struct Teller {
    /// When the page was made.
    pub(super) now: Timestamp,
    /// Where its reader lives.
    pub(super) zone: TimeZone,
}

/// An instant as an element: short where it is near, whole when pointed at. It is made of digits and names of days
/// only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At {
    iso: String,
    short: String,
    whole: String,
}

/// How long ago or from now, as an element that the browser counts on: "4 min".
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    iso: String,
    way: &'static str,
    text: String,
}

impl HtmlSafe for At {}
impl HtmlSafe for Count {}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<time datetime="{}" title="{}">{}</time>"#, self.iso, self.whole, self.short)
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"<span class="count" data-{}="{}">{}</span>"#, self.way, self.iso, self.text)
    }
}

impl Teller {
    /// "03:12" today, "Sat 21 Nov 03:12" else, with the year where it is another.
    pub(super) fn at(&self, at: Timestamp) -> At {
        let (then, today) = (self.zone.to_datetime(at), self.zone.to_datetime(self.now));
        let pattern = match () {
            () if then.date() == today.date() => "%H:%M",
            () if then.year() == today.year() => "%a %-d %b %H:%M",
            () => "%-d %b %Y %H:%M",
        };
        let whole = at.to_zoned(self.zone.clone()).strftime("%A, %-d %B %Y, %H:%M:%S %:z").to_string();
        At { iso: format!("{at:.0}"), short: then.strftime(pattern).to_string(), whole }
    }

    /// The same with the seconds, for what follows closely upon one another.
    pub(super) fn second(&self, at: Timestamp) -> At {
        let At { iso, short, whole } = self.at(at);
        At { iso, short: format!("{short}{}", self.zone.to_datetime(at).strftime(":%S")), whole }
    }

    /// How long it has lasted: "4 min".
    pub(super) fn since(&self, at: Timestamp) -> Count {
        Count { iso: format!("{at:.3}"), way: "since", text: length(at.duration_until(self.now)) }
    }

    /// How long until then: "in 4 min".
    pub(super) fn until(&self, at: Timestamp) -> Count {
        let left = self.now.duration_until(at);
        let text = if left.is_positive() { format!("in {}", length(left)) } else { "now".to_owned() };
        Count { iso: format!("{at:.3}"), way: "until", text }
    }

    /// For a form's field of a civil time (`datetime-local`).
    pub(super) fn field(&self, at: Timestamp) -> String {
        self.zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M").to_string()
    }

    /// The next morning at eight.
    pub(super) fn morning(&self) -> Timestamp {
        let now = self.zone.to_datetime(self.now);
        let today = now.date().at(8, 0, 0, 0);
        let next = if today > now { today } else { today.checked_add(1.day()).unwrap_or(today) };
        self.zone.to_timestamp(next).unwrap_or(self.now)
    }
}

/// "40 s", "4 min", "2 h 5 min", "3 days": two units at most.
pub(super) fn length(length: SignedDuration) -> String {
    let seconds = length.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86400 => match seconds % 3600 / 60 {
            0 => format!("{} h", seconds / 3600),
            minutes => format!("{} h {minutes} min", seconds / 3600),
        },
        86400..172_800 => "1 day".to_owned(),
        _ => format!("{} days", seconds / 86400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn teller() -> Teller {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        Teller { now: "2026-11-21T02:12:30Z".parse().unwrap(), zone }
    }

    #[test]
    fn times_are_told_as_near_as_they_are() {
        for (at, expected) in [
            ("2026-11-21T02:08:00Z", "03:08"),
            ("2026-11-20T22:59:00Z", "Fri 20 Nov 23:59"),
            ("2025-12-24T12:00:00Z", "24 Dec 2025 13:00"),
        ] {
            let told = teller().at(at.parse().unwrap()).to_string();
            assert!(told.contains(&format!(">{expected}</time>")), "{told}");
            assert!(told.starts_with(&format!("<time datetime=\"{at}\"")), "{told}");
        }
        let morning = teller().morning();
        assert_eq!(morning.to_string(), "2026-11-21T07:00:00Z");
        assert_eq!(Teller { now: morning, ..teller() }.morning().to_string(), "2026-11-22T07:00:00Z");
    }

    #[test]
    fn lengths_have_two_units_at_most() {
        for (seconds, expected) in [
            (-5, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (3599, "59 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (90_000, "1 day"),
            (300_000, "3 days"),
        ] {
            assert_eq!(length(SignedDuration::from_secs(seconds)), expected);
        }
        let at = |text: &str| text.parse().unwrap();
        assert!(teller().until(at("2026-11-21T02:16:30Z")).to_string().ends_with(">in 4 min</span>"));
        assert!(teller().until(at("2026-11-21T02:12:00Z")).to_string().ends_with(">now</span>"));
        assert!(teller().since(at("2026-11-21T02:08:30Z")).to_string().ends_with(">4 min</span>"));
    }
}
