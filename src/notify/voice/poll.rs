//! Watching a call without callbacks (Twilio Voice docs, "Fetch a call", `GET Calls/{sid}.json`).

use serde::Deserialize;

use crate::notify::exchange::{Request, Response};
use crate::notify::twilio::{Config, get, is_sid, post, unreadable};

/// How to ask about a call.
///
/// # Errors
/// When the reference, or the base address of the settings, is none.
pub fn request(config: &Config, sid: &str) -> Result<Request, String> {
    if !is_sid(sid) {
        return Err("the reference of the call is none".to_owned());
    }
    get(config, &format!("Calls/{sid}.json"), &[])
}

/// How to take a call back that waits or rings (Twilio Voice docs, "Update a call": `canceled` leaves one alone that
/// somebody has answered).
///
/// # Errors
/// As [`request`].
pub fn cancel(config: &Config, sid: &str) -> Result<Request, String> {
    if !is_sid(sid) {
        return Err("the reference of the call is none".to_owned());
    }
    post(config, &format!("Calls/{sid}.json"), &[("Status", "canceled")])
}

/// How a call stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// It waits, rings or talks: ask again.
    Underway,
    /// It has ended.
    Ended(End),
}

/// How a call ended. None of them means that somebody was reached (I29): voicemail completes calls too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Picked up by somebody or something, and hung up.
    Completed,
    /// Somebody talks on that phone.
    Busy,
    /// It rang out.
    NoAnswer,
    /// It could not be connected.
    Failed,
    /// It was taken back before anybody answered.
    Cancelled,
}

/// How the call stands. The words are those of callbacks too (`CallStatus`).
///
/// # Errors
/// When the answer does not say; nobody knows then, and it is asked again.
pub fn read(response: &Response) -> Result<Stand, String> {
    match response.status {
        200 => {
            let call: Call = serde_json::from_slice(&response.body)
                .map_err(|_| "the provider's answer about a call cannot be read".to_owned())?;
            stand(&call.status).ok_or_else(|| "the provider tells an unknown state of a call".to_owned())
        }
        // It never existed, or is long gone: it will not ring.
        404 | 410 => Ok(Stand::Ended(End::Failed)),
        _ => Err(unreadable(response)),
    }
}

#[derive(Deserialize)]
struct Call {
    status: String,
}

/// What a word for the state of a call means.
pub fn stand(word: &str) -> Option<Stand> {
    match word {
        "queued" | "initiated" | "ringing" | "in-progress" => Some(Stand::Underway),
        "completed" => Some(Stand::Ended(End::Completed)),
        "busy" => Some(Stand::Ended(End::Busy)),
        "no-answer" => Some(Stand::Ended(End::NoAnswer)),
        "failed" => Some(Stand::Ended(End::Failed)),
        "canceled" => Some(Stand::Ended(End::Cancelled)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::exchange::Method;
    use crate::notify::twilio::samples::{config, response};

    #[test]
    fn states() {
        let ended = |end| Ok(Stand::Ended(end));
        for (status, body, expected) in [
            (200, r#"{"sid":"CA1","status":"queued"}"#, Ok(Stand::Underway)),
            (200, r#"{"status":"ringing"}"#, Ok(Stand::Underway)),
            (200, r#"{"status":"in-progress","duration":null}"#, Ok(Stand::Underway)),
            (200, r#"{"status":"completed","duration":"12"}"#, ended(End::Completed)),
            (200, r#"{"status":"busy"}"#, ended(End::Busy)),
            (200, r#"{"status":"no-answer"}"#, ended(End::NoAnswer)),
            (200, r#"{"status":"failed"}"#, ended(End::Failed)),
            (200, r#"{"status":"canceled"}"#, ended(End::Cancelled)),
            (404, r#"{"code":20404}"#, ended(End::Failed)),
            (200, r#"{"status":"dancing"}"#, Err("the provider tells an unknown state of a call".to_owned())),
            (200, "[]", Err("the provider's answer about a call cannot be read".to_owned())),
            (401, r#"{"code":20003}"#, Err("the provider answered 401: error 20003".to_owned())),
            (500, "", Err("the provider answered 500".to_owned())),
        ] {
            assert_eq!(read(&response(status, body)), expected, "{status} {body}");
        }
    }

    #[test]
    fn the_request() {
        let request = request(&config(), "CA1").unwrap();
        assert_eq!(request.method, Method::Get);
        assert_eq!(request.url.as_str(), "https://api.twilio.com/2010-04-01/Accounts/AC1/Calls/CA1.json");
        assert!(super::request(&config(), "a/b").is_err() && cancel(&config(), "").is_err());
        let cancelling = cancel(&config(), "CA1").unwrap();
        assert_eq!((cancelling.method, cancelling.body.as_str()), (Method::Post, "Status=canceled"));
    }
}
