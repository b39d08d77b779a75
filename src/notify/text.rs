//! The plain text of a message, and what keeps mail content from becoming markup, mention or link in a dialect (I35).

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use url::Url;

use crate::notify::message::{Kind, Message, Subject};
use crate::notify::templates::Place;

/// Longest summary shown, in characters.
pub const SUMMARY_CHARS_MAX: usize = 300;
/// Most details shown.
pub const DETAILS_MAX: usize = 8;
/// Longest name of a detail or link, in characters.
pub const NAME_CHARS_MAX: usize = 40;
/// Longest value of a detail, in characters.
pub const VALUE_CHARS_MAX: usize = 200;
/// Most links shown.
pub const LINKS_MAX: usize = 5;
/// Longest URL shown, in bytes; a cut one leads nowhere, so longer ones are left out.
pub const URL_BYTES_MAX: usize = 1000;
/// Most further incidents named.
pub const OTHERS_MAX: usize = 5;
/// Longest line about a further incident, in characters.
pub const OTHER_CHARS_MAX: usize = 120;

const ELLIPSIS: char = '…';
/// Hardly seen, but ends what a client would take for a mention or an address. A zero-width space would not: some
/// clients take it for a part of a host's name.
const HAIR_SPACE: char = '\u{200a}';

/// A message in words, not yet escaped: each channel escapes every piece for its dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Severity, service and summary, or what else it is about.
    pub headline: String,
    /// What definitions say in place of everything below but links.
    pub text: Option<String>,
    /// Name and value: number, when it began, how many mails, then the details.
    pub facts: Vec<(String, String)>,
    /// Further incidents, a line each.
    pub others: Vec<String>,
    /// Name and URL, http or https only.
    pub links: Vec<(String, String)>,
    /// Our own page about it.
    pub page: Option<String>,
    /// What to type to verify this way, for a test.
    pub code: Option<String>,
}

impl Told {
    /// A message in words.
    pub fn of(message: &Message<'_>) -> Self {
        let first = message.incidents.first();
        Self {
            headline: message.templates.text(Place::Title, message).unwrap_or_else(|| headline(message)),
            text: message.templates.text(Place::Text, message),
            facts: first.map_or_else(Vec::new, |first| facts(first, message.zone)),
            others: others(message),
            links: first.map_or_else(Vec::new, links),
            page: message.url.and_then(web_address),
            code: message.code.filter(|_| message.kind == Kind::Test).map(one_line),
        }
    }

    /// Everything below the headline but links, a line each, every piece escaped.
    pub fn lines(&self, escape: fn(&str) -> String) -> Vec<String> {
        if let Some(text) = &self.text {
            return text.lines().filter(|line| !line.trim().is_empty()).map(escape).collect();
        }
        let code = self.code.iter().map(|code| format!("{} {}", escape("Code:"), escape(code)));
        let facts = self.facts.iter().map(|(name, value)| format!("{}: {}", escape(name), escape(value)));
        code.chain(facts).chain(self.others.iter().map(|other| escape(other))).collect()
    }
}

fn headline(message: &Message<'_>) -> String {
    let about = message.incidents.first().map(|first| {
        let severity = first.severity.word().to_uppercase();
        let summary = short(first.summary, SUMMARY_CHARS_MAX);
        format!("{severity} {}: {summary}", short(first.service, NAME_CHARS_MAX))
    });
    let about = about.unwrap_or_else(|| "nightcall".to_owned());
    let name = |by: &str| short(by, NAME_CHARS_MAX);
    match message.kind {
        Kind::Paged => match message.incidents.first().map_or(1, |first| first.page) {
            ..=1 => about,
            page => format!("{about} (page {page})"),
        },
        Kind::Acknowledged { by } => format!("Acknowledged by {}: {about}", name(by)),
        Kind::Resolved { by } => format!("Resolved by {}: {about}", name(by)),
        Kind::Test => "Test from nightcall: this way works. Nothing is wrong.".to_owned(),
        Kind::OnCall { schedule, until: None } => format!("You are on call for {} now.", name(schedule)),
        Kind::OnCall { schedule, until: Some(until) } => {
            format!("You are on call for {} until {}.", name(schedule), civil(until, message.zone))
        }
    }
}

fn facts(incident: &Subject<'_>, zone: &TimeZone) -> Vec<(String, String)> {
    let fact = |name: &str, value: String| (name.to_owned(), value);
    let mut facts =
        vec![fact("Incident", format!("#{}", incident.number)), fact("Opened", civil(incident.opened_at, zone))];
    if incident.alert_count > 1 {
        facts.push(fact("Alerts", incident.alert_count.to_string()));
    }
    let details =
        incident.details.iter().map(|(name, value)| (short(name, NAME_CHARS_MAX), short(value, VALUE_CHARS_MAX)));
    facts.extend(details.filter(|(name, value)| !name.is_empty() && !value.is_empty()).take(DETAILS_MAX));
    facts
}

fn others(message: &Message<'_>) -> Vec<String> {
    let rest = message.incidents.get(1..).unwrap_or_default();
    let mut lines: Vec<String> = rest
        .iter()
        .take(OTHERS_MAX)
        .map(|other| {
            let line = format!("#{} {} {}: {}", other.number, other.severity.word(), other.service, other.summary);
            format!("Also {}", short(&line, OTHER_CHARS_MAX))
        })
        .collect();
    if rest.len() > OTHERS_MAX {
        lines.push(format!("And {} more incidents.", rest.len() - OTHERS_MAX));
    }
    lines
}

fn links(incident: &Subject<'_>) -> Vec<(String, String)> {
    let shown = incident.links.iter().filter_map(|(name, url)| {
        let name = short(name, NAME_CHARS_MAX);
        Some((if name.is_empty() { "Link".to_owned() } else { name }, web_address(url)?))
    });
    shown.take(LINKS_MAX).collect()
}

/// A URL as it may be linked: http or https, without credentials, every odd character percent-encoded, so that
/// none of it ends a link in any dialect.
pub fn web_address(url: &str) -> Option<String> {
    if url.chars().any(char::is_control) {
        return None;
    }
    let url = Url::parse(url.trim()).ok()?;
    let web = matches!(url.scheme(), "http" | "https") && url.username().is_empty() && url.password().is_none();
    let mut safe = String::with_capacity(url.as_str().len());
    for c in url.as_str().chars() {
        match c {
            '|' | '(' | ')' | '<' | '>' | '"' | '\'' | '*' | '`' | '\\' | '{' | '}' | '^' | '~' => {
                safe.push_str(&format!("%{:02X}", u32::from(c)));
            }
            _ => safe.push(c),
        }
    }
    (web && safe.is_ascii() && safe.len() <= URL_BYTES_MAX).then_some(safe)
}

/// A time as the reader's clock shows it.
pub fn civil(at: Timestamp, zone: &TimeZone) -> String {
    strtime::format("%Y-%m-%d %H:%M %Z", &at.to_zoned(zone.clone())).unwrap_or_else(|_| at.to_string())
}

/// One line: blanks and control characters become one blank, and what is invisible or turns the direction of
/// writing is dropped.
pub fn one_line(text: &str) -> String {
    folded(text, usize::MAX)
}

/// One line of at most `max` characters, whatever the length of the text.
pub fn short(text: &str, max: usize) -> String {
    // A blank and one character more tell that there is something to cut.
    cut(&folded(text, max.saturating_add(2)), max)
}

fn folded(text: &str, max: usize) -> String {
    let (mut line, mut count) = (String::new(), 0);
    for c in text.chars().filter(|c| !is_invisible(*c)) {
        if count >= max {
            break;
        }
        let blank = c.is_whitespace() || c.is_control();
        if !blank || !(line.is_empty() || line.ends_with(' ')) {
            line.push(if blank { ' ' } else { c });
            count += 1;
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Zero-width, direction and tag characters. Joiners stay: scripts and emoji need them.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// At most `max` characters, the last of them "…" where something was cut.
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let kept: String = text.chars().take(max.saturating_sub(1)).collect();
    let mut kept = kept.trim_end().to_owned();
    if max > 0 {
        kept.push(ELLIPSIS);
    }
    kept
}

/// At most `max` bytes, cut between characters, with "…" at the end where something was cut.
pub fn cut_bytes(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let Some(room) = max.checked_sub(ELLIPSIS.len_utf8()) else { return String::new() };
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{ELLIPSIS}", text[..end].trim_end())
}

/// Lines within `max` as `size` measures them: the first line and the last ones always, of those between as many
/// as there is room for. Nothing is ever longer than `max`.
pub fn fit(first: &str, between: &[String], last: &[String], max: usize, size: fn(&str) -> usize) -> String {
    let ending: String = last.iter().map(|line| format!("\n{line}")).collect();
    let Some(room) = max.checked_sub(size(&ending)) else { return shorten(first, max, size) };
    let mut text = shorten(first, room, size);
    for (done, line) in between.iter().enumerate() {
        let longer = format!("{text}\n{line}");
        // Where more lines follow, there must still be room to say that they are missing.
        let reserve = if done + 1 < between.len() { size("\n…") } else { 0 };
        if size(&longer) + reserve > room {
            if size(&text) + size("\n…") <= room {
                text.push_str("\n…");
            }
            break;
        }
        text = longer;
    }
    text + &ending
}

fn shorten(text: &str, max: usize, size: fn(&str) -> usize) -> String {
    if size(text) <= max {
        return text.to_owned();
    }
    let mut chars = text.chars().count().min(max);
    loop {
        let shorter = cut(text, chars);
        if size(&shorter) <= max || chars == 0 {
            return shorter;
        }
        chars -= (chars / 16).max(1);
    }
}

/// Measures in characters.
pub fn chars(text: &str) -> usize {
    text.chars().count()
}

/// Measures in bytes of UTF-8.
pub fn bytes(text: &str) -> usize {
    text.len()
}

/// Measures in UTF-16 code units, as JavaScript and Telegram do.
pub fn utf16(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The lines with a bullet before each, so that none begins with what a dialect takes for a list or a heading.
pub fn bullets(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!("• {line}")).collect()
}

/// The text with a keyword that a robot insists on, unless it is there already.
pub fn with_keyword(text: String, keyword: Option<&str>) -> String {
    match keyword {
        Some(keyword) if !text.contains(keyword) => format!("{text}\n{keyword}"),
        _ => text,
    }
}

/// For dialects that are none: as it is.
pub fn plain(text: &str) -> String {
    text.to_owned()
}

/// Breaks what clients turn into mentions and links of their own accord, hardly visibly: `@all`, `http://…`, `www.…`.
/// Bare names of hosts stay whole: alerts are full of them, and people copy them.
pub fn inert(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        safe.push(c);
        let tail = safe.as_bytes();
        let breaks = match c {
            '@' => rest.peek().is_some_and(|next| !next.is_whitespace()),
            '/' => rest.peek() == Some(&'/'),
            'w' | 'W' => {
                tail.len() >= 3 && tail[tail.len() - 3..].eq_ignore_ascii_case(b"www") && rest.peek() == Some(&'.')
            }
            _ => false,
        };
        if breaks {
            safe.push(HAIR_SPACE);
        }
    }
    safe
}

/// For HTML and dialects like it.
pub fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Puts a backslash before each of these characters, after [`inert`].
pub fn backslash(text: &str, marks: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 8);
    for c in inert(text).chars() {
        if marks.contains(c) {
            safe.push('\\');
        }
        safe.push(c);
    }
    safe
}

/// For dialects of Markdown whose escapes are not written down anywhere: marks become their full-width twins,
/// which look alike and mean nothing. An underscore inside a word means nothing anyway and stays.
pub fn full_width(text: &str) -> String {
    let text: Vec<char> = inert(text).chars().collect();
    let is_word = |at: Option<usize>| at.and_then(|at| text.get(at)).is_some_and(|c| c.is_alphanumeric());
    let twin = |(at, c): (usize, &char)| match c {
        '_' if is_word(at.checked_sub(1)) && is_word(at.checked_add(1)) => '_',
        '*' | '_' | '`' | '[' | ']' | '<' | '>' | '#' | '~' | '|' | '!' | '\\' | '$' | '&' | '{' | '}' => {
            char::from_u32(u32::from(*c) + 0xfee0).unwrap_or(' ')
        }
        other => *other,
    };
    text.iter().enumerate().map(twin).collect()
}

#[cfg(test)]
mod tests;
