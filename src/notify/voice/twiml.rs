//! What the phone says: TwiML documents, written by an XML writer only, so that no mail content can become a
//! verb, and without characters XML forbids, which would make the provider drop the call (I35).

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

/// Longest text read out, in characters: about half a minute.
const SPOKEN_CHARS_MAX: usize = 400;

/// How long to wait for a key, in seconds.
const KEY_SECONDS: &str = "10";

/// Says the sentences, then hangs up.
pub fn say(sentences: &[&str]) -> String {
    document(|writer| sentences.iter().try_for_each(|sentence| write_say(writer, sentence)))
}

/// Says the sentences twice while waiting for one key, which is posted to `action`. Without a key it says
/// `closing` and hangs up.
pub fn ask(sentences: &[&str], action: &str, closing: &str) -> String {
    document(|writer| {
        let gather = writer.create_element("Gather").with_attributes([
            ("input", "dtmf"),
            ("numDigits", "1"),
            ("timeout", KEY_SECONDS),
            ("method", "POST"),
            ("action", action),
        ]);
        gather.write_inner_content(|writer| {
            for _ in 0..2 {
                sentences.iter().try_for_each(|sentence| write_say(writer, sentence))?;
                writer.create_element("Pause").with_attribute(("length", "1")).write_empty()?;
            }
            Ok(())
        })?;
        write_say(writer, closing)
    })
}

type Out = Writer<Vec<u8>>;

fn document(write: impl FnOnce(&mut Out) -> std::io::Result<()>) -> String {
    let mut writer = Writer::new(Vec::new());
    let written = writer
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| writer.create_element("Response").write_inner_content(write).map(|_| ()));
    written.expect("writing to memory does not fail");
    String::from_utf8(writer.into_inner()).expect("only text was written")
}

fn write_say(writer: &mut Out, sentence: &str) -> std::io::Result<()> {
    writer.create_element("Say").write_text_content(BytesText::new(&speakable(sentence))).map(|_| ())
}

/// Cuts the text and drops what XML 1.0 section 2.2 does not allow or nobody can hear.
fn speakable(text: &str) -> String {
    let heard = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(heard).take(SPOKEN_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use quick_xml::Reader;

    use super::*;

    #[test]
    fn content_cannot_become_a_verb() {
        let hostile = "</Say><Dial>+1900</Dial>\u{0}\u{ffff}<![CDATA[ & ]]>";
        let xml = ask(&[hostile], "https://x/?a=1&b=\"2\"", "bye");
        let mut reader = Reader::from_str(&xml);
        let mut verbs = Vec::new();
        loop {
            match reader.read_event().expect("well formed") {
                Event::Eof => break,
                Event::Start(tag) | Event::Empty(tag) => {
                    verbs.push(tag.name().as_ref().to_owned());
                }
                _ => {}
            }
        }
        assert_eq!(verbs, ["Response", "Gather", "Say", "Pause", "Say", "Pause", "Say"]);
        assert!(!xml.contains('\u{0}') && !xml.contains('\u{ffff}'));
    }

    #[test]
    fn long_texts_are_cut() {
        let xml = say(&[&"word ".repeat(1000)]);
        assert!(xml.len() < 600, "{}", xml.len());
    }

    #[test]
    fn a_plain_sentence() {
        assert_eq!(
            say(&["Acknowledged."]),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say>Acknowledged.</Say></Response>"
        );
    }
}
