//! What calls say, as tables.

use super::*;
use crate::notify::tests::pages::{HOSTILE, kinds, paged, subject};

fn in_every_language(phrase: &Phrase<'_>) -> [String; 3] {
    Locale::ALL.map(|locale| say(locale, phrase))
}

#[test]
fn one_incident() {
    let message = paged(vec![subject("Disk full on db-01.example.com")]);
    let Script::Ask { sentences, closing } = script(&message, &[Phrase::Greeting]) else { panic!("no keys") };
    assert_eq!(
        sentences,
        [
            "This is nightcall.",
            "Press 4 to acknowledge.",
            "Critical alert in service db: Disk full on db 01 dot example dot com.",
            "Press 4 to acknowledge, 6 to resolve, 5 to escalate, star to repeat.",
        ]
    );
    assert_eq!(closing, "No key was pressed. The next person will be called. Goodbye.");
}

#[test]
fn twelve_incidents_in_every_language() {
    for (locale, expected) in [
        (Locale::English, ["12 incidents. The worst:", "Critical alert in service db: 98 percent."]),
        (
            Locale::Japanese,
            [
                "インシデントが12件あります。最も重大なものは次のとおりです。",
                "サービス、dbで、重大のアラートです。98 パーセント。",
            ],
        ),
        (Locale::Chinese, ["共有12个事件。最严重的是：", "服务db发生严重告警：98 百分号。"]),
    ] {
        let message = Message { locale, ..paged(vec![subject("98%"); 12]) };
        let Script::Ask { sentences, .. } = script(&message, &[]) else { panic!("no keys") };
        assert_eq!(sentences[1..3], expected);
        assert_eq!(sentences[0], say(locale, &Phrase::PressToAcknowledge { all: true }));
        assert_eq!(sentences[3], say(locale, &Phrase::Keys { all: true }));
        assert!(!sentences[3].contains('6'), "a bundle is not resolved by phone");
    }
}

#[test]
fn other_kinds_tell_and_hang_up() {
    let told = |message: &Message<'_>| match script(message, &[]) {
        Script::Tell(sentences) => sentences.join(" "),
        Script::Ask { .. } => panic!("waits for a key"),
    };
    let one = [subject("x")];
    let expected = [
        "Already acknowledged by bob. Good night.",
        "This incident is already resolved. Good night.",
        "This is a test call from nightcall. Nothing is wrong. Your code is 0 4 2 6 1 7. Your code is 0 4 2 6 1 7. \
         Goodbye.",
        "You are now on call for bob, until 07:00 on Sunday, November 22. Goodbye.",
        "You are now on call for bob. Goodbye.",
    ];
    for (message, expected) in kinds(&one, "bob").into_iter().skip(1).zip(expected) {
        assert_eq!(told(&Message { code: Some("042617"), ..message }), expected);
    }
}

#[test]
fn without_keys_it_says_where_to_act() {
    for locale in Locale::ALL {
        let message = Message { locale, ..paged(vec![subject("x"); 2]) };
        let sentences = announcement(&message);
        assert_eq!(sentences.len(), 4);
        assert_eq!(sentences[3], say(locale, &Phrase::ActElsewhere));
        let keys = say(locale, &Phrase::Keys { all: true });
        assert!(!sentences.contains(&keys));
    }
}

#[test]
fn every_language_says_every_phrase_and_its_key() {
    for (phrase, key) in [
        (Phrase::PressToAcknowledge { all: false }, "4"),
        (Phrase::PressToAcknowledge { all: true }, "4"),
        (Phrase::Keys { all: false }, "6"),
        (Phrase::Keys { all: true }, "5"),
        (Phrase::PressAgainToResolve, "6"),
        (Phrase::KeyUnknown("9"), "9"),
        (Phrase::KeyUnknown("#"), ""),
        (Phrase::KeyUnknown("*"), ""),
        (Phrase::TestCode("1 2"), "1 2"),
        (Phrase::AlreadyAcknowledged { by: "bob" }, "bob"),
        (Phrase::Done(Act::Acknowledge), ""),
        (Phrase::Done(Act::Resolve), ""),
        (Phrase::Done(Act::Escalate), ""),
    ] {
        let said = in_every_language(&phrase);
        assert!(said.iter().all(|text| text.contains(key)), "{said:?}");
        assert!(said[0] != said[1] && said[1] != said[2] && said[0] != said[2]);
    }
    let signs = ".:-/%@&+=<>#°";
    assert!(signs.chars().all(|c| ![english::sign(c), japanese::sign(c), chinese::sign(c)].contains(&"")));
}

#[test]
fn hostile_words_stay_words() {
    for text in HOSTILE {
        let incident = Subject { service: text, ..subject(text) };
        for message in kinds(&[incident], text).into_iter().chain([paged(Vec::new())]) {
            for locale in Locale::ALL {
                let message = Message { locale, code: Some(text), ..message.clone() };
                let said = match script(&message, &[]) {
                    Script::Ask { sentences, .. } | Script::Tell(sentences) => sentences.concat(),
                };
                let code_only = matches!(message.kind, Kind::Test);
                assert!(code_only || !said.contains(['<', '>', '&']), "{said}");
                assert!(!said.chars().any(char::is_control));
                assert!(announcement(&message).concat().chars().count() < 1000);
            }
        }
    }
}
