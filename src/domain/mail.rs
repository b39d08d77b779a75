//! A mail as rules see it. Parsing is lenient: whatever bytes come in, a [`Mail`] comes out, and what was
//! wrong with them is a list of defects, never an error.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, OnceLock};

use jiff::{SignedDuration, Timestamp};
use mail_parser::decoders::charsets::map::charset_decoder;
use mail_parser::parsers::MessageStream;
use mail_parser::{
    Address, GetHeader, HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType,
};
use memchr::{memchr2, memmem};

use self::bounded::Bounded;
use super::authentication::Authentication;
use super::client::Client;
use super::html::html_to_text;
use super::{charset, subject};

mod bounded;

/// Longest text of one field that rules look at, in bytes. The raw mail is kept whole.
pub const FIELD_BYTES_MAX: usize = 256 * 1024;

/// Longest subject, in bytes; mail servers cut a line at 998 (RFC 5321 section 4.5.3.1.6).
const SUBJECT_BYTES_MAX: usize = 4096;

/// Bytes of the text that help to tell the charset of undeclared headers, for all headers together.
const CONTEXT_BYTES_MAX: usize = 128 * 1024;

/// Oldest origin time taken from a `Date` header, before arrival. Mail servers give up after 4 to 5 days
/// (RFC 5321 section 4.5.4.1), so an older date is a wrong clock, not a slow queue.
const DATE_AGE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far ahead of our clock a `Date` header may be.
const DATE_AHEAD_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Most attachments whose names are kept.
const ATTACHMENTS_MAX: usize = 100;

/// The headers with the blank line behind them, and what follows. A mail without a blank line is all headers.
pub fn headers_and_body(raw: &[u8]) -> (&[u8], &[u8]) {
    let end = |blank: &[u8]| memmem::find(raw, blank).map(|at| at + blank.len());
    raw.split_at(end(b"\r\n\r\n").or_else(|| end(b"\n\n")).unwrap_or(raw.len()))
}

/// How a mail came for one recipient: what the SMTP session said, whatever the mail's own headers say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse path; empty is the null sender.
    pub sender: String,
    /// The recipient, lower case.
    pub recipient: String,
    /// Who handed it in.
    pub client: Client,
    /// What DNS says about where it comes from.
    pub authentication: Authentication,
}

impl Envelope {
    /// The envelope of one recipient, from a client of which only the address is known.
    pub fn new(sender: &str, recipient: &str, client: &str) -> Self {
        Self::from_client(sender, recipient, &Client::at(client))
    }

    /// The same from a client of which more is known.
    pub fn from_client(sender: &str, recipient: &str, client: &Client) -> Self {
        let (sender, recipient) = (sender.to_owned(), recipient.to_lowercase());
        Self { sender, recipient, client: client.clone(), authentication: Authentication::default() }
    }

    /// What stands behind the `+` in the recipient's mailbox; empty without one (RFC 5233).
    pub fn suffix(&self) -> &str {
        let mailbox = self.recipient.rsplit_once('@').map_or(self.recipient.as_str(), |(mailbox, _)| mailbox);
        mailbox.split_once('+').map_or("", |(_, suffix)| suffix.trim_end_matches('"'))
    }
}

/// The decoded view of one mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mail {
    /// The decoded `Subject`, unfolded.
    pub subject_raw: String,
    /// The subject without reply, list and gateway prefixes; see [`subject::normalise`].
    pub subject: String,
    /// Whether a person answered another mail with this one; see [`subject::is_reply`].
    pub is_reply: bool,
    /// The address in `From`, or the envelope's where a device sends none; lower case, empty when unknown.
    pub from: String,
    /// The address in `Reply-To`; lower case, empty when there is none.
    pub reply_to: String,
    /// The text parts; lines end in LF.
    pub text: String,
    /// The HTML parts as they are; lines end in LF.
    pub html: String,
    /// The names of attachments.
    pub attachments: Vec<String>,
    /// `Message-ID` without brackets.
    pub message_id: Option<String>,
    /// The `Date` header as an instant.
    pub date: Option<Timestamp>,
    /// What was wrong with the mail, in words.
    pub defects: Vec<String>,
    headers: Vec<(String, String)>,
    html_text: OnceLock<String>,
}

/// Takes apart the headers that are asked for by their parts; the others are read by [`Headers::text`]. That
/// `Content-Transfer-Encoding` is read as a type keeps the library from decoding: it would follow attached mails in
/// what it decodes, as deep as they are nested and with a copy for each. [`part_text`] decodes what is shown.
static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    let parser = MessageParser::new().with_mime_headers().default_header_ignore();
    let parser = parser.header_content_type(HeaderName::ContentTransferEncoding);
    let parser = parser.header_date(HeaderName::Date).header_id(HeaderName::MessageId);
    let parser = parser.header_text(HeaderName::Subject).header_text(HeaderName::Comments);
    parser.header_address(HeaderName::From).header_address(HeaderName::ReplyTo)
});

impl Mail {
    /// Parses a mail. Total: any bytes give a mail, in time and memory bounded by [`Bounded`].
    pub fn parse(raw: &[u8]) -> Self {
        let bounded = Bounded::of(raw);
        // A panic in the parsing library must not cost an alert (I9): the mail is then known by its bytes only.
        let parsed = catch_unwind(AssertUnwindSafe(|| {
            let message =
                if bounded.headers_only { PARSER.parse_headers(bounded.bytes) } else { PARSER.parse(bounded.bytes) };
            message.map(|message| Self::from_message(&message, &bounded))
        }));
        match parsed {
            Ok(Some(mail)) => mail,
            Ok(None) => Self::unreadable(bounded.bytes, "no header line was found"),
            Err(_) => Self::unreadable(bounded.bytes, "the mail parser failed on it"),
        }
    }

    /// Takes the sender from the envelope where the mail itself names none.
    #[must_use]
    pub fn with_sender(mut self, reverse_path: &str) -> Self {
        if self.from.is_empty() {
            self.from = storable(reverse_path).to_lowercase();
        }
        self
    }

    /// The HTML parts as text. Made when first asked for: most mails have a text part that says the same.
    pub fn html_text(&self) -> &str {
        if self.html.is_empty() {
            return "";
        }
        self.html_text.get_or_init(|| {
            // As in parsing, a panic must not cost an alert (I9).
            catch_unwind(AssertUnwindSafe(|| html_to_text(&self.html))).unwrap_or_else(|_| self.html.clone())
        })
    }

    /// What a person would read: the text, or the HTML as text where there is none.
    pub fn body(&self) -> &str {
        if self.text.trim().is_empty() { self.html_text() } else { &self.text }
    }

    /// All headers in order, decoded.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All values of a header, decoded, in order. The name is matched without regard to case.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> + Clone {
        self.headers.iter().filter(move |(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// When the sender made it: the `Date` header where plausible against `received_at`, else `received_at` (I12).
    pub fn origin_at(&self, received_at: Timestamp) -> Timestamp {
        match self.date {
            Some(date) if date <= received_at + DATE_AHEAD_MAX && date >= received_at - DATE_AGE_MAX => date,
            _ => received_at,
        }
    }

    fn unreadable(raw: &[u8], defect: &str) -> Self {
        let (text, _) = cut(storable(&String::from_utf8_lossy(raw)), FIELD_BYTES_MAX);
        Self { text, defects: vec![defect.to_owned()], ..Self::default() }
    }

    fn from_message(message: &Message<'_>, bounded: &Bounded<'_>) -> Self {
        let raw = bounded.bytes;
        let mut defects: Vec<String> = bounded.defect.iter().map(|defect| (*defect).to_owned()).collect();
        let mut reader = Headers::of(message);
        let headers: Vec<(String, String)> = message
            .headers()
            .iter()
            .map(|header| {
                let raw = raw.get(header.offset_start as usize..header.offset_end as usize).unwrap_or_default();
                (header.name.as_str().to_owned(), reader.text(&header.value, raw))
            })
            .collect();
        let first = |name: &str| headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());

        let subject_raw = first("Subject").unwrap_or_else(|| {
            defects.push("no Subject header".to_owned());
            String::new()
        });
        let (subject_raw, _) = cut(subject_raw, SUBJECT_BYTES_MAX);
        let date = message.date().filter(|date| date.is_valid());
        let date = date.and_then(|date| Timestamp::from_second(date.to_timestamp()).ok());
        if date.is_none() {
            defects.push("no usable Date header".to_owned());
        }
        let message_id = message.message_id().map(|id| storable(id).trim().to_owned()).filter(|id| !id.is_empty());
        if message_id.is_none() {
            defects.push("no Message-ID header".to_owned());
        }
        let address = |address: Option<&Address<'_>>| {
            let address = address.and_then(|list| list.first()).and_then(|first| first.address());
            address.map(|address| storable(address).to_lowercase())
        };
        let from = address(message.from());
        if from.is_none() {
            defects.push("no address in From".to_owned());
        }
        let (text, html, decodes) = if bounded.headers_only {
            (storable(&String::from_utf8_lossy(bounded.body)), String::new(), true)
        } else {
            bodies(message)
        };
        if !decodes || message.parts.iter().any(|part| part.is_encoding_problem) {
            defects.push("a part does not decode as it declares".to_owned());
        }
        let ((text, text_whole), (html, html_whole)) = (cut(text, FIELD_BYTES_MAX), cut(html, FIELD_BYTES_MAX));
        if !(text_whole && html_whole) {
            defects.push(format!("the text is over {FIELD_BYTES_MAX} bytes; rules see the beginning"));
        }
        let names = message.attachments().filter_map(|part| part.attachment_name());
        let lists: Vec<String> = first("List-Id").map(|id| subject::list_names(&id)).unwrap_or_default();
        Self {
            subject: subject::normalise(&subject_raw, &lists),
            is_reply: subject::is_reply(&subject_raw, &lists),
            subject_raw,
            from: from.unwrap_or_default(),
            reply_to: address(message.reply_to()).unwrap_or_default(),
            text,
            html,
            attachments: names.take(ATTACHMENTS_MAX).map(storable).collect(),
            message_id,
            date,
            defects,
            headers,
            html_text: OnceLock::new(),
        }
    }
}

/// The text parts joined, and the HTML parts joined, both [`storable`], and whether all decode as they declare.
fn bodies(message: &Message<'_>) -> (String, String, bool) {
    let (mut texts, mut htmls, mut decodes) = (Vec::new(), Vec::new(), true);
    let mut shown: Vec<u32> = message.text_body.iter().chain(&message.html_body).copied().collect();
    shown.sort_unstable();
    shown.dedup();
    let mut read = |part, text| {
        part_text(message, part, text).unwrap_or_else(|| {
            decodes = false;
            Cow::Borrowed(text)
        })
    };
    for part in shown.into_iter().filter_map(|at| message.parts.get(at as usize)) {
        match &part.body {
            PartType::Text(text) => texts.push(read(part, text)),
            PartType::Html(html) => htmls.push(read(part, html)),
            _ => {}
        }
    }
    if texts.is_empty() && htmls.is_empty() {
        // A mail that is one attachment, or has no MIME structure the library knows, still has words.
        texts.extend(message.parts.iter().filter_map(|part| match &part.body {
            PartType::Text(text) => Some(read(part, text)),
            _ => None,
        }));
    }
    (storable(&joined(texts)), storable(&joined(htmls)), decodes)
}

/// The parts, a line after the other.
fn joined<'a>(mut parts: Vec<Cow<'a, str>>) -> Cow<'a, str> {
    match parts.len() {
        0 | 1 => parts.pop().unwrap_or_default(),
        _ => Cow::Owned(parts.join("\n")),
    }
}

/// Reads the headers of one mail.
struct Headers<'a> {
    /// The charset that the mail declares for its text: what writes raw bytes into a header means the same there.
    declared: Option<&'a str>,
    /// The mail, for telling charsets by.
    mail: &'a [u8],
    /// How much of it may still be looked at.
    context_left: usize,
}

impl<'a> Headers<'a> {
    fn of(message: &'a Message<'_>) -> Self {
        let declared = message.parts.iter().find_map(|part| part.content_type()?.attribute("charset"));
        Self { declared, mail: message.raw_message.as_ref(), context_left: CONTEXT_BYTES_MAX }
    }

    /// A header as one line. The library has decoded what it knows to be text; the others are decoded here.
    fn text(&mut self, value: &HeaderValue<'_>, raw: &[u8]) -> String {
        let text = match (value, std::str::from_utf8(raw)) {
            (HeaderValue::Text(text), _) if !text.contains('\u{fffd}') && !charset::has_escapes(raw) => {
                Cow::Borrowed(text.as_ref())
            }
            (_, Ok(text)) if memmem::find(raw, b"=?").is_none() && !charset::has_escapes(raw) => Cow::Borrowed(text),
            (_, written) => {
                let words = written.ok().and_then(charset::decode_words);
                Cow::Owned(words.unwrap_or_else(|| charset::decode(raw, self.declared, self.context(raw.len()))))
            }
        };
        // Folded lines become one; this runs for every header of every mail.
        let folded = subject::fold_white_space(text[..text.floor_char_boundary(FIELD_BYTES_MAX)].trim());
        if folded.contains('\0') { folded.replace('\0', "\u{fffd}") } else { folded.into_owned() }
    }

    fn context(&mut self, from: usize) -> &'a [u8] {
        let context = &self.mail[self.mail.len().min(from)..];
        let context = &context[..context.len().min(charset::SAMPLE_BYTES_MAX).min(self.context_left)];
        self.context_left -= context.len();
        context
    }
}

/// The text of a part. One that does not decode as it declares is read as what it looks like; `None` when its
/// encoding is broken.
fn part_text<'a>(message: &'a Message<'_>, part: &'a MessagePart<'_>, text: &'a str) -> Option<Cow<'a, str>> {
    let raw = message.raw_message.get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default();
    let declared = part.content_type().and_then(|content_type| content_type.attribute("charset"));
    let encoding =
        part.headers.header_value(&HeaderName::ContentTransferEncoding).and_then(HeaderValue::as_content_type);
    let (end, bytes) = match encoding.map(mail_parser::ContentType::ctype) {
        Some("base64") => MessageStream::new(raw).decode_base64_mime(b""),
        Some("quoted-printable") => MessageStream::new(raw).decode_quoted_printable_mime(b""),
        _ if text.contains('\u{fffd}') => return Some(Cow::Owned(charset::decode(raw, declared, &[]))),
        _ => return Some(Cow::Borrowed(text)),
    };
    if end == usize::MAX {
        return None;
    }
    let decoded = match declared.and_then(|charset| charset_decoder(charset.as_bytes())) {
        Some(decode) => decode(&bytes),
        None => String::from_utf8_lossy(&bytes).into_owned(),
    };
    let broken = decoded.contains('\u{fffd}');
    Some(Cow::Owned(if broken { charset::decode(&bytes, declared, &[]) } else { decoded }))
}

/// LF line ends, and no NUL: no text column of PostgreSQL can hold one.
fn storable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr2(b'\r', 0, rest.as_bytes()) {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        out.push_str(if after.starts_with('\0') {
            "\u{fffd}"
        } else if after.starts_with("\r\n") {
            ""
        } else {
            "\r"
        });
        rest = &after[1..];
    }
    out.push_str(rest);
    out
}

/// The text's beginning, and whether that is all of it.
fn cut(mut text: String, bytes_max: usize) -> (String, bool) {
    let whole = text.len() <= bytes_max;
    text.truncate(text.floor_char_boundary(bytes_max));
    (text, whole)
}

#[cfg(test)]
mod tests;
