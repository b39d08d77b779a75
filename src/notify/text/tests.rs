use super::*;
use crate::notify::tests::sample;

#[test]
fn lines_are_cut_at_characters() {
    for (text, max, expected) in
        [("abc", 3, "abc"), ("abcd", 3, "ab…"), ("日本語", 2, "日…"), ("ab", 1, "…"), ("ab", 0, "")]
    {
        assert_eq!(cut(text, max), expected);
    }
    for (text, max, expected) in
        [("abc", 3, "abc"), ("abcdef", 5, "ab…"), ("日本語", 8, "日…"), ("日本語", 3, "…"), ("日本", 2, "")]
    {
        assert_eq!(cut_bytes(text, max), expected);
        assert!(cut_bytes(text, max).len() <= max);
    }
}

#[test]
fn one_line_has_no_other() {
    for (text, expected) in [
        ("a\r\nBcc: x", "a Bcc: x"),
        ("\u{1b}[31mred\u{7}", "[31mred"),
        ("a\u{2028}b\u{85}c\u{0}d", "a b c d"),
        ("\u{202e}evil\u{2066}\u{200b}", "evil"),
        (" \t ", ""),
        ("👩\u{200d}🚒 日本", "👩\u{200d}🚒 日本"),
    ] {
        assert_eq!(one_line(text), expected);
    }
}

#[test]
fn only_web_addresses_are_linked() {
    for bad in [
        "javascript:alert(1)",
        "JAVASCRIPT:x",
        "data:text/html,x",
        "//h.example",
        "http://",
        "tg://user?id=1",
        "",
        "https://user:pass@h.example/",
        "https://h.example/\r\nX: y",
        "file:///etc/passwd",
        "mailto:a@b.example",
    ] {
        assert_eq!(web_address(bad), None, "{bad}");
    }
    for (url, expected) in [
        ("https://h.example/a|b>c", "https://h.example/a%7Cb%3Ec"),
        ("https://h.example/x)](y", "https://h.example/x%29](y"),
        ("http://h.example/\"x'", "http://h.example/%22x%27"),
        ("https://日本.example/é", "https://xn--wgv71a.example/%C3%A9"),
    ] {
        assert_eq!(web_address(url).map(|url| url.replace("%28", "(")).as_deref(), Some(expected), "{url}");
    }
    assert_eq!(web_address(&format!("https://h.example/{}", "x".repeat(URL_BYTES_MAX))), None);
}

#[test]
fn what_clients_link_is_broken() {
    for (text, expected) in [
        ("@all and a @ b", "@\u{200a}all and a @ b"),
        ("see https://x.example", "see https:/\u{200a}/x.example"),
        ("WWW.x.example", "WWW\u{200a}.x.example"),
        ("12:30 ww.x", "12:30 ww.x"),
    ] {
        assert_eq!(inert(text), expected);
    }
    assert_eq!(html("<a href=\"x\">&"), "&lt;a href=&quot;x&quot;&gt;&amp;");
    assert_eq!(backslash("*a* [b](c)", "*[]()"), "\\*a\\* \\[b\\]\\(c\\)");
    assert_eq!(full_width("*a* __b__ [c](d) e_f"), "＊a＊ ＿＿b＿＿ ［c］(d) e_f");
}

#[test]
fn a_page_in_words() {
    let told = sample::page("disk full", Told::of);
    assert_eq!(told.headline, "CRITICAL db: disk full");
    assert_eq!(
        told.lines(plain),
        ["Incident: #12", "Opened: 2026-11-21 09:00 JST", "Alerts: 3", "Host: db1", "Also #13 warning web: slow"]
    );
    assert_eq!(told.links, [("Runbook".to_owned(), "https://wiki.example/db".to_owned())]);
    assert_eq!(told.page.as_deref(), Some("https://nightcall.example/incidents/12"));
}

#[test]
fn other_kinds_in_words() {
    let headline = |kind| sample::message("disk full", kind, |message| Told::of(message).headline);
    assert_eq!(headline(Kind::Acknowledged { by: "ann\r\n" }), "Acknowledged by ann: CRITICAL db: disk full");
    assert_eq!(headline(Kind::Resolved { by: "mail" }), "Resolved by mail: CRITICAL db: disk full");
    assert_eq!(headline(Kind::OnCall { schedule: "night", until: None }), "You are on call for night now.");
    let until = Some(sample::now());
    let told = headline(Kind::OnCall { schedule: "night", until });
    assert_eq!(told, "You are on call for night until 2026-11-21 09:05 JST.");
    let test = sample::message("", Kind::Test, Told::of);
    assert_eq!(test.lines(plain), ["Code: K7"]);
}

#[test]
fn lines_fit() {
    let between: Vec<String> = (1..=9).map(|n| format!("line {n}")).collect();
    let last = ["Open: u".to_owned()];
    assert_eq!(fit("head", &between[..2], &last, 100, chars), "head\nline 1\nline 2\nOpen: u");
    assert_eq!(fit("head", &between, &last, 30, chars), "head\nline 1\nline 2\n…\nOpen: u");
    assert_eq!(fit("head", &between, &last, 9, chars), "…\nOpen: u");
    assert_eq!(fit("headline", &between, &last, 4, chars), "hea…");
}

proptest::proptest! {
    #[test]
    fn nothing_is_longer_than_allowed(
        first in ".{0,80}",
        between in proptest::collection::vec(".{0,20}", 0..6),
        max in 0_usize..120,
    ) {
        let last = ["end".to_owned()];
        proptest::prop_assert!(bytes(&fit(&first, &between, &last, max, bytes)) <= max);
        proptest::prop_assert!(chars(&fit(&first, &between, &last, max, chars)) <= max);
        proptest::prop_assert!(cut_bytes(&first, max).len() <= max);
        proptest::prop_assert!(cut(&first, max).chars().count() <= max);
    }

    #[test]
    fn nothing_panics(text in "\\PC*|.*") {
        let line = one_line(&text);
        proptest::prop_assert!(!line.contains(char::is_control), "a control character");
        for max in 0..12 {
            proptest::prop_assert_eq!(short(&text, max), cut(&line, max));
        }
        let _ = (inert(&text), html(&text), backslash(&text, "*"), full_width(&text), web_address(&text));
    }
}
