//! One connection: moves bytes between a socket and a [`Session`], and mail from the session to the engine.
//!
//! It knows sockets, time limits and memory, and nothing about commands.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use prometheus_client::metrics::gauge::Gauge;
use tokio::net::TcpStream;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;

use super::listener::{ClientCertificates, Encryption, Listener};
use super::reply::Reply;
use super::server::Door;
use super::session::{Committed, Envelope, Session, Step, Terms};
use super::stream::Stream;
use super::users::Checked;
use super::{Credentials, Mailroom, tls};
use crate::domain::authentication::Authentication;
use crate::domain::client::{Certificate, Client};
use crate::engine::Error;
use crate::engine::intake::Incoming;

/// Read from the socket at a time, and at most this much is ahead of the session.
const READ_BYTES: usize = 8 * 1024;

/// A sender must move this many bytes of mail text in each [`RATE_WINDOW`]: 500 bytes a second.
const WINDOW_BYTES_MIN: usize = 30_000;

/// How often a sender's speed is looked at.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// How long a client may take to read our replies.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long saying the end of TLS may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// Why a connection ends. Only for the log: every one of these frees the permit.
enum End {
    /// The session said so.
    Closed,
    /// The client went away.
    Gone,
    /// We ask it to go.
    Asked(Reply),
}

/// Serves one client.
pub(crate) async fn run<M: Mailroom>(door: &Door<M>, listener: &Listener, stream: TcpStream, address: IpAddr) {
    // Replies are small and waited for; without this the kernel may hold them back.
    let _ = stream.set_nodelay(true);
    let terms = Terms {
        starttls: listener.tls == Encryption::StartTls,
        require_tls: listener.require_tls,
        auth: listener.auth,
        auth_in_plaintext: door.config.auth_plain_from.iter().any(|network| network.contains(address)),
        require_auth: listener.require_auth,
    };
    let mut connection = Connection {
        door,
        listener,
        stream: Stream::Plain(stream),
        client: Client::at(address.to_string()),
        session: Session::new(door.config.session.clone(), terms),
        outgoing: Vec::new(),
        held: Held::new(door),
    };
    let end = tokio::time::timeout(door.config.session_timeout, connection.serve());
    if let End::Asked(reply) = end.await.unwrap_or(End::Asked(Reply::timed_out())) {
        connection.say(&reply);
        let _ = connection.flush().await;
    }
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, connection.stream.close()).await;
}

struct Connection<'a, M> {
    door: &'a Door<M>,
    listener: &'a Listener,
    stream: Stream,
    client: Client,
    session: Session,
    outgoing: Vec<u8>,
    held: Held,
}

/// How fast mail text comes, measured from each DATA on.
struct Pace {
    window: Pin<Box<Sleep>>,
    /// When the whole mail must have come.
    deadline: Pin<Box<Sleep>>,
    mail_timeout: Duration,
    bytes: usize,
    in_data: bool,
}

impl Pace {
    fn new(mail_timeout: Duration) -> Self {
        let (window, deadline) = (tokio::time::sleep(RATE_WINDOW), tokio::time::sleep(mail_timeout));
        Self { window: Box::pin(window), deadline: Box::pin(deadline), mail_timeout, bytes: 0, in_data: false }
    }

    fn follow(&mut self, in_data: bool) {
        if in_data && !self.in_data {
            *self = Self::new(self.mail_timeout);
        }
        self.in_data = in_data;
    }

    /// Looks at the speed anew; the deadline stays.
    fn restart(&mut self) {
        self.window = Box::pin(tokio::time::sleep(RATE_WINDOW));
        self.bytes = 0;
    }
}

/// This connection's share of the memory for mail text; given back when it ends.
struct Held {
    total: Gauge,
    bytes_max: usize,
    bytes: usize,
}

impl<M: Mailroom> Connection<'_, M> {
    async fn serve(&mut self) -> End {
        if self.listener.tls == Encryption::Implicit
            && let Err(end) = self.secure().await
        {
            return end;
        }
        self.say(&self.session.greeting());
        let mut buffer = vec![0; READ_BYTES];
        let mut pace = Pace::new(self.door.config.mail_timeout);
        loop {
            let mailroom = &self.door.mailroom;
            self.session.has_room(!self.door.disk.as_ref().is_some_and(|disk| disk.is_low()));
            let mut step = self.session.next(|recipient| mailroom.accepts(recipient));
            if let Step::Check(credentials) = step {
                step = self.check(credentials).await;
            }
            match step {
                // A check is answered by what to say, never by another.
                Step::Check(_) => {}
                Step::Reply(reply) => self.say(&reply),
                Step::Close(reply) => {
                    self.say(&reply);
                    let _ = self.flush().await;
                    return End::Closed;
                }
                Step::StartTls(reply) => {
                    self.say(&reply);
                    if self.flush().await.is_err() {
                        return End::Gone;
                    }
                    if let Err(end) = self.secure().await {
                        return end;
                    }
                }
                Step::Commit(envelope, raw) => {
                    // What was answered before must not wait for the disk. A client that has left has sent its mail
                    // all the same.
                    let gone = self.flush().await.is_err();
                    let reply = self.commit(envelope, raw).await;
                    if gone {
                        return End::Gone;
                    }
                    pace.follow(false);
                    self.say(&reply);
                }
                Step::Read => {
                    if !self.held.set(self.session.held_bytes()) {
                        self.session.starve();
                        self.held.set(0);
                    }
                    if self.flush().await.is_err() {
                        return End::Gone;
                    }
                    if let Err(end) = self.read(&mut buffer, &mut pace).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Checks a password, and tells the session.
    async fn check(&mut self, credentials: Credentials) -> Step {
        // What was answered before must not wait for it.
        let gone = self.flush().await.is_err();
        let (peer, name) = (self.client.address.clone(), credentials.name.clone());
        let (users, counters, now) = (&self.door.config.users, &self.door.counters, self.door.clock.now());
        let address = peer.parse::<IpAddr>().ok().filter(|address| !self.door.is_listed(*address));
        let checked = if gone {
            Checked::Busy
        } else if address.is_some_and(|address| self.door.guesses.are_too_many(address, now)) {
            counters.auth_put_off.inc();
            users.check_known(&credentials)
        } else {
            users.check(credentials).await
        };
        match checked {
            Checked::Right => {
                counters.auth_succeeded.inc();
                self.client.user = Some(name);
            }
            Checked::Wrong => {
                counters.auth_failed.inc();
                if let Some(address) = address {
                    self.door.guesses.wrong(address, now);
                }
                tracing::warn!(peer, user = name, "a wrong password");
            }
            Checked::Busy => tracing::warn!(peer, "a password was not checked: too many are, or were wrong"),
        }
        self.session.checked(checked)
    }

    /// Encrypts the connection, and tells the session. A handshake that fails leaves nothing to say anything on.
    async fn secure(&mut self) -> Result<(), End> {
        let counters = &self.door.counters;
        let (Some(stream), Some(tls)) = (self.stream.take_plain(), &self.door.tls) else { return Err(End::Gone) };
        let loaded = tls.current();
        let acceptor = TlsAcceptor::from(loaded.config(self.listener.client_certificates));
        let patience = self.door.config.handshake_timeout;
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(patience, acceptor.accept(stream)) => shaken,
            () = self.door.stop.cancelled() => return Err(End::Gone),
        };
        let failure = match shaken {
            Ok(Ok(stream)) => {
                counters.tls_handshakes.inc();
                let connection = stream.get_ref().1;
                let certificate = loaded.client(connection, self.door.clock.now());
                self.client.tls = Some(tls::words(connection));
                self.stream = Stream::Tls(Box::new(stream));
                self.session.secured();
                self.client.user = None;
                return self.identify(certificate);
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        counters.tls_handshakes_failed.inc();
        tracing::warn!(peer = self.client.address, "a TLS handshake failed: {failure}");
        Err(End::Gone)
    }

    /// Notes the certificate the client has shown.
    fn identify(&mut self, shown: Result<Option<Certificate>, rustls::Error>) -> Result<(), End> {
        match shown {
            Ok(certificate) => self.client.certificate = certificate,
            Err(error) => {
                tracing::warn!(peer = self.client.address, "a client's certificate proves nothing: {error}");
            }
        }
        let missing = self.client.certificate.is_none();
        if missing && self.listener.client_certificates == ClientCertificates::Required {
            return Err(End::Asked(Reply::certificate_required()));
        }
        Ok(())
    }

    /// Reads what has come, as long as the client is neither silent nor hopelessly slow.
    async fn read(&mut self, buffer: &mut [u8], pace: &mut Pace) -> Result<(), End> {
        let in_data = self.session.is_in_data();
        pace.follow(in_data);
        let idle = self.door.config.idle_timeout;
        loop {
            let read = tokio::select! {
                biased;
                read = tokio::time::timeout(idle, self.stream.read(buffer)) => read,
                () = self.door.stop.cancelled(), if !in_data => return Err(End::Asked(Reply::shutting_down())),
                () = &mut pace.deadline, if in_data => return Err(End::Asked(Reply::timed_out())),
                () = &mut pace.window, if in_data => {
                    if pace.bytes < WINDOW_BYTES_MIN {
                        return Err(End::Asked(Reply::timed_out()));
                    }
                    pace.restart();
                    continue;
                }
            };
            return match read {
                Ok(Ok(0) | Err(_)) => Err(End::Gone),
                Ok(Ok(count)) => {
                    pace.bytes += count;
                    self.session.push(&buffer[..count]);
                    Ok(())
                }
                Err(_) => Err(End::Asked(Reply::timed_out())),
            };
        }
    }

    /// Hands the mail to the engine. Only its word that the mail is durable makes a 250.
    async fn commit(&mut self, envelope: Envelope, raw: Vec<u8>) -> Reply {
        let incoming = Incoming {
            client: self.client.clone(),
            authentication: Authentication::default(),
            helo: envelope.helo,
            reverse_path: envelope.reverse_path,
            recipients: envelope.recipients,
            raw,
        };
        // The memory goes with the mail: should the client not be able to wait, the mail still waits for the disk.
        let held = std::mem::replace(&mut self.held, Held::new(self.door));
        let (mailroom, authenticator) = (Arc::clone(&self.door.mailroom), Arc::clone(&self.door.authenticator));
        let unknown = self.door.counters.authentication_unknown.clone();
        let receiving = AssertUnwindSafe(async move {
            let wanted = mailroom.wanted(&incoming.recipients);
            let incoming = if wanted.is_anything() { authenticator.examine(incoming, wanted).await } else { incoming };
            if !incoming.authentication.is_known(wanted) {
                unknown.inc();
            }
            let received = mailroom.receive(incoming).await;
            drop(held);
            received
        });
        let mut receiving = Box::pin(receiving.catch_unwind());
        let received = tokio::time::timeout(self.door.config.commit_timeout, &mut receiving).await;
        if received.is_err() {
            // It may still be stored; the sender's next try is then recognised.
            tokio::spawn(receiving);
        }
        let counters = &self.door.counters;
        let (counter, why) = match received {
            Ok(Ok(Ok(receipt))) => {
                counters.mails_accepted.inc();
                return self.session.committed(Committed::Durable(&receipt.mail_id));
            }
            Ok(Ok(Err(Error::Refused(_)))) => {
                counters.mails_refused.inc();
                return self.session.committed(Committed::Refused);
            }
            Ok(Ok(Err(error))) => (&counters.mails_not_committed, error.to_string()),
            Ok(Err(_)) => (&counters.mails_not_committed, "storing it failed inside".to_owned()),
            Err(_) => (&counters.mails_not_committed, "it took too long".to_owned()),
        };
        tracing::error!(peer = self.client.address, "a mail was not stored; its sender was told to try again: {why}");
        counter.inc();
        self.session.committed(Committed::NotNow)
    }

    fn say(&mut self, reply: &Reply) {
        if reply.is_refusal() {
            let counters = &self.door.counters;
            if *reply == Reply::disk_full() {
                counters.disk_low.inc();
            }
            let counter =
                if reply.is_temporary() { &counters.refused_temporarily } else { &counters.refused_permanently };
            counter.inc();
            tracing::info!(peer = self.client.address, code = reply.code, "refused a client with {}", reply.code);
        }
        self.outgoing.extend_from_slice(reply.to_wire().as_bytes());
    }

    async fn flush(&mut self) -> std::io::Result<()> {
        if self.outgoing.is_empty() {
            return Ok(());
        }
        // Taken first: what was written in part is never written again.
        let outgoing = std::mem::take(&mut self.outgoing);
        let writing = tokio::time::timeout(WRITE_TIMEOUT, self.stream.write(&outgoing));
        writing.await.map_err(|_| std::io::ErrorKind::TimedOut)?
    }
}

impl Held {
    fn new<M>(door: &Door<M>) -> Self {
        Self { total: door.counters.held_bytes.clone(), bytes_max: door.config.held_bytes_max, bytes: 0 }
    }

    /// Takes or gives back memory so that `bytes` are held; `false` when there is not so much.
    fn set(&mut self, bytes: usize) -> bool {
        let total = &self.total;
        let signed = |bytes: usize| i64::try_from(bytes).unwrap_or(i64::MAX);
        if bytes > self.bytes {
            let more = signed(bytes - self.bytes);
            // The gauge returns what it held before.
            if total.inc_by(more) + more > signed(self.bytes_max) {
                total.dec_by(more);
                return false;
            }
        } else {
            total.dec_by(signed(self.bytes - bytes));
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}
