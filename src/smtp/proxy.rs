//! The PROXY protocol, versions 1 and 2: a load balancer says in front of everything else for whom it speaks
//! (haproxy's doc/proxy-protocol.txt). Only read from peers that are listed; anybody else could pretend to be anybody.
//!
//! Pure: the reader of the socket is told how many bytes it may take without touching what stands behind the header.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What version 2 begins with; no line of text does.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Longest header of version 1, its line end included (section 2.1).
const V1_BYTES_MAX: usize = 107;

/// Shortest header of version 1: `PROXY UNKNOWN` and its line end.
const V1_BYTES_MIN: usize = 15;

/// Longest header of version 2 that is read. Addresses take 36 bytes; the rest are notes about the client's TLS,
/// its host name and the like, which nobody here needs.
const V2_BYTES_MAX: usize = 4096;

/// What the bytes so far mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Header {
    /// So many more bytes, all of them part of the header.
    More(usize),
    /// The whole header. An address is given for a client; none when the proxy speaks for itself, or for somebody
    /// who has no address.
    Whole(Option<IpAddr>),
    /// No header.
    Invalid,
}

/// Reads the bytes that came so far: never more than were asked for.
pub fn read(bytes: &[u8]) -> Header {
    let (text, binary) = (b"PROXY ".as_slice(), SIGNATURE.as_slice());
    let begins = |with: &[u8]| bytes.iter().zip(with).all(|(byte, expected)| byte == expected);
    if begins(text) {
        read_text(bytes)
    } else if begins(binary) {
        read_binary(bytes)
    } else {
        Header::Invalid
    }
}

fn read_text(bytes: &[u8]) -> Header {
    if bytes.len() < V1_BYTES_MIN {
        return Header::More(V1_BYTES_MIN - bytes.len());
    }
    let Some(line) = bytes.strip_suffix(b"\r\n") else {
        // The end is CR and LF, so at least as much is missing of it.
        let missing = if bytes.ends_with(b"\r") { 1 } else { 2 };
        let room = bytes.len() + missing <= V1_BYTES_MAX;
        return if room && !bytes.contains(&b'\n') { Header::More(missing) } else { Header::Invalid };
    };
    let Some(words) = std::str::from_utf8(line).ok().and_then(|line| line.strip_prefix("PROXY ")) else {
        return Header::Invalid;
    };
    let words: Vec<&str> = words.split(' ').collect();
    match words.as_slice() {
        ["UNKNOWN", ..] => Header::Whole(None),
        ["TCP4", from, to, ports @ ..] => addresses::<Ipv4Addr>(from, to, ports),
        ["TCP6", from, to, ports @ ..] => addresses::<Ipv6Addr>(from, to, ports),
        _ => Header::Invalid,
    }
}

fn addresses<A: std::str::FromStr + Into<IpAddr>>(from: &str, to: &str, ports: &[&str]) -> Header {
    let is_port = |port: &&str| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit());
    match (from.parse::<A>(), to.parse::<A>(), ports) {
        (Ok(from), Ok(_), [a, b]) if is_port(a) && is_port(b) => Header::Whole(Some(from.into())),
        _ => Header::Invalid,
    }
}

fn read_binary(bytes: &[u8]) -> Header {
    let Some((fixed, rest)) = bytes.split_first_chunk::<16>() else { return Header::More(16 - bytes.len()) };
    let [version_and_command, family, high, low] = [fixed[12], fixed[13], fixed[14], fixed[15]];
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version_and_command >> 4 != 2 || 16 + length > V2_BYTES_MAX {
        return Header::Invalid;
    }
    if rest.len() < length {
        return Header::More(length - rest.len());
    }
    match (version_and_command & 0xf, family >> 4) {
        // LOCAL: the proxy asks for itself, as for a health check.
        (0, _) => Header::Whole(None),
        (1, 1) => rest
            .first_chunk::<4>()
            .filter(|_| length >= 12)
            .map_or(Header::Invalid, |from| Header::Whole(Some(IpAddr::from(*from)))),
        (1, 2) => rest
            .first_chunk::<16>()
            .filter(|_| length >= 36)
            .map_or(Header::Invalid, |from| Header::Whole(Some(IpAddr::from(*from)))),
        // AF_UNSPEC and AF_UNIX.
        (1, 0 | 3) => Header::Whole(None),
        _ => Header::Invalid,
    }
}

#[cfg(test)]
mod tests;
