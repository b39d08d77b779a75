//! What the voice and SMS channels share: Twilio's REST API (Twilio docs, "Twilio API requests"). Compatible providers
//! differ in the base address only.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::notify::exchange::{Method, Request, Response, Secret};
use crate::notify::form;

/// Longest reference of a call or text message that is taken (`CA` or `SM` and 32 hex digits are 34).
const SID_OCTETS_MAX: usize = 64;

/// How to reach the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Of the API, without a slash at the end; compatible providers differ here.
    pub base_url: String,
    /// Account SID.
    pub account: String,
    /// Auth token; also what callbacks are signed with.
    pub token: Secret,
    /// The number we call from, in E.164 form.
    pub caller: String,
}

#[derive(Deserialize)]
struct Problem {
    code: Option<u32>,
}

/// The provider's error code (Twilio docs, "Error and Warning Dictionary"). Its text is left out: it holds numbers.
pub fn error_code(response: &Response) -> Option<u32> {
    serde_json::from_slice::<Problem>(&response.body).ok().and_then(|problem| problem.code)
}

/// The error code in words; nothing where there is none.
pub fn error_words(response: &Response) -> String {
    error_code(response).map_or_else(String::new, |code| format!("error {code}"))
}

/// Why an answer to a question tells nothing.
pub fn unreadable(response: &Response) -> String {
    match error_words(response) {
        words if words.is_empty() => format!("the provider answered {}", response.status),
        words => format!("the provider answered {}: {words}", response.status),
    }
}

/// Whether this may stand in a path as a reference.
pub fn is_sid(sid: &str) -> bool {
    !sid.is_empty() && sid.len() <= SID_OCTETS_MAX && sid.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A form POST to a resource of the account.
///
/// # Errors
/// When the base address of the settings is none.
pub fn post(config: &Config, resource: &str, pairs: &[(&str, &str)]) -> Result<Request, String> {
    let mut request = get(config, resource, &[])?.header("content-type", "application/x-www-form-urlencoded")?;
    request.method = Method::Post;
    request.body = form::write(pairs);
    Ok(request)
}

/// A GET of a resource of the account.
///
/// # Errors
/// As [`post`].
pub fn get(config: &Config, resource: &str, query: &[(&str, &str)]) -> Result<Request, String> {
    let Config { base_url, account, token, .. } = config;
    let mut url = format!("{base_url}/2010-04-01/Accounts/{account}/{resource}");
    if !query.is_empty() {
        url.push('?');
        url.push_str(&form::write(query));
    }
    let credentials = STANDARD.encode(format!("{account}:{}", token.expose()));
    let request = Request::new(Method::Get, &url, String::new())?;
    request.header("authorization", &format!("Basic {credentials}"))?.header("accept", "application/json")
}

#[cfg(test)]
pub(crate) mod samples {
    use super::*;

    pub(crate) fn config() -> Config {
        Config {
            base_url: "https://api.twilio.com".to_owned(),
            account: "AC1".to_owned(),
            token: Secret::new("12345"),
            caller: "+4930000000".to_owned(),
        }
    }

    pub(crate) fn response(status: u16, body: &str) -> Response {
        Response { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }
}
