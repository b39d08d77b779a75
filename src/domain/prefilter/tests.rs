//! What patterns require, and which rules an index names.

use regex::RegexBuilder;

use super::{Need, Prefilter, Requirements, Scratch, required};

mod soundness;

/// The sets of a pattern, best first: `a|b & c` is one of a and b, and c.
fn sets(pattern: &str) -> String {
    let outline = required(pattern).unwrap();
    outline.requirements.sets.iter().map(|set| set.join("|")).collect::<Vec<_>>().join(" & ")
}

fn check(cases: &[(&str, &str)]) {
    for (pattern, expected) in cases {
        assert_eq!(sets(pattern), *expected, "{pattern}");
    }
}

#[test]
fn neighbours_join_across_groups() {
    check(&[
        ("disk", "disk"),
        ("DISK Full", "disk full"),
        (
            r"^\*\* (?<t>PROBLEM|RECOVERY) Alert: (?<host>web-0042)/",
            "** problem alert: web-0042/|** recovery alert: web-0042/",
        ),
        (r"^(?<h>[^/]+) is (?<s>DOWN|UP)$", " is down| is up"),
        (r"(?<a>(?<b>x(?:y))z+)end", "zend & xyz"),
        (r"(?m)^Host: (?<host>.+)$\n^State: (?<s>\w+)", "\nstate:  & host: "),
        (r"foo\d+bar\s*baz", "bar & baz & foo"),
        (r"(?:abc\d|\d+defg)hij", "hij & abc|defg"),
    ]);
}

#[test]
fn alternatives_unite() {
    check(&[
        ("DOWN|critical|Failed", "critical|down|failed"),
        ("(?:foo|bar)baz", "barbaz|foobaz"),
        (r"(?:foo\d+|bar)baz(?:one|\w)", "baz & bar|foo"),
        (r"(?:foo|\d+)", ""),
        (r"(?:failure|fail)s", "fails|failures"),
        (r"(?:failure|fail)", "fail"),
        ("abc|", ""),
        ("web[12]x", "web1x|web2x"),
        ("web[0-9]x", "web"),
        ("[ab][ab][ab][ab][ab]x", "aaaa|aaab|aaba|aabb|abaa|abab|abba|abbb|baaa|baab|baba|babb|bbaa|bbab|bbba|bbbb"),
    ]);
}

#[test]
fn repetitions_promise_what_is_sure() {
    check(&[
        ("(?:abc)*", ""),
        ("problems?: x", "problem: x|problems: x"),
        ("abcd?", "abc"),
        ("(?:abc)+def", "abcdef"),
        ("x(?:abc){2}y", "xabcabcy"),
        ("x(?:abc){2,}y", "abcy & xabc"),
        ("x(?:abc){0,3}defg", "defg"),
        ("(?:a{30}){3}bcd", &format!("{}bcd", "a".repeat(90))),
        (r"(?:){400000000}abc", "abc"),
        (r"(?:ab\d){2}", "ab"),
    ]);
}

#[test]
fn ways_to_write_a_letter_are_one() {
    check(&[
        ("(?i)Disk FULL", "disk full"),
        ("[Cc]ritical", "critical"),
        ("(?i)störung: ÉÀ", "störung: éà"),
        ("(?i)ΣΑΣ", "σασ"),
        ("(?i)авария", "авария"),
        ("\u{212a}elvin ſ", "kelvin s"),
        ("(?i-u)disk", "disk"),
        ("(?i)straße", "straße"),
    ]);
}

#[test]
fn short_literals_stand_in_when_there_is_nothing_else() {
    check(&[
        ("a.b", ""),
        ("OK.", "ok"),
        ("OK.+(?:abc|abd)", "abc|abd"),
        ("OK.*x", "ok"),
        (".+", ""),
        (r"\bUP\b", "up"),
        ("", ""),
    ]);
}

#[test]
fn names_come_in_order_and_deep_nesting_is_refused() {
    assert_eq!(required("(?<a>(?<b>x)|(y)(?P<c>z))").unwrap().names, ["a", "b", "c"]);
    assert!(required("(").is_err());
    assert!(required(&("(".repeat(49) + &")".repeat(49))).is_ok());
    assert!(required(&("(".repeat(60) + &")".repeat(60))).is_err());
}

#[test]
fn long_literals_are_cut() {
    let outline = required(&"0123456789".repeat(400)).unwrap();
    assert!(outline.requirements.sets.iter().flatten().all(|literal| (96..=100).contains(&literal.len())));
    let outline = required(&format!("(?i){}", "öß".repeat(500))).unwrap();
    assert!(outline.requirements.sets.iter().flatten().all(|literal| literal.len() >= 96));
}

#[test]
fn the_size_is_a_bound() {
    for pattern in [
        "",
        "a",
        "abc|abd|xyz",
        r"\w",
        r"\W",
        r"\d+",
        r"\S+@\S+",
        ".",
        "(?s).",
        r"\p{L}",
        r"\P{Greek}{3}",
        "[^/]+",
        "(?i)disk full",
        "a{100}",
        "(?:ab?){50}",
        r"\b\w+\b",
        "(?-u)[a-z]+",
        "^(?<a>.+) is (?<b>[A-Z]+)$",
        "(?:a|b|cd|e*){9}",
        r"[\s\S]{20}",
        "[\u{80}-\u{10ffff}]",
        "[\u{7ff}-\u{800}\u{ffff}-\u{10000}]",
        r"(?m)(?R)^x$",
        "(?:)",
        r"\w{0,3}?",
        "foo|foobar|foob|f",
    ] {
        let size = required(pattern).unwrap().size;
        let built = |limit: usize| RegexBuilder::new(pattern).size_limit(limit).build();
        assert!(built(size).is_ok(), "{pattern}: {size} is not enough");
    }
    let size = |pattern: &str| required(pattern).unwrap().size;
    assert!(
        size(r"^\*\* (?<t>PROBLEM) Service Alert: (?<host>[^/]+)/(?<service>.+) is (?<state>[A-Z]+) \*\*$") < 20_000
    );
    assert!(size(r"\w+ \w+ \w+ \w+") < 1 << 20);
    assert!(size(r"\w{500}") > 1 << 20);
}

/// Rules in the order given; a rule is a list of criteria, each a field and patterns of which one has to match.
fn index(rules: &[&[(usize, &[&str])]]) -> Prefilter {
    let need = |(field, patterns): &(usize, &[&str])| Need {
        weight: 1,
        field: *field,
        any: patterns.iter().map(|pattern| required(pattern).unwrap().requirements).collect(),
    };
    Prefilter::build(rules.iter().map(|rule| rule.iter().map(need).collect()))
}

fn candidates(index: &Prefilter, fields: &[&[&str]], scratch: &mut Scratch) -> Vec<u32> {
    let values = |field: usize, see: &mut dyn FnMut(&str)| {
        fields.get(field).into_iter().flat_map(|values| values.iter()).for_each(|value| see(value));
    };
    index.candidates(values, scratch).to_vec()
}

#[test]
fn rules_are_found_by_their_rarest_literals() {
    let index = index(&[
        &[(0, &["PROBLEM.*web-1"]), (1, &["disk"])],
        &[(0, &["PROBLEM.*web-2"]), (1, &["disk"])],
        &[(0, &["PROBLEM.*"]), (1, &["disk"])],
        &[(2, &[".*"])],
        &[(1, &["memory", "swap"])],
        &[(1, &["memory", "."])],
        &[],
    ]);
    assert_eq!(index.always(), 3);
    let mut scratch = Scratch::default();
    let mut check = |fields: &[&[&str]], expected: &[u32]| {
        assert_eq!(candidates(&index, fields, &mut scratch), expected, "{fields:?}");
    };
    check(&[], &[3, 5, 6]);
    check(&[&["Problem on WEB-1"], &["disk"]], &[0, 2, 3, 5, 6]);
    check(&[&["x", "Problem web-2"], &["-", "Disk"]], &[1, 2, 3, 5, 6]);
    check(&[&["disk"], &["problem web-1"]], &[3, 5, 6]);
    check(&[&[], &["swap and memory and swap"]], &[3, 4, 5, 6]);
}

#[test]
fn a_common_set_is_backed_by_a_second_one() {
    let patterns: Vec<(String, String)> =
        (0..400).map(|i| (format!("on host-{:02} now", i / 20), format!("check-{:02}: ", i % 20))).collect();
    let rules = patterns.iter().map(|(host, check)| {
        let need = |field, pattern: &str| Need { field, any: vec![required(pattern).unwrap().requirements], weight: 1 };
        vec![need(0, host), need(1, check)]
    });
    let index = Prefilter::build(rules);
    let mut scratch = Scratch::default();
    assert_eq!(candidates(&index, &[&["down on host-03 now"], &["check-07: bad"]], &mut scratch), [67]);
    assert_eq!(candidates(&index, &[&["down on host-03 now"], &["check-7: bad"]], &mut scratch), [0_u32; 0]);
}

#[test]
fn one_literal_of_many_rules_and_many_times_in_a_mail() {
    let rule = || vec![Need { field: 0, any: vec![Requirements::plain("aaa")], weight: 1 }];
    let index = Prefilter::build((0..1000).map(|_| rule()));
    let mut scratch = Scratch::default();
    let body = "a".repeat(300_000);
    assert!(candidates(&index, &[&[&body, &body]], &mut scratch).into_iter().eq(0..1000));
}

#[test]
fn marks_do_not_outlive_a_mail_or_a_rulebook() {
    let (one, two) = (index(&[&[(0, &["abc"])]]), index(&[&[(0, &["xyz"])]]));
    let mut scratch = Scratch { now: u32::MAX - 1, ..Scratch::default() };
    for _ in 0..3 {
        assert_eq!(candidates(&one, &[&["abc"]], &mut scratch), [0]);
        assert_eq!(candidates(&two, &[&["abc"]], &mut scratch), [0_u32; 0]);
        assert_eq!(candidates(&two, &[&["xyz"]], &mut scratch), [0]);
    }
}
