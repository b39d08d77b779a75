//! Answers by mail, as tables; forged and unclear ones.

use proptest::prelude::*;

use super::*;
use crate::notify::mail::tests::config;
use crate::notify::tests::pages::HOSTILE;

const ID: &str = "0123456789abcdef0123456789abcdef";

fn reply_address() -> String {
    address::reply(&config().secret, ID, &config().domain).unwrap()
}

fn read_with(recipients: &[&str], headers: &[(&str, &str)], text: &str, incidents: usize) -> Result<Answer, String> {
    let headers: Vec<_> = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mail = Received { sender: "mallory@evil.example", recipients, headers: &headers, text };
    let sent = |id: &str| (id == ID).then(|| Sent { user: "ann".to_owned(), incidents });
    read(&config(), &mail, sent).map_err(|refusal| refusal.to_string())
}

fn answered(text: &str) -> Result<Act, String> {
    read_with(&[&reply_address()], &[], text, 1).map(|answer| answer.act)
}

#[test]
fn what_the_first_word_asks_for() {
    use Act::{Acknowledge, Escalate, Resolve};
    for (text, expected) in [
        ("ack", Acknowledge),
        ("Ack, looking into it.\n> resolve", Acknowledge),
        ("ack - will resolve tomorrow", Acknowledge),
        ("4", Acknowledge),
        ("4 K7 thanks", Acknowledge),
        ("確認しました。今から見ます", Acknowledge),
        ("已确认", Acknowledge),
        ("Acknowledged\r\n\r\nOn Sat, nightcall wrote:\r\n> 6", Acknowledge),
        ("resolve", Resolve),
        ("Resolve this, please!", Resolve),
        ("Resolved by a restart", Resolve),
        ("解決しました", Resolve),
        ("已解决，谢谢", Resolve),
        ("６", Resolve),
        ("escalate", Escalate),
    ] {
        assert_eq!(answered(text), Ok(expected), "{text}");
    }
}

#[test]
fn unclear_answers_do_nothing() {
    for (text, why) in [
        ("", "nothing is written above the quoted mail"),
        ("> ack", "nothing is written above the quoted mail"),
        ("On Sat, nightcall <n@x> wrote:\n> x\n\nack", "nothing is written above the quoted mail"),
        ("Hi,\nack", "its first word asks for nothing"),
        ("CRITICAL db: ack", "its first word asks for nothing"),
        ("unresolved", "its first word asks for nothing"),
        ("not ack", "its first word asks for nothing"),
        ("ack?", "its first word asks for nothing"),
        ("ack or not", "it is in doubt"),
        ("resolved? no", "its first word asks for nothing"),
        ("Resolved, if bob agrees", "it is in doubt"),
        ("ack/resolve", "it asks for two things"),
        ("4 6", "it asks for two things"),
        ("resolve tomorrow", "its first line says more than that"),
        ("4 servers are down", "its first line says more than that"),
        ("6 more disks", "its first line says more than that"),
    ] {
        assert_eq!(answered(text), Err(why.to_owned()), "{text}");
    }
}

#[test]
fn who_may_act_and_when() {
    let address = reply_address();
    let other = address::reply(&config().secret, "abc", &config().domain).unwrap();
    let own = looped::value(&config().secret, ID);
    let ack = |recipients: &[&str], headers: &[(&str, &str)]| read_with(recipients, headers, "ack", 1);
    let answer = Answer::by_text(Act::Acknowledge, ID, "ann");
    let forged_from = [("From", "Bob <bob@example.com>")];
    assert_eq!(ack(&["x@example.com", &address.to_uppercase(), &address], &forged_from), Ok(answer));
    let refused = |recipients: &[&str], headers: &[(&str, &str)]| ack(recipients, headers).unwrap_err();
    assert_eq!(refused(&[&address.replace("0123", "0124")], &[]), "its address is none that we gave");
    assert_eq!(refused(&[], &[("To", &address)]), "its address is none that we gave");
    assert_eq!(refused(&[&address, &other], &[]), "it answers several messages at once");
    assert_eq!(refused(&[&other], &[]), "there is no such notification");
    assert_eq!(refused(&[&address], &[("x-nightcall-LOOP", &own)]), "it is our own mail");
    assert_eq!(refused(&[&address], &[("Auto-Submitted", "auto-replied")]), "it says that no person sent it");
    let bundle = |text| read_with(&[&address], &[], text, 12).map(|answer| answer.act);
    assert_eq!(bundle("ack"), Ok(Act::Acknowledge));
    assert_eq!(bundle("resolve"), Err("several incidents are not resolved by one mail".to_owned()));
    let headers: Vec<(String, String)> = Vec::new();
    let mail = Received { sender: "", recipients: &[&address], headers: &headers, text: "ack" };
    assert_eq!(read(&config(), &mail, |_| None).unwrap_err().to_string(), "it is a bounce");
}

#[test]
fn our_own_words_are_no_answer() {
    use crate::notify::mail::body;
    use crate::notify::message::Subject;
    use crate::notify::tests::pages::{kinds, subject};
    for text in HOSTILE.into_iter().chain(["ack", "resolve", "4", "\r\nack\r\n"]) {
        let incident = Subject { service: text, ..subject(text) };
        for message in kinds(&[incident, incident], text) {
            let quoted = body::text(&message, Some("reply+1.x@in.example.com"));
            assert!(wanted(&quoted).is_err(), "{quoted}");
        }
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_strangers_never_act(text in "\\PC*|.*", recipient in "\\PC*") {
        for text in HOSTILE.into_iter().chain([text.as_str()]) {
            prop_assert!(read_with(&[&recipient], &[], text, 1).is_err());
            let _ = answered(text);
        }
    }
}
