//! The examples of the protocol's description, what must be refused, and a second opinion (the crate `ppp`).

use std::net::SocketAddr;

use ppp::v2::{Builder, Command, Protocol, Version};
use proptest::prelude::*;

use super::*;

/// Reads as the connection does: as many bytes as asked for, no more. The header, and what was left unread.
fn fed(mut input: &[u8]) -> (Header, &[u8]) {
    let mut bytes = Vec::new();
    loop {
        match read(&bytes) {
            Header::More(0) => panic!("asks for nothing after {bytes:?}"),
            Header::More(count) => match input.split_at_checked(count) {
                Some((more, rest)) => {
                    bytes.extend_from_slice(more);
                    input = rest;
                }
                None => return (Header::More(count), input),
            },
            done => return (done, input),
        }
    }
}

fn whole(address: &str) -> Header {
    Header::Whole(Some(address.parse().expect("an address")))
}

#[test]
fn lines_of_version_1() {
    let longest = "PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535";
    for (line, expected) in [
        ("PROXY TCP4 192.0.2.7 192.0.2.1 56324 25", whole("192.0.2.7")),
        ("PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535", whole("255.255.255.255")),
        ("PROXY TCP6 2001:db8::7 2001:db8::1 56324 25", whole("2001:db8::7")),
        ("PROXY UNKNOWN", Header::Whole(None)),
        (longest, Header::Whole(None)),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 56324", Header::Invalid),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 56324 25 1", Header::Invalid),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 56324 65536", Header::Invalid),
        ("PROXY TCP4 192.0.2.7 192.0.2.1 +1 25", Header::Invalid),
        ("PROXY TCP4 192.0.2.7  192.0.2.1 56324 25", Header::Invalid),
        ("PROXY TCP4 2001:db8::7 2001:db8::1 56324 25", Header::Invalid),
        ("PROXY TCP6 192.0.2.7 192.0.2.1 56324 25", Header::Invalid),
        ("PROXY TCP4 mon01 192.0.2.1 56324 25", Header::Invalid),
        ("PROXY UDP4 192.0.2.7 192.0.2.1 56324 25", Header::Invalid),
        ("proxy TCP4 192.0.2.7 192.0.2.1 56324 25", Header::Invalid),
        ("EHLO mon01 and a long name of it", Header::Invalid),
    ] {
        let sent = format!("{line}\r\nEHLO mon01\r\n");
        let (header, rest) = fed(sent.as_bytes());
        assert_eq!(header, expected, "{line}");
        if header != Header::Invalid {
            assert_eq!(rest, b"EHLO mon01\r\n", "{line}: nothing behind it is touched");
        }
    }
    assert_eq!(fed(b"PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\nEHLO mon01\r\n").0, Header::Invalid, "no CR");
    assert_eq!(fed(format!("PROXY UNKNOWN {}\r\n", "x".repeat(200)).as_bytes()).0, Header::Invalid, "too long");
    assert_eq!(fed(b"PROXY TCP4 192.0.2.7 192.0.").0, Header::More(2), "it waits for the rest");
}

#[test]
fn blocks_of_version_2() {
    let block = |command: u8, family: u8, length: u16, rest: &[u8]| {
        [SIGNATURE.as_slice(), &[command, family], &length.to_be_bytes(), rest].concat()
    };
    let v4 = [192, 0, 2, 7, 192, 0, 2, 1, 0xdc, 4, 0, 25];
    let mut v6 = [0; 36];
    v6[..4].copy_from_slice(&[0x20, 1, 0xd, 0xb8]);
    let noted = [v4.as_slice(), &[4, 0, 1, 0]].concat();
    for (what, sent, expected) in [
        ("IPv4", block(0x21, 0x11, 12, &v4), whole("192.0.2.7")),
        ("IPv6", block(0x21, 0x21, 36, &v6), whole("2001:db8::")),
        ("a note behind", block(0x21, 0x11, 16, &noted), whole("192.0.2.7")),
        ("a health check", block(0x20, 0, 0, &[]), Header::Whole(None)),
        ("a health check with addresses", block(0x20, 0x11, 12, &v4), Header::Whole(None)),
        ("no family", block(0x21, 0, 0, &[]), Header::Whole(None)),
        ("a socket file", block(0x21, 0x31, 216, &[0; 216]), Header::Whole(None)),
        ("too short for its family", block(0x21, 0x11, 4, &v4[..4]), Header::Invalid),
        ("too short for IPv6", block(0x21, 0x21, 12, &v4), Header::Invalid),
        ("no such command", block(0x22, 0x11, 12, &v4), Header::Invalid),
        ("no such family", block(0x21, 0x41, 12, &v4), Header::Invalid),
        ("no such version", block(0x11, 0x11, 12, &v4), Header::Invalid),
        ("longer than anybody needs", block(0x21, 0x11, 60_000, &v4), Header::Invalid),
    ] {
        let sent = [sent.as_slice(), b"EHLO"].concat();
        let (header, rest) = fed(&sent);
        assert_eq!(header, expected, "{what}");
        assert!(header == Header::Invalid || rest == b"EHLO", "{what}: nothing behind it is touched");
    }
}

proptest! {
    #[test]
    fn any_bytes_are_a_header_or_not(bytes in prop::collection::vec(any::<u8>(), 0..200), prefix in 0..3_usize) {
        let prefix: &[u8] = [b"".as_slice(), b"PROXY TCP4 ", &SIGNATURE[..]][prefix];
        let _ = fed(&[prefix, &bytes].concat());
    }

    /// What another implementation writes is read, and not a byte more.
    #[test]
    fn agrees_with_ppp(
        from in any::<IpAddr>(), to in any::<IpAddr>(), ports in any::<(u16, u16)>(), behind in any::<[u8; 4]>(),
        note in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let to = if from.is_ipv4() == to.is_ipv4() { to } else { from };
        let pair = (SocketAddr::new(from, ports.0), SocketAddr::new(to, ports.1));
        let builder = Builder::with_addresses(Version::Two | Command::Proxy, Protocol::Stream, pair);
        let binary = builder.write_tlv(4_u8, &note).and_then(Builder::build).expect("built");
        let text = ppp::v1::Addresses::from(pair).to_string().into_bytes();
        for header in [binary, text] {
            let sent = [header.as_slice(), &behind].concat();
            prop_assert_eq!(fed(&sent), (Header::Whole(Some(from)), behind.as_slice()));
        }
    }
}
