//! Text whose bytes are not what they declare, or declare nothing: what old devices and mail programs of Asia send.
//!
//! Called only where decoding by the book left replacement characters, so that ordinary mail costs nothing here.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8};
use mail_parser::decoders::base64::base64_decode;
use mail_parser::decoders::quoted_printable::quoted_printable_decode;

/// Bytes that are enough to recognise an encoding by.
pub(super) const SAMPLE_BYTES_MAX: usize = 16 * 1024;

/// Decodes bytes by the charset they declare, if that fits them, else by the one they look like. `context` is more
/// of the same mail: a subject alone is often too short to tell.
pub(super) fn decode(bytes: &[u8], declared: Option<&str>, context: &[u8]) -> String {
    let declared = declared.and_then(|label| Encoding::for_label(label.as_bytes()));
    let mut nearly = None;
    for encoding in declared.into_iter().chain(has_escapes(bytes).then_some(ISO_2022_JP)).chain([UTF_8]) {
        let (text, _, broken) = encoding.decode(bytes);
        // Without escapes everything is ISO-2022-JP, and with them everything is UTF-8.
        let fits = encoding != UTF_8 || !has_escapes(bytes);
        if fits && !broken {
            return text.into_owned();
        }
        if fits && is_mostly_whole(&text) {
            nearly = Some((encoding, text));
        }
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(&bytes[..bytes.len().min(SAMPLE_BYTES_MAX)], false);
    detector.feed(&context[..context.len().min(SAMPLE_BYTES_MAX)], true);
    let guess = detector.guess(None, Utf8Detection::Deny);
    match nearly {
        // No text looks like UTF-8 by chance, and one broken character keeps the detector from any encoding that
        // writes a character with several bytes.
        Some((encoding, text)) if encoding == UTF_8 || guess.is_single_byte() => text.into_owned(),
        _ => guess.decode(bytes).0.into_owned(),
    }
}

/// Whether few of the characters that are not ASCII are broken: somebody cut the text off in the middle of one, or put
/// bytes of something else into it.
fn is_mostly_whole(text: &str) -> bool {
    let not_cut_off = text.strip_suffix('\u{fffd}').unwrap_or(text);
    let broken = not_cut_off.chars().filter(|c| *c == '\u{fffd}').count();
    let whole = not_cut_off.chars().filter(|c| !c.is_ascii()).count() - broken;
    whole > 0 && whole >= 4 * broken
}

/// Whether the bytes switch to a Japanese character set as ISO-2022-JP does (RFC 1468).
pub(super) fn has_escapes(bytes: &[u8]) -> bool {
    bytes.contains(&0x1b)
        && bytes.windows(3).any(|three| matches!(three, [0x1b, b'$', b'@' | b'B'] | [0x1b, b'(', b'J']))
}

/// Decodes the encoded words of a header (RFC 2047), joining the bytes of neighbours first: many programs cut a
/// character in two between them. `None` when there is no such word.
pub(super) fn decode_words(header: &str) -> Option<String> {
    let mut out = String::new();
    let mut open: Option<(String, Vec<u8>)> = None;
    let close = |open: &mut Option<(String, Vec<u8>)>, out: &mut String| {
        if let Some((charset, bytes)) = open.take() {
            out.push_str(&decode(&bytes, Some(&charset), &[]));
        }
    };
    let (mut rest, mut found) = (header, false);
    while let Some((before, word, after)) = next_word(rest) {
        found = true;
        let neighbours = before.trim().is_empty();
        let joins = open.as_ref().is_some_and(|(charset, _)| neighbours && charset.eq_ignore_ascii_case(word.charset));
        if !joins {
            let first = open.is_none();
            close(&mut open, &mut out);
            if first || !neighbours {
                out.push_str(before);
            }
            open = Some((word.charset.to_owned(), Vec::new()));
        }
        if let Some((_, bytes)) = &mut open {
            bytes.extend(word.bytes);
        }
        rest = after;
    }
    close(&mut open, &mut out);
    out.push_str(rest);
    found.then_some(out)
}

struct Word<'a> {
    charset: &'a str,
    bytes: Vec<u8>,
}

/// The next encoded word, what stands before it and behind it.
fn next_word(text: &str) -> Option<(&str, Word<'_>, &str)> {
    let mut from = 0;
    while let Some(start) = text[from..].find("=?").map(|at| from + at) {
        let mut parts = text[start + 2..].splitn(4, '?');
        let (charset, encoding, payload, rest) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let bytes = match encoding {
            "B" | "b" => {
                base64_decode(payload.trim_end_matches('=').as_bytes()).or_else(|| base64_decode(payload.as_bytes()))
            }
            "Q" | "q" => quoted_printable_decode(payload.replace('_', "=20").as_bytes()),
            _ => None,
        };
        if let (Some(bytes), Some(after)) = (bytes, rest.strip_prefix('=')) {
            let charset = charset.split('*').next().unwrap_or(charset);
            return Some((&text[..start], Word { charset, bytes }, after));
        }
        from = start + 2;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_read_as_what_they_are() {
        let gbk = encoding_rs::GBK.encode("【告警】磁盘使用率 95%，请处理").0;
        let sjis = encoding_rs::SHIFT_JIS.encode("【障害】ディスク使用率が95%を超えました").0;
        assert_eq!(decode(&gbk, Some("gb2312"), &[]), "【告警】磁盘使用率 95%，请处理");
        assert_eq!(decode(&gbk, None, &gbk), "【告警】磁盘使用率 95%，请处理");
        assert_eq!(decode(&sjis, Some("us-ascii; nonsense"), &[]), "【障害】ディスク使用率が95%を超えました");
        assert_eq!(decode("déjà".as_bytes(), Some("no-such-charset"), &[]), "déjà");
        assert_eq!(decode(b"\x1b$B>c32\x1b(B db1", None, &[]), "障害 db1");
        assert!(!decode(b"caf\xe9 ferm\xe9", None, &[]).contains('\u{fffd}'));
    }

    #[test]
    fn one_broken_character_costs_no_other() {
        let japanese = "db1 で障害が発生しました。";
        let cut = &japanese.as_bytes()[..japanese.len() - 1];
        for declared in [Some("utf-8"), None, Some("no-such-charset")] {
            assert_eq!(decode(cut, declared, &[]), "db1 で障害が発生しました\u{fffd}");
            assert_eq!(
                decode(&[japanese.as_bytes(), b" caf\xe9 ", japanese.as_bytes()].concat(), declared, &[]),
                format!("{japanese} caf\u{fffd} {japanese}")
            );
        }
        assert_eq!(decode(&"Gerät gestört: Tür".as_bytes()[..19], Some("utf-8"), &[]), "Gerät gestört: T\u{fffd}");
        let gbk = encoding_rs::GBK.encode("【告警】磁盘使用率 95%，请处理").0;
        assert_eq!(decode(&gbk[..gbk.len() - 1], Some("gb2312"), &[]), "【告警】磁盘使用率 95%，请处\u{fffd}");
        assert_eq!(
            decode(&[&gbk[..], b" \xff"].concat(), Some("gb2312"), &[]),
            "【告警】磁盘使用率 95%，请处理 \u{fffd}"
        );
        assert_eq!(decode(b"caf\xe9 ferm\xe9", Some("utf-8"), &[]), "café fermé");
        assert_eq!(decode("вниз".as_bytes(), Some("utf-8"), &[]), "вниз");
        let korean = encoding_rs::EUC_KR.encode("서버 장애가 발생했습니다. 즉시 확인하십시오.").0;
        assert_eq!(decode(&korean, Some("utf-8"), &[]), "서버 장애가 발생했습니다. 즉시 확인하십시오.");
    }

    #[test]
    fn a_character_may_be_cut_between_words() {
        let words = "=?utf-8?B?6Zqc?= =?UTF-8?B?5a4=?=\n =?utf-8?q?=B3?= db1";
        assert_eq!(decode_words(words).as_deref(), Some("障害 db1"));
        assert_eq!(
            decode_words("x =?utf-8?q?a_b?= y =?iso-8859-1?q?=E9?= =?utf-8?q?=C3=A9?=").as_deref(),
            Some("x a b y éé")
        );
        assert_eq!(decode_words("plain"), None);
        assert_eq!(decode_words("=?utf-8?x?y?= =?utf-8?b"), None);
    }
}
