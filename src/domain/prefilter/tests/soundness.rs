//! Whatever a pattern matches, its rule is a candidate; and the size bound holds. Patterns and matching texts are made
//! up here. `PROPTEST_CASES=200000 cargo test --release soundness` asks more.

use std::cell::Cell;

use proptest::prelude::*;
use regex::RegexBuilder;
use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};

use super::super::{Need, Prefilter, Scratch, required};

/// A pattern that can be written down and sampled.
#[derive(Debug, Clone)]
enum Node {
    Text(String),
    /// Members, and whether all others are meant.
    Class(Vec<char>, bool),
    /// `.`, `\d`, `\b`, … and what fits.
    Written(&'static str, &'static [&'static str]),
    Concat(Vec<Node>),
    Alternation(Vec<Node>),
    Repetition(Box<Node>, u32, Option<u32>, bool),
    Group(&'static str, Box<Node>),
    /// Without regard to case.
    Folded(Box<Node>),
}

const ALPHABET: &[char] = &[
    'a', 'b', 'd', 'i', 'k', 's', 'K', 'S', 'I', 'ſ', '\u{212a}', 'é', 'É', 'ß', 'ẞ', 'σ', 'ς', 'Σ', 'İ', 'ı', 'å',
    'Å', '\u{212b}', 'ǆ', 'ǅ', 'Ω', '\u{2126}', 'µ', 'μ', 'ᏸ', 'Ᏸ', '火', ' ', '-', '/', '1', '2', '\n', '\u{345}',
    'ι', 'Ι',
];

const WORDS: &[&str] = &[
    "disk", "PROBLEM", "Kiosk", "web-", "on ", ": ", "ok", "Straße", "ÉÉ", "is DOWN", "aab", "ab", "x", "ΣΑΣ", "0042",
];

impl Node {
    fn write(&self, to: &mut String) {
        match self {
            Self::Text(text) => to.push_str(&regex::escape(text)),
            Self::Class(chars, negated) => {
                to.push_str(if *negated { "[^" } else { "[" });
                chars.iter().for_each(|c| to.push_str(&regex_syntax::escape(&c.to_string())));
                to.push(']');
            }
            Self::Written(pattern, _) => to.push_str(pattern),
            Self::Concat(nodes) => nodes.iter().for_each(|node| node.write(to)),
            Self::Alternation(nodes) => {
                for (i, node) in nodes.iter().enumerate() {
                    to.push_str(if i == 0 { "(?:" } else { "|" });
                    node.write(to);
                }
                to.push(')');
            }
            Self::Repetition(node, min, max, lazy) => {
                to.push_str("(?:");
                node.write(to);
                to.push_str(&match (min, max) {
                    (0, Some(1)) => ")?".to_owned(),
                    (0, None) => ")*".to_owned(),
                    (1, None) => ")+".to_owned(),
                    (min, Some(max)) => format!("){{{min},{max}}}"),
                    (min, None) => format!("){{{min},}}"),
                });
                to.push_str(if *lazy { "?" } else { "" });
            }
            Self::Group(open, node) => {
                to.push_str(open);
                node.write(to);
                to.push(')');
            }
            Self::Folded(node) => {
                to.push_str("(?i:");
                node.write(to);
                to.push(')');
            }
        }
    }

    /// Appends a text that this matches, but for look-arounds.
    fn sample(&self, folded: bool, random: &mut Random, to: &mut String) {
        match self {
            Self::Text(text) => text.chars().for_each(|c| to.push(if folded { random.variant(c) } else { c })),
            Self::Class(chars, false) => {
                let c = *random.pick(chars);
                to.push(if folded { random.variant(c) } else { c });
            }
            Self::Class(_, true) => to.push(*random.pick(ALPHABET)),
            Self::Written(_, texts) => to.push_str(random.pick::<&str>(texts)),
            Self::Concat(nodes) => nodes.iter().for_each(|node| node.sample(folded, random, to)),
            Self::Alternation(nodes) => random.pick(nodes).sample(folded, random, to),
            Self::Repetition(node, min, max, _) => {
                let most = max.unwrap_or(min + 3).min(min + 3);
                for _ in 0..min + random.below(most - min + 1) {
                    node.sample(folded, random, to);
                }
            }
            Self::Group(_, node) => node.sample(folded, random, to),
            Self::Folded(node) => node.sample(true, random, to),
        }
    }
}

/// A small generator of numbers (SplitMix64), so that a sample depends on its seed alone.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        u32::try_from(mixed >> 33).unwrap() % limit
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(u32::try_from(items.len()).unwrap()) as usize]
    }

    /// One of the ways to write a letter that `(?i)` takes for the same.
    fn variant(&mut self, c: char) -> char {
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
        class.case_fold_simple();
        let all: Vec<char> = class.iter().flat_map(|range| range.start()..=range.end()).collect();
        *self.pick(&all)
    }
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        4 => prop::sample::select(WORDS).prop_map(|word| Node::Text(word.to_owned())),
        3 => prop::collection::vec(prop::sample::select(ALPHABET), 1..6).prop_map(|c| Node::Text(c.into_iter().collect())),
        2 => (prop::collection::vec(prop::sample::select(ALPHABET), 1..5), prop::bool::weighted(0.2))
            .prop_map(|(chars, negated)| Node::Class(chars, negated)),
        1 => prop::sample::select(&[
            Node::Written(".", &["a", "火", "K"]),
            Node::Written(r"\d", &["0", "7", "٣"]),
            Node::Written(r"\w+", &["a", "ſé", "web"]),
            Node::Written(r"[0-2]", &["0", "1", "2"]),
            Node::Written(r"[\s\S]", &["\n", "k"]),
            Node::Written("", &[""]),
            Node::Written("(?:)", &[""]),
            Node::Written(r"\b", &["", " "]),
            Node::Written(r"\B", &["", "a"]),
            Node::Written("(?m:^)", &["", "\n"]),
            Node::Written("(?m:$)", &["", "\n"]),
            Node::Written("(?-u:[a-c])", &["a", "b", "c"]),
            Node::Written("(?i-u:k)", &["k", "K"]),
            Node::Written(r"\p{Greek}", &["σ", "Ω"]),
            Node::Written("(?:web1|web2|web10)", &["web1", "web10", "web2"]),
        ][..]),
    ];
    leaf.prop_recursive(5, 30, 5, |inner| {
        prop_oneof![
            5 => prop::collection::vec(inner.clone(), 1..6).prop_map(Node::Concat),
            3 => prop::collection::vec(inner.clone(), 1..6).prop_map(Node::Alternation),
            2 => (inner.clone(), 0..4_u32, prop::option::of(0..4_u32), any::<bool>())
                .prop_map(|(node, min, more, lazy)| Node::Repetition(Box::new(node), min, more.map(|more| min + more), lazy)),
            2 => (prop::sample::select(&["(", "(?:", "(?s:", "(?U:", "(?R:"][..]), inner.clone())
                .prop_map(|(open, node)| Node::Group(open, Box::new(node))),
            1 => inner.prop_map(|node| Node::Folded(Box::new(node))),
        ]
    })
}

/// How many cases matched, and of those had a pattern that requires something.
#[derive(Default)]
struct Tally {
    matched: Cell<u64>,
    indexed: Cell<u64>,
}

fn check(nodes: &[Node], seed: u64, tally: &Tally) -> Result<(), TestCaseError> {
    let patterns: Vec<String> = nodes
        .iter()
        .map(|node| {
            let mut pattern = String::new();
            node.write(&mut pattern);
            pattern
        })
        .collect();
    let outlines: Vec<_> = patterns.iter().map(|pattern| required(pattern).unwrap()).collect();
    let regexes: Vec<_> = std::iter::zip(&patterns, &outlines)
        .map(|(pattern, outline)| RegexBuilder::new(pattern).size_limit(outline.size).build())
        .collect::<Result<_, _>>()
        .map_err(|error| TestCaseError::fail(format!("size bound of one of {patterns:?}: {error}")))?;
    // Each pattern is a rule; the last rule takes any of them in one field; the one before wants the first two, apart.
    let need = |field, range: std::ops::Range<usize>| Need {
        weight: 1,
        field,
        any: outlines[range].iter().map(|outline| outline.requirements.clone()).collect(),
    };
    let mut rules: Vec<Vec<Need>> = (0..nodes.len()).map(|i| vec![need(0, i..i + 1)]).collect();
    let (both, any) = (rules.len(), rules.len() + 1);
    rules.push(vec![need(0, 0..1), need(1, nodes.len() - 1..nodes.len())]);
    rules.push(vec![need(0, 0..nodes.len())]);
    let index = Prefilter::build(rules);
    let mut scratch = Scratch::default();
    let mut random = Random(seed);
    for _ in 0..4 {
        let mut texts = [String::new(), String::new()];
        for (text, node) in
            texts.iter_mut().zip([&nodes[random.below(2) as usize % nodes.len()], &nodes[nodes.len() - 1]])
        {
            let junk = ["", "x ", "\n", "K", "disk is DOWN "];
            text.push_str(random.pick::<&str>(&junk));
            node.sample(false, &mut random, text);
            text.push_str(random.pick::<&str>(&junk));
        }
        let found = index.candidates(|field, see| see(&texts[field]), &mut scratch);
        let demand = |rule: usize| {
            let rule = u32::try_from(rule).unwrap();
            prop_assert!(found.contains(&rule), "rule {rule} of {patterns:?} on {texts:?}: {outlines:?}");
            Ok(())
        };
        for (i, _) in regexes.iter().enumerate().filter(|(_, regex)| regex.is_match(&texts[0])) {
            tally.matched.set(tally.matched.get() + 1);
            tally.indexed.set(tally.indexed.get() + u64::from(!outlines[i].requirements.sets.is_empty()));
            demand(i)?;
            demand(any)?;
            let last = regexes.last().is_some_and(|regex| regex.is_match(&texts[1]));
            if i == 0 && last {
                demand(both)?;
            }
        }
    }
    Ok(())
}

#[test]
fn what_matches_is_a_candidate() {
    let tally = Tally::default();
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let strategy = (prop::collection::vec(node(), 1..4), any::<u64>());
    let result = runner.run(&strategy, |(nodes, seed)| check(&nodes, seed, &tally));
    println!("{} matches, {} of them of patterns that require something", tally.matched.get(), tally.indexed.get());
    result.unwrap();
    assert!(tally.indexed.get() > 100, "the samples hardly ever match");
}

proptest! {
    #[test]
    fn no_class_is_bigger_than_its_bound(ends in prop::collection::vec(any::<(char, char)>(), 1..40), count in 1..4_u32) {
        let range = |(a, b): &(char, char)| format!("\\u{{{:x}}}-\\u{{{:x}}}", u32::from(*a.min(b)), u32::from(*a.max(b)));
        let pattern = format!("x[{}]{{{count}}}", ends.iter().map(range).collect::<String>());
        let size = required(&pattern).unwrap().size;
        prop_assert!(RegexBuilder::new(&pattern).size_limit(size).build().is_ok(), "{pattern}: {size} is not enough");
    }
}
