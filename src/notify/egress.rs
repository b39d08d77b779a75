//! Where requests may go (I37): the guard against requests that reach inside, checked on the addresses that are
//! then connected to.
//!
//! Sources: the IANA IPv4 and IPv6 special-purpose address registries, RFC 6890, RFC 6052 (NAT64), RFC 4291, and
//! the addresses where clouds tell virtual machines their secrets.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use url::{Host, Url};

/// Networks of IPv4 that are not the public Internet, with what they are.
const SPECIAL_V4: [(Ipv4Addr, u8, &str); 17] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "this network"),
    (Ipv4Addr::new(10, 0, 0, 0), 8, "private"),
    (Ipv4Addr::new(100, 64, 0, 0), 10, "shared by a provider (CGNAT)"),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "loopback"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local"),
    (Ipv4Addr::new(172, 16, 0, 0), 12, "private"),
    (Ipv4Addr::new(192, 0, 0, 0), 24, "for protocols"),
    (Ipv4Addr::new(192, 0, 2, 0), 24, "for documentation"),
    (Ipv4Addr::new(192, 31, 196, 0), 24, "AS112"),
    (Ipv4Addr::new(192, 52, 193, 0), 24, "AMT"),
    (Ipv4Addr::new(192, 88, 99, 0), 24, "a 6to4 relay"),
    (Ipv4Addr::new(192, 168, 0, 0), 16, "private"),
    (Ipv4Addr::new(192, 175, 48, 0), 24, "AS112"),
    (Ipv4Addr::new(198, 18, 0, 0), 15, "for benchmarks"),
    (Ipv4Addr::new(198, 51, 100, 0), 24, "for documentation"),
    (Ipv4Addr::new(203, 0, 113, 0), 24, "for documentation"),
    // Multicast, reserved and broadcast follow each other to the end.
    (Ipv4Addr::new(224, 0, 0, 0), 3, "multicast or reserved"),
];

/// Networks of IPv6 inside the global unicast range 2000::/3 that are not the public Internet. What is outside
/// that range is refused as a whole: loopback, unique local, link-local, site-local, multicast and the rest.
const SPECIAL_V6: [(Ipv6Addr, u8, &str); 5] = [
    (Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23, "for protocols (Teredo, ORCHID and others)"),
    (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32, "for documentation"),
    (Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16, "6to4"),
    (Ipv6Addr::new(0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0), 48, "AS112"),
    (Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20, "for documentation"),
];

/// Where clouds tell virtual machines their secrets. Allowed only by a network of that one address.
const METADATA: [IpAddr; 6] = [
    // AWS, Google, Azure, Oracle, DigitalOcean, OpenStack.
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    // AWS container credentials.
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    // Alibaba.
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    // Azure's platform, in public space.
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    // AWS, Google.
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];

/// Why a target is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// Neither http nor https.
    Scheme,
    /// User and password in a URL end up in logs.
    Credentials,
    /// No host or port.
    Host,
    /// The name has no address.
    Unresolved,
    /// The addresses are not those of the host that is written in numbers.
    Mismatch,
    /// This address, which is that.
    Address(IpAddr, &'static str),
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("the target is neither http nor https"),
            Self::Credentials => f.write_str("the target names a user or a password"),
            Self::Host => f.write_str("the target names no host or no port"),
            Self::Unresolved => f.write_str("the target's name has no address"),
            Self::Mismatch => f.write_str("the target's addresses are not what it names"),
            Self::Address(address, what) => write!(f, "the target's address {address} is {what}"),
        }
    }
}

impl std::error::Error for Refused {}

/// Where to connect for this URL, given what its name resolved to. The connection must use exactly these: a name
/// may resolve to something else a moment later. `allowed` are networks that may be reached in spite of what they
/// are. One forbidden address refuses the whole name: nobody honest mixes them.
///
/// # Errors
/// Why the target may not be called.
pub fn judge(url: &Url, addresses: &[IpAddr], allowed: &[IpNet]) -> Result<Vec<SocketAddr>, Refused> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refused::Scheme);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refused::Credentials);
    }
    let port = url.port_or_known_default().filter(|port| *port > 0).ok_or(Refused::Host)?;
    let written = match url.host().ok_or(Refused::Host)? {
        Host::Domain(_) => None,
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(IpAddr::V6(address)),
    };
    if addresses.is_empty() {
        return Err(Refused::Unresolved);
    }
    if written.is_some_and(|written| addresses.iter().any(|address| *address != written)) {
        return Err(Refused::Mismatch);
    }
    for address in addresses {
        judge_address(*address, allowed)?;
    }
    Ok(addresses.iter().map(|address| SocketAddr::new(*address, port)).collect())
}

/// Whether one address may be connected to.
///
/// # Errors
/// What it is.
pub fn judge_address(address: IpAddr, allowed: &[IpNet]) -> Result<(), Refused> {
    let inner = embedded(address);
    let refused = |what| Err(Refused::Address(address, what));
    let within = |net: &&IpNet| net.contains(&address) || net.contains(&inner);
    if METADATA.contains(&inner) {
        let named = allowed.iter().filter(within).any(|net| net.prefix_len() == net.max_prefix_len());
        return if named { Ok(()) } else { refused("where a cloud tells its secrets") };
    }
    if allowed.iter().any(|net| within(&net)) {
        return Ok(());
    }
    match special(inner) {
        Some(what) => refused(what),
        None => Ok(()),
    }
}

/// The IPv4 address a network would reach for this one: mapped (RFC 4291 section 2.5.5.2) or behind the well-known
/// NAT64 prefix (RFC 6052 section 2.1). Other translations are refused as they are.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        _ => address,
    }
}

fn special(address: IpAddr) -> Option<&'static str> {
    match address {
        IpAddr::V4(address) => {
            let found = SPECIAL_V4.iter().find(|(net, length, _)| in_v4(*net, *length, address));
            found.map(|(_, _, what)| *what)
        }
        IpAddr::V6(address) if address.is_loopback() => Some("loopback"),
        IpAddr::V6(address) if address.segments()[0] >> 13 != 1 => Some("not on the public Internet"),
        IpAddr::V6(address) => {
            let found = SPECIAL_V6.iter().find(|(net, length, _)| in_v6(*net, *length, address));
            found.map(|(_, _, what)| *what)
        }
    }
}

fn in_v4(net: Ipv4Addr, length: u8, address: Ipv4Addr) -> bool {
    Ipv4Net::new(net, length).is_ok_and(|net| net.contains(&address))
}

fn in_v6(net: Ipv6Addr, length: u8, address: Ipv6Addr) -> bool {
    Ipv6Net::new(net, length).is_ok_and(|net| net.contains(&address))
}

#[cfg(test)]
mod tests;
