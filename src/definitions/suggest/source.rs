//! Where mails of one kind come from, as a criterion for rules whose subject alone is too general.

use std::collections::BTreeSet;

use super::evidence::Sample;
use super::names::brand_word;
use super::parts::escape;
use super::rule::{Rule, Source};
use super::words;

/// Letters of fixed text from which on a subject is a product's own.
const LETTERS_ENOUGH: usize = 12;

/// Most sender addresses that are listed.
const ADDRESSES_MAX: usize = 5;

/// Mail programs that send for anybody.
const COMMON_MAILERS: [&str; 14] = [
    "phpmailer",
    "microsoft",
    "swift",
    "mutt",
    "mailx",
    "thunderbird",
    "apple",
    "nodemailer",
    "sendmail",
    "postfix",
    "sendemail",
    "msmtp",
    "mail",
    "s-nail",
];

/// Words of the product's own name, folded: of the pack's name, of the sender, of its mail program.
pub(super) fn brand(pack: &str, samples: &[&Sample<'_>]) -> Vec<String> {
    let mut words: BTreeSet<String> = pack.split(|c: char| !c.is_alphanumeric()).map(brand_word).collect();
    words.insert(brand_word(pack));
    for sample in samples {
        let local = sample.mail.from.split('@').next().unwrap_or_default();
        let shown = sample.mail.header("From").next().unwrap_or_default();
        let shown = if shown.contains('<') { shown.split('<').next().unwrap_or_default() } else { "" };
        let mailer = sample.mail.header("X-Mailer").next().unwrap_or_default();
        for text in [local, shown, mailer] {
            words.extend(text.split(|c: char| !c.is_alphanumeric()).map(brand_word));
        }
    }
    // Two letters are too few to be a name, and a number is a version.
    words
        .into_iter()
        .filter(|word| {
            word.chars().count() > 2
                && word.chars().any(char::is_alphabetic)
                && !word.chars().any(|c| c.is_ascii_digit())
        })
        .collect()
}

/// The criterion, or none where the subject is enough. `keys` are the samples' keys: a sender that names the thing
/// would tie the rule to it.
pub(super) fn criterion(rules: &[Rule], samples: &[&Sample<'_>], keys: &[String]) -> Option<Source> {
    let enough = |rule: &Rule| {
        !rule.subject.is_empty() && rule.subject.iter().all(|pattern| fixed_letters(pattern) >= LETTERS_ENOUGH)
    };
    if rules.iter().all(enough) {
        return None;
    }
    product_header(samples).or_else(|| sender(samples, keys))
}

/// Whether the fixed text of a rule's patterns holds a word for a state.
pub(super) fn says_state(rule: &Rule) -> bool {
    let says = |pattern: &String| words::holds_state(&fixed_text(pattern));
    !rule.subject.is_empty() && rule.subject.iter().all(says) || rule.body.any.iter().chain(&rule.body.all).any(says)
}

/// Letters of the text a pattern demands. Words of any message's frame count half; a letter of a script without
/// blanks is half a word.
fn fixed_letters(pattern: &str) -> usize {
    let letter = |c: char| if c.is_ascii() { 2 } else { 6 };
    let count = |word: &str| word.chars().map(letter).sum::<usize>() / if words::is_layout(word) { 2 } else { 1 };
    fixed_text(pattern).split(|c: char| !c.is_alphabetic()).map(count).sum::<usize>() / 2
}

/// The text a pattern demands, without its groups and classes.
fn fixed_text(pattern: &str) -> String {
    let (mut depth, mut escaped, mut out) = (0_usize, false, String::new());
    for c in pattern.chars() {
        match c {
            // `\.` is text; `\d` is not.
            _ if escaped => {
                escaped = false;
                if depth == 0 && !c.is_alphanumeric() {
                    out.push(c);
                }
            }
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// The mail program's name, where it is the product's own.
fn product_header(samples: &[&Sample<'_>]) -> Option<Source> {
    for header in ["X-Mailer", "User-Agent"] {
        let values: Option<Vec<&str>> = samples.iter().map(|sample| sample.mail.header(header).next()).collect();
        let Some(values) = values else { continue };
        let word = |value: &str| {
            value.split(|c: char| c.is_whitespace() || c == '/' || c == '(').next().unwrap_or_default().to_owned()
        };
        let name = values.first().map(|value| word(value)).unwrap_or_default();
        let name = name.trim_end_matches(|c: char| c.is_ascii_digit() || ".-v".contains(c));
        let common = COMMON_MAILERS.iter().any(|common| name.to_lowercase().starts_with(common));
        if name.len() > 2 && !common && values.iter().all(|value| value.starts_with(name)) {
            return Some(Source::Pattern(format!("header.{header}"), format!("^{}", escape(name))));
        }
    }
    None
}

fn sender(samples: &[&Sample<'_>], keys: &[String]) -> Option<Source> {
    let addresses: BTreeSet<&str> = samples.iter().map(|sample| sample.mail.from.as_str()).collect();
    if addresses.contains("") {
        return None;
    }
    let locals: BTreeSet<&str> = addresses.iter().filter_map(|address| address.split('@').next()).collect();
    let parts: Vec<String> = keys
        .iter()
        .flat_map(|key| key.to_lowercase().split('/').skip(1).map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let short = |part: &str| part.split('.').next().unwrap_or_default().to_owned();
    let host = |address: &str| parts.iter().any(|part| short(part).len() > 3 && address.contains(&short(part)));
    let named = addresses.iter().any(|address| host(address));
    match locals.iter().next() {
        Some(local) if locals.len() == 1 && (named || addresses.len() > 1) && !host(local) => {
            Some(Source::Pattern("from".to_owned(), format!("^{}@", escape(local))))
        }
        _ if named || addresses.len() > ADDRESSES_MAX => None,
        _ => Some(Source::Addresses(addresses.into_iter().map(str::to_owned).collect())),
    }
}
