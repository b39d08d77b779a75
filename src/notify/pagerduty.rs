//! Onward to PagerDuty by Events API v2, and back by its webhooks v3: an acknowledge there is one here.
//!
//! Sources: PagerDuty developer docs, "Events API v2: Send an alert event", "Webhooks v3 overview", "Verifying
//! signatures". A trigger with a key that is open there attaches to it, so pages may repeat.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::domain::hex::hex;
use crate::notify::exchange::{About, Act, Answer, Callback, Outcome, Refusal, Request, Response, Secret};
use crate::notify::message::{Kind, Message, Subject, number_of_key};
use crate::notify::signature;
use crate::notify::text;

/// Longest summary, in characters.
pub const SUMMARY_CHARS_MAX: usize = 1024;
/// Longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 255;
/// Most details; with [`VALUE_CHARS_MAX`] far below the 512 KB an event may have.
pub const DETAILS_MAX: usize = 64;
/// Longest value of a detail, in characters.
pub const VALUE_CHARS_MAX: usize = 1024;
/// How long PagerDuty tries to deliver a webhook; what is older is a replay.
pub const CALLBACK_AGE_MAX: SignedDuration = SignedDuration::from_hours(48);

/// An account.
#[derive(Debug, Clone)]
pub struct Config {
    /// Without a slash at the end: `https://events.pagerduty.com`, or `.eu.` for accounts in Europe.
    pub base_url: String,
    /// What our keys begin with; different for each nightcall that shares a routing key.
    pub source: String,
    /// What webhooks are signed with; several while they are rotated.
    pub signing_secrets: Vec<Secret>,
}

/// An event about the first incident; `address` is the routing key.
///
/// # Errors
/// When there is nothing that PagerDuty could be told.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let first = requests(config, address, message)?.into_iter().next();
    first.ok_or_else(|| "there is no incident to tell PagerDuty of".to_owned())
}

/// An event for each incident: PagerDuty takes one at a time.
///
/// # Errors
/// As [`request`].
pub fn requests(config: &Config, address: &str, message: &Message<'_>) -> Result<Vec<Request>, String> {
    let action = match message.kind {
        Kind::Paged => "trigger",
        Kind::Acknowledged { .. } => "acknowledge",
        Kind::Resolved { .. } => "resolve",
        Kind::Test => return Ok(vec![enqueue(config, &test(config, address, message))?]),
        Kind::OnCall { .. } => return Err("PagerDuty has schedules of its own".to_owned()),
    };
    let events = message.incidents.iter().map(|incident| {
        let key = incident.long_key(&config.source, KEY_BYTES_MAX);
        let mut event = json!({"routing_key": address, "event_action": action, "dedup_key": key});
        if message.kind == Kind::Paged {
            event["payload"] = payload(config, incident);
            event["links"] = links(incident);
            event["client"] = "nightcall".into();
            event["client_url"] = message.url.and_then(text::web_address).into();
        }
        enqueue(config, &event)
    });
    events.collect()
}

/// What an answer means; the reference is the key.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let errors = body["errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let words: Vec<&str> = body["message"].as_str().into_iter().chain(errors).collect();
    let key = body["dedup_key"].as_str().unwrap_or_default().to_owned();
    response.judge_status_with(key, &words.join("; "))
}

/// Reads a webhook. Only what a person did there counts: our own events come back as well.
///
/// # Errors
/// When it does not prove to come from PagerDuty, cannot be read, or is nothing we act on.
pub fn answer(config: &Config, call: &Callback<'_>) -> Result<Answer, Refusal> {
    verify(config, call)?;
    let body: Value = serde_json::from_slice(call.body).map_err(|_| Refusal::Unreadable("it is no JSON"))?;
    let event = &body["event"];
    let act = match event["event_type"].as_str() {
        Some("incident.acknowledged") => Act::Acknowledge,
        Some("incident.resolved") => Act::Resolve,
        Some(_) => return Err(Refusal::Nothing("this kind of event changes nothing here")),
        None => return Err(Refusal::Unreadable("it is no event")),
    };
    let occurred_at: Option<Timestamp> = event["occurred_at"].as_str().and_then(|at| at.parse().ok());
    let occurred_at = occurred_at.ok_or(Refusal::Unreadable("it does not say when"))?;
    if call.now.duration_since(occurred_at) > CALLBACK_AGE_MAX {
        return Err(Refusal::Nothing("it is too old"));
    }
    let agent = &event["agent"];
    if agent["type"] != "user_reference" {
        return Err(Refusal::Nothing("no person did this"));
    }
    let key = event["data"]["incident_key"].as_str().unwrap_or_default();
    let number = number_of_key(&config.source, key).ok_or(Refusal::Nothing("this incident is not from here"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(Answer {
        act,
        about: About::Incident { number, at: occurred_at },
        who: text(&agent["id"]),
        name: text(&agent["summary"]),
        reply_to: String::new(),
    })
}

/// `X-PagerDuty-Signature` holds several signatures while secrets are rotated; any with any secret will do.
fn verify(config: &Config, call: &Callback<'_>) -> Result<(), Refusal> {
    let secrets = config.signing_secrets.iter().map(|secret| secret.expose().as_bytes()).filter(|s| !s.is_empty());
    let right: Vec<String> = secrets.map(|secret| hex(&signature::hmac_sha256(secret, &[call.body]))).collect();
    let given = call.header("x-pagerduty-signature").split(',').filter_map(|given| given.trim().strip_prefix("v1="));
    let mut any = false;
    for given in given {
        for right in &right {
            any |= signature::is_same(given, right);
        }
    }
    if any { Ok(()) } else { Err(Refusal::Forged("its signature is wrong")) }
}

fn enqueue(config: &Config, event: &Value) -> Result<Request, String> {
    Request::json(&format!("{}/v2/enqueue", config.base_url), event)
}

fn payload(config: &Config, incident: &Subject<'_>) -> Value {
    let line = |text: &str, max| text::short(text, max);
    let details = incident.details.iter().take(DETAILS_MAX);
    let details: Value = details
        .map(|(name, value)| (line(name, text::NAME_CHARS_MAX), Value::from(line(value, VALUE_CHARS_MAX))))
        .collect();
    let summary = line(incident.summary, SUMMARY_CHARS_MAX);
    json!({
        // An empty one would be refused.
        "summary": if summary.is_empty() { format!("Incident #{}", incident.number) } else { summary },
        "source": config.source, "severity": incident.severity.word(), "timestamp": incident.opened_at.to_string(),
        "component": line(incident.service, VALUE_CHARS_MAX), "custom_details": details,
    })
}

fn links(incident: &Subject<'_>) -> Value {
    let shown = incident.links.iter().filter_map(|(name, url)| {
        Some(json!({"href": text::web_address(url)?, "text": text::short(name, text::NAME_CHARS_MAX)}))
    });
    shown.take(text::LINKS_MAX).collect()
}

fn test(config: &Config, address: &str, message: &Message<'_>) -> Value {
    let payload = json!({"summary": "Test from nightcall", "source": config.source, "severity": "info"});
    let key = text::cut_bytes(&format!("{}:test:{}", config.source, message.id), KEY_BYTES_MAX);
    json!({"routing_key": address, "event_action": "trigger", "dedup_key": key, "payload": payload})
}

#[cfg(test)]
mod tests;
