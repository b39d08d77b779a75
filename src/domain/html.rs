//! HTML as text that rules can be written against.
//!
//! Called when a mail is parsed. One line per block or table row, cells separated by a tab, blanks folded. Reading is
//! linear in time and memory whatever comes in, keeps no stack of elements, and shows text rather than hides it when
//! the HTML is broken: a lost line may be a lost alert.

use scan::{Scanner, Token, attribute};

mod scan;

/// How many blanks in a row `<pre>` keeps.
const MAX_BLANKS: usize = 200;

/// The text of an HTML document as a person would read it, without a trailing line end.
///
/// Rows and cells: `<tr><td>Host</td><td>db1</td></tr>` is `Host⇥db1`; an empty cell leaves nothing. Paragraphs inside
/// a cell break the line only between themselves, a table inside a cell stands on lines of its own.
pub fn html_to_text(html: &str) -> String {
    let mut writer = Writer::default();
    for token in Scanner::new(html) {
        match token {
            Token::Text(text) => writer.text(&htmlize::unescape(text)),
            Token::Literal(text) => writer.text(text),
            Token::Open(name, inner) => writer.open(name, inner),
            Token::Close(name) => writer.close(name),
        }
    }
    writer.out
}

/// What a tag does to the lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inline,
    Break,
    Block,
    Row,
    Cell,
    Pre,
    Image,
}

fn kind(name: &str) -> Kind {
    if name.len() > 10 {
        return Kind::Inline;
    }
    match name.to_ascii_lowercase().as_str() {
        "br" => Kind::Break,
        "td" | "th" => Kind::Cell,
        "table" | "thead" | "tbody" | "tfoot" | "tr" | "caption" | "hr" => Kind::Row,
        "pre" | "listing" => Kind::Pre,
        "img" => Kind::Image,
        "address" | "article" | "aside" | "blockquote" | "body" | "center" | "dd" | "details" | "dialog" | "dir"
        | "div" | "dl" | "dt" | "fieldset" | "figcaption" | "figure" | "footer" | "form" | "h1" | "h2" | "h3"
        | "h4" | "h5" | "h6" | "header" | "hgroup" | "html" | "legend" | "li" | "main" | "menu" | "nav" | "ol"
        | "option" | "p" | "section" | "summary" | "ul" => Kind::Block,
        _ => Kind::Inline,
    }
}

/// What comes before the next visible character; later ones outrank earlier ones.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Gap {
    #[default]
    None,
    /// A new cell.
    Tab,
    /// A new line; the end of a cell takes it back, so that `<td><p>a</p></td>` is one cell.
    Line,
    /// A new line that stays one.
    Row,
}

/// Where the writer stands between two visible characters.
#[derive(Debug, Default, Clone)]
struct Place {
    gap: Gap,
    /// An empty line goes before the new one.
    empty_line: bool,
    /// Blanks in front of the next character.
    blanks: String,
    /// How many `<pre>` are open.
    pre: usize,
}

/// An element with `display: none`, and where it began.
struct Hidden<'a> {
    name: &'a str,
    /// How many elements of this name are open, itself included.
    depth: usize,
    start: usize,
    place: Place,
}

#[derive(Default)]
struct Writer<'a> {
    out: String,
    place: Place,
    /// The line end right after `<pre>` means nothing.
    pre_begins: bool,
    /// When its end tag comes, what it wrote is taken back. When none comes, it stays.
    hidden: Option<Hidden<'a>>,
}

impl<'a> Writer<'a> {
    fn open(&mut self, name: &'a str, inner: &'a str) {
        match &mut self.hidden {
            Some(hidden) if hidden.name.eq_ignore_ascii_case(name) => hidden.depth += 1,
            None if is_hidden(inner) && !is_void(name) => {
                let (start, place) = (self.out.len(), self.place.clone());
                self.hidden = Some(Hidden { name, depth: 1, start, place });
            }
            _ => {}
        }
        let kind = kind(name);
        self.separate(kind);
        match kind {
            Kind::Pre => {
                self.place.pre += 1;
                self.pre_begins = true;
            }
            Kind::Image if !is_hidden(inner) => {
                self.text(&htmlize::unescape_attribute(attribute(inner, "alt").unwrap_or_default()));
            }
            Kind::Inline | Kind::Image | Kind::Break | Kind::Block | Kind::Row | Kind::Cell => {}
        }
    }

    fn close(&mut self, name: &str) {
        // `</br>` alone is a mistyped `<br>`; in `<br></br>` it does not count again.
        let kind = match kind(name) {
            Kind::Break => Kind::Block,
            kind => kind,
        };
        self.separate(kind);
        if kind == Kind::Pre {
            self.place.pre = self.place.pre.saturating_sub(1);
        }
        let Some(hidden) = self.hidden.as_mut().filter(|hidden| hidden.name.eq_ignore_ascii_case(name)) else { return };
        hidden.depth -= 1;
        if hidden.depth == 0
            && let Some(hidden) = self.hidden.take()
        {
            self.out.truncate(hidden.start);
            self.place = hidden.place;
        }
    }

    fn separate(&mut self, kind: Kind) {
        let place = &mut self.place;
        match kind {
            Kind::Inline | Kind::Image => return,
            Kind::Break => {
                self.new_line();
                return;
            }
            // A block right at the beginning of a cell does not begin a line.
            Kind::Block | Kind::Pre if place.gap != Gap::Tab => place.gap = place.gap.max(Gap::Line),
            Kind::Block | Kind::Pre => {}
            Kind::Row => place.gap = Gap::Row,
            Kind::Cell if place.gap < Gap::Row => {
                place.gap = Gap::Tab;
                place.empty_line = false;
            }
            Kind::Cell => {}
        }
        place.blanks.clear();
    }

    /// A `<br>`, or a line end in `<pre>`: ends the line, or when it has just ended, leaves an empty one.
    fn new_line(&mut self) {
        self.place.empty_line |= self.place.gap >= Gap::Line;
        self.place.gap = self.place.gap.max(Gap::Line);
        self.place.blanks.clear();
    }

    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '\n' if self.place.pre > 0 => {
                    if !self.pre_begins {
                        self.new_line();
                    }
                    self.pre_begins = false;
                }
                '\r' if self.place.pre > 0 => {}
                c if c.is_whitespace() => self.blank(c),
                c if is_invisible(c) => {}
                c => self.visible(c),
            }
        }
    }

    fn blank(&mut self, c: char) {
        if self.place.pre > 0 {
            if self.place.blanks.len() >= MAX_BLANKS {
                return;
            }
            self.place.blanks.push(if c == '\t' { '\t' } else { ' ' });
        } else if self.place.gap == Gap::None && self.place.blanks.is_empty() && !self.out.is_empty() {
            self.place.blanks.push(' ');
        }
    }

    fn visible(&mut self, c: char) {
        self.pre_begins = false;
        if !self.out.is_empty() {
            match self.place.gap {
                Gap::None => {}
                Gap::Tab => self.out.push('\t'),
                Gap::Line | Gap::Row if self.place.empty_line => self.out.push_str("\n\n"),
                Gap::Line | Gap::Row => self.out.push('\n'),
            }
        }
        self.place.gap = Gap::None;
        self.place.empty_line = false;
        self.out.push_str(&self.place.blanks);
        self.place.blanks.clear();
        self.out.push(c);
    }
}

/// Characters that nobody sees but that would break a pattern: soft hyphens, zero-width padding, direction marks,
/// control characters. The joiner of emoji and scripts (U+200D) stays.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{34f}' | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}')
}

/// Elements without an end tag.
fn is_void(name: &str) -> bool {
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
        .iter()
        .any(|void| void.eq_ignore_ascii_case(name))
}

/// Whether a start tag opens an element that is not displayed (mostly the preview line of newsletters).
fn is_hidden(inner: &str) -> bool {
    let is_none = |declaration: &str| {
        declaration.split_once(':').is_some_and(|(property, value)| {
            let value = value.trim_ascii_start();
            property.trim_ascii().eq_ignore_ascii_case("display")
                && value.get(..4).is_some_and(|value| value.eq_ignore_ascii_case("none"))
        })
    };
    !inner.ends_with('/') && attribute(inner, "style").is_some_and(|style| style.split(';').any(is_none))
}

#[cfg(test)]
mod tests;
