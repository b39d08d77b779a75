//! The generic webhook: any HTTP target, described by method, headers and a template for the body alone.
//!
//! Signed after the Standard Webhooks specification (standard-webhooks/standard-webhooks: spec), so that receivers
//! can verify it with a ready-made library; the message's id is the `webhook-id`, the same in every attempt.
//! Templates are Jinja (minijinja). They escape nothing of their own accord: in JSON write
//! `{{ message.summary|tojson }}`, in forms and URLs `|urlencode`. [`check`] proves at load that a JSON template
//! does so, with texts that try to break out (I35).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};
use serde_json::{Value, json};

use crate::notify::exchange::{Method, Outcome, Request, Response, Secret};
use crate::notify::message::{Kind, Locale, Message, Severity, Subject};
use crate::notify::signature::hmac_sha256;
use crate::notify::text;

/// Most steps a template may take; a page takes some hundred.
pub const FUEL: u64 = 100_000;
/// Largest template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 64 * 1024;
/// Largest body, in bytes. [`check`] proves that no mail reaches it: with the limits below, the whole event is at most
/// a third of it, every character escaped.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most details.
pub const DETAILS_MAX: usize = 32;
/// Most links.
pub const LINKS_MAX: usize = 16;
/// Most incidents that are listed; `incident_count` tells how many there are.
pub const INCIDENTS_MAX: usize = 20;
/// Longest name of anything, in characters.
pub const NAME_CHARS_MAX: usize = 100;
/// Longest value of a detail and longest dedup key, in characters.
pub const VALUE_CHARS_MAX: usize = 500;
/// Longest summary, in characters.
pub const SUMMARY_CHARS_MAX: usize = 1000;
/// Longest `message.text`, in characters.
pub const TEXT_CHARS_MAX: usize = 2000;

const JSON: &str = "application/json";
/// What a template must keep inside its quotes.
const HOSTILE: &str = "\"},]\\ '\n{{ x }}<>&=%";

/// A target.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// How it is called.
    pub method: Method,
    /// Names and values, in addition to the signature; values may be secret.
    pub headers: Vec<(String, Secret)>,
    /// What the body is; JSON where nothing is said.
    pub content_type: Option<String>,
    /// Template of the body; without one it is the JSON that [`value`] describes.
    pub body: Option<String>,
    /// Signs each request, where there is one. `whsec_…` is base64, any other is taken as it is.
    pub secret: Option<Secret>,
}

/// A request to the URL `address`. Whether that may be called at all, [`crate::egress`] judges.
///
/// # Errors
/// When the template or a header is broken. The text names the line, never a value.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let body = match (&config.body, config.method) {
        (_, Method::Get) => String::new(),
        (None, _) => value(message).to_string(),
        (Some(template), _) => render(template, message)?,
    };
    if is_json(config) && config.method != Method::Get && serde_json::from_str::<Value>(&body).is_err() {
        return Err("the body's template does not give JSON: write {{ message.summary|tojson }}".to_owned());
    }
    let timestamp = message.now.as_second().to_string();
    let signed = config.secret.as_ref().map(|secret| signature(secret.expose(), message.id, &timestamp, &body));
    let mut request = Request::new(config.method, address, body)?
        .header("content-type", config.content_type.as_deref().unwrap_or(JSON))?
        .header("webhook-id", message.id)?
        .header("webhook-timestamp", &timestamp)?;
    if let Some(signed) = signed {
        request = request.header("webhook-signature", &signed)?;
    }
    for (name, value) in &config.headers {
        request = request.header(name, value.expose())?;
    }
    Ok(request)
}

/// What an answer means; only its status counts.
pub fn judge(response: &Response) -> Outcome {
    response.judge_status(String::new())
}

/// Whether the target can be called: for when definitions are loaded. Renders the template with every kind of
/// message and with texts that try to end the quotes they stand in.
///
/// # Errors
/// What is wrong, for the person who wrote it.
pub fn check(config: &Config) -> Result<(), String> {
    // As large as any event can be.
    let hostile = HOSTILE.repeat(SUMMARY_CHARS_MAX / HOSTILE.len() + 1);
    let many = |value: &str| (0..=DETAILS_MAX).map(|n| (format!("{n}{hostile}"), value.to_owned())).collect();
    let details: BTreeMap<String, String> = many(&hostile);
    let links: BTreeMap<String, String> = many(&format!("https://target.example/{}", "&".repeat(900)));
    let subject = Subject {
        number: 1,
        service: &hostile,
        dedup_key: &hostile,
        status: "triggered",
        severity: Severity::Critical,
        summary: &hostile,
        details: &details,
        links: &links,
        alert_count: 1,
        opened_at: Timestamp::UNIX_EPOCH,
        page: 1,
    };
    let until = Some(Timestamp::UNIX_EPOCH);
    let kinds = [
        (Kind::Paged, 1),
        (Kind::Paged, INCIDENTS_MAX + 1),
        (Kind::Acknowledged { by: HOSTILE }, 1),
        (Kind::Resolved { by: HOSTILE }, 1),
        (Kind::Test, 0),
        (Kind::OnCall { schedule: HOSTILE, until }, 0),
    ];
    for (kind, count) in kinds {
        let message = Message {
            id: "check",
            kind,
            user: HOSTILE,
            incidents: vec![subject; count],
            url: None,
            code: None,
            locale: Locale::English,
            zone: &TimeZone::UTC,
            now: Timestamp::UNIX_EPOCH,
            templates: crate::notify::templates::Templates::NONE,
        };
        request(config, "https://target.example/", &message)?;
    }
    Ok(())
}

/// What templates see as `message`, and what is sent without a template: the shape of `type`, `timestamp` and
/// `data`. `message.summary` and its neighbours are those of the worst incident.
pub fn value(message: &Message<'_>) -> Value {
    let incidents: Vec<Value> = message.incidents.iter().take(INCIDENTS_MAX).map(outline).collect();
    let mut data = json!({
        "user": name(message.user), "url": message.url, "incident": message.incidents.first().map(incident),
        "incidents": incidents, "incident_count": message.incidents.len(),
    });
    let kind = match message.kind {
        Kind::Paged => "incident.paged",
        Kind::Acknowledged { by } => {
            data["by"] = name(by).into();
            "incident.acknowledged"
        }
        Kind::Resolved { by } => {
            data["by"] = name(by).into();
            "incident.resolved"
        }
        Kind::Test => {
            data["code"] = message.code.into();
            "test"
        }
        Kind::OnCall { schedule, until } => {
            data["schedule"] = name(schedule).into();
            data["until"] = until.map(|until| until.to_string()).into();
            "on_call"
        }
    };
    data["page"] = message.incidents.first().map_or(1, |first| first.page).into();
    json!({"type": kind, "timestamp": message.now.to_string(), "data": data})
}

/// `v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`.
pub fn signature(secret: &str, id: &str, timestamp: &str, body: &str) -> String {
    let encoded = secret.strip_prefix("whsec_");
    let key = encoded.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_else(|| secret.as_bytes().to_vec());
    let mac = hmac_sha256(&key, &[id.as_bytes(), b".", timestamp.as_bytes(), b".", body.as_bytes()]);
    format!("v1,{}", STANDARD.encode(mac))
}

fn incident(incident: &Subject<'_>) -> Value {
    let details = incident.details.iter().take(DETAILS_MAX);
    let details: Value =
        details.map(|(word, value)| (name(word), Value::from(text::short(value, VALUE_CHARS_MAX)))).collect();
    let links =
        incident.links.iter().filter_map(|(word, url)| Some((name(word), Value::from(text::web_address(url)?))));
    let mut whole = outline(incident);
    whole["details"] = details;
    whole["links"] = links.take(LINKS_MAX).collect();
    whole["page"] = incident.page.into();
    whole
}

/// What an incident is, without what mail says of it at length.
fn outline(incident: &Subject<'_>) -> Value {
    json!({
        "number": incident.number, "service": name(incident.service),
        "dedup_key": text::short(incident.dedup_key, VALUE_CHARS_MAX), "status": incident.status,
        "severity": incident.severity.word(), "summary": text::short(incident.summary, SUMMARY_CHARS_MAX),
        "alert_count": incident.alert_count, "opened_at": incident.opened_at.to_string(),
    })
}

fn name(text: &str) -> String {
    text::short(text, NAME_CHARS_MAX)
}

fn is_json(config: &Config) -> bool {
    let kind = config.content_type.as_deref().unwrap_or(JSON);
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == JSON || kind.ends_with("+json")
}

fn render(template: &str, message: &Message<'_>) -> Result<String, String> {
    if template.len() > TEMPLATE_BYTES_MAX {
        return Err(format!("the body's template is longer than {TEMPLATE_BYTES_MAX} bytes"));
    }
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::SemiStrict);
    environment.set_fuel(Some(FUEL));
    let explain = |error: &minijinja::Error| {
        let line = error.line().map_or_else(String::new, |line| format!(" in line {line}"));
        format!("the body's template fails{line}: {}", error.kind())
    };
    let template = environment.template_from_str(template).map_err(|error| explain(&error))?;
    let mut body = Bounded(Vec::new());
    template.render_captured_to(context(message), &mut body).map_err(|error| match error.kind() {
        ErrorKind::WriteFailure => format!("the body is longer than {BODY_BYTES_MAX} bytes"),
        _ => explain(&error),
    })?;
    String::from_utf8(body.0).map_err(|_| "the body is no UTF-8".to_owned())
}

/// What is rendered, while it is short enough.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + bytes.len() > BODY_BYTES_MAX {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `message.*` in short and the whole value as `event`.
fn context(message: &Message<'_>) -> Value {
    let event = value(message);
    let told = text::Told::of(message);
    let mut short = event["data"]["incident"].clone();
    if !short.is_object() {
        short = json!({
            "number": 0, "service": "", "dedup_key": "", "status": "", "severity": message.severity().word(),
            "summary": told.headline, "details": {}, "links": {}, "alert_count": 0, "opened_at": event["timestamp"],
            "page": 1,
        });
    }
    short["id"] = message.id.into();
    short["type"] = event["type"].clone();
    short["user"] = event["data"]["user"].clone();
    short["url"] = told.page.clone().into();
    short["headline"] = told.headline.clone().into();
    short["text"] = text::fit(&told.headline, &told.lines(text::plain), &[], TEXT_CHARS_MAX, text::chars).into();
    json!({"message": short, "event": event})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    fn templated(template: &str) -> Config {
        Config { body: Some(template.to_owned()), ..Config::default() }
    }

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

    #[test]
    fn without_a_template_it_is_the_whole() {
        let config = Config { secret: Some(Secret::new("s")), ..Config::default() };
        let made = sample::page("disk full", |message| request(&config, "https://t.example/x", message).unwrap());
        let names: Vec<&str> = made.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["content-type", "webhook-id", "webhook-timestamp", "webhook-signature"]);
        let body = sample::json(&made.body);
        assert_eq!(body["type"], "incident.paged");
        assert_eq!(body["data"]["incident"]["summary"], "disk full");
        assert_eq!(body["data"]["incidents"][1]["number"], 13);
        assert_eq!(body["data"]["incident"]["links"], json!({"Runbook": "https://wiki.example/db"}));
    }

    #[test]
    fn any_body_can_be_described() {
        let config = Config {
            method: Method::Put,
            headers: vec![("X-Key".to_owned(), Secret::new("k"))],
            ..templated(
                r#"{"text": {{ message.headline|tojson }}, "n": {{ message.number }},
                    "d": {{ message.details|tojson }}}"#,
            )
        };
        assert_eq!(check(&config), Ok(()));
        let made = sample::page("a \"b\"", |message| request(&config, "https://t.example/x", message).unwrap());
        let expected = json!({"text": "CRITICAL db: a \"b\"", "n": 12, "d": {"Host": "db1"}});
        assert_eq!((made.method, sample::json(&made.body)), (Method::Put, expected));
        assert!(made.headers.contains(&("x-key".to_owned(), "k".to_owned())));
        let form = Config {
            content_type: Some("application/x-www-form-urlencoded".to_owned()),
            ..templated("message={{ message.text|urlencode }}")
        };
        assert_eq!(check(&form), Ok(()));
        let made = sample::page("a=b&c", |message| request(&form, "https://t.example/x", message).unwrap());
        assert!(made.body.starts_with("message=CRITICAL%20db%3A%20a%3Db%26c"), "{}", made.body);
    }

    #[test]
    fn a_template_that_mail_could_break_is_refused_at_load() {
        for (template, why) in [
            (r#"{"text": "{{ message.summary }}"}"#, "tojson"),
            ("{{ message.summary }}", "tojson"),
            ("{{ message.", "syntax error"),
            ("{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}", "fuel"),
            ("{{ message.missing.more }}", "undefined"),
            ("{% include 'etc/passwd' %}", "template"),
            ("{% for a in range(9999) %}{{ 'x' * 999 }}{% endfor %}", "longer than"),
        ] {
            let refused = check(&templated(template)).unwrap_err();
            assert!(refused.contains(why), "{template}: {refused}");
        }
        let header = Config { headers: vec![("x".to_owned(), Secret::new("a\nb: c"))], ..Config::default() };
        assert!(check(&header).is_err());
    }

    #[test]
    fn no_mail_is_too_large() {
        let several = "[{{ event|tojson }}, {{ event|tojson }}, {{ message|tojson }}]";
        assert_eq!(check(&templated(several)), Ok(()));
    }

    #[test]
    fn mail_content_stays_inside() {
        let config = templated(r#"{"a": {{ message.summary|tojson }}, "b": {{ event|tojson }}}"#);
        for config in [&config, &Config::default()] {
            sample::assert_harmless(|message| request(config, "https://t.example/x", message).unwrap(), &[]);
        }
    }
}
