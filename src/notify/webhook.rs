//! The webhook channel: a JSON POST signed after the Standard Webhooks specification
//! (standard-webhooks/standard-webhooks: spec), so that receivers can verify it with a ready-made library.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde_json::json;
use sha2::Sha256;

use super::{Secret, judge_error, judge_status};
use crate::clock::Clock;
use crate::domain::notification::Outcome;
use crate::engine::Claimed;
use crate::store::notice::StoredNotice;

/// Signs and sends.
#[derive(Debug)]
pub struct Webhook {
    client: reqwest::Client,
    secret: Secret,
    clock: Clock,
}

impl Webhook {
    /// A channel that signs with this secret.
    pub fn new(client: reqwest::Client, secret: Secret, clock: Clock) -> Self {
        Self { client, secret, clock }
    }

    /// Posts a page. The notification's id is the `webhook-id`, the same in every retry.
    pub async fn send(&self, claimed: &Claimed) -> Outcome {
        let now = self.clock.now();
        self.post(&claimed.notification.address, &claimed.notification.id, body(claimed, now), now).await
    }

    /// Posts a notice: `notice.test` or `notice.on-call`.
    pub async fn tell(&self, told: &StoredNotice) -> Outcome {
        let now = self.clock.now();
        let body = json!({
            "type": format!("notice.{}", told.notice.word()),
            "timestamp": now.to_string(),
            "data": { "user": told.user, "notice": told.notice },
        });
        self.post(&told.address, &told.id, body.to_string(), now).await
    }

    async fn post(&self, url: &str, id: &str, body: String, now: Timestamp) -> Outcome {
        let timestamp = now.as_second().to_string();
        let request = self
            .client
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", &timestamp)
            .header("webhook-signature", signature(self.secret.expose(), id, &timestamp, &body))
            .body(body);
        match request.send().await {
            Ok(response) => judge_status(response.status(), String::new()),
            Err(error) => judge_error(error),
        }
    }
}

fn body(claimed: &Claimed, now: Timestamp) -> String {
    let incident = &claimed.incident;
    let body = json!({
        "type": "incident.paged",
        "timestamp": now.to_string(),
        "data": {
            "user": claimed.notification.user,
            "page": claimed.notification.page,
            "incident": {
                "number": incident.number,
                "service": incident.service,
                "dedup_key": incident.dedup_key,
                "status": incident.status.word(),
                "severity": incident.severity.word(),
                "summary": incident.summary,
                "details": incident.details,
                "links": incident.links,
                "alert_count": incident.alert_count,
                "opened_at": incident.opened_at.to_string(),
            },
        },
    });
    body.to_string()
}

/// `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`. A secret `whsec_…` is base64, any other is taken
/// as it is.
pub fn signature(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
    let encoded = secret.strip_prefix("whsec_");
    let key = encoded.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_else(|| secret.as_bytes().to_vec());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes a key of any length");
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vector() {
        // From the Standard Webhooks reference libraries' own tests.
        let signed = signature(
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            "{\"test\": 2432232314}",
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
