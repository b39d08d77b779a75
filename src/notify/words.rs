//! Words by which people answer a page in text, in the languages we speak. Used for SMS and for mail.

use crate::domain::code::narrow;
use crate::notify::exchange::Act;

/// Words that acknowledge. Keys as on the phone.
const ACKNOWLEDGE: &[&str] = &[
    "4",
    "ack",
    "acked",
    "acknowledge",
    "acknowledged",
    "acknowledging",
    "確認",
    "確認済",
    "確認済み",
    "確認した",
    "確認しました",
    "確認します",
    "了解",
    "了解です",
    "了解しました",
    "対応",
    "対応中",
    "対応します",
    "対応中です",
    "确认",
    "已确认",
    "确认收到",
    "收到",
    "已收到",
    "知道了",
    "处理中",
    "正在处理",
    "已確認",
    "處理中",
];

/// Words that resolve.
const RESOLVE: &[&str] = &[
    "6",
    "resolve",
    "resolved",
    "resolving",
    "解決",
    "解決済",
    "解決済み",
    "解決した",
    "解決しました",
    "解消",
    "解消しました",
    "復旧",
    "復旧済み",
    "復旧しました",
    "解决",
    "已解决",
    "解决了",
    "恢复",
    "已恢复",
    "恢复了",
    "已解決",
    "解決了",
    "已恢復",
];

/// Words that call the next person.
const ESCALATE: &[&str] =
    &["5", "esc", "escalate", "escalated", "エスカレーション", "エスカレート", "升级", "上报", "转交", "升級", "上報"];

/// Words that may stand around the others without a meaning of their own.
const FILLERS: &[&str] = &[
    "please",
    "pls",
    "plz",
    "thanks",
    "thx",
    "thank",
    "you",
    "ty",
    "ok",
    "okay",
    "and",
    "this",
    "it",
    "incident",
    "alert",
    "the",
    "on",
    "all",
    "すべて",
    "全部",
    "お願いします",
    "です",
    "请",
    "谢谢",
    "和",
    "と",
];

/// Words that turn others round, so that nobody can be sure what was meant.
const DOUBTS: &[&str] = &[
    "not", "no", "don't", "dont", "don’t", "do", "never", "cannot", "can't", "cant", "can’t", "won't", "wont", "isn't",
    "isnt", "unable", "un", "if", "when", "should", "not-yet", "後で", "不", "没", "沒", "未", "稍后",
];

/// What one word of an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// It asks for something.
    Verb(Act),
    /// It means nothing by itself.
    Filler,
    /// It may turn the meaning round.
    Doubt,
    /// Anything else.
    Unknown,
}

/// What this word is. In any case, full-width too; punctuation around it does not count, but a question mark is a
/// doubt.
pub fn word(text: &str) -> Word {
    let folded: String = text.chars().take(WORD_CHARS_MAX).map(narrow).flat_map(char::to_lowercase).collect();
    if folded.contains('?') {
        return Word::Doubt;
    }
    let bare = folded.trim_matches(is_punctuation);
    if bare.is_empty() {
        return Word::Filler;
    }
    for (words, found) in [
        (ACKNOWLEDGE, Word::Verb(Act::Acknowledge)),
        (RESOLVE, Word::Verb(Act::Resolve)),
        (ESCALATE, Word::Verb(Act::Escalate)),
        (FILLERS, Word::Filler),
        (DOUBTS, Word::Doubt),
    ] {
        if words.contains(&bare) {
            return found;
        }
    }
    Word::Unknown
}

/// Longest word looked at.
const WORD_CHARS_MAX: usize = 40;

/// What stands between or around words.
pub fn is_punctuation(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '"'
            | '\''
            | '('
            | ')'
            | '['
            | ']'
            | '<'
            | '>'
            | '*'
            | '_'
            | '#'
            | '-'
            | '/'
            | '+'
            | '&'
            | '='
            | '。'
            | '、'
            | '，'
            | '！'
            | '：'
            | '；'
            | '・'
            | '「'
            | '」'
            | '“'
            | '”'
            | '‘'
            | '’'
            | '…'
            | '~'
            | '|'
            | '\\'
            | '`'
            | '{'
            | '}'
            | '@'
            | '%'
            | '^'
            | '$'
    )
}

/// Splits an answer into words: at white space, at punctuation, and where scripts change, since Japanese and
/// Chinese write a code right behind the word. At most so many words.
pub fn split(text: &str, words_max: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut current = String::new();
    let mut last_ascii = true;
    for c in text.chars().map(narrow) {
        let joins = c == '\'' || c == '’';
        let ends = c.is_whitespace() || c.is_control() || (is_punctuation(c) && !joins);
        let turns = c.is_alphanumeric() && c.is_ascii() != last_ascii;
        if (ends || turns) && !current.is_empty() {
            words.push(std::mem::take(&mut current));
        }
        if words.len() >= words_max {
            return words;
        }
        if !ends {
            current.push(c);
        }
        if c.is_alphanumeric() {
            last_ascii = c.is_ascii();
        }
    }
    if !current.is_empty() {
        words.push(current);
    }
    words
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words() {
        for (text, expected) in [
            ("4", Word::Verb(Act::Acknowledge)),
            ("ＡＣＫ", Word::Verb(Act::Acknowledge)),
            ("Acknowledged.", Word::Verb(Act::Acknowledge)),
            ("確認しました。", Word::Verb(Act::Acknowledge)),
            ("６", Word::Verb(Act::Resolve)),
            ("RESOLVE!", Word::Verb(Act::Resolve)),
            ("已解决", Word::Verb(Act::Resolve)),
            ("5", Word::Verb(Act::Escalate)),
            ("ack?", Word::Doubt),
            ("ack？", Word::Doubt),
            ("don’t", Word::Doubt),
            ("未解決", Word::Unknown),
            ("未确认", Word::Unknown),
            ("unresolved", Word::Unknown),
            ("44", Word::Unknown),
            ("--", Word::Filler),
        ] {
            assert_eq!(word(text), expected, "{text}");
        }
    }

    #[test]
    fn no_word_has_two_meanings() {
        let all: Vec<&str> = [ACKNOWLEDGE, RESOLVE, ESCALATE, FILLERS, DOUBTS].concat();
        let distinct: std::collections::BTreeSet<&str> = all.iter().copied().collect();
        assert_eq!(all.len(), distinct.len());
        assert!(all.iter().all(|word| crate::domain::code::Code::read(word).is_none()));
    }

    #[test]
    fn splitting() {
        for (text, expected) in [
            ("4 K7", vec!["4", "K7"]),
            ("ack K7,M2; resolve X3", vec!["ack", "K7", "M2", "resolve", "X3"]),
            ("確認Ｋ７", vec!["確認", "K7"]),
            ("已解决k7，m2", vec!["已解决", "k7", "m2"]),
            ("don't ack", vec!["don't", "ack"]),
            ("  \r\n", vec![]),
            ("ack/resolve", vec!["ack", "resolve"]),
        ] {
            assert_eq!(split(text, 10), expected, "{text}");
        }
        assert_eq!(split(&"a ".repeat(1000), 10).len(), 10);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC*|.*") {
            prop_assert!(split(&text, 5).len() <= 5);
            word(&text);
        }
    }
}
