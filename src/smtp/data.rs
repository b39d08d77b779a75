//! The DATA automaton: finds the end of a mail and removes the dots senders double (RFC 5321 section 4.5.2).
//!
//! Only CR LF . CR LF ends a mail, decided byte by byte, so that no other sequence can smuggle a second mail
//! past us (CVE-2023-51764 and its kin). Everything else, bare CR and LF included, is text and kept.

/// Where in a line the automaton is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// After CR LF, or at the very beginning.
    LineStart,
    /// After a dot at the start of a line.
    Dot,
    /// After such a dot and a CR.
    DotCr,
    /// After a CR elsewhere; it is not yet in the body.
    Cr,
    /// Anywhere else.
    Text,
}

/// Reads one mail.
#[derive(Debug)]
pub struct DataReader {
    state: State,
    body: Vec<u8>,
    bytes_max: u64,
    bytes: u64,
}

/// How reading went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// How many of the bytes belong to this mail, its end included.
    pub consumed: usize,
    /// The end was among them.
    pub ended: bool,
}

impl DataReader {
    /// A reader that keeps at most `bytes_max` bytes.
    pub fn new(bytes_max: u64) -> Self {
        Self { state: State::LineStart, body: Vec::new(), bytes_max, bytes: 0 }
    }

    /// Reads on, up to the end of the mail or of the bytes.
    pub fn read(&mut self, bytes: &[u8]) -> Progress {
        let mut at = 0;
        while at < bytes.len() {
            if self.state == State::Text {
                // The long way of most mails: everything up to the next CR is text.
                let run = bytes[at..].iter().position(|byte| *byte == b'\r').unwrap_or(bytes.len() - at);
                self.keep(&bytes[at..at + run]);
                at += run;
                if at == bytes.len() {
                    break;
                }
            }
            let byte = bytes[at];
            at += 1;
            self.state = match (self.state, byte) {
                (State::DotCr, b'\n') => return Progress { consumed: at, ended: true },
                (State::LineStart, b'.') => State::Dot,
                (State::Dot, b'\r') => State::DotCr,
                (State::LineStart | State::Text, b'\r') => State::Cr,
                (State::LineStart | State::Dot | State::Text, byte) => {
                    self.keep(&[byte]);
                    State::Text
                }
                (State::Cr | State::DotCr, b'\r') => {
                    self.keep(b"\r");
                    State::Cr
                }
                (State::Cr, b'\n') => {
                    self.keep(b"\r\n");
                    State::LineStart
                }
                (State::Cr | State::DotCr, byte) => {
                    self.keep(&[b'\r', byte]);
                    State::Text
                }
            };
        }
        Progress { consumed: bytes.len(), ended: false }
    }

    /// Bytes held now.
    pub fn held(&self) -> usize {
        self.body.len()
    }

    /// The mail was larger than allowed; what came so far is already dropped.
    pub fn is_too_large(&self) -> bool {
        self.bytes > self.bytes_max
    }

    /// Stops keeping anything, for a mail that will be refused at its end.
    pub fn discard(&mut self) {
        self.body = Vec::new();
        self.bytes_max = 0;
        self.bytes = self.bytes.max(1);
    }

    /// The mail, without its end and without doubled dots.
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.is_too_large() {
            self.body = Vec::new();
        } else {
            self.body.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads the input in pieces of `step` bytes; what was read, and what was left when the mail ended.
    fn read(input: &[u8], step: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut reader = DataReader::new(1_000_000);
        let mut at = 0;
        for piece in input.chunks(step) {
            let progress = reader.read(piece);
            if progress.ended {
                return Some((reader.into_body(), input[at + progress.consumed..].to_vec()));
            }
            at += piece.len();
        }
        None
    }

    /// What RFC 5321 section 4.5.2 says, in the shortest words.
    fn reference(input: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let mut body = Vec::new();
        let mut rest = input;
        loop {
            if let Some(left) = rest.strip_prefix(b".\r\n") {
                return Some((body, left.to_vec()));
            }
            let end = rest.windows(2).position(|pair| pair == b"\r\n")? + 2;
            body.extend_from_slice(rest[..end].strip_prefix(b".").unwrap_or(&rest[..end]));
            rest = &rest[end..];
        }
    }

    #[test]
    fn only_crlf_dot_crlf_ends() {
        let forged = "MAIL FROM:<x@y>\r\n";
        for ending in [
            "\n.\n",
            "\n.\r\n",
            "\r\n.\n",
            "\r.\r",
            "\r.\n",
            "\n.\r",
            "\r.\r\n",
            "\r\n.\r",
            "\r\n\0.\r\n",
            "\r\n.\0\r\n",
            "\r\n.\r\r\n",
            "\r\n.\r\r\r\r\r\r\n",
            "\r\n. \r\n",
            "\r\n.x\r\n",
        ] {
            let input = format!("text{ending}{forged}\r\n.\r\nQUIT\r\n");
            for step in [1, 2, input.len()] {
                let (body, rest) = read(input.as_bytes(), step).expect("ends at the true end");
                assert!(String::from_utf8_lossy(&body).contains(forged), "{ending:?} by {step}");
                assert_eq!(rest, b"QUIT\r\n"[..rest.len()], "{ending:?} by {step}");
            }
        }
    }

    #[test]
    fn true_endings_and_dots() {
        for (input, body) in [
            (".\r\n", ""),
            ("\r\r\n.\r\n", "\r\r\n"),
            ("..\r\n.\r\n", ".\r\n"),
            (".x\r\n.\r\n", "x\r\n"),
            ("a\r\n..b\r\n.\r\n", "a\r\n.b\r\n"),
            ("a\nb\r\n.\r\n", "a\nb\r\n"),
        ] {
            let (read, _) = read(input.as_bytes(), 1).expect("ends");
            assert_eq!(String::from_utf8_lossy(&read), body, "{input:?}");
        }
    }

    #[test]
    fn a_large_mail_is_read_to_its_end_but_not_kept() {
        let mut reader = DataReader::new(10);
        assert!(!reader.read(&[b'x'; 1000]).ended);
        assert_eq!(reader.held(), 0);
        let progress = reader.read(b"\r\n.\r\nNOOP");
        assert_eq!(progress, Progress { consumed: 5, ended: true });
        assert!(reader.is_too_large());
    }

    proptest! {
        #[test]
        fn agrees_with_the_reference_however_it_is_cut(
            input in prop::collection::vec(prop::sample::select(b"\r\n.a\0".to_vec()), 0..40), step in 1_usize..5,
        ) {
            let (whole, cut) = (read(&input, usize::MAX), read(&input, step));
            prop_assert_eq!(whole.clone().map(|(body, _)| body), reference(&input).map(|(body, _)| body));
            prop_assert_eq!(whole.is_some(), cut.is_some());
            if let (Some((a, _)), Some((b, _))) = (whole, cut) {
                prop_assert_eq!(a, b);
            }
        }
    }
}
