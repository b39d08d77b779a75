//! The SMTP session: what to answer, decided from what was received and nothing else.
//!
//! No socket, clock or database. The connection pushes bytes in and executes the [`Step`]s that come out; so
//! every dialogue can be tested as text, whole and cut anywhere.

use std::sync::Arc;

use super::auth::{self, Credentials, Exchange};
use super::command::{self, Command, SyntaxError};
use super::data::DataReader;
use super::line::{Line, LineReader};
use super::reply::Reply;
use super::users::Checked;

/// Wrong passwords before a session is closed.
const WRONG_PASSWORDS_MAX: u32 = 3;

/// Bounds on one session.
#[derive(Debug, Clone)]
pub struct Limits {
    /// What we call ourselves.
    pub hostname: String,
    /// Largest mail, in bytes (RFC 1870).
    pub size_bytes_max: u64,
    /// Recipients of one mail; RFC 5321 section 4.5.3.1.8 asks for at least 100.
    pub recipients_max: usize,
    /// Longest command line, in bytes.
    pub command_bytes_max: usize,
    /// Refused commands before the session is closed.
    pub errors_max: u32,
    /// Commands between two mails that bring none forward (NOOP, RSET, VRFY, HELP, HELO, a recipient named
    /// again) before it is closed.
    pub idle_commands_max: u32,
    /// Mails in one session.
    pub mails_max: u32,
}

/// What a client is offered and what is demanded of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terms {
    /// STARTTLS is offered, until the connection is encrypted.
    pub starttls: bool,
    /// Mail is only taken over an encrypted connection.
    pub require_tls: bool,
    /// AUTH is offered, once the connection is encrypted.
    pub auth: bool,
    /// And before.
    pub auth_in_plaintext: bool,
    /// Mail is only taken from who has said who it is.
    pub require_auth: bool,
}

/// What a recipient is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// A service owns it.
    Accepted,
    /// Our domain, no service.
    UnknownMailbox,
    /// Not our domain.
    ForeignDomain,
}

/// Who sent a mail to whom, as the session said it (RFC 5321 section 2.3.1).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Envelope {
    /// The name given with HELO or EHLO.
    pub helo: String,
    /// The reverse path; empty is the null sender.
    pub reverse_path: String,
    /// The accepted recipients, in order.
    pub recipients: Vec<String>,
}

/// What the connection must do next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Read more bytes and push them; flush what was said before.
    Read,
    /// Say this.
    Reply(Reply),
    /// Say this and close.
    Close(Reply),
    /// Say this, encrypt the connection and report with [`Session::secured`]. Until then nothing is read.
    StartTls(Reply),
    /// Check this password and report with [`Session::checked`]. Until then nothing behind it is looked at.
    Check(Credentials),
    /// Commit this mail and report with [`Session::committed`]. Until then nothing behind it is looked at (I7).
    Commit(Envelope, Vec<u8>),
}

/// Protocol state of one connection.
#[derive(Debug)]
pub struct Session {
    limits: Arc<Limits>,
    terms: Terms,
    secure: bool,
    user: Option<String>,
    wrong_passwords: u32,
    input: LineReader,
    phase: Phase,
    envelope: Envelope,
    errors: u32,
    idle_commands: u32,
    mails: u32,
    room: bool,
}

#[derive(Debug)]
enum Phase {
    /// Between mails.
    Ready,
    /// MAIL was accepted.
    Mail,
    /// Between 354 and the final dot.
    Data(DataReader),
    /// Between the reply to STARTTLS and the end of the handshake.
    Securing,
    /// Within AUTH; the next line goes there.
    Auth(Exchange),
    /// The password of this name is being checked.
    Checking(String),
    /// A mail is being committed.
    Committing,
    /// Over.
    Closed,
}

/// What came of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed<'a> {
    /// It is durable, under this id.
    Durable(&'a str),
    /// It is not, for now.
    NotNow,
    /// Its sender may not say such things here.
    Refused,
}

impl Session {
    /// A fresh session on a connection in plaintext.
    pub fn new(limits: Arc<Limits>, terms: Terms) -> Self {
        let (input, phase, envelope) = (LineReader::default(), Phase::Ready, Envelope::default());
        Self {
            limits,
            terms,
            secure: false,
            user: None,
            wrong_passwords: 0,
            input,
            phase,
            envelope,
            errors: 0,
            idle_commands: 0,
            mails: 0,
            room: true,
        }
    }

    /// The connection is encrypted now: everything the client said before is forgotten (RFC 3207 section 4.2), but
    /// not how often it was refused.
    pub fn secured(&mut self) {
        self.secure = true;
        self.phase = Phase::Ready;
        self.input = LineReader::default();
        self.envelope = Envelope::default();
        self.user = None;
    }

    /// Who the client has proved to be.
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// Reports the check that [`Step::Check`] asked for.
    pub fn checked(&mut self, checked: Checked) -> Step {
        let Phase::Checking(name) = std::mem::replace(&mut self.phase, Phase::Ready) else { return Step::Read };
        match checked {
            Checked::Right => {
                self.user = Some(name);
                Step::Reply(Reply::authenticated())
            }
            Checked::Busy => Step::Reply(Reply::authentication_busy()),
            Checked::Wrong => {
                self.wrong_passwords += 1;
                if self.wrong_passwords >= WRONG_PASSWORDS_MAX {
                    return self.close(Reply::too_many_wrong_passwords());
                }
                self.refuse(Reply::wrong_password())
            }
        }
    }

    /// The first line.
    pub fn greeting(&self) -> Reply {
        Reply::greeting(&self.limits.hostname)
    }

    /// Adds received bytes. What comes in plaintext behind STARTTLS was put there by somebody in between, and is
    /// dropped (CVE-2011-0411).
    pub fn push(&mut self, bytes: &[u8]) {
        if !matches!(self.phase, Phase::Securing) {
            self.input.push(bytes);
        }
    }

    /// Whether there is room to store more mail. What has begun by then may still end.
    pub fn has_room(&mut self, room: bool) {
        self.room = room;
    }

    /// Between 354 and the final dot: a shutdown lets the sender finish.
    pub fn is_in_data(&self) -> bool {
        matches!(self.phase, Phase::Data(_))
    }

    /// Bytes of mail text held in memory.
    pub fn held_bytes(&self) -> usize {
        match &self.phase {
            Phase::Data(reader) => reader.held(),
            _ => 0,
        }
    }

    /// The machine is out of memory for mail: read this one to its end, keep nothing, answer 452.
    pub fn starve(&mut self) {
        if let Phase::Data(reader) = &mut self.phase {
            reader.discard();
            self.envelope.recipients.clear();
        }
    }

    /// Reports the commit that [`Step::Commit`] asked for.
    pub fn committed(&mut self, came_of_it: Committed<'_>) -> Reply {
        self.reset();
        self.idle_commands = 0;
        self.mails += 1;
        match came_of_it {
            Committed::Durable(mail_id) => Reply::accepted(mail_id),
            Committed::NotNow => Reply::cannot_commit(),
            Committed::Refused => Reply::sender_refused(),
        }
    }

    /// Decides the next step. `accepts` is asked once per recipient and must answer from memory.
    pub fn next(&mut self, accepts: impl Fn(&str) -> Acceptance) -> Step {
        match &mut self.phase {
            Phase::Committing | Phase::Securing | Phase::Checking(_) | Phase::Closed => Step::Read,
            Phase::Data(_) => self.read_data(),
            Phase::Auth(_) => self.read_auth(),
            Phase::Ready | Phase::Mail => match self.input.next_line(self.limits.command_bytes_max) {
                Line::Partial => Step::Read,
                Line::TooLong => self.refuse(Reply::line_too_long()),
                Line::Complete(line) => self.command(&line, accepts),
            },
        }
    }

    fn read_auth(&mut self) -> Step {
        let line = match self.input.next_line(auth::LINE_BYTES_MAX.max(self.limits.command_bytes_max)) {
            Line::Partial => return Step::Read,
            Line::TooLong => None,
            Line::Complete(line) => Some(line),
        };
        let Phase::Auth(exchange) = std::mem::replace(&mut self.phase, Phase::Ready) else { return Step::Read };
        match line {
            Some(line) => self.auth_goes_on(exchange.read(&line)),
            None => self.refuse(Reply::authentication_line_too_long()),
        }
    }

    fn auth_goes_on(&mut self, turn: auth::Turn) -> Step {
        match turn {
            auth::Turn::Ask(exchange, reply) => {
                self.phase = Phase::Auth(exchange);
                Step::Reply(reply)
            }
            auth::Turn::Check(credentials) => {
                self.phase = Phase::Checking(credentials.name.clone());
                Step::Check(credentials)
            }
            auth::Turn::Refuse(reply) => self.refuse(reply),
        }
    }

    fn read_data(&mut self) -> Step {
        let Phase::Data(reader) = &mut self.phase else { return Step::Read };
        let progress = reader.read(self.input.rest());
        self.input.consume(progress.consumed);
        if !progress.ended {
            return Step::Read;
        }
        let Phase::Data(reader) = std::mem::replace(&mut self.phase, Phase::Committing) else { return Step::Read };
        if self.envelope.recipients.is_empty() {
            self.reset();
            return Step::Reply(Reply::too_busy());
        }
        if reader.is_too_large() {
            self.reset();
            return self.refuse(Reply::too_large(self.limits.size_bytes_max));
        }
        Step::Commit(self.envelope.clone(), reader.into_body())
    }

    fn command(&mut self, line: &[u8], accepts: impl Fn(&str) -> Acceptance) -> Step {
        let command = match command::parse(line) {
            Ok(command) => command,
            Err(SyntaxError::Unknown) => return self.refuse(Reply::unknown_command()),
            Err(SyntaxError::Malformed(what)) => return self.refuse(Reply::bad_syntax(what)),
            Err(SyntaxError::BadSender) => return self.refuse(Reply::bad_sender()),
            Err(SyntaxError::BadRecipient) => return self.refuse(Reply::bad_recipient()),
        };
        match command {
            Command::Helo(name) => {
                self.hello(name);
                self.idle(Reply::helo(&self.limits.hostname))
            }
            Command::Ehlo(name) => {
                self.hello(name);
                let offered = self.offered_now();
                self.idle(Reply::ehlo(&self.limits.hostname, self.limits.size_bytes_max, &offered))
            }
            Command::Mail { address, size_bytes, unknown } => self.mail(address, size_bytes, &unknown),
            Command::Rcpt(address) => self.rcpt(address, accepts),
            Command::Data => self.data(),
            Command::Bdat => self.close(Reply::not_offered()),
            Command::Rset => {
                self.reset();
                self.idle(Reply::ok())
            }
            Command::Noop => self.idle(Reply::ok()),
            Command::Vrfy => self.idle(Reply::cannot_verify()),
            Command::Help => self.idle(Reply::help()),
            Command::StartTls => self.start_tls(),
            Command::Auth { mechanism, initial } => self.auth(&mechanism, &initial),
            Command::NotOffered => self.refuse(Reply::not_offered()),
            Command::Http => self.close(Reply::not_smtp()),
            Command::Quit => self.close(Reply::bye()),
        }
    }

    fn hello(&mut self, name: String) {
        self.reset();
        self.envelope.helo = name;
    }

    fn offered_now(&self) -> Vec<&'static str> {
        let starttls = self.terms.starttls && !self.secure;
        let auth = self.terms.auth && (self.secure || self.terms.auth_in_plaintext) && self.user.is_none();
        [(starttls, "STARTTLS"), (auth, "AUTH PLAIN LOGIN")]
            .into_iter()
            .filter_map(|(offered, extension)| offered.then_some(extension))
            .collect()
    }

    fn auth(&mut self, mechanism: &str, initial: &[u8]) -> Step {
        if !self.terms.auth {
            return self.refuse(Reply::not_offered());
        }
        if !self.secure && !self.terms.auth_in_plaintext {
            return self.refuse(Reply::encryption_required());
        }
        if self.user.is_some() || matches!(self.phase, Phase::Mail) {
            return self.refuse(Reply::out_of_order("AUTH once, and not within a mail"));
        }
        self.auth_goes_on(auth::begin(mechanism, initial))
    }

    fn start_tls(&mut self) -> Step {
        if !self.terms.starttls {
            return self.refuse(Reply::not_offered());
        }
        if self.secure {
            return self.refuse(Reply::out_of_order("TLS is there already"));
        }
        if matches!(self.phase, Phase::Mail) {
            return self.refuse(Reply::out_of_order("not within a mail; RSET starts over"));
        }
        self.phase = Phase::Securing;
        self.input = LineReader::default();
        Step::StartTls(Reply::start_tls())
    }

    fn mail(&mut self, address: String, size_bytes: Option<u64>, unknown: &[String]) -> Step {
        if matches!(self.phase, Phase::Mail) {
            return self.refuse(Reply::out_of_order("one mail at a time; RSET starts over"));
        }
        if self.terms.require_tls && !self.secure {
            return self.refuse(Reply::tls_required());
        }
        if self.terms.require_auth && self.user.is_none() {
            return self.refuse(Reply::authentication_required());
        }
        if self.mails >= self.limits.mails_max {
            return self.close(Reply::session_used_up());
        }
        if size_bytes.is_some_and(|size| size > self.limits.size_bytes_max) {
            return self.refuse(Reply::too_large(self.limits.size_bytes_max));
        }
        if !self.room {
            // No error of the client's, but it must not ask for ever.
            return self.idle(Reply::disk_full());
        }
        if !unknown.is_empty() {
            tracing::debug!(?unknown, "MAIL with parameters nobody knows; accepted");
        }
        self.phase = Phase::Mail;
        self.envelope.reverse_path = address;
        Step::Reply(Reply::sender_ok())
    }

    fn rcpt(&mut self, address: String, accepts: impl Fn(&str) -> Acceptance) -> Step {
        if !matches!(self.phase, Phase::Mail) {
            return self.refuse(Reply::out_of_order("MAIL first"));
        }
        if self.envelope.recipients.len() >= self.limits.recipients_max {
            // No error of the client's: it sends the mail to the others and comes back (RFC 5321 section 4.5.3.1.10).
            return Step::Reply(Reply::too_many_recipients());
        }
        match accepts(&address) {
            Acceptance::Accepted
                if self.envelope.recipients.iter().any(|known| known.eq_ignore_ascii_case(&address)) =>
            {
                self.idle(Reply::recipient_ok())
            }
            Acceptance::Accepted => {
                self.envelope.recipients.push(address);
                Step::Reply(Reply::recipient_ok())
            }
            Acceptance::UnknownMailbox => self.refuse(Reply::unknown_mailbox()),
            Acceptance::ForeignDomain => self.refuse(Reply::no_relay()),
        }
    }

    fn data(&mut self) -> Step {
        match self.phase {
            Phase::Mail if self.envelope.recipients.is_empty() => {
                // What follows may be the text of this mail; no line of it may go on with the transaction.
                self.reset();
                self.refuse(Reply::no_valid_recipients())
            }
            Phase::Mail => {
                self.phase = Phase::Data(DataReader::new(self.limits.size_bytes_max));
                Step::Reply(Reply::start_mail())
            }
            _ => self.refuse(Reply::out_of_order("MAIL and RCPT first")),
        }
    }

    fn reset(&mut self) {
        self.phase = Phase::Ready;
        self.envelope.reverse_path.clear();
        self.envelope.recipients.clear();
    }

    /// Counts a refusal. Too many close the session: what floods errors is no monitor.
    fn refuse(&mut self, reply: Reply) -> Step {
        self.errors += 1;
        if self.errors >= self.limits.errors_max {
            return self.close(Reply::too_many_errors());
        }
        Step::Reply(reply)
    }

    fn idle(&mut self, reply: Reply) -> Step {
        self.idle_commands += 1;
        if self.idle_commands > self.limits.idle_commands_max {
            return self.close(Reply::too_many_errors());
        }
        Step::Reply(reply)
    }

    fn close(&mut self, reply: Reply) -> Step {
        self.phase = Phase::Closed;
        Step::Close(reply)
    }
}
