//! A mail with what a rule captured marked in it.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::domain::field::Field;
use crate::domain::mail::{Envelope, Mail};
use crate::domain::pattern::Captures;

/// Bytes of a field that are shown. A capture further behind is told by name and value only.
const SHOWN_BYTES_MAX: usize = 20_000;

/// A field of the mail, in pieces.
pub(super) struct Marked {
    /// Its name in rules.
    pub(super) field: String,
    /// The text from its beginning.
    pub(super) pieces: Vec<Piece>,
    /// There is more of it.
    pub(super) is_cut: bool,
}

/// A piece of text; with names where it was captured.
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) names: String,
}

/// Where something was captured in a field, and what it is called.
type Found<'n> = (Range<usize>, &'n str);

/// Subject and text, and every other field that something was captured from.
pub(super) fn marked(mail: &Mail, envelope: &Envelope, captures: &[Captures]) -> Vec<Marked> {
    let mut places: BTreeMap<(Field, usize), Vec<Found<'_>>> = BTreeMap::new();
    for field in [Field::Subject, Field::Body] {
        places.insert((field, 0), Vec::new());
    }
    for capture in captures.iter().flat_map(Captures::iter) {
        let Some(place) = &capture.place else { continue };
        let of_field = places.entry((place.field.clone(), place.nth)).or_default();
        let found = (place.range.clone(), capture.name.as_str());
        if !of_field.contains(&found) {
            of_field.push(found);
        }
    }
    let shown = |((field, nth), mut places): ((Field, usize), Vec<Found<'_>>)| {
        let value = field.values(mail, envelope).nth(nth)?.to_owned();
        // The outer one of two comes first.
        places.sort_by_key(|(range, _)| (range.start, std::cmp::Reverse(range.end)));
        let end = value.floor_char_boundary(SHOWN_BYTES_MAX);
        Some(Marked { field: field.to_string(), pieces: pieces(&value[..end], &places), is_cut: end < value.len() })
    };
    places.into_iter().filter_map(shown).collect()
}

/// Cuts a text where captures begin and end. One that begins within another lends it its name.
fn pieces(text: &str, places: &[Found<'_>]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    let mut at = 0;
    for (range, name) in places {
        if range.start < at {
            if let Some(last) = pieces.last_mut() {
                last.names = format!("{}, {name}", last.names);
            }
            continue;
        }
        let (Some(before), Some(captured)) = (text.get(at..range.start), text.get(range.clone())) else { break };
        if !before.is_empty() {
            pieces.push(Piece { text: before.to_owned(), names: String::new() });
        }
        pieces.push(Piece { text: captured.to_owned(), names: (*name).to_owned() });
        at = range.end;
    }
    if let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        pieces.push(Piece { text: rest.to_owned(), names: String::new() });
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_are_cut_out_in_order() {
        let cut = |places: &[(Range<usize>, &str)]| {
            let pieces = pieces("disk on dö1 full", places);
            pieces.into_iter().map(|piece| format!("{}[{}]", piece.text, piece.names)).collect::<String>()
        };
        for (places, expected) in [
            (&[][..], "disk on dö1 full[]"),
            (&[(0..4, "what"), (8..12, "host")], "disk[what] on []dö1[host] full[]"),
            (&[(0..12, "all"), (8..12, "host")], "disk on dö1[all, host] full[]"),
            (&[(13..17, "state")], "disk on dö1 []full[state]"),
            (&[(13..99, "beyond")], "disk on dö1 full[]"),
            (&[(9..10, "half a letter")], "disk on dö1 full[]"),
        ] {
            assert_eq!(cut(places), expected, "{places:?}");
        }
    }

    #[test]
    fn subject_and_text_are_always_shown() {
        let mail = Mail::parse(b"Subject: hello\nX-A: 1\n\nbody\n");
        let shown = marked(&mail, &Envelope::default(), &[]);
        let fields: Vec<(&str, &str)> =
            shown.iter().map(|marked| (marked.field.as_str(), marked.pieces[0].text.trim())).collect();
        assert_eq!(fields, [("subject", "hello"), ("body", "body")]);
    }
}
