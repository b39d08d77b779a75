//! The line reader: cuts received bytes into command lines, with a bound on what it holds.
//!
//! Commands may end in CRLF or bare LF (old clients send the latter); mail text never passes through here.

/// What the reader found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A whole line, without its end.
    Complete(Vec<u8>),
    /// A line over the limit has ended; its bytes were dropped on the way.
    TooLong,
    /// Nothing whole yet.
    Partial,
}

/// Received bytes that nobody has consumed.
#[derive(Debug, Default)]
pub struct LineReader {
    buffer: Vec<u8>,
    start: usize,
    overlong: bool,
}

impl LineReader {
    /// Adds received bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        } else if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Takes the next line of at most `bytes_max` bytes.
    pub fn next_line(&mut self, bytes_max: usize) -> Line {
        let rest = &self.buffer[self.start..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            // A CR at the end may be the first half of the line's end.
            if rest.strip_suffix(b"\r").unwrap_or(rest).len() > bytes_max {
                self.overlong = true;
            }
            if self.overlong {
                self.start = self.buffer.len();
            }
            return Line::Partial;
        };
        let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
        let result =
            if self.overlong || line.len() > bytes_max { Line::TooLong } else { Line::Complete(line.to_vec()) };
        self.overlong = false;
        self.start += end + 1;
        result
    }

    /// The bytes not yet consumed, for the reader of mail text.
    pub fn rest(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Marks `count` of [`Self::rest`] as consumed.
    pub fn consume(&mut self, count: usize) {
        self.start = (self.start + count).min(self.buffer.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the pieces and collects every line.
    fn lines(pieces: &[&[u8]], bytes_max: usize) -> Vec<Line> {
        let mut reader = LineReader::default();
        let mut out = Vec::new();
        for piece in pieces {
            reader.push(piece);
            loop {
                match reader.next_line(bytes_max) {
                    Line::Partial => break,
                    line => out.push(line),
                }
            }
        }
        out
    }

    fn complete(text: &str) -> Line {
        Line::Complete(text.as_bytes().to_vec())
    }

    #[test]
    fn cuts_at_either_line_end() {
        assert_eq!(lines(&[b"a\r\nb\nc"], 10), [complete("a"), complete("b")]);
        assert_eq!(lines(&[b"a\r", b"\nb", b"\r\n"], 10), [complete("a"), complete("b")]);
        assert_eq!(lines(&[b"\r\n\n"], 10), [complete(""), complete("")]);
    }

    #[test]
    fn the_limit_is_the_same_however_a_line_arrives() {
        assert_eq!(lines(&[b"abcd\r", b"\n"], 4), [complete("abcd")]);
        assert_eq!(lines(&[b"abcd\r\n"], 4), [complete("abcd")]);
        assert_eq!(lines(&[b"abcde", b"\r\n"], 4), [Line::TooLong]);
    }

    #[test]
    fn an_endless_line_is_dropped_not_kept() {
        let mut reader = LineReader::default();
        for _ in 0..10_000 {
            reader.push(&[b'x'; 1000]);
            assert_eq!(reader.next_line(100), Line::Partial);
            assert!(reader.rest().is_empty(), "nothing of it is kept");
        }
        reader.push(b"tail\r\nNOOP\r\n");
        assert_eq!(reader.next_line(100), Line::TooLong);
        assert_eq!(reader.next_line(100), complete("NOOP"));
    }
}
