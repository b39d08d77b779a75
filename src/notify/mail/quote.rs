//! Which part of a mail its sender wrote: what stands above the quoted mail and the signature. A line too much counted
//! as quoted does little harm, one too few might let our own words answer us.

/// Most lines looked at.
const LINES_MAX: usize = 100;

/// Lines over which the sentence before a quoted mail may be broken.
const SENTENCE_LINES_MAX: usize = 3;

/// What a line that introduces a quoted mail ends with, in front of the colon.
const WROTE: &[&str] = &[
    "wrote",
    "schrieb",
    "geschrieben",
    "a écrit",
    "escribió",
    "escreveu",
    "ha scritto",
    "schreef",
    "skrev",
    "napisał",
    "napisał(a)",
    "pisze",
    "написал",
    "написал(а)",
    "пишет",
    "書きました",
    "書いた",
    "のメール",
    "写道",
    "寫道",
    "작성",
];

/// How such a line begins.
const INTRODUCES: &[&str] = &["on ", "am ", "le ", "el ", "em ", "il ", "op ", "den ", "dnia ", "在", "於", "于", "20"];

/// Fields that programs of the Outlook kind put above the mail they quote.
const FIELDS: &[&str] = &[
    "from",
    "von",
    "de",
    "da",
    "van",
    "från",
    "fra",
    "od",
    "от",
    "差出人",
    "送信者",
    "发件人",
    "發件人",
    "寄件者",
    "보낸 사람",
    "sent",
    "gesendet",
    "envoyé",
    "enviado",
    "送信日時",
    "发送时间",
];

/// What phones write below.
const SIGNATURES: &[&str] = &[
    "sent from ",
    "get outlook for",
    "von meinem ",
    "gesendet von ",
    "envoyé de ",
    "envoyé depuis ",
    "enviado desde ",
    "enviado do ",
    "inviato da",
    "verstuurd vanaf",
    "iphoneから",
    "androidから",
    "ipadから",
    "发自我的",
    "發自我的",
    "从我的",
    "來自我的",
];

/// The lines above anything quoted, without empty ones at both ends.
pub(super) fn above(text: &str) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().take(LINES_MAX).map(str::trim).collect();
    let end = (0..lines.len()).find(|at| ends_here(&lines[*at..])).unwrap_or(lines.len());
    let written = &lines[..end];
    let first = written.iter().position(|line| !line.is_empty()).unwrap_or(end);
    let last = written.iter().rposition(|line| !line.is_empty()).map_or(first, |last| last + 1);
    written[first..last].to_vec()
}

/// Whether the first of these lines belongs to a signature or to what is quoted.
fn ends_here(lines: &[&str]) -> bool {
    let line = lines.first().copied().unwrap_or_default();
    let folded = line.trim_start_matches(['*', ' ']).to_lowercase();
    let ruled = |sign: char| line.chars().count() >= 5 && line.chars().all(|c| c == sign);
    let framed = line.starts_with("--") && line.ends_with("--") && line.len() >= 8;
    line.starts_with(['>', '＞', '|'])
        || line == "--"
        || line == "—"
        || framed
        || ruled('_')
        || ruled('=')
        || (line.starts_with("---") && line.contains("Forwarded"))
        || SIGNATURES.iter().any(|start| folded.starts_with(start))
        || is_field(&folded)
        || introduces(lines)
}

/// `From: …`, `*Von:* …`, `发件人：…`
fn is_field(folded: &str) -> bool {
    let name = folded.split_once([':', '：']).map(|(name, _)| name.trim_end_matches(['*', ' ', '\u{a0}']));
    name.is_some_and(|name| FIELDS.contains(&name))
}

/// `On … wrote:`, also broken over lines.
fn introduces(lines: &[&str]) -> bool {
    let mut sentence = String::new();
    for line in lines.iter().take(SENTENCE_LINES_MAX).take_while(|line| !line.is_empty()) {
        sentence.push_str(line);
        sentence.push(' ');
        let folded = sentence.trim().to_lowercase();
        let Some(before) = folded.strip_suffix([':', '：']) else { continue };
        let names_somebody = before.contains('@') && before.trim_end().ends_with(['>', ']', ')']);
        let begins = INTRODUCES.iter().any(|start| folded.starts_with(start));
        let wrote = WROTE.iter().any(|word| before.trim_end().ends_with(word));
        // In German the name stands behind the word.
        let inside = WROTE.iter().any(|word| before.contains(&format!(" {word} ")));
        if wrote || (begins && (names_somebody || inside)) || (names_somebody && before.contains('<')) {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_somebody_wrote() {
        for quoted in [
            "> ack",
            "-- \nAnn",
            "On Sat, 21 Nov 2026 at 18:04, nightcall <n@example.com> wrote:\n> resolve",
            "On Sat, 21 Nov 2026 at 18:04, nightcall\n<reply+0123456789@in.example.com>\nwrote:\n\n> resolve",
            "Am 21.11.26 um 18:04 schrieb nightcall:\n> resolve",
            "Am Sa., 21. Nov. 2026 um 18:04 Uhr schrieb nightcall <n@example.com>:",
            "Le sam. 21 nov. 2026 à 18:04, nightcall <n@example.com> a écrit :",
            "El sáb, 21 nov 2026 a las 18:04, nightcall (<n@example.com>) escribió:",
            "Em sáb., 21 de nov. de 2026 às 18:04, nightcall <n@example.com> escreveu:",
            "2026年11月21日(土) 18:04 nightcall <n@example.com>:",
            "2026/11/21 18:04、nightcall <n@example.com>のメール:",
            "在 2026年11月21日，18:04，nightcall <n@example.com> 写道：",
            "nightcall <n@example.com> 于2026年11月21日周六 18:04写道：",
            "-----Original Message-----\nFrom: nightcall",
            "-----Ursprüngliche Nachricht-----",
            "-----Message d'origine-----",
            "------------------ 原始邮件 ------------------",
            "---------- Forwarded message ---------",
            "________________________________\nFrom: nightcall",
            "From: nightcall <n@example.com>\nSent: Saturday",
            "*Von:* nightcall",
            "De : nightcall",
            "差出人: nightcall",
            "发件人：nightcall",
            "Sent from my iPhone",
            "Von meinem iPhone gesendet",
            "iPhoneから送信",
            "发自我的iPhone",
            "Get Outlook for iOS",
        ] {
            assert_eq!(above(&format!("\n ack \nthanks\n\n{quoted}\nresolve")), ["ack", "thanks"], "{quoted}");
            assert!(above(&format!("{quoted}\nresolve")).is_empty(), "{quoted}");
        }
        for written in ["ack: on it", "On it, ack", "le chat", "resolve - 20 min", "am on it"] {
            assert_eq!(above(written), [written]);
        }
        assert_eq!(above("\r\n\r\nack\r\n"), ["ack"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC*|.*|([a-z<>@:\\-_ ]{0,30}\n){0,9}") {
            prop_assert!(above(&text).len() <= LINES_MAX);
        }
    }
}
