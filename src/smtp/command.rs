//! The command parser. It accepts what real devices send, as far as that is safe, and nothing that could be
//! read in two ways. Its yardstick is the field, not the grammar of RFC 5321 section 4.1.2.

/// Longest path, in bytes (RFC 5321 section 4.5.3.1.3).
const PATH_BYTES_MAX: usize = 256;

/// One parsed command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `HELO`; UPS cards and drives leave the name out.
    Helo(String),
    /// `EHLO`.
    Ehlo(String),
    /// `MAIL FROM`; an empty address is the null sender.
    Mail {
        /// The reverse path.
        address: String,
        /// From the `SIZE` parameter (RFC 1870); saturated.
        size_bytes: Option<u64>,
        /// Parameters nobody here knows; accepted, because their senders never change.
        unknown: Vec<String>,
    },
    /// `RCPT TO`.
    Rcpt(String),
    /// `DATA`.
    Data,
    /// `BDAT`: not offered, and what follows it must not be read as commands.
    Bdat,
    /// `RSET`.
    Rset,
    /// `NOOP`.
    Noop,
    /// `QUIT`.
    Quit,
    /// `VRFY`.
    Vrfy,
    /// `HELP`.
    Help,
    /// `STARTTLS`.
    StartTls,
    /// `AUTH` (RFC 4954).
    Auth {
        /// Upper case; empty when none was given.
        mechanism: String,
        /// The initial response, still encoded; empty without one.
        initial: Vec<u8>,
    },
    /// Known verbs that are not offered: `EXPN`, `ETRN`, `TURN`.
    NotOffered,
    /// A web client on the wrong port.
    Http,
}

/// Why a line is no command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SyntaxError {
    /// No such verb.
    Unknown,
    /// A verb without what it needs.
    Malformed(&'static str),
    /// `MAIL FROM` with something that is no address.
    BadSender,
    /// `RCPT TO` with something that is no address.
    BadRecipient,
}

/// Parses one line.
///
/// # Errors
/// [`SyntaxError`] says which reply is due.
pub fn parse(line: &[u8]) -> Result<Command, SyntaxError> {
    let line = line.trim_ascii();
    let verb_end = line.iter().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(line.len());
    let (verb, argument) = (line[..verb_end].to_ascii_uppercase(), &line[verb_end..]);
    let separated = argument.first().is_none_or(u8::is_ascii_whitespace);
    let argument = argument.trim_ascii();
    if !separated && verb != b"MAIL" && verb != b"RCPT" {
        return Err(SyntaxError::Unknown);
    }
    match verb.as_slice() {
        b"HELO" => Ok(Command::Helo(name(argument))),
        b"EHLO" => Ok(Command::Ehlo(name(argument))),
        b"MAIL" => mail(argument),
        b"RCPT" => rcpt(argument),
        b"DATA" if argument.is_empty() => Ok(Command::Data),
        b"DATA" => Err(SyntaxError::Malformed("DATA takes no argument")),
        b"BDAT" => Ok(Command::Bdat),
        b"RSET" => Ok(Command::Rset),
        b"NOOP" => Ok(Command::Noop),
        b"QUIT" => Ok(Command::Quit),
        b"VRFY" => Ok(Command::Vrfy),
        b"HELP" => Ok(Command::Help),
        b"STARTTLS" if argument.is_empty() => Ok(Command::StartTls),
        b"STARTTLS" => Err(SyntaxError::Malformed("STARTTLS takes no argument")),
        b"AUTH" => Ok(auth(argument)),
        b"EXPN" | b"ETRN" | b"TURN" => Ok(Command::NotOffered),
        b"GET" | b"POST" | b"PUT" | b"CONNECT" | b"OPTIONS" => Ok(Command::Http),
        _ => Err(SyntaxError::Unknown),
    }
}

fn auth(argument: &[u8]) -> Command {
    let end = argument.iter().position(u8::is_ascii_whitespace).unwrap_or(argument.len());
    let mechanism = text(&argument[..end]).to_ascii_uppercase();
    Command::Auth { mechanism, initial: argument[end..].trim_ascii().to_vec() }
}

fn mail(argument: &[u8]) -> Result<Command, SyntaxError> {
    let path = after_keyword(argument, b"FROM").ok_or(SyntaxError::Malformed("MAIL needs FROM:<address>"))?;
    let (address, parameters) = address_and_rest(path).ok_or(SyntaxError::BadSender)?;
    let (mut size_bytes, mut unknown) = (None, Vec::new());
    for parameter in parameters.split(u8::is_ascii_whitespace).filter(|parameter| !parameter.is_empty()) {
        let parameter = text(parameter);
        let (name, value) = parameter.split_once('=').unwrap_or((&parameter, ""));
        match name.to_ascii_uppercase().as_str() {
            "SIZE" => {
                let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
                let bad = SyntaxError::Malformed("SIZE needs a number");
                size_bytes = Some(digits.then(|| value.parse().unwrap_or(u64::MAX)).ok_or(bad)?);
            }
            // BODY (RFC 6152), SMTPUTF8 (RFC 6531), AUTH (RFC 4954), RET and ENVID (RFC 3461): nothing to do.
            "BODY" | "SMTPUTF8" | "AUTH" | "RET" | "ENVID" => {}
            _ => unknown.push(parameter.clone()),
        }
    }
    Ok(Command::Mail { address, size_bytes, unknown })
}

fn rcpt(argument: &[u8]) -> Result<Command, SyntaxError> {
    let path = after_keyword(argument, b"TO").ok_or(SyntaxError::Malformed("RCPT needs TO:<address>"))?;
    match address_and_rest(path) {
        Some((address, _)) if !address.is_empty() => Ok(Command::Rcpt(address)),
        _ => Err(SyntaxError::BadRecipient),
    }
}

/// `FROM:<a@b>`, `from : <a@b>`: whatever follows the colon.
fn after_keyword<'a>(argument: &'a [u8], keyword: &[u8]) -> Option<&'a [u8]> {
    let (head, rest) = argument.split_at_checked(keyword.len())?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    head.eq_ignore_ascii_case(keyword).then(|| rest.trim_ascii())
}

/// Takes the address out of a path and returns what follows it. `<a@b>`, `a@b`, `Name <a@b>`, `<<a@b>>`,
/// `<@relay:a@b>` all are `a@b`.
fn address_and_rest(path: &[u8]) -> Option<(String, &[u8])> {
    // A `<` after `=` belongs to a parameter, as in `a@b AUTH=<>`.
    let open = unquoted(path).find(|(at, byte)| *byte == b'<' && (*at == 0 || path[at - 1] != b'='));
    let (inner, rest) = match open {
        Some((open, _)) => {
            let inner = trim_start_byte(&path[open..], b'<');
            let close = find_unquoted(inner, |byte| byte == b'>')?;
            (&inner[..close], trim_start_byte(&inner[close..], b'>'))
        }
        None => {
            let end = find_unquoted(path, |byte| byte.is_ascii_whitespace()).unwrap_or(path.len());
            if end == 0 {
                return None;
            }
            path.split_at(end)
        }
    };
    // Blanks only: a control byte inside an address is refused, never dropped.
    let inner = trim_start_byte(inner, b' ');
    let inner = &inner[..inner.len() - inner.iter().rev().take_while(|byte| **byte == b' ').count()];
    // A source route is obsolete and ignored (RFC 5321 appendix C).
    let address = match inner.strip_prefix(b"@") {
        Some(route) => &route[route.iter().position(|byte| *byte == b':')? + 1..],
        None => inner,
    };
    is_address(address).then(|| (text(address), rest))
}

/// Empty, `mailbox` or `mailbox@domain`, of a length anybody may have, without control bytes and with at
/// most one `@` outside quotes.
fn is_address(address: &[u8]) -> bool {
    let at_signs = unquoted(address).filter(|(_, byte)| *byte == b'@').count();
    let part_missing = address.last() == Some(&b'@') || address.first() == Some(&b'@');
    let quotes = address.iter().filter(|byte| **byte == b'"').count();
    let escaped_quotes = address.windows(2).filter(|pair| pair == b"\\\"").count();
    address.len() <= PATH_BYTES_MAX
        && at_signs <= 1
        && !part_missing
        && (quotes - escaped_quotes).is_multiple_of(2)
        && find_unquoted(address, |byte| byte == b' ').is_none()
        && !address.iter().any(u8::is_ascii_control)
}

fn trim_start_byte(bytes: &[u8], trimmed: u8) -> &[u8] {
    &bytes[bytes.iter().take_while(|byte| **byte == trimmed).count()..]
}

/// Walks the bytes outside `"quoted"` parts (RFC 5321 `Quoted-string`, with backslash escapes).
fn unquoted(bytes: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let (mut quoted, mut escaped) = (false, false);
    bytes.iter().copied().enumerate().filter(move |(_, byte)| {
        if escaped {
            escaped = false;
            return false;
        }
        escaped = quoted && *byte == b'\\';
        if *byte == b'"' {
            quoted = !quoted;
        }
        !quoted && *byte != b'"'
    })
}

fn find_unquoted(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> Option<usize> {
    unquoted(bytes).find(|(_, byte)| wanted(*byte)).map(|(at, _)| at)
}

/// What a client calls itself, with control bytes made visible: it goes to logs and the database.
fn name(bytes: &[u8]) -> String {
    text(bytes).replace(|c: char| c.is_control(), "\u{fffd}")
}

/// UTF-8 where it is, else one character per byte, so that no two byte strings look alike.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sender(line: &str) -> Result<String, SyntaxError> {
        match parse(line.as_bytes())? {
            Command::Mail { address, .. } => Ok(address),
            other => panic!("{line:?} is {other:?}"),
        }
    }

    #[test]
    fn senders_as_devices_write_them() {
        for (line, expected) in [
            ("MAIL FROM:<a@b>", "a@b"),
            ("mail from:<a@b>", "a@b"),
            ("MAIL FROM: <a@b>", "a@b"),
            ("MAIL FROM :<a@b>", "a@b"),
            ("MAIL\tFROM:<a@b>  ", "a@b"),
            ("  MAIL FROM:<a@b>", "a@b"),
            ("MAIL FROM:<>", ""),
            ("MAIL FROM: <> SIZE=10", ""),
            ("MAIL FROM:a@b", "a@b"),
            ("MAIL FROM:a@b SIZE=10", "a@b"),
            ("MAIL FROM:a@b AUTH=<>", "a@b"),
            ("MAIL FROM:a@b\tSIZE=1 X=2", "a@b"),
            ("MAIL FROM:<root>", "root"),
            ("MAIL FROM:<root@[192.0.2.1]>", "root@[192.0.2.1]"),
            ("MAIL FROM:<@r,@s:x@y>", "x@y"),
            ("MAIL FROM:<\"john doe\"@b>", "\"john doe\"@b"),
            ("MAIL FROM:<\"a@c\"@y>", "\"a@c\"@y"),
            ("MAIL FROM:<\"a>\\\"b\"@y>", "\"a>\\\"b\"@y"),
            ("MAIL FROM:Nagios <n@b>", "n@b"),
            ("MAIL FROM:<<a@b>>", "a@b"),
            ("MAIL FROM:<a@b> BODY=8BITMIME SMTPUTF8 AUTH=<> RET=HDRS ENVID=x XOORG=y", "a@b"),
        ] {
            assert_eq!(sender(line), Ok(expected.to_owned()), "{line:?}");
        }
        let long = format!("MAIL FROM:<{}@b>", "x".repeat(300));
        for line in [
            "MAIL FROM:<a@b@c>",
            "MAIL FROM:<a@>",
            "MAIL FROM:<a\0@b>",
            "MAIL FROM:<a\r@b>",
            "MAIL FROM:<a@b\r>",
            "MAIL FROM:\"a@b",
            "MAIL FROM:",
            &long,
        ] {
            assert_eq!(sender(line), Err(SyntaxError::BadSender), "{line:?}");
        }
        assert!(matches!(sender("MAIL <a@b>"), Err(SyntaxError::Malformed(_))));
        assert_eq!(parse(b"MAIL FROM:<\xe4@b>").map(|_| ()), Ok(()), "8-bit is stored, not refused");
    }

    #[test]
    fn sizes_saturate() {
        let size = |line: &str| match parse(line.as_bytes()) {
            Ok(Command::Mail { size_bytes, .. }) => size_bytes,
            other => panic!("{other:?}"),
        };
        assert_eq!(size("MAIL FROM:<> SIZE=1234"), Some(1234));
        assert_eq!(size("MAIL FROM:<> SIZE=99999999999999999999999999"), Some(u64::MAX));
        assert!(parse(b"MAIL FROM:<> SIZE=x").is_err());
    }

    #[test]
    fn recipients() {
        assert_eq!(parse(b"RCPT TO: <x@y> NOTIFY=NEVER"), Ok(Command::Rcpt("x@y".to_owned())));
        assert_eq!(parse(b"RCPT TO:postmaster"), Ok(Command::Rcpt("postmaster".to_owned())));
        for line in ["RCPT TO:<>", "RCPT TO:<\"a", "RCPT TO:<x", "RCPT TO:<a b@c>"] {
            assert_eq!(parse(line.as_bytes()), Err(SyntaxError::BadRecipient), "{line:?}");
        }
    }

    #[test]
    fn other_verbs() {
        for (line, expected) in [
            ("HELO", Ok(Command::Helo(String::new()))),
            ("HELO ups ", Ok(Command::Helo("ups".to_owned()))),
            ("EHLO two words", Ok(Command::Ehlo("two words".to_owned()))),
            ("data  ", Ok(Command::Data)),
            ("NOOP x", Ok(Command::Noop)),
            ("RSET x", Ok(Command::Rset)),
            ("QUIT now", Ok(Command::Quit)),
            ("EXPN staff", Ok(Command::NotOffered)),
            ("STARTTLS ", Ok(Command::StartTls)),
            ("auth login  dXBz ", Ok(Command::Auth { mechanism: "LOGIN".to_owned(), initial: b"dXBz".to_vec() })),
            ("AUTH", Ok(Command::Auth { mechanism: String::new(), initial: Vec::new() })),
            ("GET / HTTP/1.1", Ok(Command::Http)),
            ("", Err(SyntaxError::Unknown)),
            ("XCLIENT ADDR=1.2.3.4", Err(SyntaxError::Unknown)),
            ("NOOPX", Err(SyntaxError::Unknown)),
            ("QUIT-", Err(SyntaxError::Unknown)),
        ] {
            assert_eq!(parse(line.as_bytes()), expected, "{line:?}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_parsed_or_refused(line in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&line);
        }

        #[test]
        fn no_address_holds_a_control_byte(tail in prop::collection::vec(any::<u8>(), 0..80)) {
            let line = [b"RCPT TO:".as_slice(), &tail].concat();
            if let Ok(Command::Rcpt(address)) = parse(&line) {
                prop_assert!(!address.bytes().any(|byte| byte.is_ascii_control()), "{:?}", address);
            }
        }
    }
}
