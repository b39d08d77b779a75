use super::*;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn nets(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// First and last address of every entry of the registries that is not reachable for everybody.
#[rustfmt::skip]
const SPECIAL: &[&str] = &[
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.0",
    "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0",
    "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.170", "192.0.0.192", "192.0.0.255", "192.0.2.0",
    "192.0.2.255", "192.31.196.1", "192.52.193.1", "192.88.99.0", "192.88.99.2", "192.88.99.255", "192.168.0.0",
    "192.168.255.255", "192.175.48.1", "198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255",
    "203.0.113.0", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
    "168.63.129.16", "100.100.100.200", "::", "::1", "::2", "::127.0.0.1", "::8.8.8.8", "::ffff:0:0",
    "::ffff:127.0.0.1", "::ffff:10.1.2.3", "::ffff:169.254.169.254", "::ffff:0:8.8.8.8", "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254", "64:ff9b::127.0.0.1", "64:ff9b:1::", "64:ff9b:1::808:808",
    "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", "100::", "100::ffff:ffff:ffff:ffff", "100:0:0:1::1", "2001::", "2001::1",
    "2001:1::1", "2001:1::2", "2001:1::3", "2001:2::1", "2001:3::1", "2001:4:112::1", "2001:10::1", "2001:20::1",
    "2001:30::1", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002::", "2002:7f00:1::1", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::1", "3fff::",
    "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "5f00::1", "fc00::", "fd00:ec2::254", "fd20:ce::254",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "fe80::1", "fe80::ffff", "febf::1", "fec0::1", "ff00::", "ff02::1",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "4000::1", "1fff::1",
];

#[test]
fn the_special_registries_are_refused() {
    for refused in SPECIAL {
        assert!(judge_address(address(refused), &[]).is_err(), "{refused}");
    }
}

#[test]
fn the_neighbours_are_public() {
    for public in [
        "1.0.0.0",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.0.1.0",
        "192.0.3.0",
        "192.167.255.255",
        "192.169.0.0",
        "198.17.255.255",
        "198.20.0.0",
        "198.51.99.255",
        "203.0.114.0",
        "223.255.255.255",
        "168.63.129.15",
        "2001:200::",
        "2001:db7::1",
        "2001:db9::1",
        "2003::1",
        "2606:4700::1111",
        "3ffe::1",
        "3fff:1000::1",
        "2000::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
    ] {
        assert_eq!(judge_address(address(public), &[]), Ok(()), "{public}");
    }
}

#[test]
fn what_is_allowed_is_reached() {
    let inside = nets(&["10.1.0.0/16", "fd12::/16", "127.0.0.1/32"]);
    for allowed in ["10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::1", "127.0.0.1"] {
        assert_eq!(judge_address(address(allowed), &inside), Ok(()), "{allowed}");
    }
    for refused in ["10.2.0.0", "127.0.0.2", "fd13::1", "::1"] {
        assert!(judge_address(address(refused), &inside).is_err(), "{refused}");
    }
}

#[test]
fn clouds_secrets_need_their_own_line() {
    let everything = nets(&["0.0.0.0/0", "::/0"]);
    assert_eq!(judge_address(address("10.0.0.1"), &everything), Ok(()));
    for secret in
        ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200"]
    {
        assert!(judge_address(address(secret), &everything).is_err(), "{secret}");
    }
    assert_eq!(judge_address(address("169.254.169.254"), &nets(&["169.254.169.254/32"])), Ok(()));
}

#[test]
fn hosts_in_any_disguise() {
    for (text, literal) in [
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://017700000001/", "127.0.0.1"),
        ("http://127.1/", "127.0.0.1"),
        ("http://１２７.0.0.1/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://[::ffff:7f00:1]/", "::ffff:7f00:1"),
    ] {
        let refused = judge(&url(text), &[address(literal)], &[]);
        assert!(matches!(refused, Err(Refused::Address(..))), "{text}: {refused:?}");
        // Whatever a resolver says of a host in numbers, it is that host.
        assert_eq!(judge(&url(text), &[address("8.8.8.8")], &[]), Err(Refused::Mismatch), "{text}");
    }
}

#[test]
fn targets() {
    let public = [address("8.8.8.8"), address("2606:4700::1111")];
    let connect = judge(&url("https://h.example/x"), &public, &[]).unwrap();
    assert_eq!(connect, ["8.8.8.8:443".parse().unwrap(), "[2606:4700::1111]:443".parse().unwrap()]);
    let connect = judge(&url("http://h.example:8080/"), &public[..1], &[]).unwrap();
    assert_eq!(connect, ["8.8.8.8:8080".parse().unwrap()]);
    for (text, addresses, why) in [
        ("ftp://h.example/", &public[..], Refused::Scheme),
        ("file:///etc/passwd", &public[..], Refused::Scheme),
        ("https://u:p@h.example/", &public[..], Refused::Credentials),
        ("https://u@h.example/", &public[..], Refused::Credentials),
        ("http://h.example:0/", &public[..], Refused::Host),
        ("https://h.example/", &[][..], Refused::Unresolved),
    ] {
        assert_eq!(judge(&url(text), addresses, &[]), Err(why), "{text}");
    }
    // A resolver that mixes in an inner address, as rebinding does.
    let mixed = [address("8.8.8.8"), address("10.0.0.1")];
    let refused = judge(&url("https://h.example/"), &mixed, &[]).unwrap_err();
    assert_eq!(refused.to_string(), "the target's address 10.0.0.1 is private");
}

proptest::proptest! {
    #[test]
    fn a_mapped_address_is_judged_as_itself(bits in proptest::prelude::any::<u32>()) {
        let v4 = Ipv4Addr::from(bits);
        let plain = judge_address(IpAddr::V4(v4), &[]).is_ok();
        let mapped = judge_address(IpAddr::V6(v4.to_ipv6_mapped()), &[]).is_ok();
        proptest::prop_assert_eq!(plain, mapped);
        let special = [
            v4.is_private(), v4.is_loopback(), v4.is_link_local(), v4.is_multicast(), v4.is_broadcast(),
            v4.is_unspecified(), v4.is_documentation(),
        ];
        proptest::prop_assert!(!plain || special == [false; 7]);
    }
}
