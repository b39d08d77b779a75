//! Replies (RFC 5321 section 4.2) with enhanced status codes (RFC 3463, RFC 2034). Each is written once, here.

use std::fmt::Write as _;

/// One reply, possibly of several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The three digits.
    pub code: u16,
    enhanced: &'static str,
    lines: Vec<String>,
}

impl Reply {
    /// The bytes for the wire.
    pub fn to_wire(&self) -> String {
        let mut wire = String::new();
        for (index, line) in self.lines.iter().enumerate() {
            let mark = if index + 1 < self.lines.len() { '-' } else { ' ' };
            let space = if self.enhanced.is_empty() { "" } else { " " };
            let _ = write!(wire, "{}{mark}{}{space}{line}\r\n", self.code, self.enhanced);
        }
        wire
    }

    /// 4xx: the sender keeps the mail and may try again.
    pub fn is_temporary(&self) -> bool {
        (400..500).contains(&self.code)
    }

    /// 4xx or 5xx.
    pub fn is_refusal(&self) -> bool {
        self.code >= 400
    }

    fn line(code: u16, enhanced: &'static str, text: impl Into<String>) -> Self {
        Self { code, enhanced, lines: vec![text.into()] }
    }

    pub(crate) fn greeting(hostname: &str) -> Self {
        Self::line(220, "", format!("{hostname} ESMTP nightcall"))
    }

    pub(crate) fn helo(hostname: &str) -> Self {
        Self::line(250, "", hostname)
    }

    pub(crate) fn ehlo(hostname: &str, size_bytes_max: u64, offered_now: &[&str]) -> Self {
        let mut lines = vec![
            hostname.to_owned(),
            "PIPELINING".to_owned(),
            format!("SIZE {size_bytes_max}"),
            "8BITMIME".to_owned(),
            "SMTPUTF8".to_owned(),
        ];
        lines.extend(offered_now.iter().map(|&extension| extension.to_owned()));
        lines.push("ENHANCEDSTATUSCODES".to_owned());
        Self { code: 250, enhanced: "", lines }
    }

    pub(crate) fn start_tls() -> Self {
        Self::line(220, "2.0.0", "ready for TLS")
    }

    pub(crate) fn ok() -> Self {
        Self::line(250, "2.0.0", "OK")
    }

    pub(crate) fn sender_ok() -> Self {
        Self::line(250, "2.1.0", "sender accepted")
    }

    pub(crate) fn recipient_ok() -> Self {
        Self::line(250, "2.1.5", "recipient accepted")
    }

    pub(crate) fn start_mail() -> Self {
        Self::line(354, "", "end with <CRLF>.<CRLF>")
    }

    pub(crate) fn accepted(mail_id: &str) -> Self {
        Self::line(250, "2.0.0", format!("accepted as {mail_id}"))
    }

    pub(crate) fn bye() -> Self {
        Self::line(221, "2.0.0", "bye")
    }

    pub(crate) fn help() -> Self {
        Self::line(214, "2.0.0", "HELO EHLO MAIL RCPT DATA RSET NOOP VRFY QUIT")
    }

    /// RFC 5321 section 7.3: say nothing about who exists.
    pub(crate) fn cannot_verify() -> Self {
        Self::line(252, "2.5.2", "send mail to find out")
    }

    pub(crate) fn shutting_down() -> Self {
        Self::line(421, "4.3.2", "shutting down, try again later")
    }

    pub(crate) fn too_many_connections() -> Self {
        Self::line(421, "4.7.0", "too many connections, try again later")
    }

    pub(crate) fn too_many_errors() -> Self {
        Self::line(421, "4.7.0", "too many errors")
    }

    pub(crate) fn session_used_up() -> Self {
        Self::line(421, "4.7.0", "enough for one session, please connect again")
    }

    pub(crate) fn not_smtp() -> Self {
        Self::line(421, "4.7.0", "this is SMTP")
    }

    pub(crate) fn timed_out() -> Self {
        Self::line(421, "4.4.2", "timed out")
    }

    pub(crate) fn cannot_commit() -> Self {
        Self::line(451, "4.3.0", "cannot store the mail now, try again later")
    }

    pub(crate) fn sender_refused() -> Self {
        Self::line(550, "5.7.1", "this service takes no such mail from you; ask its owner")
    }

    pub(crate) fn too_busy() -> Self {
        Self::line(452, "4.3.1", "too much mail at once, try again later")
    }

    pub(crate) fn disk_full() -> Self {
        Self::line(452, "4.3.1", "no room for more mail now, try again later")
    }

    pub(crate) fn too_many_recipients() -> Self {
        Self::line(452, "4.5.3", "too many recipients")
    }

    pub(crate) fn line_too_long() -> Self {
        Self::line(500, "5.5.2", "line too long")
    }

    pub(crate) fn unknown_command() -> Self {
        Self::line(500, "5.5.1", "unknown command")
    }

    pub(crate) fn bad_syntax(what: &str) -> Self {
        Self::line(501, "5.5.4", what)
    }

    pub(crate) fn bad_sender() -> Self {
        Self::line(501, "5.1.7", "not a sender address")
    }

    pub(crate) fn bad_recipient() -> Self {
        Self::line(501, "5.1.3", "not a recipient address")
    }

    pub(crate) fn not_offered() -> Self {
        Self::line(502, "5.5.1", "not offered")
    }

    /// What the client is asked for, in Base64 (RFC 4954 section 4).
    pub(crate) fn challenge(prompt: &str) -> Self {
        Self::line(334, "", prompt)
    }

    pub(crate) fn authenticated() -> Self {
        Self::line(235, "2.7.0", "authenticated")
    }

    pub(crate) fn authentication_busy() -> Self {
        Self::line(454, "4.7.0", "too many passwords to check, try again later")
    }

    pub(crate) fn wrong_password() -> Self {
        Self::line(535, "5.7.8", "no such name and password")
    }

    pub(crate) fn too_many_wrong_passwords() -> Self {
        Self::line(421, "4.7.0", "too many wrong passwords")
    }

    pub(crate) fn cancelled() -> Self {
        Self::line(501, "5.7.0", "cancelled")
    }

    pub(crate) fn not_base64() -> Self {
        Self::line(501, "5.5.2", "not Base64")
    }

    pub(crate) fn not_credentials() -> Self {
        Self::line(501, "5.5.2", "not a name and its password")
    }

    pub(crate) fn authentication_line_too_long() -> Self {
        Self::line(500, "5.5.6", "line too long")
    }

    pub(crate) fn unknown_mechanism() -> Self {
        Self::line(504, "5.5.4", "PLAIN or LOGIN")
    }

    pub(crate) fn encryption_required() -> Self {
        Self::line(538, "5.7.11", "no passwords in plaintext, STARTTLS first")
    }

    pub(crate) fn authentication_required() -> Self {
        Self::line(530, "5.7.0", "AUTH first")
    }

    pub(crate) fn proxy_header_required() -> Self {
        Self::line(421, "4.7.0", "a PROXY header must come first")
    }

    pub(crate) fn tls_required() -> Self {
        Self::line(530, "5.7.0", "STARTTLS first")
    }

    pub(crate) fn certificate_required() -> Self {
        Self::line(421, "4.7.0", "a client certificate is required")
    }

    pub(crate) fn out_of_order(need: &str) -> Self {
        Self::line(503, "5.5.1", need)
    }

    pub(crate) fn unknown_mailbox() -> Self {
        Self::line(550, "5.1.1", "no service has this address")
    }

    pub(crate) fn no_relay() -> Self {
        Self::line(550, "5.7.1", "this domain is not served here")
    }

    pub(crate) fn too_large(size_bytes_max: u64) -> Self {
        Self::line(552, "5.3.4", format!("the mail is larger than {size_bytes_max} bytes"))
    }

    pub(crate) fn no_valid_recipients() -> Self {
        Self::line(554, "5.5.1", "no valid recipients")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wire_form() {
        assert_eq!(Reply::ok().to_wire(), "250 2.0.0 OK\r\n");
        let ehlo = Reply::ehlo("mx", 9, &["STARTTLS"]).to_wire();
        assert!(ehlo.starts_with("250-mx\r\n250-PIPELINING\r\n250-SIZE 9\r\n"));
        assert!(ehlo.ends_with("\r\n250-STARTTLS\r\n250 ENHANCEDSTATUSCODES\r\n"));
        assert!(Reply::cannot_commit().is_temporary() && !Reply::no_relay().is_temporary());
    }
}
