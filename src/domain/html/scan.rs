//! Splits HTML into text and tags, the way browsers do, but never losing a mail to one missing `>`.
//!
//! Used by [`super::html_to_text`] only. Comments, declarations and the content of elements that show nothing never
//! come out. Every look-ahead that can fail is remembered or paid from a budget, so that the whole is linear.

/// Elements whose content is not for reading.
const SILENT: [&str; 5] = ["script", "style", "title", "template", "xml"];

/// A piece of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// Text with entities still in it.
    Text(&'a str),
    /// Text as it stands (CDATA).
    Literal(&'a str),
    /// A start tag: its name and everything after it up to the `>`.
    Open(&'a str, &'a str),
    /// An end tag's name.
    Close(&'a str),
}

/// What is looked for ahead; once not found, never looked for again.
#[derive(Clone, Copy)]
enum Ahead {
    TagEnd,
    CommentEnd,
    CdataEnd,
    SingleQuote,
    DoubleQuote,
}

impl Ahead {
    fn text(self) -> &'static str {
        match self {
            Self::TagEnd => ">",
            Self::CommentEnd => "-->",
            Self::CdataEnd => "]]>",
            Self::SingleQuote => "'",
            Self::DoubleQuote => "\"",
        }
    }
}

/// Iterates over the tokens of a document.
pub(super) struct Scanner<'a> {
    html: &'a str,
    pos: usize,
    /// By [`Ahead`]: there is none from here to the end.
    absent: [bool; 5],
    /// By index in [`SILENT`]: nothing from here to the end closes such an element.
    unclosed: [bool; SILENT.len()],
    /// How many more bytes may be read in vain for tags with broken quotes before quotes are no longer heeded.
    patience: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(html: &'a str) -> Self {
        Self { html, pos: 0, absent: [false; 5], unclosed: [false; SILENT.len()], patience: html.len() }
    }

    fn rest(&self, from: usize) -> &'a str {
        self.html.get(from..).unwrap_or_default()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.html.as_bytes().get(at).copied()
    }

    fn find(&mut self, what: Ahead, from: usize) -> Option<usize> {
        if self.absent[what as usize] {
            return None;
        }
        let found = self.rest(from).find(what.text()).map(|at| from + at);
        self.absent[what as usize] = found.is_none();
        found
    }

    /// Text up to the next `<`, which is looked for after `skip` bytes that are known to be text.
    fn text(&mut self, skip: usize) -> Token<'a> {
        let start = self.pos;
        self.pos = self.rest(start + skip).find('<').map_or(self.html.len(), |at| start + skip + at);
        Token::Text(&self.html[start..self.pos])
    }

    /// Reads what begins with the `<` at `pos`: nothing to show, or a token.
    fn markup(&mut self) -> Option<Token<'a>> {
        let start = self.pos;
        let rest = self.rest(start);
        if rest.starts_with("<!-->") || rest.starts_with("<!--->") {
            return self.skip(Ahead::TagEnd, start);
        }
        if rest.starts_with("<!--") && self.find(Ahead::CommentEnd, start + 4).is_some() {
            return self.skip(Ahead::CommentEnd, start + 4);
        }
        if rest.starts_with("<![CDATA[") {
            let inner = start + 9;
            let end = self.find(Ahead::CdataEnd, inner);
            self.pos = end.map_or(inner, |end| end + 3);
            return end.map(|end| Token::Literal(&self.html[inner..end]));
        }
        match (self.byte(start + 1), self.byte(start + 2)) {
            (Some(b'!' | b'?'), _) => match self.find(Ahead::TagEnd, start) {
                Some(_) => self.skip(Ahead::TagEnd, start),
                None => Some(self.text(1)),
            },
            (Some(b'/'), Some(letter)) if letter.is_ascii_alphabetic() => Some(self.tag(start + 2, true)),
            (Some(letter), _) if letter.is_ascii_alphabetic() => Some(self.tag(start + 1, false)),
            _ => Some(self.text(1)),
        }
    }

    /// Goes behind the next `end`, which is known to be there.
    fn skip(&mut self, end: Ahead, from: usize) -> Option<Token<'a>> {
        self.pos = self.find(end, from).map_or(self.html.len(), |at| at + end.text().len());
        None
    }

    /// Reads the tag whose name begins at `name_at`; without any `>` to end it, it is text.
    fn tag(&mut self, name_at: usize, closing: bool) -> Token<'a> {
        let is_end = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>' | b'<');
        let name_len = self.rest(name_at).bytes().position(is_end).unwrap_or(self.html.len() - name_at);
        let name = &self.html[name_at..name_at + name_len];
        let Some(end) = self.tag_end(name_at + name_len) else { return self.text(name_at - self.pos) };
        let inner = &self.html[name_at + name_len..end];
        self.pos = end + 1;
        if closing {
            return Token::Close(name);
        }
        if let Some(index) = SILENT.iter().position(|silent| silent.eq_ignore_ascii_case(name))
            && !inner.ends_with('/')
        {
            self.skip_silent(index);
        }
        Token::Open(name, inner)
    }

    /// The `>` that ends a tag: the first outside quotes, or the first at all when the quotes are broken.
    fn tag_end(&mut self, from: usize) -> Option<usize> {
        let first = self.find(Ahead::TagEnd, from)?;
        if self.patience == 0 {
            return Some(first);
        }
        match self.tag_end_outside_quotes(from) {
            Ok(end) => Some(end),
            Err(gave_up) => {
                self.patience = self.patience.saturating_sub(gave_up - from);
                Some(first)
            }
        }
    }

    /// The first `>` outside quotes, or where it became clear that the quotes do not pair up.
    fn tag_end_outside_quotes(&mut self, from: usize) -> Result<usize, usize> {
        let mut at = from;
        loop {
            let Some(stop) = self.rest(at).bytes().position(|byte| matches!(byte, b'>' | b'"' | b'\'')) else {
                return Err(self.html.len());
            };
            let stop = at + stop;
            let quote = match self.byte(stop) {
                Some(b'"') => Ahead::DoubleQuote,
                Some(b'\'') => Ahead::SingleQuote,
                _ => return Ok(stop),
            };
            at = stop + 1;
            // A quote means something only where a value begins: `<p title="…">`, not `<p don't>`.
            if !self.html[from..stop].trim_ascii_end().ends_with('=') {
                continue;
            }
            let Some(close) = self.find(quote, at) else { continue };
            at = close + 1;
            match self.byte(at) {
                Some(next) if next.is_ascii_whitespace() || matches!(next, b'/' | b'>') => {}
                _ => return Err(at),
            }
        }
    }

    /// Skips what stands in a silent element. A missing end tag must not swallow the mail: `</head>` and `<body>` end
    /// it too, and when none of them comes, any tag does.
    fn skip_silent(&mut self, index: usize) {
        let name = SILENT[index];
        let mut at = self.pos;
        while !self.unclosed[index] {
            let Some(found) = self.rest(at).find('<').map(|found| at + found) else {
                self.unclosed[index] = true;
                break;
            };
            let rest = self.rest(found);
            if is_tag(rest, "</", name) || is_tag(rest, "</", "head") || is_tag(rest, "<", "body") {
                self.pos = found;
                return;
            }
            at = found + 1;
        }
        let starts_tag = |byte: u8| byte.is_ascii_alphabetic() || byte == b'/';
        while let Some(found) = self.rest(self.pos).find('<') {
            self.pos += found;
            if self.byte(self.pos + 1).is_some_and(starts_tag) {
                return;
            }
            self.pos += 1;
        }
        self.pos = self.html.len();
    }
}

impl<'a> Iterator for Scanner<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        loop {
            match self.byte(self.pos)? {
                b'<' => {
                    if let Some(token) = self.markup() {
                        return Some(token);
                    }
                }
                _ => return Some(self.text(0)),
            }
        }
    }
}

/// Whether `rest` begins with this tag.
fn is_tag(rest: &str, start: &str, name: &str) -> bool {
    let Some(rest) = rest.strip_prefix(start) else { return false };
    let ends = |byte: Option<&u8>| byte.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>'));
    rest.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name))
        && ends(rest.as_bytes().get(name.len()))
}

/// The value of an attribute, out of what follows a tag's name.
pub(super) fn attribute<'a>(inner: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = inner;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/' || c == '=');
        if rest.is_empty() {
            return None;
        }
        let name_end = rest.find(|c: char| c.is_ascii_whitespace() || c == '/' || c == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at(name_end);
        let Some(value) = after.trim_ascii_start().strip_prefix('=').map(str::trim_ascii_start) else {
            rest = after;
            continue;
        };
        let quoted = value.chars().next().filter(|quote| matches!(quote, '"' | '\'')).and_then(|quote| {
            let value = &value[1..];
            value.find(quote).map(|end| (&value[..end], &value[end + 1..]))
        });
        let (value, after) = quoted
            .unwrap_or_else(|| value.split_at(value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len())));
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
}
