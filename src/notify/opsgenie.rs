//! Onward to Opsgenie, or what speaks its Alert API: create, acknowledge and close by alias.
//!
//! Source: Opsgenie docs, "Alert API" (Create Alert, Acknowledge Alert, Close Alert). Requests are processed later:
//! 202 means taken. An alias that is open there counts one more.

use serde_json::{Value, json};

use crate::notify::exchange::{Outcome, Request, Response, Secret};
use crate::notify::message::{Kind, Message, Severity, Subject};
use crate::notify::text;

/// Longest message, in characters.
pub const MESSAGE_CHARS_MAX: usize = 130;
/// Longest alias, in bytes.
pub const ALIAS_BYTES_MAX: usize = 512;
/// Longest entity, in characters.
pub const ENTITY_CHARS_MAX: usize = 512;
/// Longest source and user, in characters.
pub const SOURCE_CHARS_MAX: usize = 100;
/// Most characters of all details together, names included; Opsgenie takes 8000.
pub const DETAILS_CHARS_MAX: usize = 7000;
/// Longest description, in characters.
pub const DESCRIPTION_CHARS_MAX: usize = 15_000;

/// An integration of type API.
#[derive(Debug, Clone)]
pub struct Config {
    /// Without a slash at the end: `https://api.opsgenie.com`, or `.eu.` for accounts in Europe.
    pub base_url: String,
    /// The integration's key.
    pub key: Secret,
    /// What our aliases begin with; different for each nightcall that shares an account.
    pub source: String,
}

/// A request about the first incident; `address` is the name of the team that is told, or empty.
///
/// # Errors
/// When there is nothing that Opsgenie could be told.
pub fn request(config: &Config, address: &str, message: &Message<'_>) -> Result<Request, String> {
    let first = requests(config, address, message)?.into_iter().next();
    first.ok_or_else(|| "there is no incident to tell Opsgenie of".to_owned())
}

/// A request for each incident: Opsgenie takes one at a time.
///
/// # Errors
/// As [`request`].
pub fn requests(config: &Config, address: &str, message: &Message<'_>) -> Result<Vec<Request>, String> {
    let by = |verb: &'static str, by: &str| {
        let user = text::short(by, SOURCE_CHARS_MAX);
        let body = json!({"source": config.source, "user": user});
        let change = move |incident: &Subject<'_>| change(config, incident, verb, &body);
        message.incidents.iter().map(change).collect()
    };
    match message.kind {
        Kind::Paged => {
            message.incidents.iter().map(|incident| create(config, address, incident, message.url)).collect()
        }
        Kind::Acknowledged { by: who } => by("acknowledge", who),
        Kind::Resolved { by: who } => by("close", who),
        Kind::Test => Ok(vec![test(config, address, message)?]),
        Kind::OnCall { .. } => Err("Opsgenie has schedules of its own".to_owned()),
    }
}

/// What an answer means; the reference is the id of the request there.
pub fn judge(response: &Response) -> Outcome {
    let body = response.json();
    let id = body["requestId"].as_str().unwrap_or_default().to_owned();
    response.judge_status_with(id, body["message"].as_str().unwrap_or_default())
}

fn create(config: &Config, team: &str, incident: &Subject<'_>, page: Option<&str>) -> Result<Request, String> {
    let line = |text: &str, max| text::short(text, max);
    let summary = line(incident.summary, MESSAGE_CHARS_MAX);
    let links = incident
        .links
        .iter()
        .filter_map(|(name, url)| Some((line(name, text::NAME_CHARS_MAX), text::web_address(url)?)));
    let page = page.and_then(text::web_address).map(|page| ("Open".to_owned(), page));
    let links: Vec<String> =
        page.into_iter().chain(links.take(text::LINKS_MAX)).map(|(name, url)| format!("{name}: {url}")).collect();
    let summary_and_links =
        text::fit(&text::one_line(incident.summary), &links, &[], DESCRIPTION_CHARS_MAX, text::chars);
    let body = json!({
        // An empty one would be refused.
        "message": if summary.is_empty() { format!("Incident #{}", incident.number) } else { summary },
        "alias": alias(config, incident), "description": summary_and_links, "responders": responders(team),
        "details": details(incident), "entity": line(incident.service, ENTITY_CHARS_MAX), "source": config.source,
        "priority": priority(incident.severity),
    });
    post(config, &["v2", "alerts"], &body)
}

fn change(config: &Config, incident: &Subject<'_>, verb: &str, body: &Value) -> Result<Request, String> {
    let mut request = post(config, &["v2", "alerts", &alias(config, incident), verb], body)?;
    request.url.query_pairs_mut().append_pair("identifierType", "alias");
    Ok(request)
}

fn test(config: &Config, team: &str, message: &Message<'_>) -> Result<Request, String> {
    let alias = text::cut_bytes(&format!("{}:test:{}", config.source, message.id), ALIAS_BYTES_MAX);
    let body = json!({
        "message": "Test from nightcall", "alias": alias, "responders": responders(team), "source": config.source,
        "priority": "P5",
    });
    post(config, &["v2", "alerts"], &body)
}

fn post(config: &Config, path: &[&str], body: &Value) -> Result<Request, String> {
    let mut request = Request::json(&config.base_url, body)?;
    request.url.path_segments_mut().map_err(|()| "the address is no URL with a path")?.pop_if_empty().extend(path);
    request.header("authorization", &format!("GenieKey {}", config.key.expose()))
}

fn alias(config: &Config, incident: &Subject<'_>) -> String {
    text::cut_bytes(&incident.key(&config.source), ALIAS_BYTES_MAX)
}

fn responders(team: &str) -> Value {
    if team.is_empty() { json!([]) } else { json!([{"type": "team", "name": team}]) }
}

fn details(incident: &Subject<'_>) -> Value {
    let mut room = DETAILS_CHARS_MAX;
    let lines = incident
        .details
        .iter()
        .map(|(name, value)| (text::short(name, text::NAME_CHARS_MAX), text::short(value, text::SUMMARY_CHARS_MAX)));
    let fitting = lines.take_while(|(name, value)| {
        let left = room.checked_sub(text::chars(name) + text::chars(value));
        room = left.unwrap_or(0);
        left.is_some()
    });
    fitting.map(|(name, value)| (name, Value::from(value))).collect()
}

fn priority(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical => "P1",
        Severity::Error => "P2",
        Severity::Warning => "P3",
        Severity::Info => "P5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notify::tests::sample;

    fn config() -> Config {
        let base_url = "https://api.eu.opsgenie.com".to_owned();
        Config { base_url, key: Secret::new("K"), source: "nightcall".to_owned() }
    }

    #[test]
    fn every_incident_is_an_alert() {
        let made = sample::page("disk full", |message| requests(&config(), "ops", message).unwrap());
        assert_eq!(made[0].url.as_str(), "https://api.eu.opsgenie.com/v2/alerts");
        assert!(made[0].headers.contains(&("authorization".to_owned(), "GenieKey K".to_owned())));
        let description = "disk full\nOpen: https://nightcall.example/incidents/12\nRunbook: https://wiki.example/db";
        let expected = json!({
            "message": "disk full", "alias": "nightcall:12", "description": description,
            "responders": [{"type": "team", "name": "ops"}], "details": {"Host": "db1"}, "entity": "db",
            "source": "nightcall", "priority": "P1",
        });
        assert_eq!(sample::json(&made[0].body), expected);
        assert_eq!(sample::json(&made[1].body)["alias"], "nightcall:13");
    }

    #[test]
    fn the_life_of_an_incident() {
        let kinds = [(Kind::Acknowledged { by: "ann" }, "acknowledge"), (Kind::Resolved { by: "ann" }, "close")];
        for (kind, verb) in kinds {
            let made = sample::single("x", kind, |message| request(&config(), "", message).unwrap());
            let url = format!("https://api.eu.opsgenie.com/v2/alerts/nightcall:12/{verb}?identifierType=alias");
            assert_eq!(made.url.as_str(), url);
            assert_eq!(sample::json(&made.body), json!({"source": "nightcall", "user": "ann"}));
        }
        let odd = Config { source: "a/b?c#d".to_owned(), ..config() };
        let made = sample::single("x", Kind::Resolved { by: "ann" }, |message| request(&odd, "", message).unwrap());
        assert_eq!(made.url.path(), "/v2/alerts/a%2Fb%3Fc%23d:12/close");
    }

    #[test]
    fn mail_content_stays_in_its_members() {
        let made = |message: &Message<'_>| request(&config(), "", message).unwrap();
        sample::assert_harmless(made, &[]);
        for text in sample::hostile_texts() {
            let body = sample::json(&sample::hostile_page(&text, made).body);
            let message = body["message"].as_str().unwrap();
            assert!(!message.is_empty() && text::chars(message) <= MESSAGE_CHARS_MAX);
            let details = body["details"].as_object().unwrap();
            let size: usize = details.iter().map(|(n, v)| text::chars(n) + text::chars(v.as_str().unwrap())).sum();
            assert!(size <= DETAILS_CHARS_MAX);
        }
    }

    #[test]
    fn answers() {
        let judged = |status, body| judge(&sample::response(status, body));
        let taken = r#"{"result":"Request will be processed","took":0.3,"requestId":"r1"}"#;
        assert_eq!(judged(202, taken), Outcome::Accepted("r1".to_owned()));
        let failed = Outcome::Failed("the provider answered 422: Key format is not valid!".to_owned());
        assert_eq!(judged(422, r#"{"message":"Key format is not valid!"}"#), failed);
        assert!(matches!(judged(429, ""), Outcome::Retry(_)));
    }
}
