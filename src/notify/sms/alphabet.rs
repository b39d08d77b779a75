//! How long a text is for a phone: the GSM 7-bit alphabet (3GPP TS 23.038, section 6.2.1) or UCS-2, and how a text is
//! brought into the first, in which twice as much fits.

/// Characters of the basic table, each one unit.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§\
    ¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// Characters of the extension table, each two units.
const EXTENDED: &str = "^{}\\[~]|€";

/// Units of one part when there is only one, and of each when there are several: a header takes the rest
/// (3GPP TS 23.040, section 9.2.3.24.1).
const GSM_UNITS: (usize, usize) = (160, 153);
const UCS2_UNITS: (usize, usize) = (70, 67);

/// How a text travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 7 bits each.
    Gsm,
    /// 16 bits each.
    Ucs2,
}

/// How long a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Length {
    /// In which encoding.
    pub encoding: Encoding,
    /// Septets or UTF-16 units.
    pub units: usize,
    /// Parts it is sent in; an empty text is one.
    pub segments: usize,
}

/// Measures a text as a provider will send it. No character is torn between parts.
pub fn measure(text: &str) -> Length {
    let gsm: Option<Vec<usize>> = text.chars().map(septets).collect();
    let (encoding, widths, (single, each)) = match gsm {
        Some(widths) => (Encoding::Gsm, widths, GSM_UNITS),
        None => (Encoding::Ucs2, text.chars().map(char::len_utf16).collect(), UCS2_UNITS),
    };
    let units: usize = widths.iter().sum();
    if units <= single {
        return Length { encoding, units, segments: 1 };
    }
    let (segments, _) =
        widths.iter().fold(
            (1, 0),
            |(segments, used), width| {
                if used + width > each { (segments + 1, *width) } else { (segments, used + width) }
            },
        );
    Length { encoding, units, segments }
}

fn septets(c: char) -> Option<usize> {
    if BASIC.contains(c) {
        Some(1)
    } else if EXTENDED.contains(c) {
        Some(2)
    } else {
        None
    }
}

/// The text in the GSM alphabet if nothing but looks is lost by that, or as it is: typographic quotes and dashes
/// become plain, accents not in the alphabet go, pictures go. Other scripts stay as they are.
pub fn simplify(text: &str) -> String {
    let mut simple = String::with_capacity(text.len());
    for c in text.chars() {
        match septets(c) {
            Some(_) => simple.push(c),
            None => match plain(c) {
                Some(plain) => simple.push_str(plain),
                None => return text.to_owned(),
            },
        }
    }
    simple
}

/// Letters with what is left of them without their marks.
const LETTERS: [(&str, &str); 46] = [
    ("áâãāăą", "a"),
    ("ÁÀÂÃĀĂĄ", "A"),
    ("çćčĉċ", "c"),
    ("ĆČĈĊ", "C"),
    ("ďđð", "d"),
    ("ĎĐÐ", "D"),
    ("êëēĕėęě", "e"),
    ("ÈÊËĒĔĖĘĚ", "E"),
    ("ĝğġģ", "g"),
    ("ĜĞĠĢ", "G"),
    ("ĥħ", "h"),
    ("ĤĦ", "H"),
    ("íîïĩīĭįı", "i"),
    ("ÍÌÎÏĨĪĬĮİ", "I"),
    ("ĵ", "j"),
    ("Ĵ", "J"),
    ("ķ", "k"),
    ("Ķ", "K"),
    ("ĺļľŀł", "l"),
    ("ĹĻĽĿŁ", "L"),
    ("ńņň", "n"),
    ("ŃŅŇ", "N"),
    ("óôõōŏő", "o"),
    ("ÓÒÔÕŌŎŐ", "O"),
    ("ŕŗř", "r"),
    ("ŔŖŘ", "R"),
    ("śŝşšș", "s"),
    ("ŚŜŞŠȘ", "S"),
    ("ţťŧț", "t"),
    ("ŢŤŦȚ", "T"),
    ("úûũūŭůűų", "u"),
    ("ÚÙÛŨŪŬŮŰŲ", "U"),
    ("ŵ", "w"),
    ("Ŵ", "W"),
    ("ýÿŷ", "y"),
    ("ÝŸŶ", "Y"),
    ("źżž", "z"),
    ("ŹŻŽ", "Z"),
    ("œ", "oe"),
    ("Œ", "OE"),
    ("þ", "th"),
    ("Þ", "Th"),
    ("ẞ", "SS"),
    ("µμ", "u"),
    ("№", "No."),
    ("ﬁ", "fi"),
];

/// What may stand for a character that is not in the alphabet; nothing where that would change what is said.
fn plain(c: char) -> Option<&'static str> {
    let sign = match c {
        '‘' | '’' | '‚' | '‛' | '′' | '`' | '´' | '‹' | '›' => "'",
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => "\"",
        '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '\u{ad}' => "-",
        '…' => "...",
        '•' | '·' | '‣' | '▪' | '●' => "*",
        '→' | '➜' | '⇒' => "->",
        '←' | '⇐' => "<-",
        '≥' => ">=",
        '≤' => "<=",
        '≠' => "!=",
        '≈' => "~",
        '×' => "x",
        '÷' => "/",
        '±' => "+/-",
        '°' => " deg ",
        '©' => "(c)",
        '®' => "(r)",
        '™' => "(tm)",
        '½' => "1/2",
        '¼' => "1/4",
        '¾' => "3/4",
        '²' => "^2",
        '³' => "^3",
        '¦' => "|",
        '¬' => "not ",
        '¢' => "ct",
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\t' => " ",
        // Pictures by which monitors tell good from bad.
        '✅' | '✔' | '🟢' => "(ok)",
        '❌' | '✖' | '✗' | '🔴' => "(bad)",
        '⚠' | '🟡' | '🟠' => "(!)",
        // Other pictures, the joiners and styles within them, and what cannot be seen.
        '\u{2600}'..='\u{27bf}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f000}'..='\u{1faff}' | '\u{200b}'..='\u{200f}' => "",
        _ => return LETTERS.iter().find(|(letters, _)| letters.contains(c)).map(|(_, plain)| *plain),
    };
    Some(sign)
}

/// Cuts the end off until it fits into so many parts.
pub fn shorten(text: &str, segments_max: usize) -> String {
    let mut kept = text.to_owned();
    // Nothing longer can fit, whatever the alphabet.
    if let Some((end, _)) = text.char_indices().nth(segments_max.saturating_mul(GSM_UNITS.0)) {
        kept.truncate(end);
    }
    while measure(&kept).segments > segments_max && kept.pop().is_some() {}
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths() {
        use Encoding::{Gsm, Ucs2};
        for (text, encoding, units, segments) in [
            (String::new(), Gsm, 0, 1),
            ("a".repeat(160), Gsm, 160, 1),
            ("a".repeat(161), Gsm, 161, 2),
            ("a".repeat(306), Gsm, 306, 2),
            ("a".repeat(307), Gsm, 307, 3),
            ("€".repeat(80), Gsm, 160, 1),
            ("€".repeat(81), Gsm, 162, 2),
            // 153 is odd: 76 fit into each part.
            ("€".repeat(152), Gsm, 304, 2),
            ("€".repeat(153), Gsm, 306, 3),
            ("Ω[".to_owned(), Gsm, 3, 1),
            ("磁".repeat(70), Ucs2, 70, 1),
            ("磁".repeat(71), Ucs2, 71, 2),
            ("磁".repeat(134), Ucs2, 134, 2),
            ("磁".repeat(135), Ucs2, 135, 3),
            ("🔥".repeat(35), Ucs2, 70, 1),
            // A pair of units is not torn: 33 fit into each part.
            ("🔥".repeat(66), Ucs2, 132, 2),
            ("🔥".repeat(67), Ucs2, 134, 3),
            ("`".to_owned(), Ucs2, 1, 1),
        ] {
            assert_eq!(measure(&text), Length { encoding, units, segments }, "{text}");
        }
        assert_eq!(BASIC.chars().count(), 127, "all of the table but the escape");
    }

    #[test]
    fn simplified() {
        for (text, expected) in [
            ("“Disk” – it’s 95 % full…", "\"Disk\" - it's 95 % full..."),
            ("✅ web, ❌ db, ⚠\u{fe0f} mail", "(ok) web, (bad) db, (!) mail"),
            ("ça va à São Paulo, Łódź, İstanbul", "ca va à Sao Paulo, Lodz, Istanbul"),
            ("🔥 up → down 🔥", " up -> down "),
            ("Größe äöüß ñ é €", "Größe äöüß ñ é €"),
            ("磁盘 “x”", "磁盘 “x”"),
            ("диск", "диск"),
        ] {
            assert_eq!(simplify(text), expected);
        }
    }

    proptest! {
        #[test]
        fn shortened_texts_fit(text in "\\PC{0,400}", parts in 1_usize..4) {
            for text in [simplify(&text), text] {
                let short = shorten(&text, parts);
                prop_assert!(measure(&short).segments <= parts && text.starts_with(&short));
            }
        }
    }
}
