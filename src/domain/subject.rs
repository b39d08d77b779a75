//! The normalised subject: what is left when mail programs, lists and gateways take their prefixes back.

use std::borrow::Cow;

/// Reply marks of mail programs, lower case, without the colon (English, German, Scandinavian, Italian, Portuguese,
/// Chinese).
const REPLY_MARKS: [&str; 8] = ["re", "aw", "sv", "vs", "rif", "res", "回复", "答复"];

/// Their forward marks (English, German, Swedish, French, Spanish, Portuguese, Chinese).
const FORWARD_MARKS: [&str; 8] = ["fw", "fwd", "wg", "vb", "tr", "rv", "enc", "转发"];

/// Tags that mail gateways put in front of a subject, lower case, without the brackets.
const GATEWAY_TAGS: [&str; 8] =
    ["external", "ext", "extern", "external email", "external sender", "spam", "suspected spam", "bulk"];

/// Strips `Re:`, `Fwd:`, `[EXTERNAL]` and the tags of the given mailing lists from the front, again and again,
/// and folds white space. A bracketed word that is none of these stays: `[CRITICAL]` is content.
pub fn normalise(subject: &str, list_names: &[String]) -> String {
    let folded = fold_white_space(subject);
    let mut rest = folded.as_ref();
    while let Some(shorter) = strip_mark(rest).map(|(_, rest)| rest).or_else(|| strip_tag(rest, list_names)) {
        rest = shorter.trim_start();
    }
    rest.to_owned()
}

/// One line: words with single blanks between them.
pub fn fold_white_space(text: &str) -> Cow<'_, str> {
    if is_folded(text) {
        return Cow::Borrowed(text);
    }
    let mut folded = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !folded.is_empty() {
            folded.push(' ');
        }
        folded.push_str(word);
    }
    Cow::Owned(folded)
}

/// Whether it is plain to see that there is nothing to fold: printable ASCII with single blanks inside.
fn is_folded(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without an early end, so that many bytes are looked at at once.
    let plain = bytes.iter().fold(true, |plain, byte| plain & (b' '..=b'~').contains(byte));
    let blanks = bytes.windows(2).fold(false, |found, pair| found | (pair == b"  "));
    plain && !blanks && !text.starts_with(' ') && !text.ends_with(' ')
}

/// Whether a person answered somebody else's mail with this one: its words are not a monitor's, even if they look it.
pub fn is_reply(subject: &str, list_names: &[String]) -> bool {
    let mut rest = subject.trim_start();
    while let Some(shorter) = strip_tag(rest, list_names) {
        rest = shorter.trim_start();
    }
    strip_mark(rest).is_some_and(|(mark, _)| REPLY_MARKS.contains(&mark.as_str()))
}

fn strip_mark(subject: &str) -> Option<(String, &str)> {
    let (mark, rest) = subject.split_once([':', '：'])?;
    // "Re[2]:" counts replies; the count goes with the mark.
    let word = mark.split('[').next().unwrap_or(mark).trim().to_lowercase();
    let known = REPLY_MARKS.contains(&word.as_str()) || FORWARD_MARKS.contains(&word.as_str());
    known.then_some((word, rest))
}

fn strip_tag<'a>(subject: &'a str, list_names: &[String]) -> Option<&'a str> {
    let (tag, rest) = subject.strip_prefix('[')?.split_once(']')?;
    let tag = tag.trim().to_lowercase();
    let noise = GATEWAY_TAGS.contains(&tag.as_str()) || list_names.contains(&tag);
    noise.then_some(rest)
}

/// The names a list may use as its subject tag, lower case, from a `List-Id` header (RFC 2919 section 3):
/// the description and the first label of the identifier.
pub fn list_names(list_id: &str) -> Vec<String> {
    let (description, identifier) = match list_id.split_once('<') {
        Some((description, rest)) => (description.trim(), rest.trim_end_matches('>')),
        None => ("", list_id.trim()),
    };
    let label = identifier.split('.').next().unwrap_or(identifier);
    let names = [description, label].into_iter().map(|n| n.trim_matches('"').trim().to_lowercase());
    names.filter(|n| !n.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_only_noise() {
        let lists = list_names("Operations alerts <ops-alerts.lists.example.org>");
        for (subject, expected) in [
            ("disk full", "disk full"),
            ("Re: Fwd: disk full", "disk full"),
            ("AW: WG: Platte voll", "Platte voll"),
            ("Re[2]: x", "x"),
            ("回复：磁盘", "磁盘"),
            ("[EXTERNAL] Re: [External] x", "x"),
            ("[ops-alerts]  ** PROBLEM **", "** PROBLEM **"),
            ("[CRITICAL] x", "[CRITICAL] x"),
            ("[FIRING:2] Re: x", "[FIRING:2] Re: x"),
            ("  a \t b ", "a b"),
            ("report: weekly", "report: weekly"),
            ("Re:", ""),
            ("[unclosed", "[unclosed"),
        ] {
            assert_eq!(normalise(subject, &lists), expected, "{subject:?}");
        }
    }

    #[test]
    fn replies_are_told_from_forwards() {
        let lists = list_names("<ops.example.org>");
        for (subject, expected) in [
            ("Re: RECOVERY", true),
            ("[ops] AW: RECOVERY", true),
            ("Re[2]: Fwd: x", true),
            ("Fwd: Re: x", false),
            ("FW: RECOVERY", false),
            ("RECOVERY: re: x", false),
        ] {
            assert_eq!(is_reply(subject, &lists), expected, "{subject}");
        }
    }

    #[test]
    fn list_ids() {
        assert_eq!(list_names("<ops.example.org>"), ["ops"]);
        assert_eq!(list_names("ops.example.org"), ["ops"]);
        assert_eq!(list_names("\"The Ops\" <ops.example.org>"), ["the ops", "ops"]);
        assert!(list_names("").is_empty());
    }
}
