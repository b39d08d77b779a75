//! Onward to Alertmanager by its API v2: every page says again that the alert fires, a resolve ends it.
//!
//! Source: prometheus/alertmanager: api/v2/openapi.yaml (`postAlerts`). An alert is its labels; it ends by itself at
//! `endsAt`, so that one whose end was lost does not fire for ever.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use crate::notify::exchange::{Outcome, Request, Response, Secret};
use crate::notify::message::{Kind, Message, Subject};
use crate::notify::text;

/// Most annotations made of details.
pub const DETAILS_MAX: usize = 32;
/// Longest value of a label, in bytes.
pub const LABEL_BYTES_MAX: usize = 500;
/// Longest value of an annotation, in characters.
pub const ANNOTATION_CHARS_MAX: usize = 1000;

/// For how long the alert of a test fires.
pub const TEST_LASTING: SignedDuration = SignedDuration::from_mins(5);

/// A server.
#[derive(Debug, Clone)]
pub struct Config {
    /// Without a slash at the end; the API lies below, at `/api/v2/alerts`.
    pub base_url: String,
    /// The whole `Authorization` header, where the server wants one.
    pub authorization: Option<Secret>,
    /// The label `source`: which nightcall it comes from.
    pub source: String,
    /// For how long an alert fires after a page, unless it is resolved before or paged again.
    pub lasting: SignedDuration,
}

/// All incidents as alerts. The address is not used: the server is in the settings.
///
/// # Errors
/// When there is nothing that Alertmanager could be told: who is on call.
pub fn request(config: &Config, _address: &str, message: &Message<'_>) -> Result<Request, String> {
    let (ends_at, by) = match message.kind {
        Kind::Paged => (later(message.now, config.lasting), None),
        Kind::Acknowledged { by } => (later(message.now, config.lasting), Some(by)),
        Kind::Resolved { .. } => (message.now, None),
        Kind::Test => (later(message.now, TEST_LASTING), None),
        Kind::OnCall { .. } => return Err("Alertmanager is told of incidents only".to_owned()),
    };
    let mut alerts: Vec<Value> =
        message.incidents.iter().map(|incident| alert(config, incident, message.url, ends_at, by)).collect();
    if message.kind == Kind::Test {
        alerts.push(json!({
            "labels": {"alertname": "NightcallTest", "source": config.source, "severity": "info"},
            "annotations": {"summary": "Test from nightcall"},
            "startsAt": message.now.to_string(), "endsAt": ends_at.to_string(),
        }));
    }
    let request = Request::json(&format!("{}/api/v2/alerts", config.base_url), &Value::from(alerts))?;
    match &config.authorization {
        Some(authorization) => request.header("authorization", authorization.expose()),
        None => Ok(request),
    }
}

/// What an answer means.
pub fn judge(response: &Response) -> Outcome {
    let words = if response.is_success() { String::new() } else { response.words() };
    response.judge_status_with(String::new(), &words)
}

fn alert(config: &Config, incident: &Subject<'_>, page: Option<&str>, ends_at: Timestamp, by: Option<&str>) -> Value {
    let label = |text: &str| text::cut_bytes(&text::one_line(text), LABEL_BYTES_MAX);
    let note = |text: &str| Value::from(text::short(text, ANNOTATION_CHARS_MAX));
    let mut annotations: Map<String, Value> = incident
        .details
        .iter()
        .take(DETAILS_MAX)
        .map(|(name, value)| (format!("detail_{}", name_of(name)), note(value)))
        .collect();
    annotations.insert("summary".to_owned(), note(incident.summary));
    if let Some(by) = by {
        annotations.insert("acknowledged_by".to_owned(), note(by));
    }
    let mut alert = json!({
        "labels": {
            "alertname": label(incident.service), "service": label(incident.service), "source": label(&config.source),
            "dedup_key": label(incident.dedup_key), "incident": incident.number.to_string(),
            "severity": incident.severity.word(),
        },
        "annotations": annotations,
        "startsAt": incident.opened_at.to_string(),
        "endsAt": ends_at.max(incident.opened_at).to_string(),
    });
    if let Some(page) = page.and_then(text::web_address) {
        alert["generatorURL"] = page.into();
    }
    alert
}

/// A name that Prometheus takes: letters, digits and underscores.
fn name_of(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    text::one_line(name).chars().take(text::NAME_CHARS_MAX).map(plain).collect()
}

fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    fn config() -> Config {
        Config {
            base_url: "http://alertmanager.example:9093".to_owned(),
            authorization: Some(Secret::new("Basic x")),
            source: "eu".to_owned(),
            lasting: SignedDuration::from_hours(1),
        }
    }

    #[test]
    fn the_life_of_an_alert() {
        let made = sample::page("disk full", |message| request(&config(), "", message).unwrap());
        assert_eq!(made.url.as_str(), "http://alertmanager.example:9093/api/v2/alerts");
        let alerts = sample::json(&made.body);
        let labels = json!({
            "alertname": "db", "service": "db", "source": "eu", "dedup_key": "nagios/db", "incident": "12",
            "severity": "critical",
        });
        let expected = json!({
            "labels": labels, "annotations": {"summary": "disk full", "detail_host": "db1"},
            "startsAt": "2026-11-21T00:00:00Z", "endsAt": "2026-11-21T01:05:00Z",
            "generatorURL": "https://nightcall.example/incidents/12",
        });
        assert_eq!(alerts[0], expected);
        assert_eq!(alerts[1]["labels"]["incident"], "13");
        let kind = Kind::Resolved { by: "mail" };
        let ended = sample::json(&sample::single("x", kind, |message| request(&config(), "", message).unwrap()).body);
        assert_eq!((&ended[0]["labels"], &ended[0]["endsAt"]), (&labels, &json!("2026-11-21T00:05:00Z")));
        let kind = Kind::Acknowledged { by: "ann" };
        let had = sample::json(&sample::single("x", kind, |message| request(&config(), "", message).unwrap()).body);
        assert_eq!(had[0]["annotations"]["acknowledged_by"], "ann");
        let test = sample::json(&sample::message("", Kind::Test, |m| request(&config(), "", m).unwrap()).body);
        assert_eq!(test[0]["labels"]["alertname"], "NightcallTest");
    }

    #[test]
    fn mail_content_is_a_value() {
        let made = |message: &Message<'_>| request(&config(), "", message).unwrap();
        sample::assert_harmless(made, &["generatorURL"]);
        for text in sample::hostile_texts() {
            let alerts = sample::json(&sample::hostile_page(&text, made).body);
            for name in alerts[0]["annotations"].as_object().unwrap().keys() {
                assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'), "{name}");
            }
            assert_eq!(alerts[0]["labels"]["incident"], "12");
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(200, ""), Outcome::Accepted(String::new()));
        let failed = "the provider answered 400: \"start time must be before end time\"";
        assert_eq!(judged(400, "\"start time must be before end time\""), Outcome::Failed(failed.to_owned()));
        assert!(matches!(judged(503, ""), Outcome::Retry(_)));
    }
}
