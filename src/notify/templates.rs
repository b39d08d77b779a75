//! Texts that definitions put in place of ours: minijinja templates, one for each place where words stand, such as
//! `mail.subject` or `sms.paged`.
//!
//! Templates are the operator's; values are the mail's. What a template prints of a value is escaped for the dialect of
//! its place, whatever the template says; what chats and push show is escaped whole by the channel, so nothing becomes
//! markup, a mention or a link (I35). Loops end by a fuel limit. A template that fails when it matters gives way to our own text: no page is lost by one.

pub mod dialect;
mod variables;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::str::FromStr;

use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};

use crate::domain::roster::Locale;
use crate::notify::line::{is_web_address, one_line};
use crate::notify::message::{Kind, Message};
use crate::notify::sms::{SEGMENTS_MAX, alphabet};
use dialect::Dialect;

/// Steps a template may take.
const FUEL: u64 = 50_000;

/// Longest source of a template, in octets.
const SOURCE_OCTETS_MAX: usize = 32 * 1024;

/// Longest text a template may make, in octets.
const OUTPUT_OCTETS_MAX: usize = 64 * 1024;

/// Longest subject or title, in characters.
const LINE_CHARS_MAX: usize = 250;

/// Longest spoken text, in characters: half a minute.
const SPEECH_CHARS_MAX: usize = 500;

/// Where words of ours stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// What a call says is wrong; keys and greetings stay ours.
    Voice,
    /// A text message.
    Sms,
    /// The subject of a mail.
    MailSubject,
    /// The plain text of a mail.
    MailText,
    /// The HTML of a mail.
    MailHtml,
    /// The first line in chats, push and other systems. The channel escapes all of it.
    Title,
    /// What stands below the first line there, but for links and buttons. The channel escapes all of it.
    Text,
}

impl Place {
    /// Every place.
    pub const ALL: [Self; 7] =
        [Self::Voice, Self::Sms, Self::MailSubject, Self::MailText, Self::MailHtml, Self::Title, Self::Text];

    /// The word used in definition files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Voice => "voice",
            Self::Sms => "sms",
            Self::MailSubject => "mail.subject",
            Self::MailText => "mail.text",
            Self::MailHtml => "mail.html",
            Self::Title => "title",
            Self::Text => "text",
        }
    }

    /// How values are written there.
    pub fn dialect(self, locale: Locale) -> Dialect {
        match self {
            Self::Voice => Dialect::Speech(locale),
            Self::Sms | Self::MailSubject | Self::MailText | Self::Title | Self::Text => Dialect::Plain,
            Self::MailHtml => Dialect::Html,
        }
    }
}

/// Kinds of messages as names of templates have them.
pub const KINDS: [&str; 5] = ["paged", "acknowledged", "resolved", "test", "on_call"];

/// The word for a kind of message, one of [`KINDS`].
pub fn kind_word(kind: &Kind<'_>) -> &'static str {
    match kind {
        Kind::Paged => "paged",
        Kind::Acknowledged { .. } => "acknowledged",
        Kind::Resolved { .. } => "resolved",
        Kind::Test => "test",
        Kind::OnCall { .. } => "on_call",
    }
}

/// The name of a template: `PLACE` for every kind of message, or `PLACE.KIND` for one, which goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// Where.
    pub place: Place,
    /// One of [`KINDS`], or all.
    pub kind: Option<&'static str>,
}

impl FromStr for Name {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let place = |word: &str| Place::ALL.into_iter().find(|place| place.word() == word);
        if let Some(place) = place(word) {
            return Ok(Self { place, kind: None });
        }
        let parts = word.rsplit_once('.').and_then(|(start, end)| Some((place(start)?, end)));
        let Some((place, end)) = parts else {
            let known: Vec<&str> = Place::ALL.iter().map(|place| place.word()).collect();
            return Err(format!("there is no such template; known are {}", known.join(", ")));
        };
        let kind = KINDS.into_iter().find(|kind| *kind == end);
        let kind = kind.ok_or_else(|| format!("there is no such kind of message; known are {}", KINDS.join(", ")))?;
        Ok(Self { place, kind: Some(kind) })
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(kind) => write!(f, "{}.{kind}", self.place.word()),
            None => f.write_str(self.place.word()),
        }
    }
}

/// The templates of the definitions in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Templates {
    sources: BTreeMap<Name, String>,
}

impl Templates {
    /// These templates, each checked.
    ///
    /// # Errors
    /// What is wrong, with the name of the template it is wrong with.
    pub fn new(sources: impl IntoIterator<Item = (String, String)>) -> Result<Self, Vec<(String, String)>> {
        let (mut templates, mut problems) = (Self::default(), Vec::new());
        for (name, source) in sources {
            match name.parse::<Name>().and_then(|parsed| check(parsed, &source).map(|()| parsed)) {
                Ok(parsed) => {
                    templates.sources.insert(parsed, source);
                }
                Err(problem) => problems.push((name, problem)),
            }
        }
        if problems.is_empty() { Ok(templates) } else { Err(problems) }
    }

    /// No template: every text is ours.
    pub const NONE: &'static Self = &Self { sources: BTreeMap::new() };

    /// Those that were checked before; others are left out.
    pub fn of(sources: &BTreeMap<String, String>) -> Self {
        let known = |(name, source): (&String, &String)| Some((name.parse().ok()?, source.clone()));
        Self { sources: sources.iter().filter_map(known).collect() }
    }

    /// The text that takes the place of ours; nothing where there is no template, or where it fails, which the log
    /// tells.
    pub fn text(&self, place: Place, message: &Message<'_>) -> Option<String> {
        match self.render(place, message)? {
            Ok(text) => Some(text),
            Err(why) => {
                tracing::warn!("template {} gives way to our own text: {why}", place.word());
                None
            }
        }
    }

    /// The text that a template makes of a message; nothing where there is no template, and our own text stands.
    ///
    /// # Errors
    /// Why the template made none; our own text is said then and the reason logged.
    pub fn render(&self, place: Place, message: &Message<'_>) -> Option<Result<String, String>> {
        let kind = Some(kind_word(&message.kind));
        let name = [Name { place, kind }, Name { place, kind: None }];
        let (name, source) = name.iter().find_map(|name| Some((name, self.sources.get(name)?)))?;
        Some(render(*name, source, message).and_then(|text| match text.trim() {
            "" => Err("the template says nothing".to_owned()),
            _ => Ok(text),
        }))
    }
}

/// Renders a template with samples of every kind of message it is for: with one incident, with many, and with all that
/// may be missing missing.
///
/// # Errors
/// What is wrong, with the line.
pub fn check(name: Name, source: &str) -> Result<(), String> {
    if source.len() > SOURCE_OCTETS_MAX {
        return Err(format!("the template is longer than {SOURCE_OCTETS_MAX} octets"));
    }
    variables::with_samples(|message| {
        if name.kind.is_some_and(|kind| kind != kind_word(&message.kind)) {
            return Ok(());
        }
        let text = render(name, source, message)?;
        if text.trim().is_empty() {
            return Err(format!("the template says nothing for {}", kind_word(&message.kind)));
        }
        let needed =
            message.code.filter(|_| name.place == Place::Sms && matches!(message.kind, Kind::Paged | Kind::Test));
        match needed {
            Some(code) if !text.contains(code) => {
                Err("the template does not tell {{ code }}, without which nobody can answer".to_owned())
            }
            _ => Ok(()),
        }
    })
}

fn render(name: Name, source: &str, message: &Message<'_>) -> Result<String, String> {
    let environment = environment(name.place.dialect(message.locale));
    let mut text = Bounded { bytes: Vec::new(), full: false };
    let shown = name.to_string();
    let rendered = environment
        .template_from_named_str(&shown, source)
        .and_then(|template| template.render_captured_to(variables::of(message), &mut text).map(|_| ()));
    if text.full {
        return Err(format!("the template makes more than {OUTPUT_OCTETS_MAX} octets"));
    }
    rendered.map_err(|error| problem(&error))?;
    let text = String::from_utf8(text.bytes).map_err(|_| "the template made no text".to_owned())?;
    finish(name.place, &text)
}

/// What went wrong, without the values, which may be long.
fn problem(error: &Error) -> String {
    let line = error.line().map_or_else(String::new, |line| format!("line {line}: "));
    let detail = error.detail().map_or_else(String::new, |detail| format!(": {}", one_line(detail, 200)));
    format!("{line}{}{detail}", error.kind())
}

/// Brings a text into the form its place wants.
fn finish(place: Place, text: &str) -> Result<String, String> {
    let text = text.trim();
    let lines = || -> String { text.chars().filter(|c| *c == '\n' || !c.is_control()).collect() };
    Ok(match place {
        Place::Voice => one_line(text, SPEECH_CHARS_MAX),
        Place::MailSubject | Place::Title => one_line(text, LINE_CHARS_MAX),
        Place::Sms => alphabet::shorten(&alphabet::simplify(&lines()), SEGMENTS_MAX),
        Place::MailText | Place::MailHtml | Place::Text => lines(),
    })
}

fn environment(dialect: Dialect) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    // What goes round the escape, and what lets loops grow a text without end.
    environment.remove_filter("safe");
    environment.remove_global("namespace");
    environment.add_filter("url", move |address: String| web_address(dialect, &address));
    environment.add_filter("cut", |text: String, chars: usize| one_line(&text, chars));
    environment.set_auto_escape_callback(|_| AutoEscape::Custom("dialect"));
    environment.set_formatter(move |out, _, value| {
        // Only what passed here before, captured by a block, or an address that was looked at.
        if value.is_safe() {
            return out.write_str(value.as_str().unwrap_or_default()).map_err(Error::from);
        }
        let text = match (dialect, value) {
            (_, value) if value.is_none() || value.is_undefined() => String::new(),
            (_, value) => match value.as_str() {
                Some(text) => dialect.write(text),
                None => dialect.write(&value.to_string()),
            },
        };
        out.write_str(&text).map_err(Error::from)
    });
    environment
}

/// An address that may be given as a link, as the dialect writes it; nothing where it may not.
fn web_address(dialect: Dialect, address: &str) -> Value {
    let address = if is_web_address(address) { address } else { "" };
    match dialect {
        Dialect::Html => Value::from_safe_string(dialect.write(address)),
        Dialect::Plain => Value::from_safe_string(address.to_owned()),
        // Nobody can hear an address.
        Dialect::Speech(_) => Value::from_safe_string(String::new()),
    }
}

/// Takes a text up to a length.
struct Bounded {
    bytes: Vec<u8>,
    full: bool,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.full |= self.bytes.len() + bytes.len() > OUTPUT_OCTETS_MAX;
        if self.full {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests;
