//! What the phone says and asks: TwiML documents (Twilio docs, "TwiML for Programmable Voice": Say, Gather, Pause),
//! written by an XML writer only, so that no mail content can become a verb, and without characters XML forbids,
//! which would make the provider drop the call (I35).

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use crate::domain::roster::Locale;
use crate::notify::message::Message;
use crate::notify::spoken::{Phrase, Script, announcement, say as phrase};

/// Longest sentence written, in characters. Sentences are shorter; this holds whatever comes.
const SENTENCE_CHARS_MAX: usize = 600;

/// How long to wait for a key, in seconds.
const KEY_SECONDS: &str = "10";

/// Longest document that may travel with a request (Twilio docs, "Call resource", `Twiml`), in characters.
pub const INLINE_CHARS_MAX: usize = 4000;

/// Who speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice<'a> {
    /// Code of the language, such as `en-GB`, `ja-JP`, `cmn-CN` (or `zh-CN` with older voices).
    pub language: &'a str,
    /// Name of a voice, such as `Polly.Amy`; the account's setting otherwise.
    pub name: Option<&'a str>,
}

impl Voice<'static> {
    /// The account's voice for a language.
    pub fn of(locale: Locale) -> Self {
        Self { language: language(locale, English::default()), name: None }
    }
}

/// Which English the voices speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum English {
    /// American.
    #[default]
    American,
    /// British.
    British,
}

/// The code of the language that a locale is spoken in.
pub fn language(locale: Locale, english: English) -> &'static str {
    match (locale, english) {
        (Locale::English, English::American) => "en-US",
        (Locale::English, English::British) => "en-GB",
        (Locale::Japanese, _) => "ja-JP",
        (Locale::Chinese, _) => "cmn-CN",
    }
}

/// Says a script; keys are posted to `action`.
pub fn run(script: &Script, action: &str, voice: Voice<'_>) -> String {
    match script {
        Script::Ask { sentences, closing } => menu(sentences, action, closing, voice),
        Script::Tell(sentences) => goodbye(sentences, voice),
    }
}

/// Says the sentences twice while waiting for one key, which is posted to `action`. Without a key it says `closing`
/// and hangs up.
pub fn menu(sentences: &[String], action: &str, closing: &str, voice: Voice<'_>) -> String {
    gather(&[sentences, sentences], ("numDigits", "1"), action, closing, voice)
}

/// Asks whether to resolve; the second key press is posted to `action`.
pub fn confirm(action: &str, locale: Locale, voice: Voice<'_>) -> String {
    let question = [phrase(locale, &Phrase::PressAgainToResolve)];
    gather(&[&question], ("numDigits", "1"), action, &phrase(locale, &Phrase::StaysOpen), voice)
}

/// Asks for the PIN, which is posted to `action`; `again` after a wrong one. Any number of digits is taken, so that
/// the call does not tell how long the PIN is.
pub fn ask_pin(again: bool, action: &str, locale: Locale, voice: Voice<'_>) -> String {
    let question = [phrase(locale, if again { &Phrase::PinWrong } else { &Phrase::EnterPin })];
    let closing = phrase(locale, &Phrase::NoKey);
    gather(&[&question, &question], ("finishOnKey", "#"), action, &closing, voice)
}

/// Says the sentences, then hangs up.
pub fn goodbye(sentences: &[String], voice: Voice<'_>) -> String {
    document(|writer| {
        sentences.iter().try_for_each(|sentence| say(writer, sentence, voice))?;
        hang_up(writer)
    })
}

/// The document of a call without callbacks: tells twice what is wrong and that it is to be acted on elsewhere.
/// At most [`INLINE_CHARS_MAX`] characters.
pub fn inline(message: &Message<'_>, voice: Voice<'_>) -> String {
    let mut sentences = announcement(message);
    let twice = document(|writer| {
        for _ in 0..2 {
            sentences.iter().try_for_each(|sentence| say(writer, sentence, voice))?;
            pause(writer)?;
        }
        hang_up(writer)
    });
    if twice.chars().count() <= INLINE_CHARS_MAX {
        return twice;
    }
    loop {
        let once = goodbye(&sentences, voice);
        if once.chars().count() <= INLINE_CHARS_MAX || sentences.is_empty() {
            return once;
        }
        sentences.pop();
    }
}

type Out = Writer<Vec<u8>>;
type Written = std::io::Result<()>;

/// Says each round while waiting for digits. The key that ends waiting is a count or a sign.
fn gather(rounds: &[&[String]], end: (&str, &str), action: &str, closing: &str, voice: Voice<'_>) -> String {
    document(|writer| {
        let gather = writer.create_element("Gather").with_attributes([
            ("input", "dtmf"),
            end,
            ("timeout", KEY_SECONDS),
            ("method", "POST"),
            ("action", &clean(action)),
        ]);
        gather.write_inner_content(|writer| {
            for sentences in rounds {
                sentences.iter().try_for_each(|sentence| say(writer, sentence, voice))?;
                pause(writer)?;
            }
            Ok(())
        })?;
        say(writer, closing, voice)?;
        hang_up(writer)
    })
}

fn document(write: impl FnOnce(&mut Out) -> Written) -> String {
    let mut writer = Writer::new(Vec::new());
    let written = writer
        .write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))
        .and_then(|()| writer.create_element("Response").write_inner_content(write).map(|_| ()));
    written.expect("writing to memory does not fail");
    String::from_utf8(writer.into_inner()).expect("only text was written")
}

fn say(writer: &mut Out, sentence: &str, voice: Voice<'_>) -> Written {
    let mut element = writer.create_element("Say").with_attribute(("language", clean(voice.language).as_str()));
    if let Some(name) = voice.name {
        element = element.with_attribute(("voice", clean(name).as_str()));
    }
    element.write_text_content(BytesText::new(&clean(sentence))).map(|_| ())
}

fn pause(writer: &mut Out) -> Written {
    writer.create_element("Pause").with_attribute(("length", "1")).write_empty().map(|_| ())
}

fn hang_up(writer: &mut Out) -> Written {
    writer.create_element("Hangup").write_empty().map(|_| ())
}

/// Drops what XML 1.0 section 2.2 does not allow.
fn clean(text: &str) -> String {
    let heard = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).filter(heard).take(SENTENCE_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
