//! What a mail says, as plain text: first what is wrong, then what else is known, then how to act.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::NAME_CHARS_MAX;
use crate::notify::line::{is_web_address, one_line, without_links};
use crate::notify::message::{Kind, Message, Subject};

/// Most details shown.
const DETAILS_MAX: usize = 8;

/// Most links shown.
const LINKS_MAX: usize = 5;

/// Most further incidents named.
const OTHERS_MAX: usize = 20;

/// Longest value of a detail, in characters.
const DETAIL_CHARS_MAX: usize = 200;

/// Longest summary, in characters.
const SUMMARY_CHARS_MAX: usize = 1000;

/// What a mail says, before it is text or HTML. All on one line each, nothing escaped.
pub(super) struct Said {
    /// What is wrong, or what the mail is about.
    pub(super) headline: String,
    /// Who has it, how many there are, since when.
    pub(super) facts: Vec<String>,
    /// Names and values.
    pub(super) details: Vec<(String, String)>,
    /// Titles and addresses, http and https only.
    pub(super) links: Vec<(String, String)>,
    /// One line for each further incident.
    pub(super) others: Vec<String>,
}

/// What a mail about this message says.
pub(super) fn said(message: &Message<'_>) -> Said {
    let name = |text| plain(text, NAME_CHARS_MAX);
    let mut said =
        Said { headline: String::new(), facts: Vec::new(), details: Vec::new(), links: Vec::new(), others: Vec::new() };
    match message.kind {
        Kind::Paged => {}
        Kind::Acknowledged { by } => {
            said.facts.push(format!("Acknowledged by {}. You need not do anything.", name(by)));
        }
        Kind::Resolved { by } => said.facts.push(format!("Resolved by {}.", name(by))),
        Kind::Test => {
            said.headline = "This is a test. Nothing is wrong.".to_owned();
            said.facts.extend(message.code.map(|code| format!("Your code is {}.", plain(code, 12))));
            return said;
        }
        Kind::OnCall { schedule, until } => {
            said.headline = format!("You are now on call for {}.", name(schedule));
            said.facts.extend(until.map(|until| format!("Until {}.", civil(until, message.zone))));
            return said;
        }
    }
    let Some((worst, others)) = message.incidents.split_first() else { return said };
    said.headline = headline(worst);
    if !others.is_empty() {
        said.facts.push(format!("{} incidents; this is the worst.", message.incidents.len()));
    }
    let alerts = if worst.alert_count == 1 { "1 alert".to_owned() } else { format!("{} alerts", worst.alert_count) };
    let opened = civil(worst.opened_at, message.zone);
    said.facts.push(format!("Incident #{}, opened {opened}, {alerts}.", worst.number));
    for (title, value) in worst.details.iter().take(DETAILS_MAX) {
        let whole_address = is_web_address(value.trim());
        let value = if whole_address { value.trim().to_owned() } else { plain(value, DETAIL_CHARS_MAX) };
        said.details.push((name(title), value));
    }
    let links = worst.links.iter().filter(|(_, address)| is_web_address(address)).take(LINKS_MAX);
    said.links.extend(links.map(|(title, address)| (name(title), address.clone())));
    said.others.extend(others.iter().take(OTHERS_MAX).map(|other| format!("#{} {}", other.number, headline(other))));
    if others.len() > OTHERS_MAX {
        said.others.push(format!("and {} more", others.len() - OTHERS_MAX));
    }
    said
}

fn headline(subject: &Subject<'_>) -> String {
    let severity = subject.severity.word().to_uppercase();
    format!("{severity} {}: {}", plain(subject.service, NAME_CHARS_MAX), plain(subject.summary, SUMMARY_CHARS_MAX))
}

/// One line in which no mail program finds a link.
fn plain(text: &str, chars_max: usize) -> String {
    one_line(&without_links(text, "(link)"), chars_max)
}

fn civil(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// How a mail may be answered. A bundle is not resolved by one mail.
pub(super) fn how(message: &Message<'_>) -> &'static str {
    if message.incidents.len() > 1 {
        "Reply with \"ack\" or \"escalate\" as the first word of your mail, above anything quoted, for all of them."
    } else {
        "Reply with \"ack\", \"resolve\" or \"escalate\" as the first word of your mail, above anything quoted."
    }
}

/// The plain text; `reply` is the address that answers go to, where an answer does something.
pub(super) fn text(message: &Message<'_>, reply: Option<&str>) -> String {
    let said = said(message);
    let mut paragraphs = vec![said.headline];
    let pairs = |pairs: Vec<(String, String)>| {
        let lines: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        lines.join("\n")
    };
    paragraphs.push(said.facts.join("\n"));
    paragraphs.push(pairs(said.details));
    paragraphs.push(pairs(said.links));
    paragraphs.push(said.others.join("\n"));
    paragraphs.extend(reply.map(|_| how(message).to_owned()));
    paragraphs.extend(message.url.map(|url| format!("Look and act: {url}")));
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    format!("{}\n\n-- \nnightcall\n", paragraphs.join("\n\n"))
}
