//! The voice channel over Twilio's REST API: places calls, and hears what the phone says back.
//!
//! A call counts as reached only when a key is pressed; "completed" is what voicemail says too (I29).
//! Source: Twilio Voice docs, "Make outbound calls" and "TwiML"; keys as PagerDuty and GoAlert use them.

pub mod callback;
pub mod keys;
pub mod pin;
pub mod signature;
pub mod twiml;

use serde::Deserialize;

use super::{Secret, judge_error, judge_status};
use crate::domain::notification::Outcome;
use crate::engine::Claimed;
use crate::store::notice::StoredNotice;

/// How long the phone rings, in seconds; short of most voicemail.
const RING_SECONDS: &str = "25";

/// How to reach the provider and how it reaches us.
#[derive(Debug, Clone)]
pub struct Config {
    /// Of the API, without a slash at the end; compatible providers differ here.
    pub base_url: String,
    /// Account SID.
    pub account: String,
    /// Auth token; also what callbacks are signed with.
    pub token: Secret,
    /// The number we call from, in E.164 form.
    pub caller: String,
    /// Our own address as the provider sees it, without a slash at the end.
    pub public_url: String,
}

/// Places calls.
#[derive(Debug)]
pub struct Voice {
    client: reqwest::Client,
    config: Config,
}

#[derive(Debug, Deserialize)]
struct CreatedCall {
    sid: String,
}

impl Voice {
    /// A channel over this provider.
    pub fn new(client: reqwest::Client, config: Config) -> Self {
        Self { client, config }
    }

    /// Places a call (`POST /2010-04-01/Accounts/{sid}/Calls.json`). The text is fetched by the provider when
    /// somebody picks up, so nothing of the incident is in a URL.
    pub async fn send(&self, claimed: &Claimed) -> Outcome {
        let callback =
            |name: &str| self.config.callback_url(&claimed.notification.id, &claimed.notification.nonce, name);
        // The end of an earlier call may be told late; its address says which call it was.
        let status = callback(&format!("status?attempt={}", claimed.notification.attempts));
        let answer = callback("answer");
        let status = [
            ("StatusCallback", status.as_str()),
            ("StatusCallbackMethod", "POST"),
            ("StatusCallbackEvent", "completed"),
        ];
        self.call(&claimed.notification.address, &answer, &status).await
    }

    /// Places a call that tells a notice.
    pub async fn tell(&self, told: &StoredNotice) -> Outcome {
        let answer = self.config.notice_url(&told.id, &told.nonce, "answer");
        self.call(&told.address, &answer, &[]).await
    }

    async fn call(&self, number: &str, answer: &str, status: &[(&str, &str)]) -> Outcome {
        let Config { base_url, account, token, caller, .. } = &self.config;
        let mut form =
            vec![("To", number), ("From", caller), ("Url", answer), ("Method", "POST"), ("Timeout", RING_SECONDS)];
        form.extend(status);
        let url = format!("{base_url}/2010-04-01/Accounts/{account}/Calls.json");
        let request = self.client.post(url).basic_auth(account, Some(token.expose())).form(&form);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return judge_error(error),
        };
        let status = response.status();
        match response.json::<CreatedCall>().await {
            Ok(call) if status.is_success() => Outcome::Accepted(call.sid),
            // Taken, but without a name we can read: it rings all the same.
            Err(_) if status.is_success() => Outcome::Accepted(String::new()),
            _ => judge_status(status, String::new()),
        }
    }
}

impl Config {
    /// Where the provider reports about one notification.
    pub fn callback_url(&self, id: &str, nonce: &str, name: &str) -> String {
        format!("{}/voice/{id}/{nonce}/{name}", self.public_url)
    }

    /// Where the provider asks about one notice.
    pub fn notice_url(&self, id: &str, nonce: &str, name: &str) -> String {
        format!("{}/voice/notice/{id}/{nonce}/{name}", self.public_url)
    }
}
