//! Finding a call whose request had no answer (I27; Twilio Voice docs, "Read multiple Call resources"): nobody knows
//! whether it rings, and calls have no idempotency key.

use std::str::FromStr as _;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::poll::{Stand, stand};
use crate::notify::exchange::{Request, Response};
use crate::notify::twilio::{Config, get, is_sid, unreadable};

/// Calls asked for; the newest come first.
const PAGE_SIZE: &str = "50";

/// How far the provider's clock may be off from ours, either way.
const CLOCK_SKEW: SignedDuration = SignedDuration::from_secs(10);

/// How long after an attempt began its call can have been made: the request's time limit and some more.
const MADE_WITHIN: SignedDuration = SignedDuration::from_secs(30);

/// The attempt whose outcome is unknown.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The number that was called.
    pub to: &'a str,
    /// When the request was begun.
    pub at: Timestamp,
    /// References of other attempts' calls to this number, found ones too; those are not it.
    pub known: &'a [&'a str],
}

/// What became of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This call is it.
    Call {
        /// Its reference.
        sid: String,
        /// How it stands.
        stand: Stand,
    },
    /// There is none: call again.
    Nothing,
}

/// How to ask. Both are asked: a call that still waits has no start time yet, which the first may leave out.
///
/// # Errors
/// When the base address of the settings is none.
pub fn requests(config: &Config, attempt: &Attempt<'_>) -> Result<[Request; 2], String> {
    let since = attempt.at.saturating_sub(CLOCK_SKEW).unwrap_or(attempt.at);
    let since = since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let started = [("To", attempt.to), ("From", &config.caller), ("StartTime>", &since), ("PageSize", PAGE_SIZE)];
    let waiting = [("To", attempt.to), ("From", &config.caller), ("Status", "queued"), ("PageSize", PAGE_SIZE)];
    Ok([get(config, "Calls.json", &started)?, get(config, "Calls.json", &waiting)?])
}

/// Which call is the attempt's: ours, to that number, made in its time and no other attempt's; the earliest of
/// those.
///
/// # Errors
/// When an answer cannot be read: nobody knows then.
pub fn read(config: &Config, attempt: &Attempt<'_>, responses: &[Response]) -> Result<Found, String> {
    let mut fitting: Vec<(Timestamp, Call)> = Vec::new();
    for response in responses {
        if response.status != 200 {
            return Err(unreadable(response));
        }
        let page: Page = serde_json::from_slice(&response.body)
            .map_err(|_| "the provider's list of calls cannot be read".to_owned())?;
        let dated = page.calls.into_iter().filter_map(|call| Some((call.made_at()?, call)));
        fitting.extend(dated.filter(|(at, call)| call.fits(config, attempt, *at)));
    }
    fitting.sort_by(|(one, a), (other, b)| (one, &a.sid).cmp(&(other, &b.sid)));
    let first = fitting.into_iter().next().map(|(_, call)| call);
    Ok(first.map_or(Found::Nothing, |call| Found::Call {
        stand: stand(&call.status).unwrap_or(Stand::Underway),
        sid: call.sid,
    }))
}

#[derive(Deserialize)]
struct Page {
    calls: Vec<Call>,
}

#[derive(Deserialize)]
struct Call {
    sid: String,
    status: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    direction: String,
    date_created: Option<String>,
    start_time: Option<String>,
}

impl Call {
    /// RFC 2822, or RFC 3339 as some compatible providers write it.
    fn made_at(&self) -> Option<Timestamp> {
        let text = self.date_created.as_deref().or(self.start_time.as_deref())?;
        let rfc2822 = jiff::fmt::rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
        rfc2822.or_else(|| Timestamp::from_str(text).ok())
    }

    fn fits(&self, config: &Config, attempt: &Attempt<'_>, at: Timestamp) -> bool {
        let after = at.duration_since(attempt.at);
        is_sid(&self.sid)
            && self.to == attempt.to
            && self.from == config.caller
            && (self.direction == "outbound-api" || self.direction.is_empty())
            && !attempt.known.contains(&self.sid.as_str())
            && (-CLOCK_SKEW..=MADE_WITHIN + CLOCK_SKEW).contains(&after)
    }
}

#[cfg(test)]
mod tests {
    use super::super::poll::End;
    use super::*;
    use crate::notify::twilio::samples::{config, response};

    const TO: &str = "+491700000001";

    fn call(sid: &str, time: &str, status: &str) -> String {
        format!(
            r#"{{"sid":"{sid}","status":"{status}","to":"{TO}","from":"+4930000000","direction":"outbound-api",
                "date_created":"Sat, 21 Nov 2026 {time} +0000","start_time":null,"answered_by":null}}"#
        )
    }

    fn found(calls: &[String], known: &[&str]) -> Result<Found, String> {
        let attempt = Attempt { to: TO, at: "2026-11-21T03:00:00Z".parse().unwrap(), known };
        let page = format!(r#"{{"calls":[{}],"next_page_uri":null,"page":0}}"#, calls.join(","));
        read(&config(), &attempt, &[response(200, &page), response(200, r#"{"calls":[]}"#)])
    }

    #[test]
    fn which_call_it_was() {
        let it = |sid: &str, stand| Ok(Found::Call { sid: sid.to_owned(), stand });
        let near = call("CA1", "03:00:02", "ringing");
        let later = call("CA2", "03:00:20", "completed");
        assert_eq!(found(&[later.clone(), near.clone()], &[]), it("CA1", Stand::Underway));
        assert_eq!(found(&[later, near.clone()], &["CA1"]), it("CA2", Stand::Ended(End::Completed)));
        assert_eq!(found(&[call("CA1", "02:59:55", "dancing")], &[]), it("CA1", Stand::Underway));
        for other in [
            call("CA1", "02:59:00", "completed"),
            call("CA1", "03:01:00", "completed"),
            call("../1", "03:00:02", "completed"),
            near.replace(TO, "+491700000002"),
            near.replace("+4930000000", "+4930000001"),
            near.replace("outbound-api", "inbound"),
            near.replace("Sat, 21", "Sometime"),
        ] {
            assert_eq!(found(std::slice::from_ref(&other), &[]), Ok(Found::Nothing), "{other}");
        }
    }

    #[test]
    fn unreadable_lists_decide_nothing() {
        let attempt = Attempt { to: TO, at: Timestamp::UNIX_EPOCH, known: &[] };
        let empty = response(200, r#"{"calls":[]}"#);
        assert_eq!(read(&config(), &attempt, &[empty.clone(), empty.clone()]), Ok(Found::Nothing));
        for bad in [response(200, "{}"), response(200, "x"), response(500, ""), response(429, r#"{"code":20429}"#)] {
            assert!(read(&config(), &attempt, &[empty.clone(), bad]).is_err());
        }
    }

    #[test]
    fn the_requests() {
        let attempt = Attempt { to: TO, at: "2026-11-21T03:00:00Z".parse().unwrap(), known: &[] };
        let [started, waiting] = requests(&config(), &attempt).unwrap().map(|request| request.url.to_string());
        let calls = "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls.json?To=%2B491700000001&From=%2B4930000000";
        assert_eq!(started, format!("{calls}&StartTime%3E=2026-11-21T02%3A59%3A50Z&PageSize=50"));
        assert_eq!(waiting, format!("{calls}&Status=queued&PageSize=50"));
    }
}
