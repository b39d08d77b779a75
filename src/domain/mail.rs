//! A mail as rules see it. Parsing is lenient: whatever bytes come in, a [`Mail`] comes out, and what was
//! wrong with them is a list of defects, never an error.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{LazyLock, OnceLock};

use jiff::{SignedDuration, Timestamp};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;
use mail_parser::{Address, HeaderName, HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};
use memchr::{memchr, memchr_iter, memchr2, memmem};

use super::html::html_to_text;
use super::{charset, subject};

/// Longest text of one field that rules look at, in bytes. The raw mail is kept whole.
pub const FIELD_BYTES_MAX: usize = 256 * 1024;

/// Longest subject, in bytes; mail servers cut a line at 998 (RFC 5321 section 4.5.3.1.6).
const SUBJECT_BYTES_MAX: usize = 4096;

/// Headers that are parsed.
const HEADER_BYTES_MAX: usize = 256 * 1024;
const HEADER_LINES_MAX: usize = 2000;

/// Bytes after the headers that are parsed.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// `Content-Type` lines up to which the structure is followed. The library follows attached mails by recursion.
const STRUCTURES_MAX: usize = 200;

/// Oldest origin time taken from a `Date` header, before arrival. Mail servers give up after 4 to 5 days
/// (RFC 5321 section 4.5.4.1), so an older date is a wrong clock, not a slow queue.
const DATE_AGE_MAX: SignedDuration = SignedDuration::from_hours(7 * 24);

/// How far ahead of our clock a `Date` header may be.
const DATE_AHEAD_MAX: SignedDuration = SignedDuration::from_mins(10);

/// Most attachments whose names are kept.
const ATTACHMENTS_MAX: usize = 100;

/// How a mail came for one recipient: what the SMTP session said, whatever the mail's own headers say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The reverse path; empty is the null sender.
    pub sender: String,
    /// The recipient, lower case.
    pub recipient: String,
    /// The address of the client.
    pub client: String,
}

impl Envelope {
    /// The envelope of one recipient.
    pub fn new(sender: &str, recipient: &str, client: &str) -> Self {
        Self { sender: sender.to_owned(), recipient: recipient.to_lowercase(), client: client.to_owned() }
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

/// Takes apart the headers that are asked for by their parts; the others are read by [`header_text`].
static PARSER: LazyLock<MessageParser> = LazyLock::new(|| {
    let parser = MessageParser::new().with_mime_headers().default_header_ignore();
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
        let headers: Vec<(String, String)> = message
            .headers()
            .iter()
            .map(|header| {
                let raw = raw.get(header.offset_start as usize..header.offset_end as usize).unwrap_or_default();
                (header.name.as_str().to_owned(), header_text(&header.value, raw, message))
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
        if message.parts.iter().any(|part| part.is_encoding_problem) {
            defects.push("a part does not decode as it declares".to_owned());
        }
        let (text, html) = if bounded.headers_only {
            (storable(&String::from_utf8_lossy(bounded.body)), String::new())
        } else {
            bodies(message)
        };
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

/// The text parts joined, and the HTML parts joined, both [`storable`].
fn bodies(message: &Message<'_>) -> (String, String) {
    let (mut texts, mut htmls) = (Vec::new(), Vec::new());
    let mut shown: Vec<u32> = message.text_body.iter().chain(&message.html_body).copied().collect();
    shown.sort_unstable();
    shown.dedup();
    for part in shown.into_iter().filter_map(|at| message.parts.get(at as usize)) {
        match &part.body {
            PartType::Text(text) => texts.push(part_text(message, part, text)),
            PartType::Html(html) => htmls.push(part_text(message, part, html)),
            _ => {}
        }
    }
    if texts.is_empty() && htmls.is_empty() {
        // A mail that is one attachment, or has no MIME structure the library knows, still has words.
        texts.extend(message.parts.iter().filter_map(|part| match &part.body {
            PartType::Text(text) => Some(part_text(message, part, text)),
            _ => None,
        }));
    }
    (storable(&joined(texts)), storable(&joined(htmls)))
}

/// The parts, a line after the other.
fn joined<'a>(mut parts: Vec<Cow<'a, str>>) -> Cow<'a, str> {
    match parts.len() {
        0 | 1 => parts.pop().unwrap_or_default(),
        _ => Cow::Owned(parts.join("\n")),
    }
}

/// A header as one line. The library has decoded what it knows to be text; the other headers are decoded here.
fn header_text(value: &HeaderValue<'_>, raw: &[u8], message: &Message<'_>) -> String {
    let text = match (value, std::str::from_utf8(raw)) {
        (HeaderValue::Text(text), _) if !text.contains('\u{fffd}') && !charset::has_escapes(raw) => {
            Cow::Borrowed(text.as_ref())
        }
        (_, Ok(text)) if memmem::find(raw, b"=?").is_none() && !charset::has_escapes(raw) => Cow::Borrowed(text),
        (_, written) => Cow::Owned(written.ok().and_then(charset::decode_words).unwrap_or_else(|| {
            let (declared, body) = (declared_charset(message), message.raw_message.as_ref());
            charset::decode(raw, declared, &body[body.len().min(raw.len())..])
        })),
    };
    // Folded lines become one; this runs for every header of every mail.
    let folded = subject::fold_white_space(text[..text.floor_char_boundary(FIELD_BYTES_MAX)].trim());
    if folded.contains('\0') { folded.replace('\0', "\u{fffd}") } else { folded.into_owned() }
}

/// The charset that the mail declares for its text: what writes raw bytes into a header means the same there.
fn declared_charset<'a>(message: &'a Message<'_>) -> Option<&'a str> {
    message.parts.iter().find_map(|part| part.content_type()?.attribute("charset"))
}

/// The text of a part. One that does not decode as it declares is read as what it looks like.
fn part_text<'a>(message: &'a Message<'_>, part: &'a MessagePart<'_>, text: &'a str) -> Cow<'a, str> {
    if !text.contains('\u{fffd}') {
        return Cow::Borrowed(text);
    }
    let raw = message.raw_message.get(part.offset_body as usize..part.offset_end as usize).unwrap_or_default();
    let encoding = part.content_transfer_encoding().unwrap_or_default().to_ascii_lowercase();
    let bytes = match encoding.as_str() {
        "base64" => base64_decode(raw),
        "quoted-printable" => quoted_printable_decode(raw),
        _ => Some(raw.to_vec()),
    };
    let declared = part.content_type().and_then(|content_type| content_type.attribute("charset"));
    bytes.map_or(Cow::Borrowed(text), |bytes| Cow::Owned(charset::decode(&bytes, declared, &[])))
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

/// The part of a mail that is parsed. The library takes a small structure of its own for every header and part
/// and follows attached mails without limit, so what it is given is limited here (I40); the raw mail is kept whole.
struct Bounded<'a> {
    bytes: &'a [u8],
    /// What follows the headers.
    body: &'a [u8],
    /// The structure is not followed: the body is text as it stands.
    headers_only: bool,
    defect: Option<&'static str>,
}

impl<'a> Bounded<'a> {
    fn of(raw: &'a [u8]) -> Self {
        let (mut header_bytes, mut header_lines) = (0, 0);
        let mut ended = false;
        while let Some(rest) = raw.get(header_bytes..).filter(|rest| !rest.is_empty()) {
            let line = memchr(b'\n', rest).map_or(rest, |end| &rest[..=end]);
            if line.trim_ascii_end().is_empty() {
                ended = true;
                break;
            }
            if header_lines == HEADER_LINES_MAX || header_bytes + line.len() > HEADER_BYTES_MAX {
                break;
            }
            header_bytes += line.len();
            header_lines += 1;
        }
        if !ended && header_bytes < raw.len() {
            let (bytes, body) = raw.split_at(header_bytes);
            let (body, defect) = (&body[..body.len().min(BODY_BYTES_MAX)], "it has more headers than are read");
            return Self { bytes, body, headers_only: true, defect: Some(defect) };
        }
        let end = raw.len().min(header_bytes + BODY_BYTES_MAX);
        let (bytes, body) = (&raw[..end], &raw[header_bytes..end]);
        // Every nested mail or multipart has such a line of its own, however its type is spelt.
        let starts = std::iter::once(0).chain(memchr_iter(b'\n', bytes).map(|end| end + 1));
        let structures = starts.filter(|at| starts_with_ignoring_case(&bytes[*at..], b"content-type")).count();
        let (headers_only, defect) = match (structures > STRUCTURES_MAX, end < raw.len()) {
            (true, _) => (true, Some("it has more nested parts than are followed; rules see its text as it stands")),
            (false, true) => (false, Some("it is long; only its beginning is parsed")),
            (false, false) => (false, None),
        };
        Self { bytes, body, headers_only, defect }
    }
}

fn starts_with_ignoring_case(line: &[u8], word: &[u8]) -> bool {
    line.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_rules_need() {
        let mail = Mail::parse(
            b"From: Root <ROOT@Mon.example>\r\nSubject: Re: =?utf-8?q?Plat=C3=A9e?=\r\n full\r\nX-Check: disk\r\n\
              Message-ID: <1@mon>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0200\r\n\r\nline 1\r\nline 2\r\n",
        );
        assert_eq!(mail.subject_raw, "Re: Platée full");
        assert_eq!(mail.subject, "Platée full");
        assert_eq!(mail.from, "root@mon.example");
        assert_eq!(mail.text.trim_end(), "line 1\nline 2");
        assert_eq!(mail.message_id.as_deref(), Some("1@mon"));
        assert_eq!(mail.date.map(|d| d.to_string()).as_deref(), Some("2026-11-21T08:00:00Z"));
        assert_eq!(mail.header("x-check").collect::<Vec<_>>(), ["disk"]);
        assert!(mail.defects.is_empty(), "{:?}", mail.defects);
    }

    #[test]
    fn any_bytes_are_a_mail() {
        for raw in [&b""[..], b"\0", b"no header at all", b"Subject: x", &[0xff; 4096], b"\r\n\r\n"] {
            let mail = Mail::parse(raw);
            assert!(!mail.defects.is_empty(), "{raw:?} has defects");
            assert!(!mail.text.contains('\0') && !mail.subject_raw.contains('\0'));
        }
    }

    #[test]
    fn html_only_mail_has_words() {
        let mail = Mail::parse(b"Content-Type: text/html\r\n\r\n<p>pump <b>down</b></p>");
        assert!(mail.body().contains("pump down"), "{:?}", mail.body());
    }

    #[test]
    fn origin_is_the_date_only_when_plausible() {
        let received: Timestamp = "2026-11-21T10:00:00Z".parse().expect("timestamp");
        let mail = |date: &str| Mail { date: Some(date.parse().expect("timestamp")), ..Mail::default() };
        let origin = |date: &str| mail(date).origin_at(received).to_string();
        assert_eq!(origin("2026-11-21T09:00:00Z"), "2026-11-21T09:00:00Z");
        assert_eq!(origin("2026-11-21T10:05:00Z"), "2026-11-21T10:05:00Z");
        assert_eq!(origin("2026-11-21T11:00:00Z"), "2026-11-21T10:00:00Z");
        assert_eq!(origin("2026-11-01T10:00:00Z"), "2026-11-21T10:00:00Z");
        assert_eq!(Mail::default().origin_at(received), received);
    }

    #[test]
    fn bombs_are_read_in_bounds() {
        let watch = crate::clock::Stopwatch::start();
        for bomb in [
            "Content-Type: message/rfc822\n\n".repeat(30_000),
            "Content-Type: message /rfc822\r\n\r\n".repeat(30_000),
            "content-type : message\r\n /rfc822\r\n\r\n".repeat(30_000),
            "Content-Type: multipart/digest; boundary=b\n\n--b\n\n".repeat(20_000),
            "a:\n".repeat(3_000_000),
            "Subject: ".to_owned() + &"[ext]".repeat(100_000) + "\n\nx",
            (0..20_000).map(|n| format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n")).collect(),
        ] {
            let mail = Mail::parse(bomb.as_bytes());
            assert!(mail.subject_raw.len() <= SUBJECT_BYTES_MAX && mail.headers.len() <= HEADER_LINES_MAX);
        }
        assert!(watch.elapsed().as_secs() < 60, "took {:?}", watch.elapsed());
    }

    #[test]
    fn a_mail_with_too_many_parts_still_has_its_words() {
        let raw = format!("Subject: parts\n\nthe disk is full\n{}", "Content-Type: multipart/x\n".repeat(300));
        let mail = Mail::parse(raw.as_bytes());
        assert_eq!(mail.subject, "parts");
        assert!(mail.text.contains("the disk is full"));
        assert!(mail.defects.iter().any(|defect| defect.contains("nested parts")), "{:?}", mail.defects);
    }

    #[test]
    fn an_endless_body_is_cut_for_rules() {
        let mut raw = b"Subject: x\r\n\r\n".to_vec();
        raw.extend("é".repeat(FIELD_BYTES_MAX).bytes());
        let mail = Mail::parse(&raw);
        assert!(mail.text.len() <= FIELD_BYTES_MAX);
        assert!(mail.defects.iter().any(|defect| defect.contains("rules see the beginning")));
    }
}
