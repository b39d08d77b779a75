//! AUTH as an exchange of lines (RFC 4954): PLAIN (RFC 4616) and LOGIN, which has no standard and which most devices
//! speak. Pure: whether a password is right is asked elsewhere.

use std::fmt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::reply::Reply;

/// Longest line of an exchange, in bytes (RFC 4954 section 4).
pub(super) const LINE_BYTES_MAX: usize = 12_288;

/// "Username:", as every LOGIN server says it.
const USERNAME: &str = "VXNlcm5hbWU6";

/// "Password:".
const PASSWORD: &str = "UGFzc3dvcmQ6";

/// Devices leave out the padding, or write it wrong.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A name and what claims to be its password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Who the client says it is.
    pub name: String,
    /// Its password.
    pub password: Vec<u8>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Where an exchange is: what the next line of the client means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exchange {
    /// All of PLAIN.
    Plain,
    /// The name of LOGIN.
    Name,
    /// The password of LOGIN, behind this name.
    Password(String),
}

/// How an exchange goes on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Say this and wait for a line.
    Ask(Exchange, Reply),
    /// Everything is said.
    Check(Credentials),
    /// It is over.
    Refuse(Reply),
}

/// Begins an exchange. `initial` is what stood behind the mechanism, empty without it.
pub(super) fn begin(mechanism: &str, initial: &[u8]) -> Turn {
    let (exchange, prompt) = match mechanism {
        "PLAIN" => (Exchange::Plain, ""),
        "LOGIN" => (Exchange::Name, USERNAME),
        "" => return Turn::Refuse(Reply::bad_syntax("AUTH needs a mechanism")),
        _ => return Turn::Refuse(Reply::unknown_mechanism()),
    };
    match initial {
        b"" => Turn::Ask(exchange, Reply::challenge(prompt)),
        // An equals sign stands for an initial response of no bytes (RFC 4954 section 4).
        b"=" => exchange.read(b""),
        initial => exchange.read(initial),
    }
}

impl Exchange {
    /// Reads the client's next line.
    pub(super) fn read(self, line: &[u8]) -> Turn {
        let line = line.trim_ascii();
        if line == b"*" {
            return Turn::Refuse(Reply::cancelled());
        }
        let Ok(decoded) = BASE64.decode(line) else { return Turn::Refuse(Reply::not_base64()) };
        match self {
            Self::Plain => plain(&decoded),
            Self::Name => match name(&decoded) {
                Some(name) => Turn::Ask(Self::Password(name), Reply::challenge(PASSWORD)),
                None => Turn::Refuse(Reply::not_credentials()),
            },
            Self::Password(name) => Turn::Check(Credentials { name, password: decoded }),
        }
    }
}

/// `authzid NUL authcid NUL passwd` (RFC 4616 section 2). Nobody may act for somebody else here, so the first is
/// empty or the same as the second.
fn plain(decoded: &[u8]) -> Turn {
    let mut parts = decoded.splitn(3, |byte| *byte == 0);
    let (Some(acts_for), Some(is), Some(password)) = (parts.next(), parts.next(), parts.next()) else {
        return Turn::Refuse(Reply::not_credentials());
    };
    match name(is) {
        Some(name) if acts_for.is_empty() || acts_for == is => {
            Turn::Check(Credentials { name, password: password.to_vec() })
        }
        _ => Turn::Refuse(Reply::not_credentials()),
    }
}

/// Names go to logs and the database: UTF-8 without control characters, and not empty.
fn name(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?;
    (!name.is_empty() && !name.contains(char::is_control)).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn credentials(name: &str, password: &str) -> Turn {
        Turn::Check(Credentials { name: name.to_owned(), password: password.as_bytes().to_vec() })
    }

    fn line(text: &str) -> Vec<u8> {
        BASE64.encode(text).into_bytes()
    }

    #[test]
    fn plain_in_one_line() {
        for (sent, expected) in [
            ("\0ups\0secret", credentials("ups", "secret")),
            ("ups\0ups\0secret", credentials("ups", "secret")),
            ("\0ups\0", credentials("ups", "")),
            ("\0ups\0with\0nul", credentials("ups", "with\0nul")),
            ("\0gerät\0pässwort", credentials("gerät", "pässwort")),
            ("root\0ups\0secret", Turn::Refuse(Reply::not_credentials())),
            ("\0\0secret", Turn::Refuse(Reply::not_credentials())),
            ("\0u\ns\0secret", Turn::Refuse(Reply::not_credentials())),
            ("ups secret", Turn::Refuse(Reply::not_credentials())),
        ] {
            assert_eq!(begin("PLAIN", &line(sent)), expected, "{sent:?}");
            assert_eq!(Exchange::Plain.read(&line(sent)), expected, "{sent:?} on a line of its own");
        }
        // As RFC 4616 section 4 has it, and without its padding.
        let example = credentials("tim", "tanstaaftanstaaf");
        assert_eq!(begin("PLAIN", b"AHRpbQB0YW5zdGFhZnRhbnN0YWFm"), example);
        assert_eq!(begin("PLAIN", b"AHVwcwBzZWNyZXQ"), credentials("ups", "secret"));
        assert_eq!(begin("PLAIN", b"="), Turn::Refuse(Reply::not_credentials()));
    }

    #[test]
    fn login_in_two_or_three() {
        let asked = Turn::Ask(Exchange::Password("ups".to_owned()), Reply::challenge(PASSWORD));
        assert_eq!(begin("LOGIN", b""), Turn::Ask(Exchange::Name, Reply::challenge(USERNAME)));
        assert_eq!(Exchange::Name.read(&line("ups")), asked);
        assert_eq!(begin("LOGIN", &line("ups")), asked);
        assert_eq!(Exchange::Password("ups".to_owned()).read(&line("secret")), credentials("ups", "secret"));
        assert_eq!(Exchange::Name.read(b""), Turn::Refuse(Reply::not_credentials()));
    }

    #[test]
    fn what_ends_an_exchange() {
        for exchange in [Exchange::Plain, Exchange::Name, Exchange::Password("ups".to_owned())] {
            assert_eq!(exchange.clone().read(b"*"), Turn::Refuse(Reply::cancelled()));
            assert_eq!(exchange.read(b"not base64!"), Turn::Refuse(Reply::not_base64()));
        }
        assert_eq!(begin("CRAM-MD5", b""), Turn::Refuse(Reply::unknown_mechanism()));
        assert!(matches!(begin("", b""), Turn::Refuse(_)));
    }

    #[test]
    fn a_password_is_not_shown() {
        let credentials = Credentials { name: "ups".to_owned(), password: b"secret".to_vec() };
        assert!(!format!("{credentials:?}").contains("secret") && !format!("{credentials:?}").contains("115"));
    }

    proptest! {
        #[test]
        fn any_line_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..100), encode in any::<bool>()) {
            let sent = if encode { BASE64.encode(&bytes).into_bytes() } else { bytes };
            for exchange in [Exchange::Plain, Exchange::Name, Exchange::Password("ups".to_owned())] {
                if let Turn::Check(credentials) = exchange.read(&sent) {
                    prop_assert!(!credentials.name.is_empty() && !credentials.name.contains(char::is_control));
                }
            }
        }
    }
}
