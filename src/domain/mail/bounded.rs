//! How much of a mail is parsed.

use memchr::{memchr, memchr_iter};

/// Headers that are parsed.
const HEADER_BYTES_MAX: usize = 256 * 1024;
pub(super) const HEADER_LINES_MAX: usize = 2000;

/// Bytes after the headers that are parsed.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// `Content-Type` headers up to which the structure is followed. The library follows attached mails by recursion.
const STRUCTURES_MAX: usize = 200;

/// The part of a mail that is parsed. The library takes a small structure of its own for every header and part
/// and follows attached mails without limit, so what it is given is limited here (I40); the raw mail is kept whole.
pub(super) struct Bounded<'a> {
    pub(super) bytes: &'a [u8],
    /// What follows the headers.
    pub(super) body: &'a [u8],
    /// The structure is not followed: the body is text as it stands.
    pub(super) headers_only: bool,
    pub(super) defect: Option<&'static str>,
}

impl<'a> Bounded<'a> {
    pub(super) fn of(raw: &'a [u8]) -> Self {
        let (mut header_bytes, mut header_lines) = (0, 0);
        let mut ended = false;
        while let Some(rest) = raw.get(header_bytes..).filter(|rest| !rest.is_empty()) {
            let line = memchr(b'\n', rest).map_or(rest, |end| &rest[..=end]);
            // A line of blanks goes on with the header before it (RFC 5322 section 4.2).
            let folded = header_lines > 0 && matches!(line, [b' ' | b'\t', ..]);
            if !folded && line.trim_ascii_end().is_empty() {
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
        // Every nested mail or multipart has such a header of its own, however its type is spelt.
        let names = memchr_iter(b':', bytes).map(|end| &bytes[..end]);
        let structures = names.filter(|name| ends_with_name(name, b"content-type")).count();
        let (headers_only, defect) = match (structures > STRUCTURES_MAX, end < raw.len()) {
            (true, _) => (true, Some("it has more nested parts than are followed; rules see its text as it stands")),
            (false, true) => (false, Some("it is long; only its beginning is parsed")),
            (false, false) => (false, None),
        };
        Self { bytes, body, headers_only, defect }
    }
}

/// Whether this header's name ends here. The library reads names without regard to case and blanks, and what stands
/// in front of one need not be a line end: colons, or a boundary.
fn ends_with_name(text: &[u8], name: &[u8]) -> bool {
    // Few colons stand after this letter; most texts are full of them.
    if !text.last().is_some_and(|byte| byte.is_ascii_whitespace() || byte.eq_ignore_ascii_case(&name[name.len() - 1])) {
        return false;
    }
    let letters = text.iter().rev().filter(|byte| !byte.is_ascii_whitespace()).map(u8::to_ascii_lowercase);
    letters.take(name.len()).eq(name.iter().rev().copied())
}
