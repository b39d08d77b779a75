//! Mail about mail, and mail that goes round: stored, seen and counted, but no alert.
//!
//! A monitor must never be taken for an answering machine. Monitors have null senders, and `Auto-Submitted:
//! auto-generated` is what RFC 3834 section 5 wants of them; so one sign alone decides nothing.

use super::mail::{Envelope, Mail};

/// The name in verdicts of what files answers of machines.
pub const AUTOMATIC: &str = "automatic-reply";

/// The name in verdicts of what files mail that goes round.
pub const LOOP: &str = "mail-loop";

/// Most servers a mail has been through. Mail servers give up after as many (RFC 5321 section 6.3 asks for 100 at
/// least, and Postfix has 50).
const RECEIVED_MAX: usize = 50;

/// Why a mail is no alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// [`AUTOMATIC`] or [`LOOP`].
    pub rule: &'static str,
    /// In words.
    pub reason: String,
}

/// Whether the mail goes round.
pub fn going_round(mail: &Mail) -> Option<Aside> {
    let received = mail.header("Received").take(RECEIVED_MAX + 1).count();
    (received > RECEIVED_MAX).then(|| {
        let reason = format!("it has been through more than {RECEIVED_MAX} mail servers, so it goes round");
        Aside { rule: LOOP, reason }
    })
}

/// Whether a mail server or an answering machine says something about another mail.
pub fn automatic(mail: &Mail, envelope: &Envelope) -> Option<Aside> {
    let first = |name| mail.header(name).next().unwrap_or_default().trim().to_ascii_lowercase();
    let from_nobody = envelope.sender.trim().is_empty();
    let content_type = first("Content-Type");
    let is_report = content_type.starts_with("multipart/report")
        && parameter(&content_type, "report-type") == Some("delivery-status");
    let answers = ["In-Reply-To", "References"].into_iter().any(|name| !first(name).is_empty());
    let word = first("Auto-Submitted");
    let is_reply = word.split([';', ' ', '\t', '(']).next() == Some("auto-replied");
    let vacation = ["X-Autoreply", "X-Autorespond", "X-Vacation"].into_iter().find(|name| !first(name).is_empty());
    let vacation = vacation.or_else(|| (first("Precedence") == "auto_reply").then_some("Precedence: auto_reply"));
    let reason = match vacation {
        _ if is_report && from_nobody => {
            "automatic reply: a delivery report (RFC 3464) from the null sender".to_owned()
        }
        _ if is_reply && answers => "automatic reply (RFC 3834) to some other mail".to_owned(),
        Some(header) if answers || from_nobody => format!("automatic reply: it says so by {header}"),
        _ => return None,
    };
    Some(Aside { rule: AUTOMATIC, reason })
}

/// A parameter of a header that is lower case (RFC 2045 section 5.1).
fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        (key.trim() == name).then(|| value.trim().trim_matches('"').trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn monitors_are_heard_and_machines_that_answer_are_filed() {
        let report = "Content-Type: multipart/report;\r\n boundary=\"x\"; report-type=\"Delivery-Status\"";
        for (sender, headers, reason) in [
            ("", report, Some("delivery report")),
            ("", "Content-Type: multipart/report; report-type=delivery-status", Some("delivery report")),
            ("nagios@mon.example", report, None),
            ("", "Content-Type: multipart/report; report-type=feedback-report", None),
            ("", "Content-Type: multipart/mixed; report-type=delivery-status", None),
            ("", "Auto-Submitted: auto-generated", None),
            ("", "Auto-Submitted: auto-generated\r\nIn-Reply-To: <1@x>", None),
            ("", "Auto-Submitted: auto-replied", None),
            ("ann@x.example", "Auto-Submitted: Auto-Replied (vacation)\r\nIn-Reply-To: <1@x>", Some("RFC 3834")),
            ("", "Auto-Submitted: auto-replied; owner-email=\"a@b\"\r\nReferences: <1@x>", Some("RFC 3834")),
            ("", "X-Autoreply: yes", Some("X-Autoreply")),
            ("ann@x.example", "X-Autoreply: yes", None),
            ("ann@x.example", "Precedence: auto_reply\r\nIn-Reply-To: <1@x>", Some("auto_reply")),
            ("", "Precedence: bulk\r\nX-Auto-Response-Suppress: All", None),
            ("", "", None),
        ] {
            let mail = Mail::parse(format!("Subject: DOWN\r\n{headers}\r\n\r\nx").as_bytes());
            let found = automatic(&mail, &Envelope::new(sender, "db@x.example", "192.0.2.1")).map(|aside| aside.reason);
            match (reason, found) {
                (Some(reason), Some(found)) => assert!(found.contains(reason), "{headers}: {found}"),
                (expected, found) => assert_eq!(found.as_deref(), expected, "{sender} {headers}"),
            }
        }
    }

    #[test]
    fn fifty_servers_are_a_long_way_and_one_more_is_round() {
        let through = |servers| {
            Mail::parse(format!("{}Subject: x\r\n\r\nx", "Received: from a by b\r\n".repeat(servers)).as_bytes())
        };
        assert_eq!(going_round(&through(50)), None);
        assert_eq!(going_round(&through(51)).map(|aside| aside.rule), Some(LOOP));
    }
}
