//! Replies as a table; forged and hostile ones.

use proptest::prelude::*;

use super::*;
use crate::notify::exchange::About;
use crate::notify::tests::pages::HOSTILE;
use crate::notify::twilio::samples::config;
use crate::notify::voice::signature;

const URL: &str = "https://nightcall.example/sms/inbound";
const ANN: &str = "+491700000001";

/// `ack:K7 resolve:M2`, or why not.
fn words(reading: &Reading) -> String {
    match reading {
        Reading::Unclear => "?".to_owned(),
        Reading::Keyword(keyword) => format!("{keyword:?}"),
        Reading::Commands(commands) => {
            let word = |act| match act {
                Act::Acknowledge => "ack",
                Act::Resolve => "resolve",
                Act::Escalate => "escalate",
            };
            let command = |c: &Command| format!("{}:{}", word(c.act), c.code.as_ref().map_or("-", Code::as_str));
            commands.iter().map(command).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn what_texts_ask_for() {
    for (text, expected) in [
        ("4 K7", "ack:K7"),
        ("4k7", "ack:K7"),
        ("ack K7", "ack:K7"),
        ("ACK k7 thanks!", "ack:K7"),
        ("resolve k7", "resolve:K7"),
        ("Resolved: K7.", "resolve:K7"),
        ("６　Ｋ７", "resolve:K7"),
        ("５K7", "escalate:K7"),
        ("確認 K7", "ack:K7"),
        ("確認しましたK7", "ack:K7"),
        ("K7 対応中です", "ack:K7"),
        ("解決 K7、M2", "resolve:K7 resolve:M2"),
        ("收到K7", "ack:K7"),
        ("已解决 k7", "resolve:K7"),
        ("4 K7 M2, 6 X3", "ack:K7 ack:M2 resolve:X3"),
        ("4 K7 = ack", "ack:K7"),
        ("ack K7 ack M2 all", "ack:K7 ack:M2"),
        ("k7 m2 ack", "ack:K7 ack:M2"),
        ("4", "ack:-"),
        ("ack", "ack:-"),
        ("6", "resolve:-"),
        ("4\r\n", "ack:-"),
        // Nobody can be sure.
        ("", "?"),
        ("K7", "?"),
        ("what is K7", "?"),
        ("ack K7?", "?"),
        ("don't ack K7", "?"),
        ("ack K7 not", "?"),
        ("not resolved K7", "?"),
        ("未解決 K7", "?"),
        ("没 解决 K7", "?"),
        ("K7 ack M2", "?"),
        ("K7 ack resolve", "?"),
        ("44 K7", "?"),
        ("4 O7", "?"),
        ("7 K7", "?"),
        ("ack K7 but call bob", "?"),
        // The provider's own words.
        ("STOP", "Stop"),
        (" stop. ", "Stop"),
        ("StopAll", "Stop"),
        ("UNSUBSCRIBE", "Stop"),
        ("cancel", "Stop"),
        ("END", "Stop"),
        ("quit", "Stop"),
        ("ＳＴＯＰ", "Stop"),
        ("HELP", "Help"),
        ("start", "Start"),
        ("stop it", "?"),
    ] {
        assert_eq!(words(&read(text)), expected, "{text}");
    }
    assert_eq!(read(&"4 ".repeat(100)), Reading::Unclear);
}

fn inbound(from: &str, text: &str) -> Inbound {
    Inbound {
        sid: "SM1".to_owned(),
        from: from.to_owned(),
        to: "+4930000000".to_owned(),
        text: text.to_owned(),
        opt_out: String::new(),
    }
}

fn message_id(answer: &Answer) -> String {
    match &answer.about {
        About::Message(id) => id.clone(),
        About::Incident { .. } => panic!("a text answers a message"),
    }
}

#[test]
fn only_pages_to_the_senders_number_count() {
    let [k7, m2, x3] = ["K7", "M2", "X3"].map(|code| Code::read(code).unwrap());
    let sent = |message_id, code, address, incidents| Sent { message_id, code, address, user: "ann", incidents };
    let sent =
        [sent("one", &k7, "+49 170 0000001", 1), sent("two", &m2, ANN, 12), sent("three", &x3, "+491700000002", 1)];
    let judged = |from: &str, text: &str| {
        let verdict = judge(&inbound(from, text), &sent, true);
        let done: Vec<_> = verdict.answers.iter().map(|a| (message_id(a), a.act)).collect();
        (done, verdict.text.unwrap())
    };
    let ack = |id: &str| (id.to_owned(), Act::Acknowledge);
    assert_eq!(judged(ANN, "4 k7"), (vec![ack("one")], "K7: acknowledged.".to_owned()));
    let both = (vec![ack("one"), ack("two")], "K7: acknowledged, M2: acknowledged.".to_owned());
    assert_eq!(judged(ANN, "ack m2 k7 k7"), both);
    assert_eq!(judged("+491700000002", "4"), (vec![ack("three")], "X3: acknowledged.".to_owned()));
    let how = "Reply 4 CODE = ack, 6 CODE = resolve, 5 CODE = escalate. Open: K7, M2.";
    for (text, problem) in [
        ("4 X3", "There is no open page X3 for you, nothing was changed."),
        ("4 K7 X3", "There is no open page X3 for you, nothing was changed."),
        ("4", "Name the code, nothing was changed."),
        ("6 M2", "M2 tells of several incidents, which cannot be resolved at once."),
        ("4 K7 6 K7", "K7 is named twice, nothing was changed."),
        ("hello", "Not understood, nothing was changed."),
    ] {
        assert_eq!(judged(ANN, text), (vec![], format!("{problem} {how}")), "{text}");
    }
    let (done, text) = judged("+491700000002", "6");
    assert!(done.is_empty() && text.starts_with("Name the code"), "an end needs its name");
    let odd = [Sent { address: "room:ops", ..sent[0] }];
    assert_eq!(judge(&inbound("", "4 K7"), &odd, false), Verdict::default());
    for stranger in ["+491700000003", "", "ann", "4917OOOOOOO1"] {
        let verdict = judge(&inbound(stranger, "4 K7"), &sent, false);
        assert_eq!(verdict, Verdict::default(), "{stranger}");
    }
}

#[test]
fn leaving_and_asking() {
    let stop = judge(&inbound(ANN, "Stop"), &[], true);
    assert_eq!(stop, Verdict { keyword: Some(Keyword::Stop), ..Verdict::default() });
    let told = Inbound { opt_out: "STOP".to_owned(), ..inbound(ANN, "arrêt") };
    assert_eq!(judge(&told, &[], true).keyword, Some(Keyword::Stop));
    assert!(judge(&inbound(ANN, "help"), &[], true).text.unwrap().starts_with("Reply 4"));
    let answered = Inbound { opt_out: "HELP".to_owned(), ..inbound(ANN, "help") };
    assert_eq!(judge(&answered, &[], true).text, None, "the provider answers itself");
}

#[test]
fn only_signed_texts_are_read() {
    let pairs = [("MessageSid", "SM1"), ("From", ANN), ("To", "+4930000000"), ("Body", "確認 K7")];
    let body = form::write(&pairs);
    let given = signature::header("12345", URL, &form::read(body.as_bytes()));
    let read = received(&config(), URL, &given, body.as_bytes()).unwrap();
    assert_eq!(read, Inbound { text: "確認 K7".to_owned(), ..inbound(ANN, "") });
    let refused =
        |url: &str, given: &str, body: &str| received(&config(), url, given, body.as_bytes()).unwrap_err().to_string();
    let wrong = "its signature is wrong";
    assert_eq!(refused(URL, &given, &body.replace("K7", "M2")), wrong);
    assert_eq!(refused("https://nightcall.example/sms/status", &given, &body), wrong);
    assert_eq!(refused(URL, "", &body), wrong);
    assert_eq!(refused(URL, "", &"a".repeat(70_000)), "it is too long");
    let nobody = form::write(&[("Body", "4")]);
    let given = signature::header("12345", URL, &form::read(nobody.as_bytes()));
    assert_eq!(refused(URL, &given, &nobody), "it has no sender");
}

#[test]
fn answers_are_documents() {
    let start = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
    assert_eq!(twiml(None), format!("{start}<Response></Response>"));
    let hostile = "</Message><Redirect>x</Redirect>\u{0}&";
    let escaped = "&lt;/Message&gt;&lt;Redirect&gt;x&lt;/Redirect&gt;&amp;";
    assert_eq!(twiml(Some(hostile)), format!("{start}<Response><Message>{escaped}</Message></Response>"));
}

#[test]
fn our_own_words_are_no_answer() {
    use crate::notify::message::Subject;
    use crate::notify::tests::pages::{kinds, subject};
    for text in HOSTILE.into_iter().chain(["ack", "4 K7", "STOP", "resolve K7"]) {
        let incident = Subject { service: text, ..subject(text) };
        for message in kinds(&[incident, incident], text) {
            let sent_back = crate::notify::sms::text(&message);
            assert_eq!(read(&sent_back), Reading::Unclear, "{sent_back}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_panics_or_acts_for_another(text in "\\PC*|.*", body in proptest::collection::vec(any::<u8>(), 0..99)) {
        let code = Code::read("K7").unwrap();
        let sent = [Sent { message_id: "one", code: &code, address: "+491", user: "ann", incidents: 1 }];
        for text in HOSTILE.into_iter().chain([text.as_str()]) {
            prop_assert!(judge(&inbound(ANN, text), &sent, true).answers.is_empty());
            twiml(Some(text));
        }
        prop_assert!(received(&config(), URL, "AAAA", &body).is_err());
    }
}
