//! Onward to AWS Systems Manager Incident Manager: starts an incident, and resolves it.
//!
//! Sources: AWS Systems Manager Incident Manager API reference, "StartIncident", "UpdateIncidentRecord"; AWS
//! Signature Version 4 by the SDK's own crate. One token for each of our incidents makes AWS start it once however
//! often it is paged. Nothing comes back here: acknowledging there is asked for by other means.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::notify::exchange::{Outcome, Request, Response, Secret};
use crate::notify::message::{Kind, Message, Severity, Subject};
use crate::notify::text;

/// Longest title, in characters.
pub const TITLE_CHARS_MAX: usize = 200;
/// Longest token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 128;
/// Longest raw data, in characters.
pub const RAW_CHARS_MAX: usize = 10_000;
/// Longest name of a source, in characters.
pub const SOURCE_CHARS_MAX: usize = 50;

/// An account and a region.
#[derive(Debug, Clone)]
pub struct Config {
    /// Without a slash at the end: `https://ssm-incidents.eu-central-1.amazonaws.com`.
    pub base_url: String,
    /// `eu-central-1`.
    pub region: String,
    /// Access key, `AKIA…`.
    pub access_key: String,
    /// Secret key.
    pub secret_key: Secret,
    /// With temporary credentials.
    pub session_token: Option<Secret>,
    /// What our tokens begin with; different for each nightcall that shares an account.
    pub source: String,
}

/// Starts an incident for the first of ours; `address` is the ARN of a response plan.
///
/// # Errors
/// When there is nothing that Incident Manager could be told.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let first = requests(config, address, message)?.into_iter().next();
    first.ok_or_else(|| "there is no incident to tell Incident Manager of".to_owned())
}

/// Starts an incident for each of ours.
///
/// # Errors
/// As [`request`].
pub fn requests(config: &Config, address: &str, message: &Message<'_>) -> Result<Vec<Request>, String> {
    if message.kind != Kind::Paged {
        return Err("Incident Manager is told of pages only".to_owned());
    }
    if !address.starts_with("arn:") {
        return Err("the address is no ARN of a response plan".to_owned());
    }
    let start = |incident: &Subject<'_>| {
        signed(config, "startIncident", &start(config, address, incident, message), message.now)
    };
    message.incidents.iter().map(start).collect()
}

/// Resolves the incident that was started under this reference.
///
/// # Errors
/// When ours is not resolved, or the reference is none.
pub fn update(config: &Config, reference: &str, message: &Message<'_>) -> Result<Request, String> {
    if !matches!(message.kind, Kind::Resolved { .. }) {
        return Err("Incident Manager is told of a resolve only".to_owned());
    }
    if !reference.starts_with("arn:") {
        return Err("this is no reference to an incident of Incident Manager".to_owned());
    }
    signed(config, "updateIncidentRecord", &json!({"arn": reference, "status": "RESOLVED"}), message.now)
}

/// What an answer means; the reference is the incident's ARN. AWS throttles with status 400 as well.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let arn = body["incidentRecordArn"].as_str().unwrap_or_default().to_owned();
    let words = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
    let kind = response.header("x-amzn-errortype").or(body["__type"].as_str()).unwrap_or_default();
    if kind.contains("Throttling") || kind.contains("TooManyRequests") {
        return Outcome::Retry("AWS asks to slow down".to_owned());
    }
    response.judge_status_with(arn, words)
}

fn start(config: &Config, plan: &str, incident: &Subject<'_>, message: &Message<'_>) -> Value {
    let line = |text: &str, max| text::short(text, max);
    let title = line(&format!("{}: {}", incident.service, incident.summary), TITLE_CHARS_MAX);
    let raw = json!({"number": incident.number, "dedup_key": line(incident.dedup_key, text::SUMMARY_CHARS_MAX)});
    let mut related: Vec<Value> = Vec::new();
    if let Some(page) = message.url.and_then(text::web_address) {
        related.push(json!({"title": "nightcall", "identifier": {"type": "OTHER", "value": {"url": page}}}));
    }
    json!({
        "clientToken": text::cut_bytes(&incident.key(&config.source), TOKEN_BYTES_MAX),
        "responsePlanArn": plan, "title": title, "impact": impact(incident.severity), "relatedItems": related,
        "triggerDetails": {
            "source": line(&config.source, SOURCE_CHARS_MAX), "timestamp": incident.opened_at.as_second(),
            "rawData": line(&raw.to_string(), RAW_CHARS_MAX),
        },
    })
}

/// From 1, everything is down, to 5, nobody notices.
fn impact(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 1,
        Severity::Error => 2,
        Severity::Warning => 3,
        Severity::Info => 5,
    }
}

fn signed(config: &Config, action: &str, body: &Value, now: Timestamp) -> Result<Request, String> {
    let mut request = Request::json(&format!("{}/{action}", config.base_url), body)?;
    let session = config.session_token.as_ref().map(|token| token.expose().to_owned());
    let credentials =
        Credentials::new(config.access_key.as_str(), config.secret_key.expose(), session, None, "nightcall");
    let identity = credentials.into();
    let seconds = u64::try_from(now.as_second()).map_err(|_| "there was no AWS before 1970")?;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&config.region)
        .name("ssm-incidents")
        .time(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| "the request cannot be signed")?;
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let url = request.url.as_str();
    let signable = SignableRequest::new("POST", url, headers, SignableBody::Bytes(request.body.as_bytes()));
    let signed = sign(signable.map_err(|_| "the request cannot be signed")?, &parameters.into());
    let (instructions, _) = signed.map_err(|_| "the request cannot be signed")?.into_parts();
    for (name, value) in instructions.headers() {
        request = request.header(name, value)?;
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    const PLAN: &str = "arn:aws:ssm-incidents::1:response-plan/night";

    fn config() -> Config {
        Config {
            base_url: "https://ssm-incidents.eu-central-1.amazonaws.com".to_owned(),
            region: "eu-central-1".to_owned(),
            access_key: "AKIDEXAMPLE".to_owned(),
            secret_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            session_token: None,
            source: "nightcall".to_owned(),
        }
    }

    fn header(request: &Request, wanted: &str) -> String {
        request.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone()).unwrap_or_default()
    }

    #[test]
    fn every_incident_is_started_once() {
        let made = sample::page("disk full", |message| requests(&config(), PLAN, message).unwrap());
        let url = "https://ssm-incidents.eu-central-1.amazonaws.com/startIncident";
        assert_eq!((made.len(), made[0].url.as_str()), (2, url));
        let item = json!({"type": "OTHER", "value": {"url": "https://nightcall.example/incidents/12"}});
        let expected = json!({
            "clientToken": "nightcall:12", "responsePlanArn": PLAN, "title": "db: disk full", "impact": 1,
            "relatedItems": [{"title": "nightcall", "identifier": item}],
            "triggerDetails": {
                "source": "nightcall", "timestamp": 1_795_219_200,
                "rawData": "{\"dedup_key\":\"nagios/db\",\"number\":12}",
            },
        });
        assert_eq!(sample::json(&made[0].body), expected);
        assert!(sample::page("x", |message| request(&config(), "plan", message)).is_err());
    }

    #[test]
    fn requests_are_signed() {
        let kind = Kind::Resolved { by: "ann" };
        let made =
            sample::single("x", kind, |m| update(&config(), "arn:aws:ssm-incidents::1:incident-record/a", m).unwrap());
        assert_eq!(made.body, r#"{"arn":"arn:aws:ssm-incidents::1:incident-record/a","status":"RESOLVED"}"#);
        assert_eq!(header(&made, "x-amz-date"), "20261121T000500Z");
        // Computed by another implementation, Python's hmac and hashlib.
        let credential = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261121/eu-central-1/ssm-incidents/aws4_request";
        let signed = format!("{credential}, SignedHeaders=content-type;host;x-amz-date, Signature=");
        let expected = format!("{signed}4c58fab700c0832f9f688c0d2600bab80ca115bf1d9aecf4d1318c9a41e57ab8");
        assert_eq!(header(&made, "authorization"), expected);
        let temporary = Config { session_token: Some(Secret::new("T")), ..config() };
        let made = sample::page("x", |message| request(&temporary, PLAN, message).unwrap());
        assert_eq!(header(&made, "x-amz-security-token"), "T");
    }

    #[test]
    fn mail_content_is_a_value() {
        for text in sample::hostile_texts() {
            let body = sample::json(&sample::hostile_page(&text, |m| request(&config(), PLAN, m).unwrap()).body);
            let title = body["title"].as_str().unwrap();
            assert!(!title.is_empty() && text::chars(title) <= TITLE_CHARS_MAX);
            assert!(text::chars(body["triggerDetails"]["rawData"].as_str().unwrap()) <= RAW_CHARS_MAX);
            assert_eq!((&body["impact"], &body["clientToken"]), (&json!(1), &json!("nightcall:12")));
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        assert_eq!(judged(201, r#"{"incidentRecordArn":"arn:x"}"#), Outcome::Accepted("arn:x".to_owned()));
        assert!(matches!(judged(400, r#"{"__type":"ThrottlingException"}"#), Outcome::Retry(_)));
        let failed = Outcome::Failed("the provider answered 403: no".to_owned());
        assert_eq!(judged(403, r#"{"message":"no"}"#), failed);
    }
}
