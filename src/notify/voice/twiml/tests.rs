//! Documents, as tables; that no content becomes a verb.

use proptest::prelude::*;
use quick_xml::Reader;

use super::*;
use crate::notify::message::Message;
use crate::notify::spoken::script;
use crate::notify::tests::pages::{HOSTILE, kinds, paged, subject};

const VOICE: Voice<'_> = Voice { language: "en-GB", name: None };

/// The verbs of a document in order, and all its text.
fn read(xml: &str) -> (Vec<String>, String) {
    let mut reader = Reader::from_str(xml);
    let (mut verbs, mut text) = (Vec::new(), String::new());
    loop {
        match reader.read_event().expect("well formed") {
            Event::Eof => return (verbs, text),
            Event::Start(tag) | Event::Empty(tag) => {
                let name = tag.name().as_ref().to_owned();
                verbs.push(String::from_utf8(Vec::from(name)).expect("a name"));
            }
            Event::Text(found) => text.push_str(&String::from_utf8_lossy(found.as_ref().as_ref())),
            _ => {}
        }
    }
}

#[test]
fn a_plain_goodbye() {
    assert_eq!(
        goodbye(&["Acknowledged.".to_owned()], Voice { language: "ja-JP", name: Some("Polly.Mizuki") }),
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say language=\"ja-JP\" voice=\"Polly.Mizuki\">\
         Acknowledged.</Say><Hangup/></Response>"
    );
}

#[test]
fn menus_questions_and_pins() {
    let sentences = ["a".to_owned(), "b".to_owned()];
    let xml = menu(&sentences, "https://x/?a=1&b=\"2\"", "bye", VOICE);
    assert!(xml.contains("<Gather input=\"dtmf\" numDigits=\"1\" timeout=\"10\" method=\"POST\" "), "{xml}");
    assert!(xml.contains("action=\"https://x/?a=1&amp;b=&quot;2&quot;\""), "{xml}");
    let (verbs, _) = read(&xml);
    assert_eq!(verbs.join(" "), "Response Gather Say Say Pause Say Say Pause Say Hangup");
    let (verbs, text) = read(&confirm("https://x", Locale::English, VOICE));
    assert_eq!(verbs.join(" "), "Response Gather Say Pause Say Hangup");
    assert_eq!(text, "Press 6 again to resolve this incident.It stays open. Goodbye.");
    let xml = ask_pin(false, "https://x", Locale::English, VOICE);
    assert!(xml.contains("finishOnKey=\"#\"") && !xml.contains("numDigits"));
    assert!(ask_pin(true, "https://x", Locale::English, VOICE).contains("That PIN is wrong."));
}

#[test]
fn scripts_become_documents() {
    let message = paged(vec![subject("Disk full")]);
    let (verbs, text) = read(&run(&script(&message, &[]), "https://x", VOICE));
    assert_eq!(verbs.iter().filter(|verb| *verb == "Say").count(), 7);
    assert!(text.contains("Critical alert in service db: Disk full."));
    let over = Message { kind: crate::notify::message::Kind::Acknowledged { by: "bob" }, ..message };
    let (verbs, text) = read(&run(&script(&over, &[]), "https://x", VOICE));
    assert_eq!(
        (verbs.join(" ").as_str(), text.as_str()),
        ("Response Say Hangup", "Already acknowledged by bob. Good night.")
    );
}

#[test]
fn inline_documents_fit_and_ask_nothing() {
    let long = "& ".repeat(500);
    for locale in Locale::ALL {
        for text in HOSTILE.into_iter().chain([long.as_str()]) {
            for message in kinds(&[subject(text)], text) {
                let message = Message { locale, ..message };
                let xml = inline(&message, Voice { language: language(locale, English::British), name: None });
                assert!(xml.chars().count() <= INLINE_CHARS_MAX);
                let (verbs, said) = read(&xml);
                assert!(verbs.iter().all(|verb| ["Response", "Say", "Pause", "Hangup"].contains(&verb.as_str())));
                let told = matches!(message.kind, crate::notify::message::Kind::Paged);
                assert_eq!(told, said.contains(&phrase(locale, &Phrase::ActElsewhere)));
            }
        }
    }
    let languages = Locale::ALL.map(|locale| language(locale, English::default()));
    assert_eq!(languages, ["en-US", "ja-JP", "cmn-CN"]);
}

#[test]
fn content_cannot_become_a_verb() {
    for text in HOSTILE {
        let sentences = [text.to_owned()];
        let xml = menu(&sentences, text, text, Voice { language: text, name: Some(text) });
        let (verbs, _) = read(&xml);
        assert_eq!(verbs.join(" "), "Response Gather Say Pause Say Pause Say Hangup", "{text}");
        assert!(!xml.contains(['\u{0}', '\u{1b}', '\u{fffe}', '\u{ffff}']));
    }
    let xml = goodbye(&["word ".repeat(1000)], VOICE);
    assert!(xml.chars().count() < 800, "{}", xml.len());
}

proptest! {
    #[test]
    fn always_well_formed(text in "\\PC*|.*") {
        let message = paged(vec![subject(&text); 3]);
        read(&run(&script(&message, &[Phrase::KeyUnknown(&text)]), &text, VOICE));
        read(&inline(&message, VOICE));
    }
}
